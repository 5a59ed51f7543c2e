// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Which numbers a network is computed in. Input and output stay as they are.

use super::error::InferenceError;
use super::openvino::Device;
use super::provider::ExecutionProvider;
use super::settings::SessionSettings;

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
    /// [`Self::Fp16`] where the graph's own types say so, and 32 bits elsewhere.
    Typed,
}

impl Precision {
    /// The name used in properties and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Fp32 => "fp32",
            Self::Fp16 | Self::Typed => "fp16",
            Self::Bf16 => "bf16",
        }
    }

    /// What the provider is to compute in with these settings; `Auto` where only the device's driver
    /// knows.
    pub(super) fn resolve(
        settings: &SessionSettings,
        provider: ExecutionProvider,
    ) -> Result<Self, InferenceError> {
        let precision = settings.precision;
        let refused = |cause| {
            Err(InferenceError::Precision {
                provider,
                precision,
                cause,
            })
        };
        match provider {
            ExecutionProvider::Auto | ExecutionProvider::Cpu => match precision {
                Self::Auto | Self::Fp32 => Ok(Self::Fp32),
                _ => refused("its kernels know 32 bits only"),
            },
            ExecutionProvider::OpenVino => Device::of(settings)?.precision(precision),
            // Not 16 bits by themselves: maps that a GPU's kernels spoil look like maps, and nobody
            // has looked at ours from a GPU yet.
            ExecutionProvider::Cuda | ExecutionProvider::TensorRt => match precision {
                Self::Auto | Self::Fp32 => Ok(Self::Fp32),
                Self::Typed => Ok(Self::Fp16),
                Self::Fp16 => refused("it computes a graph in the types that this has"),
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
pub(super) fn has_fp16() -> bool {
    is_x86_feature_detected!("avx512fp16")
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn has_fp16() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(
        precision: Precision,
        provider: ExecutionProvider,
    ) -> Result<Precision, InferenceError> {
        let settings = SessionSettings {
            precision,
            ..SessionSettings::default()
        };
        Precision::resolve(&settings, provider)
    }

    #[test]
    fn what_a_provider_cannot_compute_in_is_refused_with_the_reason() {
        let cpu = |precision| resolved(precision, ExecutionProvider::Cpu);
        assert_eq!(cpu(Precision::Auto).unwrap(), Precision::Fp32);
        for precision in [Precision::Fp16, Precision::Bf16] {
            let message = cpu(precision).unwrap_err().to_string();
            assert!(message.contains(precision.name()), "{message}");
            assert!(message.contains("precision=auto"), "{message}");
        }
    }

    #[test]
    fn an_nvidia_gpu_computes_in_16_bits_only_when_told() {
        let (cuda, tensorrt) = (ExecutionProvider::Cuda, ExecutionProvider::TensorRt);
        for provider in [cuda, tensorrt] {
            let auto = resolved(Precision::Auto, provider).unwrap();
            assert_eq!(auto, Precision::Fp32);
            let told = resolved(Precision::Typed, provider).unwrap();
            assert_eq!(told, Precision::Fp16);
            // Neither makes a graph in 16 bits of one in 32.
            let message = resolved(Precision::Fp16, provider).unwrap_err();
            assert!(message.to_string().contains("types"), "{message}");
        }
    }
}
