// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One engine on a thread of its own, for every stream of the process that asks for the same; on a
//! CPU several, where that ends more pictures.
//!
//! Streams submit pictures and hear of their results; none ever waits for another one's pictures,
//! other than for the runs that were asked for before. Whose turn it is goes round among those that
//! have something queued.

mod lanes;
mod share;

pub(super) use lanes::MOST as MOST_LANES;
pub use lanes::Share;
pub use share::Seat;

use super::seat::{Done, Listener, Ready};
use super::{Engine, EngineError, Map, Picture};
use lanes::{Lanes, Step};
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

/// Builds an engine that has this share of the cores.
type Build = dyn Fn(Share) -> Result<Engine, EngineError> + Send + Sync;

/// An engine, and what is queued for it.
struct Host {
    key: String,
    batching: Batching,
    build: Box<Build>,
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
    lanes: Lanes,
    /// Threads that have not ended.
    threads: usize,
    /// No stream is left, so the threads end.
    closed: bool,
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
    /// Whether more results are worth more to the stream than sooner ones.
    patient: bool,
    submitted: Instant,
}

/// What is known of a run.
struct Run {
    took: Duration,
    batch: usize,
    streams: usize,
    lanes: usize,
}

impl Run {
    const NONE: Self = Self {
        took: Duration::ZERO,
        batch: 0,
        streams: 0,
        lanes: 0,
    };
}

/// A job whose run is on its way, and whose it is.
struct Running {
    job: Job,
    stream: u64,
    listener: Arc<dyn Listener>,
    /// Since when it was the next of its stream, as far as is known.
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
            lanes: run.lanes,
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
                    since: job.submitted,
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

    /// Whether a picture waits whose stream minds that the pictures of `runs` came first.
    fn keeps_waiting(&self, runs: &[Running]) -> bool {
        let minds = |stream: &Stream| {
            let own = runs.iter().any(|run| run.stream == stream.id);
            stream.jobs.front().is_some_and(|job| job.patient || !own)
        };
        self.queued > 0 && self.streams.iter().any(minds)
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

    /// The first thread's work: builds the engine, then serves it until no stream is left.
    fn work(self: &Arc<Self>) {
        let begun = Instant::now();
        match self.engine(Share::WHOLE) {
            Ok(engine) => {
                let (most, run) = (engine.most_beside(), engine.warm_run());
                let mut state = self.lock();
                state.lanes = Lanes::new(most, run, begun.elapsed());
                state.stage = Stage::Ready(Ready::of(&engine));
                drop(state);
                self.changed.notify_all();
                self.serve(Share::WHOLE, engine);
            }
            Err(error) => self.fail(Arc::new(error)),
        }
        self.end();
    }

    /// The work of a thread for another lane.
    fn work_beside(self: &Arc<Self>, share: Share) {
        match self.engine(share) {
            Ok(engine) => {
                self.opened(share);
                self.serve(share, engine);
            }
            Err(_) => self.refused(share, None),
        }
        self.end();
    }

    fn engine(&self, share: Share) -> Result<Engine, EngineError> {
        let built = catch_unwind(AssertUnwindSafe(|| (self.build)(share)));
        built.unwrap_or(Err(EngineError::Panicked))
    }

    fn opened(&self, share: Share) {
        self.lock().lanes.opened(share);
        self.changed.notify_all();
    }

    fn refused(&self, share: Share, kept: Option<usize>) {
        self.lock().lanes.refused(share, kept);
        self.changed.notify_all();
    }

    fn end(&self) {
        self.lock().threads -= 1;
        self.changed.notify_all();
    }

    fn serve(self: &Arc<Self>, mut share: Share, mut engine: Engine) {
        let mut runs: Vec<Running> = Vec::with_capacity(self.batching.size);
        loop {
            match self.gather(share.lane, &mut runs) {
                Step::End => return,
                Step::Serve => self.run(&mut engine, &mut runs),
                Step::Open(other) => self.open(other),
                // The old engine is there until the new one is: without either the lane is lost.
                Step::Change(other) => match self.engine(other) {
                    Ok(built) => {
                        (engine, share) = (built, other);
                        self.opened(share);
                    }
                    Err(_) => self.refused(other, Some(share.of)),
                },
            }
        }
    }

    /// Has a thread open another lane.
    fn open(self: &Arc<Self>, share: Share) {
        self.lock().threads += 1;
        let own = self.clone();
        let spawned = std::thread::Builder::new()
            .name("dptdepth".into())
            .spawn(move || own.work_beside(share));
        if spawned.is_err() {
            self.refused(share, None);
            self.end();
        }
    }

    fn run(&self, engine: &mut Engine, runs: &mut Vec<Running>) {
        let start = Instant::now();
        let ran = catch_unwind(AssertUnwindSafe(|| engine.infer_each(runs)));
        let run = self.ran(runs, start.elapsed());
        let result = match ran {
            Ok(result) => result.map_err(Arc::new),
            Err(_) => {
                // Nothing is known of the engine any more.
                let error = Arc::new(EngineError::Panicked);
                self.fail(error.clone());
                self.lock().take(usize::MAX, runs);
                Err(error)
            }
        };
        for picture in runs.drain(..) {
            picture.complete(result.clone(), &run);
        }
    }

    /// Takes note of a run that is over: their streams' next pictures are the next from now on.
    fn ran(&self, runs: &mut [Running], took: Duration) -> Run {
        let now = Instant::now();
        let mut state = self.lock();
        let State { streams, .. } = &mut *state;
        for stream in streams {
            let mut own = false;
            for run in runs.iter_mut().filter(|run| run.stream == stream.id) {
                run.since = run.since.max(stream.served);
                own = true;
            }
            if own {
                stream.served = now;
            }
        }
        let queueing = state.keeps_waiting(runs);
        state.lanes.ran(now, took, queueing);
        Run {
            took,
            batch: runs.len(),
            streams: state.streams.len(),
            lanes: state.lanes.open(),
        }
    }

    /// Waits for something to do: pictures to run, a change of the lanes, or the end when no stream is
    /// left.
    fn gather(&self, lane: usize, runs: &mut Vec<Running>) -> Step {
        let mut state = self.lock();
        loop {
            if state.closed || matches!(state.stage, Stage::Failed(_)) {
                return Step::End;
            }
            match state.lanes.step(lane) {
                Step::Serve => {}
                step => return step,
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
                return Step::Serve;
            }
            state = self.lock();
        }
    }
}
