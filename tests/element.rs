// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The element in pipelines: caps, states, seeks, flushes, flags and metas.

use crate::common::{End, Frames, collect, init, pipeline, play, sink_formats};
use gst::prelude::*;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn format_of(caps: &gst::Caps) -> String {
    caps.structure(0).unwrap().get("format").unwrap()
}

fn run(description: &str) -> (End, Frames) {
    let pipeline = pipeline(description);
    let seen = collect(&pipeline, "sink");
    let end = play(&pipeline, PATIENCE);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    (end, seen)
}

/// Runs and asserts that all went well.
fn good(description: &str) -> Frames {
    let (end, seen) = run(description);
    assert!(end.errors.is_empty(), "{description}: {:?}", end.errors);
    assert!(end.eos, "{description}: no EOS");
    seen
}

#[test]
fn every_sink_format_and_output_works() {
    for format in sink_formats("dptdepth") {
        for output in ["map", "overlay", "side-by-side", "meta"] {
            let seen = good(&format!(
                "videotestsrc num-buffers=2 ! video/x-raw,format={format},width=163,height=121 \
                 ! dptdepth output={output} network-size=64 ! fakesink name=sink"
            ));
            assert_eq!(seen.len(), 2, "{format} {output}");
            let caps = &seen[0].1;
            let width: i32 = caps.structure(0).unwrap().get("width").unwrap();
            assert_eq!(width, if output == "side-by-side" { 326 } else { 163 });
            if matches!(output, "overlay" | "meta") {
                assert_eq!(format_of(caps), format);
            }
            for (buffer, _) in &seen {
                gst::meta::CustomMeta::from_buffer(buffer, "GstDptDepthMeta").unwrap();
            }
        }
    }
}

#[test]
fn extreme_and_portrait_sizes_work() {
    for (width, height) in [
        (16, 16),
        (17, 300),
        (4096, 16),
        (16, 4096),
        (121, 163),
        (7680, 4320),
    ] {
        let seen = good(&format!(
            "videotestsrc num-buffers=1 ! video/x-raw,format=NV12,width={width},height={height} \
             ! dptdepth network-size=64 ! fakesink name=sink"
        ));
        let info = gst_video::VideoInfo::from_caps(&seen[0].1).unwrap();
        assert_eq!((info.width(), info.height()), (width, height));
        assert!(seen[0].0.size() >= (width * height) as usize);
    }
}

#[test]
fn too_small_and_interlaced_frames_are_refused_cleanly() {
    init();
    for caps in [
        "video/x-raw,format=RGB,width=15,height=64,framerate=25/1",
        "video/x-raw,format=I420,width=64,height=64,framerate=25/1,interlace-mode=interleaved",
    ] {
        let mut harness = gst_check::Harness::new("dptdepth");
        harness.set_src_caps_str(caps);
        let frame = gst::Buffer::with_size(64 * 64 * 3).unwrap();
        assert_eq!(
            harness.push(frame),
            Err(gst::FlowError::NotNegotiated),
            "{caps}"
        );
    }
}

#[test]
fn timestamps_durations_flags_and_metas_are_kept() {
    let pipeline = pipeline(
        "videotestsrc num-buffers=4 ! video/x-raw,format=RGB,width=64,height=48,framerate=10/1 \
         ! identity name=mark ! dptdepth output=map network-size=64 ! fakesink name=sink",
    );
    let mark = pipeline.by_name("mark").unwrap().static_pad("src").unwrap();
    mark.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        let buffer = info.buffer_mut().unwrap().make_mut();
        buffer.set_flags(gst::BufferFlags::DISCONT | gst::BufferFlags::MARKER);
        buffer.set_offset(7);
        gst_video::VideoRegionOfInterestMeta::add(buffer, "person", (1, 2, 3, 4));
        let unix = gst::Caps::builder("timestamp/x-unix").build();
        gst::ReferenceTimestampMeta::add(
            buffer,
            &unix,
            gst::ClockTime::SECOND,
            gst::ClockTime::NONE,
        );
        gst::PadProbeReturn::Ok
    });
    let seen = collect(&pipeline, "sink");
    let end = play(&pipeline, PATIENCE);
    assert!(end.eos, "{:?}", end.errors);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 4);
    for (index, (buffer, _)) in seen.iter().enumerate() {
        let pts = gst::ClockTime::from_mseconds(100 * index as u64);
        assert_eq!(buffer.pts(), Some(pts));
        assert_eq!(buffer.duration(), Some(gst::ClockTime::from_mseconds(100)));
        assert_eq!(buffer.offset(), 7);
        assert!(
            buffer
                .flags()
                .contains(gst::BufferFlags::DISCONT | gst::BufferFlags::MARKER)
        );
        let roi = buffer
            .meta::<gst_video::VideoRegionOfInterestMeta>()
            .unwrap();
        assert_eq!(roi.rect(), (1, 2, 3, 4));
        let stamp = buffer.meta::<gst::ReferenceTimestampMeta>().unwrap();
        assert_eq!(stamp.timestamp(), gst::ClockTime::SECOND);
    }
}

#[test]
fn sizes_and_formats_may_change_in_mid_stream() {
    let seen = good(
        "concat name=c ! dptdepth network-size=64 ! fakesink name=sink \
         videotestsrc num-buffers=3 ! video/x-raw,format=RGB,width=64,height=48 ! c. \
         videotestsrc num-buffers=3 ! video/x-raw,format=NV12,width=320,height=180 ! c. \
         videotestsrc num-buffers=3 ! video/x-raw,format=I420,width=90,height=160 ! c.",
    );
    let sizes: Vec<_> = seen
        .iter()
        .map(|(buffer, caps)| {
            let info = gst_video::VideoInfo::from_caps(caps).unwrap();
            assert!(buffer.size() >= info.size());
            (info.width(), info.height())
        })
        .collect();
    assert_eq!(sizes.len(), 9);
    assert_eq!(sizes[0], (64, 48));
    assert_eq!(sizes[3], (320, 180));
    assert_eq!(sizes[8], (90, 160));
}

#[test]
fn a_seek_and_state_changes_lose_nothing_and_do_not_hang() {
    let pipeline = pipeline(
        "videotestsrc num-buffers=200 ! video/x-raw,format=RGB,width=64,height=48,framerate=20/1 \
         ! dptdepth network-size=64 ! fakesink name=sink sync=false",
    );
    for round in 0..3 {
        pipeline.set_state(gst::State::Paused).unwrap();
        let (result, state, _) = pipeline.state(gst::ClockTime::from_seconds(60));
        result.unwrap();
        assert_eq!(state, gst::State::Paused);
        for second in [5, 1, 8] {
            pipeline
                .seek_simple(
                    gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE,
                    gst::ClockTime::from_seconds(second),
                )
                .unwrap();
            pipeline.state(gst::ClockTime::from_seconds(60)).0.unwrap();
            let sample: gst::Sample = pipeline.by_name("sink").unwrap().property("last-sample");
            let pts = sample.buffer().unwrap().pts().unwrap();
            assert_eq!(
                pts.seconds(),
                second,
                "round {round}: no stale frame after a seek"
            );
        }
        let end = play(&pipeline, PATIENCE);
        assert!(end.eos, "round {round}: {:?}", end.errors);
    }
}

#[test]
fn a_sink_that_has_seen_enough_ends_the_pipeline() {
    let seen = good(
        "videotestsrc ! video/x-raw,format=RGB,width=64,height=48 \
         ! dptdepth network-size=64 ! fakesink name=sink num-buffers=3",
    );
    assert_eq!(seen.len(), 3);
}

#[test]
fn a_failure_after_the_last_frame_is_told_once() {
    // The frame's answer comes when upstream has nothing more to send, so it cannot tell.
    let pipeline = pipeline(
        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=64,height=48 \
         ! dptdepth network-size=64 ! fakesink name=sink",
    );
    let pad = pipeline
        .by_name("sink")
        .unwrap()
        .static_pad("sink")
        .unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        info.flow_res = Err(gst::FlowError::NotSupported);
        info.data = None;
        gst::PadProbeReturn::Handled
    });
    let end = play(&pipeline, PATIENCE);
    let from: Vec<&str> = end.errors.iter().map(|(from, _)| from.as_str()).collect();
    assert_eq!(from, ["dptdepth"], "{:?}", end.errors);
}

#[test]
fn flush_pause_and_stop_in_the_middle_do_not_hang() {
    let pipeline = pipeline(
        "videotestsrc ! video/x-raw,format=RGB,width=64,height=48 ! identity name=upstream \
         ! dptdepth network-size=64 ! fakesink name=sink sync=false async=false",
    );
    let upstream = pipeline
        .by_name("upstream")
        .unwrap()
        .static_pad("src")
        .unwrap();
    for delay in [0, 1, 5, 20, 50] {
        pipeline.set_state(gst::State::Playing).unwrap();
        std::thread::sleep(Duration::from_millis(delay));
        pipeline.set_state(gst::State::Paused).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        upstream.push_event(gst::event::FlushStart::new());
        upstream.push_event(gst::event::FlushStop::new(true));
        std::thread::sleep(Duration::from_millis(delay));
        pipeline.set_state(gst::State::Null).unwrap();
    }
}

#[test]
fn progress_is_ended_and_the_model_is_told() {
    let pipeline = pipeline(
        "videotestsrc num-buffers=2 ! video/x-raw,width=64,height=48 \
         ! dptdepth name=d execution-provider=cpu network-size=64 ! fakesink name=sink",
    );
    let end = play(&pipeline, PATIENCE);
    assert!(end.eos, "{:?}", end.errors);
    assert_eq!(end.progress.first(), Some(&gst::ProgressType::Start));
    assert_eq!(end.progress.last(), Some(&gst::ProgressType::Complete));
    let [model] = end.models.as_slice() else {
        panic!("one model, one message: {:?}", end.models);
    };
    assert_eq!(model.get::<String>("provider").unwrap(), "cpu");
    assert_eq!(model.get::<u32>("network-width").unwrap(), 64);
    assert_eq!(model.get::<String>("meaning").unwrap(), "inverse-relative");
}

#[test]
fn downstream_that_fits_no_output_is_told_by_us() {
    let pipeline = pipeline(
        "videotestsrc num-buffers=2 ! dptdepth output=map ! capsfilter name=filter ! fakesink",
    );
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "NV12")
        .build();
    pipeline
        .by_name("filter")
        .unwrap()
        .set_property("caps", caps);
    let end = play(&pipeline, PATIENCE);
    let ours: Vec<_> = end
        .errors
        .iter()
        .filter(|(from, _)| from == "dptdepth")
        .collect();
    assert_eq!(ours.len(), 1, "{:?}", end.errors);
    assert_eq!(end.errors[0].0, "dptdepth");
    assert!(
        end.errors[0].1.contains("videoconvert"),
        "{}",
        end.errors[0].1
    );
}

#[cfg(not(feature = "v1_26"))]
#[test]
fn tensors_that_this_build_cannot_attach_are_an_error() {
    let pipeline = pipeline("videotestsrc ! dptdepth output-tensor-meta=true ! fakesink");
    let end = play(&pipeline, PATIENCE);
    assert_eq!(end.errors[0].0, "dptdepth");
    let text = &end.errors[0].1;
    assert!(text.contains("--features v1_26"), "{text}");
}

#[test]
fn defaults_and_pspecs_agree() {
    init();
    let element = gst::ElementFactory::make("dptdepth").build().unwrap();
    for pspec in element.list_properties() {
        if pspec.owner_type() == element.type_()
            && pspec.flags().contains(gst::glib::ParamFlags::WRITABLE)
        {
            let value = element.property_value(pspec.name());
            let default = pspec.default_value();
            // GStreamer cannot show a value that holds no structure.
            let agree = match value.get::<Option<gst::Structure>>() {
                Ok(structure) => structure == default.get().unwrap(),
                Err(_) => format!("{value:?}") == format!("{default:?}"),
            };
            assert!(agree, "{}", pspec.name());
            assert!(
                pspec.blurb().is_some_and(|blurb| blurb.len() > 20),
                "{}",
                pspec.name()
            );
        }
    }
}

#[test]
fn meta_fields_say_what_the_map_is() {
    let seen = good(
        "videotestsrc num-buffers=1 pattern=ball ! video/x-raw,format=RGB,width=128,height=96 \
         ! dptdepth output=meta network-size=64 ! fakesink name=sink",
    );
    let meta = gst::meta::CustomMeta::from_buffer(&seen[0].0, "GstDptDepthMeta").unwrap();
    let fields = meta.structure();
    let (width, height): (i32, i32) = (fields.get("width").unwrap(), fields.get("height").unwrap());
    assert_eq!(fields.get::<String>("format").unwrap(), "F32");
    assert_eq!(fields.get::<String>("meaning").unwrap(), "inverse-relative");
    assert_eq!(fields.get::<String>("unit").unwrap(), "none");
    assert_eq!(fields.get::<u64>("age").unwrap(), 0);
    assert!(fields.get::<f64>("near").unwrap() > fields.get::<f64>("far").unwrap());
    assert!(fields.get::<f64>("invalid").unwrap().is_nan());
    assert_eq!(
        ["region-x", "region-y", "region-width", "region-height"]
            .map(|f| fields.get::<i32>(f).unwrap()),
        [0, 0, 128, 96]
    );
    let data: gst::Buffer = fields.get("data").unwrap();
    assert_eq!(data.size(), (width * height * 4) as usize);
    let map = data.map_readable().unwrap();
    let values: Vec<f32> = map
        .chunks_exact(4)
        .map(|v| f32::from_ne_bytes(v.try_into().unwrap()))
        .collect();
    assert!(values.iter().all(|v| v.is_finite() && *v >= 0.0));
    assert!(values.iter().any(|v| *v != values[0]));
}

#[test]
fn metas_survive_what_they_should_and_are_dropped_where_they_would_lie() {
    let count = |tail: &str| {
        good(&format!(
            "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=128,height=96 \
             ! dptdepth output=meta network-size=64 ! {tail} ! fakesink name=sink"
        ))
        .iter()
        .filter_map(|(buffer, _)| {
            gst::meta::CustomMeta::from_buffer(buffer, "GstDptDepthMeta")
                .ok()
                .map(|meta| meta.structure().get::<i32>("region-width").unwrap())
        })
        .collect::<Vec<_>>()
    };
    assert_eq!(count("queue"), [128]);
    assert_eq!(count("videoconvert ! video/x-raw,format=I420"), [128]);
    assert_eq!(
        count("videoscale ! video/x-raw,width=256,height=192"),
        [256]
    );
    assert_eq!(
        count("videoscale ! video/x-raw,width=256,height=96,pixel-aspect-ratio=1/1"),
        [0; 0]
    );
    assert_eq!(count("videocrop left=16"), [0; 0]);
    assert_eq!(count("videoflip video-direction=180"), [0; 0]);
}

#[test]
fn a_photograph_gives_the_reference_map_in_every_colour_space() {
    use gstdptdepth::checkpoint::Checkpoint;
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let golden = Checkpoint::open(&data.join("dpt/default/photo.safetensors")).unwrap();
    let expected = golden.tensor("depth").unwrap();
    let (low, high) = expected
        .as_slice()
        .unwrap()
        .iter()
        .fold((f32::MAX, f32::MIN), |(low, high), value| {
            (low.min(*value), high.max(*value))
        });
    // RGB may differ by one 8-bit level from the reference processor's resize; the others lose
    // half of their colour resolution and a level or two on the way to YUV and back.
    for (format, tolerance) in [
        ("RGB", 0.005),
        ("Y444", 0.02),
        ("NV12", 0.03),
        ("I420", 0.03),
    ] {
        let photo = data.join("frame/photo.png");
        let seen = good(&format!(
            "filesrc location=\"{}\" ! pngdec ! videoconvert ! video/x-raw,format={format} \
             ! dptdepth output=meta execution-provider=cpu ! fakesink name=sink",
            photo.display()
        ));
        let meta = gst::meta::CustomMeta::from_buffer(&seen[0].0, "GstDptDepthMeta").unwrap();
        let map: gst::Buffer = meta.structure().get("data").unwrap();
        let map = map.map_readable().unwrap();
        let value = |x: usize, y: usize| {
            let at = (y * 224 + x) * 4;
            f32::from_ne_bytes(map[at..at + 4].try_into().unwrap())
        };
        let mean = expected
            .as_slice()
            .unwrap()
            .iter()
            .enumerate()
            .map(|(i, expected)| (expected - value(i % 56 * 4, i / 56 * 4)).abs())
            .sum::<f32>()
            / expected.as_slice().unwrap().len() as f32;
        assert!(
            mean <= tolerance * (high - low),
            "{format}: {mean} of {low}..{high}"
        );
    }
}

#[test]
fn the_display_aspect_ratio_decides_the_networks_shape() {
    let pipeline = pipeline(
        "videotestsrc num-buffers=1 ! video/x-raw,width=64,height=64,pixel-aspect-ratio=2/1 \
         ! dptdepth resize-policy=minimal network-size=64 ! fakesink name=sink",
    );
    let seen = collect(&pipeline, "sink");
    let end = play(&pipeline, PATIENCE);
    assert!(end.eos, "{:?}", end.errors);
    let side = |field| end.models[0].get::<u32>(field).unwrap();
    assert_eq!((side("network-width"), side("network-height")), (128, 64));
    let info = gst_video::VideoInfo::from_caps(&seen.lock().unwrap()[0].1).unwrap();
    assert_eq!((info.width(), info.height()), (64, 64));
    assert_eq!(info.par(), gst::Fraction::new(2, 1));
}

#[test]
fn the_embedded_segmentation_model_gives_the_reference_classes() {
    use gstdptdepth::checkpoint::Checkpoint;
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let golden = data.join("dpt/default-segmentation/photo.safetensors");
    let golden = Checkpoint::open(&golden).unwrap();
    let expected = golden.tensor("labels").unwrap();
    let seen = good(&format!(
        "filesrc location=\"{}\" ! pngdec ! videoconvert ! video/x-raw,format=RGB \
         ! dptdepth model-file=dptdepth-segmentation output=meta execution-provider=cpu ! fakesink name=sink",
        data.join("frame/scene.png").display()
    ));
    let meta = gst::meta::CustomMeta::from_buffer(&seen[0].0, "GstDptSegmentationMeta").unwrap();
    let names: gst::glib::StrV = meta.structure().get("labels").unwrap();
    let classes = [
        "sky",
        "ground",
        "building",
        "vegetation",
        "person",
        "vehicle",
        "animal",
        "object",
    ];
    assert_eq!(names.as_slice(), classes);
    let map: gst::Buffer = meta.structure().get("data").unwrap();
    let map = map.map_readable().unwrap();
    let (pixels, classes) = (
        expected.as_slice().unwrap().iter().enumerate(),
        expected.as_slice().unwrap(),
    );
    let wrong =
        pixels.filter(|&(i, class)| f32::from(map[i / 56 * 4 * 224 + i % 56 * 4]) != *class);
    // Where two classes are as likely, a level of 8 bits in the resized picture decides.
    assert!(wrong.count() * 100 <= classes.len());
    let mut found: Vec<u8> = classes.iter().map(|&class| class as u8).collect();
    found.sort_unstable();
    found.dedup();
    assert!(found.len() >= 4, "{found:?}");
}

/// Properties that are read up to READY keep their values while frames flow, in the caps of the pads too,
/// and the element warns once.
#[test]
fn a_property_of_ready_keeps_its_value_above() {
    for (chain, name, property, other) in [
        (
            "dptdepth name=it network-size=64",
            "it",
            "output",
            "side-by-side",
        ),
        (
            "dptdepth network-size=64 ! dptrender name=it",
            "it",
            "mode",
            "stereo",
        ),
    ] {
        let pipeline = pipeline(&format!(
            "videotestsrc num-buffers=60 ! video/x-raw,width=96,height=64,framerate=25/1 ! {chain} ! fakesink sync=true"
        ));
        let element = pipeline.by_name(name).unwrap();
        let value = || {
            let value = element.property_value(property);
            value.serialize().unwrap().to_string()
        };
        let default = value();
        pipeline.set_state(gst::State::Playing).unwrap();
        let (reached, ..) = pipeline.state(gst::ClockTime::from_seconds(60));
        reached.unwrap();
        let pad = element.static_pad("src").unwrap();
        let caps = pad.query_caps(None);
        for _ in 0..2 {
            element.set_property_from_str(property, other);
            assert_eq!(value(), default, "{chain}");
        }
        assert_eq!(pad.query_caps(None), caps, "{chain}");
        let bus = pipeline.bus().unwrap();
        let mut warnings = Vec::new();
        loop {
            let message = bus.timed_pop(gst::ClockTime::from_seconds(60)).unwrap();
            match message.view() {
                gst::MessageView::Warning(warning) => warnings.push(warning.error().to_string()),
                gst::MessageView::Error(error) => panic!("{chain}: {error:?}"),
                gst::MessageView::Eos(_) => break,
                _ => {}
            }
        }
        assert_eq!(warnings.len(), 1, "{chain}: {warnings:?}");
        assert!(warnings[0].contains(property), "{warnings:?}");
        pipeline.set_state(gst::State::Ready).unwrap();
        element.set_property_from_str(property, other);
        assert_ne!(value(), default, "{chain}");
        pipeline.set_state(gst::State::Null).unwrap();
    }
}
