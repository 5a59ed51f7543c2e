// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A model on a server, as a stream uses it.

use super::input::Input;
use super::map::{Reader, Row};
use super::seat::{Done, Listener, Ready};
use super::{EngineError, Map};
use crate::inference::remote::{
    Client, Elements, Finished, Options, RemoteError, RemoteModel, Request, State, Tensor,
};
use crate::spec::{ModelSpec, Size};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// How long a frame that is held for its result waits for it, whatever happens to the server.
const STRICT_PATIENCE: Duration = Duration::from_secs(10);
/// How long other frames' results are waited for, at the least, and in runs.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);
const PATIENCE_IN_RUNS: u32 = 10;

/// A connected server.
#[derive(Debug)]
pub struct Server {
    client: Client,
    model: Arc<RemoteModel>,
    spec: ModelSpec,
}

impl Server {
    /// Connects to one of the servers, and waits for that as long as the options say. `spec` is what
    /// is known of the model beside what the server says.
    ///
    /// # Errors
    /// If none can be reached, its model is none that can be used, or nobody says what its output
    /// means.
    pub fn connect(options: Options, spec: Option<ModelSpec>) -> Result<Self, RemoteError> {
        let patience = options.connect_timeout;
        let client = Client::start(options)?;
        let model = client.wait_ready(patience)?;
        let spec = match spec {
            Some(spec) => model.fitted(spec),
            None => model.spec()?.clone(),
        };
        Ok(Self {
            client,
            model,
            spec,
        })
    }

    /// What the model expects and what its output means.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// The only size of pictures that the model takes, where it takes one only.
    pub fn fixed_size(&self) -> Option<Size> {
        self.model.fixed_size()
    }

    /// What the user should know of the connection.
    pub fn warning(&self) -> Option<String> {
        self.client.warning()
    }
}

/// A stream's place at a server.
pub struct Seat {
    server: Arc<Server>,
    listener: Arc<dyn Listener>,
    /// Whether frames are held for their results.
    strict: bool,
    ready: Ready,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat")
            .field("server", &self.server)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

/// What answers need.
struct Shared {
    reader: Reader,
    memory: Mutex<Memory>,
}

struct Memory {
    input: Input,
    /// Earlier results, to be used again.
    outputs: Vec<Vec<Tensor>>,
}

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request for a picture, and the picture where the request does not hold it.
    fn request(&self, rgb: Vec<u8>) -> Result<(Request, Vec<u8>), EngineError> {
        let mut memory = self.memory();
        let rows = memory.input.rows(1);
        let dims = memory.input.dims(rows).to_vec();
        let outputs = memory.outputs.pop().unwrap_or_default();
        let (elements, rgb) = if memory.input.is_picture(rows) {
            (Elements::U8(rgb), Vec::new())
        } else {
            memory.input.write(0, rows, &rgb)?;
            (memory.input.take(), rgb)
        };
        let request = Request {
            input: Tensor { dims, elements },
            outputs,
            ..Request::default()
        };
        Ok((request, rgb))
    }

    /// Reads an answer into `map`; all memory is kept. The picture, the map's size.
    fn answer(
        &self,
        finished: Finished,
        rgb: Vec<u8>,
        map: &mut Map,
    ) -> (Vec<u8>, Result<Size, EngineError>) {
        let Finished {
            input,
            outputs,
            result,
        } = finished;
        let rows = input.dims.first().copied().unwrap_or(1);
        let read = |_| {
            let none = || EngineError::Shape("the server has sent no result".into());
            let first = outputs.first().ok_or_else(none)?.view();
            let second = outputs.get(1).map(Tensor::view);
            self.reader
                .read(&first, second, Row { row: 0, of: rows }, map)
        };
        let size = result.map_err(EngineError::from).and_then(read);
        let mut memory = self.memory();
        memory.outputs.push(outputs);
        let rgb = match input.elements {
            Elements::U8(picture) if memory.input.is_picture(rows) => picture,
            elements => {
                memory.input.give_back(elements);
                rgb
            }
        };
        (rgb, size)
    }
}

impl Seat {
    /// A place at the server for pictures of the network's size. Waits for a first result, which shows
    /// the maps' size; unless frames are held for it, through as many failures that may pass as
    /// `wanted` allows.
    ///
    /// # Errors
    /// If the server does not take such pictures, or fails.
    pub fn take(
        server: &Arc<Server>,
        network: Size,
        strict: bool,
        listener: Arc<dyn Listener>,
        wanted: impl Fn() -> bool,
    ) -> Result<Self, EngineError> {
        let (spec, model) = (&server.spec, &server.model);
        let shared = Arc::new(Shared {
            reader: Reader::new(spec, network),
            memory: Mutex::new(Memory {
                input: Input::new(&model.input, spec, network, 1)?,
                outputs: Vec::new(),
            }),
        });
        // The first run on a server may have to load the model or to compile for this size.
        let mut picture = vec![127; network.area() * 3];
        let (map_size, warm_run) = loop {
            let begun = Instant::now();
            let (rgb, size) = first_result(server, &shared, picture)?;
            picture = rgb;
            match size {
                Ok(size) => break (size, begun.elapsed()),
                Err(EngineError::Remote(error)) if !strict && error.is_transient() && wanted() => {}
                Err(error) => return Err(error),
            }
        };
        let at = match server.client.state() {
            State::Connected { server } => server,
            state => state.to_string(),
        };
        let platform = match model.platform.as_str() {
            "" => "server",
            platform => platform,
        };
        Ok(Self {
            ready: Ready {
                provider: format!("remote:{platform}"),
                reason: format!("server-url: {} at {at}", model.name),
                precision: "server's",
                map_size,
                warm_run,
                cache_hit: false,
                cache_trouble: None,
            },
            server: server.clone(),
            listener,
            strict,
            shared,
        })
    }

    pub(super) fn ready(&self) -> &Ready {
        &self.ready
    }

    pub(super) fn submit(&self, run: u64, rgb: Vec<u8>, mut map: Map) {
        let begun = Instant::now();
        let listener = self.listener.clone();
        let done = move |rgb, map, result: Result<(), EngineError>| {
            let took = begun.elapsed();
            let done = Done {
                rgb,
                map,
                result: result.map_err(Arc::new),
                took,
                turn: took,
                batch: 1,
                streams: 1,
                lanes: 1,
            };
            listener.complete(run, done);
        };
        let (mut request, rgb) = match self.shared.request(rgb) {
            Ok(request) => request,
            Err(error) => return done(Vec::new(), map, Err(error)),
        };
        request.wait = self.strict;
        request.deadline = if self.strict {
            STRICT_PATIENCE
        } else {
            LEAST_PATIENCE.max(self.ready.warm_run * PATIENCE_IN_RUNS)
        };
        let shared = self.shared.clone();
        self.server.client.submit(request, move |finished| {
            let (rgb, size) = shared.answer(finished, rgb, &mut map);
            done(rgb, map, size.map(drop));
        });
    }
}

/// Waits for one result. The picture, and the map's size or why there is none.
fn first_result(
    server: &Server,
    shared: &Arc<Shared>,
    picture: Vec<u8>,
) -> Result<(Vec<u8>, Result<Size, EngineError>), EngineError> {
    let (mut request, rgb) = shared.request(picture)?;
    (request.wait, request.deadline) = (true, STRICT_PATIENCE);
    let (sender, receiver) = mpsc::channel();
    server.client.submit(request, move |finished| {
        // Whoever waits for it does so until it comes.
        let _ = sender.send(finished);
    });
    let finished = receiver.recv().map_err(|_| RemoteError::Closed)?;
    let mut map = Map::Depth(Vec::new());
    Ok(shared.answer(finished, rgb, &mut map))
}
