// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Arithmetic, activations, and operators on tokens `[N, T, D]`.

use super::super::builder::Attribute::{Float, Int, Ints};
use super::super::{Builder, Dim, GraphError, Value};

impl Builder {
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
        self.check_alike("MatMul", &[a, b])?;
        let mut dims = a.dims.clone();
        dims[ra - 1] = b.dims[rb - 1];
        let length = |axis: usize| a.fixed(axis).unwrap_or(1);
        let times: usize = (0..ra - 2).map(length).product();
        let columns = b.fixed(rb - 1).unwrap_or(1);
        if rb == 2 {
            // Weights: all the rows at once.
            self.count_product([times * length(ra - 2), length(ra - 1), columns], 1);
        } else {
            self.count_product([length(ra - 2), length(ra - 1), columns], times);
        }
        Ok(self.node("MatMul", &[a, b], &[], a.element, dims))
    }

    /// GELU in its exact form, x/2·(1 + erf(x/√2)): opset 17 has no operator for it, and runtimes
    /// recognise this pattern.
    ///
    /// # Errors
    /// None for shapes that exist; the signature is the operators'.
    pub fn gelu(&mut self, x: &Value) -> Result<Value, GraphError> {
        let root = self.scalar_like(x, std::f32::consts::SQRT_2);
        let one = self.scalar_like(x, 1.0);
        let half = self.scalar_like(x, 0.5);
        let scaled = self.broadcast("Div", x, &root)?;
        let erf = self.unary("Erf", &scaled);
        let shifted = self.add(&erf, &one)?;
        let product = self.mul(x, &shifted)?;
        self.mul(&product, &half)
    }

    /// `Softmax` over the last dimension.
    pub fn softmax(&mut self, x: &Value) -> Value {
        self.node(
            "Softmax",
            &[x],
            &[("axis", Int(-1))],
            x.element,
            x.dims.clone(),
        )
    }

    /// `Softmax` over dimension `axis`.
    ///
    /// # Errors
    /// If there is no such dimension.
    pub fn softmax_over(&mut self, x: &Value, axis: usize) -> Result<Value, GraphError> {
        if axis >= x.dims.len() {
            return Err(self.error("Softmax", format!("axis {axis} of {:?}", x.dims)));
        }
        let attributes = [("axis", Int(axis as i64))];
        Ok(self.node("Softmax", &[x], &attributes, x.element, x.dims.clone()))
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
        self.check_alike("LayerNormalization", &[x, scale, bias])?;
        Ok(self.node(
            "LayerNormalization",
            &[x, scale, bias],
            &[
                ("axis", Int(-1)),
                ("epsilon", Float(epsilon)),
                ("stash_type", Int(1)),
            ],
            x.element,
            x.dims.clone(),
        ))
    }

    /// ONNX Runtime's `MultiHeadAttention` on `[N, T, D]` tensors. It scales the scores by 1/√(D/heads).
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
        self.check_alike("MultiHeadAttention", &[query, key, value])?;
        // Scores and mixtures: each query with each key, over all of the width.
        let (tokens, each) = (query.fixed(1).unwrap_or(1), width.unwrap_or(1) / heads);
        self.count_product([tokens, each, tokens], 2 * heads);
        Ok(self.contrib_node(
            "MultiHeadAttention",
            &[query, key, value],
            &[("num_heads", Int(heads as i64))],
            query.element,
            query.dims.clone(),
        ))
    }

    fn broadcast(&mut self, op: &'static str, a: &Value, b: &Value) -> Result<Value, GraphError> {
        self.check_alike(op, &[a, b])?;
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
        let (min, max) = (self.scalar_like(x, min), self.scalar_like(x, max));
        self.node("Clip", &[x, &min, &max], &[], x.element, x.dims.clone())
    }

    /// `Div` with broadcasting.
    ///
    /// # Errors
    /// If the shapes do not broadcast.
    pub fn div(&mut self, a: &Value, b: &Value) -> Result<Value, GraphError> {
        self.broadcast("Div", a, b)
    }

    /// `Sigmoid`.
    pub fn sigmoid(&mut self, x: &Value) -> Value {
        self.unary("Sigmoid", x)
    }

    /// `Exp`.
    pub fn exp(&mut self, x: &Value) -> Value {
        self.unary("Exp", x)
    }

    /// `Reciprocal`.
    pub fn reciprocal(&mut self, x: &Value) -> Value {
        self.unary("Reciprocal", x)
    }

    /// `Log`, the natural logarithm.
    pub fn log(&mut self, x: &Value) -> Value {
        self.unary("Log", x)
    }

    /// `Softplus`: ln(1 + eˣ).
    pub fn softplus(&mut self, x: &Value) -> Value {
        self.unary("Softplus", x)
    }

    /// `ReduceSum` over dimension `axis`, which stays with size 1.
    ///
    /// # Errors
    /// If there is no such dimension.
    pub fn reduce_sum(&mut self, x: &Value, axis: usize) -> Result<Value, GraphError> {
        let mut dims = x.dims.clone();
        match dims.get_mut(axis) {
            Some(dim) => *dim = Dim::Fixed(1),
            None => return Err(self.error("ReduceSum", format!("axis {axis} of {:?}", x.dims))),
        }
        let axes = self.integers(&[axis as i64]);
        let attributes = [("keepdims", Int(1)), ("noop_with_empty_axes", Int(0))];
        Ok(self.node("ReduceSum", &[x, &axes], &attributes, x.element, dims))
    }

    /// The values along dimension `axis` in ascending order, by `TopK`.
    ///
    /// # Errors
    /// If there is no such dimension of a known size.
    pub fn sorted(&mut self, x: &Value, axis: usize) -> Result<Value, GraphError> {
        let Some(count) = x.fixed(axis) else {
            return Err(self.error("TopK", format!("axis {axis} of {:?}", x.dims)));
        };
        let count = self.integers(&[count as i64]);
        let attributes = [
            ("axis", Int(axis as i64)),
            ("largest", Int(0)),
            ("sorted", Int(1)),
        ];
        let dims = x.dims.clone();
        Ok(self.node_with_unused_output("TopK", &[x, &count], &attributes, x.element, dims))
    }

    /// `ReduceL2` over the last dimension, which stays with size 1.
    pub fn reduce_l2(&mut self, x: &Value) -> Value {
        let mut dims = x.dims.clone();
        if let Some(last) = dims.last_mut() {
            *last = Dim::Fixed(1);
        }
        let attributes = [("axes", Ints(&[-1])), ("keepdims", Int(1))];
        self.node("ReduceL2", &[x], &attributes, x.element, dims)
    }
}
