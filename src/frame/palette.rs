// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use super::colormap::rgb;
use super::palette_tables::{COLORS, NAMES};

/// The 150 classes of ADE20K (MIT Scene Parsing Benchmark), by index: the first name of each in its
/// `objectInfo150.txt`, as in the `id2label` of transformers' checkpoints.
pub const ADE20K_NAMES: [&str; 150] = NAMES;

/// The colours of [`ADE20K_NAMES`], as isl-org/DPT `util/pallete.py` has them.
pub const ADE20K_COLORS: [[u8; 3]; 150] = {
    let mut colors = [[0; 3]; 150];
    let mut index = 0;
    while index < colors.len() {
        colors[index] = rgb(COLORS[index]);
        index += 1;
    }
    colors
};

/// A colour for each of `classes` classes: ADE20K's for 150 classes, else colours that stay apart,
/// the same at every call.
pub fn palette(classes: usize) -> Vec<[u8; 3]> {
    if classes == ADE20K_COLORS.len() {
        return ADE20K_COLORS.to_vec();
    }
    (0..classes).map(distinct).collect()
}

/// Hues a golden section apart, in turns of lightness and saturation.
fn distinct(index: usize) -> [u8; 3] {
    let hue = (0.07 + index as f64 * 0.618_033_988_75).fract();
    let value = [0.95, 0.7, 0.85][index % 3];
    let saturation = [0.75, 0.85, 0.5][(index / 3) % 3];
    [5.0, 3.0, 1.0].map(|sector| {
        let position: f64 = (sector + hue * 6.0) % 6.0;
        let share = position.min(4.0 - position).clamp(0.0, 1.0);
        (255.0 * value * (1.0 - saturation * share)).round() as u8
    })
}
