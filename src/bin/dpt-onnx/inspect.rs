// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx inspect`.

use crate::{CheckpointArgument, Failure, open};
use gstdptdepth::checkpoint::Ignored;
use gstdptdepth::dpt::{Batch, Flavour, InputForm};
use gstdptdepth::model::{BuildOptions, Model};
use gstdptdepth::spec::{ModelSpec, OutputMeaning};
use serde_json::json;
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
    let model = open(&arguments.model.checkpoint)?;
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
    let (_, unused) = model.graph_and_unused(&BuildOptions {
        size: gstdptdepth::spec::Size::new(side(size.height), side(size.width)),
        batch: Batch::Fixed(1),
        input: InputForm::PixelValues,
        flavour: Flavour::Portable,
        logits: false,
        stages: false,
    })?;
    Ok(unused)
}

fn report(model: &Model, unused: &[Ignored]) -> serde_json::Value {
    let files = match (model.checkpoint(), model.onnx()) {
        (Some((checkpoint, config)), _) => json!({
            "kind": "checkpoint",
            "architecture": format!("{config:?}"),
            "parameters": checkpoint.parameters(),
            "bytes": checkpoint.bytes(),
        }),
        (None, Some(onnx)) => json!({
            "kind": "onnx",
            "opset": onnx.summary.opset,
            "inputs": onnx.summary.inputs.iter().map(|t| json!({"name": t.name, "element": t.element, "dims": t.dims})).collect::<Vec<_>>(),
            "outputs": onnx.summary.outputs.iter().map(|t| json!({"name": t.name, "element": t.element, "dims": t.dims})).collect::<Vec<_>>(),
        }),
        (None, None) => json!({}),
    };
    json!({
        "spec": model.spec(),
        "files": files,
        "unused": unused.iter().map(|t| json!({"name": t.name, "reason": t.reason})).collect::<Vec<_>>(),
    })
}

fn print(model: &Model, unused: &[Ignored]) {
    let spec = model.spec();
    println!("{}", spec.name);
    if let Some((checkpoint, config)) = model.checkpoint() {
        println!("  architecture  {}", architecture(config));
        println!(
            "  weights       {:.2} M parameters, {:.1} MB",
            checkpoint.parameters() as f64 / 1e6,
            checkpoint.bytes() as f64 / 1e6
        );
    }
    if let Some(onnx) = model.onnx() {
        println!("  file          ONNX, opset {}", onnx.summary.opset);
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
                println!(
                    "  {role:<12}  {} {}[{}]",
                    tensor.name,
                    tensor.element,
                    dims.join(", ")
                );
            }
        }
    }
    print_spec(spec);
    if !unused.is_empty() {
        println!("  not used      {} tensors:", unused.len());
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

fn architecture(config: &gstdptdepth::dpt::DptConfig) -> String {
    use gstdptdepth::dpt::Backbone;
    let stem = match &config.backbone {
        Backbone::Vit => "plain ViT".to_string(),
        Backbone::Bit(bit) => format!("hybrid, BiT ResNet stem of {:?} layers", bit.depths),
        Backbone::EfficientNetLite0 => "hybrid, EfficientNet-Lite0 stem".to_string(),
    };
    format!(
        "DPT, {stem}; {} blocks of width {}, {} heads, patch {}, taps {:?}, readout {:?}, fusion width {}",
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.patch_size,
        config.taps,
        config.readout,
        config.fusion_hidden_size
    )
}

fn print_spec(spec: &ModelSpec) {
    println!(
        "  network size  {} (height x width), multiples of {}, policy {:?}, {:?}",
        spec.network_size, spec.multiple, spec.resize_policy, spec.interpolation
    );
    println!("  normalisation mean {:?}, std {:?}", spec.mean, spec.std);
    let meaning = match spec.output {
        OutputMeaning::InverseRelative => {
            "relative inverse depth: larger is nearer, scale and shift unknown".to_string()
        }
        OutputMeaning::Relative => "relative depth: larger is farther, scale unknown".to_string(),
        OutputMeaning::Metric { max_depth_m: None } => "depth in metres".to_string(),
        OutputMeaning::Metric {
            max_depth_m: Some(max),
        } => format!("depth in metres, up to {max}"),
        OutputMeaning::Labels => format!("class indices, {} named classes", spec.labels.len()),
    };
    println!("  output        {meaning}");
}
