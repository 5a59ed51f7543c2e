// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Luma and chroma to RGB and back (ITU-T H.273, `MatrixCoefficients` and `VideoFullRangeFlag`).

use super::Format;
use super::wide::wide;

/// How luma and chroma are made of red, green and blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the standards' names")]
pub enum Matrix {
    Bt601,
    Bt709,
    Bt2020,
    Fcc,
    Smpte240m,
}

impl Matrix {
    /// The shares of red and blue in luma.
    const fn kr_kb(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
            Self::Fcc => (0.30, 0.11),
            Self::Smpte240m => (0.212, 0.087),
        }
    }
}

/// Which codes stand for black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColorRange {
    /// 0…255 in 8 bits.
    Full,
    /// 16…235 in 8 bits, chroma 16…240.
    Limited,
}

/// Offsets and scales of luma and chroma codes.
#[derive(Clone, Copy, Debug)]
struct Codes {
    luma_offset: f64,
    luma_scale: f64,
    chroma_offset: f64,
    chroma_scale: f64,
}

impl Codes {
    fn new(range: ColorRange, depth: u32) -> Self {
        let unit = f64::from(1u32 << (depth - 8));
        let full = f64::from((1u32 << depth) - 1);
        let (luma_offset, luma_scale, chroma_scale) = match range {
            ColorRange::Full => (0.0, full, full),
            ColorRange::Limited => (16.0 * unit, 219.0 * unit, 224.0 * unit),
        };
        Self {
            luma_offset,
            luma_scale,
            chroma_offset: 128.0 * unit,
            chroma_scale,
        }
    }
}

/// The least and the most that a component's codes mean. `depth` is at most 15.
pub(super) fn code_bounds(
    format: Format,
    range: ColorRange,
    depth: u32,
    chroma: bool,
) -> (i16, i16) {
    let full = ((1u32 << depth) - 1) as i16;
    if format.is_rgb() || range == ColorRange::Full {
        return (0, full);
    }
    let Codes {
        luma_offset,
        luma_scale,
        chroma_scale,
        ..
    } = Codes::new(range, depth);
    let scale = if chroma { chroma_scale } else { luma_scale };
    (luma_offset as i16, (luma_offset + scale) as i16)
}

/// Fraction bits of [`ToRgb`]'s factors.
const FRACTION: u32 = 16;

/// Luma and chroma codes of one depth to 8-bit RGB, in fixed point.
#[derive(Clone, Copy, Debug)]
pub(super) struct ToRgb {
    luma_offset: i32,
    chroma_offset: i32,
    luma: i32,
    red_v: i32,
    green_u: i32,
    green_v: i32,
    blue_u: i32,
}

impl ToRgb {
    /// `depth` is at most 15.
    pub(super) fn new(matrix: Matrix, range: ColorRange, depth: u32) -> Self {
        let codes = Codes::new(range, depth);
        let (kr, kb) = matrix.kr_kb();
        let kg = 1.0 - kr - kb;
        let fixed = |factor: f64| (factor * 255.0 * f64::from(1 << FRACTION)).round() as i32;
        let chroma = |factor: f64| fixed(factor / codes.chroma_scale);
        Self {
            luma_offset: codes.luma_offset as i32,
            chroma_offset: codes.chroma_offset as i32,
            luma: fixed(1.0 / codes.luma_scale),
            red_v: chroma(2.0 * (1.0 - kr)),
            green_u: chroma(-2.0 * kb * (1.0 - kb) / kg),
            green_v: chroma(-2.0 * kr * (1.0 - kr) / kg),
            blue_u: chroma(2.0 * (1.0 - kb)),
        }
    }
}

fn to_u8(value: i32) -> u8 {
    ((value + (1 << (FRACTION - 1))) >> FRACTION).clamp(0, 255) as u8
}

wide! {
    /// Rows of luma and chroma into rows of red, green and blue.
    fn yuv_to_rgb(convert: &ToRgb, yuv: [&[i16]; 3], rgb: [&mut [u8]; 3]) {
        let ToRgb { luma_offset, chroma_offset, luma, red_v, green_u, green_v, blue_u } = *convert;
        let [ys, us, vs] = yuv;
        let [reds, greens, blues] = rgb;
        let columns = ys.iter().zip(us).zip(vs).zip(reds).zip(greens).zip(blues);
        for (((((&y, &u), &v), red), green), blue) in columns {
            let y = (i32::from(y) - luma_offset) * luma;
            let u = i32::from(u) - chroma_offset;
            let v = i32::from(v) - chroma_offset;
            *red = to_u8(y + v * red_v);
            *green = to_u8(y + u * green_u + v * green_v);
            *blue = to_u8(y + u * blue_u);
        }
    }

    /// A row of luma into a row of gray.
    fn luma_to_gray(convert: &ToRgb, luma: &[i16], gray: &mut [u8]) {
        for (&y, gray) in luma.iter().zip(gray) {
            *gray = to_u8((i32::from(y) - convert.luma_offset) * convert.luma);
        }
    }

    /// A row of 8-bit samples into bytes.
    fn narrow(samples: &[i16], bytes: &mut [u8]) {
        for (&sample, byte) in samples.iter().zip(bytes) {
            *byte = sample as u8;
        }
    }
}

/// An 8-bit RGB colour as luma and chroma codes.
pub(super) fn rgb_to_yuv(rgb: [u8; 3], matrix: Matrix, range: ColorRange, depth: u32) -> [u16; 3] {
    let codes = Codes::new(range, depth);
    let (kr, kb) = matrix.kr_kb();
    let [red, green, blue] = rgb.map(|value| f64::from(value) / 255.0);
    let luma = kr * red + (1.0 - kr - kb) * green + kb * blue;
    let chroma = |difference: f64, share: f64| {
        let code = codes.chroma_offset + codes.chroma_scale * difference / (2.0 * (1.0 - share));
        code.round().clamp(0.0, f64::from((1u32 << depth) - 1)) as u16
    };
    [
        (codes.luma_offset + codes.luma_scale * luma).round() as u16,
        chroma(blue - luma, kb),
        chroma(red - luma, kr),
    ]
}
