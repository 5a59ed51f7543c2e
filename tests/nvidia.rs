// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The element's graphs beside what NVIDIA's providers take. None of it runs on a GPU here.

use crate::common::onnx;
use crate::common::runtime;
use crate::common::toys::{Toy, toys_in};
use gstdptdepth::dpt::{Batch, Flavour, Floats, InputForm};
use gstdptdepth::inference::{
    ExecutionProvider, ModelSource, Session, SessionSettings, TensorData, TensorView,
};
use gstdptdepth::model::{BuildOptions, Model};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The kernels of ONNX Runtime's CUDA provider: the types of each constraint, by operator, domain and
/// first opset, and the last opset.
struct Kernels(Vec<Kernel>);

struct Kernel {
    operator: String,
    domain: String,
    opsets: std::ops::RangeInclusive<i64>,
    constraint: String,
    types: Vec<String>,
}

impl Kernels {
    fn read() -> Self {
        let text = std::fs::read_to_string(data().join("cuda/kernels.tsv")).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let kernels: Vec<_> = lines
            .map(|line| {
                let cells: Vec<&str> = line.split('\t').collect();
                let last = cells[3].parse().unwrap_or(i64::MAX);
                Kernel {
                    operator: cells[0].into(),
                    domain: cells[1].into(),
                    opsets: cells[2].parse().unwrap()..=last,
                    constraint: cells[4].into(),
                    types: cells[5].split(',').map(str::to_owned).collect(),
                }
            })
            .collect();
        assert!(kernels.len() > 100);
        Self(kernels)
    }

    /// `true` if there is a kernel for the operator at this opset whose constraint takes the type.
    fn takes(&self, node: &onnx::Node, opset: i64, constraint: &str, element: &str) -> bool {
        let domain = match node.domain.as_str() {
            "" => "ai.onnx",
            named => named,
        };
        let opset = if domain == "ai.onnx" { opset } else { 1 };
        self.0.iter().any(|kernel| {
            kernel.operator == node.op
                && kernel.domain == domain
                && kernel.opsets.contains(&opset)
                && kernel.constraint == constraint
                && kernel.types.iter().any(|own| own == element)
        })
    }
}

/// The constraints on the type of an operator's first input and its first output.
fn constraints(op: &str) -> [&'static str; 2] {
    match op {
        "Cast" => ["T1", "T2"],
        "Resize" => ["T1", "T1"],
        // Its output is int64 by definition.
        "ArgMax" => ["T", ""],
        "Identity" => ["V", "V"],
        _ => ["T", "T"],
    }
}

/// Every graph that the element may ask for, of every architecture.
fn every_graph(mut look: impl FnMut(&str, &onnx::Model)) {
    let mut cases = toys_in(&data());
    for (name, model) in [
        ("default", Model::embedded()),
        (
            "segmentation",
            Model::open(Path::new("dptdepth-segmentation")),
        ),
    ] {
        let (name, model) = (name.into(), model.unwrap());
        let size = model.spec().network_size;
        cases.push(Toy { name, model, size });
    }
    for Toy { name, model, size } in cases {
        for flavour in [Flavour::Portable, Flavour::Ort] {
            for floats in [Floats::F32, Floats::F16] {
                for batch in [Batch::Fixed(1), Batch::Fixed(2), Batch::Dynamic] {
                    let options = BuildOptions {
                        input: InputForm::Rgb8,
                        flavour,
                        floats,
                        batch,
                        ..BuildOptions::new(size)
                    };
                    let bytes = model.graph(&options).unwrap().to_bytes().unwrap();
                    let case = format!("{name} {flavour:?} {floats:?} {batch:?}");
                    look(&case, &onnx::Model::read(&bytes));
                }
            }
        }
    }
}

#[test]
fn cuda_has_a_kernel_for_every_node() {
    let kernels = Kernels::read();
    let mut operators = HashMap::<String, usize>::new();
    every_graph(|case, model| {
        let standard = model.opset_import.iter().find(|set| set.domain.is_empty());
        let opset = standard.unwrap().version;
        let elements = model.graph().elements();
        for node in &model.graph().nodes {
            let told = || format!("{case}: {} ({})", node.name, node.op);
            *operators.entry(node.op.clone()).or_default() += 1;
            // What its result lies on the CPU for takes others there, which counts as a fallback.
            assert!(!matches!(node.op.as_str(), "Shape" | "Size"), "{}", told());
            let ends = [&node.inputs[0], &node.outputs[0]];
            for (name, constraint) in ends.into_iter().zip(constraints(&node.op)) {
                let element = elements[name.as_str()];
                assert!(
                    constraint.is_empty() || kernels.takes(node, opset, constraint, element),
                    "{}: no kernel for {element}",
                    told()
                );
            }
            // What the provider turns away of its own accord, or hands to cuDNN wrongly.
            let symmetric = |pads: &onnx::Attribute| {
                let (before, after) = pads.ints.split_at(pads.ints.len() / 2);
                before == after
            };
            if matches!(node.op.as_str(), "ConvTranspose" | "MaxPool") {
                assert!(node.attribute("pads").is_none_or(symmetric), "{}", told());
            }
            let last = node.attribute("select_last_index");
            assert!(last.is_none_or(|last| last.int == 0), "{}", told());
            // Its fused kernel for Turing scales whatever this says.
            assert!(node.attribute("scale").is_none(), "{}", told());
        }
    });
    for operator in ["MultiHeadAttention", "Resize", "ArgMax", "MaxPool", "TopK"] {
        assert!(operators.contains_key(operator), "{operator} was not seen");
    }
}

#[test]
fn tensorrt_sees_bytes_at_the_ends_only() {
    let mut labels = 0;
    every_graph(|case, model| {
        let graph = model.graph();
        let elements = graph.elements();
        for (name, element) in &elements {
            if *element != "uint8" {
                continue;
            }
            let readers = graph.nodes.iter();
            let readers = readers.filter(|node| node.inputs.iter().any(|input| input == name));
            let maker = graph
                .nodes
                .iter()
                .find(|node| node.outputs.iter().any(|output| output == name));
            match maker {
                // An input, which goes straight into a cast.
                None => {
                    assert!(
                        graph.inputs.iter().any(|input| input.name == *name),
                        "{case}"
                    );
                    for reader in readers {
                        let made = elements[reader.outputs[0].as_str()];
                        assert_eq!((reader.op.as_str(), made), ("Cast", "float"), "{case}");
                    }
                }
                // An output, straight out of a cast of floats.
                Some(maker) => {
                    labels += 1;
                    let from = elements[maker.inputs[0].as_str()];
                    assert_eq!((maker.op.as_str(), from), ("Cast", "float"), "{case}");
                    assert!(
                        graph.outputs.iter().any(|output| output.name == *name),
                        "{case}"
                    );
                    assert_eq!(readers.count(), 0, "{case}");
                }
            }
        }
        assert!(
            graph.nodes.iter().all(|node| node.op != "Identity"),
            "{case}"
        );
    });
    assert!(labels > 0);
}

/// Runs of several pictures at once give each what it gets alone, in graphs without a `Shape` too.
#[test]
fn a_free_batch_gives_each_picture_what_a_fixed_one_gives_it() {
    for Toy { name, model, size } in toys_in(&data()) {
        let (h, w) = (size.height as usize, size.width as usize);
        let run = |batch: Batch, pictures: &[u8]| {
            let options = BuildOptions {
                input: InputForm::Rgb8,
                batch,
                ..BuildOptions::new(size)
            };
            let graph = model.graph(&options).unwrap().to_bytes().unwrap();
            let settings = SessionSettings {
                provider: ExecutionProvider::Cpu,
                threads: 1,
                ..SessionSettings::default()
            };
            let source = ModelSource::Memory(&graph);
            let mut session = Session::open(runtime(), source, &settings).unwrap();
            let count = pictures.len() / (h * w * 3);
            let outputs = session
                .run(TensorData::U8(pictures), &[count, h, w, 3])
                .unwrap();
            match outputs.get(0).unwrap() {
                TensorView::F32 { data, .. } => data.to_vec(),
                TensorView::U8 { data, .. } => data.iter().map(|&class| class.into()).collect(),
                TensorView::I64 { .. } => panic!("integers"),
            }
        };
        let picture = |seed: usize| (0..h * w * 3).map(move |i| (i * (37 + 2 * seed) % 251) as u8);
        let three: Vec<u8> = (0..3).flat_map(picture).collect();
        let together = run(Batch::Dynamic, &three);
        let apart: Vec<f32> = (0..3)
            .flat_map(|seed| run(Batch::Fixed(1), &picture(seed).collect::<Vec<u8>>()))
            .collect();
        assert_eq!(together.len(), apart.len(), "{name}");
        let scale = apart
            .iter()
            .fold(f32::MIN_POSITIVE, |most, v| most.max(v.abs()));
        let worst = together.iter().zip(&apart).map(|(a, b)| (a - b).abs());
        let worst = worst.fold(0.0, f32::max) / scale;
        // Matrix products of other shapes add up in another order; toys with random weights and
        // cosines (Swin V2) multiply what that rounds by some hundred.
        assert!(worst < 1e-3, "{name}: {worst}");
    }
}
