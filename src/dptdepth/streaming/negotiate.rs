// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From caps to a stream that can be processed: the fit, the engine, the src caps, the pool.

use crate::dptdepth::CAT;
use crate::dptdepth::error;
use crate::dptdepth::error::Stop;
use crate::dptdepth::imp::DptDepth;
use crate::dptdepth::open::Opened;
use crate::dptdepth::output::caps;
use crate::dptdepth::output::pool::Pool;
use crate::dptdepth::output::stream::Stream;
use crate::dptdepth::output::tags;
use crate::dptdepth::streaming::pump::Pump;
use crate::dptdepth::{Alignment, Output};
use crate::engine::Seat;
use crate::video;
use crate::video::lock;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_video::VideoInfo;
use std::sync::Arc;

impl Pump {
    /// Takes new sink caps: prepares the engine where its size changes, and the src side.
    pub(in crate::dptdepth) fn negotiate(
        &mut self,
        element: &DptDepth,
        caps: &gst::Caps,
    ) -> Result<(), Stop> {
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
        let ladder = opened.ladder(layout.size, par);
        self.rung = self.rung.min(ladder.len() - 1);
        let pixels = ladder.iter().map(|fit| fit.network.area()).collect();
        lock(&element.adapter).set_ladder(pixels, self.rung);
        self.swap = None;
        element.look_upstream();
        self.strict = match opened.settings.alignment {
            Alignment::Strict => true,
            Alignment::Latest => false,
            Alignment::Auto => !element.is_live(),
        };
        self.outdate_flights();
        let mut stream = Stream::new(&opened, info, layout, ladder, self.rung, caps.clone());
        if let Some(old) = &mut self.stream {
            std::mem::swap(stream.measures(), old.measures());
        }
        let shape = opened.shape(&stream.fit);
        self.stream = Some(stream);
        self.prepare(element, &opened, shape);
        let _ = element.src_pad.check_reconfigure();
        self.renegotiate_src(element)?;
        self.await_engine(element)
    }

    /// Chooses src caps that downstream takes, announces them and sets up the pool. Where that
    /// fails, or a flush is in its way, the next frame tries again.
    pub(in crate::dptdepth) fn renegotiate_src(&mut self, element: &DptDepth) -> Result<(), Stop> {
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
        let sink_caps = with_tensors(
            stream,
            &opened,
            self.prepared.as_ref().map(|(_, seat)| seat),
        );
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
            Output::Map | Output::SideBySide => {
                Some(Pool::new(&element.src_pad, &src_caps, &info)?)
            }
            Output::Overlay | Output::Meta => None,
        };
        stream.renderer.set_output(info, pool)?;
        stream.src_caps = Some(src_caps);
        self.tags.set(tags::comment(&opened, stream));
        Ok(())
    }
}

/// The caps with the tensor that buffers will carry, where GStreamer knows how to say so.
fn with_tensors(stream: &Stream, opened: &Opened, prepared: Option<&Seat>) -> gst::Caps {
    #[cfg(feature = "v1_28")]
    if let Some(seat) = prepared.filter(|_| opened.settings.output_tensor_meta) {
        let mut caps = stream.caps.clone();
        let content = stream
            .shown()
            .map_or(stream.fit.content_of(seat.ready().map_size), |shown| {
                shown.content
            });
        let meaning = opened.spec.output.nick();
        crate::meta::set_tensor_caps(&mut caps, meaning, content.height, content.width);
        return caps;
    }
    let _ = (stream.fit, opened, prepared);
    stream.caps.clone()
}

impl DptDepth {
    pub(in crate::dptdepth) fn opened(&self) -> Option<Arc<Opened>> {
        lock(&self.opened).clone()
    }
}
