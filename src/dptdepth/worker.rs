// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The thread that owns the engine.
//!
//! A build or a run of the model cannot be interrupted, so neither happens on a streaming thread:
//! a flush or a stop abandons the request and this thread throws its outcome away.

use super::queue::{Kind, Queue, Ticket};
use crate::engine::{Engine, EngineError, Map};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Builds an engine.
pub(super) type Build = Box<dyn FnOnce() -> Result<Engine, EngineError> + Send>;

enum Job {
    Prepare(Build),
    Adopt(Box<Engine>),
    Infer { rgb: Vec<u8>, map: Map },
}

/// What came of a request. The buffers of a run come back for the next one.
pub(super) enum Outcome {
    Prepared(Result<Ready, EngineError>),
    /// An engine that was built while the thread's own went on.
    Built(Result<Box<Engine>, EngineError>),
    Inferred {
        rgb: Vec<u8>,
        map: Map,
        result: Result<(), EngineError>,
        took: Duration,
    },
    Panicked,
}

/// What is known of an engine once it stands.
#[derive(Clone, Debug)]
pub(super) struct Ready {
    pub(super) provider: String,
    pub(super) reason: String,
    pub(super) precision: &'static str,
    pub(super) map_size: crate::spec::Size,
    pub(super) warm_run: Duration,
    pub(super) cache_hit: bool,
    /// Why the cache could not take what was built.
    pub(super) cache_trouble: Option<String>,
}

impl Ready {
    pub(super) fn of(engine: &Engine) -> Self {
        Self {
            provider: engine.active_provider().to_string(),
            reason: engine.provider_reason().to_string(),
            precision: engine.precision(),
            map_size: engine.map_size(),
            warm_run: engine.warm_run(),
            cache_hit: engine.cache_hit(),
            cache_trouble: engine.cache_trouble().map(ToString::to_string),
        }
    }
}

/// A handle to the thread; the thread ends when this is dropped and its last request is done.
pub(super) struct Worker {
    jobs: mpsc::Sender<(Ticket, Job)>,
    queue: Arc<Queue>,
}

impl Worker {
    /// Starts the thread; outcomes go to `queue`.
    pub(super) fn spawn(queue: Arc<Queue>) -> std::io::Result<Self> {
        let (jobs, requests) = mpsc::channel();
        let outcomes = queue.clone();
        std::thread::Builder::new()
            .name("dptdepth".into())
            .spawn(move || serve(&requests, &outcomes))?;
        Ok(Self { jobs, queue })
    }

    /// Asks for an engine; it replaces the one the thread has.
    pub(super) fn prepare(&self, ticket: Ticket, build: Build) {
        self.send(ticket, Job::Prepare(build));
    }

    /// Asks for an engine while the one that the thread has goes on; its outcome is for
    /// [`Self::adopt`].
    pub(super) fn build_beside(&self, ticket: Ticket, build: Build) -> std::io::Result<()> {
        let queue = self.queue.clone();
        let work = move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| Outcome::Built(build().map(Box::new))))
                .unwrap_or(Outcome::Panicked);
            queue.complete(ticket, Kind::Engine, outcome);
        };
        std::thread::Builder::new()
            .name("dptdepth-build".into())
            .spawn(work)
            .map(drop)
    }

    /// Runs that are asked for from here on are this engine's.
    pub(super) fn adopt(&self, ticket: Ticket, engine: Box<Engine>) {
        self.send(ticket, Job::Adopt(engine));
    }

    /// Asks for one run: `rgb` is the network's input, `map` receives its output. Runs that were
    /// asked for while another one goes on follow it without a pause.
    pub(super) fn infer(&self, ticket: Ticket, rgb: Vec<u8>, map: Map) {
        self.send(ticket, Job::Infer { rgb, map });
    }

    fn send(&self, ticket: Ticket, job: Job) {
        // The thread lives as long as this handle and catches its panics.
        let _ = self.jobs.send((ticket, job));
    }
}

fn serve(requests: &mpsc::Receiver<(Ticket, Job)>, queue: &Queue) {
    let mut engine = None;
    while let Ok((ticket, job)) = requests.recv() {
        let kind = match job {
            Job::Prepare(_) | Job::Adopt(_) => Kind::Engine,
            Job::Infer { .. } => Kind::Run,
        };
        if !queue.wants(ticket, kind) {
            continue;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| match job {
            Job::Prepare(build) => {
                // The old engine's memory is freed before the new one's is taken.
                engine = None;
                Some(Outcome::Prepared(build().map(|built| {
                    let ready = Ready::of(&built);
                    engine = Some(built);
                    ready
                })))
            }
            Job::Adopt(built) => {
                engine = Some(*built);
                None
            }
            Job::Infer { rgb, mut map } => {
                let start = Instant::now();
                let result = match engine.as_mut() {
                    Some(engine) => engine.infer(&rgb, &mut map),
                    None => Err(EngineError::NotPrepared),
                };
                Some(Outcome::Inferred {
                    rgb,
                    map,
                    result,
                    took: start.elapsed(),
                })
            }
        }))
        .unwrap_or(Some(Outcome::Panicked));
        if let Some(outcome) = outcome {
            queue.complete(ticket, kind, outcome);
        }
    }
}
