// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What some files do not say themselves: their names and shapes are those of several models.

use super::super::DptError;
use serde_json::Value as Json;
use std::path::Path;

/// Models that share their tensors' names and shapes with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the published models")]
pub enum Variant {
    DptHybridMidas,
    DptHybridNyu,
    DptHybridKitti,
    DepthAnythingV1,
    DepthAnythingV2,
    DepthAnythingV2MetricIndoor,
    DepthAnythingV2MetricOutdoor,
    DistillAnyDepth,
    DptDinov2Nyu,
    DptDinov2Kitti,
    Da3Mono,
    Da3Metric,
}

/// Which of two implementations to follow where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reference {
    /// The authors' repository.
    Original,
    /// transformers.
    Transformers,
}

/// What is known of a model beside its tensors.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hints {
    /// Which of the models that share names and shapes it is.
    pub(crate) variant: Option<Variant>,
    /// Whose interpolation to follow.
    pub(crate) reference: Option<Reference>,
    /// The tapped blocks.
    pub(crate) taps: Option<Vec<usize>>,
}

impl Hints {
    /// Takes what a `config.json` of Depth Anything 3 says: the model's name and, as its code's
    /// arguments, the taps.
    pub(crate) fn with_config(mut self, config: &Json) -> Self {
        let name = config.get("model_name").and_then(Json::as_str);
        let named = name.and_then(|name| Variant::from_path(Path::new(name)));
        self.variant = self.variant.or(named);
        self.taps = config
            .pointer("/config/net/out_layers")
            .and_then(Json::as_array)
            .map(|list| {
                let tap = |value: &Json| usize::try_from(value.as_u64()?).ok();
                list.iter().filter_map(tap).collect()
            });
        self
    }
}

use Variant::*;

/// The variants, their names, and what the published files' names have in common.
const VARIANTS: [(Variant, &str, &[&str]); 12] = [
    (
        DptHybridMidas,
        "dpt-hybrid-midas",
        &["dpt_hybrid-midas", "dpt_hybrid_384", "dpt-hybrid-midas"],
    ),
    (
        DptHybridNyu,
        "dpt-hybrid-nyu",
        &["dpt_hybrid_nyu", "dpt-hybrid-nyu"],
    ),
    (
        DptHybridKitti,
        "dpt-hybrid-kitti",
        &["dpt_hybrid_kitti", "dpt-hybrid-kitti"],
    ),
    (
        DepthAnythingV2MetricIndoor,
        "depth-anything-v2-metric-indoor",
        &[
            "depth_anything_v2_metric_hypersim",
            "depth-anything-v2-metric-indoor",
            "depth-anything-v2-metric-hypersim",
        ],
    ),
    (
        DepthAnythingV2MetricOutdoor,
        "depth-anything-v2-metric-outdoor",
        &[
            "depth_anything_v2_metric_vkitti",
            "depth-anything-v2-metric-outdoor",
            "depth-anything-v2-metric-vkitti",
        ],
    ),
    (
        DepthAnythingV2,
        "depth-anything-v2",
        &["depth_anything_v2", "depth-anything-v2"],
    ),
    (
        DepthAnythingV1,
        "depth-anything-v1",
        &[
            "depth_anything_vit",
            "depth-anything-small",
            "depth-anything-base",
            "depth-anything-large",
            "depth-anything-v1",
            "depth_anything_metric_depth",
        ],
    ),
    (
        DistillAnyDepth,
        "distill-any-depth",
        &["distill-any-depth", "distill_any_depth"],
    ),
    (
        DptDinov2Nyu,
        "dpt-dinov2-nyu",
        &[
            "_nyu_dpt_head",
            "dpt-dinov2-small-nyu",
            "dpt-dinov2-base-nyu",
            "dpt-dinov2-large-nyu",
            "dpt-dinov2-giant-nyu",
        ],
    ),
    (
        DptDinov2Kitti,
        "dpt-dinov2-kitti",
        &[
            "_kitti_dpt_head",
            "dpt-dinov2-small-kitti",
            "dpt-dinov2-base-kitti",
            "dpt-dinov2-large-kitti",
            "dpt-dinov2-giant-kitti",
        ],
    ),
    (Da3Mono, "da3mono", &["da3mono"]),
    (Da3Metric, "da3metric", &["da3metric"]),
];

impl Variant {
    /// The name that `model-variant` takes; a size such as `-small` may follow or, as in
    /// `dpt-dinov2-small-nyu`, stand inside.
    pub fn name(self) -> &'static str {
        VARIANTS
            .iter()
            .find(|(variant, ..)| *variant == self)
            .map_or("", |(_, name, _)| name)
    }

    /// The variant of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn parse(name: &str) -> Result<Self, DptError> {
        let plain: Vec<&str> = name
            .split('-')
            .filter(|part| !["small", "base", "large", "giant"].contains(part))
            .collect();
        let plain = plain.join("-");
        VARIANTS
            .iter()
            .find(|(_, known, _)| *known == name || *known == plain)
            .map(|(variant, ..)| *variant)
            .ok_or_else(|| DptError::Variant {
                given: name.into(),
                fitting: VARIANTS.iter().map(|(_, name, _)| *name).collect(),
            })
    }

    /// The variant whose published file or folder has a name like this path's.
    pub fn from_path(path: &Path) -> Option<Self> {
        let of = |name: Option<&std::ffi::OsStr>| {
            let name = name?.to_string_lossy().to_ascii_lowercase();
            VARIANTS
                .iter()
                .find(|(_, _, marks)| marks.iter().any(|mark| name.contains(mark)))
                .map(|(variant, ..)| *variant)
        };
        of(path.file_name()).or_else(|| of(path.parent()?.file_name()))
    }

    /// `self`, if it is one of `fitting`.
    ///
    /// # Errors
    /// If it is not, or nothing is known.
    pub(super) fn among(known: Option<Self>, fitting: &[Self]) -> Result<Self, DptError> {
        match known {
            Some(variant) if fitting.contains(&variant) => Ok(variant),
            Some(variant) => Err(DptError::Variant {
                given: variant.name().into(),
                fitting: fitting.iter().map(|variant| variant.name()).collect(),
            }),
            None => Err(DptError::Ambiguous {
                fitting: fitting.iter().map(|variant| variant.name()).collect(),
            }),
        }
    }
}

impl Reference {
    /// `original` or `transformers`.
    ///
    /// # Errors
    /// If it is neither.
    pub fn parse(name: &str) -> Result<Self, DptError> {
        match name {
            "original" => Ok(Self::Original),
            "transformers" => Ok(Self::Transformers),
            _ => Err(DptError::Variant {
                given: format!("reference={name}"),
                fitting: vec!["reference=original", "reference=transformers"],
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_is_found_by_its_name_and_a_size() {
        for (variant, name, _) in VARIANTS {
            assert_eq!(Variant::parse(name).unwrap(), variant);
            assert_eq!(Variant::parse(&format!("{name}-small")).unwrap(), variant);
        }
        assert_eq!(Variant::parse("dpt-dinov2-base-nyu").unwrap(), DptDinov2Nyu);
        assert!(Variant::parse("midas").is_err());
    }

    #[test]
    fn published_files_are_recognised() {
        for (path, expected) in [
            ("dpt_hybrid-midas-501f0c75.pt", Some(DptHybridMidas)),
            ("dpt_hybrid_nyu-2ce69ec7.pt", Some(DptHybridNyu)),
            ("x/depth_anything_vits14.pth", Some(DepthAnythingV1)),
            ("x/depth_anything_v2_vitl.pth", Some(DepthAnythingV2)),
            (
                "depth_anything_v2_metric_vkitti_vitb.pth",
                Some(DepthAnythingV2MetricOutdoor),
            ),
            ("dinov2_vits14_kitti_dpt_head.pth", Some(DptDinov2Kitti)),
            ("DA3METRIC-LARGE/model.safetensors", Some(Da3Metric)),
            (
                "Depth-Anything-V2-Small-hf/model.safetensors",
                Some(DepthAnythingV2),
            ),
            ("weights.pt", None),
        ] {
            assert_eq!(Variant::from_path(Path::new(path)), expected, "{path}");
        }
    }
}
