// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From the picture to tokens: patches, or a convolutional stem, and the position embedding.

mod bit;
mod efficientnet_lite;
mod vit;

use super::config::{Backbone, DptConfig};
use super::fold::{Normalisation, position_embedding};
use super::keys::Keys;
use super::{Context, DptError};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Value};

/// What the transformer starts from.
pub(super) struct Embedded {
    /// `[N, 1 + T, D]`, the readout token first.
    pub(super) tokens: Value,
    /// The stem's first two stages, which a hybrid taps: `[N, C, h, w]`.
    pub(super) features: Vec<Value>,
}

pub(super) fn build(
    b: &mut Builder,
    config: &DptConfig,
    keys: &Keys<'_>,
    context: &Context<'_>,
    pixels: &Value,
    normalisation: &Normalisation,
) -> Result<Embedded, DptError> {
    let scope = keys.embeddings();
    b.within("embed", |b| {
        let (patches, features) = match &config.backbone {
            Backbone::Vit => {
                let patches = vit::patches(b, config, &scope, pixels, normalisation)?;
                (patches, Vec::new())
            }
            Backbone::Bit(bit) => {
                let pixels = normalisation.apply(b, pixels)?;
                let maps = bit::build(b, bit, &scope.at("backbone"), &pixels)?;
                hybrid(b, config, &scope, maps)?
            }
            Backbone::EfficientNetLite0 => {
                let pixels = normalisation.apply(b, pixels)?;
                let scope_of_stem = scope.at("backbone._backbone");
                let maps = efficientnet_lite::build(b, &scope_of_stem, &pixels)?;
                hybrid(b, config, &scope, maps)?
            }
        };
        let tokens = positions(b, config, &scope, context, &patches)?;
        Ok(Embedded { tokens, features })
    })
}

/// The last of a stem's maps through a 1×1 convolution, and the earlier ones as they are.
fn hybrid(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    mut maps: Vec<Value>,
) -> Result<(Value, Vec<Value>), DptError> {
    let Some(last) = maps.pop() else {
        return Err(DptError::Architecture {
            found: "hybrid without a stem".into(),
        });
    };
    let channels = last.fixed(1).unwrap_or_default();
    let shape = [config.hidden_size, channels, 1, 1];
    let weight = scope.tensor("projection.weight", &shape)?.into_data();
    let bias = scope.tensor("projection.bias", &[config.hidden_size])?;
    let patches = vit::project(b, &last, weight, bias.into_data(), &shape, 1)?;
    Ok((patches, maps))
}

/// Adds the readout token and the position embedding for this grid to patches `[N, T, D]`. Both are
/// one constant: the patches get a row of zeros in front, and the table's first row is the readout
/// token plus its position.
fn positions(
    b: &mut Builder,
    config: &DptConfig,
    scope: &Scope<'_>,
    context: &Context<'_>,
    patches: &Value,
) -> Result<Value, DptError> {
    let d = config.hidden_size;
    let (rows, columns) = config.trained_grid();
    let table = scope.tensor("position_embeddings", &[1, 1 + rows * columns, d])?;
    let class = scope.tensor("cls_token", &[1, 1, d])?;
    let mut table = position_embedding(table.data(), d, (rows, columns), context.grid);
    for (position, class) in table.iter_mut().zip(class.data()) {
        *position += class;
    }
    let count = 1 + context.grid.0 * context.grid.1;
    let table = b.constant(&[1, count, d], table)?;
    let padded = b.pad_front(patches, 1)?;
    Ok(b.add(&padded, &table)?)
}
