// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Planes of one size read at the places of another.

use crate::spec::Size;

/// How the pixels of a larger or smaller map lie on a plane.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    sizes: Option<(Size, Size)>,
    /// For each column of the map, the left one of the plane and the share of its right neighbour.
    columns: Vec<(u32, f32)>,
    /// A row of the map's width.
    row: Vec<f32>,
    /// A row of the plane's width.
    between: Vec<f32>,
}

impl Grid {
    /// Prepares for reading a plane of size `plane` at the places of a map of size `map`.
    pub(super) fn set(&mut self, plane: Size, map: Size) {
        if self.sizes == Some((plane, map)) {
            return;
        }
        self.sizes = Some((plane, map));
        self.columns.clear();
        self.columns
            .extend((0..map.width).map(|column| place(column, map.width, plane.width)));
        self.row.clear();
        self.row.resize(map.width as usize, 0.0);
        self.between.clear();
        self.between.resize(plane.width as usize, 0.0);
    }

    /// The plane at the places of the map's row `at`, linear between its pixels.
    pub(super) fn row<'a>(&'a mut self, plane: &'a [f32], at: u32) -> &'a [f32] {
        let Some((size, map)) = self.sizes else {
            return &[];
        };
        let width = size.width as usize;
        if size == map {
            return &plane[at as usize * width..][..width];
        }
        let (top, share) = place(at, map.height, size.height);
        let below = (top + 1).min(size.height - 1);
        let top = &plane[top as usize * width..][..width];
        let below = &plane[below as usize * width..][..width];
        for ((value, &a), &b) in self.between.iter_mut().zip(top).zip(below) {
            *value = a + share * (b - a);
        }
        for (value, &(left, share)) in self.row.iter_mut().zip(&self.columns) {
            let left = left as usize;
            let a = self.between[left];
            let b = self.between[(left + 1).min(width - 1)];
            *value = a + share * (b - a);
        }
        &self.row
    }

    /// The index into the plane that is nearest to a pixel of the map.
    pub(super) fn nearest(&self, row: usize, column: usize) -> usize {
        let Some((plane, map)) = self.sizes else {
            return 0;
        };
        let row = row * plane.height as usize / map.height as usize;
        let column = column * plane.width as usize / map.width as usize;
        row * plane.width as usize + column
    }
}

/// The value of a plane at a point inside, linear between pixels. What is not finite does not mix:
/// the nearest pixel's value stands for the point.
#[inline(always)]
pub(super) fn sample(plane: &[f32], (width, height): (usize, usize), (x, y): (f32, f32)) -> f32 {
    let (left, top) = (x as usize, y as usize);
    let (fx, fy) = (x - left as f32, y - top as f32);
    let next = usize::from(left + 1 < width);
    let upper = top * width + left;
    let lower = if top + 1 < height {
        upper + width
    } else {
        upper
    };
    let above = plane[upper] + (plane[upper + next] - plane[upper]) * fx;
    let below = plane[lower] + (plane[lower + next] - plane[lower]) * fx;
    let value = above + (below - above) * fy;
    if value.is_finite() {
        value
    } else {
        let nearest = if fy < 0.5 { upper } else { lower };
        plane[nearest + if fx < 0.5 { 0 } else { next }]
    }
}

/// Where the centre of pixel `at` of `from` lies among the centres of `to`: the one before it, and
/// the share of the next.
fn place(at: u32, from: u32, to: u32) -> (u32, f32) {
    let centre = (at as f32 + 0.5) * to as f32 / from as f32 - 0.5;
    let centre = centre.clamp(0.0, (to - 1) as f32);
    (centre as u32, centre.fract())
}
