// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! NVIDIA GPUs through CUDA and cuDNN, and all that TensorRT's provider shares with that.

use std::path::Path;

use ort::ep::{CUDA, ExecutionProvider as _, ExecutionProviderDispatch};
use ort::memory::AllocationDevice;

use super::interface::{GraphForm, Options, Provider, configured};
use crate::inference::bound::Memory;
use crate::inference::error::InferenceError;
use crate::inference::execution_provider::ExecutionProvider;
use crate::inference::precision::Precision;
use crate::inference::runtime::Runtime;
use crate::inference::settings::SessionSettings;

/// The CUDA provider.
#[derive(Debug)]
pub(super) struct Cuda;

impl Provider for Cuda {
    fn value(&self) -> ExecutionProvider {
        ExecutionProvider::Cuda
    }

    fn ort_name(&self) -> &'static str {
        CUDA::NAME
    }

    fn where_to_get(&self) -> &'static str {
        "name a library with CUDA in onnxruntime-library (the one of the onnxruntime-gpu wheel has it)"
    }

    fn remedy(&self) -> &'static str {
        "install the NVIDIA driver, and CUDA and cuDNN of the versions that this ONNX Runtime is \
         built for, where the loader finds them (LD_LIBRARY_PATH); check device and \
         provider-options"
    }

    fn is_built_in(&self) -> bool {
        CUDA::is_available().unwrap_or(false)
    }

    fn needs_cached(&self) -> Option<&'static str> {
        None
    }

    fn device_in_keys(&self, settings: &SessionSettings) -> Option<String> {
        Some(named(settings).to_owned())
    }

    fn device_shown(&self, _: &SessionSettings) -> Option<String> {
        None
    }

    fn is_on_cpu(&self, _: &SessionSettings) -> bool {
        false
    }

    fn precision(&self, settings: &SessionSettings) -> Result<Precision, InferenceError> {
        precision(settings, self.value())
    }

    /// A graph with ONNX Runtime's fused attention, and the whole batch in every run: for each number of
    /// pictures the provider plans every convolution again, in the stream.
    fn graph(&self, _: &SessionSettings) -> GraphForm {
        GraphForm {
            fused_attention: true,
            typed_fp16: true,
            whole_batch: true,
            whole_batch_of_files: true,
        }
    }

    fn registrations(
        &self,
        settings: &SessionSettings,
        _: Option<&Path>,
    ) -> Result<Vec<ExecutionProviderDispatch>, InferenceError> {
        let gpu = gpu(settings, self.value())?;
        let user = &settings.provider_options;
        let provider = configured(CUDA::default(), options(settings, gpu), user);
        Ok(vec![provider.build().error_on_failure()])
    }

    fn config_entries<'s>(&self, _: &'s SessionSettings) -> &'s [(String, String)] {
        &[]
    }

    fn keeps_off_cpu(&self, _: &SessionSettings, strict: bool) -> bool {
        strict
    }

    fn memory(&self, settings: &SessionSettings) -> Option<Memory> {
        memory(settings)
    }

    fn repeats_addresses<'s>(&self, settings: &'s SessionSettings) -> Option<&'s str> {
        graph_option(settings)
    }

    fn shares_weights(&self) -> bool {
        false
    }

    fn is_cached(&self, _: &SessionSettings) -> bool {
        false
    }

    fn key(&self, _: &Runtime, _: &SessionSettings) -> String {
        environment()
    }

    fn blames_cache(&self, _: &InferenceError) -> bool {
        true
    }

    fn has_compiled(&self, _: &Path) -> bool {
        false
    }
}

/// The GPU that the settings name; CUDA's first if they name none.
fn named(settings: &SessionSettings) -> &str {
    settings.device.as_deref().unwrap_or("0")
}

/// The GPU's number as the options take it.
///
/// # Errors
/// If the device is no number.
pub(super) fn gpu(
    settings: &SessionSettings,
    provider: ExecutionProvider,
) -> Result<String, InferenceError> {
    let device = named(settings);
    match device.parse::<u16>() {
        Ok(number) => Ok(number.to_string()),
        Err(_) => Err(InferenceError::Device {
            provider,
            device: device.to_owned(),
            expected: "give the number of a GPU, such as 0",
        }),
    }
}

/// The GPU's memory, and memory of the host that it copies from and to without a detour.
pub(super) fn memory(settings: &SessionSettings) -> Option<Memory> {
    Some(Memory {
        device: AllocationDevice::CUDA,
        pinned: AllocationDevice::CUDA_PINNED,
        number: named(settings).parse().ok()?,
    })
}

/// The precision in which NVIDIA's providers compute.
///
/// # Errors
/// If that is not the one that is asked for.
pub(super) fn precision(
    settings: &SessionSettings,
    provider: ExecutionProvider,
) -> Result<Precision, InferenceError> {
    let precision = settings.precision;
    let refused = |cause| {
        Err(InferenceError::Precision {
            provider,
            precision,
            cause,
        })
    };
    match precision {
        // Not 16 bits by themselves: maps that a GPU's kernels spoil look like maps, and nobody
        // has looked at ours from a GPU yet.
        Precision::Auto | Precision::Fp32 => Ok(Precision::Fp32),
        Precision::Typed => Ok(Precision::Fp16),
        Precision::Fp16 => refused("it computes a graph in the types that this has"),
        Precision::Bf16 => refused("it is not offered there"),
    }
}

/// Variables that decide which GPU a number means, for keys.
pub(super) fn environment() -> String {
    let mut text = String::new();
    for variable in ["CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"] {
        text += &format!(", {:?}", std::env::var_os(variable));
    }
    text
}

/// The option that turns CUDA graphs on, of either of NVIDIA's providers, where the user has it on.
pub(super) fn graph_option(settings: &SessionSettings) -> Option<&str> {
    let mut options = settings.provider_options.iter();
    let (name, _) = options.find(|(name, value)| {
        // As ONNX Runtime reads flags.
        matches!(name.as_str(), "enable_cuda_graph" | "trt_cuda_graph_enable")
            && matches!(value.as_str(), "1" | "true" | "True")
    })?;
    Some(name)
}

/// The provider's options. Left as they are: the choice of convolution algorithms with all the memory
/// that they want (shapes are fixed and the first run is before the first frame, so it is made once),
/// copies on the stream that computes, and no CUDA graph, which not every network can be captured in.
pub(super) fn options(settings: &SessionSettings, gpu: String) -> Options {
    let mut options = vec![
        ("device_id", gpu),
        // Graphs of one size ask for the same memory every time; powers of two would take up to
        // twice of it from decoders and displays.
        ("arena_extend_strategy", "kSameAsRequested".to_owned()),
    ];
    if settings.precision == Precision::Fp32 {
        // Who asks for 32 bits does not want the ten bits of TensorFloat-32's fraction.
        options.push(("use_tf32", "0".to_owned()));
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_precision(precision: Precision) -> SessionSettings {
        SessionSettings {
            precision,
            ..SessionSettings::default()
        }
    }

    #[test]
    fn it_rounds_to_tensorfloat_32_unless_32_bits_are_asked_for() {
        let told = |precision| options(&in_precision(precision), "1".into());
        assert!(told(Precision::Fp32).contains(&("use_tf32", "0".into())));
        let auto = told(Precision::Auto);
        assert!(auto.iter().all(|(name, _)| *name != "use_tf32"));
        assert!(auto.contains(&("device_id", "1".into())));
    }

    /// The options that `ort` passes on are private, but printed.
    #[test]
    fn options_reach_ort_and_the_users_replace_ours() {
        let settings = SessionSettings {
            provider_options: vec![
                ("arena_extend_strategy".into(), "kNextPowerOfTwo".into()),
                ("gpu_mem_limit".into(), "2000000000".into()),
            ],
            ..SessionSettings::default()
        };
        let ours = options(&settings, "3".into());
        let cuda = configured(CUDA::default(), ours, &settings.provider_options);
        let told = format!("{cuda:?}");
        for part in ["\"3\"", "kNextPowerOfTwo", "gpu_mem_limit", "2000000000"] {
            assert!(told.contains(part), "{part} is not in {told}");
        }
        assert!(!told.contains("kSameAsRequested"), "{told}");
    }
}
