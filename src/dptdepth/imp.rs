// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The GObject subclass: pads, properties, states, events and queries.

use crate::dptdepth::CAT;
use crate::dptdepth::error::{self, Stop};
use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::input::queue;
use crate::dptdepth::metrics::Exported;
use crate::dptdepth::open::Opened;
use crate::dptdepth::output::caps;
use crate::dptdepth::settings::{self, Settings};
use crate::dptdepth::shared::Shared;
use crate::dptdepth::stats::Stats;
use crate::dptdepth::streaming::plan::Qos;
use crate::dptdepth::streaming::task::{MOST_HELD, StreamingTask};
use crate::engine::Seat;
use crate::video::caps::{Change, SINK, filtered, pad_templates};
use crate::video::lock;
use crate::video::pspecs::{is_mutable, keeps_its_value};
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::sync::{Arc, LazyLock, Mutex};

/// The element's implementation.
pub struct DptDepth {
    shared: Arc<Shared>,
    /// The src pad's task, which locks it for each item that it handles.
    task: Mutex<Option<StreamingTask>>,
    /// The statistics on `metrics-port`.
    exported: Mutex<Option<Exported>>,
}

impl DptDepth {
    fn sink_chain(&self, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        gst::trace!(CAT, imp = self, "frame {:?}", buffer.pts());
        if let Some(refused) = self.shared.queue.push_buffer(buffer)? {
            // A live source cannot wait.
            let segment = self.sink_segment();
            self.shared
                .drop_frame(&refused, Moment::of(&refused, &segment));
        }
        Ok(gst::FlowSuccess::Ok)
    }

    /// A flow rather than a truth value: an event that comes while the element stops is no failure.
    fn sink_event(&self, event: gst::Event) -> Result<gst::FlowSuccess, gst::FlowError> {
        let starts = matches!(
            event.type_(),
            gst::EventType::StreamStart | gst::EventType::Segment
        );
        let handled = match event.type_() {
            gst::EventType::FlushStart => {
                let forwarded = self.shared.src_pad.push_event(event);
                self.shared.queue.flush();
                // Waits until the task has let go: every wait of its own ends with the flush. It is
                // not paused, since to start a paused task again leaks what its function holds.
                let _ = self.shared.src_pad.stop_task();
                self.shared.queue.set_idle();
                forwarded
            }
            gst::EventType::FlushStop => {
                let forwarded = self.shared.src_pad.push_event(event);
                *lock(&self.shared.qos) = Qos::default();
                if let Some(task) = lock(&self.task).as_mut() {
                    task.flushed();
                }
                forwarded && self.resume()
            }
            gst::EventType::Eos => self.sink_eos(event),
            _ if event.is_serialized() => {
                self.shared.queue.push_event(event)?;
                // Downstream has seen enough of what came before, not of this.
                !starts || !self.shared.queue.has_failed(gst::FlowError::Eos) || self.resume()
            }
            _ => gst::Pad::event_default(&self.shared.sink_pad, Some(&*self.obj()), event),
        };
        if handled {
            Ok(gst::FlowSuccess::Ok)
        } else if self.shared.queue.has_failed(gst::FlowError::Flushing) {
            Err(gst::FlowError::Flushing)
        } else {
            Err(gst::FlowError::Error)
        }
    }

    /// Begins anew after the flow has ended. Not while the element stops.
    fn resume(&self) -> bool {
        if !self.shared.src_pad.is_active() {
            return false;
        }
        let _ = self.shared.src_pad.stop_task();
        self.shared.queue.start();
        self.start_task().is_ok()
    }

    /// The segment of what arrives now.
    fn sink_segment(&self) -> gst::FormattedSegment<gst::ClockTime> {
        self.shared
            .sink_pad
            .sticky_event::<gst::event::Segment>(0)
            .and_then(|event| event.segment().downcast_ref::<gst::ClockTime>().cloned())
            .unwrap_or_default()
    }

    fn src_event(&self, event: gst::Event) -> bool {
        if let gst::EventView::Qos(qos) = event.view() {
            let (_, _, jitter, timestamp) = qos.get();
            lock(&self.shared.qos).update(jitter, timestamp);
        }
        // It may be linked now.
        if event.type_() == gst::EventType::Reconfigure
            && self.shared.queue.has_failed(gst::FlowError::NotLinked)
        {
            self.resume();
        }
        gst::Pad::event_default(&self.shared.src_pad, Some(&*self.obj()), event)
    }

    /// EOS waits its turn; once the flow has ended it goes on at once, or the pipeline would never
    /// end. If upstream has not heard how the flow ended, it never will.
    fn sink_eos(&self, event: gst::Event) -> bool {
        match self.shared.queue.push_event(event.clone()) {
            Ok(()) => true,
            Err(gst::FlowError::Flushing) => false,
            Err(flow) => {
                if flow != gst::FlowError::Eos && !self.shared.queue.report() {
                    self.post_error_message(error::flow(flow));
                }
                self.shared.src_pad.push_event(event)
            }
        }
    }

    fn sink_query(&self, query: &mut gst::QueryRef) -> bool {
        match query.view_mut() {
            gst::QueryViewMut::Caps(query) => {
                let filter = query.filter_owned();
                query.set_result(&self.sink_caps(filter.as_ref()));
                true
            }
            // Answered here: downstream's answer holds only once it has our caps, and frames
            // stay here while their maps are made.
            gst::QueryViewMut::Allocation(query) => {
                let (caps, _need_pool) = query.get_owned();
                let Some(info) = caps.and_then(|caps| gst_video::VideoInfo::from_caps(&caps).ok())
                else {
                    return false;
                };
                let size = u32::try_from(info.size()).unwrap_or(u32::MAX);
                let interval = usize::try_from(lock(&self.shared.settings).inference_interval);
                let held = (Seat::MOST_FLIGHTS + interval.unwrap_or(MOST_HELD)).min(MOST_HELD);
                let held = u32::try_from(queue::CAPACITY + held).unwrap_or(u32::MAX);
                query.add_allocation_pool(gst::BufferPool::NONE, size, held, 0);
                query.add_allocation_meta::<gst_video::VideoMeta>(None);
                true
            }
            _ => {
                if query.is_serialized() && !self.shared.queue.drain() {
                    return false;
                }
                gst::Pad::query_default(&self.shared.sink_pad, Some(&*self.obj()), query)
            }
        }
    }

    fn src_query(&self, query: &mut gst::QueryRef) -> bool {
        match query.view_mut() {
            gst::QueryViewMut::Caps(query) => {
                let filter = query.filter_owned();
                query.set_result(&self.src_caps(filter.as_ref()));
                true
            }
            gst::QueryViewMut::Latency(query) => {
                let mut upstream = gst::query::Latency::new();
                if !self.shared.sink_pad.peer_query(&mut upstream) {
                    return false;
                }
                let (live, min, max) = upstream.result();
                let own = self.shared.reported_latency();
                query.set(live, min + own, max.map(|max| max + own));
                true
            }
            _ => gst::Pad::query_default(&self.shared.src_pad, Some(&*self.obj()), query),
        }
    }

    /// Sink caps that downstream can make use of. Where none of ours suits it, all of them: the
    /// negotiation then fails in this element, which can say why.
    fn sink_caps(&self, filter: Option<&gst::Caps>) -> gst::Caps {
        let downstream = self.shared.src_pad.peer_query_caps(None);
        let reachable = self.change().src_to_sink(
            &downstream.intersect_with_mode(&caps::SRC, gst::CapsIntersectMode::First),
        );
        let mut ours = SINK.intersect_with_mode(&reachable, gst::CapsIntersectMode::First);
        if ours.is_empty() {
            ours = SINK.clone();
        }
        filtered(ours, filter)
    }

    fn src_caps(&self, filter: Option<&gst::Caps>) -> gst::Caps {
        let upstream = self.shared.sink_pad.peer_query_caps(None);
        let sink = upstream.intersect_with_mode(&SINK, gst::CapsIntersectMode::First);
        filtered(self.change().sink_to_src(&sink), filter)
    }

    fn change(&self) -> Change {
        match self.shared.opened() {
            // The stream goes on with the output that it was opened with.
            Some(opened) => caps::change(opened.settings.output, Some(opened.spec.output)),
            None => caps::change(lock(&self.shared.settings).output, None),
        }
    }

    fn start_task(&self) -> Result<(), glib::BoolError> {
        let imp = self.ref_counted();
        self.shared.src_pad.start_task(move || imp.iterate())
    }

    fn activate_src(&self, active: bool) -> Result<(), gst::LoggableError> {
        if active {
            self.shared.queue.start();
            self.start_task()
                .map_err(|_| gst::loggable_error!(CAT, "cannot start the streaming task"))
        } else {
            self.shared.queue.flush();
            self.shared
                .src_pad
                .stop_task()
                .map_err(|_| gst::loggable_error!(CAT, "cannot stop the streaming task"))
        }
    }

    /// READY → PAUSED: everything that can be known before caps.
    fn open(&self) -> Result<(), gst::ErrorMessage> {
        let settings = lock(&self.shared.settings).clone();
        let opened = Opened::new(&settings, |domain, problem| {
            gst::element_imp_warning!(self, domain, ("{problem}"));
        })?;
        let task = StreamingTask::new(self.shared.clone());
        let task = task.map_err(|error| error::no_thread(&error))?;
        *lock(&self.shared.stats) = Stats::default();
        *lock(&self.exported) = self.export(&settings, &opened.spec.name)?;
        self.shared.set_opened(Some(Arc::new(opened)));
        *lock(&self.task) = Some(task);
        Ok(())
    }

    /// Shows the statistics on `metrics-port`, if there is one.
    fn export(
        &self,
        settings: &Settings,
        model: &str,
    ) -> Result<Option<Exported>, gst::ErrorMessage> {
        let Some(port) = settings.metrics_port() else {
            return Ok(None);
        };
        Exported::new(port, &self.obj().name(), model, self.shared.stats.clone())
            .map(Some)
            .map_err(|e| error::metrics_port(port, &e))
    }

    fn close(&self) {
        *lock(&self.exported) = None;
        *lock(&self.task) = None;
        self.shared.reset();
    }
}

impl DptDepth {
    /// Runs one turn of the src pad's task.
    fn iterate(&self) {
        let mut task = lock(&self.task);
        let Some(task) = task.as_mut() else {
            let _ = self.shared.src_pad.pause_task();
            return;
        };
        let handled = self.catch_panic(
            || Err(Stop::Flow(gst::FlowError::Error)),
            |_| task.advance(),
        );
        match handled {
            Ok(true) => {}
            Ok(false) => {
                let _ = self.shared.src_pad.pause_task();
            }
            Err(stop) => {
                let eos_waits = task.lose_frames();
                self.stop_flow(stop, task.is_at_eos(), eos_waits);
            }
        }
    }

    /// Ends the flow. Errors of our own are posted here, once. Downstream's are upstream's to
    /// report, unless upstream has sent EOS and will never learn of them.
    fn stop_flow(&self, stop: Stop, at_eos: bool, eos_waits: bool) {
        let (flow, posted) = match stop {
            Stop::Flow(flow) => (flow, false),
            Stop::Error(message) => {
                gst::error!(CAT, imp = self, "{message}");
                self.post_error_message(message);
                (gst::FlowError::Error, true)
            }
        };
        let eos_waits = self.shared.queue.fail(flow, posted) || eos_waits;
        if flow == gst::FlowError::Flushing {
            return;
        }
        gst::debug!(CAT, imp = self, "flow ends: {flow:?}");
        if flow != gst::FlowError::Eos && (at_eos || eos_waits) && !self.shared.queue.report() {
            self.post_error_message(error::flow(flow));
        }
        if eos_waits && !at_eos {
            self.shared.src_pad.push_event(gst::event::Eos::new());
        }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for DptDepth {
    const NAME: &'static str = "GstDptDepth";
    type Type = super::DptDepth;
    type ParentType = gst::Element;

    fn with_class(class: &Self::Class) -> Self {
        let template = class.pad_template("sink").expect("declared below");
        let sink_pad = gst::Pad::builder_from_template(&template)
            .chain_function(|_, parent, buffer| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |this| this.sink_chain(buffer),
                )
            })
            .event_full_function(|_, parent, event| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |this| this.sink_event(event),
                )
            })
            .query_function(|_, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.sink_query(query))
            })
            // Caps without `interlace-mode` are progressive; they are no subset of caps that say so.
            .flags(gst::PadFlags::ACCEPT_INTERSECT)
            .build();
        let template = class.pad_template("src").expect("declared below");
        let src_pad = gst::Pad::builder_from_template(&template)
            .query_function(|_, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |this| this.src_query(query))
            })
            .event_function(|_, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |this| this.src_event(event))
            })
            .activatemode_function(|_, parent, mode, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || {
                        Err(gst::loggable_error!(
                            CAT,
                            "panic while activating the src pad"
                        ))
                    },
                    |this| match mode {
                        gst::PadMode::Push => this.activate_src(active),
                        _ => Err(gst::loggable_error!(CAT, "only push mode is supported")),
                    },
                )
            })
            .build();
        Self {
            shared: Arc::new(Shared::new(sink_pad, src_pad)),
            task: Mutex::default(),
            exported: Mutex::default(),
        }
    }
}

impl ObjectImpl for DptDepth {
    fn properties() -> &'static [glib::ParamSpec] {
        &settings::PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let is_open = self.shared.opened().is_some();
        let mut settings = lock(&self.shared.settings);
        if !is_open || is_mutable(pspec) {
            settings.set(pspec.name(), value);
        } else if settings.refuse(pspec.name()) {
            drop(settings);
            let text = keeps_its_value(pspec);
            gst::element_imp_warning!(self, gst::LibraryError::Settings, ("{text}"));
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "active-provider" => lock(&self.shared.stats).provider.to_value(),
            "stats" => lock(&self.shared.stats).structure().to_value(),
            name => lock(&self.shared.settings).get(name),
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        let element = self.obj();
        self.shared.set_element(&element);
        for pad in [&self.shared.sink_pad, &self.shared.src_pad] {
            element
                .add_pad(pad)
                .expect("a new element has no pads of these names");
        }
    }
}

impl GstObjectImpl for DptDepth {}

impl ElementImpl for DptDepth {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Dense prediction transformer",
                "Filter/Effect/Analyzer/Video",
                "Estimates depth or segments video with a dense prediction transformer (DPT)",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<[gst::PadTemplate; 2]> =
            LazyLock::new(|| pad_templates(&caps::SRC));
        TEMPLATES.as_ref()
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::ReadyToPaused
            && let Err(error) = self.open()
        {
            self.post_error_message(error);
            return Err(gst::StateChangeError);
        }
        if transition == gst::StateChange::PausedToReady {
            // A sink pad thread that waits for room holds its stream lock, which the parent needs.
            self.shared.queue.flush();
        }
        let result = self.parent_change_state(transition);
        if transition == gst::StateChange::PausedToReady
            || (transition == gst::StateChange::ReadyToPaused && result.is_err())
        {
            self.close();
        }
        result
    }
}
