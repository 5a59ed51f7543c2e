// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! How streams find each other's engines, and take and leave their places there.

use super::lanes::Lanes;
use super::{Batching, Build, Host, Job, Run, Running, Share, Stage, State, Stream};
use crate::engine::seat::{Listener, Ready};
use crate::engine::{Engine, EngineError, Map};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// Every host of the process, by what its engine is.
static HOSTS: LazyLock<Mutex<HashMap<String, Weak<Host>>>> = LazyLock::new(Mutex::default);

pub(super) fn hosts() -> MutexGuard<'static, HashMap<String, Weak<Host>>> {
    HOSTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream's place at an engine of this process.
pub struct Seat {
    host: Arc<Host>,
    id: u64,
    ready: Ready,
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat")
            .field("id", &self.id)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

impl Seat {
    /// A place at the engine that `key` names: one that another stream uses, or is having built,
    /// else one that is built now. Waits for it, which takes from milliseconds to minutes. Where
    /// several do more, `build` is called for their shares of the cores later on.
    ///
    /// # Errors
    /// If the engine could not be built; the next one who asks tries again.
    pub fn take(
        key: String,
        batching: Batching,
        listener: Arc<dyn Listener>,
        build: impl Fn(Share) -> Result<Engine, EngineError> + Send + Sync + 'static,
    ) -> Result<Self, Arc<EngineError>> {
        let (host, id, is_new) = enter(key, batching, listener, Box::new(build));
        if is_new {
            let own = host.clone();
            let spawned = std::thread::Builder::new()
                .name("dptdepth".into())
                .spawn(move || own.work());
            if let Err(error) = spawned {
                host.fail(Arc::new(EngineError::Thread(error)));
                host.end();
            }
        }
        let ready = {
            let mut state = host.lock();
            loop {
                match &state.stage {
                    Stage::Building => state = host.wait(state),
                    Stage::Ready(ready) => break Ok(ready.clone()),
                    Stage::Failed(error) => break Err(error.clone()),
                }
            }
        };
        match ready {
            Ok(ready) => Ok(Self { host, id, ready }),
            Err(error) => {
                leave(&host, id);
                Err(error)
            }
        }
    }

    pub(in crate::engine) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Runs that can go on at once now.
    pub(in crate::engine) fn lanes(&self) -> usize {
        self.host.lock().lanes.open()
    }

    pub(in crate::engine) fn submit(&self, run: u64, rgb: Vec<u8>, map: Map, patient: bool) {
        let now = Instant::now();
        let job = Job {
            run,
            rgb,
            map,
            patient,
            submitted: now,
        };
        let mut state = self.host.lock();
        let failed = match &state.stage {
            Stage::Failed(error) => Some(error.clone()),
            Stage::Building | Stage::Ready(_) => None,
        };
        let Some(stream) = state.streams.iter_mut().find(|s| s.id == self.id) else {
            return;
        };
        if let Some(error) = failed {
            let (stream, listener) = (stream.id, stream.listener.clone());
            drop(state);
            let run = Running {
                job,
                stream,
                listener,
                since: now,
            };
            run.complete(Err(error), &Run::NONE);
            return;
        }
        stream.jobs.push_back(job);
        state.queued += 1;
        drop(state);
        self.host.changed.notify_all();
    }

    pub(in crate::engine) fn release(self) {
        let host = self.host.clone();
        drop(self);
        let mut state = host.lock();
        while state.closed && state.threads > 0 {
            state = host.wait(state);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        leave(&self.host, self.id);
    }
}

/// The host that `key` names with a new stream, and whether its engine is still to be built.
fn enter(
    key: String,
    batching: Batching,
    listener: Arc<dyn Listener>,
    build: Box<Build>,
) -> (Arc<Host>, u64, bool) {
    let mut hosts = hosts();
    let known = hosts.get(&key).and_then(Weak::upgrade);
    let is_new = known.is_none();
    let host = known.unwrap_or_else(|| {
        let host = Arc::new(Host {
            key: key.clone(),
            batching,
            build,
            state: Mutex::new(State {
                stage: Stage::Building,
                streams: Vec::new(),
                last_stream: 0,
                next: 0,
                queued: 0,
                lanes: Lanes::new(1, Duration::ZERO, Duration::ZERO),
                threads: 1,
                closed: false,
            }),
            changed: Condvar::new(),
        });
        hosts.insert(key, Arc::downgrade(&host));
        host
    });
    let mut state = host.lock();
    state.last_stream += 1;
    let id = state.last_stream;
    state.streams.push(Stream {
        id,
        listener,
        jobs: VecDeque::new(),
        served: Instant::now(),
    });
    drop(state);
    (host, id, is_new)
}

/// The stream gets nothing more than the end of the run that is on its way, if one is.
fn leave(host: &Host, id: u64) {
    // Until the end, so that nobody enters a host that closes.
    let mut hosts = hosts();
    let mut state = host.lock();
    let Some(at) = state.streams.iter().position(|stream| stream.id == id) else {
        return;
    };
    let stream = state.streams.remove(at);
    state.queued -= stream.jobs.len();
    if state.next > at {
        state.next -= 1;
    }
    if state.streams.is_empty() {
        state.closed = true;
        host.hide(&mut hosts);
    }
    host.changed.notify_all();
}
