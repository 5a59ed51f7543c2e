// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Fusion (section 3.1): a RefineNet-style decoder that adds the levels from coarse to fine, with
//! twice the resolution each time.

use super::config::{DptConfig, FusionResize};
use super::conv::{BATCH_NORM_EPS, BatchNorm, conv, conv_norm};
use super::{Context, DptError, Rewrite, upsample};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Coordinates, Value};

/// One output a level, coarsest first.
pub(super) fn build(
    b: &mut Builder,
    config: &DptConfig,
    neck: &Scope<'_>,
    context: &Context<'_>,
    maps: &[Value],
) -> Result<Vec<Value>, DptError> {
    let mut outputs: Vec<Value> = Vec::new();
    for (level, map) in maps.iter().rev().enumerate() {
        let finer = match config.fusion_resize {
            FusionResize::NextLevel => maps.iter().rev().nth(level + 1),
            FusionResize::Double => None,
        };
        let fused = b.within(format!("fusion{level}"), |b| {
            let scope = neck.at("fusion").at(level);
            let size = finer.map(sides);
            fuse(b, config, &scope, context, outputs.last(), map, size)
        })?;
        context.stage(b, &format!("fusion.{level}"), &fused);
        outputs.push(fused);
    }
    Ok(outputs)
}

/// One level: the path so far plus the level's map through a residual unit, another residual
/// unit, a resize (×2 if no size is given), and a 1×1 convolution, which runs before the resize:
/// bilinear weights sum to one, so the two commute, at a quarter of the cost.
fn fuse(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    path: Option<&Value>,
    map: &Value,
    size: Option<(usize, usize)>,
) -> Result<Value, DptError> {
    let x = match path {
        None => map.clone(),
        Some(path) => {
            // Grids of odd size do not double exactly; transformers fits the map to the path.
            let (h, w) = sides(path);
            let map = b.resize_bilinear(map, h, w, Coordinates::HalfPixel)?;
            let unit = b.within("unit1", |b| {
                residual_unit(b, config, &scope.at("unit1"), context, &map)
            })?;
            b.add(path, &unit)?
        }
    };
    let x = b.within("unit2", |b| {
        residual_unit(b, config, &scope.at("unit2"), context, &x)
    })?;
    let channels = config.fusion_hidden_size;
    let scope = scope.at("projection");
    let (h, w) = size.unwrap_or_else(|| {
        let (h, w) = sides(&x);
        (2 * h, 2 * w)
    });
    if context.uses(Rewrite::ProjectFirst) {
        let x = conv(b, &scope, &x, channels, 1)?;
        upsample(b, &x, h, w)
    } else {
        let x = upsample(b, &x, h, w)?;
        conv(b, &scope, &x, channels, 1)
    }
}

pub(super) fn sides(map: &Value) -> (usize, usize) {
    (
        map.fixed(2).unwrap_or_default(),
        map.fixed(3).unwrap_or_default(),
    )
}

/// x + conv(relu(conv(relu(x)))), each convolution with its batch normalisation folded in.
fn residual_unit(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
) -> Result<Value, DptError> {
    let c = config.fusion_hidden_size;
    let mut hidden = x.clone();
    for index in 1..=2 {
        let own = scope.at(format!("conv{index}"));
        let weight = own.tensor("weight", [c, c, 3, 3])?;
        let bias = if config.use_bias_in_fusion_residual {
            Some(own.tensor("bias", [c])?)
        } else {
            None
        };
        let batch_norm = if config.use_batch_norm_in_fusion_residual {
            let scope = scope.at(format!("norm{index}"));
            Some(BatchNorm::read(&scope, c, BATCH_NORM_EPS)?)
        } else {
            None
        };
        hidden = b.relu(&hidden);
        hidden = conv_norm(b, context, &hidden, weight, bias, batch_norm)?;
    }
    Ok(b.add(&hidden, x)?)
}
