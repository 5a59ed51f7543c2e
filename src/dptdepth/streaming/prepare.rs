// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Having an engine built for the stream, and waiting for it or not.

use crate::dptdepth::error;
use crate::dptdepth::error::Stop;
use crate::dptdepth::imp::DptDepth;
#[cfg(feature = "remote")]
use crate::dptdepth::input::queue::Kind;
use crate::dptdepth::input::queue::{self, Next, Ticket};
use crate::dptdepth::messages::Progress;
use crate::dptdepth::open::{Opened, Runner};
use crate::dptdepth::streaming::builder::Build;
use crate::dptdepth::streaming::pump::{PATIENCE, Pump};
use crate::engine::host::{self, Batching};
#[cfg(feature = "remote")]
use crate::engine::server;
use crate::engine::{Engine, EngineError, Ready, Request, Seat};
use crate::spec::{Borders, Size};
use crate::video::lock;
use gst::subclass::prelude::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Live frames that may wait while downstream waits.
const LIVE_ROOM: usize = 8;

/// An engine that is being built.
pub(in crate::dptdepth) struct Pending {
    ticket: Ticket,
    shape: (Size, Borders),
    pub(in crate::dptdepth) progress: Progress,
}

/// An engine of another network size, which is built while the one in use goes on.
pub(in crate::dptdepth) struct Swap {
    ticket: Ticket,
    rung: usize,
    /// Once it stands. It is taken into use when no run of the other one is on its way.
    engine: Option<Seat>,
}

impl Pump {
    /// Asks for an engine where there is none: the last attempt has failed, and upstream tries again.
    pub(in crate::dptdepth) fn ensure_engine(&mut self, element: &DptDepth) {
        if self.prepared.is_none()
            && self.pending.is_none()
            && let (Some(stream), Some(opened)) = (&self.stream, element.opened())
        {
            let shape = opened.shape(&stream.fit);
            self.prepare(element, &opened, shape);
        }
    }

    /// Has an engine built for the shape, unless there is one.
    pub(in crate::dptdepth) fn prepare(
        &mut self,
        element: &DptDepth,
        opened: &Arc<Opened>,
        shape: (Size, Borders),
    ) {
        let has = self.prepared.take_if(|(known, _)| *known == shape);
        if let Some((_, seat)) = has {
            self.use_engine(element, shape, seat);
            return;
        }
        if self
            .pending
            .as_ref()
            .is_none_or(|pending| pending.shape != shape)
        {
            let old = self.prepared.take().map(|(_, seat)| seat);
            // It gives no results any more.
            self.forget_flights();
            let ticket = self.queue.engine_ticket();
            self.pending = Some(Pending {
                ticket,
                shape,
                progress: start(element, opened, shape),
            });
            let build = self.build(opened, ticket, shape);
            self.builder.replace(old, ticket, build);
        }
    }

    /// Where frames are held, waits for the engine; else they pass without results meanwhile.
    pub(in crate::dptdepth) fn await_engine(&mut self, element: &DptDepth) -> Result<(), Stop> {
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

    /// An engine stands, or could not be built.
    pub(in crate::dptdepth) fn engine_is_there(
        &mut self,
        element: &DptDepth,
        ticket: Ticket,
        engine: Result<Seat, Arc<EngineError>>,
    ) -> Result<(), Stop> {
        let opened = element.opened().ok_or(gst::FlowError::Flushing)?;
        let Some(pending) = self.pending.take_if(|pending| pending.ticket == ticket) else {
            self.rung_is_there(element, ticket, engine);
            return Ok(());
        };
        let seat = match engine {
            Ok(seat) => seat,
            Err(failure) => {
                pending.progress.fail("The model could not be prepared");
                return Err(error::engine(&failure).into());
            }
        };
        complete(pending.progress, &opened, pending.shape, seat.ready());
        self.announce(element, &opened, pending.shape, seat.ready());
        self.use_engine(element, pending.shape, seat);
        // The tensor that buffers carry from here on is known now.
        if cfg!(feature = "v1_28") && opened.settings.output_tensor_meta {
            self.renegotiate_src(element)?;
        }
        Ok(())
    }

    /// Has an engine built for another of the stream's network sizes, while this one goes on.
    pub(in crate::dptdepth) fn ask_for_rung(&mut self, element: &DptDepth, rung: usize) {
        let (Some(opened), Some(stream)) = (element.opened(), &self.stream) else {
            return;
        };
        let known = self.swap.as_ref().map_or(self.rung, |swap| swap.rung);
        let Some(fit) = stream.ladder.get(rung).filter(|_| rung != known) else {
            return;
        };
        if self.prepared.is_none() {
            return;
        }
        if rung == self.rung {
            self.swap = None;
            return;
        }
        let shape = opened.shape(fit);
        let ticket = self.queue.engine_ticket();
        let progress = start(element, &opened, shape);
        let build = self.build(&opened, ticket, shape);
        // This task may be kept waiting downstream, by a pipeline that waits for the end of what
        // was started.
        let work = Box::new(move || {
            let built = build();
            match &built {
                Ok(seat) => complete(progress, &opened, shape, seat.ready()),
                Err(_) => progress.fail("The network keeps its size"),
            }
            built
        });
        if let Err(failure) = self.builder.build_beside(ticket, work) {
            self.keep_rung(element, &failure.to_string());
            return;
        }
        self.swap = Some(Swap {
            ticket,
            rung,
            engine: None,
        });
    }

    /// An engine of another size has been built, or could not be.
    fn rung_is_there(
        &mut self,
        element: &DptDepth,
        ticket: Ticket,
        engine: Result<Seat, Arc<EngineError>>,
    ) {
        let Some(swap) = self.swap.as_mut().filter(|swap| swap.ticket == ticket) else {
            return;
        };
        match engine {
            Ok(seat) => swap.engine = Some(seat),
            Err(failure) => self.keep_rung(element, &failure.to_string()),
        }
    }

    /// The network keeps its size, since another cannot be had.
    fn keep_rung(&mut self, element: &DptDepth, reason: &str) {
        self.swap = None;
        lock(&element.adapter).stay();
        if let Some(stream) = &mut self.stream {
            (stream.ladder, self.rung) = (vec![stream.fit], 0);
        }
        gst::element_imp_warning!(
            element,
            gst::LibraryError::Failed,
            ("The network keeps its size, it cannot be built at another: {reason}; target-fps adapts the interval alone")
        );
    }

    /// Whether an engine of another size waits for the runs of this one to end.
    pub(in crate::dptdepth) fn is_swapping(&self) -> bool {
        self.swap.as_ref().is_some_and(|swap| swap.engine.is_some())
    }

    /// Takes an engine of another size into use.
    pub(in crate::dptdepth) fn swap_engine(&mut self, element: &DptDepth) {
        let (Some(opened), Some(stream)) = (element.opened(), &mut self.stream) else {
            return;
        };
        let Some(Swap {
            rung,
            engine: Some(seat),
            ..
        }) = self.swap.take_if(|swap| swap.engine.is_some())
        else {
            return;
        };
        let fit = stream.ladder[rung];
        let shape = opened.shape(&fit);
        stream.refit(&opened, fit);
        self.rung = rung;
        self.forget_spare();
        self.announce(element, &opened, shape, seat.ready());
        self.use_engine(element, shape, seat);
    }

    /// Says which engine results come from, from here on.
    fn announce(
        &self,
        element: &DptDepth,
        opened: &Opened,
        (network, _): (Size, Borders),
        ready: &Ready,
    ) {
        if let Some(trouble) = &ready.cache_trouble
            && !opened.cache_warned.swap(true, Ordering::Relaxed)
        {
            gst::element_imp_warning!(element, gst::ResourceError::OpenWrite, ("{trouble}"));
        }
        *lock(&element.active_provider) = Some(ready.provider.clone());
        lock(&element.adapter).runs_at(self.rung, ready.warm_run, Instant::now());
        element.engine_runs(network, ready, self.strict);
        element.post_model(&opened.spec, network, ready);
    }

    /// Results are this engine's from here on.
    fn use_engine(&mut self, element: &DptDepth, shape: (Size, Borders), seat: Seat) {
        if let Some(stream) = &mut self.stream {
            let ready = seat.ready();
            stream.renderer.set_engine(ready);
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
            self.patient = self.strict && !live;
            self.queue
                .set_room(if live { room } else { queue::CAPACITY }, live);
        }
        self.prepared = Some((shape, seat));
    }
}

fn start(element: &DptDepth, opened: &Opened, (network, _): (Size, Borders)) -> Progress {
    let text = format!("Preparing {} at {network}", opened.spec.name);
    Progress::start(element, text)
}

fn complete(progress: Progress, opened: &Opened, (network, _): (Size, Borders), ready: &Ready) {
    let (name, provider) = (&opened.spec.name, &ready.provider);
    progress.complete(&format!("{name} at {network} runs on {provider}"));
}

impl Pump {
    /// How to come by an engine for this shape.
    #[cfg_attr(
        not(feature = "remote"),
        expect(unused_variables, reason = "they are for servers")
    )]
    fn build(
        &self,
        opened: &Arc<Opened>,
        ticket: Ticket,
        (network, borders): (Size, Borders),
    ) -> Build {
        let (opened, queue, strict) = (opened.clone(), self.queue.clone(), self.strict);
        Box::new(move || match &opened.runner {
            Runner::Here {
                model,
                runtime,
                session,
            } => {
                let (settings, runtime) = (&opened.settings, *runtime);
                let batching = Batching {
                    size: settings.batch_size as usize,
                    timeout: settings.batch_timeout.into(),
                };
                let request = Request {
                    network,
                    borders,
                    batch: batching.size,
                    session: (**session).clone(),
                };
                let (identity, instance) = (model.identity(), &settings.model_instance_id);
                let key = format!("{identity} {request:?} {batching:?} {instance:?}");
                let model = model.clone();
                host::Seat::take(key, batching, queue, move |share| {
                    Engine::prepare(&model, runtime, &request.for_share(share))
                })
                .map(Seat::Here)
            }
            #[cfg(feature = "remote")]
            Runner::There(server) => {
                let wanted = || queue.wants(ticket, Kind::Engine);
                server::Seat::take(server, network, strict, queue.clone(), wanted)
                    .map(Seat::There)
                    .map_err(Arc::new)
            }
        })
    }
}
