// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Finished graphs as files: the same graph always gives the same bytes.

use super::proto::{
    GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
    tensor_proto::DataLocation,
};
use super::{GraphError, OPSET};
use prost::Message as _;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// The IR version that opset 17 came with.
const IR_VERSION: i64 = 8;
const MAX_PROTOBUF_BYTES: u64 = i32::MAX as u64;
/// Tensors below this stay in the model file: shapes, axes, biases of small layers.
const EXTERNAL_FROM: usize = 1024;
/// Offsets in the data file are multiples of this.
const ALIGNMENT: usize = 64;

/// A finished graph with its weights.
pub struct Graph {
    graph: GraphProto,
    /// All of the model but its graph.
    header: ModelProto,
    products: BTreeMap<[usize; 3], u64>,
}

impl Graph {
    pub(super) fn new(
        graph: GraphProto,
        contrib: bool,
        products: BTreeMap<[usize; 3], u64>,
    ) -> Self {
        let opset = |domain: &str, version| OperatorSetIdProto {
            domain: Some(domain.into()),
            version: Some(version),
        };
        let mut opset_import = vec![opset("", OPSET)];
        if contrib {
            opset_import.push(opset("com.microsoft", 1));
        }
        let header = ModelProto {
            ir_version: Some(IR_VERSION),
            opset_import,
            producer_name: Some(env!("CARGO_PKG_NAME").into()),
            producer_version: Some(env!("CARGO_PKG_VERSION").into()),
            ..Default::default()
        };
        Self {
            graph,
            header,
            products,
        }
    }

    /// The graph of a model that was read; `header` is the model without it.
    pub(super) fn of_model(graph: GraphProto, header: ModelProto) -> Self {
        Self {
            graph,
            header,
            products: BTreeMap::new(),
        }
    }

    /// Sets an entry of the model's `metadata_props`.
    pub fn set_metadata(&mut self, key: impl Into<String>, value: impl Into<String>) {
        let new = entry(&key.into(), &value.into());
        let entries = &mut self.header.metadata_props;
        entries.retain(|entry| entry.key() != new.key());
        entries.push(new);
        entries.sort_by(|one, other| one.key().cmp(other.key()));
    }

    /// Multiply-adds of one run with a batch of one, in matrix products and convolutions: each is
    /// two operations.
    pub fn multiply_adds(&self) -> u64 {
        self.products.values().sum()
    }

    /// The shape of matrix products, convolutions counted as such, that take most of the
    /// multiply-adds together: rows, inner length and columns.
    pub fn main_product(&self) -> [usize; 3] {
        let most = self.products.iter().max_by_key(|(_, products)| **products);
        most.map_or([1; 3], |(shape, _)| *shape)
    }

    /// Bytes of all constants.
    pub fn weight_bytes(&self) -> u64 {
        self.graph
            .initializer
            .iter()
            .map(|tensor| raw(tensor).len() as u64)
            .sum()
    }

    /// The model as one ONNX file.
    ///
    /// # Errors
    /// If it would exceed the 2 GiB that a protobuf file can hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, GraphError> {
        let model = self.model(self.graph.clone());
        let bytes = model.encoded_len() as u64;
        if bytes > MAX_PROTOBUF_BYTES {
            return Err(GraphError::TooLarge { bytes });
        }
        Ok(model.encode_to_vec())
    }

    /// Writes `path`, with the weights in `<path>.data` beside it if `external_data`. Each file is
    /// written under another name first, so that a reader never sees half of one.
    ///
    /// # Errors
    /// If a file cannot be written, or is too large without external data.
    pub fn write(&self, path: &Path, external_data: bool) -> Result<(), GraphError> {
        if !external_data {
            let bytes = self.to_bytes()?;
            return replace(path, |file| file.write_all(&bytes));
        }
        let data = data_path(path);
        let location = data
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut graph = self.graph.clone();
        replace(&data, |file| {
            let mut offset: usize = 0;
            for tensor in &mut graph.initializer {
                if raw(tensor).len() < EXTERNAL_FROM {
                    continue;
                }
                let bytes = tensor.raw_data.take().unwrap_or_default();
                let padding = offset.next_multiple_of(ALIGNMENT) - offset;
                file.write_all(&[0; ALIGNMENT][..padding])?;
                file.write_all(&bytes)?;
                offset += padding;
                tensor.data_location = Some(DataLocation::External as i32);
                tensor.external_data = [
                    ("location", location.clone()),
                    ("offset", offset.to_string()),
                    ("length", bytes.len().to_string()),
                ]
                .map(|(key, value)| entry(key, &value))
                .to_vec();
                offset += bytes.len();
            }
            Ok(())
        })?;
        let bytes = self.model(graph).encode_to_vec();
        replace(path, |file| file.write_all(&bytes))
    }

    fn model(&self, graph: GraphProto) -> ModelProto {
        ModelProto {
            graph: Some(graph),
            ..self.header.clone()
        }
    }
}

fn raw(tensor: &TensorProto) -> &[u8] {
    tensor.raw_data.as_deref().unwrap_or_default()
}

fn entry(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value.into()),
    }
}

/// `model.onnx` keeps its weights in `model.onnx.data`.
pub(super) fn data_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".data");
    name.into()
}

/// Writes a sibling, flushes it to the disk and renames it to `path`.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), GraphError> {
    let mut name = path.as_os_str().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let sibling = PathBuf::from(name);
    let result = File::create(&sibling).and_then(|file| {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        write(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        std::fs::rename(&sibling, path)
    });
    result.map_err(|source| {
        // What is left of the sibling is of no use; the first error is the one to report.
        let _ = std::fs::remove_file(&sibling);
        GraphError::Io {
            path: path.into(),
            source,
        }
    })
}
