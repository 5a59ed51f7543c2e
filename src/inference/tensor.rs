// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Descriptions of a network's inputs and outputs, and data for an input.

use ort::value::{Outlet, TensorElementType, ValueType};

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// 32-bit floating point.
    F32,
    /// Unsigned bytes.
    U8,
    /// 64-bit signed integers.
    I64,
    /// Any other, by name; its data cannot be given or read.
    Other(&'static str),
}

impl From<TensorElementType> for ElementType {
    fn from(element: TensorElementType) -> Self {
        match element {
            TensorElementType::Float32 => Self::F32,
            TensorElementType::Uint8 => Self::U8,
            TensorElementType::Int64 => Self::I64,
            TensorElementType::Float16 => Self::Other("f16"),
            TensorElementType::Bfloat16 => Self::Other("bf16"),
            TensorElementType::Float64 => Self::Other("f64"),
            TensorElementType::Int8 => Self::Other("i8"),
            TensorElementType::Int16 => Self::Other("i16"),
            TensorElementType::Int32 => Self::Other("i32"),
            TensorElementType::Uint16 => Self::Other("u16"),
            TensorElementType::Uint32 => Self::Other("u32"),
            TensorElementType::Uint64 => Self::Other("u64"),
            TensorElementType::Bool => Self::Other("bool"),
            TensorElementType::String => Self::Other("string"),
            _ => Self::Other("an element type outside this list"),
        }
    }
}

impl std::fmt::Display for ElementType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::U8 => "u8",
            Self::I64 => "i64",
            Self::Other(name) => name,
        })
    }
}

/// An input or output of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name in the model.
    pub name: String,
    /// The type of its elements.
    pub element: ElementType,
    /// Its dimensions, outermost first; none where the model leaves one free.
    pub dims: Vec<Option<usize>>,
}

impl TensorInfo {
    /// The description of a tensor; `None` of what has no name or is none.
    pub(super) fn new(outlet: &Outlet) -> Option<Self> {
        let name = outlet.name().to_owned();
        match outlet.dtype() {
            &ValueType::Tensor { ty, ref shape, .. } if !name.is_empty() => Some(Self {
                name,
                element: ty.into(),
                dims: shape.iter().map(|&dim| usize::try_from(dim).ok()).collect(),
            }),
            _ => None,
        }
    }

    /// Returns true if a tensor of these dimensions and this number of elements can be given.
    pub(super) fn takes(&self, dims: &[usize], length: usize) -> bool {
        let elements = dims
            .iter()
            .try_fold(1_usize, |all, &dim| all.checked_mul(dim));
        length > 0
            && elements == Some(length)
            && dims.len() == self.dims.len()
            && self
                .dims
                .iter()
                .zip(dims)
                .all(|(own, &dim)| own.is_none_or(|own| own == dim))
    }

    /// The dimensions for a message, `?` for free ones.
    pub(super) fn shape(&self) -> String {
        let dims = self
            .dims
            .iter()
            .map(|dim| dim.map_or("?".to_owned(), |dim| dim.to_string()));
        format!("[{}]", dims.collect::<Vec<_>>().join(", "))
    }
}

/// The data of an input, in row-major order.
#[derive(Clone, Copy, Debug)]
pub enum TensorData<'a> {
    /// 32-bit floating point.
    F32(&'a [f32]),
    /// Unsigned bytes.
    U8(&'a [u8]),
}

impl TensorData<'_> {
    pub(super) const fn element(&self) -> ElementType {
        match self {
            Self::F32(_) => ElementType::F32,
            Self::U8(_) => ElementType::U8,
        }
    }

    pub(super) const fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::U8(data) => data.len(),
        }
    }
}
