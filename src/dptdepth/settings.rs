// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The one list of properties: names, blurbs, defaults, setters and getters.

use super::{
    Alignment, Between, ExecutionProvider, OptimizationLevel, Output, Precision, RangeMode,
    ResizePolicy,
};
use crate::frame::Style;
use crate::temporal::SceneCut;
use crate::video::{Colormap, DepthUnit, Polarity, Upsampling, pspecs};
use gst::glib;
use gst::prelude::*;
use std::sync::LazyLock;

/// The element's writable properties.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) model_file: Option<String>,
    pub(super) model_variant: Option<String>,
    pub(super) output: Output,
    pub(super) labels_file: Option<String>,
    pub(super) network_size: u32,
    pub(super) resize_policy: ResizePolicy,
    pub(super) execution_provider: ExecutionProvider,
    pub(super) precision: Precision,
    pub(super) device: Option<String>,
    pub(super) threads: u32,
    pub(super) optimization_level: OptimizationLevel,
    pub(super) provider_options: Option<gst::Structure>,
    pub(super) onnxruntime_library: Option<String>,
    pub(super) cache_dir: Option<String>,
    pub(super) model_instance_id: Option<String>,
    pub(super) batch_size: u32,
    pub(super) batch_timeout: gst::ClockTime,
    pub(super) server_url: Option<String>,
    pub(super) server_model: Option<String>,
    pub(super) server_ca_file: Option<String>,
    pub(super) server_token_file: Option<String>,
    pub(super) inference_interval: u32,
    pub(super) between: Between,
    pub(super) alignment: Alignment,
    pub(super) qos: bool,
    pub(super) target_fps: gst::Fraction,
    pub(super) smoothing: f64,
    pub(super) scene_cut_threshold: f64,
    pub(super) change_threshold: f64,
    pub(super) stats_interval: gst::ClockTime,
    metrics_port: u32,
    pub(super) range_mode: RangeMode,
    pub(super) range_near: f64,
    pub(super) range_far: f64,
    pub(super) polarity: Polarity,
    pub(super) colormap: Colormap,
    pub(super) alpha: f64,
    pub(super) outline: u32,
    pub(super) upsampling: Upsampling,
    pub(super) depth_scale: f64,
    pub(super) depth_shift: f64,
    pub(super) focal_length: f64,
    pub(super) depth_unit: DepthUnit,
    pub(super) classes: Option<String>,
    pub(super) zones: Option<String>,
    pub(super) output_tensor_meta: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model_file: None,
            model_variant: None,
            output: Output::default(),
            labels_file: None,
            network_size: 0,
            resize_policy: ResizePolicy::default(),
            execution_provider: ExecutionProvider::default(),
            precision: Precision::default(),
            device: None,
            threads: 0,
            optimization_level: OptimizationLevel::default(),
            provider_options: None,
            onnxruntime_library: None,
            cache_dir: None,
            model_instance_id: None,
            batch_size: 1,
            batch_timeout: gst::ClockTime::ZERO,
            server_url: None,
            server_model: None,
            server_ca_file: None,
            server_token_file: None,
            inference_interval: 1,
            between: Between::default(),
            alignment: Alignment::default(),
            qos: true,
            target_fps: gst::Fraction::new(0, 1),
            smoothing: 0.8,
            scene_cut_threshold: SceneCut::THRESHOLD,
            change_threshold: 0.0,
            stats_interval: gst::ClockTime::ZERO,
            metrics_port: 0,
            range_mode: RangeMode::default(),
            range_near: 1.0,
            range_far: 0.0,
            polarity: Polarity::default(),
            colormap: Colormap::default(),
            alpha: 0.5,
            outline: 2,
            upsampling: Upsampling::default(),
            depth_scale: 1.0,
            depth_shift: 0.0,
            focal_length: 0.0,
            depth_unit: DepthUnit::default(),
            classes: None,
            zones: None,
            output_tensor_meta: false,
        }
    }
}

fn string(name: &'static str, nick: &'static str, blurb: &'static str) -> glib::ParamSpec {
    glib::ParamSpecString::builder(name)
        .nick(nick)
        .blurb(blurb)
        .mutable_ready()
        .build()
}

/// Every property, in the order in which `gst-inspect-1.0` and the README show them by topic.
pub(super) static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
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

/// The properties that change how a result looks, as they are for one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Looks {
    pub(super) range_mode: RangeMode,
    pub(super) range_near: f64,
    pub(super) range_far: f64,
    pub(super) inference_interval: u32,
    pub(super) between: Between,
    pub(super) qos: bool,
    pub(super) target_fps: gst::Fraction,
    pub(super) smoothing: f32,
    pub(super) scene_cut_threshold: f64,
    pub(super) change_threshold: f64,
    pub(super) polarity: Polarity,
    pub(super) style: Style,
}

const OF_PROPERTY_TYPE: &str = "GObject checked the value's type";

impl Settings {
    /// Stores a property's value.
    pub(super) fn set(&mut self, name: &str, value: &glib::Value) {
        match name {
            "model-file" => self.model_file = value.get().expect(OF_PROPERTY_TYPE),
            "model-variant" => self.model_variant = value.get().expect(OF_PROPERTY_TYPE),
            "output" => self.output = value.get().expect(OF_PROPERTY_TYPE),
            "labels-file" => self.labels_file = value.get().expect(OF_PROPERTY_TYPE),
            "network-size" => self.network_size = value.get().expect(OF_PROPERTY_TYPE),
            "resize-policy" => self.resize_policy = value.get().expect(OF_PROPERTY_TYPE),
            "execution-provider" => self.execution_provider = value.get().expect(OF_PROPERTY_TYPE),
            "precision" => self.precision = value.get().expect(OF_PROPERTY_TYPE),
            "device" => self.device = value.get().expect(OF_PROPERTY_TYPE),
            "threads" => self.threads = value.get().expect(OF_PROPERTY_TYPE),
            "optimization-level" => self.optimization_level = value.get().expect(OF_PROPERTY_TYPE),
            "provider-options" => self.provider_options = value.get().expect(OF_PROPERTY_TYPE),
            "onnxruntime-library" => {
                self.onnxruntime_library = value.get().expect(OF_PROPERTY_TYPE);
            }
            "cache-dir" => self.cache_dir = value.get().expect(OF_PROPERTY_TYPE),
            "model-instance-id" => self.model_instance_id = value.get().expect(OF_PROPERTY_TYPE),
            "batch-size" => self.batch_size = value.get().expect(OF_PROPERTY_TYPE),
            "batch-timeout" => {
                let nanoseconds = value.get().expect(OF_PROPERTY_TYPE);
                self.batch_timeout = gst::ClockTime::from_nseconds(nanoseconds);
            }
            "server-url" => self.server_url = value.get().expect(OF_PROPERTY_TYPE),
            "server-model" => self.server_model = value.get().expect(OF_PROPERTY_TYPE),
            "server-ca-file" => self.server_ca_file = value.get().expect(OF_PROPERTY_TYPE),
            "server-token-file" => self.server_token_file = value.get().expect(OF_PROPERTY_TYPE),
            "inference-interval" => {
                self.inference_interval = value.get().expect(OF_PROPERTY_TYPE);
            }
            "between" => self.between = value.get().expect(OF_PROPERTY_TYPE),
            "alignment" => self.alignment = value.get().expect(OF_PROPERTY_TYPE),
            "qos" => self.qos = value.get().expect(OF_PROPERTY_TYPE),
            "target-fps" => self.target_fps = value.get().expect(OF_PROPERTY_TYPE),
            "smoothing" => self.smoothing = value.get().expect(OF_PROPERTY_TYPE),
            "scene-cut-threshold" => {
                self.scene_cut_threshold = value.get().expect(OF_PROPERTY_TYPE);
            }
            "change-threshold" => self.change_threshold = value.get().expect(OF_PROPERTY_TYPE),
            "stats-interval" => {
                let nanoseconds = value.get().expect(OF_PROPERTY_TYPE);
                self.stats_interval = gst::ClockTime::from_nseconds(nanoseconds);
            }
            "metrics-port" => self.metrics_port = value.get().expect(OF_PROPERTY_TYPE),
            "range-mode" => self.range_mode = value.get().expect(OF_PROPERTY_TYPE),
            "range-near" => self.range_near = value.get().expect(OF_PROPERTY_TYPE),
            "range-far" => self.range_far = value.get().expect(OF_PROPERTY_TYPE),
            "polarity" => self.polarity = value.get().expect(OF_PROPERTY_TYPE),
            "colormap" => self.colormap = value.get().expect(OF_PROPERTY_TYPE),
            "alpha" => self.alpha = value.get().expect(OF_PROPERTY_TYPE),
            "outline" => self.outline = value.get().expect(OF_PROPERTY_TYPE),
            "upsampling" => self.upsampling = value.get().expect(OF_PROPERTY_TYPE),
            "depth-scale" => self.depth_scale = value.get().expect(OF_PROPERTY_TYPE),
            "depth-shift" => self.depth_shift = value.get().expect(OF_PROPERTY_TYPE),
            "focal-length" => self.focal_length = value.get().expect(OF_PROPERTY_TYPE),
            "depth-unit" => self.depth_unit = value.get().expect(OF_PROPERTY_TYPE),
            "classes" => self.classes = value.get().expect(OF_PROPERTY_TYPE),
            "zones" => self.zones = value.get().expect(OF_PROPERTY_TYPE),
            "output-tensor-meta" => {
                self.output_tensor_meta = value.get().expect(OF_PROPERTY_TYPE);
            }
            _ => unreachable!("GObject knows no other writable property"),
        }
    }

    /// A writable property's value.
    pub(super) fn get(&self, name: &str) -> glib::Value {
        match name {
            "model-file" => self.model_file.to_value(),
            "model-variant" => self.model_variant.to_value(),
            "output" => self.output.to_value(),
            "labels-file" => self.labels_file.to_value(),
            "network-size" => self.network_size.to_value(),
            "resize-policy" => self.resize_policy.to_value(),
            "execution-provider" => self.execution_provider.to_value(),
            "precision" => self.precision.to_value(),
            "device" => self.device.to_value(),
            "threads" => self.threads.to_value(),
            "optimization-level" => self.optimization_level.to_value(),
            "provider-options" => self.provider_options.to_value(),
            "onnxruntime-library" => self.onnxruntime_library.to_value(),
            "cache-dir" => self.cache_dir.to_value(),
            "model-instance-id" => self.model_instance_id.to_value(),
            "batch-size" => self.batch_size.to_value(),
            "batch-timeout" => self.batch_timeout.nseconds().to_value(),
            "server-url" => self.server_url.to_value(),
            "server-model" => self.server_model.to_value(),
            "server-ca-file" => self.server_ca_file.to_value(),
            "server-token-file" => self.server_token_file.to_value(),
            "inference-interval" => self.inference_interval.to_value(),
            "between" => self.between.to_value(),
            "alignment" => self.alignment.to_value(),
            "qos" => self.qos.to_value(),
            "target-fps" => self.target_fps.to_value(),
            "smoothing" => self.smoothing.to_value(),
            "scene-cut-threshold" => self.scene_cut_threshold.to_value(),
            "change-threshold" => self.change_threshold.to_value(),
            "stats-interval" => self.stats_interval.nseconds().to_value(),
            "metrics-port" => self.metrics_port.to_value(),
            "range-mode" => self.range_mode.to_value(),
            "range-near" => self.range_near.to_value(),
            "range-far" => self.range_far.to_value(),
            "polarity" => self.polarity.to_value(),
            "colormap" => self.colormap.to_value(),
            "alpha" => self.alpha.to_value(),
            "outline" => self.outline.to_value(),
            "upsampling" => self.upsampling.to_value(),
            "depth-scale" => self.depth_scale.to_value(),
            "depth-shift" => self.depth_shift.to_value(),
            "focal-length" => self.focal_length.to_value(),
            "depth-unit" => self.depth_unit.to_value(),
            "classes" => self.classes.to_value(),
            "zones" => self.zones.to_value(),
            "output-tensor-meta" => self.output_tensor_meta.to_value(),
            _ => unreachable!("GObject knows no other readable property"),
        }
    }

    /// A property that is set and that only a session of this process heeds.
    #[cfg(feature = "remote")]
    pub(super) fn of_local_sessions(&self) -> Option<&'static str> {
        let default = Self::default();
        [
            (
                "execution-provider",
                self.execution_provider != default.execution_provider,
            ),
            ("device", self.device.is_some()),
            ("precision", self.precision != default.precision),
            ("threads", self.threads != default.threads),
            ("provider-options", self.provider_options.is_some()),
            ("batch-size", self.batch_size != default.batch_size),
        ]
        .into_iter()
        .find_map(|(name, set)| set.then_some(name))
    }

    /// The port that shows `stats`; `None` when it is off.
    pub(super) fn metrics_port(&self) -> Option<u16> {
        u16::try_from(self.metrics_port)
            .ok()
            .filter(|&port| port != 0)
    }

    /// The looks of the next frame.
    pub(super) fn looks(&self) -> Looks {
        Looks {
            range_mode: self.range_mode,
            range_near: self.range_near,
            range_far: self.range_far,
            polarity: self.polarity,
            inference_interval: self.inference_interval,
            between: self.between,
            qos: self.qos,
            target_fps: self.target_fps,
            smoothing: self.smoothing as f32,
            scene_cut_threshold: self.scene_cut_threshold,
            change_threshold: self.change_threshold,
            style: Style {
                colormap: self.colormap.into(),
                alpha: self.alpha as f32,
                outline: self.outline,
            },
        }
    }

    /// `provider-options` as text, whatever types the command line gave the values.
    pub(super) fn provider_options(&self) -> Vec<(String, String)> {
        let Some(options) = &self.provider_options else {
            return Vec::new();
        };
        options
            .iter()
            .map(|(name, value)| {
                let text = match value.get::<String>() {
                    Ok(text) => text,
                    Err(_) => value
                        .transform::<String>()
                        .ok()
                        .and_then(|text| text.get().ok())
                        .unwrap_or_default(),
                };
                (name.to_string(), text)
            })
            .collect()
    }
}
