// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Operators that move or select values, and change their type.

use super::super::builder::Attribute::{Int, Ints, Text};
use super::super::{Builder, Dim, ElementType, GraphError, Value};
use super::fixed;

impl Builder {
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

    /// `Pad` with `before` and `after` zeros along dimension 1.
    ///
    /// # Errors
    /// If `x` is not `[N, T, D]`.
    pub fn pad_tokens(
        &mut self,
        x: &Value,
        before: usize,
        after: usize,
    ) -> Result<Value, GraphError> {
        let &[n, Dim::Fixed(t), d] = x.dims.as_slice() else {
            return Err(self.error("Pad", format!("{:?} is no [N, T, D]", x.dims)));
        };
        let pads = self.integers(&[0, before as i64, 0, 0, after as i64, 0]);
        let dims = vec![n, Dim::Fixed(before + t + after), d];
        Ok(self.node(
            "Pad",
            &[x, &pads],
            &[("mode", Text("constant"))],
            x.element,
            dims,
        ))
    }

    /// `Concat` along `axis`.
    ///
    /// # Errors
    /// If the other dimensions differ.
    pub fn concat(&mut self, parts: &[&Value], axis: usize) -> Result<Value, GraphError> {
        let shapes = || format!("{:?}", parts.iter().map(|x| &x.dims).collect::<Vec<_>>());
        let rest = |x: &Value| {
            let mut dims = x.dims.clone();
            (axis < dims.len()).then(|| dims.remove(axis)).map(|_| dims)
        };
        let sizes: Option<Vec<usize>> = parts.iter().map(|x| x.fixed(axis)).collect();
        let (Some(first), Some(sizes)) = (parts.first(), sizes) else {
            return Err(self.error("Concat", shapes()));
        };
        if parts.iter().any(|x| rest(x) != rest(first)) {
            return Err(self.error("Concat", shapes()));
        }
        self.check_alike("Concat", parts)?;
        let mut dims = first.dims.clone();
        dims[axis] = Dim::Fixed(sizes.iter().sum());
        let attributes = [("axis", Int(axis as i64))];
        Ok(self.node("Concat", parts, &attributes, first.element, dims))
    }

    /// `Gather`: the elements of dimension `axis` that `indices` of any shape name.
    ///
    /// # Errors
    /// If there is no such dimension or `indices` are no integers.
    pub fn gather(&mut self, x: &Value, axis: usize, indices: &Value) -> Result<Value, GraphError> {
        if axis >= x.dims.len() || indices.element != ElementType::I64 {
            return Err(self.error("Gather", format!("axis {axis} of {:?}", x.dims)));
        }
        let dims = [&x.dims[..axis], &indices.dims, &x.dims[axis + 1..]].concat();
        let attributes = [("axis", Int(axis as i64))];
        Ok(self.node("Gather", &[x, indices], &attributes, x.element, dims))
    }

    /// `Cast`, once for a value and type; `x` itself where it is of that type.
    pub fn cast(&mut self, x: &Value, to: ElementType) -> Value {
        if x.element == to {
            return x.clone();
        }
        let key = (x.name.clone(), to.to_proto());
        if let Some(value) = self.casts.get(&key) {
            return value.clone();
        }
        let attribute = [("to", Int(i64::from(to.to_proto())))];
        let value = self.node("Cast", &[x], &attribute, to, x.dims.clone());
        self.casts.insert(key, value.clone());
        value
    }
}
