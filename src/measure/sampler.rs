// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use super::Reading;
use crate::frame::{MapRef, Rect};
use crate::spec::Size;

/// Values that statistics of one area are taken of, at most: of more, a regular grid.
pub const MAX_SAMPLES: usize = 4096;

/// Share of the values that are nearer than [`DepthStats::nearest`].
const NEAREST: f64 = 0.05;

/// How far an area is, in the map's own values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DepthStats {
    /// Half of the valid values are at most as far. NaN where none is valid.
    pub median: f32,
    /// One in twenty of the valid values is at most as far: the near edge of what is there, without
    /// its outliers. NaN where none is valid.
    pub nearest: f32,
    /// The share of the values that are valid, 0…1.
    pub valid: f32,
}

/// Takes statistics of areas of maps.
#[derive(Clone, Debug)]
pub struct Sampler {
    /// The valid samples, as [`Reading::farness`].
    samples: Vec<f32>,
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            samples: Vec::with_capacity(MAX_SAMPLES),
        }
    }
}

impl Sampler {
    /// Statistics of a rectangle of a map.
    pub fn of_rect(&mut self, map: &MapRef<'_>, rect: Rect, reading: &Reading) -> DepthStats {
        let Ok(area) = map.crop(rect) else {
            return DepthStats {
                median: f32::NAN,
                nearest: f32::NAN,
                valid: 0.0,
            };
        };
        // Odd steps go well with dithered maps.
        let mut step = 1;
        while grid(rect.width, step) * grid(rect.height, step) > MAX_SAMPLES {
            step += 2;
        }
        self.samples.clear();
        // The grid lies in the middle of the rectangle.
        let first = |side: u32| (side as usize - 1) % step / 2;
        for row in area.rows().skip(first(rect.height)).step_by(step) {
            self.take(row[first(rect.width)..].iter().step_by(step), reading);
        }
        self.statistics(grid(rect.width, step) * grid(rect.height, step), reading)
    }

    /// Statistics of spans of a map's rows, which hold `area` values together.
    pub(super) fn of_spans<'m>(
        &mut self,
        spans: impl Iterator<Item = &'m [f32]>,
        area: usize,
        reading: &Reading,
    ) -> DepthStats {
        let step = area.div_ceil(MAX_SAMPLES).max(1) | 1;
        self.samples.clear();
        // The step goes on from span to span: narrow ones are sampled as densely as wide ones.
        let (mut skip, mut taken) = (0, 0);
        for span in spans {
            let samples = span.iter().skip(skip).step_by(step);
            taken += samples.len();
            skip = (skip + step - span.len() % step) % step;
            self.take(samples, reading);
        }
        self.statistics(taken, reading)
    }

    fn take<'v>(&mut self, values: impl Iterator<Item = &'v f32>, reading: &Reading) {
        self.samples.extend(
            values
                .filter(|&&value| reading.is_valid(value))
                .map(|&value| reading.farness(value)),
        );
    }

    fn statistics(&mut self, taken: usize, reading: &Reading) -> DepthStats {
        DepthStats {
            valid: self.samples.len() as f32 / taken.max(1) as f32,
            median: self.percentile(0.5, reading),
            nearest: self.percentile(NEAREST, reading),
        }
    }

    /// The nearest rank: always one of the values, infinite ones included.
    fn percentile(&mut self, share: f64, reading: &Reading) -> f32 {
        let rank = (self.samples.len() as f64 * share).ceil() as usize;
        match rank.checked_sub(1) {
            None => f32::NAN,
            Some(rank) => {
                let (_, value, _) = self.samples.select_nth_unstable_by(rank, f32::total_cmp);
                reading.farness(*value)
            }
        }
    }
}

/// Samples on a side.
fn grid(side: u32, step: usize) -> usize {
    (side as usize).div_ceil(step)
}

/// The part of a map that shows `rect` of its frame, as whole map pixels; None where the rectangle
/// is empty or outside the frame.
pub fn on_map(rect: Rect, frame: Size, map: Size) -> Option<Rect> {
    let axis = |start: u32, length: u32, frame: u32, map: u32| {
        let end = start.saturating_add(length).min(frame);
        if end <= start {
            return None;
        }
        let place = |pixel: u32| (u64::from(pixel) * u64::from(map) / u64::from(frame)) as u32;
        let first = place(start);
        Some((first, place(end - 1) + 1 - first))
    };
    let (x, width) = axis(rect.x, rect.width, frame.width, map.width)?;
    let (y, height) = axis(rect.y, rect.height, frame.height, map.height)?;
    (map.area() > 0).then_some(Rect {
        x,
        y,
        width,
        height,
    })
}
