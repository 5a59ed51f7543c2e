// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The inference element.

mod error;
mod exposition;
mod imp;
mod input;
mod messages;
mod metrics;
mod open;
mod output;
mod settings;
mod shared;
mod stats;
mod streaming;

use crate::{inference, spec, temporal};
use gst::glib;
use gst::prelude::*;
use std::sync::LazyLock;

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "dptdepth",
        gst::DebugColorFlags::empty(),
        Some("Depth and segmentation from dense prediction transformers"),
    )
});

glib::wrapper! {
    /// The `dptdepth` element: video frames in, depth or segmentation out.
    pub struct DptDepth(ObjectSubclass<imp::DptDepth>) @extends gst::Element, gst::Object;
}

/// Registers the element and its enums.
pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    for kind in [
        Output::static_type(),
        ResizePolicy::static_type(),
        ExecutionProvider::static_type(),
        Precision::static_type(),
        OptimizationLevel::static_type(),
        RangeMode::static_type(),
        Alignment::static_type(),
        Between::static_type(),
    ] {
        kind.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    gst::Element::register(
        Some(plugin),
        "dptdepth",
        gst::Rank::NONE,
        DptDepth::static_type(),
    )
}

/// What the element puts out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptDepthOutput")]
pub enum Output {
    /// The depth or class map as a picture.
    #[default]
    #[enum_value(name = "The map as a picture of the frame's size", nick = "map")]
    Map,
    /// The frame blended with the coloured map.
    #[enum_value(name = "The frame blended with the coloured map", nick = "overlay")]
    Overlay,
    /// Frame left, coloured map right.
    #[enum_value(name = "The frame left, the coloured map right", nick = "side-by-side")]
    SideBySide,
    /// The frame untouched, the result as metadata.
    #[enum_value(name = "The frame untouched, the result as metadata", nick = "meta")]
    Meta,
}

/// How a frame is fitted to the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptDepthResizePolicy")]
pub enum ResizePolicy {
    /// As the model's own preprocessing does.
    #[default]
    #[enum_value(name = "As the model's own preprocessing does", nick = "model")]
    Model,
    /// Keep the aspect ratio, scale as little as possible.
    #[enum_value(
        name = "Keep the aspect ratio, scale as little as possible",
        nick = "minimal"
    )]
    Minimal,
    /// Keep the aspect ratio, both sides at least the network size.
    #[enum_value(
        name = "Keep the aspect ratio, both sides at least network-size",
        nick = "lower-bound"
    )]
    LowerBound,
    /// Keep the aspect ratio, both sides at most the network size.
    #[enum_value(
        name = "Keep the aspect ratio, both sides at most network-size",
        nick = "upper-bound"
    )]
    UpperBound,
    /// Exactly the network size, stretched.
    #[enum_value(name = "Exactly the network size, stretched", nick = "squash")]
    Squash,
    /// Exactly the network size, between borders.
    #[enum_value(name = "Exactly the network size, between borders", nick = "letterbox")]
    Letterbox,
}

impl ResizePolicy {
    /// The policy to use instead of the model's; `None` for [`Self::Model`].
    pub(crate) fn to_spec(self) -> Option<spec::ResizePolicy> {
        match self {
            Self::Model => None,
            Self::Minimal => Some(spec::ResizePolicy::Minimal),
            Self::LowerBound => Some(spec::ResizePolicy::LowerBound),
            Self::UpperBound => Some(spec::ResizePolicy::UpperBound),
            Self::Squash => Some(spec::ResizePolicy::Squash),
            Self::Letterbox => Some(spec::ResizePolicy::Letterbox),
        }
    }
}

/// What runs the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptDepthExecutionProvider")]
pub enum ExecutionProvider {
    /// The fastest that works here.
    #[default]
    #[enum_value(name = "The fastest that works here", nick = "auto")]
    Auto,
    /// ONNX Runtime's own CPU kernels.
    #[enum_value(name = "ONNX Runtime's CPU kernels", nick = "cpu")]
    Cpu,
    /// Intel OpenVINO.
    #[enum_value(name = "OpenVINO (CPU, GPU or NPU, see device)", nick = "openvino")]
    OpenVino,
    /// NVIDIA CUDA.
    #[enum_value(name = "NVIDIA CUDA", nick = "cuda")]
    Cuda,
    /// NVIDIA TensorRT.
    #[enum_value(name = "NVIDIA TensorRT", nick = "tensorrt")]
    TensorRt,
}

impl From<ExecutionProvider> for inference::ExecutionProvider {
    fn from(provider: ExecutionProvider) -> Self {
        match provider {
            ExecutionProvider::Auto => Self::Auto,
            ExecutionProvider::Cpu => Self::Cpu,
            ExecutionProvider::OpenVino => Self::OpenVino,
            ExecutionProvider::Cuda => Self::Cuda,
            ExecutionProvider::TensorRt => Self::TensorRt,
        }
    }
}

/// What a model is computed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptDepthPrecision")]
pub enum Precision {
    /// The fastest that is exact enough.
    #[default]
    #[enum_value(
        name = "The fastest that the hardware has and a picture needs",
        nick = "auto"
    )]
    Auto,
    /// 32-bit floats.
    #[enum_value(name = "32-bit floats", nick = "fp32")]
    Fp32,
    /// 16-bit floats.
    #[enum_value(name = "16-bit floats", nick = "fp16")]
    Fp16,
    /// 16-bit floats with the exponent of 32.
    #[enum_value(name = "16-bit floats with the exponent of 32 bits", nick = "bf16")]
    Bf16,
}

impl From<Precision> for inference::Precision {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Auto => Self::Auto,
            Precision::Fp32 => Self::Fp32,
            Precision::Fp16 => Self::Fp16,
            Precision::Bf16 => Self::Bf16,
        }
    }
}

/// How far ONNX Runtime may rewrite the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptDepthOptimizationLevel")]
pub enum OptimizationLevel {
    /// No rewrites.
    #[enum_value(name = "No optimisation", nick = "disable-all")]
    DisableAll,
    /// Constant folding and redundant nodes.
    #[enum_value(name = "Constant folding, redundant nodes", nick = "enable-basic")]
    EnableBasic,
    /// Fusions too.
    #[enum_value(name = "Basic and node fusions", nick = "enable-extended")]
    EnableExtended,
    /// Layout changes too.
    #[default]
    #[enum_value(name = "Extended and layout changes", nick = "enable-all")]
    EnableAll,
}

impl From<OptimizationLevel> for inference::OptimizationLevel {
    fn from(level: OptimizationLevel) -> Self {
        match level {
            OptimizationLevel::DisableAll => Self::DisableAll,
            OptimizationLevel::EnableBasic => Self::EnableBasic,
            OptimizationLevel::EnableExtended => Self::EnableExtended,
            OptimizationLevel::EnableAll => Self::EnableAll,
        }
    }
}

/// How a relative map becomes 8 or 16 bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptDepthRangeMode")]
pub enum RangeMode {
    /// A robust range that follows the video slowly.
    #[default]
    #[enum_value(name = "A robust range that follows the video slowly", nick = "smooth")]
    Smooth,
    /// Each frame's own minimum and maximum.
    #[enum_value(name = "Each frame's own minimum and maximum", nick = "frame")]
    Frame,
    /// From `range-near` to `range-far`.
    #[enum_value(name = "From range-near to range-far", nick = "fixed")]
    Fixed,
}

impl RangeMode {
    pub(crate) fn to_temporal(self, near: f64, far: f64) -> temporal::RangeMode {
        match self {
            Self::Smooth => temporal::RangeMode::Smooth,
            Self::Frame => temporal::RangeMode::Frame,
            Self::Fixed => temporal::RangeMode::Fixed {
                near: near as f32,
                far: far as f32,
            },
        }
    }
}

/// Whether frames wait for their results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptDepthAlignment")]
pub enum Alignment {
    /// `latest` behind a live source, else `strict`.
    #[default]
    #[enum_value(name = "latest behind a live source, else strict", nick = "auto")]
    Auto,
    /// Each frame waits for its own result.
    #[enum_value(
        name = "Each frame waits for its own result, or its interval's",
        nick = "strict"
    )]
    Strict,
    /// Frames never wait; they get the newest result and its age.
    #[enum_value(
        name = "Frames never wait; they get the newest result and its age",
        nick = "latest"
    )]
    Latest,
}

/// What frames get that the model did not run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptDepthBetween")]
pub enum Between {
    /// The last result.
    #[default]
    #[enum_value(name = "The last result", nick = "hold")]
    Hold,
    /// The last result, moved with the picture.
    #[enum_value(name = "The last result, moved with the picture", nick = "motion")]
    Motion,
    /// No result.
    #[enum_value(name = "No result", nick = "drop")]
    Drop,
}
