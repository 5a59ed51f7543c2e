// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Constants worked out when the graph is built. All of it is exact up to rounding.

use super::DptError;
use super::config::Standardisation;
use crate::checkpoint::{Scope, Tensor};
use crate::graph::{Builder, Pads, Value};
use ndarray::{Array2, Array3, ArrayRef2, ArrayView, Axis, Dimension, Ix1, Ix4};

/// What is left to do to bring the input to the model's scale: `x · scale + shift` by channel.
pub(super) enum Normalisation {
    Done,
    Pending { scale: [f32; 3], shift: [f32; 3] },
}

impl Normalisation {
    /// Folds it into a convolution without padding, `weight` [M, 3, k, k] and `bias` [M].
    pub(super) fn fold(&self, weight: &mut Tensor<'_, Ix4>, bias: &mut Tensor<'_, Ix1>) {
        let Self::Pending { scale, shift } = self else {
            return;
        };
        for (mut filter, bias) in weight.outer_iter_mut().zip(bias) {
            let mut sum = 0.0f64;
            for ((mut taps, scale), shift) in filter.outer_iter_mut().zip(scale).zip(shift) {
                for tap in &mut taps {
                    sum += f64::from(*tap) * f64::from(*shift);
                    *tap *= *scale;
                }
            }
            *bias += sum as f32;
        }
    }

    /// Applies it to `[N, 3, H, W]`: before padded convolutions, whose zeros it must not shift.
    pub(super) fn apply(&self, b: &mut Builder, x: &Value) -> Result<Value, DptError> {
        let Self::Pending { scale, shift } = self else {
            return Ok(x.clone());
        };
        let mut by_channel =
            |values: &[f32; 3]| b.constant(Array3::from_shape_fn((3, 1, 1), |(c, ..)| values[c]));
        let (scale, shift) = (by_channel(scale), by_channel(shift));
        let scaled = b.mul(x, &scale)?;
        Ok(b.add(&scaled, &shift)?)
    }
}

/// A row-major copy of a view that is most often transposed, in blocks that stay in the cache.
fn row_major(view: &ArrayRef2<f32>) -> Array2<f32> {
    const BLOCK: usize = 32;
    let mut out = Array2::zeros(view.raw_dim());
    let strips = out.axis_chunks_iter_mut(Axis(0), BLOCK);
    for (mut strip, view) in strips.zip(view.axis_chunks_iter(Axis(0), BLOCK)) {
        let blocks = strip.axis_chunks_iter_mut(Axis(1), BLOCK);
        for (mut block, view) in blocks.zip(view.axis_chunks_iter(Axis(1), BLOCK)) {
            block.assign(&view);
        }
    }
    out
}

/// A linear layer as the right side of a MatMul.
pub(super) struct Linear<'w> {
    /// `[from, to]`.
    weight: Array2<f32>,
    bias: Option<Tensor<'w, Ix1>>,
}

impl<'w> Linear<'w> {
    /// Reads `weight` `[to, from]` and, `with_bias`, `bias` `[to]`.
    pub(super) fn read(
        scope: &Scope<'w>,
        from: usize,
        to: usize,
        with_bias: bool,
    ) -> Result<Self, DptError> {
        let weight = scope.tensor("weight", [to, from])?;
        let bias = if with_bias {
            Some(scope.tensor("bias", [to])?)
        } else {
            None
        };
        Ok(Self::new(&weight, bias))
    }

    /// One from parts: `weight` `[to, from]`.
    pub(super) fn new(weight: &ArrayRef2<f32>, bias: Option<Tensor<'w, Ix1>>) -> Self {
        Self {
            weight: row_major(&weight.t()),
            bias,
        }
    }

    /// The number of outputs.
    pub(super) fn outputs(&self) -> usize {
        self.weight.ncols()
    }

    /// The layer followed by a factor, one for all outputs or one for each.
    #[must_use]
    pub(super) fn scaled<D: Dimension>(mut self, factors: &ArrayView<'_, f32, D>) -> Self {
        self.weight *= factors;
        if let Some(bias) = &mut self.bias {
            *bias *= factors;
        }
        self
    }

    /// `x · weight + bias` for `[…, from]`.
    pub(super) fn apply(self, b: &mut Builder, x: &Value) -> Result<Value, DptError> {
        let weight = b.constant_like(x, self.weight)?;
        let product = b.matmul(x, &weight)?;
        match self.bias {
            None => Ok(product),
            Some(bias) => {
                let bias = b.constant_like(x, bias)?;
                Ok(b.add(&product, &bias)?)
            }
        }
    }
}

/// Weight standardisation: each filter to zero mean and unit variance (biased).
pub(super) fn standardise(mut weight: Tensor<'_, Ix4>, how: Standardisation) -> Tensor<'_, Ix4> {
    for mut filter in weight.outer_iter_mut() {
        let count = filter.len() as f64;
        let mean = filter.iter().map(|&w| f64::from(w)).sum::<f64>() / count;
        let variance = filter
            .iter()
            .map(|&w| (f64::from(w) - mean).powi(2))
            .sum::<f64>()
            / count;
        let deviation = match how {
            Standardisation::UnderRoot(epsilon) => (variance + epsilon).sqrt(),
            Standardisation::BesideRoot(epsilon) => variance.sqrt() + epsilon,
        };
        filter.mapv_inplace(|tap| ((f64::from(tap) - mean) / deviation) as f32);
    }
    weight
}

/// TensorFlow's SAME padding: the output has ⌈input / stride⌉ pixels a side, and an odd pad's extra
/// row or column lies at the bottom or right.
pub(super) fn same_pads(x: &Value, kernel: usize, stride: usize) -> Pads {
    let pad = |axis| {
        let side = x.fixed(axis).unwrap_or(0);
        let full = (side.div_ceil(stride).saturating_sub(1)) * stride + kernel;
        let total = full.saturating_sub(side);
        (total / 2, total - total / 2)
    };
    let ((top, bottom), (left, right)) = (pad(2), pad(3));
    Pads {
        top,
        left,
        bottom,
        right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_matrix_that_fills_no_blocks_is_copied_whole() {
        let matrix = Array2::from_shape_fn((33, 70), |(row, column)| (row * 70 + column) as f32);
        let copy = row_major(&matrix.t());
        assert!(copy.is_standard_layout());
        assert_eq!(copy, matrix.t());
        assert_eq!(row_major(&Array2::zeros((0, 3)).t()).dim(), (3, 0));
    }
}
