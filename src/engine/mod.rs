// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A model prepared for one network size: graph, session and the shape of its output. Used by
//! the element and by `dpt-onnx run`.

mod kept;
mod map;

pub use map::Map;

use crate::frame;
use crate::inference::{
    CacheError, ElementType, InferenceError, Runtime, Session, SessionSettings, TensorData,
    TensorView,
};
use crate::model::{Model, ModelError};
use crate::spec::{Borders, ModelSpec, OutputMeaning, Size};
use kept::{Kept, Start};
use std::time::{Duration, Instant};

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
    // Behind the session, which has the files mapped.
    kept: Kept,
    spec: ModelSpec,
    network: Size,
    layout: Layout,
    bytes: Vec<u8>,
    floats: Vec<f32>,
    map_size: Size,
    warm_run: Duration,
}

impl Engine {
    /// Builds the graph for the request's size, opens a session on it and runs it once. What an
    /// earlier start has left in the cache is used instead.
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
        let (session, kept) = kept::open(model, runtime, request)?;
        let layout = layout(&session)?;
        let mut engine = Self {
            session,
            kept,
            spec,
            network: request.network,
            layout,
            bytes: Vec::new(),
            floats: Vec::new(),
            map_size: Size::new(0, 0),
            warm_run: Duration::ZERO,
        };
        if let Some(start) = engine.kept.start() {
            (engine.map_size, engine.warm_run) = (start.map, start.run);
            return Ok(engine);
        }
        // The session has run once when it was opened, so this run shows what a frame costs.
        let gray = vec![127; request.network.area() * 3];
        let mut map = Map::Depth(Vec::new());
        let start = Instant::now();
        engine.infer(&gray, &mut map)?;
        engine.warm_run = start.elapsed();
        if engine.session.is_on_cpu(&request.session) {
            let start = Start::of(&engine);
            engine.kept.remember(&start);
        }
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
        self.kept.is_hit()
    }

    /// Whether the graph is in the cache folder now.
    pub fn is_kept(&self) -> bool {
        self.kept.is_kept()
    }

    /// Why something could not be kept in the cache folder, if that is so.
    pub fn cache_trouble(&self) -> Option<&CacheError> {
        self.kept.trouble().or(self.session.cache_trouble())
    }

    /// How long one run took once everything was warm, now or when an earlier start left it in the
    /// cache.
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
