// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What a server says of its model, checked: one picture in, maps out.

use super::channel::shortened;
use super::data::{Elements, Wire, shape};
use super::error::RemoteError;
use super::options::ModelName;
use super::proto::model_input::Format;
use super::proto::model_metadata_response::TensorMetadata;
use super::proto::{ModelConfig, ModelMetadataResponse};
use crate::inference::TensorInfo;
use crate::spec::{ModelSpec, ResizePolicy, Size};

/// No network has larger sides; the rest is a mistake or an attack.
const LARGEST_SIDE: i64 = 1 << 14;
/// No answer may be larger, whatever its description says.
const LARGEST_REPLY: usize = 1 << 30;
/// Names, shapes and the like in an answer.
const REPLY_OVERHEAD: usize = 64 << 10;
/// An output whose height and width are free has at most this many elements a pixel of the input.
const FREE_OUTPUT: usize = 4;

/// Where the channels of a picture are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[N, 3, H, W]`
    Nchw,
    /// `[N, H, W, 3]`
    Nhwc,
}

/// A model on a server.
#[derive(Clone, Debug, PartialEq)]
pub struct RemoteModel {
    /// Name and version, as asked for.
    pub name: ModelName,
    /// What runs it, such as `onnxruntime_onnx` or `tensorrt_plan`; may be empty.
    pub platform: String,
    /// The picture: `f32` or `u8`, the batch first. A server that computes in half precision takes
    /// `f32`, which is converted on the way.
    pub input: TensorInfo,
    /// Where its channels are.
    pub layout: Layout,
    /// What comes out, of the types that can be read, in the order of results.
    pub outputs: Vec<TensorInfo>,
    /// The most pictures in one request; none where the model takes any number.
    pub max_batch: Option<usize>,
    /// What the server's configuration says of the model's meaning; at a fixed size, fitted to it.
    pub spec: Option<ModelSpec>,
    /// Whether the first dimension of every tensor is the batch.
    pub(super) batches: bool,
    pub(super) input_wire: Wire,
    /// The types of `outputs`.
    pub(super) wires: Vec<Wire>,
    /// The server that said so.
    server: String,
}

impl RemoteModel {
    /// Checks what a server says. `config` is none where it speaks plain KServe.
    pub(super) fn check(
        server: String,
        name: ModelName,
        metadata: &ModelMetadataResponse,
        config: Option<&ModelConfig>,
    ) -> Result<Self, RemoteError> {
        let wrong = |cause: String, remedy: &'static str| RemoteError::Model {
            server: server.clone(),
            model: name.to_string(),
            cause,
            remedy,
        };
        if config.is_some_and(is_decoupled) {
            return Err(wrong(
                "it gives any number of answers to a request (decoupled)".into(),
                "serve it without model_transaction_policy",
            ));
        }
        let batching = match config {
            Some(config) => usize::try_from(config.max_batch_size).unwrap_or(0),
            None => 0,
        };
        let (input, input_wire, layout) =
            input(metadata, config).map_err(|(cause, remedy)| wrong(cause, remedy))?;
        let (outputs, wires) =
            outputs(&metadata.outputs).map_err(|(cause, remedy)| wrong(cause, remedy))?;
        let max_batch = match (batching, input.dims.first()) {
            (0, Some(Some(fixed))) => Some(*fixed),
            (0, _) => None,
            (most, _) => Some(most),
        };
        let spec = match config.and_then(|config| {
            let key = |key| config.parameters.get(key);
            key(ModelSpec::PARAMETER_KEY).or_else(|| key(ModelSpec::METADATA_KEY))
        }) {
            None => None,
            Some(text) => {
                Some(
                    read_spec(&text.string_value).map_err(|cause| RemoteError::Spec {
                        server: server.clone(),
                        model: name.to_string(),
                        cause: format!(
                            "its parameter {:?} is damaged: {cause}",
                            ModelSpec::PARAMETER_KEY
                        ),
                    })?,
                )
            }
        };
        let mut model = Self {
            name,
            platform: metadata.platform.clone(),
            input,
            layout,
            outputs,
            max_batch,
            spec: None,
            batches: batching > 0,
            input_wire,
            wires,
            server,
        };
        model.spec = spec.map(|spec| model.fitted(spec));
        Ok(model)
    }

    /// Height and width of the input, where the model has only one.
    pub fn fixed_size(&self) -> Option<Size> {
        let (height, width) = self.sides();
        let side = |side: Option<usize>| u32::try_from(side?).ok();
        Some(Size::new(side(height)?, side(width)?))
    }

    /// What the server says of the model's meaning.
    ///
    /// # Errors
    /// [`RemoteError::Spec`] where it says nothing, with how to make it say so.
    pub fn spec(&self) -> Result<&ModelSpec, RemoteError> {
        self.spec.as_ref().ok_or_else(|| RemoteError::Spec {
            server: self.server.clone(),
            model: self.name.to_string(),
            cause: format!(
                "its configuration has no parameter {:?}",
                ModelSpec::PARAMETER_KEY
            ),
        })
    }

    /// A spec from elsewhere for this model: where the server's model has one size only, pictures
    /// are fitted to exactly that.
    pub fn fitted(&self, mut spec: ModelSpec) -> ModelSpec {
        if let Some(size) = self.fixed_size() {
            spec.network_size = size;
            spec.multiple = 1;
            if spec.resize_policy != ResizePolicy::Letterbox {
                spec.resize_policy = ResizePolicy::Squash;
            }
        }
        spec
    }

    /// Whether requests for `other` are right for this one too.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        (&self.input, self.layout, &self.outputs) == (&other.input, other.layout, &other.outputs)
    }

    fn sides(&self) -> (Option<usize>, Option<usize>) {
        let at = |index: usize| self.input.dims.get(index).copied().flatten();
        match self.layout {
            Layout::Nchw => (at(2), at(3)),
            Layout::Nhwc => (at(1), at(2)),
        }
    }

    /// Whether the model takes these elements in this shape.
    pub(super) fn takes(&self, dims: &[usize], elements: &Elements) -> Result<(), RemoteError> {
        let fits = elements.element() == self.input.element
            && self.input.takes(dims, elements.len())
            && self.max_batch.is_none_or(|most| dims[0] <= most);
        if fits {
            return Ok(());
        }
        let most = match self.max_batch {
            Some(most) if self.batches => format!(" with up to {most} pictures"),
            _ => String::new(),
        };
        Err(RemoteError::Input {
            name: self.input.name.clone(),
            expected: format!("{} {}{most}", self.input.element, self.input.shape()),
            given: format!(
                "{} {dims:?} with {} elements",
                elements.element(),
                elements.len()
            ),
        })
    }

    /// The size of an answer, of whatever shape the description leaves it, to an input of `dims`.
    pub(super) fn largest_reply(&self, dims: &[usize]) -> usize {
        let batch = dims.first().copied().unwrap_or(1);
        let picture = dims
            .iter()
            .skip(1)
            .fold(1_usize, |all, &dim| all.saturating_mul(dim))
            / 3;
        let mut all = REPLY_OVERHEAD;
        for (info, wire) in self.outputs.iter().zip(&self.wires) {
            let mut elements = wire.largest().saturating_mul(batch);
            let rest = info.dims.get(1..).unwrap_or_default();
            for dim in rest.iter().flatten() {
                elements = elements.saturating_mul(*dim);
            }
            if rest.iter().any(Option::is_none) {
                elements = elements.saturating_mul(picture.saturating_mul(FREE_OUTPUT));
            }
            all = all.saturating_add(elements);
        }
        all.min(LARGEST_REPLY)
    }
}

/// A cause and a remedy.
type Wrong = (String, &'static str);

fn is_decoupled(config: &ModelConfig) -> bool {
    config
        .model_transaction_policy
        .as_ref()
        .is_some_and(|policy| policy.decoupled)
}

/// Inputs or outputs for a message.
fn listed(tensors: &[TensorMetadata]) -> String {
    let one = |tensor: &TensorMetadata| {
        let name = shortened(&tensor.name);
        format!(
            "{name} {} {}",
            shortened(&tensor.datatype),
            shape(&tensor.shape)
        )
    };
    let mut all: Vec<_> = tensors.iter().take(8).map(one).collect();
    if tensors.len() > 8 {
        all.push("…".into());
    }
    if all.is_empty() {
        return "none".into();
    }
    all.join(", ")
}

fn input(
    metadata: &ModelMetadataResponse,
    config: Option<&ModelConfig>,
) -> Result<(TensorInfo, Wire, Layout), Wrong> {
    let configured =
        |name: &str| config.and_then(|config| config.input.iter().find(|input| input.name == name));
    let needed: Vec<_> = metadata
        .inputs
        .iter()
        .filter(|input| !configured(&input.name).is_some_and(|input| input.optional))
        .collect();
    let [input] = needed[..] else {
        return Err((
            format!(
                "it takes {} inputs ({})",
                needed.len(),
                listed(&metadata.inputs)
            ),
            "serve one that takes one, the picture",
        ));
    };
    let described = listed(std::slice::from_ref(input));
    let wire = Wire::named(&input.datatype)
        .filter(|wire| matches!(wire, Wire::Fp32 | Wire::Fp16 | Wire::Uint8));
    let Some(wire) = wire else {
        return Err((
            format!("its input is {described}"),
            "serve one that takes FP32, FP16 or UINT8",
        ));
    };
    let format = configured(&input.name).map_or(Format::None, |input| input.format());
    let layout = match (input.shape.as_slice(), format) {
        ([_, 3 | -1, _, _], Format::Nchw) | ([_, 3, _, _], Format::None) => Layout::Nchw,
        ([_, _, _, 3 | -1], Format::Nhwc) | ([_, _, _, 3], Format::None) => Layout::Nhwc,
        ([_, -1, _, -1], Format::None) => {
            return Err((
                format!("its input is {described}, which does not tell where the colours are"),
                "write 3 into the dims of config.pbtxt",
            ));
        }
        _ => {
            return Err((
                format!(
                    "its input is {described}, which is no picture [N, 3, H, W] or [N, H, W, 3]"
                ),
                "serve one that takes a picture",
            ));
        }
    };
    let mut info = info(input, wire).ok_or_else(|| {
        (
            format!("its input is {described}, which has impossible sizes"),
            "correct its config.pbtxt",
        )
    })?;
    let channels = if layout == Layout::Nchw { 1 } else { 3 };
    info.dims[channels] = Some(3);
    Ok((info, wire, layout))
}

fn outputs(described: &[TensorMetadata]) -> Result<(Vec<TensorInfo>, Vec<Wire>), Wrong> {
    let mut outputs = Vec::new();
    let mut wires = Vec::new();
    for output in described {
        // What cannot be read is not asked for.
        let Some(wire) = Wire::named(&output.datatype) else {
            continue;
        };
        let info = info(output, wire).ok_or_else(|| {
            (
                format!(
                    "its output is {}, which has impossible sizes",
                    listed(std::slice::from_ref(output))
                ),
                "correct its config.pbtxt",
            )
        })?;
        outputs.push(info);
        wires.push(wire);
    }
    if outputs.is_empty() {
        return Err((
            format!("its outputs are {}", listed(described)),
            "serve one that gives FP32, FP16, UINT8, INT32 or INT64",
        ));
    }
    Ok((outputs, wires))
}

/// A tensor, if its sizes are possible.
fn info(tensor: &TensorMetadata, wire: Wire) -> Option<TensorInfo> {
    let dim = |&dim: &i64| match dim {
        -1 => Some(None),
        1..=LARGEST_SIDE => usize::try_from(dim).ok().map(Some),
        _ => None,
    };
    let possible = tensor.shape.len() <= 8 && !tensor.name.is_empty();
    Some(TensorInfo {
        name: tensor.name.clone(),
        element: wire.element(),
        dims: possible
            .then(|| tensor.shape.iter().map(dim).collect::<Option<_>>())
            .flatten()?,
    })
}

/// A spec from a server, with numbers that the rest of the code can work with.
fn read_spec(text: &str) -> Result<ModelSpec, String> {
    let spec = ModelSpec::from_json(text).map_err(|error| shortened(&error.to_string()))?;
    let side = |side: u32| (1..=LARGEST_SIDE).contains(&i64::from(side));
    let size = spec.network_size;
    let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
    if !side(size.height) || !side(size.width) || !side(spec.multiple) {
        return Err(format!(
            "a size of {size} in multiples of {}",
            spec.multiple
        ));
    }
    if !finite(&spec.mean) || !finite(&spec.std) || spec.std.contains(&0.0) {
        return Err(format!(
            "pictures cannot be normalised by {:?} and {:?}",
            spec.mean, spec.std
        ));
    }
    let canonical = spec.canonical_focal.unwrap_or(1.0);
    if !canonical.is_finite() || canonical <= 0.0 {
        return Err(format!("a focal length of {canonical}"));
    }
    Ok(spec)
}
