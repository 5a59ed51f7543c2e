// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What came of runs: results for frames that wait, or for those that come next, or none.

use crate::dptdepth::error;
use crate::dptdepth::error::Stop;
use crate::dptdepth::imp::DptDepth;
use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::input::queue::Outcome;
use crate::dptdepth::input::queue::Ticket;
use crate::dptdepth::output::stream::Stream;
use crate::dptdepth::settings::Looks;
use crate::dptdepth::streaming::pump::{Awaits, Pump};
use crate::dptdepth::streaming::watch::Seen;
use crate::engine::{Done, EngineError, Map};
use crate::video::lock;
use gst::subclass::prelude::*;

impl Pump {
    /// What came of something that was asked for.
    pub(in crate::dptdepth) fn outcome(
        &mut self,
        element: &DptDepth,
        ticket: Ticket,
        outcome: Outcome,
    ) -> Result<(), Stop> {
        match outcome {
            Outcome::Engine(engine) => self.engine_is_there(element, ticket, engine),
            Outcome::Run(done) => self.run_is_over(element, ticket, done),
        }
    }

    /// Frames pass without a result until the server has one again.
    fn lose_server(&mut self, element: &DptDepth, failure: &EngineError) {
        if let Some(stream) = &mut self.stream {
            stream.forget_scene();
        }
        if !std::mem::replace(&mut self.server_is_away, true) {
            gst::element_imp_warning!(
                element,
                gst::ResourceError::Read,
                ("Frames pass without a result until a server answers: {failure}")
            );
        }
    }

    fn find_server(&mut self, element: &DptDepth) {
        if std::mem::take(&mut self.server_is_away) {
            gst::element_imp_info!(
                element,
                gst::ResourceError::Read,
                ("A server answers again: frames have results")
            );
        }
    }

    fn run_is_over(&mut self, element: &DptDepth, ticket: Ticket, done: Done) -> Result<(), Stop> {
        let known = self.flights.iter().position(|f| f.ticket == ticket);
        // Without one it is from before a flush.
        let Some(flight) = known.and_then(|at| self.flights.remove(at)) else {
            return Ok(());
        };
        if let Err(failure) = &done.result {
            if matches!(**failure, EngineError::Panicked) {
                // Nothing is known of the engine any more.
                (self.prepared, self.swap) = (None, None);
            } else if flight.stale {
                return Ok(());
            } else if !self.strict && failure.may_pass() {
                self.lose_server(element, failure);
                return Ok(());
            }
            return Err(error::engine(failure).into());
        }
        self.find_server(element);
        if flight.stale {
            return Ok(());
        }
        element.ran(&done);
        self.run = done.turn;
        self.spare_inputs.push(done.rgb);
        let waiting = self
            .held
            .iter_mut()
            .find(|held| matches!(held.awaits, Awaits::Run(own) if own == ticket));
        if let Some(held) = waiting {
            held.awaits = Awaits::Nothing(done.map);
            return Ok(());
        }
        let looks = lock(&element.settings).looks();
        let seen = flight.seen.unwrap_or_default();
        self.show(element, done.map, flight.moment, &seen, &looks)?;
        if let Some(stream) = &mut self.stream {
            stream.recycle(seen);
        }
        Ok(())
    }

    /// Frames get this result from here on.
    pub(in crate::dptdepth) fn show(
        &mut self,
        element: &DptDepth,
        map: Map,
        source: Moment,
        seen: &Seen,
        looks: &Looks,
    ) -> Result<(), Stop> {
        let (Some(stream), Some((_, seat))) = (&mut self.stream, &self.prepared) else {
            return Ok(());
        };
        let part = |stream: &Stream| stream.shown().map(|shown| shown.content);
        let before = part(stream);
        let old = stream.accept(map, seat.ready().map_size, source, seen, looks)?;
        let resized = before.is_some() && before != part(stream);
        let flicker = stream.flicker();
        element.with_stats(|stats| stats.flicker = flicker);
        // The memory of the result that is not shown any more serves another run.
        self.spare_maps.extend(old);
        // Caps name the tensor's size.
        if cfg!(feature = "v1_28") && resized {
            self.renegotiate_src(element)?;
        }
        Ok(())
    }
}
