// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a model's output tensor to a map.

use super::EngineError;
use crate::inference::TensorView;
use crate::spec::{ModelSpec, OutputMeaning, Size};

/// One result of a model, row-major at the network's output size.
#[derive(Clone, Debug, PartialEq)]
pub enum Map {
    /// Depth, as [`ModelSpec::output`](crate::spec::ModelSpec::output) says; infinite where the model tells sky.
    Depth(Vec<f32>),
    /// Class indices.
    Labels(Vec<u8>),
}

/// The result of one picture of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) row: usize,
    /// Pictures in the run.
    pub(super) of: usize,
}

impl Row {
    /// Its part of a tensor's data.
    pub(super) fn part<T>(self, data: &[T]) -> &[T] {
        let length = data.len() / self.of.max(1);
        &data[self.row * length..][..length]
    }

    /// The dimensions of that part, as if it were the result of a run of one. `None` where the
    /// tensor is not one for each picture.
    fn dims(self, dims: &[usize]) -> Option<([usize; 4], usize)> {
        let mut own = [1; 4];
        own.get_mut(..dims.len())?.copy_from_slice(dims);
        if self.of > 1 {
            if dims.len() < 3 || dims[0] != self.of {
                return None;
            }
            own[0] = 1;
        }
        Some((own, dims.len()))
    }
}

/// A tensor's dimensions as planes, height and width, and whether the planes come last. With
/// four dimensions the pair that has the network's aspect ratio is the map, the rest a class each.
fn planes(dims: &[usize], network: Size) -> Option<(usize, Size, bool)> {
    let size = |h: usize, w: usize| Some(Size::new(u32::try_from(h).ok()?, u32::try_from(w).ok()?));
    let distortion = |h: usize, w: usize| {
        let expected = f64::from(network.width) / f64::from(network.height);
        (w as f64 / h as f64 / expected).ln().abs()
    };
    match *dims {
        [h, w] | [1, h, w] | [1, 1, h, w] | [1, h, w, 1] => Some((1, size(h, w)?, false)),
        [1, a, b, c] if distortion(a, b) < distortion(b, c) => Some((c, size(a, b)?, true)),
        [1, a, b, c] => Some((a, size(b, c)?, false)),
        _ => None,
    }
}

/// From this value of a sky head on a pixel is sky (`compute_sky_mask` of Depth-Anything-3
/// `utils/alignment.py`).
const SKY_FROM: f32 = 0.3;

/// How a model's outputs are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    segmentation: bool,
    /// Whether the second output says where sky is.
    sky: bool,
    network: Size,
}

impl Reader {
    pub(super) fn new(spec: &ModelSpec, network: Size) -> Self {
        Self {
            segmentation: spec.output == OutputMeaning::Labels,
            sky: spec.sky,
            network,
        }
    }

    /// Copies what the outputs say of one picture of the run into `map`. The map's size.
    pub(super) fn read(
        &self,
        first: &TensorView<'_>,
        second: Option<TensorView<'_>>,
        row: Row,
        map: &mut Map,
    ) -> Result<Size, EngineError> {
        let size = read(first, row, self.segmentation, self.network, map)?;
        if let (true, Map::Depth(values), Some(TensorView::F32 { data, .. })) =
            (self.sky, map, second)
        {
            let skies = values.iter_mut().zip(row.part(data));
            for (value, _) in skies.filter(|(_, sky)| **sky >= SKY_FROM) {
                *value = f32::INFINITY;
            }
        }
        Ok(size)
    }
}

/// Copies a picture's output into `map`; scores of several classes become the index of the highest.
fn read(
    tensor: &TensorView<'_>,
    row: Row,
    segmentation: bool,
    network: Size,
    map: &mut Map,
) -> Result<Size, EngineError> {
    let dims = tensor.dims();
    let unusable =
        |why: &str| EngineError::Shape(format!("its output has shape {dims:?} and {why}"));
    let (classes, size, channels_last) = row
        .dims(dims)
        .and_then(|(own, length)| planes(&own[..length], network))
        .ok_or_else(|| unusable("is no map [N, H, W] or [N, C, H, W]"))?;
    match (tensor, segmentation, classes) {
        (TensorView::F32 { data, .. }, false, 1) => {
            let out = depth(map);
            out.clear();
            out.extend_from_slice(row.part(data));
        }
        (TensorView::U8 { data, .. }, true, 1) => {
            let out = labels(map);
            out.clear();
            out.extend_from_slice(row.part(data));
        }
        (TensorView::I64 { data, .. }, true, 1) => {
            let out = labels(map);
            out.clear();
            out.extend(
                row.part(data)
                    .iter()
                    .map(|&class| u8::try_from(class).unwrap_or(u8::MAX)),
            );
        }
        (TensorView::F32 { data, .. }, true, 2..=256) => {
            arg_max(
                row.part(data),
                classes,
                size.area(),
                channels_last,
                labels(map),
            );
        }
        (_, true, _) => {
            return Err(unusable(
                "holds no class indices or scores of 2 to 256 classes",
            ));
        }
        (_, false, _) => return Err(unusable("is no single f32 map")),
    }
    Ok(size)
}

fn depth(map: &mut Map) -> &mut Vec<f32> {
    if !matches!(map, Map::Depth(_)) {
        *map = Map::Depth(Vec::new());
    }
    match map {
        Map::Depth(values) => values,
        Map::Labels(_) => unreachable!("replaced above"),
    }
}

fn labels(map: &mut Map) -> &mut Vec<u8> {
    if !matches!(map, Map::Labels(_)) {
        *map = Map::Labels(Vec::new());
    }
    match map {
        Map::Labels(values) => values,
        Map::Depth(_) => unreachable!("replaced above"),
    }
}

fn arg_max(scores: &[f32], classes: usize, pixels: usize, channels_last: bool, out: &mut Vec<u8>) {
    let score = |pixel: usize, class: usize| {
        if channels_last {
            scores[pixel * classes + class]
        } else {
            scores[class * pixels + pixel]
        }
    };
    out.clear();
    out.extend((0..pixels).map(|pixel| {
        let mut best = 0;
        for class in 1..classes {
            if score(pixel, class) > score(pixel, best) {
                best = class;
            }
        }
        u8::try_from(best).unwrap_or(u8::MAX)
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_recognised_by_their_dimensions() {
        let size = Size::new(24, 32);
        let planes = |dims: &[usize]| planes(dims, Size::new(48, 64));
        assert_eq!(planes(&[1, 24, 32]), Some((1, size, false)));
        assert_eq!(planes(&[1, 1, 24, 32]), Some((1, size, false)));
        assert_eq!(planes(&[1, 24, 32, 1]), Some((1, size, false)));
        assert_eq!(planes(&[1, 150, 24, 32]), Some((150, size, false)));
        assert_eq!(planes(&[1, 24, 32, 150]), Some((150, size, true)));
        assert_eq!(planes(&[1000]), None);
        assert_eq!(planes(&[2, 2, 24, 32]), None);
    }

    #[test]
    fn the_highest_score_wins_in_either_layout() {
        let mut planar = Vec::new();
        arg_max(&[0.1, 0.9, 0.2, 0.1, 0.3, 0.0], 3, 2, false, &mut planar);
        assert_eq!(planar, [2, 0]);
        let mut packed = Vec::new();
        arg_max(&[0.1, 0.2, 0.3, 0.9, 0.1, 0.0], 3, 2, true, &mut packed);
        assert_eq!(packed, planar);
    }
}
