// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Which library is loaded, and what is said when none is.

use std::path::Path;

use gstdptdepth::inference::runtime::load;
use gstdptdepth::inference::{ModelSource, RuntimeError, Session, SessionSettings};

use crate::{Case, assert_says, library, model, openvino, plain};

pub(super) fn cases() -> Vec<Case> {
    vec![
        ("bare/nothing-found", nothing_found),
        ("runtime/missing-file", missing_file),
        ("runtime/not-a-library", not_a_library),
        ("runtime/not-onnx-runtime", not_onnx_runtime),
        ("runtime/too-old", too_old),
        ("runtime/second-path", second_path),
        ("runtime/variable", variable),
        ("bare/plugin-folder", plugin_folder),
        ("runtime/retry", retry),
        ("bare/telemetry-off", telemetry_off),
    ]
}

fn refused(path: &Path) -> RuntimeError {
    load(Some(path), None).expect_err("the library must be refused")
}

/// With an empty folder for the plugin; a system may have a library in its own folders.
fn nothing_found() {
    let folder = tempfile::tempdir().unwrap();
    match load(None, Some(folder.path())) {
        Ok(runtime) => {
            let system = ["/usr/lib", "/usr/local/lib", "/lib"];
            let path = runtime.path();
            assert!(
                system.iter().any(|folder| path.starts_with(folder)),
                "{}",
                path.display()
            );
        }
        Err(error) => {
            assert!(matches!(error, RuntimeError::NotFound { .. }), "{error}");
            let folder = folder.path().display().to_string();
            let parts = [
                "ORT_DYLIB_PATH",
                &folder,
                "/usr/local/lib",
                "/usr/lib",
                "scripts/setup.sh",
                "apt install",
            ];
            assert_says(&error.to_string(), &parts);
        }
    }
}

fn missing_file() {
    let error = refused(Path::new("/nowhere/libonnxruntime.so"));
    assert!(matches!(error, RuntimeError::Unreadable { .. }), "{error}");
    assert_says(
        &error.to_string(),
        &["/nowhere/libonnxruntime.so", "onnxruntime-library"],
    );
}

fn not_a_library() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for content in ["This is a text, not a library.", "", "ab"] {
        std::fs::write(file.path(), content).unwrap();
        let error = refused(file.path());
        assert!(
            matches!(error, RuntimeError::NotALibrary { .. }),
            "{content:?}: {error}"
        );
        assert_says(
            &error.to_string(),
            &["not a shared library", "scripts/setup.sh"],
        );
    }
    std::fs::write(file.path(), b"\x7fELF and then nothing of use").unwrap();
    let error = refused(file.path());
    assert!(matches!(error, RuntimeError::Unloadable { .. }), "{error}");
    let error = refused(file.path().parent().unwrap());
    assert!(matches!(error, RuntimeError::Unreadable { .. }), "{error}");
}

fn not_onnx_runtime() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let libc = maps.lines().find_map(|line| {
        line.split_whitespace()
            .last()
            .filter(|path| path.ends_with("/libc.so.6"))
    });
    let error = refused(Path::new(
        libc.expect("the C library is mapped as libc.so.6"),
    ));
    assert!(
        matches!(error, RuntimeError::NotOnnxRuntime { .. }),
        "{error}"
    );
    assert_says(
        &error.to_string(),
        &["libc.so.6", "OrtGetApiBase", "onnxruntime-library"],
    );
}

fn too_old() {
    let error = refused(&library("DPTDEPTH_TEST_ORT_OLD"));
    let RuntimeError::TooOld { version, .. } = &error else {
        panic!("{error}")
    };
    assert_says(
        &error.to_string(),
        &[version, "1.21 or a later", "scripts/setup.sh"],
    );
}

fn second_path() {
    let runtime = load(Some(&plain()), None).unwrap();
    let same = load(Some(&plain()), None).unwrap();
    assert!(std::ptr::eq(runtime, same));
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.so");
    std::os::unix::fs::symlink(plain(), &link).unwrap();
    assert!(std::ptr::eq(runtime, load(Some(&link), None).unwrap()));
    assert!(std::ptr::eq(runtime, load(None, None).unwrap()));
    let error = refused(&openvino());
    assert!(
        matches!(error, RuntimeError::AlreadyLoaded { .. }),
        "{error}"
    );
    let (loaded, asked) = (
        runtime.path().display().to_string(),
        openvino().display().to_string(),
    );
    assert_says(&error.to_string(), &[&loaded, &asked, "restart"]);
}

fn variable() {
    let runtime = load(None, None).unwrap();
    assert_eq!(runtime.path(), std::fs::canonicalize(plain()).unwrap());
    let minor = runtime
        .version()
        .strip_prefix("1.")
        .and_then(|rest| rest.split('.').next());
    assert!(
        minor.unwrap().parse::<u32>().unwrap() >= 21,
        "{}",
        runtime.version()
    );
}

fn plugin_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = std::fs::canonicalize(plain()).unwrap();
    std::fs::write(folder.path().join("libonnxruntime.so.9.9.9"), "damaged").unwrap();
    std::os::unix::fs::symlink(&file, folder.path().join("libonnxruntime.so")).unwrap();
    assert_eq!(load(None, Some(folder.path())).unwrap().path(), file);
}

fn retry() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "text").unwrap();
    refused(file.path());
    refused(&library("DPTDEPTH_TEST_ORT_OLD"));
    refused(Path::new("/nowhere"));
    let runtime = load(Some(&plain()), None).unwrap();
    let source = model("u8-nhwc.onnx");
    Session::open(
        runtime,
        ModelSource::File(&source),
        &SessionSettings::default(),
    )
    .unwrap();
}

fn telemetry_off() {
    load(Some(&plain()), None).unwrap();
    assert_eq!(std::env::var("ORT_DISABLE_TELEMETRY").as_deref(), Ok("1"));
}
