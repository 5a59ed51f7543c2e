// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Maps into pictures: a 384x672 map onto 1080p.

use criterion::Criterion;
use gstdptdepth::frame::{
    Colormap, Format, FrameMut, LabelStyle, Layout, Map, MapWriter, PlaneMut, fit,
};
use gstdptdepth::spec::{ResizePolicy, Size};
use std::hint::black_box;

pub(crate) const FRAME: Size = Size::new(1080, 1920);
const MAP: Size = Size::new(384, 672);

/// A slope with steps: neither flat nor noise.
pub(crate) fn codes(size: Size) -> Vec<u16> {
    (0..size.area())
        .map(|at| ((at * 97) ^ (at / 31 * 4099)) as u16)
        .collect()
}

pub(crate) fn picture(layout: Layout) -> Vec<(Vec<u8>, usize)> {
    (0..layout.format.planes())
        .map(|plane| {
            let stride = layout.format.row_bytes(plane, layout.size.width);
            let rows = layout.format.plane_rows(plane, layout.size.height);
            (vec![100; stride * rows], stride)
        })
        .collect()
}

pub(crate) fn as_frame(layout: Layout, planes: &mut [(Vec<u8>, usize)]) -> FrameMut<'_> {
    let planes = planes.iter_mut().map(|(data, stride)| PlaneMut {
        data,
        stride: *stride,
    });
    FrameMut::new(layout, planes).expect("planes are as large as the layout says")
}

pub(crate) fn benches(c: &mut Criterion) {
    let fit = fit(FRAME, (1, 1), ResizePolicy::Minimal, MAP, 32);
    let codes = codes(MAP);
    let lut = Colormap::Inferno.lut();
    for format in [Format::Gray8, Format::Gray16, Format::Rgb] {
        let layout = Layout::full_range(format, FRAME);
        let mut writer = MapWriter::new(MAP, &fit, &layout).expect("sizes agree");
        let mut planes = picture(layout);
        c.bench_function(&format!("map to {format:?}"), |b| {
            b.iter(|| {
                let mut out = as_frame(layout, &mut planes);
                writer
                    .write(Map::Depth(black_box(&codes)), &lut, &mut out)
                    .expect("layouts agree");
            });
        });
    }
    for format in [Format::Nv12, Format::Rgb] {
        let layout = Layout::full_range(format, FRAME);
        let mut writer = MapWriter::new(MAP, &fit, &layout).expect("sizes agree");
        let mut planes = picture(layout);
        c.bench_function(&format!("overlay on {format:?}"), |b| {
            b.iter(|| {
                let mut out = as_frame(layout, &mut planes);
                writer
                    .blend(Map::Depth(black_box(&codes)), &lut, 0.5, &mut out)
                    .expect("layouts agree");
            });
        });
    }
    let blocks = |at: usize| (at / MAP.width as usize / 20 + at % MAP.width as usize / 20) as u8;
    let labels: Vec<u8> = (0..MAP.area()).map(blocks).collect();
    for (format, outline) in [(Format::Nv12, 0), (Format::Nv12, 2), (Format::Rgb, 2)] {
        let layout = Layout::full_range(format, FRAME);
        let mut writer = MapWriter::new(MAP, &fit, &layout).expect("sizes agree");
        writer.set_label_style(LabelStyle {
            hidden: None,
            outline,
        });
        let mut planes = picture(layout);
        c.bench_function(&format!("labels on {format:?}, outline {outline}"), |b| {
            b.iter(|| {
                let mut out = as_frame(layout, &mut planes);
                writer
                    .blend(Map::Labels(black_box(&labels)), &lut, 0.5, &mut out)
                    .expect("layouts agree");
            });
        });
    }
}
