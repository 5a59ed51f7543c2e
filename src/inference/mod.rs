// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Running a network: find and load ONNX Runtime, choose an execution provider, open a session,
//! run it. The only part that uses the `ort` crate.

#[cfg(feature = "remote")]
pub mod remote;
pub mod runtime;

mod bf16;
mod bound;
mod builder;
mod cache;
mod compiled;
mod error;
mod execution_provider;
mod exit;
mod library;
mod machine;
mod outputs;
mod precision;
mod profile;
mod provider;
mod session;
mod settings;
mod tensor;
mod unwinder;
mod weights;

pub use bf16::gains_by_bf16;
pub use cache::{Cache, CacheError, Key, Listed, SIZE_VARIABLE};
pub(crate) use cache::{Draft, Entry, Kind, Slot};
pub use error::InferenceError;
pub use execution_provider::ExecutionProvider;
pub use machine::cores;
pub use outputs::{Outputs, TensorView};
pub use precision::Precision;
pub(crate) use provider::Provider;
pub use runtime::{Runtime, RuntimeError};
pub use session::Session;
pub use settings::{Bind, InputShapes, Known, ModelSource, OptimizationLevel, SessionSettings};
pub use tensor::{ElementType, TensorData, TensorInfo};
pub use weights::{Weight, Weights};
