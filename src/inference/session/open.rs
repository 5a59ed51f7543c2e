// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Opening a session: which provider takes the network, and what it is given.

use std::path::Path;

use super::Session;
use crate::inference::bound::{self, Bound};
use crate::inference::builder::{builder, check_texts, provider_failure, refusal};
use crate::inference::cache::{Draft, Slot};
use crate::inference::compiled;
use crate::inference::error::InferenceError;
use crate::inference::execution_provider::ExecutionProvider;
use crate::inference::exit::{self, Owned};
use crate::inference::profile::Profile;
use crate::inference::provider::{self, Provider};
use crate::inference::runtime::Runtime;
use crate::inference::settings::{ModelSource, SessionSettings};
use crate::inference::tensor::TensorInfo;

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
        let mut session = match settings.provider.provider() {
            None => Self::open_first(runtime, source, settings)?,
            Some(provider) => {
                let mut session = Self::attempt(runtime, source, settings, provider, true)?;
                session.reason = format!("{}: asked for", provider.name());
                session
            }
        };
        if let Some(unbound) = session.unbound.take() {
            session.reason = format!("{}; {unbound}", session.reason);
        }
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
        let [preferred @ .., last] = provider::ALL;
        for provider in preferred {
            let name = provider.name();
            if let Some(reason) = passed_over(runtime, settings, provider) {
                reasons.push(format!("{name}: {reason}"));
                continue;
            }
            let opened = Self::attempt(runtime, source, settings, provider, false);
            let opened = opened.and_then(|session| match session.active == last.name() {
                true => Err(provider_failure(
                    provider,
                    settings,
                    "it takes no node of it",
                )),
                false => Ok(session),
            });
            match opened {
                Ok(mut session) => {
                    reasons.push(format!("{name}: works"));
                    session.reason = reasons.join("; ");
                    return Ok(session);
                }
                Err(InferenceError::Provider { cause, .. }) => {
                    reasons.push(format!("{name}: {cause}"));
                }
                Err(error) => reasons.push(format!("{name}: {error}")),
            }
        }
        // The options and the device were meant for a provider that is not there.
        let plain = SessionSettings {
            provider_options: Vec::new(),
            device: None,
            ..settings.clone()
        };
        let opened = Self::attempt(runtime, source, &plain, last, false);
        let mut session = opened.map_err(|cause| match cause {
            // What is wrong with the model has nothing to do with providers.
            cause if cause.is_provider() => InferenceError::None {
                reasons: reasons.join("; "),
                cause: Box::new(cause),
            },
            cause => cause,
        })?;
        reasons.push(format!("{}: works everywhere", last.name()));
        session.reason = reasons.join("; ");
        Ok(session)
    }

    /// Opens the model with one provider; `strict` lets no node fall to the CPU.
    fn attempt(
        runtime: &'static Runtime,
        source: ModelSource<'_>,
        settings: &SessionSettings,
        provider: &'static dyn Provider,
        strict: bool,
    ) -> Result<Self, InferenceError> {
        if !provider.is_built_in() {
            let library = runtime.path().to_owned();
            return Err(InferenceError::ProviderMissing {
                provider: provider.value(),
                library,
                remedy: provider.where_to_get(),
            });
        }
        let (kept, draft, trouble) = match compiled::claim(runtime, settings, provider) {
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
                Err(error) if !provider.blames_cache(&error) => Err(error),
                // Once more without it, also where it cannot be removed.
                Err(_) if entry.discard() => {
                    Self::attempt(runtime, source, settings, provider, strict)
                }
                Err(_) => Self::load(runtime, source, settings, provider, strict, None),
            };
        }
        let mut session = load(draft.as_ref().map(Draft::folder))?;
        session.trouble = trouble;
        let draft = draft.filter(|draft| provider.has_compiled(draft.folder()));
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
        provider: &'static dyn Provider,
        strict: bool,
        kept: Option<&Path>,
    ) -> Result<Self, InferenceError> {
        let precision = provider.precision(settings)?;
        let known = settings
            .known
            .as_ref()
            .filter(|known| provider.is(known.provider));
        let profile = match known {
            Some(_) => None,
            None => Profile::new(),
        };
        let mut builder = builder(runtime, settings, provider, strict, profile.as_ref(), kept)?;
        let weights = settings.weights.as_ref();
        let shared = match weights.filter(|_| provider.shares_weights()) {
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
        let info = |outlet: &ort::value::Outlet| {
            TensorInfo::new(outlet).ok_or_else(|| InferenceError::NotATensor {
                name: outlet.name().to_owned(),
            })
        };
        let infos = |outlets: &[ort::value::Outlet]| {
            outlets.iter().map(info).collect::<Result<Vec<_>, _>>()
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
        let unknown = || format!("{} (not run yet)", provider.name());
        let active = known.map_or_else(unknown, |known| known.active.clone());
        let repeats_addresses = provider.repeats_addresses(settings);
        let device = bound::Device::of(provider.memory(settings), settings.bind);
        let (bound, unbound) = match device {
            Some(device) => bind(&inner, &device, repeats_addresses, &input, &outputs)?,
            None => (None, None),
        };
        let mut session = Self {
            bound: bound.map(Owned::new),
            inner,
            _shared: shared,
            profile,
            provider,
            active,
            device: provider.device_shown(settings),
            reason: String::new(),
            unbound,
            bound_works: false,
            needs_addresses: repeats_addresses.is_some(),
            precision,
            _kept: None,
            trouble: None,
            input,
            outputs,
            shapes,
        };
        session.warm_up(settings).map_err(|error| match error {
            InferenceError::Run { cause, .. } if !provider.is(ExecutionProvider::Cpu) => {
                provider_failure(provider, settings, &cause)
            }
            other => other,
        })?;
        Ok(session)
    }

    /// The provider that is tried first. The settings are those for the graph that suits the provider,
    /// under whose key it would have kept what it compiles.
    pub(crate) fn first_choice(
        runtime: &Runtime,
        choice: ExecutionProvider,
        settings: impl Fn(&'static dyn Provider) -> SessionSettings,
    ) -> &'static dyn Provider {
        let [preferred @ .., last] = provider::ALL;
        choice.provider().unwrap_or_else(|| {
            let mut preferred = preferred.into_iter();
            preferred
                .find(|provider| passed_over(runtime, &settings(*provider), *provider).is_none())
                .unwrap_or(last)
        })
    }
}

/// The reason for which `auto` does not try the provider, if the model is the one that the settings' key
/// names.
fn passed_over(
    runtime: &Runtime,
    settings: &SessionSettings,
    provider: &dyn Provider,
) -> Option<&'static str> {
    if !provider.is_built_in() {
        return Some("not in this ONNX Runtime");
    }
    let reason = provider.needs_cached()?;
    let is_there = compiled::is_there(runtime, settings, provider);
    (!is_there).then_some(reason)
}

/// Binds input and outputs to the device's memory. Also says what of that could not be done.
///
/// # Errors
/// If that is more than a matter of speed.
fn bind(
    session: &ort::session::Session,
    device: &bound::Device,
    repeats_addresses: Option<&str>,
    input: &TensorInfo,
    outputs: &[TensorInfo],
) -> Result<(Option<Bound>, Option<String>), InferenceError> {
    let (bound, trouble) = match Bound::new(session, device, input, outputs) {
        Ok(Some(bound)) => {
            let trouble = bound.trouble().map(str::to_owned);
            (Some(bound), trouble)
        }
        Ok(None) => (None, None),
        Err(error) => (
            None,
            Some(format!("input and outputs are not bound: {error}")),
        ),
    };
    match repeats_addresses {
        Some(option) if bound.is_none() => {
            let free = || "a dimension of them is free".to_owned();
            Err(InferenceError::CudaGraph {
                option: option.to_owned(),
                cause: trouble.unwrap_or_else(free),
            })
        }
        _ => Ok((bound, trouble)),
    }
}
