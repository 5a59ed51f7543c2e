// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Looking into users' `.onnx` files without loading their weights.

use super::GraphError;
use super::proto::{
    AttributeProto, GraphProto, ModelProto, TensorProto, ValueInfoProto,
    tensor_proto::{DataLocation, DataType},
    tensor_shape_proto::dimension::Value as DimValue,
    type_proto,
};
use bytes::Bytes;
use prost::Message as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Component, Path};

/// One input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnnxTensor {
    /// Its name.
    pub name: String,
    /// Its element type as ONNX names it in lower case: `float`, `uint8`, …
    pub element: String,
    /// Its dimensions, outermost first; `None` where a run may choose.
    pub dims: Vec<Option<i64>>,
}

/// What a model file says of itself.
#[derive(Clone, Debug)]
pub struct OnnxSummary {
    /// Inputs that are not constants.
    pub inputs: Vec<OnnxTensor>,
    /// Outputs.
    pub outputs: Vec<OnnxTensor>,
    /// `metadata_props`.
    pub metadata: BTreeMap<String, String>,
    /// Version of the standard operator set.
    pub opset: i64,
}

/// Reads a model file's interface. Weights stay in the mapped file.
///
/// # Errors
/// If the file is missing or no ONNX model, or keeps weights outside its own folder: by an
/// absolute path, by `..` or by a link, in the graph or in a subgraph. Old runtimes would follow.
pub fn inspect(path: &Path) -> Result<OnnxSummary, GraphError> {
    let format = |reason: String| GraphError::Format {
        path: path.into(),
        reason,
    };
    let bytes = map(path)?;
    if bytes.is_empty() {
        return Err(format("it is empty".into()));
    }
    let model = ModelProto::decode(bytes).map_err(|error| format(error.to_string()))?;
    let graph = model
        .graph
        .as_ref()
        .filter(|graph| !graph.output.is_empty())
        .ok_or_else(|| format("it holds no graph with an output".into()))?;
    let mut locations = BTreeSet::new();
    collect_locations(graph, &mut locations);
    for location in locations {
        check_location(path, &location)?;
    }
    let constants: BTreeSet<&str> = graph
        .initializer
        .iter()
        .filter_map(|tensor| tensor.name.as_deref())
        .collect();
    Ok(OnnxSummary {
        inputs: graph
            .input
            .iter()
            .filter(|input| !constants.contains(input.name()))
            .map(tensor)
            .collect(),
        outputs: graph.output.iter().map(tensor).collect(),
        metadata: model
            .metadata_props
            .iter()
            .map(|entry| (entry.key().to_string(), entry.value().to_string()))
            .collect(),
        opset: model
            .opset_import
            .iter()
            .find(|import| matches!(import.domain(), "" | "ai.onnx"))
            .map_or(0, |import| import.version()),
    })
}

#[allow(unsafe_code)]
fn map(path: &Path) -> Result<Bytes, GraphError> {
    let io = |source| GraphError::Io {
        path: path.into(),
        source,
    };
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: the map is only read, by a parser that takes nothing for granted.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(io)?;
    Ok(Bytes::from_owner(map))
}

fn tensor(info: &ValueInfoProto) -> OnnxTensor {
    let tensor = match info.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
        Some(type_proto::Value::TensorType(tensor)) => Some(tensor),
        _ => None,
    };
    let element = tensor
        .and_then(|tensor| DataType::try_from(tensor.elem_type()).ok())
        .unwrap_or(DataType::Undefined);
    OnnxTensor {
        name: info.name().into(),
        element: element.as_str_name().to_lowercase(),
        dims: tensor
            .and_then(|tensor| tensor.shape.as_ref())
            .map(|shape| {
                let known = |value: &DimValue| match value {
                    DimValue::DimValue(size) if *size > 0 => Some(*size),
                    _ => None,
                };
                shape
                    .dim
                    .iter()
                    .map(|dim| dim.value.as_ref().and_then(known))
                    .collect()
            })
            .unwrap_or_default(),
    }
}

fn collect_locations(graph: &GraphProto, found: &mut BTreeSet<String>) {
    for tensor in &graph.initializer {
        tensor_location(tensor, found);
    }
    for sparse in &graph.sparse_initializer {
        for tensor in sparse.values.iter().chain(&sparse.indices) {
            tensor_location(tensor, found);
        }
    }
    for attribute in graph.node.iter().flat_map(|node| &node.attribute) {
        attribute_locations(attribute, found);
    }
}

fn attribute_locations(attribute: &AttributeProto, found: &mut BTreeSet<String>) {
    for tensor in attribute.t.iter().chain(&attribute.tensors) {
        tensor_location(tensor, found);
    }
    for graph in attribute.g.iter().chain(&attribute.graphs) {
        collect_locations(graph, found);
    }
}

fn tensor_location(tensor: &TensorProto, found: &mut BTreeSet<String>) {
    if tensor.data_location() == DataLocation::External {
        let location = tensor
            .external_data
            .iter()
            .find(|entry| entry.key() == "location")
            .map(|entry| entry.value().to_string());
        found.insert(location.unwrap_or_default());
    }
}

/// A location must be a path below the model's folder, also once links are followed.
fn check_location(model: &Path, location: &str) -> Result<(), GraphError> {
    let outside = || GraphError::OutsideData {
        path: model.into(),
        location: location.into(),
    };
    let relative = Path::new(location);
    let plain = !location.is_empty()
        && relative
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
    if !plain {
        return Err(outside());
    }
    let folder = match model.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let io = |source| GraphError::Io {
        path: folder.join(relative),
        source,
    };
    let folder_on_disk = folder.canonicalize().map_err(io)?;
    let data = folder.join(relative).canonicalize().map_err(io)?;
    if data.starts_with(&folder_on_disk) {
        Ok(())
    } else {
        Err(outside())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::proto::{NodeProto, StringStringEntryProto, attribute_proto};

    /// A model whose only constant, in the graph or in a subgraph, lies at `location`.
    fn model(location: &str, in_subgraph: bool) -> Vec<u8> {
        let constant = TensorProto {
            data_location: Some(DataLocation::External as i32),
            external_data: vec![StringStringEntryProto {
                key: Some("location".into()),
                value: Some(location.into()),
            }],
            ..Default::default()
        };
        let inner = GraphProto {
            initializer: vec![constant],
            output: vec![ValueInfoProto::default()],
            ..Default::default()
        };
        let outer = GraphProto {
            node: vec![NodeProto {
                attribute: vec![AttributeProto {
                    r#type: Some(attribute_proto::AttributeType::Graph as i32),
                    g: Some(inner.clone()),
                    ..Default::default()
                }],
                ..Default::default()
            }],
            output: vec![ValueInfoProto::default()],
            ..Default::default()
        };
        ModelProto {
            graph: Some(if in_subgraph { outer } else { inner }),
            ..Default::default()
        }
        .encode_to_vec()
    }

    #[test]
    fn weights_outside_the_models_folder_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("model");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(root.path().join("secret"), "s").unwrap();
        std::fs::write(folder.join("weights"), "w").unwrap();
        std::os::unix::fs::symlink("../secret", folder.join("link")).unwrap();
        let path = folder.join("m.onnx");
        for in_subgraph in [false, true] {
            let open = |location: &str| {
                std::fs::write(&path, model(location, in_subgraph)).unwrap();
                inspect(&path)
            };
            assert!(open("weights").is_ok());
            for location in ["../secret", "/etc/passwd", "link", "sub/../../secret", ""] {
                assert!(
                    matches!(open(location), Err(GraphError::OutsideData { .. })),
                    "{location:?}, in a subgraph: {in_subgraph}"
                );
            }
        }
    }
}
