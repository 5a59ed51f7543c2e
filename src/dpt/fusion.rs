// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Fusion (section 3.1): a RefineNet-style decoder that adds the levels from coarse to fine,
//! doubling the resolution each time.

use super::config::DptConfig;
use super::fold::{batch_norm, fold_batch_norm};
use super::keys::Keys;
use super::{Context, DptError, upsample};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Coordinates, Pads, Value};

/// PyTorch's default.
pub(super) const BATCH_NORM_EPS: f32 = 1e-5;

/// One output a level, coarsest first.
pub(super) fn build(
    b: &mut Builder,
    config: &DptConfig,
    keys: &Keys<'_>,
    context: &Context<'_>,
    maps: &[Value],
) -> Result<Vec<Value>, DptError> {
    let mut outputs: Vec<Value> = Vec::new();
    for (level, map) in maps.iter().rev().enumerate() {
        let fused = b.within(format!("fusion{level}"), |b| {
            fuse(b, config, &keys.fusion(level), outputs.last(), map)
        })?;
        context.stage(b, &format!("fusion.{level}"), &fused);
        outputs.push(fused);
    }
    Ok(outputs)
}

/// One level: the path so far plus the level's map through a residual unit, another residual
/// unit, ×2, and a 1×1 convolution, which runs before the resize: bilinear weights sum to one,
/// so the two commute, at a quarter of the cost.
fn fuse(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    path: Option<&Value>,
    map: &Value,
) -> Result<Value, DptError> {
    let x = match path {
        None => map.clone(),
        Some(path) => {
            // Grids of odd size do not double exactly; transformers fits the map to the path.
            let (h, w) = sides(path);
            let map = b.resize_bilinear(map, h, w, Coordinates::HalfPixel)?;
            let unit = b.within("unit1", |b| {
                residual_unit(b, config, &scope.at("residual_layer1"), &map)
            })?;
            b.add(path, &unit)?
        }
    };
    let x = b.within("unit2", |b| {
        residual_unit(b, config, &scope.at("residual_layer2"), &x)
    })?;
    let channels = config.fusion_hidden_size;
    let shape = [channels, channels, 1, 1];
    let scope = scope.at("projection");
    let weight = b.constant(&shape, scope.tensor("weight", &shape)?.data())?;
    let bias = b.constant(&[channels], scope.tensor("bias", &[channels])?.data())?;
    let x = b.conv(&x, &weight, Some(&bias), 1, Pads::all(0), 1)?;
    let (h, w) = sides(&x);
    upsample(b, &x, 2 * h, 2 * w)
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
    x: &Value,
) -> Result<Value, DptError> {
    let c = config.fusion_hidden_size;
    let mut hidden = x.clone();
    for index in 1..=2 {
        let conv = scope.at(format!("convolution{index}"));
        let weight = conv.tensor("weight", &[c, c, 3, 3])?;
        let bias = if config.use_bias_in_fusion_residual {
            Some(conv.tensor("bias", &[c])?)
        } else {
            None
        };
        let (weight, bias) = if config.use_batch_norm_in_fusion_residual {
            let norm = batch_norm(&scope.at(format!("batch_norm{index}")), c, BATCH_NORM_EPS)?;
            let (weight, bias) = fold_batch_norm(weight, bias, norm);
            (weight, Some(bias))
        } else {
            (weight.into_data(), bias.map(|bias| bias.into_data()))
        };
        hidden = b.relu(&hidden);
        let weight = b.constant(&[c, c, 3, 3], weight)?;
        let bias = bias.map(|bias| b.constant(&[c], bias)).transpose()?;
        hidden = b.conv(&hidden, &weight, bias.as_ref(), 1, Pads::all(1), 1)?;
    }
    Ok(b.add(&hidden, x)?)
}
