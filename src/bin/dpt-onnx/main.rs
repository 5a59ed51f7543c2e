// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx`: fetch DPT checkpoints, look into them, write them as ONNX, run and measure them.

#![allow(clippy::print_stdout, reason = "printing is what a command is for")]

mod accuracy;
mod bench;
mod cache;
mod cell;
mod cloud;
mod download;
mod export;
mod fetch;
mod input;
mod inspect;
mod known;
mod maps;
mod options;
mod run;
mod triton;

use clap::{Parser, Subcommand};
use gstdptdepth::model::{Choice, Model, ModelError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Fetch DPT checkpoints, look into them, write them as ONNX graphs, run them on pictures.
#[derive(Parser)]
#[command(
    name = "dpt-onnx",
    version,
    after_help = "A CHECKPOINT is a folder as the hub serves it (config.json, preprocessor_config.json, \
        model.safetensors or pytorch_model.bin), one of its files, an original .pt or .pth file, an \
        .onnx file, the name of a model that `dpt-onnx fetch` has downloaded, or the word `default` \
        for the model inside this program.\n\n\
        Examples:\n  \
        dpt-onnx fetch dpt-large\n  \
        dpt-onnx inspect dpt-large\n  \
        dpt-onnx export dpt-large -o dpt-large.onnx --size 384x672\n  \
        dpt-onnx run photo.jpg -o out/ --ply\n  \
        dpt-onnx bench default"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Download a published checkpoint by its name.
    Fetch(fetch::Arguments),
    /// Say what a checkpoint is, what it expects and what its output means.
    Inspect(inspect::Arguments),
    /// Write a checkpoint as an ONNX graph for one size.
    Export(export::Arguments),
    /// Write a checkpoint as a model of NVIDIA's Triton Inference Server.
    TritonRepository(triton::Arguments),
    /// Run a model on pictures and write its maps.
    Run(run::Arguments),
    /// Measure how fast a model runs here, and where a frame's time goes.
    Bench(bench::Arguments),
    /// See, clear or fill the cache of prepared models.
    Cache(cache::Arguments),
}

/// Opens what a CHECKPOINT argument names.
fn open(checkpoint: &Path, variant: Option<&str>) -> Result<Model, ModelError> {
    if checkpoint == Path::new("default") && !checkpoint.exists() {
        return Model::embedded();
    }
    let choice = variant.map(Choice::parse).transpose()?.unwrap_or_default();
    Model::open_as(checkpoint, choice)
}

/// The variant of a model.
#[derive(clap::Args)]
struct VariantArgument {
    /// Which model it is, where a bare file cannot say, such as depth-anything-v1 or dpt-hybrid-nyu.
    /// `:original` or `:transformers`, behind it or alone, says whose interpolation of positions to
    /// follow away from the trained size
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
}

/// What a command's failure is told as.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let result: Result<(), Failure> = match Arguments::parse().command {
        Command::Fetch(arguments) => fetch::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::TritonRepository(arguments) => triton::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Cache(arguments) => cache::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dpt-onnx: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A path argument that names a checkpoint.
#[derive(clap::Args)]
struct CheckpointArgument {
    /// Folder or file of a checkpoint, .onnx file, name of a fetched model, or one of those inside:
    /// `default`, `dptdepth-segmentation`
    #[arg(value_name = "CHECKPOINT")]
    checkpoint: PathBuf,
    #[command(flatten)]
    variant: VariantArgument,
}

impl CheckpointArgument {
    fn open(&self) -> Result<Model, ModelError> {
        open(&self.checkpoint, self.variant.variant.as_deref())
    }
}
