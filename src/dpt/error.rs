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
    #[error("the checkpoint is a {found}; supported are the DPT models that docs/models.md lists")]
    Architecture {
        /// What the config says.
        found: String,
    },
    /// The tensors are those of several models.
    #[error(
        "the weights fit several models and neither the file's name nor a config.json tells which it is; set model-variant (dpt-onnx: --variant) to {}",
        fitting.join(" or ")
    )]
    Ambiguous {
        /// The variants that fit.
        fitting: Vec<&'static str>,
    },
    /// A variant that does not exist, or not of these weights.
    #[error("{given:?} is no variant of this model; {}", known(fitting))]
    Variant {
        /// What was given.
        given: String,
        /// The variants that fit.
        fitting: Vec<&'static str>,
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

fn known(fitting: &[&str]) -> String {
    match fitting {
        [] => "it has none, leave the variant out".into(),
        some => format!("known are {}", some.join(", ")),
    }
}
