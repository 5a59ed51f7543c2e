// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What stands between the sink pad's thread, those of engines, and the src pad's task.
//!
//! Buffers and serialised events wait here in their order. The task that takes them out also
//! waits here for what it has asked for, so that one lock and one signal wake it for everything:
//! new items, outcomes, flush and stop.

use crate::engine::{Done, EngineError, Listener, Seat};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Buffers that may wait, where nothing else is said.
pub(in crate::dptdepth) const CAPACITY: usize = 2;

/// One thing that flows from sink to src.
#[derive(Debug)]
pub(in crate::dptdepth) enum Item {
    /// A buffer, and when it came.
    Buffer(gst::Buffer, Arrival),
    Event(gst::Event),
}

/// When a frame came.
#[derive(Clone, Copy, Debug)]
pub(in crate::dptdepth) struct Arrival {
    pub(in crate::dptdepth) at: Instant,
    /// How long downstream had kept this element waiting by then.
    blocked: Duration,
}

impl Arrival {
    /// How much later this is than `earlier`, without what downstream kept this element waiting in
    /// between: that is not this element's latency, and a longer one would make downstream wait
    /// longer still.
    pub(in crate::dptdepth) fn since(self, earlier: Self) -> Duration {
        (self.at - earlier.at).saturating_sub(self.blocked - earlier.blocked)
    }
}

/// Names a request: later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::dptdepth) struct Ticket(pub(in crate::dptdepth) u64);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dptdepth) enum Kind {
    Engine,
    Run,
}

/// Outcome of a request.
pub(in crate::dptdepth) enum Outcome {
    /// An engine stands, or cannot be built.
    Engine(Result<Seat, Arc<EngineError>>),
    /// A run is over.
    Run(Done),
}

/// What the task has to do next.
pub(in crate::dptdepth) enum Next {
    Outcome(Ticket, Outcome),
    Item(Item),
    Timeout,
    /// The flow has ended.
    Ended,
}

#[derive(Default)]
pub(in crate::dptdepth) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    items: VecDeque<Item>,
    buffers: usize,
    capacity: usize,
    /// Whether a full queue refuses buffers instead of making upstream wait.
    leaky: bool,
    /// Whether a buffer was refused since one was last taken.
    lost: bool,
    /// What the sink pad's thread is told: the src side's last result.
    flow: Result<gst::FlowSuccess, gst::FlowError>,
    /// Whether an ended flow has been reported: posted here, or upstream was told.
    reported: bool,
    /// Whether the task is at work on an item it has taken, or holds frames.
    busy: bool,
    /// Since when downstream keeps the task waiting, and how long it did before.
    pushing: Option<Instant>,
    blocked: Duration,
    last_ticket: u64,
    /// Runs asked for before this one are forgotten; engines asked for before the other one.
    first_run: u64,
    first_engine: u64,
    outcomes: VecDeque<(Ticket, Outcome)>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            buffers: 0,
            capacity: CAPACITY,
            leaky: false,
            lost: false,
            flow: Err(gst::FlowError::Flushing),
            reported: false,
            busy: false,
            pushing: None,
            blocked: Duration::ZERO,
            last_ticket: 0,
            first_run: 0,
            first_engine: 0,
            outcomes: VecDeque::new(),
        }
    }
}

impl State {
    /// What a frame that comes now is stamped with.
    fn arrival(&self) -> Arrival {
        let at = Instant::now();
        let pushing = self.pushing.map_or(Duration::ZERO, |since| at - since);
        Arrival {
            at,
            blocked: self.blocked + pushing,
        }
    }

    /// Drops what cannot outlive the end of a flow: buffers, runs, and events that are not `kept`.
    fn forget(&mut self, kept: impl Fn(gst::EventType) -> bool) {
        self.items.retain(|item| match item {
            Item::Buffer(..) => false,
            Item::Event(event) => event.is_sticky() && kept(event.type_()),
        });
        self.buffers = 0;
        self.lost = false;
        self.forget_runs();
    }

    fn forget_runs(&mut self) {
        self.first_run = self.last_ticket + 1;
        self.outcomes
            .retain(|(_, outcome)| !matches!(outcome, Outcome::Run(_)));
    }

    fn wants(&self, ticket: Ticket, kind: Kind) -> bool {
        let first = match kind {
            Kind::Engine => self.first_engine,
            Kind::Run => self.first_run,
        };
        ticket.0 >= first
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn wait<'a>(&self, guard: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait(guard)
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Accepts items from now on.
    pub(in crate::dptdepth) fn start(&self) {
        let mut state = self.lock();
        // The task may have asked for a run after it was told to stop.
        state.forget_runs();
        state.flow = Ok(gst::FlowSuccess::Ok);
        state.reported = false;
        drop(state);
        self.changed.notify_all();
    }

    /// How many buffers may wait, and whether more are refused rather than made to wait.
    pub(in crate::dptdepth) fn set_room(&self, capacity: usize, leaky: bool) {
        let mut state = self.lock();
        (state.capacity, state.leaky) = (capacity.max(1), leaky);
        self.changed.notify_all();
    }

    /// Refuses items from now on, wakes everyone and drops what waits. Sticky events other than
    /// SEGMENT and EOS stay: a flush must not lose a stream's caps or tags. An engine that is being
    /// built is still good afterwards.
    pub(in crate::dptdepth) fn flush(&self) {
        let mut state = self.lock();
        state.flow = Err(gst::FlowError::Flushing);
        state.forget(|kind| !matches!(kind, gst::EventType::Segment | gst::EventType::Eos));
        self.changed.notify_all();
    }

    /// Drops everything, sticky events and engines too: the stream is over.
    pub(in crate::dptdepth) fn clear(&self) {
        self.flush();
        let mut state = self.lock();
        state.items.clear();
        state.outcomes.clear();
        state.first_engine = state.last_ticket + 1;
        (state.capacity, state.leaky) = (CAPACITY, false);
    }

    /// Ends the flow with the src side's result; unless that is `reported`, the sink side reports
    /// it upstream. Whether EOS waits: upstream has sent all it will and asks for no result any
    /// more. EOS that comes later is refused by [`Self::push_event`]. Buffers that wait are lost.
    pub(in crate::dptdepth) fn fail(&self, error: gst::FlowError, reported: bool) -> bool {
        let mut state = self.lock();
        if state.flow.is_ok() {
            state.flow = Err(error);
            state.reported = reported;
        }
        self.changed.notify_all();
        let eos_waits = state
            .items
            .iter()
            .any(|item| matches!(item, Item::Event(event) if event.type_() == gst::EventType::Eos));
        state.forget(|kind| kind != gst::EventType::Eos);
        eos_waits
    }

    /// Whether the flow has ended with this.
    pub(in crate::dptdepth) fn has_failed(&self, error: gst::FlowError) -> bool {
        self.lock().flow == Err(error)
    }

    /// Whether the end of the flow has been reported; it counts as reported from now on.
    pub(in crate::dptdepth) fn report(&self) -> bool {
        std::mem::replace(&mut self.lock().reported, true)
    }

    /// Appends a buffer once there is room for it; gives it back where there is none and upstream
    /// cannot wait.
    pub(in crate::dptdepth) fn push_buffer(
        &self,
        mut buffer: gst::Buffer,
    ) -> Result<Option<gst::Buffer>, gst::FlowError> {
        let mut state = self.lock();
        while state.flow.is_ok() && !state.leaky && state.buffers >= state.capacity {
            state = self.wait(state);
        }
        if let Err(error) = state.flow {
            state.reported = true;
            return Err(error);
        }
        if state.buffers >= state.capacity {
            state.lost = true;
            return Ok(Some(buffer));
        }
        if std::mem::take(&mut state.lost) {
            buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
        }
        let arrival = state.arrival();
        state.items.push_back(Item::Buffer(buffer, arrival));
        state.buffers += 1;
        self.changed.notify_all();
        Ok(None)
    }

    /// The stamp of a frame that comes now.
    pub(in crate::dptdepth) fn arrival(&self) -> Arrival {
        self.lock().arrival()
    }

    /// The task begins to push a frame.
    pub(in crate::dptdepth) fn begin_push(&self) {
        self.lock().pushing = Some(Instant::now());
    }

    /// The push has returned.
    pub(in crate::dptdepth) fn end_push(&self) {
        let mut state = self.lock();
        if let Some(since) = state.pushing.take() {
            state.blocked += since.elapsed();
        }
    }

    /// Appends a serialised event, or says how the flow has ended. What a stream is told once is
    /// kept even then, for a flow that begins anew.
    pub(in crate::dptdepth) fn push_event(&self, event: gst::Event) -> Result<(), gst::FlowError> {
        let mut state = self.lock();
        let kept = event.is_sticky() && event.type_() != gst::EventType::Eos;
        if !kept || state.flow == Err(gst::FlowError::Flushing) {
            state.flow?;
        }
        state.items.push_back(Item::Event(event));
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until everything pushed so far has left the element. `false` if the flow ended.
    pub(in crate::dptdepth) fn drain(&self) -> bool {
        let mut state = self.lock();
        while state.flow.is_ok() && (state.busy || !state.items.is_empty()) {
            state = self.wait(state);
        }
        state.flow.is_ok()
    }

    /// The next thing to do. `holds`: whether the task holds frames that are to be pushed;
    /// `wants_items`: whether it can take another. The task is busy with what it gets until its
    /// next call.
    pub(in crate::dptdepth) fn next(
        &self,
        holds: bool,
        wants_items: bool,
        patience: Duration,
    ) -> Next {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        state.busy = holds;
        self.changed.notify_all();
        loop {
            if state.flow.is_err() {
                return Next::Ended;
            }
            if let Some((ticket, outcome)) = state.outcomes.pop_front() {
                state.busy = true;
                return Next::Outcome(ticket, outcome);
            }
            if wants_items && let Some(item) = state.items.pop_front() {
                if matches!(item, Item::Buffer(..)) {
                    state.buffers -= 1;
                    self.changed.notify_all();
                }
                state.busy = true;
                return Next::Item(item);
            }
            let now = Instant::now();
            if now >= deadline {
                return Next::Timeout;
            }
            state = self
                .changed
                .wait_timeout(state, deadline - now)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
    }

    /// The task has stopped and is at work on nothing.
    pub(in crate::dptdepth) fn set_idle(&self) {
        self.lock().busy = false;
        self.changed.notify_all();
    }

    /// A ticket for a new request.
    pub(in crate::dptdepth) fn ticket(&self) -> Ticket {
        let mut state = self.lock();
        state.last_ticket += 1;
        Ticket(state.last_ticket)
    }

    /// A ticket for a new engine: one that was asked for before is not wanted any more.
    pub(in crate::dptdepth) fn engine_ticket(&self) -> Ticket {
        let ticket = self.ticket();
        self.lock().first_engine = ticket.0;
        ticket
    }

    /// Whether anybody still waits for this.
    pub(in crate::dptdepth) fn wants(&self, ticket: Ticket, kind: Kind) -> bool {
        self.lock().wants(ticket, kind)
    }

    /// Delivers a request's outcome, unless nobody waits for it any more.
    pub(in crate::dptdepth) fn complete(&self, ticket: Ticket, kind: Kind, outcome: Outcome) {
        let mut state = self.lock();
        if state.wants(ticket, kind) {
            state.outcomes.push_back((ticket, outcome));
            self.changed.notify_all();
        }
    }
}

impl Listener for Queue {
    fn wants(&self, run: u64) -> bool {
        Self::wants(self, Ticket(run), Kind::Run)
    }

    fn complete(&self, run: u64, done: Done) {
        Self::complete(self, Ticket(run), Kind::Run, Outcome::Run(done));
    }
}

#[cfg(test)]
mod tests;
