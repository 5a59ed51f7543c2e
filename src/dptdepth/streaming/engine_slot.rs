// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The engine that frames run on: requested, built on another thread, replaced by one of another size.

use super::builder::{Build, Builder};
use crate::dptdepth::error::{self, Stop};
#[cfg(feature = "remote")]
use crate::dptdepth::input::queue::Kind;
use crate::dptdepth::input::queue::Ticket;
use crate::dptdepth::messages::Progress;
use crate::dptdepth::open::{Opened, Runner};
use crate::dptdepth::shared::Shared;
use crate::engine::host::{self, Batching};
#[cfg(feature = "remote")]
use crate::engine::server;
use crate::engine::{Engine, EngineError, Ready, Request, Seat};
use crate::frame::Fit;
use crate::spec::{Borders, Size};
use std::sync::Arc;

/// Network size, and the borders of its input that are no picture.
pub(super) type Shape = (Size, Borders);

/// An engine that is being built while there is none.
struct Pending {
    ticket: Ticket,
    shape: Shape,
    progress: Progress,
}

/// An engine of another network size, which is built while the one in use goes on.
struct Replacement {
    ticket: Ticket,
    size_index: usize,
    /// The engine, once it is built. It is taken into use when no run of the other one is in flight.
    engine: Option<Seat>,
}

/// State of a built engine.
pub(super) enum Built {
    /// It is in use now.
    InUse,
    /// It waits to replace the one in use, or nobody waits for it any more.
    Later,
    /// It could not be built, and the network keeps its size; with the reason.
    SizeKept(String),
}

/// The engine in use, the one that is built, and the one that is to replace it.
pub(super) struct EngineSlot {
    shared: Arc<Shared>,
    builder: Builder,
    current: Option<(Shape, Seat)>,
    pending: Option<Pending>,
    /// Index of the network size in use among the stream's.
    size_index: usize,
    replacement: Option<Replacement>,
}

impl EngineSlot {
    pub(super) fn new(shared: Arc<Shared>) -> std::io::Result<Self> {
        Ok(Self {
            builder: Builder::spawn(shared.queue.clone())?,
            shared,
            current: None,
            pending: None,
            size_index: 0,
            replacement: None,
        })
    }

    pub(super) fn current(&self) -> Option<&Seat> {
        self.current.as_ref().map(|(_, seat)| seat)
    }

    pub(super) fn network(&self) -> Option<Size> {
        self.current.as_ref().map(|((network, _), _)| *network)
    }

    pub(super) fn size_index(&self) -> usize {
        self.size_index
    }

    pub(super) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Neither an engine nor one that is being built.
    pub(super) fn is_empty(&self) -> bool {
        self.current.is_none() && self.pending.is_none()
    }

    /// Starts with a stream that has this number of network sizes; returns the index of the one in use.
    pub(super) fn set_size_count(&mut self, count: usize) -> usize {
        self.replacement = None;
        self.size_index = self.size_index.min(count.saturating_sub(1));
        self.size_index
    }

    /// Drops an engine that has panicked.
    pub(super) fn discard(&mut self) {
        (self.current, self.replacement) = (None, None);
    }

    /// Requests an engine of this shape. `true` if the one in use is of it; else it is built, and
    /// arrives as an outcome in the queue.
    pub(super) fn request(&mut self, opened: &Arc<Opened>, shape: Shape, strict: bool) -> bool {
        if self.current.as_ref().is_some_and(|(own, _)| *own == shape) {
            return true;
        }
        if self.pending.as_ref().is_none_or(|own| own.shape != shape) {
            let old = self.current.take().map(|(_, seat)| seat);
            let ticket = self.shared.queue.engine_ticket();
            self.pending = Some(Pending {
                ticket,
                shape,
                progress: self.progress(opened, shape),
            });
            let build = self.build(opened, ticket, shape, strict);
            self.builder.replace(old, ticket, build);
        }
        false
    }

    /// Takes over an engine that was requested.
    ///
    /// # Errors
    /// If it could not be built, and there is no other.
    pub(super) fn arrived(
        &mut self,
        opened: &Opened,
        ticket: Ticket,
        engine: Result<Seat, Arc<EngineError>>,
    ) -> Result<Built, Stop> {
        if let Some(pending) = self.pending.take_if(|pending| pending.ticket == ticket) {
            return match engine {
                Ok(seat) => {
                    complete(pending.progress, opened, pending.shape, seat.ready());
                    self.current = Some((pending.shape, seat));
                    Ok(Built::InUse)
                }
                Err(failure) => {
                    pending.progress.fail("The model could not be prepared");
                    Err(error::engine(&failure).into())
                }
            };
        }
        let own = |replacement: &&mut Replacement| replacement.ticket == ticket;
        let Some(replacement) = self.replacement.as_mut().filter(own) else {
            return Ok(Built::Later);
        };
        match engine {
            Ok(seat) => {
                replacement.engine = Some(seat);
                Ok(Built::Later)
            }
            Err(failure) => Ok(self.keep_size(&failure.to_string())),
        }
    }

    fn keep_size(&mut self, reason: &str) -> Built {
        (self.replacement, self.size_index) = (None, 0);
        Built::SizeKept(reason.to_owned())
    }

    /// Requests an engine for another of the stream's network `sizes`, while this one goes on.
    pub(super) fn request_size(
        &mut self,
        opened: &Arc<Opened>,
        sizes: &[Fit],
        index: usize,
        strict: bool,
    ) -> Built {
        let replacement = self.replacement.as_ref();
        let known = replacement.map_or(self.size_index, |replacement| replacement.size_index);
        let Some(fit) = sizes.get(index).filter(|_| index != known) else {
            return Built::Later;
        };
        if self.current.is_none() {
            return Built::Later;
        }
        if index == self.size_index {
            self.replacement = None;
            return Built::Later;
        }
        let shape = opened.shape(fit);
        let ticket = self.shared.queue.engine_ticket();
        let progress = self.progress(opened, shape);
        let build = self.build(opened, ticket, shape, strict);
        let opened = opened.clone();
        // Completed there: a pipeline may keep the streaming task waiting downstream until what was
        // started has ended.
        let work = Box::new(move || {
            let built = build();
            match &built {
                Ok(seat) => complete(progress, &opened, shape, seat.ready()),
                Err(_) => progress.fail("The network keeps its size"),
            }
            built
        });
        if let Err(failure) = self.builder.build_beside(ticket, work) {
            return self.keep_size(&failure.to_string());
        }
        self.replacement = Some(Replacement {
            ticket,
            size_index: index,
            engine: None,
        });
        Built::Later
    }

    /// An engine of another size waits for the runs of this one to end.
    pub(super) fn can_replace(&self) -> bool {
        let replacement = self.replacement.as_ref();
        replacement.is_some_and(|replacement| replacement.engine.is_some())
    }

    /// Takes the engine of another size into use; `true` if there was one.
    pub(super) fn replace(&mut self, opened: &Opened, sizes: &[Fit]) -> bool {
        let ready = |replacement: &mut Replacement| replacement.engine.is_some();
        let Some(Replacement {
            size_index,
            engine: Some(seat),
            ..
        }) = self.replacement.take_if(ready)
        else {
            return false;
        };
        let Some(fit) = sizes.get(size_index) else {
            return false;
        };
        self.size_index = size_index;
        self.current = Some((opened.shape(fit), seat));
        true
    }

    /// Posts that an engine is still being built, if one is.
    pub(super) fn show_progress(&self) {
        if let Some(pending) = &self.pending {
            pending.progress.go_on();
        }
    }

    fn progress(&self, opened: &Opened, (network, _): Shape) -> Progress {
        let text = format!("Preparing {} at {network}", opened.spec.name);
        Progress::start(self.shared.weak_element(), text)
    }

    /// The work that gives an engine of this shape.
    #[cfg_attr(
        not(feature = "remote"),
        expect(unused_variables, reason = "they are for servers")
    )]
    fn build(
        &self,
        opened: &Arc<Opened>,
        ticket: Ticket,
        (network, borders): Shape,
        strict: bool,
    ) -> Build {
        let (opened, queue) = (opened.clone(), self.shared.queue.clone());
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

fn complete(progress: Progress, opened: &Opened, (network, _): Shape, ready: &Ready) {
    let (name, provider) = (&opened.spec.name, &ready.provider);
    progress.complete(&format!("{name} at {network} runs on {provider}"));
}
