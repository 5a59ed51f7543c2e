// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Opening and running the models of `tests/data/onnx`, on every provider that runs on a CPU.

use gstdptdepth::dpt::InputForm;
use gstdptdepth::inference::runtime::load;
use gstdptdepth::inference::{
    Bind, ElementType, ExecutionProvider, InferenceError, ModelSource, Precision, Session,
    SessionSettings, TensorData, TensorView,
};

use gstdptdepth::model::{BuildOptions, Model};
use gstdptdepth::spec::Size;
use std::path::Path;

use crate::{Case, assert_says, model, onnx, openvino, plain};

pub(super) fn cases() -> Vec<Case> {
    vec![
        ("session/cpu", || everything(ExecutionProvider::Cpu)),
        ("session/openvino", || {
            everything(ExecutionProvider::OpenVino)
        }),
        ("session/bound-cpu", || bound(ExecutionProvider::Cpu)),
        ("session/bound-openvino", || {
            bound(ExecutionProvider::OpenVino)
        }),
        ("session/cuda-graph-without-addresses", cuda_graph),
        ("session/padding-before-max-pool", padding),
        ("session/free-dimensions-simplified", simplified_dimensions),
        ("session/free-dimensions-become-fixed", fixed_dimensions),
        ("session/output-of-another-size", other_size),
        ("session/bad-models", bad_models),
        ("session/bad-inputs", bad_inputs),
        ("session/leaves-no-files", leaves_no_files),
    ]
}

fn open(provider: ExecutionProvider, name: &str) -> Result<Session, InferenceError> {
    let library = if provider == ExecutionProvider::OpenVino {
        openvino()
    } else {
        plain()
    };
    let runtime = load(Some(&library), None).unwrap();
    let settings = SessionSettings {
        // In 16 bits sums of small numbers are not exact.
        precision: Precision::Fp32,
        provider,
        ..SessionSettings::default()
    };
    Session::open(runtime, ModelSource::File(&model(name)), &settings)
}

fn everything(provider: ExecutionProvider) {
    f32_of_any_size(provider);
    u8_of_any_batch(provider);
    in_memory(provider);
}

/// Input and outputs bound as for GPUs, where ONNX Runtime copies what it is given once, when it is
/// bound, give every picture its own result, the same as without.
fn bound(provider: ExecutionProvider) {
    const SIDE: usize = 64;
    let library = match provider {
        ExecutionProvider::OpenVino => openvino(),
        _ => plain(),
    };
    let runtime = load(Some(&library), None).unwrap();
    let models = [
        Model::embedded(),
        Model::open(Path::new("dptdepth-segmentation")),
    ];
    for model in models {
        let options = BuildOptions {
            input: InputForm::Rgb8,
            ..BuildOptions::new(Size::new(SIDE as u32, SIDE as u32))
        };
        let graph = model.unwrap().graph(&options).unwrap().to_bytes().unwrap();
        let open = |bind| {
            let settings = SessionSettings {
                provider,
                bind,
                ..SessionSettings::default()
            };
            Session::open(runtime, ModelSource::Memory(&graph), &settings).unwrap()
        };
        let mut sessions = [Bind::OnDevicesOnly, Bind::AsOnDevice].map(open);
        let mut seen = Vec::new();
        for picture in 0..3 {
            let rgb: Vec<u8> = (0..SIDE * SIDE * 3)
                .map(|i| (i * (37 + picture) % 251) as u8)
                .collect();
            let run = |session: &mut Session| {
                let outputs = session
                    .run(TensorData::U8(&rgb), &[1, SIDE, SIDE, 3])
                    .unwrap();
                assert_eq!(outputs.get(0).unwrap().dims(), [1, SIDE, SIDE]);
                match outputs.get(0).unwrap() {
                    TensorView::F32 { data, .. } => data.to_vec(),
                    TensorView::U8 { data, .. } => data.iter().map(|&class| class.into()).collect(),
                    TensorView::I64 { data, .. } => {
                        data.iter().map(|&class| class as f32).collect()
                    }
                }
            };
            let [plain, bound] = sessions.each_mut().map(run);
            assert!(plain == bound, "picture {picture}");
            // Depths of noise differ; its classes may not.
            let is_depth = sessions[0].outputs()[0].element == ElementType::F32;
            assert!(!is_depth || !seen.contains(&plain), "{picture}");
            seen.push(plain);
        }
    }
}

/// A CUDA graph would repeat the first picture's map where nothing has a fixed address.
fn cuda_graph() {
    let runtime = load(Some(&plain()), None).unwrap();
    let open = |name, value: &str| {
        let settings = SessionSettings {
            provider: ExecutionProvider::Cpu,
            bind: Bind::AsOnDevice,
            provider_options: vec![("enable_cuda_graph".to_owned(), value.to_owned())],
            ..SessionSettings::default()
        };
        Session::open(runtime, ModelSource::File(&model(name)), &settings)
    };
    // Its batch is free, and the other one's size.
    for name in ["u8-nhwc.onnx", "f32-nchw.onnx"] {
        let error = open(name, "1").unwrap_err();
        assert!(matches!(error, InferenceError::CudaGraph { .. }), "{error}");
        assert!(error.is_provider());
        let parts = ["enable_cuda_graph", "is free", "batch-size=1"];
        assert_says(&error.to_string(), &parts);
        open(name, "0").unwrap();
    }
}

/// ONNX Runtime makes padding of an operator of a `Pad` with zeros before it. cuDNN, to which its CUDA
/// provider hands the leading pads only, would then pool another picture.
fn padding() {
    let hybrid = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dpt/hybrid");
    let options = BuildOptions {
        input: InputForm::Rgb8,
        ..BuildOptions::new(Size::new(64, 96))
    };
    let graph = Model::open(&hybrid).unwrap().graph(&options).unwrap();
    // Of the versions here this one does it; ONNX Runtime 1.32 leaves a `MaxPool` alone.
    let model = simplified(&openvino(), &graph.to_bytes().unwrap(), &[]);
    let nodes = &model.graph().nodes;
    let pools = nodes.iter().filter(|node| node.op == "MaxPool");
    let pads: Vec<_> = pools
        .map(|node| &node.attribute("pads").unwrap().ints)
        .collect();
    assert_eq!(pads, [&vec![0; 4]]);
}

/// An output that is not of the size that the file declares cannot be bound, but be had.
fn other_size() {
    let runtime = load(Some(&plain()), None).unwrap();
    let open = |more: &[(&str, &str)]| {
        let option = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let settings = SessionSettings {
            provider: ExecutionProvider::Cpu,
            bind: Bind::AsOnDevice,
            provider_options: more.iter().map(option).collect(),
            ..SessionSettings::default()
        };
        Session::open(
            runtime,
            ModelSource::File(&model("other-size.onnx")),
            &settings,
        )
    };
    let mut session = open(&[]).unwrap();
    assert_says(session.provider_reason(), &["cpu", "not bound"]);
    for columns in [5, 2] {
        let pixels: Vec<f32> = (0..3 * 64)
            .map(|i| (i % 8 % (columns + 1)) as f32)
            .collect();
        let outputs = session
            .run(TensorData::F32(&pixels), &[1, 3, 8, 8])
            .unwrap();
        let TensorView::F32 { dims, data } = outputs.get(0).unwrap() else {
            panic!()
        };
        assert_eq!(dims, [1, 1, 8, columns]);
        assert_eq!(data[..columns], pixels[..columns]);
    }
    // A CUDA graph is nothing without.
    assert!(open(&[("enable_cuda_graph", "1")]).is_err());
}

/// A graph as ONNX Runtime has simplified it before a provider sees it.
fn simplified(library: &Path, graph: &[u8], fixed: &[(&str, i64)]) -> onnx::Model {
    let folder = tempfile::tempdir().unwrap();
    let optimised = folder.path().join("optimised.onnx");
    let environment = ort::init_from(library).unwrap().build().unwrap();
    let mut builder = ort::session::Session::builder(&environment)
        .unwrap()
        .with_optimization_level(ort::session::builder::GraphOptimizationLevel::Level1)
        .unwrap()
        .with_optimized_model_path(&optimised)
        .unwrap();
    for (name, size) in fixed {
        builder = builder.with_dimension_override(name, *size).unwrap();
    }
    drop(builder.commit_from_memory(graph).unwrap());
    onnx::Model::read(&std::fs::read(&optimised).unwrap())
}

/// A graph of free size works its shapes out in each run, on the CPU, which an NVIDIA GPU's provider
/// counts as a fallback. With its dimensions fixed nothing of that is left.
fn simplified_dimensions() {
    let graph = std::fs::read(model("torch-script.onnx")).unwrap();
    let shapes = |graph: &onnx::Model| {
        let nodes = graph.graph().nodes.iter();
        nodes.filter(|node| node.op == "Shape").count()
    };
    assert!(shapes(&onnx::Model::read(&graph)) > 50);
    assert_eq!(shapes(&simplified(&plain(), &graph, &FIXED)), 0);
}

const FIXED: [(&str, i64); 3] = [("batch", 2), ("height", 42), ("width", 70)];

/// They are bound like any other.
fn fixed_dimensions() {
    let graph = std::fs::read(model("torch-script.onnx")).unwrap();
    let runtime = load(Some(&plain()), None).unwrap();
    let named = |(name, size): (&str, i64)| (name.to_owned(), size as usize);
    let settings = SessionSettings {
        provider: ExecutionProvider::Cpu,
        bind: Bind::AsOnDevice,
        fixed_dimensions: FIXED.map(named).to_vec(),
        ..SessionSettings::default()
    };
    let mut session = Session::open(runtime, ModelSource::Memory(&graph), &settings).unwrap();
    assert_eq!(session.input().dims, [2, 3, 42, 70].map(Some));
    let pixels = vec![0.5; 2 * 3 * 42 * 70];
    let outputs = session
        .run(TensorData::F32(&pixels), &[2, 3, 42, 70])
        .unwrap();
    assert_eq!(outputs.get(0).unwrap().dims(), [2, 42, 70]);
}

/// The model weights the channels 1/2, 1/4, 1/4: exact for small integers.
fn f32_of_any_size(provider: ExecutionProvider) {
    let mut session = open(provider, "f32-nchw.onnx").unwrap();
    let input = session.input();
    assert_eq!(
        (input.name.as_str(), input.element),
        ("pixel_values", ElementType::F32)
    );
    assert_eq!(input.dims, [Some(1), Some(3), None, None]);
    assert_says(session.active_provider(), &[provider.name(), "not run yet"]);
    for (height, width) in [(5, 7), (8, 4)] {
        let area = height * width;
        let data: Vec<f32> = (0..3 * area).map(|i| (i % 251) as f32).collect();
        let outputs = session
            .run(TensorData::F32(&data), &[1, 3, height, width])
            .unwrap();
        let TensorView::F32 { dims, data: result } = outputs.get(0).unwrap() else {
            panic!()
        };
        assert_eq!(dims, [1, 1, height, width]);
        for (i, &value) in result.iter().enumerate() {
            assert_eq!(
                value,
                (2.0 * data[i] + data[area + i] + data[2 * area + i]) / 4.0,
                "{i}"
            );
        }
        assert_eq!(result.len(), area);
        assert!(outputs.get(1).is_err());
    }
    assert_eq!(session.active_provider(), provider.name());
}

fn u8_of_any_batch(provider: ExecutionProvider) {
    let mut session = open(provider, "u8-nhwc.onnx").unwrap();
    assert_eq!(session.active_provider(), provider.name());
    assert_eq!(session.input().dims, [None, Some(32), Some(48), Some(3)]);
    let elements: Vec<_> = session
        .outputs()
        .iter()
        .map(|output| output.element)
        .collect();
    assert_eq!(
        elements,
        [ElementType::F32, ElementType::U8, ElementType::I64]
    );
    for batch in [1, 3] {
        let data: Vec<u8> = (0..batch * 32 * 48 * 3)
            .map(|i| (i * 37 % 256) as u8)
            .collect();
        let outputs = session
            .run(TensorData::U8(&data), &[batch, 32, 48, 3])
            .unwrap();
        let TensorView::F32 { data: depth, .. } = outputs.get(0).unwrap() else {
            panic!()
        };
        let TensorView::U8 { data: labels, .. } = outputs.get(1).unwrap() else {
            panic!()
        };
        let TensorView::I64 { data: largest, .. } = outputs.get(2).unwrap() else {
            panic!()
        };
        for index in 0..3 {
            assert_eq!(outputs.get(index).unwrap().dims(), [batch, 32, 48]);
        }
        for (i, pixel) in data.chunks_exact(3).enumerate() {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(f32::from);
            assert_eq!(depth[i], (2.0 * r + g + b) / 4.0, "{i}");
            let most = (0..3).rev().max_by_key(|&channel| pixel[channel]).unwrap();
            assert_eq!(
                (usize::from(labels[i]), largest[i]),
                (most, most as i64),
                "{i}"
            );
        }
    }
}

fn in_memory(provider: ExecutionProvider) {
    let library = if provider == ExecutionProvider::OpenVino {
        openvino()
    } else {
        plain()
    };
    let runtime = load(Some(&library), None).unwrap();
    let bytes = std::fs::read(model("u8-nhwc.onnx")).unwrap();
    let settings = SessionSettings {
        provider,
        threads: 1,
        ..SessionSettings::default()
    };
    let mut session = Session::open(runtime, ModelSource::Memory(&bytes), &settings).unwrap();
    drop(bytes);
    let run = std::thread::spawn(move || {
        let outputs = session
            .run(TensorData::U8(&[4; 32 * 48 * 3]), &[1, 32, 48, 3])
            .unwrap();
        matches!(outputs.get(0).unwrap(), TensorView::F32 { data, .. } if data == [4.0; 32 * 48])
    });
    assert!(run.join().unwrap());
}

fn bad_models() {
    for provider in [ExecutionProvider::Cpu, ExecutionProvider::Auto] {
        for name in ["corrupt.onnx", "truncated.onnx", "absent.onnx"] {
            let error = open(provider, name).expect_err(name);
            assert!(
                matches!(error, InferenceError::Model { .. }),
                "{name}: {error}"
            );
            assert!(!error.is_provider(), "{error}");
            assert_says(&error.to_string(), &[name, "check that the file is whole"]);
        }
        let error = open(provider, "two-inputs.onnx").unwrap_err();
        assert!(matches!(error, InferenceError::Inputs { .. }), "{error}");
        assert_says(&error.to_string(), &["2 inputs", "left", "right"]);
    }
}

fn bad_inputs() {
    let mut session = open(ExecutionProvider::Cpu, "u8-nhwc.onnx").unwrap();
    let data = vec![0_u8; 32 * 48 * 3];
    let error = session
        .run(TensorData::F32(&[0.0; 3]), &[1, 3])
        .unwrap_err();
    assert_says(&error.to_string(), &["rgb", "takes u8", "given f32"]);
    for dims in [
        vec![1, 48, 32, 3],
        vec![2, 32, 48, 3],
        vec![0, 32, 48, 3],
        vec![32, 48, 3],
        vec![usize::MAX, 32, 48, 3],
        vec![],
    ] {
        let error = session.run(TensorData::U8(&data), &dims).unwrap_err();
        assert!(
            matches!(error, InferenceError::InputShape { .. }),
            "{error}"
        );
        assert_says(&error.to_string(), &["[?, 32, 48, 3]", "4608 elements"]);
    }
    session.run(TensorData::U8(&data), &[1, 32, 48, 3]).unwrap();
}

/// The profile that shows the provider is removed, with a run and without.
fn leaves_no_files() {
    let ours = || {
        let start = format!("dptdepth-{}-", std::process::id());
        let entries = std::fs::read_dir(std::env::temp_dir()).unwrap().flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&start))
            .count()
    };
    let session = open(ExecutionProvider::Cpu, "f32-nchw.onnx").unwrap();
    assert_eq!(ours(), 1);
    drop(session);
    open(ExecutionProvider::Cpu, "u8-nhwc.onnx").unwrap();
    assert_eq!(ours(), 0);
}
