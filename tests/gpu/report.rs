// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The report: the machine, a table of the checks, and what could not be checked.

use gstdptdepth::inference::Runtime;
use std::fmt::{self, Display, Formatter, Write as _};
use std::process::Command;
use std::time::Duration;

pub(crate) enum Result {
    /// With what was measured.
    Passed(String),
    /// With the difference.
    Failed(String),
    /// With the reason.
    NotChecked(String),
}

impl Result {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(_) => "FAILED",
            Self::NotChecked(_) => "not checked",
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Passed(text) | Self::Failed(text) | Self::NotChecked(text) => text,
        }
    }
}

/// One check on one provider.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) provider: &'static str,
    pub(crate) result: Result,
    pub(crate) took: Duration,
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (kind, seconds) = (self.result.kind(), self.took.as_secs_f64());
        let text = self.result.text();
        write!(
            f,
            "{kind:<11} {} {} ({seconds:.1} s): {text}",
            self.provider, self.name
        )
    }
}

pub(crate) struct Report {
    machine: Vec<(&'static str, String)>,
    pub(crate) lines: Vec<Line>,
}

impl Report {
    pub(crate) fn new(runtime: &Runtime) -> Self {
        let library = runtime.path().display();
        let mut machine = vec![
            ("plugin", env!("CARGO_PKG_VERSION").to_owned()),
            ("ONNX Runtime", format!("{}, {library}", runtime.version())),
            ("processor", processor()),
        ];
        match gpus() {
            Some(gpus) => machine.extend(gpus.lines().map(|gpu| ("GPU", gpu.to_owned()))),
            None => machine.push(("GPU", "none: nvidia-smi does not answer".into())),
        }
        Self {
            machine,
            lines: Vec::new(),
        }
    }

    /// The report as Markdown.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from("# dptdepth on this machine\n\n| | |\n|---|---|\n");
        for (what, value) in &self.machine {
            let _ = writeln!(text, "| {what} | {value} |");
        }
        text += "\n| check | provider | result | seconds | figures |\n|---|---|---|---:|---|\n";
        for line in &self.lines {
            let figures = line.result.text().replace('|', "/").replace('\n', "<br>");
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.1} | {figures} |",
                line.name,
                line.provider,
                line.result.kind(),
                line.took.as_secs_f64()
            );
        }
        text
    }
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(':'));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "{}, {cores} threads",
        model.map_or("unknown", |(_, name)| name.trim())
    )
}

/// Name, driver, memory and compute capability of each NVIDIA GPU; `None` without one.
pub(crate) fn gpus() -> Option<String> {
    ask("name,driver_version,memory.total,compute_cap")
}

/// The answer of `nvidia-smi`, a line for each GPU.
pub(crate) fn ask(what: &str) -> Option<String> {
    let query = format!("--query-gpu={what}");
    let output = Command::new("nvidia-smi")
        .args([&query, "--format=csv,noheader,nounits"])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
