// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A sharp foreground before a background out of focus.
//!
//! The background is blurred at reduced size, each pixel with the share of background in it, so that
//! the foreground does not shine into it (normalised convolution: Knutsson and Westin, 1993), and in
//! nearly linear light (the squares of codes), so that lights stay bright as behind a lens.

use super::convert::interleave;
use super::error::check_length;
use super::format::Format;
use super::wide::wide;
use super::{FrameError, FrameMut, FrameRef, Layout, RgbConverter};
use crate::spec::Size;

/// The most pixels that a cell of the reduced picture is wide and high.
const MAX_CELL: usize = 64;
/// Cells that the blur reaches to each side at most.
const MAX_REACH: usize = 9;
/// Values of a cell: red, green, blue and the share of background, each weighted by that share.
const PARTS: usize = 4;

/// Blurs the background of frames of one layout.
#[derive(Clone, Debug)]
pub struct BlurWriter {
    layout: Layout,
    convert: RgbConverter,
    /// Rows of pixels, added up: each of [`PARTS`] at the frame's width.
    sums: [Vec<u32>; PARTS],
    /// A row of cells between `MAX_REACH` empty ones on both sides.
    line: Vec<f32>,
    /// All cells, blurred along rows.
    cells: Vec<f32>,
    /// The two rows of finished colours around a row of pixels, and which they are.
    finished: [Vec<[i32; 4]>; 2],
    cached: [Option<usize>; 2],
    /// One row of cells, blurred in both directions; then their colours between two rows.
    blurred: Vec<f32>,
    between: Vec<[i32; 4]>,
}

/// The blur at one radius.
struct Lens {
    /// Pixels that a cell is wide and high: a power of two.
    cell: usize,
    cells: Size,
    /// The middle weight, then one for every further distance.
    weights: [f32; MAX_REACH + 1],
    /// The share of the blurred picture in the background, of 256.
    amount: u16,
}

impl Lens {
    fn new(radius: f32, frame: Size) -> Self {
        let most = 6.0 * MAX_CELL as f32;
        // What is not a number is no blur.
        let radius = if radius > 0.0 { radius.min(most) } else { 0.0 };
        let mut cell = 2;
        while cell < MAX_CELL && radius >= (6 * cell) as f32 {
            cell *= 2;
        }
        // A disc's standard deviation along each axis is half its radius. Averaging over cells
        // (1/12) and interpolating between them (1/6) are a part of the blur.
        let deviation = radius / 2.0 / cell as f32;
        let variance = (deviation * deviation - 0.25).max(0.25);
        let mut weights: [f32; MAX_REACH + 1] =
            std::array::from_fn(|at| (-((at * at) as f32) / (2.0 * variance)).exp());
        let sum = 2.0 * weights.iter().sum::<f32>() - 1.0;
        weights.iter_mut().for_each(|weight| *weight /= sum);
        let cells = |side: u32| side.div_ceil(cell as u32);
        Self {
            cell,
            cells: Size::new(cells(frame.height), cells(frame.width)),
            weights,
            // A blur of less than three pixels is a part of one of three.
            amount: (radius.min(3.0) / 3.0 * 256.0).round() as u16,
        }
    }

    /// Distances whose weight counts.
    fn reach(&self) -> impl Iterator<Item = (usize, f32)> {
        let weights = self.weights.into_iter().enumerate().skip(1);
        weights.take_while(|(_, weight)| *weight > 1e-4)
    }
}

impl BlurWriter {
    /// A writer for frames of `layout`.
    pub fn new(layout: &Layout) -> Self {
        let width = layout.size.width as usize;
        let most = Lens::new(0.0, layout.size).cells;
        let columns = most.width as usize;
        Self {
            layout: *layout,
            convert: RgbConverter::new(layout),
            sums: std::array::from_fn(|_| vec![0; width]),
            line: vec![0.0; (columns + 2 * MAX_REACH) * PARTS],
            cells: vec![0.0; most.area() * PARTS],
            finished: std::array::from_fn(|_| vec![[0; 4]; columns]),
            cached: [None; 2],
            blurred: vec![0.0; columns * PARTS],
            between: vec![[0; 4]; columns + 2],
        }
    }

    /// Writes the frame as an RGB picture, sharp where `alpha` (of the frame's size, row by row) is
    /// 255 and blurred where it is 0; the alpha channel is opaque. `radius` is that of the disc
    /// that a lens would make of a point, in pixels, at most 384; the blur is a Gaussian as strong.
    ///
    /// # Errors
    /// Where the frame is not what this was built for, `out` is not RGB or of another size, or
    /// `alpha` has another length.
    pub fn write(
        &mut self,
        frame: &FrameRef<'_>,
        alpha: &[u8],
        radius: f32,
        out: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        let size = self.layout.size;
        let target = *out.layout();
        self.convert.check(frame, &target, size)?;
        check_length("the alpha", size.area(), alpha.len())?;
        let lens = Lens::new(radius, size);
        let width = size.width as usize;
        let alphas = || alpha.chunks_exact(width);
        for (row, (alpha, pixels)) in alphas().zip(out.rows(0)).enumerate() {
            let rgb = self.convert.row(frame, row);
            for (sum, color) in self.sums.iter_mut().zip(rgb) {
                add_squares(color, alpha, sum);
            }
            add_shares(alpha, &mut self.sums[PARTS - 1]);
            interleave(self.convert.ordered(target.format), pixels);
            if (row + 1).is_multiple_of(lens.cell) || row + 1 == size.height as usize {
                self.finish_cells(&lens, row / lens.cell);
            }
        }
        self.cached = [None; 2];
        for (row, (alpha, pixels)) in alphas().zip(out.rows(0)).enumerate() {
            self.between(&lens, row, target.format);
            let columns = lens.cells.width as usize + 2;
            let blurred = &self.between[..columns];
            match target.format.row_bytes(0, 1) {
                3 => compose::<3>(blurred, lens.cell, lens.amount, alpha, pixels),
                _ => compose::<4>(blurred, lens.cell, lens.amount, alpha, pixels),
            }
        }
        Ok(())
    }

    /// The sums as a row of cells, blurred along it.
    fn finish_cells(&mut self, lens: &Lens, row: usize) {
        let columns = lens.cells.width as usize * PARTS;
        let start = MAX_REACH * PARTS;
        self.line[start + columns..].fill(0.0);
        for (part, sums) in self.sums.iter_mut().enumerate() {
            let cells = self.line[start + part..].iter_mut().step_by(PARTS);
            for (cell, sums) in cells.zip(sums.chunks(lens.cell)) {
                *cell = sums.iter().map(|&sum| sum as f32).sum();
            }
            sums.fill(0);
        }
        let cells = &mut self.cells[row * columns..][..columns];
        let line = |at: usize| &self.line[at..at + columns];
        scale(line(start), lens.weights[0], cells);
        for (distance, weight) in lens.reach() {
            let (before, after) = (start - distance * PARTS, start + distance * PARTS);
            add_both(line(before), line(after), weight, cells);
        }
    }

    /// The blurred colours at a row of pixels, the first and the last cell once more around them.
    fn between(&mut self, lens: &Lens, row: usize, format: Format) {
        let last = lens.cells.height as usize - 1;
        // Twice the pixels from the centre of the cell before to the pixel's centre.
        let position = 2 * row + 1 + lens.cell;
        let (before, share) = (position / (2 * lens.cell), position % (2 * lens.cell));
        let wanted = [before.saturating_sub(1), before.min(last)];
        if self.cached[0] != Some(wanted[0]) && self.cached[1] == Some(wanted[0]) {
            self.finished.swap(0, 1);
            self.cached.swap(0, 1);
        }
        for (slot, wanted) in wanted.into_iter().enumerate() {
            if self.cached[slot] != Some(wanted) {
                self.finish_row(lens, wanted, slot, format);
                self.cached[slot] = Some(wanted);
            }
        }
        let columns = lens.cells.width as usize;
        let [above, below] = self.finished.each_ref().map(|row| &row[..columns]);
        let between = &mut self.between[..columns + 2];
        let shift = lens.cell.trailing_zeros() + 1;
        mix_rows(above, below, share as i32, shift, &mut between[1..=columns]);
        between[0] = between[1];
        between[columns + 1] = between[columns];
    }

    /// A row of cells, blurred across rows, as colours in a format's order.
    fn finish_row(&mut self, lens: &Lens, row: usize, slot: usize, format: Format) {
        let columns = lens.cells.width as usize * PARTS;
        let cells = |row: usize| &self.cells[row * columns..][..columns];
        let blurred = &mut self.blurred[..columns];
        scale(cells(row), lens.weights[0], blurred);
        for (distance, weight) in lens.reach() {
            let above = row.checked_sub(distance);
            let below = Some(row + distance).filter(|&row| row < lens.cells.height as usize);
            match (above, below) {
                (Some(above), Some(below)) => add_both(cells(above), cells(below), weight, blurred),
                (Some(row), None) | (None, Some(row)) => add(cells(row), weight, blurred),
                (None, None) => break,
            }
        }
        let order = format.components().map(|part| part.offset);
        to_colors(blurred, order, &mut self.finished[slot]);
    }
}

wide! {
    fn add_squares(color: &[u8], alpha: &[u8], sums: &mut [u32]) {
        for ((sum, &color), &alpha) in sums.iter_mut().zip(color).zip(alpha) {
            *sum += u32::from(u16::from(color) * u16::from(color)) * u32::from(255 - alpha);
        }
    }

    fn add_shares(alpha: &[u8], sums: &mut [u32]) {
        for (sum, &alpha) in sums.iter_mut().zip(alpha) {
            *sum += u32::from(255 - alpha);
        }
    }

    fn scale(values: &[f32], weight: f32, out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(values) {
            *out = value * weight;
        }
    }

    fn add(values: &[f32], weight: f32, out: &mut [f32]) {
        for (out, value) in out.iter_mut().zip(values) {
            *out += value * weight;
        }
    }

    fn add_both(before: &[f32], after: &[f32], weight: f32, out: &mut [f32]) {
        for ((out, before), after) in out.iter_mut().zip(before).zip(after) {
            *out += (before + after) * weight;
        }
    }

    /// Weighted sums of squares into 256ths of codes; what holds no colour is opaque alpha.
    fn to_colors(cells: &[f32], order: [usize; 3], colors: &mut [[i32; 4]]) {
        for (color, cell) in colors.iter_mut().zip(cells.as_chunks::<PARTS>().0) {
            // Where there is no background near by, nothing shows the colour.
            let share = 65_536.0 / cell[PARTS - 1].max(1e-12);
            *color = [255 << 8; 4];
            for (&offset, &value) in order.iter().zip(cell) {
                color[offset] = ((value * share).sqrt() + 0.5).min(65_535.0) as i32;
            }
        }
    }

    fn mix_rows(
        above: &[[i32; 4]],
        below: &[[i32; 4]],
        share: i32,
        shift: u32,
        out: &mut [[i32; 4]],
    ) {
        let rows = above.as_flattened().iter().zip(below.as_flattened());
        for (out, (&above, &below)) in out.as_flattened_mut().iter_mut().zip(rows) {
            *out = above + (((below - above) * share) >> shift);
        }
    }

    /// The blurred colours over a row of pixels of `STEP` bytes.
    fn compose<const STEP: usize>(
        colors: &[[i32; 4]],
        cell: usize,
        amount: u16,
        alpha: &[u8],
        pixels: &mut [u8],
    ) {
        // The first cell's left half lies between that cell and itself.
        let half = (cell / 2).min(alpha.len());
        let (first, rest) = pixels.split_at_mut(half * STEP);
        let (first_alpha, rest_alpha) = alpha.split_at(half);
        let parts = std::iter::once((first, first_alpha))
            .chain(rest.chunks_mut(cell * STEP).zip(rest_alpha.chunks(cell)));
        let shift = cell.trailing_zeros() + 1;
        for (at, ((pixels, alpha), pair)) in parts.zip(colors.windows(2)).enumerate() {
            if alpha.iter().all(|&alpha| alpha == 255) {
                continue;
            }
            let (from, to) = (pair[0], pair[1]);
            let step: [i32; 4] = std::array::from_fn(|part| to[part] - from[part]);
            let begin = if at == 0 { cell as i32 + 1 } else { 1 };
            let mut color: [i32; 4] =
                std::array::from_fn(|part| (from[part] << shift) + step[part] * begin);
            for (pixel, &alpha) in pixels.as_chunks_mut::<STEP>().0.iter_mut().zip(alpha) {
                let background = i32::from(255 - alpha);
                let share = ((background + (background >> 7)) * i32::from(amount)) >> 8;
                for (byte, color) in pixel.iter_mut().zip(&color) {
                    let sharp = i32::from(*byte) << 8;
                    let mixed = (sharp << 8) + ((color >> shift) - sharp) * share;
                    *byte = ((mixed + (1 << 15)) >> 16) as u8;
                }
                for (color, step) in color.iter_mut().zip(step) {
                    *color += 2 * step;
                }
            }
        }
    }
}
