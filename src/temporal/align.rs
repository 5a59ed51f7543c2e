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
/// Passes of the weighted fit with each of both reaches.
const PASSES: usize = 3;
/// What the first passes reach at least, as a share of the width that 80 % of the second values
/// have.
const WIDE: f64 = 0.3;
/// Variance that the pairs of the last passes have at least, as a share of those of the first:
/// where most pairs are a flat background, they must not do without the others.
const LEVER: f64 = 0.4;
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
    let (low_x, high_x) = bulk(pairs.iter().map(|pair| pair.0), scratch);
    let (low_y, high_y) = bulk(pairs.iter().map(|pair| pair.1), scratch);
    let least = WIDE * (high_y - low_y);
    let fit = Fit {
        pairs,
        centre: (centre_x, centre_y),
    };
    // Medians bear more outliers, the ends of the bulk more than one cluster.
    let by_ends = (high_y - low_y) / (high_x - low_x);
    let starts = [
        (spread_y / spread_x, 0.0),
        (by_ends, (low_y - centre_y) - by_ends * (low_x - centre_x)),
        (1.0, 0.0),
    ];
    let mut line = starts
        .map(|(scale, shift)| Line { scale, shift })
        .into_iter()
        .filter(|line| line.scale > 0.0 && line.scale.is_finite() && line.shift.is_finite())
        .min_by(|a, b| fit.cost(*a, least).total_cmp(&fit.cost(*b, least)))?;
    let mut wide = 0.0;
    for _ in 0..PASSES {
        let reach = (TUKEY * fit.noise(line, scratch)).max(least);
        (line, wide) = fit.pass(line, reach)?;
    }
    let rough = line;
    for _ in 0..PASSES {
        // Where more than half fit exactly, the others still have to count for nothing.
        let noise = fit.noise(line, scratch).max(1e-6 * spread_y);
        let (next, variance) = fit.pass(line, TUKEY * noise)?;
        if variance < LEVER * wide {
            line = rough;
            break;
        }
        line = next;
    }
    let found = Alignment {
        scale: line.scale as f32,
        shift: (centre_y + line.shift - line.scale * centre_x) as f32,
        noise: fit.noise(line, scratch) as f32,
        spread: spread_y as f32,
    };
    (found.scale.is_normal() && found.shift.is_finite()).then_some(found)
}

#[derive(Clone, Copy)]
struct Line {
    scale: f64,
    shift: f64,
}

/// Pairs around their medians, for the sake of precision.
struct Fit<'a> {
    pairs: &'a [(f32, f32)],
    centre: (f64, f64),
}

impl Fit<'_> {
    fn centred(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let (x0, y0) = self.centre;
        let pairs = self.pairs.iter();
        pairs.map(move |&(x, y)| (f64::from(x) - x0, f64::from(y) - y0))
    }

    /// How far the pairs are from the line, as a standard deviation.
    fn noise(&self, line: Line, scratch: &mut Vec<f32>) -> f64 {
        scratch.clear();
        scratch.extend(
            self.centred()
                .map(|(x, y)| (y - line.scale * x - line.shift).abs() as f32),
        );
        MAD_TO_SIGMA * f64::from(median(scratch))
    }

    /// The sum of distances from the line, of each pair `most` at most.
    fn cost(&self, line: Line, most: f64) -> f64 {
        let off = |(x, y): (f64, f64)| (y - line.scale * x - line.shift).abs().min(most);
        self.centred().map(off).sum()
    }

    /// One weighted fit of the pairs within `reach` of the line, and the variance of their first
    /// values.
    fn pass(&self, line: Line, reach: f64) -> Option<(Line, f64)> {
        let reach = reach.max(f64::MIN_POSITIVE);
        let sums = self.centred().fold([0.0; 6], |mut sums, (x, y)| {
            let off = (y - line.scale * x - line.shift) / reach;
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
        let scale = if told { (yy / xx).sqrt() } else { 1.0 };
        let shift = y - scale * x;
        (scale.is_finite() && shift.is_finite()).then_some((Line { scale, shift }, xx))
    }
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

/// What a tenth of the values are below, and a tenth above.
fn bulk(values: impl Iterator<Item = f32>, scratch: &mut Vec<f32>) -> (f64, f64) {
    scratch.clear();
    scratch.extend(values);
    let (tenth, last) = (scratch.len() / 10, scratch.len() - 1);
    let low = nth(scratch, tenth);
    (f64::from(low), f64::from(nth(scratch, last - tenth)))
}

/// The median of at least one value.
fn median(values: &mut [f32]) -> f32 {
    nth(values, values.len() / 2)
}

/// The value that `at` others are below.
fn nth(values: &mut [f32], at: usize) -> f32 {
    *values.select_nth_unstable_by(at, f32::total_cmp).1
}
