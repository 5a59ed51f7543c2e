// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Where providers keep what they compile, and under which key.

use super::cache::{Key, Kind, Slot};
use super::machine;
use super::provider::ExecutionProvider;
use super::runtime::Runtime;
use super::settings::SessionSettings;
use super::tensorrt;

/// All that decides, beside the model, whether something compiled or measured by a provider fits.
pub(super) fn facts(
    runtime: &Runtime,
    settings: &SessionSettings,
    provider: ExecutionProvider,
) -> String {
    let mut facts = format!(
        "{provider} {:?}, {}, {} threads, {:?}, {:?}, onnxruntime {} of {} bytes",
        settings.device,
        settings.precision,
        settings.threads,
        settings.optimization_level,
        settings.provider_options,
        runtime.version(),
        runtime.path().metadata().map_or(0, |library| library.len()),
    );
    if provider == ExecutionProvider::Auto || provider.is_on_cpu(settings) {
        facts += &format!(", {}", machine::cpu());
    }
    if provider == ExecutionProvider::Auto || !provider.is_on_cpu(settings) {
        facts += &format!(", {}", machine::gpu());
    }
    if provider == ExecutionProvider::TensorRt {
        // Engines also differ in the shapes that they were built for.
        facts += &format!(
            ", TensorRT {}, {:?}, {:?}",
            tensorrt::version(runtime),
            settings.fixed_dimensions,
            settings.input_shapes
        );
    }
    facts
}

fn key(runtime: &Runtime, settings: &SessionSettings, provider: ExecutionProvider) -> Key {
    settings.cache_key.with(&facts(runtime, settings, provider))
}

/// The folder for what the provider compiles. `None` where nothing is kept: on a CPU OpenVINO
/// compiles faster than it reads what it has compiled, which takes as much room as the weights.
pub(super) fn claim(
    runtime: &Runtime,
    settings: &SessionSettings,
    provider: ExecutionProvider,
) -> Slot {
    let kind = match provider {
        ExecutionProvider::TensorRt => Kind::TensorRt,
        ExecutionProvider::OpenVino if !provider.is_on_cpu(settings) => Kind::OpenVino,
        _ => return Slot::Unkept(None),
    };
    settings
        .cache
        .claim(kind, &key(runtime, settings, provider))
}

/// Whether the cache holds the TensorRT engine of this model, made with this runtime and GPU.
pub(super) fn engine_is_built(runtime: &Runtime, settings: &SessionSettings) -> bool {
    let key = key(runtime, settings, ExecutionProvider::TensorRt);
    settings.cache.has(Kind::TensorRt, &key)
}
