// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Which files a checkpoint consists of.

use super::CheckpointError;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

/// The names that transformers gives, in the order in which it looks for them.
const CONVENTIONAL: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];
const EXTENSIONS: [&str; 4] = ["safetensors", "pt", "pth", "bin"];
const LFS_MAGIC: &[u8] = b"version https://git-lfs";
/// A shard index lists names only; the largest published ones stay below 1 MB.
const MAX_INDEX_BYTES: u64 = 16 << 20;

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> CheckpointError + '_ {
    move |source| CheckpointError::Io {
        path: path.into(),
        source,
    }
}

/// The weight files behind `path`.
pub(super) fn find(path: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    if !std::fs::metadata(path).map_err(io(path))?.is_dir() {
        return file(path);
    }
    for name in CONVENTIONAL {
        let candidate = path.join(name);
        if candidate.exists() {
            return file(&candidate);
        }
    }
    let weights = weights_in(path)?;
    match weights.as_slice() {
        [] => Err(CheckpointError::NoWeights { path: path.into() }),
        [single] => Ok(vec![single.clone()]),
        _ => Err(CheckpointError::Ambiguous {
            path: path.into(),
            names: weights
                .iter()
                .filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()))
                .collect(),
        }),
    }
}

fn file(path: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        shards(path)
    } else {
        Ok(vec![path.into()])
    }
}

/// All weights files of a folder, sorted.
pub(super) fn weights_in(folder: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let path = entry.map_err(io(folder))?.path();
        let known = path
            .extension()
            .is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == *known));
        if known {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The shards that an index names. A shard is a plain name in the index's own folder: hub caches
/// link each of them to a blob elsewhere, but the index has no business naming other folders.
fn shards(index: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let wrong = |reason: String| CheckpointError::Index {
        path: index.into(),
        reason,
    };
    let size = std::fs::metadata(index).map_err(io(index))?.len();
    if size > MAX_INDEX_BYTES {
        return Err(wrong(format!("{size} bytes is too large for an index")));
    }
    let text = std::fs::read_to_string(index).map_err(io(index))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let map = json
        .get("weight_map")
        .and_then(|map| map.as_object())
        .ok_or_else(|| wrong("it has no weight_map".into()))?;
    let names: BTreeSet<&str> = map
        .values()
        .map(|name| {
            name.as_str()
                .ok_or_else(|| wrong("a shard's name is no text".into()))
        })
        .collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err(wrong("it names no shard".into()));
    }
    let folder = index.parent().unwrap_or(Path::new("."));
    names
        .into_iter()
        .map(|name| {
            let mut parts = Path::new(name).components();
            let plain =
                matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none();
            if plain {
                Ok(folder.join(name))
            } else {
                Err(wrong(format!("shard {name:?} lies in another folder")))
            }
        })
        .collect()
}

/// Recognises what people have instead of a safetensors file.
pub(super) fn check_magic(path: &Path, bytes: &[u8]) -> Result<(), CheckpointError> {
    let path = || path.to_path_buf();
    if bytes.is_empty() {
        return Err(CheckpointError::Empty { path: path() });
    }
    if bytes.starts_with(LFS_MAGIC) {
        return Err(CheckpointError::LfsPointer { path: path() });
    }
    Ok(())
}
