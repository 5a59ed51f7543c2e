// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Two views in one picture for red-cyan glasses, by E. Dubois, "Conversion of a Stereo Pair to
//! Anaglyph with the Least-Squares Projection Method", University of Ottawa, 2009. The matrices are
//! for linear light.

use std::sync::LazyLock;

use super::stereo::lanes;
use super::warp::Eye;
use super::wide::wide;

/// Red, green and blue of the anaglyph, each from those of the left and the right eye.
const MATRIX: [[[f32; 3]; 2]; 3] = [
    [[0.437, 0.449, 0.164], [-0.011, -0.032, -0.007]],
    [[-0.062, -0.062, -0.024], [0.377, 0.761, 0.009]],
    [[-0.048, -0.050, -0.017], [-0.026, -0.093, 1.234]],
];

/// The largest index into [`Curve::codes`].
const MOST: u16 = 4095;

/// The transfer function of sRGB (IEC 61966-2-1), there and back.
struct Curve {
    /// Linear light of a code, 0…`MOST`.
    light: [f32; 256],
    codes: [u8; MOST as usize + 1],
}

static CURVE: LazyLock<Curve> = LazyLock::new(|| Curve {
    light: std::array::from_fn(|code| {
        let code = code as f32 / 255.0;
        let light = if code <= 0.04045 {
            code / 12.92
        } else {
            ((code + 0.055) / 1.055).powf(2.4)
        };
        light * f32::from(MOST)
    }),
    codes: std::array::from_fn(|light| {
        let light = light as f32 / f32::from(MOST);
        let code = if light <= 0.003_130_8 {
            light * 12.92
        } else {
            1.055 * light.powf(1.0 / 2.4) - 0.055
        };
        (code * 255.0).round() as u8
    }),
});

/// One row of both views in linear light.
#[derive(Clone, Debug)]
pub(super) struct Anaglyph {
    eyes: [[Vec<f32>; 3]; 2],
    light: Vec<u16>,
}

impl Anaglyph {
    pub(super) fn new(width: usize) -> Self {
        LazyLock::force(&CURVE);
        Self {
            eyes: std::array::from_fn(|_| std::array::from_fn(|_| vec![0.0; width])),
            light: vec![0; width],
        }
    }

    /// Takes one eye's row: red, green and blue in the first three lanes.
    pub(super) fn view(&mut self, eye: Eye, view: &[u64]) {
        let curve = &CURVE.light;
        let [reds, greens, blues] = &mut self.eyes[eye as usize];
        for (((&pixel, red), green), blue) in view.iter().zip(reds).zip(greens).zip(blues) {
            let [r, g, b, _] = lanes(pixel).map(usize::from);
            (*red, *green, *blue) = (curve[r], curve[g], curve[b]);
        }
    }

    /// The row for the glasses.
    pub(super) fn mix(&mut self, rgb: [&mut [u8]; 3]) {
        let curve = &CURVE.codes;
        for (factors, bytes) in MATRIX.iter().zip(rgb) {
            let eyes = self
                .eyes
                .each_ref()
                .map(|eye| eye.each_ref().map(Vec::as_slice));
            project(eyes, factors, &mut self.light);
            for (byte, &light) in bytes.iter_mut().zip(&self.light) {
                *byte = curve[usize::from(light.min(MOST))];
            }
        }
    }
}

wide! {
    /// One component of the anaglyph, clipped.
    fn project(eyes: [[&[f32]; 3]; 2], factors: &[[f32; 3]; 2], light: &mut [u16]) {
        let [[lr, lg, lb], [rr, rg, rb]] = eyes;
        let [left, right] = factors;
        let columns = light.iter_mut().zip(lr).zip(lg).zip(lb).zip(rr).zip(rg).zip(rb);
        for ((((((light, lr), lg), lb), rr), rg), rb) in columns {
            let sum = lr * left[0] + lg * left[1] + lb * left[2]
                + rr * right[0] + rg * right[1] + rb * right[2];
            *light = (sum + 0.5).clamp(0.0, f32::from(MOST)) as i32 as u16;
        }
    }
}
