// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From the movements of blocks to that of every pixel, and which pixels were not there before.

use super::pyramid::{BORDER, Level};
use super::search::{BLOCK, Field, Vector, start, within};
use crate::frame::wide::wide;

/// Difference of a pixel, in 8-bit codes, up to which a block's movement counts in full.
const FITS: f32 = 2.0;
/// Difference above which a pixel is another one than the one it seems to come from.
const DIFFERS: f32 = 8.0;
/// How much larger a difference must be to be the worse one.
const WORSE: f32 = 1.5;
/// No pixel.
const NOWHERE: u32 = u32::MAX;

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
    /// The pixel that each one comes from.
    sources: Vec<u32>,
    /// Of the pixels that come from here, the one that looks most like it.
    claims: Vec<u32>,
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
            sources: vec![0; area],
            claims: vec![NOWHERE; area],
        }
    }

    /// Nothing moves.
    pub(super) fn rest(&mut self) {
        self.moves = false;
        self.across.fill(0.0);
        self.down.fill(0.0);
        self.hidden.fill(false);
    }

    /// Takes the movements of the blocks. Where they do not explain at least half of the picture, it
    /// is another scene or too fast, and nothing moves.
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
        compare(later, earlier, self);
        let unlike = self
            .differences
            .iter()
            .filter(|&&differs| differs > DIFFERS);
        if unlike.count() > self.differences.len() / 2 {
            self.rest();
        } else {
            self.find_hidden();
        }
    }

    /// Of two pixels that seem to come from the same place and are not beside each other, the one that
    /// looks less like that place was hidden. A pixel that seems to come from outside and does not
    /// look like the edge there stays where it is.
    fn find_hidden(&mut self) {
        self.smooth_differences();
        self.smooth_differences();
        self.claims.fill(NOWHERE);
        let (width, height) = (self.width as f32, self.height as f32);
        let inside = |place: f32, side: f32| place > -0.5 && place < side - 0.5;
        for y in 0..self.height {
            for x in 0..self.width {
                let index = y * self.width + x;
                let from_x = x as f32 + self.across[index];
                let from_y = y as f32 + self.down[index];
                let difference = self.differences[index];
                if inside(from_x, width) && inside(from_y, height) {
                    let source = (from_y + 0.5) as usize * self.width + (from_x + 0.5) as usize;
                    self.sources[index] = source as u32;
                    let claim = &mut self.claims[source];
                    if *claim == NOWHERE || difference < self.differences[*claim as usize] {
                        *claim = index as u32;
                    }
                } else {
                    self.sources[index] = NOWHERE;
                    if difference > DIFFERS {
                        self.across[index] = 0.0;
                        self.down[index] = 0.0;
                    }
                }
            }
        }
        for y in 0..self.height {
            for x in 0..self.width {
                let index = y * self.width + x;
                let source = self.sources[index];
                if source == NOWHERE {
                    continue;
                }
                let claim = self.claims[source as usize] as usize;
                if self.differences[index] > self.differences[claim] + WORSE {
                    let (other_x, other_y) = (claim % self.width, claim / self.width);
                    self.hidden[index] = x.abs_diff(other_x).max(y.abs_diff(other_y)) > 1;
                }
            }
        }
        // Most of the pixels around a hidden one are so too.
        for (share, &hidden) in self.differences.iter_mut().zip(&self.hidden) {
            *share = f32::from(u8::from(hidden));
        }
        self.smooth_differences();
        for (hidden, &share) in self.hidden.iter_mut().zip(&self.differences) {
            *hidden = share > 0.5;
        }
    }

    /// Replaces differences by their means over three by three pixels.
    fn smooth_differences(&mut self) {
        let (width, height) = (self.width, self.height);
        for y in 0..height {
            let row = |y: usize| &self.differences[y * width..][..width];
            let (above, here) = (row(y.saturating_sub(1)), row(y));
            let below = row((y + 1).min(height - 1));
            let out = &mut self.weights[y * width..][..width];
            for (((out, above), here), below) in out.iter_mut().zip(above).zip(here).zip(below) {
                *out = above + here + below;
            }
        }
        let rows = self.weights.chunks_exact(width);
        for (out, sums) in self.differences.chunks_exact_mut(width).zip(rows) {
            out[0] = (2.0 * sums[0] + sums[1.min(width - 1)]) / 9.0;
            for (out, sums) in out[1..].iter_mut().zip(sums.windows(3)) {
                *out = (sums[0] + sums[1] + sums[2]) / 9.0;
            }
            let before = sums[width.saturating_sub(2)];
            out[width - 1] = (2.0 * sums[width - 1] + before) / 9.0;
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
            let weight = 1.0 / (1.0 + difference * difference);
            weights[column] = weight * weight * weight * weight;
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
