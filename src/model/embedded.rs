// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The models that ship inside the plugin, by name.

#[cfg(feature = "embedded-model")]
use super::{Choice, assemble::Parts};
use super::{Model, ModelError};
#[cfg(feature = "embedded-model")]
use crate::checkpoint::Checkpoint;
use std::path::Path;

/// The name of the one that is used when no other is given: relative depth.
pub const EMBEDDED_NAME: &str = "dptdepth-default";
/// The name of the one for segmentation.
pub const EMBEDDED_SEGMENTATION_NAME: &str = "dptdepth-segmentation";

/// Whether this names a model inside the plugin, and no file.
pub(super) fn is_name(path: &Path) -> bool {
    [EMBEDDED_NAME, EMBEDDED_SEGMENTATION_NAME]
        .iter()
        .any(|name| path == Path::new(name))
        && !path.exists()
}

/// A folder of `models/`.
#[cfg(feature = "embedded-model")]
struct Files {
    config: &'static str,
    preprocessor: &'static str,
    weights: &'static [u8],
}

#[cfg(feature = "embedded-model")]
macro_rules! files {
    ($folder:literal) => {
        Files {
            config: include_str!(concat!("../../models/", $folder, "/config.json")),
            preprocessor: include_str!(concat!(
                "../../models/",
                $folder,
                "/preprocessor_config.json"
            )),
            weights: include_bytes!(concat!("../../models/", $folder, "/model.safetensors")),
        }
    };
}

impl Model {
    /// The model that is used when no other is given.
    ///
    /// # Errors
    /// If the plugin was built without it.
    pub fn embedded() -> Result<Self, ModelError> {
        Self::embedded_as(EMBEDDED_NAME)
    }

    /// One of the models inside the plugin.
    #[cfg(feature = "embedded-model")]
    pub(super) fn embedded_as(name: &str) -> Result<Self, ModelError> {
        let files = match name {
            EMBEDDED_SEGMENTATION_NAME => files!("dpt-tiny-segmentation"),
            _ => files!("dpt-tiny"),
        };
        let path = Path::new("(embedded)");
        let parse = |text: &str| {
            serde_json::from_str::<serde_json::Value>(text).map_err(|error| ModelError::Json {
                path: path.into(),
                reason: error.to_string(),
            })
        };
        let parts = Parts {
            checkpoint: Checkpoint::from_bytes(files.weights)?,
            config: Some(parse(files.config)?),
            preprocessor: Some(parse(files.preprocessor)?),
            path,
            choice: Choice::default(),
        };
        let mut model = parts.into_model(name)?;
        model.spec.name = name.into();
        Ok(model)
    }

    #[cfg(not(feature = "embedded-model"))]
    pub(super) fn embedded_as(_: &str) -> Result<Self, ModelError> {
        Err(ModelError::NoEmbedded)
    }
}
