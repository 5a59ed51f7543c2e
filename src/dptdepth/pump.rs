// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The src pad's task: takes items out of the queue in order, has frames inferred by the worker
//! and pushes the results.

use super::error;
use super::imp::{CAT, DptDepth};
use super::measures::Moment;
use super::negotiate::Stream;
use super::queue::{Item, Queue, Wait};
use super::tags::Tags;
use super::worker::{Outcome, Ready, Worker};
use crate::engine::Map;
use crate::frame::FrameError;
use crate::spec::{Borders, Size};
use crate::video::lock;
use gst::prelude::*;
use gst::subclass::prelude::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often a wait for the worker shows that it goes on.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// A latency is announced again when it has grown by more than this part of itself.
const LATENCY_TOLERANCE: f64 = 0.25;

/// Why an item was not handled.
#[derive(Debug)]
pub(super) enum Stop {
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

/// The task's own state between READY and PAUSED.
pub(super) struct Pump {
    pub(super) queue: Arc<Queue>,
    pub(super) worker: Worker,
    /// The network size that the worker's engine is prepared for, and what is known of it.
    pub(super) prepared: Option<((Size, Borders), Ready)>,
    pub(super) stream: Option<Stream>,
    pub(super) tags: Tags,
    segment: gst::FormattedSegment<gst::ClockTime>,
    rgb: Vec<u8>,
    map: Option<Map>,
    at_eos: bool,
}

impl Pump {
    pub(super) fn new(queue: Arc<Queue>) -> std::io::Result<Self> {
        Ok(Self {
            worker: Worker::spawn(queue.clone())?,
            queue,
            prepared: None,
            stream: None,
            tags: Tags::default(),
            segment: gst::FormattedSegment::new(),
            rgb: Vec::new(),
            map: None,
            at_eos: false,
        })
    }

    /// After a flush the next frame has nothing to do with the last.
    pub(super) fn flushed(&mut self) {
        self.at_eos = false;
        self.segment = gst::FormattedSegment::new();
        if let Some(stream) = &mut self.stream {
            stream.forget_earlier_frames();
        }
    }

    fn event(&mut self, element: &DptDepth, mut event: gst::Event) -> Result<(), Stop> {
        match event.view() {
            gst::EventView::Caps(caps) => {
                let caps = caps.caps_owned();
                return self.negotiate(element, &caps);
            }
            gst::EventView::Segment(segment) => {
                if let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>() {
                    self.segment = segment.clone();
                }
            }
            gst::EventView::Eos(_) => self.at_eos = true,
            gst::EventView::StreamStart(_) => {
                self.at_eos = false;
                self.tags.start();
            }
            gst::EventView::Tag(tag) => {
                let tags = tag.tag_owned();
                event = self.tags.pass(event, &tags);
            }
            _ => {}
        }
        gst::debug!(CAT, imp = element, "forwarding {event:?}");
        element.src_pad.push_event(event);
        Ok(())
    }

    fn buffer(&mut self, element: &DptDepth, buffer: gst::Buffer) -> Result<(), Stop> {
        if element.src_pad.check_reconfigure() {
            self.renegotiate_src(element)?;
        }
        let Some(stream) = &mut self.stream else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        let moment = Moment::of(&buffer, &self.segment);
        if let Some(time) = moment.stream_time {
            let _ = element.obj().sync_values(time);
        }
        stream.preprocess(&buffer, &mut self.rgb)?;
        let ticket = self.queue.ticket();
        let map = self.map.take().unwrap_or(Map::Depth(Vec::new()));
        self.worker
            .infer(ticket, std::mem::take(&mut self.rgb), map);
        let (mut map, took) = loop {
            match self.queue.outcome(PATIENCE) {
                Wait::Outcome(Outcome::Inferred {
                    rgb,
                    map,
                    result,
                    took,
                }) => {
                    self.rgb = rgb;
                    result.map_err(|e| error::engine(&e))?;
                    break (map, took);
                }
                Wait::Outcome(Outcome::Panicked | Outcome::Prepared(_)) => {
                    return Err(error::panicked().into());
                }
                Wait::Timeout => {}
                Wait::Flushing => return Err(gst::FlowError::Flushing.into()),
            }
        };
        element.announce_latency(took);
        let looks = lock(&element.settings).looks();
        let output = stream.render(buffer, &mut map, &looks, moment)?;
        self.map = Some(map);
        element.post_zones(stream.measures(), moment);
        if let Some(event) = self.tags.due() {
            element.src_pad.push_event(event);
        }
        element.src_pad.push(output)?;
        Ok(())
    }
}

impl DptDepth {
    /// One turn of the task: one item.
    pub(super) fn iterate(&self) {
        let Some(item) = self.queue.pop() else {
            let _ = self.src_pad.pause_task();
            return;
        };
        let mut pump = lock(&self.pump);
        let Some(pump) = pump.as_mut() else {
            let _ = self.src_pad.pause_task();
            return;
        };
        let handled = self.catch_panic(
            || Err(Stop::Flow(gst::FlowError::Error)),
            |imp| match item {
                Item::Buffer(buffer) => pump.buffer(imp, buffer),
                Item::Event(event) => pump.event(imp, event),
            },
        );
        if let Err(stop) = handled {
            self.stop_flow(stop, pump.at_eos);
        }
    }

    /// Ends the flow. Errors of our own are posted here, once. Downstream's are upstream's to
    /// report, unless upstream has sent EOS and will never learn of them.
    fn stop_flow(&self, stop: Stop, at_eos: bool) {
        let (flow, posted) = match stop {
            Stop::Flow(flow) => (flow, false),
            Stop::Error(message) => {
                gst::error!(CAT, imp = self, "{message}");
                self.post_error_message(message);
                (gst::FlowError::Error, true)
            }
        };
        let eos_waits = self.queue.fail(flow, posted);
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

    /// Tells the pipeline when a result takes markedly longer than was said before.
    pub(super) fn announce_latency(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let told = self.latency.load(Ordering::Relaxed);
        if took as f64 > told as f64 * (1.0 + LATENCY_TOLERANCE) {
            self.latency.store(took, Ordering::Relaxed);
            let message = gst::message::Latency::builder().src(&*self.obj()).build();
            let _ = self.obj().post_message(message);
        }
    }
}
