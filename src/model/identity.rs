// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What tells one model's files from another's without reading them: place, size and time.

use super::ModelError;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

/// A short text that changes when a file of the model is replaced; `weights` are files that belong
/// to it wherever they lie.
pub(super) fn of(path: &Path, weights: &[PathBuf]) -> Result<String, ModelError> {
    let io = |source| ModelError::Io {
        path: path.into(),
        source,
    };
    let canonical = path.canonicalize().map_err(io)?;
    let mut hasher = DefaultHasher::new();
    canonical.hash(&mut hasher);
    let mut files = Vec::new();
    if canonical.is_dir() {
        for entry in std::fs::read_dir(&canonical).map_err(io)? {
            files.push(entry.map_err(io)?.path());
        }
        files.sort();
    } else {
        files.push(canonical.clone());
        files.push(canonical.with_file_name("config.json"));
        files.push(canonical.with_file_name("preprocessor_config.json"));
    }
    files.extend_from_slice(weights);
    for file in files {
        let Ok(metadata) = std::fs::metadata(&file) else {
            continue;
        };
        file.file_name().hash(&mut hasher);
        metadata.len().hash(&mut hasher);
        metadata.modified().ok().hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}
