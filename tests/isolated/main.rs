// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Tests that each need a process of their own, since a process loads one ONNX Runtime for good.
//!
//! `cargo test --test isolated [PART OF A NAME]`. `tests/run.sh` sets the variables that name the
//! libraries: `ORT_DYLIB_PATH` (CPU only), `DPTDEPTH_TEST_ORT_OPENVINO`, `DPTDEPTH_TEST_ORT_OLD`.
//! Cases whose name starts with `bare/` run without the variables that the plugin itself reads.

#![expect(clippy::print_stdout, reason = "a test harness reports on stdout")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by an attribute that is not used here"
)]

mod allocation;
mod element;
#[expect(
    dead_code,
    reason = "shared with the integration tests, which read more"
)]
#[path = "../common/onnx.rs"]
mod onnx;
mod provider;
mod runtime;
mod session;
mod sharing;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A name and what it runs; it fails by panicking.
type Case = (&'static str, fn());

const LIMIT: Duration = Duration::from_secs(120);
const CASE: &str = "--case";
/// Where `bare/` cases find what `ORT_DYLIB_PATH` was.
const PLAIN: &str = "DPTDEPTH_TEST_ORT_PLAIN";

fn cases() -> Vec<Case> {
    [
        runtime::cases(),
        provider::cases(),
        session::cases(),
        element::cases(),
        allocation::cases(),
        sharing::cases(),
    ]
    .concat()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [option, name] = arguments.as_slice()
        && option == CASE
    {
        let case = cases().into_iter().find(|(own, _)| own == name);
        let (_, run) = case.unwrap_or_else(|| panic!("there is no case {name}"));
        run();
        return ExitCode::SUCCESS;
    }
    let filters: Vec<&String> = arguments
        .iter()
        .filter(|text| !text.starts_with('-'))
        .collect();
    let wanted = |name: &str| filters.is_empty() || filters.iter().any(|part| name.contains(*part));
    let (mut passed, mut failed) = (0, 0);
    for (name, _) in cases().into_iter().filter(|(name, _)| wanted(name)) {
        match spawn(name) {
            Ok(()) => {
                passed += 1;
                println!("ok     {name}");
            }
            Err(report) => {
                failed += 1;
                println!("FAILED {name}: {report}");
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

/// Runs one case in a new process.
fn spawn(name: &str) -> Result<(), String> {
    let mut output = tempfile::tempfile().map_err(|error| error.to_string())?;
    let to = |file: &File| {
        file.try_clone()
            .map(Stdio::from)
            .map_err(|error| error.to_string())
    };
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command
        .args([CASE, name])
        // Blocks that are given back leave the process, so that what is resident is in use.
        .env("MALLOC_MMAP_THRESHOLD_", "65536")
        .stdin(Stdio::null())
        .stdout(to(&output)?)
        .stderr(to(&output)?);
    if name.starts_with("bare/") {
        command.envs(std::env::var_os("ORT_DYLIB_PATH").map(|path| (PLAIN, path)));
        for variable in ["ORT_DYLIB_PATH", "ORT_DISABLE_TELEMETRY", "LD_LIBRARY_PATH"] {
            command.env_remove(variable);
        }
    }
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let start = Instant::now();
    let ended = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break Some(status),
            None if start.elapsed() > LIMIT => break None,
            None => thread::sleep(Duration::from_millis(10)),
        }
    };
    if ended.is_some_and(|status| status.success()) {
        return Ok(());
    }
    let outcome = match ended {
        Some(status) => status.to_string(),
        None => {
            let killed = child.kill().and_then(|()| child.wait().map(drop));
            format!("no end after {} s ({killed:?})", LIMIT.as_secs())
        }
    };
    let mut text = Vec::new();
    output
        .rewind()
        .and_then(|()| output.read_to_end(&mut text))
        .map_err(|e| e.to_string())?;
    Err(format!(
        "{outcome}\n{}",
        String::from_utf8_lossy(&text).trim_end()
    ))
}

/// The file that an environment variable names.
fn library(variable: &str) -> PathBuf {
    match std::env::var_os(variable) {
        Some(path) if !path.is_empty() => path.into(),
        _ => panic!("{variable} is not set: start the tests with tests/run.sh, which sets it"),
    }
}

/// ONNX Runtime with the CPU provider only.
fn plain() -> PathBuf {
    library(if std::env::var_os(PLAIN).is_some() {
        PLAIN
    } else {
        "ORT_DYLIB_PATH"
    })
}

/// ONNX Runtime with the OpenVINO provider.
fn openvino() -> PathBuf {
    library("DPTDEPTH_TEST_ORT_OPENVINO")
}

/// A model of `tests/data/onnx`.
fn model(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/onnx")
        .join(name)
}

/// Fails unless `message` holds every one of `parts`.
fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}
