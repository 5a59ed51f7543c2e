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
        first(names),
        path = path.display()
    )]
    Ambiguous {
        /// The folder.
        path: PathBuf,
        /// The files.
        names: Vec<String>,
    },
    /// A device, a pipe or a folder under the name of a file.
    #[error("it is no regular file; give a file or a link to one: {path}", path = path.display())]
    NotAFile {
        /// What was to be read.
        path: PathBuf,
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
        "the file is no intact safetensors file ({}); download it again: {path}",
        printable(&source.to_string()),
        path = path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: safetensors::SafeTensorError,
    },
    /// A shard index that is no JSON of the expected form, or points outside its folder.
    #[error(
        "the shard index is not usable ({}); download it again: {path}",
        printable(reason),
        path = path.display()
    )]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor of a name or a shape that no network has.
    #[error("tensor {} {reason}; download the checkpoint again", printable(name))]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
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

/// A few of many names.
fn first(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<_> = names
        .iter()
        .take(SHOWN)
        .map(|name| printable(name))
        .collect();
    let rest = names.len().saturating_sub(SHOWN);
    match rest {
        0 => shown.join(", "),
        rest => format!("{} and {rest} more", shown.join(", ")),
    }
}

/// A text from a file, fit for one line of a terminal: without control characters, not too long.
pub(super) fn printable(text: &str) -> String {
    const SHOWN: usize = 200;
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        match character {
            _ if index == SHOWN => {
                shown.push('…');
                break;
            }
            character if is_unprintable(character) => shown.extend(character.escape_unicode()),
            character => shown.push(character),
        }
    }
    shown
}

/// Control characters, and those that turn the direction of writing.
pub(super) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
