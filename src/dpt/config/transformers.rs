// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! transformers' `config.json`: `DPTConfig` and `DepthAnythingConfig`, each with the configuration
//! of its backbone. Absent keys have transformers' defaults.

use super::super::DptError;
use super::reader::{Reader, wrong};
use super::{
    Activation, Backbone, BitConfig, DptConfig, FusionResize, HeadResize, Hints, LEVELS,
    MAX_LAYERS, MAX_WIDTH, Meaning, Positions, Readout, Reference, STEM_TAPS, Standardisation,
    Swinv2Config, Task, Variant,
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
        let mut config = if json.text("model_type", "")? == "depth_anything" {
            depth_anything(&json, neck_hidden_sizes)?
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

fn expect_gelu(json: &Reader<'_>) -> Result<(), DptError> {
    match json.text("hidden_act", "gelu")? {
        "gelu" => Ok(()),
        act => Err(wrong(
            "hidden_act",
            format!("is {act:?}; only gelu is supported"),
        )),
    }
}

fn patch_size(json: &Reader<'_>, default: usize) -> Result<usize, DptError> {
    let patch = json.pair("patch_size", default)?;
    if patch.0 == patch.1 {
        Ok(patch.0)
    } else {
        Err(wrong("patch_size", "is not square"))
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

fn dinov2(config: &mut DptConfig, json: &Reader<'_>) -> Result<(), DptError> {
    expect_gelu(json)?;
    if json.flag("reshape_hidden_states", true)? {
        return Err(wrong(
            "backbone_config.reshape_hidden_states",
            "is true; DPT checkpoints have false",
        ));
    }
    config.backbone = Backbone::Dinov2;
    config.hidden_size = json.count("hidden_size", 384, MAX_WIDTH)?;
    config.num_hidden_layers = json.count("num_hidden_layers", 12, MAX_LAYERS)?;
    config.num_attention_heads = json.count("num_attention_heads", 6, MAX_LAYERS)?;
    config.layer_norm_eps = json.number("layer_norm_eps", 1e-6)? as f32;
    config.final_norm_eps = config.layer_norm_eps;
    config.image_size = json.pair("image_size", 518)?;
    config.patch_size = patch_size(json, 14)?;
    config.qkv_bias = json.flag("qkv_bias", true)?;
    config.positions = Positions::Bicubic;
    config.layer_scale = true;
    config.use_swiglu_ffn = json.flag("use_swiglu_ffn", false)?;
    let ratio = json.number("mlp_ratio", 4.0)?;
    if !(0.5..=16.0).contains(&ratio) {
        return Err(wrong("backbone_config.mlp_ratio", format!("is {ratio}")));
    }
    let inner = (config.hidden_size as f64 * ratio) as usize;
    config.intermediate_size = if config.use_swiglu_ffn {
        // `Dinov2SwiGLUFFN`: two thirds, up to a multiple of 8.
        ((inner as f64 * 2.0 / 3.0) as usize).div_ceil(8) * 8
    } else {
        inner
    };
    config.apply_layernorm = json.flag("apply_layernorm", true)?;
    config.taps = stage_taps(json, config.num_hidden_layers, &[9, 10, 11, 12])?;
    Ok(())
}

fn beit(config: &mut DptConfig, json: &Reader<'_>) -> Result<(), DptError> {
    expect_gelu(json)?;
    let expect = |key: &str, default: bool, expected: bool| {
        if json.flag(key, default)? == expected {
            Ok(())
        } else {
            Err(wrong(
                &format!("backbone_config.{key}"),
                format!("is {}; DPT checkpoints have {expected}", !expected),
            ))
        }
    };
    expect("reshape_hidden_states", true, false)?;
    expect("add_fpn", false, false)?;
    expect("use_absolute_position_embeddings", false, false)?;
    expect("use_shared_relative_position_bias", false, false)?;
    expect("use_relative_position_bias", false, true)?;
    config.backbone = Backbone::Beit;
    config.hidden_size = json.count("hidden_size", 768, MAX_WIDTH)?;
    config.num_hidden_layers = json.count("num_hidden_layers", 12, MAX_LAYERS)?;
    config.num_attention_heads = json.count("num_attention_heads", 12, MAX_LAYERS)?;
    config.intermediate_size = json.count("intermediate_size", 3072, MAX_WIDTH)?;
    config.layer_norm_eps = json.number("layer_norm_eps", 1e-12)? as f32;
    config.image_size = json.pair("image_size", 224)?;
    config.patch_size = patch_size(json, 16)?;
    config.qkv_bias = true;
    config.key_bias = false;
    config.positions = Positions::None;
    config.layer_scale = json.number("layer_scale_init_value", 0.1)? > 0.0;
    config.taps = stage_taps(json, config.num_hidden_layers, &[3, 6, 9, 12])?;
    Ok(())
}

fn swinv2(config: &mut DptConfig, json: &Reader<'_>) -> Result<(), DptError> {
    expect_gelu(json)?;
    if json.flag("use_absolute_embeddings", false)? {
        return Err(wrong(
            "backbone_config.use_absolute_embeddings",
            "is true; DPT checkpoints have false",
        ));
    }
    let depths = json.counts("depths", &[2, 2, 6, 2], 1)?;
    let num_heads = json.counts("num_heads", &[3, 6, 12, 24], 1)?;
    let pretrained = json.counts("pretrained_window_sizes", &[0; LEVELS], 0)?;
    if [depths.len(), num_heads.len(), pretrained.len()] != [LEVELS; 3]
        || depths.iter().any(|&depth| depth as u64 > MAX_LAYERS)
    {
        return Err(wrong(
            "backbone_config.depths",
            format!("and its like do not describe {LEVELS} stages"),
        ));
    }
    config.hidden_size = json.count("embed_dim", 96, MAX_WIDTH / 8)?;
    config.num_attention_heads = num_heads[0];
    config.num_hidden_layers = LEVELS;
    // transformers' Swin V2 normalises with PyTorch's default in all but its blocks, which have
    // the same value.
    config.layer_norm_eps = json.number("layer_norm_eps", 1e-5)? as f32;
    let ratio = json.number("mlp_ratio", 4.0)?;
    if !(0.5..=16.0).contains(&ratio) {
        return Err(wrong("backbone_config.mlp_ratio", format!("is {ratio}")));
    }
    config.intermediate_size = (config.hidden_size as f64 * ratio) as usize;
    config.image_size = json.pair("image_size", 224)?;
    config.patch_size = patch_size(json, 4)?;
    config.qkv_bias = json.flag("qkv_bias", true)?;
    config.key_bias = false;
    config.positions = Positions::None;
    config.taps = (0..LEVELS).collect();
    config.backbone = Backbone::Swinv2(Swinv2Config {
        depths,
        num_heads,
        window_size: json.count("window_size", 7, 1024)?,
        pretrained_window_sizes: pretrained,
        mask: -200.0,
    });
    Ok(())
}

/// `out_indices`, or `out_features` such as `["stage3", …]`: both count the embedding as 0, so
/// block n is stage n + 1.
fn stage_taps(json: &Reader<'_>, layers: usize, default: &[usize]) -> Result<Vec<usize>, DptError> {
    let named: Option<Vec<usize>> =
        json.get("out_features")
            .and_then(Json::as_array)
            .and_then(|names| {
                names
                    .iter()
                    .map(|name| name.as_str()?.strip_prefix("stage")?.parse().ok())
                    .collect()
            });
    let key = "backbone_config.out_indices";
    let stages = match (json.get("out_indices"), named) {
        (None, Some(named)) => named,
        _ => json.counts("out_indices", default, 1)?,
    };
    let taps: Vec<usize> = stages
        .into_iter()
        .map(|stage| stage.wrapping_sub(1))
        .collect();
    if taps.len() != LEVELS || taps.iter().any(|&tap| tap >= layers) || !taps.is_sorted() {
        return Err(wrong(
            key,
            format!("does not name {LEVELS} of the {layers} blocks in order"),
        ));
    }
    Ok(taps)
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
        | ("depth_anything", "DepthAnythingForDepthEstimation") => Ok(Task::Depth),
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
        standardisation: Standardisation::UnderRoot(1e-8),
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
