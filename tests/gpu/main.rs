// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Checks that only a GPU can show: whether an execution provider gives what the CPU gives, keeps every node,
//! keeps its memory and what it has compiled, and how fast it is.
//!
//! `tests/gpu.sh` runs it for `cuda` and `tensorrt`. As one of the tests of `cargo test` it checks the
//! provider `cpu`, with input and outputs bound as on a GPU, so that its own logic is tested everywhere.

#![expect(clippy::print_stdout, reason = "a test harness reports on stdout")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by an attribute that is not used here"
)]

mod checks;
mod compare;
mod published;
mod report;
#[path = "../common/toys.rs"]
mod toys;

use checks::{CHECKS, Context, Trouble};
use clap::{Parser, ValueEnum};
use gstdptdepth::inference::{ExecutionProvider, runtime};
use report::{Line, Report, Result as Outcome};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Check what an execution provider computes against ONNX Runtime's CPU provider.
#[derive(Parser)]
struct Arguments {
    /// Providers to check, in this order
    #[arg(long = "provider", value_enum, default_values = ["cpu"])]
    providers: Vec<Provider>,
    /// ONNX Runtime library; found as the plugin does if left out
    #[arg(long, value_name = "LIBRARY")]
    runtime: Option<PathBuf>,
    /// Folder with the toy checkpoints, tests/data of the repository
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data"))]
    data: PathBuf,
    /// Folder with the published shapes to measure, tests/gpu/published of the repository; measures
    /// nothing if left out
    #[arg(long, value_name = "DIR")]
    published: Option<PathBuf>,
    /// Folder for checkpoints and caches, which stays; one that is removed if left out
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// File to write the report to; only printed if left out
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Frames that memory has to stay flat over
    #[arg(long, value_name = "N", default_value = "60")]
    frames: usize,
    /// Seconds after which no further check begins
    #[arg(long, value_name = "S", default_value = "600")]
    seconds: u64,
    /// Part of the name of the checks to run; all if left out
    filter: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Provider {
    Cpu,
    Openvino,
    Cuda,
    Tensorrt,
}

impl From<Provider> for ExecutionProvider {
    fn from(provider: Provider) -> Self {
        match provider {
            Provider::Cpu => Self::Cpu,
            Provider::Openvino => Self::OpenVino,
            Provider::Cuda => Self::Cuda,
            Provider::Tensorrt => Self::TensorRt,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let start = Instant::now();
    let runtime = match runtime::load(arguments.runtime.as_deref(), None) {
        Ok(runtime) => runtime,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report::new(runtime);
    let temporary = tempfile::tempdir().unwrap();
    let scratch = arguments.scratch.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(scratch).unwrap();
    let providers = arguments.providers.len() as u64;
    for (index, provider) in arguments.providers.iter().enumerate() {
        let context = Context {
            provider: (*provider).into(),
            runtime,
            data: arguments.data.clone(),
            published: arguments.published.clone(),
            scratch: scratch.to_owned(),
            frames: arguments.frames,
            // Each provider has its share of the time, what others have left included.
            deadline: start
                + Duration::from_secs(arguments.seconds * (index as u64 + 1) / providers),
        };
        for (name, check) in CHECKS {
            let wanted = arguments.filter.as_ref();
            let measures = *name == "times" && arguments.published.is_none();
            if !measures && wanted.is_none_or(|part| name.contains(part.as_str())) {
                let line = run(&context, name, *check);
                println!("{line}");
                report.lines.push(line);
                // What comes next may not come back.
                if let Some(path) = &arguments.report {
                    write(path, &report.text());
                }
            }
        }
    }
    let count = |wanted| {
        let lines = report.lines.iter();
        lines.filter(|line| line.result.kind() == wanted).count()
    };
    let (passed, failed) = (count("passed"), count("FAILED"));
    println!("{} not checked", count("not checked"));
    println!("{passed} passed, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}

fn run(context: &Context, name: &'static str, check: checks::Check) -> Line {
    let start = Instant::now();
    let result = if start >= context.deadline {
        Outcome::NotChecked("the time was up".into())
    } else {
        match catch_unwind(AssertUnwindSafe(|| check(context))) {
            Ok(Ok(figures)) => Outcome::Passed(figures),
            Ok(Err(Trouble::Failed(why))) => Outcome::Failed(why),
            Ok(Err(Trouble::NotChecked(why))) => Outcome::NotChecked(why),
            Err(_) => Outcome::Failed("it panicked; see the output".into()),
        }
    };
    Line {
        name,
        provider: context.provider.name(),
        result,
        took: start.elapsed(),
    }
}

fn write(path: &Path, text: &str) {
    if let Err(error) = std::fs::write(path, text) {
        println!("cannot write {}: {error}", path.display());
    }
}
