// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Files of `torch.save`: the zip form of PyTorch 1.6 and later and the older form of
//! concatenated pickles (`torch/serialization.py`). Nothing in them is executed: see [`pickle`].

mod archive;
mod globals;
mod legacy;
mod object;
mod pickle;
mod zip;

pub(super) use globals::MAX_RANK;
pub use pickle::PickleError;

use super::tensor;
use object::{Object, Pickle, RawTensor, Ref};
use safetensors::Dtype;
use std::collections::{BTreeMap, BTreeSet};

/// Why a PyTorch file was refused.
#[derive(Debug, thiserror::Error)]
pub enum PyTorchError {
    /// Its pickle.
    #[error("{0}")]
    Pickle(#[from] PickleError),
    /// Its zip archive.
    #[error("its zip archive is damaged: {0}")]
    Zip(&'static str),
    /// An entry of the archive is compressed or encrypted, which PyTorch never does.
    #[error("its entry {0:?} is compressed or encrypted, which torch.save never does")]
    Compressed(String),
    /// The archive holds TorchScript code instead of a state dict.
    #[error("it is a TorchScript program, not a checkpoint; use the file with the plain weights")]
    TorchScript,
    /// The data were written on a big-endian machine.
    #[error("its numbers are big-endian")]
    BigEndian,
    /// There is no state dict.
    #[error("it holds no state dict (a dict of names and tensors)")]
    NoStateDict,
    /// A storage is not there, or shorter than the pickle says.
    #[error("entry {key:?} {reason}")]
    Storage {
        /// The storage's key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor does not lie in its storage.
    #[error("tensor {} {reason}", super::error::printable(name))]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It is in neither of the two forms.
    #[error("it is in no known form of torch.save: {0}")]
    Form(&'static str),
}

/// Where a storage's bytes lie in the file.
type Storages = BTreeMap<String, std::ops::Range<usize>>;

/// A tensor of the file.
pub(super) struct FileTensor {
    pub(super) name: String,
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// In elements; `None` where the elements lie in row-major order.
    pub(super) strides: Option<Vec<usize>>,
    /// Bytes of the file.
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Whether the bytes start like a file of `torch.save`: a zip archive, or a pickle. So may the
/// length of a safetensors header, but after it comes a brace, where PyTorch's first pickle has a
/// byte of its magic number.
pub(super) fn is_pytorch(bytes: &[u8]) -> bool {
    let is_pickle = matches!(bytes, [0x80, 0..=5, ..]) && bytes.get(8) != Some(&b'{');
    is_pickle || bytes.starts_with(b"PK\x03\x04")
}

/// The tensors of a file.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<FileTensor>, PyTorchError> {
    let (pickle, storages) = if bytes.starts_with(b"PK") {
        archive::read(bytes)?
    } else {
        legacy::read(bytes)?
    };
    tensors(&pickle, &storages)
}

/// Keys under which training scripts keep the state dict, beside optimizers and counters.
const WRAPPERS: [&str; 3] = ["model", "state_dict", "model_state_dict"];

/// The entries of the state dict: what a wrapper holds, or the root itself. A training script may
/// have put tensors beside the wrapper, such as a counter.
fn state_dict(pickle: &Pickle) -> Option<&[(Ref, Ref)]> {
    let is_tensor = |(_, value): &(Ref, Ref)| matches!(pickle.get(*value), Object::Tensor(_));
    WRAPPERS
        .iter()
        .filter_map(|wrapper| pickle.entry(pickle.root, wrapper))
        .chain([pickle.root])
        .filter_map(|dict| pickle.dict(dict))
        .find(|entries| entries.iter().any(is_tensor))
}

fn tensors(pickle: &Pickle, storages: &Storages) -> Result<Vec<FileTensor>, PyTorchError> {
    let entries = state_dict(pickle).ok_or(PyTorchError::NoStateDict)?;
    let mut names = BTreeSet::new();
    let mut found = Vec::new();
    for (key, value) in entries {
        let (Some(name), Object::Tensor(tensor)) = (pickle.text(*key), pickle.get(*value)) else {
            continue;
        };
        if !names.insert(name) {
            return Err(PyTorchError::Tensor {
                name: name.into(),
                reason: "is there twice",
            });
        }
        found.push(place(pickle, storages, name, tensor)?);
    }
    Ok(found)
}

/// Checks that a tensor lies inside its storage and has no more elements than it.
fn place(
    pickle: &Pickle,
    storages: &Storages,
    name: &str,
    tensor: &RawTensor,
) -> Result<FileTensor, PyTorchError> {
    let wrong = |reason| PyTorchError::Tensor {
        name: name.into(),
        reason,
    };
    let Object::Storage { dtype, key, count } = pickle.get(tensor.storage) else {
        return Err(wrong("has no storage"));
    };
    let storage = |reason: String| PyTorchError::Storage {
        key: key.clone(),
        reason,
    };
    let range = storages
        .get(key)
        .ok_or_else(|| storage("is not in the file".into()))?;
    let element = dtype.bitsize() / 8;
    let needed = usize::try_from(*count)
        .ok()
        .and_then(|count| count.checked_mul(element));
    if needed.is_none_or(|needed| needed > range.len()) {
        return Err(storage(format!(
            "has {} bytes instead of {count} elements of {element}",
            range.len()
        )));
    }
    if tensor.shape.len() != tensor.strides.len() {
        return Err(wrong("has not one stride for each dimension"));
    }
    let too_large = || wrong("claims more elements than its storage has");
    let shape: Option<Vec<usize>> = tensor
        .shape
        .iter()
        .map(|dim| usize::try_from(*dim).ok())
        .collect();
    let shape = shape.ok_or_else(too_large)?;
    let elements = tensor::elements(&shape).ok_or_else(too_large)?;
    if elements as u64 > *count {
        return Err(too_large());
    }
    let is_empty = elements == 0;
    let last = tensor
        .shape
        .iter()
        .zip(&tensor.strides)
        .try_fold(tensor.offset, |last, (dim, stride)| {
            last.checked_add(dim.saturating_sub(1).checked_mul(*stride)?)
        });
    if !is_empty && last.is_none_or(|last| last >= *count) {
        return Err(wrong("reaches beyond its storage"));
    }
    // Offsets of elements are now known to be below `count`, which fits; a stride that is not, is
    // that of a dimension of one, which nothing moves along.
    let size = |value: u64| value as usize;
    let strides = shape.iter().zip(&tensor.strides);
    let strides = strides.map(|(dim, stride)| if *dim == 1 { 0 } else { size(*stride) });
    let strides: Vec<usize> = strides.collect();
    let (offset, span) = match (is_empty, last) {
        (false, Some(last)) => (size(tensor.offset), size(last - tensor.offset) + 1),
        _ => (0, 0),
    };
    let start = range.start + offset * element;
    Ok(FileTensor {
        name: name.into(),
        dtype: *dtype,
        strides: (!is_empty && !is_row_major(&shape, &strides)).then_some(strides),
        shape,
        start,
        end: start + span * element,
    })
}

/// For a shape that has elements.
fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(dim, stride)| {
        let fits = *dim == 1 || *stride == expected;
        expected *= *dim;
        fits
    })
}
