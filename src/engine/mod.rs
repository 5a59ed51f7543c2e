// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A model prepared for one network size: graph, session and the shape of its output. Used by
//! the element and by `dpt-onnx run`.

pub mod host;
mod input;
mod kept;
mod map;
mod range;
mod seat;
#[cfg(feature = "remote")]
pub mod server;

pub use map::Map;
pub use seat::{Done, Listener, Ready, Seat};

use crate::frame;
use crate::inference::{
    CacheError, InferenceError, Runtime, Session, SessionSettings, TensorData, cores,
};
use crate::model::{Model, ModelError};
use crate::spec::{Borders, Size};
use input::Input;
use kept::{Kept, Start};
use map::{Reader, Row};
use std::time::{Duration, Instant};

/// Weights from here on are not worth having in memory several times: Depth-Anything-V2-Small (99 MB)
/// gains nothing that lasts from runs beside each other.
const LARGEST_BESIDE: u64 = 32 << 20;

/// Why an engine could not be prepared or run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The graph could not be built or written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The session could not be opened or run.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// A server cannot be used, or has no result.
    #[cfg(feature = "remote")]
    #[error(transparent)]
    Remote(#[from] crate::inference::remote::RemoteError),
    /// The input is not of the network's size.
    #[error(transparent)]
    Input(#[from] frame::FrameError),
    /// The model's input or output is not one that this software knows how to feed or read.
    #[error("the model cannot be used as a depth or segmentation network: {0}")]
    Shape(String),
    /// More pictures are to be run at once than the model takes.
    #[error(
        "the model takes {takes} pictures in a run, not {asked}; set batch-size={takes}, or give a model whose first \
         dimension is free (dpt-onnx export --batch dynamic)"
    )]
    Batch {
        /// What its input has in front.
        takes: usize,
        /// What was asked for.
        asked: usize,
    },
    /// A bug of ours.
    #[error("internal error: the thread that runs the model has panicked")]
    Panicked,
    /// The system refuses a thread.
    #[error("cannot start a thread for the model: {0}")]
    Thread(std::io::Error),
}

impl EngineError {
    /// Whether the same may work later, with no change by anyone: a server is away or busy.
    pub fn may_pass(&self) -> bool {
        match self {
            #[cfg(feature = "remote")]
            Self::Remote(error) => error.is_transient(),
            _ => false,
        }
    }
}

/// How to prepare a model.
#[derive(Clone, Debug)]
pub struct Request {
    /// Network height and width: a multiple of the spec's `multiple`.
    pub network: Size,
    /// What of it is no picture, for models that were trained with zeros there.
    pub borders: Borders,
    /// Pictures in a run at the most.
    pub batch: usize,
    /// Provider, threads and the like.
    pub session: SessionSettings,
}

/// One of the pictures of a run.
trait Picture {
    /// Packed 8-bit RGB of the network's size, and where its map goes.
    fn parts(&mut self) -> (&[u8], &mut Map);
}

impl<Rgb: AsRef<[u8]>, M: std::borrow::BorrowMut<Map>> Picture for (Rgb, M) {
    fn parts(&mut self) -> (&[u8], &mut Map) {
        (self.0.as_ref(), self.1.borrow_mut())
    }
}

/// A model ready to run at one size.
pub struct Engine {
    session: Session,
    // Behind the session, which has the files mapped.
    kept: Kept,
    network: Size,
    input: Input,
    reader: Reader,
    map_size: Size,
    warm_run: Duration,
    most_beside: usize,
}

impl Request {
    /// The same for one of several engines that run beside each other.
    #[must_use]
    pub fn for_share(&self, share: host::Share) -> Self {
        let mut request = self.clone();
        if share != host::Share::WHOLE {
            request.session.threads = share.threads(cores());
        }
        request
    }
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
        runtime: &'static Runtime,
        request: &Request,
    ) -> Result<Self, EngineError> {
        let spec = model.spec();
        let (session, kept) = kept::open(model, runtime, request)?;
        let input = Input::new(session.input(), spec, request.network, request.batch)?;
        let mut engine = Self {
            session,
            kept,
            network: request.network,
            input,
            reader: Reader::new(spec, request.network),
            map_size: Size::new(0, 0),
            warm_run: Duration::ZERO,
            most_beside: 1,
        };
        engine.most_beside = engine.count_beside(model, request);
        if let Some(start) = engine.kept.start() {
            (engine.map_size, engine.warm_run) = (start.map, start.run);
            return Ok(engine);
        }
        // The session has run once when it was opened, so this run shows what a frame costs.
        let gray = || {
            (
                vec![127; request.network.area() * 3],
                Map::Depth(Vec::new()),
            )
        };
        let mut pictures: Vec<_> = (0..request.batch.max(1)).map(|_| gray()).collect();
        // What is compiled for each number of pictures is compiled now.
        if request.batch > 1 && engine.input.is_free() {
            engine.infer_each(&mut pictures)?;
        }
        let start = Instant::now();
        engine.infer_each(&mut pictures[..1])?;
        engine.warm_run = start.elapsed();
        range::check(&engine.session, &pictures[0].1, spec.sky)?;
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

    /// How many like it, each on its share of the cores, may run beside each other where that does
    /// more than this one on all of them; 1 where it does not, or somebody has decided otherwise.
    pub fn most_beside(&self) -> usize {
        self.most_beside
    }

    fn count_beside(&self, model: &Model, request: &Request) -> usize {
        let session = &request.session;
        let decided = session.threads > 0 || !session.provider_options.is_empty();
        let is_small = model.bytes() <= LARGEST_BESIDE;
        if decided || request.batch > 1 || !is_small || !self.session.is_on_cpu(session) {
            return 1;
        }
        cores()
    }

    /// Runs the model on `rgb`, packed 8-bit RGB of the network's size, and writes its result to
    /// `map`, whose memory is used again.
    ///
    /// # Errors
    /// If the run fails or gives a tensor that is no map.
    pub fn infer(&mut self, rgb: &[u8], map: &mut Map) -> Result<(), EngineError> {
        self.infer_each(&mut [(rgb, map)])
    }

    /// Runs the model once on all `pictures`.
    ///
    /// # Errors
    /// As [`Self::infer`], for all of them.
    fn infer_each(&mut self, pictures: &mut [impl Picture]) -> Result<(), EngineError> {
        let rows = self.input.rows(pictures.len());
        let data = match pictures {
            [only] if self.input.is_picture(rows) => TensorData::U8(only.parts().0),
            _ => {
                for (row, picture) in pictures.iter_mut().enumerate() {
                    self.input.write(row, rows, picture.parts().0)?;
                }
                self.input.data()
            }
        };
        let outputs = self.session.run(data, &self.input.dims(rows))?;
        for (row, picture) in pictures.iter_mut().enumerate() {
            let own = Row { row, of: rows };
            let (first, second) = (outputs.get(0)?, outputs.get(1).ok());
            let (_, map) = picture.parts();
            self.map_size = self.reader.read(&first, second, own, map)?;
        }
        Ok(())
    }
}
