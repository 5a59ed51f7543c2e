// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use crate::checkpoint::CheckpointError;
use crate::dpt::DptError;
use crate::graph::GraphError;
use crate::hub::HubError;
use std::path::PathBuf;

/// Why a model cannot be opened or built.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is nothing at the path.
    #[error(
        "no such model; give a checkpoint folder or file (.safetensors, .bin, .pt, .pth) or an .onnx file: {path:?}"
    )]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// The path cannot be looked at.
    #[error("cannot read the model: {source}: {path}", path = path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Weights that no published DPT has, without a config.
    #[error(
        "the weights have names of no known model and no config.json lies beside them; download it into the same folder: {path}",
        path = path.display()
    )]
    NoConfig {
        /// The weights.
        path: PathBuf,
    },
    /// A DINOv2 head without its backbone, or the other way round.
    #[error(
        "the file holds only {present} of a DINOv2 depth model; put {absent} into the same folder: {path}",
        path = path.display()
    )]
    Half {
        /// The file.
        path: PathBuf,
        /// What it holds.
        present: &'static str,
        /// What is missing.
        absent: &'static str,
    },
    /// A JSON file that is none, or is too large.
    #[error("the file is no usable JSON ({reason}); download it again: {path}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A value of `preprocessor_config.json`.
    #[error("preprocessor_config.json: {key} {reason}; use the one that belongs to the weights")]
    Preprocessor {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// An `.onnx` file whose inputs or outputs are not an image and a map.
    #[error("the ONNX model cannot be used: {reason}: {path}", path = path.display())]
    Interface {
        /// The file.
        path: PathBuf,
        /// Which input or output, and what it should be.
        reason: String,
    },
    /// A graph was asked for where there is one already.
    #[error("the model is an ONNX graph already; only checkpoints can be exported")]
    AlreadyOnnx,
    /// The plugin was built without its default model.
    #[error(
        "this build contains no default model; set model-file, or build with the feature embedded-model"
    )]
    NoEmbedded,
    /// A name that leads to no model.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The weights.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The architecture.
    #[error(transparent)]
    Dpt(#[from] DptError),
    /// The graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

impl ModelError {
    /// Whether there is simply nothing at the path.
    pub fn is_not_found(&self) -> bool {
        matches!(
            self,
            Self::NotFound { .. }
                | Self::NoConfig { .. }
                | Self::Hub(_)
                | Self::Checkpoint(CheckpointError::NoWeights { .. })
        )
    }
}
