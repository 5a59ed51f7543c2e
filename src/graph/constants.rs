// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Constants of the graph: weights in the type of what they meet, scalars, shapes.

use super::proto::TensorProto;
use super::{Builder, Dim, ElementType, GraphError, Value};
use bytes::Bytes;
use half::f16;
use half::slice::HalfFloatSliceExt as _;
use std::borrow::Cow;

/// The values in 16 bits, as raw data.
///
/// # Errors
/// The largest of the values that 16 bits cannot say.
pub(super) fn halves(values: &[f32]) -> Result<Bytes, f32> {
    let mut halves = vec![f16::ZERO; values.len()];
    halves.convert_from_f32_slice(values);
    let lost = halves.iter().zip(values);
    let lost = lost.filter(|(half, value)| half.is_infinite() && value.is_finite());
    match lost.max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs())) {
        Some((_, value)) => Err(*value),
        None => Ok(Bytes::from_owner(Halves(halves))),
    }
}

impl Builder {
    /// A constant f32 tensor, row-major.
    ///
    /// # Errors
    /// If the values do not fill the shape.
    pub fn constant<'a>(
        &mut self,
        dims: &[usize],
        values: impl Into<Cow<'a, [f32]>>,
    ) -> Result<Value, GraphError> {
        let values = values.into();
        self.check_fill(dims, values.len())?;
        let bytes = match values {
            Cow::Borrowed(values) => Bytes::copy_from_slice(bytemuck::cast_slice(values)),
            Cow::Owned(values) => Bytes::from_owner(Floats(values)),
        };
        Ok(self.initializer("constant", ElementType::F32, dims, bytes))
    }

    /// A constant tensor in the type of `x`, which it is to meet: the weights of an operator on `x`.
    ///
    /// # Errors
    /// If the values do not fill the shape, or are larger than the type can say.
    pub fn constant_like<'a>(
        &mut self,
        x: &Value,
        dims: &[usize],
        values: impl Into<Cow<'a, [f32]>>,
    ) -> Result<Value, GraphError> {
        if x.element != ElementType::F16 {
            return self.constant(dims, values);
        }
        let values = values.into();
        self.check_fill(dims, values.len())?;
        let bytes = halves(&values).map_err(|value| GraphError::Overflow {
            tensor: self.name("constant"),
            dims: dims.to_vec(),
            value,
        })?;
        Ok(self.initializer("constant", ElementType::F16, dims, bytes))
    }

    /// A constant f32 scalar.
    pub fn scalar(&mut self, value: f32) -> Value {
        let bytes = Bytes::copy_from_slice(&value.to_ne_bytes());
        self.initializer("scalar", ElementType::F32, &[], bytes)
    }

    /// A constant scalar in the type of `x`; infinite where that cannot say it.
    pub fn scalar_like(&mut self, x: &Value, value: f32) -> Value {
        if x.element != ElementType::F16 {
            return self.scalar(value);
        }
        let bytes = Bytes::copy_from_slice(&f16::from_f32(value).to_ne_bytes());
        self.initializer("scalar", ElementType::F16, &[], bytes)
    }

    /// A constant list of integers: shapes, axes and pads.
    pub(super) fn integers(&mut self, values: &[i64]) -> Value {
        let bytes = Bytes::copy_from_slice(bytemuck::cast_slice(values));
        self.initializer("integers", ElementType::I64, &[values.len()], bytes)
    }

    /// A constant tensor of integers, row-major: indices.
    ///
    /// # Errors
    /// If the values do not fill the shape.
    pub fn indices(&mut self, dims: &[usize], values: &[i64]) -> Result<Value, GraphError> {
        self.check_fill(dims, values.len())?;
        let bytes = Bytes::copy_from_slice(bytemuck::cast_slice(values));
        Ok(self.initializer("indices", ElementType::I64, dims, bytes))
    }

    fn check_fill(&self, dims: &[usize], values: usize) -> Result<(), GraphError> {
        if dims.iter().product::<usize>() == values {
            return Ok(());
        }
        Err(self.error("Constant", format!("{values} values for {dims:?}")))
    }

    fn initializer(
        &mut self,
        kind: &str,
        element: ElementType,
        dims: &[usize],
        bytes: Bytes,
    ) -> Value {
        let name = self.name(kind);
        self.initializers.push(TensorProto {
            name: Some(name.clone()),
            data_type: Some(element.to_proto()),
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            raw_data: Some(bytes),
            ..Default::default()
        });
        Value {
            name,
            element,
            dims: dims.iter().map(|&dim| Dim::Fixed(dim)).collect(),
        }
    }
}

/// Floats as the bytes that a tensor holds.
struct Floats(Vec<f32>);

/// The same in 16 bits.
struct Halves(Vec<f16>);

impl AsRef<[u8]> for Halves {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(self.0.reinterpret_cast())
    }
}

impl AsRef<[u8]> for Floats {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(b: &mut Builder) -> Value {
        let x = b.input("x", ElementType::F32, &[Dim::Fixed(2), Dim::Fixed(2)]);
        b.cast(&x, ElementType::F16)
    }

    #[test]
    fn weights_have_the_type_of_what_they_meet() {
        let mut b = Builder::new();
        let x = half(&mut b);
        let weight = b.constant_like(&x, &[2, 2], vec![1.5, -65504.0, 2f32.powi(-24), 1e-9]);
        let weight = weight.unwrap();
        assert_eq!(weight.element, ElementType::F16);
        let bits = b.initializers[0].raw_data.as_deref().unwrap();
        let bits: Vec<u16> = bits
            .as_chunks()
            .0
            .iter()
            .map(|b| u16::from_le_bytes(*b))
            .collect();
        assert_eq!(bits, [0x3e00, 0xfbff, 1, 0]);
        assert_eq!(b.matmul(&x, &weight).unwrap().element, ElementType::F16);
        let full = b.constant(&[2, 2], vec![0.0; 4]).unwrap();
        let message = b.matmul(&x, &full).unwrap_err().to_string();
        assert!(message.contains("[F16, F32]"), "{message}");
    }

    #[test]
    fn the_largest_weight_that_does_not_fit_is_named() {
        let mut b = Builder::new();
        let x = half(&mut b);
        let error = b
            .within("block1", |b| {
                b.constant_like(&x, &[3], vec![7e4, -9e4, 1.0])
            })
            .unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("block1/constant [3] reach -90000"),
            "{message}"
        );
    }

    #[test]
    fn what_was_cast_is_not_cast_again() {
        let mut b = Builder::new();
        let x = half(&mut b);
        let y = b.input("y", ElementType::F32, &[]);
        let once = b.cast(&y, ElementType::F16);
        assert_eq!(b.cast(&y, ElementType::F16).name, once.name);
        assert_eq!(b.cast(&x, ElementType::F16).name, x.name);
    }
}
