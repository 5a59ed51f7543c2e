// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The command `dpt-onnx`, as a user runs it.

use gstdptdepth::checkpoint::Checkpoint;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

fn dpt_onnx(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dpt-onnx"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn good(arguments: &[&str]) -> String {
    let output = dpt_onnx(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_export_in_16_bits_is_half_the_file_and_takes_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let written = |precision| {
        let path = folder.path().join(precision);
        let path = text(&path.with_extension("onnx")).to_owned();
        good(&["export", "default", "-o", &path, "--precision", precision]);
        let told = good(&["inspect", &path]);
        for part in [
            "pixel_values float[1, 3, 224, 224]",
            "predicted_depth float[1, 224, 224]",
        ] {
            assert!(told.contains(part), "{part:?} is not in {told}");
        }
        std::fs::metadata(path).unwrap().len()
    };
    let (full, half) = (written("fp32"), written("fp16"));
    assert!(half * 100 < full * 52, "{half} of {full}");
}

#[test]
fn inspect_says_what_a_checkpoint_is() {
    let told = good(&["inspect", "default"]);
    for part in [
        "dptdepth-default",
        "EfficientNet-Lite0",
        "224x224",
        "larger is nearer",
    ] {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
    let json = good(&["inspect", text(&data("dpt/vit-segmentation")), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["spec"]["output"]["kind"], "labels");
    assert_eq!(json["spec"]["labels"].as_array().unwrap().len(), 7);
    let reasons: Vec<_> = json["unused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| &t["reason"])
        .collect();
    assert!(!reasons.is_empty() && reasons.iter().all(|reason| reason.is_string()));
}

#[test]
fn export_writes_a_graph_that_the_tool_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("m.onnx");
    let checkpoint = data("dpt/vit-project");
    good(&[
        "export",
        text(&checkpoint),
        "-o",
        text(&onnx),
        "--size",
        "48x64",
        "--batch",
        "dynamic",
    ]);
    let told = good(&["inspect", text(&onnx)]);
    for part in [
        "opset 17",
        "pixel_values float[?, 3, 48, 64]",
        "predicted_depth",
        "48x64",
    ] {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
}

#[test]
fn mistakes_are_told_with_a_remedy_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let onnx = folder.path().join("m.onnx");
    let checkpoint = data("dpt/vit-project");
    let cases: [(&[&str], i32, &str); 5] = [
        (&["inspect", "/nowhere"], 1, "give a checkpoint folder"),
        (
            &[
                "export",
                text(&checkpoint),
                "-o",
                text(&onnx),
                "--size",
                "50x64",
            ],
            1,
            "multiple of 16",
        ),
        (
            &["export", text(&checkpoint), "-o", "/nowhere/m.onnx"],
            1,
            "/nowhere/m.onnx",
        ),
        (
            &[
                "export",
                text(&checkpoint),
                "-o",
                text(&onnx),
                "--size",
                "big",
            ],
            2,
            "384x672",
        ),
        (
            &["run", "/nowhere.png", "-o", text(folder.path())],
            1,
            "/nowhere.png",
        ),
    ];
    for (arguments, code, part) in cases {
        let output = dpt_onnx(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(part), "{part:?} is not in {stderr}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// The values of a NumPy file of two dimensions.
fn read_npy(path: &Path) -> (Vec<usize>, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    let length = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let header = std::str::from_utf8(&bytes[10..10 + length]).unwrap();
    assert_eq!((10 + length) % 64, 0, "NumPy asks for this alignment");
    let shape = header
        .split_once("'shape': (")
        .unwrap()
        .1
        .split_once(')')
        .unwrap()
        .0;
    let shape = shape
        .split(", ")
        .map(|side| side.parse().unwrap())
        .collect();
    let values = bytes[10 + length..]
        .as_chunks::<4>()
        .0
        .iter()
        .map(|value| f32::from_le_bytes(*value))
        .collect();
    (shape, values)
}

#[test]
fn run_gives_what_the_reference_processor_and_model_give() {
    let folder = tempfile::tempdir().unwrap();
    let photo = data("frame/photo.png");
    good(&["run", text(&photo), "-o", text(folder.path())]);
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "photo-color.png",
            "photo-depth.png",
            "photo.npy",
            "photo.pfm"
        ]
    );
    let golden = Checkpoint::open(&data("dpt/default/photo.safetensors")).unwrap();
    let expected = golden.tensor("depth").unwrap();
    let (shape, values) = read_npy(&folder.path().join("photo.npy"));
    assert_eq!(shape, [224, 224]);
    let range = expected
        .as_slice()
        .unwrap()
        .iter()
        .fold((f32::MAX, f32::MIN), |(low, high), value| {
            (low.min(*value), high.max(*value))
        });
    let mean = expected
        .as_slice()
        .unwrap()
        .iter()
        .enumerate()
        .map(|(i, value)| (value - values[i / 56 * 4 * 224 + i % 56 * 4]).abs())
        .sum::<f32>()
        / expected.as_slice().unwrap().len() as f32;
    // The two resizes differ by at most one 8-bit level.
    assert!(
        mean <= 0.005 * (range.1 - range.0),
        "off by {mean} of {range:?}"
    );
    let picture = image::open(&photo).unwrap();
    let depth = image::open(folder.path().join("photo-depth.png")).unwrap();
    assert_eq!(depth.color(), image::ColorType::L16);
    assert_eq!(
        (depth.width(), depth.height()),
        (picture.width(), picture.height())
    );
}

#[test]
fn bench_tells_where_the_time_goes() {
    let photo = data("frame/photo.png");
    let out = good(&[
        "bench",
        "default",
        "--size",
        "64x96",
        "--seconds",
        "0",
        "--json",
        "--accuracy",
        text(&photo),
    ]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["network"], "64x96");
    let seconds = |name: &str| report[name].as_f64().unwrap();
    for name in ["prepare", "preprocess", "inference", "postprocess"] {
        assert!(seconds(name) > 0.0, "{name}");
    }
    assert!(seconds("inference_p95") >= seconds("inference"));
    // The stem, four 3×3 convolutions at half the input's size and more: per pixel at least
    // 10 000 multiply-adds, and far fewer than a large model's.
    let flop = 1e9 * report["work"]["gigaflop"].as_f64().unwrap() / (64.0 * 96.0);
    assert!((2e4..1e6).contains(&flop), "{flop}");
    // The runtime of the tests computes in fp32 only, so there is nothing to differ.
    assert_eq!(report["precision"], "fp32");
    assert_eq!(report["accuracy"][0]["mean"], 0.0);
    let refused = dpt_onnx(&[
        "bench",
        "default",
        "--precision",
        "bf16",
        "--execution-provider",
        "cpu",
    ]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("precision=auto"));
}
