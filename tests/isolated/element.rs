// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What the element does when it cannot work: exactly one error of ours, first on the bus, with
//! cause and remedy; the process lives, and the element works once the cause is gone.

use crate::{Case, library};
use gst::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        ("bare/element-no-runtime", no_runtime),
        ("element/runtime-too-old", runtime_too_old),
        ("element/not-a-library", not_a_library),
        ("element/models", models),
        ("element/cuda-without-gpu", cuda_without_gpu),
        ("element/unwritable-cache", unwritable_cache),
        ("element/default-cache-warns", default_cache_warns),
        ("element/read-only-cache-warns-once", read_only_cache),
        ("element/settings", settings),
        ("element/onnx", onnx),
        ("element/segmentation", segmentation),
        ("bare/inspect-without-runtime", inspect_without_runtime),
    ]
}

fn init() {
    gst::init().expect("GStreamer starts");
    gstdptdepth::plugin_register_static().expect("the plugin registers");
}

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

/// The errors of one run (factory and text), in order, and whether EOS came.
fn play(pipeline: &gst::Pipeline) -> (Vec<(String, String)>, bool) {
    let bus = pipeline.bus().expect("a pipeline has a bus");
    bus.set_flushing(true);
    bus.set_flushing(false);
    let started = pipeline.set_state(gst::State::Playing).is_ok();
    let mut errors = Vec::new();
    loop {
        let patience = if started && errors.is_empty() {
            60_000
        } else {
            300
        };
        let Some(message) = bus.timed_pop(gst::ClockTime::from_mseconds(patience)) else {
            assert!(!errors.is_empty(), "neither EOS nor an error");
            break;
        };
        match message.view() {
            gst::MessageView::Error(error) => {
                let factory = message
                    .src()
                    .and_then(|src| src.downcast_ref::<gst::Element>())
                    .and_then(|element| element.factory());
                let name = factory.map_or_else(String::new, |factory| factory.name().to_string());
                errors.push((name, error.error().message().to_string()));
            }
            gst::MessageView::Eos(_) => {
                pipeline.set_state(gst::State::Null).expect("NULL works");
                return (errors, true);
            }
            _ => {}
        }
    }
    pipeline.set_state(gst::State::Null).expect("NULL works");
    (errors, false)
}

fn pipeline() -> (gst::Pipeline, gst::Element) {
    init();
    let pipeline = gst::parse::launch(
        "videotestsrc num-buffers=2 ! video/x-raw,width=64,height=48 ! dptdepth name=d \
         network-size=64 ! fakesink",
    )
    .expect("the description parses")
    .downcast::<gst::Pipeline>()
    .expect("a pipeline");
    let element = pipeline.by_name("d").expect("it is named");
    (pipeline, element)
}

/// Plays and expects one error of ours, the first of all, that holds these words.
fn fails(pipeline: &gst::Pipeline, words: &[&str]) {
    let (errors, eos) = play(pipeline);
    assert!(!eos, "it should have failed: {words:?}");
    assert_eq!(errors[0].0, "dptdepth", "{errors:?}");
    let ours = errors.iter().filter(|(from, _)| from == "dptdepth").count();
    assert_eq!(ours, 1, "{errors:?}");
    for word in words {
        assert!(
            errors[0].1.contains(word),
            "{word:?} is not in {:?}",
            errors[0].1
        );
    }
}

/// Plays to the end, twice: NULL → PLAYING → NULL → PLAYING.
fn works(pipeline: &gst::Pipeline) {
    for _ in 0..2 {
        let (errors, eos) = play(pipeline);
        assert!(eos && errors.is_empty(), "{errors:?}");
    }
}

fn no_runtime() {
    let (pipeline, element) = pipeline();
    element.set_property("onnxruntime-library", "/nowhere/libonnxruntime.so");
    fails(
        &pipeline,
        &["/nowhere/libonnxruntime.so", "scripts/setup.sh"],
    );
    let plain = library("DPTDEPTH_TEST_ORT_PLAIN");
    element.set_property("onnxruntime-library", plain.to_str());
    works(&pipeline);
}

fn runtime_too_old() {
    let (pipeline, element) = pipeline();
    let old = library("DPTDEPTH_TEST_ORT_OLD");
    element.set_property("onnxruntime-library", old.to_str());
    fails(&pipeline, &["1.20.1", "1.21", "scripts/setup.sh"]);
    element.set_property("onnxruntime-library", None::<&str>);
    works(&pipeline);
}

fn not_a_library() {
    let (pipeline, element) = pipeline();
    element.set_property("onnxruntime-library", data("make_dpt.py").to_str());
    fails(&pipeline, &["make_dpt.py", "scripts/setup.sh"]);
    element.set_property("onnxruntime-library", None::<&str>);
    works(&pipeline);
}

/// A copy of a good toy checkpoint with one file replaced.
fn broken(file: &str, contents: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let good = data("dpt/vit-project");
    for name in [
        "config.json",
        "preprocessor_config.json",
        "model.safetensors",
    ] {
        std::fs::copy(good.join(name), folder.path().join(name)).expect("a copy");
    }
    std::fs::write(folder.path().join(file), contents).expect("written");
    folder
}

fn models() {
    let (pipeline, element) = pipeline();
    let good = data("dpt/vit-project");
    let weights = std::fs::read(good.join("model.safetensors")).expect("read");
    let config = std::fs::read_to_string(good.join("config.json")).expect("read");
    element.set_property("model-file", "/nowhere/dpt");
    fails(&pipeline, &["/nowhere/dpt", "no such model"]);
    let zip = b"PK\x03\x04 what torch writes";
    let other = config.replace("DPTForDepthEstimation", "ViTForImageClassification");
    let wider = config.replace("\"intermediate_size\": 24", "\"intermediate_size\": 48");
    let no_heads = config.replace("\"num_attention_heads\": 2", "\"num_attention_heads\": 0");
    assert!(wider != config && no_heads != config && other != config);
    let cases: [(&str, &[u8], &[&str]); 9] = [
        ("model.safetensors", b"", &["empty", "again"]),
        (
            "model.safetensors",
            &weights[..weights.len() / 2],
            &["safetensors", "again"],
        ),
        (
            "model.safetensors",
            b"GIF89a is no model at all",
            &["safetensors", "again"],
        ),
        (
            "model.safetensors",
            b"version https://git-lfs.github.com/spec/v1",
            &["git lfs pull"],
        ),
        ("model.safetensors", zip, &["PyTorch", ".safetensors"]),
        (
            "config.json",
            other.as_bytes(),
            &["ViTForImageClassification", "supported"],
        ),
        (
            "config.json",
            wider.as_bytes(),
            &["intermediate.dense", "[24, 16]", "[48, 16]"],
        ),
        ("config.json", no_heads.as_bytes(), &["num_attention_heads"]),
        ("config.json", b"{", &["config.json", "JSON"]),
    ];
    for (file, contents, words) in cases {
        let folder = broken(file, contents);
        element.set_property("model-file", folder.path().to_str());
        fails(&pipeline, words);
    }
    element.set_property("model-file", good.to_str());
    works(&pipeline);
    element.set_property("model-file", None::<&str>);
    works(&pipeline);
}

fn cuda_without_gpu() {
    let (pipeline, element) = pipeline();
    for provider in ["cuda", "tensorrt"] {
        element.set_property_from_str("execution-provider", provider);
        fails(&pipeline, &[provider, "onnxruntime-gpu"]);
    }
    element.set_property_from_str("execution-provider", "auto");
    works(&pipeline);
}

fn unwritable_cache() {
    let (pipeline, element) = pipeline();
    // Below a file there can be no folder, for root neither.
    let blocked = data("make_dpt.py").join("cache");
    element.set_property("cache-dir", blocked.to_str());
    fails(&pipeline, &["cache", "make_dpt.py"]);
    element.set_property("cache-dir", "");
    works(&pipeline);
}

#[allow(unsafe_code)]
fn default_cache_warns() {
    // SAFETY: this process has no other thread yet.
    unsafe { std::env::set_var("XDG_CACHE_HOME", data("make_dpt.py")) };
    let (pipeline, _) = pipeline();
    let bus = pipeline.bus().expect("a pipeline has a bus");
    assert!(pipeline.set_state(gst::State::Playing).is_ok());
    let wanted = [gst::MessageType::Warning, gst::MessageType::Error];
    let message = bus
        .timed_pop_filtered(gst::ClockTime::from_seconds(60), &wanted)
        .expect("a warning");
    let gst::MessageView::Warning(warning) = message.view() else {
        panic!("an error, where a warning is enough: {message:?}");
    };
    let text = warning.error().message().to_string();
    assert!(text.contains("cache-dir"), "{text}");
    pipeline.set_state(gst::State::Null).expect("NULL works");
    works(&pipeline);
}

/// In `/proc` nobody, root included, can make a folder.
fn read_only_cache() {
    let (pipeline, element) = pipeline();
    element.set_property("cache-dir", "/proc/self");
    let bus = pipeline.bus().expect("a pipeline has a bus");
    assert!(pipeline.set_state(gst::State::Playing).is_ok());
    let wanted = [
        gst::MessageType::Warning,
        gst::MessageType::Error,
        gst::MessageType::Eos,
    ];
    let mut warnings = 0;
    loop {
        let message = bus
            .timed_pop_filtered(gst::ClockTime::from_seconds(60), &wanted)
            .expect("a warning or the end");
        match message.view() {
            gst::MessageView::Warning(warning) => {
                let text = warning.error().message().to_string();
                assert!(text.contains("/proc/self"), "{text}");
                warnings += 1;
            }
            gst::MessageView::Eos(_) => break,
            _ => panic!("an error, where a warning is enough: {message:?}"),
        }
    }
    assert_eq!(warnings, 1);
    pipeline.set_state(gst::State::Null).expect("NULL works");
}

fn settings() {
    let (pipeline, element) = pipeline();
    element.set_property_from_str("range-mode", "fixed");
    element.set_property("range-near", 0.0);
    fails(&pipeline, &["range-near", "range-far"]);
    element.set_property("range-near", 40.0);
    works(&pipeline);
    element.set_property("labels-file", "/nowhere/labels.txt");
    fails(&pipeline, &["labels-file", "/nowhere/labels.txt"]);
    element.set_property("labels-file", None::<&str>);
    works(&pipeline);
}

fn onnx() {
    let (pipeline, element) = pipeline();
    element.set_property("model-file", data("onnx/f32-nchw.onnx").to_str());
    works(&pipeline);
    element.set_property("model-file", data("onnx/u8-nhwc.onnx").to_str());
    fails(&pipeline, &["32x48", "network-size"]);
    element.set_property("network-size", 0u32);
    works(&pipeline);
    element.set_property_from_str("resize-policy", "letterbox");
    works(&pipeline);
    element.set_property_from_str("resize-policy", "minimal");
    fails(&pipeline, &["32x48", "resize-policy"]);
    element.set_property_from_str("resize-policy", "model");
    for (name, words) in [
        ("two-inputs.onnx", ["2 inputs", "two-inputs.onnx"]),
        ("corrupt.onnx", ["ONNX", "corrupt.onnx"]),
        ("truncated.onnx", ["ONNX", "truncated.onnx"]),
    ] {
        element.set_property("model-file", data("onnx").join(name).to_str());
        fails(&pipeline, &words);
    }
}

fn segmentation() {
    let (pipeline, element) = pipeline();
    element.set_property("model-file", data("dpt/vit-segmentation").to_str());
    let pad = element.static_pad("src").expect("a src pad");
    let (send, seen) = std::sync::mpsc::channel();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let _ = send.send(info.buffer().cloned());
        gst::PadProbeReturn::Ok
    });
    works(&pipeline);
    let buffer = seen
        .recv_timeout(Duration::from_secs(1))
        .ok()
        .flatten()
        .expect("a frame");
    let meta = gst::meta::CustomMeta::from_buffer(&buffer, "GstDptSegmentationMeta")
        .expect("the meta is there");
    let fields = meta.structure();
    assert_eq!(fields.get::<String>("format").ok().as_deref(), Some("U8"));
    let labels = fields.get::<gst::glib::StrV>("labels").expect("names");
    assert_eq!(labels.len(), 7);
    let data = fields.get::<gst::Buffer>("data").expect("a map");
    let map = data.map_readable().expect("mappable");
    assert!(map.iter().all(|class| *class < 7));
    // The picture is the class index too: every class of the picture is one of the map.
    let picture = buffer.map_readable().expect("mappable");
    assert!(picture.iter().all(|class| map.contains(class)));
}

fn inspect_without_runtime() {
    init();
    let factory = gst::ElementFactory::find("dptdepth").expect("registered");
    let element = factory.create().build().expect("created");
    assert!(
        element.set_state(gst::State::Ready).is_ok(),
        "READY needs no runtime"
    );
    assert!(element.set_state(gst::State::Null).is_ok());
}
