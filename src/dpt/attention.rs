// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Multi-head attention in the two forms that runtimes know best.

use super::fold::Linear;
use super::{Context, DptError, Flavour, Rewrite, full};
use crate::graph::{Builder, Value};
use ndarray::aview0;

/// `true` where attention is ONNX Runtime's fused operator, which takes no bias in a form that its CUDA
/// kernels run.
fn is_fused(context: &Context<'_>, has_bias: bool) -> bool {
    context.options.flavour == Flavour::Ort && !has_bias
}

/// The queries `[N, T, D]` that [`among`] takes: `layer` on `x`, with the scale 1/√(D/heads) of the
/// scores where the operator does not apply it.
///
/// The fused operator does so by itself. An attribute `scale` is no way to tell it that the queries
/// are scaled already: its kernel for fp16 and up to 128 tokens on Turing GPUs ignores the attribute
/// (`getMHCAParams` in ONNX Runtime) and would scale them twice.
pub(super) fn query(
    b: &mut Builder,
    context: &Context<'_>,
    layer: Linear<'_>,
    x: &Value,
    heads: usize,
    has_bias: bool,
) -> Result<Value, DptError> {
    if is_fused(context, has_bias) {
        return layer.apply(b, x);
    }
    let width = layer.outputs();
    let scale = 1.0 / ((width / heads) as f32).sqrt();
    if context.uses(Rewrite::FoldAttentionScale) {
        return layer.scaled(&aview0(&scale)).apply(b, x);
    }
    let factor = b.scalar_like(x, scale);
    let query = layer.apply(b, x)?;
    Ok(b.mul(&query, &factor)?)
}

/// Tokens `[…, T, D]` to heads `[…, H, T, D/H]`.
pub(super) fn to_heads(b: &mut Builder, x: &Value, heads: usize) -> Result<Value, DptError> {
    let (mut shape, tokens) = inner(x);
    let width = shape.pop().unwrap_or_default();
    shape.extend([heads, width / heads]);
    let split = b.reshape(x, &shape)?;
    Ok(b.transpose(&split, &swapped(tokens, tokens + 1, x.dims().len() + 1))?)
}

/// Heads `[…, H, T, d]` to tokens `[…, T, H·d]`.
fn from_heads(b: &mut Builder, x: &Value) -> Result<Value, DptError> {
    let rank = x.dims().len();
    let together = b.transpose(x, &swapped(rank - 3, rank - 2, rank))?;
    let (mut shape, _) = inner(&together);
    let width = shape.pop().unwrap_or_default();
    let heads = shape.pop().unwrap_or_default();
    shape.push(heads * width);
    Ok(b.reshape(&together, &shape)?)
}

/// The dimensions after the first, and the axis of the tokens.
fn inner(x: &Value) -> (Vec<usize>, usize) {
    let rank = x.dims().len();
    let shape = (1..rank).map(|axis| x.fixed(axis).unwrap_or_default());
    (shape.collect(), rank - 2)
}

/// 0, 1, … with two exchanged.
fn swapped(one: usize, other: usize, rank: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(one, other);
    order
}

/// Keys `[…, H, T, d]` to `[…, H, d, T]`.
pub(super) fn transposed_keys(b: &mut Builder, keys: &Value) -> Result<Value, DptError> {
    let rank = keys.dims().len();
    Ok(b.transpose(keys, &swapped(rank - 2, rank - 1, rank))?)
}

/// softmax(q·kᵀ + biases)·v for queries `[…, H, T, d]`, keys `[…, H, d, T]`, values
/// `[…, H, T, d]`, back to tokens.
pub(super) fn attend(
    b: &mut Builder,
    query: &Value,
    key: &Value,
    value: &Value,
    biases: &[&Value],
) -> Result<Value, DptError> {
    let scores = b.matmul(query, key)?;
    let mut scores = full(b, &scores);
    for bias in biases {
        scores = b.add(&scores, bias)?;
    }
    let shares = b.softmax(&scores);
    let shares = b.cast(&shares, value.element());
    let mixed = b.matmul(&shares, value)?;
    from_heads(b, &mixed)
}

/// Attention of tokens `[N, T, D]` among each other, for queries made by [`query`].
pub(super) fn among(
    b: &mut Builder,
    context: &Context<'_>,
    heads: usize,
    [query, key, value]: [&Value; 3],
    bias: Option<&Value>,
) -> Result<Value, DptError> {
    if is_fused(context, bias.is_some()) {
        return Ok(b.multi_head_attention(query, key, value, heads)?);
    }
    let query = to_heads(b, query, heads)?;
    let key = to_heads(b, key, heads)?;
    let key = transposed_keys(b, &key)?;
    let value = to_heads(b, value, heads)?;
    attend(b, &query, &key, &value, bias.as_slice())
}
