// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Records the version that `gst-inspect-1.0` shows, and a fingerprint of what builds graphs, which
//! is part of the cache's keys.

use std::fs;
use std::path::{Path, PathBuf};

/// What graphs are made by, below `src/`.
const BUILDERS: [&str; 4] = ["checkpoint", "dpt", "graph", "model"];

fn main() {
    gst_plugin_version_helper::info();
    // All that is read here: else every new file in the clone would build everything again. The log
    // has a line for each commit, whose number is part of the version.
    for read in ["build.rs", "Cargo.toml", ".git/logs/HEAD"] {
        if Path::new(read).exists() {
            println!("cargo:rerun-if-changed={read}");
        }
    }
    let mut files = Vec::new();
    for builder in BUILDERS {
        println!("cargo:rerun-if-changed=src/{builder}");
        collect(&Path::new("src").join(builder), &mut files);
    }
    files.sort();
    // FNV-1a: stable, short, and nobody attacks it here.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for file in files {
        let content = fs::read(&file).unwrap_or_default();
        for byte in content {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    println!("cargo:rustc-env=DPTDEPTH_GRAPH_BUILDER={hash:016x}");
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
