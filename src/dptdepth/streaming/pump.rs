// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The src pad's task: takes items out of the queue in order, has frames inferred by the engine
//! and pushes them with their results.
//!
//! `strict`: a frame is held until its own result is there. Some frames are with the engine
//! at once, so that it runs the next one while this task draws the last one. `latest`: a frame is
//! pushed at once with the newest result; the engine gets the newest frame whenever it is free.
//! An event waits until every frame before it has been pushed, and nothing overtakes it.

mod frame;
mod outcome;

use crate::dptdepth::CAT;
use crate::dptdepth::error::Stop;
use crate::dptdepth::imp::DptDepth;
use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::input::queue::{Arrival, Item, Next, Queue, Ticket};
use crate::dptdepth::output::stream::Stream;
use crate::dptdepth::output::tags::Tags;
use crate::dptdepth::streaming::builder::Builder;
use crate::dptdepth::streaming::latency::Backlog;
use crate::dptdepth::streaming::live::Took;
use crate::dptdepth::streaming::plan::Planner;
use crate::dptdepth::streaming::prepare::{Pending, Swap};
use crate::dptdepth::streaming::watch::Seen;
use crate::engine::{Map, Seat};
use crate::spec::{Borders, Size};
use crate::video::lock;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a wait for an engine shows that it goes on.
pub(in crate::dptdepth) const PATIENCE: Duration = Duration::from_secs(1);
/// Frames that are held at once, whatever makes them wait for the one that the model runs on.
pub(in crate::dptdepth) const MOST_HELD: usize = 64;

/// A frame that waits for its turn to be pushed.
struct Held {
    buffer: gst::Buffer,
    moment: Moment,
    arrived: Arrival,
    /// When it was taken, and how long it has waited by then without downstream's doing.
    taken: Arrival,
    waited: Duration,
    /// What is done for it alone, but for drawing, at the least.
    work: Duration,
    awaits: Awaits,
    seen: Seen,
    /// Whether the model runs on it, though it may not wait for that.
    infers: bool,
}

/// What a held frame waits for.
enum Awaits {
    /// The frames before it.
    Turn,
    /// The outcome of this run.
    Run(Ticket),
    /// Nothing more: this is its result.
    Nothing(Map),
}

/// A frame that the engine has.
struct Flight {
    ticket: Ticket,
    moment: Moment,
    /// Where the frame is not held: what was seen of it.
    seen: Option<Seen>,
    /// The stream has changed since: its result fits nothing.
    stale: bool,
}

fn outdate(flights: &mut VecDeque<Flight>) {
    for flight in flights {
        flight.stale = true;
    }
}

/// The task's own state between READY and PAUSED.
pub(in crate::dptdepth) struct Pump {
    pub(in crate::dptdepth) queue: Arc<Queue>,
    pub(in crate::dptdepth) builder: Builder,
    /// The engine in use, and the network size that it is for.
    pub(in crate::dptdepth) prepared: Option<((Size, Borders), Seat)>,
    /// The engine that is being built while frames pass.
    pub(in crate::dptdepth) pending: Option<Pending>,
    /// Which of the stream's network sizes is in use, and what is to replace it.
    pub(in crate::dptdepth) rung: usize,
    pub(in crate::dptdepth) swap: Option<Swap>,
    pub(in crate::dptdepth) stream: Option<Stream>,
    pub(in crate::dptdepth) tags: Tags,
    /// Whether frames are held for their own results.
    pub(in crate::dptdepth) strict: bool,
    /// Whether more results are worth more than sooner ones: every frame gets one, and none comes at
    /// a time of its own.
    pub(in crate::dptdepth) patient: bool,
    segment: gst::FormattedSegment<gst::ClockTime>,
    planner: Planner,
    backlog: Backlog,
    /// What a frame took last: before the run, the run, and after it.
    before: Duration,
    run: Duration,
    after: Duration,
    held: VecDeque<Held>,
    flights: VecDeque<Flight>,
    /// An event that waits until no frame is held.
    event: Option<gst::Event>,
    /// Memory of earlier runs.
    spare_inputs: Vec<Vec<u8>>,
    spare_maps: Vec<Map>,
    /// Whether an item was taken since a frame was last pushed.
    took_item: bool,
    /// Whether frames were dropped since one was last taken.
    lost: bool,
    /// Whether it was said that no server answers.
    server_is_away: bool,
    at_eos: bool,
}

impl Pump {
    pub(in crate::dptdepth) fn new(queue: Arc<Queue>) -> std::io::Result<Self> {
        Ok(Self {
            builder: Builder::spawn(queue.clone())?,
            queue,
            prepared: None,
            pending: None,
            rung: 0,
            swap: None,
            stream: None,
            tags: Tags::default(),
            strict: true,
            patient: false,
            segment: gst::FormattedSegment::new(),
            planner: Planner::default(),
            backlog: Backlog::default(),
            before: Duration::ZERO,
            run: Duration::ZERO,
            after: Duration::ZERO,
            held: VecDeque::new(),
            flights: VecDeque::new(),
            event: None,
            spare_inputs: Vec::new(),
            spare_maps: Vec::new(),
            took_item: false,
            lost: false,
            server_is_away: false,
            at_eos: false,
        })
    }

    /// Memory of earlier runs is not of the right size any more.
    pub(in crate::dptdepth) fn forget_spare(&mut self) {
        self.spare_inputs.clear();
        self.spare_maps.clear();
    }

    /// Runs that were asked for will not be heard of.
    pub(in crate::dptdepth) fn forget_flights(&mut self) {
        self.flights.clear();
    }

    /// What was asked of the engine, and memory for it, fits the stream no more.
    pub(in crate::dptdepth) fn outdate_flights(&mut self) {
        self.forget_spare();
        outdate(&mut self.flights);
    }

    /// After a flush the next frame has nothing to do with the last.
    pub(in crate::dptdepth) fn flushed(&mut self) {
        self.at_eos = false;
        self.segment = gst::FormattedSegment::new();
        // As in the queue: sticky events outlive a flush.
        self.event
            .take_if(|event| event.type_() == gst::EventType::Segment);
        self.lose_frames();
    }

    /// Whether EOS was the last thing to go on.
    pub(in crate::dptdepth) fn is_at_eos(&self) -> bool {
        self.at_eos
    }

    /// The flow has ended: what is held will not be pushed. Whether EOS was waiting behind it.
    pub(in crate::dptdepth) fn lose_frames(&mut self) -> bool {
        self.planner.reset();
        self.held.clear();
        self.flights.clear();
        self.lost = false;
        if let Some(stream) = &mut self.stream {
            stream.forget_earlier_frames();
        }
        let lost = self
            .event
            .take_if(|event| !event.is_sticky() || event.type_() == gst::EventType::Eos);
        lost.is_some_and(|event| event.type_() == gst::EventType::Eos)
    }

    /// Whether frames or an event wait here.
    fn holds(&self) -> bool {
        !self.held.is_empty() || self.event.is_some()
    }

    /// Whether another item could be handled now.
    fn wants_items(&self) -> bool {
        let seat = self.prepared.as_ref().map(|(_, seat)| seat);
        let flights = seat.map_or(1, |seat| seat.flights(self.patient));
        let room = !self.strict || (self.flights.len() < flights && self.held.len() < MOST_HELD);
        self.event.is_none() && room
    }

    fn event(&mut self, element: &DptDepth, mut event: gst::Event) -> Result<(), Stop> {
        match event.view() {
            gst::EventView::Caps(caps) => {
                let caps = caps.caps_owned();
                return self.negotiate(element, &caps);
            }
            gst::EventView::Segment(segment) => {
                if let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>() {
                    self.segment = segment.clone();
                }
            }
            gst::EventView::Eos(_) => self.at_eos = true,
            gst::EventView::StreamStart(_) => {
                self.at_eos = false;
                self.tags.start();
            }
            gst::EventView::Tag(tag) => {
                let tags = tag.tag_owned();
                event = self.tags.pass(event, &tags);
            }
            _ => {}
        }
        gst::debug!(CAT, imp = element, "forwarding {event:?}");
        let flushing = |pad: &gst::Pad| pad.pad_flags().contains(gst::PadFlags::FLUSHING);
        if !element.src_pad.push_event(event.clone())
            && event.is_sticky()
            && flushing(&element.src_pad)
        {
            // The pad has not kept it; it goes on after the flush, unless that ends it.
            self.event = Some(event);
            return Err(gst::FlowError::Flushing.into());
        }
        Ok(())
    }

    /// Whether the first frame that is held need not wait any longer, or an event need not.
    fn is_ready(&self) -> bool {
        match self.held.front() {
            Some(held) => !matches!(held.awaits, Awaits::Run(_)),
            None => self.event.is_some(),
        }
    }

    /// Pushes the first frame that is held; where there is none, the event behind them.
    fn push_first(&mut self, element: &DptDepth) -> Result<(), Stop> {
        let Some(held) = self.held.pop_front() else {
            return match self.event.take() {
                Some(event) => self.event(element, event),
                None => Ok(()),
            };
        };
        let looks = lock(&element.settings).looks();
        let own = matches!(held.awaits, Awaits::Nothing(_));
        if let Awaits::Nothing(map) = held.awaits {
            self.show(element, map, held.moment, &held.seen, &looks)?;
        }
        let Some(stream) = &mut self.stream else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        let started = Instant::now();
        let (moment, seen) = (held.moment, held.seen);
        let (output, use_of) = stream.render(held.buffer, moment, &seen, own, &looks)?;
        stream.recycle(seen);
        if held.infers && !self.strict {
            stream.mark();
        }
        element.post_zones(stream.measures(), moment);
        let now = self.queue.arrival();
        self.after = started.elapsed();
        element.pushed(
            stream.shown(),
            use_of,
            moment,
            Took {
                all: now.since(held.arrived),
                own: now
                    .since(held.taken)
                    .max(held.waited + held.work + self.after),
                runs: held.infers,
                drawing: self.after,
            },
        );
        if let Some(event) = self.tags.due() {
            element.src_pad.push_event(event);
        }
        self.queue.begin_push();
        let pushed = element.src_pad.push(output);
        self.queue.end_push();
        pushed?;
        Ok(())
    }

    /// The next thing to do. Downstream may keep a push waiting, so that frames which come
    /// meanwhile are looked at in between; and frames may always wait outside, so that those which
    /// are ready are pushed in between. Whether the flow goes on.
    pub(in crate::dptdepth) fn advance(&mut self, element: &DptDepth) -> Result<bool, Stop> {
        let ready = self.is_ready();
        if ready && std::mem::take(&mut self.took_item) {
            self.push_first(element)?;
            return Ok(true);
        }
        let patience = if ready { Duration::ZERO } else { PATIENCE };
        match self.queue.next(self.holds(), self.wants_items(), patience) {
            Next::Ended => return Ok(false),
            Next::Item(Item::Buffer(buffer, arrived)) => {
                self.took_item = true;
                self.buffer(element, buffer, arrived)?;
            }
            Next::Item(Item::Event(event)) if self.held.is_empty() => self.event(element, event)?,
            Next::Item(Item::Event(event)) => self.event = Some(event),
            Next::Outcome(ticket, outcome) => self.outcome(element, ticket, outcome)?,
            Next::Timeout if ready => self.push_first(element)?,
            Next::Timeout => self.show_progress(),
        }
        Ok(true)
    }

    /// Says that an engine is still being built, if one is.
    pub(in crate::dptdepth) fn show_progress(&self) {
        if let Some(pending) = &self.pending {
            pending.progress.go_on();
        }
    }
}
