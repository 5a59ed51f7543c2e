// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The one list of properties: names, blurbs, ranges, when they may be set.

use super::Settings;
use crate::video::pspecs;
use gst::glib;
use gst::prelude::*;
use std::sync::LazyLock;

fn string(name: &'static str, nick: &'static str, blurb: &'static str) -> glib::ParamSpec {
    glib::ParamSpecString::builder(name)
        .nick(nick)
        .blurb(blurb)
        .mutable_ready()
        .build()
}

/// Every property, in the order in which `gst-inspect-1.0` and the README show them by topic.
pub(in crate::dptdepth) static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let default = Settings::default();
    vec![
        string(
            "model-file",
            "Model File",
            "Checkpoint folder or file (.safetensors, .bin, .pt, .pth) as its authors publish it, an .onnx file, or the name of a fetched model or of an embedded one: dptdepth-default (NULL) for depth, dptdepth-segmentation",
        ),
        string(
            "model-variant",
            "Model Variant",
            "Which model it is, where a bare file cannot say: for example depth-anything-v1, dpt-hybrid-nyu; with :original or :transformers behind it, whose interpolation of positions to follow (NULL = from the files)",
        ),
        glib::ParamSpecEnum::builder_with_default("output", default.output)
            .nick("Output")
            .blurb("What leaves the element; the result meta is attached in every mode")
            .mutable_ready()
            .build(),
        string(
            "labels-file",
            "Labels File",
            "Text file with one class name a line (NULL = from the checkpoint, else ADE20K for 150 classes)",
        ),
        glib::ParamSpecUInt::builder("network-size")
            .nick("Network Size")
            .blurb("Side in pixels that the resize policy aims at, rounded to the model's multiple (0 = the model's own)")
            .maximum(4096)
            .default_value(default.network_size)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("resize-policy", default.resize_policy)
            .nick("Resize Policy")
            .blurb("How a frame is fitted to the network")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("execution-provider", default.execution_provider)
            .nick("Execution Provider")
            .blurb("What runs the model; an explicit choice works or is an error, it never falls back")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("active-provider")
            .nick("Active Provider")
            .blurb("What really runs the model, read from a profiled warm-up run (NULL = nothing runs yet)")
            .read_only()
            .build(),
        string(
            "device",
            "Device",
            "GPU index such as 0, or OpenVINO device such as CPU or GPU.0 (NULL = the provider's first)",
        ),
        glib::ParamSpecEnum::builder_with_default("precision", default.precision)
            .nick("Precision")
            .blurb("What the model is computed in; an explicit choice works or is an error, dptdepth-model tells what auto has chosen")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("threads")
            .nick("Threads")
            .blurb("Threads that one inference uses on the CPU (0 = one for each core, or its share of them where several at once do more; stats tells runs-at-once)")
            .maximum(1024)
            .default_value(default.threads)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("optimization-level", default.optimization_level)
            .nick("Optimization Level")
            .blurb("How far ONNX Runtime may rewrite the graph")
            .mutable_ready()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("provider-options")
            .nick("Provider Options")
            .blurb("Options passed to the provider as text; the structure's name is ignored, e.g. ov,num_streams=2 (NULL = none)")
            .mutable_ready()
            .build(),
        string(
            "onnxruntime-library",
            "ONNX Runtime Library",
            "ONNX Runtime library to load, once for the whole process (NULL = ORT_DYLIB_PATH, the plugin's folder, then the system's folders)",
        ),
        string(
            "cache-dir",
            "Cache Directory",
            "Folder for prepared graphs and engines (NULL = gst-dptdepth in the user's cache folder, empty = no cache)",
        ),
        string(
            "model-instance-id",
            "Model Instance ID",
            "Elements of one process with equal settings of model, size, batch and provider share one session; another id keeps to itself and its like",
        ),
        glib::ParamSpecUInt::builder("batch-size")
            .nick("Batch Size")
            .blurb("Frames of elements that share a session which one run may take (1 = each its own); stats tells batch-mean")
            .minimum(1)
            .maximum(1024)
            .default_value(default.batch_size)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt64::builder("batch-timeout")
            .nick("Batch Timeout")
            .blurb("Nanoseconds that a frame waits for others to fill its batch (0 = a run takes what is there)")
            .maximum(10_000_000_000)
            .default_value(default.batch_timeout.nseconds())
            .mutable_ready()
            .build(),
        string(
            "server-url",
            "Server URL",
            "Run the model on a server that speaks KServe v2 over gRPC, such as NVIDIA Triton: grpc://HOST:PORT, or grpcs:// for TLS; ; between several, of which one that works is used (NULL = run it here)",
        ),
        string(
            "server-model",
            "Server Model",
            "The model's name on the server, or NAME:VERSION; what its numbers mean is read from its configuration, else from model-file",
        ),
        string(
            "server-ca-file",
            "Server CA File",
            "PEM file with the certificates of who signs the servers' (NULL = the system's)",
        ),
        string(
            "server-token-file",
            "Server Token File",
            "File with the token that is sent as authorization: Bearer, read again when it changes; over grpcs:// only (NULL = none)",
        ),
        glib::ParamSpecUInt::builder("inference-interval")
            .nick("Inference Interval")
            .blurb("Run the model on every Nth frame (1 = every frame); between says what the others get")
            .minimum(1)
            .maximum(10_000)
            .default_value(default.inference_interval)
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("between", default.between)
            .nick("Between")
            .blurb("What frames get that the model did not run on")
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("alignment", default.alignment)
            .nick("Alignment")
            .blurb("Whether frames wait for their results; a latency is told where they do")
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("qos")
            .nick("QoS")
            .blurb("When downstream says that frames come late, skip the model first and frames last")
            .default_value(default.qos)
            .mutable_playing()
            .build(),
        gst::ParamSpecFraction::builder("target-fps")
            .nick("Target FPS")
            .blurb("Run the model only so often, and if that is not enough at so small a network size, that so many frames a second pass; each decision is a message dptdepth-adapted (0/1 = off)")
            .minimum(gst::Fraction::new(0, 1))
            .maximum(gst::Fraction::new(1000, 1))
            .default_value(default.target_fps)
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("smoothing")
            .nick("Smoothing")
            .blurb("How much depth is steadied over time where the picture stays (0 = not at all)")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(default.smoothing)
            .mutable_playing()
            .controllable()
            .build(),
        glib::ParamSpecDouble::builder("scene-cut-threshold")
            .nick("Scene Cut Threshold")
            .blurb("How different a picture starts a new scene, in which nothing of the last is kept (1 = never)")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(default.scene_cut_threshold)
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("change-threshold")
            .nick("Change Threshold")
            .blurb("Keep the last result while the picture has changed less than this since (0 = off; 0.02 sees a person far away move)")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(default.change_threshold)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt64::builder("stats-interval")
            .nick("Stats Interval")
            .blurb("Post stats as an element message every so many nanoseconds (0 = never)")
            .default_value(default.stats_interval.nseconds())
            .mutable_playing()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb("application/x-dptdepth-stats: frames counted, times in nanoseconds, range, provider")
            .read_only()
            .build(),
        glib::ParamSpecUInt::builder("metrics-port")
            .nick("Metrics Port")
            .blurb("Show stats to Prometheus at http://127.0.0.1:PORT/metrics, to this machine only; elements may share a port (0 = off)")
            .maximum(u16::MAX.into())
            .default_value(default.metrics_port)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("range-mode", default.range_mode)
            .nick("Range Mode")
            .blurb("How a relative map becomes 8 or 16 bit; GRAY16 of metric models is always in depth-unit")
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("range-near")
            .nick("Range Near")
            .blurb("Model value at the near end of range-mode=fixed (metres for metric models)")
            .default_value(default.range_near)
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("range-far")
            .nick("Range Far")
            .blurb("Model value at the far end of range-mode=fixed (metres for metric models)")
            .default_value(default.range_far)
            .mutable_playing()
            .build(),
        pspecs::polarity(default.polarity),
        pspecs::colormap(default.colormap),
        pspecs::alpha(default.alpha),
        pspecs::outline(default.outline),
        glib::ParamSpecEnum::builder_with_default("upsampling", default.upsampling)
            .nick("Upsampling")
            .blurb("How a depth map reaches the frame's size; the metadata holds it as the model gave it")
            .mutable_ready()
            .build(),
        glib::ParamSpecDouble::builder("depth-scale")
            .nick("Depth Scale")
            .blurb("Calibration to metres: 1/(scale*x+shift) of inverse depth x, scale*x+shift of depth; either makes the output metric")
            .minimum(f64::from(f32::MIN))
            .maximum(f64::from(f32::MAX))
            .default_value(default.depth_scale)
            .mutable_ready()
            .build(),
        glib::ParamSpecDouble::builder("depth-shift")
            .nick("Depth Shift")
            .blurb("The shift of that calibration")
            .minimum(f64::from(f32::MIN))
            .maximum(f64::from(f32::MAX))
            .default_value(default.depth_shift)
            .mutable_ready()
            .build(),
        glib::ParamSpecDouble::builder("focal-length")
            .nick("Focal Length")
            .blurb("Focal length in pixels of the frame, for models whose metres depend on it (0 = unknown, their depth is relative)")
            .minimum(0.0)
            .maximum(1e6)
            .default_value(default.focal_length)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("depth-unit", default.depth_unit)
            .nick("Depth Unit")
            .blurb("One step of GRAY16 for models that give metres; 0 is invalid, 65535 is that far or farther")
            .mutable_ready()
            .build(),
        string(
            "classes",
            "Classes",
            "Classes kept in a segmentation result: names or indices with ; between them; the others become 255 (NULL = all)",
        ),
        string(
            "zones",
            "Zones",
            "Polygons that say when something is in them: NAME: x,y x,y x,y [near=V] far=V [share=0.05] [hold=0.5]; points in shares of the frame, V in metres or, for relative depth, 0 = farthest to 1 = nearest; ; between zones (NULL = none)",
        ),
        glib::ParamSpecBoolean::builder("output-tensor-meta")
            .nick("Output Tensor Meta")
            .blurb("Attach the raw map as a GstTensorMeta too (an error in builds without the cargo feature v1_26, which needs GStreamer 1.26)")
            .default_value(default.output_tensor_meta)
            .mutable_ready()
            .build(),
    ]
});
