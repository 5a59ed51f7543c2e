// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx triton-repository`: a model as NVIDIA's Triton Inference Server wants it.

mod config;
mod folder;
mod text;

use crate::export::own_size;
use crate::options::size;
use crate::{CheckpointArgument, Failure, download};
use clap::ValueEnum;
use config::{Accelerator, Config, Kind, Precision};
use folder::Staged;
use gstdptdepth::dpt::{Batch, Floats, InputForm};
use gstdptdepth::graph;
use gstdptdepth::model::BuildOptions;
use gstdptdepth::spec::Size;
use std::fs::File;
use std::path::{Path, PathBuf};

/// From here on the weights lie in a file of their own, which servers map instead of parsing.
const EXTERNAL_FROM: u64 = 64 << 20;

#[derive(clap::Args)]
#[command(
    after_help = "DIR becomes, or gains, a model that `tritonserver --model-repository=DIR` serves as it is:\n\n  \
        DIR/NAME/config.pbtxt        batching, instances, accelerators, warm-up\n  \
        DIR/NAME/1/model.onnx        the graph, with a free first dimension\n  \
        DIR/NAME/1/model.onnx.data   the weights, if they are 64 MiB or more\n\n\
        What the output means, how frames are fitted and the names of classes go along as JSON in \
        `parameters` of config.pbtxt, so that `dptdepth server-url=grpc://HOST:8001 server-model=NAME` \
        needs no other file. The same checkpoint and options always give the same bytes.\n\n\
        The default runs on any Triton, with or without a GPU: instances go on every GPU there is, else on \
        the CPU. `--accelerator tensorrt` is what a fleet of NVIDIA GPUs wants: engines for batches of \
        1 to --max-batch, in fp16 (which TensorRT before version 10 does not take from a graph: --precision fp32 there), \
        built before the server reports ready (minutes, once; kept in --engine-cache if that is given).\n\n\
        Input: `rgb` u8 [N, H, W, 3], normalised in the graph, is a quarter of the bytes of floats: \
        442 kB instead of 1.8 MB a frame at 384x384. Output: `predicted_depth` f32 [N, H, W], or `labels` \
        u8 [N, H, W].\n\n\
        A server runs one size. Choose one with the shape of your frames, such as 384x672 for 16:9.\n\n\
        Examples:\n  \
        dpt-onnx triton-repository depth-anything-v2-small -o models --size 294x518 --accelerator tensorrt\n  \
        dpt-onnx triton-repository default -o models --name depth --kind cpu --instances 2\n  \
        docker run --gpus all -p 8001:8001 -v $PWD/models:/models nvcr.io/nvidia/tritonserver:YY.MM-py3 \
        tritonserver --model-repository=/models"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    model: CheckpointArgument,
    /// Model repository to write into; made if missing
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Name that clients ask for; the model's own if left out
    #[arg(long, value_name = "NAME", value_parser = model_name)]
    name: Option<String>,
    /// Network height and width; the model's own if left out
    #[arg(long, value_name = "HxW", value_parser = size)]
    size: Option<Size>,
    /// What clients send
    #[arg(long, value_enum, default_value = "rgb")]
    input: InputArgument,
    /// Most pictures in a run
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u32).range(1..=1024))]
    max_batch: u32,
    /// How long a picture may wait for others to share its run, in microseconds
    #[arg(long, value_name = "US", default_value = "2000", value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    queue_delay: u32,
    /// Batch sizes that go at once, without waiting for more; NVIDIA advises to give none
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    preferred_batch: Vec<u32>,
    /// Most requests that may wait; more are refused at once. 0 is no limit
    #[arg(long, value_name = "N", default_value = "0")]
    max_queue: u32,
    /// Copies of the model on each GPU, or on the CPU
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=64))]
    instances: u32,
    /// Where copies run; `tensorrt` implies gpu and `openvino` cpu
    #[arg(long, value_enum)]
    kind: Option<Kind>,
    /// What runs the graph, beside ONNX Runtime's own kernels
    #[arg(long, value_enum, default_value = "none")]
    accelerator: Accelerator,
    /// What GPUs compute in; fp16 with TensorRT and fp32 without, if left out
    #[arg(long, value_enum)]
    precision: Option<Precision>,
    /// Folder on the server that keeps TensorRT's engines between starts, in a folder of its own for
    /// each graph
    #[arg(long, value_name = "PATH")]
    engine_cache: Option<String>,
    /// Keep the weights in a second file, model.onnx.data, however small they are
    #[arg(long)]
    external_data: bool,
    /// Report ready before the model has run once
    #[arg(long)]
    no_warmup: bool,
    /// Replace a model of this name, all its versions
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum InputArgument {
    /// u8 [N, H, W, 3]; the graph normalises
    Rgb,
    /// f32 [N, 3, H, W], normalised as the reference processor does
    PixelValues,
}

/// A folder's name that every server, file system and URL takes.
fn model_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && text.len() <= 100 && text.chars().all(plain) {
        Ok(text.into())
    } else {
        Err("give up to 100 letters, digits, `-`, `_` and `.`, the first a letter or digit".into())
    }
}

/// A model's own name as [`model_name`] takes it.
fn plain_name(name: &str) -> String {
    let plain = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
        _ => '-',
    };
    let name: String = name.chars().map(plain).take(100).collect();
    let name = name.trim_start_matches(['-', '_', '.']);
    if name.is_empty() { "dpt" } else { name }.into()
}

/// What the options contradict each other in.
fn check(arguments: &Arguments) -> Result<Kind, Failure> {
    let implied = match arguments.accelerator {
        Accelerator::None => None,
        Accelerator::Tensorrt => Some(Kind::Gpu),
        Accelerator::Openvino => Some(Kind::Cpu),
    };
    if let (Some(given), Some(implied)) = (arguments.kind, implied)
        && given != implied
    {
        return Err("--kind and --accelerator exclude each other: tensorrt runs on a gpu, openvino on a cpu; leave --kind out".into());
    }
    let bf16 = matches!(arguments.precision, Some(Precision::Bf16));
    let for_tensorrt = arguments.engine_cache.is_some() || bf16;
    if for_tensorrt && arguments.accelerator != Accelerator::Tensorrt {
        return Err(
            "--engine-cache and --precision bf16 are TensorRT's; add --accelerator tensorrt".into(),
        );
    }
    let fits = |batch: &u32| (1..=arguments.max_batch).contains(batch);
    if let Some(batch) = arguments.preferred_batch.iter().find(|batch| !fits(batch)) {
        return Err(format!(
            "a preferred batch of {batch} never comes; give sizes from 1 to --max-batch, {}",
            arguments.max_batch
        )
        .into());
    }
    Ok(arguments.kind.or(implied).unwrap_or(Kind::Auto))
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let kind = check(arguments)?;
    let model = arguments.model.open()?;
    let spec = model.spec();
    let name = arguments.name.clone();
    let name = name.unwrap_or_else(|| plain_name(&spec.name));
    let staged = Staged::new(&arguments.output, &name, arguments.force)?;
    let size = arguments.size.unwrap_or_else(|| own_size(spec));
    let precision = arguments.precision.unwrap_or(match arguments.accelerator {
        Accelerator::Tensorrt => Precision::Fp16,
        _ => Precision::Fp32,
    });
    let graph = model.graph(&BuildOptions {
        batch: Batch::Dynamic,
        floats: match precision {
            Precision::Fp16 => Floats::F16,
            Precision::Fp32 | Precision::Bf16 => Floats::F32,
        },
        input: match arguments.input {
            InputArgument::Rgb => InputForm::Rgb8,
            InputArgument::PixelValues => InputForm::PixelValues,
        },
        ..BuildOptions::new(size)
    })?;
    let file = staged.version()?.join("model.onnx");
    let external_data = arguments.external_data || graph.weight_bytes() >= EXTERNAL_FROM;
    graph.write(&file, external_data)?;
    let engine_cache = match &arguments.engine_cache {
        Some(path) => {
            let graph = digest(&file)?;
            Some(format!("{path}/{name}-{graph}"))
        }
        None => None,
    };
    let config = Config {
        name: &name,
        spec,
        tensors: &graph::inspect(&file)?,
        max_batch: arguments.max_batch,
        queue_delay: arguments.queue_delay,
        preferred_batch: &arguments.preferred_batch,
        max_queue: arguments.max_queue,
        instances: arguments.instances,
        kind,
        accelerator: arguments.accelerator,
        precision,
        exact: matches!(arguments.precision, Some(Precision::Fp32)),
        engine_cache: engine_cache.as_deref(),
        warmup: !arguments.no_warmup,
    };
    staged.write("config.pbtxt", &config.to_text())?;
    let folder = staged.finish()?;
    println!(
        "{}: {} at {size}, {:.1} MB of weights; batches up to {}",
        folder.display(),
        spec.name,
        graph.weight_bytes() as f64 / 1e6,
        arguments.max_batch
    );
    Ok(())
}

/// Hex digits that differ between graphs in `file`, their weights included. ONNX Runtime's own key for an
/// engine has neither weights nor sizes, so that in one folder a model would get the engine of another.
fn digest(file: &Path) -> Result<String, Failure> {
    let weights = file.with_extension("onnx.data");
    let mut digits = String::new();
    for part in [file, &weights].into_iter().filter(|part| part.exists()) {
        digits += &download::sha256(&mut File::open(part)?)?[..12];
    }
    Ok(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_own_name_becomes_a_folder() {
        for (name, expected) in [
            ("dptdepth-default", "dptdepth-default"),
            ("Intel/dpt large", "Intel-dpt-large"),
            ("../../etc", "etc"),
            ("Tiefe\u{e4}", "Tiefe-"),
            ("", "dpt"),
            ("..", "dpt"),
        ] {
            let folder = plain_name(name);
            assert_eq!(folder, expected);
            assert_eq!(model_name(&folder).as_ref(), Ok(&folder));
        }
        for name in [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "a b",
            "a\n",
            &"x".repeat(101),
        ] {
            assert!(model_name(name).is_err(), "{name:?}");
        }
    }
}
