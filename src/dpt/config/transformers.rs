// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! transformers' `config.json`: `DPTConfig` and `DepthAnythingConfig`, each with the configuration
//! of its backbone. Absent keys have transformers' defaults.

use super::super::DptError;
use super::backbone::{backbone, beit, dinov2, expect_gelu, patch_size, swinv2};
use super::reader::{Reader, wrong};
use super::{
    Activation, DptConfig, FusionResize, HeadResize, Hints, LEVELS, MAX_LAYERS, MAX_WIDTH, Meaning,
    Positions, Readout, Reference, STEM_TAPS, Task, Variant, zoedepth,
};
use serde_json::Value as Json;

/// Whether a `config.json` describes the model, as transformers' does (others have such files too).
pub(crate) fn is_config(config: &Json) -> bool {
    config.get("model_type").is_some()
}

impl DptConfig {
    /// Reads a `config.json` of model type `dpt` or `depth_anything`. `hints` tell what such
    /// files leave out: the range of a metric model, and whose interpolation of position embeddings
    /// to follow; transformers' if they do not say.
    ///
    /// # Errors
    /// If it describes another architecture, or a value that no published checkpoint could have.
    pub(crate) fn from_json(config: &Json, hints: &Hints) -> Result<Self, DptError> {
        let json = Reader(config);
        let task = task(&json)?;
        let neck_hidden_sizes = json.counts("neck_hidden_sizes", &[96, 192, 384, 768], 1)?;
        if neck_hidden_sizes.len() != LEVELS {
            return Err(wrong(
                "neck_hidden_sizes",
                format!("does not have {LEVELS} values"),
            ));
        }
        let kind = json.text("model_type", "")?;
        let mut config = if kind == "depth_anything" {
            depth_anything(&json, neck_hidden_sizes)?
        } else if kind == "zoedepth" {
            let own = without_backbone(&json);
            let config = classic(&Reader(&own), false, task, neck_hidden_sizes)?;
            zoedepth::read(&json, config)?
        } else {
            let is_hybrid = json.flag("is_hybrid", false)?;
            let inner = json.get("backbone_config").map(Reader);
            match inner {
                Some(inner) if !is_hybrid => {
                    with_backbone(&json, &inner, task, neck_hidden_sizes, hints.variant)?
                }
                _ => classic(&json, is_hybrid, task, neck_hidden_sizes)?,
            }
        };
        if hints.reference == Some(Reference::Original) && config.positions == Positions::Bicubic {
            config.positions = Positions::BicubicOffset;
        }
        if config.hidden_size % config.num_attention_heads != 0 {
            return Err(wrong(
                "num_attention_heads",
                format!(
                    "is {}, which does not divide hidden_size {}",
                    config.num_attention_heads, config.hidden_size
                ),
            ));
        }
        let (rows, columns) = config.trained_grid();
        if rows == 0 || columns == 0 {
            let patch = config.patch_size;
            return Err(wrong(
                "image_size",
                format!("is smaller than a patch of {patch}"),
            ));
        }
        Ok(config)
    }
}

fn readout(json: &Reader<'_>) -> Result<Readout, DptError> {
    match json.text("readout_type", "project")? {
        "ignore" => Ok(Readout::Ignore),
        "add" => Ok(Readout::Add),
        "project" => Ok(Readout::Project),
        other => Err(wrong(
            "readout_type",
            format!("is {other:?}, not ignore, add or project"),
        )),
    }
}

/// The paper's models: a plain ViT or a hybrid, described in the same object.
fn classic(
    json: &Reader<'_>,
    is_hybrid: bool,
    task: Task,
    neck_hidden_sizes: Vec<usize>,
) -> Result<DptConfig, DptError> {
    let backbone = backbone(json, is_hybrid)?;
    expect_gelu(json)?;
    let num_hidden_layers = json.count("num_hidden_layers", 12, MAX_LAYERS)?;
    let patch_size = patch_size(json, 16)?;
    if is_hybrid && patch_size != 16 {
        return Err(wrong(
            "patch_size",
            "is not 16, the stride of a hybrid's stem",
        ));
    }
    let readout = readout(json)?;
    if is_hybrid && readout != Readout::Project {
        return Err(wrong(
            "readout_type",
            "is not project, the only one that hybrids know",
        ));
    }
    let batch_norm = json.flag("use_batch_norm_in_fusion_residual", false)?;
    Ok(DptConfig {
        meaning: Meaning::InverseRelative,
        taps: taps(json, is_hybrid, num_hidden_layers)?,
        task,
        backbone,
        hidden_size: json.count("hidden_size", 768, MAX_WIDTH)?,
        num_hidden_layers,
        num_attention_heads: json.count("num_attention_heads", 12, MAX_LAYERS)?,
        intermediate_size: json.count("intermediate_size", 3072, MAX_WIDTH)?,
        layer_norm_eps: json.number("layer_norm_eps", 1e-12)? as f32,
        final_norm_eps: 1e-6,
        image_size: json.pair("image_size", 384)?,
        patch_size,
        qkv_bias: json.flag("qkv_bias", true)?,
        key_bias: true,
        positions: Positions::Bilinear,
        layer_scale: false,
        use_swiglu_ffn: false,
        apply_layernorm: false,
        readout,
        reassemble_factors: factors(json)?,
        neck_hidden_sizes,
        fusion_hidden_size: json.count("fusion_hidden_size", 256, MAX_WIDTH)?,
        fusion_resize: FusionResize::Double,
        head_in_index: head_in_index(json)?,
        use_batch_norm_in_fusion_residual: batch_norm,
        use_bias_in_fusion_residual: json.flag("use_bias_in_fusion_residual", !batch_norm)?,
        add_projection: json.flag("add_projection", false)?,
        head_resize: HeadResize::Double,
        head_hidden_size: 32,
        activation: Activation::Relu,
        sky: false,
        bins: None,
    })
}

/// A DPT around a backbone with a configuration of its own: DINOv2, BEiT or Swin V2.
fn with_backbone(
    json: &Reader<'_>,
    inner: &Reader<'_>,
    task: Task,
    neck_hidden_sizes: Vec<usize>,
    variant: Option<Variant>,
) -> Result<DptConfig, DptError> {
    if task != Task::Depth {
        return Err(DptError::Architecture {
            found: "segmentation DPT with a backbone_config".into(),
        });
    }
    let mut config = classic(
        &Reader(&without_backbone(json)),
        false,
        task,
        neck_hidden_sizes,
    )?;
    match inner.text("model_type", "?")? {
        "dinov2" => {
            dinov2(&mut config, inner)?;
            config.meaning = Meaning::Metric {
                max_depth: match variant {
                    Some(Variant::DptDinov2Nyu) => Some(10.0),
                    Some(Variant::DptDinov2Kitti) => Some(80.0),
                    _ => None,
                },
            };
        }
        "beit" => beit(&mut config, inner)?,
        "swinv2" => swinv2(&mut config, inner)?,
        other => {
            return Err(DptError::Architecture {
                found: format!("DPT with a {other} backbone"),
            });
        }
    }
    Ok(config)
}

/// The object without its backbone's; transformers ignores its own `hidden_size` and the like then.
fn without_backbone(json: &Reader<'_>) -> Json {
    let mut own = json.0.clone();
    if let Some(own) = own.as_object_mut() {
        for key in [
            "backbone_config",
            "backbone_out_indices",
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "intermediate_size",
            "layer_norm_eps",
            "image_size",
            "patch_size",
            "qkv_bias",
            "hidden_act",
        ] {
            own.remove(key);
        }
    }
    own
}

fn depth_anything(json: &Reader<'_>, neck_hidden_sizes: Vec<usize>) -> Result<DptConfig, DptError> {
    let neck_hidden_sizes = match json.get("neck_hidden_sizes") {
        None => vec![48, 96, 192, 384],
        Some(_) => neck_hidden_sizes,
    };
    let own = serde_json::json!({ "readout_type": "ignore" });
    let mut config = classic(&Reader(&own), false, Task::Depth, neck_hidden_sizes)?;
    let default = Json::Null;
    dinov2(
        &mut config,
        &Reader(json.get("backbone_config").unwrap_or(&default)),
    )?;
    if patch_size(json, 14)? != config.patch_size {
        return Err(wrong("patch_size", "is not that of the backbone"));
    }
    config.reassemble_factors = factors(json)?;
    config.head_in_index = head_in_index(json)?;
    config.fusion_hidden_size = json.count("fusion_hidden_size", 64, MAX_WIDTH)?;
    config.fusion_resize = FusionResize::NextLevel;
    config.use_bias_in_fusion_residual = true;
    config.head_resize = HeadResize::Input;
    config.head_hidden_size = json.count("head_hidden_size", 32, MAX_WIDTH)?;
    match json.text("depth_estimation_type", "relative")? {
        "relative" => {}
        "metric" => {
            let max_depth = json.number("max_depth", 1.0)? as f32;
            if !(max_depth > 0.0 && max_depth.is_finite()) {
                return Err(wrong("max_depth", format!("is {max_depth}")));
            }
            config.activation = Activation::Sigmoid { max_depth };
            config.meaning = Meaning::Metric {
                max_depth: Some(max_depth),
            };
        }
        other => {
            return Err(wrong(
                "depth_estimation_type",
                format!("is {other:?}, not relative or metric"),
            ));
        }
    }
    Ok(config)
}

fn task(json: &Reader<'_>) -> Result<Task, DptError> {
    let kind = json.text("model_type", "(no model_type)")?;
    let architecture = json
        .get("architectures")
        .and_then(|list| list.get(0))
        .and_then(Json::as_str)
        .unwrap_or("(no architectures)");
    match (kind, architecture) {
        ("dpt", "DPTForDepthEstimation")
        | ("depth_anything", "DepthAnythingForDepthEstimation")
        | ("zoedepth", "ZoeDepthForDepthEstimation") => Ok(Task::Depth),
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
