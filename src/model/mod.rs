// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a path to a model that can say its spec and build its graph at any size.

mod assemble;
mod embedded;
mod error;
mod files;
mod identity;
mod onnx;
mod preprocessor;
mod published;

pub use embedded::{EMBEDDED_NAME, EMBEDDED_SEGMENTATION_NAME};
pub use error::ModelError;
pub use onnx::OnnxModel;

use crate::checkpoint::{Checkpoint, Ignored};
use crate::dpt::{
    self, Batch, DptConfig, Flavour, Floats, GraphOptions, InputForm, Origin, Reference, Rewrite,
    Variant,
};
use crate::graph::Graph;
use crate::spec::{Borders, ModelSpec, Size};
use assemble::Parts;
use std::path::Path;

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
    /// What matrix products and convolutions compute in.
    pub floats: Floats,
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
    /// One picture of this size as floats, standard operators, 32 bits, nothing beyond the result.
    pub fn new(size: Size) -> Self {
        Self {
            size,
            batch: Batch::Fixed(1),
            input: InputForm::PixelValues,
            flavour: Flavour::Portable,
            floats: Floats::F32,
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
    /// Opens a checkpoint folder or file, safetensors or PyTorch's, an `.onnx` file, what was fetched
    /// under a name of the catalogue, or a model inside the plugin by its name. What a checkpoint is,
    /// is told by a `config.json` beside the weights, else by their names and shapes.
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
        if embedded::is_name(path) {
            return Self::embedded_as(&path.to_string_lossy());
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
        if path
            .extension()
            .is_some_and(|extension| extension == "onnx")
        {
            let (spec, onnx) = onnx::open(path)?;
            return Ok(Self {
                spec,
                identity: identity::of_onnx(path, &onnx.summary),
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
        parts.into_model(&files::name_from(path))
    }

    /// What the model expects and what its output means.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// A text that differs between models: for cache keys.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Bytes of its weights, or of the file that has them.
    pub fn bytes(&self) -> u64 {
        match &self.source {
            Source::Checkpoint { checkpoint, .. } => checkpoint.bytes(),
            Source::Onnx(onnx) => onnx.path.metadata().map_or(0, |file| file.len()),
        }
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
            floats: options.floats,
            stages: options.stages,
            borders: options.borders,
            without: options.without.clone(),
        };
        let (mut graph, unused) = dpt::build(config, &checkpoint.weights(), &options)?;
        graph.set_metadata(ModelSpec::METADATA_KEY, self.spec.to_json());
        Ok((graph, unused))
    }
}
