// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Requests to whichever server works.

use super::backoff::Backoff;
use super::contract::RemoteModel;
use super::data::{Elements, Tensor};
use super::error::RemoteError;
use super::options::Options;
use super::pool::{Link, Shared};
use super::runtime;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::time::{Instant as Deadline, sleep};

/// Between two attempts of one request.
const RETRY: Backoff = Backoff {
    first: Duration::from_millis(20),
    most: Duration::from_secs(1),
};

/// A model on one of several servers, used as if it were here.
///
/// Connections are made, watched and made anew in the background, by threads that all clients of the
/// process share. Dropping it gives up what is in flight, as [`Self::close`] does.
#[derive(Debug)]
pub struct Client {
    shared: Arc<Shared>,
    runtime: &'static Handle,
    in_flight: Arc<AtomicUsize>,
}

/// What to infer, and how long that may take.
#[derive(Debug, Default)]
pub struct Request {
    /// One or more pictures, as [`RemoteModel::input`] says. They come back with the result.
    pub input: Tensor,
    /// Earlier results, whose memory is used again; may be empty.
    pub outputs: Vec<Tensor>,
    /// From now on until the request ends, in one way or the other.
    pub deadline: Duration,
    /// Whether to wait for a server and to try again while there is time (true), or to give up at
    /// the first failure (false).
    pub wait: bool,
}

/// The end of a request.
#[derive(Debug)]
pub struct Finished {
    /// The pictures; empty where a request that was given up still holds them.
    pub input: Tensor,
    /// The results, as [`RemoteModel::outputs`] says; of no use where `result` is an error.
    pub outputs: Vec<Tensor>,
    /// How it went.
    pub result: Result<Answered, RemoteError>,
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// From [`Client::submit`] on.
    pub took: Duration,
    /// How often it was sent.
    pub attempts: u32,
}

/// Where a client stands.
#[derive(Clone, Debug)]
pub enum State {
    /// The first connection is being made.
    Connecting {
        /// Since when.
        since: Instant,
    },
    /// A server is connected.
    Connected {
        /// Which one.
        server: String,
    },
    /// No server is connected; attempts go on.
    Reconnecting {
        /// Since when.
        since: Instant,
        /// Why.
        last_error: RemoteError,
    },
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { since } => {
                write!(f, "connecting for {} s", since.elapsed().as_secs())
            }
            Self::Connected { server } => write!(f, "connected to {server}"),
            Self::Reconnecting { since, last_error } => write!(
                f,
                "reconnecting for {} s, last error: {last_error}",
                since.elapsed().as_secs()
            ),
        }
    }
}

impl Client {
    /// Checks the options and starts to connect, without waiting for it.
    ///
    /// # Errors
    /// [`RemoteError::CaFile`], [`RemoteError::TokenFile`], [`RemoteError::TokenInClear`] or
    /// [`RemoteError::Threads`].
    pub fn start(options: Options) -> Result<Self, RemoteError> {
        let runtime = runtime::handle()?;
        let _guard = runtime.enter();
        Ok(Self {
            shared: Shared::start(options)?,
            runtime,
            in_flight: Arc::default(),
        })
    }

    /// Blocks until a server is connected and its model is known to be right. Not for the thread of
    /// a completion.
    ///
    /// # Errors
    /// What does not pass, at once; what may pass, after `patience`. Attempts go on either way.
    pub fn wait_ready(&self, patience: Duration) -> Result<Arc<RemoteModel>, RemoteError> {
        let (sender, receiver) = mpsc::channel();
        let shared = self.shared.clone();
        self.runtime.spawn(async move {
            let deadline = Deadline::now() + patience;
            let connection = shared.connection(true, deadline).await;
            // Whoever waited may be gone.
            let _ = sender.send(connection.map(|connection| connection.model.clone()));
        });
        receiver.recv().unwrap_or(Err(RemoteError::Closed))
    }

    /// What the server serves; none before the first connection. Requests are made for it: a server
    /// that comes back with another model is not used.
    pub fn model(&self) -> Option<Arc<RemoteModel>> {
        self.shared.model.get().cloned()
    }

    /// Sends a request, without waiting for anything. `done` is called exactly once, by one of the
    /// client's threads, whatever happens; it should not block.
    pub fn submit(&self, request: Request, done: impl FnOnce(Finished) + Send + 'static) {
        let Request {
            input,
            outputs,
            deadline,
            wait,
        } = request;
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        let mut ticket = Ticket {
            start: Deadline::now(),
            dims: input.dims,
            elements: Arc::new(input.elements),
            outputs,
            done: Some(Box::new(done)),
            in_flight: self.in_flight.clone(),
        };
        let shared = self.shared.clone();
        self.runtime.spawn(async move {
            let result = tokio::select! {
                biased;
                () = shared.closing() => Err(RemoteError::Closed),
                result = ticket.run(&shared, deadline, wait) => result,
            };
            ticket.finish(result);
        });
    }

    /// How many requests have not ended yet.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How often a server has been connected.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Where things stand.
    pub fn state(&self) -> State {
        match &*self.shared.link.borrow() {
            Link::Connecting(since) => State::Connecting { since: *since },
            Link::Up(connection) => State::Connected {
                server: connection.server.to_string(),
            },
            Link::Down { since, error } => State::Reconnecting {
                since: *since,
                last_error: error.clone(),
            },
        }
    }

    /// What the user should know: see [`Options::warning`].
    pub fn warning(&self) -> Option<String> {
        self.shared.options.warning()
    }

    /// Gives up whatever is in flight or waited for; all of it ends with [`RemoteError::Closed`].
    /// So does what is submitted later.
    pub fn close(&self) {
        self.shared.close();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.close();
    }
}

/// A request on its way. However it ends, it is completed.
struct Ticket {
    start: Deadline,
    dims: Vec<usize>,
    elements: Arc<Elements>,
    outputs: Vec<Tensor>,
    done: Option<Box<dyn FnOnce(Finished) + Send>>,
    in_flight: Arc<AtomicUsize>,
}

impl Ticket {
    async fn run(
        &mut self,
        shared: &Shared,
        patience: Duration,
        wait: bool,
    ) -> Result<Answered, RemoteError> {
        let deadline = self.start + patience;
        let mut attempts = 0;
        loop {
            let connection = shared.connection(wait, deadline).await?;
            let left = deadline.saturating_duration_since(Deadline::now());
            let time = left.min(shared.options.request_timeout);
            attempts += 1;
            let result = connection
                .infer(&self.dims, &self.elements, &mut self.outputs, time)
                .await;
            let Err(error) = result else {
                return Ok(Answered {
                    took: self.start.elapsed(),
                    attempts,
                });
            };
            shared.report(&connection, &error);
            let pause = RETRY.wait(attempts - 1);
            if !wait || !error.is_transient() || Deadline::now() + pause >= deadline {
                return Err(error);
            }
            sleep(pause).await;
        }
    }

    fn finish(&mut self, result: Result<Answered, RemoteError>) {
        let Some(done) = self.done.take() else {
            return;
        };
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
        let elements = Arc::into_inner(std::mem::take(&mut self.elements)).unwrap_or_default();
        done(Finished {
            input: Tensor {
                dims: std::mem::take(&mut self.dims),
                elements,
            },
            outputs: std::mem::take(&mut self.outputs),
            result,
        });
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.finish(Err(RemoteError::Closed));
    }
}
