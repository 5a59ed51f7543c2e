// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Patches as a convolution whose stride is its kernel.

use super::super::DptError;
use super::super::config::DptConfig;
use super::super::fold::Normalisation;
use super::super::{Context, Rewrite};
use crate::checkpoint::{Scope, Tensor};
use crate::graph::{Builder, Pads, Value};
use ndarray::{Ix1, Ix4};

/// `[N, 3, H, W]` to `[N, T, D]`; there is no padding, so the normalisation folds into the weights.
pub(super) fn patches(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    pixels: &Value,
    normalisation: &Normalisation,
) -> Result<Value, DptError> {
    let (d, patch) = (config.hidden_size, config.patch_size);
    let scope = scope.at("patch");
    let mut weight = scope.tensor("weight", [d, 3, patch, patch])?;
    let mut bias = scope.tensor("bias", [d])?;
    let pixels = if context.uses(Rewrite::FoldNormalisation) {
        normalisation.fold(&mut weight, &mut bias);
        pixels.clone()
    } else {
        normalisation.apply(b, pixels)?
    };
    let pixels = context.half(b, &pixels);
    project(b, &pixels, weight, bias, patch)
}

/// A convolution `[D, C, k, k]` of this stride, its map `[N, D, h, w]` as tokens `[N, h·w, D]`.
pub(super) fn project(
    b: &mut Builder,
    x: &Value,
    weight: Tensor<'_, Ix4>,
    bias: Tensor<'_, Ix1>,
    stride: usize,
) -> Result<Value, DptError> {
    let d = bias.len();
    let weight = b.constant_like(x, weight)?;
    let bias = b.constant_like(x, bias)?;
    let map = b.conv(x, &weight, Some(&bias), stride, Pads::all(0), 1)?;
    let count = map.fixed(2).unwrap_or_default() * map.fixed(3).unwrap_or_default();
    let planes = b.reshape(&map, &[d, count])?;
    Ok(b.transpose(&planes, &[0, 2, 1])?)
}
