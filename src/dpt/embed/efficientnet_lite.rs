// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! timm's `tf_efficientnet_lite0` up to stride 16: no squeeze-and-excitation, ReLU6, batch
//! normalisation folded, TensorFlow's padding.

use super::super::DptError;
use super::super::conv::BatchNorm;
use super::super::fold::same_pads;
use crate::checkpoint::Scope;
use crate::graph::{Builder, Value};

const BATCH_NORM_EPS: f32 = 1e-3;
const STEM_CHANNELS: usize = 32;
const EXPANSION: usize = 6;

/// A stage of inverted residual blocks.
struct Stage {
    channels: usize,
    kernel: usize,
    stride: usize,
    repeats: usize,
    /// Whether its output is one of the three that are used.
    tapped: bool,
}

/// `blocks.1` to `blocks.4`; `blocks.0` is the depthwise-separable one, later ones are not used.
const STAGES: [Stage; 4] = [
    Stage {
        channels: 24,
        kernel: 3,
        stride: 2,
        repeats: 2,
        tapped: true,
    },
    Stage {
        channels: 40,
        kernel: 5,
        stride: 2,
        repeats: 2,
        tapped: true,
    },
    Stage {
        channels: 80,
        kernel: 3,
        stride: 2,
        repeats: 3,
        tapped: false,
    },
    Stage {
        channels: 112,
        kernel: 5,
        stride: 1,
        repeats: 3,
        tapped: true,
    },
];

/// The maps after `blocks.1`, `blocks.2` and `blocks.4`: strides 4, 8, 16.
pub(super) fn build(
    b: &mut Builder,
    scope: &Scope<'_>,
    pixels: &Value,
) -> Result<Vec<Value>, DptError> {
    for later in [5, 6] {
        scope
            .at("blocks")
            .ignore(&later.to_string(), "comes after the last tap of the stem");
    }
    let x = b.within("stem", |b| {
        let x = conv_norm(
            b,
            scope,
            "conv_stem",
            "bn1",
            pixels,
            STEM_CHANNELS,
            Kind::Full(3, 2),
        )?;
        let x = b.clip(&x, 0.0, 6.0);
        let scope = scope.at("blocks.0.0");
        let x = conv_norm(
            b,
            &scope,
            "conv_dw",
            "bn1",
            &x,
            STEM_CHANNELS,
            Kind::Depthwise(3, 1),
        )?;
        let x = b.clip(&x, 0.0, 6.0);
        conv_norm(b, &scope, "conv_pw", "bn2", &x, 16, Kind::Full(1, 1))
    })?;
    let mut maps = Vec::new();
    let mut x = x;
    for (index, stage) in STAGES.iter().enumerate() {
        let index = index + 1;
        for repeat in 0..stage.repeats {
            let stride = if repeat == 0 { stage.stride } else { 1 };
            let scope = scope.at("blocks").at(index).at(repeat);
            x = b.within(format!("blocks{index}.{repeat}"), |b| {
                inverted_residual(b, &scope, &x, stage, stride)
            })?;
        }
        if stage.tapped {
            maps.push(x.clone());
        }
    }
    Ok(maps)
}

/// 1×1 up, depthwise, 1×1 down; added to its input where the shapes agree.
fn inverted_residual(
    b: &mut Builder,
    scope: &Scope<'_>,
    x: &Value,
    stage: &Stage,
    stride: usize,
) -> Result<Value, DptError> {
    let inner = x.fixed(1).unwrap_or_default() * EXPANSION;
    let depthwise = Kind::Depthwise(stage.kernel, stride);
    let y = conv_norm(b, scope, "conv_pw", "bn1", x, inner, Kind::Full(1, 1))?;
    let y = b.clip(&y, 0.0, 6.0);
    let y = conv_norm(b, scope, "conv_dw", "bn2", &y, inner, depthwise)?;
    let y = b.clip(&y, 0.0, 6.0);
    let y = conv_norm(
        b,
        scope,
        "conv_pwl",
        "bn3",
        &y,
        stage.channels,
        Kind::Full(1, 1),
    )?;
    if stride == 1 && y.dims() == x.dims() {
        Ok(b.add(&y, x)?)
    } else {
        Ok(y)
    }
}

/// Kernel and stride of a convolution over all channels or each alone.
#[derive(Clone, Copy)]
enum Kind {
    Full(usize, usize),
    Depthwise(usize, usize),
}

fn conv_norm(
    b: &mut Builder,
    scope: &Scope<'_>,
    conv: &str,
    norm: &str,
    x: &Value,
    to: usize,
    kind: Kind,
) -> Result<Value, DptError> {
    let from = x.fixed(1).unwrap_or_default();
    let (kernel, stride, per_group, group) = match kind {
        Kind::Full(kernel, stride) => (kernel, stride, from, 1),
        Kind::Depthwise(kernel, stride) => (kernel, stride, 1, from),
    };
    let shape = [to, per_group, kernel, kernel];
    let weight = scope.at(conv).tensor("weight", shape)?;
    let norm = BatchNorm::read(&scope.at(norm), to, BATCH_NORM_EPS)?;
    let (weight, bias) = norm.fold(weight, None);
    let weight = b.constant_like(x, weight)?;
    let bias = b.constant_like(x, bias)?;
    let pads = same_pads(x, kernel, stride);
    Ok(b.conv(x, &weight, Some(&bias), stride, pads, group)?)
}
