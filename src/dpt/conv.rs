// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Convolutions as the checkpoints hold them, and batch normalisation, folded into the one before it.

use super::{Context, DptError, Rewrite};
use crate::checkpoint::{Scope, Tensor};
use crate::graph::{Builder, Pads, Value};

/// PyTorch's default.
pub(super) const BATCH_NORM_EPS: f32 = 1e-5;

/// A batch normalisation's parameters `[C]`.
pub(super) struct BatchNorm<'w> {
    weight: Tensor<'w>,
    bias: Tensor<'w>,
    mean: Tensor<'w>,
    variance: Tensor<'w>,
    epsilon: f32,
}

impl<'w> BatchNorm<'w> {
    pub(super) fn read(scope: &Scope<'w>, channels: usize, epsilon: f32) -> Result<Self, DptError> {
        let read = |name| scope.tensor(name, &[channels]);
        scope.ignore("num_batches_tracked", "counts training steps");
        Ok(Self {
            weight: read("weight")?,
            bias: read("bias")?,
            mean: read("running_mean")?,
            variance: read("running_var")?,
            epsilon,
        })
    }

    /// The weight and bias of a convolution that does both.
    pub(super) fn fold(
        &self,
        weight: Tensor<'_>,
        bias: Option<&Tensor<'_>>,
    ) -> (Vec<f32>, Vec<f32>) {
        let channels = self.weight.data().len().max(1);
        let per_filter = (weight.data().len() / channels).max(1);
        let mut weight = weight.into_data();
        let mut offsets = Vec::with_capacity(channels);
        for (channel, filter) in weight.chunks_exact_mut(per_filter).enumerate() {
            let variance = f64::from(self.variance.data()[channel]) + f64::from(self.epsilon);
            let factor = f64::from(self.weight.data()[channel]) / variance.sqrt();
            let factor = factor as f32;
            filter.iter_mut().for_each(|tap| *tap *= factor);
            let before = bias.map_or(0.0, |bias| bias.data()[channel]);
            offsets.push((before - self.mean.data()[channel]) * factor + self.bias.data()[channel]);
        }
        (weight, offsets)
    }

    fn apply(&self, b: &mut Builder, x: &Value) -> Result<Value, DptError> {
        let channels = [self.weight.data().len()];
        let mut constant =
            |tensor: &Tensor<'_>| b.constant_like(x, &channels, tensor.data().to_vec());
        let (scale, bias) = (constant(&self.weight)?, constant(&self.bias)?);
        let (mean, variance) = (constant(&self.mean)?, constant(&self.variance)?);
        Ok(b.batch_normalization(x, [&scale, &bias, &mean, &variance], self.epsilon)?)
    }
}

/// The convolution at `scope`, with a bias, `[N, C, h, w]` to `[N, to, h, w]`; `kernel` is odd.
pub(super) fn conv(
    b: &mut Builder,
    scope: &Scope<'_>,
    x: &Value,
    to: usize,
    kernel: usize,
) -> Result<Value, DptError> {
    let shape = [to, x.fixed(1).unwrap_or_default(), kernel, kernel];
    let weight = b.constant_like(x, &shape, scope.tensor("weight", &shape)?.data())?;
    let bias = b.constant_like(x, &[to], scope.tensor("bias", &[to])?.data())?;
    Ok(b.conv(x, &weight, Some(&bias), 1, Pads::all(kernel / 2), 1)?)
}

/// A 3×3 convolution that keeps the size, `weight` `[C, C, 3, 3]`, with what normalises it.
pub(super) fn conv_norm(
    b: &mut Builder,
    context: &Context<'_>,
    x: &Value,
    weight: Tensor<'_>,
    bias: Option<Tensor<'_>>,
    norm: Option<BatchNorm<'_>>,
) -> Result<Value, DptError> {
    let shape = weight.shape().to_vec();
    let (to, pads) = ([shape[0]], Pads::all(1));
    match norm {
        Some(norm) if context.uses(Rewrite::FoldBatchNorm) => {
            let (weight, bias) = norm.fold(weight, bias.as_ref());
            let weight = b.constant_like(x, &shape, weight)?;
            let bias = b.constant_like(x, &to, bias)?;
            Ok(b.conv(x, &weight, Some(&bias), 1, pads, 1)?)
        }
        norm => {
            let weight = b.constant_like(x, &shape, weight.into_data())?;
            let bias = bias
                .map(|bias| b.constant_like(x, &to, bias.into_data()))
                .transpose()?;
            let y = b.conv(x, &weight, bias.as_ref(), 1, pads, 1)?;
            match norm {
                None => Ok(y),
                Some(norm) => norm.apply(b, &y),
            }
        }
    }
}
