// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The cache of prepared models, as several processes use it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dpt-onnx"));
    command.arg("cache").args(arguments);
    command.args(["--cache-dir", folder.to_str().unwrap()]);
    command.env_remove("DPTDEPTH_CACHE_SIZE");
    command
}

fn told(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn good(folder: &Path, arguments: &[&str]) -> String {
    told(&command(folder, arguments).output().unwrap())
}

fn build(folder: &Path, size: &str) -> String {
    let arguments = ["build", "default", "--size", size];
    let told = good(
        folder,
        &[&arguments[..], &["--execution-provider", "cpu"]].concat(),
    );
    assert!(told.contains("runs on cpu"), "{told}");
    told
}

fn entries(folder: &Path) -> Vec<serde_json::Value> {
    let json = good(folder, &["list", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    json["entries"].as_array().unwrap().clone()
}

/// All files below a folder, relative to it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn processes_that_start_at_once_build_an_entry_once() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["build", "default", "--execution-provider", "cpu"];
    let start = |_| {
        command(folder.path(), &arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let running: Vec<_> = (0..4).map(start).collect();
    let told: Vec<_> = running
        .into_iter()
        .map(|process| told(&process.wait_with_output().unwrap()))
        .collect();
    let built = told.iter().filter(|line| line.contains(": built in"));
    assert_eq!(built.count(), 1, "{told:?}");
    let found = told.iter().filter(|line| line.contains("was there"));
    assert_eq!(found.count(), 3, "{told:?}");
    assert_eq!(entries(folder.path()).len(), 1);
    let mut names: Vec<_> = files(folder.path())
        .iter()
        .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.retain(|name| !name.starts_with("start-"));
    names.sort();
    let expected = [
        "dptdepth.lock",
        "entry.json",
        "model.onnx",
        "model.onnx.data",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_process_that_was_killed_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["build", "default", "--execution-provider", "cpu"];
    let mut killed = command(folder.path(), &arguments).spawn().unwrap();
    // As soon as it has its lock, before it can be done.
    while files(folder.path()).is_empty() {
        std::thread::yield_now();
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let told = good(folder.path(), &arguments);
    assert!(told.contains("built in"), "{told}");
    assert!(
        files(folder.path())
            .iter()
            .all(|file| !file.to_str().unwrap().ends_with(".tmp"))
    );
}

#[test]
fn list_and_clear_tell_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let told = good(folder.path(), &["list"]);
    assert!(told.contains("0 entries"), "{told}");
    build(folder.path(), "256x256");
    build(folder.path(), "256x320");
    let told = good(folder.path(), &["list"]);
    for part in ["dptdepth-default", "256x320", "2 entries", "8590 MB"] {
        assert!(told.contains(part), "{part:?} is not in {told}");
    }
    let listed = entries(folder.path());
    // The last used first.
    assert_eq!(listed[0]["size"], "256x320");
    let bytes: u64 = listed.iter().map(|e| e["bytes"].as_u64().unwrap()).sum();
    let on_disk = files(folder.path());
    let on_disk: u64 = on_disk.iter().map(|f| f.metadata().unwrap().len()).sum();
    assert_eq!(bytes, on_disk);
    for keeps in [["--model", "other"], ["--older-than", "1"]] {
        let told = good(folder.path(), &[&["clear"], &keeps[..]].concat());
        assert!(told.contains("removed 0 entries"), "{told}");
    }
    let lock = Path::new(listed[1]["folder"].as_str().unwrap()).join("dptdepth.lock");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(49 * 3600);
    fs::File::open(lock).unwrap().set_modified(old).unwrap();
    good(folder.path(), &["clear", "--older-than", "2"]);
    assert_eq!(entries(folder.path())[0]["size"], "256x320");
    let told = good(folder.path(), &["clear", "--model", "dptdepth-default"]);
    assert!(told.contains("removed 1 entry"), "{told}");
    assert!(files(folder.path()).is_empty());
}

#[test]
fn the_size_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "256x256");
    let limited = |size: &str, network: &str| {
        command(
            folder.path(),
            &[
                "build",
                "default",
                "--size",
                network,
                "--execution-provider",
                "cpu",
            ],
        )
        .env("DPTDEPTH_CACHE_SIZE", size)
        .output()
        .unwrap()
    };
    told(&limited("20", "256x320"));
    let listed = entries(folder.path());
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["size"], "256x320");
    let wrong = limited("8 GB", "256x256");
    let stderr = String::from_utf8_lossy(&wrong.stderr);
    assert!(stderr.contains("DPTDEPTH_CACHE_SIZE"), "{stderr}");
}

#[test]
fn damaged_entries_are_built_again() {
    let folder = tempfile::tempdir().unwrap();
    build(folder.path(), "256x256");
    assert!(build(folder.path(), "256x256").contains("was there"));
    let named = |name: &str| {
        let found = files(folder.path());
        found.into_iter().find(|file| file.ends_with(name)).unwrap()
    };
    let whole = fs::read(named("model.onnx.data")).unwrap();
    let damages: [&dyn Fn(); 5] = [
        &|| fs::write(named("model.onnx.data"), &whole[..1000]).unwrap(),
        &|| fs::write(named("model.onnx"), "no model").unwrap(),
        &|| fs::write(named("entry.json"), "").unwrap(),
        &|| fs::remove_file(named("model.onnx.data")).unwrap(),
        // What the marker says fits, but it is no model.
        &|| {
            let marker = fs::read_to_string(named("entry.json")).unwrap();
            let mut json: serde_json::Value = serde_json::from_str(&marker).unwrap();
            fs::write(named("model.onnx"), [255; 8]).unwrap();
            json["files"]["model.onnx"]["bytes"] = 8_u64.into();
            // Of eight bytes of 255.
            let sum = "12a3ae445661ce5dee78d0650d33362dec29c4f82af05e7e57fb595bbbacf0ca";
            json["files"]["model.onnx"]["sha256"] = sum.into();
            fs::write(named("entry.json"), json.to_string()).unwrap();
        },
    ];
    for damage in damages {
        damage();
        assert!(build(folder.path(), "256x256").contains("built in"));
        assert!(build(folder.path(), "256x256").contains("was there"));
        assert_eq!(entries(folder.path()).len(), 1);
    }
}

/// In `/proc` nobody, root included, can make a folder.
#[test]
fn what_cannot_be_kept_is_told() {
    for folder in [
        "/proc/self",
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml/cache"),
    ] {
        let output = command(Path::new(folder), &["build", "default"]).output();
        let output = output.unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        for part in [folder, "cannot be written to"] {
            assert!(stderr.contains(part), "{part:?} is not in {stderr}");
        }
    }
}
