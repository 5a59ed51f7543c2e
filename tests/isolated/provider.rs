// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Which provider runs the network, and what is said when the chosen one cannot.

use std::path::Path;

use gstdptdepth::inference::runtime::load;
use gstdptdepth::inference::{
    Cache, ExecutionProvider, InferenceError, Key, ModelSource, Precision, Session,
    SessionSettings, gains_by_bf16,
};

use crate::{Case, assert_says, model, openvino, plain};

pub(super) fn cases() -> Vec<Case> {
    vec![
        ("provider/cuda-missing", || {
            missing(ExecutionProvider::Cuda, "CUDA")
        }),
        ("provider/tensorrt-missing", || {
            missing(ExecutionProvider::TensorRt, "TensorRT")
        }),
        ("provider/openvino-missing", || {
            missing(ExecutionProvider::OpenVino, "OpenVINO")
        }),
        ("provider/auto-plain", auto_plain),
        ("provider/auto-openvino", auto_openvino),
        ("provider/openvino", explicit_openvino),
        ("provider/openvino-precision", precisions),
        ("provider/openvino-no-such-device", no_such_device),
        ("provider/openvino-bad-option", bad_option),
        ("provider/openvino-cache", openvino_cache),
        ("provider/nul", nul),
    ]
}

fn with(provider: ExecutionProvider) -> SessionSettings {
    SessionSettings {
        provider,
        ..SessionSettings::default()
    }
}

fn open(library: &Path, name: &str, settings: &SessionSettings) -> Result<Session, InferenceError> {
    let runtime = load(Some(library), None).unwrap();
    Session::open(runtime, ModelSource::File(&model(name)), settings)
}

fn refused(library: &Path, settings: &SessionSettings) -> InferenceError {
    let error = open(library, "u8-nhwc.onnx", settings).expect_err("the settings must be refused");
    assert!(error.is_provider(), "{error}");
    error
}

fn missing(provider: ExecutionProvider, needed: &str) {
    let error = refused(&plain(), &with(provider));
    assert!(
        matches!(error, InferenceError::ProviderMissing { .. }),
        "{error}"
    );
    let parts = [
        provider.name(),
        needed,
        "onnxruntime-library",
        "execution-provider=auto",
    ];
    assert_says(&error.to_string(), &parts);
}

fn auto_plain() {
    let session = open(&plain(), "u8-nhwc.onnx", &with(ExecutionProvider::Auto)).unwrap();
    assert_eq!(session.active_provider(), "cpu");
    let parts = ["cuda: not in", "openvino: not in", "cpu: works"];
    assert_says(session.provider_reason(), &parts);
}

fn auto_openvino() {
    let session = open(&openvino(), "u8-nhwc.onnx", &with(ExecutionProvider::Auto)).unwrap();
    assert!(
        session.active_provider().starts_with("openvino"),
        "{}",
        session.active_provider()
    );
    assert_says(
        session.provider_reason(),
        &["cuda: not in", "openvino: works"],
    );
}

fn explicit_openvino() {
    let session = open(
        &openvino(),
        "u8-nhwc.onnx",
        &with(ExecutionProvider::OpenVino),
    )
    .unwrap();
    assert_eq!(session.active_provider(), "openvino");
    let session = open(&openvino(), "u8-nhwc.onnx", &with(ExecutionProvider::Cpu)).unwrap();
    assert_eq!(session.active_provider(), "cpu");
}

/// What is asked for is what is computed in, and what auto means is told.
fn precisions() {
    let computed = |precision| {
        let settings = SessionSettings {
            precision,
            ..with(ExecutionProvider::OpenVino)
        };
        open(&openvino(), "u8-nhwc.onnx", &settings).map(|session| session.precision())
    };
    assert_eq!(computed(Precision::Fp32).unwrap(), Precision::Fp32);
    let auto = computed(Precision::Auto).unwrap();
    match computed(Precision::Bf16) {
        Ok(bf16) if gains_by_bf16() => {
            assert_eq!((bf16, auto), (Precision::Bf16, Precision::Bf16));
        }
        Ok(bf16) => assert_eq!((bf16, auto), (Precision::Bf16, Precision::Fp32)),
        Err(error) => {
            assert_says(&error.to_string(), &["bf16", "precision=auto"]);
            assert_eq!(auto, Precision::Fp32);
        }
    }
}

fn no_such_device() {
    let device = Some("TOASTER.7".to_owned());
    let settings = SessionSettings {
        device,
        ..with(ExecutionProvider::OpenVino)
    };
    let message = refused(&openvino(), &settings).to_string();
    assert_says(&message, &["TOASTER", "give CPU, GPU"]);
    let settings = SessionSettings {
        provider: ExecutionProvider::Auto,
        ..settings
    };
    let session = open(&openvino(), "u8-nhwc.onnx", &settings).unwrap();
    assert_eq!(session.active_provider(), "cpu");
    assert_says(session.provider_reason(), &["TOASTER"]);
}

fn bad_option() {
    let provider_options = vec![("no_such_option".to_owned(), "1".to_owned())];
    let settings = SessionSettings {
        provider_options,
        ..with(ExecutionProvider::OpenVino)
    };
    let message = refused(&openvino(), &settings).to_string();
    assert_says(&message, &["no_such_option", "provider-options"]);
}

/// What runs on a CPU is compiled anew, which is faster; what is compiled for another device is kept.
fn openvino_cache() {
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path().to_str()).unwrap();
    let cache_key = Key {
        model: "tiny".to_owned(),
        size: "any".to_owned(),
        facts: "a test".to_owned(),
    };
    let settings = SessionSettings {
        cache,
        cache_key,
        threads: 1,
        ..with(ExecutionProvider::OpenVino)
    };
    open(&openvino(), "u8-nhwc.onnx", &settings).unwrap();
    assert!(settings.cache.list().is_empty());
    let settings = SessionSettings {
        device: Some("HETERO:CPU".to_owned()),
        ..settings
    };
    let session = open(&openvino(), "u8-nhwc.onnx", &settings).unwrap();
    assert_eq!(session.active_provider(), "openvino on HETERO:CPU");
    let entry = settings.cache.list().remove(0);
    assert_eq!((entry.kind, entry.model.as_str()), ("openvino", "tiny"));
    assert!(entry.complete && entry.is_in_use());
    assert_eq!(entry.remove().unwrap(), None);
    drop(session);
    open(&openvino(), "u8-nhwc.onnx", &settings).unwrap();
    assert_eq!(settings.cache.list().len(), 1);
    // A damaged one is made again.
    let compiled = std::fs::read_dir(&entry.folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|file| file.extension().is_some_and(|ext| ext == "blob"))
        .unwrap();
    std::fs::remove_file(&compiled).unwrap();
    std::fs::write(&compiled, "no network").unwrap();
    open(&openvino(), "u8-nhwc.onnx", &settings).unwrap();
    let entry = settings.cache.list().remove(0);
    assert!(entry.complete && compiled.metadata().unwrap().len() > 100);
}

fn nul() {
    let text = |text: &str| text.to_owned();
    let option = |key, value| SessionSettings {
        provider_options: vec![(text(key), text(value))],
        ..with(ExecutionProvider::Auto)
    };
    let device = SessionSettings {
        device: Some(text("C\0PU")),
        ..with(ExecutionProvider::Auto)
    };
    for (settings, place) in [
        (option("device\0_type", "CPU"), "provider-options"),
        (option("device_type", "CPU\0"), "provider-options"),
        (device, "device"),
    ] {
        let error = refused(&plain(), &settings);
        assert!(matches!(error, InferenceError::Nul { .. }), "{error}");
        assert_says(&error.to_string(), &[place, "NUL"]);
    }
}
