// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Network output into 16-bit maps.

use super::wide::wide;
use super::{FrameError, Rect};
use crate::spec::{OutputMeaning, Size};

/// A map of `f32` values, row by row.
#[derive(Clone, Copy, Debug)]
pub struct MapRef<'a> {
    data: &'a [f32],
    size: Size,
    stride: usize,
}

impl<'a> MapRef<'a> {
    /// A map `[height, width]` without padding.
    ///
    /// # Errors
    /// Where `data` does not have one value a pixel.
    pub fn new(data: &'a [f32], size: Size) -> Result<Self, FrameError> {
        super::error::check_length("the map", size.area(), data.len())?;
        Ok(Self {
            data,
            size,
            stride: size.width as usize,
        })
    }

    /// The part of the map that shows the frame: what a range is measured on.
    ///
    /// # Errors
    /// Where the part lies outside or is empty.
    pub fn crop(&self, rect: Rect) -> Result<Self, FrameError> {
        let inside = |start: u32, length: u32, whole: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= whole)
        };
        if !inside(rect.x, rect.width, self.size.width)
            || !inside(rect.y, rect.height, self.size.height)
        {
            return Err(FrameError::Crop(self.size));
        }
        Ok(Self {
            data: &self.data[rect.y as usize * self.stride + rect.x as usize..],
            size: Size::new(rect.height, rect.width),
            stride: self.stride,
        })
    }

    /// Rows and columns.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The rows, from the top.
    pub fn rows(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let width = self.size.width as usize;
        // An empty map has no rows, and chunks of zero are not allowed.
        self.data
            .chunks(self.stride.max(1))
            .take(self.size.height as usize)
            .map(move |row| &row[..width])
    }
}

/// The values that are shown as nearest and farthest. `near` is the larger one where larger is
/// nearer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueRange {
    /// Shown as nearest.
    pub near: f32,
    /// Shown as farthest.
    pub far: f32,
}

/// How values become 16-bit codes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantize {
    /// From far to near onto 0…65535, or the other way round.
    Relative {
        /// The values at the ends; what lies outside saturates.
        range: ValueRange,
        /// Whether near is 65535; else it is 0.
        near_bright: bool,
    },
    /// Depth in metres, counted in units: 1…65535, saturating.
    Metric {
        /// Metres of one step.
        unit_m: f32,
    },
    /// Depth by its inverse: from far to near onto 0…65535, as a viewer's eyes see it.
    Nearness {
        /// The depths at the ends, positive; far may be infinite.
        range: ValueRange,
    },
}

impl Quantize {
    /// How a picture of depth shows it: in units of `unit_m` metres where that is given, else from
    /// one end of `range` to the other.
    pub fn picture(range: ValueRange, near_bright: bool, unit_m: Option<f32>) -> Self {
        match unit_m {
            Some(unit_m) => Self::Metric { unit_m },
            None => Self::Relative { range, near_bright },
        }
    }

    /// How values become nearness: 0 for the far end of `range` and for what is invalid, 65535 for
    /// the near end, even in inverse depth where the model's values tell that.
    pub fn nearness(meaning: OutputMeaning, range: ValueRange) -> Self {
        match meaning {
            OutputMeaning::Metric { .. } => Self::Nearness { range },
            _ => Self::Relative {
                range,
                near_bright: true,
            },
        }
    }

    /// The code of one value: what [`quantize`] writes for it, 0 where it is invalid.
    pub fn code(self, value: f32) -> u16 {
        let mut code = [0];
        match MapRef::new(&[value], Size::new(1, 1)).and_then(|map| quantize(&map, self, &mut code))
        {
            Ok(_) => code[0],
            Err(_) => 0,
        }
    }
}

/// Writes a map as 16-bit codes and returns how many of its values were invalid: NaN or infinite,
/// or not positive where depth is metric. Their code is 0. Where larger is farther, infinity is
/// valid and saturates: it is the sky.
///
/// # Errors
/// Where `out` does not have one element a pixel.
pub fn quantize(map: &MapRef<'_>, how: Quantize, out: &mut [u16]) -> Result<usize, FrameError> {
    super::error::check_length("the 16-bit map", map.size.area(), out.len())?;
    if out.is_empty() {
        return Ok(0);
    }
    if let Quantize::Nearness { range } = how {
        return Ok(quantize_inverse(map, range, out));
    }
    let (origin, scale, least) = match how {
        Quantize::Nearness { .. } => unreachable!("returned above"),
        Quantize::Relative { range, near_bright } => {
            let (dark, bright) = if near_bright {
                (range.far, range.near)
            } else {
                (range.near, range.far)
            };
            let scale = 65_535.0 / (bright - dark);
            (dark, if scale.is_finite() { scale } else { 0.0 }, None)
        }
        Quantize::Metric { unit_m } => {
            let scale = 1.0 / unit_m;
            (0.0, if scale.is_finite() { scale } else { 0.0 }, Some(1.0))
        }
    };
    let sky = match how {
        Quantize::Relative { range, .. } => range.far > range.near,
        Quantize::Metric { .. } | Quantize::Nearness { .. } => true,
    };
    let greatest = if sky { f32::INFINITY } else { f32::MAX };
    let mut valid = 0;
    for (row, codes) in map
        .rows()
        .zip(out.chunks_exact_mut(map.size.width as usize))
    {
        valid += match least {
            None => quantize_row(
                row,
                origin,
                scale,
                (f32::NEG_INFINITY, greatest),
                0.0,
                codes,
            ),
            Some(least) => quantize_row(row, origin, scale, (0.0, greatest), least, codes),
        };
    }
    Ok(map.size.area() - valid as usize)
}

fn quantize_inverse(map: &MapRef<'_>, range: ValueRange, out: &mut [u16]) -> usize {
    let inverse = |depth: f32| if depth > 0.0 { depth.recip() } else { 0.0 };
    let (near, far) = (inverse(range.near), inverse(range.far));
    let scale = 65_535.0 / (near - far);
    let scale = if scale.is_finite() { scale } else { 0.0 };
    let rows = map
        .rows()
        .zip(out.chunks_exact_mut(map.size.width as usize));
    let valid: u32 = rows
        .map(|(row, codes)| inverse_row(row, far, scale, codes))
        .sum();
    map.size.area() - valid as usize
}

wide! {
    /// `(1 / value − origin) · scale` where the value is positive; returns how many are.
    fn inverse_row(row: &[f32], origin: f32, scale: f32, codes: &mut [u16]) -> u32 {
        let mut valid = 0;
        for (&value, code) in row.iter().zip(codes) {
            let good = value > 0.0;
            let scaled = ((1.0 / value - origin) * scale).clamp(0.0, 65_535.0) + 0.5;
            *code = if good { scaled as u32 as u16 } else { 0 };
            valid += u32::from(good);
        }
        valid
    }

    /// `(value − origin) · scale`, at least `least`, where the value is above the first of the
    /// `limits` and at most the second; returns how many are.
    fn quantize_row(
        row: &[f32],
        origin: f32,
        scale: f32,
        limits: (f32, f32),
        least: f32,
        codes: &mut [u16],
    ) -> u32 {
        let (above, greatest) = limits;
        let mut valid = 0;
        for (&value, code) in row.iter().zip(codes) {
            let good = (value > above) & (value <= greatest);
            let scaled = ((value - origin) * scale).max(least).min(65_535.0) + 0.5;
            *code = if good { scaled as u32 as u16 } else { 0 };
            valid += u32::from(good);
        }
        valid
    }
}
