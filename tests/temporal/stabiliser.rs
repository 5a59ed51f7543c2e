// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::spec::Size;
use gstdptdepth::temporal::{Stabilised, Stabiliser};

use super::scene::{Random, SIZE, apart, depth, grainy, noisy, picture, pixels};

const STRENGTH: f32 = 0.8;
const LUMA: Size = Size::new(49, 60);

fn update(stabiliser: &mut Stabiliser, map: &mut [f32], luma: &[u8]) -> Stabilised {
    let size = if luma.len() == LUMA.area() {
        LUMA
    } else {
        SIZE
    };
    stabiliser.update(map, SIZE, luma, size, STRENGTH, true)
}

#[test]
fn scale_and_shift_of_single_frames_vanish() {
    let (truth, luma) = (depth(SIZE), picture(SIZE, 1, 0.0));
    let mut random = Random::new(1);
    let mut stabiliser = Stabiliser::new();
    update(&mut stabiliser, &mut truth.clone(), &luma);
    for _ in 0..50 {
        let (scale, shift) = (0.7 + 0.6 * random.share(), 40.0 * random.share() - 20.0);
        let mut map: Vec<f32> = truth.iter().map(|value| scale * value + shift).collect();
        let found = update(&mut stabiliser, &mut map, &luma);
        // All but the leak, which is 5 % of the way.
        assert!((found.scale * scale - 1.0).abs() < 0.05, "{found:?}");
        assert!(apart(&map, &truth) < 4.0, "{}", apart(&map, &truth));
        assert_eq!(found.changed, 0.0);
    }
}

#[test]
fn noise_fades_where_nothing_moves() {
    for luma_size in [SIZE, LUMA] {
        let (truth, luma) = (depth(SIZE), picture(luma_size, 1, 0.0));
        let mut random = Random::new(2);
        let mut stabiliser = Stabiliser::new();
        let (mut last, mut steps, mut raw) = (Vec::new(), 0.0, 0.0);
        for frame in 0..60 {
            let mut map = noisy(&truth, 1.0, &mut random);
            let before = map.clone();
            update(&mut stabiliser, &mut map, &grainy(&luma, 1.5, &mut random));
            if frame >= 30 {
                steps += apart(&map, &last);
                raw += apart(&before, &noisy(&truth, 1.0, &mut random));
            }
            last = map;
        }
        assert!(apart(&last, &truth) < 0.4, "{}", apart(&last, &truth));
        assert!(raw > 8.0 * steps, "{raw} against {steps}");
    }
}

#[test]
fn a_square_that_moves_leaves_no_trail() {
    let (scene, background) = (picture(SIZE, 1, 0.0), depth(SIZE));
    let mut random = Random::new(3);
    let mut stabiliser = Stabiliser::new();
    for frame in 0..40 {
        let left = 2 * frame;
        let inside = |(row, column): (usize, usize)| {
            (30..60).contains(&row) && (left..left + 20).contains(&column)
        };
        let luma: Vec<u8> = pixels(SIZE)
            .zip(&scene)
            .map(|(at, &level)| if inside(at) { 240 } else { level })
            .collect();
        let truth: Vec<f32> = pixels(SIZE)
            .zip(&background)
            .map(|(at, &value)| if inside(at) { 150.0 } else { value })
            .collect();
        let mut map = noisy(&truth, 0.5, &mut random);
        update(&mut stabiliser, &mut map, &grainy(&luma, 1.5, &mut random));
        for ((at, value), truth) in pixels(SIZE).zip(&map).zip(&truth) {
            // The square is about 100 above what is behind it: no pixel keeps even 5 % of that.
            assert!(
                (value - truth).abs() < 5.0,
                "frame {frame}, {at:?}: {value} is not {truth}"
            );
        }
    }
}

#[test]
fn a_map_that_disagrees_is_right_though_the_picture_did_not_change() {
    let (truth, luma) = (depth(SIZE), picture(SIZE, 1, 0.0));
    let mut random = Random::new(4);
    let mut stabiliser = Stabiliser::new();
    for _ in 0..20 {
        update(&mut stabiliser, &mut noisy(&truth, 0.5, &mut random), &luma);
    }
    let mut map = truth.clone();
    let door = |(row, column): &(usize, usize)| *row < 30 && *column < 30;
    for (at, value) in pixels(SIZE).zip(&mut map) {
        *value += if door(&at) { 60.0 } else { 0.0 };
    }
    let wanted = map.clone();
    update(&mut stabiliser, &mut map, &luma);
    assert!(apart(&map, &wanted) < 0.5);
}

#[test]
fn scale_is_found_beside_much_that_moves() {
    let truth = depth(SIZE);
    let mut random = Random::new(5);
    let mut stabiliser = Stabiliser::new();
    for frame in 0..30 {
        // The left two thirds are another picture in every frame.
        let (still, other) = (picture(SIZE, 1, 0.0), picture(SIZE, 100 + frame, 0.0));
        let moves = |(_, column): (usize, usize)| column < 80;
        let luma: Vec<u8> = pixels(SIZE)
            .zip(still.iter().zip(&other))
            .map(|(at, (&still, &other))| if moves(at) { other } else { still })
            .collect();
        let scale = 0.8 + 0.4 * random.share();
        let mut map: Vec<f32> = pixels(SIZE)
            .zip(&truth)
            .map(|(at, value)| {
                scale
                    * if moves(at) {
                        90.0 * random.share()
                    } else {
                        *value
                    }
            })
            .collect();
        let found = update(&mut stabiliser, &mut map, &luma);
        if frame > 0 {
            assert!((0.4..0.8).contains(&found.changed), "{found:?}");
            // The first frame's scale is the running one, to within the leak.
            let still = pixels(SIZE).zip(map.iter().zip(&truth));
            let still = still.filter(|&((_, column), _)| column > 90);
            let off: f32 = still.map(|(_, (value, truth))| value / truth).sum::<f32>()
                / (29 * SIZE.height) as f32;
            assert!((0.75..1.25).contains(&off), "{off}");
        }
    }
}

#[test]
fn metres_are_not_rescaled() {
    let (truth, luma) = (depth(SIZE), picture(SIZE, 1, 0.0));
    let mut stabiliser = Stabiliser::new();
    let mut first = truth.clone();
    stabiliser.update(&mut first, SIZE, &luma, SIZE, STRENGTH, false);
    let mut farther: Vec<f32> = truth.iter().map(|value| 1.1 * value).collect();
    let wanted = farther.clone();
    for _ in 0..60 {
        farther.copy_from_slice(&wanted);
        let found = stabiliser.update(&mut farther, SIZE, &luma, SIZE, STRENGTH, false);
        assert_eq!((found.scale, found.shift), (1.0, 0.0));
    }
    assert!(apart(&farther, &wanted) < 0.2, "the truth is reached");
}

#[test]
fn invalid_values_stay_and_do_not_spread() {
    let (truth, luma) = (depth(SIZE), picture(SIZE, 1, 0.0));
    let holes = [(7, f32::NAN), (8, f32::INFINITY), (500, f32::NEG_INFINITY)];
    let mut stabiliser = Stabiliser::new();
    for frame in 0..10 {
        let mut map = truth.clone();
        for (at, value) in holes {
            map[at + frame] = value;
        }
        update(&mut stabiliser, &mut map, &luma);
        for (at, (value, truth)) in map.iter().zip(&truth).enumerate() {
            let hole = holes.iter().find(|hole| hole.0 + frame == at);
            match hole {
                Some((_, hole)) => assert_eq!(value.to_bits(), hole.to_bits()),
                None => assert!((value - truth).abs() < 0.01, "{at}: {value} {truth}"),
            }
        }
    }
    let mut nothing = vec![f32::NAN; SIZE.area()];
    update(&mut stabiliser, &mut nothing, &luma);
    assert!(nothing.iter().all(|value| value.is_nan()));
    let mut map = truth.clone();
    update(&mut stabiliser, &mut map, &luma);
    assert_eq!(map, truth, "nothing of before is left");
}

#[test]
fn strange_maps_and_sizes_are_survived() {
    let luma = picture(SIZE, 1, 0.0);
    let mut stabiliser = Stabiliser::new();
    for value in [0.0, 5.0, -1.0, f32::MAX, f32::MIN, 1e-40, 5.0] {
        let mut map = vec![value; SIZE.area()];
        for _ in 0..3 {
            update(&mut stabiliser, &mut map, &luma);
            assert!(map.iter().all(|value| value.is_finite()), "{value}");
        }
    }
    for (map_size, luma_size) in [
        (0, 0, 0, 0),
        (1, 1, 1, 1),
        (1, 9, 2, 1),
        (9, 1, 1, 30),
        (5, 5, 0, 3),
    ]
    .map(|(a, b, c, d)| (Size::new(a, b), Size::new(c, d)))
    {
        for _ in 0..3 {
            let (mut map, luma) = (vec![1.0; map_size.area()], vec![7; luma_size.area()]);
            stabiliser.update(&mut map, map_size, &luma, luma_size, STRENGTH, true);
            assert!(map.iter().all(|&value| value == 1.0));
        }
    }
    let mut short = vec![1.0; 5];
    stabiliser.update(&mut short, SIZE, &luma, SIZE, STRENGTH, true);
    for strength in [0.0, -1.0, f32::NAN] {
        let mut map = depth(SIZE);
        stabiliser.update(&mut map, SIZE, &luma, SIZE, strength, true);
        assert_eq!(map, depth(SIZE), "{strength} does nothing");
    }
    for strength in [2.0, f32::INFINITY] {
        let mut map = depth(SIZE);
        stabiliser.update(&mut map, SIZE, &luma, SIZE, strength, true);
        assert!(apart(&map, &depth(SIZE)) < 0.01);
    }
}

/// Another network size in the middle of a stream does not begin anew.
#[test]
fn maps_of_another_size_are_steadied_by_what_is_known() {
    let mut stabiliser = Stabiliser::new();
    let luma = vec![128; SIZE.area()];
    let wave = |size: Size, gain: f32| -> Vec<f32> {
        let at = |at: usize| {
            let x = (at % size.width as usize) as f32 + 0.5;
            let y = (at / size.width as usize) as f32 + 0.5;
            let (x, y) = (x / size.width as f32, y / size.height as f32);
            1.0 + gain * ((3.0 * x).sin() + y)
        };
        (0..size.area()).map(at).collect()
    };
    let mut first = wave(SIZE, 1.0);
    update(&mut stabiliser, &mut first, &luma);
    for larger in [false, true] {
        let scaled = |side: u32| if larger { side * 2 } else { side / 2 };
        let size = Size::new(scaled(SIZE.height), scaled(SIZE.width));
        let mut map = wave(size, 3.0);
        stabiliser.update(&mut map, size, &luma, SIZE, 0.8, true);
        let truth = wave(size, 1.0);
        let worst = map
            .iter()
            .zip(&truth)
            .map(|(value, truth)| (value - truth).abs())
            .fold(0.0, f32::max);
        // The leak of two maps, each 5 % of the way to three times the scale, and what resampling
        // changes; begun anew it would be off by 3.7.
        assert!(worst < 0.4, "{worst}");
    }
}

#[test]
fn reset_forgets() {
    let luma = picture(SIZE, 1, 0.0);
    let mut stabiliser = Stabiliser::new();
    update(&mut stabiliser, &mut depth(SIZE), &luma);
    stabiliser.reset();
    let mut map: Vec<f32> = depth(SIZE).iter().map(|value| 3.0 * value).collect();
    let wanted = map.clone();
    update(&mut stabiliser, &mut map, &luma);
    assert_eq!(map, wanted);
}
