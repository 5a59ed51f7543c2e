// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Frames into network pictures. The samples are resized in the frame's own format and turned into
//! RGB at network size.

use super::color::{ToRgb, code_bounds, luma_to_gray, narrow, yuv_to_rgb};
use super::convert::interleave3;
use super::error::check_length;
use super::format::{Component, Family};
use super::geometry::Span;
use super::resample::{Axis, padded, resample_line, resample_rows};
use super::wide::wide;
use super::{Fit, Format, FrameError, FrameRef, Layout, Rect};
use crate::spec::{Interpolation, Size};

/// Turns frames of one layout into RGB pictures of the network's size.
#[derive(Clone, Debug)]
pub struct Preprocessor {
    layout: Layout,
    network: Size,
    content: Rect,
    border: [u8; 3],
    convert: ToRgb,
    channels: Vec<Channel>,
    /// One row of one channel at frame size.
    line: Vec<i16>,
    /// One row of every channel at network size.
    rows: [Vec<i16>; 3],
    /// The same as red, green and blue.
    rgb: [Vec<u8>; 3],
}

/// One component on its way to another size.
#[derive(Clone, Debug)]
pub(super) struct Channel {
    component: Component,
    columns: Axis,
    rows: Axis,
    /// What values are clipped to, as a converter to RGB at frame size would do.
    bounds: (i16, i16),
    /// Source rows that any destination row needs.
    used: Vec<bool>,
    /// The component at the new width and frame height.
    lines: Vec<i16>,
    /// Samples from a row of `lines` to the next.
    stride: usize,
}

/// Bits that samples are resized with.
pub(super) const fn working_depth(format: Format) -> u32 {
    if format.depth() > 15 {
        15
    } else {
        format.depth()
    }
}

impl Preprocessor {
    /// A preprocessor for frames of `layout`. Borders of a letterbox are mid gray.
    pub fn new(layout: &Layout, fit: &Fit, interpolation: Interpolation) -> Self {
        let Layout {
            format,
            size,
            matrix,
            range,
            ..
        } = *layout;
        let depth = working_depth(format);
        let mirrored = fit.mirrored();
        let content = match mirrored {
            None => fit.content,
            Some(_) => Rect {
                x: 0,
                y: 0,
                width: fit.network.width,
                height: fit.network.height,
            },
        };
        let width = content.width as usize;
        let whole = (
            Span::of(f64::from(size.width)),
            Span::of(f64::from(size.height)),
        );
        let spans = mirrored.unwrap_or(whole);
        let shown = Size::new(content.height, content.width);
        let channel = |index| Channel::new(layout, index, spans, fit.halfway, shown, interpolation);
        let channels: Vec<_> = (0..if format.is_gray() { 1 } else { 3 })
            .map(channel)
            .collect();
        let line = channels.iter().map(Channel::line_length).max();
        Self {
            layout: *layout,
            network: fit.network,
            content,
            border: [128; 3],
            convert: ToRgb::new(matrix, range, depth),
            channels,
            line: vec![0; line.unwrap_or(0).max(size.width as usize)],
            rows: std::array::from_fn(|_| vec![0; padded(width)]),
            rgb: std::array::from_fn(|_| vec![0; width]),
        }
    }

    /// Sets the colour of a letterbox's borders: the model's mean colour makes them zero after
    /// normalisation.
    pub fn with_border(mut self, rgb: [u8; 3]) -> Self {
        self.border = rgb;
        self
    }

    /// Bytes of the picture: 3 · height · width of the network.
    pub fn output_bytes(&self) -> usize {
        self.network.area() * 3
    }

    /// Writes the network's picture, RGB in 8 bits, `[H, W, 3]`, into `out`.
    ///
    /// # Errors
    /// Where the frame's layout or the length of `out` is not what this was built for.
    pub fn run(&mut self, frame: &FrameRef<'_>, out: &mut [u8]) -> Result<(), FrameError> {
        self.layout.expect(frame.layout())?;
        check_length("the network's picture", self.output_bytes(), out.len())?;
        for channel in &mut self.channels {
            channel.resample_columns(frame, &mut self.line);
        }

        let Rect {
            x,
            y,
            width,
            height,
        } = self.content;
        let (x, y, width, height) = (x as usize, y as usize, width as usize, height as usize);
        let stride = self.network.width as usize * 3;
        fill(&mut out[..y * stride], self.border);
        fill(&mut out[(y + height) * stride..], self.border);
        for (row, out) in out[y * stride..]
            .chunks_exact_mut(stride)
            .take(height)
            .enumerate()
        {
            for (channel, samples) in self.channels.iter().zip(&mut self.rows) {
                channel.resample_rows(row, samples);
            }
            self.convert_rows();
            fill(&mut out[..x * 3], self.border);
            fill(&mut out[(x + width) * 3..], self.border);
            let [reds, greens, blues] = &self.rgb;
            interleave3([reds, greens, blues], &mut out[x * 3..(x + width) * 3]);
        }
        Ok(())
    }

    /// `rows` into `rgb`.
    fn convert_rows(&mut self) {
        let [first, second, third] = &self.rows;
        match self.layout.format.family() {
            Family::Yuv => {
                let rgb = self.rgb.each_mut().map(Vec::as_mut_slice);
                yuv_to_rgb(&self.convert, [first, second, third], rgb);
            }
            Family::Rgb => {
                for (samples, bytes) in self.rows.iter().zip(&mut self.rgb) {
                    narrow(samples, bytes);
                }
            }
            Family::Gray => {
                for bytes in &mut self.rgb {
                    luma_to_gray(&self.convert, first, bytes);
                }
            }
        }
    }
}

impl Channel {
    /// Component `index` of frames of `layout`: the columns and rows of `spans`, in pixels of the
    /// frame, to `size`, by way of `halfway` where there is such a size.
    pub(super) fn new(
        layout: &Layout,
        index: usize,
        spans: (Span, Span),
        halfway: Option<Size>,
        size: Size,
        interpolation: Interpolation,
    ) -> Self {
        let Layout {
            format,
            range,
            site,
            ..
        } = *layout;
        let depth = working_depth(format);
        let chroma = index > 0 && format.is_yuv();
        let (sub_x, sub_y) = if chroma { format.subsampling() } else { (0, 0) };
        let samples = if chroma {
            format.chroma_size(layout.size)
        } else {
            layout.size
        };
        let axis = |source: u32, span: Span, halfway: Option<u32>, destination: u32| {
            Axis::new(
                source as usize,
                span,
                halfway.map(|side| side as usize),
                destination as usize,
                depth,
                interpolation,
            )
        };
        // A sample in the column of the first luma sample lies a quarter of its width to the
        // left of one between two columns: so the picture starts that much to the right.
        let shift = |sub: u32, cosited: bool| if sub > 0 && cosited { 0.25 } else { 0.0 };
        let (across, down) = spans;
        let columns = axis(
            samples.width,
            across.subsampled(sub_x, shift(sub_x, site.h_cosited)),
            halfway.map(|size| size.width),
            size.width,
        );
        let rows = axis(
            samples.height,
            down.subsampled(sub_y, shift(sub_y, site.v_cosited)),
            halfway.map(|size| size.height),
            size.height,
        );
        let stride = padded(size.width as usize);
        Self {
            component: format.components()[index],
            bounds: code_bounds(format, range, depth, chroma),
            used: rows.used(samples.height as usize),
            columns,
            rows,
            lines: vec![0; samples.height as usize * stride],
            stride,
        }
    }

    /// Samples that [`Self::resample_columns`] needs room for.
    pub(super) fn line_length(&self) -> usize {
        self.columns.line_length()
    }

    /// Every needed row to the new width.
    pub(super) fn resample_columns(&mut self, frame: &FrameRef<'_>, line: &mut [i16]) {
        let rows = self
            .lines
            .chunks_exact_mut(self.stride)
            .zip(&self.used)
            .enumerate();
        for (row, (out, _)) in rows.filter(|(_, (_, used))| **used) {
            let samples = frame.row(self.component.plane, row);
            read_row(frame.layout().format, self.component, samples, line);
            resample_line(line, &self.columns, self.bounds, out);
        }
    }

    /// One row at the new size. `samples` has room for whole groups.
    pub(super) fn resample_rows(&self, row: usize, samples: &mut [i16]) {
        resample_rows(
            &self.lines,
            self.stride,
            &self.rows,
            row,
            self.bounds,
            samples,
        );
    }
}

fn fill(pixels: &mut [u8], rgb: [u8; 3]) {
    pixels.as_chunks_mut::<3>().0.fill(rgb);
}

/// One component of a row of `format` into a line of at most 15-bit samples. What is behind its
/// end in `line` stays.
pub(super) fn read_row(format: Format, component: Component, row: &[u8], line: &mut [i16]) {
    let Component { offset, step, .. } = component;
    if format.sample_bytes() == 2 {
        // Full 16-bit samples lose their lowest bit, others whatever lies above their highest.
        let mask = (1 << working_depth(format)) - 1;
        let shift = if format.depth() == 16 {
            1
        } else {
            format.shift()
        };
        let big_endian = format.is_big_endian();
        return match (step, offset) {
            (1, _) => read16::<1>(row, 0, shift, mask, big_endian, line),
            _ => read16::<2>(row, offset, shift, mask, big_endian, line),
        };
    }
    match (step, offset) {
        (1, _) => read8::<1>(row, 0, line),
        (2, 0) => read8::<2>(row, 0, line),
        (2, _) => read8::<2>(row, 1, line),
        (3, 0) => read8::<3>(row, 0, line),
        (3, 1) => read8::<3>(row, 1, line),
        (3, _) => read8::<3>(row, 2, line),
        (_, 0) => read8::<4>(row, 0, line),
        (_, 1) => read8::<4>(row, 1, line),
        (_, 2) => read8::<4>(row, 2, line),
        (_, _) => read8::<4>(row, 3, line),
    }
}

wide! {
    fn read8<const STEP: usize>(row: &[u8], offset: usize, line: &mut [i16]) {
        for (sample, pixel) in line.iter_mut().zip(row.as_chunks::<STEP>().0) {
            *sample = i16::from(pixel[offset]);
        }
    }

    fn read16<const STEP: usize>(
        row: &[u8],
        offset: usize,
        shift: u32,
        mask: u16,
        big_endian: bool,
        line: &mut [i16],
    ) {
        let samples = row.as_chunks::<2>().0;
        for (sample, pixel) in line.iter_mut().zip(samples.as_chunks::<STEP>().0) {
            let bytes = pixel[offset];
            let value = if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) };
            *sample = ((value >> shift) & mask) as i16;
        }
    }
}
