// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Maps into pictures: as a map of its own, or blended over the picture it belongs to.

use super::color::rgb_to_yuv;
use super::error::check_length;
use super::format::Family;
use super::upsample::{Grid, Samples};
use super::wide::wide;
use super::{Fit, Format, FrameError, FrameMut, Layout, Lut};
use crate::spec::Size;

/// A map at the size of the network's output, row by row.
#[derive(Clone, Copy, Debug)]
pub enum Map<'a> {
    /// 16-bit codes, as `quantize` writes them.
    Depth(&'a [u16]),
    /// 16-bit codes of which 0 is invalid; what is invalid does not mix with its neighbours.
    DepthWithHoles(&'a [u16]),
    /// Class indices.
    Labels(&'a [u8]),
}

impl Map<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Depth(codes) | Self::DepthWithHoles(codes) => codes.len(),
            Self::Labels(labels) => labels.len(),
        }
    }
}

/// Draws maps of one size into pictures of one layout.
#[derive(Clone, Debug)]
pub struct MapWriter {
    layout: Layout,
    map: Size,
    /// Where luma, or a whole pixel, is sampled.
    full: Grid,
    /// Where chroma is sampled, if it has samples of its own.
    chroma: Option<Grid>,
    /// The map's indices into the colours, at a grid's width.
    indices: Vec<u8>,
    /// One row of a plane, in the map's colours.
    colors: Vec<u16>,
}

impl MapWriter {
    /// A writer for maps of size `map` of frames that `fit` describes. `layout` is that of the
    /// picture to write, whose size is the frame's.
    ///
    /// # Errors
    /// Where the picture's size is not the frame's, or the map is empty.
    pub fn new(map: Size, fit: &Fit, layout: &Layout) -> Result<Self, FrameError> {
        layout.expect_size(fit.frame)?;
        if map.area() == 0 {
            return Err(FrameError::Size(map));
        }
        let Layout {
            format, size, site, ..
        } = *layout;
        let grid = |samples: Size, (sub_x, sub_y): (u32, u32)| {
            let axis = |count: u32, picture: u32, sub: u32, cosited: bool| {
                let step = f64::from(1 << sub);
                let first = if cosited { 0.5 } else { step / 2.0 };
                Samples {
                    count: count as usize,
                    first,
                    step,
                    picture: f64::from(picture),
                }
            };
            Grid::new(
                map,
                fit,
                axis(samples.width, size.width, sub_x, site.h_cosited),
                axis(samples.height, size.height, sub_y, site.v_cosited),
            )
        };
        let samples = (0..format.planes()).map(|plane| format.row_samples(plane, size.width));
        Ok(Self {
            layout: *layout,
            map,
            full: grid(size, (0, 0)),
            chroma: has_chroma_grid(format)
                .then(|| grid(format.chroma_size(size), format.subsampling())),
            indices: vec![0; size.width as usize],
            colors: vec![0; samples.max().unwrap_or(0)],
        })
    }

    /// Writes the map itself. GRAY8 and GRAY16 hold the codes or the class indices; RGB formats
    /// hold the colours of `lut`, opaque.
    ///
    /// # Errors
    /// Where the picture or the map is not what this was built for, or the format is YUV.
    pub fn write(
        &mut self,
        map: Map<'_>,
        lut: &Lut,
        out: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        self.check(&map, out)?;
        let format = self.layout.format;
        self.full.start();
        match format.family() {
            Family::Yuv => {
                return Err(FrameError::Format {
                    format,
                    what: "a map",
                });
            }
            Family::Gray if format.sample_bytes() == 2 => {
                for (row, samples) in out.rows(0).enumerate() {
                    code_row(&mut self.full, map, row, samples);
                }
            }
            Family::Gray => {
                for (row, samples) in out.rows(0).enumerate() {
                    index_row(&mut self.full, map, row, samples);
                }
            }
            Family::Rgb => {
                let pass = Pass::new(format, 0, false, &codes(&self.layout, lut));
                let colors = pass.colors.map(|color| color.map(|sample| sample as u8));
                for (row, pixels) in out.rows(0).enumerate() {
                    index_row(&mut self.full, map, row, &mut self.indices);
                    match pass.step {
                        3 => paint::<3, _>(&self.indices, &colors, pixels),
                        _ => paint::<4, _>(&self.indices, &colors, pixels),
                    }
                }
            }
        }
        Ok(())
    }

    /// Blends the map's colours over the picture, in the picture's own colour space. `alpha` is the
    /// colours' share, 0…1, in steps of 1/256. Alpha channels stay as they are.
    ///
    /// # Errors
    /// Where the picture or the map is not what this was built for.
    pub fn blend(
        &mut self,
        map: Map<'_>,
        lut: &Lut,
        alpha: f32,
        frame: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        self.check(&map, frame)?;
        let Layout { format, size, .. } = self.layout;
        let alpha = (alpha.clamp(0.0, 1.0) * 256.0).round() as u16;
        let kept = alpha_offset(format);
        let alphas = std::array::from_fn(|at| if Some(at % 4) == kept { 0 } else { alpha });
        let codes = codes(&self.layout, lut);
        for plane in 0..format.planes() {
            self.full.start();
            self.chroma.iter_mut().for_each(Grid::start);
            let chroma = holds_chroma(format, plane)
                .then(|| Pass::new(format, plane, true, &codes))
                .zip(self.chroma.as_mut());
            let full = holds_full(format, plane)
                .then(|| (Pass::new(format, plane, false, &codes), &mut self.full));
            let mut passes = [chroma, full];
            let colors = &mut self.colors[..format.row_samples(plane, size.width)];
            for (row, samples) in frame.rows(plane).enumerate() {
                for (pass, grid) in passes.iter_mut().flatten() {
                    let indices = &mut self.indices[..grid.width()];
                    index_row(grid, map, row, indices);
                    pass.paint(indices, colors);
                }
                if format.sample_bytes() == 2 {
                    blend16(samples, colors, u32::from(alpha), format);
                } else {
                    blend8(samples, colors, &alphas);
                }
            }
        }
        Ok(())
    }

    fn check(&self, map: &Map<'_>, picture: &FrameMut<'_>) -> Result<(), FrameError> {
        self.layout.expect(picture.layout())?;
        check_length("the map", self.map.area(), map.len())
    }
}

/// Whether chroma is sampled elsewhere than luma.
fn has_chroma_grid(format: Format) -> bool {
    format.subsampling() != (0, 0)
}

/// Whether `plane` has samples on the chroma grid.
fn holds_chroma(format: Format, plane: usize) -> bool {
    has_chroma_grid(format)
        && format.components()[1..]
            .iter()
            .any(|part| part.plane == plane)
}

/// Whether `plane` has samples on the full grid.
fn holds_full(format: Format, plane: usize) -> bool {
    plane == 0 || !has_chroma_grid(format)
}

/// The byte of a four-byte RGB pixel that holds no colour.
fn alpha_offset(format: Format) -> Option<usize> {
    let parts = format.components();
    let four = format.is_rgb() && parts[0].step == 4;
    four.then(|| 6 - parts.iter().map(|part| part.offset).sum::<usize>())
}

/// The colours as the components that a layout has.
fn codes(layout: &Layout, lut: &Lut) -> [[u16; 3]; 256] {
    let Layout {
        format,
        matrix,
        range,
        ..
    } = *layout;
    lut.0.map(|color| match format.family() {
        Family::Rgb => color.map(u16::from),
        Family::Yuv => rgb_to_yuv(color, matrix, range, format.depth()),
        Family::Gray => [rgb_to_yuv(color, matrix, range, format.depth())[0]; 3],
    })
}

/// How the components of a plane that share a grid are painted.
struct Pass {
    /// The samples of one group of `step`, for every index.
    colors: [[u16; 4]; 256],
    step: usize,
    /// The one sample of the group that is painted, else all.
    only: Option<usize>,
}

impl Pass {
    fn new(format: Format, plane: usize, chroma: bool, codes: &[[u16; 3]; 256]) -> Self {
        let parts = format.components();
        let on_grid = |index: usize| !has_chroma_grid(format) || (index > 0) == chroma;
        let mut pass = Self {
            colors: [[255; 4]; 256],
            step: 1,
            only: None,
        };
        for (index, part) in parts.iter().enumerate() {
            if part.plane == plane && on_grid(index) {
                pass.step = part.step;
                for (color, code) in pass.colors.iter_mut().zip(codes) {
                    color[part.offset] = code[index];
                }
            }
        }
        if pass.step == 2 && !chroma {
            pass.only = Some(parts[0].offset);
        }
        pass
    }

    fn paint(&self, indices: &[u8], out: &mut [u16]) {
        match (self.only, self.step) {
            (Some(offset), _) => {
                for (group, &index) in out.as_chunks_mut::<2>().0.iter_mut().zip(indices) {
                    group[offset] = self.colors[usize::from(index)][offset];
                }
            }
            (None, 1) => paint::<1, _>(indices, &self.colors, out),
            (None, 2) => paint::<2, _>(indices, &self.colors, out),
            (None, 3) => paint::<3, _>(indices, &self.colors, out),
            (None, _) => paint::<4, _>(indices, &self.colors, out),
        }
    }
}

fn paint<const STEP: usize, T: Copy>(indices: &[u8], colors: &[[T; 4]; 256], out: &mut [T]) {
    for (group, &index) in out.as_chunks_mut::<STEP>().0.iter_mut().zip(indices) {
        let color = &colors[usize::from(index)];
        *group = std::array::from_fn(|offset| color[offset]);
    }
}

/// One row of a grid as indices into the colours.
fn index_row(grid: &mut Grid, map: Map<'_>, row: usize, indices: &mut [u8]) {
    match map {
        Map::Depth(codes) => codes_to_bytes(grid.depth_row::<false>(codes, row), indices),
        Map::DepthWithHoles(codes) => codes_to_bytes(grid.depth_row::<true>(codes, row), indices),
        Map::Labels(labels) => indices.copy_from_slice(grid.label_row(labels, row)),
    }
}

/// One row of a grid as 16-bit samples.
fn code_row(grid: &mut Grid, map: Map<'_>, row: usize, samples: &mut [u8]) {
    let samples = samples.as_chunks_mut::<2>().0.iter_mut();
    let codes = match map {
        Map::Depth(codes) => grid.depth_row::<false>(codes, row),
        Map::DepthWithHoles(codes) => grid.depth_row::<true>(codes, row),
        Map::Labels(labels) => {
            for (sample, &label) in samples.zip(grid.label_row(labels, row)) {
                *sample = u16::from(label).to_ne_bytes();
            }
            return;
        }
    };
    for (sample, code) in samples.zip(codes) {
        *sample = code.to_ne_bytes();
    }
}

/// Samples that [`blend8`] works on at a time: a multiple of four.
const PERIOD: usize = 32;

#[inline(always)]
fn mix8(sample: u8, color: u16, alpha: u16) -> u8 {
    ((u16::from(sample) * (256 - alpha) + color * alpha + 128) >> 8) as u8
}

wide! {
    /// 0…65535 to 0…255, rounded.
    fn codes_to_bytes(codes: &[u16], bytes: &mut [u8]) {
        for (byte, &code) in bytes.iter_mut().zip(codes) {
            // Exact: the nearest of code / 257.
            *byte = ((u32::from(code) * 255 + 32_895) >> 16) as u8;
        }
    }

    /// `alphas` holds the colours' share for each sample of a period.
    fn blend8(samples: &mut [u8], colors: &[u16], alphas: &[u16; PERIOD]) {
        let (groups, rest) = samples.as_chunks_mut::<PERIOD>();
        let (color_groups, color_rest) = colors.as_chunks::<PERIOD>();
        for (samples, colors) in groups.iter_mut().zip(color_groups) {
            for ((sample, &color), &alpha) in samples.iter_mut().zip(colors).zip(alphas) {
                *sample = mix8(*sample, color, alpha);
            }
        }
        for ((sample, &color), &alpha) in rest.iter_mut().zip(color_rest).zip(alphas) {
            *sample = mix8(*sample, color, alpha);
        }
    }

    fn blend16(samples: &mut [u8], colors: &[u16], alpha: u32, format: Format) {
        let shift = format.shift();
        let mask = ((1u32 << format.depth()) - 1) as u16;
        let big_endian = format.is_big_endian();
        for (sample, &color) in samples.as_chunks_mut::<2>().0.iter_mut().zip(colors) {
            let code = if big_endian { u16::from_be_bytes(*sample) } else { u16::from_le_bytes(*sample) };
            let code = u32::from((code >> shift) & mask);
            let mixed = (code * (256 - alpha) + u32::from(color) * alpha + 128) >> 8;
            let code = (mixed as u16) << shift;
            *sample = if big_endian { code.to_be_bytes() } else { code.to_le_bytes() };
        }
    }
}
