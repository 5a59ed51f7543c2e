// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a frame and its result to a picture of the map: map, overlay, side by side.

use super::result::Found;
use super::settings::Looks;
use crate::frame::{
    Canvas, Drawn, Fit, FrameError, FrameMut, FrameRef, Layout, Quantize, RgbConverter, Upsampling,
};
use crate::spec::Size;
use crate::video::Polarity;

/// Draws maps for one stream.
pub(super) struct Painter {
    input: Layout,
    /// The layout of the part of the picture that shows the map.
    output: Layout,
    upsampling: Upsampling,
    /// One step of metric gray, where that is what is put out.
    unit_m: Option<f32>,
    /// For the frame's own half of side by side.
    converter: RgbConverter,
    fitted: Option<Fitted>,
}

/// What was made for maps of one size and one number of classes.
struct Fitted {
    map: Size,
    classes: usize,
    canvas: Canvas,
}

impl Painter {
    /// `output` is the layout of the picture, `unit_m` one step of its gray levels where they are
    /// metres.
    pub(super) fn new(
        input: Layout,
        output: Layout,
        upsampling: Upsampling,
        unit_m: Option<f32>,
    ) -> Self {
        Self {
            input,
            output: Layout {
                size: input.size,
                ..output
            },
            upsampling,
            unit_m,
            converter: RgbConverter::new(&input),
            fitted: None,
        }
    }

    /// The map as a picture, black where there is none.
    pub(super) fn map(
        &mut self,
        found: Option<Found<'_>>,
        looks: &Looks,
        frame: &FrameRef<'_>,
        out: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        let Some(found) = found else {
            out.clear();
            return Ok(());
        };
        let drawn = drawn(found, looks, self.unit_m);
        self.canvas(found)?.write(drawn, &looks.style, frame, out)
    }

    /// The map over the frame.
    pub(super) fn overlay(
        &mut self,
        found: Found<'_>,
        looks: &Looks,
        frame: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        let drawn = drawn(found, looks, None);
        self.canvas(found)?.blend(drawn, &looks.style, frame)
    }

    /// The frame left, the map right.
    pub(super) fn side_by_side(
        &mut self,
        found: Option<Found<'_>>,
        looks: &Looks,
        frame: &FrameRef<'_>,
        out: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        let mut right = self.converter.run_beside(frame, out)?;
        self.map(found, looks, frame, &mut right)
    }

    fn canvas(&mut self, found: Found<'_>) -> Result<&mut Canvas, FrameError> {
        let map = found.size();
        let classes = match found {
            Found::Depth { .. } => 0,
            Found::Labels { classes, .. } => classes,
        };
        let known = self.fitted.take();
        let fitted = match known.filter(|known| known.map == map && known.classes == classes) {
            Some(fitted) => fitted,
            None => Fitted {
                map,
                classes,
                canvas: Canvas::new(
                    map,
                    &Fit::stretched(self.input.size, map),
                    &self.input,
                    &self.output,
                    self.upsampling,
                    classes,
                )?,
            },
        };
        Ok(&mut self.fitted.insert(fitted).canvas)
    }
}

/// What is drawn of a result; `unit_m` where depth in metres stays depth.
fn drawn<'a>(found: Found<'a>, looks: &Looks, unit_m: Option<f32>) -> Drawn<'a> {
    let (values, meaning, range) = match found {
        Found::Labels { labels, .. } => return Drawn::Labels(labels),
        Found::Depth {
            values,
            meaning,
            range,
        } => (values, meaning, range),
    };
    let near_bright = looks.polarity == Polarity::NearBright;
    let unit_m = unit_m.filter(|_| meaning.is_metric());
    Drawn::Depth(values, Quantize::picture(range, near_bright, unit_m))
}
