// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::MapRef;
use gstdptdepth::spec::Size;
use gstdptdepth::temporal::{RangeMode, RangeTracker, SceneCut, Stabiliser};

use super::scene::{Random, SIZE, depth, grainy, picture};

/// The frames that start a scene.
fn cuts(frames: impl IntoIterator<Item = Vec<u8>>) -> Vec<usize> {
    let mut detector = SceneCut::new(SceneCut::THRESHOLD);
    frames
        .into_iter()
        .enumerate()
        .filter(|(_, luma)| detector.update(luma, SIZE))
        .map(|(at, _)| at)
        .collect()
}

/// Frames of one scene that moves and has grain.
fn scene(seed: u64, frames: usize, speed: f32) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    (0..frames)
        .map(|frame| grainy(&picture(SIZE, seed, speed * frame as f32), 3.0, &mut random))
        .collect()
}

fn brighter(luma: &[u8], factor: f32, offset: f32) -> Vec<u8> {
    let level = |&level: &u8| (f32::from(level) * factor + offset).clamp(0.0, 255.0) as u8;
    luma.iter().map(level).collect()
}

#[test]
fn every_cut_is_found_and_no_other() {
    let spliced = (1..=12).flat_map(|seed| scene(seed, 5 + seed as usize, 1.5));
    let wanted: Vec<usize> = (1..12)
        .scan(0, |at, seed| {
            *at += 5 + seed;
            Some(*at)
        })
        .collect();
    assert_eq!(cuts(spliced), wanted);
}

#[test]
fn flashes_are_no_cuts() {
    let mut frames = scene(1, 30, 0.5);
    frames[8] = brighter(&frames[8], 1.2, 40.0);
    frames[15] = vec![255; SIZE.area()];
    frames[20] = brighter(&frames[20], 3.0, 120.0);
    frames[21] = brighter(&frames[21], 1.5, 30.0);
    frames[25] = vec![0; SIZE.area()];
    assert!(cuts(frames).is_empty());
}

#[test]
fn a_fade_is_no_cut_and_what_follows_it_is_compared_with_what_was() {
    let faded = |seed| {
        let frames = scene(seed, 20, 0.0).into_iter().enumerate();
        frames.map(|(at, luma)| brighter(&luma, 1.0 - at as f32 / 19.0, 0.0))
    };
    let out: Vec<_> = faded(1).collect();
    let back = out.iter().rev().cloned();
    assert!(cuts(out.iter().cloned().chain(back)).is_empty());
    let other: Vec<_> = faded(2).collect();
    let found = cuts(out.into_iter().chain(other.into_iter().rev()));
    assert!(
        found.len() == 1 && (20..30).contains(&found[0]),
        "once, in the dark: {found:?}"
    );
}

#[test]
fn a_whip_pan_is_cut_once_or_twice_but_not_all_the_time() {
    let still = scene(1, 5, 0.0);
    let whip = scene(1, 20, 30.0);
    let found = cuts(still.into_iter().chain(whip));
    assert!(found.len() <= 2, "{found:?}");
}

#[test]
fn after_a_cut_everything_is_new_within_one_frame() {
    let mut cut = SceneCut::new(SceneCut::THRESHOLD);
    let mut stabiliser = Stabiliser::new();
    let mut range = RangeTracker::new(RangeMode::Smooth);
    let far: Vec<f32> = depth(SIZE);
    // Less than the jump that a range notices by itself.
    let near: Vec<f32> = far.iter().rev().map(|value| value + 20.0).collect();
    for frame in 0..20 {
        let (seed, mut map) = if frame < 10 {
            (1, far.clone())
        } else {
            (2, near.clone())
        };
        let is_cut = cut.update(&picture(SIZE, seed, 0.0), SIZE);
        assert_eq!(is_cut, frame == 10);
        if is_cut {
            stabiliser.reset();
            range.reset();
        }
        stabiliser.update(&mut map, SIZE, &picture(SIZE, seed, 0.0), SIZE, 0.8, true);
        let shown = range.update(&MapRef::new(&map, SIZE).unwrap(), true);
        if frame == 10 {
            let map = MapRef::new(&near, SIZE).unwrap();
            let fresh = RangeTracker::new(RangeMode::Smooth).update(&map, true);
            assert_eq!(shown, fresh);
        }
    }
}

#[test]
fn strange_pictures_cut_nothing() {
    let mut detector = SceneCut::new(SceneCut::THRESHOLD);
    for (height, width) in [(0, 0), (1, 1), (3, 500), (17, 2), (16, 16)] {
        let size = Size::new(height, width);
        assert!(!detector.update(&vec![9; size.area()], size));
    }
    assert!(
        !detector.update(&[1, 2, 3], SIZE),
        "a luma of the wrong length"
    );
    detector.reset();
    assert!(
        !detector.update(&picture(SIZE, 1, 0.0), SIZE),
        "the first one"
    );
    detector.reset();
    assert!(
        !detector.update(&picture(SIZE, 2, 0.0), SIZE),
        "the first one again"
    );
    detector.set_threshold(2.0);
    assert!(
        !detector.update(&picture(SIZE, 3, 0.0), SIZE),
        "2 is never reached"
    );
}
