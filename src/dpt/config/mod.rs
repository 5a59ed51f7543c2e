// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Hyper-parameters: from transformers' `config.json` where there is one ([`transformers`]), else
//! from the tensors' names and shapes ([`bare`]). The numbers size allocations later, so each is
//! bounded where it is read.

mod backbone;
mod bare;
mod reader;
mod transformers;
mod variant;
mod zoedepth;

pub(crate) use transformers::is_config;
pub(crate) use variant::Hints;
pub use variant::{Reference, Variant};

pub use zoedepth::{BinHead, BinsConfig, Router};

/// What the head predicts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Depth, inverse or not.
    Depth,
    /// Classes.
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
#[derive(Clone, Debug, PartialEq)]
pub struct BitConfig {
    /// Channels after the first convolution.
    pub embedding_size: usize,
    /// Channels after each stage.
    pub hidden_sizes: Vec<usize>,
    /// Layers of each stage.
    pub depths: Vec<usize>,
    /// Groups of the group normalisations.
    pub groups: usize,
    /// How weights are standardised.
    pub standardisation: Standardisation,
}

/// The denominator of weight standardisation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standardisation {
    /// √(variance + ε): timm from 0.5 on, transformers.
    UnderRoot(f64),
    /// √variance + ε: timm 0.4.5, which isl-org/DPT asks for.
    BesideRoot(f64),
}

/// A Swin Transformer V2 (arXiv 2111.09883).
#[derive(Clone, Debug, PartialEq)]
pub struct Swinv2Config {
    /// Blocks of each stage.
    pub depths: Vec<usize>,
    /// Attention heads of each stage.
    pub num_heads: Vec<usize>,
    /// Patches a side of an attention window.
    pub window_size: usize,
    /// The windows that each stage's position bias was trained with; 0 where it is `window_size`.
    pub pretrained_window_sizes: Vec<usize>,
    /// Added to the scores of tokens that share a window only because it was moved over the
    /// picture's edge: −100 in timm; transformers adds it twice.
    pub mask: f32,
}

/// What turns the picture into features.
#[derive(Clone, Debug, PartialEq)]
pub enum Backbone {
    /// A plain vision transformer: a convolution of patch size and stride, then blocks.
    Vit,
    /// The same behind a ResNet up to stride 16 whose first two stages are taps too.
    Bit(BitConfig),
    /// Likewise behind timm's `tf_efficientnet_lite0`.
    EfficientNetLite0,
    /// DINOv2 (arXiv 2304.07193): a plain one with layer scale.
    Dinov2,
    /// BEiT (arXiv 2106.08254): layer scale, and positions as a bias of the attention.
    Beit,
    /// Windows and four resolutions; its feature maps need no reassembling.
    Swinv2(Swinv2Config),
}

/// How position embeddings reach other grids than the trained one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// There are none: the attention knows positions.
    None,
    /// Bilinear with half-pixel centres: the classic DPT.
    Bilinear,
    /// Bicubic (a = −0.75) with half-pixel centres to the grid's size: transformers' DINOv2.
    Bicubic,
    /// Bicubic with a scale of (side + 0.1) / trained side: the original DINOv2.
    BicubicOffset,
}

/// The size to which a fusion level is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FusionResize {
    /// Twice its own; the next level's map is fitted to it (transformers' DPT, DINOv2's heads).
    Double,
    /// That of the next level's map (MiDaS, Depth Anything). The same on even grids.
    NextLevel,
}

/// The size to which the depth head is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadResize {
    /// Twice its own.
    Double,
    /// The input's.
    Input,
}

/// What the depth head ends with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// σ(x) times this many metres.
    Sigmoid {
        /// The largest depth.
        max_depth: f32,
    },
    /// eˣ.
    Exp,
    /// max(x, 0) + min, at most max, in metres.
    ReluClamp {
        /// The smallest depth.
        min_depth: f32,
        /// The largest depth.
        max_depth: f32,
    },
    /// 1 / max(scale · max(x, 0) + shift, 1e-8), in metres.
    Inverse {
        /// Factor of the inverse depth.
        scale: f32,
        /// Offset of the inverse depth.
        shift: f32,
    },
}

/// What depth values mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning {
    /// Inverse depth up to scale and shift.
    InverseRelative,
    /// Depth up to scale.
    Relative,
    /// Metres, at most so many where that is known.
    Metric {
        /// The largest depth.
        max_depth: Option<f32>,
    },
    /// Metres once multiplied by the focal length in pixels of the network's input over this.
    MetricFocal {
        /// The focal length that values as they are stand for.
        canonical: f32,
    },
}

/// A DPT's hyper-parameters, mostly by their names in transformers' `config.json`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "transformers' names")]
pub struct DptConfig {
    pub task: Task,
    pub meaning: Meaning,
    pub backbone: Backbone,
    /// Channels of the blocks; of a hierarchical backbone, of its first stage.
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub intermediate_size: usize,
    pub layer_norm_eps: f32,
    /// Of the backbone's last normalisation.
    pub final_norm_eps: f32,
    pub image_size: (usize, usize),
    pub patch_size: usize,
    pub qkv_bias: bool,
    /// Whether the keys have a bias where queries and values have one.
    pub key_bias: bool,
    pub positions: Positions,
    pub layer_scale: bool,
    pub use_swiglu_ffn: bool,
    /// The blocks (0-based) whose outputs are tapped; of a hierarchical backbone, the stages.
    pub taps: Vec<usize>,
    /// Whether taps go through the backbone's last normalisation.
    pub apply_layernorm: bool,
    pub readout: Readout,
    pub reassemble_factors: Vec<f32>,
    pub neck_hidden_sizes: Vec<usize>,
    pub fusion_hidden_size: usize,
    pub fusion_resize: FusionResize,
    /// Index into the fusion outputs, coarsest first.
    pub head_in_index: usize,
    pub use_batch_norm_in_fusion_residual: bool,
    pub use_bias_in_fusion_residual: bool,
    pub add_projection: bool,
    pub head_resize: HeadResize,
    /// Channels before the last convolution of the depth head.
    pub head_hidden_size: usize,
    pub activation: Activation,
    /// Whether a second head tells the sky.
    pub sky: bool,
    /// What turns relative into metric depth, in ZoeDepth.
    pub bins: Option<BinsConfig>,
}

/// Levels of the decoder: the paper's four.
pub(super) const LEVELS: usize = 4;
/// Taps that a convolutional stem provides.
pub(super) const STEM_TAPS: usize = 2;
const MAX_WIDTH: u64 = 1 << 16;
const MAX_LAYERS: u64 = 1 << 10;

impl DptConfig {
    /// Network height and width must be multiples of this.
    pub fn multiple(&self) -> u32 {
        match &self.backbone {
            // Each stage but the first halves the grid.
            Backbone::Swinv2(swin) => (self.patch_size << (swin.depths.len() - 1)) as u32,
            _ => self.patch_size as u32,
        }
    }

    /// Rows and columns of the grid of tokens as it was trained.
    pub(super) fn trained_grid(&self) -> (usize, usize) {
        let (height, width) = self.image_size;
        (height / self.patch_size, width / self.patch_size)
    }

    pub(super) fn is_hybrid(&self) -> bool {
        matches!(
            self.backbone,
            Backbone::Bit(_) | Backbone::EfficientNetLite0
        )
    }

    /// Whether the backbone puts out maps of four resolutions itself.
    pub(super) fn is_hierarchical(&self) -> bool {
        matches!(self.backbone, Backbone::Swinv2(_))
    }

    /// Which reference the numbers follow away from the trained size.
    pub fn reference(&self) -> &'static str {
        match (&self.backbone, self.positions, self.fusion_resize) {
            (_, Positions::BicubicOffset, _) => "the original repository",
            (_, Positions::Bicubic, _) => "transformers",
            (_, _, FusionResize::NextLevel) => "the original repository",
            _ => "transformers",
        }
    }
}

/// The taps of the published backbones: four blocks spread evenly (the paper's section 4 for 12
/// and 24 blocks).
fn classic_taps(layers: usize) -> Option<Vec<usize>> {
    match layers {
        12 => Some(vec![2, 5, 8, 11]),
        24 => Some(vec![5, 11, 17, 23]),
        _ => None,
    }
}

/// Those of DINOv2 depth heads and Depth Anything V2 (`intermediate_layer_idx` of its `dpt.py`).
fn dinov2_taps(layers: usize) -> Option<Vec<usize>> {
    match layers {
        12 => Some(vec![2, 5, 8, 11]),
        24 => Some(vec![4, 11, 17, 23]),
        40 => Some(vec![9, 19, 29, 39]),
        _ => None,
    }
}
