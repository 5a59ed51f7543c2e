// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Tensors that outlive a call, and their form on the wire.

use super::contract::RemoteModel;
use super::proto::ModelInferResponse;
use super::proto::model_infer_response::InferOutputTensor;
use crate::inference::{ElementType, TensorView};
use bytes::Bytes;
use half::f16;
use std::sync::Arc;

// Raw contents are little-endian.
const _: () = assert!(
    cfg!(target_endian = "little"),
    "the feature `remote` sends memory as it is, which is right on little-endian machines only"
);

/// The elements of a tensor, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// 32-bit floating point.
    F32(Vec<f32>),
    /// Unsigned bytes.
    U8(Vec<u8>),
    /// 64-bit signed integers.
    I64(Vec<i64>),
}

impl Elements {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::U8(data) => data.len(),
            Self::I64(data) => data.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type.
    pub const fn element(&self) -> ElementType {
        match self {
            Self::F32(_) => ElementType::F32,
            Self::U8(_) => ElementType::U8,
            Self::I64(_) => ElementType::I64,
        }
    }
}

impl Default for Elements {
    fn default() -> Self {
        Self::U8(Vec::new())
    }
}

/// A tensor with its own memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// The dimensions, outermost first.
    pub dims: Vec<usize>,
    /// The elements, as many as the dimensions say.
    pub elements: Elements,
}

impl Tensor {
    /// The tensor as sessions hand theirs out.
    pub fn view(&self) -> TensorView<'_> {
        let dims = &self.dims;
        match &self.elements {
            Elements::F32(data) => TensorView::F32 { dims, data },
            Elements::U8(data) => TensorView::U8 { dims, data },
            Elements::I64(data) => TensorView::I64 { dims, data },
        }
    }
}

/// An element type as KServe names it, of those that are read and written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Fp32,
    Fp16,
    Uint8,
    Int32,
    Int64,
}

impl Wire {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "FP32" => Self::Fp32,
            "FP16" => Self::Fp16,
            "UINT8" => Self::Uint8,
            "INT32" => Self::Int32,
            "INT64" => Self::Int64,
            _ => return None,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Fp32 => "FP32",
            Self::Fp16 => "FP16",
            Self::Uint8 => "UINT8",
            Self::Int32 => "INT32",
            Self::Int64 => "INT64",
        }
    }

    /// The type that it has on this side.
    pub(super) const fn element(self) -> ElementType {
        match self {
            Self::Fp32 | Self::Fp16 => ElementType::F32,
            Self::Uint8 => ElementType::U8,
            Self::Int32 | Self::Int64 => ElementType::I64,
        }
    }

    /// Bytes of a raw element.
    const fn size(self) -> usize {
        match self {
            Self::Fp32 | Self::Int32 => 4,
            Self::Fp16 => 2,
            Self::Uint8 => 1,
            Self::Int64 => 8,
        }
    }

    /// The most bytes of an element in either form; negative typed integers take ten.
    pub(super) const fn largest(self) -> usize {
        match self {
            Self::Fp32 => 4,
            Self::Fp16 | Self::Uint8 => 2,
            Self::Int32 | Self::Int64 => 10,
        }
    }
}

/// Memory that is sent as it is.
struct Raw(Arc<Elements>);

impl AsRef<[u8]> for Raw {
    fn as_ref(&self) -> &[u8] {
        match &*self.0 {
            Elements::F32(data) => bytemuck::cast_slice(data),
            Elements::U8(data) => data,
            Elements::I64(data) => bytemuck::cast_slice(data),
        }
    }
}

/// Raw contents for an input; the elements are of the wire's type on this side. Nothing is copied
/// unless it must be converted.
pub(super) fn encode(elements: &Arc<Elements>, wire: Wire) -> Bytes {
    match (&**elements, wire) {
        (Elements::F32(data), Wire::Fp16) => data
            .iter()
            .flat_map(|&value| f16::from_f32(value).to_le_bytes())
            .collect::<Vec<u8>>()
            .into(),
        _ => Bytes::from_owner(Raw(elements.clone())),
    }
}

/// Reads the outputs of `model` into `outputs`, in the model's order, into memory that is there.
/// `batch` is the number of pictures that were sent.
pub(super) fn decode(
    reply: &ModelInferResponse,
    model: &RemoteModel,
    batch: usize,
    outputs: &mut Vec<Tensor>,
) -> Result<(), String> {
    let raw = &reply.raw_output_contents;
    if !raw.is_empty() && raw.len() != reply.outputs.len() {
        return Err(format!(
            "it has raw contents for {} of {} outputs",
            raw.len(),
            reply.outputs.len()
        ));
    }
    outputs.resize_with(model.outputs.len(), Tensor::default);
    for ((info, &wire), output) in model.outputs.iter().zip(&model.wires).zip(outputs) {
        let name = &info.name;
        let found = reply.outputs.iter().position(|given| given.name == *name);
        let Some(index) = found else {
            return Err(format!("it lacks the output {name:?}"));
        };
        let given = &reply.outputs[index];
        if given.datatype != wire.name() {
            return Err(format!(
                "its output {name:?} is {}, not {}",
                super::channel::shortened(&given.datatype),
                wire.name()
            ));
        }
        let dims = dims(&given.shape);
        let length = dims.as_ref().and_then(|dims| {
            dims.iter()
                .try_fold(1_usize, |all, &dim| all.checked_mul(dim))
        });
        let (Some(dims), Some(length)) = (dims, length) else {
            return Err(format!(
                "its output {name:?} has the impossible shape {}",
                shape(&given.shape)
            ));
        };
        let wrong_batch = model.batches && dims.first() != Some(&batch);
        if wrong_batch || !info.takes(&dims, length) {
            return Err(format!(
                "its output {name:?} has shape {dims:?} for {batch} pictures, where the model is \
                 described to give {}",
                info.shape()
            ));
        }
        let count = match raw.get(index) {
            Some(raw) => fill_raw(raw, wire, length, &mut output.elements),
            None => fill_typed(given, wire, length, &mut output.elements),
        };
        count.map_err(|count| {
            format!(
                "its output {name:?} holds {count} instead of the {length} elements of its shape {dims:?}"
            )
        })?;
        output.dims = dims;
    }
    Ok(())
}

/// A shape without zeros and negative sizes.
pub(super) fn dims(shape: &[i64]) -> Option<Vec<usize>> {
    let dim = |&dim: &i64| usize::try_from(dim).ok().filter(|&dim| dim > 0);
    shape.iter().map(dim).collect()
}

/// A shape for a message.
pub(super) fn shape(shape: &[i64]) -> String {
    let mut text: Vec<_> = shape.iter().take(8).map(i64::to_string).collect();
    if shape.len() > 8 {
        text.push("…".into());
    }
    format!("[{}]", text.join(", "))
}

/// Memory of the right type, emptied.
macro_rules! room {
    ($elements:expr, $kind:ident) => {{
        if !matches!($elements, Elements::$kind(_)) {
            *$elements = Elements::$kind(Vec::new());
        }
        let Elements::$kind(room) = $elements else {
            unreachable!("made above")
        };
        room.clear();
        room
    }};
}

/// The elements of raw contents, or how much there is where it is not `length` elements.
fn fill_raw(raw: &[u8], wire: Wire, length: usize, elements: &mut Elements) -> Result<(), String> {
    if length.checked_mul(wire.size()) != Some(raw.len()) {
        return Err(format!("{} bytes of {}", raw.len(), wire.name()));
    }
    // Contents start at any byte of a message, so they are read by bytes.
    match wire {
        Wire::Fp32 => {
            let room = room!(elements, F32);
            room.resize(length, 0.0);
            bytemuck::cast_slice_mut(room).copy_from_slice(raw);
        }
        Wire::Fp16 => room!(elements, F32).extend(
            raw.chunks_exact(2)
                .map(|bytes| f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()),
        ),
        Wire::Uint8 => room!(elements, U8).extend_from_slice(raw),
        Wire::Int32 => room!(elements, I64).extend(
            raw.chunks_exact(4)
                .map(|b| i64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]]))),
        ),
        Wire::Int64 => {
            let room = room!(elements, I64);
            room.resize(length, 0);
            bytemuck::cast_slice_mut(room).copy_from_slice(raw);
        }
    }
    Ok(())
}

/// As [`fill_raw`], from contents that the message holds as numbers.
fn fill_typed(
    given: &InferOutputTensor,
    wire: Wire,
    length: usize,
    elements: &mut Elements,
) -> Result<(), String> {
    let empty = Default::default();
    let contents = given.contents.as_ref().unwrap_or(&empty);
    let count = match wire {
        Wire::Fp32 => contents.fp32_contents.len(),
        Wire::Fp16 => return Err("no raw contents (FP16 has no other)".into()),
        Wire::Uint8 => contents.uint_contents.len(),
        Wire::Int32 => contents.int_contents.len(),
        Wire::Int64 => contents.int64_contents.len(),
    };
    if count != length {
        return Err(count.to_string());
    }
    match wire {
        Wire::Fp32 | Wire::Fp16 => {
            room!(elements, F32).extend_from_slice(&contents.fp32_contents);
        }
        Wire::Uint8 => room!(elements, U8).extend(
            contents
                .uint_contents
                .iter()
                .map(|&value| u8::try_from(value).unwrap_or(u8::MAX)),
        ),
        Wire::Int32 => {
            room!(elements, I64).extend(contents.int_contents.iter().map(|&v| i64::from(v)));
        }
        Wire::Int64 => room!(elements, I64).extend_from_slice(&contents.int64_contents),
    }
    Ok(())
}
