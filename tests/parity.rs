// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Our graphs against transformers and the original repositories, stage by stage
//! (`data/make_dpt.py` and `data/make_original.py` wrote what those compute).

use crate::common::runtime;
use gstdptdepth::checkpoint::Checkpoint;
use gstdptdepth::dpt::{Batch, Flavour, InputForm, Positions, Rewrite};
use gstdptdepth::inference::{
    ExecutionProvider, ModelSource, Session, SessionSettings, TensorData, TensorView,
};
use gstdptdepth::model::{BuildOptions, Choice, EMBEDDED_SEGMENTATION_NAME, Model};
use gstdptdepth::spec::{ModelSpec, Size};
use std::path::{Path, PathBuf};

/// Largest difference, relative to the largest reference value of the stage. f32 sums in another
/// order differ by about 1e-6 of their terms; five blocks and a decoder multiply that.
const TOLERANCE: f32 = 1e-4;
/// Swin V2's cosines are multiplied by up to 100 before they are exponents, and their errors too.
const SWIN_TOLERANCE: f32 = 5e-4;

fn folder(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/dpt")
        .join(case)
}

/// A checkpoint in its authors' own format.
fn original(case: &str) -> (PathBuf, Model) {
    let folder = folder("../original").join(case);
    let read = |name: &str| std::fs::read_to_string(folder.join(name));
    let checkpoint = folder.join(read("checkpoint").unwrap().trim());
    let arguments = read("arguments").unwrap_or_default();
    let choice = arguments
        .trim()
        .strip_prefix("--variant ")
        .map(|variant| Choice::parse(variant).unwrap())
        .unwrap_or_default();
    (folder, Model::open_as(&checkpoint, choice).unwrap())
}

fn options(size: Size) -> BuildOptions {
    BuildOptions {
        stages: true,
        ..BuildOptions::new(size)
    }
}

fn session(model: &Model, options: &BuildOptions) -> Session {
    let bytes = model.graph(options).unwrap().to_bytes().unwrap();
    let settings = SessionSettings {
        provider: ExecutionProvider::Cpu,
        threads: 1,
        ..Default::default()
    };
    Session::open(runtime(), ModelSource::Memory(&bytes), &settings).unwrap()
}

/// The sizes for which a case has golden values, from the files' names.
fn sizes(folder: &Path) -> Vec<Size> {
    let mut sizes: Vec<Size> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let size = name.strip_prefix("golden-")?.strip_suffix(".safetensors")?;
            let (height, width) = size.split_once('x')?;
            Some(Size::new(height.parse().unwrap(), width.parse().unwrap()))
        })
        .collect();
    sizes.sort_by_key(|size| (size.height, size.width));
    sizes
}

fn golden(folder: &Path, size: Size) -> Checkpoint {
    Checkpoint::open(&folder.join(format!("golden-{size}.safetensors"))).unwrap()
}

/// Compares at each size for which there are golden values; so many there must be.
fn compare_at_sizes(folder: &Path, model: &Model, count: usize, tolerance: f32) {
    let sizes = sizes(folder);
    let case = folder.display();
    assert_eq!(sizes.len(), count, "{case}: sizes with golden values");
    for size in sizes {
        let golden = golden(folder, size);
        let mut session = session(model, &options(size));
        let names: Vec<String> = session.outputs().iter().map(|o| o.name.clone()).collect();
        let input = golden.tensor("input").unwrap();
        let outputs = session
            .run(TensorData::F32(input.as_slice().unwrap()), input.shape())
            .unwrap();
        // In the order of computation, so that the first failure is the first stage that differs.
        let has = |name: &str| golden.shape(name).is_some();
        let compared: Vec<_> = names.iter().enumerate().filter(|(_, n)| has(n)).collect();
        for (index, name) in &compared {
            let expected = golden.tensor(name).unwrap();
            match outputs.get(*index).unwrap() {
                TensorView::F32 { dims, data } => {
                    assert_eq!(dims, expected.shape(), "{case} {size} {name}");
                    let largest = expected.iter().fold(0.0f32, |a, b| a.max(b.abs()));
                    let worst = data
                        .iter()
                        .zip(&expected)
                        .fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
                    assert!(largest > 0.1, "{case} {size} {name}: degenerate reference");
                    assert!(
                        worst <= tolerance * largest,
                        "{case} {size} {name}: off by {worst} of {largest}"
                    );
                }
                TensorView::U8 { dims, data } => {
                    assert_eq!(dims, expected.shape(), "{case} {size} {name}");
                    // Two classes whose scores are equal up to rounding may change places.
                    let wrong = data
                        .iter()
                        .zip(&expected)
                        .filter(|(a, b)| f32::from(**a) != **b)
                        .count();
                    assert!(
                        wrong * 1000 <= data.len(),
                        "{case} {size} {name}: {wrong} differ"
                    );
                }
                TensorView::I64 { .. } => panic!("{case} {name}: integers"),
            }
        }
        let expected = golden.names().filter(|name| *name != "input").count();
        assert_eq!(
            compared.len(),
            expected,
            "{case} {size}: every stage is compared"
        );
    }
}

fn compare(case: &str) {
    let folder = folder(case);
    compare_at_sizes(&folder, &Model::open(&folder).unwrap(), 2, TOLERANCE);
}

fn compare_original(case: &str, sizes: usize, tolerance: f32) {
    let (folder, model) = original(case);
    compare_at_sizes(&folder, &model, sizes, tolerance);
}

#[test]
fn plain_vit_with_projected_readout() {
    compare("vit-project");
}

#[test]
fn plain_vit_with_added_readout() {
    compare("vit-add");
}

#[test]
fn plain_vit_with_ignored_readout_and_no_qkv_bias() {
    compare("vit-ignore");
}

#[test]
fn hybrid_with_bit_stem() {
    compare("hybrid");
}

#[test]
fn segmentation_with_batch_norm() {
    compare("vit-segmentation");
}

#[test]
fn hybrid_segmentation() {
    compare("hybrid-segmentation");
}

#[test]
fn depth_anything_v1() {
    compare("depth-anything-v1");
}

#[test]
fn depth_anything_v2() {
    compare("depth-anything-v2");
}

#[test]
fn depth_anything_v2_metric() {
    compare("depth-anything-v2-metric");
}

#[test]
fn depth_anything_v2_giant_with_swiglu() {
    compare("depth-anything-v2-giant");
}

#[test]
fn dinov2_with_projected_readout() {
    compare("dpt-dinov2");
}

#[test]
fn beit() {
    compare("dpt-beit");
}

#[test]
fn zoedepth() {
    for case in ["zoedepth-nyu", "zoedepth-kitti", "zoedepth-nyu-kitti"] {
        compare(case);
    }
}

#[test]
fn swinv2() {
    for (case, sizes) in [("dpt-swinv2", 2), ("dpt-swinv2-pretrained", 1)] {
        let folder = folder(case);
        let model = Model::open(&folder).unwrap();
        compare_at_sizes(&folder, &model, sizes, SWIN_TOLERANCE);
    }
}

#[test]
fn original_depth_anything_v1() {
    compare_original("anything-v1", 2, TOLERANCE);
}

#[test]
fn original_depth_anything_v2() {
    compare_original("anything-v2", 2, TOLERANCE);
}

#[test]
fn original_depth_anything_v2_metric() {
    compare_original("anything-v2-metric", 2, TOLERANCE);
}

#[test]
fn original_depth_anything_3_mono() {
    compare_original("da3mono", 2, TOLERANCE);
}

#[test]
fn original_dinov2_backbone_and_head() {
    compare_original("dinov2-nyu", 2, TOLERANCE);
}

#[test]
fn original_hybrid() {
    compare_original("isl-hybrid", 2, TOLERANCE);
}

#[test]
fn original_hybrid_nyu_in_metres() {
    compare_original("isl-hybrid-nyu", 1, TOLERANCE);
}

#[test]
fn original_vit() {
    compare_original("isl-vit", 2, TOLERANCE);
}

#[test]
fn original_vit_segmentation() {
    compare_original("isl-vit-ade", 2, TOLERANCE);
}

#[test]
fn original_midas_beit() {
    compare_original("midas-beit", 2, TOLERANCE);
}

#[test]
fn original_midas_swin2() {
    compare_original("midas-swin2", 1, SWIN_TOLERANCE);
}

#[test]
fn default_model_with_efficientnet_stem() {
    compare_at_sizes(
        &folder("default"),
        &Model::embedded().unwrap(),
        1,
        TOLERANCE,
    );
}

#[test]
fn segmentation_model_with_efficientnet_stem() {
    let model = Model::open(EMBEDDED_SEGMENTATION_NAME.as_ref()).unwrap();
    compare_at_sizes(&folder("default-segmentation"), &model, 1, TOLERANCE);
}

#[test]
fn a_u8_input_normalises_in_the_graph() {
    for case in ["vit-project", "hybrid"] {
        let model = Model::open(&folder(case)).unwrap();
        let size = Size::new(32, 32);
        let rgb: Vec<u8> = (0..size.area() * 3).map(|i| (i * 37 % 256) as u8).collect();
        let spec = model.spec();
        let mut pixels = vec![0.0; rgb.len()];
        for (i, value) in rgb.iter().enumerate() {
            let (pixel, channel) = (i / 3, i % 3);
            pixels[channel * size.area() + pixel] =
                (f32::from(*value) / 255.0 - spec.mean[channel]) / spec.std[channel];
        }
        let plain = BuildOptions {
            stages: false,
            ..options(size)
        };
        let from_u8 = BuildOptions {
            input: InputForm::Rgb8,
            ..plain.clone()
        };
        let mut a = session(&model, &plain);
        let mut b = session(&model, &from_u8);
        let a = a.run(TensorData::F32(&pixels), &[1, 3, 32, 32]).unwrap();
        let b = b.run(TensorData::U8(&rgb), &[1, 32, 32, 3]).unwrap();
        let (TensorView::F32 { data: a, .. }, TensorView::F32 { data: b, .. }) =
            (a.get(0).unwrap(), b.get(0).unwrap())
        else {
            panic!("depth is f32");
        };
        let largest = a.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        let worst = a
            .iter()
            .zip(b)
            .fold(0.0f32, |w, (a, b)| w.max((a - b).abs()));
        assert!(worst <= TOLERANCE * largest, "{case}: {worst} of {largest}");
    }
}

#[test]
fn a_dynamic_batch_gives_each_picture_its_own_result() {
    for case in ["vit-project", "hybrid"] {
        let model = Model::open(&folder(case)).unwrap();
        let size = Size::new(48, 32);
        let golden = golden(&folder(case), size);
        let input = golden.tensor("input").unwrap();
        let expected = golden.tensor("predicted_depth").unwrap();
        let dynamic = BuildOptions {
            batch: Batch::Dynamic,
            stages: false,
            ..options(size)
        };
        let mut session = session(&model, &dynamic);
        let mut two = vec![0.25; input.len()];
        two.extend(&input);
        let outputs = session.run(TensorData::F32(&two), &[2, 3, 48, 32]).unwrap();
        let TensorView::F32 { dims, data } = outputs.get(0).unwrap() else {
            panic!("depth is f32");
        };
        assert_eq!(dims[0], 2);
        let largest = expected.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        for (a, b) in data[data.len() / 2..].iter().zip(&expected) {
            assert!((a - b).abs() <= TOLERANCE * largest, "{case}");
        }
    }
}

#[test]
fn fused_attention_equals_the_portable_form() {
    let case = "vit-project";
    let model = Model::open(&folder(case)).unwrap();
    let size = Size::new(48, 32);
    let golden = golden(&folder(case), size);
    let input = golden.tensor("input").unwrap();
    let expected = golden.tensor("predicted_depth").unwrap();
    let fused = BuildOptions {
        flavour: Flavour::Ort,
        stages: false,
        ..options(size)
    };
    let mut session = session(&model, &fused);
    let outputs = session
        .run(TensorData::F32(input.as_slice().unwrap()), input.shape())
        .unwrap();
    let TensorView::F32 { data, .. } = outputs.get(0).unwrap() else {
        panic!("depth is f32");
    };
    let largest = expected.iter().fold(0.0f32, |a, b| a.max(b.abs()));
    for (a, b) in data.iter().zip(&expected) {
        assert!((a - b).abs() <= TOLERANCE * largest);
    }
}

#[test]
fn the_same_checkpoint_always_gives_the_same_bytes() {
    let model = Model::open(&folder("hybrid")).unwrap();
    let again = Model::open(&folder("hybrid")).unwrap();
    let options = options(Size::new(32, 32));
    assert_eq!(
        model.graph(&options).unwrap().to_bytes().unwrap(),
        again.graph(&options).unwrap().to_bytes().unwrap()
    );
}

#[test]
fn external_data_gives_the_same_result() {
    let model = Model::open(&folder("vit-project")).unwrap();
    let size = Size::new(32, 32);
    let golden = golden(&folder("vit-project"), size);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let graph = model
        .graph(&BuildOptions {
            stages: false,
            ..options(size)
        })
        .unwrap();
    graph.write(&path, true).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["model.onnx", "model.onnx.data"]);
    let settings = SessionSettings {
        provider: ExecutionProvider::Cpu,
        ..Default::default()
    };
    let mut session = Session::open(runtime(), ModelSource::File(&path), &settings).unwrap();
    let input = golden.tensor("input").unwrap();
    let outputs = session
        .run(TensorData::F32(input.as_slice().unwrap()), input.shape())
        .unwrap();
    let TensorView::F32 { data, .. } = outputs.get(0).unwrap() else {
        panic!("depth is f32");
    };
    let expected = golden.tensor("predicted_depth").unwrap();
    let largest = expected.iter().fold(0.0f32, |a, b| a.max(b.abs()));
    for (a, b) in data.iter().zip(&expected) {
        assert!((a - b).abs() <= TOLERANCE * largest);
    }
}

#[test]
fn every_container_gives_the_same_model() {
    let folder = folder("depth-anything-v2");
    let expected = Model::open(&folder).unwrap();
    let size = sizes(&folder)[0];
    let bytes = |model: &Model| {
        let mut graph = model.graph(&options(size)).unwrap();
        graph.set_metadata(ModelSpec::METADATA_KEY, "");
        graph.to_bytes().unwrap()
    };
    for container in [
        "bin-zip",
        "bin-legacy",
        "bin-sharded",
        "safetensors-sharded",
    ] {
        let model = Model::open(&folder.join(container)).unwrap();
        assert!(bytes(&model) == bytes(&expected), "{container}");
    }
}

#[test]
fn every_rewrite_gives_the_same_result() {
    // Between them these have everything that is rewritten.
    let mut unproved = Rewrite::ALL.to_vec();
    let cases = [
        "vit-project",
        "dpt-dinov2",
        "depth-anything-v2",
        "vit-segmentation",
    ];
    for case in cases {
        let folder = folder(case);
        let model = Model::open(&folder).unwrap();
        let size = sizes(&folder)[1];
        let (h, w) = (size.height as usize, size.width as usize);
        let rgb: Vec<u8> = (0..h * w * 3).map(|i| (i * 37 % 251) as u8).collect();
        let build = |without: Vec<Rewrite>| {
            let options = BuildOptions {
                input: InputForm::Rgb8,
                logits: true,
                without,
                ..BuildOptions::new(size)
            };
            let graph = model.graph(&options).unwrap().to_bytes().unwrap();
            let mut session = session(&model, &options);
            let outputs = session.run(TensorData::U8(&rgb), &[1, h, w, 3]).unwrap();
            let last = usize::from(case == "vit-segmentation");
            let TensorView::F32 { data, .. } = outputs.get(last).unwrap() else {
                panic!("depth and scores are f32");
            };
            (graph, data.to_vec())
        };
        let (whole, expected) = build(Vec::new());
        let largest = expected.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        assert!(largest > 0.1, "{case}: degenerate");
        for rewrite in Rewrite::ALL {
            let (graph, values) = build(vec![rewrite]);
            if graph != whole {
                unproved.retain(|other| *other != rewrite);
            }
            let worst = values
                .iter()
                .zip(&expected)
                .fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(
                worst <= TOLERANCE * largest,
                "{case} without {rewrite:?}: {worst} of {largest}"
            );
        }
    }
    assert!(unproved.is_empty(), "{unproved:?} change no graph");
}

#[test]
fn whose_interpolation_to_follow_can_be_chosen() {
    let folder = folder("depth-anything-v2");
    let (_, bare) = original("anything-v2");
    let chosen = |text: &str| Model::open_as(&folder, Choice::parse(text).unwrap()).unwrap();
    let positions = |model: &Model| model.checkpoint().unwrap().1.positions;
    assert_eq!(positions(&chosen("")), Positions::Bicubic);
    assert_eq!(positions(&chosen(":transformers")), Positions::Bicubic);
    assert_eq!(positions(&chosen(":original")), Positions::BicubicOffset);
    assert_eq!(positions(&bare), Positions::BicubicOffset);
    // They agree at the trained size and nowhere else.
    let graph = |model: &Model, size| model.graph(&BuildOptions::new(size)).unwrap();
    let same = |size| {
        let bytes = |model: &Model| graph(model, size).to_bytes().unwrap();
        let (ours, theirs) = (bytes(&chosen(":original")), bytes(&chosen("")));
        // The spec in the metadata is the same.
        ours == theirs
    };
    assert!(same(Size::new(42, 42)));
    assert!(!same(Size::new(42, 70)));
}
