// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Operators on pictures `[N, C, H, W]`.

use super::super::builder::Attribute::{Float, Int, Ints, Text};
use super::super::{Builder, Dim, ElementType, GraphError, Value};
use super::{Coordinates, Pads, fixed};
use ndarray::{Array1, Axis, CowArray, Ix1};

impl Builder {
    /// `[N, C, H, W]` as sizes; N apart.
    fn picture(&self, op: &'static str, x: &Value) -> Result<(Dim, [usize; 3]), GraphError> {
        match x.dims.as_slice() {
            &[n, Dim::Fixed(c), Dim::Fixed(h), Dim::Fixed(w)] => Ok((n, [c, h, w])),
            dims => Err(self.error(op, format!("{dims:?} is no [N, C, H, W]"))),
        }
    }

    /// `Conv`: `x` [N, C, H, W], `weight` [M, C/group, kH, kW], `bias` [M].
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn conv(
        &mut self,
        x: &Value,
        weight: &Value,
        bias: Option<&Value>,
        stride: usize,
        pads: Pads,
        group: usize,
    ) -> Result<Value, GraphError> {
        let (n, [c, h, w]) = self.picture("Conv", x)?;
        let &[
            Dim::Fixed(m),
            Dim::Fixed(per_group),
            Dim::Fixed(kh),
            Dim::Fixed(kw),
        ] = weight.dims.as_slice()
        else {
            return Err(self.error("Conv", format!("weight {:?}", weight.dims)));
        };
        let bias_fits = bias.is_none_or(|bias| bias.dims == fixed(&[m]));
        let (full_h, full_w) = (h + pads.top + pads.bottom, w + pads.left + pads.right);
        if per_group * group != c || !bias_fits || full_h < kh || full_w < kw || stride == 0 {
            return Err(self.error(
                "Conv",
                format!(
                    "input {:?}, weight {:?}, group {group}, stride {stride}",
                    x.dims, weight.dims
                ),
            ));
        }
        let out = [m, (full_h - kh) / stride + 1, (full_w - kw) / stride + 1];
        let [_, rows, columns] = out;
        self.count_product(
            [rows * columns, per_group * kh * kw, m / group.max(1)],
            group,
        );
        let mut inputs = vec![x, weight];
        inputs.extend(bias);
        self.check_alike("Conv", &inputs)?;
        let stride = stride as i64;
        Ok(self.node(
            "Conv",
            &inputs,
            &[
                ("dilations", Ints(&[1, 1])),
                ("group", Int(group as i64)),
                ("kernel_shape", Ints(&[kh as i64, kw as i64])),
                ("pads", Ints(&pads.to_ints())),
                ("strides", Ints(&[stride, stride])),
            ],
            x.element,
            [vec![n], fixed(&out)].concat(),
        ))
    }

    /// `ConvTranspose` with kernel = stride, so that patches do not overlap: `x` [N, C, H, W],
    /// `weight` [C, M, k, k], `bias` [M] → [N, M, H·k, W·k].
    ///
    /// # Errors
    /// If the shapes do not fit.
    pub fn conv_transpose(
        &mut self,
        x: &Value,
        weight: &Value,
        bias: &Value,
    ) -> Result<Value, GraphError> {
        let (n, [c, h, w]) = self.picture("ConvTranspose", x)?;
        let out = match weight.dims.as_slice() {
            &[
                Dim::Fixed(from),
                Dim::Fixed(m),
                Dim::Fixed(kh),
                Dim::Fixed(kw),
            ] if from == c && kh == kw && bias.dims == fixed(&[m]) => (m, kh),
            dims => {
                return Err(self.error(
                    "ConvTranspose",
                    format!("input {:?}, weight {dims:?}, bias {:?}", x.dims, bias.dims),
                ));
            }
        };
        self.check_alike("ConvTranspose", &[x, weight, bias])?;
        let (m, k) = out;
        let side = k as i64;
        self.count_product([h * w, c, m * k * k], 1);
        Ok(self.node(
            "ConvTranspose",
            &[x, weight, bias],
            &[
                ("dilations", Ints(&[1, 1])),
                ("group", Int(1)),
                ("kernel_shape", Ints(&[side, side])),
                ("pads", Ints(&[0, 0, 0, 0])),
                ("strides", Ints(&[side, side])),
            ],
            x.element,
            [vec![n], fixed(&[m, h * k, w * k])].concat(),
        ))
    }

    /// Group normalisation, for which opset 17 has no operator: `InstanceNormalization` over the
    /// groups, then the channels' `scale` and `bias` [C].
    ///
    /// # Errors
    /// If the groups do not divide the channels or the sizes differ.
    pub fn group_normalization(
        &mut self,
        x: &Value,
        groups: usize,
        scale: CowArray<'_, f32, Ix1>,
        bias: CowArray<'_, f32, Ix1>,
        epsilon: f32,
    ) -> Result<Value, GraphError> {
        let (_, [c, h, w]) = self.picture("GroupNormalization", x)?;
        if groups == 0 || c % groups != 0 || scale.len() != c || bias.len() != c {
            return Err(self.error(
                "GroupNormalization",
                format!("{groups} groups, {} scales of {:?}", scale.len(), x.dims),
            ));
        }
        let grouped = self.reshape(x, &[groups, c / groups * h * w])?;
        let ones = self.constant_like(x, Array1::ones(groups))?;
        let zeros = self.constant_like(x, Array1::zeros(groups))?;
        let normal = self.node(
            "InstanceNormalization",
            &[&grouped, &ones, &zeros],
            &[("epsilon", Float(epsilon))],
            x.element,
            grouped.dims.clone(),
        );
        let normal = self.reshape(&normal, &[c, h, w])?;
        let mut by_channel = |values: CowArray<'_, f32, Ix1>| {
            self.constant_like(x, values.insert_axis(Axis(1)).insert_axis(Axis(2)))
        };
        let (scale, bias) = (by_channel(scale)?, by_channel(bias)?);
        let scaled = self.mul(&normal, &scale)?;
        self.add(&scaled, &bias)
    }

    /// `BatchNormalization` of inference: `parameters` are scale, bias, mean and variance, [C] each.
    ///
    /// # Errors
    /// If the sizes differ.
    pub fn batch_normalization(
        &mut self,
        x: &Value,
        parameters: [&Value; 4],
        epsilon: f32,
    ) -> Result<Value, GraphError> {
        let (_, [c, ..]) = self.picture("BatchNormalization", x)?;
        if parameters.iter().any(|value| value.dims != fixed(&[c])) {
            return Err(self.error("BatchNormalization", format!("{:?}", x.dims)));
        }
        let [scale, bias, mean, variance] = parameters;
        self.check_alike("BatchNormalization", &[x, scale, bias, mean, variance])?;
        Ok(self.node(
            "BatchNormalization",
            &[x, scale, bias, mean, variance],
            &[("epsilon", Float(epsilon))],
            x.element,
            x.dims.clone(),
        ))
    }

    /// `Pad` with `value` around the picture.
    ///
    /// # Errors
    /// If `x` is no picture.
    pub fn pad_picture(&mut self, x: &Value, pads: Pads, value: f32) -> Result<Value, GraphError> {
        let (n, [c, h, w]) = self.picture("Pad", x)?;
        let value = self.scalar_like(x, value);
        let [top, left, bottom, right] = pads.to_ints();
        let amounts = self.integers(&[0, 0, top, left, 0, 0, bottom, right]);
        let size = [c, h + pads.top + pads.bottom, w + pads.left + pads.right];
        Ok(self.node(
            "Pad",
            &[x, &amounts, &value],
            &[("mode", Text("constant"))],
            x.element,
            [vec![n], fixed(&size)].concat(),
        ))
    }

    /// `MaxPool` with a square kernel and no padding: ONNX Runtime hands cuDNN the leading pads only,
    /// so that a picture with other ones behind is to be padded first.
    ///
    /// # Errors
    /// If the kernel is larger than the picture.
    pub fn max_pool(
        &mut self,
        x: &Value,
        kernel: usize,
        stride: usize,
    ) -> Result<Value, GraphError> {
        let (n, [c, h, w]) = self.picture("MaxPool", x)?;
        if h < kernel || w < kernel || stride == 0 {
            return Err(self.error("MaxPool", format!("kernel {kernel} on {:?}", x.dims)));
        }
        let out = [c, (h - kernel) / stride + 1, (w - kernel) / stride + 1];
        let (kernel, stride) = (kernel as i64, stride as i64);
        Ok(self.node(
            "MaxPool",
            &[x],
            &[
                ("kernel_shape", Ints(&[kernel, kernel])),
                ("pads", Ints(&[0; 4])),
                ("strides", Ints(&[stride, stride])),
            ],
            x.element,
            [vec![n], fixed(&out)].concat(),
        ))
    }

    /// `Resize`, bilinear, to `height` × `width`.
    ///
    /// # Errors
    /// If `x` is no picture.
    pub fn resize_bilinear(
        &mut self,
        x: &Value,
        height: usize,
        width: usize,
        coordinates: Coordinates,
    ) -> Result<Value, GraphError> {
        let (n, [c, h, w]) = self.picture("Resize", x)?;
        if (h, w) == (height, width) {
            return Ok(x.clone());
        }
        let mode = match coordinates {
            Coordinates::AlignCorners => "align_corners",
            Coordinates::HalfPixel => "half_pixel",
        };
        let attributes = [
            ("coordinate_transformation_mode", Text(mode)),
            ("mode", Text("linear")),
        ];
        let dims = [vec![n], fixed(&[c, height, width])].concat();
        // An empty name stands for an input that is left out.
        let none = Value {
            name: String::new(),
            element: x.element,
            dims: Vec::new(),
        };
        let (scales, sizes) = match n {
            Dim::Fixed(n) => {
                let sizes = [n, c, height, width].map(|size| size as i64);
                (none.clone(), self.integers(&sizes))
            }
            // Sizes would have to be worked out in the graph from the number of pictures, on the
            // CPU: `Shape` and what follows it do not run on a GPU.
            Dim::Batch => {
                let scales = [
                    1.0,
                    1.0,
                    scale(h, height, coordinates),
                    scale(w, width, coordinates),
                ];
                (self.constant(&scales), none.clone())
            }
        };
        let inputs = [x, &none, &scales, &sizes];
        let count = if scales.name.is_empty() { 4 } else { 3 };
        Ok(self.node("Resize", &inputs[..count], &attributes, x.element, dims))
    }

    /// `ArgMax` over the channels of `[N, C, H, W]` → `[N, H, W]`, the first of equals.
    ///
    /// # Errors
    /// If `x` is no picture.
    pub fn arg_max(&mut self, x: &Value) -> Result<Value, GraphError> {
        let (n, [_, h, w]) = self.picture("ArgMax", x)?;
        Ok(self.node(
            "ArgMax",
            &[x],
            &[
                ("axis", Int(1)),
                ("keepdims", Int(0)),
                ("select_last_index", Int(0)),
            ],
            ElementType::I64,
            [vec![n], fixed(&[h, w])].concat(),
        ))
    }
}

/// The scale with which `Resize` makes `to` pixels of `from`, ⌊from · scale⌋ in 32 and 64 bits alike.
///
/// With aligned corners positions follow from the two lengths, so that any such scale does: one in the
/// middle between `to` and one more. Else they are divided by it, so that it is the ratio, rounded up
/// as far as the length needs it.
fn scale(from: usize, to: usize, coordinates: Coordinates) -> f32 {
    let (length, wanted) = (from as f64, to as f64);
    match coordinates {
        _ if from == to => 1.0,
        Coordinates::AlignCorners => ((wanted + 0.5) / length) as f32,
        Coordinates::HalfPixel => {
            let mut scale = (wanted / length) as f32;
            while f64::from(scale) * length < wanted || scale * (length as f32) < wanted as f32 {
                scale = scale.next_up();
            }
            scale
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_give_exactly_the_length_that_was_asked_for() {
        for coordinates in [Coordinates::AlignCorners, Coordinates::HalfPixel] {
            for from in 1..200 {
                for to in 1..600 {
                    let scale = scale(from, to, coordinates);
                    let lengths = [
                        (scale * from as f32).floor() as usize,
                        (f64::from(scale) * from as f64).floor() as usize,
                    ];
                    assert_eq!(lengths, [to; 2], "{from} to {to}, {coordinates:?}");
                    if coordinates == Coordinates::HalfPixel {
                        let ratio = to as f64 / from as f64;
                        let off = (f64::from(scale) - ratio).abs() / ratio;
                        assert!(off < 3.0 * f64::from(f32::EPSILON), "{from} to {to}: {off}");
                    }
                }
            }
        }
    }
}
