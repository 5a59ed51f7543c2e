// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Movement from frame to frame, put together: where a pixel was in the frame that was inferred.

use super::dense::Flow;

/// Where each pixel of the newest picture was in an earlier one, relative to where it is.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) across: Vec<f32>,
    pub(super) down: Vec<f32>,
    /// Whether the pixel was hidden by something in the earlier picture.
    pub(super) hidden: Vec<bool>,
    /// Whether anything has moved.
    pub(super) moved: bool,
    last: [Vec<f32>; 2],
    last_hidden: Vec<bool>,
}

impl Path {
    pub(super) fn new(width: usize, height: usize) -> Self {
        let zeros = || vec![0.0; width * height];
        let nowhere = vec![false; width * height];
        Self {
            width,
            height,
            across: zeros(),
            down: zeros(),
            hidden: nowhere.clone(),
            moved: false,
            last: [zeros(), zeros()],
            last_hidden: nowhere,
        }
    }

    /// Starts from the newest picture.
    pub(super) fn restart(&mut self) {
        self.moved = false;
        self.across.fill(0.0);
        self.down.fill(0.0);
        self.hidden.fill(false);
    }

    /// Goes on to the next picture.
    pub(super) fn follow(&mut self, flow: &Flow) {
        if !flow.moves {
            return;
        }
        if !self.moved {
            self.moved = true;
            self.across.copy_from_slice(&flow.across);
            self.down.copy_from_slice(&flow.down);
            self.hidden.copy_from_slice(&flow.hidden);
            return;
        }
        std::mem::swap(&mut self.across, &mut self.last[0]);
        std::mem::swap(&mut self.down, &mut self.last[1]);
        std::mem::swap(&mut self.hidden, &mut self.last_hidden);
        let (right, bottom) = ((self.width - 1) as f32, (self.height - 1) as f32);
        for y in 0..self.height {
            for x in 0..self.width {
                let index = y * self.width + x;
                let (across, down) = (flow.across[index], flow.down[index]);
                let from_x = (x as f32 + across).clamp(0.0, right);
                let from_y = (y as f32 + down).clamp(0.0, bottom);
                let (column, row) = (from_x as usize, from_y as usize);
                let (fx, fy) = (from_x - column as f32, from_y - row as f32);
                let upper = row * self.width + column;
                let next = usize::from(column + 1 < self.width);
                let lower = if row + 1 < self.height {
                    upper + self.width
                } else {
                    upper
                };
                let before = |field: &[f32]| {
                    let above = field[upper] + (field[upper + next] - field[upper]) * fx;
                    let below = field[lower] + (field[lower + next] - field[lower]) * fx;
                    above + (below - above) * fy
                };
                self.across[index] = across + before(&self.last[0]);
                self.down[index] = down + before(&self.last[1]);
                let nearest =
                    if fy < 0.5 { upper } else { lower } + if fx < 0.5 { 0 } else { next };
                self.hidden[index] = flow.hidden[index] || self.last_hidden[nearest];
            }
        }
    }
}
