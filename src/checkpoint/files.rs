// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Which files a checkpoint consists of.

use super::CheckpointError;
use super::error::is_unprintable;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

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
const MAX_INDEX_BYTES: u64 = 4 << 20;
/// Published checkpoints of this family have fewer than ten.
const MAX_SHARDS: usize = 1000;

/// What a checkpoint consists of.
pub(super) struct Found {
    pub(super) paths: Vec<PathBuf>,
    /// What says so, where something does.
    pub(super) index: Option<Index>,
}

impl From<PathBuf> for Found {
    fn from(path: PathBuf) -> Self {
        Self {
            paths: vec![path],
            index: None,
        }
    }
}

/// A shard index: which file has which tensor.
pub(super) struct Index {
    path: PathBuf,
    files: BTreeMap<String, String>,
}

#[derive(serde::Deserialize)]
struct IndexJson {
    weight_map: BTreeMap<String, String>,
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> CheckpointError + '_ {
    move |source| CheckpointError::Io {
        path: path.into(),
        source,
    }
}

/// The weight files behind `path`.
pub(super) fn find(path: &Path) -> Result<Found, CheckpointError> {
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
        [single] => Ok(single.clone().into()),
        _ => Err(CheckpointError::Ambiguous {
            path: path.into(),
            names: weights
                .iter()
                .filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned()))
                .collect(),
        }),
    }
}

fn file(path: &Path) -> Result<Found, CheckpointError> {
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        Index::read(path)?.shards()
    } else {
        Ok(path.to_path_buf().into())
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

/// A small text file. A pipe or a device is refused, since reading it may never end.
pub(super) fn read_text(path: &Path, max_bytes: u64) -> Result<Option<String>, CheckpointError> {
    if !std::fs::metadata(path).map_err(io(path))?.is_file() {
        return Err(CheckpointError::NotAFile { path: path.into() });
    }
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(max_bytes + 1).read_to_string(&mut text))
        .map_err(io(path))?;
    Ok((text.len() as u64 <= max_bytes).then_some(text))
}

impl Index {
    fn read(path: &Path) -> Result<Self, CheckpointError> {
        let wrong = |reason: String| CheckpointError::Index {
            path: path.into(),
            reason,
        };
        let text = read_text(path, MAX_INDEX_BYTES)?;
        let text =
            text.ok_or_else(|| wrong(format!("it is larger than {MAX_INDEX_BYTES} bytes")))?;
        let json: IndexJson =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            path: path.into(),
            files: json.weight_map,
        })
    }

    fn wrong(&self, reason: String) -> CheckpointError {
        CheckpointError::Index {
            path: self.path.clone(),
            reason,
        }
    }

    /// A shard is a plain name in the index's own folder: hub caches link each of them to a blob
    /// elsewhere, but the index has no business naming other folders.
    fn shards(self) -> Result<Found, CheckpointError> {
        let names: BTreeSet<&String> = self.files.values().collect();
        if names.is_empty() {
            return Err(self.wrong("it names no shard".into()));
        }
        if names.len() > MAX_SHARDS {
            return Err(self.wrong(format!("it names {} shards", names.len())));
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let mut paths = Vec::new();
        for name in names {
            let is_plain = Path::new(name).file_name() == Some(name.as_ref());
            if !is_plain || name.contains(is_unprintable) {
                return Err(self.wrong(format!("shard {name:?} lies in another folder")));
            }
            paths.push(folder.join(name));
        }
        Ok(Found {
            paths,
            index: Some(self),
        })
    }

    /// Checks that every tensor is where the index says; `holder` tells the number of its file.
    /// Tensors that the index does not list are none of its business: whoever builds a graph says
    /// which of them it does not know.
    pub(super) fn check(
        &self,
        paths: &[PathBuf],
        holder: impl Fn(&str) -> Option<usize>,
    ) -> Result<(), CheckpointError> {
        for (tensor, file) in &self.files {
            let path = holder(tensor).and_then(|file| paths.get(file));
            if path.and_then(|path| path.file_name()) != Some(file.as_ref()) {
                return Err(self.wrong(format!("shard {file:?} does not hold tensor {tensor}")));
            }
        }
        Ok(())
    }
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
