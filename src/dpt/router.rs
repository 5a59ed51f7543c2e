// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What chooses between ZoeDepth's indoor and outdoor bins.

use super::attention::{self, among};
use super::config::Router;
use super::conv::conv;
use super::encoder::layer_norm;
use super::fold::Linear;
use super::fusion::sides;
use super::{Context, DptError};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Value};
use ndarray::{Array2, Axis};

/// PyTorch's default.
const NORM_EPS: f32 = 1e-5;

/// Scores `[N, 2]` of the two kinds of scenes: a transformer on the bottleneck, whose added first
/// token is classified.
pub(super) fn route(
    b: &mut Builder,
    router: &Router,
    scope: &Scope<'_>,
    context: &Context<'_>,
    bottleneck: &Value,
) -> Result<Value, DptError> {
    let d = router.hidden_size;
    let transformer = scope.at("patch_transformer");
    let map = conv(b, &transformer.at("embedding_convPxP"), bottleneck, d, 1)?;
    let (h, w) = sides(&map);
    let planes = b.reshape(&map, &[d, h * w])?;
    let tokens = b.transpose(&planes, &[0, 2, 1])?;
    let tokens = b.pad_tokens(&tokens, 1, 0)?;
    let positions = b.constant(sinusoids(1 + h * w, d).insert_axis(Axis(0)));
    let mut x = b.add(&tokens, &positions)?;
    for layer in 0..router.num_layers {
        let scope = transformer.at("transformer_encoder").at(layer);
        x = b.within(format!("layer{layer}"), |b| {
            router_layer(b, router, &scope, context, &x)
        })?;
    }
    let first = b.slice(&x, 1, 0, 1)?;
    let scope = scope.at("mlp_classifier");
    let hidden = Linear::read(&scope.at("linear1"), d, d, true)?.apply(b, &first)?;
    let hidden = b.relu(&hidden);
    let scores = Linear::read(&scope.at("linear2"), d, 2, true)?.apply(b, &hidden)?;
    Ok(b.reshape(&scores, &[2])?)
}

/// norm(x + attention(x)), then norm(x + mlp(x)).
fn router_layer(
    b: &mut Builder,
    router: &Router,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
) -> Result<Value, DptError> {
    let (d, heads) = (router.hidden_size, router.num_attention_heads);
    let own = scope.at("self_attn");
    let query = Linear::read(&own.at("query"), d, d, true)?;
    let query = attention::query(b, context, query, x, heads, false)?;
    let key = Linear::read(&own.at("key"), d, d, true)?.apply(b, x)?;
    let value = Linear::read(&own.at("value"), d, d, true)?.apply(b, x)?;
    let mixed = among(b, context, heads, [&query, &key, &value], None)?;
    let attended = Linear::read(&own.at("out_proj"), d, d, true)?.apply(b, &mixed)?;
    let sum = b.add(x, &attended)?;
    let x = layer_norm(b, &scope.at("norm1"), &sum, NORM_EPS)?;
    let inner = router.intermediate_size;
    let hidden = Linear::read(&scope.at("linear1"), d, inner, true)?.apply(b, &x)?;
    let hidden = b.relu(&hidden);
    let mlp = Linear::read(&scope.at("linear2"), inner, d, true)?.apply(b, &hidden)?;
    let sum = b.add(&x, &mlp)?;
    layer_norm(b, &scope.at("norm2"), &sum, NORM_EPS)
}

/// Positions `[tokens, depth]` as sines in the first and cosines in the second half of the channels.
fn sinusoids(tokens: usize, depth: usize) -> Array2<f32> {
    let half = depth.div_ceil(2);
    let angle = |position: usize, index: usize| {
        let frequency = (2.0 * index as f32 * (-10_000.0f32.ln() / depth as f32)).exp();
        position as f32 * frequency
    };
    Array2::from_shape_fn((tokens, depth), |(position, channel)| {
        if channel < half {
            angle(position, channel).sin()
        } else {
            angle(position, channel - half).cos()
        }
    })
}
