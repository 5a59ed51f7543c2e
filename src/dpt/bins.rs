// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! ZoeDepth's metric bins (arXiv 2302.12288): centres of bins for each pixel, drawn level by level
//! towards attractors, and their probabilities; depth is their mean.

use super::config::{BinHead, BinsConfig};
use super::conv::conv;
use super::fusion::sides;
use super::router::route;
use super::{Context, DptError, full, upsample};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Pads, Value};
use ndarray::{Array3, Array4};
use std::cmp::Ordering;

/// The strength of attractors: the reference passes no other, whatever the config says.
const ATTRACTION: f32 = 300.0;
/// `p_eps` of the reference's `ConditionalLogBinomialSoftmax`.
const PROBABILITY_EPS: f32 = 1e-4;
/// Of its `LogBinomialSoftmax` and `log_binom`.
const BINOMIAL_EPS: f32 = 1e-4;
const STIRLING_EPS: f32 = 1e-7;
/// The least width of a bounded bin and value of a bounded attractor.
const NARROWEST: f32 = 1e-3;

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

/// What the heads work from.
struct Shared<'v> {
    relative: &'v Relative<'v>,
    /// The bottleneck at the width of the bins `[N, C, h, w]`.
    bottleneck: Value,
    /// What the first level's embedding is added to.
    seed: Value,
    /// One a level, coarsest first.
    embeddings: Vec<Value>,
}

/// Depth in metres `[N, 1, H, W]`.
pub(super) fn build(
    b: &mut Builder,
    config: &BinsConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    relative: &Relative<'_>,
) -> Result<Value, DptError> {
    let bottleneck = relative.bottleneck;
    let bottleneck = conv(b, &scope.at("conv2"), bottleneck, config.bottleneck, 1)?;
    let bottleneck = full(b, &bottleneck);
    context.stage(b, "bottleneck", &bottleneck);
    let seed = projector(b, config, &scope.at("seed_projector"), &bottleneck)?;
    let mut embeddings = Vec::new();
    for (level, map) in relative.fused.iter().enumerate() {
        let scope = scope.at("projectors").at(level);
        let embedding = projector(b, config, &scope, map)?;
        embeddings.push(full(b, &embedding));
    }
    let shared = Shared {
        relative,
        bottleneck,
        seed,
        embeddings,
    };
    let mut depths = Vec::new();
    for head in &config.heads {
        let depth = b.within(format!("bins{}", head.name), |b| {
            metres(b, config, head, scope, context, &shared)
        })?;
        depths.push(depth);
    }
    match (&config.router, depths.as_slice()) {
        (Some(router), [first, second]) => {
            let scores = b.within("router", |b| {
                route(b, router, scope, context, &shared.bottleneck)
            })?;
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

/// Two 1×1 convolutions with ReLU between them.
fn two_convs(
    b: &mut Builder,
    scope: &Scope<'_>,
    x: &Value,
    inner: usize,
    to: usize,
) -> Result<Value, DptError> {
    let hidden = conv(b, &scope.at("conv1"), x, inner, 1)?;
    let hidden = b.relu(&hidden);
    conv(b, &scope.at("conv2"), &hidden, to, 1)
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
fn metres(
    b: &mut Builder,
    config: &BinsConfig,
    head: &BinHead,
    scope: &Scope<'_>,
    context: &Context<'_>,
    shared: &Shared<'_>,
) -> Result<Value, DptError> {
    let single = config.router.is_none();
    let own = |name: &str| match single {
        true => scope.at(name),
        false => scope.at(name).at(&head.name),
    };
    let regressor = if single {
        scope.at("seed_bin_regressor")
    } else {
        own("seed_bin_regressors")
    };
    let centres = two_convs(
        b,
        &regressor,
        &shared.bottleneck,
        config.regressor,
        head.bins,
    )?;
    let mut bins = Bins::seed(b, config, head, &centres)?;
    context.stage(b, &format!("seed.{}", head.name), &bins.metres);
    let mut previous = &shared.seed;
    for (level, embedding) in shared.embeddings.iter().enumerate() {
        let scope = own("attractors").at(level);
        let (h, w) = sides(embedding);
        let coarser = upsample(b, previous, h, w)?;
        let x = b.add(embedding, &coarser)?;
        bins = bins.attracted(b, config, head, &scope, &x, head.attractors[level])?;
        context.stage(b, &format!("centres.{}.{level}", head.name), &bins.metres);
        previous = embedding;
    }
    let relative = shared.relative;
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
    let centres = upsample(b, &bins.metres, h, w)?;
    let weighted = b.mul(&shares, &centres)?;
    Ok(b.reduce_sum(&weighted, 1)?)
}

/// The centres of the bins of one level.
struct Bins {
    /// As attractors see them: between 0 and 1 where they are bounded, else in metres.
    inner: Value,
    /// In metres; in their order where they are bounded.
    metres: Value,
}

impl Bins {
    /// From what the regressor gives: centres, or bounded ones as the widths of bins beside each
    /// other.
    fn seed(
        b: &mut Builder,
        config: &BinsConfig,
        head: &BinHead,
        x: &Value,
    ) -> Result<Self, DptError> {
        if !config.bounded {
            let centres = b.softplus(x);
            return Ok(Self {
                inner: centres.clone(),
                metres: centres,
            });
        }
        let (least, most) = head.range;
        let widths = b.relu(x);
        let narrowest = b.scalar(NARROWEST);
        let widths = b.add(&widths, &narrowest)?;
        let whole = b.reduce_sum(&widths, 1)?;
        let widths = b.div(&widths, &whole)?;
        // A centre lies behind all earlier bins and half its own.
        let count = head.bins;
        let behind = Array4::from_shape_fn((count, count, 1, 1), |(bin, other, ..)| {
            match bin.cmp(&other) {
                Ordering::Greater => 1.0,
                Ordering::Equal => 0.5,
                Ordering::Less => 0.0,
            }
        });
        let behind = b.constant(behind);
        let inner = b.conv(&widths, &behind, None, 1, Pads::all(0), 1)?;
        let metres = scaled(b, &inner, most - least, least)?;
        Ok(Self { inner, metres })
    }

    /// The next level's: at its size, drawn towards its attractors.
    fn attracted(
        &self,
        b: &mut Builder,
        config: &BinsConfig,
        head: &BinHead,
        scope: &Scope<'_>,
        x: &Value,
        count: usize,
    ) -> Result<Self, DptError> {
        let (h, w) = sides(x);
        let attractors = attractors(b, config, scope, x, count)?;
        let before = upsample(b, &self.inner, h, w)?;
        let shape = (count, head.bins, h, w);
        let shift = attraction(b, config, &attractors, &before, shape)?;
        let inner = b.add(&before, &shift)?;
        if !config.bounded {
            return Ok(Self {
                metres: inner.clone(),
                inner,
            });
        }
        let (least, most) = head.range;
        let metres = scaled(b, &inner, most - least, least)?;
        let metres = b.sorted(&metres, 1)?;
        let metres = b.clip(&metres, least, most);
        Ok(Self { inner, metres })
    }
}

/// x · factor + offset.
fn scaled(b: &mut Builder, x: &Value, factor: f32, offset: f32) -> Result<Value, DptError> {
    let (factor, offset) = (b.scalar(factor), b.scalar(offset));
    let x = b.mul(x, &factor)?;
    Ok(b.add(&x, &offset)?)
}

/// A level's attractors. Bounded ones come in pairs of which, by a slip that the weights were
/// trained with, only the first is used.
fn attractors(
    b: &mut Builder,
    config: &BinsConfig,
    scope: &Scope<'_>,
    x: &Value,
    count: usize,
) -> Result<Value, DptError> {
    if !config.bounded {
        let attractors = two_convs(b, scope, x, config.embedding, count)?;
        return Ok(b.softplus(&attractors));
    }
    let attractors = two_convs(b, scope, x, config.embedding, 2 * count)?;
    let (h, w) = sides(x);
    let pairs = b.reshape(&attractors, &[count, 2 * h, w])?;
    let first = b.slice(&pairs, 2, 0, h)?;
    let first = b.relu(&first);
    let least = b.scalar(NARROWEST);
    Ok(b.add(&first, &least)?)
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
    let inner = both.fixed(1).unwrap_or_default() / if config.router.is_none() { 2 } else { 4 };
    let scope = scope.at("mlp");
    let hidden = conv(b, &scope.at(0), &both, inner, 1)?;
    let hidden = b.gelu(&hidden)?;
    let pairs = conv(b, &scope.at(2), &hidden, 4, 1)?;
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
    let temperature = scaled(b, &temperature, most - least, least)?;

    let one = b.scalar(1.0);
    let against = b.sub(&one, &probability)?;
    let mut logarithm = |x: &Value| {
        let clipped = b.clip(x, BINOMIAL_EPS, 1.0);
        b.log(&clipped)
    };
    let (against, in_favour) = (logarithm(&against), logarithm(&probability));
    let last = head.bins - 1;
    let mut by_bin = |value: &dyn Fn(usize) -> f32| {
        b.constant(Array3::from_shape_fn((head.bins, 1, 1), |(k, ..)| value(k)))
    };
    let ways = by_bin(&|k| log_binomial(last, k));
    let up = by_bin(&|k| k as f32);
    let down = by_bin(&|k| (last - k) as f32);
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
