// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The hybrid's ResNet-50 up to stride 16, in the BiT form (transformers' `modeling_bit.py`,
//! `layer_type` bottleneck, `global_padding` same): weight-standardised convolutions, group
//! normalisation, TensorFlow's padding.

use super::super::config::BitConfig;
use super::super::fold::{same_pads, standardise};
use super::super::{Context, DptError, full};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Value};

const GROUP_NORM_EPS: f32 = 1e-5;

/// The outputs of all stages: strides 4, 8, 16.
pub(super) fn build(
    b: &mut Builder,
    config: &BitConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    pixels: &Value,
) -> Result<Vec<Value>, DptError> {
    let x = b.within("stem", |b| {
        let scope = scope.at("embedder");
        let (to, scope_of_conv) = (config.embedding_size, scope.at("convolution"));
        let x = context.half(b, pixels);
        let x = conv(b, config, &scope_of_conv, &x, to, 7, 2)?;
        let x = norm(b, config, &scope.at("norm"), &x)?;
        let x = b.relu(&x);
        // Behind a ReLU anything below zero is as good as nothing. Not zero itself: ONNX Runtime
        // would make padding of the operator of it again (`PadFusion`).
        let padded = b.pad_picture(&x, same_pads(&x, 3, 2), -1.0)?;
        Ok::<_, DptError>(b.max_pool(&padded, 3, 2)?)
    })?;
    let mut maps = Vec::new();
    let mut x = x;
    for (stage, (&depth, &channels)) in config.depths.iter().zip(&config.hidden_sizes).enumerate() {
        for layer in 0..depth {
            let stride = if stage > 0 && layer == 0 { 2 } else { 1 };
            let scope = scope.at("encoder.stages").at(stage).at("layers").at(layer);
            x = b.within(format!("stage{stage}.{layer}"), |b| {
                bottleneck(b, config, &scope, context, &x, channels, stride)
            })?;
        }
        maps.push(x.clone());
    }
    Ok(maps)
}

/// 1×1, 3×3 (with the stride), 1×1, each normalised; the first layer of a stage projects its
/// shortcut.
fn bottleneck(
    b: &mut Builder,
    config: &BitConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
    channels: usize,
    stride: usize,
) -> Result<Value, DptError> {
    let input = context.half(b, x);
    let shortcut = if scope.has("downsample") {
        let scope = scope.at("downsample");
        let shortcut = conv(b, config, &scope.at("conv"), &input, channels, 1, stride)?;
        norm(b, config, &scope.at("norm"), &shortcut)?
    } else {
        x.clone()
    };
    let inner = divisible_by_8(channels / 4);
    let y = conv(b, config, &scope.at("conv1"), &input, inner, 1, 1)?;
    let y = norm(b, config, &scope.at("norm1"), &y)?;
    let y = b.relu(&y);
    let y = context.half(b, &y);
    let y = conv(b, config, &scope.at("conv2"), &y, inner, 3, stride)?;
    let y = norm(b, config, &scope.at("norm2"), &y)?;
    let y = b.relu(&y);
    let y = context.half(b, &y);
    let y = conv(b, config, &scope.at("conv3"), &y, channels, 1, 1)?;
    let y = norm(b, config, &scope.at("norm3"), &y)?;
    let sum = b.add(&y, &shortcut)?;
    Ok(b.relu(&sum))
}

/// `make_div` of the reference: to a multiple of 8, never down by more than a tenth.
fn divisible_by_8(value: usize) -> usize {
    let rounded = ((value + 4) / 8 * 8).max(8);
    if rounded * 10 < value * 9 {
        rounded + 8
    } else {
        rounded
    }
}

fn conv(
    b: &mut Builder,
    config: &BitConfig,
    scope: &Scope<'_>,
    x: &Value,
    to: usize,
    kernel: usize,
    stride: usize,
) -> Result<Value, DptError> {
    let shape = [to, x.fixed(1).unwrap_or_default(), kernel, kernel];
    let weight = standardise(scope.tensor("weight", shape)?, config.standardisation);
    let weight = b.constant_like(x, weight)?;
    let pads = same_pads(x, kernel, stride);
    Ok(b.conv(x, &weight, None, stride, pads, 1)?)
}

fn norm(
    b: &mut Builder,
    config: &BitConfig,
    scope: &Scope<'_>,
    x: &Value,
) -> Result<Value, DptError> {
    let channels = x.fixed(1).unwrap_or_default();
    let scale = scope.tensor("weight", [channels])?;
    let bias = scope.tensor("bias", [channels])?;
    let x = &full(b, x);
    Ok(b.group_normalization(x, config.groups, scale, bias, GROUP_NORM_EPS)?)
}
