// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The output heads (supplementary material of the paper): depth and classes, and what the family's
//! later members put behind the depth head.

use super::bins::{self, Relative};
use super::config::{Activation, BinsConfig, DptConfig, HeadResize, Task};
use super::conv::{BATCH_NORM_EPS, BatchNorm, conv, conv_norm};
use super::fusion::sides;
use super::{Context, DptError, full, upsample};
use crate::checkpoint::Scope;
use crate::graph::{Builder, ElementType, Value};

/// isl-org/DPT `dpt/models.py`: smallest inverse depth of its metric models.
const MIN_INVERSE: f32 = 1e-8;

pub(super) fn build(
    b: &mut Builder,
    config: &DptConfig,
    root: &Scope<'_>,
    context: &Context<'_>,
    levels: &Levels<'_>,
) -> Result<(), DptError> {
    let scope = root.at("head");
    let x = &levels.fused[config.head_in_index];
    match (&config.task, &config.bins) {
        (Task::Segmentation { labels }, _) => b.within("head", |b| {
            segmentation(b, config, &scope, context, x, labels.len())
        }),
        (Task::Depth, None) => b.within("head", |b| {
            let shared = shared(b, config, &scope, context, x)?;
            depth(b, config, &scope, context, &shared)
        }),
        (Task::Depth, Some(bins)) => b.within("head", |b| {
            let shared = shared(b, config, &scope, context, x)?;
            metric_bins(b, config, bins, root, context, levels, &shared)
        }),
    }
}

/// The decoder's maps.
pub(super) struct Levels<'v> {
    /// At the fusion width, before it, finest first.
    pub(super) maps: &'v [Value],
    /// After fusion, coarsest first.
    pub(super) fused: &'v [Value],
}

/// ZoeDepth: relative depth as ever, then metres by bins.
fn metric_bins(
    b: &mut Builder,
    config: &DptConfig,
    bins: &BinsConfig,
    root: &Scope<'_>,
    context: &Context<'_>,
    levels: &Levels<'_>,
    shared: &Value,
) -> Result<(), DptError> {
    let scope = root.at("head");
    let hidden = config.head_hidden_size;
    let features = conv(b, &scope.at("conv2"), shared, hidden, 3)?;
    let features = b.relu(&features);
    let depth = conv(b, &scope.at("conv3"), &features, 1, 1)?;
    context.stage(b, "head", &depth);
    let depth = b.relu(&depth);
    if context.options.stages {
        let (h, w) = sides(&depth);
        let map = b.reshape(&depth, &[h, w])?;
        context.stage(b, "relative_depth", &map);
    }
    let relative = Relative {
        bottleneck: levels.maps.last().unwrap_or(shared),
        fused: levels.fused,
        features: &features,
        depth: &depth,
    };
    let metres = bins::build(b, bins, &root.at("bins"), context, &relative)?;
    let (h, w) = sides(&metres);
    let map = b.reshape(&metres, &[h, w])?;
    b.output("predicted_depth", &map);
    Ok(())
}

/// Half the channels at the final size, for the layers that turn features into values: their sums
/// leave the range of 16 bits.
fn shared(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
) -> Result<Value, DptError> {
    let c = config.fusion_hidden_size;
    let mut x = x.clone();
    if config.add_projection {
        let projected = conv(b, &scope.at("projection"), &x, c, 3)?;
        x = b.relu(&projected);
    }
    let x = conv(b, &scope.at("conv1"), &x, c / 2, 3)?;
    let x = full(b, &x);
    let (h, w) = match config.head_resize {
        HeadResize::Double => {
            let (h, w) = sides(&x);
            (2 * h, 2 * w)
        }
        HeadResize::Input => {
            let size = context.options.size;
            (size.height as usize, size.width as usize)
        }
    };
    upsample(b, &x, h, w)
}

/// Two more convolutions to one map.
fn depth(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    shared: &Value,
) -> Result<(), DptError> {
    let (h, w) = sides(shared);
    let x = last_convs(b, config, scope, shared)?;
    context.stage(b, "head", &x);
    let x = activate(b, config.activation, &x)?;
    let map = b.reshape(&x, &[h, w])?;
    b.output("predicted_depth", &map);
    if config.sky {
        let sky = b.within("sky", |b| last_convs(b, config, &scope.at("sky"), shared))?;
        let sky = b.relu(&sky);
        let sky = b.reshape(&sky, &[h, w])?;
        b.output("sky", &sky);
    }
    Ok(())
}

/// The last two convolutions, to one channel.
fn last_convs(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    x: &Value,
) -> Result<Value, DptError> {
    let hidden = config.head_hidden_size;
    let x = conv(b, &scope.at("conv2"), x, hidden, 3)?;
    let x = b.relu(&x);
    conv(b, &scope.at("conv3"), &x, 1, 1)
}

fn activate(b: &mut Builder, activation: Activation, x: &Value) -> Result<Value, DptError> {
    match activation {
        Activation::Relu => Ok(b.relu(x)),
        Activation::Exp => Ok(b.exp(x)),
        Activation::Sigmoid { max_depth } => {
            let share = b.sigmoid(x);
            let most = b.scalar(max_depth);
            Ok(b.mul(&share, &most)?)
        }
        Activation::ReluClamp {
            min_depth,
            max_depth,
        } => {
            let x = b.relu(x);
            let least = b.scalar(min_depth);
            let x = b.add(&x, &least)?;
            Ok(b.clip(&x, min_depth, max_depth))
        }
        Activation::Inverse { scale, shift } => {
            let x = b.relu(x);
            let scale = b.scalar(scale);
            let shift = b.scalar(shift);
            let x = b.mul(&x, &scale)?;
            let x = b.add(&x, &shift)?;
            let x = b.clip(&x, MIN_INVERSE, f32::MAX);
            Ok(b.reciprocal(&x))
        }
    }
}

/// Scores for each class at twice the size, and the class with the highest.
fn segmentation(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
    classes: usize,
) -> Result<(), DptError> {
    let c = config.fusion_hidden_size;
    let weight = scope.at("conv1").tensor("weight", [c, c, 3, 3])?;
    let batch_norm = BatchNorm::read(&scope.at("norm"), c, BATCH_NORM_EPS)?;
    let x = conv_norm(b, context, x, weight, None, Some(batch_norm))?;
    let x = b.relu(&x);
    let x = full(b, &x);
    let x = conv(b, &scope.at("conv3"), &x, classes, 1)?;
    let (h, w) = sides(&x);
    let logits = upsample(b, &x, 2 * h, 2 * w)?;
    context.stage(b, "head", &logits);
    let best = b.arg_max(&logits)?;
    // By way of floats, which are exact here: TensorRT makes bytes of nothing else.
    let best = full(b, &best);
    let labels = b.cast(&best, ElementType::U8);
    b.output("labels", &labels);
    if context.options.logits {
        b.output("logits", &logits);
    }
    Ok(())
}
