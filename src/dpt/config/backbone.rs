// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! transformers' configurations of backbones.

use super::super::DptError;
use super::reader::{Reader, wrong};
use super::{
    Backbone, BitConfig, DptConfig, LEVELS, MAX_LAYERS, MAX_WIDTH, Positions, Standardisation,
    Swinv2Config,
};
use serde_json::Value as Json;

pub(super) fn expect_gelu(json: &Reader<'_>) -> Result<(), DptError> {
    match json.text("hidden_act", "gelu")? {
        "gelu" => Ok(()),
        act => Err(wrong(
            "hidden_act",
            format!("is {act:?}; only gelu is supported"),
        )),
    }
}

pub(super) fn patch_size(json: &Reader<'_>, default: usize) -> Result<usize, DptError> {
    let patch = json.pair("patch_size", default)?;
    if patch.0 == patch.1 {
        Ok(patch.0)
    } else {
        Err(wrong("patch_size", "is not square"))
    }
}

pub(super) fn dinov2(config: &mut DptConfig, json: &Reader<'_>) -> Result<(), DptError> {
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

pub(super) fn beit(config: &mut DptConfig, json: &Reader<'_>) -> Result<(), DptError> {
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

pub(super) fn swinv2(config: &mut DptConfig, json: &Reader<'_>) -> Result<(), DptError> {
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

pub(super) fn backbone(json: &Reader<'_>, is_hybrid: bool) -> Result<Backbone, DptError> {
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
