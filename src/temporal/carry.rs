// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What was remembered of one frame, brought to where the next one shows it.

use super::grid::{Grid, sample};
use crate::frame::wide::wide;
use crate::spec::Size;

/// Where each pixel of a picture was in the one before, plane by plane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moved<'a> {
    pub(super) size: Size,
    /// Columns from a pixel to where it was.
    pub(super) across: &'a [f32],
    /// Rows from a pixel to where it was.
    pub(super) down: &'a [f32],
    /// Whether a pixel was hidden.
    pub(super) hidden: &'a [bool],
}

impl Moved<'_> {
    /// How little what was remembered of a pixel tells of it now: 0 where nothing moved, 1 where it
    /// moved by `fast` pixels or was not seen.
    pub(super) fn doubt(&self, fast: f32, out: &mut [f32]) {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        for (at, out) in out.iter_mut().enumerate() {
            let (across, down) = (self.across[at], self.down[at]);
            let x = (at % width) as f32 + across;
            let y = (at / width) as f32 + down;
            let seen = x > -1.0 && y > -1.0 && x < width as f32 && y < height as f32;
            *out = if seen && !self.hidden[at] {
                (across.hypot(down) / fast).min(1.0)
            } else {
                1.0
            };
        }
    }
}

/// Moves planes of one size.
#[derive(Clone, Debug, Default)]
pub(super) struct Carry {
    across: Grid,
    down: Grid,
    before: Vec<f32>,
}

impl Carry {
    /// Prepares for planes of size `to`, and movements in pictures of size `from`.
    pub(super) fn set(&mut self, from: Size, to: Size) {
        self.across.set(from, to);
        self.down.set(from, to);
        self.before.resize(to.area(), 0.0);
    }

    /// Moves `plane` of size `size`. What comes from outside is the nearest edge.
    pub(super) fn run(&mut self, moved: &Moved<'_>, plane: &mut Vec<f32>, size: Size) {
        let from = moved.size;
        self.set(from, size);
        std::mem::swap(plane, &mut self.before);
        let factors = (
            size.width as f32 / from.width as f32,
            size.height as f32 / from.height as f32,
        );
        let rows = plane.chunks_exact_mut(size.width as usize);
        for (row, out) in rows.enumerate() {
            let across = self.across.row(moved.across, row as u32);
            let down = self.down.row(moved.down, row as u32);
            sample_row(&self.before, size, row, (across, down), factors, out);
        }
    }
}

/// Movement that is none, in pixels of the picture: what small ones would do is blur.
const REST: f32 = 0.25;

wide! {
    /// Row `row` of a plane, each pixel from where it was, linear between pixels.
    fn sample_row(
        plane: &[f32],
        size: Size,
        row: usize,
        moves: (&[f32], &[f32]),
        factors: (f32, f32),
        out: &mut [f32],
    ) {
        let (width, height) = (size.width as usize, size.height as usize);
        let (right, bottom) = ((width - 1) as f32, (height - 1) as f32);
        for (column, ((out, &across), &down)) in out.iter_mut().zip(moves.0).zip(moves.1).enumerate() {
            let moves = across.abs().max(down.abs());
            if moves <= REST || moves.is_nan() {
                *out = plane[row * width + column];
                continue;
            }
            let (across, down) = (across * factors.0, down * factors.1);
            let (x, y) = (column as f32 + across, row as f32 + down);
            let at = (x.clamp(0.0, right), y.clamp(0.0, bottom));
            *out = sample(plane, (width, height), at);
        }
    }
}
