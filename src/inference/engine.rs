// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Where providers keep what they compile, and under which key.

use std::fs::DirEntry;
use std::path::Path;

use super::cache::{Key, Kind, Slot};
use super::error::InferenceError;
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
    let nvidia = [ExecutionProvider::Cuda, ExecutionProvider::TensorRt].contains(&provider);
    let device = match &settings.device {
        None if nvidia => Some("0".to_owned()),
        named => named.clone(),
    };
    let mut facts = format!(
        "{provider} {:?}, {}, {} threads, {:?}, {:?}, onnxruntime {} of {} bytes",
        device,
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
    if nvidia {
        for variable in ["CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"] {
            facts += &format!(", {:?}", std::env::var_os(variable));
        }
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

/// Whether opening has failed because of what was kept. A GPU without memory, or a driver that does not
/// answer, says nothing of an engine that took minutes to build.
pub(super) fn is_useless(provider: ExecutionProvider, error: &InferenceError) -> bool {
    let text = error.to_string();
    provider != ExecutionProvider::TensorRt
        || ["deserialize", "Failed to Build Engine"]
            .iter()
            .any(|told| text.contains(told))
}

/// Whether the provider has written something worth keeping: options of the user's may send TensorRT's
/// engines elsewhere.
pub(super) fn holds_something(provider: ExecutionProvider, folder: &Path) -> bool {
    let is_engine = |entry: DirEntry| entry.path().extension().is_some_and(|e| e == "engine");
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    provider != ExecutionProvider::TensorRt || entries.any(is_engine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_given_up_only_if_it_cannot_be_read() {
        let error = |cause: &str| InferenceError::Provider {
            provider: ExecutionProvider::TensorRt,
            cause: cause.into(),
        };
        let tensorrt = |cause| is_useless(ExecutionProvider::TensorRt, &error(cause));
        assert!(tensorrt(
            "TensorRT EP could not deserialize engine from cache: /c/x.engine"
        ));
        assert!(!tensorrt("CUDA failure 2: out of memory"));
        assert!(is_useless(ExecutionProvider::OpenVino, &error("anything")));
        let folder = tempfile::tempdir().unwrap();
        let holds = |provider| holds_something(provider, folder.path());
        assert!(!holds(ExecutionProvider::TensorRt) && holds(ExecutionProvider::OpenVino));
        std::fs::write(folder.path().join("TRTKernel_1_sm90.engine"), "x").unwrap();
        assert!(holds(ExecutionProvider::TensorRt));
    }
}
