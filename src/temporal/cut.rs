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
const FORGET: f32 = 0.5;
/// Brightness of a cell that a flash has blown out, in 8-bit levels.
const BLOWN: f32 = 235.0;
/// Pictures in a row that tell nothing, after which the last that did is not waited for any more.
const PATIENCE: u32 = 60;

/// Finds the first frame of every scene.
#[derive(Clone, Debug)]
pub struct SceneCut {
    threshold: f64,
    last: Option<[f32; CELLS]>,
    /// A running average of the differences: what moves fast all the time is no cut.
    recent: f32,
    /// Pictures since `last` that told nothing.
    skipped: u32,
}

impl SceneCut {
    /// The threshold that finds the cuts of films and not what moves in them: between 0.18, the
    /// most that a car close by makes, and 0.35, the least of a cut seen.
    pub const THRESHOLD: f64 = 0.27;

    /// A detector for differences of `threshold` and more: 0 is no difference, 1 that of pictures
    /// that have nothing in common.
    pub fn new(threshold: f64) -> Self {
        Self {
            threshold,
            last: None,
            recent: 0.0,
            skipped: 0,
        }
    }

    /// Forgets the pictures seen; the next one starts a scene without being a cut.
    pub fn reset(&mut self) {
        self.last = None;
        self.recent = 0.0;
        self.skipped = 0;
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
        // A flash comes back to the same scene; what follows a fade is compared with what was
        // before it.
        if self.last.is_some() && !tells(&cells) && self.skipped < PATIENCE {
            self.skipped += 1;
            return false;
        }
        self.skipped = 0;
        let Some(last) = self.last.replace(cells) else {
            return false;
        };
        let difference = difference(&last, &cells);
        let stands_out = difference > STANDS_OUT * self.recent;
        self.recent += FORGET * (difference - self.recent);
        stands_out && f64::from(difference) >= self.threshold
    }
}

/// Whether there is anything to see.
fn tells(cells: &[f32; CELLS]) -> bool {
    let blown = cells.iter().filter(|&&cell| cell > BLOWN).count();
    blown < CELLS / 2 && spread(cells).1 >= CONTRAST
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
    let (mean, contrast) = spread(cells);
    let contrast = contrast.max(CONTRAST);
    cells.map(|cell| (cell - mean) / contrast)
}

/// The mean and the standard deviation.
fn spread(cells: &[f32; CELLS]) -> (f32, f32) {
    let mean = cells.iter().sum::<f32>() / CELLS as f32;
    let variance = cells.iter().map(|cell| (cell - mean).powi(2)).sum::<f32>() / CELLS as f32;
    (mean, variance.sqrt())
}
