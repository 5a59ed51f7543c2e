// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The blocks of a vision transformer: the plain one's, DINOv2's and BEiT's differ in what is
//! added to them.

use super::attention::{self, among};
use super::config::{Backbone, DptConfig};
use super::fold::Linear;
use super::{Context, DptError, Rewrite, full, positions};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Value};

/// Runs the blocks up to the last tap on tokens `[N, T, D]`; returns the tapped ones' outputs,
/// through the last normalisation where the model has that.
pub(super) fn build(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    tokens: &Value,
) -> Result<Vec<Value>, DptError> {
    let index = match config.backbone {
        Backbone::Beit => {
            let pairs = positions::relative_index_with_class(context.grid);
            Some(b.indices(pairs))
        }
        _ => None,
    };
    let mut taps = Vec::new();
    let mut x = tokens.clone();
    let last = config.taps.last().copied().unwrap_or_default();
    for block_index in 0..=last {
        x = b.within(format!("block{block_index}"), |b| {
            let scope = scope.at("blocks").at(block_index);
            block(b, config, &scope, context, &x, index.as_ref())
        })?;
        if config.taps.contains(&block_index) {
            taps.push(if config.apply_layernorm {
                layer_norm(b, &scope.at("norm"), &x, config.final_norm_eps)?
            } else {
                x.clone()
            });
        }
    }
    Ok(taps)
}

/// x + attention(norm(x)), then x + mlp(norm(x)); layer scales are factors of what is added.
fn block(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
    relative_index: Option<&Value>,
) -> Result<Value, DptError> {
    let normal = layer_norm(b, &scope.at("norm1"), x, config.layer_norm_eps)?;
    let normal = context.half(b, &normal);
    let attended = b.within("attention", |b| {
        attention(b, config, scope, context, &normal, relative_index)
    })?;
    let x = b.add(x, &attended)?;
    let normal = layer_norm(b, &scope.at("norm2"), &x, config.layer_norm_eps)?;
    let normal = context.half(b, &normal);
    let mlp = b.within("mlp", |b| mlp(b, config, scope, context, &normal))?;
    Ok(b.add(&x, &mlp)?)
}

/// `LayerNormalization` over the channels.
pub(super) fn layer_norm(
    b: &mut Builder,
    scope: &Scope<'_>,
    x: &Value,
    epsilon: f32,
) -> Result<Value, DptError> {
    let d = x.fixed(x.dims().len() - 1).unwrap_or_default();
    let scale = b.constant(scope.tensor("weight", [d])?);
    let bias = b.constant(scope.tensor("bias", [d])?);
    Ok(b.layer_normalization(x, &scale, &bias, epsilon)?)
}

/// A branch's last layer and its layer scale, folded into it: what is added to the tokens.
fn last_of_branch(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
    layer: Linear<'_>,
    scale: &str,
) -> Result<Value, DptError> {
    if !config.layer_scale {
        let y = layer.apply(b, x)?;
        return Ok(full(b, &y));
    }
    let d = config.hidden_size;
    let factors = scope.tensor(scale, [d])?;
    if context.uses(Rewrite::FoldLayerScale) {
        let y = layer.scaled(&factors.view()).apply(b, x)?;
        return Ok(full(b, &y));
    }
    let factors = b.constant(factors);
    let y = layer.apply(b, x)?;
    let y = full(b, &y);
    Ok(b.mul(&y, &factors)?)
}

/// Two layers with GELU between them, or SwiGLU: silu(gate) · up.
fn mlp(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
) -> Result<Value, DptError> {
    let (d, inner) = (config.hidden_size, config.intermediate_size);
    let (hidden, last) = if config.use_swiglu_ffn {
        let gate = Linear::read(&scope.at("gate"), d, inner, true)?.apply(b, x)?;
        let up = Linear::read(&scope.at("up"), d, inner, true)?.apply(b, x)?;
        let open = b.sigmoid(&gate);
        let gate = b.mul(&gate, &open)?;
        (b.mul(&gate, &up)?, "down")
    } else {
        let hidden = Linear::read(&scope.at("fc1"), d, inner, true)?.apply(b, x)?;
        (b.gelu(&hidden)?, "fc2")
    };
    let last = Linear::read(&scope.at(last), inner, d, true)?;
    last_of_branch(b, config, scope, context, &hidden, last, "scale2")
}

/// Multi-head self-attention.
fn attention(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
    relative_index: Option<&Value>,
) -> Result<Value, DptError> {
    let (d, heads) = (config.hidden_size, config.num_attention_heads);
    let read = |name: &str, bias: bool| Linear::read(&scope.at(name), d, d, bias);
    let query = read("query", config.qkv_bias)?;
    let query = attention::query(b, context, query, x, heads, relative_index.is_some())?;
    let key = read("key", config.qkv_bias && config.key_bias)?.apply(b, x)?;
    let value = read("value", config.qkv_bias)?.apply(b, x)?;
    let bias = match relative_index {
        None => None,
        Some(index) => Some(relative_bias(b, config, scope, context, index)?),
    };
    let attended = among(b, context, heads, [&query, &key, &value], bias.as_ref())?;
    let output = read("output", true)?;
    last_of_branch(b, config, scope, context, &attended, output, "scale1")
}

/// BEiT's bias `[heads, T, T]`: the graph keeps the table and one index for all blocks, since the
/// biases themselves would be T² values a head and block.
fn relative_bias(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    index: &Value,
) -> Result<Value, DptError> {
    let (grid, heads) = (config.trained_grid(), config.num_attention_heads);
    let entries = (2 * grid.0 - 1) * (2 * grid.1 - 1) + 3;
    let table = scope.tensor("relative_position_bias_table", [entries, heads])?;
    let table = b.constant(positions::relative_biases(&table, grid, context.grid));
    Ok(b.gather(&table, 1, index)?)
}
