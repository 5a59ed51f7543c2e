// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What a session is opened with.

use std::path::Path;
use std::sync::Arc;

use super::cache::{Cache, Key};
use super::precision::Precision;
use super::provider::{ExecutionProvider, OptimizationLevel};
use super::weights::Weights;

/// How a session is to run.
#[derive(Clone, Debug, Default)]
pub struct SessionSettings {
    /// What runs the nodes. All but `Auto` run every node there or fail.
    pub provider: ExecutionProvider,
    /// A GPU's number (`0`) or an OpenVINO device (`CPU`, `GPU.0`); the provider's first if absent.
    pub device: Option<String>,
    /// What is computed with.
    pub precision: Precision,
    /// Threads on the CPU; 0 for one on each core.
    pub threads: usize,
    /// How far the graph is rewritten.
    pub optimization_level: OptimizationLevel,
    /// Further options, passed on as they are: the provider's own; for `Cpu`, ONNX Runtime's
    /// session configuration entries. They replace ours of the same name.
    pub provider_options: Vec<(String, String)>,
    /// Where providers keep what they compile.
    pub cache: Cache,
    /// Keep the graph in the cache even if it is so small that building it again costs nothing.
    pub keep_small: bool,
    /// Tells apart what is in the cache: model, size, and all else that changes the graph.
    pub cache_key: Key,
    /// Weights of the model's file that sessions on the CPU may share with those of other sizes.
    pub weights: Option<Arc<Weights>>,
    /// Bind input and outputs to fixed places as for a GPU, even where nothing is gained by it.
    pub bind: Bind,
    /// What an earlier session with the same settings has shown, which this one need not find out.
    pub known: Option<Known>,
}

/// Where input and outputs of a session on the CPU are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bind {
    /// The input is the caller's, the outputs are new in each run.
    #[default]
    Never,
    /// At fixed places, as with CUDA.
    Host,
    /// Likewise, with copies on the side that computes, as with CUDA graphs.
    BothSides,
}

/// What is known of a session before it has run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The provider that took the network.
    pub provider: ExecutionProvider,
    /// What ran the nodes.
    pub active: String,
}

/// Where an ONNX model is.
#[derive(Clone, Copy, Debug)]
pub enum ModelSource<'a> {
    /// In a file, external data beside it.
    File(&'a Path),
    /// In memory, without external data.
    Memory(&'a [u8]),
}

impl std::fmt::Display for ModelSource<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "the model {}", path.display()),
            Self::Memory(_) => f.write_str("the model in memory"),
        }
    }
}
