// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Tensors of a checkpoint as arrays.

use ndarray::{Array, ArrayView, CowArray, IxDyn, ShapeBuilder as _, ShapeError};
use std::borrow::Cow;

/// A tensor of f32. Views the memory-mapped file where the file's bytes are aligned little-endian
/// f32, with the strides that it has there; owned where they had to be converted (f16, bf16, f64,
/// integers).
pub type Tensor<'c, D = IxDyn> = CowArray<'c, f32, D>;

/// The values as an array, from wherever `strides` say they lie; in row-major order without those.
pub(super) fn array<'c>(
    values: Cow<'c, [f32]>,
    shape: &[usize],
    strides: Option<&[usize]>,
) -> Result<Tensor<'c>, ShapeError> {
    let shape = IxDyn(shape);
    Ok(match (values, strides) {
        (Cow::Borrowed(values), None) => ArrayView::from_shape(shape, values)?.into(),
        (Cow::Borrowed(values), Some(strides)) => {
            ArrayView::from_shape(shape.strides(IxDyn(strides)), values)?.into()
        }
        (Cow::Owned(values), None) => Array::from_shape_vec(shape, values)?.into(),
        // An owned array's elements must not overlap, which those of a file may.
        (Cow::Owned(values), Some(strides)) => {
            let view = ArrayView::from_shape(shape.strides(IxDyn(strides)), &values)?;
            view.to_owned().into()
        }
    })
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
