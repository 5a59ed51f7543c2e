// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Where the pixels of an eye's row come from: a row is a chain of surfaces that are moved
//! sideways, the near ones over the far ones, and torn where nearness jumps.

use super::Stereo;
use super::wide::wide;

/// Fraction bits of columns.
pub(super) const SUBPIXEL: u32 = 8;
const PIXEL: i32 = 1 << SUBPIXEL;
/// Fraction bits of [`Warp::slope`] beyond those of columns.
const SLOPE: u32 = 24;
/// Two neighbours that end up further apart than this lie on two surfaces. Below, a surface is
/// stretched: maps enlarged smoothly have no jumps but slopes, and would be torn at random places.
const TEAR: i32 = PIXEL * 4;
/// A column that nothing has been moved to.
const HOLE: i32 = -1;

/// `2^16 / gap`: places within a gap without a division.
const RECIPROCALS: [i32; TEAR as usize + 1] = {
    let mut table = [0; TEAR as usize + 1];
    let mut gap = 1;
    while gap < table.len() {
        table[gap] = (1 << 16) / gap as i32;
        gap += 1;
    }
    table
};

/// Which camera a view is that of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Eye {
    Left,
    Right,
}

/// The two views' geometry of one row after the other.
#[derive(Clone, Debug)]
pub(super) struct Warp {
    /// Nearness with grown near regions.
    nearness: Vec<u16>,
    grown: Vec<u16>,
    /// How far each pixel moves right in the left eye's view, and left in the right eye's.
    shifts: Vec<i32>,
    /// The column of the frame that each pixel of a view shows.
    sources: Vec<i32>,
    /// Movement for each code of nearness, and that of code 0.
    slope: i64,
    offset: i32,
    dilation: usize,
}

impl Warp {
    pub(super) fn new(width: usize) -> Self {
        Self {
            nearness: vec![0; width],
            grown: vec![0; width],
            shifts: vec![0; width],
            sources: vec![0; width],
            slope: 0,
            offset: 0,
            dilation: 0,
        }
    }

    /// For the frame that comes. What is not a number counts as zero.
    pub(super) fn start(&mut self, how: &Stereo) {
        let finite = |value: f32| {
            if value.is_finite() {
                f64::from(value)
            } else {
                0.0
            }
        };
        let width = self.nearness.len();
        let divergence = finite(how.divergence).clamp(-100.0, 100.0) / 100.0;
        let convergence = finite(how.convergence).clamp(0.0, 1.0);
        let half = divergence * width as f64 / 2.0 * f64::from(PIXEL);
        self.slope = (half / f64::from(u16::MAX) * f64::from(1 << SLOPE)).round() as i64;
        self.offset = -(half * convergence).round() as i32;
        self.dilation = (how.edge_dilation as usize).min(width);
    }

    /// The frame's row that comes.
    pub(super) fn row(&mut self, nearness: &[u16]) {
        self.nearness.copy_from_slice(nearness);
        grow(&mut self.nearness, &mut self.grown, self.dilation);
        to_shifts(&self.nearness, self.slope, self.offset, &mut self.shifts);
    }

    /// The columns of the frame that an eye sees in this row.
    pub(super) fn sources(&mut self, eye: Eye) -> &[i32] {
        self.sources.fill(HOLE);
        let surfaces = Surfaces {
            shifts: &self.shifts,
            sign: if eye == Eye::Left { 1 } else { -1 },
        };
        // Of two pixels that meet, the nearer one was moved further: it is drawn last.
        let segments = 0..self.shifts.len() - 1;
        if (eye == Eye::Left) == (self.slope >= 0) {
            for x in segments.rev() {
                surfaces.draw(x, true, &mut self.sources);
            }
        } else {
            for x in segments {
                surfaces.draw(x, false, &mut self.sources);
            }
        }
        surfaces.draw_ends(&mut self.sources);
        surfaces.fill_holes(&self.nearness, &mut self.sources);
        &self.sources
    }
}

/// The pixels of a row on their way into a view.
struct Surfaces<'a> {
    shifts: &'a [i32],
    sign: i32,
}

impl Surfaces<'_> {
    /// Where the pixel of column `x` ends up.
    #[inline(always)]
    fn target(&self, x: usize) -> i32 {
        ((x as i32) << SUBPIXEL) + self.sign * self.shifts[x]
    }

    /// How far apart the pixels of columns `x` and `x + 1` end up.
    #[inline(always)]
    fn gap(&self, x: usize) -> i32 {
        self.target(x + 1) - self.target(x)
    }

    /// Whether the pixels of columns `x` and `x + 1` lie on one surface that faces the eye.
    fn joined(&self, x: usize) -> bool {
        (1..=TEAR).contains(&self.gap(x))
    }

    /// Draws what lies between the pixels of columns `x` and `x + 1`.
    #[inline(always)]
    fn draw(&self, x: usize, right_first: bool, sources: &mut [i32]) {
        let (from, to) = (self.target(x), self.target(x + 1));
        let gap = to - from;
        let source = (x as i32) << SUBPIXEL;
        if (1..=TEAR).contains(&gap) {
            let reciprocal = RECIPROCALS[gap as usize];
            let mut column = (from + PIXEL - 1) >> SUBPIXEL;
            while column << SUBPIXEL < to {
                let part = ((column << SUBPIXEL) - from) * reciprocal;
                put(sources, column, source + (part >> SUBPIXEL));
                column += 1;
            }
            return;
        }
        // Two surfaces end here, half a pixel beyond their last pixels' centres. A pixel between
        // two jumps in the same direction is on neither: it is a blurred edge of the map.
        let left = |sources: &mut [i32]| {
            let column = (from + PIXEL - 1) >> SUBPIXEL;
            let on_ramp = x > 0 && same_jump(self.gap(x - 1), gap);
            if !on_ramp && column << SUBPIXEL <= from + PIXEL / 2 {
                put(sources, column, source);
            }
        };
        let right = |sources: &mut [i32]| {
            let column = (to - 1) >> SUBPIXEL;
            let on_ramp = x + 2 < self.shifts.len() && same_jump(gap, self.gap(x + 1));
            if !on_ramp && column << SUBPIXEL >= to - PIXEL / 2 {
                put(sources, column, source + PIXEL);
            }
        };
        if right_first {
            right(sources);
            left(sources);
        } else {
            left(sources);
            right(sources);
        }
    }

    /// The outer halves of the first and the last pixel, where nothing covers them.
    fn draw_ends(&self, sources: &mut [i32]) {
        let last = self.shifts.len() - 1;
        for x in [0, last] {
            let column = (self.target(x) + PIXEL / 2) >> SUBPIXEL;
            if sources.get(column as usize) == Some(&HOLE) {
                put(sources, column, (x as i32) << SUBPIXEL);
            }
        }
    }

    /// Continues the farther of a hole's two sides into it, mirrored.
    fn fill_holes(&self, nearness: &[u16], sources: &mut [i32]) {
        let mut from = 0;
        while let Some(offset) = sources[from..].iter().position(|&source| source == HOLE) {
            let start = from + offset;
            let length = sources[start..]
                .iter()
                .position(|&source| source != HOLE)
                .unwrap_or(sources.len() - start);
            let end = start + length;
            let column = |at: usize| {
                let source = *sources.get(at)?;
                Some(((source + PIXEL / 2) >> SUBPIXEL) as usize)
            };
            let before = start.checked_sub(1).and_then(column);
            let from_left = match (before, column(end)) {
                (Some(left), Some(right)) if nearness[right] < nearness[left] => Err(right),
                (Some(left), _) => Ok(left),
                (None, Some(right)) => Err(right),
                // Everything was moved out of the picture.
                (None, None) => Ok(if self.target(0) > 0 {
                    0
                } else {
                    nearness.len() - 1
                }),
            };
            let hole = &mut sources[start..end];
            match from_left {
                Ok(edge) => self.mirror(edge, true, hole.iter_mut()),
                Err(edge) => self.mirror(edge, false, hole.iter_mut().rev()),
            }
            from = end;
        }
    }

    /// Walks from column `edge` into its surface, and back where that ends.
    fn mirror<'s>(&self, edge: usize, leftwards: bool, hole: impl Iterator<Item = &'s mut i32>) {
        let last = self.shifts.len() - 1;
        let (mut at, mut leftwards) = (edge, leftwards);
        let free = |at: usize, leftwards: bool| match leftwards {
            true => at > 0 && self.joined(at - 1),
            false => at < last && self.joined(at),
        };
        for source in hole {
            if !free(at, leftwards) {
                leftwards = !leftwards;
            }
            if free(at, leftwards) {
                at = if leftwards { at - 1 } else { at + 1 };
            }
            *source = (at as i32) << SUBPIXEL;
        }
    }
}

/// Whether two neighbouring gaps tear, or fold, in the same direction.
fn same_jump(first: i32, second: i32) -> bool {
    (first > TEAR && second > TEAR) || (first <= 0 && second <= 0)
}

#[inline(always)]
fn put(sources: &mut [i32], column: i32, source: i32) {
    // What is negative is beyond any length.
    if let Some(place) = sources.get_mut(column as usize) {
        *place = source;
    }
}

/// Every pixel becomes the nearest one of those at most `reach` columns away.
fn grow(nearness: &mut [u16], other: &mut [u16], reach: usize) {
    let mut grown = 0;
    while grown < reach {
        // The maxima of windows of `2 · grown + 1` make those of windows up to thrice as wide.
        let step = (reach - grown).min(2 * grown + 1);
        other.copy_from_slice(nearness);
        let inner = other.len() - step;
        raise(&mut nearness[step..], &other[..inner]);
        raise(&mut nearness[..inner], &other[step..]);
        grown += step;
    }
}

wide! {
    fn raise(nearness: &mut [u16], other: &[u16]) {
        for (value, &other) in nearness.iter_mut().zip(other) {
            *value = (*value).max(other);
        }
    }

    fn to_shifts(nearness: &[u16], slope: i64, offset: i32, shifts: &mut [i32]) {
        for (shift, &code) in shifts.iter_mut().zip(nearness) {
            let moved = i64::from(code) * slope + (1 << (SLOPE - 1));
            *shift = (moved >> SLOPE) as i32 + offset;
        }
    }
}
