// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Looking into users' `.onnx` files without loading their weights.

use super::GraphError;
use super::external;
use super::proto::{
    OperatorSetIdProto, StringStringEntryProto, ValueInfoProto,
    tensor_proto::DataType,
    tensor_shape_proto::{Dimension, dimension::Value as DimValue},
    type_proto,
};
use super::wire::{Damaged, Fields, Value};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;

/// One input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnnxTensor {
    /// Its name.
    pub name: String,
    /// Its element type as ONNX names it in lower case: `float`, `uint8`, …
    pub element: String,
    /// Its dimensions, outermost first; `None` where a run may choose.
    pub dims: Vec<Option<i64>>,
    /// The names of the dimensions that a run may choose; empty where there is none.
    pub dim_names: Vec<String>,
}

/// What a model file says of itself.
#[derive(Clone, Debug, Default)]
pub struct OnnxSummary {
    /// Inputs that are not constants.
    pub inputs: Vec<OnnxTensor>,
    /// Outputs.
    pub outputs: Vec<OnnxTensor>,
    /// `metadata_props`.
    pub metadata: BTreeMap<String, String>,
    /// Version of the standard operator set.
    pub opset: i64,
    /// Files with weights, relative to the model's folder.
    pub data_files: Vec<String>,
}

/// All that an interface may take in a file; published ones take some kilobytes.
const MAX_INTERFACE_BYTES: usize = 4 << 20;

/// Reads a model file's interface. Weights and nodes stay in the mapped file.
///
/// # Errors
/// If the file is missing or no ONNX model, or keeps weights outside its own folder: by an
/// absolute path, by `..` or by a link, in the graph, a subgraph, a function, a sparse tensor or
/// the training part. Old runtimes would follow. Also if those weights are no regular file or
/// shorter than the model says.
pub fn inspect(path: &Path) -> Result<OnnxSummary, GraphError> {
    let format = |reason: &str| GraphError::Format {
        path: path.into(),
        reason: reason.into(),
    };
    let bytes = map(path)?;
    if bytes.is_empty() {
        return Err(format("it is empty"));
    }
    // A runtime that knows its own format by these bytes would read other tables than we do.
    if bytes.get(4..8) == Some(b"ORTM") {
        return Err(format("it is in ONNX Runtime's own format"));
    }
    let data_files = external::check(path, &bytes)?;
    let mut summary = Interface::read(&bytes).map_err(|reason| format(reason.0))?;
    summary.data_files = data_files;
    if summary.outputs.is_empty() {
        return Err(format("it holds no graph with an output"));
    }
    Ok(summary)
}

/// Why there is no interface.
struct Unreadable(&'static str);

impl From<Damaged> for Unreadable {
    fn from(_: Damaged) -> Self {
        Self("its parts do not fit")
    }
}

impl From<prost::DecodeError> for Unreadable {
    fn from(_: prost::DecodeError) -> Self {
        Self("its interface is damaged")
    }
}

#[derive(Default)]
struct Interface {
    summary: OnnxSummary,
    bytes: usize,
}

impl Interface {
    fn read(model: &[u8]) -> Result<OnnxSummary, Unreadable> {
        let mut interface = Self::default();
        for field in Fields(model) {
            match field? {
                (7, Value::Bytes(graph)) => interface.graph(graph)?,
                (8, Value::Bytes(import)) => {
                    let import = interface.decode::<OperatorSetIdProto>(import)?;
                    if matches!(import.domain(), "" | "ai.onnx") {
                        interface.summary.opset = import.version();
                    }
                }
                (14, Value::Bytes(entry)) => {
                    let entry = interface.decode::<StringStringEntryProto>(entry)?;
                    let (key, value) = (entry.key().into(), entry.value().into());
                    interface.summary.metadata.insert(key, value);
                }
                _ => {}
            }
        }
        Ok(interface.summary)
    }

    fn graph(&mut self, graph: &[u8]) -> Result<(), Unreadable> {
        for field in Fields(graph) {
            match field? {
                (11, Value::Bytes(input)) => {
                    let input = tensor(&self.decode(input)?)?;
                    self.summary.inputs.push(input);
                }
                (12, Value::Bytes(output)) => {
                    let output = tensor(&self.decode(output)?)?;
                    self.summary.outputs.push(output);
                }
                _ => {}
            }
        }
        let names = self
            .summary
            .inputs
            .iter()
            .map(|input| input.name.as_bytes());
        let names: BTreeSet<_> = names.collect();
        let mut constants = BTreeSet::new();
        for field in Fields(graph) {
            if let (5, Value::Bytes(initializer)) = field? {
                for field in Fields(initializer) {
                    if let (8, Value::Bytes(name)) = field? {
                        constants.extend(names.get(name).map(|name| name.to_vec()));
                    }
                }
            }
        }
        let inputs = &mut self.summary.inputs;
        inputs.retain(|input| !constants.contains(input.name.as_bytes()));
        Ok(())
    }

    fn decode<M: prost::Message + Default>(&mut self, bytes: &[u8]) -> Result<M, Unreadable> {
        // An empty message takes two bytes of the file.
        self.bytes += bytes.len() + 2;
        if self.bytes > MAX_INTERFACE_BYTES {
            return Err(Unreadable("its interface is larger than any network's"));
        }
        Ok(M::decode(bytes)?)
    }
}

/// The file, mapped.
#[allow(unsafe_code)]
pub(super) fn map(path: &Path) -> Result<Bytes, GraphError> {
    let io = |source| GraphError::Io {
        path: path.into(),
        source,
    };
    // Before it is opened: that alone would wait for the other end of a pipe.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(GraphError::Format {
            path: path.into(),
            reason: "it is no regular file".into(),
        });
    }
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: the map is only read, by a parser that takes nothing for granted.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(io)?;
    Ok(Bytes::from_owner(map))
}

fn tensor(info: &ValueInfoProto) -> Result<OnnxTensor, Unreadable> {
    if info.name().contains(char::is_control) {
        return Err(Unreadable("a name in its interface is not printable"));
    }
    let tensor = match info.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
        Some(type_proto::Value::TensorType(tensor)) => Some(tensor),
        _ => None,
    };
    let element = tensor
        .and_then(|tensor| DataType::try_from(tensor.elem_type()).ok())
        .unwrap_or(DataType::Undefined);
    let shape = tensor.and_then(|tensor| tensor.shape.as_ref());
    let dims = shape.map(|shape| shape.dim.as_slice()).unwrap_or_default();
    let size = |dim: &Dimension| match dim.value {
        Some(DimValue::DimValue(size)) if size > 0 => Some(size),
        _ => None,
    };
    let name = |dim: &Dimension| match &dim.value {
        Some(DimValue::DimParam(name)) if !name.contains(char::is_control) => name.clone(),
        _ => String::new(),
    };
    Ok(OnnxTensor {
        name: info.name().into(),
        element: element.as_str_name().to_lowercase(),
        dims: dims.iter().map(size).collect(),
        dim_names: dims.iter().map(name).collect(),
    })
}
