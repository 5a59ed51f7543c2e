// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Convolutions as the checkpoints hold them, and batch normalisation, folded into the one before it.

use super::{Context, DptError, Rewrite};
use crate::checkpoint::{Scope, Tensor};
use crate::graph::{Builder, Pads, Value};
use ndarray::{Array1, Ix1, Ix4, Zip};

/// PyTorch's default.
pub(super) const BATCH_NORM_EPS: f32 = 1e-5;

/// A batch normalisation's parameters `[C]`.
pub(super) struct BatchNorm<'w> {
    weight: Tensor<'w, Ix1>,
    bias: Tensor<'w, Ix1>,
    mean: Tensor<'w, Ix1>,
    variance: Tensor<'w, Ix1>,
    epsilon: f32,
}

impl<'w> BatchNorm<'w> {
    pub(super) fn read(scope: &Scope<'w>, channels: usize, epsilon: f32) -> Result<Self, DptError> {
        let read = |name| scope.tensor(name, [channels]);
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
    pub(super) fn fold<'c>(
        &self,
        mut weight: Tensor<'c, Ix4>,
        bias: Option<Tensor<'_, Ix1>>,
    ) -> (Tensor<'c, Ix4>, Array1<f32>) {
        let factors =
            Zip::from(&self.weight)
                .and(&self.variance)
                .map_collect(|weight, variance| {
                    let variance = f64::from(*variance) + f64::from(self.epsilon);
                    (f64::from(*weight) / variance.sqrt()) as f32
                });
        for (mut filter, factor) in weight.outer_iter_mut().zip(&factors) {
            filter *= *factor;
        }
        let before = bias.map_or_else(|| Array1::zeros(factors.len()), Tensor::into_owned);
        (weight, (before - &self.mean) * &factors + &self.bias)
    }

    fn apply(&self, b: &mut Builder, x: &Value) -> Result<Value, DptError> {
        let mut constant = |tensor: &Tensor<'_, Ix1>| b.constant_like(x, tensor.view());
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
    let weight = b.constant_like(x, scope.tensor("weight", shape)?)?;
    let bias = b.constant_like(x, scope.tensor("bias", [to])?)?;
    Ok(b.conv(x, &weight, Some(&bias), 1, Pads::all(kernel / 2), 1)?)
}

/// A 3×3 convolution that keeps the size, `weight` `[C, C, 3, 3]`, with what normalises it.
pub(super) fn conv_norm(
    b: &mut Builder,
    context: &Context<'_>,
    x: &Value,
    weight: Tensor<'_, Ix4>,
    bias: Option<Tensor<'_, Ix1>>,
    norm: Option<BatchNorm<'_>>,
) -> Result<Value, DptError> {
    let pads = Pads::all(1);
    match norm {
        Some(norm) if context.uses(Rewrite::FoldBatchNorm) => {
            let (weight, bias) = norm.fold(weight, bias);
            let weight = b.constant_like(x, weight)?;
            let bias = b.constant_like(x, bias)?;
            Ok(b.conv(x, &weight, Some(&bias), 1, pads, 1)?)
        }
        norm => {
            let weight = b.constant_like(x, weight)?;
            let bias = bias.map(|bias| b.constant_like(x, bias)).transpose()?;
            let y = b.conv(x, &weight, bias.as_ref(), 1, pads, 1)?;
            match norm {
                None => Ok(y),
                Some(norm) => norm.apply(b, &y),
            }
        }
    }
}
