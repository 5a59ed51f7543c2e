// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Class indices: which of them show, where they border on each other, and masks of them.

use super::Fit;
use super::geometry::Span;
use super::upsample::Samples;
use crate::spec::Size;

/// The index of pixels that belong to no class, or to none that was chosen.
pub const NO_CLASS: u8 = 255;

/// How maps of classes are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LabelStyle {
    /// An index that is not drawn: the picture stays as it is; a map is black there, or
    /// [`NO_CLASS`].
    pub hidden: Option<u8>,
    /// Pixels of the frame along the borders of a class, within it, that are drawn opaque and in a
    /// lighter shade over a picture; 0 for none.
    pub outline: u32,
}

/// Turns every class that is not to be kept into [`NO_CLASS`].
pub fn keep_classes(labels: &mut [u8], keep: &[bool; 256]) {
    let kept: [u8; 256] =
        std::array::from_fn(|class| if keep[class] { class as u8 } else { NO_CLASS });
    for label in labels {
        *label = kept[usize::from(*label)];
    }
}

/// The mask of the classes to keep, 65535 where one is and 0 elsewhere, at the map's size: as depth
/// codes, an [`Upsampler`](super::Upsampler) brings it smoothly to the frame's.
pub fn class_alpha(labels: &[u8], keep: &[bool; 256], out: &mut Vec<u16>) {
    let codes = keep.map(|keep| if keep { u16::MAX } else { 0 });
    out.clear();
    out.extend(labels.iter().map(|&label| codes[usize::from(label)]));
}

/// Finds the samples of a grid within so many pixels of another class.
#[derive(Clone, Debug)]
pub(super) struct Borders {
    /// The first and the last map column and row in reach of each sample.
    columns: Vec<(u32, u32)>,
    rows: Vec<(u32, u32)>,
    map_width: usize,
    /// How many map columns to the left of each hold two classes, and how many border on another
    /// class at their left; in the rows that are in reach of the grid's row.
    mixed: Vec<u32>,
    steps: Vec<u32>,
    cached: Option<(u32, u32)>,
    near: Vec<bool>,
}

impl Borders {
    pub(super) fn new(map: Size, fit: &Fit, columns: Samples, rows: Samples, reach: u32) -> Self {
        let (across, down) = fit.spans_of(map);
        let content = fit.content_of(map);
        let width = map.width as usize;
        Self {
            near: vec![false; columns.count],
            columns: windows(columns, reach, across, content.x, content.width),
            rows: windows(rows, reach, down, content.y, content.height),
            map_width: width,
            mixed: vec![0; width + 1],
            steps: vec![0; width + 1],
            cached: None,
        }
    }

    /// Forgets the rows of the last map.
    pub(super) fn start(&mut self) {
        self.cached = None;
    }

    /// Whether each sample of a row has another class in reach.
    pub(super) fn row(&mut self, map: &[u8], row: usize) -> &[bool] {
        let (top, bottom) = self.rows[row];
        if self.cached != Some((top, bottom)) {
            self.cached = Some((top, bottom));
            let start = top as usize * self.map_width;
            let first = &map[start..start + self.map_width];
            self.mixed.fill(0);
            for other in map[start..]
                .chunks_exact(self.map_width)
                .take((bottom - top + 1) as usize)
            {
                for ((mixed, a), b) in self.mixed[1..].iter_mut().zip(first).zip(other) {
                    *mixed |= u32::from(a != b);
                }
            }
            let steps = first.windows(2).map(|pair| u32::from(pair[0] != pair[1]));
            for (step, is_step) in self.steps[2..].iter_mut().zip(steps) {
                *step = is_step;
            }
            for counts in [&mut self.mixed, &mut self.steps] {
                let mut sum = 0;
                for count in counts {
                    sum += *count;
                    *count = sum;
                }
            }
            for (near, &(left, right)) in self.near.iter_mut().zip(&self.columns) {
                let (left, right) = (left as usize, right as usize);
                *near = self.mixed[left] != self.mixed[right + 1]
                    || self.steps[left + 1] != self.steps[right + 1];
            }
        }
        &self.near
    }
}

/// The first and the last of the `length` map samples from `start` that lie within `reach` pixels
/// of the pixels of each sample.
fn windows(samples: Samples, reach: u32, span: Span, start: u32, length: u32) -> Vec<(u32, u32)> {
    let Samples {
        count,
        step,
        picture,
        ..
    } = samples;
    let reach = f64::from(reach);
    let nearest = |pixel: f64| {
        let position = span.start + pixel.clamp(0.5, picture - 0.5) * span.length / picture;
        let (least, most) = (f64::from(start), f64::from(start + length - 1));
        position.floor().clamp(least, most) as u32
    };
    (0..count)
        .map(|index| {
            let first = index as f64 * step + 0.5;
            (nearest(first - reach), nearest(first + step - 1.0 + reach))
        })
        .collect()
}
