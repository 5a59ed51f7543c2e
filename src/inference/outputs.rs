// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The outputs of a run.

use ort::session::SessionOutputs;
use ort::value::PrimitiveTensorElementType;

use super::bound::{Bound, Number};
use super::error::InferenceError;
use super::exit::Work;
use super::tensor::{ElementType, TensorInfo};

/// The outputs of a run, in ONNX Runtime's own memory, until the next run.
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

/// The values of a run's outputs.
#[derive(Debug)]
pub(super) enum Values<'s> {
    /// Allocated for this run.
    New(SessionOutputs<'s>),
    /// In the memory of every run's.
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
