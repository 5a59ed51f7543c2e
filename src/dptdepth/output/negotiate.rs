// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Negotiation with downstream: the src caps and the pool of output frames.

use crate::dptdepth::error::{self, Stop};
use crate::dptdepth::open::Opened;
use crate::dptdepth::output::caps;
use crate::dptdepth::output::pool::Pool;
use crate::dptdepth::output::stream::Stream;
use crate::dptdepth::{CAT, Output};
use crate::engine::Seat;
use gst::prelude::*;
use gst_video::VideoInfo;

/// Chooses src caps that downstream takes, announces them and sets up the pool.
///
/// # Errors
/// If there are no common caps, or a flush is in the way.
pub(in crate::dptdepth) fn negotiate(
    src_pad: &gst::Pad,
    opened: &Opened,
    stream: &mut Stream,
    engine: Option<&Seat>,
) -> Result<(), Stop> {
    let output = opened.settings.output;
    let downstream = src_pad.peer_query_caps(None);
    let sink_caps = with_tensors(stream, opened, engine);
    let change = caps::change(output, Some(opened.spec.output));
    let src_caps = change.fixate_src(&sink_caps, &downstream).ok_or_else(|| {
        error::no_common_caps(output, &change.sink_to_src(&sink_caps), &downstream)
    })?;
    if stream.src_caps.as_ref() != Some(&src_caps) {
        gst::info!(CAT, obj = src_pad, "src caps {src_caps}");
        if !src_pad.push_event(gst::event::Caps::new(&src_caps))
            && src_pad.pad_flags().contains(gst::PadFlags::FLUSHING)
        {
            return Err(gst::FlowError::Flushing.into());
        }
    }
    let info = VideoInfo::from_caps(&src_caps).map_err(|_| error::caps(&src_caps))?;
    // Downstream may offer the same pool again, which must not be stopped after that.
    stream.renderer.drop_pool();
    let pool = match output {
        Output::Map | Output::SideBySide => Some(Pool::new(src_pad, &src_caps, &info)?),
        Output::Overlay | Output::Meta => None,
    };
    stream.renderer.set_output(info, pool)?;
    stream.src_caps = Some(src_caps);
    Ok(())
}

/// The caps with the tensor that buffers will carry, where GStreamer knows how to say so.
fn with_tensors(stream: &Stream, opened: &Opened, engine: Option<&Seat>) -> gst::Caps {
    #[cfg(feature = "v1_28")]
    if let Some(seat) = engine.filter(|_| opened.settings.output_tensor_meta) {
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
    let _ = (stream.fit, opened, engine);
    stream.caps.clone()
}
