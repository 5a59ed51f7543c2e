// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Execution providers: what runs the nodes of a network, and the options each is given.

use std::path::Path;

use ort::ep::{
    ArbitrarilyConfigurableExecutionProvider, CUDA, ExecutionProvider as _,
    ExecutionProviderDispatch, OpenVINO, TensorRT,
};
use ort::session::builder::GraphOptimizationLevel;

use super::error::InferenceError;
use super::openvino::Device;
use super::options::{self, Options};
use super::settings::SessionSettings;

/// Which execution provider runs the network.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum ExecutionProvider {
    /// The first that works: TensorRT if its engine is cached already, CUDA, OpenVINO, the CPU.
    #[default]
    Auto,
    /// ONNX Runtime's own kernels on the CPU.
    Cpu,
    /// Intel's OpenVINO on the CPU, an Intel GPU or an NPU.
    OpenVino,
    /// An NVIDIA GPU through CUDA and cuDNN.
    Cuda,
    /// An NVIDIA GPU through TensorRT, with CUDA for nodes that it does not take.
    TensorRt,
}

impl ExecutionProvider {
    /// The name used in properties and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::OpenVino => "openvino",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
        }
    }

    /// What to do where the ONNX Runtime in use lacks the provider.
    pub(super) const fn where_to_get(self) -> &'static str {
        match self {
            Self::Auto | Self::Cpu => "name another library in onnxruntime-library",
            Self::OpenVino => {
                "name a library with OpenVINO in onnxruntime-library (the one of the \
                 onnxruntime-openvino wheel has it)"
            }
            Self::Cuda => {
                "name a library with CUDA in onnxruntime-library (the one of the onnxruntime-gpu \
                 wheel has it)"
            }
            Self::TensorRt => {
                "name a library with TensorRT in onnxruntime-library (the one of the \
                 onnxruntime-gpu wheel has it)"
            }
        }
    }

    /// What to do where the provider is there but does not work.
    pub(super) const fn remedy(self) -> &'static str {
        match self {
            Self::Auto | Self::Cpu => "check provider-options",
            Self::OpenVino => {
                "check that the device is there with its driver, device and provider-options (a graph \
                 with ONNX Runtime's own operators runs on cpu and cuda only)"
            }
            Self::Cuda => {
                "install the NVIDIA driver, and CUDA and cuDNN of the versions that this ONNX Runtime is \
                 built for, where the loader finds them (LD_LIBRARY_PATH); check device and \
                 provider-options"
            }
            Self::TensorRt => {
                "install the NVIDIA driver, and CUDA, cuDNN and TensorRT of the versions that this ONNX \
                 Runtime is built for, where the loader finds them (LD_LIBRARY_PATH); check device and \
                 provider-options"
            }
        }
    }

    /// What `Auto` tries before the CPU, in this order.
    pub(super) const ORDER: [Self; 3] = [Self::TensorRt, Self::Cuda, Self::OpenVino];

    /// Whether the ONNX Runtime in use was built with the provider.
    pub(super) fn is_built_in(self) -> bool {
        match self {
            Self::Auto | Self::Cpu => true,
            Self::OpenVino => OpenVINO::is_available().unwrap_or(false),
            Self::Cuda => CUDA::is_available().unwrap_or(false),
            Self::TensorRt => TensorRT::is_available().unwrap_or(false),
        }
    }

    /// Whether the network runs on the CPU alone.
    pub(crate) fn is_on_cpu(self, settings: &SessionSettings) -> bool {
        match self {
            Self::Cpu => true,
            Self::OpenVino => Device::of(settings).is_ok_and(|device| device.is_cpu()),
            Self::Auto | Self::Cuda | Self::TensorRt => false,
        }
    }

    /// What to register with a session, first choice first. Empty for the CPU. `kept` is the folder
    /// for what the provider compiles.
    pub(super) fn registrations(
        self,
        settings: &SessionSettings,
        kept: Option<&Path>,
    ) -> Result<Vec<ExecutionProviderDispatch>, InferenceError> {
        let cache = kept.and_then(Path::to_str);
        let user = &settings.provider_options;
        Ok(match self {
            Self::Auto | Self::Cpu => Vec::new(),
            Self::OpenVino => {
                let options = Device::of(settings)?.options(settings, cache)?;
                vec![
                    configured(OpenVINO::default(), options, user)
                        .build()
                        .error_on_failure(),
                ]
            }
            Self::Cuda => {
                let options = options::cuda(settings, self.gpu(settings)?);
                vec![
                    configured(CUDA::default(), options, user)
                        .build()
                        .error_on_failure(),
                ]
            }
            Self::TensorRt => {
                let gpu = self.gpu(settings)?;
                let options = options::tensorrt(settings, gpu.clone(), cache)?;
                let rest = configured(CUDA::default(), options::cuda(settings, gpu), &[]);
                vec![
                    configured(TensorRT::default(), options, user)
                        .build()
                        .error_on_failure(),
                    rest.build().error_on_failure(),
                ]
            }
        })
    }

    /// The GPU's number as the options take it.
    fn gpu(self, settings: &SessionSettings) -> Result<String, InferenceError> {
        let device = settings.device.as_deref().unwrap_or("0");
        match device.parse::<u16>() {
            Ok(number) => Ok(number.to_string()),
            Err(_) => Err(InferenceError::Device {
                provider: self,
                device: device.to_owned(),
                expected: "give the number of a GPU, such as 0",
            }),
        }
    }
}

impl std::fmt::Display for ExecutionProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// `provider` with our options, each of which the user's may replace.
fn configured<P: ArbitrarilyConfigurableExecutionProvider>(
    provider: P,
    ours: Options,
    user: &[(String, String)],
) -> P {
    let ours = ours
        .into_iter()
        .filter(|(key, _)| user.iter().all(|(name, _)| name != key));
    let provider = ours.fold(provider, |provider, (key, value)| {
        provider.with_arbitrary_config(key, value)
    });
    user.iter().fold(provider, |provider, (key, value)| {
        provider.with_arbitrary_config(key, value)
    })
}

/// How far ONNX Runtime rewrites the graph before it runs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OptimizationLevel {
    /// Not at all.
    DisableAll,
    /// Constant folding and removal of what does nothing.
    EnableBasic,
    /// The above, and fused operators.
    EnableExtended,
    /// The above, and changes of memory layout.
    #[default]
    EnableAll,
}

impl From<OptimizationLevel> for GraphOptimizationLevel {
    fn from(level: OptimizationLevel) -> Self {
        match level {
            OptimizationLevel::DisableAll => Self::Disable,
            OptimizationLevel::EnableBasic => Self::Level1,
            OptimizationLevel::EnableExtended => Self::Level2,
            OptimizationLevel::EnableAll => Self::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `ort` passes on is private, but printed.
    #[test]
    fn options_reach_ort_and_the_users_replace_ours() {
        let settings = SessionSettings {
            provider_options: vec![
                ("arena_extend_strategy".into(), "kNextPowerOfTwo".into()),
                ("gpu_mem_limit".into(), "2000000000".into()),
            ],
            ..SessionSettings::default()
        };
        let ours = options::cuda(&settings, "3".into());
        let cuda = configured(CUDA::default(), ours, &settings.provider_options);
        let told = format!("{cuda:?}");
        for part in ["\"3\"", "kNextPowerOfTwo", "gpu_mem_limit", "2000000000"] {
            assert!(told.contains(part), "{part} is not in {told}");
        }
        assert!(!told.contains("kSameAsRequested"), "{told}");
    }

    #[test]
    fn a_gpu_is_a_number() {
        for provider in [ExecutionProvider::Cuda, ExecutionProvider::TensorRt] {
            let on = |device: &str| {
                let settings = SessionSettings {
                    device: Some(device.into()),
                    ..SessionSettings::default()
                };
                provider.registrations(&settings, None).map(|all| all.len())
            };
            assert!(on("1").is_ok());
            let message = on("GPU.1").unwrap_err().to_string();
            assert!(message.contains("such as 0"), "{message}");
        }
    }
}
