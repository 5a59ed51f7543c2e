// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What tells one model from another without reading all of it. Nothing of it depends on where the
//! files lie, so that a cache that was filled elsewhere fits.

use crate::checkpoint::Checkpoint;
use crate::graph::OnnxSummary;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A checkpoint: what was read from its configuration, and a sample of every tensor.
pub(super) fn of_checkpoint(checkpoint: &Checkpoint, described: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(described);
    checkpoint.sample(|bytes| hash.update(bytes));
    files(&mut hash, checkpoint.paths());
    short(hash)
}

/// An ONNX file and the files that its weights lie in.
pub(super) fn of_onnx(path: &Path, summary: &OnnxSummary) -> String {
    let mut hash = Sha256::new();
    hash.update(
        path.canonicalize()
            .unwrap_or_default()
            .as_os_str()
            .as_encoded_bytes(),
    );
    let data = summary
        .data_files
        .iter()
        .map(|file| path.with_file_name(file));
    let all: Vec<_> = std::iter::once(path.to_path_buf()).chain(data).collect();
    files(&mut hash, &all);
    short(hash)
}

/// Sizes and times. Archives and image layers keep whole seconds only.
fn files(hash: &mut Sha256, paths: &[PathBuf]) {
    for metadata in paths.iter().filter_map(|path| path.metadata().ok()) {
        hash.update(metadata.len().to_le_bytes());
        let modified = metadata.modified().ok();
        let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        hash.update(since.map_or(0, |since| since.as_secs()).to_le_bytes());
    }
}

fn short(hash: Sha256) -> String {
    let digest = hash.finalize();
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
