// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Two views of one picture, by its depth.

use super::anaglyph::Anaglyph;
use super::convert::interleave;
use super::error::check_length;
use super::warp::{Eye, SUBPIXEL, Warp};
use super::wide::wide;
use super::{FrameError, FrameMut, FrameRef, Layout, RgbConverter};
use crate::spec::Size;

/// How deep a stereo picture is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stereo {
    /// How much further apart the two eyes see the nearest than the farthest, in percent of the
    /// frame's width. Negative turns depth inside out. What is not finite counts as 0.
    pub divergence: f32,
    /// The nearness, 0…1, that lies on the screen; what is nearer is in front of it.
    pub convergence: f32,
    /// Columns by which near regions grow to both sides first, so that what is between them and
    /// the background in the map's blurred edge is background.
    pub edge_dilation: u32,
}

impl Default for Stereo {
    fn default() -> Self {
        Self {
            divergence: 2.0,
            convergence: 0.5,
            edge_dilation: 2,
        }
    }
}

/// Where the two views lie in one picture; the left eye's is left or on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StereoLayout {
    /// Twice the frame's width.
    SideBySide,
    /// The frame's size, each view at half its width.
    SideBySideHalf,
    /// Twice the frame's height.
    TopBottom,
}

impl StereoLayout {
    /// The size of the picture for frames of a size.
    pub const fn size(self, frame: Size) -> Size {
        let Size { height, width } = frame;
        match self {
            Self::SideBySide => Size::new(height, width * 2),
            Self::SideBySideHalf => frame,
            Self::TopBottom => Size::new(height * 2, width),
        }
    }
}

/// Renders frames of one layout for two eyes.
#[derive(Clone, Debug)]
pub struct StereoWriter {
    layout: Layout,
    convert: RgbConverter,
    warp: Warp,
    /// One row of the frame, its last pixel twice.
    row: Vec<u64>,
    view: Vec<u64>,
    anaglyph: Anaglyph,
}

impl StereoWriter {
    /// A writer for frames of `layout`.
    pub fn new(layout: &Layout) -> Self {
        let width = layout.size.width as usize;
        Self {
            layout: *layout,
            convert: RgbConverter::new(layout),
            warp: Warp::new(width),
            row: vec![0; width + 1],
            view: vec![0; width],
            anaglyph: Anaglyph::new(width),
        }
    }

    /// Writes both views into an RGB picture of [`StereoLayout::size`]; alpha is opaque.
    /// `nearness` is of the frame's size, row by row: 0 is farthest or unknown, 65535 nearest.
    ///
    /// # Errors
    /// Where the frame is not what this was built for, `out` is not RGB or of another size, or
    /// `nearness` has another length.
    pub fn write(
        &mut self,
        frame: &FrameRef<'_>,
        nearness: &[u16],
        how: &Stereo,
        layout: StereoLayout,
        out: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        let Size { height, width } = self.layout.size;
        let target = *out.layout();
        self.check(frame, nearness, &target, layout.size(self.layout.size))?;
        let bytes = target.format.row_bytes(0, 1);
        self.warp.start(how);
        let rows = nearness.chunks_exact(width as usize).enumerate();
        for (row, nearness) in rows {
            self.convert.row(frame, row);
            to_lanes(self.convert.ordered(target.format), &mut self.row);
            self.warp.row(nearness);
            for eye in [Eye::Left, Eye::Right] {
                sample(&self.row, self.warp.sources(eye), &mut self.view);
                let below = layout == StereoLayout::TopBottom && eye == Eye::Right;
                let row = if below { row + height as usize } else { row };
                let pixels = out.row_mut(0, row);
                let pixels = match layout {
                    StereoLayout::TopBottom => pixels,
                    _ => {
                        // An odd half's middle column is the left eye's.
                        let middle = target.size.width.div_ceil(2) as usize * bytes;
                        let (left, right) = pixels.split_at_mut(middle);
                        if eye == Eye::Left { left } else { right }
                    }
                };
                if layout == StereoLayout::SideBySideHalf {
                    halve(&mut self.view);
                }
                match bytes {
                    3 => to_pixels::<3>(&self.view, pixels),
                    _ => to_pixels::<4>(&self.view, pixels),
                }
            }
        }
        Ok(())
    }

    /// Writes both views into one RGB picture of the frame's size, for red-cyan glasses.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_anaglyph(
        &mut self,
        frame: &FrameRef<'_>,
        nearness: &[u16],
        how: &Stereo,
        out: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        let target = *out.layout();
        self.check(frame, nearness, &target, self.layout.size)?;
        self.warp.start(how);
        let width = self.layout.size.width as usize;
        let rows = nearness.chunks_exact(width).zip(out.rows(0)).enumerate();
        for (row, (nearness, pixels)) in rows {
            let [red, green, blue] = self.convert.row(frame, row);
            to_lanes([red, green, blue, red], &mut self.row);
            self.warp.row(nearness);
            for eye in [Eye::Left, Eye::Right] {
                sample(&self.row, self.warp.sources(eye), &mut self.view);
                self.anaglyph.view(eye, &self.view);
            }
            self.anaglyph.mix(self.convert.row_mut());
            interleave(self.convert.ordered(target.format), pixels);
        }
        Ok(())
    }

    fn check(
        &self,
        frame: &FrameRef<'_>,
        nearness: &[u16],
        out: &Layout,
        size: Size,
    ) -> Result<(), FrameError> {
        self.convert.check(frame, out, size)?;
        check_length("the nearness", self.layout.size.area(), nearness.len())
    }
}

/// The lowest byte of each of a pixel's four lanes.
const LANES: u64 = 0x00ff_00ff_00ff_00ff;
/// One in each lane.
const ONES: u64 = 0x0001_0001_0001_0001;

/// The bytes of a pixel from its lanes.
pub(super) const fn lanes(pixel: u64) -> [u8; 4] {
    let [a, _, b, _, c, _, d, _] = pixel.to_le_bytes();
    [a, b, c, d]
}

/// Pairs of columns into their means, at the front of the view.
fn halve(view: &mut [u64]) {
    let last = view.len() - 1;
    for at in 0..view.len().div_ceil(2) {
        let (first, second) = (view[2 * at], view[(2 * at + 1).min(last)]);
        view[at] = ((first + second + ONES) >> 1) & LANES;
    }
}

wide! {
    /// Rows of single bytes into pixels of four 16-bit lanes. The last pixel comes twice.
    fn to_lanes(parts: [&[u8]; 4], row: &mut [u64]) {
        let [a, b, c, d] = parts;
        for ((((pixel, &a), &b), &c), &d) in row.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *pixel = u64::from(a) | u64::from(b) << 16 | u64::from(c) << 32 | u64::from(d) << 48;
        }
        if let [.., before, last] = row {
            *last = *before;
        }
    }

    fn to_pixels<const STEP: usize>(view: &[u64], pixels: &mut [u8]) {
        for (pixel, &value) in pixels.as_chunks_mut::<STEP>().0.iter_mut().zip(view) {
            pixel.copy_from_slice(&lanes(value)[..STEP]);
        }
    }
}

/// The row at every source column, interpolated.
fn sample(row: &[u64], sources: &[i32], view: &mut [u64]) {
    for (pixel, &source) in view.iter_mut().zip(sources) {
        let at = (source >> SUBPIXEL) as usize;
        let share = (source & ((1 << SUBPIXEL) - 1)) as u64;
        let mixed = row[at] * (256 - share) + row[at + 1] * share;
        *pixel = ((mixed + 128 * ONES) >> SUBPIXEL) & LANES;
    }
}
