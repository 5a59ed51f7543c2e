// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What of this machine decides whether something that was compiled or measured elsewhere fits.

use std::fs;
use std::path::{Path, PathBuf};

/// The processor: its model, what it can do, and how many threads it runs.
pub(super) fn cpu() -> String {
    const TELLING: [&str; 9] = [
        "vendor_id",
        "cpu family",
        "model",
        "model name",
        "flags",
        "CPU implementer",
        "CPU architecture",
        "CPU part",
        "Features",
    ];
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let first = info.split("\n\n").next().unwrap_or_default();
    let told = first
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| TELLING.contains(&name.trim()))
        .map(|(_, value)| value.trim());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let told = told.collect::<Vec<_>>().join(", ");
    format!("{} {told}, {threads} threads", std::env::consts::ARCH)
}

/// Cores that this process may use; threads that share one do not count, as ONNX Runtime does.
pub fn cores() -> usize {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    num_cpus::get_physical().clamp(1, threads)
}

/// The graphics and neural processors, and NVIDIA's driver.
pub(super) fn gpu() -> String {
    let mut told = Vec::new();
    let driver = fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    told.extend(driver.lines().next().map(str::to_owned));
    for gpu in inside("/proc/driver/nvidia/gpus") {
        let information = fs::read_to_string(gpu.join("information")).unwrap_or_default();
        let model = information.lines().find(|line| line.starts_with("Model"));
        told.extend(model.map(str::to_owned));
    }
    for card in inside("/sys/class/drm")
        .into_iter()
        .chain(inside("/sys/class/accel"))
    {
        let id = |name| fs::read_to_string(card.join("device").join(name)).ok();
        let name = card.file_name().unwrap_or_default().to_string_lossy();
        // The cards themselves, not their connectors.
        if (name.starts_with("card") || name.starts_with("accel"))
            && !name.contains('-')
            && let (Some(vendor), Some(device)) = (id("vendor"), id("device"))
        {
            told.push(format!("{}:{}", vendor.trim(), device.trim()));
        }
    }
    told.join(", ")
}

fn inside(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
