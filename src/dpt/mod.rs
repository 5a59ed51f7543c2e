// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Dense prediction transformers (Ranftl, Bochkovskiy, Koltun: *Vision Transformers for Dense
//! Prediction*, arXiv 2103.13413) as ONNX graphs, one for each input size.
//!
//! The modules are the paper's parts: [`embed`] (section 3, "Transformer encoder"; the hybrid's
//! convolutional stem), [`encoder`] or [`swin`], [`reassemble`] (read, concatenate, resample),
//! [`fusion`] and [`head`]. [`names`] brings checkpoints of all origins to one spelling, [`config`]
//! tells what they are. Numbers equal those of the reference implementation; what is rewritten on
//! the way ([`Rewrite`]) is exact.

mod attention;
mod bins;
mod config;
mod conv;
mod embed;
mod encoder;
mod error;
mod fold;
mod fusion;
mod head;
mod names;
mod positions;
mod reassemble;
mod router;
mod swin;

pub use config::{
    Activation, Backbone, BinHead, BinsConfig, BitConfig, DptConfig, FusionResize, Meaning,
    Positions, Readout, Reference, Router, Standardisation, Swinv2Config, Task, Variant,
};
pub(crate) use config::{Hints, is_config};
pub use error::DptError;
pub use names::Origin;

use crate::checkpoint::{Ignored, Scope, Weights};
use crate::graph::{Builder, Coordinates, Dim, ElementType, Graph, Pads, Value};
use crate::spec::{Borders, Size};
use fold::Normalisation;

/// How many pictures one run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// Always this many.
    Fixed(u32),
    /// Any number; the first dimension is symbolic.
    Dynamic,
}

/// What the graph takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputForm {
    /// `pixel_values`: f32 `[N, 3, H, W]`, normalised as the reference processor does.
    PixelValues,
    /// `rgb`: u8 `[N, H, W, 3]`; the graph normalises.
    Rgb8,
}

/// Which operators the graph may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Standard operators only: every runtime.
    Portable,
    /// ONNX Runtime's fused attention too: its cpu and cuda providers.
    Ort,
}

/// What matrix products and convolutions compute in, and what their weights are kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floats {
    /// 32 bits, as everything else.
    F32,
    /// 16 bits. Everything whose range or rounding they do not bear stays in 32: the normalisation
    /// of the picture, the sum that blocks add to, normalisations, softmax, cosines, and what turns
    /// features into values.
    F16,
}

/// What the graph does in another way than the reference, with the same result up to rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrite {
    /// A fusion level's 1×1 convolution runs before its resize: a quarter of its work.
    ProjectFirst,
    /// The readout token's share of the readout projection is worked out once for all tokens.
    SplitReadout,
    /// Tokens are projected before they become a map.
    ProjectTokens,
    /// The normalisation of the picture is part of the patches' convolution.
    FoldNormalisation,
    /// Batch normalisations are part of the convolutions before them.
    FoldBatchNorm,
    /// Layer scales are part of the layers before them.
    FoldLayerScale,
    /// The scale of the attention is part of the query's layer.
    FoldAttentionScale,
}

impl Rewrite {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ProjectFirst,
        Self::SplitReadout,
        Self::ProjectTokens,
        Self::FoldNormalisation,
        Self::FoldBatchNorm,
        Self::FoldLayerScale,
        Self::FoldAttentionScale,
    ];
}

/// How to build a graph.
#[derive(Clone, Debug)]
pub struct GraphOptions {
    /// Input height and width.
    pub size: Size,
    /// Pictures in a run.
    pub batch: Batch,
    /// The input tensor.
    pub input: InputForm,
    /// Subtracted from RGB in 0…1 ([`InputForm::Rgb8`] only).
    pub mean: [f32; 3],
    /// Divides RGB in 0…1 after that ([`InputForm::Rgb8`] only).
    pub std: [f32; 3],
    /// Put out the class scores as `logits` too (segmentation only).
    pub logits: bool,
    /// Operators.
    pub flavour: Flavour,
    /// Numbers.
    pub floats: Floats,
    /// Put out every stage, to compare with a reference: `embedding`, `tap.i`, `reassembled.i`,
    /// `fusion.i`, `head`.
    pub stages: bool,
    /// What of the input is no picture, and zero once normalised ([`InputForm::Rgb8`] only).
    pub borders: Borders,
    /// Rewrites to leave out, to compare with and without.
    pub without: Vec<Rewrite>,
}

/// Everything that the parts build with.
pub(crate) struct Context<'o> {
    pub(crate) options: &'o GraphOptions,
    /// Tokens down and across.
    pub(crate) grid: (usize, usize),
}

impl Context<'_> {
    /// Folding makes weights smaller by factors, which costs 16 bits more than it saves.
    pub(crate) fn uses(&self, rewrite: Rewrite) -> bool {
        let small = [Rewrite::FoldNormalisation, Rewrite::FoldLayerScale].contains(&rewrite);
        !(self.options.without.contains(&rewrite) || small && self.options.floats == Floats::F16)
    }

    /// `x` for matrix products and convolutions: what follows is in 16 bits, if they are.
    pub(crate) fn half(&self, b: &mut Builder, x: &Value) -> Value {
        match self.options.floats {
            Floats::F32 => x.clone(),
            Floats::F16 => b.cast(x, ElementType::F16),
        }
    }

    /// Puts a stage out, if stages are asked for.
    pub(crate) fn stage(&self, b: &mut Builder, name: &str, value: &Value) {
        if self.options.stages {
            let value = full(b, value);
            b.output(name, &value);
        }
    }
}

/// Builds the graph of a checkpoint.
///
/// Input as [`InputForm`] says. Output: `predicted_depth` f32 `[N, H, W]` and, where the model has a
/// head for it, `sky` f32 `[N, H, W]` (sky from 0.3 on); or `labels` u8 `[N, H, W]` (the class with
/// the highest score) and, if asked for, `logits` f32 `[N, C, H, W]`.
///
/// Returns what of the checkpoint the graph has no use for.
///
/// # Errors
/// If the size does not fit the patches, or the weights do not fit the config.
pub fn build(
    config: &DptConfig,
    weights: &Weights<'_>,
    options: &GraphOptions,
) -> Result<(Graph, Vec<Ignored>), DptError> {
    let multiple = config.multiple();
    let Size { height, width } = options.size;
    if height == 0 || width == 0 || height % multiple != 0 || width % multiple != 0 {
        return Err(DptError::Size {
            size: options.size,
            multiple,
        });
    }
    let patch = config.patch_size as u32;
    let context = Context {
        options,
        grid: ((height / patch) as usize, (width / patch) as usize),
    };
    let root = weights.root();
    let (backbone, neck) = (root.at("backbone"), root.at("neck"));
    ignore_unused(config, &root);

    let mut b = Builder::new();
    let (pixels, normalisation) = input(&mut b, options)?;
    let embedded = embed::build(&mut b, config, &backbone, &context, &pixels, &normalisation)?;
    context.stage(&mut b, "embedding", &embedded.tokens);
    let mut taps = embedded.features;
    taps.extend(match &config.backbone {
        Backbone::Swinv2(swin) => {
            swin::build(&mut b, config, swin, &backbone, &context, &embedded.tokens)?
        }
        _ => encoder::build(&mut b, config, &backbone, &context, &embedded.tokens)?,
    });
    for (index, tap) in taps.iter().enumerate() {
        context.stage(&mut b, &format!("tap.{index}"), tap);
    }
    let maps = reassemble::build(&mut b, config, &neck, &context, &taps)?;
    let fused = fusion::build(&mut b, config, &neck, &context, &maps)?;
    let levels = head::Levels {
        maps: &maps,
        fused: &fused,
    };
    head::build(&mut b, config, &root, &context, &levels)?;
    Ok((b.finish("dpt"), weights.finish()?))
}

/// Names what inference has no use for.
fn ignore_unused(config: &DptConfig, root: &Scope<'_>) {
    let training = "used in training only";
    let backbone = root.at("backbone");
    if !config.apply_layernorm {
        let reason = "taps are taken before the final normalisation";
        backbone.ignore("norm", reason);
        backbone.ignore("fc_norm", reason);
    }
    backbone.ignore("pooler", "the pooled token is not used");
    backbone.ignore("head", "classifies pictures");
    backbone.ignore("mask_token", training);
    backbone.ignore("patch_embeddings.mask_token", training);
    root.ignore("auxiliary_head", training);
    root.at("neck").ignore("auxiliary_head", training);
    root.at("neck.fusion")
        .at(0)
        .ignore("unit1", "the coarsest fusion has no second input");
    let last = config.taps.last().copied().unwrap_or_default();
    for index in 0..config.num_hidden_layers {
        let block = backbone.at("blocks").at(index);
        if index > last {
            block.ignore("", "comes after the last tap");
        }
        block.ignore("relative_position_index", "follows from the grid");
    }
    if let Backbone::Swinv2(swin) = &config.backbone {
        for (stage, depth) in swin.depths.iter().enumerate() {
            for index in 0..*depth {
                let block = backbone.at("stages").at(stage).at("blocks").at(index);
                for name in [
                    "attn_mask",
                    "relative_position_index",
                    "relative_coords_table",
                ] {
                    block.ignore(name, "follows from the grid");
                }
            }
        }
    }
}

/// The input as `[N, 3, H, W]` f32, and what is left to do to bring it to the model's scale.
fn input(b: &mut Builder, options: &GraphOptions) -> Result<(Value, Normalisation), DptError> {
    let batch = match options.batch {
        Batch::Fixed(count) => Dim::Fixed(count as usize),
        Batch::Dynamic => Dim::Batch,
    };
    let (height, width) = (options.size.height as usize, options.size.width as usize);
    let (h, w, channels) = (Dim::Fixed(height), Dim::Fixed(width), Dim::Fixed(3));
    if options.input == InputForm::PixelValues {
        let pixels = b.input("pixel_values", ElementType::F32, &[batch, channels, h, w]);
        return Ok((pixels, Normalisation::Done));
    }
    let rgb = b.input("rgb", ElementType::U8, &[batch, h, w, channels]);
    let floats = b.cast(&rgb, ElementType::F32);
    let planes = b.transpose(&floats, &[0, 3, 1, 2])?;
    let scale = options.std.map(|std| 1.0 / (255.0 * std));
    let shift: [f32; 3] = std::array::from_fn(|c| -options.mean[c] / options.std[c]);
    let normalisation = Normalisation::Pending { scale, shift };
    if options.borders == Borders::default() {
        return Ok((planes, normalisation));
    }
    let pads = Pads {
        top: options.borders.top as usize,
        left: options.borders.left as usize,
        bottom: options.borders.bottom as usize,
        right: options.borders.right as usize,
    };
    let normal = normalisation.apply(b, &planes)?;
    let rows = b.slice(&normal, 2, pads.top, height.saturating_sub(pads.bottom))?;
    let picture = b.slice(&rows, 3, pads.left, width.saturating_sub(pads.right))?;
    Ok((b.pad_picture(&picture, pads, 0.0)?, Normalisation::Done))
}

/// `x` in 32 bits: what follows does not bear 16.
pub(crate) fn full(b: &mut Builder, x: &Value) -> Value {
    b.cast(x, ElementType::F32)
}

/// Bilinear with corners aligned, the paper's resize.
pub(crate) fn upsample(
    b: &mut Builder,
    x: &Value,
    height: usize,
    width: usize,
) -> Result<Value, DptError> {
    Ok(b.resize_bilinear(x, height, width, Coordinates::AlignCorners)?)
}
