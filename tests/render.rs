// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dptrender` in pipelines: its pictures against those of `dptdepth` itself, caps, what it does
//! without a result and with a bad one, and several branches from one inference.

use crate::common::{End, Frames, collect, pipeline, play, sink_formats};
use gst::prelude::*;
use gst_video::prelude::*;
use std::sync::Mutex;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
const SOURCE: &str = "videotestsrc num-buffers=2 pattern=ball \
    ! video/x-raw,format=NV12,width=164,height=120,framerate=25/1";
const META: &str = "dptdepth output=meta network-size=64";
const MODES: [&str; 7] = [
    "map",
    "overlay",
    "side-by-side",
    "stereo",
    "anaglyph",
    "matte",
    "blur",
];

type Seen = Vec<(gst::Buffer, gst_video::VideoInfo)>;

/// What reaches the sink pad of the element of this name.
fn take(frames: &Mutex<Frames>) -> Seen {
    let frames = std::mem::take(&mut *frames.lock().unwrap());
    let with_info = |(buffer, caps): (gst::Buffer, gst::Caps)| {
        let info = gst_video::VideoInfo::from_caps(&caps).unwrap();
        (buffer, info)
    };
    frames.into_iter().map(with_info).collect()
}

fn run(description: &str) -> (End, Seen) {
    let pipeline = pipeline(description);
    let seen = collect(&pipeline, "sink");
    let end = play(&pipeline, PATIENCE);
    let seen = take(&seen);
    (end, seen)
}

fn good(description: &str) -> Seen {
    let (end, seen) = run(description);
    assert!(end.errors.is_empty(), "{description}: {:?}", end.errors);
    assert!(end.eos, "{description}: no EOS");
    assert!(end.warnings.is_empty(), "{description}: {:?}", end.warnings);
    seen
}

fn bytes(seen: &Seen) -> Vec<Vec<u8>> {
    seen.iter()
        .map(|(buffer, _)| buffer.map_readable().unwrap().to_vec())
        .collect()
}

#[test]
fn the_same_pictures_as_dptdepth_makes() {
    for output in ["map", "overlay", "side-by-side"] {
        for format in [
            "",
            "! video/x-raw,format=RGB",
            "! video/x-raw,format=GRAY16_LE",
        ] {
            if (output == "overlay" && !format.is_empty())
                || (output == "side-by-side" && format.contains("GRAY"))
            {
                continue;
            }
            for looks in [
                "colormap=turbo alpha=0.7 polarity=far-bright",
                "upsampling=guided",
            ] {
                let direct = good(&format!(
                    "{SOURCE} ! dptdepth output={output} network-size=64 {looks} {format} ! fakesink name=sink"
                ));
                let rendered = good(&format!(
                    "{SOURCE} ! {META} ! dptrender mode={output} {looks} {format} ! fakesink name=sink"
                ));
                assert_eq!(direct.len(), 2);
                assert_eq!(direct[0].1, rendered[0].1, "{output} {format}");
                assert!(
                    bytes(&direct) == bytes(&rendered),
                    "{output} {format} {looks}"
                );
            }
        }
    }
}

#[test]
fn metric_maps_are_distances_and_classes_are_indices() {
    let metric = "depth-scale=0.001 depth-shift=0.1";
    for unit in ["mm", "cm"] {
        let direct = good(&format!(
            "{SOURCE} ! dptdepth network-size=64 {metric} depth-unit={unit} ! fakesink name=sink"
        ));
        let rendered = good(&format!(
            "{SOURCE} ! {META} {metric} ! dptrender depth-unit={unit} ! video/x-raw,format=GRAY16_LE ! fakesink name=sink"
        ));
        assert_eq!(bytes(&direct), bytes(&rendered), "{unit}");
    }
}

#[test]
fn every_mode_takes_every_format_and_says_how_large_its_output_is() {
    for format in sink_formats("dptrender") {
        for mode in MODES {
            let seen = good(&format!(
                "videotestsrc num-buffers=1 ! video/x-raw,format={format},width=163,height=121 \
                 ! {META} ! dptrender mode={mode} ! fakesink name=sink"
            ));
            let info = &seen[0].1;
            let wide = matches!(mode, "side-by-side" | "stereo");
            let size = (if wide { 326 } else { 163 }, 121);
            assert_eq!((info.width(), info.height()), size, "{format} {mode}");
            assert!(seen[0].0.size() >= info.size(), "{format} {mode}");
        }
    }
}

#[test]
fn stereo_caps_are_understood_by_other_elements() {
    for (layout, mode, size) in [
        (
            "side-by-side",
            gst_video::VideoMultiviewMode::SideBySide,
            (328, 120),
        ),
        (
            "side-by-side-half",
            gst_video::VideoMultiviewMode::SideBySide,
            (164, 120),
        ),
        (
            "top-bottom",
            gst_video::VideoMultiviewMode::TopBottom,
            (164, 240),
        ),
    ] {
        let seen = good(&format!(
            "{SOURCE} ! {META} ! dptrender mode=stereo stereo-layout={layout} ! fakesink name=sink"
        ));
        let info = &seen[0].1;
        assert_eq!(info.multiview_mode(), mode, "{layout}");
        assert_eq!((info.width(), info.height()), size, "{layout}");
        let par = if layout == "side-by-side-half" { 2 } else { 1 };
        assert_eq!(info.par(), gst::Fraction::new(par, 1), "{layout}");
        // The region of the result does not hold for two moved copies of the frame.
        assert!(gst::meta::CustomMeta::from_buffer(&seen[0].0, "GstDptDepthMeta").is_err());
    }
}

/// The eyes' pictures differ where they should: the left eye sees near things further right.
#[test]
fn zero_divergence_shows_both_eyes_the_frame() {
    let frame = good(&format!(
        "{SOURCE} ! videoconvert ! video/x-raw,format=RGB ! {META} ! fakesink name=sink"
    ));
    let stereo = good(&format!(
        "{SOURCE} ! videoconvert ! video/x-raw,format=RGB ! {META} \
         ! dptrender mode=stereo divergence=0 ! fakesink name=sink"
    ));
    let moved = good(&format!(
        "{SOURCE} ! videoconvert ! video/x-raw,format=RGB ! {META} \
         ! dptrender mode=stereo divergence=6 ! fakesink name=sink"
    ));
    let (frame, stereo, moved) = (bytes(&frame), bytes(&stereo), bytes(&moved));
    let row = 164usize * 3;
    // GStreamer pads rows of RGB to a multiple of four bytes.
    let (from, to) = (row.next_multiple_of(4), (2 * row).next_multiple_of(4));
    let mut differ = false;
    for line in 0..120 {
        let source = &frame[0][line * from..line * from + row];
        let (left, right) = stereo[0][line * to..line * to + 2 * row].split_at(row);
        assert!(left == source && right == source, "row {line}");
        let (left, right) = moved[0][line * to..line * to + 2 * row].split_at(row);
        differ |= left != right;
    }
    assert!(differ);
}

#[test]
fn mattes_have_alpha_and_blurs_keep_what_is_near() {
    let matte = good(&format!(
        "{SOURCE} ! {META} ! dptrender mode=matte ! fakesink name=sink"
    ));
    assert_eq!(matte[0].1.format(), gst_video::VideoFormat::Rgba);
    let alpha: Vec<u8> = bytes(&matte)[0]
        .iter()
        .skip(3)
        .step_by(4)
        .copied()
        .collect();
    assert!(alpha.contains(&255) && alpha.contains(&0));
    let mask = good(&format!(
        "{SOURCE} ! {META} ! dptrender mode=matte ! video/x-raw,format=GRAY8 ! fakesink name=sink"
    ));
    let mask = &bytes(&mask)[0];
    for (line, row) in alpha.chunks(164).enumerate() {
        assert_eq!(row, &mask[line * 164..line * 164 + 164], "row {line}");
    }
    let everything = good(&format!(
        "{SOURCE} ! {META} ! dptrender mode=matte near=1 far=0 ! fakesink name=sink"
    ));
    assert!(
        bytes(&everything)[0]
            .iter()
            .skip(3)
            .step_by(4)
            .all(|&a| a == 255)
    );
}

/// Without a result every mode shows what is honest, and says once what is missing.
#[test]
fn frames_without_a_result_pass_and_are_explained_once() {
    for mode in MODES {
        let (end, seen) = run(&format!(
            "{SOURCE} ! dptrender name=render mode={mode} ! fakesink name=sink"
        ));
        assert!(end.errors.is_empty() && end.eos, "{mode}: {end:?}");
        assert_eq!(seen.len(), 2, "{mode}");
        assert_eq!(end.warnings.len(), 1, "{mode}: {:?}", end.warnings);
        assert!(end.warnings[0].contains("put"), "{}", end.warnings[0]);
        let gap = seen[0].0.flags().contains(gst::BufferFlags::GAP);
        assert_eq!(gap, mode == "map", "{mode}");
        let first = &bytes(&seen)[0];
        match mode {
            "map" => assert!(first.iter().all(|&byte| byte == 0)),
            "matte" => assert!(first.iter().skip(3).step_by(4).all(|&alpha| alpha == 0)),
            _ => assert!(first.iter().any(|&byte| byte != 0)),
        }
    }
}

/// Changes the result meta of each buffer that leaves dptdepth.
fn with_meta(
    mode: &str,
    change: impl Fn(&mut gst::StructureRef) + Send + Sync + 'static,
) -> (End, Seen) {
    let pipeline = pipeline(&format!(
        "{SOURCE} ! {META} name=depth ! dptrender mode={mode} ! fakesink name=sink"
    ));
    let pad = pipeline
        .by_name("depth")
        .unwrap()
        .static_pad("src")
        .unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(buffer) = info.buffer_mut() {
            let buffer = buffer.make_mut();
            let mut meta =
                gst::meta::CustomMeta::from_mut_buffer(buffer, "GstDptDepthMeta").unwrap();
            change(meta.mut_structure());
        }
        gst::PadProbeReturn::Ok
    });
    let seen = collect(&pipeline, "sink");
    let end = play(&pipeline, PATIENCE);
    let seen = take(&seen);
    (end, seen)
}

#[test]
fn bad_metas_are_named_and_harmless() {
    type Change = fn(&mut gst::StructureRef);
    let changes: [(&str, Change); 9] = [
        ("width", |fields| fields.remove_field("width")),
        ("width", |fields| fields.set("width", -5)),
        ("bytes", |fields| fields.set("width", 60_000)),
        ("height", |fields| fields.set("height", i32::MAX)),
        ("format", |fields| fields.set("format", "F64")),
        ("data", |fields| fields.set("data", "none")),
        ("bytes", |fields| fields.set("data", gst::Buffer::new())),
        ("meaning", |fields| fields.set("meaning", "secret")),
        ("part", |fields| fields.set("region-width", 20)),
    ];
    for mode in ["map", "stereo", "blur"] {
        for (expected, change) in changes {
            let (end, seen) = with_meta(mode, change);
            assert!(
                end.errors.is_empty() && end.eos,
                "{mode} {expected}: {end:?}"
            );
            assert_eq!(seen.len(), 2);
            assert_eq!(
                end.warnings.len(),
                1,
                "{mode} {expected}: {:?}",
                end.warnings
            );
            assert!(end.warnings[0].contains(expected), "{}", end.warnings[0]);
        }
    }
}

/// A map of the same value, of NaN, of infinities; a range that is none.
#[test]
fn odd_values_make_pictures() {
    fn filled(value: f32) -> impl Fn(&mut gst::StructureRef) + Send + Sync + 'static {
        move |fields| {
            let area = fields.get::<i32>("width").unwrap() * fields.get::<i32>("height").unwrap();
            let bytes: Vec<u8> = (0..area).flat_map(|_| value.to_ne_bytes()).collect();
            fields.set("data", gst::Buffer::from_slice(bytes));
        }
    }
    for mode in MODES {
        for value in [
            0.0,
            1.0,
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::MAX,
        ] {
            let (end, seen) = with_meta(mode, filled(value));
            assert!(end.errors.is_empty() && end.eos, "{mode} {value}: {end:?}");
            assert_eq!(seen.len(), 2);
        }
        for (near, far) in [
            (f64::NAN, 0.0),
            (1.0, 1.0),
            (f64::INFINITY, f64::NEG_INFINITY),
            (0.0, 9.0),
        ] {
            let (end, seen) = with_meta(mode, move |fields| {
                fields.set("near", near);
                fields.set("far", far);
                fields.set("meaning", "metric");
            });
            assert!(
                end.errors.is_empty() && end.eos,
                "{mode} {near} {far}: {end:?}"
            );
            assert_eq!(seen.len(), 2);
        }
    }
}

#[test]
fn results_follow_scaled_and_converted_frames() {
    let seen = good(&format!(
        "{SOURCE} ! {META} ! videoconvert ! video/x-raw,format=BGRx ! videoscale \
         ! video/x-raw,width=82,height=60 ! dptrender mode=overlay alpha=1 ! fakesink name=sink"
    ));
    assert_eq!((seen[0].1.width(), seen[0].1.height()), (82, 60));
    let (end, _) = run(&format!(
        "{SOURCE} ! {META} ! videocrop left=20 ! dptrender ! fakesink name=sink"
    ));
    assert!(end.eos && end.warnings.len() == 1, "{end:?}");
}

const CLASSES: &str = concat!(
    "dptdepth output=meta model-file=",
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/dpt/vit-segmentation"
);

/// The class map in the meta is a picture by itself.
#[test]
fn the_values_of_a_class_map_are_a_picture() {
    for interval in [1, 2] {
        for (buffer, _) in good(&format!(
            "{SOURCE} ! {CLASSES} inference-interval={interval} ! fakesink name=sink"
        )) {
            let meta =
                gst::meta::CustomMeta::from_buffer(&buffer, "GstDptSegmentationMeta").unwrap();
            let fields = meta.structure();
            let data: gst::Buffer = fields.get("data").unwrap();
            let picture = data.meta::<gst_video::VideoMeta>().unwrap();
            assert_eq!(picture.format(), gst_video::VideoFormat::Gray8);
            let size = |name: &str| u32::try_from(fields.get::<i32>(name).unwrap()).unwrap();
            assert_eq!(picture.width(), size("width"));
            assert_eq!(picture.height(), size("height"));
        }
    }
}

/// Frames with depth and classes: which of them is drawn.
#[test]
fn the_source_chooses_between_depth_and_classes() {
    let both = format!("{SOURCE} ! {META} ! {CLASSES}");
    let of = |chain: &str, render: &str| {
        bytes(&good(&format!(
            "{chain} ! dptrender {render} ! fakesink name=sink"
        )))
    };
    let depth = of(&format!("{SOURCE} ! {META}"), "mode=overlay");
    let classes = of(&format!("{SOURCE} ! {CLASSES}"), "mode=overlay");
    assert_ne!(depth, classes);
    assert_eq!(of(&both, "mode=overlay"), depth);
    assert_eq!(of(&both, "mode=overlay source=depth"), depth);
    assert_eq!(of(&both, "mode=overlay source=segmentation"), classes);
    // Stereo is made of depth, whatever classes are asked for.
    let stereo = of(&format!("{SOURCE} ! {META}"), "mode=stereo");
    assert_eq!(of(&both, "mode=stereo classes=0"), stereo);
}

#[test]
fn classes_are_kept_by_name_or_index_and_unknown_ones_are_an_error() {
    let chain = format!("{SOURCE} ! {CLASSES}");
    let map = bytes(&good(&format!("{chain} ! dptrender ! fakesink name=sink")));
    let kept = map[0][0];
    let filtered = bytes(&good(&format!(
        "{chain} ! dptrender classes={kept} ! fakesink name=sink"
    )));
    for (all, filtered) in map[0].iter().zip(&filtered[0]) {
        assert_eq!(*filtered, if *all == kept { kept } else { 255 });
    }
    let matte = bytes(&good(&format!(
        "{chain} ! dptrender mode=matte classes={kept} ! video/x-raw,format=GRAY8 ! fakesink name=sink"
    )));
    // Away from edges the matte is what the classes are, but where a pixel's three neighbours in
    // the map outweigh its own cell.
    let (mut inside, mut wrong) = (0, 0);
    for (class, alpha) in map[0].iter().zip(&matte[0]) {
        let expected = if *class == kept { 255 } else { 0 };
        inside += u32::from(*alpha == 0 || *alpha == 255);
        wrong += u32::from((*alpha == 0 || *alpha == 255) && *alpha != expected);
    }
    assert!(
        inside > 10_000 && wrong * 500 < inside,
        "{wrong} of {inside}"
    );
    for (classes, expected) in [("unicorn", "unicorn"), ("4000", "4000"), (";;", "no class")] {
        let (end, _) = run(&format!(
            "{chain} ! dptrender mode=matte classes=\"{classes}\" ! fakesink name=sink"
        ));
        assert_eq!(end.errors[0].0, "dptrender", "{end:?}");
        assert!(end.errors[0].1.contains(expected), "{}", end.errors[0].1);
    }
}

#[test]
fn looks_change_while_playing() {
    let pipeline = pipeline(&format!(
        "videotestsrc num-buffers=60 ! video/x-raw,width=64,height=64,framerate=30/1 ! {META} \
         ! dptrender name=render mode=overlay ! fakesink name=sink"
    ));
    let render = pipeline.by_name("render").unwrap();
    let pad = render.static_pad("sink").unwrap();
    let weak = render.downgrade();
    let count = std::sync::atomic::AtomicU32::new(0);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if let Some(render) = weak.upgrade() {
            render.set_property("alpha", f64::from(n % 2));
        }
        gst::PadProbeReturn::Ok
    });
    let seen = collect(&pipeline, "sink");
    let end = play(&pipeline, PATIENCE);
    assert!(end.errors.is_empty() && end.eos, "{end:?}");
    let seen = take(&seen);
    let frames = bytes(&seen);
    assert_eq!(frames.len(), 60);
    // alpha 0 leaves the frame alone; alpha 1 leaves nothing of it.
    assert_ne!(frames[0], frames[1]);
}

/// One inference; a screen, a lossless recorder, stereo and a reader of metadata beside each other.
#[test]
fn branches_of_one_inference_are_locked_to_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("depth.mkv");
    let pipeline = pipeline(&format!(
        "videotestsrc num-buffers=10 pattern=ball ! video/x-raw,format=NV12,width=164,height=120,framerate=25/1 \
         ! {META} ! tee name=t \
         t. ! queue ! dptrender mode=overlay ! fakesink name=screen sync=true \
         t. ! queue ! dptrender mode=map ! video/x-raw,format=GRAY16_LE ! tee name=r r. ! queue ! fakesink name=record \
            r. ! queue ! avenc_ffv1 ! matroskamux ! filesink location={} \
         t. ! queue ! dptrender mode=stereo ! fakesink name=stereo \
         t. ! queue ! fakesink name=meta",
        file.display()
    ));
    let branches = ["screen", "record", "stereo", "meta"].map(|name| collect(&pipeline, name));
    let end = play(&pipeline, PATIENCE);
    assert!(end.errors.is_empty() && end.eos, "{end:?}");
    let branches = branches.map(|seen| take(&seen));
    let times = |seen: &Seen| -> Vec<_> {
        seen.iter()
            .map(|(buffer, _)| buffer.pts().unwrap())
            .collect()
    };
    let expected: Vec<_> = (0..10)
        .map(|n| gst::ClockTime::from_mseconds(40 * n))
        .collect();
    for seen in &branches {
        assert_eq!(times(seen), expected);
    }
    let age = |buffer: &gst::Buffer| {
        let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstDptDepthMeta").unwrap();
        meta.structure().get::<u64>("age").unwrap()
    };
    let [screen, record, _, meta] = &branches;
    for ((screen, record), meta) in screen.iter().zip(record).zip(meta) {
        let ages = [age(&screen.0), age(&record.0), age(&meta.0)];
        assert_eq!(ages, [ages[0]; 3]);
    }
    let (end, read) = run(&format!(
        "filesrc location={} ! matroskademux ! avdec_ffv1 ! video/x-raw,format=GRAY16_LE ! fakesink name=sink",
        file.display()
    ));
    assert!(end.errors.is_empty(), "{end:?}");
    assert_eq!(times(&read), expected);
    // Decoders pad rows as they like.
    let rows = |(buffer, info): &(gst::Buffer, gst_video::VideoInfo)| {
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, info).unwrap();
        let stride = frame.plane_stride()[0] as usize;
        let data = frame.plane_data(0).unwrap();
        data.chunks(stride)
            .take(120)
            .map(|row| row[..328].to_vec())
            .collect::<Vec<_>>()
    };
    for (written, read) in record.iter().zip(&read) {
        assert!(rows(written) == rows(read));
    }
}
