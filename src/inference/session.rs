// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A network that is ready to run.

mod open;

use ort::value::TensorRef;

use super::bound::Bound;
use super::cache::{CacheError, Entry};
use super::compiled;
use super::error::InferenceError;
use super::execution_provider::ExecutionProvider;
use super::exit::{self, Owned};
use super::outputs::{Outputs, Values};
use super::precision::Precision;
use super::profile::Profile;
use super::provider::Provider;
use super::runtime::Runtime;
use super::settings::SessionSettings;
use super::tensor::{ElementType, TensorData, TensorInfo};
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
    provider: &'static dyn Provider,
    active: String,
    /// The device to name beside the provider.
    device: Option<String>,
    reason: String,
    /// Trouble with binding input and outputs to the device.
    unbound: Option<String>,
    /// True once a run with them bound has succeeded.
    bound_works: bool,
    /// True if a CUDA graph is asked for, which needs them bound.
    needs_addresses: bool,
    precision: Precision,
    // Held so that nobody removes it.
    _kept: Option<Entry>,
    trouble: Option<CacheError>,
    input: TensorInfo,
    outputs: Vec<TensorInfo>,
    shapes: Vec<Vec<usize>>,
}

impl Session {
    /// The provider that took the network.
    pub fn provider(&self) -> ExecutionProvider {
        self.provider.value()
    }

    /// As [`Self::provider`], with all that is known of it.
    pub(crate) fn provider_in_use(&self) -> &'static dyn Provider {
        self.provider
    }

    /// The reason for which the cache could not keep what was compiled, if that is so.
    pub fn cache_trouble(&self) -> Option<&CacheError> {
        self.trouble.as_ref()
    }

    /// Facts that a session depends on beside the model: of these settings and of this machine.
    pub fn facts(runtime: &Runtime, settings: &SessionSettings) -> String {
        compiled::facts(runtime, settings, settings.provider.provider())
    }

    /// Returns true if the network runs on the CPU alone, which has nothing to compile when it first runs.
    pub fn is_on_cpu(&self, settings: &SessionSettings) -> bool {
        self.provider.is_on_cpu(settings)
    }

    /// The network's input.
    pub fn input(&self) -> &TensorInfo {
        &self.input
    }

    /// The network's outputs, in the model's order.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// The providers that ran the nodes: `cpu`, `openvino`, `openvino+cpu(3 nodes)`. Known after the first run.
    pub fn active_provider(&self) -> &str {
        &self.active
    }

    /// The precision that it computes in; `Auto` where the device's driver chooses.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The reason for this provider: the ones that were tried before it, and their failures.
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
        self.run_bound(input, dims)?;
        if let Some(bound) = bound_to(&mut self.bound, dims) {
            return Ok(Outputs {
                values: Values::Bound(bound),
                infos: &self.outputs,
                shapes: &self.shapes,
                _work: work,
            });
        }
        let values = run(&mut self.inner, input, dims, self.provider.value())?;
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

    /// Runs the network with input and outputs bound; `false` if they are not, for an input of these
    /// dimensions. Where the first such run fails, nothing is bound from then on: runs go on without,
    /// more slowly. A file may also declare outputs of another size than it gives, which only counts
    /// when they are bound.
    fn run_bound(&mut self, input: TensorData<'_>, dims: &[usize]) -> Result<bool, InferenceError> {
        let Some(bound) = bound_to(&mut self.bound, dims) else {
            return Ok(false);
        };
        match bound.run(&mut self.inner, input) {
            Ok(()) => {
                self.bound_works = true;
                Ok(true)
            }
            Err(error) if self.bound_works || self.needs_addresses => {
                Err(run_failure(self.provider(), &error))
            }
            Err(error) => {
                self.bound = None;
                self.unbound = Some(format!("input and outputs are not bound: {error}"));
                Ok(false)
            }
        }
    }

    /// Runs once on zeros if the input's dimensions are known (a free first one counts as 1).
    fn warm_up(&mut self, settings: &SessionSettings) -> Result<(), InferenceError> {
        let mut dims = self.input.dims.clone();
        if let Some(shapes) = &settings.input_shapes {
            dims = shapes.smallest.iter().copied().map(Some).collect();
        }
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
            // A CUDA graph is captured now, with the addresses that all runs will have.
            let result = match self.run_bound(input, dims) {
                Ok(false) => {
                    let provider = self.provider();
                    run(&mut self.inner, input, dims, provider).map(drop)
                }
                other => other.map(drop),
            };
            let active = profile.finish(&mut self.inner, self.provider);
            let name = self.provider.name();
            self.active = match (active, &self.device) {
                (Some(active), Some(device)) => {
                    active.replacen(name, &format!("{name} on {device}"), 1)
                }
                (Some(active), None) => active,
                (None, _) => format!("{name} (not verified)"),
            };
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

/// The bound tensors, if they are for an input of these dimensions.
fn bound_to<'b>(bound: &'b mut Option<Owned<Bound>>, dims: &[usize]) -> Option<&'b mut Bound> {
    bound.as_deref_mut().filter(|bound| bound.dims() == dims)
}

fn run_failure(provider: ExecutionProvider, cause: &ort::Error) -> InferenceError {
    InferenceError::Run {
        provider,
        cause: cause.to_string(),
    }
}
