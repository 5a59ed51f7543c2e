// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One function an operator, named as ONNX names it; every attribute that matters is written out.

use super::builder::Attribute::{Float, Int, Ints, Text};
use super::{Builder, Dim, ElementType, GraphError, Value};

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

const F32: ElementType = ElementType::F32;

fn fixed(sizes: &[usize]) -> Vec<Dim> {
    sizes.iter().map(|&size| Dim::Fixed(size)).collect()
}

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
        let mut inputs = vec![x, weight];
        inputs.extend(bias);
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
            F32,
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
        let (m, k) = out;
        let side = k as i64;
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
            F32,
            [vec![n], fixed(&[m, h * k, w * k])].concat(),
        ))
    }

    /// `MatMul` over the last two dimensions; a matrix on the right serves every one on the left.
    ///
    /// # Errors
    /// If the inner dimensions differ.
    pub fn matmul(&mut self, a: &Value, b: &Value) -> Result<Value, GraphError> {
        let (ra, rb) = (a.dims.len(), b.dims.len());
        let fits = ra >= 2
            && rb >= 2
            && a.dims[ra - 1] == b.dims[rb - 2]
            && (rb == 2 || a.dims[..ra - 2] == b.dims[..rb - 2]);
        if !fits {
            return Err(self.error("MatMul", format!("{:?} by {:?}", a.dims, b.dims)));
        }
        let mut dims = a.dims.clone();
        dims[ra - 1] = b.dims[rb - 1];
        Ok(self.node("MatMul", &[a, b], &[], F32, dims))
    }

    fn broadcast(&mut self, op: &'static str, a: &Value, b: &Value) -> Result<Value, GraphError> {
        let rank = a.dims.len().max(b.dims.len());
        let at = |value: &Value, axis: usize| {
            let missing = rank - value.dims.len();
            axis.checked_sub(missing)
                .map_or(Dim::Fixed(1), |axis| value.dims[axis])
        };
        let mut dims = Vec::with_capacity(rank);
        for axis in 0..rank {
            dims.push(match (at(a, axis), at(b, axis)) {
                (x, y) if x == y => x,
                (x, Dim::Fixed(1)) => x,
                (Dim::Fixed(1), y) => y,
                _ => return Err(self.error(op, format!("{:?} with {:?}", a.dims, b.dims))),
            });
        }
        Ok(self.node(op, &[a, b], &[], a.element, dims))
    }

    /// `Add` with broadcasting.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn add(&mut self, a: &Value, b: &Value) -> Result<Value, GraphError> {
        self.broadcast("Add", a, b)
    }

    /// `Sub` with broadcasting.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn sub(&mut self, a: &Value, b: &Value) -> Result<Value, GraphError> {
        self.broadcast("Sub", a, b)
    }

    /// `Mul` with broadcasting.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn mul(&mut self, a: &Value, b: &Value) -> Result<Value, GraphError> {
        self.broadcast("Mul", a, b)
    }

    fn unary(&mut self, op: &'static str, x: &Value) -> Value {
        self.node(op, &[x], &[], x.element, x.dims.clone())
    }

    /// `Relu`.
    pub fn relu(&mut self, x: &Value) -> Value {
        self.unary("Relu", x)
    }

    /// `Clip` to `min`…`max`.
    pub fn clip(&mut self, x: &Value, min: f32, max: f32) -> Value {
        let (min, max) = (self.scalar(min), self.scalar(max));
        self.node("Clip", &[x, &min, &max], &[], F32, x.dims.clone())
    }

    /// GELU in its exact form, x/2·(1 + erf(x/√2)): opset 17 has no operator for it, and runtimes
    /// recognise this pattern.
    ///
    /// # Errors
    /// None for shapes that exist; the signature is the operators'.
    pub fn gelu(&mut self, x: &Value) -> Result<Value, GraphError> {
        let root = self.scalar(std::f32::consts::SQRT_2);
        let one = self.scalar(1.0);
        let half = self.scalar(0.5);
        let scaled = self.broadcast("Div", x, &root)?;
        let erf = self.unary("Erf", &scaled);
        let shifted = self.add(&erf, &one)?;
        let product = self.mul(x, &shifted)?;
        self.mul(&product, &half)
    }

    /// `Softmax` over the last dimension.
    pub fn softmax(&mut self, x: &Value) -> Value {
        self.node("Softmax", &[x], &[("axis", Int(-1))], F32, x.dims.clone())
    }

    /// `LayerNormalization` over the last dimension, with `scale` and `bias` of its size.
    ///
    /// # Errors
    /// If their size differs.
    pub fn layer_normalization(
        &mut self,
        x: &Value,
        scale: &Value,
        bias: &Value,
        epsilon: f32,
    ) -> Result<Value, GraphError> {
        let last = x.dims.last().copied();
        if scale.dims != bias.dims
            || Some(scale.dims.as_slice()) != last.as_ref().map(std::slice::from_ref)
        {
            return Err(self.error(
                "LayerNormalization",
                format!(
                    "input {:?}, scale {:?}, bias {:?}",
                    x.dims, scale.dims, bias.dims
                ),
            ));
        }
        Ok(self.node(
            "LayerNormalization",
            &[x, scale, bias],
            &[
                ("axis", Int(-1)),
                ("epsilon", Float(epsilon)),
                ("stash_type", Int(1)),
            ],
            F32,
            x.dims.clone(),
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
        scale: &[f32],
        bias: &[f32],
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
        let ones = self.constant(&[groups], vec![1.0; groups])?;
        let zeros = self.constant(&[groups], vec![0.0; groups])?;
        let normal = self.node(
            "InstanceNormalization",
            &[&grouped, &ones, &zeros],
            &[("epsilon", Float(epsilon))],
            F32,
            grouped.dims.clone(),
        );
        let normal = self.reshape(&normal, &[c, h, w])?;
        let scale = self.constant(&[c, 1, 1], scale)?;
        let bias = self.constant(&[c, 1, 1], bias)?;
        let scaled = self.mul(&normal, &scale)?;
        self.add(&scaled, &bias)
    }

    /// `MaxPool` with a square kernel.
    ///
    /// # Errors
    /// If the kernel is larger than the picture.
    pub fn max_pool(
        &mut self,
        x: &Value,
        kernel: usize,
        stride: usize,
        pads: Pads,
    ) -> Result<Value, GraphError> {
        let (n, [c, h, w]) = self.picture("MaxPool", x)?;
        let (full_h, full_w) = (h + pads.top + pads.bottom, w + pads.left + pads.right);
        if full_h < kernel || full_w < kernel || stride == 0 {
            return Err(self.error("MaxPool", format!("kernel {kernel} on {:?}", x.dims)));
        }
        let out = [
            c,
            (full_h - kernel) / stride + 1,
            (full_w - kernel) / stride + 1,
        ];
        let (kernel, stride) = (kernel as i64, stride as i64);
        Ok(self.node(
            "MaxPool",
            &[x],
            &[
                ("kernel_shape", Ints(&[kernel, kernel])),
                ("pads", Ints(&pads.to_ints())),
                ("strides", Ints(&[stride, stride])),
            ],
            F32,
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
            element: F32,
            dims: Vec::new(),
        };
        let sizes = match n {
            Dim::Fixed(n) => self.integers(&[n as i64, c as i64, height as i64, width as i64]),
            Dim::Batch => {
                let shape = self.node(
                    "Shape",
                    &[x],
                    &[("end", Int(1)), ("start", Int(0))],
                    ElementType::I64,
                    fixed(&[1]),
                );
                let rest = self.integers(&[c as i64, height as i64, width as i64]);
                self.node(
                    "Concat",
                    &[&shape, &rest],
                    &[("axis", Int(0))],
                    ElementType::I64,
                    fixed(&[4]),
                )
            }
        };
        Ok(self.node("Resize", &[x, &none, &none, &sizes], &attributes, F32, dims))
    }

    /// `Transpose`: dimension `order[i]` becomes dimension i.
    ///
    /// # Errors
    /// If `order` is no permutation of the dimensions.
    pub fn transpose(&mut self, x: &Value, order: &[usize]) -> Result<Value, GraphError> {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..x.dims.len()) {
            return Err(self.error("Transpose", format!("{order:?} of {:?}", x.dims)));
        }
        let dims = order.iter().map(|&axis| x.dims[axis]).collect();
        let perm: Vec<i64> = order.iter().map(|&axis| axis as i64).collect();
        Ok(self.node("Transpose", &[x], &[("perm", Ints(&perm))], x.element, dims))
    }

    /// `Reshape` of all but the first dimension.
    ///
    /// # Errors
    /// If the number of values changes.
    pub fn reshape(&mut self, x: &Value, rest: &[usize]) -> Result<Value, GraphError> {
        let count = |dims: &[Dim]| {
            dims.iter()
                .map(|dim| match dim {
                    Dim::Fixed(size) => Some(*size),
                    Dim::Batch => None,
                })
                .product::<Option<usize>>()
        };
        let before = x.dims.get(1..).and_then(count);
        if before != Some(rest.iter().product()) {
            return Err(self.error("Reshape", format!("{:?} to [N, {rest:?}]", x.dims)));
        }
        // 0 keeps the dimension as it is.
        let shape: Vec<i64> = std::iter::once(0)
            .chain(rest.iter().map(|&size| size as i64))
            .collect();
        let shape = self.integers(&shape);
        let dims = [vec![x.dims[0]], fixed(rest)].concat();
        Ok(self.node(
            "Reshape",
            &[x, &shape],
            &[("allowzero", Int(0))],
            x.element,
            dims,
        ))
    }

    /// `Slice` of `axis` from `start` to before `end`.
    ///
    /// # Errors
    /// If the slice lies outside.
    pub fn slice(
        &mut self,
        x: &Value,
        axis: usize,
        start: usize,
        end: usize,
    ) -> Result<Value, GraphError> {
        if start >= end || x.fixed(axis).is_none_or(|size| end > size) {
            return Err(self.error(
                "Slice",
                format!("{start}..{end} of axis {axis} of {:?}", x.dims),
            ));
        }
        let starts = self.integers(&[start as i64]);
        let ends = self.integers(&[end as i64]);
        let axes = self.integers(&[axis as i64]);
        let mut dims = x.dims.clone();
        dims[axis] = Dim::Fixed(end - start);
        Ok(self.node("Slice", &[x, &starts, &ends, &axes], &[], x.element, dims))
    }

    /// `Pad` with zeros before the first element of dimension 1.
    ///
    /// # Errors
    /// If `x` is not `[N, T, D]`.
    pub fn pad_front(&mut self, x: &Value, count: usize) -> Result<Value, GraphError> {
        let &[n, Dim::Fixed(t), d] = x.dims.as_slice() else {
            return Err(self.error("Pad", format!("{:?} is no [N, T, D]", x.dims)));
        };
        let pads = self.integers(&[0, count as i64, 0, 0, 0, 0]);
        let dims = vec![n, Dim::Fixed(t + count), d];
        Ok(self.node("Pad", &[x, &pads], &[("mode", Text("constant"))], F32, dims))
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

    /// `Cast`.
    pub fn cast(&mut self, x: &Value, to: ElementType) -> Value {
        let attribute = [("to", Int(i64::from(to.to_proto())))];
        self.node("Cast", &[x], &attribute, to, x.dims.clone())
    }

    /// ONNX Runtime's `MultiHeadAttention` on `[N, T, D]` tensors whose queries are scaled already.
    ///
    /// # Errors
    /// If the shapes differ or the heads do not divide D.
    pub fn multi_head_attention(
        &mut self,
        query: &Value,
        key: &Value,
        value: &Value,
        heads: usize,
    ) -> Result<Value, GraphError> {
        let width = query.fixed(2);
        if query.dims != key.dims
            || query.dims != value.dims
            || heads == 0
            || width.is_none_or(|width| width % heads != 0)
        {
            return Err(self.error(
                "MultiHeadAttention",
                format!("{heads} heads of {:?}", query.dims),
            ));
        }
        Ok(self.contrib_node(
            "MultiHeadAttention",
            &[query, key, value],
            &[("num_heads", Int(heads as i64)), ("scale", Float(1.0))],
            F32,
            query.dims.clone(),
        ))
    }
}
