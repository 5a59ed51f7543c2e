// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What the element says on the bus beside errors.

use crate::dptdepth::imp::DptDepth;
use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::output::measures::Measures;
use crate::dptdepth::streaming::adapt::Decision;
use crate::engine::Ready;
use crate::spec::{ModelSpec, Size};
use crate::video::lock;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::time::Instant;

/// A GstProgress that is always ended: gst-launch waits for the end of what was started.
pub(super) struct Progress {
    element: gst::glib::WeakRef<super::DptDepth>,
    started: Instant,
    text: String,
    ended: bool,
}

impl Progress {
    /// Announces that the model is being prepared.
    pub(super) fn start(element: &DptDepth, text: String) -> Self {
        let progress = Self {
            element: element.obj().downgrade(),
            started: Instant::now(),
            text,
            ended: false,
        };
        progress.post(gst::ProgressType::Start, &progress.text);
        progress
    }

    /// Says that the work goes on.
    pub(super) fn go_on(&self) {
        let text = format!("{} ({} s)", self.text, self.started.elapsed().as_secs());
        self.post(gst::ProgressType::Continue, &text);
    }

    /// Ends with success.
    pub(super) fn complete(mut self, text: &str) {
        self.ended = true;
        self.post(gst::ProgressType::Complete, text);
    }

    /// Ends with an error, which is posted apart.
    pub(super) fn fail(mut self, text: &str) {
        self.ended = true;
        self.post(gst::ProgressType::Error, text);
    }

    fn post(&self, kind: gst::ProgressType, text: &str) {
        let Some(element) = self.element.upgrade() else {
            return;
        };
        let message = gst::message::Progress::builder(kind, "prepare-model", text)
            .src(&element)
            .build();
        let _ = element.post_message(message);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if !self.ended {
            self.post(gst::ProgressType::Canceled, &self.text);
        }
    }
}

impl DptDepth {
    pub(super) fn post_element(&self, structure: gst::Structure) {
        let message = gst::message::Element::builder(structure)
            .src(&*self.obj())
            .build();
        let _ = self.obj().post_message(message);
    }

    /// Says how often the model runs from now on and at which network size, and why.
    pub(super) fn post_adapted(&self, decision: &Decision, network: Size) {
        let structure = gst::Structure::builder("dptdepth-adapted")
            .field("inference-interval", decision.interval)
            .field("network-width", network.width)
            .field("network-height", network.height)
            .field("run-seconds", decision.run)
            .field("frame-seconds", decision.frame)
            .build();
        self.post_element(structure);
    }

    /// Says that a frame was not passed on because there was no time for it.
    pub(super) fn post_dropped(&self, buffer: &gst::BufferRef, moment: Moment) {
        let (processed, dropped) = {
            let stats = lock(&self.stats);
            (stats.frames - stats.dropped, stats.dropped)
        };
        let count =
            |frames: u64| gst::GenericFormattedValue::from(gst::format::Buffers::from_u64(frames));
        let message = gst::message::Qos::builder(self.is_live())
            .running_time(moment.running_time)
            .stream_time(moment.stream_time)
            .timestamp(buffer.pts())
            .duration(buffer.duration())
            .stats(count(processed), count(dropped))
            .src(&*self.obj())
            .build();
        let _ = self.obj().post_message(message);
    }

    /// Posts an element message `dptdepth-zone` for each zone that this frame has changed.
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
            self.post_element(structure);
        }
    }

    /// Posts the element message `dptdepth-model`: what runs, on what, at which size.
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
        self.post_element(structure);
    }
}
