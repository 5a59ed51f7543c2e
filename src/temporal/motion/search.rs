// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Where each block of a picture was in the picture before: inverse search (Kroeger et al.,
//! "Fast Optical Flow using Dense Inverse Search", 2016) with a test that a movement must pass.
//!
//! Every level starts from what the level above it found, and the top one from rest. A block
//! leaves that only for a movement that explains clearly more of the picture: noise moves nothing,
//! and where nothing can be told, the surroundings' movement stands.

use super::pyramid::{BORDER, Level};
use crate::frame::wide::wide;

/// Side of a block.
pub(super) const BLOCK: usize = 8;
/// Samples from block to block.
pub(super) const STEP: usize = 4;
/// Steps of the search within a sample.
const ITERATIONS: usize = 4;
/// A step shorter than this is the last.
const PRECISION: f32 = 0.01;
/// The farthest that one level's search may go from where it starts.
const REACH: f32 = 4.0;
/// How much larger the remaining difference at rest must be for a movement to be believed: with
/// 64 samples and two unknowns, noise alone all but never does that.
const FROM_REST: f32 = 2.0;
/// What 8-bit codes are off by, squared, over a block: differences below it tell nothing.
const FLOOR: f32 = 24.0;

/// A displacement in samples.
pub(super) type Vector = [f32; 2];

/// The movements of one level's blocks.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) columns: usize,
    pub(super) rows: usize,
    pub(super) vectors: Vec<Vector>,
    unfiltered: Vec<Vector>,
}

/// Blocks along a side.
fn blocks(side: usize) -> usize {
    side.saturating_sub(BLOCK).div_ceil(STEP) + 1
}

/// Where a block starts.
pub(super) fn start(index: usize, side: usize) -> usize {
    (index * STEP).min(side.saturating_sub(BLOCK))
}

impl Field {
    pub(super) fn new(level: &Level) -> Self {
        let (columns, rows) = (blocks(level.width), blocks(level.height));
        Self {
            columns,
            rows,
            vectors: vec![[0.0; 2]; columns * rows],
            unfiltered: vec![[0.0; 2]; columns * rows],
        }
    }

    /// The movement around a place of the level above, for this level.
    fn double(&self, column: usize, row: usize) -> Vector {
        // Block centres: 4 + 4·index here, half of that above.
        let at = |index: usize, count: usize| {
            let place = (index as f32 - 1.0) * 0.5;
            let place = place.clamp(0.0, (count - 1) as f32);
            let low = place as usize;
            (low, (low + 1).min(count - 1), place - low as f32)
        };
        let (left, right, across) = at(column, self.columns);
        let (top, bottom, down) = at(row, self.rows);
        let vector = |row: usize, column: usize| self.vectors[row * self.columns + column];
        let (a, b) = (vector(top, left), vector(top, right));
        let (c, d) = (vector(bottom, left), vector(bottom, right));
        std::array::from_fn(|axis| {
            let upper = a[axis] + (b[axis] - a[axis]) * across;
            let lower = c[axis] + (d[axis] - c[axis]) * across;
            2.0 * (upper + (lower - upper) * down)
        })
    }

    /// Replaces every movement by the median of the nine around it, each axis by itself.
    fn filter(&mut self) {
        std::mem::swap(&mut self.vectors, &mut self.unfiltered);
        let (columns, rows) = (self.columns, self.rows);
        let neighbours = |index: usize, count: usize| {
            [index.saturating_sub(1), index, (index + 1).min(count - 1)]
        };
        for row in 0..rows {
            let lines = neighbours(row, rows).map(|row| &self.unfiltered[row * columns..]);
            let out = &mut self.vectors[row * columns..][..columns];
            for (column, out) in out.iter_mut().enumerate() {
                let places = neighbours(column, columns);
                *out = std::array::from_fn(|axis| {
                    median(std::array::from_fn(|at| {
                        lines[at / 3][places[at % 3]][axis]
                    }))
                });
            }
        }
    }
}

/// The median of nine values, by the columns of three times three (J. L. Smith, "Implementing
/// Median Filters in XC4000E FPGAs", 1996).
fn median(values: [f32; 9]) -> f32 {
    let sorted = |a: f32, b: f32, c: f32| {
        let (low, high) = (a.min(b), a.max(b));
        [low.min(c), low.max(high.min(c)), high.max(c)]
    };
    let [a, b, c, d, e, f, g, h, i] = values;
    let (left, centre, right) = (sorted(a, d, g), sorted(b, e, h), sorted(c, f, i));
    let lowest = left[0].max(centre[0]).max(right[0]);
    let middle = sorted(left[1], centre[1], right[1])[1];
    let highest = left[2].min(centre[2]).min(right[2]);
    sorted(lowest, middle, highest)[1]
}

/// A block of the later picture, its mean taken off, and how it changes along both axes.
pub(super) struct Patch {
    values: [[f32; BLOCK]; BLOCK],
    across: [[f32; BLOCK]; BLOCK],
    down: [[f32; BLOCK]; BLOCK],
    /// The inverse of the matrix of products of the gradients.
    inverse: [f32; 3],
}

/// What a place of the earlier picture tells of a patch.
pub(super) struct Fit {
    cost: f32,
    gradient: Vector,
}

const SAMPLES: f32 = (BLOCK * BLOCK) as f32;

/// Takes the mean off.
#[inline(always)]
fn centre(values: &mut [[f32; BLOCK]; BLOCK]) {
    let mut sums = [0.0; BLOCK];
    for row in values.iter() {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    let mean = sums.iter().sum::<f32>() / SAMPLES;
    for value in values.iter_mut().flatten() {
        *value -= mean;
    }
}

#[inline(always)]
fn product(left: &[[f32; BLOCK]; BLOCK], right: &[[f32; BLOCK]; BLOCK]) -> f32 {
    let mut sums = [0.0; BLOCK];
    for (left, right) in left.iter().zip(right) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum += left * right;
        }
    }
    sums.iter().sum()
}

#[inline(always)]
fn row_of(level: &Level, start: usize) -> [f32; BLOCK] {
    *level.data[start..].first_chunk().unwrap_or(&[0.0; BLOCK])
}

/// Keeps a patch within the samples that there are.
#[inline(always)]
pub(super) fn within(place: f32, side: usize) -> f32 {
    let least = 1.0 - BORDER as f32;
    let most = (side + BORDER) as f32 - (BLOCK + 2) as f32;
    place.clamp(least, most.max(least))
}

wide! {
    /// The block of `level` at (x, y).
    fn patch(level: &Level, x: usize, y: usize) -> Patch {
        let mut patch = Patch {
            values: [[0.0; BLOCK]; BLOCK],
            across: [[0.0; BLOCK]; BLOCK],
            down: [[0.0; BLOCK]; BLOCK],
            inverse: [0.0; 3],
        };
        for row in 0..BLOCK {
            let at = level.origin() + (y + row) * level.stride + x;
            patch.values[row] = row_of(level, at);
            let (left, right) = (row_of(level, at - 1), row_of(level, at + 1));
            let above = row_of(level, at - level.stride);
            let below = row_of(level, at + level.stride);
            for column in 0..BLOCK {
                patch.across[row][column] = (right[column] - left[column]) * 0.5;
                patch.down[row][column] = (below[column] - above[column]) * 0.5;
            }
        }
        centre(&mut patch.values);
        centre(&mut patch.across);
        centre(&mut patch.down);
        // What noise adds to the diagonal: flat patches do not send the search away.
        let xx = product(&patch.across, &patch.across) + FLOOR;
        let yy = product(&patch.down, &patch.down) + FLOOR;
        let xy = product(&patch.across, &patch.down);
        let scale = 1.0 / (xx * yy - xy * xy);
        patch.inverse = [yy * scale, -xy * scale, xx * scale];
        patch
    }

    /// Compares a patch with the earlier picture at (x, y).
    fn compare(patch: &Patch, level: &Level, x: f32, y: f32) -> Fit {
        let (column, row) = (x.floor(), y.floor());
        let (fx, fy) = (x - column, y - row);
        let corner = (column as i32 + BORDER as i32) as usize
            + (row as i32 + BORDER as i32) as usize * level.stride;
        let (mut sums, mut squares) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (mut across, mut down) = ([0.0; BLOCK], [0.0; BLOCK]);
        let mut upper = between(row_of(level, corner), row_of(level, corner + 1), fx);
        for row in 0..BLOCK {
            let at = corner + (row + 1) * level.stride;
            let lower = between(row_of(level, at), row_of(level, at + 1), fx);
            let values = between(upper, lower, fy);
            upper = lower;
            for column in 0..BLOCK {
                let difference = values[column] - patch.values[row][column];
                sums[column] += difference;
                squares[column] += difference * difference;
                across[column] += difference * patch.across[row][column];
                down[column] += difference * patch.down[row][column];
            }
        }
        let sum = total(sums);
        Fit {
            cost: total(squares) - sum * sum / SAMPLES,
            gradient: [total(across), total(down)],
        }
    }
}

#[inline(always)]
fn between(left: [f32; BLOCK], right: [f32; BLOCK], share: f32) -> [f32; BLOCK] {
    std::array::from_fn(|index| left[index] + (right[index] - left[index]) * share)
}

/// The sum, by halves.
#[inline(always)]
fn total(lanes: [f32; BLOCK]) -> f32 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// Where to look for one block.
struct Search<'a> {
    patch: Patch,
    earlier: &'a Level,
    start: Vector,
}

impl Search<'_> {
    /// Where a movement leads, as far as there are samples.
    fn place(&self, vector: Vector) -> Vector {
        [
            within(self.start[0] + vector[0], self.earlier.width),
            within(self.start[1] + vector[1], self.earlier.height),
        ]
    }

    fn fit(&self, vector: Vector) -> Fit {
        let [x, y] = self.place(vector);
        compare(&self.patch, self.earlier, x, y)
    }

    /// The best one of a few movements; the first where others are no better.
    fn best_of(
        &self,
        mut best: (Vector, Fit),
        others: impl IntoIterator<Item = Vector>,
    ) -> (Vector, Fit) {
        for vector in others {
            if vector != best.0 {
                let fit = self.fit(vector);
                if fit.cost < best.1.cost {
                    best = (vector, fit);
                }
            }
        }
        best
    }

    /// The movement near `first` that explains most, and what it leaves.
    fn refine(&self, first: Vector, fit: Fit) -> (Vector, f32) {
        let [xx, xy, yy] = self.patch.inverse;
        let mut found = (first, fit.cost);
        let (mut vector, mut fit) = (first, fit);
        for _ in 0..ITERATIONS {
            let [across, down] = fit.gradient;
            let step = [xx * across + xy * down, xy * across + yy * down];
            vector = [vector[0] - step[0], vector[1] - step[1]];
            let moved = (vector[0] - first[0])
                .abs()
                .max((vector[1] - first[1]).abs());
            if moved > REACH {
                break;
            }
            fit = self.fit(vector);
            if fit.cost >= found.1 {
                break;
            }
            found = (vector, fit.cost);
            if step[0].abs().max(step[1].abs()) < PRECISION {
                break;
            }
        }
        let [x, y] = self.place(found.0);
        ([x - self.start[0], y - self.start[1]], found.1)
    }

    /// The movement of the block where `expected` is its surroundings'.
    fn run(&self, expected: Vector, neighbours: impl Iterator<Item = Vector>) -> Vector {
        let (known, fit) = self.best_of((expected, self.fit(expected)), [[0.0; 2]]);
        let least = fit.cost;
        if least <= FLOOR {
            return known;
        }
        let (first, first_fit) = self.best_of((known, fit), neighbours);
        let (found, cost) = self.refine(first, first_fit);
        // At rest, only what noise would not do counts.
        if known != [0.0; 2] || cost * FROM_REST * self.smoothing(found) + FLOOR < least {
            found
        } else {
            known
        }
    }

    /// How much more of the difference that noise makes is seen at whole samples than at a place
    /// between samples, whose values are means.
    fn smoothing(&self, vector: Vector) -> f32 {
        let [across, down] = self.place(vector).map(|place| {
            let share = place - place.floor();
            share * share + (1.0 - share) * (1.0 - share)
        });
        2.0 / (1.0 + across * down)
    }
}

/// Finds the blocks of `later` in `earlier`. `above` is what the level of half the size found.
pub(super) fn search(later: &Level, earlier: &Level, above: Option<&Field>, field: &mut Field) {
    for row in 0..field.rows {
        for column in 0..field.columns {
            let index = row * field.columns + column;
            let neighbours = [
                (column > 0).then(|| field.vectors[index - 1]),
                (row > 0).then(|| field.vectors[index - field.columns]),
            ];
            let expected = above.map_or([0.0; 2], |above| above.double(column, row));
            let (x, y) = (start(column, later.width), start(row, later.height));
            let search = Search {
                patch: patch(later, x, y),
                earlier,
                start: [x as f32, y as f32],
            };
            field.vectors[index] = search.run(expected, neighbours.into_iter().flatten());
        }
    }
    field.filter();
}
