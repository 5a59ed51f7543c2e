// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `config.pbtxt`: Triton's `inference.ModelConfig` (`model_config.proto` of
//! triton-inference-server/common) for its ONNX Runtime backend, whose README lists the options
//! of accelerators.

use super::text::Message;
use clap::ValueEnum;
use gstdptdepth::graph::{OnnxSummary, OnnxTensor};
use gstdptdepth::spec::ModelSpec;

/// Where copies of the model run.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// On every GPU of the server, else on its CPU
    Auto,
    /// On every GPU; a server without one refuses the model
    Gpu,
    /// On the CPU
    Cpu,
}

/// What runs the graph.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Accelerator {
    /// ONNX Runtime's own kernels, for CUDA or the CPU
    None,
    /// NVIDIA TensorRT
    Tensorrt,
    /// Intel OpenVINO
    Openvino,
}

/// What GPUs compute in.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Precision {
    /// Full precision, without TensorFloat-32 (from Triton 24.06 on)
    Fp32,
    /// Half, where the graph's own types say so: half the file, runs on anything
    Fp16,
    /// Half with the range of fp32, wherever TensorRT likes; from Triton 26.02 on, before TensorRT 11
    Bf16,
}

impl Precision {
    /// TensorRT follows the types of the graph in FP32 mode only.
    fn mode(self) -> &'static str {
        match self {
            Self::Fp32 | Self::Fp16 => "FP32",
            Self::Bf16 => "BF16",
        }
    }
}

/// All that a configuration says.
pub(super) struct Config<'a> {
    pub(super) name: &'a str,
    pub(super) spec: &'a ModelSpec,
    /// What the graph's file says it takes and gives.
    pub(super) tensors: &'a OnnxSummary,
    pub(super) max_batch: u32,
    /// In microseconds.
    pub(super) queue_delay: u32,
    pub(super) preferred_batch: &'a [u32],
    /// 0 is no limit.
    pub(super) max_queue: u32,
    pub(super) instances: u32,
    pub(super) kind: Kind,
    pub(super) accelerator: Accelerator,
    pub(super) precision: Precision,
    /// 32 bits were asked for, so that the ten bits of TensorFloat-32's fraction are too few.
    pub(super) exact: bool,
    /// Folder on the server for TensorRT's engines of this graph alone.
    pub(super) engine_cache: Option<&'a str>,
    pub(super) warmup: bool,
}

impl Config<'_> {
    pub(super) fn to_text(&self) -> String {
        let mut m = Message::default();
        m.comment("Written by dpt-onnx triton-repository. `dims` are without the batch.");
        m.string("name", self.name);
        m.string("backend", "onnxruntime");
        m.word("max_batch_size", self.max_batch);
        for input in &self.tensors.inputs {
            m.message("input", |m| {
                tensor(m, input);
                m.word("format", format(input));
            });
        }
        for output in &self.tensors.outputs {
            m.message("output", |m| tensor(m, output));
        }
        m.message("dynamic_batching", |m| self.batching(m));
        m.message("instance_group", |m| {
            m.word("count", self.instances);
            m.word(
                "kind",
                match self.kind {
                    Kind::Auto => "KIND_AUTO",
                    Kind::Gpu => "KIND_GPU",
                    Kind::Cpu => "KIND_CPU",
                },
            );
        });
        self.accelerators(&mut m);
        if self.warmup {
            self.warm_up(&mut m, "one", 1);
            if self.max_batch > 1 {
                self.warm_up(&mut m, "most", self.max_batch);
            }
        }
        if self.accelerator == Accelerator::None && self.kind != Kind::Cpu {
            m.comment("cuDNN chooses by rule: a search would run again for every size of batch.");
            m.message("parameters", |m| {
                m.string("key", "cudnn_conv_algo_search");
                m.message("value", |m| {
                    m.string("string_value", "1");
                });
            });
        }
        m.comment("What the element dptdepth reads: how frames are fitted, what the output means.");
        m.message("parameters", |m| {
            m.string("key", ModelSpec::PARAMETER_KEY);
            m.message("value", |m| {
                m.string("string_value", &self.spec.to_json());
            });
        });
        m.into_text()
    }

    fn batching(&self, m: &mut Message) {
        if !self.preferred_batch.is_empty() {
            m.numbers("preferred_batch_size", self.preferred_batch);
        }
        m.word("max_queue_delay_microseconds", self.queue_delay);
        m.comment("A client may say after how long a picture is of no use any more.");
        m.message("default_queue_policy", |m| {
            m.word("timeout_action", "REJECT");
            m.word("allow_timeout_override", true);
            if self.max_queue > 0 {
                m.word("max_queue_size", self.max_queue);
            }
        });
    }

    fn accelerators(&self, m: &mut Message) {
        let (field, name) = match self.accelerator {
            Accelerator::None if self.exact && self.kind != Kind::Cpu => {
                ("gpu_execution_accelerator", "cuda")
            }
            Accelerator::None => return,
            Accelerator::Tensorrt => ("gpu_execution_accelerator", "tensorrt"),
            Accelerator::Openvino => ("cpu_execution_accelerator", "openvino"),
        };
        let mut options = Vec::new();
        if self.accelerator == Accelerator::None {
            options.push(("use_tf32", "0".into()));
        }
        if self.accelerator == Accelerator::Tensorrt {
            options.push(("precision_mode", self.precision.mode().into()));
            // Without a profile an engine is built anew whenever a larger batch comes.
            options.push(("trt_profile_min_shapes", self.shapes(1)));
            options.push(("trt_profile_opt_shapes", self.shapes(self.max_batch)));
            options.push(("trt_profile_max_shapes", self.shapes(self.max_batch)));
            if let Some(path) = self.engine_cache {
                options.push(("trt_engine_cache_enable", "1".into()));
                options.push(("trt_engine_cache_path", path.into()));
            }
        }
        m.message("optimization", |m| {
            m.message("execution_accelerators", |m| {
                m.message(field, |m| {
                    m.string("name", name);
                    for (key, value) in &options {
                        m.message("parameters", |m| {
                            m.string("key", key);
                            m.string("value", value);
                        });
                    }
                });
            });
        });
    }

    /// `name:NxHxWx3`, as TensorRT's profiles are written.
    fn shapes(&self, batch: u32) -> String {
        let shape = |input: &OnnxTensor| {
            let mut shape = format!("{}:{batch}", input.name);
            for side in dims(input) {
                shape += &format!("x{side}");
            }
            shape
        };
        let shapes: Vec<_> = self.tensors.inputs.iter().map(shape).collect();
        shapes.join(",")
    }

    fn warm_up(&self, m: &mut Message, name: &str, batch: u32) {
        m.message("model_warmup", |m| {
            m.string("name", name);
            m.word("batch_size", batch);
            for input in &self.tensors.inputs {
                m.message("inputs", |m| {
                    m.string("key", &input.name);
                    m.message("value", |m| {
                        m.word("data_type", data_type(input));
                        m.numbers("dims", dims(input));
                        m.word("zero_data", true);
                    });
                });
            }
        });
    }
}

fn tensor(m: &mut Message, tensor: &OnnxTensor) {
    m.string("name", &tensor.name);
    m.word("data_type", data_type(tensor));
    m.numbers("dims", dims(tensor));
}

/// Sides without the batch.
fn dims(tensor: &OnnxTensor) -> impl Iterator<Item = i64> {
    tensor.dims.iter().skip(1).map(|side| side.unwrap_or(-1))
}

/// What our graphs take and give ([`gstdptdepth::dpt::build`]).
fn data_type(tensor: &OnnxTensor) -> &'static str {
    match tensor.element.as_str() {
        "uint8" => "TYPE_UINT8",
        _ => "TYPE_FP32",
    }
}

fn format(tensor: &OnnxTensor) -> &'static str {
    match tensor.element.as_str() {
        "uint8" => "FORMAT_NHWC",
        _ => "FORMAT_NCHW",
    }
}
