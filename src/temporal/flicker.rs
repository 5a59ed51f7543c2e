// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! How much maps flicker, as a viewer sees it.

use super::change::Gate;
use super::grid::Grid;
use crate::spec::Size;

/// How much of the running average a frame replaces.
const SHARE: f32 = 0.05;
/// A frame with fewer unchanged pixels tells nothing.
const LEAST: u32 = 64;

/// The mean absolute change from one map to the next of the pixels whose picture did not change,
/// in 8-bit levels.
#[derive(Clone, Debug, Default)]
pub struct Flicker {
    size: Option<Size>,
    last: Vec<u16>,
    gate: Gate,
    grid: Grid,
    index: Option<f32>,
}

impl Flicker {
    /// Nothing measured yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the last map, after a cut or a seek; the average stays.
    pub fn reset(&mut self) {
        self.size = None;
        self.gate.reset();
    }

    /// The running average; `None` before two maps with something that stays.
    pub fn index(&self) -> Option<f32> {
        self.index
    }

    /// Counts the next map in time, as 16-bit codes of the whole range, and returns what this frame
    /// alone has. Slices that do not fit their size are not counted.
    pub fn update(
        &mut self,
        codes: &[u16],
        map_size: Size,
        luma: &[u8],
        luma_size: Size,
    ) -> Option<f32> {
        let fits = codes.len() == map_size.area() && luma.len() == luma_size.area();
        if !fits || codes.is_empty() || luma.is_empty() {
            self.reset();
            return None;
        }
        if self.size != Some(map_size) || !self.gate.knows(luma_size) {
            self.size = Some(map_size);
            self.last.clear();
            self.last.extend_from_slice(codes);
            self.gate.start(luma, luma_size);
            self.grid.set(luma_size, map_size);
            return None;
        }
        self.gate.update(luma, 1.0);
        let width = map_size.width as usize;
        let rows = codes
            .chunks_exact(width)
            .zip(self.last.chunks_exact_mut(width));
        let (mut sum, mut count) = (0, 0);
        for (at, (codes, last)) in rows.enumerate() {
            let open = self.grid.row(self.gate.open(), at as u32);
            for ((&code, last), &open) in codes.iter().zip(last).zip(open) {
                let still = u32::from(open == 0.0);
                sum += u64::from(still * u32::from(code.abs_diff(*last)));
                count += still;
                *last = code;
            }
        }
        if count < LEAST {
            return None;
        }
        let now = (sum as f64 / f64::from(count) / 257.0) as f32;
        let index = self.index.get_or_insert(now);
        *index += SHARE * (now - *index);
        Some(now)
    }
}
