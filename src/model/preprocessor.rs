// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `preprocessor_config.json`: what transformers' `DPTImageProcessor` does to a picture.

use super::ModelError;
use crate::spec::{Interpolation, ResizePolicy, Size};
use serde_json::Value as Json;

/// How to prepare pictures.
pub(super) struct Processing {
    pub(super) size: Size,
    pub(super) multiple: u32,
    pub(super) policy: ResizePolicy,
    pub(super) interpolation: Interpolation,
    pub(super) mean: [f32; 3],
    pub(super) std: [f32; 3],
}

/// transformers' `IMAGENET_STANDARD_MEAN` and `_STD`, the processor's defaults.
const STANDARD: [f32; 3] = [0.5; 3];
const MAX_SIDE: u64 = 4096;

fn wrong(key: &'static str, reason: impl Into<String>) -> ModelError {
    ModelError::Preprocessor {
        key,
        reason: reason.into(),
    }
}

/// Reads the file's contents; `image_size` is the model's own where the file names none.
pub(super) fn read(json: &Json, image_size: (usize, usize)) -> Result<Processing, ModelError> {
    let get = |key| json.get(key).filter(|value| !value.is_null());
    let flag = |key, default| match get(key) {
        None => Ok(default),
        Some(value) => value
            .as_bool()
            .ok_or_else(|| wrong(key, "is neither true nor false")),
    };
    let rescales = flag("do_rescale", true)?;
    if let Some(factor) = get("rescale_factor").and_then(Json::as_f64)
        && (factor * 255.0 - 1.0).abs() > 1e-3
    {
        return Err(wrong("rescale_factor", format!("is {factor}, not 1/255")));
    }
    let own = Size::new(
        u32::try_from(image_size.0).unwrap_or(384),
        u32::try_from(image_size.1).unwrap_or(384),
    );
    let (mean, std) = if flag("do_normalize", true)? {
        (
            triple("image_mean", get("image_mean"), STANDARD)?,
            triple("image_std", get("image_std"), STANDARD)?,
        )
    } else {
        ([0.0; 3], [1.0; 3])
    };
    // Mean and deviation of values from 0 to 255 where they are not brought to 0…1 first.
    let unit = |values: [f32; 3]| values.map(|value| if rescales { value } else { value / 255.0 });
    let (mean, std) = (unit(mean), unit(std));
    if std.iter().any(|std| *std <= 0.0) {
        return Err(wrong("image_std", "is not positive"));
    }
    if !flag("do_resize", true)? && flag("do_pad", false)? {
        return Ok(Processing {
            size: own,
            multiple: match get("size_divisor") {
                None => 1,
                Some(value) => side("size_divisor", value)?,
            },
            policy: ResizePolicy::Pad,
            interpolation: Interpolation::BicubicAntialiased,
            mean,
            std,
        });
    }
    let zoe = get("image_processor_type")
        .and_then(Json::as_str)
        .is_some_and(|name| name.starts_with("ZoeDepthImageProcessor"));
    let mirrors = zoe && flag("do_pad", true)? && flag("keep_aspect_ratio", true)?;
    let size = match get("size") {
        None if mirrors => Size::new(384, 512),
        None => own,
        Some(value) => size(value)?,
    };
    let multiple = match get("ensure_multiple_of") {
        None if mirrors => 32,
        None => 1,
        Some(value) => side("ensure_multiple_of", value)?,
    };
    if mirrors {
        return Ok(Processing {
            size,
            multiple,
            policy: ResizePolicy::Mirror,
            interpolation: Interpolation::BilinearPytorch,
            mean,
            std,
        });
    }
    Ok(Processing {
        size,
        multiple,
        policy: if flag("keep_aspect_ratio", false)? {
            ResizePolicy::Minimal
        } else {
            ResizePolicy::Squash
        },
        interpolation: match get("resample").map(|value| value.as_u64()) {
            // PIL's codes.
            None | Some(Some(3)) => Interpolation::BicubicAntialiased,
            Some(Some(0)) => Interpolation::Nearest,
            Some(Some(1)) => Interpolation::LanczosAntialiased,
            Some(Some(2)) => Interpolation::BilinearAntialiased,
            Some(_) => return Err(wrong("resample", "is not one of PIL's 0, 1, 2, 3")),
        },
        mean,
        std,
    })
}

fn side(key: &'static str, value: &Json) -> Result<u32, ModelError> {
    value
        .as_u64()
        .filter(|side| (1..=MAX_SIDE).contains(side))
        .and_then(|side| u32::try_from(side).ok())
        .ok_or_else(|| {
            wrong(
                key,
                format!("is {value}, not a number from 1 to {MAX_SIDE}"),
            )
        })
}

/// `{"height": h, "width": w}`, or one number in old files.
fn size(value: &Json) -> Result<Size, ModelError> {
    if value.is_u64() {
        let side = side("size", value)?;
        return Ok(Size::new(side, side));
    }
    match (value.get("height"), value.get("width")) {
        (Some(height), Some(width)) => Ok(Size::new(side("size", height)?, side("size", width)?)),
        _ => Err(wrong("size", "has no height and width")),
    }
}

fn triple(
    key: &'static str,
    value: Option<&Json>,
    default: [f32; 3],
) -> Result<[f32; 3], ModelError> {
    let Some(value) = value else {
        return Ok(default);
    };
    let numbers: Vec<f32> = value
        .as_array()
        .map(|list| {
            list.iter()
                .filter_map(Json::as_f64)
                .map(|x| x as f32)
                .collect()
        })
        .unwrap_or_default();
    <[f32; 3]>::try_from(numbers)
        .ok()
        .filter(|numbers| numbers.iter().all(|x| x.is_finite()))
        .ok_or_else(|| wrong(key, "is not three numbers"))
}
