// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What a user's `.onnx` file makes a runtime read beside it. Not every runtime checks that itself.
//!
//! Tags are those of `onnx.proto`. A message may come in several pieces that a runtime merges, so
//! every piece is looked at.

use super::GraphError;
use super::inspect::map;
use super::proto::{
    GraphProto, StringStringEntryProto, TensorProto,
    tensor_proto::{DataLocation, DataType},
};
use super::wire::{Damaged, Fields, Value, varint};
use bytes::Bytes;
use prost::Message as _;
use std::collections::BTreeMap;
use std::path::{Component, Path};

/// Graphs inside graphs; as deep as protobuf's own parsers go.
const MAX_DEPTH: usize = 100;

/// The messages that tensors can lie in.
#[derive(Clone, Copy)]
enum Kind {
    Model,
    Graph,
    Node,
    Attribute,
    SparseTensor,
    TrainingInfo,
    Function,
    Tensor,
}

impl Kind {
    fn of_field(self, tag: u32) -> Option<Self> {
        Some(match (self, tag) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) | (Self::TrainingInfo, 1 | 2) => {
                Self::Graph
            }
            (Self::Model, 20) => Self::TrainingInfo,
            (Self::Model, 25) => Self::Function,
            (Self::Graph, 1) | (Self::Function, 7) => Self::Node,
            (Self::Node, 5) | (Self::Function, 11) => Self::Attribute,
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Self::SparseTensor,
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => {
                Self::Tensor
            }
            _ => return None,
        })
    }
}

/// Checks every file that the model in `bytes` names; which those are, relative to its folder.
pub(super) fn check(path: &Path, bytes: &[u8]) -> Result<Vec<String>, GraphError> {
    let mut data = DataFiles {
        model: path,
        sizes: BTreeMap::new(),
    };
    data.walk(Kind::Model, bytes, 0)?;
    Ok(data.sizes.into_keys().collect())
}

/// Brings the weights that `graph`, of the model in `path`, keeps in other files into it, by mapping
/// those files. [`check`] comes first.
///
/// # Errors
/// If a file cannot be read, or has become shorter since.
pub(super) fn load(path: &Path, graph: &mut GraphProto) -> Result<(), GraphError> {
    let mut files = BTreeMap::new();
    load_graph(path, graph, &mut files)
}

fn load_graph(
    path: &Path,
    graph: &mut GraphProto,
    files: &mut BTreeMap<String, Bytes>,
) -> Result<(), GraphError> {
    for tensor in &mut graph.initializer {
        load_tensor(path, tensor, files)?;
    }
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        for tensor in attribute.t.iter_mut().chain(&mut attribute.tensors) {
            load_tensor(path, tensor, files)?;
        }
        for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            load_graph(path, graph, files)?;
        }
    }
    Ok(())
}

fn load_tensor(
    path: &Path,
    tensor: &mut TensorProto,
    files: &mut BTreeMap<String, Bytes>,
) -> Result<(), GraphError> {
    if tensor.raw_data.is_some() {
        return Ok(());
    }
    let bytes = tensor.encode_to_vec();
    let wrong = |reason: &str| GraphError::Format {
        path: path.into(),
        reason: reason.into(),
    };
    let external = External::of(&bytes).map_err(|Damaged| wrong("a tensor is damaged"))?;
    let Some(External {
        locations,
        offset,
        length,
        needed,
    }) = external
    else {
        return Ok(());
    };
    let location = locations
        .first()
        .ok_or_else(|| wrong("a tensor is damaged"))?;
    if !files.contains_key(location) {
        let folder = path.parent().unwrap_or(Path::new("."));
        files.insert(location.clone(), map(&folder.join(location))?);
    }
    let range = |offset: u64, length: u64| {
        let (start, length) = (usize::try_from(offset).ok()?, usize::try_from(length).ok()?);
        Some(start..start.checked_add(length)?)
    };
    let range = range(offset.unwrap_or_default(), length.unwrap_or(needed));
    let file = &files[location];
    let range = range.filter(|range| range.end <= file.len());
    let range = range.ok_or_else(|| wrong("its weights reach beyond their file"))?;
    tensor.raw_data = Some(file.slice(range));
    tensor.external_data.clear();
    tensor.data_location = Some(DataLocation::Default as i32);
    Ok(())
}

struct DataFiles<'p> {
    model: &'p Path,
    /// Bytes of the files that were checked, by location.
    sizes: BTreeMap<String, u64>,
}

impl DataFiles<'_> {
    fn wrong(&self, reason: impl Into<String>) -> GraphError {
        GraphError::Format {
            path: self.model.into(),
            reason: reason.into(),
        }
    }

    fn walk(&mut self, kind: Kind, bytes: &[u8], depth: usize) -> Result<(), GraphError> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("its graphs are nested too deeply"));
        }
        if matches!(kind, Kind::Tensor) {
            return self.tensor(bytes);
        }
        for field in Fields(bytes) {
            let (tag, value) = field.map_err(|Damaged| self.wrong("its parts do not fit"))?;
            let Value::Bytes(bytes) = value else {
                continue;
            };
            if matches!(kind, Kind::Node) && tag == 4 && bytes == b"EPContext" {
                return Err(self.wrong("it holds a program compiled for one device, not a graph"));
            }
            if let Some(inner) = kind.of_field(tag) {
                self.walk(inner, bytes, depth + 1)?;
            }
        }
        Ok(())
    }

    fn tensor(&mut self, bytes: &[u8]) -> Result<(), GraphError> {
        let tensor = External::of(bytes).map_err(|Damaged| self.wrong("a tensor is damaged"))?;
        let Some(tensor) = tensor else {
            return Ok(());
        };
        // A second location might be the one that counts.
        let [location] = tensor.locations.as_slice() else {
            return Err(self.outside(&tensor.locations.join(", ")));
        };
        let size = match self.sizes.get(location) {
            Some(size) => *size,
            None => {
                let size = self.size(location)?;
                self.sizes.insert(location.clone(), size);
                size
            }
        };
        if tensor.end().is_none_or(|end| end > size) {
            return Err(self.wrong(format!(
                "its weights in {location:?} reach beyond the {size} bytes of that file"
            )));
        }
        Ok(())
    }

    fn outside(&self, location: &str) -> GraphError {
        GraphError::OutsideData {
            path: self.model.into(),
            location: location.into(),
        }
    }

    /// The size of the file at a location, which must be a regular file below the model's folder,
    /// also once links are followed.
    fn size(&self, location: &str) -> Result<u64, GraphError> {
        let relative = Path::new(location);
        // Asterisks: `*/_ORT_MEM_ADDR_/*` makes ONNX Runtime take the offset for an address.
        let plain = !location.is_empty()
            && !location.contains(|c: char| c.is_control() || c == '*')
            && relative
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !plain {
            return Err(self.outside(location));
        }
        let folder = match self.model.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let io = |source| GraphError::Io {
            path: folder.join(relative),
            source,
        };
        let folder_on_disk = folder.canonicalize().map_err(io)?;
        let data = folder.join(relative).canonicalize().map_err(io)?;
        if !data.starts_with(&folder_on_disk) {
            return Err(self.outside(location));
        }
        let metadata = std::fs::metadata(&data).map_err(io)?;
        if !metadata.is_file() {
            return Err(self.wrong(format!("its weights {location:?} are no regular file")));
        }
        Ok(metadata.len())
    }
}

/// Where a tensor's data lie in another file.
#[derive(Default)]
struct External {
    locations: Vec<String>,
    offset: Option<u64>,
    length: Option<u64>,
    /// Bytes that the tensor's type and shape take; more than any file has if not countable.
    needed: u64,
}

impl External {
    /// Reads a TensorProto; `None` if its data lie in the model itself.
    fn of(bytes: &[u8]) -> Result<Option<Self>, Damaged> {
        let mut found = Self::default();
        let mut is_external = false;
        let mut element_bits = 8;
        let mut elements = Some(1u64);
        let mut multiply = |dim| elements = elements.and_then(|all: u64| all.checked_mul(dim));
        for field in Fields(bytes) {
            match field? {
                (1, Value::Number(dim)) => multiply(dim),
                (1, Value::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        multiply(varint(&mut packed).ok_or(Damaged)?);
                    }
                }
                (2, Value::Number(number)) => element_bits = bits(number),
                (14, Value::Number(location)) => is_external |= location == 1,
                (13, Value::Bytes(entry)) => {
                    is_external = true;
                    let entry = StringStringEntryProto::decode(entry).map_err(|_| Damaged)?;
                    let number = || entry.value().parse().map_err(|_| Damaged);
                    match entry.key() {
                        "location" => found.locations.push(entry.value().into()),
                        "offset" => found.offset = found.offset.max(Some(number()?)),
                        "length" => found.length = found.length.max(Some(number()?)),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        let bits = elements.and_then(|elements| elements.checked_mul(element_bits));
        found.needed = bits.map_or(u64::MAX, |bits| bits.div_ceil(8));
        Ok(is_external.then_some(found))
    }

    fn end(&self) -> Option<u64> {
        let bytes = self.length.unwrap_or_default().max(self.needed);
        self.offset.unwrap_or_default().checked_add(bytes)
    }
}

/// Bits of an element; eight where the type is not known.
fn bits(data_type: u64) -> u64 {
    let kind = i32::try_from(data_type).ok();
    let kind = kind.and_then(|kind| DataType::try_from(kind).ok());
    match kind.unwrap_or(DataType::Undefined) {
        DataType::Complex128 => 128,
        DataType::Double | DataType::Int64 | DataType::Uint64 | DataType::Complex64 => 64,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 32,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 16,
        DataType::Int4 | DataType::Uint4 | DataType::Float4e2m1 => 4,
        DataType::Int2 | DataType::Uint2 => 2,
        _ => 8,
    }
}

#[cfg(test)]
mod tests;
