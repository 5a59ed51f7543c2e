// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx export`.

use crate::options::size;
use crate::{CheckpointArgument, Failure};
use clap::ValueEnum;
use gstdptdepth::dpt::{Batch, Flavour, Floats};
use gstdptdepth::model::BuildOptions;
use gstdptdepth::spec::{ModelSpec, Size};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::PathBuf;
use std::time::Duration;

#[derive(clap::Args)]
#[command(
    after_help = "The graph takes `pixel_values` f32 [N, 3, H, W], normalised as the checkpoint's reference \
    processor does, and gives `predicted_depth` f32 [N, H, W] or `labels` u8 [N, H, W]. The same \
    checkpoint and options always give the same bytes."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    model: CheckpointArgument,
    /// File to write
    #[arg(short, long, value_name = "M.onnx")]
    output: PathBuf,
    /// Network height and width; the model's own if left out
    #[arg(long, value_name = "HxW", value_parser = size)]
    size: Option<Size>,
    /// Pictures in a run, or `dynamic` for any number
    #[arg(long, value_name = "N", default_value = "1", value_parser = batch)]
    batch: Batch,
    /// Operators that the graph may use
    #[arg(long, value_enum, default_value = "portable")]
    flavour: FlavourArgument,
    /// What matrix products and convolutions compute in; input and output are f32 in any case
    #[arg(long, value_enum, default_value = "fp32")]
    precision: PrecisionArgument,
    /// Keep the weights in a second file, M.onnx.data (needed beyond 2 GiB)
    #[arg(long)]
    external_data: bool,
    /// Put out the class scores as `logits` too (segmentation)
    #[arg(long)]
    logits: bool,
    /// Put out every stage too, to compare with a reference
    #[arg(long, hide = true)]
    stages: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum FlavourArgument {
    /// Standard operators only: every runtime
    Portable,
    /// ONNX Runtime's fused attention too: its cpu and cuda providers
    Ort,
}

#[derive(Clone, Copy, ValueEnum)]
enum PrecisionArgument {
    /// Full precision
    Fp32,
    /// Half, and half the file: for GPUs; what needs fp32 keeps it
    Fp16,
}

fn batch(text: &str) -> Result<Batch, String> {
    match text {
        "dynamic" => Ok(Batch::Dynamic),
        _ => text
            .parse()
            .ok()
            .filter(|count| (1..=1024).contains(count))
            .map(Batch::Fixed)
            .ok_or_else(|| "give a number from 1 to 1024, or dynamic".into()),
    }
}

/// The model's own size, brought to its multiple.
pub(crate) fn own_size(spec: &ModelSpec) -> Size {
    let side = |side: u32| (side.next_multiple_of(spec.multiple)).max(spec.multiple);
    Size::new(
        side(spec.network_size.height),
        side(spec.network_size.width),
    )
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let spinner = ProgressBar::new_spinner()
        .with_style(ProgressStyle::with_template("{spinner} {msg} ({elapsed})")?);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner.set_message("Reading the checkpoint");
    let model = arguments.model.open()?;
    let size = arguments.size.unwrap_or_else(|| own_size(model.spec()));
    spinner.set_message(format!("Building {} at {size}", model.spec().name));
    let graph = model.graph(&BuildOptions {
        batch: arguments.batch,
        flavour: match arguments.flavour {
            FlavourArgument::Portable => Flavour::Portable,
            FlavourArgument::Ort => Flavour::Ort,
        },
        floats: match arguments.precision {
            PrecisionArgument::Fp32 => Floats::F32,
            PrecisionArgument::Fp16 => Floats::F16,
        },
        logits: arguments.logits,
        stages: arguments.stages,
        ..BuildOptions::new(size)
    })?;
    spinner.set_message(format!("Writing {}", arguments.output.display()));
    graph.write(&arguments.output, arguments.external_data)?;
    spinner.finish_and_clear();
    println!(
        "{}: {} at {size}, {:.1} MB of weights",
        arguments.output.display(),
        model.spec().name,
        graph.weight_bytes() as f64 / 1e6
    );
    Ok(())
}
