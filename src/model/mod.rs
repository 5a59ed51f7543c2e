// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a path to a model that can say its spec and build its graph at any size.

mod error;
mod files;
mod identity;
mod onnx;
mod preprocessor;
mod published;

pub use error::ModelError;
pub use onnx::OnnxModel;

use crate::checkpoint::{Checkpoint, Ignored};
use crate::dpt::{
    self, Batch, DptConfig, Flavour, GraphOptions, Hints, InputForm, Meaning, Origin, Reference,
    Rewrite, Task, Variant,
};
use crate::graph::Graph;
use crate::spec::{Borders, ModelSpec, OutputMeaning, Size};
use serde_json::Value as Json;
use std::path::Path;

/// The name of the model that ships inside the plugin.
pub const EMBEDDED_NAME: &str = "dptdepth-default";

/// Classes of ADE20K: a checkpoint with so many and no names has its.
const ADE20K_CLASSES: usize = 150;

/// What to know about a model beyond its files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Which of the models that share names and shapes it is.
    pub variant: Option<Variant>,
    /// Whose interpolation of position embeddings to follow away from the trained size.
    pub reference: Option<Reference>,
}

impl Choice {
    /// From a variant's name, which may end in `:original` or `:transformers`, such as
    /// `depth-anything-v1-small` or `:original`.
    ///
    /// # Errors
    /// If there is no such variant or reference.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let (name, reference) = text.split_once(':').unwrap_or((text, ""));
        let given = |text: &str| !text.is_empty();
        Ok(Self {
            variant: given(name).then(|| Variant::parse(name)).transpose()?,
            reference: given(reference)
                .then(|| Reference::parse(reference))
                .transpose()?,
        })
    }
}

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
    /// What of the input is no picture; the graph makes it zero behind the normalisation
    /// ([`InputForm::Rgb8`] only).
    pub borders: Borders,
    /// Rewrites to leave out.
    pub without: Vec<Rewrite>,
}

impl BuildOptions {
    /// One picture of this size as floats, standard operators, nothing beyond the result.
    pub fn new(size: Size) -> Self {
        Self {
            size,
            batch: Batch::Fixed(1),
            input: InputForm::PixelValues,
            flavour: Flavour::Portable,
            logits: false,
            stages: false,
            borders: Borders::default(),
            without: Vec::new(),
        }
    }
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
        config: Box<DptConfig>,
        origin: Origin,
    },
    Onnx(OnnxModel),
}

impl Model {
    /// Opens a checkpoint folder or file, safetensors or PyTorch's, an `.onnx` file, or what was
    /// fetched under a name of the catalogue. What the model is, is told by a `config.json` beside
    /// the weights, else by their names and shapes.
    ///
    /// # Errors
    /// If a file is missing or damaged, the architecture is not one that can be built, or the files
    /// are those of several models.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Self::open_as(path, Choice::default())
    }

    /// As [`Self::open`], for files that do not say all themselves.
    ///
    /// # Errors
    /// As [`Self::open`], or if the choice does not fit the files.
    pub fn open_as(path: &Path, choice: Choice) -> Result<Self, ModelError> {
        if path.as_os_str().is_empty() {
            return Err(ModelError::NotFound { path: path.into() });
        }
        let path = &*crate::hub::resolve(path)?;
        if let Err(source) = std::fs::metadata(path) {
            return Err(match source.kind() {
                std::io::ErrorKind::NotFound => ModelError::NotFound { path: path.into() },
                _ => ModelError::Io {
                    path: path.into(),
                    source,
                },
            });
        }
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
        let checkpoint = files::weights(path)?;
        let folder = files::folder(path);
        let parts = Parts {
            checkpoint,
            config: files::json(&folder.join("config.json"))?,
            preprocessor: files::json(&folder.join("preprocessor_config.json"))?,
            path,
            choice,
        };
        parts.into_model(&files::name_from(path), &identity)
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
            let parts = Parts {
                checkpoint,
                config: Some(config),
                preprocessor: Some(preprocessor),
                path: Path::new("(embedded)"),
                choice: Choice::default(),
            };
            let mut model = parts.into_model(EMBEDDED_NAME, &identity)?;
            model.spec.name = EMBEDDED_NAME.into();
            Ok(model)
        }
        #[cfg(not(feature = "embedded-model"))]
        Err(ModelError::NoEmbedded)
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
            Source::Checkpoint {
                checkpoint, config, ..
            } => Some((checkpoint, config)),
            Source::Onnx(_) => None,
        }
    }

    /// Whose names a checkpoint's tensors have.
    pub fn origin(&self) -> Option<Origin> {
        match &self.source {
            Source::Checkpoint { origin, .. } => Some(*origin),
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
        let Source::Checkpoint {
            checkpoint, config, ..
        } = &self.source
        else {
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
            borders: options.borders,
            without: options.without.clone(),
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

/// What a checkpoint model is made from.
struct Parts<'p> {
    checkpoint: Checkpoint,
    config: Option<Json>,
    preprocessor: Option<Json>,
    path: &'p Path,
    choice: Choice,
}

impl Parts<'_> {
    fn into_model(self, fallback_name: &str, identity: &str) -> Result<Model, ModelError> {
        let origin = Origin::of(&self.checkpoint).ok_or_else(|| ModelError::NoConfig {
            path: self.path.into(),
        })?;
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
        hints.variant = hints.variant.or(Variant::from_path(self.path));
        let described = config.as_ref().filter(|json| dpt::is_config(json));
        let mut config_of_dpt = match described {
            Some(json) => DptConfig::from_json(json, &hints)?,
            None => DptConfig::from_tensors(&checkpoint, origin, &hints)?,
        };
        if let Task::Segmentation { labels } = &mut config_of_dpt.task
            && described.is_none()
            && labels.len() != ADE20K_CLASSES
        {
            labels.iter_mut().enumerate().for_each(|(index, label)| {
                *label = format!("class {index}");
            });
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
        Ok(Model {
            spec,
            identity: format!("{identity}-{}", choice_key(hints.variant, reference)),
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

/// What a choice adds to a model's identity.
fn choice_key(variant: Option<Variant>, reference: Option<Reference>) -> String {
    format!(
        "{}{}",
        variant.map_or("", Variant::name),
        reference.map_or("", |reference| match reference {
            Reference::Original => "-o",
            Reference::Transformers => "-t",
        })
    )
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
