// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Reassemble (section 3.1): tokens become image-like maps by read, concatenate and resample.

use super::config::{DptConfig, Readout, STEM_TAPS};
use super::fold::{apply_linear, linear, transposed};
use super::keys::Keys;
use super::{Context, DptError};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Pads, Value};

/// One map a tap, at the fusion width: `[N, fusion_hidden_size, h, w]`, finest first.
pub(super) fn build(
    b: &mut Builder,
    config: &DptConfig,
    keys: &Keys<'_>,
    context: &Context<'_>,
    taps: &[Value],
) -> Result<Vec<Value>, DptError> {
    taps.iter()
        .enumerate()
        .map(|(level, tap)| {
            b.within(format!("reassemble{level}"), |b| {
                let channels = config.neck_hidden_sizes[level];
                let map = if config.is_hybrid() && level < STEM_TAPS {
                    tap.clone()
                } else {
                    let read = read(b, config, &keys.reassemble(), level, tap)?;
                    let layer = keys.reassemble().at("layers").at(level);
                    let map = concatenate(b, config, &layer, context, &read, channels)?;
                    resample(b, &layer, &map, channels, config.reassemble_factors[level])?
                };
                context.stage(b, &format!("reassembled.{level}"), &map);
                let (m, scope) = (config.fusion_hidden_size, keys.level_conv(level));
                let weight = scope.tensor("weight", &[m, channels, 3, 3])?;
                let weight = b.constant(&[m, channels, 3, 3], weight.data())?;
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
    level: usize,
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
            let scope = scope.at("readout_projects").at(level).at(0);
            let (weight, bias) = linear(&scope, 2 * d, d, true)?;
            let (of_token, of_readout) = weight.split_at(d * d);
            let tokens = apply_linear(b, &tokens, (of_token.to_vec(), None), d, d)?;
            let readout = apply_linear(b, &readout, (of_readout.to_vec(), bias), d, d)?;
            let sum = b.add(&tokens, &readout)?;
            Ok(b.gelu(&sum)?)
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
    let weight = scope.tensor("weight", &[channels, d, 1, 1])?;
    let weight = transposed(weight.data(), channels, d);
    let bias = scope.tensor("bias", &[channels])?.into_data();
    let projected = apply_linear(b, tokens, (weight, Some(bias)), d, channels)?;
    let planes = b.transpose(&projected, &[0, 2, 1])?;
    let (rows, columns) = context.grid;
    Ok(b.reshape(&planes, &[channels, rows, columns])?)
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
    let weight = b.constant(&shape, scope.tensor("weight", &shape)?.data())?;
    let bias = b.constant(&[channels], scope.tensor("bias", &[channels])?.data())?;
    if factor > 1.0 {
        Ok(b.conv_transpose(map, &weight, &bias)?)
    } else {
        let stride = (1.0 / factor) as usize;
        Ok(b.conv(map, &weight, Some(&bias), stride, Pads::all(1), 1)?)
    }
}
