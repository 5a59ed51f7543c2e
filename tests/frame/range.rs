// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::{MapRef, ValueRange};
use gstdptdepth::spec::Size;
use gstdptdepth::temporal::{RangeMode, RangeTracker};

use super::picture::random;

const SIZE: Size = Size::new(96, 128);

/// Values spread evenly over `low..high`, in no order.
fn spread(state: &mut u64, low: f32, high: f32) -> Vec<f32> {
    let share = |value: u64| value as f32 / u32::MAX as f32;
    (0..SIZE.area())
        .map(|_| low + (high - low) * share(random(state)))
        .collect()
}

fn update(tracker: &mut RangeTracker, values: &[f32]) -> ValueRange {
    tracker.update(&MapRef::new(values, SIZE).unwrap(), true)
}

#[test]
fn frame_mode_takes_the_extremes() {
    let mut values = vec![3.0; SIZE.area()];
    (values[7], values[8], values[9], values[10]) = (-2.0, 9.0, f32::NAN, f32::INFINITY);
    let mut tracker = RangeTracker::new(RangeMode::Frame);
    assert_eq!(
        update(&mut tracker, &values),
        ValueRange {
            near: 9.0,
            far: -2.0
        }
    );
    let map = MapRef::new(&values, SIZE).unwrap();
    assert_eq!(
        tracker.update(&map, false),
        ValueRange {
            near: -2.0,
            far: 9.0
        }
    );
}

#[test]
fn fixed_mode_is_fixed() {
    let mut tracker = RangeTracker::new(RangeMode::Fixed {
        near: 1.0,
        far: 40.0,
    });
    assert_eq!(
        update(&mut tracker, &[3.0; SIZE.area()]),
        ValueRange {
            near: 1.0,
            far: 40.0
        }
    );
}

#[test]
fn smooth_mode_ignores_hot_pixels() {
    let mut state = 1;
    let mut values = spread(&mut state, 10.0, 20.0);
    for hot in values.iter_mut().step_by(300) {
        *hot = 1e9;
    }
    let ValueRange { near, far } = update(&mut RangeTracker::new(RangeMode::Smooth), &values);
    assert!(
        (19.0..21.0).contains(&near) && (9.0..11.0).contains(&far),
        "{near} {far}"
    );
}

#[test]
fn smooth_mode_is_steady_where_frames_waver() {
    let mut state = 2;
    let mut tracker = RangeTracker::new(RangeMode::Smooth);
    update(&mut tracker, &spread(&mut state, 10.0, 20.0));
    let mut steps = Vec::new();
    let mut last = None;
    for frame in 0..60 {
        let high = if frame % 2 == 0 { 20.0 } else { 21.5 };
        let range = update(&mut tracker, &spread(&mut state, 10.0, high));
        if let Some(last) = last.replace(range.near) {
            steps.push((range.near - last).abs());
        }
    }
    let settled = &steps[20..];
    assert!(settled.iter().all(|&step| step < 0.4), "{settled:?}");
}

#[test]
fn smooth_mode_arrives() {
    let mut state = 3;
    let mut tracker = RangeTracker::new(RangeMode::Smooth);
    update(&mut tracker, &spread(&mut state, 10.0, 20.0));
    let values = spread(&mut state, 12.0, 23.0);
    let mut range = update(&mut tracker, &values);
    let first = range.near;
    for _ in 0..100 {
        range = update(&mut tracker, &values);
    }
    assert!(first < 22.0 && (range.near - 23.3).abs() < 0.3 && (range.far - 11.7).abs() < 0.3);
}

#[test]
fn smooth_mode_follows_a_scene_change_at_once() {
    let mut state = 4;
    let mut tracker = RangeTracker::new(RangeMode::Smooth);
    for _ in 0..10 {
        update(&mut tracker, &spread(&mut state, 10.0, 20.0));
    }
    let values = spread(&mut state, 100.0, 300.0);
    let cut = update(&mut tracker, &values);
    assert_eq!(
        cut,
        update(&mut RangeTracker::new(RangeMode::Smooth), &values)
    );
}

#[test]
fn reset_forgets() {
    let mut state = 5;
    let (first, second) = (
        spread(&mut state, 10.0, 20.0),
        spread(&mut state, 11.0, 21.0),
    );
    let mut tracker = RangeTracker::new(RangeMode::Smooth);
    update(&mut tracker, &first);
    tracker.reset();
    assert_eq!(
        update(&mut tracker, &second),
        update(&mut RangeTracker::new(RangeMode::Smooth), &second)
    );
}

#[test]
fn ranges_are_finite_and_never_empty() {
    let nothing = [f32::NAN; SIZE.area()];
    let mut state = 6;
    for mode in [RangeMode::Smooth, RangeMode::Frame] {
        let mut tracker = RangeTracker::new(mode);
        let mut maps = vec![
            nothing.to_vec(),
            vec![],
            spread(&mut state, 1.0, 2.0),
            nothing.to_vec(),
        ];
        for value in [
            0.0,
            1.0,
            -7.5,
            1e-38,
            1e30,
            f32::MAX,
            f32::MIN,
            0.0,
            f32::MIN_POSITIVE,
        ] {
            maps.push(vec![value; SIZE.area()]);
        }
        let mut wild = vec![f32::MAX; SIZE.area()];
        wild[SIZE.area() / 2..].fill(f32::MIN);
        maps.push(wild);
        maps.push(spread(&mut state, -1.0, 1.0));
        for values in maps {
            let size = if values.is_empty() {
                Size::new(0, 0)
            } else {
                SIZE
            };
            let ValueRange { near, far } =
                tracker.update(&MapRef::new(&values, size).unwrap(), true);
            assert!(
                near.is_finite() && far.is_finite() && near > far,
                "{mode:?} {near} {far}"
            );
        }
    }
    let mut tracker = RangeTracker::new(RangeMode::Smooth);
    let ValueRange { near, far } = update(&mut tracker, &[5.0; SIZE.area()]);
    assert!(near > 5.0 && far < 5.0, "one value lies in the middle");
}
