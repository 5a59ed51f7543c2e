// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One engine on a thread of its own, for every stream of the process that asks for the same.
//!
//! Streams submit pictures and hear of their results; none ever waits for another one's pictures,
//! other than for the runs that were asked for before. Whose turn it is goes round among those that
//! have something queued.

mod share;

pub use share::Seat;

use super::seat::{Done, Listener, Ready};
use super::{Engine, EngineError, Map, Picture};
use share::hosts;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How runs of several pictures come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Pictures in a run at the most.
    pub size: usize,
    /// How long the first picture waits for others.
    pub timeout: Duration,
}

/// An engine, and what is queued for it.
struct Host {
    key: String,
    batching: Batching,
    state: Mutex<State>,
    changed: Condvar,
}

enum Stage {
    Building,
    Ready(Ready),
    Failed(Arc<EngineError>),
}

struct State {
    stage: Stage,
    streams: Vec<Stream>,
    last_stream: u64,
    /// The position in `streams` whose turn is next.
    next: usize,
    queued: usize,
    /// No stream is left, so the thread ends.
    closed: bool,
    /// The engine's memory is free again.
    ended: bool,
}

struct Stream {
    id: u64,
    listener: Arc<dyn Listener>,
    jobs: VecDeque<Job>,
    /// When its last run ended.
    served: Instant,
}

struct Job {
    run: u64,
    rgb: Vec<u8>,
    map: Map,
    submitted: Instant,
}

/// What is known of a run.
struct Run {
    took: Duration,
    batch: usize,
    streams: usize,
}

impl Run {
    const NONE: Self = Self {
        took: Duration::ZERO,
        batch: 0,
        streams: 0,
    };
}

/// A job whose run is on its way, and whose it is.
struct Running {
    job: Job,
    stream: u64,
    listener: Arc<dyn Listener>,
    /// Since when it was the next of its stream.
    since: Instant,
}

impl Picture for Running {
    fn parts(&mut self) -> (&[u8], &mut Map) {
        (&self.job.rgb, &mut self.job.map)
    }
}

impl Running {
    fn complete(self, result: Result<(), Arc<EngineError>>, run: &Run) {
        let done = Done {
            rgb: self.job.rgb,
            map: self.job.map,
            result,
            took: run.took,
            turn: self.since.elapsed(),
            batch: run.batch,
            streams: run.streams,
        };
        self.listener.complete(self.job.run, done);
    }
}

impl State {
    /// Takes pictures for one run, at most one of each stream before a second of any.
    fn take(&mut self, most: usize, into: &mut Vec<Running>) {
        while into.len() < most && self.queued > 0 {
            let at = self.next % self.streams.len();
            self.next = at + 1;
            let stream = &mut self.streams[at];
            if let Some(job) = stream.jobs.pop_front() {
                self.queued -= 1;
                into.push(Running {
                    since: job.submitted.max(stream.served),
                    stream: stream.id,
                    listener: stream.listener.clone(),
                    job,
                });
            }
        }
    }

    /// When the picture that has waited longest was submitted.
    fn oldest(&self) -> Option<Instant> {
        let first = |stream: &Stream| stream.jobs.front().map(|job| job.submitted);
        self.streams.iter().filter_map(first).min()
    }

    fn every_stream_waits(&self) -> bool {
        self.streams.iter().all(|stream| !stream.jobs.is_empty())
    }
}

impl Host {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody finds this host in `hosts` any more.
    fn hide(&self, hosts: &mut HashMap<String, Weak<Self>>) {
        let own = |host: &Weak<Self>| std::ptr::eq(host.as_ptr(), self);
        if hosts.get(&self.key).is_some_and(own) {
            hosts.remove(&self.key);
        }
    }

    fn fail(&self, error: Arc<EngineError>) {
        self.hide(&mut hosts());
        self.lock().stage = Stage::Failed(error);
        self.changed.notify_all();
    }

    /// The thread's work: builds the engine, then serves it until no stream is left.
    fn work(&self, build: impl FnOnce() -> Result<Engine, EngineError>) {
        let built = catch_unwind(AssertUnwindSafe(build)).unwrap_or(Err(EngineError::Panicked));
        match built {
            Ok(engine) => {
                self.lock().stage = Stage::Ready(Ready::of(&engine));
                self.changed.notify_all();
                self.serve(engine);
            }
            Err(error) => self.fail(Arc::new(error)),
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }

    fn serve(&self, mut engine: Engine) {
        let mut runs: Vec<Running> = Vec::with_capacity(self.batching.size);
        while self.gather(&mut runs) {
            let start = Instant::now();
            let ran = catch_unwind(AssertUnwindSafe(|| engine.infer_each(&mut runs)));
            let run = Run {
                took: start.elapsed(),
                batch: runs.len(),
                streams: self.served(&runs),
            };
            let result = match ran {
                Ok(result) => result.map_err(Arc::new),
                Err(_) => {
                    // Nothing is known of the engine any more.
                    let error = Arc::new(EngineError::Panicked);
                    self.fail(error.clone());
                    self.lock().take(usize::MAX, &mut runs);
                    Err(error)
                }
            };
            for picture in runs.drain(..) {
                picture.complete(result.clone(), &run);
            }
        }
    }

    /// Their streams' next pictures are the next from now on. How many streams there are.
    fn served(&self, runs: &[Running]) -> usize {
        let now = Instant::now();
        let mut state = self.lock();
        for stream in &mut state.streams {
            if runs.iter().any(|run| run.stream == stream.id) {
                stream.served = now;
            }
        }
        state.streams.len()
    }

    /// Waits for pictures to run. `false` when no stream is left.
    fn gather(&self, runs: &mut Vec<Running>) -> bool {
        let mut state = self.lock();
        loop {
            if state.closed || matches!(state.stage, Stage::Failed(_)) {
                return false;
            }
            let Some(oldest) = state.oldest() else {
                state = self.wait(state);
                continue;
            };
            let patience =
                (oldest + self.batching.timeout).saturating_duration_since(Instant::now());
            let room = state.queued < self.batching.size && !state.every_stream_waits();
            if room && !patience.is_zero() {
                let (guard, _) = self
                    .changed
                    .wait_timeout(state, patience)
                    .unwrap_or_else(PoisonError::into_inner);
                state = guard;
                continue;
            }
            state.take(self.batching.size, runs);
            drop(state);
            // What a flush has made useless is not run.
            for run in runs.extract_if(.., |run| !run.listener.wants(run.job.run)) {
                run.complete(Ok(()), &Run::NONE);
            }
            if !runs.is_empty() {
                return true;
            }
            state = self.lock();
        }
    }
}
