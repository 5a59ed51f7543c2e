// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Constants worked out when the graph is built. All of it is exact up to rounding.

use super::DptError;
use super::config::Standardisation;
use crate::checkpoint::{Scope, Tensor};
use crate::graph::{Builder, Pads, Value};

/// What is left to do to bring the input to the model's scale: `x · scale + shift` by channel.
pub(super) enum Normalisation {
    Done,
    Pending { scale: [f32; 3], shift: [f32; 3] },
}

impl Normalisation {
    /// Folds it into a convolution without padding, `weight` [M, 3, k, k] and `bias` [M].
    pub(super) fn fold(&self, weight: &mut [f32], bias: &mut [f32]) {
        let Self::Pending { scale, shift } = self else {
            return;
        };
        let per_filter = weight.len() / bias.len();
        let per_channel = per_filter / 3;
        for (filter, bias) in weight.chunks_exact_mut(per_filter).zip(bias) {
            let mut sum = 0.0f64;
            for (channel, taps) in filter.chunks_exact_mut(per_channel).enumerate() {
                for tap in taps {
                    sum += f64::from(*tap) * f64::from(shift[channel]);
                    *tap *= scale[channel];
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
        let scale = b.constant(&[3, 1, 1], scale.as_slice())?;
        let shift = b.constant(&[3, 1, 1], shift.as_slice())?;
        let scaled = b.mul(x, &scale)?;
        Ok(b.add(&scaled, &shift)?)
    }
}

/// `rows` × `columns` to `columns` × `rows`, in blocks that stay in the cache.
pub(super) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    const BLOCK: usize = 32;
    let mut out = vec![0.0; rows * columns];
    for top in (0..rows).step_by(BLOCK) {
        for left in (0..columns).step_by(BLOCK) {
            for column in left..columns.min(left + BLOCK) {
                for row in top..rows.min(top + BLOCK) {
                    out[column * rows + row] = values[row * columns + column];
                }
            }
        }
    }
    out
}

/// A linear layer as the right side of a MatMul.
pub(super) struct Linear {
    from: usize,
    to: usize,
    /// `[from, to]`.
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
}

impl Linear {
    /// Reads `weight` `[to, from]` and, `with_bias`, `bias` `[to]`.
    pub(super) fn read(
        scope: &Scope<'_>,
        from: usize,
        to: usize,
        with_bias: bool,
    ) -> Result<Self, DptError> {
        let weight = transposed(scope.tensor("weight", &[to, from])?.data(), to, from);
        let bias = if with_bias {
            Some(scope.tensor("bias", &[to])?.into_data())
        } else {
            None
        };
        Ok(Self {
            from,
            to,
            weight,
            bias,
        })
    }

    /// One from parts: `weight` `[from, to]`.
    pub(super) fn new(from: usize, to: usize, weight: Vec<f32>, bias: Option<Vec<f32>>) -> Self {
        Self {
            from,
            to,
            weight,
            bias,
        }
    }

    /// The number of outputs.
    pub(super) fn outputs(&self) -> usize {
        self.to
    }

    /// The layer followed by a factor for each output.
    #[must_use]
    pub(super) fn scaled(mut self, factors: &[f32]) -> Self {
        let rows = self.weight.chunks_exact_mut(self.to.max(1));
        for row in rows.chain(self.bias.as_deref_mut()) {
            row.iter_mut()
                .zip(factors)
                .for_each(|(w, factor)| *w *= factor);
        }
        self
    }

    /// The layer that sees the first `count` inputs, which has no bias, and the one that sees the
    /// rest: their outputs add up to this one's.
    pub(super) fn split(mut self, count: usize) -> (Self, Self) {
        let rest = self.weight.split_off(count * self.to);
        let second = Self::new(self.from - count, self.to, rest, self.bias.take());
        (Self::new(count, self.to, self.weight, None), second)
    }

    /// `x · weight + bias` for `[…, from]`.
    pub(super) fn apply(self, b: &mut Builder, x: &Value) -> Result<Value, DptError> {
        let weight = b.constant_like(x, &[self.from, self.to], self.weight)?;
        let product = b.matmul(x, &weight)?;
        match self.bias {
            None => Ok(product),
            Some(bias) => {
                let bias = b.constant_like(x, &[self.to], bias)?;
                Ok(b.add(&product, &bias)?)
            }
        }
    }
}

/// Weight standardisation: each filter to zero mean and unit variance (biased).
pub(super) fn standardise(weight: Tensor<'_>, how: Standardisation) -> Vec<f32> {
    let filters = weight.shape().first().copied().unwrap_or(1).max(1);
    let mut weight = weight.into_data();
    let per_filter = (weight.len() / filters).max(1);
    for filter in weight.chunks_exact_mut(per_filter) {
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
        for tap in filter {
            *tap = ((f64::from(*tap) - mean) / deviation) as f32;
        }
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
