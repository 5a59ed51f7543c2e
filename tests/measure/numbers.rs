// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Against `tests/data/measure/make.py`, and edges that have one answer.

use super::data;
use gstdptdepth::frame::{MapRef, Rect, ValueRange};
use gstdptdepth::measure::{Coverage, MAX_SAMPLES, Reading, Sampler, Window, Zone, Zones, on_map};
use gstdptdepth::spec::{OutputMeaning, Size};
use serde_json::Value;

pub(super) const METRIC: OutputMeaning = OutputMeaning::Metric { max_depth_m: None };

pub(super) fn reading(meaning: OutputMeaning) -> Reading {
    let range = match meaning {
        OutputMeaning::InverseRelative => (10.0, 0.0),
        _ => (0.0, 10.0),
    };
    Reading::new(
        meaning,
        ValueRange {
            near: range.0,
            far: range.1,
        },
    )
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(data("measure/expected.json")).unwrap()).unwrap()
}

fn map(name: &str) -> (Vec<f32>, Size) {
    let file = std::fs::read(data("measure/maps.safetensors")).unwrap();
    let maps = safetensors::SafeTensors::deserialize(&file).unwrap();
    let map = maps.tensor(name).unwrap();
    let values = map.data().as_chunks::<4>().0;
    let values = values.iter().map(|value| f32::from_le_bytes(*value));
    let &[height, width] = map.shape() else {
        panic!("{:?}", map.shape());
    };
    (values.collect(), Size::new(height as u32, width as u32))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn whole(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

#[test]
fn rectangles_have_numpys_percentiles() {
    let (depth, size) = map("depth");
    let map = MapRef::new(&depth, size).unwrap();
    let mut sampler = Sampler::default();
    let expected = expected();
    let cases = expected["rectangles"].as_array().unwrap();
    assert!(cases.len() >= 12);
    for case in cases {
        let meaning = match case["meaning"].as_str().unwrap() {
            "metric" => METRIC,
            "relative" => OutputMeaning::Relative,
            _ => OutputMeaning::InverseRelative,
        };
        let rect = Rect {
            x: whole(&case["rect"][0]),
            y: whole(&case["rect"][1]),
            width: whole(&case["rect"][2]),
            height: whole(&case["rect"][3]),
        };
        let stats = sampler.of_rect(&map, rect, &reading(meaning));
        assert_eq!(stats.median, number(&case["median"]) as f32, "{case}");
        assert_eq!(stats.nearest, number(&case["nearest"]) as f32, "{case}");
        assert!(
            (f64::from(stats.valid) - number(&case["valid"])).abs() < 1e-6,
            "{case}"
        );
    }
}

#[test]
fn polygons_have_opencvs_pixels() {
    let (depth, size) = map("depth");
    let map = MapRef::new(&depth, size).unwrap();
    let expected = expected();
    let cases = expected["polygons"].as_array().unwrap();
    let zones = cases.iter().map(|case| Zone {
        name: case["name"].as_str().unwrap().into(),
        polygon: case["points"]
            .as_array()
            .unwrap()
            .iter()
            .map(|point| [number(&point[0]), number(&point[1])])
            .collect(),
        window: Window {
            near: 2.0,
            far: 6.0,
        },
        share: 0.05,
        hold_ns: 0,
    });
    let mut zones = Zones::new(zones.collect());
    let reports = zones.update(&map, &reading(METRIC), Some(0), &mut Sampler::default());
    assert_eq!(reports.len(), 4);
    for (report, case) in reports.iter().zip(cases) {
        assert!(
            (report.share - number(&case["share"])).abs() < 1e-9,
            "{case}: {report:?}"
        );
        assert_eq!(report.nearest, number(&case["nearest"]) as f32, "{case}");
    }
}

#[test]
fn coverage_has_scipys_boxes() {
    let (labels, size) = map("labels");
    let labels: Vec<u8> = labels.iter().map(|&label| label as u8).collect();
    let mut coverage = Coverage::default();
    let expected = expected();
    let cases = expected["coverage"].as_array().unwrap();
    assert!(cases.len() >= 5);
    // Frames as large as the map and three times as large; the second run starts from nothing.
    for zoom in [1, 3] {
        let frame = Size::new(size.height * zoom, size.width * zoom);
        let found = coverage.measure(labels.chunks(size.width as usize), frame);
        assert_eq!(found.len(), cases.len());
        for (found, case) in found.iter().zip(cases) {
            assert_eq!(u32::from(found.class), whole(&case["class"]));
            assert!((found.share - number(&case["share"])).abs() < 1e-9);
            let [top, left, bottom, right] =
                ["top", "left", "bottom", "right"].map(|side| whole(&case[side]) * zoom);
            let expected = Rect {
                x: left,
                y: top,
                width: right - left,
                height: bottom - top,
            };
            assert_eq!(found.rect, expected, "{case}");
        }
    }
}

#[test]
fn boxes_hold_every_pixel_that_a_map_pixel_shows() {
    // Three columns of a frame of eight pixels: 0…2.67, 2.67…5.33, 5.33…8.
    let mut coverage = Coverage::default();
    let found = coverage.measure([[7, 9, 9].as_slice()].into_iter(), Size::new(1, 8));
    let rect = |x, width| Rect {
        x,
        y: 0,
        width,
        height: 1,
    };
    assert_eq!((found[0].class, found[0].rect), (9, rect(2, 6)));
    assert_eq!((found[1].class, found[1].rect), (7, rect(0, 3)));
}

#[test]
fn rectangles_find_the_pixels_that_the_documented_formula_finds() {
    let (frame, map) = (Size::new(1080, 1920), Size::new(216, 384));
    for (start, length) in [
        (0, 1),
        (0, 1920),
        (7, 3),
        (1919, 1),
        (1900, 500),
        (u32::MAX - 1, 9),
    ] {
        let rect = Rect {
            x: start,
            y: 3,
            width: length,
            height: 1,
        };
        let found = on_map(rect, frame, map);
        let column = |x: u64| (x * 384 / 1920) as u32;
        let shown: Vec<u64> = (0..1920)
            .filter(|x| *x >= u64::from(start) && *x < u64::from(start) + u64::from(length))
            .collect();
        let expected = shown.first().zip(shown.last()).map(|(&first, &last)| Rect {
            x: column(first),
            y: 0,
            width: column(last) + 1 - column(first),
            height: 1,
        });
        assert_eq!(found, expected, "{start} {length}");
    }
}

#[test]
fn large_areas_are_sampled_evenly() {
    let size = Size::new(384, 384);
    // Rows 0, 1, 2 … as metres: the median is half of the height.
    let values: Vec<f32> = (0..size.area()).map(|at| (at / 384 + 1) as f32).collect();
    let map = MapRef::new(&values, size).unwrap();
    assert!(size.area() > 10 * MAX_SAMPLES);
    let whole = Rect {
        x: 0,
        y: 0,
        width: 384,
        height: 384,
    };
    let stats = Sampler::default().of_rect(&map, whole, &reading(METRIC));
    assert!((stats.median - 192.0).abs() <= 4.0, "{stats:?}");
    assert!((stats.nearest - 19.0).abs() <= 4.0, "{stats:?}");
    assert_eq!(stats.valid, 1.0);
    let zone = Zone {
        name: "all".into(),
        polygon: vec![[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]],
        window: Window {
            near: 0.0,
            far: 96.0,
        },
        share: 0.5,
        hold_ns: 0,
    };
    let mut zones = Zones::new(vec![zone]);
    let reports = zones.update(&map, &reading(METRIC), None, &mut Sampler::default());
    assert_eq!(reports[0].share, 0.25);
    assert!((reports[0].nearest - 19.0).abs() <= 4.0, "{reports:?}");
}

#[test]
fn nearness_lies_between_the_ends_of_the_range() {
    let inverse = reading(OutputMeaning::InverseRelative);
    assert_eq!(inverse.nearness(10.0), Some(1.0));
    assert_eq!(inverse.nearness(2.5), Some(0.25));
    assert_eq!(inverse.nearness(-4.0), Some(0.0));
    let relative = reading(OutputMeaning::Relative);
    assert_eq!(relative.nearness(2.5), Some(0.75));
    assert_eq!(relative.nearness(f32::INFINITY), Some(0.0));
    assert_eq!(inverse.nearness(f32::INFINITY), None);
    assert_eq!(inverse.nearness(f32::NAN), None);
    assert_eq!(reading(METRIC).nearness(1.0), None);
    let empty = ValueRange {
        near: 1.0,
        far: 1.0,
    };
    assert_eq!(
        Reading::new(OutputMeaning::Relative, empty).nearness(1.0),
        None
    );
}

#[test]
fn nothing_is_allocated_per_frame() {
    let size = Size::new(96, 128);
    let values: Vec<f32> = (0..size.area()).map(|at| (at % 97) as f32).collect();
    let labels: Vec<u8> = (0..size.area()).map(|at| (at % 151) as u8).collect();
    let map = MapRef::new(&values, size).unwrap();
    let text = "a: 0,0 1,0 1,1 0,1 far=0.5; b: 0,0 0.3,0.1 0.2,0.7 far=0.5";
    let mut zones = Zones::new(gstdptdepth::measure::parse_zones(text, false).unwrap());
    let (mut sampler, mut coverage) = (Sampler::default(), Coverage::default());
    let reading = reading(OutputMeaning::InverseRelative);
    let rect = Rect {
        x: 0,
        y: 0,
        width: 128,
        height: 96,
    };
    let mut measure = |time| {
        zones.update(&map, &reading, Some(time), &mut sampler);
        sampler.of_rect(&map, rect, &reading);
        coverage.measure(labels.chunks(128), Size::new(1080, 1920));
    };
    // The first map of a size is where the polygons are drawn.
    measure(0);
    assert_eq!(crate::frame::allocations::allocations(|| measure(1)), 0);
}
