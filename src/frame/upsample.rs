// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A map's rows at the resolution of a picture's samples: bilinear with half-pixel centres
//! (`align_corners = false`) for depth, nearest for labels.

use super::Fit;
use super::geometry::Span;
use super::wide::wide;
use crate::spec::Size;

/// Fraction bits of [`Tap::weight`].
const FRACTION: u32 = 15;

/// Where one destination sample lies between two map samples.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    pub(super) first: u32,
    pub(super) second: u32,
    /// The share of `second`, at most 2^15.
    weight: i32,
    /// The map sample whose area the destination sample's centre lies in.
    nearest: u32,
}

impl Tap {
    /// The share of `second`, 0…1.
    pub(super) fn share(self) -> f32 {
        self.weight as f32 / (1 << FRACTION) as f32
    }
}

/// Where the samples of one plane's grid lie in the map.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    columns: Vec<Tap>,
    rows: Vec<Tap>,
    map_width: usize,
    /// Where every column is the map's column of the same number.
    aligned: bool,
    /// The two map rows in use, at the grid's width, and which they are.
    lines: [Vec<u16>; 2],
    cached: [Option<u32>; 2],
    line: Vec<u16>,
    labels: Vec<u8>,
    cached_label_row: Option<u32>,
}

/// Samples along one axis of a grid: `count` of them, `step` picture pixels apart, the first one's
/// centre at `first`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Samples {
    pub(super) count: usize,
    pub(super) first: f64,
    pub(super) step: f64,
    /// Pixels of the picture along this axis.
    pub(super) picture: f64,
}

impl Samples {
    /// One for each of the picture's pixels.
    pub(super) fn whole(picture: u32) -> Self {
        Self {
            count: picture as usize,
            first: 0.5,
            step: 1.0,
            picture: f64::from(picture),
        }
    }
}

/// Every sample is taken from the `length` map samples from `start`, which show no border.
pub(super) fn taps(samples: Samples, span: Span, start: u32, length: u32) -> Vec<Tap> {
    let scale = span.length / samples.picture;
    let (least, most) = (f64::from(start), f64::from(start + length - 1));
    (0..samples.count)
        .map(|index| {
            let position = span.start + (samples.first + index as f64 * samples.step) * scale;
            let left = (position - 0.5).clamp(least, most);
            let first = left.floor();
            Tap {
                first: first as u32,
                second: (first + 1.0).min(most) as u32,
                weight: ((left - first) * f64::from(1 << FRACTION)).round() as i32,
                nearest: position.floor().clamp(least, most) as u32,
            }
        })
        .collect()
}

impl Grid {
    pub(super) fn new(map: Size, fit: &Fit, columns: Samples, rows: Samples) -> Self {
        let (column_span, row_span) = fit.spans_of(map);
        let content = fit.content_of(map);
        let width = columns.count;
        let columns = taps(columns, column_span, content.x, content.width);
        let own = |(index, tap): (usize, &Tap)| tap.first as usize == index && tap.weight == 0;
        Self {
            aligned: width == map.width as usize && columns.iter().enumerate().all(own),
            columns,
            rows: taps(rows, row_span, content.y, content.height),
            map_width: map.width as usize,
            lines: [vec![0; width], vec![0; width]],
            cached: [None; 2],
            line: vec![0; width],
            labels: vec![0; width],
            cached_label_row: None,
        }
    }

    /// Samples in a row.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// Forgets the rows of the last map.
    pub(super) fn start(&mut self) {
        self.cached = [None; 2];
        self.cached_label_row = None;
    }

    /// One row of the grid. With `HOLES`, zeros in the map are invalid: they do not mix with values.
    pub(super) fn depth_row<'a, const HOLES: bool>(
        &'a mut self,
        map: &'a [u16],
        row: usize,
    ) -> &'a [u16] {
        let Tap {
            first,
            second,
            weight,
            ..
        } = self.rows[row];
        if self.aligned && weight == 0 {
            let start = first as usize * self.map_width;
            return &map[start..start + self.map_width];
        }
        if self.cached[0] != Some(first) && self.cached[1] == Some(first) {
            self.lines.swap(0, 1);
            self.cached.swap(0, 1);
        }
        for (slot, wanted) in [(0, first), (1, second)] {
            if self.cached[slot] != Some(wanted) {
                let start = wanted as usize * self.map_width;
                let source = &map[start..start + self.map_width];
                spread::<HOLES>(source, &self.columns, &mut self.lines[slot]);
                self.cached[slot] = Some(wanted);
            }
        }
        let [above, below] = &self.lines;
        mix_lines::<HOLES>(above, below, weight, &mut self.line);
        &self.line
    }

    /// One row of the grid, each sample the label it lies on.
    pub(super) fn label_row(&mut self, map: &[u8], row: usize) -> &[u8] {
        let wanted = self.rows[row].nearest;
        if self.cached_label_row != Some(wanted) {
            let start = wanted as usize * self.map_width;
            let source = &map[start..start + self.map_width];
            for (label, tap) in self.labels.iter_mut().zip(&self.columns) {
                *label = source[tap.nearest as usize];
            }
            self.cached_label_row = Some(wanted);
        }
        &self.labels
    }
}

#[inline(always)]
fn mix<const HOLES: bool>(first: u16, second: u16, weight: i32) -> u16 {
    let (a, b) = (i32::from(first), i32::from(second));
    // At most 65535 · 2^15 + 2^14 in size, which fits.
    let mixed = a + (((b - a) * weight + (1 << (FRACTION - 1))) >> FRACTION);
    if HOLES && (first == 0 || second == 0) {
        return if weight < 1 << (FRACTION - 1) {
            first
        } else {
            second
        };
    }
    mixed as u16
}

fn spread<const HOLES: bool>(source: &[u16], columns: &[Tap], line: &mut [u16]) {
    for (value, tap) in line.iter_mut().zip(columns) {
        *value = mix::<HOLES>(
            source[tap.first as usize],
            source[tap.second as usize],
            tap.weight,
        );
    }
}

wide! {
    fn mix_lines<const HOLES: bool>(above: &[u16], below: &[u16], weight: i32, line: &mut [u16]) {
        for ((value, &first), &second) in line.iter_mut().zip(above).zip(below) {
            *value = mix::<HOLES>(first, second, weight);
        }
    }
}
