// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Pictures of any format into RGB formats at their own size.

use super::color::{ToRgb, luma_to_gray, narrow, yuv_to_rgb};
use super::format::{Component, Family};
use super::input::{read_row, working_depth};
use super::wide::wide;
use super::{Format, FrameError, FrameMut, FrameRef, Layout, Rect};
use crate::spec::Size;

/// Turns frames of one layout into RGB pictures of the same size. Chroma is interpolated linearly
/// at its site.
#[derive(Clone, Debug)]
pub struct RgbConverter {
    layout: Layout,
    convert: ToRgb,
    /// One row of each component at the frame's width.
    rows: [Vec<i16>; 3],
    rgb: [Vec<u8>; 3],
    opaque: Vec<u8>,
    /// The two nearest rows of a chroma component.
    chroma: [Vec<i16>; 2],
    /// Their mean at the picture's row, with its first and last sample once more around it.
    mixed: Vec<i16>,
}

impl RgbConverter {
    /// A converter for frames of `layout`.
    pub fn new(layout: &Layout) -> Self {
        let format = layout.format;
        let width = layout.size.width as usize;
        let chroma_width = format.chroma_size(layout.size).width as usize;
        Self {
            layout: *layout,
            convert: ToRgb::new(layout.matrix, layout.range, working_depth(format)),
            // Chroma pairs may reach one column beyond the picture.
            rows: std::array::from_fn(|_| vec![0; width.next_multiple_of(2)]),
            rgb: std::array::from_fn(|_| vec![0; width]),
            opaque: vec![255; width],
            chroma: std::array::from_fn(|_| vec![0; chroma_width]),
            mixed: vec![0; chroma_width + 2],
        }
    }

    /// Writes `frame` as an RGB picture; alpha is opaque.
    ///
    /// # Errors
    /// Where the frame is not what this was built for, the sizes differ, or `out` is not RGB.
    pub fn run(&mut self, frame: &FrameRef<'_>, out: &mut FrameMut<'_>) -> Result<(), FrameError> {
        let target = *out.layout();
        self.check(frame, &target, self.layout.size)?;
        for (row, pixels) in out.rows(0).enumerate() {
            self.row(frame, row);
            interleave(self.ordered(target.format), pixels);
        }
        Ok(())
    }

    /// Writes `frame` as the left half of `out`; the right half, to be drawn on.
    ///
    /// # Errors
    /// As [`Self::run`], and where `out` is less than twice as wide as the frame.
    pub fn run_beside<'o>(
        &mut self,
        frame: &FrameRef<'_>,
        out: &'o mut FrameMut<'_>,
    ) -> Result<FrameMut<'o>, FrameError> {
        let Size { height, width } = self.layout.size;
        let half = |x| Rect {
            x,
            y: 0,
            width,
            height,
        };
        self.run(frame, &mut out.crop(half(0))?)?;
        out.crop(half(width))
    }

    /// `Ok` where the frame is what this was built for and `out` an RGB picture of `size`.
    pub(super) fn check(
        &self,
        frame: &FrameRef<'_>,
        out: &Layout,
        size: Size,
    ) -> Result<(), FrameError> {
        self.layout.expect(frame.layout())?;
        let format = out.format;
        if !format.is_rgb() {
            return Err(FrameError::Format {
                format,
                what: "an RGB picture",
            });
        }
        Layout { size, ..*out }.expect(out)
    }

    /// The last row's bytes in the order of `format`'s memory; what is no colour is opaque alpha.
    pub(super) fn ordered(&self, format: Format) -> [&[u8]; 4] {
        let mut bytes = [self.opaque.as_slice(); 4];
        for (part, color) in format.components().iter().zip(&self.rgb) {
            bytes[part.offset] = color;
        }
        bytes
    }

    /// One row of the frame as red, green and blue.
    pub(super) fn row(&mut self, frame: &FrameRef<'_>, row: usize) -> [&[u8]; 3] {
        self.convert_row(frame, row);
        self.rgb.each_ref().map(Vec::as_slice)
    }

    /// The last row, to change before it is [`Self::ordered`].
    pub(super) fn row_mut(&mut self) -> [&mut [u8]; 3] {
        self.rgb.each_mut().map(Vec::as_mut_slice)
    }

    /// One row of the frame into `self.rgb`.
    fn convert_row(&mut self, frame: &FrameRef<'_>, row: usize) {
        let format = self.layout.format;
        let parts = format.components();
        let full = |part: Component, line: &mut [i16]| {
            read_row(format, part, frame.row(part.plane, row), line);
        };
        match format.family() {
            Family::Gray => {
                full(parts[0], &mut self.rows[0]);
                for bytes in &mut self.rgb {
                    luma_to_gray(&self.convert, &self.rows[0], bytes);
                }
            }
            Family::Rgb => {
                for ((part, line), bytes) in
                    parts.into_iter().zip(&mut self.rows).zip(&mut self.rgb)
                {
                    full(part, line);
                    narrow(line, bytes);
                }
            }
            Family::Yuv => {
                full(parts[0], &mut self.rows[0]);
                if format.subsampling() == (0, 0) {
                    full(parts[1], &mut self.rows[1]);
                    full(parts[2], &mut self.rows[2]);
                } else {
                    self.chroma_row(frame, row, 1);
                    self.chroma_row(frame, row, 2);
                }
                let rows = self.rows.each_ref().map(Vec::as_slice);
                yuv_to_rgb(
                    &self.convert,
                    rows,
                    self.rgb.each_mut().map(Vec::as_mut_slice),
                );
            }
        }
    }

    /// One row of chroma component `index` at the frame's width, into `self.rows`.
    fn chroma_row(&mut self, frame: &FrameRef<'_>, row: usize, index: usize) {
        let Layout {
            format, size, site, ..
        } = self.layout;
        let part = format.components()[index];
        let (near, far, quarters) = if format.subsampling().1 == 0 {
            (row, row, 0)
        } else {
            let last = format.chroma_size(size).height as usize - 1;
            let near = row / 2;
            let (far, quarters) = match (row % 2, site.v_cosited) {
                (0, true) => (near, 0),
                (_, true) => (near + 1, 2),
                (0, false) => (near.saturating_sub(1), 1),
                (_, false) => (near + 1, 1),
            };
            (near, far.min(last), quarters)
        };
        let [first, second] = &mut self.chroma;
        read_row(format, part, frame.row(part.plane, near), first);
        read_row(format, part, frame.row(part.plane, far), second);
        let count = first.len();
        mix_quarters(first, second, quarters, &mut self.mixed[1..=count]);
        self.mixed[0] = self.mixed[1];
        self.mixed[count + 1] = self.mixed[count];
        double(&self.mixed, site.h_cosited, &mut self.rows[index]);
    }
}

/// Rows of single bytes, in memory order, into pixels of three or four.
pub(super) fn interleave(parts: [&[u8]; 4], pixels: &mut [u8]) {
    let [first, second, third, _] = parts;
    if pixels.len() < 4 * first.len() {
        interleave3([first, second, third], pixels);
    } else {
        interleave4(parts, pixels);
    }
}

wide! {
    fn mix_quarters(near: &[i16], far: &[i16], quarters: i16, out: &mut [i16]) {
        for ((out, &near), &far) in out.iter_mut().zip(near).zip(far) {
            let sum = i32::from(near) * i32::from(4 - quarters) + i32::from(far) * i32::from(quarters);
            *out = ((sum + 2) >> 2) as i16;
        }
    }

    /// Twice the samples: `samples` has one more at each end.
    fn double(samples: &[i16], cosited: bool, out: &mut [i16]) {
        let (left, centre, right) = (samples, &samples[1..], &samples[2..]);
        let triples = left.iter().zip(centre).zip(right);
        if cosited {
            for (pair, ((_, &here), &after)) in out.as_chunks_mut::<2>().0.iter_mut().zip(triples) {
                *pair = [here, (here + after + 1) >> 1];
            }
        } else {
            for (pair, ((&before, &here), &after)) in
                out.as_chunks_mut::<2>().0.iter_mut().zip(triples)
            {
                *pair = [(3 * here + before + 2) >> 2, (3 * here + after + 2) >> 2];
            }
        }
    }

    /// Rows of single bytes, in memory order, into pixels of three.
    fn interleave3(parts: [&[u8]; 3], pixels: &mut [u8]) {
        let [first, second, third] = parts;
        let columns = pixels.as_chunks_mut::<3>().0.iter_mut().zip(first).zip(second).zip(third);
        for (((pixel, &first), &second), &third) in columns {
            *pixel = [first, second, third];
        }
    }

    /// Rows of single bytes, in memory order, into pixels of four.
    fn interleave4(parts: [&[u8]; 4], pixels: &mut [u8]) {
        let [first, second, third, fourth] = parts;
        let columns =
            pixels.as_chunks_mut::<4>().0.iter_mut().zip(first).zip(second).zip(third).zip(fourth);
        for ((((pixel, &first), &second), &third), &fourth) in columns {
            *pixel = [first, second, third, fourth];
        }
    }
}
