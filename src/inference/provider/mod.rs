// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! ONNX Runtime's execution providers: one file for each, and the list of them.

mod cpu;
mod cuda;
mod interface;
mod openvino;
mod tensorrt;

pub(crate) use interface::Provider;

use super::execution_provider::ExecutionProvider;

/// All providers, in the order in which `auto` tries them. The last one takes every network.
pub(crate) const ALL: [&dyn Provider; 4] = [
    &tensorrt::TensorRt,
    &cuda::Cuda,
    &openvino::OpenVino,
    &cpu::Cpu,
];

impl ExecutionProvider {
    /// The provider that this value names; `None` for `Auto`, which may become any of them.
    pub(crate) fn provider(self) -> Option<&'static dyn Provider> {
        match self {
            Self::Auto => None,
            Self::Cpu => Some(&cpu::Cpu),
            Self::OpenVino => Some(&openvino::OpenVino),
            Self::Cuda => Some(&cuda::Cuda),
            Self::TensorRt => Some(&tensorrt::TensorRt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::precision::Precision;
    use crate::inference::settings::SessionSettings;

    #[test]
    fn every_value_but_auto_is_one_provider_of_the_list() {
        for value in ExecutionProvider::ALL {
            let listed = ALL.iter().filter(|provider| provider.is(value)).count();
            let named = value.provider().map(Provider::value);
            match value {
                ExecutionProvider::Auto => assert_eq!((listed, named), (0, None)),
                _ => assert_eq!((listed, named), (1, Some(value)), "{value}"),
            }
        }
        let [.., last] = ALL;
        assert!(last.is(ExecutionProvider::Cpu) && last.is_built_in());
    }

    const NVIDIA: [&dyn Provider; 2] = [&cuda::Cuda, &tensorrt::TensorRt];

    #[test]
    fn a_gpu_is_a_number() {
        for provider in NVIDIA {
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

    #[test]
    fn an_nvidia_gpu_computes_in_16_bits_only_when_told() {
        for provider in NVIDIA {
            let resolved = |precision| {
                provider.precision(&SessionSettings {
                    precision,
                    ..SessionSettings::default()
                })
            };
            assert_eq!(resolved(Precision::Auto).unwrap(), Precision::Fp32);
            assert_eq!(resolved(Precision::Typed).unwrap(), Precision::Fp16);
            // Neither makes a graph in 16 bits of one in 32.
            let message = resolved(Precision::Fp16).unwrap_err();
            assert!(message.to_string().contains("types"), "{message}");
        }
    }
}
