// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Separable resampling as Pillow and OpenCV do it: columns first, then rows, with whole values
//! in between.

use super::geometry::Span;
use super::wide::wide;
use crate::spec::Interpolation;

/// Weights come in groups of this many, so that row loops have a fixed length.
const GROUP: usize = 16;

/// Rounds up to whole groups.
pub(super) const fn padded(length: usize) -> usize {
    length.next_multiple_of(GROUP)
}

/// For every sample of a destination axis, where its source samples start and how they are weighted.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    starts: Vec<u32>,
    /// `stride` for each destination sample: `taps` weights, then zeros.
    weights: Vec<i16>,
    taps: usize,
    stride: usize,
    /// Fraction bits of the weights.
    precision: u32,
}

struct Kernel {
    weight: fn(f64) -> f64,
    support: f64,
    /// The kernel widens when the picture shrinks.
    antialias: bool,
    /// Samples beyond the edge repeat the edge, else they do not count.
    replicate: bool,
    /// A sample counts with the part of it that the kernel covers.
    area: bool,
}

impl Kernel {
    fn new(interpolation: Interpolation, scale: f64) -> Self {
        let antialiased = |weight, support| Self {
            weight,
            support,
            antialias: true,
            replicate: false,
            area: false,
        };
        match interpolation {
            Interpolation::BicubicAntialiased => antialiased(|x| cubic(x, -0.5), 2.0),
            Interpolation::BilinearAntialiased => antialiased(|x| (1.0 - x.abs()).max(0.0), 1.0),
            Interpolation::LanczosAntialiased => antialiased(lanczos3, 3.0),
            Interpolation::AreaOrBicubicOpencv if scale > 1.0 => Self {
                area: true,
                ..antialiased(|_| 1.0, 0.5)
            },
            Interpolation::BicubicOpencv | Interpolation::AreaOrBicubicOpencv => Self {
                weight: |x| cubic(x, -0.75),
                support: 2.0,
                antialias: false,
                replicate: true,
                area: false,
            },
            Interpolation::Nearest => Self {
                weight: |x| f64::from(x > -0.5 && x <= 0.5),
                support: 0.5,
                antialias: false,
                replicate: true,
                area: false,
            },
        }
    }
}

/// R. Keys' cubic convolution kernel.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

fn lanczos3(x: f64) -> f64 {
    let sinc = |x: f64| {
        let x = x * std::f64::consts::PI;
        if x == 0.0 { 1.0 } else { x.sin() / x }
    };
    if x.abs() < 3.0 {
        sinc(x) * sinc(x / 3.0)
    } else {
        0.0
    }
}

impl Axis {
    /// The stretch `span` of `source` samples of `depth` bits (at most 15) onto `destination`
    /// samples, resized to `halfway` samples first where there is such a number.
    pub(super) fn new(
        source: usize,
        span: Span,
        halfway: Option<usize>,
        destination: usize,
        depth: u32,
        interpolation: Interpolation,
    ) -> Self {
        let rows = match halfway {
            None => weights(source, span, destination, interpolation),
            Some(halfway) => {
                let whole = Span {
                    start: 0.0,
                    length: halfway as f64,
                };
                chained(
                    &weights(source, span, halfway, interpolation),
                    &weights(halfway, whole, destination, interpolation),
                )
            }
        };
        let taps = rows
            .iter()
            .map(|(_, weights)| weights.len())
            .max()
            .unwrap_or(1);
        let stride = padded(taps);
        let precision = precision(rows.iter().map(|(_, weights)| weights.as_slice()), depth);
        let mut axis = Self {
            starts: Vec::with_capacity(destination),
            weights: Vec::with_capacity(destination * stride),
            taps,
            stride,
            precision,
        };
        for (start, weights) in &rows {
            axis.starts.push(*start as u32);
            axis.weights.extend(quantised(weights, precision));
            axis.weights.resize(axis.starts.len() * stride, 0);
        }
        axis
    }

    /// Samples that a source line must have, the zeros behind its end included.
    pub(super) fn line_length(&self) -> usize {
        self.starts
            .iter()
            .max()
            .map_or(0, |&start| start as usize + self.stride)
    }

    /// A weighted sum as a sample.
    #[inline(always)]
    fn round(&self, sum: i32, (least, most): (i16, i16)) -> i16 {
        let rounded = (sum + (1 << (self.precision - 1))) >> self.precision;
        rounded.clamp(i32::from(least), i32::from(most)) as i16
    }

    /// Whether each of `source` samples is used at all.
    pub(super) fn used(&self, source: usize) -> Vec<bool> {
        let mut used = vec![false; source];
        for (start, weights) in self
            .starts
            .iter()
            .zip(self.weights.chunks_exact(self.stride))
        {
            for (offset, _) in weights
                .iter()
                .enumerate()
                .filter(|&(_, &weight)| weight != 0)
            {
                used[*start as usize + offset] = true;
            }
        }
        used
    }
}

/// For each destination sample its first source sample and the weights from there on.
type Rows = Vec<(usize, Vec<f64>)>;

fn weights(source: usize, span: Span, destination: usize, interpolation: Interpolation) -> Rows {
    let scale = span.length / destination as f64;
    let kernel = Kernel::new(interpolation, scale);
    let widening = if kernel.antialias {
        scale.max(1.0)
    } else {
        1.0
    };
    (0..destination)
        .map(|index| {
            let centre = span.start + (index as f64 + 0.5) * scale;
            weights_at(&kernel, centre, widening, source)
        })
        .collect()
}

/// `first`, then `second`, in one go: both are linear.
fn chained(first: &Rows, second: &Rows) -> Rows {
    let chain = |(start, weights): &(usize, Vec<f64>)| {
        let inner = &first[*start..*start + weights.len()];
        let low = inner.iter().map(|(start, _)| *start).min().unwrap_or(0);
        let end = inner
            .iter()
            .map(|(start, weights)| start + weights.len())
            .max();
        let mut sums = vec![0.0; end.unwrap_or(low + 1) - low];
        for (outer, (start, weights)) in weights.iter().zip(inner) {
            for (sum, weight) in sums[start - low..].iter_mut().zip(weights) {
                *sum += outer * weight;
            }
        }
        (low, sums)
    };
    second.iter().map(chain).collect()
}

/// The first source sample and the weights, which add up to 1.
fn weights_at(kernel: &Kernel, centre: f64, widening: f64, source: usize) -> (usize, Vec<f64>) {
    let radius = kernel.support * widening;
    let (low, high) = (centre - radius, centre + radius);
    let (first, last) = if kernel.area {
        (low.floor(), high.ceil())
    } else {
        // Pillow's rounding of the window (libImaging/Resample.c, precompute_coeffs).
        ((low + 0.5).floor(), (high + 0.5).floor())
    };
    let edge = source as f64 - 1.0;
    let start = first.clamp(0.0, edge);
    let end = (last - 1.0).clamp(start, edge);
    let mut weights = vec![0.0; (end - start) as usize + 1];
    let mut position = first;
    while position < last {
        let inside = position.clamp(start, end);
        if kernel.replicate || inside == position {
            weights[(inside - start) as usize] += if kernel.area {
                (high.min(position + 1.0) - low.max(position)).max(0.0)
            } else {
                (kernel.weight)((position + 0.5 - centre) / widening)
            };
        }
        position += 1.0;
    }
    let sum: f64 = weights.iter().sum();
    if sum == 0.0 {
        weights[0] = 1.0;
    } else {
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
    (start as usize, weights)
}

/// The most fraction bits with which weights fit `i16` and sums of `depth`-bit samples fit `i32`.
fn precision<'a>(rows: impl Iterator<Item = &'a [f64]>, depth: u32) -> u32 {
    let (mut largest, mut sum) = (0.0f64, 1.0f64);
    for row in rows {
        largest = row
            .iter()
            .fold(largest, |largest, weight| largest.max(weight.abs()));
        sum = sum.max(row.iter().map(|weight| weight.abs()).sum());
    }
    let fits = |bits: u32| {
        let unit = f64::from(1u32 << bits);
        largest * unit < 32_000.0 && sum * unit * f64::from(1u32 << depth) < f64::from(1u32 << 30)
    };
    (1..24).rev().find(|&bits| fits(bits)).unwrap_or(1)
}

/// Weights in fixed point whose sum is exactly 1: flat areas keep their value.
fn quantised(weights: &[f64], precision: u32) -> Vec<i16> {
    let unit = 1i32 << precision;
    let mut fixed: Vec<i32> = weights
        .iter()
        .map(|weight| (weight * f64::from(unit)).round() as i32)
        .collect();
    let missing = unit - fixed.iter().sum::<i32>();
    if let Some(largest) = fixed.iter_mut().max_by_key(|weight| **weight) {
        *largest += missing;
    }
    fixed.into_iter().map(|weight| weight as i16).collect()
}

/// The weighted sum of as many samples as there are weights, which are whole groups.
#[inline(always)]
fn weighted_sum(samples: &[i16], weights: &[i16]) -> i32 {
    let groups = samples
        .as_chunks::<GROUP>()
        .0
        .iter()
        .zip(weights.as_chunks::<GROUP>().0);
    groups
        .map(|(samples, weights)| {
            let products = samples.iter().zip(weights);
            products
                .map(|(&sample, &weight)| i32::from(sample) * i32::from(weight))
                .sum::<i32>()
        })
        .sum()
}

/// [`resample_line`] for an axis of `GROUPS` groups of weights for each sample: a fixed number
/// makes it twice as fast.
#[inline(always)]
fn resample_line_of<const GROUPS: usize>(
    line: &[i16],
    axis: &Axis,
    bounds: (i16, i16),
    out: &mut [i16],
) {
    let weights = axis.weights.as_chunks::<GROUP>().0.as_chunks::<GROUPS>().0;
    for ((out, &start), weights) in out.iter_mut().zip(&axis.starts).zip(weights) {
        let window = &line[start as usize..start as usize + GROUPS * GROUP];
        *out = axis.round(weighted_sum(window, weights.as_flattened()), bounds);
    }
}

wide! {
    /// One line of at least [`Axis::line_length`] samples onto the axis, clipped to `bounds`.
    fn resample_line(line: &[i16], axis: &Axis, bounds: (i16, i16), out: &mut [i16]) {
        match axis.stride / GROUP {
            1 => resample_line_of::<1>(line, axis, bounds, out),
            2 => resample_line_of::<2>(line, axis, bounds, out),
            3 => resample_line_of::<3>(line, axis, bounds, out),
            4 => resample_line_of::<4>(line, axis, bounds, out),
            _ => {
                let weights = axis.weights.chunks_exact(axis.stride);
                for ((out, &start), weights) in out.iter_mut().zip(&axis.starts).zip(weights) {
                    let window = &line[start as usize..start as usize + axis.stride];
                    *out = axis.round(weighted_sum(window, weights), bounds);
                }
            }
        }
    }

    /// Sample `row` of the axis along the columns of `lines`, which are `stride` apart and whole
    /// groups long. Clipped to `bounds`.
    fn resample_rows(
        lines: &[i16],
        stride: usize,
        axis: &Axis,
        row: usize,
        bounds: (i16, i16),
        out: &mut [i16],
    ) {
        let first = axis.starts[row] as usize;
        let weights = &axis.weights[row * axis.stride..row * axis.stride + axis.taps];
        for (group, out) in out.as_chunks_mut::<GROUP>().0.iter_mut().enumerate() {
            let mut sums = [0; GROUP];
            let column = lines[first * stride + group * GROUP..].chunks(stride);
            for (samples, &weight) in column.zip(weights) {
                let samples = samples.first_chunk::<GROUP>().unwrap_or(&[0; GROUP]);
                for (sum, &sample) in sums.iter_mut().zip(samples) {
                    *sum += i32::from(sample) * i32::from(weight);
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = axis.round(sum, bounds);
            }
        }
    }
}
