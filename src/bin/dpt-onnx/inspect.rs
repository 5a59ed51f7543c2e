// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx inspect`.

use crate::{CheckpointArgument, Failure};
use gstdptdepth::checkpoint::Ignored;
use gstdptdepth::dpt::{Activation, Backbone, DptConfig, Positions, Task};
use gstdptdepth::graph::OnnxTensor;
use gstdptdepth::model::{BuildOptions, Model};
use gstdptdepth::spec::{Interpolation, ModelSpec, OutputMeaning, ResizePolicy, Size};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    model: CheckpointArgument,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let model = arguments.model.open()?;
    let unused = unused(&model)?;
    if arguments.json {
        println!("{:#}", report(&model, &unused));
    } else {
        print(&model, &unused);
    }
    Ok(())
}

/// What the graph has no use for. Building it also proves that nothing is missing.
fn unused(model: &Model) -> Result<Vec<Ignored>, Failure> {
    if model.onnx().is_some() {
        return Ok(Vec::new());
    }
    let multiple = model.spec().multiple;
    let side = |side: u32| side.div_ceil(multiple) * multiple;
    let size = model.spec().network_size;
    let size = Size::new(side(size.height), side(size.width));
    Ok(model.graph_and_unused(&BuildOptions::new(size))?.1)
}

fn report(model: &Model, unused: &[Ignored]) -> Json {
    let tensors = |tensors: &[OnnxTensor]| {
        tensors
            .iter()
            .map(|t| json!({"name": t.name, "element": t.element, "dims": t.dims}))
            .collect::<Vec<_>>()
    };
    let files = match (model.checkpoint(), model.onnx()) {
        (Some((checkpoint, config)), _) => json!({
            "kind": "checkpoint",
            "names": model.origin().map(|origin| origin.to_string()),
            "architecture": architecture_report(config),
            "parameters": checkpoint.parameters(),
            "bytes": checkpoint.bytes(),
        }),
        (None, Some(onnx)) => json!({
            "kind": "onnx",
            "opset": onnx.summary.opset,
            "inputs": tensors(&onnx.summary.inputs),
            "outputs": tensors(&onnx.summary.outputs),
        }),
        (None, None) => json!({}),
    };
    json!({
        "spec": model.spec(),
        "files": files,
        "unused": unused.iter().map(|t| json!({"name": t.name, "reason": t.reason})).collect::<Vec<_>>(),
    })
}

fn architecture_report(config: &DptConfig) -> Json {
    json!({
        "backbone": backbone(config),
        "blocks": blocks(config),
        "hidden_size": config.hidden_size,
        "heads": config.num_attention_heads,
        "patch_size": config.patch_size,
        "trained_size": [config.image_size.0, config.image_size.1],
        "taps": config.taps,
        "taps_normalised": config.apply_layernorm,
        "readout": format!("{:?}", config.readout).to_lowercase(),
        "neck_hidden_sizes": config.neck_hidden_sizes,
        "fusion_hidden_size": config.fusion_hidden_size,
        "head": head(config),
        "positions": positions(config),
        "reference": config.reference(),
    })
}

fn print(model: &Model, unused: &[Ignored]) {
    let spec = model.spec();
    println!("{}", spec.name);
    if let Some((checkpoint, config)) = model.checkpoint() {
        if let Some(origin) = model.origin() {
            row(
                "file",
                format_args!("checkpoint with the names of {origin}"),
            );
        }
        row(
            "weights",
            format_args!(
                "{:.2} M parameters, {:.1} MB",
                checkpoint.parameters() as f64 / 1e6,
                checkpoint.bytes() as f64 / 1e6
            ),
        );
        print_architecture(config);
    }
    if let Some(onnx) = model.onnx() {
        row("file", format_args!("ONNX, opset {}", onnx.summary.opset));
        for (role, tensors) in [
            ("input", &onnx.summary.inputs),
            ("output", &onnx.summary.outputs),
        ] {
            for tensor in tensors {
                let dims: Vec<_> = tensor
                    .dims
                    .iter()
                    .map(|dim| dim.map_or("?".into(), |dim| dim.to_string()))
                    .collect();
                let dims = dims.join(", ");
                row(
                    role,
                    format_args!("{} {}[{dims}]", tensor.name, tensor.element),
                );
            }
        }
    }
    print_spec(spec);
    if !unused.is_empty() {
        row("not used", format_args!("{} tensors:", unused.len()));
        let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for tensor in unused {
            by_reason
                .entry(tensor.reason)
                .or_default()
                .push(&tensor.name);
        }
        for (reason, names) in by_reason {
            println!("    {reason}: {} ({} in all)", names[0], names.len());
        }
    }
}

fn row(title: &str, text: std::fmt::Arguments<'_>) {
    println!("  {title:<14}{text}");
}

fn print_architecture(config: &DptConfig) {
    row(
        "backbone",
        format_args!(
            "{}, {} blocks of width {}, {} heads, patches of {} pixels",
            backbone(config),
            blocks(config),
            config.hidden_size,
            config.num_attention_heads,
            config.patch_size
        ),
    );
    row(
        "decoder",
        format_args!(
            "taps {:?}{}, readout {}, channels {:?}, fusion width {}",
            config.taps,
            if config.apply_layernorm {
                " after the last normalisation"
            } else {
                ""
            },
            format!("{:?}", config.readout).to_lowercase(),
            config.neck_hidden_sizes,
            config.fusion_hidden_size
        ),
    );
    row("head", format_args!("{}", head(config)));
    let (height, width) = config.image_size;
    row(
        "other sizes",
        format_args!(
            "trained at {height}x{width}; {}, as {} does it",
            positions(config),
            config.reference()
        ),
    );
}

fn blocks(config: &DptConfig) -> usize {
    match &config.backbone {
        Backbone::Swinv2(swin) => swin.depths.iter().sum(),
        _ => config.num_hidden_layers,
    }
}

fn backbone(config: &DptConfig) -> String {
    match &config.backbone {
        Backbone::Vit => "plain ViT".into(),
        Backbone::Bit(bit) => format!("hybrid: ResNetV2 of {:?} layers, then ViT", bit.depths),
        Backbone::EfficientNetLite0 => "hybrid: EfficientNet-Lite0, then ViT".into(),
        Backbone::Dinov2 if config.use_swiglu_ffn => "DINOv2 with SwiGLU".into(),
        Backbone::Dinov2 => "DINOv2".into(),
        Backbone::Beit => "BEiT".into(),
        Backbone::Swinv2(swin) => format!("Swin V2, windows of {}", swin.window_size),
    }
}

fn positions(config: &DptConfig) -> &'static str {
    match (&config.backbone, config.positions) {
        (Backbone::Swinv2(_), _) => "positions are biases inside windows",
        (Backbone::Beit, _) => "position biases are resized bilinearly",
        (_, Positions::None) => "there are no position embeddings",
        (_, Positions::Bilinear) => "position embeddings are resized bilinearly",
        (_, Positions::Bicubic) => "position embeddings are resized bicubically to the grid",
        (_, Positions::BicubicOffset) => {
            "position embeddings are resized bicubically by (side + 0.1) / trained side"
        }
    }
}

fn head(config: &DptConfig) -> String {
    let Task::Depth = config.task else {
        return "classes, scores at twice the fused size".into();
    };
    let last = match config.activation {
        Activation::Relu => "ReLU".into(),
        Activation::Sigmoid { max_depth } => format!("sigmoid x {max_depth} m"),
        Activation::Exp => "exp".into(),
        Activation::ReluClamp {
            min_depth,
            max_depth,
        } => format!("ReLU + {min_depth}, at most {max_depth} m"),
        Activation::Inverse { scale, shift } => format!("1 / ({scale} x ReLU + {shift}) m"),
    };
    if let Some(bins) = &config.bins {
        let heads: Vec<String> = bins
            .heads
            .iter()
            .map(|head| format!("{} bins", head.bins))
            .collect();
        return format!("relative depth, then metres by {}", heads.join(" or "));
    }
    let sky = if config.sky { ", and a sky head" } else { "" };
    format!("depth, {last}{sky}")
}

fn print_spec(spec: &ModelSpec) {
    let policy = match spec.resize_policy {
        ResizePolicy::Minimal => "keep the aspect ratio, scale as little as possible",
        ResizePolicy::LowerBound => "keep the aspect ratio, both sides at least that",
        ResizePolicy::UpperBound => "keep the aspect ratio, both sides at most that",
        ResizePolicy::LongerSide => "keep the aspect ratio, the longer side about that",
        ResizePolicy::Squash => "stretch to exactly that",
        ResizePolicy::Letterbox => "keep the aspect ratio inside that, with borders",
        ResizePolicy::Mirror => {
            "mirrored borders, then keep the aspect ratio, scale as little as possible"
        }
        ResizePolicy::Pad => "the picture's own size, with borders of zeros",
    };
    let interpolation = match spec.interpolation {
        Interpolation::BicubicAntialiased => "bicubic, antialiased (PIL, torchvision)",
        Interpolation::BicubicOpencv => "bicubic, not antialiased (OpenCV)",
        Interpolation::AreaOrBicubicOpencv => "area down, bicubic up (OpenCV)",
        Interpolation::BilinearAntialiased => "bilinear, antialiased (PIL, torchvision)",
        Interpolation::BilinearPytorch => "bilinear, not antialiased (PyTorch)",
        Interpolation::LanczosAntialiased => "Lanczos, antialiased (PIL)",
        Interpolation::Nearest => "nearest neighbour",
    };
    let (size, multiple) = (spec.network_size, spec.multiple);
    row(
        "input",
        format_args!("{size} (height x width), multiples of {multiple}: {policy}"),
    );
    row("resampling", format_args!("{interpolation}"));
    row(
        "normalisation",
        format_args!("mean {:?}, std {:?} of RGB in 0 to 1", spec.mean, spec.std),
    );
    let meaning = match (spec.output, spec.canonical_focal) {
        (OutputMeaning::InverseRelative, _) => {
            "relative inverse depth: larger is nearer, scale and shift unknown".to_string()
        }
        (OutputMeaning::Relative, None) => {
            "relative depth: larger is farther, scale unknown".to_string()
        }
        (OutputMeaning::Relative, Some(focal)) => format!(
            "depth that is metres once multiplied by the focal length in network pixels / {focal}; set focal-length"
        ),
        (OutputMeaning::Metric { max_depth_m: None }, _) => "depth in metres".to_string(),
        (
            OutputMeaning::Metric {
                max_depth_m: Some(max),
            },
            _,
        ) => format!("depth in metres, up to {max:.1}"),
        (OutputMeaning::Labels, _) => match spec.labels.len() {
            0 => "class indices of ADE20K".to_string(),
            count => format!("class indices, {count} named classes"),
        },
    };
    let sky = if spec.sky { "; sky is infinite" } else { "" };
    row("output", format_args!("{meaning}{sky}"));
}
