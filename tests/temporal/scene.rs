// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Pictures and maps whose truth is known.

use gstdptdepth::spec::Size;

/// Small, and neither square nor even.
pub(crate) const SIZE: Size = Size::new(97, 120);

/// Numbers that look random: `xorshift64*`.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Evenly from 0 to 1.
    pub(crate) fn share(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) as f32 / (1 << 24) as f32
    }

    /// About normal, with the deviation 1.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.share()).sum::<f32>() - 6.0
    }
}

/// Blobs and a texture that differ with `seed`, moved to the right by `moved`.
pub(crate) fn picture(size: Size, seed: u64, moved: f32) -> Vec<u8> {
    let mut random = Random::new(seed);
    let waves: Vec<[f32; 4]> = (0..16)
        .map(|at| {
            let (frequency, height) = if at < 8 { (0.35, 20.0) } else { (1.5, 4.0) };
            [
                (random.share() - 0.5) * frequency,
                (random.share() - 0.5) * frequency,
                random.share() * 6.3,
                height,
            ]
        })
        .collect();
    pixels(size)
        .map(|(row, column)| {
            let (x, y) = (column as f32 - moved, row as f32);
            let level: f32 = waves
                .iter()
                .map(|[across, down, phase, height]| height * (across * x + down * y + phase).sin())
                .sum();
            (128.0 + level).clamp(0.0, 255.0) as u8
        })
        .collect()
}

/// A slope from 20 at the top to 80 at the bottom, with a bulge.
pub(crate) fn depth(size: Size) -> Vec<f32> {
    pixels(size)
        .map(|(row, column)| {
            let (y, x) = (
                row as f32 / size.height as f32,
                column as f32 / size.width as f32,
            );
            20.0 + 60.0 * y + 15.0 * (6.0 * x).sin()
        })
        .collect()
}

/// With normal noise of this deviation.
pub(crate) fn noisy(values: &[f32], deviation: f32, random: &mut Random) -> Vec<f32> {
    values
        .iter()
        .map(|value| value + deviation * random.normal())
        .collect()
}

/// Camera noise on a picture.
pub(crate) fn grainy(picture: &[u8], deviation: f32, random: &mut Random) -> Vec<u8> {
    picture
        .iter()
        .map(|&level| (f32::from(level) + deviation * random.normal()).clamp(0.0, 255.0) as u8)
        .collect()
}

/// Rows and columns, row by row.
pub(crate) fn pixels(size: Size) -> impl Iterator<Item = (usize, usize)> {
    let width = size.width as usize;
    (0..size.area()).map(move |at| (at / width, at % width))
}

/// The mean absolute difference.
pub(crate) fn apart(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
}
