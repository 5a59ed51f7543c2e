// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Rewriting a user's `.onnx` file of 32-bit floats for 16 bits, in types that say so.
//!
//! NVIDIA's providers compute a graph in the types that it has. What is sensitive stays in 32 bits:
//! normalisations, softmax, the sums that blocks add to, and the last layers before each output, which
//! make values of features. Inputs and outputs keep their types.

use super::constants::halves;
use super::inspect::map;
use super::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto,
    attribute_proto::AttributeType,
    tensor_proto::{DataLocation, DataType},
    type_proto,
};
use super::{Graph, GraphError, external};
use prost::Message as _;
use std::collections::{HashMap, HashSet};
use std::path::Path;

const FLOAT: i32 = DataType::Float as i32;
const FLOAT16: i32 = DataType::Float16 as i32;
const INT64: i32 = DataType::Int64 as i32;
/// The largest number in 16 bits.
const MOST: f32 = 65504.0;

/// As many matrix products and convolutions before each output stay in 32 bits: a DPT head's last two
/// have sums that 16 bits cannot hold.
const LAST_PRODUCTS: usize = 2;

/// The model in `path` with its matrix products and convolutions in 16 bits, and so what only moves,
/// scales or activates their results. A model that is in 16 bits already is returned as it is. Weights
/// in other files become part of the graph.
///
/// # Errors
/// If the file is no ONNX model, is quantised, has nothing to rewrite, or weights beyond the range of
/// 16 bits.
pub fn in_fp16(path: &Path) -> Result<Graph, GraphError> {
    let bytes = map(path)?;
    external::check(path, &bytes)?;
    let mut model = ModelProto::decode(bytes).map_err(|_| GraphError::Format {
        path: path.into(),
        reason: "it is damaged".into(),
    })?;
    let mut graph = model.graph.take().ok_or_else(|| GraphError::Format {
        path: path.into(),
        reason: "it holds no graph".into(),
    })?;
    let quantised = |node: &&NodeProto| {
        let op = node.op_type();
        op.contains("Quantize") || op.contains("QLinear") || op.ends_with("Integer")
    };
    if let Some(node) = graph.node.iter().find(quantised) {
        let reason = format!("it is quantised ({})", node.op_type());
        let path = path.into();
        return Err(GraphError::Fp16 { path, reason });
    }
    external::load(path, &mut graph)?;
    constants_to_initializers(&mut graph);
    resolve_identities(&mut graph);
    scale_queries(&mut graph);
    let plan = Plan::new(&graph);
    let is_half = |tensor: &TensorProto| tensor.data_type() == FLOAT16;
    if plan.half.contains(&true) {
        graph = Rewriting::new(&graph).apply(graph, &plan)?;
    } else if !graph.initializer.iter().any(is_half) {
        return Err(GraphError::Fp16 {
            path: path.into(),
            reason: "no matrix product or convolution of 32-bit floats was found in it".into(),
        });
    }
    Ok(Graph::of_model(graph, model))
}

/// The inputs of an operator that are of the type it computes in, where it may be 16 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A product, with these inputs at most.
    Product(usize),
    /// Follows the type of its first input.
    First,
    /// Follows the type of its first input, and takes limits or fillers of the same type.
    FirstAnd(&'static [usize]),
    /// Follows all of its inputs.
    All,
    /// Adds: follows its inputs where one of them is a constant of at most one dimension, a bias.
    Sum,
    /// Needs 32 bits, or is not known.
    Full,
}

fn role(node: &NodeProto) -> Role {
    if !matches!(node.domain(), "" | "ai.onnx") {
        return Role::Full;
    }
    let one_output = node.output.len() == 1;
    match node.op_type() {
        "MatMul" => Role::Product(2),
        "Conv" | "ConvTranspose" | "Gemm" => Role::Product(3),
        "Reshape" | "Transpose" | "Flatten" | "Squeeze" | "Unsqueeze" | "Identity" | "Slice"
        | "Split" | "Gather" | "Expand" | "Resize" | "Relu" | "Erf" | "Sigmoid" | "Gelu" => {
            Role::First
        }
        "MaxPool" if one_output => Role::First,
        "Clip" => Role::FirstAnd(&[1, 2]),
        "Pad" => Role::FirstAnd(&[2]),
        "Concat" | "Mul" | "Div" => Role::All,
        "Add" | "Sub" => Role::Sum,
        _ => Role::Full,
    }
}

impl Role {
    /// The inputs that are of the computing type.
    fn typed(self, node: &NodeProto) -> Vec<usize> {
        let count = node.input.len();
        let inputs: Vec<usize> = match self {
            Self::Product(most) => (0..count.min(most)).collect(),
            Self::First => vec![0],
            Self::FirstAnd(more) => std::iter::once(0).chain(more.iter().copied()).collect(),
            Self::All | Self::Sum => (0..count).collect(),
            Self::Full => Vec::new(),
        };
        let given = |&index: &usize| node.input.get(index).is_some_and(|name| !name.is_empty());
        inputs.into_iter().filter(given).collect()
    }
}

/// `Constant` nodes with a tensor as initializers, so that there is one kind of constants.
fn constants_to_initializers(graph: &mut GraphProto) {
    let initializers = &mut graph.initializer;
    graph.node.retain_mut(|node| {
        if node.op_type() != "Constant" || !matches!(node.domain(), "" | "ai.onnx") {
            return true;
        }
        let value = node.attribute.iter_mut();
        let value = value
            .filter(|attribute| attribute.name() == "value")
            .find_map(|attribute| attribute.t.take());
        let (Some(mut tensor), Some(name)) = (value, node.output.first()) else {
            return true;
        };
        tensor.name = Some(name.clone());
        initializers.push(tensor);
        false
    });
}

/// Constants under one name: PyTorch's older exporter writes equal ones once, and `Identity` nodes.
fn resolve_identities(graph: &mut GraphProto) {
    let outputs: HashSet<&str> = graph.output.iter().map(|output| output.name()).collect();
    let constants = graph.initializer.iter().map(|tensor| tensor.name());
    let mut same: HashMap<String, String> = constants
        .map(|name| (name.to_owned(), name.to_owned()))
        .collect();
    let mut names = HashSet::new();
    for attribute in graph.node.iter().flat_map(|node| &node.attribute) {
        read_inside(attribute, &mut names);
    }
    for node in &graph.node {
        if let ("Identity", [from], [to]) = (
            node.op_type(),
            node.input.as_slice(),
            node.output.as_slice(),
        ) && let Some(constant) = same.get(from).cloned()
            && !outputs.contains(to.as_str())
            && !names.contains(to)
        {
            same.insert(to.clone(), constant);
        }
    }
    let replaced = |name: &String| same.get(name).filter(|constant| *constant != name);
    graph.node.retain(|node| {
        node.output
            .first()
            .is_none_or(|output| replaced(output).is_none())
    });
    for input in graph.node.iter_mut().flat_map(|node| &mut node.input) {
        if let Some(constant) = replaced(input) {
            input.clone_from(constant);
        }
    }
}

/// Moves the scale of attention before its product: (q·kᵀ)·s becomes (q·s)·kᵀ. Scores that are not
/// scaled yet are 8 to 11 times as large, and 16 bits end at 65504.
fn scale_queries(graph: &mut GraphProto) {
    let scalars: HashSet<&str> = graph
        .initializer
        .iter()
        .filter(|tensor| tensor.dims.iter().all(|&dim| dim == 1))
        .map(|tensor| tensor.name())
        .collect();
    let constants: HashSet<&str> = graph
        .initializer
        .iter()
        .map(|tensor| tensor.name())
        .collect();
    let mut readers: HashMap<&str, usize> = HashMap::new();
    for name in graph.node.iter().flat_map(|node| &node.input) {
        *readers.entry(name).or_default() += 1;
    }
    let mut kept: HashSet<String> = graph.output.iter().map(|o| o.name().to_owned()).collect();
    for attribute in graph.node.iter().flat_map(|node| &node.attribute) {
        read_inside(attribute, &mut kept);
    }
    let products: HashMap<&str, usize> = graph
        .node
        .iter()
        .enumerate()
        .filter(|(_, node)| role(node) == Role::Product(2) && node.input.len() == 2)
        .filter(|(_, node)| {
            node.input
                .iter()
                .all(|name| !constants.contains(name.as_str()))
        })
        .filter_map(|(index, node)| Some((node.output.first()?.as_str(), index)))
        .collect();
    let scaled = |node: &NodeProto| {
        let [one, other] = node.input.as_slice() else {
            return None;
        };
        let (scores, scale) = match (node.op_type(), scalars.contains(one.as_str())) {
            ("Mul", true) => (other, one),
            ("Mul" | "Div", false) => (one, other),
            _ => return None,
        };
        let moves = scalars.contains(scale.as_str())
            && readers.get(scores.as_str()) == Some(&1)
            && !kept.contains(scores);
        let product = *products.get(scores.as_str())?;
        moves.then(|| (product, scores.clone(), scale.clone()))
    };
    let found: Vec<_> = graph
        .node
        .iter()
        .enumerate()
        .filter_map(|(index, node)| Some((index, scaled(node)?)))
        .collect();
    for (index, (product, scores, scale)) in found {
        // The two change places: the first scales what the product's first input was.
        let mut factor = graph.node[index].clone();
        let mut matmul = graph.node[product].clone();
        factor.input = vec![matmul.input[0].clone(), scale];
        matmul.input[0].clone_from(&scores);
        std::mem::swap(&mut factor.output, &mut matmul.output);
        graph.node[product] = factor;
        graph.node[index] = matmul;
    }
}

/// Which nodes compute in 16 bits, and which values are needed in 32 all the same.
struct Plan {
    half: Vec<bool>,
    full: HashSet<String>,
}

impl Plan {
    fn new(graph: &GraphProto) -> Self {
        let kinds = element_types(graph);
        let constants: HashMap<&str, &TensorProto> = graph
            .initializer
            .iter()
            .map(|tensor| (tensor.name(), tensor))
            .collect();
        let is_float = |name: &String| kinds.get(name.as_str()) == Some(&FLOAT);
        let last = products_before_outputs(graph);
        let mut halves: HashSet<&str> = HashSet::new();
        let half: Vec<bool> = graph
            .node
            .iter()
            .map(|node| {
                let role = role(node);
                let typed: Vec<&String> = role
                    .typed(node)
                    .into_iter()
                    .map(|index| &node.input[index])
                    .collect();
                if typed.is_empty() || !typed.iter().all(|name| is_float(name)) {
                    return false;
                }
                let constant = |name: &&String| constants.contains_key(name.as_str());
                let is_half = match role {
                    Role::Product(_) => {
                        let depths = node.output.iter();
                        let mut depths = depths.filter_map(|name| last.get(name.as_str()));
                        depths.all(|&depth| depth >= LAST_PRODUCTS)
                    }
                    Role::Sum if !typed.iter().any(|name| is_bias(name, &constants)) => false,
                    _ => {
                        let mut others = typed.iter().filter(|name| !constant(name)).peekable();
                        others.peek().is_some() && others.all(|name| halves.contains(name.as_str()))
                    }
                };
                if is_half {
                    halves.extend(node.output.iter().map(String::as_str));
                }
                is_half
            })
            .collect();
        let mut full: HashSet<String> = graph
            .output
            .iter()
            .map(|output| output.name().to_owned())
            .collect();
        for (node, &half) in graph.node.iter().zip(&half) {
            let typed = if half {
                role(node).typed(node)
            } else {
                Vec::new()
            };
            let inputs = node.input.iter().enumerate();
            let rest = inputs.filter(|(index, _)| !typed.contains(index));
            full.extend(rest.map(|(_, name)| name.clone()));
            for attribute in &node.attribute {
                read_inside(attribute, &mut full);
            }
        }
        Self { half, full }
    }
}

/// `true` for a constant with at most one dimension that is not 1.
fn is_bias(name: &str, constants: &HashMap<&str, &TensorProto>) -> bool {
    constants
        .get(name)
        .is_some_and(|tensor| tensor.dims.iter().filter(|&&dim| dim != 1).count() <= 1)
}

/// All values that an attribute's graphs read.
fn read_inside(attribute: &AttributeProto, names: &mut HashSet<String>) {
    for graph in attribute.g.iter().chain(&attribute.graphs) {
        names.extend(graph.output.iter().map(|output| output.name().to_owned()));
        for node in &graph.node {
            names.extend(node.input.iter().cloned());
            for attribute in &node.attribute {
                read_inside(attribute, names);
            }
        }
    }
}

/// For each value the fewest products on a way from it to an output.
fn products_before_outputs(graph: &GraphProto) -> HashMap<&str, usize> {
    let outputs = graph.output.iter();
    let mut depths: HashMap<&str, usize> = outputs.map(|output| (output.name(), 0)).collect();
    for node in graph.node.iter().rev() {
        let after = node.output.iter();
        let after = after.filter_map(|name| depths.get(name.as_str())).min();
        let Some(&after) = after else {
            continue;
        };
        let own = usize::from(matches!(role(node), Role::Product(_)));
        for input in &node.input {
            let depth = depths.entry(input).or_insert(after + own);
            *depth = (*depth).min(after + own);
        }
    }
    depths
}

/// Element types of values, as far as they are known.
fn element_types(graph: &GraphProto) -> HashMap<&str, i32> {
    let mut kinds: HashMap<&str, i32> = HashMap::new();
    for info in graph.input.iter().chain(&graph.value_info) {
        if let Some(type_proto::Value::TensorType(tensor)) =
            info.r#type.as_ref().and_then(|kind| kind.value.as_ref())
        {
            kinds.insert(info.name(), tensor.elem_type());
        }
    }
    for tensor in &graph.initializer {
        kinds.insert(tensor.name(), tensor.data_type());
    }
    for node in &graph.node {
        let of = |index: usize| {
            let name = node.input.get(index)?;
            kinds.get(name.as_str()).copied()
        };
        let attribute = |name: &str| node.attribute.iter().find(|own| own.name() == name);
        let kind = match node.op_type() {
            "Cast" => attribute("to")
                .map(|to| to.i())
                .and_then(|to| i32::try_from(to).ok()),
            "Shape" | "Size" | "ArgMax" | "ArgMin" | "NonZero" => Some(INT64),
            "ConstantOfShape" => Some(attribute("value").map_or(FLOAT, |value| {
                value.t.as_ref().map_or(FLOAT, |tensor| tensor.data_type())
            })),
            "Where" => of(1),
            "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "And" | "Or"
            | "Not" | "IsNaN" | "IsInf" => Some(DataType::Bool as i32),
            // Of what has inner graphs, and of other domains, nothing is known but what is declared.
            "If" | "Loop" | "Scan" => None,
            _ if matches!(node.domain(), "" | "ai.onnx") => of(0),
            _ => None,
        };
        if let Some(kind) = kind {
            for output in &node.output {
                kinds.entry(output).or_insert(kind);
            }
        }
    }
    kinds
}

/// The graph as it is written anew.
struct Rewriting {
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// Values in 16 bits, by the name of those in 32.
    halves: HashMap<String, String>,
    constants: HashMap<String, TensorProto>,
    names: HashSet<String>,
}

impl Rewriting {
    fn new(graph: &GraphProto) -> Self {
        let mut names: HashSet<String> = HashSet::new();
        for node in &graph.node {
            names.extend(node.input.iter().chain(&node.output).cloned());
            for attribute in &node.attribute {
                read_inside(attribute, &mut names);
            }
        }
        let tensors = graph.initializer.iter();
        Self {
            nodes: Vec::new(),
            initializers: Vec::new(),
            halves: HashMap::new(),
            constants: tensors
                .map(|tensor| (tensor.name().to_owned(), tensor.clone()))
                .collect(),
            names,
        }
    }

    fn apply(mut self, mut graph: GraphProto, plan: &Plan) -> Result<GraphProto, GraphError> {
        for (mut node, &half) in std::mem::take(&mut graph.node).into_iter().zip(&plan.half) {
            if !half {
                self.nodes.push(node);
                continue;
            }
            let role = role(&node);
            for index in role.typed(&node) {
                // A limit beyond 16 bits is none there.
                let is_limit = matches!(role, Role::FirstAnd(_)) && index > 0;
                node.input[index] = self.half_of(&node.input[index], is_limit)?;
            }
            let outputs = node.output.clone();
            for output in node.output.iter_mut().filter(|name| !name.is_empty()) {
                let name = self.new_name(output);
                self.halves
                    .insert(std::mem::replace(output, name.clone()), name);
            }
            self.nodes.push(node);
            for name in outputs.iter().filter(|&name| plan.full.contains(name)) {
                let half = self.halves[name].clone();
                self.cast(&half, name, FLOAT);
            }
        }
        graph.node = self.nodes;
        let inputs = graph.input.iter().map(|input| input.name().to_owned());
        let inputs: HashSet<String> = inputs.collect();
        // What is left without a reader would only be loaded.
        graph
            .initializer
            .retain(|tensor| plan.full.contains(tensor.name()) || inputs.contains(tensor.name()));
        graph.initializer.extend(self.initializers);
        let made = graph.node.iter().flat_map(|node| &node.output);
        let made: HashSet<&String> = made.collect();
        graph
            .value_info
            .retain(|info| info.name.as_ref().is_some_and(|name| made.contains(name)));
        Ok(graph)
    }

    /// The value in 16 bits: what a node made, a constant, or a cast.
    fn half_of(&mut self, name: &str, is_limit: bool) -> Result<String, GraphError> {
        if let Some(half) = self.halves.get(name).filter(|_| !is_limit) {
            return Ok(half.clone());
        }
        let half = self.new_name(name);
        match self.constants.get(name) {
            Some(tensor) => {
                let tensor = to_half(tensor, &half, is_limit)?;
                self.initializers.push(tensor);
            }
            None => self.cast(name, &half, FLOAT16),
        }
        if !is_limit {
            self.halves.insert(name.into(), half.clone());
        }
        Ok(half)
    }

    fn cast(&mut self, from: &str, to: &str, element: i32) {
        self.nodes.push(NodeProto {
            op_type: Some("Cast".into()),
            name: Some(format!("{to}/cast")),
            input: vec![from.into()],
            output: vec![to.into()],
            attribute: vec![AttributeProto {
                name: Some("to".into()),
                i: Some(element.into()),
                r#type: Some(AttributeType::Int as i32),
                ..Default::default()
            }],
            ..Default::default()
        });
    }

    fn new_name(&mut self, name: &str) -> String {
        let mut new = format!("{name}/fp16");
        while !self.names.insert(new.clone()) {
            new.push('_');
        }
        new
    }
}

/// A constant of 32-bit floats in 16 bits; with `is_limit` what they cannot say is infinite.
fn to_half(tensor: &TensorProto, name: &str, is_limit: bool) -> Result<TensorProto, GraphError> {
    let bytes = tensor.raw_data.as_deref().unwrap_or_default();
    let mut values = match bytes {
        [] => tensor.float_data.clone(),
        bytes => bytemuck::pod_collect_to_vec(&bytes[..bytes.len() / 4 * 4]),
    };
    if is_limit {
        for value in values.iter_mut().filter(|value| value.abs() > MOST) {
            *value = value.signum() * f32::INFINITY;
        }
    }
    let halves = halves(&values).map_err(|value| {
        let size = |&dim: &i64| usize::try_from(dim).unwrap_or_default();
        GraphError::Overflow {
            tensor: tensor.name().into(),
            dims: tensor.dims.iter().map(size).collect(),
            value,
        }
    })?;
    Ok(TensorProto {
        name: Some(name.into()),
        dims: tensor.dims.clone(),
        data_type: Some(FLOAT16),
        raw_data: Some(halves),
        data_location: Some(DataLocation::Default as i32),
        ..Default::default()
    })
}
