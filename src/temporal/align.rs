// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The scale and shift between two maps of one scene.

/// What makes the values of one map those of another: `scale · value + shift`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alignment {
    /// The factor, positive.
    pub scale: f32,
    /// What is added after it.
    pub shift: f32,
    /// How far the values of what did not move stay apart, as a standard deviation.
    pub noise: f32,
    /// The median distance of the second values from their median.
    pub spread: f32,
}

impl Alignment {
    /// Values as they are.
    pub const IDENTITY: Self = Self {
        scale: 1.0,
        shift: 0.0,
        noise: 0.0,
        spread: 0.0,
    };
}

/// Pairs that tell anything.
const LEAST_PAIRS: usize = 64;
/// Passes of the weighted fit.
const PASSES: usize = 5;
/// From the median of absolute deviations to a standard deviation, of a normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;
/// Standard deviations from which a pair counts for nothing: Tukey's weight, 95 % as exact as least
/// squares where there are no outliers.
const TUKEY: f64 = 4.685;
/// Squared correlation below which the pairs tell a shift, but no scale.
const CORRELATED: f64 = 0.3;

/// Finds what turns the first of each pair into the second, where most of them agree; `None` where
/// they are too few or too far apart. `scratch` is overwritten; with a capacity for as many values
/// it stays off the heap.
///
/// Reweighted least squares that start from medians, so that a third of the pairs may be anything.
/// The slope is the ratio of both spreads: noise would make that of a regression smaller, frame by
/// frame.
pub fn align(pairs: &[(f32, f32)], scratch: &mut Vec<f32>) -> Option<Alignment> {
    if pairs.len() < LEAST_PAIRS {
        return None;
    }
    let (centre_x, spread_x) = middle(pairs.iter().map(|pair| pair.0), scratch);
    let (centre_y, spread_y) = middle(pairs.iter().map(|pair| pair.1), scratch);
    let ratio = spread_y / spread_x;
    let mut scale = if ratio.is_finite() && ratio > 0.0 {
        ratio
    } else {
        1.0
    };
    // Around the first centres, for the sake of precision.
    let mut shift = 0.0;
    let mut noise = 0.0;
    for _ in 0..PASSES {
        scratch.clear();
        scratch.extend(pairs.iter().map(|&(x, y)| {
            let (x, y) = (f64::from(x) - centre_x, f64::from(y) - centre_y);
            (y - (scale * x + shift)).abs() as f32
        }));
        noise = MAD_TO_SIGMA * f64::from(median(scratch));
        // Where more than half fit exactly, the others still have to count for nothing.
        let reach = TUKEY * noise.max(1e-6 * spread_y.max(f64::MIN_POSITIVE));
        let sums = pairs.iter().fold([0.0; 6], |mut sums, &(x, y)| {
            let (x, y) = (f64::from(x) - centre_x, f64::from(y) - centre_y);
            let off = (y - (scale * x + shift)) / reach;
            let weight = (1.0 - off * off).max(0.0).powi(2);
            let terms = [1.0, x, y, x * x, x * y, y * y];
            for (sum, term) in sums.iter_mut().zip(terms) {
                *sum += weight * term;
            }
            sums
        });
        let [n, x, y, xx, xy, yy] = sums;
        let (x, y) = (x / n, y / n);
        let (xx, xy, yy) = (xx / n - x * x, xy / n - x * y, yy / n - y * y);
        let told = xy > 0.0 && xy * xy > CORRELATED * xx * yy;
        let next = if told { (yy / xx).sqrt() } else { 1.0 };
        if !next.is_finite() || !(y - next * x).is_finite() {
            return None;
        }
        (scale, shift) = (next, y - next * x);
    }
    let shift = centre_y + shift - scale * centre_x;
    let found = Alignment {
        scale: scale as f32,
        shift: shift as f32,
        noise: noise as f32,
        spread: spread_y as f32,
    };
    (found.scale.is_normal() && found.shift.is_finite()).then_some(found)
}

/// The median and the median distance from it.
fn middle(values: impl Iterator<Item = f32>, scratch: &mut Vec<f32>) -> (f64, f64) {
    scratch.clear();
    scratch.extend(values);
    let centre = median(scratch);
    for value in scratch.iter_mut() {
        *value = (*value - centre).abs();
    }
    (f64::from(centre), f64::from(median(scratch)))
}

/// The median of at least one value.
fn median(values: &mut [f32]) -> f32 {
    let half = values.len() / 2;
    *values.select_nth_unstable_by(half, f32::total_cmp).1
}
