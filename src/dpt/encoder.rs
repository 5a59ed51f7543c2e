// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The vision transformer's blocks. Taps are the blocks' raw outputs.

use super::config::DptConfig;
use super::fold::{apply_linear, linear};
use super::keys::Keys;
use super::{Context, DptError, Flavour};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Value};

/// Runs the blocks up to the last tap on tokens `[N, T, D]`; returns the tapped ones' outputs.
pub(super) fn build(
    b: &mut Builder,
    config: &DptConfig,
    keys: &Keys<'_>,
    context: &Context<'_>,
    tokens: &Value,
) -> Result<Vec<Value>, DptError> {
    let mut taps = Vec::new();
    let mut x = tokens.clone();
    let last = config.taps.last().copied().unwrap_or_default();
    for index in 0..=last {
        x = b.within(format!("block{index}"), |b| {
            block(b, config, &keys.block(index), context, &x)
        })?;
        if config.taps.contains(&index) {
            taps.push(x.clone());
        }
    }
    Ok(taps)
}

/// x + attention(norm(x)), then x + mlp(norm(x)).
fn block(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
) -> Result<Value, DptError> {
    let (d, inner) = (config.hidden_size, config.intermediate_size);
    let normal = layer_norm(b, config, &scope.at("layernorm_before"), x)?;
    let attended = b.within("attention", |b| {
        attention(b, config, &scope.at("attention"), context, &normal)
    })?;
    let x = b.add(x, &attended)?;
    let normal = layer_norm(b, config, &scope.at("layernorm_after"), &x)?;
    let mlp = b.within("mlp", |b| {
        let fc1 = linear(&scope.at("intermediate.dense"), d, inner, true)?;
        let hidden = apply_linear(b, &normal, fc1, d, inner)?;
        let hidden = b.gelu(&hidden)?;
        let fc2 = linear(&scope.at("output.dense"), inner, d, true)?;
        apply_linear(b, &hidden, fc2, inner, d)
    })?;
    Ok(b.add(&x, &mlp)?)
}

fn layer_norm(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    x: &Value,
) -> Result<Value, DptError> {
    let d = config.hidden_size;
    let scale = b.constant(&[d], scope.tensor("weight", &[d])?.data())?;
    let bias = b.constant(&[d], scope.tensor("bias", &[d])?.data())?;
    Ok(b.layer_normalization(x, &scale, &bias, config.layer_norm_eps)?)
}

/// Multi-head self-attention; the scale 1/√(D/heads) is folded into the query's weights.
fn attention(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
) -> Result<Value, DptError> {
    let (d, heads) = (config.hidden_size, config.num_attention_heads);
    let per_head = d / heads;
    let project = |b: &mut Builder, name: &str, factor: f32| {
        let (mut weight, mut bias) =
            linear(&scope.at("attention").at(name), d, d, config.qkv_bias)?;
        if factor != 1.0 {
            weight.iter_mut().for_each(|w| *w *= factor);
            bias.iter_mut().flatten().for_each(|w| *w *= factor);
        }
        apply_linear(b, x, (weight, bias), d, d)
    };
    let query = project(b, "query", 1.0 / (per_head as f32).sqrt())?;
    let key = project(b, "key", 1.0)?;
    let value = project(b, "value", 1.0)?;
    let attended = match context.options.flavour {
        Flavour::Ort => b.multi_head_attention(&query, &key, &value, heads)?,
        Flavour::Portable => {
            let tokens = x.fixed(1).unwrap_or_default();
            let split = [tokens, heads, per_head];
            let query = b.reshape(&query, &split)?;
            let query = b.transpose(&query, &[0, 2, 1, 3])?;
            let key = b.reshape(&key, &split)?;
            let key = b.transpose(&key, &[0, 2, 3, 1])?;
            let value = b.reshape(&value, &split)?;
            let value = b.transpose(&value, &[0, 2, 1, 3])?;
            let scores = b.matmul(&query, &key)?;
            let shares = b.softmax(&scores);
            let mixed = b.matmul(&shares, &value)?;
            let mixed = b.transpose(&mixed, &[0, 2, 1, 3])?;
            b.reshape(&mixed, &[tokens, d])?
        }
    };
    let output = linear(&scope.at("output.dense"), d, d, true)?;
    apply_linear(b, &attended, output, d, d)
}
