// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a model to a session by way of the cache.

use super::{Engine, EngineError, Request};
use crate::dpt::{Batch, Flavour, Floats, InputForm};
use crate::graph::{self, Graph, OnnxTensor};
use crate::inference::{
    CacheError, Draft, Entry, ExecutionProvider, InferenceError, InputShapes, Key, Kind, Known,
    ModelSource, Precision, Provider, Runtime, Session, SessionSettings, Slot, Weight, Weights,
};
use crate::model::{BuildOptions, Model, ModelError};
use crate::spec::Size;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Weights from here on are written once to the cache and mapped from there; smaller ones are
/// handed over in memory.
const WEIGHTS_FROM: u64 = 64 << 20;
const GRAPH: &str = "model.onnx";

/// What the first start on a CPU has shown. A later one has nothing to compile, so its first frame
/// need not be preceded by runs that show it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Start {
    provider: ExecutionProvider,
    active: String,
    pub(super) map: Size,
    pub(super) run: Duration,
}

impl Start {
    pub(super) fn of(engine: &Engine) -> Self {
        Self {
            provider: engine.session.provider(),
            active: engine.active_provider().to_owned(),
            map: engine.map_size,
            run: engine.warm_run,
        }
    }
}

/// What of an engine is in the cache.
#[derive(Default)]
pub(super) struct Kept {
    entry: Option<Entry>,
    hit: bool,
    trouble: Option<CacheError>,
    /// The file for the start with these settings.
    start_file: String,
    start: Option<Start>,
}

impl Kept {
    pub(super) fn is_hit(&self) -> bool {
        self.hit
    }

    pub(super) fn is_kept(&self) -> bool {
        self.entry.is_some()
    }

    pub(super) fn trouble(&self) -> Option<&CacheError> {
        self.trouble.as_ref()
    }

    pub(super) fn start(&self) -> Option<&Start> {
        self.start.as_ref()
    }

    /// Leaves word for the next start.
    pub(super) fn remember(&self, start: &Start) {
        if let (Some(entry), Ok(text)) = (&self.entry, serde_json::to_vec(start)) {
            // Without it the next start only takes longer.
            let _ = entry.note(&self.start_file, &text);
        }
    }
}

/// The graph of a checkpoint at the request's size, or the user's `.onnx`, as a session.
pub(super) fn open(
    model: &Model,
    runtime: &'static Runtime,
    request: &Request,
) -> Result<(Session, Kept), EngineError> {
    let settings_for = |provider| plan(model, request, provider).1;
    let first = Session::first_choice(runtime, request.session.provider, settings_for);
    let planned = plan(model, request, first);
    let opened = open_planned(model, runtime, &planned)?;
    let provider = opened.0.provider_in_use();
    let suited = plan(model, request, provider);
    let differ = |one: &SessionSettings, other: &SessionSettings| {
        one.cache_key != other.cache_key || one.fixed_dimensions != other.fixed_dimensions
    };
    if provider.is(first.value()) || !differ(&planned.1, &suited.1) {
        return Ok(opened);
    }
    // With `auto` another provider has taken it than the one that it was planned for.
    drop(opened);
    open_planned(model, runtime, &suited)
}

fn open_planned(
    model: &Model,
    runtime: &'static Runtime,
    (options, settings): &(BuildOptions, SessionSettings),
) -> Result<(Session, Kept), EngineError> {
    let is_rewritten = settings.precision == Precision::Typed;
    if let Some(onnx) = model.onnx().filter(|_| !is_rewritten) {
        let session = Session::open(runtime, ModelSource::File(&onnx.path), settings)?;
        return Ok((session, Kept::default()));
    }
    let cache = settings.cache.clone();
    let mut kept = Kept::default();
    let mut slot = cache.claim(Kind::Graph, &settings.cache_key);
    if let Slot::Ready(entry) = slot {
        match reopen(model, runtime, entry, settings) {
            Ok(opened) => return Ok(opened),
            Err((error, entry)) => {
                // A whole graph can still be one that this runtime does not take, or be damaged in
                // a way that sizes do not show: once more without it.
                if !matches!(error, InferenceError::Model { .. }) || !entry.discard() {
                    return Err(error.into());
                }
                slot = cache.claim(Kind::Graph, &settings.cache_key);
            }
        }
    }
    let graph = match model.onnx() {
        Some(onnx) => graph::in_fp16(&onnx.path).map_err(ModelError::from)?,
        None => model.graph(options)?,
    };
    match slot {
        Slot::Vacant(draft) if settings.keep_small || graph.weight_bytes() >= WEIGHTS_FROM => {
            match write(draft, &graph) {
                Ok(entry) => {
                    drop(graph);
                    let path = entry.path(GRAPH);
                    let settings = with_weights(settings, model, &path);
                    let session = Session::open(runtime, ModelSource::File(&path), &settings)?;
                    kept.start_file = start_file(runtime, &settings);
                    kept.entry = Some(entry);
                    return Ok((session, kept));
                }
                Err(trouble) => kept.trouble = Some(trouble),
            }
        }
        // Another process has made it meanwhile; it is not worth a second attempt.
        Slot::Vacant(_) | Slot::Ready(_) => {}
        // A small graph would not have been kept anyway.
        Slot::Unkept(trouble) => {
            kept.trouble = trouble.filter(|_| graph.weight_bytes() >= WEIGHTS_FROM);
        }
    }
    let bytes = graph.to_bytes().map_err(ModelError::from)?;
    drop(graph);
    let session = Session::open(runtime, ModelSource::Memory(&bytes), settings)?;
    Ok((session, kept))
}

/// The graph that suits the provider which is tried first, and the settings that suit the graph.
fn plan(model: &Model, request: &Request, first: &dyn Provider) -> (BuildOptions, SessionSettings) {
    let mut settings = request.session.clone();
    let form = first.graph(&settings);
    let mut options = BuildOptions {
        input: InputForm::Rgb8,
        borders: request.borders,
        batch: match u32::try_from(request.batch).unwrap_or(u32::MAX) {
            0 | 1 => Batch::Fixed(1),
            batch if form.whole_batch => Batch::Fixed(batch),
            _ => Batch::Dynamic,
        },
        flavour: match form.fused_attention {
            true => Flavour::Ort,
            false => Flavour::Portable,
        },
        ..BuildOptions::new(request.network)
    };
    match model.onnx().map(|onnx| onnx.summary.inputs.as_slice()) {
        // What works out shapes in a graph of another tool is not for a GPU.
        Some([input]) => {
            free_dimensions(&mut settings, input, request, form.whole_batch_of_files);
        }
        None if options.batch == Batch::Dynamic => {
            let Size { height, width } = request.network;
            let input = OnnxTensor {
                name: "rgb".into(),
                element: "uint8".into(),
                dims: vec![None, Some(height.into()), Some(width.into()), Some(3)],
                dim_names: Vec::new(),
            };
            free_dimensions(&mut settings, &input, request, false);
        }
        _ => {}
    }
    // Also a user's `.onnx` file, which is rewritten.
    if form.typed_fp16 && settings.precision == Precision::Fp16 {
        options.floats = Floats::F16;
        settings.precision = Precision::Typed;
    }
    settings.cache_key = key(model, &options);
    (options, settings)
}

/// Says what sizes the free dimensions of the input are going to have: those with a name of their own
/// and one size are fixed, the others have a range. With `is_full` every run has the largest batch.
fn free_dimensions(
    settings: &mut SessionSettings,
    input: &OnnxTensor,
    request: &Request,
    is_full: bool,
) {
    let Size { height, width } = request.network;
    let (height, width) = (height as usize, width as usize);
    let pixels = match input.dims.as_slice() {
        [_, Some(3), _, _] => [3, height, width],
        [_, _, _, Some(3)] => [height, width, 3],
        _ => return,
    };
    let most = request.batch.max(1);
    let least = if is_full { most } else { 1 };
    let mut shapes = InputShapes {
        name: input.name.clone(),
        smallest: [&[least], pixels.as_slice()].concat(),
        largest: [&[most], pixels.as_slice()].concat(),
    };
    let mut fixed: Vec<(String, usize)> = Vec::new();
    let mut is_free = false;
    for (axis, dim) in input.dims.iter().enumerate() {
        if let Some(size) = dim.and_then(|dim| usize::try_from(dim).ok()) {
            (shapes.smallest[axis], shapes.largest[axis]) = (size, size);
            continue;
        }
        let (smallest, size) = (shapes.smallest[axis], shapes.largest[axis]);
        let name = input.dim_names.get(axis).map_or("", String::as_str);
        // One name may stand for sides that differ here.
        let differs = fixed
            .iter()
            .any(|(own, other)| own == name && *other != size);
        if name.is_empty() || smallest != size || differs {
            is_free = true;
        } else {
            fixed.push((name.to_owned(), size));
        }
    }
    settings.fixed_dimensions = fixed;
    settings.input_shapes = is_free.then_some(shapes);
}

/// A session on a graph from the cache.
fn reopen(
    model: &Model,
    runtime: &'static Runtime,
    entry: Entry,
    settings: &SessionSettings,
) -> Result<(Session, Kept), (InferenceError, Entry)> {
    let start_file = start_file(runtime, settings);
    let start = std::fs::read(entry.path(&start_file)).ok();
    let start: Option<Start> = start.and_then(|text| serde_json::from_slice(&text).ok());
    let settings = SessionSettings {
        known: start.as_ref().map(|start| Known {
            provider: start.provider,
            active: start.active.clone(),
        }),
        ..settings.clone()
    };
    let path = entry.path(GRAPH);
    let settings = with_weights(&settings, model, &path);
    let session = match Session::open(runtime, ModelSource::File(&path), &settings) {
        Ok(session) => session,
        Err(error) => return Err((error, entry)),
    };
    // With `auto` another provider may have come first this time.
    let start = start.filter(|start| start.provider == session.provider());
    let kept = Kept {
        entry: Some(entry),
        hit: true,
        trouble: None,
        start_file,
        start,
    };
    Ok((session, kept))
}

/// The settings with the weights of the graph in `path`, which another size of the model may have loaded.
fn with_weights(settings: &SessionSettings, model: &Model, path: &Path) -> SessionSettings {
    /// ONNX's number for f32.
    const FLOAT: i32 = 1;
    let provider = settings.provider.provider();
    let may_share = provider.is_none_or(Provider::shares_weights);
    // A graph that cannot be read is told about when it is opened.
    let stored = may_share.then(|| graph::stored(path).ok()).flatten();
    let weights = stored.map(|(file, stored)| {
        let floats = stored.into_iter().filter(|weight| weight.element == FLOAT);
        let tensors = floats.map(|weight| Weight {
            name: weight.name,
            dims: weight.dims,
            offset: weight.offset,
            length: weight.length,
        });
        Arc::new(Weights {
            identity: model.identity().to_owned(),
            file,
            tensors: tensors.collect(),
        })
    });
    SessionSettings {
        weights,
        ..settings.clone()
    }
}

fn write(draft: Draft, graph: &Graph) -> Result<Entry, CacheError> {
    let path = draft.path(GRAPH);
    graph
        .write(&path, true)
        .map_err(|error| CacheError::Unwritable {
            folder: draft.folder().to_owned(),
            cause: std::io::Error::other(error),
        })?;
    draft.finish()
}

/// Names the graph of this model, built with these options by this version of the builder.
fn key(model: &Model, options: &BuildOptions) -> Key {
    let (identity, builder) = (model.identity(), env!("DPTDEPTH_GRAPH_BUILDER"));
    let version = env!("CARGO_PKG_VERSION");
    Key {
        model: model.spec().name.clone(),
        size: options.size.to_string(),
        facts: format!("{identity}, {options:?}, {version}-{builder}"),
    }
}

fn start_file(runtime: &Runtime, settings: &SessionSettings) -> String {
    let facts = Session::facts(runtime, settings);
    let key = settings.cache_key.with(&facts);
    format!("start-{}.json", key.short())
}
