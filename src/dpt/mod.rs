// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Dense prediction transformers (Ranftl, Bochkovskiy, Koltun: *Vision Transformers for Dense
//! Prediction*, arXiv 2103.13413) as ONNX graphs, one for each input size.
//!
//! The modules are the paper's parts: [`embed`] (section 3, "Transformer encoder"; the hybrid's
//! convolutional stem), [`encoder`], [`reassemble`] (read, concatenate, resample), [`fusion`] and
//! [`head`]. Numbers equal those of transformers' `modeling_dpt.py`; what is rewritten on the way
//! is exact: constants are folded, and 1×1 convolutions run before bilinear resizes, with which
//! they commute.

mod config;
mod embed;
mod encoder;
mod error;
mod fold;
mod fusion;
mod head;
mod keys;
mod reassemble;

pub use config::{Backbone, BitConfig, DptConfig, Readout, Task};
pub use error::DptError;

use crate::checkpoint::{Ignored, Weights};
use crate::graph::{Builder, Coordinates, Dim, ElementType, Graph, Value};
use crate::spec::Size;
use fold::Normalisation;
use keys::Keys;

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
    /// Put out every stage, to compare with a reference: `embedding`, `tap.i`, `reassembled.i`,
    /// `fusion.i`, `head`.
    pub stages: bool,
}

/// Everything that the parts build with.
pub(crate) struct Context<'o> {
    pub(crate) options: &'o GraphOptions,
    /// Tokens down and across.
    pub(crate) grid: (usize, usize),
}

impl Context<'_> {
    /// Puts a stage out, if stages are asked for.
    pub(crate) fn stage(&self, b: &mut Builder, name: &str, value: &Value) {
        if self.options.stages {
            b.output(name, value);
        }
    }
}

/// Builds the graph of a checkpoint.
///
/// Input as [`InputForm`] says. Output: `predicted_depth` f32 `[N, H, W]`, or `labels` u8
/// `[N, H, W]` (the class with the highest score) and, if asked for, `logits` f32 `[N, C, H, W]`.
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
    let keys = Keys::new(weights.root());
    keys.ignore_unused(config);

    let mut b = Builder::new();
    let (pixels, normalisation) = input(&mut b, options);
    let embedded = embed::build(&mut b, config, &keys, &context, &pixels, &normalisation)?;
    context.stage(&mut b, "embedding", &embedded.tokens);
    let mut taps = embedded.features;
    taps.extend(encoder::build(
        &mut b,
        config,
        &keys,
        &context,
        &embedded.tokens,
    )?);
    for (index, tap) in taps.iter().enumerate() {
        context.stage(&mut b, &format!("tap.{index}"), tap);
    }
    let maps = reassemble::build(&mut b, config, &keys, &context, &taps)?;
    let fused = fusion::build(&mut b, config, &keys, &context, &maps)?;
    head::build(&mut b, config, &keys, &context, &fused)?;
    Ok((b.finish("dpt"), weights.finish()?))
}

/// The input as `[N, 3, H, W]` f32, and what is left to do to bring it to the model's scale.
fn input(b: &mut Builder, options: &GraphOptions) -> (Value, Normalisation) {
    let batch = match options.batch {
        Batch::Fixed(count) => Dim::Fixed(count as usize),
        Batch::Dynamic => Dim::Batch,
    };
    let (h, w) = (
        Dim::Fixed(options.size.height as usize),
        Dim::Fixed(options.size.width as usize),
    );
    let channels = Dim::Fixed(3);
    match options.input {
        InputForm::PixelValues => (
            b.input("pixel_values", ElementType::F32, &[batch, channels, h, w]),
            Normalisation::Done,
        ),
        InputForm::Rgb8 => {
            let rgb = b.input("rgb", ElementType::U8, &[batch, h, w, channels]);
            let floats = b.cast(&rgb, ElementType::F32);
            let planes = b
                .transpose(&floats, &[0, 3, 1, 2])
                .expect("four dimensions were declared above");
            let scale = options.std.map(|std| 1.0 / (255.0 * std));
            let shift: [f32; 3] = std::array::from_fn(|c| -options.mean[c] / options.std[c]);
            (planes, Normalisation::Pending { scale, shift })
        }
    }
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
