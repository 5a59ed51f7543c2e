// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From the picture to tokens: patches, or a convolutional stem, and the position embedding.

mod bit;
mod efficientnet_lite;
mod vit;

use super::config::{Backbone, DptConfig, Positions};
use super::encoder::layer_norm;
use super::fold::Normalisation;
use super::{Context, DptError, full, positions};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Value};
use ndarray::{Array3, Axis, s};

/// PyTorch's default.
const PATCH_NORM_EPS: f32 = 1e-5;

/// What the transformer starts from.
pub(super) struct Embedded {
    /// `[N, 1 + T, D]`, the readout token first; `[N, T, D]` where there is none.
    pub(super) tokens: Value,
    /// The stem's first two stages, which a hybrid taps: `[N, C, h, w]`.
    pub(super) features: Vec<Value>,
}

pub(super) fn build(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    pixels: &Value,
    normalisation: &Normalisation,
) -> Result<Embedded, DptError> {
    b.within("embed", |b| {
        let (patches, features) = match &config.backbone {
            Backbone::Vit | Backbone::Dinov2 | Backbone::Beit | Backbone::Swinv2(_) => {
                let patches = vit::patches(b, config, scope, context, pixels, normalisation)?;
                (patches, Vec::new())
            }
            Backbone::Bit(bit) => {
                let pixels = normalisation.apply(b, pixels)?;
                let maps = bit::build(b, bit, &scope.at("stem"), context, &pixels)?;
                hybrid(b, config, scope, context, maps)?
            }
            Backbone::EfficientNetLite0 => {
                let pixels = normalisation.apply(b, pixels)?;
                let pixels = context.half(b, &pixels);
                let maps = efficientnet_lite::build(b, &scope.at("stem"), &pixels)?;
                hybrid(b, config, scope, context, maps)?
            }
        };
        let patches = full(b, &patches);
        let tokens = match (&config.backbone, config.positions) {
            (Backbone::Swinv2(_), _) => {
                layer_norm(b, &scope.at("patch_norm"), &patches, PATCH_NORM_EPS)?
            }
            (_, Positions::None) => with_class(b, config, scope, &patches)?,
            _ => with_positions(b, config, scope, context, &patches)?,
        };
        Ok(Embedded { tokens, features })
    })
}

/// The last of a stem's maps through a 1×1 convolution, and the earlier ones as they are.
fn hybrid(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    mut maps: Vec<Value>,
) -> Result<(Value, Vec<Value>), DptError> {
    let Some(last) = maps.pop() else {
        return Err(DptError::Architecture {
            found: "hybrid without a stem".into(),
        });
    };
    let channels = last.fixed(1).unwrap_or_default();
    let weight = scope.tensor("patch.weight", [config.hidden_size, channels, 1, 1])?;
    let bias = scope.tensor("patch.bias", [config.hidden_size])?;
    let last = context.half(b, &last);
    let patches = vit::project(b, &last, weight, bias, 1)?;
    Ok((patches, maps))
}

/// Puts the readout token in front of patches `[N, T, D]`: a row of zeros, then the token is added
/// to it.
fn with_class(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    patches: &Value,
) -> Result<Value, DptError> {
    let d = config.hidden_size;
    let count = patches.fixed(1).unwrap_or_default();
    let mut table = Array3::zeros((1, 1 + count, d));
    let class = scope.tensor("cls_token", [1, 1, d])?;
    table.slice_mut(s![.., ..1, ..]).assign(&class);
    let table = b.constant(table);
    let padded = b.pad_tokens(patches, 1, 0)?;
    Ok(b.add(&padded, &table)?)
}

/// Adds the readout token and the position embedding for this grid to patches `[N, T, D]`. Both are
/// one constant: the patches get a row of zeros in front, and the table's first row is the readout
/// token plus its position.
fn with_positions(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    patches: &Value,
) -> Result<Value, DptError> {
    let d = config.hidden_size;
    let trained = config.trained_grid();
    let table = scope.tensor("position_embeddings", [1, 1 + trained.0 * trained.1, d])?;
    let class = scope.tensor("cls_token", [1, 1, d])?;
    let mut table = positions::embedding(
        table.index_axis_move(Axis(0), 0),
        trained,
        context.grid,
        config.positions,
    );
    let mut first = table.row_mut(0);
    first += &class.slice(s![0, 0, ..]);
    let table = b.constant(table.insert_axis(Axis(0)));
    let padded = b.pad_tokens(patches, 1, 0)?;
    Ok(b.add(&padded, &table)?)
}
