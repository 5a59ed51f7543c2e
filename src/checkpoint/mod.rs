// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Reading weights. Checkpoints come from strangers: nothing here trusts a length or an offset.
//!
//! A [`Checkpoint`] is one or more memory-mapped safetensors files. [`Weights`] hands its tensors
//! out under scopes that mirror the checkpoint's names, with the shape that the caller expects,
//! and in the end says which tensors nobody asked for.

mod error;
mod files;
mod mapped;
mod scope;
mod tensor;

pub use error::CheckpointError;
pub use scope::{Ignored, Scope, Weights};
pub use tensor::Tensor;

use mapped::Bytes;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// Where one tensor lies.
struct Entry {
    file: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    start: usize,
    end: usize,
}

/// The tensors of a checkpoint, by name.
pub struct Checkpoint {
    files: Vec<Bytes>,
    entries: BTreeMap<String, Entry>,
}

impl Checkpoint {
    /// Opens a `.safetensors` file, a `.safetensors.index.json` with its shards, or a folder that
    /// holds either (`model.safetensors` first). Files are memory-mapped, not read.
    ///
    /// # Errors
    /// If a file is missing, of another format or inconsistent, or a shard lies outside the folder.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let mut checkpoint = Self::empty();
        for file in files::find(path)? {
            let bytes = Bytes::map(&file)?;
            checkpoint.add(&file, bytes)?;
        }
        Ok(checkpoint)
    }

    /// A checkpoint in memory: the contents of one `.safetensors` file.
    ///
    /// # Errors
    /// If the bytes are not a consistent safetensors file.
    pub fn from_bytes(bytes: &'static [u8]) -> Result<Self, CheckpointError> {
        let mut checkpoint = Self::empty();
        checkpoint.add(Path::new("(embedded)"), Bytes::Static(bytes))?;
        Ok(checkpoint)
    }

    fn empty() -> Self {
        Self {
            files: Vec::new(),
            entries: BTreeMap::new(),
        }
    }

    fn add(&mut self, path: &Path, bytes: Bytes) -> Result<(), CheckpointError> {
        files::check_magic(path, bytes.as_slice())?;
        let file = self.files.len();
        let whole = bytes.as_slice();
        let tensors =
            SafeTensors::deserialize(whole).map_err(|source| CheckpointError::Format {
                path: path.into(),
                source,
            })?;
        for (name, view) in tensors.tensors() {
            let start = view.data().as_ptr() as usize - whole.as_ptr() as usize;
            let entry = Entry {
                file,
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
                start,
                end: start + view.data().len(),
            };
            if self.entries.insert(name.clone(), entry).is_some() {
                return Err(CheckpointError::Duplicate {
                    path: path.into(),
                    name,
                });
            }
        }
        self.files.push(bytes);
        Ok(())
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// A tensor's shape, if there is one of this name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// A tensor's values as f32.
    ///
    /// # Errors
    /// If there is none of this name or its element type is not a number.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>, CheckpointError> {
        let entry = self.entries.get(name).ok_or_else(|| self.missing(name))?;
        let bytes = &self.files[entry.file].as_slice()[entry.start..entry.end];
        let data = mapped::to_f32(bytes, entry.dtype).ok_or_else(|| CheckpointError::Dtype {
            name: name.into(),
            dtype: format!("{:?}", entry.dtype),
        })?;
        Ok(Tensor::new(entry.shape.clone(), data))
    }

    /// Values in all tensors.
    pub fn parameters(&self) -> u64 {
        self.entries
            .values()
            .map(|entry| entry.shape.iter().product::<usize>() as u64)
            .sum()
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files
            .iter()
            .map(|file| file.as_slice().len() as u64)
            .sum()
    }

    /// The tensors to build one graph from.
    pub fn weights(&self) -> Weights<'_> {
        Weights::new(self)
    }

    fn missing(&self, name: &str) -> CheckpointError {
        CheckpointError::Missing {
            name: name.into(),
            nearest: scope::nearest(self.names(), name),
        }
    }
}
