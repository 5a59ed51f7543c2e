// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What remembering costs per inferred frame on one core, for the embedded model's maps and for
//! large ones: `cargo bench --bench temporal`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gstdptdepth::frame::MapRef;
use gstdptdepth::spec::Size;
use gstdptdepth::temporal::{Flicker, RangeMode, RangeTracker, SceneCut, Stabiliser, change};

const LUMA: Size = Size::new(108, 192);
const MAPS: [Size; 2] = [Size::new(256, 256), Size::new(518, 686)];

/// A texture with grain, moved to the right.
fn luma(frame: usize, moved: f32) -> Vec<u8> {
    (0..LUMA.area())
        .map(|at| {
            let (row, column) = ((at / 192) as f32, (at % 192) as f32 - moved);
            let grain = (at + 7919 * frame).wrapping_mul(2_654_435_761) >> 7 & 7;
            let waves = (0.21 * column + 0.1 * row).sin() + (0.07 * column - 0.3 * row).sin();
            (100.0 + 40.0 * waves) as u8 + grain as u8
        })
        .collect()
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("temporal");
    for size in MAPS {
        let maps: Vec<Vec<f32>> = (0..4)
            .map(|frame| {
                let value =
                    |at: usize| (at / size.width as usize) as f32 + (at * frame % 13) as f32;
                (0..size.area()).map(value).collect()
            })
            .collect();
        for (name, speed) in [("still", 0.0), ("pan", 2.0)] {
            let pictures: Vec<_> = (0..4).map(|at| luma(at, speed * at as f32)).collect();
            let mut stabiliser = Stabiliser::new();
            let mut map = maps[0].clone();
            let mut frame = 0;
            group.bench_function(
                BenchmarkId::new(format!("stabiliser-{name}"), size),
                |bencher| {
                    bencher.iter(|| {
                        frame = (frame + 1) % 4;
                        map.copy_from_slice(&maps[frame]);
                        stabiliser.update(&mut map, size, &pictures[frame], LUMA, 0.8, true)
                    });
                },
            );
        }
        let mut range = RangeTracker::new(RangeMode::Smooth);
        let map = MapRef::new(&maps[0], size).expect("one value a pixel");
        group.bench_function(BenchmarkId::new("range", size), |bencher| {
            bencher.iter(|| range.update(black_box(&map), true));
        });
        let (mut flicker, picture) = (Flicker::new(), luma(0, 0.0));
        let codes = vec![7; size.area()];
        group.bench_function(BenchmarkId::new("flicker", size), |bencher| {
            bencher.iter(|| flicker.update(black_box(&codes), size, &picture, LUMA));
        });
    }
    let (a, b) = (luma(0, 0.0), luma(1, 0.0));
    let mut cut = SceneCut::new(SceneCut::THRESHOLD);
    group.bench_function("cut", |bencher| {
        bencher.iter(|| cut.update(black_box(&a), LUMA))
    });
    group.bench_function("change", |bencher| {
        bencher.iter(|| change(black_box(&a), black_box(&b), LUMA));
    });
}

criterion_group!(temporal, benches);
criterion_main!(temporal);
