// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a checkpoint's files to a model: what it is, what it expects, what its output means.

use super::{Choice, Model, ModelError, Source, identity, preprocessor, published};
use crate::checkpoint::Checkpoint;
use crate::dpt::{self, DptConfig, Hints, Meaning, Origin, Task, Variant};
use crate::spec::{ModelSpec, OutputMeaning};
use serde_json::Value as Json;
use std::path::Path;

/// Classes of ADE20K: a checkpoint with so many and no names has its.
const ADE20K_CLASSES: usize = 150;

/// What a checkpoint model is made from.
pub(super) struct Parts<'p> {
    pub(super) checkpoint: Checkpoint,
    pub(super) config: Option<Json>,
    pub(super) preprocessor: Option<Json>,
    pub(super) path: &'p Path,
    pub(super) choice: Choice,
}

impl Parts<'_> {
    pub(super) fn into_model(self, fallback_name: &str) -> Result<Model, ModelError> {
        let origin = Origin::of(&self.checkpoint).ok_or_else(|| ModelError::NoConfig {
            path: self.path.into(),
        })?;
        let paths = self.checkpoint.paths().to_vec();
        let checkpoint = origin.rename(self.checkpoint)?;
        // Only transformers' own config describes its weights.
        let config = self
            .config
            .filter(|_| origin == Origin::Transformers || origin == Origin::DepthAnything3);
        let Choice { variant, reference } = self.choice;
        let mut hints = Hints {
            variant,
            reference,
            taps: None,
        };
        if let Some(config) = &config {
            hints = hints.with_config(config);
        }
        // The weights' own name says more than that of the folder which was given.
        let named = paths.iter().find_map(|path| Variant::from_path(path));
        hints.variant = hints.variant.or(named).or(Variant::from_path(self.path));
        let described = config.as_ref().filter(|json| dpt::is_config(json));
        let config_of_dpt = match described {
            Some(json) => DptConfig::from_json(json, &hints)?,
            None => DptConfig::from_tensors(&checkpoint, origin, &hints)?,
        };
        if let Some(variant) = variant {
            variant.check(&config_of_dpt)?;
        }
        let processing = match &self.preprocessor {
            Some(json) if origin == Origin::Transformers => {
                preprocessor::read(json, config_of_dpt.image_size)?
            }
            _ => published::processing(&config_of_dpt, origin),
        };
        let name = described
            .and_then(|json| json.get("_name_or_path"))
            .and_then(Json::as_str)
            .filter(|name| is_name(name))
            .unwrap_or(fallback_name);
        let spec = spec(name, &config_of_dpt, &processing, described.is_some());
        let told = format!(
            "{} {config_of_dpt:?} {origin:?} {variant:?} {reference:?}",
            spec.to_json()
        );
        Ok(Model {
            spec,
            identity: identity::of_checkpoint(&checkpoint, &told),
            source: Source::Checkpoint {
                checkpoint,
                config: Box::new(config_of_dpt),
                origin,
            },
        })
    }
}

/// Whether the text that a config calls the model by is a name rather than a place on its author's
/// disk, and fit to be printed.
fn is_name(text: &str) -> bool {
    (1..=96).contains(&text.len())
        && !text.starts_with(['/', '.'])
        && text.chars().all(|c| c.is_ascii_graphic())
}

fn spec(
    name: &str,
    config: &DptConfig,
    processing: &preprocessor::Processing,
    names_are_given: bool,
) -> ModelSpec {
    let mut canonical_focal = None;
    let (output, labels) = match &config.task {
        Task::Segmentation { labels } => {
            let known = names_are_given || labels.len() != ADE20K_CLASSES;
            let labels = if known { labels.clone() } else { Vec::new() };
            (OutputMeaning::Labels, labels)
        }
        Task::Depth => {
            let output = match config.meaning {
                Meaning::InverseRelative => OutputMeaning::InverseRelative,
                Meaning::Relative => OutputMeaning::Relative,
                Meaning::Metric { max_depth } => OutputMeaning::Metric {
                    max_depth_m: max_depth,
                },
                Meaning::MetricFocal { canonical } => {
                    canonical_focal = Some(canonical);
                    OutputMeaning::Relative
                }
            };
            (output, Vec::new())
        }
    };
    ModelSpec {
        name: name.into(),
        multiple: lcm(processing.multiple, config.multiple()),
        network_size: processing.size,
        resize_policy: processing.policy,
        interpolation: processing.interpolation,
        mean: processing.mean,
        std: processing.std,
        output,
        canonical_focal,
        sky: config.sky,
        labels,
    }
}

fn lcm(a: u32, b: u32) -> u32 {
    let (mut x, mut y) = (a.max(1), b.max(1));
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a.max(1) / x * b.max(1)
}
