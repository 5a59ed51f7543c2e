// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Has engines built where that keeps no streaming thread waiting.
//!
//! A build cannot be interrupted: a flush or a stop abandons the request, and its outcome is thrown
//! away.

use crate::dptdepth::input::queue::{Kind, Outcome, Queue, Ticket};
use crate::engine::{EngineError, Seat};
use std::sync::{Arc, mpsc};

/// Has an engine built, or finds one that another element uses.
pub(in crate::dptdepth) type Build = Box<dyn FnOnce() -> Result<Seat, Arc<EngineError>> + Send>;

struct Job {
    ticket: Ticket,
    old: Option<Seat>,
    build: Build,
}

/// A handle to the thread; the thread ends when this is dropped and its last request is done.
pub(in crate::dptdepth) struct Builder {
    jobs: mpsc::Sender<Job>,
    queue: Arc<Queue>,
}

impl Builder {
    /// Starts the thread; outcomes go to `queue`.
    pub(in crate::dptdepth) fn spawn(queue: Arc<Queue>) -> std::io::Result<Self> {
        let (jobs, requests) = mpsc::channel();
        let outcomes = queue.clone();
        std::thread::Builder::new()
            .name("dptdepth-build".into())
            .spawn(move || serve(&requests, &outcomes))?;
        Ok(Self { jobs, queue })
    }

    /// Asks for an engine in place of `old`, whose memory is freed before the new one's is taken,
    /// unless other elements use it.
    pub(in crate::dptdepth) fn replace(&self, old: Option<Seat>, ticket: Ticket, build: Build) {
        // The thread lives as long as this handle.
        let _ = self.jobs.send(Job { ticket, old, build });
    }

    /// Asks for an engine while the one in use goes on.
    pub(in crate::dptdepth) fn build_beside(
        &self,
        ticket: Ticket,
        build: Build,
    ) -> std::io::Result<()> {
        let queue = self.queue.clone();
        let work = move || queue.complete(ticket, Kind::Engine, Outcome::Engine(build()));
        std::thread::Builder::new()
            .name("dptdepth-build".into())
            .spawn(work)
            .map(drop)
    }
}

fn serve(requests: &mpsc::Receiver<Job>, queue: &Queue) {
    while let Ok(Job { ticket, old, build }) = requests.recv() {
        if let Some(old) = old {
            old.release();
        }
        if queue.wants(ticket, Kind::Engine) {
            queue.complete(ticket, Kind::Engine, Outcome::Engine(build()));
        }
    }
}
