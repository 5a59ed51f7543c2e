// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The map of an earlier frame, as the newest frame shows it.

use super::path::Path;
use crate::spec::Size;

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
            *x = (index as f32 + at(&self.line[0])).clamp(0.0, right);
            *y = (row as f32 + at(&self.line[1])).clamp(0.0, bottom);
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
            let out = &mut out[row * width..][..width];
            let [across, down] = &self.places;
            for ((out, &x), &y) in out.iter_mut().zip(across).zip(down) {
                let (column, line) = (x as usize, y as usize);
                let (fx, fy) = (x - column as f32, y - line as f32);
                let next = usize::from(column + 1 < width);
                let upper = line * width + column;
                let lower = if line + 1 < height {
                    upper + width
                } else {
                    upper
                };
                let above = map[upper] + (map[upper + next] - map[upper]) * fx;
                let below = map[lower] + (map[lower + next] - map[lower]) * fx;
                let value = above + (below - above) * fy;
                *out = if value.is_finite() {
                    value
                } else {
                    let nearest = if fy < 0.5 { upper } else { lower };
                    map[nearest + if fx < 0.5 { 0 } else { next }]
                };
            }
            let far = |left: f32, right: f32| {
                if (left < right) == larger_is_nearer {
                    left
                } else {
                    right
                }
            };
            self.fill(path, row, out, |left, right, _| far(left, right));
        }
    }

    /// Moves class indices. What was hidden gets the class on that side of it which moves more as
    /// the whole picture does.
    pub(super) fn labels(&mut self, path: &Path, map: &[u8], out: &mut [u8]) {
        let width = self.width;
        for row in 0..self.height {
            self.place_row(path, row);
            let out = &mut out[row * width..][..width];
            let [across, down] = &self.places;
            for ((out, &x), &y) in out.iter_mut().zip(across).zip(down) {
                *out = map[(y + 0.5) as usize * width + (x + 0.5) as usize];
            }
            let _ = &path;
        }
    }

    /// Gives each run of hidden samples what `choose` makes of the samples on its sides.
    fn fill<T: Copy>(
        &self,
        path: &Path,
        row: usize,
        out: &mut [T],
        choose: impl Fn(T, T, (usize, usize)) -> T,
    ) {
        let nearest = |&(low, share): &(usize, f32), side: usize| {
            if share < 0.5 {
                low
            } else {
                (low + 1).min(side - 1)
            }
        };
        let hidden = &path.hidden[nearest(&self.rows[row], path.height) * path.width..];
        let hidden = &hidden[..path.width];
        if !hidden.contains(&true) {
            return;
        }
        let is_hidden = |index: usize| hidden[nearest(&self.columns[index], path.width)];
        let mut index = 0;
        while index < self.width {
            if !is_hidden(index) {
                index += 1;
                continue;
            }
            let start = index;
            while index < self.width && is_hidden(index) {
                index += 1;
            }
            let (left, right) = (start.checked_sub(1), (index < self.width).then_some(index));
            let value = match (left, right) {
                (Some(left), Some(right)) => choose(out[left], out[right], (left, right)),
                (Some(only), None) | (None, Some(only)) => out[only],
                (None, None) => return,
            };
            out[start..index].fill(value);
        }
    }
}
