// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Constants of the graph: weights in the type of what they meet, scalars, shapes.

use super::proto::TensorProto;
use super::{Builder, Dim, ElementType, GraphError, Value};
use bytemuck::NoUninit;
use bytes::Bytes;
use half::f16;
use half::slice::HalfFloatSliceExt as _;
use ndarray::{CowArray, Dimension};
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
    /// A constant f32 tensor. Owned values that lie in row-major order are not copied.
    pub fn constant<'a, D: Dimension>(&mut self, values: impl Into<CowArray<'a, f32, D>>) -> Value {
        let values = values.into();
        let dims = values.shape().to_vec();
        self.initializer("constant", ElementType::F32, &dims, raw(values))
    }

    /// A constant tensor in the type of `x`, which it is to meet: the weights of an operator on `x`.
    ///
    /// # Errors
    /// If values are larger than the type can say.
    pub fn constant_like<'a, D: Dimension>(
        &mut self,
        x: &Value,
        values: impl Into<CowArray<'a, f32, D>>,
    ) -> Result<Value, GraphError> {
        if x.element != ElementType::F16 {
            return Ok(self.constant(values));
        }
        let values = values.into();
        let dims = values.shape();
        let bytes = halves(&row_major(&values)).map_err(|value| GraphError::Overflow {
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

    /// A constant tensor of integers: indices. Owned values that lie in row-major order are not
    /// copied.
    pub fn indices<'a, D: Dimension>(&mut self, values: impl Into<CowArray<'a, i64, D>>) -> Value {
        let values = values.into();
        let dims = values.shape().to_vec();
        self.initializer("indices", ElementType::I64, &dims, raw(values))
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

/// An array's elements in row-major order, borrowed where they lie like that.
fn row_major<'v, T: Copy, D: Dimension>(values: &'v CowArray<'_, T, D>) -> Cow<'v, [T]> {
    match values.as_slice() {
        Some(values) => values.into(),
        None => values.iter().copied().collect(),
    }
}

/// The same as raw data: copied from a view, taken from an owned array.
fn raw<T: NoUninit + Send, D: Dimension>(values: CowArray<'_, T, D>) -> Bytes {
    if values.is_view() || !values.is_standard_layout() {
        return match row_major(&values) {
            Cow::Borrowed(values) => Bytes::copy_from_slice(bytemuck::cast_slice(values)),
            Cow::Owned(values) => Bytes::from_owner(Numbers(values)),
        };
    }
    let length = values.len() * size_of::<T>();
    let (values, offset) = values.into_owned().into_raw_vec_and_offset();
    let start = offset.unwrap_or_default() * size_of::<T>();
    Bytes::from_owner(Numbers(values)).slice(start..start + length)
}

/// Numbers as the bytes that a tensor holds.
struct Numbers<T>(Vec<T>);

/// Floats of 16 bits as the bytes that a tensor holds.
struct Halves(Vec<f16>);

impl AsRef<[u8]> for Halves {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(self.0.reinterpret_cast())
    }
}

impl<T: NoUninit> AsRef<[u8]> for Numbers<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array, s};

    fn half(b: &mut Builder) -> Value {
        let x = b.input("x", ElementType::F32, &[Dim::Fixed(2), Dim::Fixed(2)]);
        b.cast(&x, ElementType::F16)
    }

    #[test]
    fn weights_have_the_type_of_what_they_meet() {
        let mut b = Builder::new();
        let x = half(&mut b);
        let weight = b.constant_like(&x, array![[1.5, -65504.0], [2f32.powi(-24), 1e-9]]);
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
        let full = b.constant(Array2::zeros((2, 2)));
        let message = b.matmul(&x, &full).unwrap_err().to_string();
        assert!(message.contains("[F16, F32]"), "{message}");
    }

    #[test]
    fn raw_data_are_row_major_wherever_the_elements_lie() {
        let data = |values: CowArray<'_, f32, ndarray::Ix2>| {
            let bytes = raw(values);
            bytemuck::pod_collect_to_vec::<u8, f32>(&bytes)
        };
        let whole = array![[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        assert_eq!(data(whole.t().into()), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(data(whole.slice(s![.., 1..]).into()), [2.0, 3.0, 5.0, 6.0]);
        assert_eq!(
            data(whole.clone().slice_move(s![1.., ..]).into()),
            [4.0, 5.0, 6.0]
        );
        assert_eq!(
            data(whole.reversed_axes().into()),
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
        );
        assert_eq!(data(Array2::zeros((0, 3)).into()), [0.0; 0]);
    }

    #[test]
    fn the_largest_weight_that_does_not_fit_is_named() {
        let mut b = Builder::new();
        let x = half(&mut b);
        let error = b
            .within("block1", |b| b.constant_like(&x, array![7e4, -9e4, 1.0]))
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
