// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! How the original repositories prepare pictures, for checkpoints whose files do not say.

use super::preprocessor::Processing;
use crate::dpt::{Backbone, DptConfig, Meaning, Origin, Readout, Task};
use crate::spec::{Interpolation, ResizePolicy, Size};

const HALF: [f32; 3] = [0.5; 3];
/// ImageNet's.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const STD: [f32; 3] = [0.229, 0.224, 0.225];

/// Of the largest depth of isl-org/DPT's NYU model in metres, rounded up: KITTI's is far larger.
const NYU_REACH: f32 = 8.0;

/// What the authors' own script does with this model.
pub(super) fn processing(config: &DptConfig, origin: Origin) -> Processing {
    let trained = Size::new(side(config.image_size.0), side(config.image_size.1));
    let like = |size, policy, multiple, interpolation, mean, std| Processing {
        size,
        multiple,
        policy,
        interpolation,
        mean,
        std,
    };
    let square = |side| Size::new(side, side);
    match origin {
        // isl-org/DPT `run_monodepth.py` and `run_segmentation.py`, isl-org/MiDaS
        // `midas/model_loader.py`.
        Origin::Isl => {
            let (size, policy) = match (&config.backbone, &config.task, config.meaning) {
                (Backbone::Swinv2(_), ..) => (trained, ResizePolicy::Squash),
                (_, Task::Segmentation { .. }, _) => (square(480), ResizePolicy::Minimal),
                (_, _, Meaning::Metric { max_depth }) => {
                    let is_nyu = max_depth.is_some_and(|reach| reach < NYU_REACH);
                    let size = if is_nyu {
                        Size::new(480, 640)
                    } else {
                        Size::new(352, 1216)
                    };
                    (size, ResizePolicy::Minimal)
                }
                _ => (trained, ResizePolicy::Minimal),
            };
            like(size, policy, 32, Interpolation::BicubicOpencv, HALF, HALF)
        }
        // `infer_image` of Depth-Anything-V2 `depth_anything_v2/dpt.py`.
        Origin::DepthAnything => like(
            square(518),
            ResizePolicy::LowerBound,
            14,
            Interpolation::BicubicOpencv,
            MEAN,
            STD,
        ),
        // `InputProcessor` of Depth-Anything-3 `utils/io/input_processor.py`.
        Origin::DepthAnything3 => like(
            square(504),
            ResizePolicy::LongerSide,
            14,
            Interpolation::AreaOrBicubicOpencv,
            MEAN,
            STD,
        ),
        // dinov2 `hub/depthers.py`, `notebooks/depth_estimation.ipynb`.
        Origin::Dinov2 => like(
            trained,
            ResizePolicy::Pad,
            14,
            Interpolation::BicubicOpencv,
            [123.675 / 255.0, 116.28 / 255.0, 103.53 / 255.0],
            [58.395 / 255.0, 57.12 / 255.0, 57.375 / 255.0],
        ),
        // Weights of transformers without a preprocessor_config.json: what the hub's have.
        Origin::Transformers => match (&config.backbone, config.readout) {
            (Backbone::Dinov2, Readout::Ignore) => like(
                square(518),
                ResizePolicy::Minimal,
                14,
                Interpolation::BicubicAntialiased,
                MEAN,
                STD,
            ),
            (Backbone::Dinov2, _) => Processing {
                interpolation: Interpolation::BicubicAntialiased,
                ..processing(config, Origin::Dinov2)
            },
            _ => like(
                trained,
                ResizePolicy::Squash,
                1,
                Interpolation::BicubicAntialiased,
                HALF,
                HALF,
            ),
        },
    }
}

fn side(side: usize) -> u32 {
    u32::try_from(side).unwrap_or(384)
}
