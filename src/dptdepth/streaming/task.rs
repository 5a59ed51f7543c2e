// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The src pad's task: one turn of the pump after the other, and how the flow ends.

use crate::dptdepth::error;
use crate::dptdepth::imp::{CAT, DptDepth};
use crate::frame::FrameError;
use crate::video::lock;
use gst::prelude::*;
use gst::subclass::prelude::*;

/// Why an item was not handled.
#[derive(Debug)]
pub(in crate::dptdepth) enum Stop {
    /// Downstream's answer, or a flush.
    Flow(gst::FlowError),
    /// An error of our own, to be posted.
    Error(gst::ErrorMessage),
}

impl From<gst::FlowError> for Stop {
    fn from(error: gst::FlowError) -> Self {
        Self::Flow(error)
    }
}

impl From<gst::ErrorMessage> for Stop {
    fn from(error: gst::ErrorMessage) -> Self {
        Self::Error(error)
    }
}

impl From<FrameError> for Stop {
    fn from(error: FrameError) -> Self {
        error::frame(&error).into()
    }
}

impl DptDepth {
    /// One turn of the task.
    pub(in crate::dptdepth) fn iterate(&self) {
        let mut pump = lock(&self.pump);
        let Some(pump) = pump.as_mut() else {
            let _ = self.src_pad.pause_task();
            return;
        };
        let handled = self.catch_panic(
            || Err(Stop::Flow(gst::FlowError::Error)),
            |imp| pump.advance(imp),
        );
        match handled {
            Ok(true) => {}
            Ok(false) => {
                let _ = self.src_pad.pause_task();
            }
            Err(stop) => {
                let eos_waits = pump.lose_frames();
                self.stop_flow(stop, pump.is_at_eos(), eos_waits);
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
        let eos_waits = self.queue.fail(flow, posted) || eos_waits;
        if flow == gst::FlowError::Flushing {
            return;
        }
        gst::debug!(CAT, imp = self, "flow ends: {flow:?}");
        if flow != gst::FlowError::Eos && (at_eos || eos_waits) && !self.queue.report() {
            self.post_error_message(error::flow(flow));
        }
        if eos_waits && !at_eos {
            self.src_pad.push_event(gst::event::Eos::new());
        }
    }
}
