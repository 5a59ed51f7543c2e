// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Tables of positions, trained for one grid, brought to another when the graph is built: as an
//! operator of the graph, bicubic resizing fails in half of all runtimes.

use super::config::Positions;
use crate::checkpoint::Tensor;
use ndarray::{Array2, Array3, ArrayRef2, Axis, CowArray, Ix2, indices, s};

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

/// Resizes a grid's table `[h·w, depth]` along both axes, columns first.
fn resize(table: &ArrayRef2<f32>, width: usize, rows: &[Taps], columns: &[Taps]) -> Array2<f32> {
    // As `Iterator::sum` begins: 0.0 would turn sums of negative zeros around.
    let nothing = -0.0;
    let (places, depth) = table.dim();
    let mut across = Array3::from_elem((places / width, columns.len(), depth), nothing);
    let lines = table.axis_chunks_iter(Axis(0), width);
    for (mut across, line) in across.outer_iter_mut().zip(lines) {
        for (mut out, taps) in across.outer_iter_mut().zip(columns) {
            for (column, weight) in taps {
                out.scaled_add(*weight, &line.row(*column));
            }
        }
    }
    let mut out = Array2::from_elem((rows.len() * columns.len(), depth), nothing);
    let lines = out.axis_chunks_iter_mut(Axis(0), columns.len());
    for (mut out, taps) in lines.zip(rows) {
        for (row, weight) in taps {
            out.scaled_add(*weight, &across.index_axis(Axis(0), *row));
        }
    }
    out
}

/// A position embedding `[1 + h·w, depth]` for another grid; the class token's row stays.
pub(super) fn embedding(
    table: Tensor<'_, Ix2>,
    from: (usize, usize),
    to: (usize, usize),
    how: Positions,
) -> Array2<f32> {
    if from == to {
        return table.into_owned();
    }
    let axis = |from: usize, to: usize| match how {
        Positions::None | Positions::Bilinear => bilinear(from, to),
        Positions::Bicubic => bicubic(from, to, from as f64 / to as f64),
        Positions::BicubicOffset => bicubic(from, to, from as f64 / (to as f64 + 0.1)),
    };
    let (rows, columns) = (axis(from.0, to.0), axis(from.1, to.1));
    let grid = resize(&table.slice(s![1.., ..]), from.1, &rows, &columns);
    let mut out = Array2::zeros((1 + grid.nrows(), grid.ncols()));
    out.row_mut(0).assign(&table.row(0));
    out.slice_mut(s![1.., ..]).assign(&grid);
    out
}

/// BEiT's table of biases by relative position `[(2h − 1)(2w − 1) + 3, heads]` for another grid,
/// as `[heads, entries]`; the three entries of the class token stay (isl-org/MiDaS
/// `backbones/beit.py`, transformers' `BeitRelativePositionBias`).
pub(super) fn relative_biases(
    table: &ArrayRef2<f32>,
    from: (usize, usize),
    to: (usize, usize),
) -> Array2<f32> {
    let spans = |(h, w): (usize, usize)| (2 * h - 1, 2 * w - 1);
    let ((from_h, from_w), (to_h, to_w)) = (spans(from), spans(to));
    let (grid, class) = table.view().split_at(Axis(0), from_h * from_w);
    let grid = if from == to {
        CowArray::from(grid)
    } else {
        let (rows, columns) = (bilinear(from_h, to_h), bilinear(from_w, to_w));
        resize(&grid, from_w, &rows, &columns).into()
    };
    let mut out = Array2::zeros((table.ncols(), grid.nrows() + class.nrows()));
    let (mut of_grid, mut of_class) = out.view_mut().split_at(Axis(1), grid.nrows());
    of_grid.assign(&grid.t());
    of_class.assign(&class.t());
    out
}

/// For each pair of tokens of a grid, the entry of a table of relative positions
/// `[(2h − 1)(2w − 1)]`: `[h·w, h·w]`.
pub(super) fn relative_index((h, w): (usize, usize)) -> Array2<i64> {
    let places: Vec<_> = indices((h, w)).into_iter().collect();
    Array2::from_shape_fn((h * w, h * w), |(query, key)| {
        let ((qr, qc), (kr, kc)) = (places[query], places[key]);
        ((qr + h - 1 - kr) * (2 * w - 1) + (qc + w - 1 - kc)) as i64
    })
}

/// [`relative_index`] with the class token in front: its three entries are the table's last.
pub(super) fn relative_index_with_class(grid: (usize, usize)) -> Array2<i64> {
    let side = 1 + grid.0 * grid.1;
    let first = ((2 * grid.0 - 1) * (2 * grid.1 - 1)) as i64;
    let (class_to_token, token_to_class, class_to_class) = (first, first + 1, first + 2);
    let mut index = Array2::zeros((side, side));
    index.row_mut(0).fill(class_to_token);
    index.column_mut(0).fill(token_to_class);
    index[(0, 0)] = class_to_class;
    index.slice_mut(s![1.., 1..]).assign(&relative_index(grid));
    index
}
