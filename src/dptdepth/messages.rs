// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Progress messages of a model that is being prepared.

use crate::dptdepth::DptDepth;
use gst::prelude::*;
use std::time::Instant;

/// A GstProgress that is always ended: gst-launch waits for the end of what was started.
pub(super) struct Progress {
    element: gst::glib::WeakRef<DptDepth>,
    started: Instant,
    text: String,
    ended: bool,
}

impl Progress {
    /// Announces that the model is being prepared.
    pub(super) fn start(element: gst::glib::WeakRef<DptDepth>, text: String) -> Self {
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
