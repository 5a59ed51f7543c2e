// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The output heads (supplementary material of the paper; transformers'
//! `DPTDepthEstimationHead` and `DPTSemanticSegmentationHead`).

use super::config::{DptConfig, Task};
use super::fold::{batch_norm, fold_batch_norm};
use super::fusion::{BATCH_NORM_EPS, sides};
use super::keys::Keys;
use super::{Context, DptError, upsample};
use crate::checkpoint::Scope;
use crate::graph::{Builder, ElementType, Pads, Value};

/// Channels before the last convolution of the depth head.
const DEPTH_CHANNELS: usize = 32;

pub(super) fn build(
    b: &mut Builder,
    config: &DptConfig,
    keys: &Keys<'_>,
    context: &Context<'_>,
    fused: &[Value],
) -> Result<(), DptError> {
    let x = &fused[config.head_in_index];
    let scope = keys.head();
    match &config.task {
        Task::Depth => b.within("head", |b| depth(b, config, &scope, context, x)),
        Task::Segmentation { labels } => b.within("head", |b| {
            segmentation(b, config, &scope.at("head"), context, x, labels.len())
        }),
    }
}

fn conv(
    b: &mut Builder,
    scope: &Scope<'_>,
    x: &Value,
    from: usize,
    to: usize,
    kernel: usize,
) -> Result<Value, DptError> {
    let shape = [to, from, kernel, kernel];
    let weight = b.constant(&shape, scope.tensor("weight", &shape)?.data())?;
    let bias = b.constant(&[to], scope.tensor("bias", &[to])?.data())?;
    Ok(b.conv(x, &weight, Some(&bias), 1, Pads::all(kernel / 2), 1)?)
}

/// Half the channels, twice the size, and two more convolutions to one positive map.
fn depth(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
) -> Result<(), DptError> {
    let c = config.fusion_hidden_size;
    let mut x = x.clone();
    if config.add_projection {
        let projected = conv(b, &scope.at("projection"), &x, c, c, 3)?;
        x = b.relu(&projected);
    }
    let scope = scope.at("head");
    let x = conv(b, &scope.at(0), &x, c, c / 2, 3)?;
    let (h, w) = sides(&x);
    let (h, w) = (2 * h, 2 * w);
    let x = upsample(b, &x, h, w)?;
    let x = conv(b, &scope.at(2), &x, c / 2, DEPTH_CHANNELS, 3)?;
    let x = b.relu(&x);
    let x = conv(b, &scope.at(4), &x, DEPTH_CHANNELS, 1, 1)?;
    context.stage(b, "head", &x);
    let x = b.relu(&x);
    let map = b.reshape(&x, &[h, w])?;
    b.output("predicted_depth", &map);
    Ok(())
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
    let weight = scope.at(0).tensor("weight", &[c, c, 3, 3])?;
    let norm = batch_norm(&scope.at(1), c, BATCH_NORM_EPS)?;
    let (weight, bias) = fold_batch_norm(weight, None, norm);
    let weight = b.constant(&[c, c, 3, 3], weight)?;
    let bias = b.constant(&[c], bias)?;
    let x = b.conv(x, &weight, Some(&bias), 1, Pads::all(1), 1)?;
    let x = b.relu(&x);
    let x = conv(b, &scope.at(4), &x, c, classes, 1)?;
    let (h, w) = sides(&x);
    let logits = upsample(b, &x, 2 * h, 2 * w)?;
    context.stage(b, "head", &logits);
    let best = b.arg_max(&logits)?;
    let labels = b.cast(&best, ElementType::U8);
    b.output("labels", &labels);
    if context.options.logits {
        b.output("logits", &logits);
    }
    Ok(())
}
