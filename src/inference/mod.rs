// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Running graphs: the one folder that knows ONNX Runtime. Tensors in, tensors out.

mod cache;
mod error;
mod profile;
mod provider;
pub mod runtime;
mod session;

pub use cache::{Cache, CacheError};
pub use error::InferenceError;
pub use provider::{ExecutionProvider, OptimizationLevel};
pub use runtime::{Runtime, RuntimeError};
pub use session::{
    ElementType, ModelSource, Outputs, Session, SessionSettings, TensorData, TensorInfo, TensorView,
};
