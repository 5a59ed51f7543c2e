// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What is measured on a map of 384x384 of a 1080p frame.

use criterion::Criterion;
use gstdptdepth::frame::{MapRef, Rect, ValueRange};
use gstdptdepth::measure::{Coverage, Reading, Sampler, Zones, on_map, parse_zones};
use gstdptdepth::spec::{OutputMeaning, Size};
use std::hint::black_box;

const MAP: Size = Size::new(384, 384);
const FRAME: Size = Size::new(1080, 1920);

pub(super) fn benches(criterion: &mut Criterion) {
    // Depth of a floor with noise; classes in patches of about 24 pixels.
    let noise = |at: usize| (at as u32).wrapping_mul(2_654_435_761) >> 22;
    let depth: Vec<f32> = (0..MAP.area())
        .map(|at| (at / 384) as f32 + noise(at) as f32 / 64.0)
        .collect();
    let labels: Vec<u8> = (0..MAP.area())
        .map(|at| (at % 384 / 24 + at / 384 / 24 * 16) as u8 % 150)
        .collect();
    let map = MapRef::new(&depth, MAP).expect("one value a pixel");
    let range = ValueRange {
        near: 384.0,
        far: 0.0,
    };
    let reading = Reading::new(OutputMeaning::InverseRelative, range);
    let mut group = criterion.benchmark_group("measure");

    let mut coverage = Coverage::default();
    group.bench_function("coverage", |bencher| {
        bencher.iter(|| {
            coverage
                .measure(black_box(&labels).chunks(384), FRAME)
                .len()
        });
    });
    let keep = std::array::from_fn(|class| class % 3 == 0);
    let mut kept = labels.clone();
    group.bench_function("classes", |bencher| {
        bencher.iter(|| gstdptdepth::frame::keep_classes(black_box(&mut kept), &keep));
    });
    let mut sampler = Sampler::default();
    group.bench_function("objects-10", |bencher| {
        bencher.iter(|| {
            for at in 0..10 {
                let rect = Rect {
                    x: 150 * at,
                    y: 80 * at,
                    width: 200,
                    height: 400,
                };
                let rect = on_map(rect, FRAME, MAP).expect("inside");
                black_box(sampler.of_rect(black_box(&map), rect, &reading));
            }
        });
    });
    let text = "a: 0.1,0.1 0.9,0.1 0.9,0.9 0.1,0.9 far=0.6; b: 0.2,0.2 0.8,0.3 0.3,0.8 far=0.5; \
                c: 0,0.5 0.5,0.5 0.5,1 0,1 far=0.7; d: 0.6,0 1,0 1,0.4 far=0.2";
    let mut zones = Zones::new(parse_zones(text, false).expect("four zones"));
    group.bench_function("zones-4", |bencher| {
        bencher.iter(|| {
            zones
                .update(black_box(&map), &reading, Some(0), &mut sampler)
                .len()
        });
    });
    group.finish();
}
