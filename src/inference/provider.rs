// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Execution providers: which there are, and what each is told.

use super::session::SessionSettings;
use super::{InferenceError, Runtime};
use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider as _, ExecutionProvider as _};

/// What runs the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExecutionProvider {
    /// The fastest that works: tensorrt if its engine is cached, cuda, openvino, cpu.
    #[default]
    Auto,
    /// ONNX Runtime's own CPU kernels.
    Cpu,
    /// Intel OpenVINO.
    OpenVino,
    /// NVIDIA CUDA.
    Cuda,
    /// NVIDIA TensorRT.
    TensorRt,
}

impl ExecutionProvider {
    /// The provider's name in properties and messages.
    pub const fn nick(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::OpenVino => "openvino",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        }
    }

    /// The nick of a provider that ONNX Runtime names in a profile.
    pub(super) fn nick_of(name: &str) -> &str {
        match name {
            "CPUExecutionProvider" => "cpu",
            "OpenVINOExecutionProvider" => "openvino",
            "CUDAExecutionProvider" => "cuda",
            "TensorrtExecutionProvider" => "tensorrt",
            other => other,
        }
    }

    /// Whether the loaded runtime was built with it. Says nothing of drivers and devices.
    pub(super) fn is_built_in(self, _runtime: &Runtime) -> bool {
        match self {
            Self::Auto | Self::Cpu => Ok(true),
            Self::OpenVino => ep::OpenVINO::is_available(),
            Self::Cuda => ep::CUDA::is_available(),
            Self::TensorRt => ep::TensorRT::is_available(),
        }
        .unwrap_or(false)
    }

    /// What to do where it does not work.
    pub(super) fn remedy(self, runtime: &Runtime) -> String {
        let wheel = match self {
            Self::OpenVino => "onnxruntime-openvino",
            Self::Cuda | Self::TensorRt => "onnxruntime-gpu",
            Self::Auto | Self::Cpu => return "choose another provider".into(),
        };
        let needs = match self {
            Self::Cuda => ", an NVIDIA driver, CUDA and cuDNN",
            Self::TensorRt => ", an NVIDIA driver, CUDA and TensorRT",
            _ => "",
        };
        format!(
            "it needs the ONNX Runtime of the Python wheel {wheel} (set onnxruntime-library){needs}; \
             loaded is {} {}; or choose another provider",
            runtime.path().display(),
            runtime.version()
        )
    }

    /// The registration for one session, failing rather than falling back.
    pub(super) fn dispatch(
        self,
        settings: &SessionSettings,
    ) -> Result<Option<ep::ExecutionProviderDispatch>, InferenceError> {
        for (name, value) in &settings.provider_options {
            if name.contains('\0') || value.contains('\0') {
                return Err(InferenceError::Option { name: name.clone() });
            }
        }
        let device = settings.device.as_deref();
        if device.is_some_and(|device| device.contains('\0')) {
            return Err(InferenceError::Option {
                name: "device".into(),
            });
        }
        let engines = settings.cache.engine_folder(self.nick(), &settings.cache_key);
        let folder = engines.map(|folder| folder.to_string_lossy().into_owned());
        let user = &settings.provider_options;
        let dispatch = match self {
            Self::Auto | Self::Cpu => return Ok(None),
            Self::OpenVino => {
                let mut openvino = ep::OpenVINO::default();
                openvino = openvino.with_device_type(device.unwrap_or("CPU"));
                if settings.threads > 0 {
                    openvino = openvino.with_num_threads(settings.threads);
                }
                if let Some(folder) = folder {
                    openvino = openvino.with_cache_dir(folder);
                }
                user.iter()
                    .fold(openvino, |ep, (name, value)| {
                        ep.with_arbitrary_config(name, value)
                    })
                    .build()
            }
            Self::Cuda => {
                let mut cuda = ep::CUDA::default();
                if let Some(device) = device {
                    cuda = cuda.with_arbitrary_config("device_id", device);
                }
                user.iter()
                    .fold(cuda, |ep, (name, value)| ep.with_arbitrary_config(name, value))
                    .build()
            }
            Self::TensorRt => {
                let mut tensorrt = ep::TensorRT::default();
                if let Some(device) = device {
                    tensorrt = tensorrt.with_arbitrary_config("device_id", device);
                }
                if let Some(folder) = folder {
                    tensorrt = tensorrt
                        .with_arbitrary_config("trt_engine_cache_enable", "1")
                        .with_arbitrary_config("trt_engine_cache_path", &folder)
                        .with_arbitrary_config("trt_timing_cache_enable", "1")
                        .with_arbitrary_config("trt_timing_cache_path", &folder);
                }
                user.iter()
                    .fold(tensorrt, |ep, (name, value)| {
                        ep.with_arbitrary_config(name, value)
                    })
                    .build()
            }
        };
        Ok(Some(dispatch.error_on_failure()))
    }
}

/// How far ONNX Runtime may rewrite the graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptimizationLevel {
    /// Not at all.
    DisableAll,
    /// Constant folding and redundant nodes.
    EnableBasic,
    /// Node fusions too.
    EnableExtended,
    /// Layout changes too.
    #[default]
    EnableAll,
}
