// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Which frames the model runs on.

use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::input::queue;
use std::time::Duration;

/// Frames in a row that may be late although the model is skipped, before frames are dropped.
const PATIENT_FRAMES: u32 = 8;

/// Live frames that may wait in the queue while downstream waits.
const LIVE_CAPACITY: usize = 8;

/// Frames that may wait in the queue. A live source loses frames if it waits. Where the model keeps up
/// with `period`, there is room for what comes while downstream waits for a frame's time; where it does
/// not, frames that wait for it would come ever later.
pub(in crate::dptdepth) fn queue_capacity(live: bool, run: Duration, period: Duration) -> usize {
    if live && run <= period {
        LIVE_CAPACITY
    } else {
        queue::CAPACITY
    }
}

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dptdepth) enum Plan {
    /// It gets a result of its own.
    Infer,
    /// It gets the newest result there is.
    Reuse,
    /// It is not passed on.
    Drop,
}

/// What downstream says of how late frames come.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::dptdepth) struct Qos {
    /// Frames of an earlier running time come too late.
    pub(in crate::dptdepth) earliest: Option<gst::ClockTime>,
}

impl Qos {
    /// Takes over a QOS event; as `GstBaseTransform` does, frames that were late make those late
    /// too that come within as much time again.
    pub(in crate::dptdepth) fn update(&mut self, jitter: i64, timestamp: Option<gst::ClockTime>) {
        let Some(timestamp) = timestamp else { return };
        let late = u64::try_from(jitter).unwrap_or(0);
        let early = jitter.unsigned_abs().saturating_sub(late);
        let earliest = (timestamp.nseconds() + 2 * late).saturating_sub(early);
        self.earliest = Some(gst::ClockTime::from_nseconds(earliest));
    }

    /// By how much a frame is late, if it is.
    pub(in crate::dptdepth) fn lateness(&self, moment: Moment) -> Option<gst::ClockTime> {
        let (earliest, time) = self.earliest.zip(moment.running_time)?;
        earliest.checked_sub(time).filter(|late| !late.is_zero())
    }
}

/// What is known when a frame is planned.
#[derive(Clone, Copy, Debug)]
pub(in crate::dptdepth) struct Facts {
    /// Every how many frames the model runs.
    pub(in crate::dptdepth) interval: u32,
    /// Whether there is a result, or will be before this frame is pushed.
    pub(in crate::dptdepth) has_result: bool,
    /// Whether the model could run now; frames that are held wait for it.
    pub(in crate::dptdepth) can_infer: bool,
    /// Whether the picture is what it was when the model last ran.
    pub(in crate::dptdepth) unchanged: bool,
    /// By how much the frame is late.
    pub(in crate::dptdepth) late: Option<gst::ClockTime>,
    /// A frame's duration.
    pub(in crate::dptdepth) duration: gst::ClockTime,
}

/// Plans frame after frame.
#[derive(Debug, Default)]
pub(in crate::dptdepth) struct Planner {
    /// Frames since the model ran.
    since: u32,
    late: u32,
}

impl Planner {
    /// After a flush the next frame is the first.
    pub(in crate::dptdepth) fn reset(&mut self) {
        *self = Self::default();
    }

    /// What becomes of the next frame.
    pub(in crate::dptdepth) fn next(&mut self, facts: &Facts) -> Plan {
        if facts.late.is_some() {
            self.late += 1;
        } else {
            self.late = 0;
        }
        let hopeless = facts.late.is_some_and(|late| late > 2 * facts.duration);
        if facts.has_result && hopeless && self.late > PATIENT_FRAMES {
            return Plan::Drop;
        }
        let due = self.since == 0 || self.since >= facts.interval;
        let skip = facts.has_result && (facts.unchanged || facts.late.is_some());
        if !facts.can_infer || !due || skip {
            // What is due stays due.
            self.since = self
                .since
                .saturating_add(u32::from(self.since > 0 || facts.has_result));
            return Plan::Reuse;
        }
        self.since = 1;
        Plan::Infer
    }
}
