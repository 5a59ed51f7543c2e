// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A frame comes in: what is seen of it, whether the model runs on it, what it waits for.

use crate::dptdepth::error::Stop;
use crate::dptdepth::imp::DptDepth;
use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::input::queue::{Arrival, Ticket};
use crate::dptdepth::streaming::plan::{Facts, Plan};
use crate::dptdepth::streaming::pump::{Awaits, Flight, Held, Pump, outdate};
use crate::dptdepth::streaming::watch::Seen;
use crate::engine::Map;
use crate::video::lock;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::time::{Duration, Instant};

impl Pump {
    /// Plans a frame; starts its run; holds it, or pushes it at once.
    pub(in crate::dptdepth) fn buffer(
        &mut self,
        element: &DptDepth,
        mut buffer: gst::Buffer,
        arrived: Arrival,
    ) -> Result<(), Stop> {
        self.ensure_engine(element);
        self.await_engine(element)?;
        if self.is_swapping() && self.flights.is_empty() && !self.holds_results() {
            self.swap_engine(element);
        }
        if element.src_pad.check_reconfigure() {
            self.renegotiate_src(element)?;
        }
        let Some(stream) = &mut self.stream else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        // Waiting in the queue of a pipeline that is not live says nothing of this element.
        let taken = self.queue.arrival();
        let arrived = if element.is_live() { arrived } else { taken };
        let moment = Moment::of(&buffer, &self.segment);
        if let Some(time) = moment.stream_time {
            let _ = element.obj().sync_values(time);
        }
        let looks = lock(&element.settings).looks();
        let seen = stream.see(&buffer, &looks)?;
        if seen.cut {
            element.with_stats(|stats| stats.cuts += 1);
            self.planner.reset();
            if !self.strict {
                // What is shown is of another scene, and what the engine has soon is.
                stream.forget_scene();
                outdate(&mut self.flights);
            }
        }
        let (interval, rung) = element.adapt(&looks, &stream.ladder);
        let (swaps, free) = (self.is_swapping(), self.flights.is_empty());
        let Some(stream) = &mut self.stream else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        let facts = Facts {
            interval,
            has_result: !seen.cut && (stream.has_result() || !self.held.is_empty()),
            can_infer: self.prepared.is_some()
                && (self.strict || free)
                // A frame of another scene must not get this one's result.
                && (!swaps || (self.strict && seen.cut)),
            unchanged: seen.unchanged,
            late: element.lateness(moment, &looks),
            duration: stream.duration(&buffer),
        };
        let plan = self.planner.next(&facts);
        element.with_stats(|stats| stats.interval = facts.interval);
        let awaits = match plan {
            Plan::Drop => {
                element.drop_frame(&buffer, moment);
                stream.recycle(seen);
                self.lost = true;
                return Ok(());
            }
            Plan::Reuse => Awaits::Turn,
            Plan::Infer => Awaits::Run(self.infer(element, &buffer, moment, &seen)?),
        };
        self.ask_for_rung(element, rung);
        let infers = plan == Plan::Infer;
        let before = if infers { self.before } else { Duration::ZERO };
        let run = if infers && self.strict {
            self.run
        } else {
            Duration::ZERO
        };
        let service = run.max(before + self.after);
        let waited = taken.since(arrived);
        let waited = self.backlog.next(arrived.at, waited, service);
        if std::mem::take(&mut self.lost) {
            buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
        }
        self.held.push_back(Held {
            buffer,
            moment,
            arrived,
            taken,
            waited,
            work: before + run,
            infers,
            awaits: if self.strict { awaits } else { Awaits::Turn },
            seen,
        });
        Ok(())
    }

    /// Whether a frame that is held has its result, or waits for it.
    fn holds_results(&self) -> bool {
        let turn = |held: &Held| matches!(held.awaits, Awaits::Turn);
        !self.held.iter().all(turn)
    }

    /// Gives the frame to the engine.
    fn infer(
        &mut self,
        element: &DptDepth,
        buffer: &gst::BufferRef,
        moment: Moment,
        seen: &Seen,
    ) -> Result<Ticket, Stop> {
        let Some(stream) = &mut self.stream else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        let started = Instant::now();
        let mut rgb = self.spare_inputs.pop().unwrap_or_default();
        let map = self.spare_maps.pop();
        let map = map.unwrap_or(Map::Depth(Vec::new()));
        stream.preprocess(buffer, &mut rgb)?;
        let copy = stream.infers(seen, !self.strict);
        let took = started.elapsed();
        self.before = took;
        element.with_stats(|stats| stats.preprocess.add(took));
        let ticket = self.queue.ticket();
        if let Some((_, seat)) = &self.prepared {
            seat.submit(ticket.0, rgb, map, self.patient);
        }
        self.flights.push_back(Flight {
            ticket,
            moment,
            seen: copy,
            stale: false,
        });
        Ok(ticket)
    }
}
