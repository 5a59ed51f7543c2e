// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Maps into pictures: as a map of its own, or blended over the picture it belongs to.

use super::error::check_length;
use super::format::Family;
use super::labels::{Borders, NO_CLASS};
use super::paint::{OUTLINES, Palette, blend, has_chroma_grid, holds_chroma, holds_full};
use super::upsample::{Grid, Samples};
use super::wide::wide;
use super::{Fit, FrameError, FrameMut, LabelStyle, Layout, Lut};
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
    fit: Fit,
    style: LabelStyle,
    /// Where luma, or a whole pixel, is sampled.
    full: Sampling,
    /// Where chroma is sampled, if it has samples of its own.
    chroma: Option<Sampling>,
    /// One row of a plane, in the map's colours.
    colors: Vec<u16>,
    /// The colours' shares of 256 in that row.
    shares: Vec<u16>,
}

/// The samples of a picture that share a grid.
#[derive(Clone, Debug)]
struct Sampling {
    columns: Samples,
    rows: Samples,
    grid: Grid,
    borders: Option<Borders>,
    /// The map's indices into the colours.
    indices: Vec<u8>,
    /// Those into the colours of labels and, behind them, of their outlines.
    outlined: Vec<u16>,
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
        let sampling = |samples: Size, (sub_x, sub_y): (u32, u32)| {
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
            let columns = axis(samples.width, size.width, sub_x, site.h_cosited);
            let rows = axis(samples.height, size.height, sub_y, site.v_cosited);
            Sampling {
                columns,
                rows,
                grid: Grid::new(map, fit, columns, rows),
                borders: None,
                indices: vec![0; columns.count],
                outlined: vec![0; columns.count],
            }
        };
        let samples = (0..format.planes()).map(|plane| format.row_samples(plane, size.width));
        let samples = samples.max().unwrap_or(0);
        Ok(Self {
            layout: *layout,
            map,
            fit: *fit,
            style: LabelStyle::default(),
            full: sampling(size, (0, 0)),
            chroma: has_chroma_grid(format)
                .then(|| sampling(format.chroma_size(size), format.subsampling())),
            colors: vec![0; samples],
            shares: vec![0; samples],
        })
    }

    /// Sets how labels are drawn from now on. Only another width of the outline costs an allocation.
    pub fn set_label_style(&mut self, style: LabelStyle) {
        if self.style.outline != style.outline {
            for sampling in [&mut self.full].into_iter().chain(&mut self.chroma) {
                let (columns, rows) = (sampling.columns, sampling.rows);
                sampling.borders = (style.outline > 0)
                    .then(|| Borders::new(self.map, &self.fit, columns, rows, style.outline));
            }
        }
        self.style = style;
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
        let hidden = self.style.hidden;
        let Sampling { grid, indices, .. } = &mut self.full;
        grid.start();
        match format.family() {
            Family::Yuv => {
                return Err(FrameError::Format {
                    format,
                    what: "a map",
                });
            }
            Family::Gray if format.sample_bytes() == 2 => {
                for (row, samples) in out.rows(0).enumerate() {
                    code_row(grid, map, row, hidden, samples);
                }
            }
            Family::Gray => {
                for (row, samples) in out.rows(0).enumerate() {
                    index_row(grid, map, row, hidden, samples);
                }
            }
            Family::Rgb => {
                let mut lut = lut.clone();
                if let (Map::Labels(_), Some(hidden)) = (map, hidden) {
                    lut.0[usize::from(hidden)] = [0; 3];
                }
                let ink = Palette::new(&self.layout, &lut, 0, None).ink(format, 0, false);
                let groups = ink.colors.bytes();
                for (row, pixels) in out.rows(0).enumerate() {
                    index_row(grid, map, row, None, indices);
                    ink.colors.paint_bytes(indices, &groups, pixels);
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
        let styled = matches!(map, Map::Labels(_)) && self.style != LabelStyle::default();
        let hidden = self.style.hidden.filter(|_| styled);
        let palette = Palette::new(&self.layout, lut, alpha, hidden);
        for plane in 0..format.planes() {
            let chroma = self.chroma.as_mut().filter(|_| holds_chroma(format, plane));
            let full = Some(&mut self.full).filter(|_| holds_full(format, plane));
            let mut passes = [(chroma, true), (full, false)].map(|(sampling, is_chroma)| {
                let sampling = sampling?;
                sampling.start();
                Some((palette.ink(format, plane, is_chroma), sampling))
            });
            let samples = format.row_samples(plane, size.width);
            let (colors, shares) = (&mut self.colors[..samples], &mut self.shares[..samples]);
            // Without a style they are the same for every index, in every row.
            for (ink, sampling) in passes.iter_mut().flatten() {
                ink.shares.paint(&sampling.indices, shares);
            }
            for (row, samples) in frame.rows(plane).enumerate() {
                for (ink, sampling) in passes.iter_mut().flatten() {
                    match map {
                        Map::Labels(labels) if styled => {
                            sampling.label_row(labels, row);
                            ink.colors.paint(&sampling.outlined, colors);
                            ink.shares.paint(&sampling.outlined, shares);
                        }
                        _ => {
                            index_row(&mut sampling.grid, map, row, None, &mut sampling.indices);
                            ink.colors.paint(&sampling.indices, colors);
                        }
                    }
                }
                blend(samples, colors, shares, !styled, format);
            }
        }
        Ok(())
    }

    fn check(&self, map: &Map<'_>, picture: &FrameMut<'_>) -> Result<(), FrameError> {
        self.layout.expect(picture.layout())?;
        check_length("the map", self.map.area(), map.len())
    }
}

impl Sampling {
    /// Forgets the rows of the last map.
    fn start(&mut self) {
        self.grid.start();
        self.borders.iter_mut().for_each(Borders::start);
    }

    /// One row of the grid as labels and their outlines.
    fn label_row(&mut self, labels: &[u8], row: usize) {
        let indices = self.grid.label_row(labels, row).iter().copied();
        let indices = self.outlined.iter_mut().zip(indices.map(u16::from));
        match &mut self.borders {
            None => indices.for_each(|(to, label)| *to = label),
            Some(borders) => {
                for ((to, label), &near) in indices.zip(borders.row(labels, row)) {
                    *to = label + if near { OUTLINES } else { 0 };
                }
            }
        }
    }
}

/// One row of a grid as indices into the colours; hidden labels are no class.
fn index_row(grid: &mut Grid, map: Map<'_>, row: usize, hidden: Option<u8>, indices: &mut [u8]) {
    match map {
        Map::Depth(codes) => codes_to_bytes(grid.depth_row::<false>(codes, row), indices),
        Map::DepthWithHoles(codes) => codes_to_bytes(grid.depth_row::<true>(codes, row), indices),
        Map::Labels(labels) => {
            indices.copy_from_slice(grid.label_row(labels, row));
            if let Some(hidden) = hidden {
                hide(hidden, indices);
            }
        }
    }
}

/// One row of a grid as 16-bit samples; hidden labels are no class.
fn code_row(grid: &mut Grid, map: Map<'_>, row: usize, hidden: Option<u8>, samples: &mut [u8]) {
    let samples = samples.as_chunks_mut::<2>().0.iter_mut();
    let codes = match map {
        Map::Depth(codes) => grid.depth_row::<false>(codes, row),
        Map::DepthWithHoles(codes) => grid.depth_row::<true>(codes, row),
        Map::Labels(labels) => {
            for (sample, &label) in samples.zip(grid.label_row(labels, row)) {
                let label = if Some(label) == hidden {
                    NO_CLASS
                } else {
                    label
                };
                *sample = u16::from(label).to_ne_bytes();
            }
            return;
        }
    };
    for (sample, code) in samples.zip(codes) {
        *sample = code.to_ne_bytes();
    }
}

wide! {
    fn hide(hidden: u8, labels: &mut [u8]) {
        for label in labels {
            *label = if *label == hidden { NO_CLASS } else { *label };
        }
    }

    /// 0…65535 to 0…255, rounded.
    fn codes_to_bytes(codes: &[u16], bytes: &mut [u8]) {
        for (byte, &code) in bytes.iter_mut().zip(codes) {
            // Exact: the nearest of code / 257.
            *byte = ((u32::from(code) * 255 + 32_895) >> 16) as u8;
        }
    }
}
