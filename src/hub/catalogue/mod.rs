// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The table of published checkpoints.
//!
//! Addresses and licences are the authors' own (their repositories' READMEs and model cards).
//! A size, SHA-256 or commit stands here only where at least two independent projects publish
//! the same one; the others are checked against what the hub says of each file when it is
//! fetched. `docs/models.md` is made from this table.

mod depth_anything;
mod dinov2;
mod midas;
mod successors;

use super::entry::{Entry, File, Source};

/// All known checkpoints, family by family.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    [
        midas::ENTRIES,
        depth_anything::ENTRIES,
        successors::ENTRIES,
        dinov2::ENTRIES,
    ]
    .into_iter()
    .flatten()
}

const CONFIG: File = File::new("config.json");
const PREPROCESSOR: File = File::new("preprocessor_config.json");

/// What transformers publishes, with weights of unknown bytes.
const SAFETENSORS: &[File] = &[CONFIG, PREPROCESSOR, File::new("model.safetensors")];
const BIN: &[File] = &[CONFIG, PREPROCESSOR, File::new("pytorch_model.bin")];

/// The default branch of a repository on the hub.
const fn hub(repo: &'static str) -> Source {
    Source::HuggingFace {
        repo,
        revision: "main",
    }
}

/// One commit of a repository on the hub.
const fn hub_at(repo: &'static str, revision: &'static str) -> Source {
    Source::HuggingFace { repo, revision }
}

const INVERSE: &str = "inverse-relative";
