// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Settings and sources that sessions are opened with.

use std::path::Path;
use std::sync::Arc;

use super::cache::{Cache, Key};
use super::execution_provider::ExecutionProvider;
use super::precision::Precision;
use super::weights::Weights;

/// Settings of a session.
#[derive(Clone, Debug, Default)]
pub struct SessionSettings {
    /// The provider that runs the nodes. All but `Auto` run every node there or fail.
    pub provider: ExecutionProvider,
    /// A GPU's number (`0`) or an OpenVINO device (`CPU`, `GPU.0`); the provider's first if absent.
    pub device: Option<String>,
    /// The numbers to compute with.
    pub precision: Precision,
    /// Threads on the CPU; 0 for one on each core.
    pub threads: usize,
    /// The extent to which the graph is rewritten.
    pub optimization_level: OptimizationLevel,
    /// Further options, passed on as they are: the provider's own; for `Cpu`, ONNX Runtime's
    /// session configuration entries. They replace ours of the same name.
    pub provider_options: Vec<(String, String)>,
    /// The cache in which providers keep what they compile.
    pub cache: Cache,
    /// Keep the graph in the cache even if it is so small that building it again costs nothing.
    pub keep_small: bool,
    /// Tells apart what is in the cache: model, size, and all else that changes the graph.
    pub cache_key: Key,
    /// Weights of the model's file that sessions on the CPU may share with those of other sizes.
    pub weights: Option<Arc<Weights>>,
    /// Sizes of dimensions that the network leaves free, by the names that it gives them. They are
    /// fixed when it is opened, so that nothing is worked out from them in each run.
    pub fixed_dimensions: Vec<(String, usize)>,
    /// The shapes that the input will have, where some of its dimensions stay free.
    pub input_shapes: Option<InputShapes>,
    /// The sessions that have their input and outputs bound.
    pub bind: Bind,
    /// Findings of an earlier session with the same settings, which this one need not find out.
    pub known: Option<Known>,
}

/// The extent to which ONNX Runtime rewrites the graph before it runs it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OptimizationLevel {
    /// Not at all.
    DisableAll,
    /// Constant folding and removal of what does nothing.
    EnableBasic,
    /// The above, and fused operators.
    EnableExtended,
    /// The above, and changes of memory layout.
    #[default]
    EnableAll,
}

/// The range of shapes that a network with free dimensions is going to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputShapes {
    /// The input's name.
    pub name: String,
    /// Its smallest dimensions, outermost first.
    pub smallest: Vec<usize>,
    /// Its largest dimensions.
    pub largest: Vec<usize>,
}

/// The sessions that have their input and outputs bound in memory of the device that computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bind {
    /// Those on a device with memory of its own: `cuda` and `tensorrt`.
    #[default]
    OnDevicesOnly,
    /// All, with the host's memory in place of a device's where there is none: shows on any machine
    /// what a GPU is given.
    AsOnDevice,
}

/// Findings of an earlier session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The provider that took the network.
    pub provider: ExecutionProvider,
    /// The providers that ran the nodes.
    pub active: String,
}

/// The place of an ONNX model.
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
