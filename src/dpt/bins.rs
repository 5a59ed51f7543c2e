// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! ZoeDepth's metric bins (arXiv 2302.12288): centres of bins for each pixel, drawn level by level
//! towards attractors, and their probabilities; depth is their mean.

use super::attention::{attend, to_heads, transposed_keys};
use super::config::{BinHead, BinsConfig, Router};
use super::encoder::layer_norm;
use super::fold::Linear;
use super::fusion::sides;
use super::{Context, DptError, upsample};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Pads, Value};

/// The strength of attractors: the reference passes no other, whatever the config says.
const ATTRACTION: f32 = 300.0;
/// `p_eps` of the reference's `ConditionalLogBinomialSoftmax`.
const PROBABILITY_EPS: f32 = 1e-4;
/// Of its `LogBinomialSoftmax` and `log_binom`.
const BINOMIAL_EPS: f32 = 1e-4;
const STIRLING_EPS: f32 = 1e-7;
/// PyTorch's default.
const NORM_EPS: f32 = 1e-5;

/// What the relative model hands over.
pub(super) struct Relative<'v> {
    /// The coarsest map before fusion `[N, C, h, w]`.
    pub(super) bottleneck: &'v Value,
    /// All levels after fusion, coarsest first.
    pub(super) fused: &'v [Value],
    /// The depth head's last features `[N, F, H, W]`.
    pub(super) features: &'v Value,
    /// Its relative depth `[N, 1, H, W]`.
    pub(super) depth: &'v Value,
}

/// Depth in metres `[N, 1, H, W]`.
pub(super) fn build(
    b: &mut Builder,
    config: &BinsConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    relative: &Relative<'_>,
) -> Result<Value, DptError> {
    let x = conv1x1(
        b,
        &scope.at("conv2"),
        relative.bottleneck,
        config.bottleneck,
    )?;
    let seed = projector(b, config, &scope.at("seed_projector"), &x)?;
    let mut embeddings = Vec::new();
    for (level, map) in relative.fused.iter().enumerate() {
        let scope = scope.at("projectors").at(level);
        embeddings.push(projector(b, config, &scope, map)?);
    }
    let mut depths = Vec::new();
    for head in &config.heads {
        let depth = b.within(format!("bins{}", head.name), |b| {
            metres(b, config, head, scope, relative, &x, &seed, &embeddings)
        })?;
        depths.push(depth);
    }
    match (&config.router, depths.as_slice()) {
        (Some(router), [first, second]) => {
            let scores = b.within("router", |b| route(b, router, scope, &x))?;
            context.stage(b, "route", &scores);
            let scores = b.reshape(&scores, &[depths.len(), 1, 1])?;
            let chosen = b.arg_max(&scores)?;
            let second_share = b.cast(&chosen, crate::graph::ElementType::F32);
            let second_share = b.reshape(&second_share, &[1, 1, 1])?;
            let one = b.scalar(1.0);
            let first_share = b.sub(&one, &second_share)?;
            let first = b.mul(first, &first_share)?;
            let second = b.mul(second, &second_share)?;
            Ok(b.add(&first, &second)?)
        }
        (_, [only, ..]) => Ok(only.clone()),
        _ => Err(DptError::Architecture {
            found: "ZoeDepth without bins".into(),
        }),
    }
}

fn conv1x1(b: &mut Builder, scope: &Scope<'_>, x: &Value, to: usize) -> Result<Value, DptError> {
    let shape = [to, x.fixed(1).unwrap_or_default(), 1, 1];
    let weight = b.constant(&shape, scope.tensor("weight", &shape)?.data())?;
    let bias = b.constant(&[to], scope.tensor("bias", &[to])?.data())?;
    Ok(b.conv(x, &weight, Some(&bias), 1, Pads::all(0), 1)?)
}

/// Two 1×1 convolutions with ReLU between them.
fn two_convs(
    b: &mut Builder,
    scope: &Scope<'_>,
    x: &Value,
    inner: usize,
    to: usize,
) -> Result<Value, DptError> {
    let hidden = conv1x1(b, &scope.at("conv1"), x, inner)?;
    let hidden = b.relu(&hidden);
    conv1x1(b, &scope.at("conv2"), &hidden, to)
}

fn projector(
    b: &mut Builder,
    config: &BinsConfig,
    scope: &Scope<'_>,
    x: &Value,
) -> Result<Value, DptError> {
    two_convs(b, scope, x, config.projector, config.embedding)
}

/// One head's depth.
#[allow(clippy::too_many_arguments, reason = "what the heads share")]
fn metres(
    b: &mut Builder,
    config: &BinsConfig,
    head: &BinHead,
    scope: &Scope<'_>,
    relative: &Relative<'_>,
    bottleneck: &Value,
    seed: &Value,
    embeddings: &[Value],
) -> Result<Value, DptError> {
    let single = head.name.is_empty();
    let own = |name: &str| match single {
        true => scope.at(name),
        false => scope.at(name).at(&head.name),
    };
    let regressor = if single {
        scope.at("seed_bin_regressor")
    } else {
        own("seed_bin_regressors")
    };
    let centres = two_convs(b, &regressor, bottleneck, config.regressor, head.bins)?;
    let mut centres = b.softplus(&centres);
    let mut previous = seed;
    for (level, embedding) in embeddings.iter().enumerate() {
        let scope = own("attractors").at(level);
        let (h, w) = sides(embedding);
        let coarser = upsample(b, previous, h, w)?;
        let x = b.add(embedding, &coarser)?;
        let count = head.attractors[level];
        let attractors = two_convs(b, &scope, &x, config.embedding, count)?;
        let attractors = b.softplus(&attractors);
        let before = upsample(b, &centres, h, w)?;
        let shift = attraction(b, config, &attractors, &before, (count, head.bins, h, w))?;
        centres = b.add(&before, &shift)?;
        previous = embedding;
    }
    let (h, w) = sides(relative.features);
    let features = if single {
        b.concat(&[relative.features, relative.depth], 1)?
    } else {
        relative.features.clone()
    };
    let embedding = upsample(b, previous, h, w)?;
    let shares = shares(
        b,
        config,
        head,
        &own("conditional_log_binomial"),
        &features,
        &embedding,
    )?;
    let centres = upsample(b, &centres, h, w)?;
    let weighted = b.mul(&shares, &centres)?;
    Ok(b.reduce_sum(&weighted, 1)?)
}

/// Σ or mean over the attractors a of d / (1 + 300 d²), d = a − centre.
fn attraction(
    b: &mut Builder,
    config: &BinsConfig,
    attractors: &Value,
    centres: &Value,
    (count, bins, h, w): (usize, usize, usize, usize),
) -> Result<Value, DptError> {
    let attractors = b.reshape(attractors, &[count, 1, h, w])?;
    let centres = b.reshape(centres, &[1, bins, h, w])?;
    let distance = b.sub(&attractors, &centres)?;
    let square = b.mul(&distance, &distance)?;
    let strength = b.scalar(ATTRACTION);
    let one = b.scalar(1.0);
    let denominator = b.mul(&square, &strength)?;
    let denominator = b.add(&denominator, &one)?;
    let pull = b.div(&distance, &denominator)?;
    let sum = b.reduce_sum(&pull, 1)?;
    let sum = b.reshape(&sum, &[bins, h, w])?;
    if !config.mean {
        return Ok(sum);
    }
    let share = b.scalar(1.0 / count as f32);
    Ok(b.mul(&sum, &share)?)
}

/// The bins' probabilities: a binomial distribution whose parameter and temperature a small network
/// gives for each pixel.
fn shares(
    b: &mut Builder,
    config: &BinsConfig,
    head: &BinHead,
    scope: &Scope<'_>,
    features: &Value,
    embedding: &Value,
) -> Result<Value, DptError> {
    let both = b.concat(&[features, embedding], 1)?;
    let inner = both.fixed(1).unwrap_or_default() / if head.name.is_empty() { 2 } else { 4 };
    let scope = scope.at("mlp");
    let hidden = conv1x1(b, &scope.at(0), &both, inner)?;
    let hidden = b.gelu(&hidden)?;
    let pairs = conv1x1(b, &scope.at(2), &hidden, 4)?;
    let pairs = b.softplus(&pairs);
    let epsilon = b.scalar(PROBABILITY_EPS);
    let pairs = b.add(&pairs, &epsilon)?;
    let ratio = |b: &mut Builder, first: usize| -> Result<Value, DptError> {
        let x = b.slice(&pairs, 1, first, first + 1)?;
        let y = b.slice(&pairs, 1, first + 1, first + 2)?;
        let sum = b.add(&x, &y)?;
        Ok(b.div(&x, &sum)?)
    };
    let probability = ratio(b, 0)?;
    let temperature = ratio(b, 2)?;
    let (least, most) = config.temperature;
    let (width, least) = (b.scalar(most - least), b.scalar(least));
    let temperature = b.mul(&temperature, &width)?;
    let temperature = b.add(&temperature, &least)?;

    let one = b.scalar(1.0);
    let against = b.sub(&one, &probability)?;
    let mut logarithm = |x: &Value| {
        let clipped = b.clip(x, BINOMIAL_EPS, 1.0);
        b.log(&clipped)
    };
    let (against, in_favour) = (logarithm(&against), logarithm(&probability));
    let last = head.bins - 1;
    let index = |value: &dyn Fn(usize) -> f32| (0..head.bins).map(value).collect::<Vec<_>>();
    let shape = [head.bins, 1, 1];
    let ways = b.constant(&shape, index(&|k| log_binomial(last, k)))?;
    let up = b.constant(&shape, index(&|k| k as f32))?;
    let down = b.constant(&shape, index(&|k| (last - k) as f32))?;
    let up = b.mul(&up, &in_favour)?;
    let down = b.mul(&down, &against)?;
    let y = b.add(&ways, &up)?;
    let y = b.add(&y, &down)?;
    let y = b.div(&y, &temperature)?;
    Ok(b.softmax_over(&y, 1)?)
}

/// ln of n over k by Stirling's formula.
fn log_binomial(n: usize, k: usize) -> f32 {
    let (n, k) = (n as f32 + STIRLING_EPS, k as f32 + STIRLING_EPS);
    n * n.ln() - k * k.ln() - (n - k) * (n - k + STIRLING_EPS).ln()
}

/// Scores `[N, 2]` of the two kinds of scenes: a transformer on the bottleneck, whose added first
/// token is classified.
fn route(
    b: &mut Builder,
    router: &Router,
    scope: &Scope<'_>,
    bottleneck: &Value,
) -> Result<Value, DptError> {
    let d = router.hidden_size;
    let transformer = scope.at("patch_transformer");
    let map = conv1x1(b, &transformer.at("embedding_convPxP"), bottleneck, d)?;
    let (h, w) = sides(&map);
    let planes = b.reshape(&map, &[d, h * w])?;
    let tokens = b.transpose(&planes, &[0, 2, 1])?;
    let tokens = b.pad_tokens(&tokens, 1, 0)?;
    let positions = b.constant(&[1, 1 + h * w, d], sinusoids(1 + h * w, d))?;
    let mut x = b.add(&tokens, &positions)?;
    for layer in 0..router.num_layers {
        let scope = transformer.at("transformer_encoder").at(layer);
        x = b.within(format!("layer{layer}"), |b| {
            router_layer(b, router, &scope, &x)
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
    x: &Value,
) -> Result<Value, DptError> {
    let (d, heads) = (router.hidden_size, router.num_attention_heads);
    let own = scope.at("self_attn");
    let scale = 1.0 / ((d / heads) as f32).sqrt();
    let query = Linear::read(&own.at("query"), d, d, true)?.scaled(&vec![scale; d]);
    let query = query.apply(b, x)?;
    let key = Linear::read(&own.at("key"), d, d, true)?.apply(b, x)?;
    let value = Linear::read(&own.at("value"), d, d, true)?.apply(b, x)?;
    let query = to_heads(b, &query, heads)?;
    let key = to_heads(b, &key, heads)?;
    let key = transposed_keys(b, &key)?;
    let value = to_heads(b, &value, heads)?;
    let mixed = attend(b, &query, &key, &value, &[])?;
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
fn sinusoids(tokens: usize, depth: usize) -> Vec<f32> {
    let half = depth.div_ceil(2);
    let mut table = Vec::with_capacity(tokens * depth);
    for position in 0..tokens {
        let angle = |index: usize| {
            let frequency = (2.0 * index as f32 * (-10_000.0f32.ln() / depth as f32)).exp();
            position as f32 * frequency
        };
        table.extend((0..half).map(|index| angle(index).sin()));
        table.extend((0..depth - half).map(|index| angle(index).cos()));
    }
    table
}
