// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Which numbers a network is computed in. Weights, input and output stay f32.

use super::error::InferenceError;
use super::provider::{ExecutionProvider, is_cpu};

/// What is computed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// The fastest that the hardware computes by itself and that is exact enough for a picture.
    #[default]
    Auto,
    /// 32 bits.
    Fp32,
    /// 16 bits: ten of the fraction, five of the exponent.
    Fp16,
    /// 16 bits: seven of the fraction, eight of the exponent, as many as 32 bits have.
    Bf16,
    /// 8-bit integers.
    Int8,
}

impl Precision {
    /// The name used in properties and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fp32 => "fp32",
            Self::Fp16 => "fp16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// What the provider is to compute in on this device; `Auto` where only its driver knows.
    pub(super) fn resolve(
        self,
        provider: ExecutionProvider,
        device: Option<&str>,
    ) -> Result<Self, InferenceError> {
        let refused = |cause| {
            Err(InferenceError::Precision {
                provider,
                precision: self,
                cause,
            })
        };
        if self == Self::Int8 {
            return refused("models are not quantised: it was slower than 16 bits wherever it was exact enough");
        }
        match provider {
            ExecutionProvider::Auto | ExecutionProvider::Cpu => match self {
                Self::Auto | Self::Fp32 => Ok(Self::Fp32),
                _ => refused("its kernels know 32 bits only"),
            },
            ExecutionProvider::OpenVino => {
                let on_cpu = is_cpu(device);
                match self {
                    Self::Auto if on_cpu && has_bf16() => Ok(Self::Bf16),
                    Self::Auto if on_cpu => Ok(Self::Fp32),
                    Self::Bf16 if on_cpu && !has_bf16() => {
                        refused("this processor has no instructions for it")
                    }
                    Self::Bf16 if !on_cpu => refused("the device does not know it"),
                    Self::Fp16 if on_cpu && !has_fp16() => {
                        refused("this processor has no instructions for it")
                    }
                    given => Ok(given),
                }
            }
            ExecutionProvider::Cuda => match self {
                Self::Auto | Self::Fp32 => Ok(Self::Fp32),
                _ => refused("the graph is built with 32 bits"),
            },
            ExecutionProvider::TensorRt => match self {
                Self::Auto | Self::Fp32 => Ok(Self::Fp32),
                Self::Fp16 => Ok(Self::Fp16),
                _ => refused("it is not offered there"),
            },
        }
    }
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(target_arch = "x86_64")]
fn has_bf16() -> bool {
    is_x86_feature_detected!("avx512bf16")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_bf16() -> bool {
    false
}

#[cfg(target_arch = "x86_64")]
fn has_fp16() -> bool {
    is_x86_feature_detected!("avx512fp16")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_fp16() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_provider_cannot_compute_in_is_refused_with_the_reason() {
        let cpu = ExecutionProvider::Cpu;
        assert_eq!(Precision::Auto.resolve(cpu, None).unwrap(), Precision::Fp32);
        for precision in [Precision::Fp16, Precision::Bf16, Precision::Int8] {
            let message = precision.resolve(cpu, None).unwrap_err().to_string();
            assert!(message.contains(precision.name()), "{message}");
            assert!(message.contains("precision=auto"), "{message}");
        }
    }

    #[test]
    fn openvino_takes_what_the_device_has() {
        let openvino = ExecutionProvider::OpenVino;
        let on = |precision: Precision, device| precision.resolve(openvino, device);
        let chosen = on(Precision::Auto, None).unwrap();
        let expected = if has_bf16() {
            Precision::Bf16
        } else {
            Precision::Fp32
        };
        assert_eq!(chosen, expected);
        assert_eq!(on(Precision::Bf16, Some("CPU")).is_ok(), has_bf16());
        assert_eq!(on(Precision::Auto, Some("GPU.0")).unwrap(), Precision::Auto);
        assert!(on(Precision::Bf16, Some("GPU.0")).is_err());
    }
}
