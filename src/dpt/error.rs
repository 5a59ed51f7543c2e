// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use crate::checkpoint::CheckpointError;
use crate::graph::GraphError;
use crate::spec::Size;

/// Why a checkpoint did not become a graph.
#[derive(Debug, thiserror::Error)]
pub enum DptError {
    /// A value of `config.json` is missing, of the wrong kind or out of bounds.
    #[error("config.json: {key} {reason}; use the config.json that belongs to the weights")]
    Config {
        /// The key.
        key: String,
        /// What is wrong with its value.
        reason: String,
    },
    /// The architecture is not one of those that can be built.
    #[error(
        "the checkpoint is a {found}; supported are transformers' DPTForDepthEstimation and DPTForSemanticSegmentation with a plain ViT, a BiT hybrid or a tf_efficientnet_lite0 hybrid backbone"
    )]
    Architecture {
        /// What the config says.
        found: String,
    },
    /// The size is not a multiple of what the architecture divides it by.
    #[error("a network size of {size} is no multiple of {multiple}; choose another size")]
    Size {
        /// The size asked for.
        size: Size,
        /// What both sides must be a multiple of.
        multiple: u32,
    },
    /// The weights do not fit.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The graph does not fit together.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
