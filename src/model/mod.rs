// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a path to a model that can say its spec and build its graph at any size.

mod error;
mod identity;
mod onnx;
mod preprocessor;

pub use error::ModelError;
pub use onnx::OnnxModel;

use crate::checkpoint::{Checkpoint, Ignored};
use crate::dpt::{self, Batch, DptConfig, Flavour, GraphOptions, InputForm, Task};
use crate::graph::Graph;
use crate::spec::{ModelSpec, OutputMeaning, Size};
use serde_json::Value as Json;
use std::path::Path;

/// The name of the model that ships inside the plugin.
pub const EMBEDDED_NAME: &str = "dptdepth-default";

/// The largest `config.json` that is read; published ones are below 100 kB.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// How to build a graph; what the model's spec says is filled in.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// Input height and width, multiples of the spec's `multiple`.
    pub size: Size,
    /// Pictures in a run.
    pub batch: Batch,
    /// The input tensor.
    pub input: InputForm,
    /// Operators that may be used.
    pub flavour: Flavour,
    /// Put out class scores too.
    pub logits: bool,
    /// Put out every stage.
    pub stages: bool,
}

/// A model that can be run: a checkpoint or a ready ONNX graph.
pub struct Model {
    spec: ModelSpec,
    identity: String,
    source: Source,
}

enum Source {
    Checkpoint {
        checkpoint: Checkpoint,
        config: DptConfig,
    },
    Onnx(OnnxModel),
}

impl Model {
    /// Opens a checkpoint folder, a `.safetensors` file or shard index with `config.json` beside
    /// it, or an `.onnx` file.
    ///
    /// # Errors
    /// If a file is missing or damaged, or the architecture is not one that can be built.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if path.as_os_str().is_empty() {
            return Err(ModelError::NotFound { path: path.into() });
        }
        let metadata = std::fs::metadata(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => ModelError::NotFound { path: path.into() },
            _ => ModelError::Io {
                path: path.into(),
                source,
            },
        })?;
        let identity = identity::of(path)?;
        if path
            .extension()
            .is_some_and(|extension| extension == "onnx")
        {
            let (spec, onnx) = onnx::open(path)?;
            return Ok(Self {
                spec,
                identity,
                source: Source::Onnx(onnx),
            });
        }
        // The weights first: what is wrong with them says more than a missing config.
        let checkpoint = Checkpoint::open(path)?;
        let folder = if metadata.is_dir() {
            path
        } else {
            path.parent().unwrap_or(Path::new("."))
        };
        let config_path = folder.join("config.json");
        let config =
            read_json(&config_path)?.ok_or_else(|| ModelError::NoConfig { path: path.into() })?;
        let preprocessor = read_json(&folder.join("preprocessor_config.json"))?;
        let fallback = name_from(path);
        Self::from_parts(
            checkpoint,
            &config,
            preprocessor.as_ref(),
            &fallback,
            identity,
        )
    }

    /// The model that ships inside the plugin.
    ///
    /// # Errors
    /// If the plugin was built without it.
    pub fn embedded() -> Result<Self, ModelError> {
        #[cfg(feature = "embedded-model")]
        {
            let parse = |text: &str| {
                serde_json::from_str::<Json>(text).map_err(|error| ModelError::Json {
                    path: "(embedded)".into(),
                    reason: error.to_string(),
                })
            };
            let config = parse(include_str!("../../models/dpt-tiny/config.json"))?;
            let preprocessor = parse(include_str!(
                "../../models/dpt-tiny/preprocessor_config.json"
            ))?;
            let weights = include_bytes!("../../models/dpt-tiny/model.safetensors");
            let checkpoint = Checkpoint::from_bytes(weights)?;
            let identity = format!("{EMBEDDED_NAME}-{}", env!("CARGO_PKG_VERSION"));
            let mut model = Self::from_parts(
                checkpoint,
                &config,
                Some(&preprocessor),
                EMBEDDED_NAME,
                identity,
            )?;
            model.spec.name = EMBEDDED_NAME.into();
            Ok(model)
        }
        #[cfg(not(feature = "embedded-model"))]
        Err(ModelError::NoEmbedded)
    }

    fn from_parts(
        checkpoint: Checkpoint,
        config: &Json,
        preprocessor: Option<&Json>,
        fallback_name: &str,
        identity: String,
    ) -> Result<Self, ModelError> {
        let dpt = DptConfig::from_json(config)?;
        let (output, labels) = match &dpt.task {
            Task::Depth => (OutputMeaning::InverseRelative, Vec::new()),
            Task::Segmentation { labels } => (OutputMeaning::Labels, labels.clone()),
        };
        let processing = preprocessor::read(preprocessor, dpt.image_size)?;
        let name = config
            .get("_name_or_path")
            .and_then(Json::as_str)
            .filter(|name| !name.is_empty() && !name.starts_with(['/', '.']))
            .unwrap_or(fallback_name);
        let spec = ModelSpec {
            name: name.into(),
            multiple: lcm(processing.multiple, dpt.multiple()),
            network_size: processing.size,
            resize_policy: processing.policy,
            interpolation: processing.interpolation,
            mean: processing.mean,
            std: processing.std,
            output,
            labels,
        };
        Ok(Self {
            spec,
            identity,
            source: Source::Checkpoint {
                checkpoint,
                config: dpt,
            },
        })
    }

    /// What the model expects and what its output means.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// A text that differs between models: for cache keys.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The ready graph, where the model is one.
    pub fn onnx(&self) -> Option<&OnnxModel> {
        match &self.source {
            Source::Onnx(onnx) => Some(onnx),
            Source::Checkpoint { .. } => None,
        }
    }

    /// The weights and hyper-parameters, where the model is a checkpoint.
    pub fn checkpoint(&self) -> Option<(&Checkpoint, &DptConfig)> {
        match &self.source {
            Source::Checkpoint { checkpoint, config } => Some((checkpoint, config)),
            Source::Onnx(_) => None,
        }
    }

    /// Builds the graph at one size, with the spec in its `metadata_props`.
    ///
    /// # Errors
    /// If the model is an ONNX file already, or its weights do not fit its config.
    pub fn graph(&self, options: &BuildOptions) -> Result<Graph, ModelError> {
        self.graph_and_unused(options).map(|(graph, _)| graph)
    }

    /// As [`Self::graph`], with the tensors that the graph has no use for.
    ///
    /// # Errors
    /// As [`Self::graph`].
    pub fn graph_and_unused(
        &self,
        options: &BuildOptions,
    ) -> Result<(Graph, Vec<Ignored>), ModelError> {
        let Source::Checkpoint { checkpoint, config } = &self.source else {
            return Err(ModelError::AlreadyOnnx);
        };
        let options = GraphOptions {
            size: options.size,
            batch: options.batch,
            input: options.input,
            mean: self.spec.mean,
            std: self.spec.std,
            logits: options.logits,
            flavour: options.flavour,
            stages: options.stages,
        };
        let (mut graph, unused) = dpt::build(config, &checkpoint.weights(), &options)?;
        graph.set_metadata(ModelSpec::METADATA_KEY, self.spec.to_json());
        Ok((graph, unused))
    }
}

fn lcm(a: u32, b: u32) -> u32 {
    let (mut x, mut y) = (a.max(1), b.max(1));
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a.max(1) / x * b.max(1)
}

/// The folder's or file's name; a file called `model` says nothing, so its folder does.
fn name_from(path: &Path) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let stem = |path: &Path| {
        path.file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
    };
    let name = if path.is_dir() {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    } else {
        match stem(&path) {
            Some(name) if name.starts_with("model") => path
                .parent()
                .and_then(Path::file_name)
                .map(|name| name.to_string_lossy().into_owned()),
            other => other,
        }
    };
    name.unwrap_or_else(|| "model".into())
}

/// A JSON file, or `None` where there is none.
fn read_json(path: &Path) -> Result<Option<Json>, ModelError> {
    let wrong = |reason: String| ModelError::Json {
        path: path.into(),
        reason,
    };
    let size = match std::fs::metadata(path) {
        // Reading a pipe or a device may never end.
        Ok(metadata) if !metadata.is_file() => return Err(wrong("it is no regular file".into())),
        Ok(metadata) => metadata.len(),
        Err(_) => return Ok(None),
    };
    if size > MAX_CONFIG_BYTES {
        return Err(wrong(format!("{size} bytes is too large")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|error| wrong(error.to_string()))
}
