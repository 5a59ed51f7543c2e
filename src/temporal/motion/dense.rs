// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From the movements of blocks to that of every pixel, and which pixels were not there before.

use super::pyramid::{BORDER, Level};
use super::search::{BLOCK, Field, Vector, start, within};
use crate::frame::wide::wide;

/// Difference of a pixel, in 8-bit codes, up to which a block's movement counts in full.
const FITS: f32 = 2.0;
/// Difference above which a pixel may be one that was hidden before.
const DIFFERS: f32 = 8.0;

/// Where each pixel of a picture was in the one before, relative to where it is.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Displacements, row by row.
    pub(super) across: Vec<f32>,
    pub(super) down: Vec<f32>,
    /// Whether the pixel was hidden by something.
    pub(super) hidden: Vec<bool>,
    /// Whether anything moves at all.
    pub(super) moves: bool,
    weights: Vec<f32>,
    /// How much each pixel differs from where it comes from.
    differences: Vec<f32>,
    /// The least difference of the pixels that come from here.
    claims: Vec<f32>,
}

impl Flow {
    pub(super) fn new(level: &Level) -> Self {
        let (width, height) = (level.width, level.height);
        let area = width * height;
        Self {
            width,
            height,
            across: vec![0.0; area],
            down: vec![0.0; area],
            hidden: vec![false; area],
            moves: false,
            weights: vec![0.0; area],
            differences: vec![0.0; area],
            claims: vec![0.0; area],
        }
    }

    /// Nothing moves.
    pub(super) fn rest(&mut self) {
        self.moves = false;
        self.across.fill(0.0);
        self.down.fill(0.0);
        self.hidden.fill(false);
    }

    /// Takes the movements of the blocks.
    pub(super) fn fill(&mut self, later: &Level, earlier: &Level, field: &Field) {
        self.rest();
        self.moves = field.vectors.iter().any(|vector| *vector != [0.0; 2]);
        if !self.moves {
            return;
        }
        self.weights.fill(0.0);
        spread(later, earlier, field, self);
        for ((across, down), weight) in self
            .across
            .iter_mut()
            .zip(&mut self.down)
            .zip(&self.weights)
        {
            *across /= weight;
            *down /= weight;
        }
        self.find_hidden(later, earlier);
    }

    /// A pixel that looks different where it seems to come from, while another one that comes from
    /// there looks the same, was hidden.
    fn find_hidden(&mut self, later: &Level, earlier: &Level) {
        let (width, height) = (self.width, self.height);
        compare(later, earlier, self);
        self.claims.fill(f32::INFINITY);
        let source = |flow: &Self, index: usize| {
            let (x, y) = ((index % width) as f32, (index / width) as f32);
            let (x, y) = (x + flow.across[index], y + flow.down[index]);
            let inside = |place: f32, side: usize| place > -0.5 && place < side as f32 - 0.5;
            (inside(x, width) && inside(y, height))
                .then(|| (y + 0.5) as usize * width + (x + 0.5) as usize)
        };
        for index in 0..self.differences.len() {
            if let Some(source) = source(self, index) {
                self.claims[source] = self.claims[source].min(self.differences[index]);
            }
        }
        for index in 0..self.differences.len() {
            let difference = self.differences[index];
            self.hidden[index] = difference > DIFFERS
                && source(self, index).is_some_and(|from| 2.0 * self.claims[from] < difference);
        }
    }
}

wide! {
    /// Adds up the movements of the blocks that a pixel is in, each as it fits the pixel.
    fn spread(later: &Level, earlier: &Level, field: &Field, flow: &mut Flow) {
        for row in 0..field.rows {
            let y = start(row, flow.height);
            for column in 0..field.columns {
                let x = start(column, flow.width);
                let vector = field.vectors[row * field.columns + column];
                spread_block(later, earlier, vector, (x, y), flow);
            }
        }
    }

    /// How much every pixel differs from the place that it comes from.
    fn compare(later: &Level, earlier: &Level, flow: &mut Flow) {
        for y in 0..flow.height {
            for x in 0..flow.width {
                let index = y * flow.width + x;
                let from_x = within(x as f32 + flow.across[index], flow.width);
                let from_y = within(y as f32 + flow.down[index], flow.height);
                let (column, row) = (from_x.floor(), from_y.floor());
                let (fx, fy) = (from_x - column, from_y - row);
                let corner = (column as isize + BORDER as isize) as usize
                    + (row as isize + BORDER as isize) as usize * earlier.stride;
                let upper = &earlier.data[corner..corner + 2];
                let lower = &earlier.data[corner + earlier.stride..corner + earlier.stride + 2];
                let upper = upper[0] + (upper[1] - upper[0]) * fx;
                let lower = lower[0] + (lower[1] - lower[0]) * fx;
                let value = upper + (lower - upper) * fy;
                let here = later.data[later.origin() + y * later.stride + x];
                flow.differences[index] = (value - here).abs();
            }
        }
    }
}

#[inline(always)]
fn spread_block(
    later: &Level,
    earlier: &Level,
    vector: Vector,
    (x, y): (usize, usize),
    flow: &mut Flow,
) {
    let from_x = within(x as f32 + vector[0], flow.width);
    let from_y = within(y as f32 + vector[1], flow.height);
    let (column, row) = (from_x.floor(), from_y.floor());
    let (fx, fy) = (from_x - column, from_y - row);
    let corner = (column as isize + BORDER as isize) as usize
        + (row as isize + BORDER as isize) as usize * earlier.stride;
    let here = later.origin() + y * later.stride + x;
    let columns = BLOCK.min(flow.width - x);
    for row in 0..BLOCK.min(flow.height - y) {
        let samples = |level: &Level, at: usize| -> [f32; BLOCK] {
            *level.data[at..].first_chunk().unwrap_or(&[0.0; BLOCK])
        };
        let at = corner + row * earlier.stride;
        let (a, b) = (samples(earlier, at), samples(earlier, at + 1));
        let below = at + earlier.stride;
        let (c, d) = (samples(earlier, below), samples(earlier, below + 1));
        let values = samples(later, here + row * later.stride);
        let mut weights = [0.0; BLOCK];
        for column in 0..BLOCK {
            let upper = a[column] + (b[column] - a[column]) * fx;
            let lower = c[column] + (d[column] - c[column]) * fx;
            let difference = (upper + (lower - upper) * fy - values[column]) / FITS;
            weights[column] = 1.0 / (1.0 + difference * difference);
        }
        let out = (y + row) * flow.width + x;
        let sums = flow.weights[out..out + columns].iter_mut();
        let across = flow.across[out..out + columns].iter_mut();
        let down = flow.down[out..out + columns].iter_mut();
        for (((sum, across), down), weight) in sums.zip(across).zip(down).zip(weights) {
            *sum += weight;
            *across += weight * vector[0];
            *down += weight * vector[1];
        }
    }
}
