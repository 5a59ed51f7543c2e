// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The src pad's task: takes items out of the queue in order, has frames inferred by the engine
//! and pushes them with their results.
//!
//! `strict`: a frame is held until its own result is there. Some frames are in flight at the engine
//! at once, so that it runs the next one while this task draws the last one. `latest`: a frame is
//! pushed at once with the newest result; the engine gets the newest frame whenever it is free.
//! An event waits until every frame before it has been pushed, and nothing overtakes it.

use super::analysis::FrameAnalysis;
use super::engine_slot::{Built, EngineSlot};
use super::plan::{self, Facts, Plan, Planner};
use super::timing::{HeldTimes, Pushed, Timing};
use crate::dptdepth::error::{self, Stop};
use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::input::queue::{Arrival, Item, Next, Outcome, Ticket};
use crate::dptdepth::open::Opened;
use crate::dptdepth::output::negotiate::negotiate;
use crate::dptdepth::output::stream::Stream;
use crate::dptdepth::output::tags::{self, Tags};
use crate::dptdepth::settings::PlayingSettings;
use crate::dptdepth::shared::Shared;
use crate::dptdepth::{Alignment, CAT};
use crate::engine::{Done, EngineError, Map, Seat};
use crate::video;
use gst::prelude::*;
use gst_video::VideoInfo;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Time after which a wait for an engine posts that it goes on.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);
/// Most frames that are held at once.
pub(in crate::dptdepth) const MOST_HELD: usize = 64;

/// A frame that waits for its turn to be pushed.
struct Held {
    buffer: gst::Buffer,
    moment: Moment,
    times: HeldTimes,
    state: HeldState,
    analysis: FrameAnalysis,
    settings: PlayingSettings,
    /// The model runs on it, though it may not wait for that.
    infers: bool,
}

/// The result of a held frame.
enum HeldState {
    /// It gets the one that is shown when its turn comes.
    Reuses,
    /// It waits for this run.
    Running(Ticket),
    /// It has its own.
    Done(Map),
}

/// A run that the engine has been given.
struct InFlight {
    ticket: Ticket,
    moment: Moment,
    settings: PlayingSettings,
    /// Of a frame that is not held.
    analysis: Option<FrameAnalysis>,
    /// The stream has changed since: the result fits nothing.
    stale: bool,
}

fn outdate(in_flight: &mut VecDeque<InFlight>) {
    for run in in_flight {
        run.stale = true;
    }
}

/// The state of the src pad's task between READY and PAUSED.
pub(in crate::dptdepth) struct StreamingTask {
    shared: Arc<Shared>,
    engine: EngineSlot,
    stream: Option<Stream>,
    tags: Tags,
    timing: Timing,
    planner: Planner,
    segment: gst::FormattedSegment<gst::ClockTime>,
    /// Frames are held for their own results.
    strict: bool,
    /// More results are worth more than sooner ones: every frame gets one, and none comes at a time of
    /// its own.
    prefers_throughput: bool,
    held: VecDeque<Held>,
    in_flight: VecDeque<InFlight>,
    /// An event that waits until no frame is held.
    event: Option<gst::Event>,
    /// Memory of earlier runs.
    spare_inputs: Vec<Vec<u8>>,
    spare_maps: Vec<Map>,
    /// An item was taken since a frame was last pushed.
    took_item: bool,
    /// Frames were dropped since one was last taken.
    discontinuous: bool,
    /// The warning that no server answers was posted.
    server_is_away: bool,
    at_eos: bool,
}

impl StreamingTask {
    pub(in crate::dptdepth) fn new(shared: Arc<Shared>) -> std::io::Result<Self> {
        Ok(Self {
            engine: EngineSlot::new(shared.clone())?,
            shared,
            stream: None,
            tags: Tags::default(),
            timing: Timing::default(),
            planner: Planner::default(),
            segment: gst::FormattedSegment::new(),
            strict: true,
            prefers_throughput: false,
            held: VecDeque::new(),
            in_flight: VecDeque::new(),
            event: None,
            spare_inputs: Vec::new(),
            spare_maps: Vec::new(),
            took_item: false,
            discontinuous: false,
            server_is_away: false,
            at_eos: false,
        })
    }

    /// Handles the next item or outcome, or pushes a frame; `false` once the flow has ended. Downstream
    /// may keep a push waiting, so that frames which come meanwhile are looked at in between; and frames
    /// may always wait in the queue, so that those which are ready are pushed in between.
    pub(in crate::dptdepth) fn advance(&mut self) -> Result<bool, Stop> {
        let ready = self.is_ready();
        if ready && std::mem::take(&mut self.took_item) {
            self.push_first()?;
            return Ok(true);
        }
        let timeout = if ready {
            Duration::ZERO
        } else {
            PROGRESS_INTERVAL
        };
        let holds = !self.held.is_empty() || self.event.is_some();
        match self.shared.queue.next(holds, self.wants_items(), timeout) {
            Next::Ended => return Ok(false),
            Next::Item(Item::Buffer(buffer, arrived)) => {
                self.took_item = true;
                self.buffer(buffer, arrived)?;
            }
            Next::Item(Item::Event(event)) if self.held.is_empty() => self.event(event)?,
            Next::Item(Item::Event(event)) => self.event = Some(event),
            Next::Outcome(ticket, outcome) => self.outcome(ticket, outcome)?,
            Next::Timeout if ready => self.push_first()?,
            Next::Timeout => self.engine.show_progress(),
        }
        Ok(true)
    }

    /// The first frame that is held need not wait any longer, or an event need not.
    fn is_ready(&self) -> bool {
        match self.held.front() {
            Some(held) => !matches!(held.state, HeldState::Running(_)),
            None => self.event.is_some(),
        }
    }

    /// Another item could be handled now.
    fn wants_items(&self) -> bool {
        let engine = self.engine.current();
        let most = engine.map_or(1, |engine| engine.flights(self.prefers_throughput));
        let room = !self.strict || (self.in_flight.len() < most && self.held.len() < MOST_HELD);
        self.event.is_none() && room
    }

    // Frames, in the order of their way.

    /// Plans a frame, starts its run, and holds it.
    fn buffer(&mut self, mut buffer: gst::Buffer, arrived: Arrival) -> Result<(), Stop> {
        self.ensure_engine();
        self.await_engine()?;
        if self.engine.can_replace() && self.in_flight.is_empty() && !self.holds_results() {
            self.replace_engine();
        }
        if self.shared.src_pad.check_reconfigure() {
            self.negotiate_src()?;
        }
        let Some(stream) = &mut self.stream else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        // Waiting in the queue of a pipeline that is not live says nothing of this element.
        let taken = self.shared.queue.arrival();
        let arrived = if self.shared.is_live() {
            arrived
        } else {
            taken
        };
        let moment = Moment::of(&buffer, &self.segment);
        if let (Some(time), Some(element)) = (moment.stream_time, self.shared.element()) {
            let _ = element.sync_values(time);
        }
        let settings = self.shared.playing_settings();
        let analysis = stream.analyse(&buffer, &settings)?;
        if analysis.cut {
            self.shared.with_stats(|stats| stats.cuts += 1);
            self.planner.reset();
            if !self.strict {
                // What is shown is of another scene, and what the engine has soon is.
                stream.forget_scene();
                outdate(&mut self.in_flight);
            }
        }
        let sizes = &stream.network_sizes;
        let (interval, size_index) = self.timing.adapt(&self.shared, &settings, sizes);
        let (replaces, free) = (self.engine.can_replace(), self.in_flight.is_empty());
        let facts = Facts {
            interval,
            has_result: !analysis.cut && (stream.has_result() || !self.held.is_empty()),
            can_infer: self.engine.current().is_some()
                && (self.strict || free)
                // A frame of another scene must not get this one's result.
                && (!replaces || (self.strict && analysis.cut)),
            unchanged: analysis.unchanged,
            late: self.shared.lateness(moment, &settings),
            duration: stream.duration(&buffer),
        };
        let plan = self.planner.next(&facts);
        self.shared.with_stats(|stats| stats.interval = interval);
        let state = match plan {
            Plan::Drop => {
                self.shared.drop_frame(&buffer, moment);
                stream.recycle(analysis);
                self.discontinuous = true;
                return Ok(());
            }
            Plan::Reuse => HeldState::Reuses,
            Plan::Infer => HeldState::Running(self.infer(&buffer, moment, &analysis, settings)?),
        };
        self.request_size(size_index);
        let infers = plan == Plan::Infer;
        if std::mem::take(&mut self.discontinuous) {
            buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
        }
        self.held.push_back(Held {
            buffer,
            moment,
            times: self.timing.take((arrived, taken), infers, self.strict),
            state: if self.strict {
                state
            } else {
                HeldState::Reuses
            },
            analysis,
            settings,
            infers,
        });
        Ok(())
    }

    /// A frame that is held has its result, or waits for it.
    fn holds_results(&self) -> bool {
        let reuses = |held: &Held| matches!(held.state, HeldState::Reuses);
        !self.held.iter().all(reuses)
    }

    /// Gives the frame to the engine.
    fn infer(
        &mut self,
        buffer: &gst::BufferRef,
        moment: Moment,
        analysis: &FrameAnalysis,
        settings: PlayingSettings,
    ) -> Result<Ticket, Stop> {
        let Some(stream) = &mut self.stream else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        let started = Instant::now();
        let mut rgb = self.spare_inputs.pop().unwrap_or_default();
        let map = self.spare_maps.pop();
        let map = map.unwrap_or(Map::Depth(Vec::new()));
        stream.preprocess(buffer, &mut rgb)?;
        let copy = stream.infers(analysis, !self.strict);
        self.timing.preprocessed(&self.shared, started.elapsed());
        let ticket = self.shared.queue.ticket();
        if let Some(engine) = self.engine.current() {
            engine.submit(ticket.0, rgb, map, self.prefers_throughput);
        }
        self.in_flight.push_back(InFlight {
            ticket,
            moment,
            settings,
            analysis: copy,
            stale: false,
        });
        Ok(ticket)
    }

    /// Handles the outcome of a request: an engine or a run.
    fn outcome(&mut self, ticket: Ticket, outcome: Outcome) -> Result<(), Stop> {
        match outcome {
            Outcome::Engine(engine) => self.engine_arrived(ticket, engine),
            Outcome::Run(done) => self.run_ended(ticket, done),
        }
    }

    fn run_ended(&mut self, ticket: Ticket, done: Done) -> Result<(), Stop> {
        let known = self.in_flight.iter().position(|run| run.ticket == ticket);
        // Without one it is from before a flush.
        let Some(run) = known.and_then(|at| self.in_flight.remove(at)) else {
            return Ok(());
        };
        if let Err(failure) = &done.result {
            if matches!(**failure, EngineError::Panicked) {
                // Nothing is known of the engine any more.
                self.engine.discard();
            } else if run.stale {
                return Ok(());
            } else if !self.strict && failure.may_pass() {
                self.server_lost(failure);
                return Ok(());
            }
            return Err(error::engine(failure).into());
        }
        self.server_found();
        if run.stale {
            return Ok(());
        }
        self.timing.ran(&self.shared, &done);
        self.spare_inputs.push(done.rgb);
        let waiting = self
            .held
            .iter_mut()
            .find(|held| matches!(held.state, HeldState::Running(own) if own == ticket));
        if let Some(held) = waiting {
            held.state = HeldState::Done(done.map);
            return Ok(());
        }
        let analysis = run.analysis.unwrap_or_default();
        self.show(done.map, run.moment, &analysis, &run.settings)?;
        if let Some(stream) = &mut self.stream {
            stream.recycle(analysis);
        }
        Ok(())
    }

    /// Shows this result with frames from here on.
    fn show(
        &mut self,
        map: Map,
        source: Moment,
        analysis: &FrameAnalysis,
        settings: &PlayingSettings,
    ) -> Result<(), Stop> {
        let (Some(stream), Some(engine)) = (&mut self.stream, self.engine.current()) else {
            return Ok(());
        };
        let part = |stream: &Stream| stream.shown().map(|shown| shown.content);
        let before = part(stream);
        let size = engine.ready().map_size;
        let old = stream.accept(map, size, source, analysis, settings)?;
        let resized = before.is_some() && before != part(stream);
        let flicker = stream.flicker();
        self.shared.with_stats(|stats| stats.flicker = flicker);
        // The memory of the result that is not shown any more serves another run.
        self.spare_maps.extend(old);
        // Caps name the tensor's size.
        if cfg!(feature = "v1_28") && resized {
            self.negotiate_src()?;
        }
        Ok(())
    }

    /// Pushes the first frame that is held; where there is none, the event behind them.
    fn push_first(&mut self) -> Result<(), Stop> {
        let Some(held) = self.held.pop_front() else {
            return match self.event.take() {
                Some(event) => self.event(event),
                None => Ok(()),
            };
        };
        let (moment, analysis, settings) = (held.moment, held.analysis, held.settings);
        let own = matches!(held.state, HeldState::Done(_));
        if let HeldState::Done(map) = held.state {
            self.show(map, moment, &analysis, &settings)?;
        }
        let Some(stream) = &mut self.stream else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        let started = Instant::now();
        let (output, origin) = stream.render(held.buffer, moment, &analysis, own, &settings)?;
        stream.recycle(analysis);
        if held.infers && !self.strict {
            stream.mark();
        }
        self.shared.post_zones(stream.measures(), moment);
        let pushed = Pushed {
            times: held.times,
            moment,
            infers: held.infers,
            origin,
            shown: stream.shown(),
            settings: &settings,
        };
        let now = self.shared.queue.arrival();
        self.timing
            .drawn(&self.shared, &pushed, (now, started.elapsed()));
        if let Some(event) = self.tags.due() {
            self.shared.src_pad.push_event(event);
        }
        self.shared.queue.begin_push();
        let pushed = self.shared.src_pad.push(output);
        self.shared.queue.end_push();
        pushed?;
        Ok(())
    }

    // Events and the end of the flow.

    fn event(&mut self, mut event: gst::Event) -> Result<(), Stop> {
        match event.view() {
            gst::EventView::Caps(caps) => {
                let caps = caps.caps_owned();
                return self.sink_caps(&caps);
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
        let src_pad = &self.shared.src_pad;
        gst::debug!(CAT, obj = src_pad, "forwarding {event:?}");
        let flushing = |pad: &gst::Pad| pad.pad_flags().contains(gst::PadFlags::FLUSHING);
        if !src_pad.push_event(event.clone()) && event.is_sticky() && flushing(src_pad) {
            // The pad has not kept it; it goes on after the flush, unless that ends it.
            self.event = Some(event);
            return Err(gst::FlowError::Flushing.into());
        }
        Ok(())
    }

    /// Takes new sink caps: the stream, its engine and its src caps.
    fn sink_caps(&mut self, caps: &gst::Caps) -> Result<(), Stop> {
        let opened = self.opened()?;
        let same = |stream: &Stream| stream.caps == *caps;
        if self.stream.as_ref().is_some_and(same) {
            return Ok(());
        }
        let info = VideoInfo::from_caps(caps).map_err(|_| error::caps(caps))?;
        let layout = video::layout(&info).ok_or_else(|| error::caps(caps))?;
        let par = info.par();
        let par = (
            u32::try_from(par.numer()).unwrap_or(1),
            u32::try_from(par.denom()).unwrap_or(1),
        );
        let sizes = opened.network_sizes(layout.size, par);
        let index = self.engine.set_size_count(sizes.len());
        self.timing.set_network_sizes(&sizes, index);
        self.shared.query_liveness();
        self.strict = match opened.settings.alignment {
            Alignment::Strict => true,
            Alignment::Latest => false,
            Alignment::Auto => !self.shared.is_live(),
        };
        self.forget_spare();
        outdate(&mut self.in_flight);
        let mut stream = Stream::new(&opened, info, layout, sizes, index, caps.clone());
        if let Some(old) = &mut self.stream {
            std::mem::swap(stream.measures(), old.measures());
        }
        self.stream = Some(stream);
        self.request_engine(&opened);
        let _ = self.shared.src_pad.check_reconfigure();
        self.negotiate_src()?;
        self.await_engine()
    }

    /// Negotiates with downstream. Where that fails, or a flush is in its way, the next frame tries
    /// again.
    fn negotiate_src(&mut self) -> Result<(), Stop> {
        let opened = self.opened()?;
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        let src_pad = &self.shared.src_pad;
        let negotiated = negotiate(src_pad, &opened, stream, self.engine.current());
        match &negotiated {
            Ok(()) => self.tags.set(tags::comment(&opened, stream)),
            Err(_) => src_pad.mark_reconfigure(),
        }
        negotiated
    }

    fn opened(&self) -> Result<Arc<Opened>, Stop> {
        Ok(self.shared.opened().ok_or(gst::FlowError::Flushing)?)
    }

    /// Forgets what came before a flush.
    pub(in crate::dptdepth) fn flushed(&mut self) {
        self.at_eos = false;
        self.segment = gst::FormattedSegment::new();
        // As in the queue: sticky events outlive a flush.
        self.event
            .take_if(|event| event.type_() == gst::EventType::Segment);
        self.lose_frames();
    }

    /// EOS was the last thing to go on.
    pub(in crate::dptdepth) fn is_at_eos(&self) -> bool {
        self.at_eos
    }

    /// Drops what is held, since the flow has ended; `true` if EOS was waiting behind it.
    pub(in crate::dptdepth) fn lose_frames(&mut self) -> bool {
        self.planner.reset();
        self.held.clear();
        self.in_flight.clear();
        self.discontinuous = false;
        if let Some(stream) = &mut self.stream {
            stream.forget_earlier_frames();
        }
        let lost = self
            .event
            .take_if(|event| !event.is_sticky() || event.type_() == gst::EventType::Eos);
        lost.is_some_and(|event| event.type_() == gst::EventType::Eos)
    }

    /// Drops memory that is not of the right size any more.
    fn forget_spare(&mut self) {
        self.spare_inputs.clear();
        self.spare_maps.clear();
    }

    // The engine.

    /// Requests an engine where there is none: the last attempt has failed, and upstream tries again.
    fn ensure_engine(&mut self) {
        if self.engine.is_empty()
            && let Some(opened) = self.shared.opened()
        {
            self.request_engine(&opened);
        }
    }

    /// Requests an engine for the stream, unless there is one for its shape.
    fn request_engine(&mut self, opened: &Arc<Opened>) {
        let Some(stream) = &self.stream else {
            return;
        };
        let shape = opened.shape(&stream.fit);
        if self.engine.request(opened, shape, self.strict) {
            self.use_engine();
        } else {
            // The old one gives no results any more.
            self.in_flight.clear();
        }
    }

    /// Waits for the engine where frames are held; else they pass without results meanwhile.
    fn await_engine(&mut self) -> Result<(), Stop> {
        while self.strict && self.engine.is_pending() {
            match self.shared.queue.next(true, false, PROGRESS_INTERVAL) {
                Next::Outcome(ticket, outcome) => self.outcome(ticket, outcome)?,
                Next::Item(_) => {}
                Next::Timeout => self.engine.show_progress(),
                // The build goes on; the next frame waits for the rest of it.
                Next::Ended => return Err(gst::FlowError::Flushing.into()),
            }
        }
        Ok(())
    }

    fn engine_arrived(
        &mut self,
        ticket: Ticket,
        engine: Result<Seat, Arc<EngineError>>,
    ) -> Result<(), Stop> {
        let opened = self.opened()?;
        let built = self.engine.arrived(&opened, ticket, engine)?;
        if matches!(built, Built::InUse) {
            self.announce_engine(&opened);
            self.use_engine();
            // The tensor that buffers carry from here on is known now.
            if cfg!(feature = "v1_28") && opened.settings.output_tensor_meta {
                self.negotiate_src()?;
            }
        }
        self.engine_built(&built);
        Ok(())
    }

    /// Requests an engine for another of the stream's network sizes.
    fn request_size(&mut self, index: usize) {
        let (Some(opened), Some(stream)) = (self.shared.opened(), &self.stream) else {
            return;
        };
        let sizes = &stream.network_sizes;
        let built = self.engine.request_size(&opened, sizes, index, self.strict);
        self.engine_built(&built);
    }

    /// Gives up other network sizes where one could not be had.
    fn engine_built(&mut self, built: &Built) {
        let Built::SizeKept(reason) = built else {
            return;
        };
        self.timing.keep_network_size();
        if let Some(stream) = &mut self.stream {
            stream.network_sizes = vec![stream.fit];
        }
        let text = format!(
            "The network keeps its size, it cannot be built at another: {reason}; target-fps adapts the interval alone"
        );
        self.shared.warn(gst::LibraryError::Failed, &text);
    }

    /// Takes an engine of another network size into use.
    fn replace_engine(&mut self) {
        let (Some(opened), Some(stream)) = (self.shared.opened(), &mut self.stream) else {
            return;
        };
        if !self.engine.replace(&opened, &stream.network_sizes) {
            return;
        }
        let fit = stream.network_sizes[self.engine.size_index()];
        stream.refit(&opened, fit);
        self.forget_spare();
        self.announce_engine(&opened);
        self.use_engine();
    }

    /// Posts and counts the engine that results come from, from here on.
    fn announce_engine(&mut self, opened: &Opened) {
        let (Some(engine), Some(network)) = (self.engine.current(), self.engine.network()) else {
            return;
        };
        let ready = engine.ready();
        if let Some(trouble) = &ready.cache_trouble
            && !opened.cache_warned.swap(true, Ordering::Relaxed)
        {
            let text = trouble.to_string();
            self.shared.warn(gst::ResourceError::OpenWrite, &text);
        }
        let index = self.engine.size_index();
        self.timing
            .engine_in_use(&self.shared, network, ready, index, self.strict);
        self.shared.post_model(&opened.spec, network, ready);
    }

    /// Fits the queue and the renderer to the engine in use.
    fn use_engine(&mut self) {
        let (Some(engine), Some(stream)) = (self.engine.current(), &mut self.stream) else {
            return;
        };
        let ready = engine.ready();
        stream.renderer.set_engine(ready);
        let interval = self.shared.playing_settings().inference_interval;
        let period = Duration::from(stream.nominal_duration()) * interval;
        let live = self.strict && self.shared.is_live();
        self.prefers_throughput = self.strict && !live;
        let capacity = plan::queue_capacity(live, ready.warm_run, period);
        self.shared.queue.set_room(capacity, live);
    }

    /// Lets frames pass without a result until the server has one again.
    fn server_lost(&mut self, failure: &EngineError) {
        if let Some(stream) = &mut self.stream {
            stream.forget_scene();
        }
        if !std::mem::replace(&mut self.server_is_away, true) {
            let text = format!("Frames pass without a result until a server answers: {failure}");
            self.shared.warn(gst::ResourceError::Read, &text);
        }
    }

    fn server_found(&mut self) {
        if std::mem::take(&mut self.server_is_away) {
            let text = "A server answers again: frames have results";
            self.shared.inform(gst::ResourceError::Read, text);
        }
    }
}
