// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A model prepared for one network size: graph, session and the shape of its output. Used by
//! the element and by `dpt-onnx run`.

mod map;

pub use map::Map;

use crate::dpt::{Flavour, InputForm};
use crate::frame;
use crate::inference::{
    CacheError, ElementType, ExecutionProvider, InferenceError, ModelSource, Runtime, Session,
    SessionSettings, TensorData, TensorView,
};
use crate::model::{BuildOptions, Model, ModelError};
use crate::spec::{Borders, ModelSpec, OutputMeaning, Size};
use std::time::{Duration, Instant};

/// Weights from here on are written once to the cache and mapped from there; smaller ones are
/// handed over in memory.
const CACHE_WEIGHTS_FROM: u64 = 64 << 20;

/// From this value of a sky head on a pixel is sky (`compute_sky_mask` of Depth-Anything-3
/// `utils/alignment.py`).
const SKY_FROM: f32 = 0.3;

/// Why an engine could not be prepared or run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The graph could not be built or written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The session could not be opened or run.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// The cache folder failed while a graph was written to it.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The input is not of the network's size.
    #[error(transparent)]
    Input(#[from] frame::FrameError),
    /// The model's input or output is not one that this software knows how to feed or read.
    #[error("the model cannot be used as a depth or segmentation network: {0}")]
    Shape(String),
    /// The network's input is not of the size it was prepared for.
    #[error("internal error: a run was asked for before the model was prepared")]
    NotPrepared,
}

/// How to prepare a model.
#[derive(Clone, Debug)]
pub struct Request {
    /// Network height and width: a multiple of the spec's `multiple`.
    pub network: Size,
    /// What of it is no picture, for models that were trained with zeros there.
    pub borders: Borders,
    /// Provider, threads and the like.
    pub session: SessionSettings,
}

/// How the model's input tensor is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    U8Nhwc,
    U8Nchw,
    F32Nhwc,
    F32Nchw,
}

/// A model ready to run at one size.
pub struct Engine {
    session: Session,
    spec: ModelSpec,
    network: Size,
    layout: Layout,
    bytes: Vec<u8>,
    floats: Vec<f32>,
    map_size: Size,
    warm_run: Duration,
    cache_hit: bool,
}

impl Engine {
    /// Builds the graph for the request's size, opens a session on it and runs it once.
    ///
    /// # Errors
    /// If the graph, the session or the warm-up run fails, or the model's input or output is not
    /// an image and a map.
    pub fn prepare(
        model: &Model,
        spec: ModelSpec,
        runtime: &'static Runtime,
        request: &Request,
    ) -> Result<Self, EngineError> {
        let (session, cache_hit) = open_session(model, runtime, request)?;
        let layout = layout(&session)?;
        let mut engine = Self {
            session,
            spec,
            network: request.network,
            layout,
            bytes: Vec::new(),
            floats: Vec::new(),
            map_size: Size::new(0, 0),
            warm_run: Duration::ZERO,
            cache_hit,
        };
        // The session has run once when it was opened, so this run shows what a frame costs.
        let gray = vec![127; request.network.area() * 3];
        let mut map = Map::Depth(Vec::new());
        let start = Instant::now();
        engine.infer(&gray, &mut map)?;
        engine.warm_run = start.elapsed();
        Ok(engine)
    }

    /// Height and width of the input.
    pub fn network(&self) -> Size {
        self.network
    }

    /// Height and width of the maps.
    pub fn map_size(&self) -> Size {
        self.map_size
    }

    /// What really runs the model, such as `cpu` or `openvino`.
    pub fn active_provider(&self) -> &str {
        self.session.active_provider()
    }

    /// What it computes in, such as `fp32`.
    pub fn precision(&self) -> &'static str {
        self.session.precision().name()
    }

    /// Why that provider was chosen.
    pub fn provider_reason(&self) -> &str {
        self.session.provider_reason()
    }

    /// Whether the graph was found in the cache folder, not built.
    pub fn cache_hit(&self) -> bool {
        self.cache_hit
    }

    /// How long one run took once everything was warm.
    pub fn warm_run(&self) -> Duration {
        self.warm_run
    }

    /// Runs the model on `rgb`, packed 8-bit RGB of the network's size, and writes its result to
    /// `map`, whose memory is used again.
    ///
    /// # Errors
    /// If the run fails or gives a tensor that is no map.
    pub fn infer(&mut self, rgb: &[u8], map: &mut Map) -> Result<(), EngineError> {
        let (h, w) = (self.network.height as usize, self.network.width as usize);
        let nhwc = [1, h, w, 3];
        let nchw = [1, 3, h, w];
        let (mean, std) = (self.spec.mean, self.spec.std);
        let outputs = match self.layout {
            Layout::U8Nhwc => self.session.run(TensorData::U8(rgb), &nhwc)?,
            Layout::U8Nchw => {
                self.bytes.resize(rgb.len(), 0);
                to_planes(rgb, self.network.area(), &mut self.bytes);
                self.session.run(TensorData::U8(&self.bytes), &nchw)?
            }
            Layout::F32Nhwc => {
                self.floats.resize(rgb.len(), 0.0);
                frame::to_f32_nhwc(rgb, self.network, mean, std, &mut self.floats)?;
                self.session.run(TensorData::F32(&self.floats), &nhwc)?
            }
            Layout::F32Nchw => {
                self.floats.resize(rgb.len(), 0.0);
                frame::to_f32_nchw(rgb, self.network, mean, std, &mut self.floats)?;
                self.session.run(TensorData::F32(&self.floats), &nchw)?
            }
        };
        let segmentation = self.spec.output == OutputMeaning::Labels;
        self.map_size = map::read(&outputs.get(0)?, segmentation, self.network, map)?;
        if let (true, Map::Depth(values), Ok(TensorView::F32 { data, .. })) =
            (self.spec.sky, map, outputs.get(1))
        {
            for (value, _) in values
                .iter_mut()
                .zip(data)
                .filter(|(_, sky)| **sky >= SKY_FROM)
            {
                *value = f32::INFINITY;
            }
        }
        Ok(())
    }
}

/// The graph of a checkpoint at the request's size, or the user's `.onnx`, as a session; whether it
/// came from the cache folder.
fn open_session(
    model: &Model,
    runtime: &'static Runtime,
    request: &Request,
) -> Result<(Session, bool), EngineError> {
    let mut settings = request.session.clone();
    settings.cache_key = cache_key(model, request);
    if let Some(onnx) = model.onnx() {
        let session = Session::open(runtime, ModelSource::File(&onnx.path), &settings)?;
        return Ok((session, false));
    }
    let stored = settings.cache.graph_path(&settings.cache_key);
    if let Some(path) = stored.as_ref().filter(|path| path.exists()) {
        let session = Session::open(runtime, ModelSource::File(path), &settings)?;
        return Ok((session, true));
    }
    let graph = model.graph(&BuildOptions {
        input: InputForm::Rgb8,
        flavour: flavour(request),
        borders: request.borders,
        ..BuildOptions::new(request.network)
    })?;
    let session = match stored {
        Some(path) if graph.weight_bytes() >= CACHE_WEIGHTS_FROM => {
            settings.cache.prepare(&path)?;
            graph.write(&path, true).map_err(ModelError::from)?;
            Session::open(runtime, ModelSource::File(&path), &settings)?
        }
        _ => {
            let bytes = graph.to_bytes().map_err(ModelError::from)?;
            drop(graph);
            Session::open(runtime, ModelSource::Memory(&bytes), &settings)?
        }
    };
    Ok((session, false))
}

/// The operators of the graph: ONNX Runtime's own fused attention only where its own kernels are
/// sure to run it, which are 1.09 times as fast with it (Depth-Anything-V2-Small at 518×518).
fn flavour(request: &Request) -> Flavour {
    match request.session.provider.first_choice() {
        ExecutionProvider::Cpu | ExecutionProvider::Cuda => Flavour::Ort,
        _ => Flavour::Portable,
    }
}

/// Names the graph of this model at this size, made by this version of the builder.
fn cache_key(model: &Model, request: &Request) -> String {
    let Borders {
        top,
        left,
        bottom,
        right,
    } = request.borders;
    format!(
        "{}-{}-{top}.{left}.{bottom}.{right}-{}-{:?}-{}",
        model.identity(),
        request.network,
        request.session.precision,
        flavour(request),
        env!("CARGO_PKG_VERSION")
    )
}

fn layout(session: &Session) -> Result<Layout, EngineError> {
    let input = session.input();
    let channels_last = match input.dims.as_slice() {
        [_, Some(3), _, _] => false,
        [_, _, _, Some(3)] => true,
        dims => {
            return Err(EngineError::Shape(format!(
                "its input {} has shape {dims:?}, not [N, 3, H, W] or [N, H, W, 3]",
                input.name
            )));
        }
    };
    match (input.element, channels_last) {
        (ElementType::U8, true) => Ok(Layout::U8Nhwc),
        (ElementType::U8, false) => Ok(Layout::U8Nchw),
        (ElementType::F32, true) => Ok(Layout::F32Nhwc),
        (ElementType::F32, false) => Ok(Layout::F32Nchw),
        (other, _) => Err(EngineError::Shape(format!(
            "its input {} has {other:?} elements, not f32 or u8",
            input.name
        ))),
    }
}

/// Packed RGB to one plane a channel.
fn to_planes(rgb: &[u8], pixels: usize, out: &mut [u8]) {
    for (channel, plane) in out.chunks_exact_mut(pixels).enumerate() {
        for (value, pixel) in plane.iter_mut().zip(rgb.as_chunks::<3>().0) {
            *value = pixel[channel];
        }
    }
}
