// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Pictures that depth or classes change: stereo, anaglyph, matte, blur.

use super::result::Found;
use super::settings::{Looks, Settings};
use super::{Mode, StereoLayout};
use crate::frame::{
    BlurWriter, Fit, FrameError, FrameMut, FrameRef, Layout, Map, MapRef, MatteWriter, NO_CLASS,
    Quantize, StereoWriter, Upsampler, Upsampling, ValueRange, class_alpha, quantize, window_alpha,
};
use crate::spec::{OutputMeaning, Size};

/// Where depth in metres ends for a window: nearer than anything a camera sees sharply, and
/// farther than anything.
const WINDOW_M: ValueRange = ValueRange {
    near: 0.1,
    far: f32::INFINITY,
};
/// Every class but none: what is not kept has been filtered out before.
const KEPT: [bool; 256] = {
    let mut kept = [true; 256];
    kept[NO_CLASS as usize] = false;
    kept
};
/// Half the width of the border between classes in a matte, in codes.
const CLASS_EDGE: u16 = 12_000;
/// How softly a window ends, as a share of its far end's nearness.
const SOFTNESS: f32 = 0.06;

/// Makes the pictures of one stream.
pub(super) struct Effect {
    tool: Tool,
    enlarger: Enlarger,
    /// What of the frame is kept, 0…255.
    alpha: Vec<u8>,
}

enum Tool {
    Stereo(StereoWriter, StereoLayout),
    Anaglyph(StereoWriter),
    Matte(MatteWriter),
    Blur(BlurWriter),
}

impl Effect {
    /// `None` for modes that draw maps.
    pub(super) fn new(settings: &Settings, layout: &Layout) -> Option<Self> {
        let tool = match settings.mode {
            Mode::Map | Mode::Overlay | Mode::SideBySide => return None,
            Mode::Stereo => Tool::Stereo(StereoWriter::new(layout), settings.stereo_layout),
            Mode::Anaglyph => Tool::Anaglyph(StereoWriter::new(layout)),
            Mode::Matte => Tool::Matte(MatteWriter::new(layout)),
            Mode::Blur => Tool::Blur(BlurWriter::new(layout)),
        };
        Some(Self {
            tool,
            enlarger: Enlarger {
                layout: *layout,
                upsampling: settings.upsampling.into(),
                upsampler: None,
                codes: Vec::new(),
                flat: Vec::new(),
            },
            alpha: Vec::new(),
        })
    }

    /// The picture. Without a result both eyes see the same, a matte is transparent, and nothing is
    /// blurred.
    pub(super) fn paint(
        &mut self,
        found: Option<Found<'_>>,
        looks: &Looks,
        frame: &FrameRef<'_>,
        out: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        let Self {
            tool,
            enlarger,
            alpha,
        } = self;
        match tool {
            Tool::Stereo(writer, layout) => {
                let nearness = enlarger.nearness(found, looks, frame)?;
                writer.write(frame, nearness, &looks.stereo, (*layout).into(), out)
            }
            Tool::Anaglyph(writer) => {
                let nearness = enlarger.nearness(found, looks, frame)?;
                writer.write_anaglyph(frame, nearness, &looks.stereo, out)
            }
            Tool::Matte(writer) => {
                enlarger.matte(found, 0, looks, frame, alpha)?;
                writer.write(frame, alpha, out)
            }
            Tool::Blur(writer) => {
                enlarger.matte(found, u8::MAX, looks, frame, alpha)?;
                let radius = looks.blur_radius / 100.0 * frame.layout().size.height as f32;
                writer.write(frame, alpha, radius, out)
            }
        }
    }
}

/// Brings results to the frame's size.
struct Enlarger {
    layout: Layout,
    upsampling: Upsampling,
    upsampler: Option<(Size, Upsampler)>,
    /// At the map's size.
    codes: Vec<u16>,
    /// Of the frame's size, where there is no depth.
    flat: Vec<u16>,
}

impl Enlarger {
    /// How near each pixel of the frame is: 0 farthest, 65535 nearest; on the screen's plane where
    /// there is no depth.
    fn nearness(
        &mut self,
        found: Option<Found<'_>>,
        looks: &Looks,
        frame: &FrameRef<'_>,
    ) -> Result<&[u16], FrameError> {
        let Some(Found::Depth {
            values,
            meaning,
            range,
        }) = found
        else {
            let code = (looks.stereo.convergence * 65_535.0).round() as u16;
            self.flat.clear();
            self.flat.resize(self.layout.size.area(), code);
            return Ok(&self.flat);
        };
        self.enlarge_depth(&values, Quantize::nearness(meaning, range), frame)
    }

    /// What is kept of each pixel of the frame, 0…255; `otherwise` where there is no result.
    fn matte(
        &mut self,
        found: Option<Found<'_>>,
        otherwise: u8,
        looks: &Looks,
        frame: &FrameRef<'_>,
        alpha: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        alpha.resize(self.layout.size.area(), 0);
        match found {
            None => alpha.fill(otherwise),
            Some(Found::Labels { size, labels, .. }) => {
                class_alpha(labels, &KEPT, &mut self.codes);
                let codes = self.enlarge(size, frame)?;
                // The middle of the border between classes, as sharp as a pixel of the map.
                window_alpha(
                    codes,
                    u16::MAX,
                    u16::MAX / 2 + CLASS_EDGE,
                    2 * CLASS_EDGE,
                    alpha,
                )?;
            }
            Some(Found::Depth {
                values,
                meaning,
                range,
            }) => {
                let window = Window::new(meaning, range, looks);
                let codes = self.enlarge_depth(&values, window.how, frame)?;
                window_alpha(codes, window.near, window.far, window.softness, alpha)?;
            }
        }
        Ok(())
    }

    /// Depth as codes of the frame's size.
    fn enlarge_depth(
        &mut self,
        values: &MapRef<'_>,
        how: Quantize,
        frame: &FrameRef<'_>,
    ) -> Result<&[u16], FrameError> {
        self.codes.resize(values.size().area(), 0);
        quantize(values, how, &mut self.codes)?;
        self.enlarge(values.size(), frame)
    }

    /// `codes` at the frame's size.
    fn enlarge(&mut self, map: Size, frame: &FrameRef<'_>) -> Result<&[u16], FrameError> {
        let known = self.upsampler.take().filter(|(size, _)| *size == map);
        let made = match known {
            Some(made) => made,
            None => {
                let fit = Fit::stretched(self.layout.size, map);
                let upsampler = Upsampler::new(map, &fit, &self.layout, self.upsampling)?;
                (map, upsampler)
            }
        };
        let (_, upsampler) = self.upsampler.insert(made);
        upsampler.run(Map::Depth(&self.codes), frame)
    }
}

/// The part of the depth that a matte keeps, in codes.
struct Window {
    how: Quantize,
    near: u16,
    far: u16,
    softness: u16,
}

impl Window {
    fn new(meaning: OutputMeaning, range: ValueRange, looks: &Looks) -> Self {
        let (how, near, far) = match meaning {
            OutputMeaning::Metric { .. } => {
                let how = Quantize::Nearness { range: WINDOW_M };
                let middle = 2.0 / (range.near.recip() + range.far.recip());
                let code = |metres: f32| {
                    if metres > 0.0 {
                        how.code(metres)
                    } else {
                        u16::MAX
                    }
                };
                (
                    how,
                    looks.near.map_or(u16::MAX, code),
                    code(looks.far.unwrap_or(middle)),
                )
            }
            _ => {
                let code = |share: f32| (share.clamp(0.0, 1.0) * 65_535.0).round() as u16;
                (
                    Quantize::nearness(meaning, range),
                    looks.near.map_or(u16::MAX, code),
                    code(looks.far.unwrap_or(0.5)),
                )
            }
        };
        Self {
            how,
            near,
            far,
            softness: (f32::from(far) * SOFTNESS) as u16,
        }
    }
}
