// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What a pickle can make: plain values in one arena, which refer to each other by index, so that
//! shared, repeated and circular references cost nothing and drop without recursion.

use super::globals::Global;
use safetensors::Dtype;

/// An object in the arena.
pub(super) type Ref = usize;

/// A tensor as the pickle describes it; offsets and strides count elements of its storage.
#[derive(Debug)]
pub(super) struct RawTensor {
    pub(super) storage: Ref,
    pub(super) offset: u64,
    pub(super) shape: Vec<u64>,
    pub(super) strides: Vec<u64>,
}

/// A value.
#[derive(Debug)]
pub(super) enum Object {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, little-endian.
    Long(Vec<u8>),
    Float,
    Text(String),
    Bytes,
    Tuple(Vec<Ref>),
    List(Vec<Ref>),
    Dict(Vec<(Ref, Ref)>),
    Global(Global),
    /// A persistent id: a storage of so many elements.
    Storage {
        dtype: Dtype,
        key: String,
        count: u64,
    },
    Tensor(RawTensor),
}

impl Object {
    /// A two's complement integer of any length, little-endian.
    pub(super) fn integer(bytes: &[u8]) -> Self {
        if bytes.len() > 8 {
            return Self::Long(bytes.to_vec());
        }
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut whole = [if negative { 0xff } else { 0 }; 8];
        whole[..bytes.len()].copy_from_slice(bytes);
        Self::Int(i64::from_le_bytes(whole))
    }
}

/// A pickle's result.
#[derive(Debug)]
pub(super) struct Pickle {
    pub(super) objects: Vec<Object>,
    pub(super) root: Ref,
    /// Bytes read.
    pub(super) length: usize,
}

impl Pickle {
    pub(super) fn get(&self, object: Ref) -> &Object {
        &self.objects[object]
    }

    /// The entries of a dict.
    pub(super) fn dict(&self, object: Ref) -> Option<&[(Ref, Ref)]> {
        match self.get(object) {
            Object::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// What a dict has under a key.
    pub(super) fn entry(&self, dict: Ref, key: &str) -> Option<Ref> {
        let entries = self.dict(dict)?.iter();
        entries
            .rev()
            .find(|(name, _)| self.text(*name) == Some(key))
            .map(|(_, value)| *value)
    }

    pub(super) fn text(&self, object: Ref) -> Option<&str> {
        match self.get(object) {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }
}
