// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Having an engine built for the stream, and waiting for it or not.

use super::error;
use super::imp::DptDepth;
use super::messages::Progress;
use super::open::Opened;
use super::pump::{PATIENCE, Pump};
use super::queue::{self, Next, Ticket};
use super::task::Stop;
use super::worker::Ready;
use crate::engine::{Engine, EngineError, Request};
use crate::spec::{Borders, Size};
use crate::video::lock;
use std::sync::Arc;
use std::time::Duration;

/// Live frames that may wait while downstream waits.
const LIVE_ROOM: usize = 8;

/// An engine that is being built.
pub(super) struct Pending {
    ticket: Ticket,
    shape: (Size, Borders),
    pub(super) progress: Progress,
}

impl Pump {
    /// Asks for an engine where there is none: the last attempt has failed, and upstream tries again.
    pub(super) fn ensure_engine(&mut self, element: &DptDepth) {
        if self.prepared.is_none()
            && self.pending.is_none()
            && let (Some(stream), Some(opened)) = (&self.stream, element.opened())
        {
            let shape = (stream.fit.network, opened.zero_borders(&stream.fit));
            self.prepare(element, &opened, shape);
        }
    }

    /// Has the worker build an engine for the shape, unless it has one.
    pub(super) fn prepare(
        &mut self,
        element: &DptDepth,
        opened: &Arc<Opened>,
        shape: (Size, Borders),
    ) {
        let (network, borders) = shape;
        let has = self.prepared.as_ref().filter(|(known, _)| *known == shape);
        if let (Some((_, ready)), Some(stream)) = (has, &mut self.stream) {
            stream.renderer.set_engine(ready);
            return;
        }
        if self
            .pending
            .as_ref()
            .is_none_or(|pending| pending.shape != shape)
        {
            self.prepared = None;
            let text = format!("Preparing {} at {network}", opened.spec.name);
            let request = Request {
                network,
                borders,
                session: opened.session.clone(),
            };
            let (model, runtime) = (opened.model.clone(), opened.runtime);
            let spec = opened.spec.clone();
            let ticket = self.queue.engine_ticket();
            self.pending = Some(Pending {
                ticket,
                shape,
                progress: Progress::start(element, text),
            });
            self.worker.prepare(
                ticket,
                Box::new(move || Engine::prepare(&model, spec, runtime, &request)),
            );
        }
    }

    /// Where frames are held, waits for the engine; else they pass without results meanwhile.
    pub(super) fn await_engine(&mut self, element: &DptDepth) -> Result<(), Stop> {
        while self.strict && self.pending.is_some() {
            match self.queue.next(true, false, PATIENCE) {
                Next::Outcome(ticket, outcome) => self.outcome(element, ticket, outcome)?,
                Next::Item(_) => {}
                Next::Timeout => self.show_progress(),
                // The build goes on; whoever comes next waits for the rest of it.
                Next::Ended => return Err(gst::FlowError::Flushing.into()),
            }
        }
        Ok(())
    }

    /// The worker has built an engine, or failed to.
    pub(super) fn engine_is_there(
        &mut self,
        element: &DptDepth,
        ticket: Ticket,
        ready: Result<Ready, EngineError>,
    ) -> Result<(), Stop> {
        let opened = element.opened().ok_or(gst::FlowError::Flushing)?;
        let Some(pending) = self.pending.take_if(|pending| pending.ticket == ticket) else {
            return Ok(());
        };
        let network = pending.shape.0;
        let ready = match ready {
            Ok(ready) => ready,
            Err(failure) => {
                pending.progress.fail("The model could not be prepared");
                return Err(error::engine(&failure).into());
            }
        };
        pending.progress.complete(&format!(
            "{} at {network} runs on {}",
            opened.spec.name, ready.provider
        ));
        *lock(&element.active_provider) = Some(ready.provider.clone());
        element.engine_runs(network, &ready, self.strict);
        element.post_model(&opened.spec, network, &ready);
        if let Some(stream) = &mut self.stream {
            stream.renderer.set_engine(&ready);
            // A live source loses frames if it waits. Where the model keeps up, there is room for
            // what comes while downstream waits for a frame's time; where it does not, frames that
            // wait for it would come ever later.
            let interval = lock(&element.settings).looks().inference_interval;
            let period = Duration::from(stream.nominal_duration()) * interval;
            let room = if ready.warm_run <= period {
                LIVE_ROOM
            } else {
                queue::CAPACITY
            };
            let live = self.strict && element.is_live();
            self.queue
                .set_room(if live { room } else { queue::CAPACITY }, live);
        }
        self.prepared = Some((pending.shape, ready));
        // The tensor that buffers carry from here on is known now.
        if cfg!(feature = "v1_28") && opened.settings.output_tensor_meta {
            self.renegotiate_src(element)?;
        }
        Ok(())
    }
}
