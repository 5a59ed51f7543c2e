// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Where the weights of a written graph lie.

use super::proto::{ModelProto, TensorProto, tensor_proto::DataLocation};
use super::{GraphError, writer::data_path};
use prost::Message as _;
use std::path::{Path, PathBuf};

/// A constant in the data file beside a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name in the graph.
    pub name: String,
    /// Its type as ONNX numbers it: 1 for f32.
    pub element: i32,
    /// Its dimensions, outermost first.
    pub dims: Vec<i64>,
    /// Where it begins in the file.
    pub offset: usize,
    /// Its bytes.
    pub length: usize,
}

/// The data file of the graph in `path`, which [`super::Graph::write`] has written, and what lies there.
///
/// # Errors
/// If the graph cannot be read, or is another one.
pub fn stored(path: &Path) -> Result<(PathBuf, Vec<Stored>), GraphError> {
    let bytes = std::fs::read(path).map_err(|source| GraphError::Io {
        path: path.into(),
        source,
    })?;
    let format = |reason: &str| GraphError::Format {
        path: path.into(),
        reason: reason.into(),
    };
    let model = ModelProto::decode(bytes.as_slice()).map_err(|_| format("it is damaged"))?;
    let graph = model.graph.ok_or_else(|| format("it holds no graph"))?;
    let external = |tensor: &TensorProto| tensor.data_location() == DataLocation::External;
    let tensors = graph.initializer.iter().filter(|tensor| external(tensor));
    let stored = tensors.map(|tensor| {
        let number = |key| {
            let mut entries = tensor.external_data.iter();
            entries
                .find(|entry| entry.key() == key)?
                .value()
                .parse()
                .ok()
        };
        Some(Stored {
            name: tensor.name().into(),
            element: tensor.data_type(),
            dims: tensor.dims.clone(),
            offset: number("offset")?,
            length: number("length")?,
        })
    });
    let stored = stored.collect::<Option<_>>();
    let stored = stored.ok_or_else(|| format("its weights have no place"))?;
    Ok((data_path(path), stored))
}
