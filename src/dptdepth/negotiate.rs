// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From caps to a stream that can be processed: the fit, the engine, the src caps, the pool.

use super::imp::{CAT, DptDepth};
use super::measures::{Measures, Moment};
use super::messages::Progress;
use super::open::Opened;
use super::pump::{PATIENCE, Pump, Stop};
use super::queue::{self, Next, Ticket};
use super::render::Renderer;
use super::result::{Results, Shown};
use super::settings::Looks;
use super::watch::{Seen, Watch};
use super::worker::Ready;
use super::{Alignment, Between, Output, caps, error, tags};
use crate::engine::{Engine, EngineError, Map, Request};
use crate::frame::{Fit, Layout, Preprocessor, fit};
use crate::spec::{Borders, Size};
use crate::temporal::Motion;
use crate::video;
use crate::video::lock;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo};
use std::sync::Arc;
use std::time::Duration;

/// Live frames that may wait while downstream waits.
const LIVE_ROOM: usize = 8;

/// Everything that holds from one CAPS event to the next.
pub(super) struct Stream {
    info: VideoInfo,
    layout: Layout,
    fit: Fit,
    caps: gst::Caps,
    src_caps: Option<gst::Caps>,
    preprocessor: Preprocessor,
    watch: Watch,
    motion: Option<Motion>,
    results: Results,
    renderer: Renderer,
    /// Whether the result has not been shown with any frame yet.
    fresh: bool,
}

/// How a frame was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// With a result that no frame before it had.
    Fresh,
    /// With that of an earlier frame.
    Reused,
    /// With none.
    Bare,
}

/// An engine that is being built.
pub(super) struct Pending {
    ticket: Ticket,
    shape: (Size, Borders),
    pub(super) progress: Progress,
}

impl Stream {
    /// Fills `rgb` with the network's input: `network.height × network.width × 3`.
    pub(super) fn preprocess(
        &mut self,
        buffer: &gst::BufferRef,
        rgb: &mut Vec<u8>,
    ) -> Result<(), Stop> {
        let frame = VideoFrameRef::from_buffer_ref_readable(buffer, &self.info)
            .map_err(|_| error::unreadable_frame())?;
        rgb.resize(self.preprocessor.output_bytes(), 0);
        let view = video::read(&frame, self.layout)?;
        Ok(self.preprocessor.run(&view, rgb)?)
    }

    /// Looks at a frame that has just come.
    pub(super) fn see(&mut self, buffer: &gst::BufferRef, looks: &Looks) -> Result<Seen, Stop> {
        let frame = VideoFrameRef::from_buffer_ref_readable(buffer, &self.info)
            .map_err(|_| error::unreadable_frame())?;
        let view = video::read(&frame, self.layout)?;
        Ok(self.watch.see(&view, looks)?)
    }

    /// The model runs on this frame. A copy of what was seen of it, if that is wanted.
    pub(super) fn infers(&mut self, seen: &Seen, copy: bool) -> Option<Seen> {
        self.watch.infers(seen);
        copy.then(|| Seen {
            luma: self.watch.copy(&seen.luma),
            ..*seen
        })
    }

    /// Memory that is not needed any more.
    pub(super) fn recycle(&mut self, seen: Seen) {
        self.watch.recycle(seen.luma);
    }

    /// Takes over a run's output; gives back a map whose memory may be used again.
    pub(super) fn accept(
        &mut self,
        map: Map,
        size: Size,
        source: Moment,
        seen: &Seen,
        looks: &Looks,
    ) -> Result<Option<Map>, Stop> {
        self.fresh = true;
        if let Some(motion) = &mut self.motion {
            // Where frames are held, the frame itself comes next, and is the key.
            motion.adopt();
        }
        let luma = (self.watch.size(), seen.luma.as_slice());
        self.results
            .accept(map, size, source, luma, seen.cut, looks)
    }

    /// The running mean change of the maps where nothing moved, in 8-bit levels.
    pub(super) fn flicker(&self) -> Option<f32> {
        self.results.flicker()
    }

    /// Brings the movement since the shown result up to this frame; `own`: whether it is of it.
    fn follow(&mut self, seen: &Seen, looks: &Looks, own: bool) {
        let Some(shown) = self.results.shown() else {
            self.motion = None;
            return;
        };
        if looks.between != Between::Motion {
            self.motion = None;
            return;
        }
        let content = Size::new(shown.content.height, shown.content.width);
        let fits = |motion: &Motion| motion.map_size() == content;
        if !self.motion.as_ref().is_some_and(fits) {
            self.motion = Some(Motion::new(self.watch.size(), content));
        }
        if let Some(motion) = &mut self.motion {
            if seen.cut {
                motion.reset();
            }
            if own {
                motion.keyframe(&seen.luma);
            } else {
                motion.step(&seen.luma);
            }
        }
    }

    /// The frame that is pushed now is the one that the model runs on.
    pub(super) fn mark(&mut self) {
        if let Some(motion) = &mut self.motion {
            motion.mark();
        }
    }

    pub(super) fn has_result(&self) -> bool {
        self.results.shown().is_some()
    }

    pub(super) fn shown(&self) -> Option<&Shown> {
        self.results.shown()
    }

    /// The buffer to push for `input`, with the result meta, and how it was served. `own`: whether the
    /// result that is shown is of this very frame.
    pub(super) fn render(
        &mut self,
        input: gst::Buffer,
        moment: Moment,
        seen: &Seen,
        own: bool,
        looks: &Looks,
    ) -> Result<(gst::Buffer, Use), Stop> {
        let fresh = std::mem::take(&mut self.fresh);
        self.follow(seen, looks, own);
        let shown = match &mut self.motion {
            Some(motion) if motion.has_moved() => self.results.moved(motion)?,
            _ => self.results.shown(),
        };
        let shown = shown.filter(|_| fresh || looks.between != Between::Drop);
        let use_of = match shown {
            None => Use::Bare,
            Some(_) if fresh => Use::Fresh,
            Some(_) => Use::Reused,
        };
        Ok((self.renderer.render(input, shown, looks, moment)?, use_of))
    }

    /// How long a frame lasts: as it says, else as the caps say.
    pub(super) fn duration(&self, buffer: &gst::BufferRef) -> gst::ClockTime {
        buffer.duration().unwrap_or(self.nominal_duration())
    }

    fn nominal_duration(&self) -> gst::ClockTime {
        let fps = self.info.fps();
        u64::try_from(fps.numer())
            .ok()
            .filter(|&numer| numer > 0)
            .and_then(|numer| {
                let denom = u64::try_from(fps.denom()).ok()?;
                Some(gst::ClockTime::from_nseconds(1_000_000_000 * denom / numer))
            })
            .unwrap_or(gst::ClockTime::from_mseconds(40))
    }

    pub(super) fn measures(&mut self) -> &mut Measures {
        self.renderer.measures()
    }

    /// Whether what leaves the element are distances rather than shades.
    pub(super) fn shows_metres(&self) -> bool {
        self.renderer.shows_metres()
    }

    /// What was shown is of another scene.
    pub(super) fn forget_scene(&mut self) {
        self.fresh = false;
        self.motion = None;
        self.results.forget();
    }

    pub(super) fn forget_earlier_frames(&mut self) {
        self.forget_scene();
        self.watch.forget();
        self.renderer.forget_earlier_frames();
    }
}

impl Pump {
    /// Takes new sink caps: prepares the engine where its size changes, and the src side.
    pub(super) fn negotiate(&mut self, element: &DptDepth, caps: &gst::Caps) -> Result<(), Stop> {
        let opened = element.opened().ok_or(gst::FlowError::Flushing)?;
        if self
            .stream
            .as_ref()
            .is_some_and(|stream| stream.caps == *caps)
        {
            return Ok(());
        }
        let info = VideoInfo::from_caps(caps).map_err(|_| error::caps(caps))?;
        let layout = video::layout(&info).ok_or_else(|| error::caps(caps))?;
        let par = info.par();
        let par = (
            u32::try_from(par.numer()).unwrap_or(1),
            u32::try_from(par.denom()).unwrap_or(1),
        );
        let fit = fit(
            layout.size,
            par,
            opened.resize_policy(),
            opened.target(),
            opened.spec.multiple,
        );
        element.look_upstream();
        self.strict = match opened.settings.alignment {
            Alignment::Strict => true,
            Alignment::Latest => false,
            Alignment::Auto => !element.is_live(),
        };
        self.outdate_flights();
        let mut renderer = Renderer::new(&opened, &info, layout, &fit);
        if let Some(old) = &mut self.stream {
            std::mem::swap(renderer.measures(), old.measures());
        }
        let shape = (fit.network, opened.zero_borders(&fit));
        self.stream = Some(Stream {
            preprocessor: Preprocessor::new(&layout, &fit, opened.spec.interpolation)
                .with_border(opened.mean_color()),
            watch: Watch::new(&layout),
            motion: None,
            results: Results::new(&opened, &fit),
            info,
            layout,
            fit,
            caps: caps.clone(),
            src_caps: None,
            renderer,
            fresh: false,
        });
        self.prepare(element, &opened, shape);
        let _ = element.src_pad.check_reconfigure();
        self.renegotiate_src(element)?;
        self.await_engine(element)
    }

    /// Chooses src caps that downstream takes, announces them and sets up the pool. Where that
    /// fails, or a flush is in its way, the next frame tries again.
    pub(super) fn renegotiate_src(&mut self, element: &DptDepth) -> Result<(), Stop> {
        let negotiated = self.try_src_caps(element);
        if negotiated.is_err() {
            element.src_pad.mark_reconfigure();
        }
        negotiated
    }

    fn try_src_caps(&mut self, element: &DptDepth) -> Result<(), Stop> {
        let opened = element.opened().ok_or(gst::FlowError::Flushing)?;
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        let output = opened.settings.output;
        let downstream = element.src_pad.peer_query_caps(None);
        let sink_caps = with_tensors(stream, &opened, self.prepared.as_ref());
        let change = caps::change(output, Some(opened.spec.output));
        let src_caps = change.fixate_src(&sink_caps, &downstream).ok_or_else(|| {
            error::no_common_caps(output, &change.sink_to_src(&sink_caps), &downstream)
        })?;
        if stream.src_caps.as_ref() != Some(&src_caps) {
            gst::info!(CAT, imp = element, "src caps {src_caps}");
            if !element.src_pad.push_event(gst::event::Caps::new(&src_caps))
                && element
                    .src_pad
                    .pad_flags()
                    .contains(gst::PadFlags::FLUSHING)
            {
                return Err(gst::FlowError::Flushing.into());
            }
        }
        let info = VideoInfo::from_caps(&src_caps).map_err(|_| error::caps(&src_caps))?;
        // Downstream may offer the same pool again, which must not be stopped after that.
        stream.renderer.drop_pool();
        let pool = match output {
            Output::Map | Output::SideBySide => Some(Pool::new(element, &src_caps, &info)?),
            Output::Overlay | Output::Meta => None,
        };
        stream.renderer.set_output(info, pool)?;
        stream.src_caps = Some(src_caps);
        self.tags.set(tags::comment(&opened, stream));
        Ok(())
    }

    /// Asks for an engine where there is none: the last attempt has failed, and upstream tries again.
    pub(super) fn ensure_engine(&mut self, element: &DptDepth) {
        if self.prepared.is_none()
            && self.pending.is_none()
            && let (Some(stream), Some(opened)) = (&self.stream, element.opened())
        {
            let shape = (stream.fit.network, opened.zero_borders(&stream.fit));
            self.prepare(element, &opened, shape);
        }
    }

    /// Has the worker build an engine for the shape, unless it has one.
    fn prepare(&mut self, element: &DptDepth, opened: &Arc<Opened>, shape: (Size, Borders)) {
        let (network, borders) = shape;
        let has = self.prepared.as_ref().filter(|(known, _)| *known == shape);
        if let (Some((_, ready)), Some(stream)) = (has, &mut self.stream) {
            stream.renderer.set_engine(ready);
            return;
        }
        if self
            .pending
            .as_ref()
            .is_none_or(|pending| pending.shape != shape)
        {
            self.prepared = None;
            let text = format!("Preparing {} at {network}", opened.spec.name);
            let request = Request {
                network,
                borders,
                session: opened.session.clone(),
            };
            let (model, runtime) = (opened.model.clone(), opened.runtime);
            let spec = opened.spec.clone();
            let ticket = self.queue.engine_ticket();
            self.pending = Some(Pending {
                ticket,
                shape,
                progress: Progress::start(element, text),
            });
            self.worker.prepare(
                ticket,
                Box::new(move || Engine::prepare(&model, spec, runtime, &request)),
            );
        }
    }

    /// Where frames are held, waits for the engine; else they pass without results meanwhile.
    pub(super) fn await_engine(&mut self, element: &DptDepth) -> Result<(), Stop> {
        while self.strict && self.pending.is_some() {
            match self.queue.next(true, false, PATIENCE) {
                Next::Outcome(ticket, outcome) => self.outcome(element, ticket, outcome)?,
                Next::Item(_) => {}
                Next::Timeout => self.show_progress(),
                // The build goes on; whoever comes next waits for the rest of it.
                Next::Ended => return Err(gst::FlowError::Flushing.into()),
            }
        }
        Ok(())
    }

    /// The worker has built an engine, or failed to.
    pub(super) fn engine_is_there(
        &mut self,
        element: &DptDepth,
        ticket: Ticket,
        ready: Result<Ready, EngineError>,
    ) -> Result<(), Stop> {
        let opened = element.opened().ok_or(gst::FlowError::Flushing)?;
        let Some(pending) = self.pending.take_if(|pending| pending.ticket == ticket) else {
            return Ok(());
        };
        let network = pending.shape.0;
        let ready = match ready {
            Ok(ready) => ready,
            Err(failure) => {
                pending.progress.fail("The model could not be prepared");
                return Err(error::engine(&failure).into());
            }
        };
        pending.progress.complete(&format!(
            "{} at {network} runs on {}",
            opened.spec.name, ready.provider
        ));
        *lock(&element.active_provider) = Some(ready.provider.clone());
        element.engine_runs(network, &ready, self.strict);
        element.post_model(&opened.spec, network, &ready);
        if let Some(stream) = &mut self.stream {
            stream.renderer.set_engine(&ready);
            // A live source loses frames if it waits. Where the model keeps up, there is room for
            // what comes while downstream waits for a frame's time; where it does not, frames that
            // wait for it would come ever later.
            let interval = lock(&element.settings).looks().inference_interval;
            let period = Duration::from(stream.nominal_duration()) * interval;
            let room = if ready.warm_run <= period {
                LIVE_ROOM
            } else {
                queue::CAPACITY
            };
            let live = self.strict && element.is_live();
            self.queue
                .set_room(if live { room } else { queue::CAPACITY }, live);
        }
        self.prepared = Some((pending.shape, ready));
        // The tensor that buffers carry from here on is known now.
        if cfg!(feature = "v1_28") && opened.settings.output_tensor_meta {
            self.renegotiate_src(element)?;
        }
        Ok(())
    }
}

/// The caps with the tensor that buffers will carry, where GStreamer knows how to say so.
fn with_tensors(
    stream: &Stream,
    opened: &Opened,
    prepared: Option<&((Size, Borders), Ready)>,
) -> gst::Caps {
    #[cfg(feature = "v1_28")]
    if let Some((_, ready)) = prepared.filter(|_| opened.settings.output_tensor_meta) {
        let mut caps = stream.caps.clone();
        let content = stream.fit.content_of(ready.map_size);
        let meaning = opened.spec.output.nick();
        crate::meta::set_tensor_caps(&mut caps, meaning, content.height, content.width);
        return caps;
    }
    let _ = (stream.fit, opened, prepared);
    stream.caps.clone()
}

impl DptDepth {
    pub(super) fn opened(&self) -> Option<Arc<Opened>> {
        lock(&self.opened).clone()
    }
}

/// An active buffer pool for output frames.
pub(super) struct Pool(gst::BufferPool);

impl Pool {
    /// Downstream's pool where it offers one that can be configured, else one of our own.
    fn new(element: &DptDepth, caps: &gst::Caps, info: &VideoInfo) -> Result<Self, Stop> {
        let mut query = gst::query::Allocation::new(Some(caps), true);
        if !element.src_pad.peer_query(&mut query) {
            gst::debug!(CAT, imp = element, "downstream answers no allocation query");
        }
        let size = u32::try_from(info.size()).map_err(|_| error::caps(caps))?;
        let with_video_meta = query
            .find_allocation_meta::<gst_video::VideoMeta>()
            .is_some();
        let offered = query.allocation_pools().next().map(|offer| {
            let (pool, size, min, max) = offer;
            (pool.map(|pool| pool.to_owned()), size, min, max)
        });
        let (their_pool, their_size, min, max) = offered.unwrap_or((None, 0, 2, 0));
        let candidates = their_pool
            .into_iter()
            .map(|pool| (pool, max))
            .chain([(gst_video::VideoBufferPool::new().upcast(), 0)]);
        for (pool, max) in candidates {
            let mut config = pool.config();
            config.set_params(Some(caps), their_size.max(size), min, max);
            if with_video_meta {
                config.add_option(gst_video::BUFFER_POOL_OPTION_VIDEO_META);
            }
            if pool.set_config(config).is_ok() && pool.set_active(true).is_ok() {
                return Ok(Self(pool));
            }
        }
        Err(error::no_memory(size).into())
    }

    /// A pool of plain memory.
    pub(super) fn plain(size: usize) -> Result<Self, Stop> {
        let size = u32::try_from(size).map_err(|_| error::no_memory(u32::MAX))?;
        let pool = gst::BufferPool::new();
        let mut config = pool.config();
        config.set_params(None, size, 2, 0);
        match pool.set_config(config).and_then(|()| pool.set_active(true)) {
            Ok(()) => Ok(Self(pool)),
            Err(_) => Err(error::no_memory(size).into()),
        }
    }

    /// A writable buffer of the negotiated size.
    pub(super) fn acquire(&self) -> Result<gst::Buffer, gst::FlowError> {
        self.0.acquire_buffer(None)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = self.0.set_active(false);
    }
}
