// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Thousands of frames: every alignment is a little wrong, and the errors must not add up.

use gstdptdepth::frame::MapRef;
use gstdptdepth::spec::Size;
use gstdptdepth::temporal::{RangeMode, RangeTracker, Stabiliser};

use super::scene::{Random, depth, grainy, noisy, picture};

const SIZE: Size = Size::new(40, 48);

/// The middle and the spread.
fn shape(values: &[f32]) -> (f32, f32) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let at = |share: f32| sorted[(share * (sorted.len() - 1) as f32) as usize];
    (at(0.5), at(0.9) - at(0.1))
}

#[test]
fn ten_thousand_frames_do_not_shrink_or_wander() {
    let (truth, luma) = (depth(SIZE), picture(SIZE, 1, 0.0));
    let (middle, spread) = shape(&truth);
    let mut random = Random::new(1);
    let mut stabiliser = Stabiliser::new();
    let mut range = RangeTracker::new(RangeMode::Smooth);
    for frame in 0..10_000 {
        // A network whose scale and shift are random, and that is 2 % noise.
        let (scale, shift) = (1.0 + 0.1 * random.normal(), 4.0 * random.normal());
        let mut map: Vec<f32> = noisy(&truth, 0.02 * spread, &mut random);
        map.iter_mut()
            .for_each(|value| *value = *value * scale + shift);
        let luma = grainy(&luma, 1.5, &mut random);
        stabiliser.update(&mut map, SIZE, &luma, SIZE, 1.0, true);
        let shown = range.update(&MapRef::new(&map, SIZE).unwrap(), true);
        if frame >= 100 && frame % 100 == 0 {
            let now = shape(&map);
            assert!(
                (now.1 / spread - 1.0).abs() < 0.2 && (now.0 - middle).abs() < 0.1 * spread,
                "frame {frame}: {now:?} of {:?}",
                (middle, spread)
            );
            assert!((shown.near - shown.far) / spread > 1.0);
        }
    }
}

#[test]
fn a_model_that_changes_its_scale_for_good_is_followed() {
    let (truth, luma) = (depth(SIZE), picture(SIZE, 1, 0.0));
    let mut stabiliser = Stabiliser::new();
    for frame in 0..10_000 {
        let scale = if frame < 10 { 1.0 } else { 2.0 };
        let mut map: Vec<f32> = truth.iter().map(|value| value * scale).collect();
        stabiliser.update(&mut map, SIZE, &luma, SIZE, 0.8, true);
        let ratio = shape(&map).1 / shape(&truth).1;
        if frame == 10 {
            assert!(ratio < 1.1, "not at once: {ratio}");
        }
        if frame == 9_999 {
            assert!(ratio > 1.95, "but at last: {ratio}");
        }
    }
}
