// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Writing ONNX: a typed builder, one function an operator, and deterministic files.
//!
//! Operators are those of opset 17, the newest whose `Resize` every provider runs itself. Shapes
//! are checked while the graph is built; a mistake names the operator, the shapes and the scope.

mod builder;
mod constants;
mod error;
mod external;
mod fp16;
mod inspect;
mod ops;
#[allow(clippy::all, missing_docs, unreachable_pub)]
mod proto;
mod stored;
mod wire;
mod writer;

pub use builder::{Builder, Dim, ElementType, Value};
pub use error::GraphError;
pub use fp16::in_fp16;
pub use inspect::{OnnxSummary, OnnxTensor, inspect};
pub use ops::{Coordinates, Pads};
pub use stored::{Stored, stored};
pub use writer::Graph;

/// The ONNX operator set that graphs are written in.
pub const OPSET: i64 = 17;
