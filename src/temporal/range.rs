// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Which values of a relative map are shown as nearest and farthest. The range of every single
//! frame makes a video flicker; a range that follows slowly does not.

use crate::frame::{MapRef, ValueRange};

/// How the range of a map is found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum RangeMode {
    /// Follows the bulk of the values slowly, and at once when the scene changes.
    #[default]
    Smooth,
    /// The smallest and largest value of each frame.
    Frame,
    /// Always the same.
    Fixed {
        /// The value shown as nearest.
        near: f32,
        /// The value shown as farthest.
        far: f32,
    },
}

/// Values that a percentile is taken of, at most.
const MAX_SAMPLES: usize = 16_384;
/// Share of the values beyond each end of a smooth range.
const TAIL: f64 = 0.005;
/// What a smooth range has beyond the tails, as a share of its width: the values there keep their
/// differences.
const MARGIN: f32 = 0.05;
/// How much of the way to a frame's own range a smooth range goes where it widens: values that
/// saturate are seen at once.
const WIDEN: f32 = 0.25;
/// The same where it narrows.
const NARROW: f32 = 0.06;
/// A scene change: an end that moves by more than this share of the width in one frame.
const JUMP: f32 = 0.5;

/// Finds the range of one map after the other.
#[derive(Clone, Debug)]
pub struct RangeTracker {
    mode: RangeMode,
    /// The low and high end of the last map's range.
    ends: Option<(f32, f32)>,
    samples: Vec<f32>,
}

impl RangeTracker {
    /// A tracker that has seen nothing.
    pub fn new(mode: RangeMode) -> Self {
        Self {
            mode,
            ends: None,
            samples: Vec::with_capacity(MAX_SAMPLES),
        }
    }

    /// The mode.
    pub fn mode(&self) -> RangeMode {
        self.mode
    }

    /// Changes the mode; a new one starts with the next map.
    pub fn set_mode(&mut self, mode: RangeMode) {
        if self.mode != mode {
            self.mode = mode;
            self.ends = None;
        }
    }

    /// Forgets the maps seen: after a seek or with a new stream.
    pub fn reset(&mut self) {
        self.ends = None;
    }

    /// The range for `map`, which is the next one in time. It is always finite and, unless it is
    /// fixed, never empty; values that are not finite do not count, and a map without any others
    /// leaves the range as it was.
    pub fn update(&mut self, map: &MapRef<'_>, larger_is_nearer: bool) -> ValueRange {
        let measured = match self.mode {
            RangeMode::Fixed { near, far } => return ValueRange { near, far },
            RangeMode::Frame => extremes(map),
            RangeMode::Smooth => self.bulk(map).map(|measured| self.follow(measured)),
        };
        self.ends = measured.map(not_empty).or(self.ends);
        let (low, high) = self.ends.unwrap_or((0.0, 1.0));
        if larger_is_nearer {
            ValueRange {
                near: high,
                far: low,
            }
        } else {
            ValueRange {
                near: low,
                far: high,
            }
        }
    }

    /// The range of the bulk of the values.
    fn bulk(&mut self, map: &MapRef<'_>) -> Option<(f32, f32)> {
        // An odd step visits every column of maps with even sides.
        let step = (map.size().area() / MAX_SAMPLES + 1) | 1;
        let values = map.rows().flatten().step_by(step).copied();
        self.samples.clear();
        self.samples
            .extend(values.filter(|value| value.is_finite()).take(MAX_SAMPLES));
        let last = self.samples.len().checked_sub(1)?;
        let tail = (last as f64 * TAIL).round() as usize;
        let (_, low, above) = self.samples.select_nth_unstable_by(tail, f32::total_cmp);
        let low = *low;
        let high = match (last - tail).checked_sub(tail + 1) {
            Some(index) => *above.select_nth_unstable_by(index, f32::total_cmp).1,
            None => low,
        };
        let margin = (high - low) * MARGIN;
        let (wide_low, wide_high) = (low - margin, high + margin);
        Some(if (wide_high - wide_low).is_finite() {
            (wide_low, wide_high)
        } else {
            (low, high)
        })
    }

    /// One step of the range seen so far towards the one measured now.
    fn follow(&self, measured: (f32, f32)) -> (f32, f32) {
        let Some((low, high)) = self.ends else {
            return measured;
        };
        let width = high - low;
        let (to_low, to_high) = (measured.0 - low, measured.1 - high);
        if to_low.abs().max(to_high.abs()) > JUMP * width {
            return measured;
        }
        let share = |widens: bool| if widens { WIDEN } else { NARROW };
        (
            low + to_low * share(to_low < 0.0),
            high + to_high * share(to_high > 0.0),
        )
    }
}

/// The smallest and largest finite value.
fn extremes(map: &MapRef<'_>) -> Option<(f32, f32)> {
    let (low, high) = map
        .rows()
        .flatten()
        .filter(|value| value.is_finite())
        .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &value| {
            (low.min(value), high.max(value))
        });
    (low <= high).then_some((low, high))
}

/// A range of one value gets a width, with the value in its middle.
fn not_empty((low, high): (f32, f32)) -> (f32, f32) {
    let least = (low.abs().max(high.abs()) * 1e-6).max(f32::MIN_POSITIVE);
    if high - low > least {
        return (low, high);
    }
    let half = least.max(1e-6);
    ((low - half).max(f32::MIN), (high + half).min(f32::MAX))
}
