// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Hyper-parameters, read from transformers' `config.json` (`DPTConfig`). Absent keys have its
//! defaults. The numbers size allocations later, so each is bounded here.

mod reader;

use super::DptError;
use reader::{Reader, wrong};
use serde_json::Value as Json;

/// What the head predicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Depth: `DPTForDepthEstimation`.
    Depth,
    /// Classes: `DPTForSemanticSegmentation`.
    Segmentation {
        /// Class names by index.
        labels: Vec<String>,
    },
}

/// How the readout (class) token reaches the others (section 3.1, "Read").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readout {
    /// It does not.
    Ignore,
    /// It is added to each.
    Add,
    /// It is concatenated to each and both are projected.
    Project,
}

/// A ResNetV2 in its BiT form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitConfig {
    /// Channels after the first convolution.
    pub embedding_size: usize,
    /// Channels after each stage.
    pub hidden_sizes: Vec<usize>,
    /// Layers of each stage.
    pub depths: Vec<usize>,
    /// Groups of the group normalisations.
    pub groups: usize,
}

/// What turns the picture into tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backbone {
    /// A convolution of patch size and stride.
    Vit,
    /// A ResNet up to stride 16 whose first two stages are taps too.
    Bit(BitConfig),
    /// timm's `tf_efficientnet_lite0` up to stride 16, likewise.
    EfficientNetLite0,
}

/// A DPT's hyper-parameters, by their names in `config.json`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "transformers' names")]
pub struct DptConfig {
    pub task: Task,
    pub backbone: Backbone,
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub intermediate_size: usize,
    pub layer_norm_eps: f32,
    pub image_size: (usize, usize),
    pub patch_size: usize,
    pub qkv_bias: bool,
    /// The blocks (0-based) whose outputs are tapped.
    pub taps: Vec<usize>,
    pub readout: Readout,
    pub reassemble_factors: Vec<f32>,
    pub neck_hidden_sizes: Vec<usize>,
    pub fusion_hidden_size: usize,
    /// Index into the fusion outputs, coarsest first.
    pub head_in_index: usize,
    pub use_batch_norm_in_fusion_residual: bool,
    pub use_bias_in_fusion_residual: bool,
    pub add_projection: bool,
}

/// Levels of the decoder: the paper's four.
const LEVELS: usize = 4;
/// Taps that a convolutional stem provides.
pub(super) const STEM_TAPS: usize = 2;
const MAX_WIDTH: u64 = 1 << 16;
const MAX_LAYERS: u64 = 1 << 10;

impl DptConfig {
    /// Reads a `config.json` of model type `dpt`.
    ///
    /// # Errors
    /// If it describes another architecture, or a value that no published checkpoint could have.
    pub fn from_json(config: &Json) -> Result<Self, DptError> {
        let json = Reader(config);
        let task = task(&json)?;
        let is_hybrid = json.flag("is_hybrid", false)?;
        let backbone = backbone(&json, is_hybrid)?;
        let (hidden_size, num_attention_heads) = (
            json.count("hidden_size", 768, MAX_WIDTH)?,
            json.count("num_attention_heads", 12, MAX_LAYERS)?,
        );
        if hidden_size % num_attention_heads != 0 {
            return Err(wrong(
                "num_attention_heads",
                format!(
                    "is {num_attention_heads}, which does not divide hidden_size {hidden_size}"
                ),
            ));
        }
        let act = json.text("hidden_act", "gelu")?;
        if act != "gelu" {
            return Err(wrong(
                "hidden_act",
                format!("is {act:?}; only gelu is supported"),
            ));
        }
        let num_hidden_layers = json.count("num_hidden_layers", 12, MAX_LAYERS)?;
        let neck_hidden_sizes = json.counts("neck_hidden_sizes", &[96, 192, 384, 768], 1)?;
        if neck_hidden_sizes.len() != LEVELS {
            return Err(wrong(
                "neck_hidden_sizes",
                format!("does not have {LEVELS} values"),
            ));
        }
        let fusion_hidden_size = json.count("fusion_hidden_size", 256, MAX_WIDTH)?;
        let batch_norm = json.flag("use_batch_norm_in_fusion_residual", false)?;
        let patch = json.pair("patch_size", 16)?;
        if patch.0 != patch.1 {
            return Err(wrong("patch_size", "is not square"));
        }
        if is_hybrid && patch.0 != 16 {
            return Err(wrong(
                "patch_size",
                "is not 16, the stride of a hybrid's stem",
            ));
        }
        let readout = match json.text("readout_type", "project")? {
            "ignore" => Readout::Ignore,
            "add" => Readout::Add,
            "project" => Readout::Project,
            other => {
                return Err(wrong(
                    "readout_type",
                    format!("is {other:?}, not ignore, add or project"),
                ));
            }
        };
        if is_hybrid && readout != Readout::Project {
            return Err(wrong(
                "readout_type",
                "is not project, the only one that hybrids know",
            ));
        }
        Ok(Self {
            taps: taps(&json, is_hybrid, num_hidden_layers)?,
            task,
            backbone,
            hidden_size,
            num_hidden_layers,
            num_attention_heads,
            intermediate_size: json.count("intermediate_size", 3072, MAX_WIDTH)?,
            layer_norm_eps: json.number("layer_norm_eps", 1e-12)? as f32,
            image_size: json.pair("image_size", 384)?,
            patch_size: patch.0,
            qkv_bias: json.flag("qkv_bias", true)?,
            readout,
            reassemble_factors: factors(&json)?,
            neck_hidden_sizes,
            fusion_hidden_size,
            head_in_index: head_in_index(&json)?,
            use_batch_norm_in_fusion_residual: batch_norm,
            use_bias_in_fusion_residual: json.flag("use_bias_in_fusion_residual", !batch_norm)?,
            add_projection: json.flag("add_projection", false)?,
        })
    }

    /// Network height and width must be multiples of this.
    pub fn multiple(&self) -> u32 {
        self.patch_size as u32
    }

    /// Rows and columns of the position embedding as it was trained.
    pub(super) fn trained_grid(&self) -> (usize, usize) {
        let (height, width) = self.image_size;
        (height / self.patch_size, width / self.patch_size)
    }

    pub(super) fn is_hybrid(&self) -> bool {
        self.backbone != Backbone::Vit
    }
}

fn task(json: &Reader<'_>) -> Result<Task, DptError> {
    let kind = json.text("model_type", "(no model_type)")?;
    let architecture = json
        .get("architectures")
        .and_then(|list| list.get(0))
        .and_then(Json::as_str)
        .unwrap_or("(no architectures)");
    match (kind, architecture) {
        ("dpt", "DPTForDepthEstimation") => Ok(Task::Depth),
        ("dpt", "DPTForSemanticSegmentation") => Ok(Task::Segmentation {
            labels: labels(json)?,
        }),
        _ => Err(DptError::Architecture {
            found: format!("{architecture} of model type {kind}"),
        }),
    }
}

/// Class names by index from `id2label`; transformers' default is two classes.
fn labels(json: &Reader<'_>) -> Result<Vec<String>, DptError> {
    let count = match json.get("id2label") {
        None => json.count("num_labels", 2, 256)?,
        Some(map) => map
            .as_object()
            .map(|map| map.len())
            .filter(|len| (1..=256).contains(len))
            .ok_or_else(|| wrong("id2label", "does not name 1 to 256 classes"))?,
    };
    (0..count)
        .map(|index| match json.get("id2label") {
            None => Ok(format!("LABEL_{index}")),
            Some(map) => map
                .get(index.to_string())
                .and_then(Json::as_str)
                .map(str::to_string)
                .ok_or_else(|| wrong("id2label", format!("has no name for class {index}"))),
        })
        .collect()
}

fn backbone(json: &Reader<'_>, is_hybrid: bool) -> Result<Backbone, DptError> {
    let Some(inner) = json.get("backbone_config") else {
        // The first hybrid checkpoints carry no backbone_config: transformers' default applies.
        return Ok(if is_hybrid {
            Backbone::Bit(bit(&Reader(&Json::Null))?)
        } else {
            Backbone::Vit
        });
    };
    let inner = Reader(inner);
    let kind = inner.text("model_type", if is_hybrid { "bit" } else { "?" })?;
    match (is_hybrid, kind) {
        (true, "bit") => bit(&inner).map(Backbone::Bit),
        (true, "timm_backbone") => match inner.text("backbone", "?")? {
            "tf_efficientnet_lite0" if inner.counts("out_indices", &[], 0)? == [1, 2, 3] => {
                Ok(Backbone::EfficientNetLite0)
            }
            other => Err(DptError::Architecture {
                found: format!("hybrid with timm's {other} stem"),
            }),
        },
        _ => Err(DptError::Architecture {
            found: format!("DPT with a {kind} backbone"),
        }),
    }
}

fn bit(json: &Reader<'_>) -> Result<BitConfig, DptError> {
    let expect = |key: &str, actual: &str, expected: &str| {
        if actual.eq_ignore_ascii_case(expected) {
            Ok(())
        } else {
            Err(wrong(
                &format!("backbone_config.{key}"),
                format!("is {actual:?}; only {expected} is supported"),
            ))
        }
    };
    expect(
        "layer_type",
        json.text("layer_type", "bottleneck")?,
        "bottleneck",
    )?;
    expect(
        "global_padding",
        json.text("global_padding", "same")?,
        "same",
    )?;
    expect("hidden_act", json.text("hidden_act", "relu")?, "relu")?;
    let depths = json.counts("depths", &[3, 4, 9], 1)?;
    let mut hidden_sizes = json.counts("hidden_sizes", &[256, 512, 1024, 2048], 4)?;
    if depths.len() < 3 || hidden_sizes.len() < depths.len() || depths.iter().any(|&d| d > 256) {
        return Err(wrong(
            "backbone_config.depths",
            "does not describe three stages",
        ));
    }
    hidden_sizes.truncate(depths.len());
    Ok(BitConfig {
        embedding_size: json.count("embedding_size", 64, MAX_WIDTH)?,
        hidden_sizes,
        depths,
        groups: json.count("num_groups", 32, MAX_WIDTH)?,
    })
}

/// The blocks to tap, in order. A hybrid's first two entries stand for its stem's stages.
fn taps(json: &Reader<'_>, is_hybrid: bool, layers: usize) -> Result<Vec<usize>, DptError> {
    let key = "backbone_out_indices";
    let listed = json.counts(key, &[2, 5, 8, 11], 0)?;
    let (skipped, expected) = if is_hybrid {
        (STEM_TAPS, LEVELS - STEM_TAPS)
    } else {
        (0, LEVELS)
    };
    let mut taps: Vec<usize> = listed.into_iter().skip(skipped).collect();
    taps.sort_unstable();
    taps.dedup();
    if taps.len() != expected || taps.iter().any(|&tap| tap >= layers) {
        return Err(wrong(
            key,
            format!("does not name {expected} of the {layers} blocks"),
        ));
    }
    Ok(taps)
}

fn factors(json: &Reader<'_>) -> Result<Vec<f32>, DptError> {
    let key = "reassemble_factors";
    let Some(list) = json.get(key) else {
        return Ok(vec![4.0, 2.0, 1.0, 0.5]);
    };
    let factors: Vec<f32> = list
        .as_array()
        .map(|list| {
            list.iter()
                .filter_map(Json::as_f64)
                .map(|factor| factor as f32)
                .collect()
        })
        .unwrap_or_default();
    let known = |factor: &f32| [0.5, 1.0, 2.0, 4.0, 8.0].contains(factor);
    if factors.len() != LEVELS || !factors.iter().all(known) {
        return Err(wrong(
            key,
            format!("is {list}, not four of 0.5, 1, 2, 4, 8"),
        ));
    }
    Ok(factors)
}

fn head_in_index(json: &Reader<'_>) -> Result<usize, DptError> {
    let index = json.number("head_in_index", -1.0)?;
    let from_start = if index < 0.0 {
        index + LEVELS as f64
    } else {
        index
    };
    if from_start.fract() == 0.0 && (0.0..LEVELS as f64).contains(&from_start) {
        Ok(from_start as usize)
    } else {
        Err(wrong(
            "head_in_index",
            format!("is {index}, not an index of {LEVELS} levels"),
        ))
    }
}
