// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! State of the element that more than one thread touches, and its messages on the bus.

use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::input::queue::Queue;
use crate::dptdepth::open::Opened;
use crate::dptdepth::output::measures::Measures;
use crate::dptdepth::settings::{PlayingSettings, Settings};
use crate::dptdepth::stats::Stats;
use crate::dptdepth::streaming::adapt::Decision;
use crate::dptdepth::streaming::plan::Qos;
use crate::dptdepth::{CAT, DptDepth};
use crate::engine::Ready;
use crate::spec::{ModelSpec, Size};
use crate::video::lock;
use gst::glib;
use gst::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// State that the application's threads, the sink pad's thread and the streaming task share. All other
/// state belongs to the streaming task alone.
pub(super) struct Shared {
    element: glib::WeakRef<DptDepth>,
    pub(super) sink_pad: gst::Pad,
    pub(super) src_pad: gst::Pad,
    pub(super) settings: Mutex<Settings>,
    /// The model, from READY to PAUSED on, with the settings that it was opened with.
    opened: Mutex<Option<Arc<Opened>>>,
    pub(super) queue: Arc<Queue>,
    pub(super) qos: Mutex<Qos>,
    pub(super) stats: Arc<Mutex<Stats>>,
    /// Latency of this element that the LATENCY query is answered with, in nanoseconds.
    reported_latency: AtomicU64,
    /// Liveness of upstream, from its answer to the LATENCY query.
    is_live: AtomicBool,
}

impl Shared {
    pub(super) fn new(sink_pad: gst::Pad, src_pad: gst::Pad) -> Self {
        Self {
            element: glib::WeakRef::new(),
            sink_pad,
            src_pad,
            settings: Mutex::default(),
            opened: Mutex::default(),
            queue: Arc::default(),
            qos: Mutex::default(),
            stats: Arc::default(),
            reported_latency: AtomicU64::new(0),
            is_live: AtomicBool::new(false),
        }
    }

    pub(super) fn set_element(&self, element: &DptDepth) {
        self.element.set(Some(element));
    }

    /// The element; `None` while it is being finalised.
    pub(super) fn element(&self) -> Option<DptDepth> {
        self.element.upgrade()
    }

    pub(super) fn weak_element(&self) -> glib::WeakRef<DptDepth> {
        self.element.clone()
    }

    pub(super) fn opened(&self) -> Option<Arc<Opened>> {
        lock(&self.opened).clone()
    }

    pub(super) fn set_opened(&self, opened: Option<Arc<Opened>>) {
        *lock(&self.opened) = opened;
    }

    /// The settings that may change while PLAYING, as one frame sees them.
    pub(super) fn playing_settings(&self) -> PlayingSettings {
        lock(&self.settings).playing()
    }

    /// Forgets what a stream has left, for READY.
    pub(super) fn reset(&self) {
        self.set_opened(None);
        *lock(&self.qos) = Qos::default();
        lock(&self.stats).provider = None;
        self.reported_latency.store(0, Ordering::Relaxed);
        self.queue.clear();
    }

    /// Asks upstream for its liveness.
    pub(super) fn query_liveness(&self) {
        let mut query = gst::query::Latency::new();
        let live = self.sink_pad.peer_query(&mut query) && query.result().0;
        self.is_live.store(live, Ordering::Relaxed);
        let not = if live { "" } else { "not " };
        gst::debug!(CAT, obj = self.sink_pad, "upstream is {not}live");
    }

    pub(super) fn is_live(&self) -> bool {
        self.is_live.load(Ordering::Relaxed)
    }

    pub(super) fn reported_latency(&self) -> gst::ClockTime {
        gst::ClockTime::from_nseconds(self.reported_latency.load(Ordering::Relaxed))
    }

    /// Stores a new latency and has the pipeline ask for it.
    pub(super) fn report_latency(&self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.reported_latency.store(nanoseconds, Ordering::Relaxed);
        if let Some(element) = self.element() {
            let message = gst::message::Latency::builder().src(&element).build();
            let _ = element.post_message(message);
        }
    }

    /// Time by which downstream will find a frame late, from its QOS events.
    pub(super) fn lateness(
        &self,
        moment: Moment,
        settings: &PlayingSettings,
    ) -> Option<gst::ClockTime> {
        if settings.qos {
            lock(&self.qos).lateness(moment)
        } else {
            None
        }
    }

    pub(super) fn with_stats(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut lock(&self.stats));
    }

    /// Counts a frame that is not passed on, and posts a QOS message for it.
    pub(super) fn drop_frame(&self, buffer: &gst::BufferRef, moment: Moment) {
        let (processed, dropped) = {
            let mut stats = lock(&self.stats);
            stats.frames += 1;
            stats.dropped += 1;
            (stats.frames - stats.dropped, stats.dropped)
        };
        let Some(element) = self.element() else {
            return;
        };
        let count =
            |frames: u64| gst::GenericFormattedValue::from(gst::format::Buffers::from_u64(frames));
        let message = gst::message::Qos::builder(self.is_live())
            .running_time(moment.running_time)
            .stream_time(moment.stream_time)
            .timestamp(buffer.pts())
            .duration(buffer.duration())
            .stats(count(processed), count(dropped))
            .src(&element)
            .build();
        let _ = element.post_message(message);
    }

    /// Posts an element message.
    pub(super) fn post(&self, structure: gst::Structure) {
        if let Some(element) = self.element() {
            let message = gst::message::Element::builder(structure)
                .src(&element)
                .build();
            let _ = element.post_message(message);
        }
    }

    /// Posts a warning.
    pub(super) fn warn(&self, domain: impl gst::MessageErrorDomain, text: &str) {
        if let Some(element) = self.element() {
            gst::element_warning!(element, domain, ("{text}"));
        }
    }

    /// Posts an information.
    pub(super) fn inform(&self, domain: impl gst::MessageErrorDomain, text: &str) {
        if let Some(element) = self.element() {
            gst::element_info!(element, domain, ("{text}"));
        }
    }

    /// Posts `dptdepth-adapted`: the interval and the network size from now on, and the reason.
    pub(super) fn post_adapted(&self, decision: &Decision, network: Size) {
        let structure = gst::Structure::builder("dptdepth-adapted")
            .field("inference-interval", decision.interval)
            .field("network-width", network.width)
            .field("network-height", network.height)
            .field("run-seconds", decision.run)
            .field("frame-seconds", decision.frame)
            .build();
        self.post(structure);
    }

    /// Posts `dptdepth-zone` for each zone that a frame has changed.
    pub(super) fn post_zones(&self, measures: &Measures, moment: Moment) {
        for (zone, report, unit) in measures.news() {
            let structure = gst::Structure::builder("dptdepth-zone")
                .field("zone", &zone.name)
                .field("occupied", report.occupied)
                .field("share", report.share)
                .field("nearest", f64::from(report.nearest))
                .field("unit", unit)
                .field("timestamp", moment.pts)
                .field("stream-time", moment.stream_time)
                .field("running-time", moment.running_time)
                .build();
            self.post(structure);
        }
    }

    /// Posts `dptdepth-model`: the model, its provider and its sizes.
    pub(super) fn post_model(&self, spec: &ModelSpec, network: Size, ready: &Ready) {
        let structure = gst::Structure::builder("dptdepth-model")
            .field("model", &spec.name)
            .field("provider", &ready.provider)
            .field("provider-reason", &ready.reason)
            .field("precision", ready.precision)
            .field("network-width", network.width)
            .field("network-height", network.height)
            .field("map-width", ready.map_size.width)
            .field("map-height", ready.map_size.height)
            .field("meaning", spec.output.nick())
            .build();
        self.post(structure);
    }
}
