// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Reassemble (section 3.1): tokens become image-like maps by read, concatenate and resample. What
//! a convolutional stem or a backbone of several resolutions taps is such a map already.

use super::config::{DptConfig, Readout, STEM_TAPS};
use super::conv::conv;
use super::fold::Linear;
use super::{Context, DptError, Rewrite};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Pads, Value};
use ndarray::{Array2, s};

/// One map a tap, at the fusion width: `[N, fusion_hidden_size, h, w]`, finest first.
pub(super) fn build(
    b: &mut Builder,
    config: &DptConfig,
    neck: &Scope<'_>,
    context: &Context<'_>,
    taps: &[Value],
) -> Result<Vec<Value>, DptError> {
    taps.iter()
        .enumerate()
        .map(|(level, tap)| {
            b.within(format!("reassemble{level}"), |b| {
                let tap = &context.half(b, tap);
                let channels = config.neck_hidden_sizes[level];
                let is_map = config.is_hierarchical() || config.is_hybrid() && level < STEM_TAPS;
                let map = if is_map {
                    tap.clone()
                } else {
                    let scope = neck.at("reassemble").at(level);
                    let read = read(b, config, &scope.at("readout"), context, tap)?;
                    let map = concatenate(b, config, &scope, context, &read, channels)?;
                    resample(b, &scope, &map, channels, config.reassemble_factors[level])?
                };
                context.stage(b, &format!("reassembled.{level}"), &map);
                let (m, scope) = (config.fusion_hidden_size, neck.at("convs").at(level));
                let weight = scope.tensor("weight", [m, channels, 3, 3])?;
                let weight = b.constant_like(&map, weight)?;
                Ok(b.conv(&map, &weight, None, 1, Pads::all(1), 1)?)
            })
        })
        .collect()
}

/// Read: tokens `[N, 1 + T, D]` to `[N, T, D]` that know of the readout token. The projection's
/// weight acts on both halves of the concatenation apart, so the readout token's share is worked
/// out once for all tokens.
fn read(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    tap: &Value,
) -> Result<Value, DptError> {
    let d = config.hidden_size;
    let count = tap.fixed(1).unwrap_or_default();
    let tokens = b.slice(tap, 1, 1, count)?;
    match config.readout {
        Readout::Ignore => Ok(tokens),
        Readout::Add => {
            let readout = b.slice(tap, 1, 0, 1)?;
            Ok(b.add(&tokens, &readout)?)
        }
        Readout::Project => {
            let readout = b.slice(tap, 1, 0, 1)?;
            let projected = if context.uses(Rewrite::SplitReadout) {
                let weight = scope.tensor("weight", [d, 2 * d])?;
                let bias = scope.tensor("bias", [d])?;
                let of_token = Linear::new(&weight.slice(s![.., ..d]), None);
                let of_readout = Linear::new(&weight.slice(s![.., d..]), Some(bias));
                let tokens = of_token.apply(b, &tokens)?;
                let readout = of_readout.apply(b, &readout)?;
                b.add(&tokens, &readout)?
            } else {
                let layer = Linear::read(scope, 2 * d, d, true)?;
                let nothing = b.constant_like(tap, Array2::zeros((count - 1, 1)))?;
                let everywhere = b.add(&nothing, &readout)?;
                let both = b.concat(&[&tokens, &everywhere], 2)?;
                layer.apply(b, &both)?
            };
            Ok(b.gelu(&projected)?)
        }
    }
}

/// Concatenate, after the 1×1 projection: `[N, T, D]` to `[N, C, h, w]`.
fn concatenate(
    b: &mut Builder,
    config: &DptConfig,
    layer: &Scope<'_>,
    context: &Context<'_>,
    tokens: &Value,
    channels: usize,
) -> Result<Value, DptError> {
    let d = config.hidden_size;
    let scope = layer.at("projection");
    let (rows, columns) = context.grid;
    if context.uses(Rewrite::ProjectTokens) {
        let weight = scope.tensor("weight", [channels, d, 1, 1])?;
        let bias = scope.tensor("bias", [channels])?;
        let layer = Linear::new(&weight.slice(s![.., .., 0, 0]), Some(bias));
        let projected = layer.apply(b, tokens)?;
        let planes = b.transpose(&projected, &[0, 2, 1])?;
        return Ok(b.reshape(&planes, &[channels, rows, columns])?);
    }
    let planes = b.transpose(tokens, &[0, 2, 1])?;
    let map = b.reshape(&planes, &[d, rows, columns])?;
    conv(b, &scope, &map, channels, 1)
}

/// Resample by a factor: a transposed convolution up, a strided one down.
fn resample(
    b: &mut Builder,
    layer: &Scope<'_>,
    map: &Value,
    channels: usize,
    factor: f32,
) -> Result<Value, DptError> {
    let scope = layer.at("resize");
    if factor == 1.0 {
        return Ok(map.clone());
    }
    let kernel = if factor > 1.0 { factor as usize } else { 3 };
    let shape = [channels, channels, kernel, kernel];
    let weight = b.constant_like(map, scope.tensor("weight", shape)?)?;
    let bias = b.constant_like(map, scope.tensor("bias", [channels])?)?;
    if factor > 1.0 {
        Ok(b.conv_transpose(map, &weight, &bias)?)
    } else {
        let stride = (1.0 / factor) as usize;
        Ok(b.conv(map, &weight, Some(&bias), stride, Pads::all(1), 1)?)
    }
}
