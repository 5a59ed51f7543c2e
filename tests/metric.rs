// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Calibration to metres and model variants, in pipelines.

use crate::common::{End, pipeline, play};
use gst::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

/// What one frame of noise becomes: the format, the picture and the meta.
struct Frame {
    format: String,
    picture: gst::Buffer,
    meta: gst::Structure,
}

impl Frame {
    fn values(&self) -> Vec<f32> {
        let data: gst::Buffer = self.meta.get("data").unwrap();
        let map = data.map_readable().unwrap();
        map.as_chunks::<4>()
            .0
            .iter()
            .map(|value| f32::from_ne_bytes(*value))
            .collect()
    }

    fn text(&self, field: &str) -> String {
        self.meta.get(field).unwrap()
    }
}

fn run(width: u32, height: u32, properties: &str) -> (End, Option<Frame>) {
    let pipeline = pipeline(&format!(
        "videotestsrc num-buffers=1 pattern=snow ! video/x-raw,format=RGB,width={width},height={height} \
         ! dptdepth execution-provider=cpu {properties} ! fakesink name=sink"
    ));
    let seen = Arc::new(Mutex::new(None));
    let pad = pipeline
        .by_name("sink")
        .unwrap()
        .static_pad("sink")
        .unwrap();
    let to = seen.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let buffer = info.buffer().unwrap();
        let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstDptDepthMeta").unwrap();
        *to.lock().unwrap() = Some(Frame {
            format: pad
                .current_caps()
                .unwrap()
                .structure(0)
                .unwrap()
                .get("format")
                .unwrap(),
            picture: buffer.clone(),
            meta: meta.structure().to_owned(),
        });
        gst::PadProbeReturn::Ok
    });
    let end = play(&pipeline, PATIENCE);
    let frame = seen.lock().unwrap().take();
    (end, frame)
}

fn good(width: u32, height: u32, properties: &str) -> Frame {
    let (end, frame) = run(width, height, properties);
    assert!(end.eos, "{properties}: {:?}", end.errors);
    frame.unwrap()
}

/// The only error, which must come from the element.
fn error(properties: &str) -> String {
    let (end, frame) = run(64, 48, properties);
    assert!(frame.is_none());
    let [(from, text)] = end.errors.as_slice() else {
        panic!("{properties}: {:?}", end.errors);
    };
    assert_eq!(from, "dptdepth");
    text.clone()
}

fn close(ours: f32, expected: f32) -> bool {
    (ours - expected).abs() <= 1e-4 * expected.abs()
}

#[test]
fn scale_and_shift_make_inverse_depth_metric() {
    let plain = good(64, 48, "output=map network-size=64");
    assert_eq!(
        (plain.text("meaning"), plain.text("unit")),
        ("inverse-relative".into(), "none".into())
    );
    assert_eq!(plain.format, "GRAY8");

    let metric = good(
        64,
        48,
        "output=map network-size=64 depth-scale=0.5 depth-shift=0.25",
    );
    assert_eq!(
        (metric.text("meaning"), metric.text("unit")),
        ("metric".into(), "m".into())
    );
    let gray16 = gst_video::VideoFormat::Gray16Le;
    let gray16 = if cfg!(target_endian = "big") {
        gst_video::VideoFormat::Gray16Be
    } else {
        gray16
    };
    assert_eq!(metric.format, gray16.to_string());
    let (before, after) = (plain.values(), metric.values());
    assert!(before.iter().any(|value| *value != before[0]));
    for (value, metres) in before.iter().zip(&after) {
        assert!(
            close(*metres, 1.0 / (0.5 * value + 0.25)),
            "{value} became {metres}"
        );
    }
    // The picture has millimetres: within the map's range.
    let (least, most) = after
        .iter()
        .fold((f32::MAX, 0.0f32), |(least, most), value| {
            (least.min(*value), most.max(*value))
        });
    let picture = metric.picture.map_readable().unwrap();
    for code in picture.as_chunks::<2>().0 {
        let metres = f32::from(u16::from_ne_bytes(*code)) / 1000.0;
        assert!(
            metres >= least - 1e-3 && metres <= most + 1e-3,
            "{metres}: {least} to {most}"
        );
    }
}

/// metric_depth = focal * net_output / 300, with the focal length in pixels of the network's input
/// (Depth-Anything-3 README): 1000 pixels of a frame of 140 columns are 300 of 42.
#[test]
fn focal_length_makes_depth_metric() {
    let model = format!(
        "output=meta network-size=42 model-file=\"{}\" model-variant=da3metric",
        data("original/da3mono").display()
    );
    let plain = good(140, 84, &model);
    assert_eq!(plain.text("meaning"), "relative");
    assert_eq!(plain.meta.get::<i32>("width").unwrap(), 42);
    for (focal, factor) in [(1000.0, 1.0), (500.0, 0.5)] {
        let metric = good(140, 84, &format!("{model} focal-length={focal}"));
        assert_eq!(
            (metric.text("meaning"), metric.text("unit")),
            ("metric".into(), "m".into())
        );
        let (before, after) = (plain.values(), metric.values());
        assert!(before.iter().any(|value| value.is_finite()));
        for (value, metres) in before.iter().zip(&after) {
            assert!(
                value.is_infinite() && metres.is_infinite() || close(*metres, factor * value),
                "{value} became {metres}"
            );
        }
    }
    // DA3MONO's depth has no focal length.
    let mono = model.replace("da3metric", "da3mono");
    assert_eq!(
        good(140, 84, &format!("{mono} focal-length=500")).text("meaning"),
        "relative"
    );
}

#[test]
fn classes_cannot_be_calibrated() {
    let model = data("dpt/vit-segmentation");
    let text = error(&format!("model-file=\"{}\" depth-scale=2", model.display()));
    assert!(
        text.contains("classes") && text.contains("depth-scale"),
        "{text}"
    );
}

#[test]
fn a_variant_that_is_missing_or_wrong_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let weights = folder.path().join("weights.pth");
    std::fs::copy(
        data("original/anything-v2/depth_anything_v2_vits.pth"),
        &weights,
    )
    .unwrap();
    let model = format!(
        "network-size=42 output=meta model-file=\"{}\"",
        weights.display()
    );
    for variant in ["", "model-variant=dpt-hybrid-nyu"] {
        let text = error(&format!("{model} {variant}"));
        for fitting in [
            "depth-anything-v1",
            "depth-anything-v2",
            "depth-anything-v2-metric-indoor",
        ] {
            assert!(text.contains(fitting), "{variant}: {text}");
        }
        assert!(!text.contains("da3"), "{variant}: {text}");
    }
    let text = error(&format!("{model} model-variant=nonsense"));
    assert!(
        text.contains("nonsense") && text.contains("depth-anything-v2"),
        "{text}"
    );
    good(56, 56, &format!("{model} model-variant=depth-anything-v2"));
}
