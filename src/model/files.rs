// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The files that make up one model.

use super::ModelError;
use crate::checkpoint::{Checkpoint, CheckpointError};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

/// The largest `config.json` that is read; published ones are below 100 kB.
const MAX_CONFIG_BYTES: u64 = 4 << 20;
const HEAD: &str = "decode_head.";
const BACKBONE: &str = "blocks.0.";

/// Opens the weights. DINOv2's depth models come in two files, a backbone and a head: given either
/// or their folder, both are opened.
pub(super) fn weights(path: &Path) -> Result<Checkpoint, ModelError> {
    let first = match Checkpoint::open(path) {
        Err(CheckpointError::Ambiguous {
            path: folder,
            names,
        }) => {
            let mut heads = heads(&folder, &names);
            match (heads.pop(), heads.is_empty()) {
                (Some(head), true) => head,
                _ => {
                    return Err(CheckpointError::Ambiguous {
                        path: folder,
                        names,
                    }
                    .into());
                }
            }
        }
        other => other?,
    };
    let has = |start: &str| first.names().any(|name| name.starts_with(start));
    let half = |present, absent| ModelError::Half {
        path: path.into(),
        present,
        absent,
    };
    match (has(HEAD), has(BACKBONE)) {
        (true, false) => {
            let backbone = beside(path)
                .into_iter()
                .filter_map(|file| Checkpoint::open(&file).ok())
                .find(|other| fits(&first, other))
                .ok_or_else(|| half("the head", "its backbone (dinov2_vit*14_pretrain.pth)"))?;
            let mut whole = first;
            whole.join(backbone)?;
            Ok(whole)
        }
        (false, true) => Err(half(
            "the backbone",
            "its head (dinov2_vit*14_*_dpt_head.pth)",
        )),
        _ => Ok(first),
    }
}

/// Those of a folder's files that are heads of DINOv2.
fn heads(folder: &Path, names: &[String]) -> Vec<Checkpoint> {
    names
        .iter()
        .filter_map(|name| Checkpoint::open(&folder.join(name)).ok())
        .filter(|file| file.names().all(|name| name.starts_with(HEAD)))
        .collect()
}

/// Files of PyTorch weights in the folder of `path`, or in `path` if it is one.
fn beside(path: &Path) -> Vec<PathBuf> {
    let folder = folder(path);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| {
            file.extension()
                .is_some_and(|extension| extension == "pth" || extension == "pt")
        })
        .collect();
    files.sort();
    files
}

/// Whether `other` is the backbone of a head: as wide as it.
fn fits(head: &Checkpoint, other: &Checkpoint) -> bool {
    let width = head
        .shape("decode_head.reassemble_blocks.projects.0.conv.weight")
        .and_then(|shape| shape.get(1));
    let theirs = other.shape("cls_token").and_then(|shape| shape.get(2));
    width.is_some() && width == theirs && other.names().any(|name| name.starts_with(BACKBONE))
}

/// The folder that `path` is, or lies in.
pub(super) fn folder(path: &Path) -> &Path {
    if path.is_dir() {
        return path;
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The folder's or file's name; a file called `model` says nothing, so its folder does.
pub(super) fn name_from(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = if path.is_dir() {
        path.file_name()
    } else {
        match path.file_stem() {
            Some(stem) if is_conventional(&stem.to_string_lossy()) => {
                path.parent().and_then(Path::file_name)
            }
            other => other,
        }
    };
    name.map_or_else(
        || "model".into(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn is_conventional(stem: &str) -> bool {
    stem.starts_with("model") || stem.starts_with("pytorch_model")
}

/// A JSON file, or `None` where there is none.
pub(super) fn json(path: &Path) -> Result<Option<Json>, ModelError> {
    let wrong = |reason: String| ModelError::Json {
        path: path.into(),
        reason,
    };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(_) => return Ok(None),
    };
    if !metadata.is_file() {
        return Err(wrong("it is no regular file".into()));
    }
    if metadata.len() > MAX_CONFIG_BYTES {
        return Err(wrong(format!("{} bytes is too large", metadata.len())));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| wrong(error.to_string()))
}
