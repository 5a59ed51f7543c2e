// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Graphs in 16 bits beside those in 32, for every architecture. ONNX Runtime's CPU provider works
//! each node out in 32 bits and rounds what leaves it, so what is seen here is the rounding, not a
//! GPU's kernels.

use crate::common::toys::{Toy, toys_in};
use crate::common::{onnx, runtime};
use gstdptdepth::dpt::{Batch, Flavour, Floats, InputForm};
use gstdptdepth::graph::{Graph, in_fp16};
use gstdptdepth::inference::{
    ExecutionProvider, ModelSource, Session, SessionSettings, TensorData, TensorView,
};
use gstdptdepth::model::{BuildOptions, Model};
use gstdptdepth::spec::{OutputMeaning, Size};
use safetensors::SafeTensors;
use safetensors::tensor::TensorView as Stored;
use std::path::{Path, PathBuf};

/// Mean and largest difference in shares of the largest value. One rounding to ten bits is off by 2⁻¹¹
/// at the most; these are four and 16 of them. Measured: 0.00004 to 0.0009, and up to 0.006.
const BOUNDS: [f64; 2] = [1.0 / 512.0, 1.0 / 128.0];
/// Some toys' random weights multiply any error (Swin V2's cosines, the hybrid's stem). They may be as
/// many times as far apart as two 32-bit runs are, of which one sees a picture rounded to ten bits.
const OWN_ERROR: f64 = 4.0;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// What a graph says to a picture of slopes, the first output only; `off` is by how much, relatively,
/// pixels are off.
fn result(graph: &Graph, options: &BuildOptions, off: f32) -> Vec<f64> {
    let settings = SessionSettings {
        provider: ExecutionProvider::Cpu,
        threads: 1,
        ..SessionSettings::default()
    };
    let bytes = graph.to_bytes().unwrap();
    let mut session = Session::open(runtime(), ModelSource::Memory(&bytes), &settings).unwrap();
    let (h, w) = (options.size.height as usize, options.size.width as usize);
    let byte = |y: usize, x: usize, c: usize| ((y * 5 + x * 3 * (c + 1)) % 256) as u8;
    let outputs = if options.input == InputForm::Rgb8 {
        let pixels = (0..h * w * 3).map(|i| byte(i / 3 / w, i / 3 % w, i % 3));
        let pixels: Vec<u8> = pixels.collect();
        session.run(TensorData::U8(&pixels), &[1, h, w, 3])
    } else {
        let sign = |i: usize| if i * i % 7 < 3 { 1.0 } else { -1.0 };
        let pixel = |i: usize| f32::from(byte(i / w % h, i % w, i / w / h)) / 64.0 - 2.0;
        let pixels = (0..3 * h * w).map(|i| pixel(i) * (1.0 + off * sign(i)));
        let pixels: Vec<f32> = pixels.collect();
        session.run(TensorData::F32(&pixels), &[1, 3, h, w])
    };
    match outputs.unwrap().get(0).unwrap() {
        TensorView::F32 { data, .. } => data.iter().map(|v| f64::from(*v)).collect(),
        TensorView::U8 { data, .. } => data.iter().map(|v| f64::from(*v)).collect(),
        TensorView::I64 { .. } => panic!("integers"),
    }
}

/// Mean and largest difference in shares of the largest value.
fn apart(one: &[f64], other: &[f64]) -> [f64; 2] {
    assert_eq!(one.len(), other.len());
    let scale = one.iter().fold(0.0f64, |most, v| most.max(v.abs()));
    let apart = || one.iter().zip(other).map(|(a, b)| (a - b).abs() / scale);
    let mean = apart().sum::<f64>() / one.len() as f64;
    [mean, apart().fold(0.0, f64::max)]
}

/// Builds with both kinds of numbers and compares; `own` is how far 32-bit runs are apart.
fn compare(case: &str, model: &Model, options: &BuildOptions, own: [f64; 2]) {
    let half = BuildOptions {
        floats: Floats::F16,
        ..options.clone()
    };
    let (full, half) = (model.graph(options).unwrap(), model.graph(&half).unwrap());
    let bytes = [&half, &full].map(Graph::weight_bytes);
    assert!(bytes[0] * 10 < bytes[1] * 9, "{case}: weights {bytes:?}");
    let (full, half) = (result(&full, options, 0.0), result(&half, options, 0.0));
    assert!(half.iter().all(|v| v.is_finite()), "{case}: not finite");
    if model.spec().output == OutputMeaning::Labels {
        let other = full.iter().zip(&half).filter(|(a, b)| a != b).count();
        assert!(other * 100 <= full.len(), "{case}: {other} other classes");
        return;
    }
    let found = apart(&full, &half);
    assert!(found[0] > 0.0, "{case}: nothing is in 16 bits");
    for ((found, bound), own) in found.into_iter().zip(BOUNDS).zip(own) {
        let bound = bound.max(OWN_ERROR * own);
        assert!(found <= bound, "{case}: {found}, not {bound}");
    }
}

#[test]
fn graphs_in_16_bits_say_what_those_in_32_say() {
    let mut cases = toys_in(&data());
    let model = Model::embedded().unwrap();
    // At its size: on the few tokens of a small picture, which it never sees, one rounding moves all depths.
    let size = model.spec().network_size;
    let name = "default".into();
    cases.push(Toy { name, model, size });
    for Toy {
        name: case,
        model,
        size,
    } in cases
    {
        let options = BuildOptions::new(size);
        let graph = model.graph(&options).unwrap();
        let [exact, rounded] = [0.0, 1.0 / 2048.0].map(|off| result(&graph, &options, off));
        let own = apart(&exact, &rounded);
        compare(&case, &model, &options, own);
        let options = BuildOptions {
            input: InputForm::Rgb8,
            batch: Batch::Dynamic,
            flavour: Flavour::Ort,
            ..options
        };
        compare(&case, &model, &options, own);
    }
}

/// The same graphs as a user's `.onnx` files in 32 bits, rewritten.
#[test]
fn a_users_graph_is_rewritten_for_16_bits_and_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut depths = 0;
    for Toy { name, model, size } in toys_in(&data()) {
        let options = BuildOptions::new(size);
        let graph = model.graph(&options).unwrap();
        // With weights beside it and inside.
        graph.write(&path, depths % 2 == 0).unwrap();
        let half = in_fp16(&path).unwrap();
        assert_eq!(
            kinds_of_interface(&graph),
            kinds_of_interface(&half),
            "{name}"
        );
        let bytes = [&half, &graph].map(Graph::weight_bytes);
        assert!(bytes[0] * 10 < bytes[1] * 9, "{name}: weights {bytes:?}");
        let [full, rounded] = [0.0, 1.0 / 2048.0].map(|off| result(&graph, &options, off));
        let half = result(&half, &options, 0.0);
        assert!(half.iter().all(|v| v.is_finite()), "{name}: not finite");
        if model.spec().output == OutputMeaning::Labels {
            let other = full.iter().zip(&half).filter(|(a, b)| a != b).count();
            assert!(other * 100 <= full.len(), "{name}: {other} other classes");
            continue;
        }
        depths += 1;
        let (found, own) = (apart(&full, &half), apart(&full, &rounded));
        assert!(found[0] > 0.0, "{name}: nothing is in 16 bits");
        for ((found, bound), own) in found.into_iter().zip(BOUNDS).zip(own) {
            let bound = bound.max(OWN_ERROR * own);
            assert!(found <= bound, "{name}: {found}, not {bound}");
        }
    }
    assert!(depths > 20);
}

/// Names and element types of inputs and outputs.
fn kinds_of_interface(graph: &Graph) -> Vec<(String, i32)> {
    let model = onnx::Model::read(&graph.to_bytes().unwrap());
    let graph = model.graph();
    let infos = graph.inputs.iter().chain(&graph.outputs);
    infos
        .map(|info| {
            let tensor = info.kind.as_ref().unwrap().tensor.as_ref().unwrap();
            (info.name.clone(), tensor.element)
        })
        .collect()
}

/// Two exports of a toy by PyTorch, which spells normalisations out in one of them and puts constants
/// and shapes into nodes.
#[test]
fn graphs_that_pytorch_exports_are_rewritten_too() {
    for (file, opset) in [("torch-script.onnx", 14), ("torch-dynamo.onnx", 18)] {
        let path = data().join("onnx").join(file);
        let bytes = std::fs::read(&path).unwrap();
        let half = in_fp16(&path).unwrap().to_bytes().unwrap();
        let written = onnx::Model::read(&half);
        assert_eq!(written.opset_import[0].version, opset, "{file}");
        let [full, half] = [&bytes, &half].map(|bytes| depth_of(bytes, [42, 70]));
        let found = apart(&full, &half);
        assert!(found[0] > 0.0, "{file}: nothing is in 16 bits");
        for (found, bound) in found.into_iter().zip(BOUNDS) {
            assert!(found <= bound, "{file}: {found}, not {bound}");
        }
        // Products but the last two are in 16 bits, what spells a normalisation out is not.
        let graph = written.graph();
        let made_by_cast = |name: &String| {
            let mut casts = graph.nodes.iter().filter(|node| node.op == "Cast");
            casts.any(|node| node.outputs.contains(name))
        };
        let half_products = graph.nodes.iter().filter(|node| {
            matches!(node.op.as_str(), "MatMul" | "Conv" | "ConvTranspose")
                && node.outputs[0].ends_with("/fp16")
        });
        let products = graph.nodes.iter();
        let products =
            products.filter(|node| matches!(node.op.as_str(), "MatMul" | "Conv" | "ConvTranspose"));
        assert_eq!(half_products.count() + 2, products.count(), "{file}");
        for node in &graph.nodes {
            if matches!(node.op.as_str(), "ReduceMean" | "Pow" | "Sqrt" | "Softmax") {
                let half = |name: &&String| name.ends_with("/fp16") && !made_by_cast(name);
                assert!(
                    node.inputs.iter().all(|name| !half(&name)),
                    "{file}: {}",
                    node.name
                );
            }
        }
    }
}

/// The depth that an `.onnx` file gives for a picture of this height and width.
fn depth_of(bytes: &[u8], size: [usize; 2]) -> Vec<f64> {
    let settings = SessionSettings {
        provider: ExecutionProvider::Cpu,
        ..SessionSettings::default()
    };
    let source = ModelSource::Memory(bytes);
    let mut session = Session::open(runtime(), source, &settings).unwrap();
    let [h, w] = size;
    let pixels: Vec<f32> = (0..3 * h * w)
        .map(|i| (i % 83) as f32 / 40.0 - 1.0)
        .collect();
    let outputs = session
        .run(TensorData::F32(&pixels), &[1, 3, h, w])
        .unwrap();
    let TensorView::F32 { data, .. } = outputs.get(0).unwrap() else {
        panic!("no floats");
    };
    data.iter().map(|v| f64::from(*v)).collect()
}

#[test]
fn scores_are_scaled_before_16_bits_end_and_no_limit_stays_none() {
    let path = data().join("onnx/attention.onnx");
    let half = in_fp16(&path).unwrap().to_bytes().unwrap();
    let full = depth_of(&std::fs::read(&path).unwrap(), [8, 8]);
    let found = depth_of(&half, [8, 8]);
    assert!(found.iter().all(|v| v.is_finite()), "{found:?}");
    let apart = apart(&full, &found);
    assert!(
        apart[0] > 0.0 && apart[0] <= BOUNDS[0] && apart[1] <= BOUNDS[1],
        "{apart:?}"
    );
    let model = onnx::Model::read(&half);
    let elements = model.graph().elements();
    // ONNX Runtime's CPU provider would do the same by itself, others not.
    let nodes = &model.graph().nodes;
    let scale = nodes.iter().find(|node| node.op == "Div").unwrap();
    let mut readers = nodes.iter();
    let scores = readers.find(|node| node.inputs.contains(&scale.outputs[0]));
    let scores = scores.unwrap();
    assert_eq!(scores.op, "MatMul");
    assert_eq!(elements[scores.outputs[0].as_str()], "float16");
    // The bias is a constant, so its sum is in 16 bits too.
    let clip = model
        .graph()
        .nodes
        .iter()
        .find(|node| node.op == "Clip")
        .unwrap();
    assert!(
        clip.inputs
            .iter()
            .all(|name| elements[name.as_str()] == "float16")
    );
}

#[test]
fn what_cannot_be_rewritten_says_why() {
    let data = data().join("onnx");
    for (file, part) in [
        ("corrupt.onnx", "no intact ONNX model"),
        ("truncated.onnx", "no intact ONNX model"),
        ("absent.onnx", "cannot access"),
    ] {
        let message = in_fp16(&data.join(file)).err().unwrap().to_string();
        assert!(message.contains(part), "{file}: {message}");
    }
    // Its one convolution is the last: there is nothing that 16 bits would not spoil.
    let message = in_fp16(&data.join("f32-nchw.onnx")).err().unwrap();
    let message = message.to_string();
    for part in ["fp16", "no matrix product", "precision=auto"] {
        assert!(message.contains(part), "{message}");
    }
    // A weight that 16 bits cannot say.
    let folder = with_value("dpt.encoder.layer.1.intermediate.dense.weight", 1e5);
    let model = Model::open(folder.path()).unwrap();
    let graph = model.graph(&BuildOptions::new(Size::new(32, 32))).unwrap();
    let path = folder.path().join("model.onnx");
    graph.write(&path, true).unwrap();
    let message = in_fp16(&path).err().unwrap().to_string();
    for part in ["100000", "65504", "block1/mlp"] {
        assert!(message.contains(part), "{message}");
    }
    // Its weights have become shorter than it says.
    std::fs::write(folder.path().join("model.onnx.data"), [0; 64]).unwrap();
    let message = in_fp16(&path).err().unwrap().to_string();
    assert!(message.contains("reach beyond"), "{message}");
}

/// A toy checkpoint with one value of a tensor replaced.
fn with_value(name: &str, value: f32) -> tempfile::TempDir {
    let from = data().join("dpt/vit-add");
    let to = tempfile::tempdir().unwrap();
    for file in ["config.json", "preprocessor_config.json"] {
        std::fs::copy(from.join(file), to.path().join(file)).unwrap();
    }
    let bytes = std::fs::read(from.join("model.safetensors")).unwrap();
    let stored = SafeTensors::deserialize(&bytes).unwrap();
    let replaced = {
        let mut data = stored.tensor(name).unwrap().data().to_vec();
        data[..4].copy_from_slice(&value.to_le_bytes());
        data
    };
    let tensors = stored.tensors().into_iter().map(|(own, view)| {
        let data = if own == name {
            Stored::new(view.dtype(), view.shape().to_vec(), &replaced).unwrap()
        } else {
            view
        };
        (own, data)
    });
    let bytes = safetensors::serialize(tensors, None).unwrap();
    std::fs::write(to.path().join("model.safetensors"), bytes).unwrap();
    to
}

#[test]
fn a_weight_beyond_16_bits_is_named() {
    let name = "dpt.encoder.layer.1.intermediate.dense.weight";
    let half = BuildOptions {
        floats: Floats::F16,
        ..BuildOptions::new(Size::new(32, 32))
    };
    let graph = |value| {
        let folder = with_value(name, value);
        Model::open(folder.path()).unwrap().graph(&half)
    };
    let message = graph(1e5).err().expect("it does not fit").to_string();
    for part in ["block1/mlp", "100000", "65504", "precision fp32"] {
        assert!(message.contains(part), "{message}");
    }
    // The largest that fits, and one that is rounded to nothing.
    assert!(graph(65504.0).is_ok() && graph(1e-9).is_ok());
}
