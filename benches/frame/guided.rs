// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Maps to the frame's size, and drawn from there.

use super::maps::{FRAME, as_frame, codes, picture};
use criterion::Criterion;
use gstdptdepth::frame::{
    Colormap, Fit, Format, Layout, Map, MapWriter, Upsampler, Upsampling, fit,
};
use gstdptdepth::spec::{ResizePolicy, Size};
use std::hint::black_box;

pub(crate) fn benches(c: &mut Criterion) {
    for map in [Size::new(256, 256), Size::new(384, 672)] {
        let fit = fit(FRAME, (1, 1), ResizePolicy::Squash, map, 1);
        let codes = codes(map);
        for (how, format) in [
            (Upsampling::Bilinear, Format::Nv12),
            (Upsampling::Guided, Format::Gray8),
            (Upsampling::Guided, Format::Nv12),
            (Upsampling::Guided, Format::Rgb),
        ] {
            let layout = Layout::full_range(format, FRAME);
            let mut upsampler = Upsampler::new(map, &fit, &layout, how).expect("sizes agree");
            let mut planes = picture(layout);
            let frame = as_frame(layout, &mut planes);
            c.bench_function(&format!("upsample {map} {how:?} by {format:?}"), |b| {
                b.iter(|| {
                    let map = Map::Depth(black_box(&codes));
                    let codes = upsampler.run(map, &frame.as_ref());
                    black_box(codes.expect("layouts agree").len())
                });
            });
        }
    }
    let codes = codes(FRAME);
    let lut = Colormap::Inferno.lut();
    for format in [Format::Nv12, Format::Rgb] {
        let layout = Layout::full_range(format, FRAME);
        let mut writer =
            MapWriter::new(FRAME, &Fit::identity(FRAME), &layout).expect("sizes agree");
        let mut planes = picture(layout);
        c.bench_function(&format!("overlay of a frame-size map on {format:?}"), |b| {
            b.iter(|| {
                let mut out = as_frame(layout, &mut planes);
                writer
                    .blend(Map::Depth(black_box(&codes)), &lut, 0.5, &mut out)
                    .expect("layouts agree");
            });
        });
    }
}
