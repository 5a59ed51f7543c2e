// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Differences between maps.

use super::checks::Trouble;

/// Mean and largest difference, in shares of the largest value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apart {
    pub(crate) mean: f64,
    pub(crate) largest: f64,
}

/// Two 32-bit runs whose sums are in another order. A kernel that is wrong is off by tenths.
pub(crate) const FULL: Apart = Apart {
    mean: 1e-3,
    largest: 1e-2,
};
/// Rounding to the ten bits of fp16, some times: as `tests/half.rs`.
pub(crate) const HALF: Apart = Apart {
    mean: 1.0 / 512.0,
    largest: 1.0 / 128.0,
};

impl Apart {
    pub(crate) fn of(expected: &[f32], found: &[f32]) -> Result<Self, Trouble> {
        if expected.len() != found.len() || expected.is_empty() {
            let (expected, found) = (expected.len(), found.len());
            return Err(Trouble::Failed(format!("{found} values, not {expected}")));
        }
        // Sky is infinitely far, and pixels that are nearly sky may be it in one of the two.
        let is_other = |(a, b): &(&f32, &f32)| a.is_finite() != b.is_finite();
        let other = expected.iter().zip(found).filter(is_other).count();
        if found.iter().any(|value| value.is_nan()) || other * 200 > expected.len() {
            return Err(Trouble::Failed(format!(
                "{other} values are not finite in one of the two"
            )));
        }
        let finite = |(a, b): &(&f32, &f32)| a.is_finite() && b.is_finite();
        let pairs = || expected.iter().zip(found).filter(finite);
        let scale = pairs().fold(0.0f64, |most, (v, _)| most.max(f64::from(v.abs())));
        let off = pairs().map(|(a, b)| f64::from((a - b).abs()) / scale.max(f64::MIN_POSITIVE));
        let (sum, largest) = off.fold((0.0, 0.0f64), |(sum, most), off| (sum + off, most.max(off)));
        Ok(Self {
            mean: sum / expected.len() as f64,
            largest,
        })
    }

    /// The wider of two bounds; `own` is what rounding alone does on the CPU, of which a GPU's other
    /// order may do four times as much.
    pub(crate) fn or_own(self, own: Self) -> Self {
        Self {
            mean: self.mean.max(4.0 * own.mean),
            largest: self.largest.max(4.0 * own.largest),
        }
    }

    pub(crate) fn within(self, bound: Self) -> Result<Self, Trouble> {
        match self.mean <= bound.mean && self.largest <= bound.largest {
            true => Ok(self),
            false => Err(Trouble::Failed(format!("{self}, not within {bound}"))),
        }
    }
}

impl std::fmt::Display for Apart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "mean {:.1e}, largest {:.1e}", self.mean, self.largest)
    }
}

/// The share of pixels of another class, which may be a thousandth: scores that are nearly equal.
pub(crate) fn classes(expected: &[f32], found: &[f32]) -> Result<f64, Trouble> {
    if expected.len() != found.len() {
        let (expected, found) = (expected.len(), found.len());
        return Err(Trouble::Failed(format!("{found} classes, not {expected}")));
    }
    let other = expected.iter().zip(found).filter(|(a, b)| a != b).count();
    let share = other as f64 / expected.len().max(1) as f64;
    match share <= 1e-3 {
        true => Ok(share),
        false => Err(Trouble::Failed(format!(
            "{:.2} % other classes",
            100.0 * share
        ))),
    }
}
