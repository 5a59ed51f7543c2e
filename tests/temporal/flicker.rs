// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::{MapRef, Quantize, quantize};
use gstdptdepth::spec::Size;
use gstdptdepth::temporal::{Flicker, RangeMode, RangeTracker, change};

use super::scene::{Random, SIZE, depth, grainy, noisy, picture, pixels};

#[test]
fn the_index_is_the_mean_change_of_what_stands_still() {
    let luma = picture(SIZE, 1, 0.0);
    let mut flicker = Flicker::new();
    assert_eq!(flicker.index(), None);
    for frame in 0..200 {
        // All pixels go up and down by three 8-bit levels.
        let codes = vec![
            if frame % 2 == 0 {
                10_000
            } else {
                10_000 + 3 * 257
            };
            SIZE.area()
        ];
        flicker.update(&codes, SIZE, &luma, SIZE);
    }
    let index = flicker.index().unwrap();
    assert!((index - 3.0).abs() < 1e-3, "{index}");
}

#[test]
fn what_moves_is_no_flicker() {
    let scene = picture(SIZE, 1, 0.0);
    let mut flicker = Flicker::new();
    for frame in 0..40 {
        let inside = |(row, column): (usize, usize)| {
            (30..60).contains(&row) && (2 * frame..2 * frame + 20).contains(&column)
        };
        let shown = pixels(SIZE).zip(&scene);
        let luma: Vec<u8> = shown
            .map(|(at, &level)| if inside(at) { 250 } else { level })
            .collect();
        let codes: Vec<u16> = pixels(SIZE)
            .map(|at| if inside(at) { 60_000 } else { 300 })
            .collect();
        let now = flicker.update(&codes, SIZE, &luma, SIZE);
        assert_eq!(now, (frame > 0).then_some(0.0));
    }
    // Where nothing stands still there is nothing to tell.
    let other = picture(SIZE, 2, 0.0);
    let before = flicker.index();
    flicker.update(&vec![9; SIZE.area()], SIZE, &other, SIZE);
    assert_eq!(
        flicker.update(&[], Size::new(0, 0), &[], Size::new(0, 0)),
        None
    );
    assert_eq!(flicker.update(&[1], SIZE, &other, SIZE), None);
    assert!(flicker.index() <= before.map(|index| index + 60.0));
}

#[test]
fn a_fixed_range_shows_the_same_value_in_the_same_gray() {
    let mut random = Random::new(1);
    let mut tracker = RangeTracker::new(RangeMode::Fixed {
        near: 90.0,
        far: 10.0,
    });
    let mut seen = None;
    for _ in 0..20 {
        let mut map = noisy(&depth(SIZE), 20.0, &mut random);
        map[77] = 42.0;
        let map = MapRef::new(&map, SIZE).unwrap();
        let range = tracker.update(&map, true);
        let mut codes = vec![0; SIZE.area()];
        let how = Quantize::Relative {
            range,
            near_bright: true,
        };
        quantize(&map, how, &mut codes).unwrap();
        assert_eq!(*seen.get_or_insert(codes[77]), codes[77]);
    }
    assert_eq!(
        seen,
        Some(((42.0 - 10.0) / 80.0 * 65_535.0f32).round() as u16)
    );
}

#[test]
fn change_ignores_noise_and_sees_what_is_small() {
    let mut random = Random::new(2);
    let scene = picture(SIZE, 1, 0.0);
    let (a, mut b) = (
        grainy(&scene, 4.0, &mut random),
        grainy(&scene, 4.0, &mut random),
    );
    let noise = change(&a, &b, SIZE);
    for ((row, column), level) in pixels(SIZE).zip(&mut b) {
        if (40..50).contains(&row) && (60..66).contains(&column) {
            *level = level.wrapping_add(120);
        }
    }
    let moved = change(&a, &b, SIZE);
    let other = change(&a, &picture(SIZE, 2, 0.0), SIZE);
    assert!(
        noise < 0.012 && moved > 0.06 && other > 0.2,
        "{noise} {moved} {other}"
    );
    assert_eq!(change(&a, &a, SIZE), 0.0);
    assert_eq!(
        change(&vec![0; SIZE.area()], &vec![255; SIZE.area()], SIZE),
        1.0
    );
    assert_eq!(change(&a, &[], SIZE), 1.0);
    assert_eq!(change(&[], &[], Size::new(0, 5)), 0.0);
}
