// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The map of an earlier frame, as the newest frame shows it.

use super::path::Path;
use crate::spec::Size;
use crate::temporal::grid::sample;

/// What part of a side its outermost pixels are.
const EDGE: f32 = 64.0;

/// Samples between two that were hidden which were hidden too.
const GAP: usize = 4;

/// How much of its own value a sample that is filled in has, and not the one's above it.
const FOLLOWS: f32 = 0.25;

/// Moves maps of one size along paths of another.
#[derive(Clone, Debug)]
pub(super) struct Warp {
    width: usize,
    height: usize,
    /// For each column of the map, the path's column to its left and how far it is beyond that.
    columns: Vec<(usize, f32)>,
    rows: Vec<(usize, f32)>,
    /// A row of the path, in samples of the map.
    line: [Vec<f32>; 2],
    /// The places that the samples of a row come from.
    places: [Vec<f32>; 2],
}

/// Places of `count` samples among `among` samples of the same length.
fn places(count: usize, among: usize) -> Vec<(usize, f32)> {
    let scale = among as f32 / count as f32;
    let place = |index: usize| {
        let at = (index as f32 + 0.5) * scale - 0.5;
        let at = at.clamp(0.0, (among - 1) as f32);
        let low = (at as usize).min(among.saturating_sub(2));
        (low, at - low as f32)
    };
    (0..count).map(place).collect()
}

/// The nearest one of `count` samples.
fn nearest((low, share): (usize, f32), count: usize) -> usize {
    if share < 0.5 {
        low
    } else {
        (low + 1).min(count - 1)
    }
}

/// Where a sample comes from. Nothing further inside comes from the outermost part of the map, which
/// networks often see wrongly, nor from outside.
fn inside(here: usize, displacement: f32, last: f32) -> f32 {
    let here = here as f32;
    let margin = last / EDGE;
    (here + displacement).clamp(here.min(margin), here.max(last - margin))
}

impl Warp {
    pub(super) fn new(path: &Path, map: Size) -> Self {
        let (width, height) = (map.width as usize, map.height as usize);
        Self {
            width,
            height,
            columns: places(width, path.width),
            rows: places(height, path.height),
            line: [vec![0.0; path.width], vec![0.0; path.width]],
            places: [vec![0.0; width], vec![0.0; width]],
        }
    }

    /// Where row `row` of the map comes from, into `self.places`.
    fn place_row(&mut self, path: &Path, row: usize) {
        let (above, share) = self.rows[row];
        let scales = [
            self.width as f32 / path.width as f32,
            self.height as f32 / path.height as f32,
        ];
        let upper = above * path.width;
        let lower = (above + 1).min(path.height - 1) * path.width;
        for ((line, field), scale) in self
            .line
            .iter_mut()
            .zip([&path.across, &path.down])
            .zip(scales)
        {
            let (upper, lower) = (&field[upper..][..path.width], &field[lower..][..path.width]);
            for ((out, upper), lower) in line.iter_mut().zip(upper).zip(lower) {
                *out = (upper + (lower - upper) * share) * scale;
            }
        }
        let last = path.width - 1;
        let [across, down] = &mut self.places;
        let places = across.iter_mut().zip(down);
        let right = (self.width - 1) as f32;
        let bottom = (self.height - 1) as f32;
        for (index, ((x, y), &(left, share))) in places.zip(&self.columns).enumerate() {
            let next = (left + 1).min(last);
            let at = |line: &[f32]| line[left] + (line[next] - line[left]) * share;
            *x = inside(index, at(&self.line[0]), right);
            *y = inside(row, at(&self.line[1]), bottom);
        }
    }

    /// Moves values, between samples linearly. What was hidden gets the farther one of the values
    /// beside it.
    pub(super) fn values(
        &mut self,
        path: &Path,
        map: &[f32],
        larger_is_nearer: bool,
        out: &mut [f32],
    ) {
        let (width, height) = (self.width, self.height);
        for row in 0..height {
            self.place_row(path, row);
            let (above, out) = out.split_at_mut(row * width);
            let out = &mut out[..width];
            let [across, down] = &self.places;
            for ((out, &x), &y) in out.iter_mut().zip(across).zip(down) {
                *out = sample(map, (width, height), (x, y));
            }
            self.fill(path, row, out, |sides, _| {
                let values = sides.into_iter().flatten().copied();
                values.reduce(|left, right| {
                    if (left < right) == larger_is_nearer {
                        left
                    } else {
                        right
                    }
                })
            });
            if let Some(first) = above.len().checked_sub(width) {
                self.soften(path, row, &above[first..], out);
            }
        }
    }

    /// Moves class indices. What was hidden gets the class on that side of it which moves more as
    /// the whole picture does.
    pub(super) fn labels(&mut self, path: &Path, map: &[u8], out: &mut [u8]) {
        let width = self.width;
        let mean = |field: &[f32], scale: usize, side: usize| {
            let sum: f32 = field.iter().sum();
            sum / field.len() as f32 * scale as f32 / side as f32
        };
        let mean = [
            mean(&path.across, width, path.width),
            mean(&path.down, self.height, path.height),
        ];
        for row in 0..self.height {
            self.place_row(path, row);
            let out = &mut out[row * width..][..width];
            let [across, down] = &self.places;
            for ((out, &x), &y) in out.iter_mut().zip(across).zip(down) {
                *out = map[(y + 0.5) as usize * width + (x + 0.5) as usize];
            }
            let odd = |at: usize| {
                let x = across[at] - at as f32 - mean[0];
                let y = down[at] - row as f32 - mean[1];
                x * x + y * y
            };
            self.fill(path, row, out, |[left, right], [before, after]| {
                let outer = [left.first(), right.last()];
                let better = usize::from(odd(after.min(width - 1)) < odd(before));
                outer[better].or(outer[1 - better]).copied()
            });
        }
    }

    /// Gives each run of hidden samples what `choose` makes of the samples on its sides.
    fn fill<T: Copy>(
        &self,
        path: &Path,
        row: usize,
        out: &mut [T],
        choose: impl Fn([&[T]; 2], [usize; 2]) -> Option<T>,
    ) {
        let hidden = self.hidden_row(path, row);
        if !hidden.contains(&true) {
            return;
        }
        let is_hidden = |index: usize| hidden[nearest(self.columns[index], path.width)];
        let mut index = 0;
        while index < self.width {
            if !is_hidden(index) {
                index += 1;
                continue;
            }
            let start = index;
            while (index..self.width.min(index + GAP)).any(is_hidden) {
                index += 1;
            }
            // Right beside a run there may be more of it that was not seen as such.
            let sides = [
                &out[start.saturating_sub(GAP)..start],
                &out[index..self.width.min(index + GAP)],
            ];
            let Some(value) = choose(sides, [start.saturating_sub(1), index]) else {
                continue;
            };
            out[start..index].fill(value);
        }
    }

    /// Lets what was filled in follow the row above it, where that was filled in too.
    fn soften(&self, path: &Path, row: usize, above: &[f32], out: &mut [f32]) {
        let hidden = self.hidden_row(path, row);
        if !hidden.contains(&true) {
            return;
        }
        let before = self.hidden_row(path, row - 1);
        for ((out, above), &column) in out.iter_mut().zip(above).zip(&self.columns) {
            let at = nearest(column, path.width);
            let mixed = above + (*out - above) * FOLLOWS;
            if hidden[at] && before[at] && mixed.is_finite() {
                *out = mixed;
            }
        }
    }

    /// Which samples of the path's row nearest to row `row` of the map were hidden.
    fn hidden_row<'a>(&self, path: &'a Path, row: usize) -> &'a [bool] {
        &path.hidden[nearest(self.rows[row], path.height) * path.width..][..path.width]
    }
}
