// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A dense tensor of a checkpoint.

use std::borrow::Cow;

/// A dense row-major f32 tensor. Borrows from the memory-mapped file where the file's bytes are
/// aligned little-endian f32; owned where they had to be converted (f16, bf16, f64, integers).
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<'a> {
    shape: Vec<usize>,
    data: Cow<'a, [f32]>,
}

impl<'a> Tensor<'a> {
    /// A tensor from its shape and row-major values.
    ///
    /// # Panics
    /// If the number of values is not the product of `shape`.
    pub fn new(shape: impl Into<Vec<usize>>, data: impl Into<Cow<'a, [f32]>>) -> Self {
        let (shape, data) = (shape.into(), data.into());
        assert_eq!(
            shape.iter().product::<usize>(),
            data.len(),
            "values do not fill shape {shape:?}"
        );
        Self { shape, data }
    }

    /// The dimensions, outermost first; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values in row-major order.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values in row-major order, owned.
    pub fn into_data(self) -> Vec<f32> {
        self.data.into_owned()
    }
}

/// How many elements a shape has; `None` if it, or a part of it beside a dimension of zero, has
/// more than memory can.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    let bounded = shape
        .iter()
        .try_fold(1usize, |product, dim| product.checked_mul((*dim).max(1)))?;
    let bounded = isize::try_from(bounded).ok()?.unsigned_abs();
    Some(if shape.contains(&0) { 0 } else { bounded })
}
