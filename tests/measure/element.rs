// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Classes, coverage, objects and zones of the element.

use super::*;
use gst_video::VideoRegionOfInterestMeta;

/// Two zones in halves of the frame; the left one is empty, then occupied, then empty.
#[test]
fn zones_tell_when_they_change() {
    let description = format!(
        "videotestsrc num-buffers=50 ! video/x-raw,format=RGB,width=48,height=32,framerate=20/1 \
         ! identity name=mark ! {} output=meta zones=\"left one: 0,0 0.5,0 0.5,1 0,1 far=2 hold=0.2; \
         right: 0.5,0 1,0 1,1 0.5,1 far=2\" ! fakesink name=sink",
        metres()
    );
    // 100 is one metre, 20 is five.
    let ran = good(&description, |index, frame| {
        paint(frame, if (10..30).contains(&index) { 100 } else { 20 });
    });
    let [came, went] = ran.zones.as_slice() else {
        panic!("{:?}", ran.zones);
    };
    for (message, occupied, share, nearest, millis) in
        [(came, true, 1.0, 1.0, 700), (went, false, 0.0, 5.0, 1700)]
    {
        assert_eq!(message.get::<String>("zone").unwrap(), "left one");
        assert_eq!(message.get::<bool>("occupied").unwrap(), occupied);
        assert_eq!(message.get::<f64>("share").unwrap(), share);
        assert!((message.get::<f64>("nearest").unwrap() - nearest).abs() < 1e-5);
        assert_eq!(message.get::<String>("unit").unwrap(), "m");
        for time in ["timestamp", "stream-time", "running-time"] {
            assert_eq!(
                message.get::<u64>(time).unwrap(),
                millis * 1_000_000,
                "{time}"
            );
        }
    }
    for (index, buffer) in ran.buffers.iter().enumerate() {
        let zones = nested(&depth_meta(buffer).unwrap(), &["zones"]);
        assert_eq!(zones.n_fields(), 2);
        let (left, right) = (nested(&zones, &["z0"]), nested(&zones, &["z1"]));
        assert_eq!(left.get::<String>("name").unwrap(), "left one");
        assert_eq!(
            left.get::<bool>("occupied").unwrap(),
            (14..34).contains(&index),
            "{index}"
        );
        assert!(!right.get::<bool>("occupied").unwrap());
        assert_eq!(right.get::<f64>("share").unwrap(), 0.0);
        assert!((right.get::<f64>("nearest").unwrap() - 5.0).abs() < 1e-5);
    }
}

#[test]
fn zones_of_relative_depth_are_positions_in_the_range() {
    let description = format!(
        "videotestsrc num-buffers=2 ! video/x-raw,format=RGB,width=48,height=32,framerate=20/1 \
         ! identity name=mark ! {} output=map range-mode=fixed range-near=120 range-far=0 \
         zones=\"left: 0,0 0.5,0 0.5,1 0,1 far=0.8 hold=0; right: 0.5,0 1,0 1,1 0.5,1 near=0.2 far=0.1 hold=0\" \
         ! fakesink name=sink",
        grey()
    );
    let ran = good(&description, |_, frame| paint(frame, 100));
    assert_eq!(ran.zones.len(), 2, "{:?}", ran.zones);
    assert_eq!(ran.zones[0].get::<String>("unit").unwrap(), "none");
    assert_eq!(ran.zones[0].get::<f64>("nearest").unwrap(), 100.0);
    assert_eq!(ran.zones[1].get::<f64>("nearest").unwrap(), 20.0);
}

#[test]
fn zones_go_on_when_the_size_changes() {
    let source = |size: &str| {
        format!(
            "videotestsrc pattern=white num-buffers=3 ! video/x-raw,format=RGB,{size},framerate=20/1 ! c. "
        )
    };
    let ran = good(
        &format!(
            "concat name=c ! {} output=meta zones=\"a: 0,0 1,0 1,1 far=2 hold=0\" ! fakesink name=sink {}{}",
            metres(),
            source("width=48,height=32"),
            source("width=300,height=200")
        ),
        |_, _| {},
    );
    assert_eq!(ran.buffers.len(), 6);
    assert_eq!(ran.zones.len(), 1, "{:?}", ran.zones);
}

#[test]
fn after_a_flush_every_zone_is_free() {
    crate::common::init();
    let element = gst::ElementFactory::make("dptdepth")
        .property("model-file", data("onnx/u8-nhwc.onnx").to_str().unwrap())
        .property("depth-scale", 0.01)
        .property_from_str("execution-provider", "cpu")
        .property_from_str("output", "meta")
        // A harness is a live source.
        .property_from_str("alignment", "strict")
        .property("zones", "a: 0,0 1,0 1,1 0,1 far=2 hold=0")
        .build()
        .unwrap();
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    let bus = gst::Bus::new();
    element.set_bus(Some(&bus));
    harness.set_src_caps_str("video/x-raw,format=RGB,width=48,height=32,framerate=20/1");
    let occupied = |harness: &mut gst_check::Harness, grey: u8| {
        let mut frame = gst::Buffer::with_size(48 * 32 * 3).unwrap();
        paint(frame.get_mut().unwrap(), grey);
        frame.get_mut().unwrap().set_pts(gst::ClockTime::ZERO);
        let out = harness.push_and_pull(frame).unwrap();
        nested(&depth_meta(&out).unwrap(), &["zones", "z0"])
            .get::<bool>("occupied")
            .unwrap()
    };
    assert!(occupied(&mut harness, 100));
    harness.push_event(gst::event::FlushStart::new());
    harness.push_event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    harness.push_event(gst::event::Segment::new(&segment));
    assert!(!occupied(&mut harness, 20));
    let told = bus
        .iter()
        .filter(|message| {
            message
                .structure()
                .is_some_and(|s| s.name() == "dptdepth-zone")
        })
        .count();
    assert_eq!(told, 1, "a zone that was forgotten is not left");
    element.set_bus(None);
}

/// A detection left, one across the middle, one partly outside, one outside, an empty one.
const RECTS: [(u32, u32, u32, u32); 5] = [
    (4, 4, 8, 8),
    (20, 0, 12, 32),
    (40, 20, 100, 100),
    (48, 0, 5, 5),
    (9, 9, 0, 3),
];

fn detect(frame: &mut gst::BufferRef) {
    for (rect, kind) in RECTS.into_iter().zip(["cat", "dog", "cat", "bird", "cat"]) {
        let mut meta = VideoRegionOfInterestMeta::add(frame, kind, rect);
        meta.add_param(
            gst::Structure::builder("detection")
                .field("confidence", 0.5)
                .build(),
        );
    }
}

#[test]
fn detections_get_their_depth_in_every_output() {
    for output in ["map", "overlay", "side-by-side", "meta"] {
        let description = format!(
            "videotestsrc num-buffers=2 ! video/x-raw,format=RGB,width=48,height=32 ! identity name=mark \
             ! {} output={output} ! fakesink name=sink",
            metres()
        );
        let ran = good(&description, |_, frame| {
            paint(frame, 100);
            detect(frame);
        });
        assert_eq!(ran.buffers.len(), 2);
        for buffer in &ran.buffers {
            let objects = nested(&depth_meta(buffer).unwrap(), &["objects"]);
            assert_eq!(objects.n_fields(), RECTS.len(), "{output}");
            let metas: Vec<_> = buffer.iter_meta::<VideoRegionOfInterestMeta>().collect();
            assert_eq!(metas.len(), RECTS.len(), "{output}");
            let expected = [(1.0, 1.0, 1.0), (5.0, 1.0, 1.0), (5.0, 5.0, 1.0)];
            for (index, meta) in metas.iter().enumerate() {
                let object = nested(&objects, &[&format!("o{index}")]);
                assert_eq!(object.get::<String>("source").unwrap(), "roi");
                assert_eq!(object.get::<String>("label").unwrap(), meta.roi_type());
                assert_eq!(object.get::<i32>("id").unwrap(), meta.id());
                let (x, y, width, height) = RECTS[index];
                assert_eq!(rect(&object), [x, y, width, height].map(|side| side as i32));
                let ours: Vec<_> = meta.params().filter(|p| p.name() == "dptdepth").collect();
                assert_eq!(ours.len(), 1);
                assert!(meta.param("detection").is_some());
                assert_eq!(ours[0].get::<String>("unit").unwrap(), "m");
                assert_eq!(ours[0].get::<String>("meaning").unwrap(), "metric");
                for fields in [ours[0], &object] {
                    let value = |field| fields.get::<f64>(field).unwrap();
                    match expected.get(index) {
                        Some((median, nearest, valid)) => {
                            assert!((value("median") - median).abs() < 1e-5, "{output} {fields}");
                            assert!(
                                (value("nearest") - nearest).abs() < 1e-5,
                                "{output} {fields}"
                            );
                            assert_eq!(value("valid"), *valid);
                        }
                        None => {
                            assert!(value("median").is_nan() && value("nearest").is_nan());
                            assert_eq!(value("valid"), 0.0);
                        }
                    }
                    assert!(!fields.has_field("nearness"));
                }
            }
        }
    }
}

#[test]
fn a_later_depth_replaces_an_earlier_one() {
    let description = format!(
        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=48,height=32 ! identity name=mark \
         ! {} output=meta ! {} output=meta range-mode=fixed range-near=200 range-far=0 ! fakesink name=sink",
        metres().replace("name=d", "name=e"),
        grey()
    );
    let ran = good(&description, |_, frame| {
        paint(frame, 100);
        detect(frame);
    });
    let metas = ran.buffers[0].iter_meta::<VideoRegionOfInterestMeta>();
    for (index, meta) in metas.enumerate() {
        let ours: Vec<_> = meta.params().filter(|p| p.name() == "dptdepth").collect();
        assert_eq!(ours.len(), 1);
        assert_eq!(
            ours[0].get::<String>("meaning").unwrap(),
            "inverse-relative"
        );
        assert_eq!(ours[0].get::<String>("unit").unwrap(), "none");
        if index == 0 {
            assert_eq!(ours[0].get::<f64>("median").unwrap(), 100.0);
            assert_eq!(ours[0].get::<f64>("nearness").unwrap(), 0.5);
        }
    }
}

#[test]
fn without_detections_and_zones_nothing_is_added() {
    let description = format!(
        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=48,height=32 ! {} output=meta ! fakesink name=sink",
        grey()
    );
    let meta = depth_meta(&good(&description, |_, _| {}).buffers[0]).unwrap();
    assert!(!meta.has_field("objects") && !meta.has_field("zones") && !meta.has_field("coverage"));
}

/// The map of a segmentation meta, its size and what it says of coverage.
fn classes_of(buffer: &gst::BufferRef) -> (Vec<u8>, usize, Vec<gst::Structure>) {
    let meta = segmentation_meta(buffer).unwrap();
    let map: gst::Buffer = meta.get("data").unwrap();
    let map = map.map_readable().unwrap().to_vec();
    let coverage = nested(&meta, &["coverage"]);
    let entries = (0..coverage.n_fields()).map(|index| nested(&coverage, &[&format!("c{index}")]));
    (
        map,
        meta.get::<i32>("width").unwrap() as usize,
        entries.collect(),
    )
}

const PICTURE: &str = "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=96,height=96";

#[test]
fn coverage_says_what_the_map_holds() {
    let ran = good(
        &format!(
            "{PICTURE} ! {} output=meta ! fakesink name=sink",
            segmentation()
        ),
        |_, _| {},
    );
    let (map, width, entries) = classes_of(&ran.buffers[0]);
    assert!(entries.len() > 1, "{entries:?}");
    let height = map.len() / width;
    let (mut total, mut before) = (0.0, 1.0);
    for entry in &entries {
        let class = entry.get::<i32>("index").unwrap();
        assert_eq!(
            entry.get::<String>("label").unwrap(),
            format!("LABEL_{class}")
        );
        let places: Vec<_> = (0..map.len())
            .filter(|&at| i32::from(map[at]) == class)
            .collect();
        let share = entry.get::<f64>("share").unwrap();
        assert_eq!(share, places.len() as f64 / map.len() as f64);
        assert!(share <= before, "largest first");
        (total, before) = (total + share, share);
        let ends = |values: Vec<usize>, map: usize| {
            let (low, high) = (values.iter().min().unwrap(), values.iter().max().unwrap());
            (
                low * 96 / map,
                ((high + 1) * 96).div_ceil(map) - low * 96 / map,
            )
        };
        let (x, columns) = ends(places.iter().map(|at| at % width).collect(), width);
        let (y, rows) = ends(places.iter().map(|at| at / width).collect(), height);
        assert_eq!(rect(entry), [x, y, columns, rows].map(|side| side as i32));
    }
    assert!((total - 1.0).abs() < 1e-9);
}

#[test]
fn classes_that_are_not_kept_are_none_everywhere() {
    let all = good(
        &format!(
            "{PICTURE} ! {} output=meta ! fakesink name=sink",
            segmentation()
        ),
        |_, _| {},
    );
    let (whole, _, entries) = classes_of(&all.buffers[0]);
    let kept = entries[0].get::<i32>("index").unwrap();
    for (output, name) in [
        ("meta", format!("label_{kept}")),
        ("map", format!("{kept};")),
    ] {
        let ran = good(
            &format!(
                "{PICTURE} ! {} output={output} classes=\"{name}\" ! video/x-raw,format={} ! fakesink name=sink",
                segmentation(),
                if output == "map" { "GRAY8" } else { "RGB" }
            ),
            |_, _| {},
        );
        let (map, _, entries) = classes_of(&ran.buffers[0]);
        let expected: Vec<u8> = whole
            .iter()
            .map(|&class| if i32::from(class) == kept { class } else { 255 })
            .collect();
        assert!(expected.contains(&255) && expected.iter().any(|&class| class != 255));
        assert_eq!(map, expected, "{output}");
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].get::<i32>("index").unwrap(), kept);
        if output == "map" {
            let picture = ran.buffers[0].map_readable().unwrap();
            assert!(
                picture
                    .iter()
                    .all(|&code| code == 255 || i32::from(code) == kept)
            );
            assert!(picture.contains(&255));
        }
    }
}

#[test]
fn wrong_settings_are_told_before_the_first_frame() {
    let seg = segmentation();
    for (element, words) in [
        (
            format!("{seg} classes=\"label_9\""),
            ["\"label_9\"", "LABEL_0"],
        ),
        (
            format!("{seg} classes=\"LABEL_1;perzon\""),
            ["\"perzon\"", "labels"],
        ),
        (format!("{seg} classes=7"), ["class 7", "has 7"]),
        (format!("{seg} classes=\" ; \""), ["names no class", "NULL"]),
        (
            format!("{} classes=person", grey()),
            ["gives depth", "segmentation model"],
        ),
        (
            format!("{seg} zones=\"a: 0,0 1,0 1,1 far=2\""),
            ["gives classes", "depth model"],
        ),
        (
            format!("{} zones=\"a: 0,0 1,0 1,1.5 far=2\"", metres()),
            ["character 12", "outside the frame"],
        ),
        (
            format!("{} zones=\"a: 0,0 1,0 1,1 far=2\"", grey()),
            ["relative", "depth-scale"],
        ),
        (
            format!("{} zones=\"door\"", metres()),
            ["character 1", "NAME:"],
        ),
    ] {
        let text = refusal(&element);
        for word in words {
            assert!(text.contains(word), "{element}: {text}");
        }
    }
}
