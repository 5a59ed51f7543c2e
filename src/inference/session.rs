// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A network that is ready to run.

use std::path::Path;

use ort::value::TensorRef;

use super::bound::{Bound, Place};
use super::builder::{builder, check_texts, provider_failure, refusal};
use super::cache::{CacheError, Draft, Entry, Slot};
use super::engine::{self, engine_is_built};
use super::error::InferenceError;
use super::exit::{self, Owned};
use super::precision::Precision;
use super::profile::Profile;
use super::provider::ExecutionProvider;
use super::runtime::Runtime;
use super::settings::{ModelSource, SessionSettings};
use super::tensor::{ElementType, Outputs, TensorData, TensorInfo, Values};
use super::weights::Shared;

/// The most elements the warm-up of [`Session::open`] allocates; larger inputs wait for the first run.
const LARGEST_WARM_UP: usize = 1 << 28;

/// A network, loaded by one provider, with one input.
#[derive(Debug)]
pub struct Session {
    // Before `inner`, whose memory it holds.
    bound: Option<Owned<Bound>>,
    inner: Owned<ort::session::Session>,
    // Behind `inner`, which reads it.
    _shared: Option<Owned<Shared>>,
    // Behind `inner`, which writes into the profile's folder until it is dropped.
    profile: Option<Profile>,
    provider: ExecutionProvider,
    active: String,
    reason: String,
    precision: Precision,
    // Held so that nobody removes it.
    _kept: Option<Entry>,
    trouble: Option<CacheError>,
    input: TensorInfo,
    outputs: Vec<TensorInfo>,
    shapes: Vec<Vec<usize>>,
}

impl Session {
    /// Opens the model. A model with fixed dimensions (but for the batch) is also run once, on
    /// zeros, which compiles what the provider compiles late and shows what runs the nodes.
    ///
    /// Takes from milliseconds to minutes (TensorRT) and cannot be stopped.
    ///
    /// # Errors
    /// [`InferenceError`]; `is_provider` tells a bad choice of provider from a bad model.
    pub fn open(
        runtime: &'static Runtime,
        source: ModelSource<'_>,
        settings: &SessionSettings,
    ) -> Result<Self, InferenceError> {
        check_texts(settings)?;
        let _work = exit::begin().ok_or(InferenceError::Ending)?;
        let session = match settings.provider {
            ExecutionProvider::Auto => Self::open_first(runtime, source, settings)?,
            provider => {
                let mut session = Self::attempt(runtime, source, settings, provider, true)?;
                session.reason = format!("{provider}: asked for");
                session
            }
        };
        exit::wait_at_the_end();
        Ok(session)
    }

    /// Opens the model with the first provider that takes it.
    fn open_first(
        runtime: &'static Runtime,
        source: ModelSource<'_>,
        settings: &SessionSettings,
    ) -> Result<Self, InferenceError> {
        let mut reasons = Vec::new();
        for provider in ExecutionProvider::ORDER {
            if !provider.is_built_in() {
                reasons.push(format!("{provider}: not in this ONNX Runtime"));
            } else if provider == ExecutionProvider::TensorRt && !engine_is_built(runtime, settings)
            {
                reasons.push(format!(
                    "{provider}: no engine in the cache, and building takes minutes"
                ));
            } else {
                let opened = Self::attempt(runtime, source, settings, provider, false);
                let opened = opened.and_then(|session| match session.active.as_str() {
                    "cpu" => Err(provider_failure(
                        provider,
                        settings,
                        "it takes no node of it",
                    )),
                    _ => Ok(session),
                });
                match opened {
                    Ok(mut session) => {
                        reasons.push(format!("{provider}: works"));
                        session.reason = reasons.join("; ");
                        return Ok(session);
                    }
                    Err(InferenceError::Provider { cause, .. }) => {
                        reasons.push(format!("{provider}: {cause}"));
                    }
                    Err(error) => reasons.push(format!("{provider}: {error}")),
                }
            }
        }
        // The options and the device were meant for a provider that is not there.
        let plain = SessionSettings {
            provider_options: Vec::new(),
            device: None,
            ..settings.clone()
        };
        let provider = ExecutionProvider::Cpu;
        let mut session = Self::attempt(runtime, source, &plain, provider, false)?;
        reasons.push(format!("{provider}: works everywhere"));
        session.reason = reasons.join("; ");
        Ok(session)
    }

    /// Opens the model with one provider; `strict` lets no node fall to the CPU.
    fn attempt(
        runtime: &'static Runtime,
        source: ModelSource<'_>,
        settings: &SessionSettings,
        provider: ExecutionProvider,
        strict: bool,
    ) -> Result<Self, InferenceError> {
        if !provider.is_built_in() {
            let library = runtime.path().to_owned();
            return Err(InferenceError::ProviderMissing { provider, library });
        }
        let (kept, draft, trouble) = match engine::claim(runtime, settings, provider) {
            Slot::Ready(entry) => (Some(entry), None, None),
            Slot::Vacant(draft) => (None, Some(draft), None),
            Slot::Unkept(trouble) => (None, None, trouble),
        };
        let load = |folder| Self::load(runtime, source, settings, provider, strict, folder);
        if let Some(entry) = kept {
            return match load(Some(entry.folder())) {
                Ok(session) => Ok(Self {
                    _kept: Some(entry),
                    ..session
                }),
                // What was kept may be of no use: once more without it.
                Err(_) if entry.discard() => {
                    Self::attempt(runtime, source, settings, provider, strict)
                }
                Err(error) => Err(error),
            };
        }
        let mut session = load(draft.as_ref().map(Draft::folder))?;
        session.trouble = trouble;
        match draft.map(Draft::finish).transpose() {
            Ok(entry) => session._kept = entry,
            Err(trouble) => session.trouble = Some(trouble),
        }
        Ok(session)
    }

    /// Opens the model with one provider, whose compiled network is, or is to be, in `kept`.
    fn load(
        runtime: &'static Runtime,
        source: ModelSource<'_>,
        settings: &SessionSettings,
        provider: ExecutionProvider,
        strict: bool,
        kept: Option<&Path>,
    ) -> Result<Self, InferenceError> {
        let precision = Precision::resolve(settings, provider)?;
        let known = settings
            .known
            .as_ref()
            .filter(|known| known.provider == provider);
        let profile = match known {
            Some(_) => None,
            None => Profile::new(),
        };
        let mut builder = builder(runtime, settings, provider, strict, profile.as_ref(), kept)?;
        let weights = settings.weights.as_ref();
        let shared = match weights.filter(|_| provider == ExecutionProvider::Cpu) {
            Some(weights) => {
                let (with_weights, shared) =
                    weights
                        .share(builder)
                        .map_err(|cause| InferenceError::Model {
                            model: source.to_string(),
                            cause,
                        })?;
                builder = with_weights;
                Some(Owned::new(shared))
            }
            None => None,
        };
        let inner = match source {
            ModelSource::File(path) => builder.commit_from_file(path),
            ModelSource::Memory(bytes) => builder.commit_from_memory(bytes),
        }
        .map_err(|error| refusal(&error, source, provider, settings))?;
        let infos = |outlets: &[ort::value::Outlet]| {
            outlets
                .iter()
                .map(TensorInfo::new)
                .collect::<Result<Vec<_>, _>>()
        };
        let inner = Owned::new(inner);
        let (inputs, outputs) = (infos(inner.inputs())?, infos(inner.outputs())?);
        let Ok([input]) = <[TensorInfo; 1]>::try_from(inputs.clone()) else {
            let names = inputs.into_iter().map(|input| input.name).collect();
            return Err(InferenceError::Inputs { names });
        };
        // Of outputs with free dimensions each run tells.
        let fixed = |info: &TensorInfo| {
            info.dims
                .iter()
                .map(|dim| dim.unwrap_or_default())
                .collect()
        };
        let shapes = outputs.iter().map(fixed).collect();
        let unknown = || format!("{provider} (not run yet)");
        let active = known.map_or_else(unknown, |known| known.active.clone());
        let reason = String::new();
        let bound = match Place::of(provider, settings) {
            Some(place) => Bound::new(&inner, place, &input, &outputs)
                .map_err(|error| provider_failure(provider, settings, &error.to_string()))?,
            None => None,
        };
        let mut session = Self {
            bound: bound.map(Owned::new),
            inner,
            _shared: shared,
            profile,
            provider,
            active,
            reason,
            precision,
            _kept: None,
            trouble: None,
            input,
            outputs,
            shapes,
        };
        session.warm_up().map_err(|error| match error {
            InferenceError::Run { provider, cause } if provider != ExecutionProvider::Cpu => {
                provider_failure(provider, settings, &cause)
            }
            other => other,
        })?;
        Ok(session)
    }

    /// The provider that is tried first, if the model is the one that the settings' key names.
    pub fn first_choice(runtime: &Runtime, settings: &SessionSettings) -> ExecutionProvider {
        let is_tried = |provider: &ExecutionProvider| {
            provider.is_built_in()
                && (*provider != ExecutionProvider::TensorRt || engine_is_built(runtime, settings))
        };
        match settings.provider {
            ExecutionProvider::Auto => {
                let mut order = ExecutionProvider::ORDER.into_iter();
                order.find(is_tried).unwrap_or(ExecutionProvider::Cpu)
            }
            named => named,
        }
    }

    /// The provider that took the network.
    pub fn provider(&self) -> ExecutionProvider {
        self.provider
    }

    /// Why what was compiled could not be kept, if that is so.
    pub fn cache_trouble(&self) -> Option<&CacheError> {
        self.trouble.as_ref()
    }

    /// What of these settings a session depends on beside the model, this machine included.
    pub fn facts(runtime: &Runtime, settings: &SessionSettings) -> String {
        engine::facts(runtime, settings, settings.provider)
    }

    /// Whether the network runs on the CPU alone, which has nothing to compile when it first runs.
    pub fn is_on_cpu(&self, settings: &SessionSettings) -> bool {
        self.provider.is_on_cpu(settings)
    }

    /// What the network takes.
    pub fn input(&self) -> &TensorInfo {
        &self.input
    }

    /// What the network gives, in the model's order.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// What ran the nodes: `cpu`, `openvino`, `openvino+cpu(3 nodes)`. Known after the first run.
    pub fn active_provider(&self) -> &str {
        &self.active
    }

    /// What it computes in; `Auto` where the device's driver chooses.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Why this provider: what was tried before it and why that did not do.
    pub fn provider_reason(&self) -> &str {
        &self.reason
    }

    /// Runs the network on `input`, a tensor of the dimensions `dims` in row-major order.
    ///
    /// # Errors
    /// [`InferenceError`] if the model does not take such a tensor or fails on it.
    pub fn run(
        &mut self,
        input: TensorData<'_>,
        dims: &[usize],
    ) -> Result<Outputs<'_>, InferenceError> {
        let work = exit::begin().ok_or(InferenceError::Ending)?;
        let name = || self.input.name.clone();
        if input.element() != self.input.element {
            let (expected, given) = (self.input.element, input.element());
            return Err(InferenceError::InputElement {
                name: name(),
                expected,
                given,
            });
        }
        if !self.input.takes(dims, input.len()) {
            return Err(InferenceError::InputShape {
                name: name(),
                expected: self.input.shape(),
                given: dims.to_vec(),
                length: input.len(),
            });
        }
        self.observe(input, dims)?;
        if let Some(bound) = bound_to(&mut self.bound, dims) {
            bound
                .run(&mut self.inner, input)
                .map_err(|error| run_failure(self.provider, &error))?;
            return Ok(Outputs {
                values: Values::Bound(bound),
                infos: &self.outputs,
                shapes: &self.shapes,
                _work: work,
            });
        }
        let values = run(&mut self.inner, input, dims, self.provider)?;
        for (info, shape) in self.outputs.iter().zip(&mut self.shapes) {
            shape.clear();
            let dims = values
                .get(&info.name)
                .and_then(|value| value.dtype().tensor_shape());
            shape.extend(
                dims.iter()
                    .flat_map(|dims| dims.iter().map(|&dim| dim as usize)),
            );
        }
        Ok(Outputs {
            values: Values::New(values),
            infos: &self.outputs,
            shapes: &self.shapes,
            _work: work,
        })
    }

    /// Runs once on zeros if the input's dimensions are known (a free first one counts as 1).
    fn warm_up(&mut self) -> Result<(), InferenceError> {
        let mut dims = self.input.dims.clone();
        if let Some(batch) = dims.first_mut() {
            batch.get_or_insert(1);
        }
        let Some(dims) = dims.into_iter().collect::<Option<Vec<usize>>>() else {
            return Ok(());
        };
        let elements = dims
            .iter()
            .try_fold(1_usize, |all, &dim| all.checked_mul(dim));
        let Some(elements @ 1..=LARGEST_WARM_UP) = elements else {
            return Ok(());
        };
        match self.input.element {
            ElementType::F32 => self.observe(TensorData::F32(&vec![0.0; elements]), &dims),
            ElementType::U8 => self.observe(TensorData::U8(&vec![0; elements]), &dims),
            ElementType::I64 | ElementType::Other(_) => Ok(()),
        }
    }

    /// The first time, runs the network to see what runs its nodes.
    fn observe(&mut self, input: TensorData<'_>, dims: &[usize]) -> Result<(), InferenceError> {
        if let Some(profile) = self.profile.take() {
            let result = match bound_to(&mut self.bound, dims) {
                // A CUDA graph is captured now, with the places that all runs will have.
                Some(bound) => bound
                    .run(&mut self.inner, input)
                    .map_err(|error| run_failure(self.provider, &error)),
                None => run(&mut self.inner, input, dims, self.provider).map(drop),
            };
            self.active = profile
                .finish(&mut self.inner, self.provider)
                .unwrap_or_else(|| format!("{} (not verified)", self.provider));
            result?;
        }
        Ok(())
    }
}

fn run<'s>(
    session: &'s mut ort::session::Session,
    input: TensorData<'_>,
    dims: &[usize],
    provider: ExecutionProvider,
) -> Result<ort::session::SessionOutputs<'s>, InferenceError> {
    match input {
        TensorData::F32(data) => TensorRef::from_array_view((dims, data))
            .and_then(|tensor| session.run(ort::inputs![tensor])),
        TensorData::U8(data) => TensorRef::from_array_view((dims, data))
            .and_then(|tensor| session.run(ort::inputs![tensor])),
    }
    .map_err(|cause| run_failure(provider, &cause))
}

/// What is bound, if it is for an input of these dimensions.
fn bound_to<'b>(bound: &'b mut Option<Owned<Bound>>, dims: &[usize]) -> Option<&'b mut Bound> {
    bound.as_deref_mut().filter(|bound| bound.dims() == dims)
}

fn run_failure(provider: ExecutionProvider, cause: &ort::Error) -> InferenceError {
    InferenceError::Run {
        provider,
        cause: cause.to_string(),
    }
}
