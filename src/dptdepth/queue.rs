// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What stands between the sink pad's thread, the worker and the src pad's task.
//!
//! Buffers and serialised events wait here in their order. The task that takes them out also
//! waits here for the worker's outcomes, so that one lock and one signal wake it for everything:
//! new items, outcomes, flush and stop.

use super::worker::Outcome;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Buffers that may wait. Upstream blocks beyond that.
pub(super) const CAPACITY: usize = 2;

/// One thing that flows from sink to src.
#[derive(Debug)]
pub(super) enum Item {
    Buffer(gst::Buffer),
    Event(gst::Event),
}

/// Names a request to the worker; an outcome with another ticket is stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Why [`Queue::outcome`] returned.
pub(super) enum Wait {
    Outcome(Outcome),
    Timeout,
    Flushing,
}

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    items: VecDeque<Item>,
    buffers: usize,
    /// What the sink pad's thread is told: the src side's last result.
    flow: Result<gst::FlowSuccess, gst::FlowError>,
    /// Whether an ended flow has been reported: posted here, or upstream was told.
    reported: bool,
    /// Whether the task is at work on an item it has taken.
    busy: bool,
    ticket: u64,
    outcome: Option<Outcome>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            items: VecDeque::new(),
            buffers: 0,
            flow: Err(gst::FlowError::Flushing),
            reported: false,
            busy: false,
            ticket: 0,
            outcome: None,
        }
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
    pub(super) fn start(&self) {
        let mut state = self.lock();
        state.flow = Ok(gst::FlowSuccess::Ok);
        state.reported = false;
        drop(state);
        self.changed.notify_all();
    }

    /// Refuses items from now on, wakes everyone and drops what waits. Sticky events other than
    /// SEGMENT and EOS stay: a flush must not lose a stream's caps or tags.
    pub(super) fn flush(&self) {
        let mut state = self.lock();
        state.flow = Err(gst::FlowError::Flushing);
        state.items.retain(|item| match item {
            Item::Buffer(_) => false,
            Item::Event(event) => {
                event.is_sticky()
                    && !matches!(event.type_(), gst::EventType::Segment | gst::EventType::Eos)
            }
        });
        state.buffers = 0;
        state.ticket += 1;
        state.outcome = None;
        self.changed.notify_all();
    }

    /// Drops everything, sticky events too: the stream is over.
    pub(super) fn clear(&self) {
        self.flush();
        self.lock().items.clear();
    }

    /// Ends the flow with the src side's result; unless that is `reported`, the sink side reports
    /// it upstream. Whether EOS waits: upstream has sent all it will and asks for no result any
    /// more. EOS that comes later is refused by [`Self::push_event`].
    pub(super) fn fail(&self, error: gst::FlowError, reported: bool) -> bool {
        let mut state = self.lock();
        if state.flow.is_ok() {
            state.flow = Err(error);
            state.reported = reported;
        }
        self.changed.notify_all();
        state
            .items
            .iter()
            .any(|item| matches!(item, Item::Event(event) if event.type_() == gst::EventType::Eos))
    }

    /// Whether the end of the flow has been reported; it counts as reported from now on.
    pub(super) fn report(&self) -> bool {
        std::mem::replace(&mut self.lock().reported, true)
    }

    /// Appends a buffer, once there is room for it.
    pub(super) fn push_buffer(
        &self,
        buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let mut state = self.lock();
        while state.flow.is_ok() && state.buffers >= CAPACITY {
            state = self.wait(state);
        }
        if let Err(error) = state.flow {
            state.reported = true;
            return Err(error);
        }
        state.items.push_back(Item::Buffer(buffer));
        state.buffers += 1;
        self.changed.notify_all();
        Ok(gst::FlowSuccess::Ok)
    }

    /// Appends a serialised event, or says how the flow has ended.
    pub(super) fn push_event(&self, event: gst::Event) -> Result<(), gst::FlowError> {
        let mut state = self.lock();
        state.flow?;
        state.items.push_back(Item::Event(event));
        self.changed.notify_all();
        Ok(())
    }

    /// Waits until everything pushed so far has left the element. `false` if the flow ended.
    pub(super) fn drain(&self) -> bool {
        let mut state = self.lock();
        while state.flow.is_ok() && (state.busy || !state.items.is_empty()) {
            state = self.wait(state);
        }
        state.flow.is_ok()
    }

    /// The next item, once there is one; `None` when the flow has ended. The task is busy with it
    /// until its next call.
    pub(super) fn pop(&self) -> Option<Item> {
        let mut state = self.lock();
        state.busy = false;
        self.changed.notify_all();
        while state.flow.is_ok() && state.items.is_empty() {
            state = self.wait(state);
        }
        state.flow.ok()?;
        let item = state.items.pop_front()?;
        if matches!(item, Item::Buffer(_)) {
            state.buffers -= 1;
        }
        state.busy = true;
        self.changed.notify_all();
        Some(item)
    }

    /// The task has stopped and is at work on nothing.
    pub(super) fn set_idle(&self) {
        self.lock().busy = false;
        self.changed.notify_all();
    }

    /// A ticket for a new request; outcomes of older ones are dropped from now on.
    pub(super) fn ticket(&self) -> Ticket {
        let mut state = self.lock();
        state.ticket += 1;
        state.outcome = None;
        Ticket(state.ticket)
    }

    /// Delivers a request's outcome, unless nobody waits for it any more.
    pub(super) fn complete(&self, ticket: Ticket, outcome: Outcome) {
        let mut state = self.lock();
        if state.ticket == ticket.0 {
            state.outcome = Some(outcome);
            self.changed.notify_all();
        }
    }

    /// Waits for the outcome of the newest ticket.
    pub(super) fn outcome(&self, patience: Duration) -> Wait {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if state.flow.is_err() {
                return Wait::Flushing;
            }
            if let Some(outcome) = state.outcome.take() {
                return Wait::Outcome(outcome);
            }
            let now = Instant::now();
            if now >= deadline {
                return Wait::Timeout;
            }
            state = self
                .changed
                .wait_timeout(state, deadline - now)
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_keeps_sticky_events_but_not_segments_and_buffers() {
        gst::init().unwrap();
        let queue = Queue::default();
        queue.start();
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        queue.push_event(gst::event::StreamStart::new("s")).unwrap();
        queue
            .push_event(gst::event::Segment::new(&segment))
            .unwrap();
        queue.push_buffer(gst::Buffer::new()).unwrap();
        queue.flush();
        assert!(queue.pop().is_none());
        queue.start();
        assert!(
            matches!(queue.pop(), Some(Item::Event(event)) if event.type_() == gst::EventType::StreamStart)
        );
        assert!(queue.lock().items.is_empty());
    }

    #[test]
    fn a_stale_outcome_is_dropped() {
        let queue = Queue::default();
        queue.start();
        let old = queue.ticket();
        queue.ticket();
        queue.complete(old, Outcome::Panicked);
        assert!(matches!(queue.outcome(Duration::ZERO), Wait::Timeout));
    }

    #[test]
    fn a_full_queue_is_released_by_a_failure_with_its_reason() {
        gst::init().unwrap();
        let queue = std::sync::Arc::new(Queue::default());
        queue.start();
        for _ in 0..CAPACITY {
            queue.push_buffer(gst::Buffer::new()).unwrap();
        }
        let blocked = std::thread::spawn({
            let queue = queue.clone();
            move || queue.push_buffer(gst::Buffer::new())
        });
        queue.fail(gst::FlowError::NotNegotiated, false);
        assert_eq!(blocked.join().unwrap(), Err(gst::FlowError::NotNegotiated));
    }
}
