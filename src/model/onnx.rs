// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Users' `.onnx` files: one picture in, one map out.

use super::ModelError;
use super::files::name_from;
use crate::graph::{self, OnnxSummary, OnnxTensor};
use crate::spec::{Interpolation, ModelSpec, OutputMeaning, ResizePolicy, Size};
use std::path::{Path, PathBuf};

/// A ready graph.
#[derive(Clone, Debug)]
pub struct OnnxModel {
    /// The file.
    pub path: PathBuf,
    /// What it says of itself.
    pub summary: OnnxSummary,
    /// The network size, where the graph has only one.
    pub fixed_size: Option<Size>,
}

/// The size to aim at where neither the graph nor its metadata tell: Depth Anything's and close to
/// the classic DPT's.
const DEFAULT_SIDE: u32 = 518;
/// Divides neither by 14 nor by 16 alone; both families take it.
const DEFAULT_MULTIPLE: u32 = 14;
/// The normalisation that most exported depth models expect (ImageNet's).
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Fewer channels than this on an output's second axis are classes' scores.
const MAX_CLASSES: i64 = 256;

pub(super) fn open(path: &Path) -> Result<(ModelSpec, OnnxModel), ModelError> {
    let summary = graph::inspect(path)?;
    let wrong = |reason: String| ModelError::Interface {
        path: path.into(),
        reason,
    };
    let [input] = summary.inputs.as_slice() else {
        return Err(wrong(format!(
            "it has {} inputs, not one picture",
            summary.inputs.len()
        )));
    };
    let sides = sides(input).ok_or_else(|| {
        wrong(format!(
            "its input {} of {} {:?} is no picture [N, 3, H, W] or [N, H, W, 3] of float or uint8",
            input.name, input.element, input.dims
        ))
    })?;
    let fixed_size = match sides {
        (Some(height), Some(width)) => Some(Size::new(height, width)),
        _ => None,
    };
    let mut spec = match summary.metadata.get(ModelSpec::METADATA_KEY) {
        Some(json) => ModelSpec::from_json(json).map_err(|error| {
            wrong(format!(
                "its {} is damaged: {error}",
                ModelSpec::METADATA_KEY
            ))
        })?,
        None => defaults(path, &summary)?,
    };
    if let Some(size) = fixed_size {
        spec.network_size = size;
        spec.multiple = 1;
        if spec.resize_policy != ResizePolicy::Letterbox {
            spec.resize_policy = ResizePolicy::Squash;
        }
    }
    let onnx = OnnxModel {
        path: path.into(),
        summary,
        fixed_size,
    };
    Ok((spec, onnx))
}

/// Height and width of a picture input, where they are fixed.
fn sides(input: &OnnxTensor) -> Option<(Option<u32>, Option<u32>)> {
    if !matches!(input.element.as_str(), "float" | "uint8") {
        return None;
    }
    let side = |dim: Option<i64>| match dim {
        None => Some(None),
        Some(size) => u32::try_from(size).ok().map(Some),
    };
    match input.dims.as_slice() {
        [_, Some(3), h, w] | [_, h, w, Some(3)] => Some((side(*h)?, side(*w)?)),
        _ => None,
    }
}

fn defaults(path: &Path, summary: &OnnxSummary) -> Result<ModelSpec, ModelError> {
    let Some(output) = summary.outputs.first() else {
        return Err(ModelError::Interface {
            path: path.into(),
            reason: "it has no output".into(),
        });
    };
    let scores = matches!(output.dims.as_slice(), [_, Some(2..=MAX_CLASSES), _, _]);
    let labels = scores || output.element != "float";
    Ok(ModelSpec {
        name: name_from(path),
        multiple: DEFAULT_MULTIPLE,
        network_size: Size::new(DEFAULT_SIDE, DEFAULT_SIDE),
        resize_policy: ResizePolicy::LowerBound,
        interpolation: Interpolation::BicubicAntialiased,
        mean: MEAN,
        std: STD,
        output: if labels {
            OutputMeaning::Labels
        } else {
            OutputMeaning::InverseRelative
        },
        canonical_focal: None,
        sky: false,
        labels: Vec::new(),
    })
}
