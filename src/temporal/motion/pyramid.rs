// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A picture at halved sizes, with room around it for patches that reach out.

use crate::frame::wide::wide;
use crate::spec::Size;

/// Samples around a level: they repeat its edge.
pub(super) const BORDER: usize = 12;
/// No level after the first has a shorter side than this.
const SHORTEST: usize = 12;
/// Most levels.
const LEVELS: usize = 5;

/// One size of the picture.
#[derive(Clone, Debug)]
pub(super) struct Level {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Samples from row to row.
    pub(super) stride: usize,
    pub(super) data: Vec<f32>,
}

impl Level {
    fn new(width: usize, height: usize) -> Self {
        let stride = width + 2 * BORDER;
        Self {
            width,
            height,
            stride,
            data: vec![0.0; stride * (height + 2 * BORDER)],
        }
    }

    /// Where sample (0, 0) is.
    pub(super) fn origin(&self) -> usize {
        BORDER * self.stride + BORDER
    }

    fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let start = self.origin() + row * self.stride;
        &mut self.data[start..start + self.width]
    }

    /// Repeats the edges outwards.
    fn extend(&mut self) {
        let Self { width, height, .. } = *self;
        for row in self.data.chunks_exact_mut(self.stride) {
            let (first, last) = (row[BORDER], row[BORDER + width - 1]);
            row[..BORDER].fill(first);
            row[BORDER + width..].fill(last);
        }
        let rows = self.stride * BORDER;
        let last = rows + (height - 1) * self.stride;
        for row in 0..BORDER {
            self.data
                .copy_within(rows..rows + self.stride, row * self.stride);
            let below = last + (row + 1) * self.stride;
            self.data.copy_within(last..last + self.stride, below);
        }
    }
}

/// The picture's sizes, the largest first.
#[derive(Clone, Debug)]
pub(super) struct Pyramid {
    pub(super) levels: Vec<Level>,
}

impl Pyramid {
    /// Sides are at least one.
    pub(super) fn new(size: Size) -> Self {
        let (mut width, mut height) = (size.width as usize, size.height as usize);
        let mut levels = vec![Level::new(width, height)];
        while levels.len() < LEVELS && width.min(height) / 2 >= SHORTEST {
            (width, height) = (width / 2, height / 2);
            levels.push(Level::new(width, height));
        }
        Self { levels }
    }

    /// Takes a picture in, row by row.
    pub(super) fn fill(&mut self, luma: &[u8]) {
        let (largest, smaller) = self.levels.split_at_mut(1);
        let mut above = &mut largest[0];
        for (row, luma) in luma.chunks_exact(above.width).enumerate() {
            for (sample, &luma) in above.row_mut(row).iter_mut().zip(luma) {
                *sample = f32::from(luma);
            }
        }
        above.extend();
        for level in smaller {
            for row in 0..level.height {
                let start = above.origin() + 2 * row * above.stride;
                let (first, second) = above.data[start..].split_at(above.stride);
                halve(first, second, level.row_mut(row));
            }
            level.extend();
            above = level;
        }
    }
}

wide! {
    /// Means of two by two samples.
    fn halve(first: &[f32], second: &[f32], out: &mut [f32]) {
        let pairs = first.as_chunks::<2>().0.iter().zip(second.as_chunks::<2>().0);
        for (out, (first, second)) in out.iter_mut().zip(pairs) {
            *out = (first[0] + first[1] + second[0] + second[1]) * 0.25;
        }
    }
}
