// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Constants worked out when the graph is built. All of it is exact up to rounding.

use super::DptError;
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

/// `rows` × `columns` to `columns` × `rows`.
pub(super) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for column in 0..columns {
        out.extend((0..rows).map(|row| values[row * columns + column]));
    }
    out
}

/// A linear layer's weight `[to, from]` as the right side of a MatMul, and its bias, if it has one.
pub(super) fn linear(
    scope: &Scope<'_>,
    from: usize,
    to: usize,
    with_bias: bool,
) -> Result<(Vec<f32>, Option<Vec<f32>>), DptError> {
    let weight = transposed(scope.tensor("weight", &[to, from])?.data(), to, from);
    let bias = if with_bias {
        Some(scope.tensor("bias", &[to])?.into_data())
    } else {
        None
    };
    Ok((weight, bias))
}

/// `x · weight + bias` for tokens `[N, T, from]`.
pub(super) fn apply_linear(
    b: &mut Builder,
    x: &Value,
    (weight, bias): (Vec<f32>, Option<Vec<f32>>),
    from: usize,
    to: usize,
) -> Result<Value, DptError> {
    let weight = b.constant(&[from, to], weight)?;
    let product = b.matmul(x, &weight)?;
    match bias {
        None => Ok(product),
        Some(bias) => {
            let bias = b.constant(&[to], bias)?;
            Ok(b.add(&product, &bias)?)
        }
    }
}

/// A batch normalisation's factor and offset by channel: `x · factor + offset`.
pub(super) fn batch_norm(
    scope: &Scope<'_>,
    channels: usize,
    epsilon: f32,
) -> Result<(Vec<f32>, Vec<f32>), DptError> {
    let read = |name| scope.tensor(name, &[channels]);
    let (gamma, beta) = (read("weight")?, read("bias")?);
    let (mean, variance) = (read("running_mean")?, read("running_var")?);
    scope.ignore("num_batches_tracked", "counts training steps");
    let factors: Vec<f32> = gamma
        .data()
        .iter()
        .zip(variance.data())
        .map(|(gamma, variance)| {
            (f64::from(*gamma) / (f64::from(*variance) + f64::from(epsilon)).sqrt()) as f32
        })
        .collect();
    let offsets = beta
        .data()
        .iter()
        .zip(mean.data())
        .zip(&factors)
        .map(|((beta, mean), factor)| beta - mean * factor)
        .collect();
    Ok((factors, offsets))
}

/// Folds a batch normalisation that follows a convolution into its weight and bias.
pub(super) fn fold_batch_norm(
    weight: Tensor<'_>,
    bias: Option<Tensor<'_>>,
    (factors, mut offsets): (Vec<f32>, Vec<f32>),
) -> (Vec<f32>, Vec<f32>) {
    let per_filter = weight.data().len() / factors.len().max(1);
    let mut weight = weight.into_data();
    for (filter, factor) in weight.chunks_exact_mut(per_filter.max(1)).zip(&factors) {
        filter.iter_mut().for_each(|tap| *tap *= factor);
    }
    if let Some(bias) = bias {
        for ((offset, bias), factor) in offsets.iter_mut().zip(bias.data()).zip(&factors) {
            *offset += bias * factor;
        }
    }
    (weight, offsets)
}

/// Weight standardisation: each filter to zero mean and unit variance (biased, `epsilon` under the
/// root), as transformers' `WeightStandardizedConv2d`.
pub(super) fn standardise(weight: Tensor<'_>, epsilon: f64) -> Vec<f32> {
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
        let factor = 1.0 / (variance + epsilon).sqrt();
        for tap in filter {
            *tap = ((f64::from(*tap) - mean) * factor) as f32;
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

/// One axis of a bilinear resize with half-pixel centres (PyTorch's `align_corners=False`): for
/// each output pixel the two input pixels and the second one's weight.
fn axis(from: usize, to: usize) -> Vec<(usize, usize, f32)> {
    let scale = from as f64 / to as f64;
    (0..to)
        .map(|index| {
            let position = ((index as f64 + 0.5) * scale - 0.5).max(0.0);
            let low = (position as usize).min(from - 1);
            (low, (low + 1).min(from - 1), (position - low as f64) as f32)
        })
        .collect()
}

/// A position embedding `[1, 1 + h·w, D]` for another grid: the class token's row stays, the rest
/// is resized as transformers' `_resize_pos_embed` does.
pub(super) fn position_embedding(
    table: &[f32],
    depth: usize,
    from: (usize, usize),
    to: (usize, usize),
) -> Vec<f32> {
    if from == to {
        return table.to_vec();
    }
    let (class, grid) = table.split_at(depth);
    let mut out = class.to_vec();
    out.reserve(to.0 * to.1 * depth);
    let at = |row: usize, column: usize| {
        let start = (row * from.1 + column) * depth;
        &grid[start..start + depth]
    };
    let columns = axis(from.1, to.1);
    for (top, bottom, down) in axis(from.0, to.0) {
        for &(left, right, across) in &columns {
            let corners = [
                at(top, left),
                at(top, right),
                at(bottom, left),
                at(bottom, right),
            ];
            out.extend((0..depth).map(|d| {
                let [a, b, c, e] = corners.map(|corner| corner[d]);
                let upper = a + (b - a) * across;
                let lower = c + (e - c) * across;
                upper + (lower - upper) * down
            }));
        }
    }
    out
}
