// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One loaded graph and the provider that runs it.

use super::{Cache, ExecutionProvider, InferenceError, OptimizationLevel, Runtime, profile};
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{SessionOutputs, builder::SessionBuilder};
use ort::value::TensorElementType;
use ort::value::{DynValue, TensorRef, ValueType};
use std::path::Path;

/// How to open a session.
#[derive(Clone, Debug, Default)]
pub struct SessionSettings {
    /// What runs the model.
    pub provider: ExecutionProvider,
    /// GPU index or OpenVINO device name; `None` = the provider's first.
    pub device: Option<String>,
    /// Threads of one run on the CPU; 0 = one for each core.
    pub threads: usize,
    /// How far the graph may be rewritten.
    pub optimization_level: OptimizationLevel,
    /// Passed on to the provider; they have the last word.
    pub provider_options: Vec<(String, String)>,
    /// Where compiled engines are kept.
    pub cache: Cache,
    /// Names the graph in the cache.
    pub cache_key: String,
}

/// Where the graph is.
#[derive(Clone, Copy, Debug)]
pub enum ModelSource<'a> {
    /// An `.onnx` file, with external data beside it if it has any.
    File(&'a Path),
    /// The bytes of one.
    Memory(&'a [u8]),
}

/// A tensor's element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit float.
    F32,
    /// Unsigned byte.
    U8,
    /// 64-bit integer.
    I64,
    /// Anything else: not supported.
    Other,
}

/// An input or output of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub element: ElementType,
    /// Its dimensions, outermost first; `None` where a run may choose.
    pub dims: Vec<Option<usize>>,
}

/// Values to run on, row-major.
#[derive(Clone, Copy, Debug)]
pub enum TensorData<'a> {
    /// Floats.
    F32(&'a [f32]),
    /// Bytes.
    U8(&'a [u8]),
}

/// An output's values, row-major, in the runtime's own memory.
#[derive(Clone, Debug)]
pub enum TensorView<'a> {
    /// Floats.
    F32 {
        /// Dimensions, outermost first.
        dims: Vec<usize>,
        /// Values.
        data: &'a [f32],
    },
    /// Bytes.
    U8 {
        /// Dimensions, outermost first.
        dims: Vec<usize>,
        /// Values.
        data: &'a [u8],
    },
    /// Integers.
    I64 {
        /// Dimensions, outermost first.
        dims: Vec<usize>,
        /// Values.
        data: &'a [i64],
    },
}

impl TensorView<'_> {
    /// Dimensions, outermost first.
    pub fn dims(&self) -> &[usize] {
        match self {
            Self::F32 { dims, .. } | Self::U8 { dims, .. } | Self::I64 { dims, .. } => dims,
        }
    }
}

/// The outputs of one run.
pub struct Outputs<'s>(SessionOutputs<'s>);

impl Outputs<'_> {
    /// Output `index`, in the graph's order.
    ///
    /// # Errors
    /// If there is none, or its elements are of an unsupported type.
    pub fn get(&self, index: usize) -> Result<TensorView<'_>, InferenceError> {
        if index >= self.0.len() {
            return Err(InferenceError::Interface(format!("it has no output {index}")));
        }
        view(&self.0[index]).ok_or_else(|| {
            InferenceError::Interface(format!(
                "its output {index} is {:?}, not a tensor of float, uint8 or int64",
                self.0[index].dtype()
            ))
        })
    }
}

fn view(value: &DynValue) -> Option<TensorView<'_>> {
    let dims = |shape: &[i64]| {
        shape
            .iter()
            .map(|&dim| usize::try_from(dim).unwrap_or(0))
            .collect()
    };
    Some(match value.dtype().tensor_type()? {
        TensorElementType::Float32 => {
            let (shape, data) = value.try_extract_tensor::<f32>().ok()?;
            TensorView::F32 { dims: dims(shape), data }
        }
        TensorElementType::Uint8 => {
            let (shape, data) = value.try_extract_tensor::<u8>().ok()?;
            TensorView::U8 { dims: dims(shape), data }
        }
        TensorElementType::Int64 => {
            let (shape, data) = value.try_extract_tensor::<i64>().ok()?;
            TensorView::I64 { dims: dims(shape), data }
        }
        _ => return None,
    })
}

/// A graph that is ready to run.
pub struct Session {
    session: ort::session::Session,
    input: TensorInfo,
    outputs: Vec<TensorInfo>,
    chosen: ExecutionProvider,
    /// Set by the first run, which is profiled.
    active: Option<String>,
    reason: String,
}

impl Session {
    /// Loads a graph for the provider that the settings ask for. An explicit provider works or is
    /// an error; `Auto` takes the fastest that works and notes why.
    ///
    /// # Errors
    /// If no provider that may be used works, or the model does not load or has several inputs.
    pub fn open(
        runtime: &'static Runtime,
        source: ModelSource<'_>,
        settings: &SessionSettings,
    ) -> Result<Self, InferenceError> {
        let explicit = settings.provider;
        if explicit != ExecutionProvider::Auto {
            let reason = format!("execution-provider={}", explicit.nick());
            return Self::open_with(runtime, source, settings, explicit, true, reason);
        }
        let mut notes = vec!["tensorrt: no cached engine for this model and size".to_string()];
        for provider in [ExecutionProvider::Cuda, ExecutionProvider::OpenVino] {
            let nick = provider.nick();
            if !provider.is_built_in(runtime) {
                notes.push(format!("{nick}: not in this ONNX Runtime"));
                continue;
            }
            let reason = format!("{nick}: works; {}", notes.join("; "));
            match Self::open_with(runtime, source, settings, provider, false, reason) {
                Ok(session) => return Ok(session),
                Err(InferenceError::Provider { reason, .. }) => {
                    notes.push(format!("{nick}: {reason}"));
                }
                Err(error) => return Err(error),
            }
        }
        let reason = format!("cpu: always there; {}", notes.join("; "));
        Self::open_with(runtime, source, settings, ExecutionProvider::Cpu, false, reason)
    }

    fn open_with(
        runtime: &'static Runtime,
        source: ModelSource<'_>,
        settings: &SessionSettings,
        provider: ExecutionProvider,
        strict: bool,
        reason: String,
    ) -> Result<Self, InferenceError> {
        let failed = |reason: String| InferenceError::Provider {
            provider: provider.nick(),
            reason,
            remedy: provider.remedy(runtime),
        };
        if !provider.is_built_in(runtime) {
            return Err(failed("this ONNX Runtime was built without it".into()));
        }
        let dispatch = provider.dispatch(settings)?;
        let on_cpu = dispatch.is_none();
        let mut builder = builder(runtime, settings).map_err(|error| InferenceError::Load {
            reason: error.to_string(),
        })?;
        if let Some(dispatch) = dispatch {
            builder = builder
                .with_execution_providers([dispatch])
                .map_err(|error| failed(first_line(&error.to_string())))?;
            if strict {
                builder = builder
                    .with_disable_cpu_fallback()
                    .map_err(|error| failed(first_line(&error.to_string())))?;
            }
        }
        let committed = match source {
            ModelSource::File(path) => builder.commit_from_file(path),
            ModelSource::Memory(bytes) => builder.commit_from_memory(bytes),
        };
        let session = committed.map_err(|error| {
            let reason = first_line(&error.to_string());
            if on_cpu {
                InferenceError::Load { reason }
            } else {
                failed(reason)
            }
        })?;
        Self::describe(session, provider, reason)
    }

    fn describe(
        session: ort::session::Session,
        chosen: ExecutionProvider,
        reason: String,
    ) -> Result<Self, InferenceError> {
        let inputs: Vec<_> = session.inputs().iter().map(info).collect();
        let outputs: Vec<_> = session.outputs().iter().map(info).collect();
        let count = inputs.len();
        let Ok([input]) = <[TensorInfo; 1]>::try_from(inputs) else {
            return Err(InferenceError::Interface(format!(
                "it has {count} inputs, not one picture"
            )));
        };
        Ok(Self {
            session,
            input,
            outputs,
            chosen,
            active: None,
            reason,
        })
    }

    /// The only input.
    pub fn input(&self) -> &TensorInfo {
        &self.input
    }

    /// The outputs, in the graph's order.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// What really ran the nodes of the first run, such as `cpu` or `openvino+cpu(3 nodes)`;
    /// before it, the provider that was chosen.
    pub fn active_provider(&self) -> &str {
        self.active.as_deref().unwrap_or(self.chosen.nick())
    }

    /// Why that provider was chosen.
    pub fn provider_reason(&self) -> &str {
        &self.reason
    }

    /// Runs the graph on a tensor of these dimensions.
    ///
    /// # Errors
    /// If the values do not fill the dimensions or the runtime fails.
    pub fn run(
        &mut self,
        input: TensorData<'_>,
        dims: &[usize],
    ) -> Result<Outputs<'_>, InferenceError> {
        let failed = |error: ort::Error| InferenceError::Run {
            reason: error.to_string(),
        };
        if self.active.is_none() {
            drop(run(&mut self.session, input, dims).map_err(failed)?);
            self.active = self
                .session
                .end_profiling()
                .ok()
                .and_then(|file| profile::active_provider(Path::new(&file), self.chosen))
                .or_else(|| Some(format!("{} (not verified)", self.chosen.nick())));
        }
        run(&mut self.session, input, dims)
            .map(Outputs)
            .map_err(failed)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.active.is_none()
            && let Ok(file) = self.session.end_profiling()
        {
            // No run needs the profile any more.
            let _ = std::fs::remove_file(file);
        }
    }
}

fn run<'s>(
    session: &'s mut ort::session::Session,
    input: TensorData<'_>,
    dims: &[usize],
) -> ort::Result<SessionOutputs<'s>> {
    match input {
        TensorData::F32(data) => {
            let tensor = TensorRef::from_array_view((dims, data))?;
            session.run(ort::inputs![tensor])
        }
        TensorData::U8(data) => {
            let tensor = TensorRef::from_array_view((dims, data))?;
            session.run(ort::inputs![tensor])
        }
    }
}

fn builder(runtime: &Runtime, settings: &SessionSettings) -> ort::Result<SessionBuilder> {
    let level = match settings.optimization_level {
        OptimizationLevel::DisableAll => GraphOptimizationLevel::Disable,
        OptimizationLevel::EnableBasic => GraphOptimizationLevel::Level1,
        OptimizationLevel::EnableExtended => GraphOptimizationLevel::Level2,
        OptimizationLevel::EnableAll => GraphOptimizationLevel::All,
    };
    let mut builder = ort::session::Session::builder(runtime.environment())?
        .with_optimization_level(level)?
        // A pool of the session's own, which sleeps rather than spins while frames are awaited.
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_log_level(ort::logging::LogLevel::Error)?
        .with_profiling(profile::prefix())?;
    if settings.threads > 0 {
        builder = builder.with_intra_threads(settings.threads)?;
    }
    Ok(builder)
}

fn info(outlet: &ort::value::Outlet) -> TensorInfo {
    let (element, dims) = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            let element = match ty {
                TensorElementType::Float32 => ElementType::F32,
                TensorElementType::Uint8 => ElementType::U8,
                TensorElementType::Int64 => ElementType::I64,
                _ => ElementType::Other,
            };
            let dims = shape.iter().map(|&dim| usize::try_from(dim).ok()).collect();
            (element, dims)
        }
        _ => (ElementType::Other, Vec::new()),
    };
    TensorInfo {
        name: outlet.name().into(),
        element,
        dims,
    }
}

/// A provider's failure can be pages of stack; its first lines tell.
fn first_line(text: &str) -> String {
    const ENOUGH: usize = 400;
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(ENOUGH).collect()
}
