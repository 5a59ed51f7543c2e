// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A contact sheet: colour, depth in colours, labels in colours, side by side.

use crate::sample::Sample;
use image::{Rgb, RgbImage};
use std::path::Path;

const LABELS: [[u8; 3]; 8] = [
    [120, 180, 250],
    [140, 110, 90],
    [170, 170, 170],
    [60, 150, 50],
    [230, 60, 60],
    [240, 200, 40],
    [200, 80, 220],
    [60, 200, 200],
];

/// Far is blue, near is yellow.
fn heat(t: f32) -> [u8; 3] {
    let t = t.clamp(0.0, 1.0);
    let c = |a: f32, b: f32, d: f32| {
        ((a + b * t + d * (t * std::f32::consts::PI).sin()) * 255.0).clamp(0.0, 255.0) as u8
    };
    [c(0.05, 0.95, 0.15), c(0.03, 0.85, 0.0), c(0.3, -0.2, 0.45)]
}

/// Writes the sheet of `samples`, `columns` of them a row.
pub fn write(
    path: &Path,
    samples: &[Sample],
    size: usize,
    columns: usize,
) -> image::ImageResult<()> {
    let rows = samples.len().div_ceil(columns);
    let (w, h) = (columns * size * 3, rows * size);
    let mut sheet = RgbImage::new(w as u32, h as u32);
    for (i, s) in samples.iter().enumerate() {
        let (x0, y0) = (i % columns * size * 3, i / columns * size);
        let mut sorted: Vec<f32> = s.inverse.clone();
        sorted.sort_by(f32::total_cmp);
        let top = sorted[sorted.len() * 98 / 100].max(1e-6);
        for k in 0..size * size {
            let (x, y) = ((x0 + k % size) as u32, (y0 + k / size) as u32);
            sheet.put_pixel(
                x,
                y,
                Rgb([s.rgb[3 * k], s.rgb[3 * k + 1], s.rgb[3 * k + 2]]),
            );
            sheet.put_pixel(x + size as u32, y, Rgb(heat((s.inverse[k] / top).sqrt())));
            sheet.put_pixel(
                x + 2 * size as u32,
                y,
                Rgb(LABELS.get(s.labels[k] as usize).copied().unwrap_or([0; 3])),
            );
        }
    }
    sheet.save(path)
}
