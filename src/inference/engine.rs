// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Which TensorRT engines are in the cache: `auto` uses them, but builds none.

use std::fs;
use std::path::PathBuf;

use super::cache::CacheError;
use super::provider::ExecutionProvider;
use super::runtime::Runtime;
use super::session::SessionSettings;

/// The file that says for which runtime and GPU the cached TensorRT engine was built.
fn engine_marker(runtime: &Runtime, settings: &SessionSettings) -> Option<(PathBuf, String)> {
    let folder = settings
        .cache
        .entry(ExecutionProvider::TensorRt.name(), &settings.cache_key)?;
    let gpu = settings.device.as_deref().unwrap_or("0");
    Some((
        folder.join("engine.marker"),
        format!("onnxruntime {}, GPU {gpu}\n", runtime.version()),
    ))
}

/// Whether the cache holds the engine of this model, made with this runtime and GPU.
pub(super) fn engine_is_built(runtime: &Runtime, settings: &SessionSettings) -> bool {
    engine_marker(runtime, settings)
        .is_some_and(|(file, text)| fs::read_to_string(file).is_ok_and(|found| found == text))
}

/// Notes that the cache now holds the engine.
pub(super) fn remember_engine(runtime: &Runtime, settings: &SessionSettings) {
    if let Some((file, text)) = engine_marker(runtime, settings) {
        // Without the marker `auto` only builds no engine; the session itself is fine.
        let _ = settings.cache.prepare(&file).and_then(|()| {
            fs::write(&file, text).map_err(|cause| CacheError::Unwritable {
                folder: file,
                cause,
            })
        });
    }
}
