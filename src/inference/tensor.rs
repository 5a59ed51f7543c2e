// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What goes into a network and what comes out of it.

use ort::session::SessionOutputs;
use ort::value::{Outlet, PrimitiveTensorElementType, TensorElementType, ValueType};

use super::bound::{Bound, Number};
use super::error::InferenceError;
use super::exit::Work;

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
    pub(super) fn new(outlet: &Outlet) -> Result<Self, InferenceError> {
        let name = outlet.name().to_owned();
        match outlet.dtype() {
            &ValueType::Tensor { ty, ref shape, .. } if !name.is_empty() => Ok(Self {
                name,
                element: ty.into(),
                dims: shape.iter().map(|&dim| usize::try_from(dim).ok()).collect(),
            }),
            _ => Err(InferenceError::NotATensor { name }),
        }
    }

    /// Whether a tensor of these dimensions and this number of elements can be given.
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

/// What a run produced, in ONNX Runtime's own memory, until the next run.
#[derive(Debug)]
pub struct Outputs<'s> {
    pub(super) values: Values<'s>,
    pub(super) infos: &'s [TensorInfo],
    pub(super) shapes: &'s [Vec<usize>],
    // Behind the values.
    pub(super) _work: Work,
}

impl Outputs<'_> {
    /// The output of this number, in the order of `Session::outputs`. Nothing is copied.
    ///
    /// # Errors
    /// [`InferenceError::Output`] if there is none, or if its element type cannot be read.
    pub fn get(&self, index: usize) -> Result<TensorView<'_>, InferenceError> {
        let failed = |cause: String| InferenceError::Output { index, cause };
        let (Some(info), Some(dims)) = (self.infos.get(index), self.shapes.get(index)) else {
            return Err(failed(format!(
                "the model has {} outputs",
                self.infos.len()
            )));
        };
        let failed = &failed;
        Ok(match info.element {
            ElementType::F32 => TensorView::F32 {
                dims,
                data: self.values.data(index, info).map_err(failed)?,
            },
            ElementType::U8 => TensorView::U8 {
                dims,
                data: self.values.data(index, info).map_err(failed)?,
            },
            ElementType::I64 => TensorView::I64 {
                dims,
                data: self.values.data(index, info).map_err(failed)?,
            },
            ElementType::Other(name) => return Err(failed(format!("its elements are {name}"))),
        })
    }
}

/// Where a run's outputs are.
#[derive(Debug)]
pub(super) enum Values<'s> {
    /// Allocated for this run.
    New(SessionOutputs<'s>),
    /// Where every run's are.
    Bound(&'s Bound),
}

impl Values<'_> {
    fn data<T: Number + PrimitiveTensorElementType>(
        &self,
        index: usize,
        info: &TensorInfo,
    ) -> Result<&[T], String> {
        let missing = || format!("the run gave no {:?}", info.name);
        match self {
            Self::New(values) => {
                let value = values.get(&info.name).ok_or_else(missing)?;
                let tensor = value.try_extract_tensor();
                Ok(tensor.map_err(|error| error.to_string())?.1)
            }
            Self::Bound(bound) => bound.output(index).ok_or_else(missing),
        }
    }
}

/// An output: its dimensions, outermost first, and its data in row-major order.
#[derive(Clone, Copy, Debug)]
pub enum TensorView<'a> {
    /// 32-bit floating point.
    F32 {
        /// The dimensions.
        dims: &'a [usize],
        /// The elements.
        data: &'a [f32],
    },
    /// Unsigned bytes.
    U8 {
        /// The dimensions.
        dims: &'a [usize],
        /// The elements.
        data: &'a [u8],
    },
    /// 64-bit signed integers.
    I64 {
        /// The dimensions.
        dims: &'a [usize],
        /// The elements.
        data: &'a [i64],
    },
}

impl<'a> TensorView<'a> {
    /// The dimensions, outermost first.
    pub const fn dims(&self) -> &'a [usize] {
        match self {
            Self::F32 { dims, .. } | Self::U8 { dims, .. } | Self::I64 { dims, .. } => dims,
        }
    }
}
