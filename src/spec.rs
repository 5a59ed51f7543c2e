// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What a model expects and what its numbers mean: the contract that every other part reads.

use serde::{Deserialize, Serialize};

/// Height and width in pixels. Height first, as in tensor shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Size {
    /// Rows.
    pub height: u32,
    /// Columns.
    pub width: u32,
}

impl Size {
    /// A size from its height and width, in that order.
    pub const fn new(height: u32, width: u32) -> Self {
        Self { height, width }
    }

    /// Pixels in all.
    pub const fn area(self) -> usize {
        self.height as usize * self.width as usize
    }
}

impl std::fmt::Display for Size {
    /// `HEIGHTxWIDTH`, the order of tensor shapes and of `dpt-onnx --size`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.height, self.width)
    }
}

/// Rows and columns of a network's input around the picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Borders {
    /// Rows above.
    pub top: u32,
    /// Columns left.
    pub left: u32,
    /// Rows below.
    pub bottom: u32,
    /// Columns right.
    pub right: u32,
}

/// How a frame is fitted to the size a network aims at. Minimal, lower and upper bound and squash
/// are the rules of the original `Resize` transform (isl-org/DPT `dpt/transforms.py`) and of
/// transformers' `DPTImageProcessor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResizePolicy {
    /// Keep the aspect ratio; scale as little as possible (the axis whose factor is nearer to 1).
    Minimal,
    /// Keep the aspect ratio; both sides at least the target.
    LowerBound,
    /// Keep the aspect ratio; both sides at most the target.
    UpperBound,
    /// Keep the aspect ratio: the longer side is the target's, both are whole pixels and then resized
    /// once more to the nearest multiples (`InputProcessor` of Depth-Anything-3
    /// `utils/io/input_processor.py`).
    LongerSide,
    /// Exactly the target, whatever the aspect ratio.
    Squash,
    /// Exactly the target; the picture keeps its aspect ratio and is centred between borders.
    Letterbox,
    /// The picture gets mirrored borders of 3·√(side / 2) pixels, then as `Minimal` with corner
    /// pixels' centres on each other (`ZoeDepthImageProcessor` of transformers).
    Mirror,
    /// The picture's own size, centred between borders up to the next multiple (`CenterPadding` of
    /// facebookresearch/dinov2 `eval/depth/models`). The target is not used.
    Pad,
}

/// The kernel that a model's reference preprocessing uses to resize pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpolation {
    /// PIL and torchvision bicubic: Keys a = −0.5, antialiased.
    BicubicAntialiased,
    /// OpenCV `INTER_CUBIC`: Keys a = −0.75, no antialiasing.
    BicubicOpencv,
    /// OpenCV `INTER_AREA` where the picture shrinks, `INTER_CUBIC` where it grows.
    AreaOrBicubicOpencv,
    /// PIL and torchvision bilinear, antialiased.
    BilinearAntialiased,
    /// Bilinear without antialiasing: PyTorch's `interpolate`.
    BilinearPytorch,
    /// PIL Lanczos, three lobes, antialiased.
    LanczosAntialiased,
    /// Nearest neighbour.
    Nearest,
}

/// What the values of a model's output mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum OutputMeaning {
    /// Inverse depth up to an unknown scale and shift: larger is nearer.
    InverseRelative,
    /// Depth up to an unknown scale: larger is farther.
    Relative,
    /// Depth in metres.
    Metric {
        /// The largest value the model can give, where it has a limit.
        max_depth_m: Option<f32>,
    },
    /// Class indices, one a pixel.
    Labels,
}

impl OutputMeaning {
    /// The word used in metas, messages and metadata: `inverse-relative`, `relative`, `metric`
    /// or `labels`.
    pub const fn nick(self) -> &'static str {
        match self {
            Self::InverseRelative => "inverse-relative",
            Self::Relative => "relative",
            Self::Metric { .. } => "metric",
            Self::Labels => "labels",
        }
    }

    /// The meaning that [`Self::nick`] has this word for; metres without a limit.
    pub fn from_nick(nick: &str) -> Option<Self> {
        let metric = Self::Metric { max_depth_m: None };
        let all = [Self::InverseRelative, Self::Relative, metric, Self::Labels];
        all.into_iter().find(|meaning| meaning.nick() == nick)
    }

    /// The unit of the values, as metas and messages name it: `m`, or `none`.
    pub const fn unit(self) -> &'static str {
        if self.is_metric() { "m" } else { "none" }
    }

    /// Whether the values are metres.
    pub const fn is_metric(self) -> bool {
        matches!(self, Self::Metric { .. })
    }

    /// Whether larger values are nearer.
    pub const fn larger_is_nearer(self) -> bool {
        matches!(self, Self::InverseRelative)
    }
}

/// From a model's values to metres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Calibration {
    /// 1 / (scale · x + shift): for inverse depth. What is not positive is infinitely far.
    Inverse {
        /// Factor of the inverse depth.
        scale: f32,
        /// Offset of the inverse depth.
        shift: f32,
    },
    /// scale · x + shift: for depth.
    Linear {
        /// Factor.
        scale: f32,
        /// Offset in metres.
        shift: f32,
    },
}

impl Calibration {
    /// Turns `values` into metres, in place.
    pub fn apply(self, values: &mut [f32]) {
        match self {
            Self::Inverse { scale, shift } => {
                for value in values {
                    let inverse = scale * *value + shift;
                    // NaN stays NaN: the comparison is false.
                    *value = if inverse <= 0.0 {
                        f32::INFINITY
                    } else {
                        inverse.recip()
                    };
                }
            }
            Self::Linear { scale, shift } => {
                for value in values {
                    *value = scale * *value + shift;
                }
            }
        }
    }
}

/// Everything needed to feed a model and to read its output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// A short name for people: the hub's name where the files tell it, else the file's stem.
    pub name: String,
    /// Network height and width are multiples of this.
    pub multiple: u32,
    /// The size that the resize policy aims at.
    pub network_size: Size,
    /// How frames are fitted to `network_size`.
    pub resize_policy: ResizePolicy,
    /// The kernel used to resize frames.
    pub interpolation: Interpolation,
    /// Subtracted from RGB in 0…1.
    pub mean: [f32; 3],
    /// Divides RGB in 0…1 after `mean` is subtracted.
    pub std: [f32; 3],
    /// What the output's values mean.
    pub output: OutputMeaning,
    /// The focal length in pixels of the network's input for which relative values are metres; with
    /// another they are metres once multiplied by it and divided by this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical_focal: Option<f32>,
    /// Whether the model tells the sky; depth there is infinite.
    #[serde(default)]
    pub sky: bool,
    /// Class names by index; empty unless `output` is [`OutputMeaning::Labels`].
    #[serde(default)]
    pub labels: Vec<String>,
}

impl ModelSpec {
    /// The key under which an ONNX file's `metadata_props` hold a spec as JSON.
    pub const METADATA_KEY: &'static str = "dptdepth.spec";

    /// The key under which the `parameters` of a Triton server's model configuration hold a spec as
    /// JSON.
    pub const PARAMETER_KEY: &'static str = "dptdepth";

    /// The spec as JSON, for [`Self::METADATA_KEY`].
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a ModelSpec has only string keys")
    }

    /// How values become metres and what is then put out, or `None` where nothing is asked for.
    /// `scale` and `shift` are the user's, 1 and 0 where there are none; `focal` is the focal length
    /// in pixels of the network's input. Classes have none.
    pub fn calibration(&self, scale: f32, shift: f32, focal: Option<f32>) -> Option<Calibration> {
        let focal = match (focal, self.canonical_focal) {
            (Some(focal), Some(canonical)) => Some(focal / canonical),
            _ => None,
        };
        if (scale, shift, focal) == (1.0, 0.0, None) {
            return None;
        }
        match self.output {
            OutputMeaning::Labels => None,
            OutputMeaning::InverseRelative => Some(Calibration::Inverse { scale, shift }),
            _ => Some(Calibration::Linear {
                scale: scale * focal.unwrap_or(1.0),
                shift,
            }),
        }
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// The JSON error, where the text is not a spec.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(output: OutputMeaning, canonical_focal: Option<f32>) -> ModelSpec {
        ModelSpec {
            name: "test".into(),
            multiple: 14,
            network_size: Size::new(504, 504),
            resize_policy: ResizePolicy::LongerSide,
            interpolation: Interpolation::AreaOrBicubicOpencv,
            mean: [0.5; 3],
            std: [0.5; 3],
            output,
            canonical_focal,
            sky: false,
            labels: Vec::new(),
        }
    }

    #[test]
    fn inverse_depth_becomes_metres() {
        let mut values = [0.0, 4.0, -2.0, -1.0, f32::NAN, f32::INFINITY];
        let calibration = Calibration::Inverse {
            scale: 0.25,
            shift: 0.25,
        };
        calibration.apply(&mut values);
        assert_eq!(values[..4], [4.0, 0.8, f32::INFINITY, f32::INFINITY]);
        assert!(values[4].is_nan());
        assert_eq!(values[5], 0.0);
    }

    #[test]
    fn depth_becomes_metres_and_sky_stays_far() {
        let mut values = [0.0, 4.0, f32::INFINITY, f32::NAN];
        let calibration = Calibration::Linear {
            scale: 0.5,
            shift: 1.0,
        };
        calibration.apply(&mut values);
        assert_eq!(values[..3], [1.0, 3.0, f32::INFINITY]);
        assert!(values[3].is_nan());
    }

    #[test]
    fn what_is_asked_for_decides_the_calibration() {
        let inverse = spec(OutputMeaning::InverseRelative, None);
        assert_eq!(inverse.calibration(1.0, 0.0, None), None);
        // A model without a canonical focal length has no use for one.
        assert_eq!(inverse.calibration(1.0, 0.0, Some(500.0)), None);
        assert_eq!(
            inverse.calibration(2.0, 0.5, Some(500.0)),
            Some(Calibration::Inverse {
                scale: 2.0,
                shift: 0.5
            })
        );
        let focal = spec(OutputMeaning::Relative, Some(300.0));
        assert_eq!(focal.calibration(1.0, 0.0, None), None);
        // metric_depth = focal * net_output / 300 (Depth-Anything-3 README).
        let linear = |scale, shift| Some(Calibration::Linear { scale, shift });
        assert_eq!(focal.calibration(1.0, 0.0, Some(600.0)), linear(2.0, 0.0));
        assert_eq!(focal.calibration(1.5, 0.1, Some(600.0)), linear(3.0, 0.1));
        assert_eq!(focal.calibration(1.5, 0.1, None), linear(1.5, 0.1));
        // At the canonical focal length values are metres as they are.
        assert_eq!(focal.calibration(1.0, 0.0, Some(300.0)), linear(1.0, 0.0));
        let metric = spec(OutputMeaning::Metric { max_depth_m: None }, None);
        assert_eq!(metric.calibration(1.0, 0.0, Some(300.0)), None);
        assert_eq!(metric.calibration(1.1, 0.0, None), linear(1.1, 0.0));
    }

    #[test]
    fn specs_survive_json() {
        for output in [
            OutputMeaning::InverseRelative,
            OutputMeaning::Metric {
                max_depth_m: Some(20.0),
            },
        ] {
            let spec = spec(output, Some(300.0));
            assert_eq!(ModelSpec::from_json(&spec.to_json()).unwrap(), spec);
        }
    }
}
