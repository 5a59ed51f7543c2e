// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::temporal::Stabiliser;

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
fn error_in_a_pan(speed: f32) -> f32 {
    let mut random = Random::new(1);
    let mut stabiliser = Stabiliser::new();
    let (mut error, mut count) = (0.0, 0);
    for frame in 0..40 {
        let moved = speed * frame as f32;
        let truth = depth(moved);
        let mut map = noisy(&truth, 1.0, &mut random);
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
fn what_moves_is_steadied_too() {
    // Normal noise of deviation 1 is 0.8 on average. A third of a column a frame is taken for rest
    // until it adds up, so that noise is not taken for movement: less is left to blend there.
    for speed in [0.0, 0.3, 1.0, 3.0] {
        let error = error_in_a_pan(speed);
        assert!(error < 0.7, "{speed} columns a frame: {error}");
    }
}
