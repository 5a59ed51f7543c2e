// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use std::path::PathBuf;

/// Why a graph could not be built, written or read.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// An operator's inputs do not fit.
    #[error("{op} at {scope}: {reason}")]
    Shape {
        /// The operator.
        op: &'static str,
        /// Where in the model.
        scope: String,
        /// Which shapes, and what they should be.
        reason: String,
    },
    /// A weight that 16 bits cannot say.
    #[error(
        "the weights {tensor} {dims:?} reach {value}, and 16 bits end at 65504; choose precision fp32"
    )]
    Overflow {
        /// The constant, by the part of the model that it belongs to.
        tensor: String,
        /// Its shape.
        dims: Vec<usize>,
        /// Its largest value.
        value: f32,
    },
    /// A model that cannot be rewritten for 16 bits.
    #[error("the model cannot be computed in fp16: {reason}; set precision=auto: {path}", path = path.display())]
    Fp16 {
        /// The file.
        path: PathBuf,
        /// The obstacle.
        reason: String,
    },
    /// The graph and its weights exceed what one protobuf file can hold.
    #[error(
        "the graph holds {bytes} bytes and one ONNX file at most 2 GiB; write it with external data"
    )]
    TooLarge {
        /// Bytes it would take.
        bytes: u64,
    },
    /// A file could not be read or written.
    #[error("cannot access the ONNX file: {source}: {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not an ONNX file.
    #[error("the file is no intact ONNX model ({reason}); export or download it again: {path}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Weights kept where a model file has no business to point.
    #[error(
        "the model keeps weights at {location:?}, outside its own folder; refusing to load it: {path}",
        path = path.display()
    )]
    OutsideData {
        /// The model.
        path: PathBuf,
        /// The location that it names.
        location: String,
    },
}
