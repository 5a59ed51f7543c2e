// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Graphs in 16 bits beside those in 32, for every architecture. ONNX Runtime's CPU provider works
//! each node out in 32 bits and rounds what leaves it, so what is seen here is the rounding, not a
//! GPU's kernels.

use crate::common::runtime;
use gstdptdepth::dpt::{Batch, Flavour, Floats, InputForm};
use gstdptdepth::graph::Graph;
use gstdptdepth::inference::{
    ExecutionProvider, ModelSource, Session, SessionSettings, TensorData, TensorView,
};
use gstdptdepth::model::{BuildOptions, Choice, Model};
use gstdptdepth::spec::Size;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView as Stored;
use std::path::{Path, PathBuf};

/// Mean difference in shares of the largest value. One rounding to ten bits is off by 2⁻¹¹ at the
/// most; this is eight of them. Measured: 0.0001 to 0.0007, with the hybrid's stem 0.0025, since its
/// random weights multiply any error (a picture rounded to 16 bits gives as much in 32-bit graphs).
const MEAN: f64 = 1.0 / 256.0;
/// The same for Swin V2, whose cosines are multiplied by up to 100 before they are exponents.
/// Measured: 0.005.
const SWIN_MEAN: f64 = 1.0 / 128.0;
/// Largest difference. Measured: up to 0.026.
const LARGEST: f64 = 1.0 / 32.0;

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// All toy checkpoints with the largest size that there are reference values for.
fn cases() -> Vec<(String, Model, Size)> {
    let mut cases = Vec::new();
    for family in ["dpt", "original"] {
        let folders = std::fs::read_dir(data().join(family)).unwrap();
        let mut folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
        folders.retain(|path| path.is_dir() && !path.ends_with("default"));
        folders.sort();
        for folder in folders {
            let size = |name: &str| {
                let size = name.strip_prefix("golden-")?.strip_suffix(".safetensors")?;
                let (height, width) = size.split_once('x')?;
                Some(Size::new(height.parse().unwrap(), width.parse().unwrap()))
            };
            let sizes = std::fs::read_dir(&folder).unwrap().filter_map(|entry| {
                let name = entry.unwrap().file_name();
                size(name.to_str().unwrap())
            });
            let size = sizes.max_by_key(|size| size.area()).unwrap();
            let read = |name| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
            let choice = match read("arguments").trim().strip_prefix("--variant ") {
                Some(variant) => Choice::parse(variant).unwrap(),
                None => Choice::default(),
            };
            let model = Model::open_as(&folder.join(read("checkpoint").trim()), choice).unwrap();
            cases.push((folder.display().to_string(), model, size));
        }
    }
    assert!(cases.len() >= 29, "{} toy checkpoints", cases.len());
    cases
}

/// What a graph says to a picture of slopes, the first output only.
fn result(graph: &Graph, options: &BuildOptions) -> Vec<f64> {
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
        let pixels = (0..3 * h * w).map(|i| byte(i / w % h, i % w, i / w / h));
        let pixels: Vec<f32> = pixels.map(|p| f32::from(p) / 64.0 - 2.0).collect();
        session.run(TensorData::F32(&pixels), &[1, 3, h, w])
    };
    match outputs.unwrap().get(0).unwrap() {
        TensorView::F32 { data, .. } => data.iter().map(|v| f64::from(*v)).collect(),
        TensorView::U8 { data, .. } => data.iter().map(|v| f64::from(*v)).collect(),
        TensorView::I64 { .. } => panic!("integers"),
    }
}

/// Builds with both kinds of numbers and compares.
fn compare(case: &str, model: &Model, options: &BuildOptions) {
    let build = |floats| {
        let options = BuildOptions {
            floats,
            ..options.clone()
        };
        model.graph(&options).unwrap()
    };
    let (full, half) = (build(Floats::F32), build(Floats::F16));
    assert!(
        half.weight_bytes() * 10 < full.weight_bytes() * 9,
        "{case}: weights"
    );
    let (full, half) = (result(&full, options), result(&half, options));
    assert_eq!(full.len(), half.len(), "{case}");
    assert!(half.iter().all(|v| v.is_finite()), "{case}: not finite");
    let apart: Vec<f64> = full.iter().zip(&half).map(|(a, b)| (a - b).abs()).collect();
    let mean = apart.iter().sum::<f64>() / apart.len() as f64;
    if model.spec().output == gstdptdepth::spec::OutputMeaning::Labels {
        let other = apart.iter().filter(|apart| **apart > 0.0).count();
        assert!(other * 100 <= apart.len(), "{case}: {other} other classes");
        return;
    }
    let scale = full.iter().fold(0.0f64, |most, v| most.max(v.abs()));
    let largest = apart.iter().copied().fold(0.0, f64::max);
    let bound = if case.contains("swin") {
        SWIN_MEAN
    } else {
        MEAN
    };
    println!("{case}: mean {} largest {}", mean / scale, largest / scale);
    assert!(mean > 0.0, "{case}: nothing is in 16 bits");
    assert!(
        mean <= bound * scale,
        "{case}: {mean} of {scale} in the mean"
    );
    assert!(largest <= LARGEST * scale, "{case}: {largest} of {scale}");
}

#[test]
fn graphs_in_16_bits_say_what_those_in_32_say() {
    for (case, model, size) in cases() {
        compare(&case, &model, &BuildOptions::new(size));
        let options = BuildOptions {
            input: InputForm::Rgb8,
            batch: Batch::Dynamic,
            flavour: Flavour::Ort,
            ..BuildOptions::new(size)
        };
        compare(&case, &model, &options);
    }
    let default = Model::embedded().unwrap();
    compare("default", &default, &BuildOptions::new(Size::new(64, 96)));
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
