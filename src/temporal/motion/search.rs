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
const ITERATIONS: usize = 5;
/// A step shorter than this is the last.
const PRECISION: f32 = 0.01;
/// The farthest that one level's search may go from where it starts.
const REACH: f32 = 4.0;
/// How much larger the remaining difference at rest must be for a movement to be believed: with
/// 64 samples and two unknowns, noise alone does that once in about a hundred thousand blocks.
const FROM_REST: f32 = 1.5;
/// The same for another movement than the surroundings'.
const FROM_MOTION: f32 = 1.05;
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
    /// Squared difference that is left of each block, its mean not counted.
    pub(super) costs: Vec<f32>,
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
            costs: vec![0.0; columns * rows],
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

    /// Replaces every movement by the median of those around it, each axis by itself.
    fn filter(&mut self) {
        std::mem::swap(&mut self.vectors, &mut self.unfiltered);
        let (columns, rows) = (self.columns, self.rows);
        for row in 0..rows {
            for column in 0..columns {
                let mut around = [[0.0f32; 9]; 2];
                let mut count = 0;
                for y in row.saturating_sub(1)..(row + 2).min(rows) {
                    for x in column.saturating_sub(1)..(column + 2).min(columns) {
                        let vector = self.unfiltered[y * columns + x];
                        around[0][count] = vector[0];
                        around[1][count] = vector[1];
                        count += 1;
                    }
                }
                self.vectors[row * columns + column] = around.map(|mut values| {
                    let values = &mut values[..count];
                    *values.select_nth_unstable_by(count / 2, f32::total_cmp).1
                });
            }
        }
    }
}

/// A block of the later picture, its mean taken off, and how it changes along both axes.
struct Patch {
    values: [[f32; BLOCK]; BLOCK],
    across: [[f32; BLOCK]; BLOCK],
    down: [[f32; BLOCK]; BLOCK],
    /// The inverse of the matrix of products of the gradients.
    inverse: [f32; 3],
}

/// What a place of the earlier picture tells of a patch.
struct Fit {
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

impl Patch {
    #[inline(always)]
    fn new(level: &Level, x: usize, y: usize) -> Self {
        let mut patch = Self {
            values: [[0.0; BLOCK]; BLOCK],
            across: [[0.0; BLOCK]; BLOCK],
            down: [[0.0; BLOCK]; BLOCK],
            inverse: [0.0; 3],
        };
        for row in 0..BLOCK {
            let at = level.origin() + (y + row) * level.stride + x;
            patch.values[row] = row_of(level, at);
            let (left, right) = (row_of(level, at - 1), row_of(level, at + 1));
            let (above, below) = (
                row_of(level, at - level.stride),
                row_of(level, at + level.stride),
            );
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

    /// Compares the patch with the earlier picture at (x, y).
    #[inline(always)]
    fn fit(&self, level: &Level, x: f32, y: f32) -> Fit {
        let (column, row) = (x.floor(), y.floor());
        let (fx, fy) = (x - column, y - row);
        let weights = [
            (1.0 - fx) * (1.0 - fy),
            fx * (1.0 - fy),
            (1.0 - fx) * fy,
            fx * fy,
        ];
        let corner = (column as isize + BORDER as isize) as usize
            + (row as isize + BORDER as isize) as usize * level.stride;
        let (mut sums, mut squares) = ([0.0; BLOCK], [0.0; BLOCK]);
        let (mut across, mut down) = ([0.0; BLOCK], [0.0; BLOCK]);
        for row in 0..BLOCK {
            let at = corner + row * level.stride;
            let (a, b) = (row_of(level, at), row_of(level, at + 1));
            let below = at + level.stride;
            let (c, d) = (row_of(level, below), row_of(level, below + 1));
            for column in 0..BLOCK {
                let value = a[column] * weights[0]
                    + b[column] * weights[1]
                    + c[column] * weights[2]
                    + d[column] * weights[3];
                let difference = value - self.values[row][column];
                sums[column] += difference;
                squares[column] += difference * difference;
                across[column] += difference * self.across[row][column];
                down[column] += difference * self.down[row][column];
            }
        }
        let sum: f32 = sums.iter().sum();
        Fit {
            cost: squares.iter().sum::<f32>() - sum * sum / SAMPLES,
            gradient: [across.iter().sum(), down.iter().sum()],
        }
    }
}

/// Keeps a patch within the samples that there are.
#[inline(always)]
pub(super) fn within(place: f32, side: usize) -> f32 {
    let least = 1.0 - BORDER as f32;
    let most = (side + BORDER) as f32 - (BLOCK + 2) as f32;
    place.clamp(least, most.max(least))
}

wide! {
    /// Finds the blocks of `later` in `earlier`. `above` is what the level of half the size found.
    fn search(later: &Level, earlier: &Level, above: Option<&Field>, field: &mut Field) {
        for row in 0..field.rows {
            let y = start(row, later.height);
            for column in 0..field.columns {
                let x = start(column, later.width);
                let index = row * field.columns + column;
                let patch = Patch::new(later, x, y);
                let at = |vector: Vector| [
                    within(x as f32 + vector[0], earlier.width),
                    within(y as f32 + vector[1], earlier.height),
                ];
                let fit = |vector: Vector| {
                    let [x, y] = at(vector);
                    patch.fit(earlier, x, y)
                };
                let expected = above.map_or([0.0; 2], |above| above.double(column, row));
                let mut known = (expected, fit(expected));
                if expected != [0.0; 2] {
                    let rest = fit([0.0; 2]);
                    if rest.cost <= known.1.cost {
                        known = ([0.0; 2], rest);
                    }
                }
                let factor = if known.0 == [0.0; 2] { FROM_REST } else { FROM_MOTION };
                let hardly = |cost: f32| cost * factor + FLOOR >= known.1.cost;
                let mut best = (known.0, known.1.cost);
                if !hardly(0.0) {
                    let mut first = known.0;
                    let mut first_fit = Fit { ..known.1 };
                    let neighbours = [
                        (column > 0).then(|| field.vectors[index - 1]),
                        (row > 0).then(|| field.vectors[index - field.columns]),
                    ];
                    for vector in neighbours.into_iter().flatten() {
                        if vector != first {
                            let other = fit(vector);
                            if other.cost < first_fit.cost {
                                (first, first_fit) = (vector, other);
                            }
                        }
                    }
                    let mut found = (first, first_fit.cost);
                    let (mut vector, mut now) = (first, first_fit);
                    for _ in 0..ITERATIONS {
                        let [across, down] = now.gradient;
                        let [xx, xy, yy] = patch.inverse;
                        let step = [xx * across + xy * down, xy * across + yy * down];
                        vector = [vector[0] - step[0], vector[1] - step[1]];
                        let moved = [vector[0] - first[0], vector[1] - first[1]];
                        if moved[0].abs().max(moved[1].abs()) > REACH {
                            break;
                        }
                        now = fit(vector);
                        if now.cost < found.1 {
                            found = (vector, now.cost);
                        }
                        if step[0].abs().max(step[1].abs()) < PRECISION {
                            break;
                        }
                    }
                    if !hardly(found.1) {
                        let [x_found, y_found] = at(found.0);
                        best = ([x_found - x as f32, y_found - y as f32], found.1);
                    }
                }
                field.vectors[index] = best.0;
                field.costs[index] = best.1;
            }
        }
        field.filter();
    }
}
