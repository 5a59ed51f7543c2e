// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What the properties hold: defaults, setters and getters. How they are shown is in `settings/properties.rs`.

mod properties;

pub(super) use properties::PROPERTIES;

use crate::dptdepth::{
    Alignment, Between, ExecutionProvider, OptimizationLevel, Output, Precision, RangeMode,
    ResizePolicy,
};
use crate::frame::Style;
use crate::temporal::SceneCut;
use crate::video::{Colormap, DepthUnit, Polarity, Upsampling};
use gst::glib;
use gst::prelude::*;
use std::collections::BTreeSet;

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
    /// Properties that were set when they could not be, and of which a warning was posted.
    refused: BTreeSet<String>,
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
            refused: BTreeSet::new(),
        }
    }
}

/// The settings that may change while PLAYING, as one frame sees them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PlayingSettings {
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
    pub(super) stats_interval: gst::ClockTime,
    pub(super) polarity: Polarity,
    pub(super) style: Style,
}

const OF_PROPERTY_TYPE: &str = "GObject checked the value's type";

impl Settings {
    /// Notes that a property was not set; `true` the first time.
    pub(super) fn refuse(&mut self, name: &str) -> bool {
        self.refused.insert(name.to_owned())
    }

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

    /// The settings that the next frame sees.
    pub(super) fn playing(&self) -> PlayingSettings {
        PlayingSettings {
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
            stats_interval: self.stats_interval,
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
