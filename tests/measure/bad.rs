// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Maps without a depth, of one depth, without classes; rectangles and ranges that are none.

use super::numbers::{METRIC, reading};
use gstdptdepth::frame::{MapRef, Rect, ValueRange};
use gstdptdepth::measure::{Coverage, DepthStats, Reading, Sampler, Zones, on_map, parse_zones};
use gstdptdepth::spec::{OutputMeaning, Size};

const SIZE: Size = Size::new(6, 8);
const ALL: Rect = Rect {
    x: 0,
    y: 0,
    width: 8,
    height: 6,
};

fn stats(value: f32, meaning: OutputMeaning) -> DepthStats {
    let values = vec![value; SIZE.area()];
    let map = MapRef::new(&values, SIZE).unwrap();
    Sampler::default().of_rect(&map, ALL, &reading(meaning))
}

#[test]
fn a_map_without_depths_has_none() {
    for (value, meaning) in [
        (f32::NAN, METRIC),
        (f32::NAN, OutputMeaning::InverseRelative),
        (f32::INFINITY, OutputMeaning::InverseRelative),
        (f32::NEG_INFINITY, OutputMeaning::Relative),
        (0.0, METRIC),
        (-1.0, METRIC),
    ] {
        let stats = stats(value, meaning);
        assert!(
            stats.median.is_nan() && stats.nearest.is_nan(),
            "{value} {meaning:?}: {stats:?}"
        );
        assert_eq!(stats.valid, 0.0);
    }
}

#[test]
fn the_sky_is_infinitely_far() {
    for meaning in [METRIC, OutputMeaning::Relative] {
        let stats = stats(f32::INFINITY, meaning);
        assert_eq!((stats.median, stats.valid), (f32::INFINITY, 1.0));
    }
}

#[test]
fn a_map_of_one_value_has_that() {
    for meaning in [
        METRIC,
        OutputMeaning::Relative,
        OutputMeaning::InverseRelative,
    ] {
        let stats = stats(4.0, meaning);
        assert_eq!((stats.median, stats.nearest, stats.valid), (4.0, 4.0, 1.0));
    }
}

#[test]
fn rectangles_outside_or_empty_are_nowhere() {
    let frame = Size::new(100, 100);
    let rect = |x, y, width, height| Rect {
        x,
        y,
        width,
        height,
    };
    for outside in [
        rect(100, 0, 5, 5),
        rect(0, 100, 5, 5),
        rect(5, 5, 0, 5),
        rect(5, 5, 5, 0),
        rect(u32::MAX, u32::MAX, u32::MAX, u32::MAX),
    ] {
        assert_eq!(on_map(outside, frame, SIZE), None, "{outside:?}");
    }
    assert_eq!(on_map(rect(0, 0, 5, 5), frame, Size::new(0, 0)), None);
    assert_eq!(on_map(rect(0, 0, 5, 5), Size::new(0, 0), SIZE), None);
    let values = vec![1.0; SIZE.area()];
    let map = MapRef::new(&values, SIZE).unwrap();
    for outside in [rect(8, 0, 1, 1), rect(0, 0, 0, 0), rect(0, 0, 9, 1)] {
        let stats = Sampler::default().of_rect(&map, outside, &reading(METRIC));
        assert!(stats.median.is_nan() && stats.valid == 0.0);
    }
}

#[test]
fn a_frame_without_classes_is_covered_by_none() {
    let mut coverage = Coverage::default();
    assert!(coverage.measure(std::iter::empty(), SIZE).is_empty());
    assert!(
        coverage
            .measure([[].as_slice()].into_iter(), SIZE)
            .is_empty()
    );
    assert!(
        coverage
            .measure([[255; 8].as_slice()].into_iter(), SIZE)
            .is_empty()
    );
}

#[test]
fn zones_take_any_map() {
    let text = "all: 0,0 1,0 1,1 0,1 far=0.5 hold=0; thin: 0.5,0.5 0.501,0.5 0.5,0.501 far=0.5";
    let (low, high) = (f32::MIN, f32::MAX);
    for (near, far) in [
        (1.0, 0.0),
        (0.0, 0.0),
        (f32::NAN, 0.0),
        (high, low),
        (low, high),
    ] {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, low, high] {
            for size in [SIZE, Size::new(1, 1), Size::new(0, 0), Size::new(1, 4000)] {
                let values = vec![value; size.area()];
                let map = MapRef::new(&values, size).unwrap();
                let reading =
                    Reading::new(OutputMeaning::InverseRelative, ValueRange { near, far });
                let mut zones = Zones::new(parse_zones(text, false).unwrap());
                for report in zones.update(&map, &reading, Some(0), &mut Sampler::default()) {
                    assert!((0.0..=1.0).contains(&report.share), "{report:?}");
                }
            }
        }
    }
}
