// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From caps to a stream that can be processed: the fit, the engine, the src caps, the pool.

use super::imp::{CAT, DptDepth};
use super::measures::{Measures, Moment};
use super::messages::Progress;
use super::open::Opened;
use super::pump::{PATIENCE, Pump, Stop};
use super::queue::Wait;
use super::render::Renderer;
use super::settings::Looks;
use super::worker::Outcome;
use super::{Output, caps, error, tags};
use crate::engine::{Engine, Map, Request};
use crate::frame::{Layout, Preprocessor, fit};
use crate::spec::{Borders, Size};
use crate::video;
use crate::video::lock;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Everything that holds from one CAPS event to the next.
pub(super) struct Stream {
    info: VideoInfo,
    layout: Layout,
    caps: gst::Caps,
    src_caps: Option<gst::Caps>,
    preprocessor: Preprocessor,
    renderer: Renderer,
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

    /// The buffer to push for `input`, with the result meta.
    pub(super) fn render(
        &mut self,
        input: gst::Buffer,
        map: &mut Map,
        looks: &Looks,
        moment: Moment,
    ) -> Result<gst::Buffer, Stop> {
        self.renderer.render(input, map, looks, moment)
    }

    pub(super) fn measures(&mut self) -> &mut Measures {
        self.renderer.measures()
    }

    /// Whether what leaves the element are distances rather than shades.
    pub(super) fn shows_metres(&self) -> bool {
        self.renderer.shows_metres()
    }

    pub(super) fn forget_earlier_frames(&mut self) {
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
        let shape = (fit.network, opened.zero_borders(&fit));
        if self.prepared.as_ref().map(|(shape, _)| *shape) != Some(shape) {
            self.prepare(element, &opened, shape)?;
        }
        let Some((_, ready)) = &self.prepared else {
            return Err(error::panicked().into());
        };
        let mut renderer = Renderer::new(&opened, &info, layout, &fit, ready);
        if let Some(old) = &mut self.stream {
            std::mem::swap(renderer.measures(), old.measures());
        }
        self.stream = Some(Stream {
            preprocessor: Preprocessor::new(&layout, &fit, opened.spec.interpolation)
                .with_border(opened.mean_color()),
            info,
            layout,
            caps: caps.clone(),
            src_caps: None,
            renderer,
        });
        let _ = element.src_pad.check_reconfigure();
        self.renegotiate_src(element)
    }

    /// Chooses src caps that downstream takes, announces them and sets up the pool.
    pub(super) fn renegotiate_src(&mut self, element: &DptDepth) -> Result<(), Stop> {
        let opened = element.opened().ok_or(gst::FlowError::Flushing)?;
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        let output = opened.settings.output;
        let downstream = element.src_pad.peer_query_caps(None);
        let sink_caps = stream.renderer.with_tensors(&stream.caps);
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
        let pool = match output {
            Output::Map | Output::SideBySide => Some(Pool::new(element, &src_caps, &info)?),
            Output::Overlay | Output::Meta => None,
        };
        stream.renderer.set_output(info, pool)?;
        stream.src_caps = Some(src_caps);
        self.tags.set(tags::comment(&opened, stream));
        Ok(())
    }

    /// Has the worker build an engine for `network`, and says on the bus how that goes.
    fn prepare(
        &mut self,
        element: &DptDepth,
        opened: &Arc<Opened>,
        (network, borders): (Size, Borders),
    ) -> Result<(), Stop> {
        self.prepared = None;
        let progress = Progress::start(
            element,
            format!("Preparing {} at {network}", opened.spec.name),
        );
        let ticket = self.queue.ticket();
        let request = Request {
            network,
            borders,
            session: opened.session.clone(),
        };
        let (model, runtime) = (opened.model.clone(), opened.runtime);
        let spec = opened.spec.clone();
        self.worker.prepare(
            ticket,
            Box::new(move || Engine::prepare(&model, spec, runtime, &request)),
        );
        let outcome = loop {
            match self.queue.outcome(PATIENCE) {
                Wait::Outcome(outcome) => break outcome,
                Wait::Timeout => progress.go_on(),
                Wait::Flushing => return Err(gst::FlowError::Flushing.into()),
            }
        };
        match outcome {
            Outcome::Prepared(Ok(ready)) => {
                progress.complete(&format!(
                    "{} at {network} runs on {}",
                    opened.spec.name, ready.provider
                ));
                *lock(&element.active_provider) = Some(ready.provider.clone());
                element.latency.store(0, Ordering::Relaxed);
                element.announce_latency(ready.warm_run);
                element.post_model(&opened.spec, network, &ready);
                self.prepared = Some(((network, borders), ready));
                Ok(())
            }
            Outcome::Prepared(Err(failure)) => {
                progress.fail("The model could not be prepared");
                Err(error::engine(&failure).into())
            }
            Outcome::Inferred { .. } | Outcome::Panicked => Err(error::panicked().into()),
        }
    }
}

impl DptDepth {
    fn opened(&self) -> Option<Arc<Opened>> {
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
