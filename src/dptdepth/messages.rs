// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What the element says on the bus beside errors.

use super::imp::DptDepth;
use super::measures::{Measures, Moment};
use super::worker::Ready;
use crate::spec::{ModelSpec, Size};
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::time::Instant;

/// A GstProgress that is always ended: gst-launch waits for the end of what was started.
pub(super) struct Progress<'a> {
    element: &'a DptDepth,
    started: Instant,
    text: String,
    ended: bool,
}

impl<'a> Progress<'a> {
    /// Announces that the model is being prepared.
    pub(super) fn start(element: &'a DptDepth, text: String) -> Self {
        let progress = Self {
            element,
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
        let message = gst::message::Progress::builder(kind, "prepare-model", text)
            .src(&*self.element.obj())
            .build();
        let _ = self.element.obj().post_message(message);
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.post(gst::ProgressType::Canceled, &self.text);
        }
    }
}

impl DptDepth {
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
            let message = gst::message::Element::builder(structure)
                .src(&*self.obj())
                .build();
            let _ = self.obj().post_message(message);
        }
    }

    /// Posts the element message `dptdepth-model`: what runs, on what, at which size.
    pub(super) fn post_model(&self, spec: &ModelSpec, network: Size, ready: &Ready) {
        let structure = gst::Structure::builder("dptdepth-model")
            .field("model", &spec.name)
            .field("provider", &ready.provider)
            .field("provider-reason", &ready.reason)
            .field("network-width", network.width)
            .field("network-height", network.height)
            .field("map-width", ready.map_size.width)
            .field("map-height", ready.map_size.height)
            .field("meaning", spec.output.nick())
            .build();
        let message = gst::message::Element::builder(structure)
            .src(&*self.obj())
            .build();
        let _ = self.obj().post_message(message);
    }
}
