// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Hostile files of every kind, given to `dpt-onnx inspect` in a process of little memory.

mod growth;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Address space of the child, in KiB: its libraries take some 300 MB of it.
const MEMORY_KIB: usize = 1_500_000;
/// A guard against a hang, not a measure.
const PATIENCE: Duration = Duration::from_secs(120);

/// Inspects a file or folder; it must fail with one line and leave nothing behind.
fn refuse(what: &str, path: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (inside, errors) = (folder.path().join("inside"), folder.path().join("errors"));
    fs::create_dir(&inside).unwrap();
    let mut child = Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -v {MEMORY_KIB}; exec \"$0\" inspect \"$1\""),
        ])
        .arg(env!("CARGO_BIN_EXE_dpt-onnx"))
        .arg(path)
        .current_dir(&inside)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&errors).unwrap())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{what}: hangs");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let told = String::from_utf8(fs::read(errors).unwrap()).unwrap();
    assert_eq!(status.code(), Some(1), "{what}: {status}: {told}");
    assert!(
        told.starts_with("dpt-onnx: ") && told.lines().count() == 1,
        "{what}: {told}"
    );
    assert!(!told.contains("panicked"), "{what}: {told}");
    assert!(told.len() < 2000, "{what}: {told}");
    assert_eq!(
        fs::read_dir(&inside).unwrap().count(),
        0,
        "{what} wrote a file"
    );
    told
}

/// A folder with these files in it.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn refuse_file(what: &str, name: &str, bytes: &[u8]) -> String {
    let folder = folder(&[(name, bytes)]);
    refuse(what, &folder.path().join(name))
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let index = r#"{"weight_map": {"a": "shard"}}"#;
    let places = [
        ("model.safetensors", &[][..]),
        ("pytorch_model.bin", &[]),
        ("model.safetensors.index.json", &[]),
        (
            "shard",
            &[("model.safetensors.index.json", index.as_bytes())],
        ),
        ("m.pt", &[]),
    ];
    for (name, files) in places {
        type Make = fn(&Path);
        let kinds: [(&str, Make); 4] = [
            ("a pipe", |path| pipe(path)),
            ("a device", |path| symlink("/dev/zero", path).unwrap()),
            ("a terminal", |path| symlink("/dev/tty", path).unwrap()),
            ("a folder", |path| fs::create_dir(path).unwrap()),
        ];
        for (kind, make) in kinds {
            let folder = folder(files);
            make(&folder.path().join(name));
            let told = refuse(&format!("{kind} as {name}"), folder.path());
            assert!(told.contains("no regular file"), "{kind} as {name}: {told}");
        }
        let folder = folder(files);
        symlink(folder.path().join(name), folder.path().join(name)).unwrap();
        refuse(&format!("{name} as a link to itself"), folder.path());
    }
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dpt/vit-project");
    let weights = fs::read(weights.join("model.safetensors")).unwrap();
    for make in [pipe, |path: &Path| symlink("/dev/zero", path).unwrap()] {
        let folder = folder(&[("model.safetensors", &weights)]);
        make(&folder.path().join("config.json"));
        assert!(refuse("a config.json", folder.path()).contains("no regular file"));
    }
    for make in [pipe, |path: &Path| symlink("/dev/zero", path).unwrap()] {
        let folder = folder(&[]);
        let path: PathBuf = folder.path().join("m.onnx");
        make(&path);
        assert!(refuse("an .onnx", &path).contains("no regular file"));
    }
}

#[test]
fn a_config_that_contradicts_its_weights_names_the_tensor() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dpt/vit-project");
    let read = |name: &str| fs::read(source.join(name)).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&read("config.json")).unwrap();
    for (key, value) in [
        ("intermediate_size", serde_json::json!(32)),
        ("fusion_hidden_size", serde_json::json!(16)),
        ("hidden_size", serde_json::json!(32)),
        ("readout_type", serde_json::json!("add")),
    ] {
        let mut changed = config.clone();
        assert_ne!(changed[key], value, "{key}");
        changed[key] = value;
        let folder = folder(&[
            ("config.json", changed.to_string().as_bytes()),
            (
                "preprocessor_config.json",
                &read("preprocessor_config.json"),
            ),
            ("model.safetensors", &read("model.safetensors")),
        ]);
        let told = refuse(key, folder.path());
        assert!(told.contains("tensor"), "{key}: {told}");
    }
}

#[test]
fn a_trained_size_without_a_patch_is_refused() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dpt/vit-project");
    let read = |name: &str| fs::read(source.join(name)).unwrap();
    let mut config: serde_json::Value = serde_json::from_slice(&read("config.json")).unwrap();
    config["image_size"] = serde_json::json!(8);
    let folder = folder(&[
        ("config.json", config.to_string().as_bytes()),
        ("model.safetensors", &read("model.safetensors")),
    ]);
    let told = refuse("a small image_size", folder.path());
    assert!(told.contains("image_size is smaller"), "{told}");
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dpt/vit-project");
    let weights = fs::read(source.join("model.safetensors")).unwrap();
    let header = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut changed = weights.clone();
        let at = 8 + header;
        changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let folder = folder(&[
            (
                "config.json",
                &fs::read(source.join("config.json")).unwrap(),
            ),
            ("model.safetensors", &changed),
        ]);
        let told = refuse("not a number", folder.path());
        assert!(told.contains("infinite or not a number"), "{told}");
        let names = safetensors::SafeTensors::deserialize(&weights).unwrap();
        let (first, _) = names
            .iter()
            .min_by_key(|(_, view)| view.data().as_ptr())
            .unwrap();
        assert!(told.contains(first), "{first}: {told}");
    }
}
