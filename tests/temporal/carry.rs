// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::spec::Size;
use gstdptdepth::temporal::{Moved, Stabiliser};

use super::scene::{Random, SIZE, noisy, picture, pixels};

/// Waves, moved to the right.
fn depth(moved: f32) -> Vec<f32> {
    pixels(SIZE)
        .map(|(row, column)| {
            50.0 + 30.0 * (0.12 * (column as f32 - moved) + 0.05 * row as f32).sin()
        })
        .collect()
}

/// How far the maps of a camera that pans by `speed` are from the truth on average, well within
/// the frame.
fn error_in_a_pan(speed: f32, carries: bool) -> f32 {
    let mut random = Random::new(1);
    let mut stabiliser = Stabiliser::new();
    let across = vec![-speed; SIZE.area()];
    let down = vec![0.0; SIZE.area()];
    let (mut error, mut count) = (0.0, 0);
    for frame in 0..40 {
        let moved = speed * frame as f32;
        let truth = depth(moved);
        let mut map = noisy(&truth, 1.0, &mut random);
        if carries {
            stabiliser.carry(&Moved {
                size: SIZE,
                across: &across,
                down: &down,
                hidden: &[],
            });
        }
        let luma = picture(SIZE, 1, moved);
        stabiliser.update(&mut map, SIZE, &luma, SIZE, 0.8, false);
        for ((_, column), (value, truth)) in pixels(SIZE).zip(map.iter().zip(&truth)) {
            if frame >= 20 && (30..90).contains(&column) {
                error += (value - truth).abs();
                count += 1;
            }
        }
    }
    error / count as f32
}

#[test]
fn what_moves_is_steadied_when_it_is_carried() {
    // Normal noise of deviation 1 is 0.8 on average.
    for speed in [1.0, 3.0] {
        let (left, carried) = (error_in_a_pan(speed, false), error_in_a_pan(speed, true));
        assert!(carried < 0.4, "{speed}: {carried}");
        assert!(
            left < 3.0,
            "{speed}: {left}, where the soft texture hides the movement"
        );
    }
}

#[test]
fn hidden_and_outside_pixels_are_taken_from_the_new_map() {
    let luma = picture(SIZE, 1, 0.0);
    let mut random = Random::new(2);
    let mut stabiliser = Stabiliser::new();
    for _ in 0..5 {
        let mut map = noisy(&depth(0.0), 1.0, &mut random);
        stabiliser.update(&mut map, SIZE, &luma, SIZE, 0.8, false);
    }
    // The lower half was hidden, the rightmost columns outside.
    let across: Vec<f32> = pixels(SIZE)
        .map(|(_, column)| if column >= 110 { 20.0 } else { 0.0 })
        .collect();
    let hidden: Vec<bool> = pixels(SIZE).map(|(row, _)| row >= 48).collect();
    stabiliser.carry(&Moved {
        size: SIZE,
        across: &across,
        down: &vec![0.0; SIZE.area()],
        hidden: &hidden,
    });
    let map = noisy(&depth(0.0), 1.0, &mut random);
    let mut steady = map.clone();
    stabiliser.update(&mut steady, SIZE, &luma, SIZE, 0.8, false);
    let mut kept = 0;
    for ((row, column), (steady, new)) in pixels(SIZE).zip(steady.iter().zip(&map)) {
        let same = (steady - new).abs() < 1e-4;
        if row >= 48 || column >= 110 {
            assert!(same, "{row} {column}: {steady} {new}");
        }
        kept += usize::from(same);
    }
    assert!(kept < SIZE.area() * 6 / 10, "the others were blended");
}

#[test]
fn movements_that_fit_nothing_are_ignored() {
    let luma = picture(SIZE, 1, 0.0);
    let mut stabiliser = Stabiliser::new();
    let size = Size::new(3, 3);
    let moved = Moved {
        size,
        across: &[1.0; 9],
        down: &[f32::NAN; 9],
        hidden: &[],
    };
    stabiliser.carry(&moved);
    stabiliser.update(&mut depth(0.0), SIZE, &luma, SIZE, 0.8, true);
    stabiliser.carry(&moved);
    stabiliser.carry(&Moved {
        size: SIZE,
        ..moved
    });
    let wild = vec![f32::NAN; SIZE.area()];
    let huge = vec![f32::MAX; SIZE.area()];
    stabiliser.carry(&Moved {
        size: SIZE,
        across: &wild,
        down: &huge,
        hidden: &[],
    });
    let mut map = depth(0.0);
    stabiliser.update(&mut map, SIZE, &luma, SIZE, 0.8, true);
    assert!(map.iter().all(|value| value.is_finite()));
}
