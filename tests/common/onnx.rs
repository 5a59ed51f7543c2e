// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Nodes and element types of a graph, read from its file.

use prost::Message;
use std::collections::HashMap;

/// `onnx.proto`, as much of it as the tests look at.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Model {
    #[prost(message, optional, tag = "7")]
    pub(crate) graph: Option<Graph>,
    #[prost(message, repeated, tag = "8")]
    pub(crate) opset_import: Vec<OperatorSet>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSet {
    #[prost(string, tag = "1")]
    pub(crate) domain: String,
    #[prost(int64, tag = "2")]
    pub(crate) version: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Graph {
    #[prost(message, repeated, tag = "1")]
    pub(crate) nodes: Vec<Node>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) constants: Vec<Constant>,
    #[prost(message, repeated, tag = "11")]
    pub(crate) inputs: Vec<Info>,
    #[prost(message, repeated, tag = "12")]
    pub(crate) outputs: Vec<Info>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Node {
    #[prost(string, repeated, tag = "1")]
    pub(crate) inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub(crate) outputs: Vec<String>,
    #[prost(string, tag = "3")]
    pub(crate) name: String,
    #[prost(string, tag = "4")]
    pub(crate) op: String,
    #[prost(message, repeated, tag = "5")]
    pub(crate) attributes: Vec<Attribute>,
    #[prost(string, tag = "7")]
    pub(crate) domain: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Attribute {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(int64, tag = "3")]
    pub(crate) int: i64,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub(crate) ints: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Constant {
    #[prost(int32, tag = "2")]
    pub(crate) element: i32,
    #[prost(string, tag = "8")]
    pub(crate) name: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Info {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) kind: Option<Type>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Type {
    #[prost(message, optional, tag = "1")]
    pub(crate) tensor: Option<Tensor>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tensor {
    #[prost(int32, tag = "1")]
    pub(crate) element: i32,
}

impl Node {
    pub(crate) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|own| own.name == name)
    }
}

impl Model {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self::decode(bytes).unwrap()
    }

    pub(crate) fn graph(&self) -> &Graph {
        self.graph.as_ref().unwrap()
    }
}

impl Graph {
    /// The element type of every value, by ONNX's names. Enough for the graphs that this crate
    /// writes: what is not said here has the type of its first input.
    pub(crate) fn elements(&self) -> HashMap<&str, &'static str> {
        let mut elements: HashMap<&str, &'static str> = HashMap::new();
        for input in &self.inputs {
            let kind = input.kind.as_ref().and_then(|kind| kind.tensor.as_ref());
            elements.insert(&input.name, named(kind.unwrap().element));
        }
        for constant in &self.constants {
            elements.insert(&constant.name, named(constant.element));
        }
        for node in &self.nodes {
            let element = match node.op.as_str() {
                "Cast" => named(node.attribute("to").unwrap().int as i32),
                "ArgMax" | "Shape" => "int64",
                _ => elements[node.inputs[0].as_str()],
            };
            for output in &node.outputs {
                elements.insert(output, element);
            }
        }
        elements
    }
}

fn named(element: i32) -> &'static str {
    match element {
        1 => "float",
        2 => "uint8",
        6 => "int32",
        7 => "int64",
        9 => "bool",
        10 => "float16",
        other => panic!("element type {other}"),
    }
}
