// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Swin Transformer V2 (arXiv 2111.09883): attention inside windows, which move by half their side
//! in every second block, and four resolutions. Cutting into windows, moving and padding are one
//! gathering of tokens; cutting back is another.

use super::attention::{attend, to_heads, transposed_keys};
use super::config::{DptConfig, Swinv2Config};
use super::encoder::layer_norm;
use super::fold::Linear;
use super::{Context, DptError, full, positions};
use crate::checkpoint::Scope;
use crate::graph::{Builder, Value};
use ndarray::{Array1, Array2, Array4, Zip, indices};

/// Hidden values of the network that works biases out from offsets.
const BIAS_HIDDEN: usize = 512;
/// The largest factor of the cosine is e to this.
const MAX_LOGIT_SCALE: f32 = 4.605_170_2;
const NORM_EPS: f32 = 1e-12;

/// Runs the stages on tokens `[N, T, C]`; one map a stage, `[N, C·2ˢ, h/2ˢ, w/2ˢ]`.
pub(super) fn build(
    b: &mut Builder,
    config: &DptConfig,
    swin: &Swinv2Config,
    scope: &Scope<'_>,
    context: &Context<'_>,
    tokens: &Value,
) -> Result<Vec<Value>, DptError> {
    let mut grid = context.grid;
    let mut trained = config.trained_grid();
    let mut x = tokens.clone();
    let mut maps = Vec::new();
    for (index, depth) in swin.depths.iter().enumerate() {
        let scope = scope.at("stages").at(index);
        let stage = Stage::new(config, swin, index, grid, trained);
        b.within(format!("stage{index}"), |b| {
            let side = (stage.window, stage.window);
            let biases = b.indices(positions::relative_index(side));
            let plain = stage.windows(b, 0);
            let moves = stage.shift > 0 && *depth > 1;
            let moved = moves.then(|| stage.windows(b, stage.shift));
            for block in 0..*depth {
                let windows = moved.as_ref().filter(|_| block % 2 == 1).unwrap_or(&plain);
                let scope = scope.at("blocks").at(block);
                x = b.within(format!("block{block}"), |b| {
                    stage.block(b, &scope, context, windows, &biases, &x)
                })?;
            }
            let planes = b.transpose(&x, &[0, 2, 1])?;
            maps.push(b.reshape(&planes, &[stage.channels, grid.0, grid.1])?);
            if index + 1 < swin.depths.len() {
                x = merge(b, &scope.at("downsample"), context, &x, grid)?;
            }
            Ok::<_, DptError>(())
        })?;
        grid = half(grid);
        trained = half(trained);
    }
    Ok(maps)
}

fn half((h, w): (usize, usize)) -> (usize, usize) {
    (h.div_ceil(2), w.div_ceil(2))
}

/// What the blocks of a stage share.
struct Stage {
    channels: usize,
    inner: usize,
    heads: usize,
    epsilon: f32,
    grid: (usize, usize),
    /// Side of a window.
    window: usize,
    /// By how much every second block's windows are moved.
    shift: usize,
    /// Added to the scores of tokens that are no neighbours.
    mask: f32,
    /// Side of the windows that the biases were trained with.
    pretrained: usize,
}

/// A stage's tokens in windows.
struct Windows {
    count: usize,
    /// The token of each place `[count · side²]`; one beyond the last for padding.
    into: Value,
    /// The place of each token.
    back: Value,
    padded: bool,
    /// `[count, 1, side², side²]`, where windows are moved.
    mask: Option<Value>,
}

impl Stage {
    fn new(
        config: &DptConfig,
        swin: &Swinv2Config,
        index: usize,
        grid: (usize, usize),
        trained: (usize, usize),
    ) -> Self {
        // Windows and their moves follow the size of training; a grid that they do not fit is
        // padded. A stage that was one window in training never moves.
        let smaller = trained.0.min(trained.1);
        let window = swin.window_size.min(smaller).max(1);
        let pretrained = swin.pretrained_window_sizes[index];
        Self {
            channels: config.hidden_size << index,
            inner: config.intermediate_size << index,
            heads: swin.num_heads[index],
            epsilon: config.layer_norm_eps,
            grid,
            window,
            mask: swin.mask,
            shift: if smaller <= window {
                0
            } else {
                swin.window_size / 2
            },
            pretrained: if pretrained > 0 { pretrained } else { window },
        }
    }

    fn windows(&self, b: &mut Builder, shift: usize) -> Windows {
        let (h, w) = self.grid;
        let side = self.window;
        let (down, across) = (h.div_ceil(side), w.div_ceil(side));
        let (padded_h, padded_w) = (down * side, across * side);
        // Windows in rows and columns, and in each its own.
        let shape = (down, across, side, side);
        let into = Array4::from_shape_fn(shape, |(i, j, y, x)| {
            let row = (i * side + y + shift) % padded_h;
            let column = (j * side + x + shift) % padded_w;
            let inside = row < h && column < w;
            (if inside { row * w + column } else { h * w }) as i64
        });
        let into = into.into_flat();
        let mut back = Array1::zeros(h * w);
        for (place, token) in (0i64..).zip(&into) {
            if let Some(back) = back.get_mut(*token as usize) {
                *back = place;
            }
        }
        // Of three strips: what stays together, and the two that meet across the edge.
        let region = |at: usize, size: usize| {
            usize::from(at >= size - side) + usize::from(at >= size - shift)
        };
        let tokens = side * side;
        let mask = (shift > 0).then(|| {
            let regions = Array4::from_shape_fn(shape, |(i, j, y, x)| {
                region(i * side + y, padded_h) * 3 + region(j * side + x, padded_w)
            });
            let mut mask = Array4::zeros((down * across, 1, tokens, tokens));
            let windows = regions.exact_chunks((1, 1, side, side));
            for (mut mask, window) in mask.outer_iter_mut().zip(windows) {
                let pairs = window
                    .iter()
                    .flat_map(|query| window.iter().map(move |key| (query, key)));
                for (mask, (query, key)) in mask.iter_mut().zip(pairs) {
                    *mask = if key == query { 0.0 } else { self.mask };
                }
            }
            b.constant(mask)
        });
        Windows {
            count: down * across,
            padded: into.len() > h * w,
            into: b.indices(into),
            back: b.indices(back),
            mask,
        }
    }

    /// x + norm(attention(x)), then x + norm(mlp(x)); `biases` are the entries of the table of
    /// biases `[side², side²]`.
    fn block(
        &self,
        b: &mut Builder,
        scope: &Scope<'_>,
        context: &Context<'_>,
        windows: &Windows,
        biases: &Value,
        x: &Value,
    ) -> Result<Value, DptError> {
        let attended = b.within("attention", |b| {
            self.attention(b, scope, context, windows, biases, x)
        })?;
        let attended = full(b, &attended);
        let normal = layer_norm(b, &scope.at("norm1"), &attended, self.epsilon)?;
        let x = b.add(x, &normal)?;
        let hidden = Linear::read(&scope.at("fc1"), self.channels, self.inner, true)?;
        let half = context.half(b, &x);
        let hidden = hidden.apply(b, &half)?;
        let hidden = b.gelu(&hidden)?;
        let mlp = Linear::read(&scope.at("fc2"), self.inner, self.channels, true)?;
        let mlp = mlp.apply(b, &hidden)?;
        let mlp = full(b, &mlp);
        let normal = layer_norm(b, &scope.at("norm2"), &mlp, self.epsilon)?;
        Ok(b.add(&x, &normal)?)
    }

    /// Cosine attention inside each window.
    fn attention(
        &self,
        b: &mut Builder,
        scope: &Scope<'_>,
        context: &Context<'_>,
        windows: &Windows,
        biases: &Value,
        x: &Value,
    ) -> Result<Value, DptError> {
        let (c, heads, tokens) = (self.channels, self.heads, self.window * self.window);
        let x = context.half(b, x);
        let padded = if windows.padded {
            b.pad_tokens(&x, 0, 1)?
        } else {
            x
        };
        let cut = b.gather(&padded, 1, &windows.into)?;
        let cut = b.reshape(&cut, &[windows.count, tokens, c])?;
        let mut project = |name: &str, bias: bool| {
            let y = Linear::read(&scope.at(name), c, c, bias)?.apply(b, &cut)?;
            to_heads(b, &y, heads)
        };
        let query = project("query", scope.has("query.bias"))?;
        let key = project("key", scope.has("key.bias"))?;
        let value = project("value", scope.has("value.bias"))?;
        let query = unit(b, &query)?;
        let scale = scope.tensor("logit_scale", [heads, 1, 1])?;
        let scale = b.constant(scale.mapv(|scale| scale.min(MAX_LOGIT_SCALE).exp()));
        let query = b.mul(&query, &scale)?;
        let key = unit(b, &key)?;
        let key = transposed_keys(b, &key)?;
        let table = b.constant(self.biases(scope)?);
        let bias = b.gather(&table, 1, biases)?;
        let added: Vec<&Value> = [&bias].into_iter().chain(&windows.mask).collect();
        let mixed = attend(b, &query, &key, &value, &added)?;
        let output = Linear::read(&scope.at("output"), c, c, true)?.apply(b, &mixed)?;
        let places = b.reshape(&output, &[windows.count * tokens, c])?;
        Ok(b.gather(&places, 1, &windows.back)?)
    }

    /// The biases by relative position `[heads, (2·side − 1)²]`: 16 · sigmoid of what a small
    /// network says to the logarithms of the offsets.
    fn biases(&self, scope: &Scope<'_>) -> Result<Array2<f32>, DptError> {
        let scope = scope.at("position_mlp");
        let first = scope.tensor("0.weight", [BIAS_HIDDEN, 2])?;
        let offset = scope.tensor("0.bias", [BIAS_HIDDEN])?;
        let second = scope.tensor("2.weight", [self.heads, BIAS_HIDDEN])?;
        let side = 2 * self.window - 1;
        let reach = (self.pretrained as f32 - 1.0).max(1.0);
        let coordinate = |place: usize| {
            let offset = place as f32 - (self.window as f32 - 1.0);
            let scaled = offset / reach * 8.0;
            scaled.signum() * (scaled.abs() + 1.0).log2() / 3.0
        };
        let mut biases = Array2::zeros((self.heads, side * side));
        for (mut biases, (down, across)) in
            biases.columns_mut().into_iter().zip(indices((side, side)))
        {
            let (y, x) = (coordinate(down), coordinate(across));
            let hidden = Zip::from(first.rows())
                .and(&offset)
                .map_collect(|weight, bias| (weight[0] * y + weight[1] * x + bias).max(0.0));
            Zip::from(&mut biases)
                .and(second.rows())
                .for_each(|bias, weight| {
                    let sum: f32 = weight.iter().zip(&hidden).map(|(w, value)| w * value).sum();
                    *bias = 16.0 / (1.0 + (-sum).exp());
                });
        }
        Ok(biases)
    }
}

/// Vectors `[…, d]` of length one, in 32 bits: their products are multiplied by up to 100 before they
/// are exponents, and so are the products' errors.
fn unit(b: &mut Builder, x: &Value) -> Result<Value, DptError> {
    let x = full(b, x);
    let length = b.reduce_l2(&x);
    let length = b.clip(&length, NORM_EPS, f32::MAX);
    Ok(b.div(&x, &length)?)
}

/// Four neighbours become one token of twice the channels.
fn merge(
    b: &mut Builder,
    scope: &Scope<'_>,
    context: &Context<'_>,
    x: &Value,
    (h, w): (usize, usize),
) -> Result<Value, DptError> {
    let c = x.fixed(2).unwrap_or_default();
    let (down, across) = half((h, w));
    let order = Array4::from_shape_fn((down, across, 2, 2), |(row, column, dx, dy)| {
        let (y, x) = (2 * row + dy, 2 * column + dx);
        let inside = y < h && x < w;
        (if inside { y * w + x } else { h * w }) as i64
    });
    let x = context.half(b, x);
    let x = if order.len() > h * w {
        b.pad_tokens(&x, 0, 1)?
    } else {
        x
    };
    let order = b.indices(order.into_flat());
    let neighbours = b.gather(&x, 1, &order)?;
    let joined = b.reshape(&neighbours, &[down * across, 4 * c])?;
    let reduced = Linear::read(&scope.at("reduction"), 4 * c, 2 * c, false)?.apply(b, &joined)?;
    let reduced = full(b, &reduced);
    layer_norm(b, &scope.at("norm"), &reduced, 1e-5)
}
