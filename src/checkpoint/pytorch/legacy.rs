// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The form before PyTorch 1.6: pickles of a magic number, a version, the machine, the object and
//! the list of storage keys, then each storage as a count and its elements.

use super::object::{Object, Pickle};
use super::{PyTorchError, Storages, pickle};
use std::collections::BTreeMap;

/// `MAGIC_NUMBER` of `torch/serialization.py`, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const VERSION: i64 = 1001;

pub(super) fn read(bytes: &[u8]) -> Result<(Pickle, Storages), PyTorchError> {
    let mut at = 0;
    let mut next = || -> Result<Pickle, PyTorchError> {
        let pickle = pickle::read(&bytes[at..])?;
        at += pickle.length;
        Ok(pickle)
    };
    let magic = next()?;
    if !matches!(magic.get(magic.root), Object::Long(bytes) if *bytes == MAGIC) {
        return Err(PyTorchError::Form(
            "it starts with a pickle, but not with PyTorch's magic number",
        ));
    }
    let version = next()?;
    if !matches!(version.get(version.root), Object::Int(VERSION)) {
        return Err(PyTorchError::Form("its version is not 1001"));
    }
    let machine = next()?;
    let order = machine.entry(machine.root, "little_endian");
    if order.is_some_and(|order| matches!(machine.get(order), Object::Bool(false))) {
        return Err(PyTorchError::BigEndian);
    }
    let object = next()?;
    let keys = next()?;
    let Object::List(keys_in_order) = keys.get(keys.root) else {
        return Err(PyTorchError::Form("its list of storages is no list"));
    };
    let elements = element_sizes(&object);
    let mut storages = Storages::new();
    for key in keys_in_order {
        let key = keys
            .text(*key)
            .ok_or(PyTorchError::Form("a storage's key is no text"))?;
        let wrong = |reason: &str| PyTorchError::Storage {
            key: key.into(),
            reason: reason.into(),
        };
        let element = *elements
            .get(key)
            .ok_or_else(|| wrong("is listed, but no tensor has it"))?;
        let header = bytes
            .get(at..at.saturating_add(8))
            .and_then(|header| <[u8; 8]>::try_from(header).ok())
            .ok_or_else(|| wrong("is missing: the file is cut off"))?;
        let range = usize::try_from(u64::from_le_bytes(header))
            .ok()
            .and_then(|count| count.checked_mul(element))
            .and_then(|length| Some(at + 8..(at + 8).checked_add(length)?))
            .filter(|range| range.end <= bytes.len())
            .ok_or_else(|| wrong("reaches beyond the end of the file"))?;
        at = range.end;
        if storages.insert(key.to_string(), range).is_some() {
            return Err(wrong("is listed twice"));
        }
    }
    Ok((object, storages))
}

/// Bytes of an element, by storage.
fn element_sizes(object: &Pickle) -> BTreeMap<&str, usize> {
    object
        .objects
        .iter()
        .filter_map(|object| match object {
            Object::Storage { dtype, key, .. } => Some((key.as_str(), dtype.bitsize() / 8)),
            _ => None,
        })
        .collect()
}
