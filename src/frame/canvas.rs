// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a model's values to a picture of them: quantised, enlarged, coloured.

use super::{
    Colormap, Fit, FrameError, FrameMut, FrameRef, LabelStyle, Layout, Lut, Map, MapRef, MapWriter,
    NO_CLASS, Quantize, Upsampler, Upsampling, palette, quantize,
};
use crate::spec::Size;

/// A map and how its values become codes.
#[derive(Clone, Copy, Debug)]
pub enum Drawn<'a> {
    /// Depth, as the model gives it.
    Depth(MapRef<'a>, Quantize),
    /// Class indices.
    Labels(&'a [u8]),
}

/// What a drawn map looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Style {
    /// Colours of depth.
    pub colormap: Colormap,
    /// Share of the map in a blend, 0…1.
    pub alpha: f32,
    /// Width in pixels of the line between classes in a blend; 0 draws none.
    pub outline: u32,
}

/// Draws maps of one size into pictures of one layout.
#[derive(Clone, Debug)]
pub struct Canvas {
    /// For maps as they are.
    writer: MapWriter,
    /// For depth that follows the frame's edges.
    guided: Option<(Upsampler, MapWriter)>,
    codes: Vec<u16>,
    colormap: Colormap,
    shades: Lut,
    palette: Lut,
}

impl Canvas {
    /// A canvas for maps of size `map` of the frames that `fit` describes. `guide` is the layout of
    /// the frames that the maps belong to, `picture` that of what is drawn on, both of the frame's
    /// size; `classes` is how many classes have a colour.
    ///
    /// # Errors
    /// As [`MapWriter::new`].
    pub fn new(
        map: Size,
        fit: &Fit,
        guide: &Layout,
        picture: &Layout,
        upsampling: Upsampling,
        classes: usize,
    ) -> Result<Self, FrameError> {
        let guided = match upsampling {
            Upsampling::Bilinear => None,
            Upsampling::Guided => Some((
                Upsampler::new(map, fit, guide, upsampling)?,
                MapWriter::new(fit.frame, &Fit::identity(fit.frame), picture)?,
            )),
        };
        let colormap = Colormap::Inferno;
        Ok(Self {
            writer: MapWriter::new(map, fit, picture)?,
            guided,
            codes: vec![0; map.area()],
            colormap,
            shades: colormap.lut(),
            palette: Lut::from_palette(&palette(classes)),
        })
    }

    /// Writes the map itself: codes or class indices in gray formats, colours in RGB formats.
    /// `frame` is what the map belongs to.
    ///
    /// # Errors
    /// As [`MapWriter::write`].
    pub fn write(
        &mut self,
        drawn: Drawn<'_>,
        style: &Style,
        frame: &FrameRef<'_>,
        out: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        let (writer, map, lut) = self.prepare(drawn, style.colormap, 0, frame)?;
        writer.write(map, lut, out)
    }

    /// Blends the map's colours over the frame that it belongs to.
    ///
    /// # Errors
    /// As [`MapWriter::blend`].
    pub fn blend(
        &mut self,
        drawn: Drawn<'_>,
        style: &Style,
        frame: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        let (colormap, outline) = (style.colormap, style.outline);
        let (writer, map, lut) = self.prepare(drawn, colormap, outline, &frame.as_ref())?;
        writer.blend(map, lut, style.alpha, frame)
    }

    fn prepare<'a>(
        &'a mut self,
        drawn: Drawn<'a>,
        colormap: Colormap,
        outline: u32,
        frame: &FrameRef<'_>,
    ) -> Result<(&'a mut MapWriter, Map<'a>, &'a Lut), FrameError> {
        let (values, how) = match drawn {
            Drawn::Labels(labels) => {
                self.writer.set_label_style(LabelStyle {
                    hidden: Some(NO_CLASS),
                    outline,
                });
                return Ok((&mut self.writer, Map::Labels(labels), &self.palette));
            }
            Drawn::Depth(values, how) => (values, how),
        };
        if self.colormap != colormap {
            self.colormap = colormap;
            self.shades = colormap.lut();
        }
        quantize(&values, how, &mut self.codes)?;
        let holes = matches!(how, Quantize::Metric { .. });
        let map = |codes| {
            if holes {
                Map::DepthWithHoles(codes)
            } else {
                Map::Depth(codes)
            }
        };
        match &mut self.guided {
            None => Ok((&mut self.writer, map(&self.codes), &self.shades)),
            Some((upsampler, writer)) => {
                let codes = upsampler.run(map(&self.codes), frame)?;
                Ok((writer, map(codes), &self.shades))
            }
        }
    }
}
