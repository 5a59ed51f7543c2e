// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use crate::frame::ValueRange;
use crate::spec::OutputMeaning;

/// How a map's values are to be read: which are valid, and which of two is nearer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// −1 where larger is nearer.
    sign: f32,
    /// Valid values are above this,
    above: f32,
    /// and at most this.
    greatest: f32,
    range: ValueRange,
    metric: bool,
}

impl Reading {
    /// For maps of this meaning, shown in this range. What is valid is as for
    /// [`quantize`](crate::frame::quantize): never NaN; infinity only where larger is farther (the
    /// sky); metres only above zero.
    pub fn new(meaning: OutputMeaning, range: ValueRange) -> Self {
        let metric = meaning.is_metric();
        let inverse = meaning.larger_is_nearer();
        Self {
            sign: if inverse { -1.0 } else { 1.0 },
            above: if metric { 0.0 } else { f32::NEG_INFINITY },
            greatest: if inverse { f32::MAX } else { f32::INFINITY },
            range,
            metric,
        }
    }

    /// Whether values are metres.
    pub fn is_metric(&self) -> bool {
        self.metric
    }

    /// Whether `value` is a depth at all.
    #[inline(always)]
    pub fn is_valid(&self, value: f32) -> bool {
        (value > self.above) & (value <= self.greatest)
    }

    /// A number that grows with the distance; its own inverse.
    #[inline(always)]
    pub fn farness(&self, value: f32) -> f32 {
        value * self.sign
    }

    /// Where a relative value lies between the ends of the range: 0 = farthest, 1 = nearest. None
    /// for metres, for what is no depth, and in a range without a width.
    pub fn nearness(&self, value: f32) -> Option<f64> {
        let (near, far) = (f64::from(self.range.near), f64::from(self.range.far));
        let position = (f64::from(value) - far) / (near - far);
        (!self.metric && self.is_valid(value) && near != far && !position.is_nan())
            .then(|| position.clamp(0.0, 1.0))
    }

    /// The value at a position of the range; the positions at and beyond its ends stand for
    /// everything there.
    pub(super) fn at_position(&self, position: f64) -> f32 {
        let (near, far) = (f64::from(self.range.near), f64::from(self.range.far));
        let beyond = |end: f64, other: f64| {
            if end > other {
                f32::INFINITY
            } else {
                f32::NEG_INFINITY
            }
        };
        if position >= 1.0 {
            beyond(near, far)
        } else if position <= 0.0 {
            beyond(far, near)
        } else {
            (far + position * (near - far)) as f32
        }
    }
}
