// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Where one shot ends and the next begins.

use crate::spec::Size;

/// Rows and columns of cells that a picture is reduced to.
const SIDE: usize = 16;
const CELLS: usize = SIDE * SIDE;
/// Contrast below which differences are not stretched any more, in 8-bit levels.
const CONTRAST: f32 = 12.0;
/// How many times the recent differences a cut exceeds.
const STANDS_OUT: f32 = 2.0;
/// How much of the recent differences the next one replaces.
const FORGET: f32 = 0.3;

/// Finds the first frame of every scene.
#[derive(Clone, Debug)]
pub struct SceneCut {
    threshold: f64,
    last: Option<[f32; CELLS]>,
    recent: f32,
}

impl SceneCut {
    /// A detector for differences of `threshold` and more: 0 is no difference, 1 that of pictures
    /// that have nothing in common.
    pub fn new(threshold: f64) -> Self {
        Self {
            threshold,
            last: None,
            recent: 0.0,
        }
    }

    /// Forgets the pictures seen; the next one starts a scene without being a cut.
    pub fn reset(&mut self) {
        self.last = None;
        self.recent = 0.0;
    }

    /// Changes the threshold.
    pub fn set_threshold(&mut self, threshold: f64) {
        self.threshold = threshold;
    }

    /// Whether `luma`, the next one in time, starts a new scene. Sizes may change. A luma that does
    /// not fit its size starts nothing.
    pub fn update(&mut self, luma: &[u8], size: Size) -> bool {
        if luma.len() != size.area() || luma.is_empty() {
            return false;
        }
        let cells = reduce(luma, size);
        let Some(last) = self.last.replace(cells) else {
            return false;
        };
        let difference = difference(&last, &cells);
        let cut = f64::from(difference) >= self.threshold && difference > STANDS_OUT * self.recent;
        self.recent = if cut {
            0.0
        } else {
            self.recent + FORGET * (difference - self.recent)
        };
        cut
    }
}

/// The mean brightness of each cell.
fn reduce(luma: &[u8], size: Size) -> [f32; CELLS] {
    let (height, width) = (size.height as usize, size.width as usize);
    let edges = |cell: usize, length: usize| {
        let start = cell * length / SIDE;
        start.min(length - 1)..((cell + 1) * length / SIDE).max(start + 1).min(length)
    };
    std::array::from_fn(|cell| {
        let (rows, columns) = (edges(cell / SIDE, height), edges(cell % SIDE, width));
        let count = rows.len() * columns.len();
        let sum: u32 = rows
            .flat_map(|row| &luma[row * width..][columns.clone()])
            .map(|&level| u32::from(level))
            .sum();
        sum as f32 / count as f32
    })
}

/// How different two pictures are but for brightness, contrast, and moves by a cell.
fn difference(a: &[f32; CELLS], b: &[f32; CELLS]) -> f32 {
    let (a, b) = (normalised(a), normalised(b));
    let one_way = |from: &[f32; CELLS], to: &[f32; CELLS]| -> f32 {
        let nearest = |cell: usize| {
            let (row, column) = (cell / SIDE, cell % SIDE);
            let mut least = f32::INFINITY;
            for row in row.saturating_sub(1)..=(row + 1).min(SIDE - 1) {
                for column in column.saturating_sub(1)..=(column + 1).min(SIDE - 1) {
                    least = least.min((from[cell] - to[row * SIDE + column]).abs());
                }
            }
            least
        };
        (0..CELLS).map(nearest).sum::<f32>() / CELLS as f32
    };
    one_way(&a, &b).max(one_way(&b, &a)).min(1.0)
}

/// Without its mean, in units of its contrast.
fn normalised(cells: &[f32; CELLS]) -> [f32; CELLS] {
    let mean = cells.iter().sum::<f32>() / CELLS as f32;
    let variance = cells.iter().map(|cell| (cell - mean).powi(2)).sum::<f32>() / CELLS as f32;
    let contrast = variance.sqrt().max(CONTRAST);
    cells.map(|cell| (cell - mean) / contrast)
}
