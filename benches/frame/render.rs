// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Pictures by depth: stereo, cut-out and background blur of NV12 at 1080p.

use criterion::Criterion;
use gstdptdepth::frame::{
    BlurWriter, ChromaSite, ColorRange, Format, Layout, Matrix, MatteWriter, Stereo, StereoLayout,
    StereoWriter, window_alpha,
};
use std::hint::black_box;

use super::maps::{FRAME, as_frame, picture};

/// Slopes, and a near square in every tile of 240 pixels.
fn nearness() -> Vec<u16> {
    let (width, height) = (FRAME.width as usize, FRAME.height as usize);
    let code = |at: usize| {
        let (x, y) = (at % width, at / width);
        let near = (60..180).contains(&(x % 240)) && (60..180).contains(&(y % 240));
        (y * 20_000 / height + x * 10_000 / width + if near { 30_000 } else { 0 }) as u16
    };
    (0..FRAME.area()).map(code).collect()
}

pub(crate) fn benches(c: &mut Criterion) {
    let layout = Layout {
        format: Format::Nv12,
        size: FRAME,
        matrix: Matrix::Bt709,
        range: ColorRange::Limited,
        site: ChromaSite::MPEG2,
    };
    let mut planes = picture(layout);
    for (at, byte) in planes[0].0.iter_mut().enumerate() {
        *byte = ((at * 97) >> 3) as u8;
    }
    let frame = as_frame(layout, &mut planes);
    let nearness = nearness();
    let mut writer = StereoWriter::new(&layout);
    let how = Stereo::default();
    for arrangement in [
        StereoLayout::SideBySide,
        StereoLayout::SideBySideHalf,
        StereoLayout::TopBottom,
    ] {
        let target = Layout::full_range(Format::Rgb, arrangement.size(FRAME));
        let mut planes = picture(target);
        c.bench_function(&format!("stereo {arrangement:?}"), |b| {
            b.iter(|| {
                let mut out = as_frame(target, &mut planes);
                let nearness = black_box(&nearness);
                writer
                    .write(&frame.as_ref(), nearness, &how, arrangement, &mut out)
                    .expect("layouts agree");
            });
        });
    }
    let target = Layout::full_range(Format::Rgb, FRAME);
    let mut planes = picture(target);
    c.bench_function("anaglyph", |b| {
        b.iter(|| {
            let mut out = as_frame(target, &mut planes);
            writer
                .write_anaglyph(&frame.as_ref(), black_box(&nearness), &how, &mut out)
                .expect("layouts agree");
        });
    });
    let mut alpha = vec![0; FRAME.area()];
    c.bench_function("alpha of a window", |b| {
        b.iter(|| {
            window_alpha(black_box(&nearness), 65_535, 30_000, 4000, &mut alpha)
                .expect("as many codes as alphas");
        });
    });
    let mut blur = BlurWriter::new(&layout);
    for radius in [4.0, 16.0] {
        c.bench_function(&format!("blur of {radius} pixels"), |b| {
            b.iter(|| {
                let mut out = as_frame(target, &mut planes);
                blur.write(&frame.as_ref(), black_box(&alpha), radius, &mut out)
                    .expect("layouts agree");
            });
        });
    }
    let target = Layout::full_range(Format::Rgba, FRAME);
    let mut planes = picture(target);
    let mut matte = MatteWriter::new(&layout);
    c.bench_function("matte to Rgba", |b| {
        b.iter(|| {
            let mut out = as_frame(target, &mut planes);
            matte
                .write(&frame.as_ref(), black_box(&alpha), &mut out)
                .expect("layouts agree");
        });
    });
}
