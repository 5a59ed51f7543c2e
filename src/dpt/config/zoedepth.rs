// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! transformers' `ZoeDepthConfig`: a DPT whose relative depth metric bins turn into metres (arXiv
//! 2302.12288).

use super::super::DptError;
use super::backbone::beit;
use super::reader::{Reader, wrong};
use super::{DptConfig, LEVELS, MAX_LAYERS, MAX_WIDTH, Meaning};

/// Attractors of each level where there are several heads: what the reference makes of
/// `num_attractors` then.
const ATTRACTORS_OF_SEVERAL: usize = 16;
/// Channels inside the networks of a single head.
const PROJECTOR: usize = 128;
const REGRESSOR: usize = 256;
/// More bins or attractors than any published model has.
const MAX_BINS: u64 = 1024;

/// The bins of one kind of scenes.
#[derive(Clone, Debug, PartialEq)]
pub struct BinHead {
    /// Its name: in the tensors' names too, where there are two.
    pub name: String,
    /// How many bins.
    pub bins: usize,
    /// Metres of the least and the greatest centre.
    pub range: (f32, f32),
    /// Attractors of each level, coarsest first.
    pub attractors: Vec<usize>,
}

/// The network that chooses between two heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "transformers' names without their patch_transformer_"
)]
pub struct Router {
    pub num_layers: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub num_attention_heads: usize,
}

/// The metric part of ZoeDepth.
#[derive(Clone, Debug, PartialEq)]
pub struct BinsConfig {
    /// One head, or two and a router.
    pub heads: Vec<BinHead>,
    /// What chooses between two heads.
    pub router: Option<Router>,
    /// Channels of the bins' embedding.
    pub embedding: usize,
    /// Channels of the bottleneck.
    pub bottleneck: usize,
    /// Channels inside the projectors.
    pub projector: usize,
    /// Channels inside the networks that give the first bins.
    pub regressor: usize,
    /// Whether centres lie between the ends of their range ("normed"); else they are free.
    pub bounded: bool,
    /// Whether shifts of the bins are the attractors' mean rather than their sum.
    pub mean: bool,
    /// The least and the greatest temperature of the bins' probabilities.
    pub temperature: (f32, f32),
}

/// Adds what `json` says of the backbone and the bins to `config`, which has the decoder.
pub(super) fn read(json: &Reader<'_>, mut config: DptConfig) -> Result<DptConfig, DptError> {
    let default = serde_json::Value::Null;
    let inner = Reader(json.get("backbone_config").unwrap_or(&default));
    match inner.text("model_type", "beit")? {
        "beit" => beit(&mut config, &inner)?,
        other => {
            return Err(DptError::Architecture {
                found: format!("ZoeDepth with a {other} backbone"),
            });
        }
    }
    let kind = json.text("bin_centers_type", "softplus")?;
    let bounded = match kind {
        "normed" => true,
        "softplus" => false,
        other => {
            return Err(wrong(
                "bin_centers_type",
                format!("is {other:?}, not normed or softplus"),
            ));
        }
    };
    config.head_hidden_size = json.count("num_relative_features", 32, MAX_WIDTH)?;
    let heads = heads(json)?;
    let farthest = heads.iter().map(|head| head.range.1).fold(0.0, f32::max);
    config.meaning = Meaning::Metric {
        max_depth: bounded.then_some(farthest),
    };
    let embedding = json.count("bin_embedding_dim", 128, MAX_WIDTH)?;
    let several = heads.len() > 1;
    config.bins = Some(BinsConfig {
        router: several.then(|| router(json)).transpose()?,
        heads,
        embedding,
        bottleneck: json.count("bottleneck_features", 256, MAX_WIDTH)?,
        projector: if several { embedding / 2 } else { PROJECTOR },
        regressor: if several { embedding / 2 } else { REGRESSOR },
        bounded,
        mean: match json.text("attractor_kind", "mean")? {
            "mean" => true,
            "sum" => false,
            other => {
                return Err(wrong(
                    "attractor_kind",
                    format!("is {other:?}, not mean or sum"),
                ));
            }
        },
        temperature: (
            json.number("min_temp", 0.0212)? as f32,
            json.number("max_temp", 50.0)? as f32,
        ),
    });
    Ok(config)
}

fn heads(json: &Reader<'_>) -> Result<Vec<BinHead>, DptError> {
    let key = "bin_configurations";
    let attractors = json.counts("num_attractors", &[16, 8, 4, 1], 1)?;
    if attractors.len() != LEVELS || attractors.iter().any(|&count| count as u64 > MAX_BINS) {
        return Err(wrong("num_attractors", format!("is not {LEVELS} numbers")));
    }
    let list = match json.get(key) {
        None => {
            return Ok(vec![BinHead {
                name: String::new(),
                bins: 64,
                range: (1e-3, 10.0),
                attractors,
            }]);
        }
        Some(list) => list.as_array().map(Vec::as_slice).unwrap_or_default(),
    };
    if !(1..=2).contains(&list.len()) {
        return Err(wrong(key, "is not a list of one or two heads"));
    }
    let several = list.len() > 1;
    list.iter()
        .map(|head| {
            let head = Reader(head);
            let name = head.text("name", "")?;
            if several && (name.is_empty() || name.contains('.')) {
                return Err(wrong(key, "has a head without a name"));
            }
            let range = (
                head.number("min_depth", 1e-3)? as f32,
                head.number("max_depth", 10.0)? as f32,
            );
            if !(range.0 >= 0.0 && range.1 > range.0 && range.1.is_finite()) {
                return Err(wrong(key, "has a head without a range of depths"));
            }
            Ok(BinHead {
                name: name.into(),
                range,
                bins: head.count("n_bins", 64, MAX_BINS)?,
                attractors: if several {
                    vec![ATTRACTORS_OF_SEVERAL; LEVELS]
                } else {
                    attractors.clone()
                },
            })
        })
        .collect()
}

fn router(json: &Reader<'_>) -> Result<Router, DptError> {
    let router = Router {
        num_layers: json.count("num_patch_transformer_layers", 4, MAX_LAYERS)?,
        hidden_size: json.count("patch_transformer_hidden_size", 128, MAX_WIDTH)?,
        intermediate_size: json.count("patch_transformer_intermediate_size", 1024, MAX_WIDTH)?,
        num_attention_heads: json.count("patch_transformer_num_attention_heads", 4, MAX_LAYERS)?,
    };
    if !router
        .hidden_size
        .is_multiple_of(router.num_attention_heads)
    {
        return Err(wrong(
            "patch_transformer_num_attention_heads",
            "does not divide patch_transformer_hidden_size",
        ));
    }
    Ok(router)
}
