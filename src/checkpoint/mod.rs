// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Reading weights. Checkpoints come from strangers: nothing here trusts a length or an offset.
//!
//! A [`Checkpoint`] is one or more memory-mapped files, safetensors or PyTorch's. [`Weights`] hands
//! its tensors out under scopes that mirror their names, with the shape that the caller expects,
//! and in the end says which tensors nobody asked for.

mod error;
mod files;
mod mapped;
mod pytorch;
mod rename;
mod scope;
mod tensor;

pub use error::CheckpointError;
pub use pytorch::{PickleError, PyTorchError};
pub use rename::Renamed;
pub use scope::{Ignored, Scope, Weights};
pub use tensor::Tensor;

use mapped::Bytes;
use ndarray::Zip;
use safetensors::{Dtype, SafeTensorError, SafeTensors};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;
use std::path::{Path, PathBuf};

/// The largest published checkpoints have headers below 1 MB.
const MAX_HEADER_BYTES: u64 = 16 << 20;
/// Of a tensor's name.
const MAX_NAME_BYTES: usize = 512;

/// Where one tensor lies.
#[derive(Clone)]
struct Entry {
    /// Its name in the file.
    source: String,
    file: usize,
    dtype: Dtype,
    shape: Vec<usize>,
    /// In elements; `None` where the elements lie in row-major order.
    strides: Option<Vec<usize>>,
    start: usize,
    end: usize,
}

/// The tensors of a checkpoint, by name.
pub struct Checkpoint {
    paths: Vec<PathBuf>,
    files: Vec<Bytes>,
    entries: BTreeMap<String, Entry>,
}

impl Checkpoint {
    /// Opens a weights file (`.safetensors`, or PyTorch's `.bin`, `.pt`, `.pth`), the index of a
    /// sharded checkpoint, or a folder that holds one (`model.safetensors` first). Files are
    /// memory-mapped, not read, and nothing in them is executed.
    ///
    /// # Errors
    /// If a file is missing, no regular file, of another format or inconsistent, or an index names a
    /// file in another folder or a tensor that its shard does not have.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        let mut checkpoint = Self::empty();
        let found = files::find(path)?;
        for file in &found.paths {
            let bytes = Bytes::map(file)?;
            checkpoint.add(file, bytes)?;
        }
        if let Some(index) = &found.index {
            let holder = |tensor: &str| Some(checkpoint.entries.get(tensor)?.file);
            index.check(&found.paths, holder)?;
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
            paths: Vec::new(),
            files: Vec::new(),
            entries: BTreeMap::new(),
        }
    }

    /// Adds the tensors of another checkpoint, such as the backbone that a head was trained for.
    ///
    /// # Errors
    /// If both hold a tensor of one name.
    pub fn join(&mut self, other: Self) -> Result<(), CheckpointError> {
        let first = self.files.len();
        self.paths.extend(other.paths);
        self.files.extend(other.files);
        for (name, mut entry) in other.entries {
            entry.file += first;
            self.insert(name, entry)?;
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, bytes: Bytes) -> Result<(), CheckpointError> {
        files::check_magic(path, bytes.as_slice())?;
        let file = self.files.len();
        let whole = bytes.as_slice();
        if pytorch::is_pytorch(whole) {
            let tensors = pytorch::read(whole).map_err(|source| CheckpointError::PyTorch {
                path: path.into(),
                source,
            })?;
            for tensor in tensors {
                let entry = Entry {
                    source: tensor.name.clone(),
                    file,
                    dtype: tensor.dtype,
                    shape: tensor.shape,
                    strides: tensor.strides,
                    start: tensor.start,
                    end: tensor.end,
                };
                self.insert(tensor.name, entry)?;
            }
        } else {
            let format = |source| CheckpointError::Format {
                path: path.into(),
                source,
            };
            let header = whole.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
            if header.is_some_and(|bytes| bytes > MAX_HEADER_BYTES) {
                return Err(format(SafeTensorError::HeaderTooLarge));
            }
            let tensors = SafeTensors::deserialize(whole).map_err(format)?;
            for (name, view) in tensors.tensors() {
                let start = view.data().as_ptr() as usize - whole.as_ptr() as usize;
                let entry = Entry {
                    source: name.clone(),
                    file,
                    dtype: view.dtype(),
                    shape: view.shape().to_vec(),
                    strides: None,
                    start,
                    end: start + view.data().len(),
                };
                self.insert(name, entry)?;
            }
        }
        self.paths.push(path.into());
        self.files.push(bytes);
        Ok(())
    }

    fn insert(&mut self, name: String, entry: Entry) -> Result<(), CheckpointError> {
        let reason = if name.len() > MAX_NAME_BYTES || name.contains(error::is_unprintable) {
            Some("has a name that is too long or not printable")
        } else if entry.shape.len() > pytorch::MAX_RANK {
            Some("has too many dimensions")
        } else if tensor::elements(&entry.shape).is_none() {
            Some("has dimensions beyond any memory")
        } else {
            None
        };
        if let Some(reason) = reason {
            return Err(CheckpointError::Tensor { name, reason });
        }
        match self.entries.entry(name) {
            MapEntry::Vacant(place) => {
                place.insert(entry);
                Ok(())
            }
            MapEntry::Occupied(place) => Err(CheckpointError::Duplicate {
                name: place.key().clone(),
            }),
        }
    }

    /// The files, in the order in which they were opened.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// A tensor's shape, if there is one of this name.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| entry.shape.as_slice())
    }

    /// The name that a tensor has in its file.
    pub fn source<'a>(&'a self, name: &'a str) -> &'a str {
        self.entries
            .get(name)
            .map_or(name, |entry| entry.source.as_str())
    }

    /// A tensor's values as f32.
    ///
    /// # Errors
    /// If there is none of this name, its element type is not a number, or a value is not finite.
    pub fn tensor(&self, name: &str) -> Result<Tensor<'_>, CheckpointError> {
        let entry = self.entries.get(name).ok_or_else(|| self.missing(name))?;
        let bytes = &self.files[entry.file].as_slice()[entry.start..entry.end];
        let values = mapped::to_f32(bytes, entry.dtype).ok_or_else(|| CheckpointError::Dtype {
            name: entry.source.clone(),
            dtype: format!("{:?}", entry.dtype),
        })?;
        let tensor = tensor::array(values, &entry.shape, entry.strides.as_deref());
        let tensor = tensor.map_err(|_| CheckpointError::Tensor {
            name: entry.source.clone(),
            reason: "does not fit into its bytes",
        })?;
        if !Zip::from(&tensor).all(|value| value.is_finite()) {
            return Err(CheckpointError::NotFinite {
                name: entry.source.clone(),
            });
        }
        Ok(tensor)
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

    /// Gives away some bytes of each tensor with its name, type and shape, in the order of names:
    /// enough to tell trained weights from other ones without reading them all.
    pub(crate) fn sample(&self, mut take: impl FnMut(&[u8])) {
        const BYTES: usize = 64;
        for (name, entry) in &self.entries {
            take(format!("{name} {:?} {:?}", entry.dtype, entry.shape).as_bytes());
            let start = usize::midpoint(entry.start, entry.end.saturating_sub(BYTES));
            let end = entry.end.min(start + BYTES);
            take(&self.files[entry.file].as_slice()[start.max(entry.start)..end]);
        }
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
