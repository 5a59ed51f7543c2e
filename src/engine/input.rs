// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From packed 8-bit RGB to the input tensor that a model takes.

use super::EngineError;
use crate::frame::{self, FrameError};
#[cfg(feature = "remote")]
use crate::inference::remote::Elements;
use crate::inference::{ElementType, TensorData, TensorInfo};
use crate::spec::{ModelSpec, Size};

/// How an input tensor is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    U8Nhwc,
    U8Nchw,
    F32Nhwc,
    F32Nchw,
}

/// What a model takes, and memory for it.
#[derive(Debug)]
pub(super) struct Input {
    layout: Layout,
    network: Size,
    mean: [f32; 3],
    std: [f32; 3],
    /// Pictures in every run, where the model says so.
    batch: Option<usize>,
    bytes: Vec<u8>,
    floats: Vec<f32>,
}

impl Input {
    /// # Errors
    /// If the model's input is no picture, or takes fewer pictures than `batch`.
    pub(super) fn new(
        info: &TensorInfo,
        spec: &ModelSpec,
        network: Size,
        batch: usize,
    ) -> Result<Self, EngineError> {
        let takes = info.dims.first().copied().flatten();
        if let Some(takes) = takes.filter(|&takes| takes < batch) {
            let asked = batch;
            return Err(EngineError::Batch { takes, asked });
        }
        Ok(Self {
            layout: layout(info)?,
            network,
            mean: spec.mean,
            std: spec.std,
            batch: takes,
            bytes: Vec::new(),
            floats: Vec::new(),
        })
    }

    /// Whether a run takes any number of pictures.
    pub(super) fn is_free(&self) -> bool {
        self.batch.is_none()
    }

    /// Pictures in the run for this many.
    pub(super) fn rows(&self, pictures: usize) -> usize {
        self.batch.unwrap_or(pictures)
    }

    /// Whether the tensor of one picture is the picture itself.
    pub(super) fn is_picture(&self, rows: usize) -> bool {
        rows == 1 && self.layout == Layout::U8Nhwc
    }

    /// The tensor's dimensions.
    pub(super) fn dims(&self, rows: usize) -> [usize; 4] {
        let (h, w) = (self.network.height as usize, self.network.width as usize);
        match self.layout {
            Layout::U8Nhwc | Layout::F32Nhwc => [rows, h, w, 3],
            Layout::U8Nchw | Layout::F32Nchw => [rows, 3, h, w],
        }
    }

    /// Writes one picture to its place among `rows`.
    ///
    /// # Errors
    /// If it is not of the network's size.
    pub(super) fn write(&mut self, row: usize, rows: usize, rgb: &[u8]) -> Result<(), FrameError> {
        let (network, mean, std) = (self.network, self.mean, self.std);
        let length = network.area() * 3;
        let place = row * length..(row + 1) * length;
        match self.layout {
            Layout::U8Nhwc | Layout::U8Nchw => self.bytes.resize(rows * length, 0),
            Layout::F32Nhwc | Layout::F32Nchw => self.floats.resize(rows * length, 0.0),
        }
        match self.layout {
            Layout::U8Nhwc => frame::to_u8_nhwc(rgb, network, &mut self.bytes[place]),
            Layout::U8Nchw => frame::to_u8_nchw(rgb, network, &mut self.bytes[place]),
            Layout::F32Nhwc => frame::to_f32_nhwc(rgb, network, mean, std, &mut self.floats[place]),
            Layout::F32Nchw => frame::to_f32_nchw(rgb, network, mean, std, &mut self.floats[place]),
        }
    }

    /// What was written, with its memory.
    #[cfg(feature = "remote")]
    pub(super) fn take(&mut self) -> Elements {
        match self.layout {
            Layout::U8Nhwc | Layout::U8Nchw => Elements::U8(std::mem::take(&mut self.bytes)),
            Layout::F32Nhwc | Layout::F32Nchw => Elements::F32(std::mem::take(&mut self.floats)),
        }
    }

    /// Memory to write to again.
    #[cfg(feature = "remote")]
    pub(super) fn give_back(&mut self, elements: Elements) {
        match elements {
            Elements::U8(bytes) => self.bytes = bytes,
            Elements::F32(floats) => self.floats = floats,
            Elements::I64(_) => {}
        }
    }

    /// What was written.
    pub(super) fn data(&self) -> TensorData<'_> {
        match self.layout {
            Layout::U8Nhwc | Layout::U8Nchw => TensorData::U8(&self.bytes),
            Layout::F32Nhwc | Layout::F32Nchw => TensorData::F32(&self.floats),
        }
    }
}

fn layout(input: &TensorInfo) -> Result<Layout, EngineError> {
    let channels_last = match input.dims.as_slice() {
        [_, Some(3), _, _] => false,
        [_, _, _, Some(3)] => true,
        dims => {
            return Err(EngineError::Shape(format!(
                "its input {} has shape {dims:?}, not [N, 3, H, W] or [N, H, W, 3]",
                input.name
            )));
        }
    };
    match (input.element, channels_last) {
        (ElementType::U8, true) => Ok(Layout::U8Nhwc),
        (ElementType::U8, false) => Ok(Layout::U8Nchw),
        (ElementType::F32, true) => Ok(Layout::F32Nhwc),
        (ElementType::F32, false) => Ok(Layout::F32Nchw),
        (other, _) => Err(EngineError::Shape(format!(
            "its input {} has {other:?} elements, not f32 or u8",
            input.name
        ))),
    }
}
