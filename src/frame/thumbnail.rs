// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Frames into small pictures of their luma, which motion and change are looked for in.

use super::wide::wide;
use super::{Format, FrameError, FrameRef, Layout};
use crate::spec::Size;

/// Pixels of a thumbnail's longer side, where the frame has as many.
const LONGER_SIDE: u32 = 192;

/// Shrinks frames of one layout to their luma in 8 bits, by the mean over each pixel's area.
///
/// Weights have 8 bits, so a pixel is off by at most one from the mean in exact numbers. Codes stay
/// as they are: black is 16 in limited range. RGB becomes luma by the shares of Rec. 601.
#[derive(Clone, Debug)]
pub struct Thumbnail {
    layout: Layout,
    size: Size,
    columns: Vec<Cell>,
    rows: Vec<Cell>,
    column_weights: Vec<u16>,
    row_weights: Vec<u16>,
    /// The mean of a thumbnail row's source rows, 256 times, byte by byte.
    sums: Vec<u16>,
    /// The same as luma.
    luma: Vec<u16>,
}

/// The samples that one pixel is the mean of, and where their weights start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    first: usize,
    count: usize,
    weights: usize,
}

impl Thumbnail {
    /// A thumbnail of frames of `layout`; sides of `size` are at least one.
    pub fn new(layout: &Layout, size: Size) -> Self {
        let size = Size::new(size.height.max(1), size.width.max(1));
        let (columns, column_weights) = cells(layout.size.width, size.width);
        let (rows, row_weights) = cells(layout.size.height, size.height);
        Self {
            layout: *layout,
            size,
            columns,
            rows,
            column_weights,
            row_weights,
            sums: vec![0; layout.format.row_bytes(0, layout.size.width)],
            luma: vec![0; layout.size.width as usize],
        }
    }

    /// The size that suits motion: the longer side of `frame` to 192 pixels with its aspect kept,
    /// never more than the frame has, and never less than one.
    pub fn size_for(frame: Size) -> Size {
        let longer = frame.height.max(frame.width).max(1);
        let scaled = |side: u32| {
            if longer <= LONGER_SIDE {
                return side.max(1);
            }
            let scaled = u64::from(side) * u64::from(LONGER_SIDE) * 2 + u64::from(longer);
            ((scaled / (u64::from(longer) * 2)) as u32).max(1)
        };
        Size::new(scaled(frame.height), scaled(frame.width))
    }

    /// Rows and columns of the thumbnail.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Writes the thumbnail of `frame` into `out`, row by row; `out` gets the length it needs.
    ///
    /// # Errors
    /// Where the frame's layout is not what this was built for.
    pub fn run(&mut self, frame: &FrameRef<'_>, out: &mut Vec<u8>) -> Result<(), FrameError> {
        self.layout.expect(frame.layout())?;
        out.resize(self.size.area(), 0);
        let width = self.size.width as usize;
        for (cell, out) in self.rows.iter().zip(out.chunks_exact_mut(width)) {
            self.sums.fill(0);
            let weights = &self.row_weights[cell.weights..][..cell.count];
            for (row, &weight) in (cell.first..).zip(weights) {
                add_row(frame.row(0, row), weight, &mut self.sums);
            }
            to_luma(self.layout.format, &self.sums, &mut self.luma);
            average(&self.luma, &self.columns, &self.column_weights, out);
        }
        Ok(())
    }
}

/// Cuts `source` samples into `count` cells. The weights of each add up to 256.
fn cells(source: u32, count: u32) -> (Vec<Cell>, Vec<u16>) {
    let (source, count) = (u64::from(source.max(1)), u64::from(count));
    let mut weights = Vec::new();
    let cells = (0..count)
        .map(|index| {
            // Ends in units of 1/count of a sample, in which a cell is `source` long.
            let (start, end) = (index * source, (index + 1) * source);
            let (first, last) = (start / count, (end - 1) / count);
            let cell = Cell {
                first: first as usize,
                count: (last - first + 1) as usize,
                weights: weights.len(),
            };
            let until = |sample: u64| {
                let covered = (sample * count).clamp(start, end) - start;
                (covered * 512 + source) / (2 * source)
            };
            weights.extend((first..=last).map(|at| (until(at + 1) - until(at)) as u16));
            cell
        })
        .collect();
    (cells, weights)
}

/// A row's bytes, or their sums, as luma: 256 times 8 bits.
fn to_luma(format: Format, sums: &[u16], luma: &mut [u16]) {
    // Shares of bytes, in 1/256; those of 16-bit samples leave what 8 bits have.
    const RED: u32 = 77;
    const GREEN: u32 = 150;
    const BLUE: u32 = 29;
    match format {
        Format::Rgb => weigh::<3>(sums, [RED, GREEN, BLUE], luma),
        Format::Bgr => weigh::<3>(sums, [BLUE, GREEN, RED], luma),
        Format::Rgba | Format::Rgbx => weigh::<4>(sums, [RED, GREEN, BLUE, 0], luma),
        Format::Bgra | Format::Bgrx => weigh::<4>(sums, [BLUE, GREEN, RED, 0], luma),
        Format::Argb | Format::Xrgb => weigh::<4>(sums, [0, RED, GREEN, BLUE], luma),
        Format::Abgr | Format::Xbgr => weigh::<4>(sums, [0, BLUE, GREEN, RED], luma),
        Format::Gray16 if cfg!(target_endian = "big") => weigh::<2>(sums, [256, 0], luma),
        Format::Gray16 | Format::P010Le => weigh::<2>(sums, [0, 256], luma),
        Format::I42010Le => weigh::<2>(sums, [64, 64 * 256], luma),
        Format::Yuy2 => weigh::<2>(sums, [256, 0], luma),
        Format::Uyvy => weigh::<2>(sums, [0, 256], luma),
        Format::Gray8
        | Format::Nv12
        | Format::Nv21
        | Format::I420
        | Format::Yv12
        | Format::Y444 => luma.copy_from_slice(sums),
    }
}

wide! {
    /// A row of bytes, weighted, onto their sums.
    fn add_row(row: &[u8], weight: u16, sums: &mut [u16]) {
        for (sum, &byte) in sums.iter_mut().zip(row) {
            *sum = sum.wrapping_add(u16::from(byte) * weight);
        }
    }

    /// The weighted sum of each pixel's bytes, in 1/256.
    fn weigh<const STEP: usize>(sums: &[u16], shares: [u32; STEP], luma: &mut [u16]) {
        for (luma, pixel) in luma.iter_mut().zip(sums.as_chunks::<STEP>().0) {
            let mut sum = 128;
            for (&part, share) in pixel.iter().zip(shares) {
                sum += u32::from(part) * share;
            }
            *luma = (sum >> 8).min(0xffff) as u16;
        }
    }

    /// The mean of each cell's columns.
    fn average(luma: &[u16], cells: &[Cell], weights: &[u16], out: &mut [u8]) {
        for (out, cell) in out.iter_mut().zip(cells) {
            let samples = &luma[cell.first..][..cell.count];
            let weights = &weights[cell.weights..][..cell.count];
            let mut sum = 1 << 15;
            for (&sample, &weight) in samples.iter().zip(weights) {
                sum += u32::from(sample) * u32::from(weight);
            }
            *out = (sum >> 16) as u8;
        }
    }
}
