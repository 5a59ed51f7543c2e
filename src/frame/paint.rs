// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Rows of indices into rows of a plane's samples, and those over a picture's.

use super::color::rgb_to_yuv;
use super::format::Family;
use super::wide::wide;
use super::{Format, Layout, Lut};

/// Whether chroma is sampled elsewhere than luma.
pub(super) fn has_chroma_grid(format: Format) -> bool {
    format.subsampling() != (0, 0)
}

/// Whether `plane` has samples on the chroma grid.
pub(super) fn holds_chroma(format: Format, plane: usize) -> bool {
    has_chroma_grid(format)
        && format.components()[1..]
            .iter()
            .any(|part| part.plane == plane)
}

/// Whether `plane` has samples on the full grid.
pub(super) fn holds_full(format: Format, plane: usize) -> bool {
    plane == 0 || !has_chroma_grid(format)
}

/// Indices in a table: of values or labels, then of the outlines of labels.
const INDICES: usize = 512;

/// Where the indices of outlines start.
pub(super) const OUTLINES: u16 = 256;

/// What every index is painted with, by component.
pub(super) struct Palette {
    colors: [[u16; 3]; INDICES],
    /// The colour's share of 256.
    shares: [[u16; 3]; INDICES],
}

impl Palette {
    /// The colours of `lut` and a lighter shade of them for outlines, as the components that a
    /// layout has. Colours get `alpha` as their share, outlines all, and what is hidden none.
    pub(super) fn new(layout: &Layout, lut: &Lut, alpha: u16, hidden: Option<u8>) -> Self {
        let Layout {
            format,
            matrix,
            range,
            ..
        } = *layout;
        let code = |color: [u8; 3]| match format.family() {
            Family::Rgb => color.map(u16::from),
            Family::Yuv => rgb_to_yuv(color, matrix, range, format.depth()),
            Family::Gray => [rgb_to_yuv(color, matrix, range, format.depth())[0]; 3],
        };
        let mut palette = Self {
            colors: [[0; 3]; INDICES],
            shares: [[0; 3]; INDICES],
        };
        let (colors, outlines) = palette.colors.split_at_mut(usize::from(OUTLINES));
        for ((to, outline), &color) in colors.iter_mut().zip(outlines).zip(&lut.0) {
            (*to, *outline) = (code(color), code(color.map(lighter)));
        }
        for (index, share) in palette.shares.iter_mut().enumerate() {
            *share = match index {
                _ if hidden.is_some_and(|hidden| index % 256 == usize::from(hidden)) => [0; 3],
                0..256 => [alpha; 3],
                _ => [256; 3],
            };
        }
        palette
    }

    pub(super) fn ink(&self, format: Format, plane: usize, chroma: bool) -> Ink {
        Ink {
            colors: Pass::new(format, plane, chroma, &self.colors, 255),
            shares: Pass::new(format, plane, chroma, &self.shares, 0),
        }
    }
}

/// Halfway to white.
fn lighter(sample: u8) -> u8 {
    sample / 2 + 128
}

/// How the components of a plane that share a grid are painted: their colours, and the shares of
/// those.
pub(super) struct Ink {
    pub(super) colors: Pass,
    pub(super) shares: Pass,
}

/// What the components of a plane that share a grid get for every index.
pub(super) struct Pass {
    /// The samples of one group of `step`.
    groups: [[u16; 4]; INDICES],
    step: usize,
    /// The one sample of the group that is painted, else all.
    only: Option<usize>,
}

impl Pass {
    /// `codes` are those of the three components, `rest` is what a sample of none gets.
    fn new(
        format: Format,
        plane: usize,
        chroma: bool,
        codes: &[[u16; 3]; INDICES],
        rest: u16,
    ) -> Self {
        let parts = format.components();
        let on_grid = |index: usize| !has_chroma_grid(format) || (index > 0) == chroma;
        let mut pass = Self {
            groups: [[rest; 4]; INDICES],
            step: 1,
            only: None,
        };
        for (index, part) in parts.iter().enumerate() {
            if part.plane == plane && on_grid(index) {
                pass.step = part.step;
                for (group, code) in pass.groups.iter_mut().zip(codes) {
                    group[part.offset] = code[index];
                }
            }
        }
        if pass.step == 2 && !chroma {
            pass.only = Some(parts[0].offset);
        }
        pass
    }

    /// The groups of an 8-bit format.
    pub(super) fn bytes(&self) -> [[u8; 4]; INDICES] {
        self.groups.map(|group| group.map(|sample| sample as u8))
    }

    /// Whole pixels of three or four bytes, from [`Self::bytes`].
    pub(super) fn paint_bytes(&self, indices: &[u8], groups: &[[u8; 4]; INDICES], out: &mut [u8]) {
        match self.step {
            3 => paint::<3, _, _>(indices, groups, out),
            _ => paint::<4, _, _>(indices, groups, out),
        }
    }

    pub(super) fn paint<I: Copy + Into<usize>>(&self, indices: &[I], out: &mut [u16]) {
        match (self.only, self.step) {
            (Some(offset), _) => {
                for (group, &index) in out.as_chunks_mut::<2>().0.iter_mut().zip(indices) {
                    group[offset] = self.groups[index.into()][offset];
                }
            }
            (None, 1) => paint::<1, _, _>(indices, &self.groups, out),
            (None, 2) => paint::<2, _, _>(indices, &self.groups, out),
            (None, 3) => paint::<3, _, _>(indices, &self.groups, out),
            (None, _) => paint::<4, _, _>(indices, &self.groups, out),
        }
    }
}

fn paint<const STEP: usize, I: Copy + Into<usize>, T: Copy>(
    indices: &[I],
    groups: &[[T; 4]; INDICES],
    out: &mut [T],
) {
    for (group, &index) in out.as_chunks_mut::<STEP>().0.iter_mut().zip(indices) {
        let samples = &groups[index.into()];
        *group = std::array::from_fn(|offset| samples[offset]);
    }
}

/// Samples whose shares repeat, where they do not depend on the index: a multiple of four.
const PERIOD: usize = 32;

/// Puts colours over a row of samples, each by its share of 256. `even` says that all rows and
/// groups have the same shares.
pub(super) fn blend(
    samples: &mut [u8],
    colors: &[u16],
    shares: &[u16],
    even: bool,
    format: Format,
) {
    if format.sample_bytes() == 2 {
        blend16(samples, colors, shares, format);
    } else if even && shares.len() >= PERIOD {
        let (samples, samples_rest) = samples.as_chunks_mut();
        let (colors, colors_rest) = colors.as_chunks();
        blend8_evenly(samples, colors, shares);
        blend8(samples_rest, colors_rest, shares);
    } else {
        blend8(samples, colors, shares);
    }
}

#[inline(always)]
fn mix8(sample: u8, color: u16, share: u16) -> u8 {
    ((u16::from(sample) * (256 - share) + color * share + 128) >> 8) as u8
}

wide! {
    fn blend8(samples: &mut [u8], colors: &[u16], shares: &[u16]) {
        for ((sample, &color), &share) in samples.iter_mut().zip(colors).zip(shares) {
            *sample = mix8(*sample, color, share);
        }
    }

    /// `shares` holds at least one period.
    fn blend8_evenly(samples: &mut [[u8; PERIOD]], colors: &[[u16; PERIOD]], shares: &[u16]) {
        let shares: [u16; PERIOD] = std::array::from_fn(|at| shares[at]);
        for (samples, colors) in samples.iter_mut().zip(colors) {
            for ((sample, &color), &share) in samples.iter_mut().zip(colors).zip(&shares) {
                *sample = mix8(*sample, color, share);
            }
        }
    }

    fn blend16(samples: &mut [u8], colors: &[u16], shares: &[u16], format: Format) {
        let shift = format.shift();
        let mask = ((1u32 << format.depth()) - 1) as u16;
        let big_endian = format.is_big_endian();
        let samples = samples.as_chunks_mut::<2>().0;
        for ((sample, &color), &share) in samples.iter_mut().zip(colors).zip(shares) {
            let code = if big_endian { u16::from_be_bytes(*sample) } else { u16::from_le_bytes(*sample) };
            let (code, share) = (u32::from((code >> shift) & mask), u32::from(share));
            let mixed = (code * (256 - share) + u32::from(color) * share + 128) >> 8;
            let code = (mixed as u16) << shift;
            *sample = if big_endian { code.to_be_bytes() } else { code.to_le_bytes() };
        }
    }
}
