// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A map between its values.

use gstdptdepth::frame::{Fit, Rect};
use gstdptdepth::spec::Size;

/// The four values of a map around a point, and where between them it lies.
pub(crate) struct Cell {
    /// Indices into the map: above left, above right, below left, below right.
    corners: [usize; 4],
    right: f32,
    down: f32,
}

impl Cell {
    /// The cell of a map of size `map` in which the point `(x, y)` of the frame lies; pixel centres
    /// lie at halves. At the map's edge two corners or all are the same.
    pub(crate) fn at(fit: &Fit, map: Size, x: f64, y: f64) -> Self {
        let Rect {
            x: left,
            y: top,
            width,
            height,
        } = fit.content_of(map);
        let (column, row) = fit.to_map(map, x, y);
        let (x0, x1, right) = between(column, left, width);
        let (y0, y1, down) = between(row, top, height);
        let index = |y: usize, x: usize| y * map.width as usize + x;
        Self {
            corners: [index(y0, x0), index(y0, x1), index(y1, x0), index(y1, x1)],
            right,
            down,
        }
    }

    /// The values at the corners.
    pub(crate) fn corners(&self, values: &[f32]) -> [f32; 4] {
        self.corners.map(|index| values[index])
    }

    /// The bilinear value of these corners.
    pub(crate) fn mix(&self, [a, b, c, d]: [f32; 4]) -> f32 {
        // Exact where both are equal or the weight is 0.
        let between = |from: f32, to: f32, weight: f32| from + (to - from) * weight;
        between(
            between(a, b, self.right),
            between(c, d, self.right),
            self.down,
        )
    }
}

/// The two of `length` samples from `start` around `position`, and the second one's share.
fn between(position: f64, start: u32, length: u32) -> (usize, usize, f32) {
    let last = f64::from(start + length - 1);
    let position = (position - 0.5).clamp(f64::from(start), last);
    let first = position.floor();
    (
        first as usize,
        (first + 1.0).min(last) as usize,
        (position - first) as f32,
    )
}
