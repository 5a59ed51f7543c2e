// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Tables of positions, trained for one grid, brought to another when the graph is built: as an
//! operator of the graph, bicubic resizing fails in half of all runtimes.

use super::config::Positions;

/// Keys' parameter in PyTorch's bicubic resize.
const CUBIC_A: f64 = -0.75;

/// One output pixel of a resized axis: input pixels and their weights.
type Taps = Vec<(usize, f32)>;

/// Where on the input axis pixel `index` of the output lies, with half-pixel centres.
fn source(index: usize, scale: f64) -> f64 {
    (index as f64 + 0.5) * scale - 0.5
}

/// PyTorch's bilinear, `align_corners=False`.
fn bilinear(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    (0..to)
        .map(|index| {
            let position = source(index, scale).max(0.0);
            let low = (position as usize).min(from - 1);
            let share = (position - low as f64) as f32;
            vec![(low, 1.0 - share), ((low + 1).min(from - 1), share)]
        })
        .collect()
}

/// PyTorch's bicubic, `align_corners=False`, where one output pixel is `scale` input pixels.
fn bicubic(from: usize, to: usize, scale: f64) -> Vec<Taps> {
    let near = |x: f64| ((CUBIC_A + 2.0) * x - (CUBIC_A + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((CUBIC_A * x - 5.0 * CUBIC_A) * x + 8.0 * CUBIC_A) * x - 4.0 * CUBIC_A;
    (0..to)
        .map(|index| {
            let position = source(index, scale);
            let low = position.floor();
            let t = position - low;
            let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
            weights
                .iter()
                .zip(-1i64..)
                .map(|(weight, offset)| {
                    let pixel = (low as i64 + offset).clamp(0, from as i64 - 1);
                    (pixel as usize, *weight as f32)
                })
                .collect()
        })
        .collect()
}

/// Resizes `[h, w, depth]` along both axes, columns first.
fn resize(grid: &[f32], width: usize, depth: usize, rows: &[Taps], columns: &[Taps]) -> Vec<f32> {
    let height = grid.len() / (width * depth).max(1);
    let mut across = Vec::with_capacity(height * columns.len() * depth);
    for row in grid.chunks_exact(width * depth) {
        for taps in columns {
            across.extend((0..depth).map(|d| {
                taps.iter()
                    .map(|(column, weight)| row[column * depth + d] * weight)
                    .sum::<f32>()
            }));
        }
    }
    let stride = columns.len() * depth;
    let mut out = Vec::with_capacity(rows.len() * stride);
    for taps in rows {
        out.extend((0..stride).map(|at| {
            taps.iter()
                .map(|(row, weight)| across[row * stride + at] * weight)
                .sum::<f32>()
        }));
    }
    out
}

/// A position embedding `[1 + h·w, depth]` for another grid; the class token's row stays.
pub(super) fn embedding(
    table: &[f32],
    depth: usize,
    from: (usize, usize),
    to: (usize, usize),
    how: Positions,
) -> Vec<f32> {
    if from == to {
        return table.to_vec();
    }
    let (class, grid) = table.split_at(depth);
    let axis = |from: usize, to: usize| match how {
        Positions::None | Positions::Bilinear => bilinear(from, to),
        Positions::Bicubic => bicubic(from, to, from as f64 / to as f64),
        Positions::BicubicOffset => bicubic(from, to, from as f64 / (to as f64 + 0.1)),
    };
    let (rows, columns) = (axis(from.0, to.0), axis(from.1, to.1));
    [class, &resize(grid, from.1, depth, &rows, &columns)].concat()
}

/// BEiT's table of biases by relative position `[(2h − 1)(2w − 1) + 3, heads]` for another grid,
/// as `[heads, entries]`; the three entries of the class token stay (isl-org/MiDaS
/// `backbones/beit.py`, transformers' `BeitRelativePositionBias`).
pub(super) fn relative_biases(
    table: &[f32],
    heads: usize,
    from: (usize, usize),
    to: (usize, usize),
) -> Vec<f32> {
    let spans = |(h, w): (usize, usize)| (2 * h - 1, 2 * w - 1);
    let ((from_h, from_w), (to_h, to_w)) = (spans(from), spans(to));
    let (grid, class) = table.split_at(from_h * from_w * heads);
    let entries = if from == to {
        table.to_vec()
    } else {
        let (rows, columns) = (bilinear(from_h, to_h), bilinear(from_w, to_w));
        [&resize(grid, from_w, heads, &rows, &columns), class].concat()
    };
    super::fold::transposed(&entries, entries.len() / heads, heads)
}

/// For each pair of tokens of a grid, the entry of a table of relative positions
/// `[(2h − 1)(2w − 1)]`, row-major `[h·w, h·w]`.
pub(super) fn relative_index((h, w): (usize, usize)) -> Vec<i64> {
    let place = |token: usize| (token / w, token % w);
    let mut index = Vec::with_capacity(h * w * h * w);
    for query in 0..h * w {
        let (qr, qc) = place(query);
        index.extend((0..h * w).map(|key| {
            let (kr, kc) = place(key);
            ((qr + h - 1 - kr) * (2 * w - 1) + (qc + w - 1 - kc)) as i64
        }));
    }
    index
}

/// [`relative_index`] with the class token in front: its three entries are the table's last.
pub(super) fn relative_index_with_class(grid: (usize, usize)) -> Vec<i64> {
    let tokens = grid.0 * grid.1;
    let inner = relative_index(grid);
    let first = ((2 * grid.0 - 1) * (2 * grid.1 - 1)) as i64;
    let (class_to_token, token_to_class, class_to_class) = (first, first + 1, first + 2);
    let mut index = vec![class_to_class];
    index.extend(std::iter::repeat_n(class_to_token, tokens));
    for row in inner.chunks_exact(tokens.max(1)) {
        index.push(token_to_class);
        index.extend_from_slice(row);
    }
    index
}
