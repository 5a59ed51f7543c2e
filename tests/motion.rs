// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Maps that move with the picture. Pictures are sums of waves, which can be drawn at any fraction
//! of a pixel, and maps hold their own coordinates, so that errors are in pixels.

use gstdptdepth::spec::Size;
use gstdptdepth::temporal::Motion;

use crate::frame::allocations::allocations;

const THUMBNAIL: Size = Size::new(108, 192);
const MAP: Size = Size::new(256, 256);

/// A texture at a place.
fn texture(x: f64, y: f64) -> f64 {
    let waves = [
        (0.31, 0.17, 0.3, 22.0),
        (-0.13, 0.41, 1.9, 20.0),
        (0.07, -0.05, 4.0, 28.0),
        (0.52, 0.49, 2.2, 12.0),
        (0.029, 0.061, 5.1, 25.0),
    ];
    128.0
        + waves
            .iter()
            .map(|(across, down, phase, height)| height * (across * x + down * y + phase).sin())
            .sum::<f64>()
}

/// The picture in which pixel (x, y) shows what `at` says.
fn picture(size: Size, mut at: impl FnMut(f64, f64) -> f64) -> Vec<u8> {
    let width = size.width as usize;
    (0..size.area())
        .map(|index| at((index % width) as f64, (index / width) as f64))
        .map(|value| value.round().clamp(0.0, 255.0) as u8)
        .collect()
}

/// A map of each sample's own column or row.
fn coordinates(column: bool) -> Vec<f32> {
    let width = MAP.width as usize;
    let coordinate = |index| if column { index % width } else { index / width };
    (0..MAP.area())
        .map(|index| coordinate(index) as f32)
        .collect()
}

/// The mean and largest distance, in pixels of the thumbnail, between where samples came from and
/// where `source` says, away from the edges.
fn distance(motion: &mut Motion, source: impl Fn(f64, f64) -> [f64; 2]) -> (f64, f64) {
    let mut moved = [Vec::new(), Vec::new()];
    for (column, out) in [true, false].into_iter().zip(&mut moved) {
        motion.depth(&coordinates(column), true, out);
    }
    let scale = [
        f64::from(MAP.width) / f64::from(THUMBNAIL.width),
        f64::from(MAP.height) / f64::from(THUMBNAIL.height),
    ];
    let (mut sum, mut most, mut count) = (0.0, 0.0f64, 0);
    for y in 48..MAP.height as usize - 48 {
        for x in 48..MAP.width as usize - 48 {
            let place = |at: usize, scale: f64| (at as f64 + 0.5) / scale - 0.5;
            let from = source(place(x, scale[0]), place(y, scale[1]));
            let index = y * MAP.width as usize + x;
            let off: [f64; 2] = std::array::from_fn(|axis| {
                (f64::from(moved[axis][index]) + 0.5) / scale[axis] - 0.5 - from[axis]
            });
            let off = off[0].hypot(off[1]);
            sum += off;
            most = most.max(off);
            count += 1;
        }
    }
    (sum / f64::from(count), most)
}

fn noise(state: &mut u64) -> f64 {
    let mut uniform = || {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as f64 / f64::from(1 << 24)
    };
    // Irwin-Hall: the variance of twelve is one.
    (0..12).map(|_| uniform()).sum::<f64>() - 6.0
}

#[test]
fn a_shift_moves_the_map_by_as_much() {
    for [across, down] in [
        [0.3, -0.7],
        [-1.5, 0.25],
        [2.4, 1.1],
        [5.6, -3.2],
        [-11.0, 4.5],
    ] {
        let shifted = |step: f64| {
            picture(THUMBNAIL, |x, y| {
                texture(x - across * step, y - down * step)
            })
        };
        let mut motion = Motion::new(THUMBNAIL, MAP);
        motion.keyframe(&shifted(0.0));
        for step in 1..=3 {
            motion.step(&shifted(f64::from(step)));
            let total = f64::from(step);
            let (mean, most) = distance(&mut motion, |x, y| [x - across * total, y - down * total]);
            // The wave of half a pixel's length is as fine as bilinear interpolation can do.
            assert!(
                mean < 0.05 * total && most < 0.2 * total,
                "{across} {down} step {step}: {mean} {most}"
            );
        }
    }
}

#[test]
fn rotation_and_zoom_are_followed() {
    let (turn, zoom) = (1.5f64.to_radians(), 1.02f64);
    let source = |x: f64, y: f64, step: i32| {
        let (x, y) = (x - 95.5, y - 53.5);
        let (sin, cos) = (turn * f64::from(step)).sin_cos();
        let scale = zoom.powi(-step);
        [
            95.5 + scale * (cos * x + sin * y),
            53.5 + scale * (cos * y - sin * x),
        ]
    };
    let shown = |step: i32| {
        picture(THUMBNAIL, |x, y| {
            let [x, y] = source(x, y, step);
            texture(x, y)
        })
    };
    let mut motion = Motion::new(THUMBNAIL, MAP);
    motion.keyframe(&shown(0));
    for step in 1..=4 {
        motion.step(&shown(step));
    }
    let (mean, most) = distance(&mut motion, |x, y| source(x, y, 4));
    assert!(mean < 0.6 && most < 3.0, "{mean} {most}");
}

/// A square of its own texture, 40 pixels wide, over a background, both moving.
fn scene(square: f64, background: f64) -> Vec<u8> {
    picture(THUMBNAIL, |x, y| {
        if (square..square + 40.0).contains(&x) && (30.0..70.0).contains(&y) {
            texture(1.3 * (y + 400.0), 1.3 * (x - square)) * 0.6 + 90.0
        } else {
            texture(x - background, y)
        }
    })
}

/// The same as a map: what is inside the square by more than `margin` pixels, outside by more than
/// that, and what is neither.
fn place(index: usize, square: f64, margin: f64) -> Option<bool> {
    let x = ((index % 256) as f64 + 0.5) * 192.0 / 256.0;
    let y = ((index / 256) as f64 + 0.5) * 108.0 / 256.0;
    let inside = |margin: f64| {
        (square + margin..square + 40.0 - margin).contains(&x)
            && (30.0 + margin..70.0 - margin).contains(&y)
    };
    match (inside(margin), inside(-margin)) {
        (true, _) => Some(true),
        (_, false) => Some(false),
        _ => None,
    }
}

#[test]
fn a_near_thing_moves_and_uncovers_the_background() {
    for (near, far, larger_is_nearer) in [(10.0, 1.0, true), (1.0, 10.0, false)] {
        for (speed, background) in [(4.0, 0.0), (-4.0, 0.0), (3.0, -1.5)] {
            let map: Vec<f32> = (0..MAP.area())
                .map(|index| match place(index, 70.0, 0.0) {
                    Some(true) => near,
                    _ => far,
                })
                .collect();
            let mut motion = Motion::new(THUMBNAIL, MAP);
            motion.keyframe(&scene(70.0, 0.0));
            let mut out = Vec::new();
            for step in 1..=4 {
                let step = f64::from(step);
                motion.step(&scene(70.0 + speed * step, background * step));
            }
            motion.depth(&map, larger_is_nearer, &mut out);
            let wrong = |map: &[f32]| {
                let wrong = map.iter().enumerate().filter(|&(index, &value)| {
                    place(index, 70.0 + speed * 4.0, 3.0)
                        .is_some_and(|square| (value - if square { near } else { far }).abs() > 1.0)
                });
                wrong.count() as f64
            };
            // A held map is wrong on both sides of the square. A moved one is so in the corners,
            // which are smaller than blocks, and where both textures happen to look alike.
            let (held, moved) = (wrong(&map), wrong(&out));
            assert!(held > 1000.0);
            assert!(
                moved < 0.35 * held,
                "{speed} {background} {near}: {moved} of {held}"
            );
        }
    }
}

#[test]
fn labels_move_and_stay_labels() {
    let map: Vec<u8> = (0..MAP.area())
        .map(|index| match place(index, 70.0, 0.0) {
            Some(true) => 12,
            _ => 3,
        })
        .collect();
    let mut motion = Motion::new(THUMBNAIL, MAP);
    motion.keyframe(&scene(70.0, 0.0));
    for step in 1..=4 {
        motion.step(&scene(70.0 + 4.0 * f64::from(step), 0.0));
    }
    let mut out = Vec::new();
    motion.labels(&map, &mut out);
    assert!(out.iter().all(|class| [3, 12].contains(class)));
    let wrong = |labels: &[u8]| {
        let wrong = labels.iter().enumerate().filter(|&(index, &class)| {
            place(index, 86.0, 3.0).is_some_and(|square| class != if square { 12 } else { 3 })
        });
        wrong.count() as f64
    };
    let (held, moved) = (wrong(&map), wrong(&out));
    assert!(moved < 0.35 * held, "{moved} of {held}");
}

#[test]
fn noise_and_light_move_nothing() {
    let map: Vec<f32> = (0..MAP.area()).map(|index| (index as f32).sin()).collect();
    let mut state = 7;
    for (contrast, sigma) in [(1.0, 1.0), (1.0, 4.0), (0.1, 2.0), (0.0, 3.0)] {
        let mut motion = Motion::new(THUMBNAIL, MAP);
        let mut frame = |light: f64| {
            picture(THUMBNAIL, |x, y| {
                128.0 + (texture(x, y) - 128.0) * contrast + sigma * noise(&mut state) + light
            })
        };
        motion.keyframe(&frame(0.0));
        for step in 1..8 {
            motion.step(&frame(f64::from(step)));
        }
        assert!(!motion.has_moved(), "{contrast} {sigma}");
        let mut out = Vec::new();
        motion.depth(&map, true, &mut out);
        assert_eq!(out, map);
    }
}

#[test]
fn what_cannot_be_told_is_held() {
    let map = coordinates(true);
    let flat = |value| picture(THUMBNAIL, |_, _| value);
    let textured = picture(THUMBNAIL, texture);
    let other = picture(THUMBNAIL, |x, y| texture(1.7 * y + 900.0, 1.7 * x - 400.0));
    let mut state = 3;
    let mut grain = || picture(THUMBNAIL, |_, _| 128.0 + 40.0 * noise(&mut state));
    let (grain, other_grain) = (grain(), grain());
    for (first, second) in [
        (flat(80.0), flat(81.0)),
        (flat(0.0), flat(255.0)),
        (textured.clone(), other),
        (textured.clone(), flat(0.0)),
        (flat(0.0), textured),
        (grain, other_grain),
    ] {
        let mut motion = Motion::new(THUMBNAIL, MAP);
        motion.keyframe(&first);
        motion.step(&second);
        let mut out = Vec::new();
        motion.depth(&map, true, &mut out);
        assert_eq!(out, map);
    }
}

#[test]
fn a_marked_frame_takes_over_when_its_map_is_there() {
    let frame = |step: i32| picture(THUMBNAIL, |x, y| texture(x - 2.3 * f64::from(step), y));
    let map = coordinates(true);
    let after = |motion: &mut Motion| {
        let mut out = Vec::new();
        motion.depth(&map, true, &mut out);
        out
    };
    let mut late = Motion::new(THUMBNAIL, MAP);
    late.keyframe(&frame(0));
    late.step(&frame(1));
    late.step(&frame(2));
    late.mark();
    late.step(&frame(3));
    late.step(&frame(4));

    let mut early = Motion::new(THUMBNAIL, MAP);
    early.keyframe(&frame(0));
    (1..=4).for_each(|step| early.step(&frame(step)));
    assert_eq!(after(&mut late), after(&mut early), "the old map goes on");

    let mut exact = Motion::new(THUMBNAIL, MAP);
    exact.keyframe(&frame(2));
    exact.step(&frame(3));
    exact.step(&frame(4));
    late.adopt();
    assert_eq!(after(&mut late), after(&mut exact));
    late.adopt();
    assert_eq!(after(&mut late), after(&mut exact), "no mark, no change");

    late.reset();
    assert_eq!(after(&mut late), map);
    late.step(&frame(9));
    assert_eq!(after(&mut late), map, "the first frame after a seek");
}

#[test]
fn what_is_not_finite_moves_as_it_is() {
    let mut map = coordinates(true);
    for (index, value) in map.iter_mut().enumerate() {
        match (index % 256, index / 256) {
            (100..140, 60..90) => *value = f32::NAN,
            (100..140, 90..120) => *value = f32::INFINITY,
            (100..140, 120..150) => *value = f32::NEG_INFINITY,
            _ => {}
        }
    }
    let frame = |step: f64| picture(THUMBNAIL, |x, y| texture(x - 3.0 * step, y));
    let mut motion = Motion::new(THUMBNAIL, MAP);
    motion.keyframe(&frame(0.0));
    motion.step(&frame(0.0));
    let mut out = Vec::new();
    motion.depth(&map, true, &mut out);
    let bits = |map: &[f32]| map.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&out), bits(&map));
    motion.step(&frame(1.0));
    motion.depth(&map, true, &mut out);
    // Three pixels of the thumbnail are four of the map.
    let at = |x: usize, y: usize| out[y * 256 + x];
    assert!(at(105, 75).is_nan() && at(142, 75).is_nan() && at(102, 75).is_finite());
    assert!(at(142, 105) == f32::INFINITY && at(142, 135) == f32::NEG_INFINITY);
    let strange = out.iter().filter(|value| !value.is_finite()).count();
    assert!((3400..3800).contains(&strange), "{strange}");
    for poor in [f32::NAN, f32::INFINITY, f32::MAX] {
        motion.depth(&vec![poor; MAP.area()], false, &mut out);
        assert_eq!(bits(&out), vec![poor.to_bits(); MAP.area()]);
    }
}

#[test]
fn every_size_is_taken() {
    for (height, width) in [
        (0, 0),
        (1, 1),
        (1, 7),
        (9, 1),
        (3, 2),
        (8, 8),
        (13, 9),
        (25, 97),
        (192, 11),
    ] {
        for (rows, columns) in [(0, 0), (1, 1), (1, 5), (4, 1), (37, 53)] {
            let (size, map) = (Size::new(height, width), Size::new(rows, columns));
            let mut motion = Motion::new(size, map);
            let size = Size::new(height.max(1), width.max(1));
            let values: Vec<f32> = (0..map.area()).map(|index| index as f32).collect();
            let classes: Vec<u8> = (0..map.area()).map(|index| index as u8).collect();
            let (mut depth, mut labels) = (Vec::new(), Vec::new());
            motion.keyframe(&picture(size, texture));
            for step in 1..5 {
                let step = f64::from(step);
                motion.step(&picture(size, |x, y| {
                    texture(x - 1.4 * step, y + 2.0 * step)
                }));
                motion.depth(&values, true, &mut depth);
                motion.labels(&classes, &mut labels);
                assert_eq!((depth.len(), labels.len()), (values.len(), classes.len()));
                let last = values.len() as f32;
                assert!(depth.iter().all(|value| (0.0..last).contains(value)));
            }
        }
    }
    let mut motion = Motion::new(THUMBNAIL, MAP);
    motion.keyframe(&[1, 2, 3]);
    motion.step(&[]);
    let mut out = vec![4.0];
    motion.depth(&[1.0, 2.0], true, &mut out);
    assert_eq!(out, [1.0, 2.0]);
}

#[test]
fn nothing_is_allocated_per_moved_frame() {
    let frames: Vec<_> = (0..4)
        .map(|step| scene(70.0 + 4.0 * f64::from(step), 0.0))
        .collect();
    let (map, classes) = (coordinates(true), vec![3; MAP.area()]);
    let (mut depth, mut labels) = (Vec::new(), Vec::new());
    let mut motion = Motion::new(THUMBNAIL, MAP);
    motion.depth(&map, true, &mut depth);
    motion.labels(&classes, &mut labels);
    let count = allocations(|| {
        motion.keyframe(&frames[0]);
        for frame in &frames[1..] {
            motion.step(frame);
            motion.mark();
            motion.depth(&map, true, &mut depth);
            motion.labels(&classes, &mut labels);
        }
        motion.adopt();
        motion.reset();
    });
    assert_eq!(count, 0);
}
