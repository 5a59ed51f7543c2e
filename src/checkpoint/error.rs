// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use std::path::PathBuf;

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// No such file or folder, or it cannot be read.
    #[error("cannot read the checkpoint: {source}: {path}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder without weights.
    #[error(
        "the folder holds no model.safetensors, pytorch_model.bin, index of shards or single .safetensors, .pt or .pth file; download the checkpoint's weights into it: {path}",
        path = path.display()
    )]
    NoWeights {
        /// The folder.
        path: PathBuf,
    },
    /// A folder with several weights files of no conventional name.
    #[error(
        "the folder holds several weights files ({}); name the one to use: {path}",
        names.join(", "),
        path = path.display()
    )]
    Ambiguous {
        /// The folder.
        path: PathBuf,
        /// The files.
        names: Vec<String>,
    },
    /// An empty file.
    #[error("the checkpoint is empty; download it again: {path}", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A Git LFS pointer instead of the weights.
    #[error(
        "the file is a Git LFS pointer, not the weights; run `git lfs pull` in its folder or download it from the hub: {path}",
        path = path.display()
    )]
    LfsPointer {
        /// The file.
        path: PathBuf,
    },
    /// A PyTorch file that is damaged or holds more than tensors.
    #[error("the PyTorch file cannot be used: {source}; download it again from its authors: {path}", path = path.display())]
    PyTorch {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: super::PyTorchError,
    },
    /// Not a safetensors file, or an inconsistent one.
    #[error(
        "the file is no intact safetensors file ({source}); download it again: {path}",
        path = path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: safetensors::SafeTensorError,
    },
    /// A shard index that is no JSON of the expected form, or points outside its folder.
    #[error("the shard index is not usable ({reason}); download it again: {path}", path = path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Two files, or two spellings, hold a tensor of one name.
    #[error("tensor {name} is there twice; download the checkpoint again")]
    Duplicate {
        /// The tensor.
        name: String,
    },
    /// A tensor that the architecture needs is not there.
    #[error(
        "tensor {name} is missing{}; the file does not belong to this config",
        hint(nearest)
    )]
    Missing {
        /// The tensor.
        name: String,
        /// Names that look most like it.
        nearest: Vec<String>,
    },
    /// A tensor has another shape than the architecture needs.
    #[error(
        "tensor {name} has shape {actual:?} instead of {expected:?}; the file does not belong to this config"
    )]
    Shape {
        /// The tensor.
        name: String,
        /// Its shape.
        actual: Vec<usize>,
        /// The shape that the config asks for.
        expected: Vec<usize>,
    },
    /// A tensor's elements cannot be turned into f32.
    #[error("tensor {name} has elements of type {dtype}; use an f32, f16 or bf16 checkpoint")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its element type.
        dtype: String,
    },
    /// A weight that is not a number.
    #[error(
        "tensor {name} holds values that are infinite or not a number; download the checkpoint again"
    )]
    NotFinite {
        /// The tensor.
        name: String,
    },
    /// Tensors that the architecture does not know.
    #[error(
        "{count} tensors are not part of this architecture, the first is {first}; the file does not belong to this config"
    )]
    Unused {
        /// How many.
        count: usize,
        /// The first of them.
        first: String,
    },
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() {
        String::new()
    } else {
        format!(" (nearest: {})", nearest.join(", "))
    }
}
