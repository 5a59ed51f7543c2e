// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Intel CPUs, GPUs and NPUs through OpenVINO.

mod device;

use std::path::Path;

use ort::ep::{ExecutionProvider as _, ExecutionProviderDispatch, OpenVINO};

use self::device::{Device, REMEDY};
use super::interface::{GraphForm, Provider, configured};
use crate::inference::bound::Memory;
use crate::inference::error::InferenceError;
use crate::inference::execution_provider::ExecutionProvider;
use crate::inference::precision::Precision;
use crate::inference::runtime::Runtime;
use crate::inference::settings::SessionSettings;

/// The OpenVINO provider.
#[derive(Debug)]
pub(super) struct OpenVino;

impl Provider for OpenVino {
    fn value(&self) -> ExecutionProvider {
        ExecutionProvider::OpenVino
    }

    fn ort_name(&self) -> &'static str {
        "OpenVINOExecutionProvider"
    }

    fn where_to_get(&self) -> &'static str {
        "name a library with OpenVINO in onnxruntime-library (the one of the onnxruntime-openvino \
         wheel has it)"
    }

    fn remedy(&self) -> &'static str {
        REMEDY
    }

    fn is_built_in(&self) -> bool {
        OpenVINO::is_available().unwrap_or(false)
    }

    fn needs_cached(&self) -> Option<&'static str> {
        None
    }

    fn device_in_keys(&self, settings: &SessionSettings) -> Option<String> {
        settings.device.clone()
    }

    /// The device, unless it is the CPU.
    fn device_shown(&self, settings: &SessionSettings) -> Option<String> {
        let device = Device::of(settings).ok()?;
        (!device.is_cpu()).then(|| device.name().to_owned())
    }

    fn is_on_cpu(&self, settings: &SessionSettings) -> bool {
        Device::of(settings).is_ok_and(|device| device.is_cpu())
    }

    fn precision(&self, settings: &SessionSettings) -> Result<Precision, InferenceError> {
        Device::of(settings)?.precision(settings.precision)
    }

    /// A graph of standard operators in 32 bits, from which OpenVINO comes to 16 by itself. For each number
    /// of pictures it compiles again for a GPU or NPU.
    fn graph(&self, settings: &SessionSettings) -> GraphForm {
        let whole_batch = !self.is_on_cpu(settings);
        GraphForm {
            fused_attention: false,
            typed_fp16: false,
            whole_batch,
            whole_batch_of_files: whole_batch,
        }
    }

    fn registrations(
        &self,
        settings: &SessionSettings,
        cache: Option<&Path>,
    ) -> Result<Vec<ExecutionProviderDispatch>, InferenceError> {
        let ours = Device::of(settings)?.options(settings, cache.and_then(Path::to_str))?;
        let provider = configured(OpenVINO::default(), ours, &settings.provider_options);
        Ok(vec![provider.build().error_on_failure()])
    }

    fn config_entries<'s>(&self, _: &'s SessionSettings) -> &'s [(String, String)] {
        &[]
    }

    /// The provider falls from an NPU to its own CPU, which no profile shows.
    fn keeps_off_cpu(&self, settings: &SessionSettings, strict: bool) -> bool {
        strict || Device::of(settings).is_ok_and(|device| device.has_npu())
    }

    fn memory(&self, _: &SessionSettings) -> Option<Memory> {
        None
    }

    fn repeats_addresses<'s>(&self, _: &'s SessionSettings) -> Option<&'s str> {
        None
    }

    fn shares_weights(&self) -> bool {
        false
    }

    /// Compiled networks are kept for all devices but the CPU, where OpenVINO compiles faster than it
    /// reads what it has compiled, which takes as much room as the weights.
    fn is_cached(&self, settings: &SessionSettings) -> bool {
        !self.is_on_cpu(settings)
    }

    fn key(&self, _: &Runtime, _: &SessionSettings) -> String {
        String::new()
    }

    fn blames_cache(&self, _: &InferenceError) -> bool {
        true
    }

    fn has_compiled(&self, _: &Path) -> bool {
        true
    }
}
