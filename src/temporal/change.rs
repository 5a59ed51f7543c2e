// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Where and how much a picture has changed.

use super::carry::{Carry, Moved};
use crate::frame::wide::wide;
use crate::spec::Size;

/// Side of the blocks that noise is averaged over, in pixels.
const BLOCK: usize = 8;
/// One in so many blocks has to change for the picture to have changed.
const SHARE: usize = 100;

/// How much two lumas of one size differ, 0…1: the change of brightness of the 1 % of 8×8 blocks
/// that differ most, so that noise is nearly nothing and a small thing that moves is not. 1 where
/// the sizes differ.
pub fn change(a: &[u8], b: &[u8], size: Size) -> f32 {
    let width = size.width as usize;
    if a.len() != size.area() || b.len() != a.len() {
        return 1.0;
    }
    if a.is_empty() {
        return 0.0;
    }
    let mut counts = [0usize; 256];
    let mut blocks = 0;
    for (a, b) in a.chunks(BLOCK * width).zip(b.chunks(BLOCK * width)) {
        for left in (0..width).step_by(BLOCK) {
            let reach = left..(left + BLOCK).min(width);
            let rows = a.chunks(width).zip(b.chunks(width));
            let sum: i32 = rows
                .flat_map(|(a, b)| a[reach.clone()].iter().zip(&b[reach.clone()]))
                .map(|(&a, &b)| i32::from(a) - i32::from(b))
                .sum();
            let pixels = reach.len() * (a.len() / width);
            // What is left at the edges is too small for a mean.
            if 2 * pixels < BLOCK * BLOCK && blocks > 0 {
                continue;
            }
            counts[sum.unsigned_abs() as usize / pixels] += 1;
            blocks += 1;
        }
    }
    let wanted = (blocks / SHARE).max(1);
    let (mut taken, mut sum) = (0, 0);
    for (level, &count) in counts.iter().enumerate().rev() {
        let count = count.min(wanted - taken);
        taken += count;
        sum += count * level;
    }
    sum as f32 / (wanted * 255) as f32
}

/// Noise that is assumed at least and at most, as the standard deviation of a mean over 3×3 pixels
/// in 8-bit levels. Where everything moves it cannot be told from motion.
const NOISE: (f32, f32) = (0.4, 2.5);
/// How fast the estimate may grow from one picture to the next: motion that begins is no noise.
const NOISE_RISE: f32 = 0.02;
/// How many times the noise of single pixels that of a mean may be.
const COARSE: f32 = 3.0;
/// Every which pixel noise is looked for in: odd, so that it visits all columns.
const STEP: usize = 7;
/// Standard deviations up to which a difference is noise, and from which it is none.
const GATE: (f32, f32) = (4.5, 10.0);
/// Rows and columns that a change reaches around it, as a share of the width: what a network sees
/// in one place depends on its neighbours.
const REACH: f32 = 1.0 / 85.0;

/// Movement in one step, as a share of the width, from which nothing that was carried along is
/// trusted: what moves so fast is blurred, and found by chance.
const FAST: f32 = 0.2;

/// Where a picture differs from the one remembered, which follows.
#[derive(Clone, Debug, Default)]
pub(super) struct Gate {
    size: Option<Size>,
    /// The picture remembered, in 8-bit levels.
    picture: Vec<f32>,
    /// The same in whole levels.
    rounded: Vec<u8>,
    /// 0 where nothing changed … 1 where the picture is another one.
    open: Vec<f32>,
    /// How far the gate is at least open where something moved; for the next picture only.
    floor: Vec<f32>,
    moved: bool,
    carry: Carry,
    scratch: Vec<f32>,
    noise: f32,
}

impl Gate {
    /// Whether there is a picture of this size to compare with.
    pub(super) fn knows(&self, size: Size) -> bool {
        self.size == Some(size)
    }

    /// Starts with this picture.
    pub(super) fn start(&mut self, luma: &[u8], size: Size) {
        self.size = Some(size);
        self.noise = NOISE.1;
        self.picture.clear();
        self.picture
            .extend(luma.iter().map(|&level| f32::from(level)));
        self.rounded.clear();
        self.rounded.extend_from_slice(luma);
        self.moved = false;
        self.carry.set(size, size);
        for plane in [&mut self.open, &mut self.floor, &mut self.scratch] {
            plane.clear();
            plane.resize(size.area(), 1.0);
        }
    }

    /// Moves the picture remembered, which has the size of what moved.
    pub(super) fn carry(&mut self, moved: &Moved<'_>) {
        if let Some(size) = self.size {
            self.carry.run(moved, &mut self.picture, size);
            moved.doubt(FAST * size.width as f32, &mut self.floor);
            self.moved = true;
        }
    }

    /// Forgets the picture.
    pub(super) fn reset(&mut self) {
        self.size = None;
    }

    /// The picture remembered.
    pub(super) fn known(&mut self) -> &[u8] {
        for (rounded, level) in self.rounded.iter_mut().zip(&self.picture) {
            *rounded = (level + 0.5) as u8;
        }
        &self.rounded
    }

    /// How far the gate is open, pixel by pixel.
    pub(super) fn open(&self) -> &[f32] {
        &self.open
    }

    /// Compares with the picture remembered and moves that one to `luma`: wholly where it changed,
    /// by the share `base` where it did not.
    pub(super) fn update(&mut self, luma: &[u8], base: f32) {
        let Some(size) = self.size else { return };
        let width = size.width as usize;
        for ((out, &level), &known) in self.open.iter_mut().zip(luma).zip(&self.picture) {
            *out = f32::from(level) - known;
        }
        // What moved was not found to a fraction of a pixel.
        let grain = self.grain(width) * if self.moved { 2.0 } else { 1.0 };
        self.mean(width);
        self.learn_noise(grain);
        let (least, most) = (GATE.0 * self.noise, GATE.1 * self.noise);
        open(&mut self.open, least, 1.0 / (most - least));
        let reach = ((width as f32 * REACH).round() as usize).max(1);
        self.dilate(width, reach);
        if std::mem::take(&mut self.moved) {
            largest(&self.floor, &mut self.open);
        }
        follow(&mut self.picture, luma, &self.open, base);
    }

    /// The absolute mean over 3×3 pixels of `open`, in place.
    fn mean(&mut self, width: usize) {
        for (row, out) in self
            .open
            .chunks_exact(width)
            .zip(self.scratch.chunks_exact_mut(width))
        {
            let last = width - 1;
            out[0] = row[0] * 2.0 + row[last.min(1)];
            out[last] = row[last] * 2.0 + row[last.saturating_sub(1)];
            if width > 2 {
                sum3(
                    &row[..width - 2],
                    &row[1..last],
                    &row[2..],
                    1.0,
                    &mut out[1..last],
                );
            }
        }
        let rows = self.scratch.len() / width;
        for (at, out) in self.open.chunks_exact_mut(width).enumerate() {
            let row = |at: usize| &self.scratch[at * width..][..width];
            let (above, below) = (at.saturating_sub(1), (at + 1).min(rows - 1));
            sum3(row(above), row(at), row(below), 1.0 / 9.0, out);
        }
        absolute(&mut self.open);
    }

    /// What noise the differences have if it differs from pixel to pixel and movement does not, as
    /// the deviation of a mean over 3×3 pixels.
    fn grain(&self, width: usize) -> f32 {
        let bends = self.open.windows(3).step_by(STEP);
        let bends = bends.map(|three| (three[0] - 2.0 * three[1] + three[2]).abs());
        if width < 3 {
            return NOISE.1;
        }
        // The variance of a bend is 6 times that of a pixel.
        deviation(bends) / 6f32.sqrt() / 3.0
    }

    /// The median of the differences is noise as long as less than half of the picture moves, and
    /// as it is not much more than the `grain`: codecs leave noise that is coarser than pixels.
    fn learn_noise(&mut self, grain: f32) {
        let measured = deviation(self.open.iter().step_by(STEP).copied());
        self.noise = measured
            .min(COARSE * grain)
            .clamp(NOISE.0, NOISE.1.min(self.noise + NOISE_RISE));
    }

    /// The largest within `reach` rows and columns of `open`, in place.
    fn dilate(&mut self, width: usize, reach: usize) {
        let rows = self.open.len() / width;
        for (row, out) in self
            .open
            .chunks_exact(width)
            .zip(self.scratch.chunks_exact_mut(width))
        {
            out.copy_from_slice(row);
            for off in 1..=reach.min(width - 1) {
                largest(&row[off..], &mut out[..width - off]);
                largest(&row[..width - off], &mut out[off..]);
            }
        }
        for (at, out) in self.open.chunks_exact_mut(width).enumerate() {
            let (first, last) = (at.saturating_sub(reach), (at + reach).min(rows - 1));
            out.copy_from_slice(&self.scratch[at * width..][..width]);
            for row in first..=last {
                largest(&self.scratch[row * width..][..width], out);
            }
        }
    }
}

/// The standard deviation of what is normal around zero, from absolute values, by their median.
fn deviation(values: impl Iterator<Item = f32>) -> f32 {
    let mut counts = [0u32; 256];
    let mut all = 0;
    for value in values {
        counts[(value * 16.0).min(255.0) as usize] += 1;
        all += 1;
    }
    let mut below = 0;
    let median = counts.iter().position(|count| {
        below += count;
        below * 2 >= all
    });
    (median.unwrap_or(0) as f32 + 0.5) / 16.0 * 1.4826
}

wide! {
    fn sum3(a: &[f32], b: &[f32], c: &[f32], scale: f32, out: &mut [f32]) {
        for (((out, &a), &b), &c) in out.iter_mut().zip(a).zip(b).zip(c) {
            *out = (a + b + c) * scale;
        }
    }

    fn absolute(values: &mut [f32]) {
        for value in values {
            *value = value.abs();
        }
    }

    fn largest(row: &[f32], out: &mut [f32]) {
        for (out, &value) in out.iter_mut().zip(row) {
            *out = if value > *out { value } else { *out };
        }
    }

    fn open(values: &mut [f32], least: f32, scale: f32) {
        for value in values {
            *value = ((*value - least) * scale).clamp(0.0, 1.0);
        }
    }

    fn follow(picture: &mut [f32], luma: &[u8], open: &[f32], base: f32) {
        for ((known, &level), &open) in picture.iter_mut().zip(luma).zip(open) {
            *known += (base + (1.0 - base) * open) * (f32::from(level) - *known);
        }
    }
}
