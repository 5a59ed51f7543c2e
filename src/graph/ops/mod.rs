// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One function an operator, named as ONNX names it; every attribute that matters is written out.

mod arithmetic;
mod picture;
mod shape;

use super::{Builder, Dim, GraphError, Value};

/// Zero padding of a picture: top, left, bottom, right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pads {
    /// Rows above.
    pub top: usize,
    /// Columns left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns right.
    pub right: usize,
}

impl Pads {
    /// The same on every side.
    pub const fn all(pixels: usize) -> Self {
        Self {
            top: pixels,
            left: pixels,
            bottom: pixels,
            right: pixels,
        }
    }

    fn to_ints(self) -> [i64; 4] {
        [self.top, self.left, self.bottom, self.right].map(|pad| pad as i64)
    }
}

/// How `Resize` relates the pixels of its output to those of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinates {
    /// Corner pixels' centres fall on each other.
    AlignCorners,
    /// Corner pixels' corners fall on each other: PyTorch's `align_corners=False`.
    HalfPixel,
}

impl Builder {
    /// Operators take one type of numbers; where two meet, one has to be cast.
    fn check_alike(&self, op: &'static str, inputs: &[&Value]) -> Result<(), GraphError> {
        let kinds: Vec<_> = inputs.iter().map(|value| value.element).collect();
        if kinds.windows(2).all(|pair| pair[0] == pair[1]) {
            return Ok(());
        }
        Err(self.error(op, format!("types {kinds:?}")))
    }
}

fn fixed(sizes: &[usize]) -> Vec<Dim> {
    sizes.iter().map(|&size| Dim::Fixed(size)).collect()
}
