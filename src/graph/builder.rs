// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The graph under construction.

use super::proto::{
    AttributeProto, GraphProto, NodeProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto::AttributeType, tensor_proto::DataType, tensor_shape_proto,
    type_proto,
};
use super::{Graph, GraphError};
use std::collections::BTreeMap;

/// The element types that graphs here use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit float.
    F32,
    /// 16-bit float: ten bits of the fraction, five of the exponent.
    F16,
    /// Unsigned byte.
    U8,
    /// 64-bit integer.
    I64,
}

impl ElementType {
    pub(super) const fn to_proto(self) -> i32 {
        (match self {
            Self::F32 => DataType::Float,
            Self::F16 => DataType::Float16,
            Self::U8 => DataType::Uint8,
            Self::I64 => DataType::Int64,
        }) as i32
    }
}

/// One dimension of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Known when the graph is built.
    Fixed(usize),
    /// The number of pictures in a batch, chosen at each run.
    Batch,
}

/// A tensor in the graph: the result of a node, an input or a constant.
#[derive(Clone, Debug)]
pub struct Value {
    pub(super) name: String,
    pub(super) element: ElementType,
    pub(super) dims: Vec<Dim>,
}

impl Value {
    /// What it is made of.
    pub fn element(&self) -> ElementType {
        self.element
    }

    /// The dimensions, outermost first.
    pub fn dims(&self) -> &[Dim] {
        &self.dims
    }

    /// Dimension `axis` where it is known, else `None`.
    pub fn fixed(&self, axis: usize) -> Option<usize> {
        match self.dims.get(axis) {
            Some(Dim::Fixed(size)) => Some(*size),
            _ => None,
        }
    }
}

/// An attribute of a node.
pub(super) enum Attribute<'a> {
    Int(i64),
    Ints(&'a [i64]),
    Float(f32),
    Text(&'a str),
}

fn attribute(name: &str, value: &Attribute<'_>) -> AttributeProto {
    let mut proto = AttributeProto {
        name: Some(name.into()),
        ..Default::default()
    };
    let kind = match value {
        Attribute::Int(value) => {
            proto.i = Some(*value);
            AttributeType::Int
        }
        Attribute::Ints(values) => {
            proto.ints = values.to_vec();
            AttributeType::Ints
        }
        Attribute::Float(value) => {
            proto.f = Some(*value);
            AttributeType::Float
        }
        Attribute::Text(value) => {
            proto.s = Some(value.as_bytes().to_vec());
            AttributeType::String
        }
    };
    proto.r#type = Some(kind as i32);
    proto
}

/// Collects nodes in the order in which they run. Names come from the scope and a counter, so the
/// same calls always give the same graph.
#[derive(Default)]
pub struct Builder {
    nodes: Vec<NodeProto>,
    pub(super) initializers: Vec<TensorProto>,
    inputs: Vec<ValueInfoProto>,
    outputs: Vec<ValueInfoProto>,
    scope: Vec<String>,
    counters: BTreeMap<String, usize>,
    contrib: bool,
    /// Multiply-adds in matrix products of each shape: rows, inner length, columns.
    products: BTreeMap<[usize; 3], u64>,
    /// What was cast already, by name and type.
    pub(super) casts: BTreeMap<(String, i32), Value>,
    /// Outputs of nodes that are outputs of the graph, and their names there.
    renamed: BTreeMap<String, String>,
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Builds a part of the model under a name of its own.
    ///
    /// # Errors
    /// Those of `part`.
    pub fn within<T, E>(
        &mut self,
        scope: impl Into<String>,
        part: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.scope.push(scope.into());
        let result = part(self);
        self.scope.pop();
        result
    }

    /// Declares an input of the graph.
    pub fn input(&mut self, name: &str, element: ElementType, dims: &[Dim]) -> Value {
        let value = Value {
            name: name.into(),
            element,
            dims: dims.to_vec(),
        };
        self.inputs.push(value_info(&value));
        value
    }

    /// Declares an output of the graph of this name. The node that makes `value` gives its output
    /// this name, so that nothing lies between: TensorRT takes bytes as an output of a `Cast` only.
    pub fn output(&mut self, name: &str, value: &Value) {
        let named = Value {
            name: name.into(),
            ..value.clone()
        };
        self.outputs.push(value_info(&named));
        let made_here = self
            .nodes
            .iter()
            .any(|node| node.output.contains(&value.name));
        if made_here && !self.renamed.contains_key(&value.name) {
            self.renamed.insert(value.name.clone(), named.name);
            return;
        }
        // An input, a constant, or what is an output under another name already.
        self.nodes.push(NodeProto {
            op_type: Some("Identity".into()),
            name: Some(format!("output/{name}")),
            input: vec![value.name.clone()],
            output: vec![named.name],
            ..Default::default()
        });
    }

    /// Adds a node with one output.
    pub(super) fn node(
        &mut self,
        op: &'static str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute<'_>)],
        element: ElementType,
        dims: Vec<Dim>,
    ) -> Value {
        self.node_in("", op, inputs, attributes, element, dims)
    }

    /// Adds a node whose second output nobody reads.
    pub(super) fn node_with_unused_output(
        &mut self,
        op: &'static str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute<'_>)],
        element: ElementType,
        dims: Vec<Dim>,
    ) -> Value {
        let value = self.node(op, inputs, attributes, element, dims);
        if let Some(node) = self.nodes.last_mut() {
            node.output.push(format!("{}/unused", value.name));
        }
        value
    }

    /// Adds a node of ONNX Runtime's own operators.
    pub(super) fn contrib_node(
        &mut self,
        op: &'static str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute<'_>)],
        element: ElementType,
        dims: Vec<Dim>,
    ) -> Value {
        self.contrib = true;
        self.node_in("com.microsoft", op, inputs, attributes, element, dims)
    }

    fn node_in(
        &mut self,
        domain: &str,
        op: &'static str,
        inputs: &[&Value],
        attributes: &[(&str, Attribute<'_>)],
        element: ElementType,
        dims: Vec<Dim>,
    ) -> Value {
        let name = self.name(op);
        self.nodes.push(NodeProto {
            op_type: Some(op.into()),
            domain: (!domain.is_empty()).then(|| domain.into()),
            name: Some(name.clone()),
            input: inputs.iter().map(|value| value.name.clone()).collect(),
            output: vec![name.clone()],
            attribute: attributes
                .iter()
                .map(|(name, value)| attribute(name, value))
                .collect(),
            ..Default::default()
        });
        Value {
            name,
            element,
            dims,
        }
    }

    /// Counts a matrix product of `rows × inner` by `inner × columns`, `times` times.
    pub(super) fn count_product(&mut self, shape: [usize; 3], times: usize) {
        let products = shape.iter().product::<usize>() * times;
        *self.products.entry(shape).or_default() += products as u64;
    }

    /// An error that says where in the model it happened.
    pub(super) fn error(&self, op: &'static str, reason: impl Into<String>) -> GraphError {
        GraphError::Shape {
            op,
            scope: self.scope.join("."),
            reason: reason.into(),
        }
    }

    pub(super) fn name(&mut self, kind: &str) -> String {
        let stem = self
            .scope
            .iter()
            .map(String::as_str)
            .chain([kind])
            .collect::<Vec<_>>()
            .join("/");
        let counter = self.counters.entry(stem.clone()).or_default();
        *counter += 1;
        match *counter {
            1 => stem,
            n => format!("{stem}_{n}"),
        }
    }

    /// The finished graph.
    pub fn finish(mut self, name: &str) -> Graph {
        for node in &mut self.nodes {
            for value in node.input.iter_mut().chain(&mut node.output) {
                if let Some(name) = self.renamed.get(value) {
                    value.clone_from(name);
                }
            }
        }
        let graph = GraphProto {
            name: Some(name.into()),
            node: self.nodes,
            initializer: self.initializers,
            input: self.inputs,
            output: self.outputs,
            ..Default::default()
        };
        Graph::new(graph, self.contrib, self.products)
    }
}

fn value_info(value: &Value) -> ValueInfoProto {
    use tensor_shape_proto::dimension::Value as DimValue;
    let dim = value
        .dims
        .iter()
        .map(|dim| tensor_shape_proto::Dimension {
            value: Some(match dim {
                Dim::Fixed(size) => DimValue::DimValue(*size as i64),
                Dim::Batch => DimValue::DimParam("batch".into()),
            }),
            ..Default::default()
        })
        .collect();
    ValueInfoProto {
        name: Some(value.name.clone()),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(type_proto::Tensor {
                elem_type: Some(value.element.to_proto()),
                shape: Some(TensorShapeProto { dim }),
            })),
            ..Default::default()
        }),
        ..Default::default()
    }
}
