// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Hyper-parameters of a checkpoint without a `config.json`, from its tensors' shapes. What shapes
//! do not tell is what all published models of a kind have in common; where they differ, a
//! [`Variant`] must decide.

use super::super::DptError;
use super::super::names::Origin;
use super::{
    Activation, Backbone, BitConfig, DptConfig, FusionResize, HeadResize, Hints, LEVELS, Meaning,
    Positions, Readout, Reference, Standardisation, Swinv2Config, Task, Variant, classic_taps,
    dinov2_taps,
};
use crate::checkpoint::Checkpoint;

/// Channels of an attention head in every published model.
const HEAD_CHANNELS: usize = 64;
/// isl-org/DPT `run_monodepth.py`: what turns the inverse depth of its fine-tuned models to metres.
const NYU: (f32, f32) = (0.000_305, 0.1378);
const KITTI: (f32, f32) = (0.000_060_16, 0.005_79);
/// facebookresearch/dinov2 `hub/depthers.py`.
const DINOV2_MIN_DEPTH: f32 = 0.001;
/// The focal length that DA3METRIC's values stand for (ByteDance-Seed/Depth-Anything-3 README).
const DA3_CANONICAL_FOCAL: f32 = 300.0;

/// Shapes under the names of [`super::super::names`].
struct Shapes<'c>(&'c Checkpoint);

impl Shapes<'_> {
    fn get(&self, name: &str) -> Result<&[usize], DptError> {
        self.0.shape(name).ok_or_else(|| DptError::Architecture {
            found: format!("checkpoint of DPT names without {name}"),
        })
    }

    fn dim(&self, name: &str, axis: usize) -> Result<usize, DptError> {
        let shape = self.get(name)?;
        shape
            .get(axis)
            .copied()
            .filter(|dim| *dim > 0)
            .ok_or_else(|| DptError::Architecture {
                found: format!("checkpoint whose {name} has shape {shape:?}"),
            })
    }

    fn has(&self, name: &str) -> bool {
        self.0.shape(name).is_some()
    }

    /// How many of `name` with `#` counted up from 0 there are.
    fn count(&self, name: &str) -> usize {
        (0..4096)
            .take_while(|index| self.has(&name.replace('#', &index.to_string())))
            .count()
    }
}

impl DptConfig {
    /// Works the hyper-parameters out from a renamed checkpoint.
    ///
    /// # Errors
    /// If it is no DPT, or one of several models that the hints must choose from.
    pub(crate) fn from_tensors(
        checkpoint: &Checkpoint,
        origin: Origin,
        hints: &Hints,
    ) -> Result<Self, DptError> {
        let shapes = Shapes(checkpoint);
        let mut config = base(&shapes)?;
        let is_hybrid = checkpoint
            .names()
            .any(|name| name.starts_with("backbone.stem."));
        if is_hybrid {
            hybrid(&mut config, &shapes, origin, hints.variant)?;
        } else if shapes.has("backbone.blocks.0.relative_position_bias_table") {
            beit(&mut config, &shapes)?;
        } else if shapes.has("backbone.stages.0.blocks.0.logit_scale") {
            swinv2(&mut config, &shapes, origin)?;
        } else if shapes.has("backbone.blocks.0.scale1") {
            dinov2(&mut config, &shapes, origin, hints)?;
        } else {
            config.taps = taps(config.num_hidden_layers, classic_taps)?;
        }
        if origin == Origin::Transformers {
            config.layer_norm_eps = match config.backbone {
                Backbone::Dinov2 => 1e-6,
                Backbone::Swinv2(_) => 1e-5,
                _ => 1e-12,
            };
            config.final_norm_eps = config.layer_norm_eps;
        }
        let heads = config.num_attention_heads;
        if config.hidden_size % heads != 0 {
            return Err(DptError::Architecture {
                found: format!("checkpoint of width {}", config.hidden_size),
            });
        }
        let (rows, columns) = config.trained_grid();
        if rows == 0 || columns == 0 {
            return Err(DptError::Architecture {
                found: "checkpoint without positions".into(),
            });
        }
        Ok(config)
    }
}

fn taps(
    layers: usize,
    published: impl Fn(usize) -> Option<Vec<usize>>,
) -> Result<Vec<usize>, DptError> {
    published(layers).ok_or_else(|| DptError::Architecture {
        found: format!("bare checkpoint of {layers} blocks, which no published model has; put its config.json beside it"),
    })
}

/// What all have in common: a plain ViT, and the decoder.
fn base(shapes: &Shapes<'_>) -> Result<DptConfig, DptError> {
    let hidden_size = shapes.dim("backbone.patch.weight", 0)?;
    let patch_size = shapes.dim("backbone.patch.weight", 2)?;
    let neck_hidden_sizes = (0..LEVELS)
        .map(|level| shapes.dim(&format!("neck.convs.{level}.weight"), 1))
        .collect::<Result<Vec<_>, _>>()?;
    let is_segmentation = shapes.has("head.norm.running_mean");
    let task = if is_segmentation {
        let classes = shapes.dim("head.conv3.weight", 0)?;
        if classes > 256 {
            return Err(DptError::Architecture {
                found: format!("segmentation model of {classes} classes; 256 are the most"),
            });
        }
        Task::Segmentation {
            labels: (0..classes).map(|index| format!("class {index}")).collect(),
        }
    } else {
        Task::Depth
    };
    let side = match shapes.0.shape("backbone.position_embeddings") {
        Some([1, count, _]) if *count > 1 => (count - 1).isqrt() * patch_size,
        _ => 384,
    };
    Ok(DptConfig {
        head_hidden_size: if is_segmentation {
            32
        } else {
            shapes.dim("head.conv2.weight", 0)?
        },
        task,
        meaning: Meaning::InverseRelative,
        backbone: Backbone::Vit,
        hidden_size,
        num_hidden_layers: shapes.count("backbone.blocks.#.norm1.weight"),
        num_attention_heads: (hidden_size / HEAD_CHANNELS).max(1),
        intermediate_size: shapes
            .0
            .shape("backbone.blocks.0.fc1.weight")
            .and_then(|shape| shape.first().copied())
            .unwrap_or_default(),
        layer_norm_eps: 1e-6,
        final_norm_eps: 1e-6,
        image_size: (side, side),
        patch_size,
        qkv_bias: shapes.has("backbone.blocks.0.query.bias"),
        key_bias: shapes.has("backbone.blocks.0.key.bias"),
        positions: Positions::Bilinear,
        layer_scale: false,
        use_swiglu_ffn: false,
        taps: Vec::new(),
        apply_layernorm: false,
        readout: if shapes.has("neck.reassemble.3.readout.weight") {
            Readout::Project
        } else {
            Readout::Ignore
        },
        reassemble_factors: vec![4.0, 2.0, 1.0, 0.5],
        fusion_hidden_size: shapes.dim("neck.convs.0.weight", 0)?,
        neck_hidden_sizes,
        fusion_resize: FusionResize::NextLevel,
        head_in_index: LEVELS - 1,
        use_batch_norm_in_fusion_residual: shapes.has("neck.fusion.1.unit1.norm1.running_mean"),
        use_bias_in_fusion_residual: shapes.has("neck.fusion.1.unit1.conv1.bias"),
        add_projection: shapes.has("head.projection.weight"),
        head_resize: HeadResize::Double,
        activation: Activation::Relu,
        sky: shapes.has("head.sky.conv2.weight"),
        bins: None,
    })
}

fn hybrid(
    config: &mut DptConfig,
    shapes: &Shapes<'_>,
    origin: Origin,
    variant: Option<Variant>,
) -> Result<(), DptError> {
    const STAGES: usize = 3;
    let mut depths = Vec::new();
    let mut hidden_sizes = Vec::new();
    for stage in 0..STAGES {
        let layers = format!("backbone.stem.encoder.stages.{stage}.layers");
        depths.push(shapes.count(&format!("{layers}.#.conv1.weight")));
        hidden_sizes.push(shapes.dim(&format!("{layers}.0.conv3.weight"), 0)?);
    }
    config.backbone = Backbone::Bit(BitConfig {
        embedding_size: shapes.dim("backbone.stem.embedder.convolution.weight", 0)?,
        hidden_sizes,
        depths,
        // Toy checkpoints have fewer channels than groups of the published ones.
        groups: 32.min(shapes.dim("backbone.stem.embedder.convolution.weight", 0)?),
        standardisation: match origin {
            Origin::Transformers => Standardisation::UnderRoot(1e-8),
            _ => Standardisation::BesideRoot(1e-5),
        },
    });
    config.patch_size = 16;
    if let Some([1, count, _]) = shapes.0.shape("backbone.position_embeddings") {
        let side = count.saturating_sub(1).isqrt() * config.patch_size;
        config.image_size = (side, side);
    }
    config.taps = taps(config.num_hidden_layers, |layers| {
        classic_taps(layers).map(|taps| taps[2..].to_vec())
    })?;
    config.reassemble_factors = vec![1.0, 1.0, 1.0, 0.5];
    if config.task == Task::Depth && origin == Origin::Isl {
        let fitting = [
            Variant::DptHybridMidas,
            Variant::DptHybridNyu,
            Variant::DptHybridKitti,
        ];
        let (scale, shift) = match Variant::among(variant, &fitting)? {
            Variant::DptHybridNyu => NYU,
            Variant::DptHybridKitti => KITTI,
            _ => return Ok(()),
        };
        config.activation = Activation::Inverse { scale, shift };
        config.meaning = Meaning::Metric {
            max_depth: Some(1.0 / shift),
        };
    }
    Ok(())
}

fn beit(config: &mut DptConfig, shapes: &Shapes<'_>) -> Result<(), DptError> {
    // (2w − 1)² offsets and three for the class token.
    let entries = shapes.dim("backbone.blocks.0.relative_position_bias_table", 0)?;
    let window = entries.saturating_sub(3).isqrt().div_ceil(2);
    config.num_attention_heads = shapes.dim("backbone.blocks.0.relative_position_bias_table", 1)?;
    config.backbone = Backbone::Beit;
    config.image_size = (window * config.patch_size, window * config.patch_size);
    config.key_bias = false;
    config.positions = Positions::None;
    config.layer_scale = shapes.has("backbone.blocks.0.scale1");
    config.taps = taps(config.num_hidden_layers, classic_taps)?;
    Ok(())
}

fn swinv2(config: &mut DptConfig, shapes: &Shapes<'_>, origin: Origin) -> Result<(), DptError> {
    let mut depths = Vec::new();
    let mut num_heads = Vec::new();
    for stage in 0..LEVELS {
        let blocks = format!("backbone.stages.{stage}.blocks");
        depths.push(shapes.count(&format!("{blocks}.#.norm1.weight")));
        num_heads.push(shapes.dim(&format!("{blocks}.0.logit_scale"), 0)?);
    }
    // timm keeps the mask of moved windows `[count, side², side²]`. Else as published: tiny has
    // windows of 16 at 256, the others of 24 at 384.
    let (window_size, grid) = match shapes.0.shape("backbone.stages.0.blocks.1.attn_mask") {
        Some([count, tokens, _]) => (tokens.isqrt(), (count * tokens).isqrt()),
        _ if config.hidden_size <= 96 => (16, 64),
        _ => (24, 96),
    };
    let side = grid * config.patch_size;
    // Those were trained with windows of 12 first.
    let pretrained = if window_size == 24 {
        vec![12, 12, 12, 6]
    } else {
        vec![0; LEVELS]
    };
    config.num_attention_heads = num_heads[0];
    config.intermediate_size = shapes.dim("backbone.stages.0.blocks.0.fc1.weight", 0)?;
    config.num_hidden_layers = LEVELS;
    config.layer_norm_eps = 1e-5;
    config.image_size = (side, side);
    config.qkv_bias = true;
    config.key_bias = false;
    config.positions = Positions::None;
    config.taps = (0..LEVELS).collect();
    config.backbone = Backbone::Swinv2(Swinv2Config {
        depths,
        num_heads,
        window_size,
        pretrained_window_sizes: pretrained,
        mask: match origin {
            Origin::Transformers => -200.0,
            _ => -100.0,
        },
    });
    Ok(())
}

/// DINOv2 and its descendants.
fn dinov2(
    config: &mut DptConfig,
    shapes: &Shapes<'_>,
    origin: Origin,
    hints: &Hints,
) -> Result<(), DptError> {
    let variant = hints.variant;
    config.backbone = Backbone::Dinov2;
    config.layer_scale = true;
    if let Some(shape) = shapes.0.shape("backbone.blocks.0.gate.weight") {
        config.use_swiglu_ffn = true;
        config.intermediate_size = shape.first().copied().unwrap_or_default();
    }
    let default = match origin {
        Origin::Transformers => Reference::Transformers,
        _ => Reference::Original,
    };
    config.positions = match hints.reference.unwrap_or(default) {
        Reference::Original => Positions::BicubicOffset,
        Reference::Transformers => Positions::Bicubic,
    };
    config.taps = taps(config.num_hidden_layers, |layers| match &hints.taps {
        Some(taps) if taps.len() == LEVELS && taps.iter().all(|tap| *tap < layers) => {
            Some(taps.clone())
        }
        _ => dinov2_taps(layers),
    })?;
    if config.readout == Readout::Project {
        return dinov2_head(config, origin, variant);
    }
    config.apply_layernorm = true;
    config.head_resize = HeadResize::Input;
    if config.sky {
        // Its blocks say 1e-6, its last normalisation has PyTorch's default.
        config.final_norm_eps = 1e-5;
        config.activation = Activation::Exp;
        let fitting = [Variant::Da3Mono, Variant::Da3Metric];
        config.meaning = match Variant::among(variant, &fitting)? {
            Variant::Da3Metric => Meaning::MetricFocal {
                canonical: DA3_CANONICAL_FOCAL,
            },
            _ => Meaning::Relative,
        };
        return Ok(());
    }
    let fitting = [
        Variant::DepthAnythingV1,
        Variant::DepthAnythingV2,
        Variant::DepthAnythingV2MetricIndoor,
        Variant::DepthAnythingV2MetricOutdoor,
        Variant::DistillAnyDepth,
    ];
    let metric = match Variant::among(variant, &fitting)? {
        Variant::DepthAnythingV1 => {
            let layers = config.num_hidden_layers;
            config.taps = (layers - LEVELS..layers).collect();
            None
        }
        Variant::DepthAnythingV2MetricIndoor => Some(20.0),
        Variant::DepthAnythingV2MetricOutdoor => Some(80.0),
        _ => None,
    };
    if let Some(max_depth) = metric {
        config.activation = Activation::Sigmoid { max_depth };
        config.meaning = Meaning::Metric {
            max_depth: Some(max_depth),
        };
    }
    Ok(())
}

/// The DPT depth heads of DINOv2's authors.
fn dinov2_head(
    config: &mut DptConfig,
    origin: Origin,
    variant: Option<Variant>,
) -> Result<(), DptError> {
    config.fusion_resize = FusionResize::Double;
    if origin == Origin::Transformers {
        config.meaning = Meaning::Metric { max_depth: None };
        return Ok(());
    }
    let fitting = [Variant::DptDinov2Nyu, Variant::DptDinov2Kitti];
    let max_depth = match Variant::among(variant, &fitting)? {
        Variant::DptDinov2Nyu => 10.0,
        _ => 80.0,
    };
    config.activation = Activation::ReluClamp {
        min_depth: DINOV2_MIN_DEPTH,
        max_depth,
    };
    config.meaning = Meaning::Metric {
        max_depth: Some(max_depth),
    };
    Ok(())
}
