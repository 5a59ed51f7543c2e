// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The GObject subclass: caps, properties, and one frame after the other.

use super::draw::Painter;
use super::effect::Effect;
use super::result::{Missing, Reader};
use super::settings::{self, Looks, Settings};
use super::{Mode, Source, caps, error};
use crate::frame::{Format, Layout};
use crate::meta::{DEPTH_META, SEGMENTATION_META};
use crate::video::caps::{Change, filtered, pad_templates};
use crate::video::pspecs::{is_mutable, keeps_its_value};
use crate::video::{self, lock};
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;
use gst_video::prelude::*;
use gst_video::subclass::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "dptrender",
        gst::DebugColorFlags::empty(),
        Some("Pictures of the results of dptdepth"),
    )
});

/// The element's implementation.
#[derive(Default)]
pub struct DptRender {
    settings: Mutex<Settings>,
    stream: Mutex<Option<Stream>>,
    /// Frames may flow: what is set up to READY only is in use.
    started: AtomicBool,
}

/// What holds from one CAPS event to the next.
struct Stream {
    reader: Reader,
    input: Layout,
    output: Layout,
    mode: Mode,
    painter: Painter,
    effect: Option<Effect>,
    /// Why the last frame had no result: said once.
    missing: Option<Missing>,
}

impl DptRender {
    fn change(&self) -> Change {
        let settings = lock(&self.settings);
        caps::change(settings.mode, settings.stereo_layout)
    }

    /// Posts what went wrong, once, and ends the flow.
    fn fail(&self, message: gst::ErrorMessage) -> gst::FlowError {
        gst::error!(CAT, imp = self, "{message}");
        self.post_error_message(message);
        gst::FlowError::Error
    }

    /// Tells once why there is no result, or ends the flow where there can be none.
    fn tell(
        &self,
        told: &mut Option<Missing>,
        missing: Option<Missing>,
    ) -> Result<(), gst::FlowError> {
        if let Some(missing) = &missing
            && told.as_ref() != Some(missing)
        {
            if let Missing::Classes(error) = missing {
                return Err(self.fail(error::classes(error)));
            }
            gst::element_imp_warning!(self, gst::StreamError::Format, ("{missing}"));
        }
        *told = missing;
        Ok(())
    }
}

#[glib::object_subclass]
impl ObjectSubclass for DptRender {
    const NAME: &'static str = "GstDptRender";
    type Type = super::DptRender;
    type ParentType = gst_video::VideoFilter;
}

impl ObjectImpl for DptRender {
    fn properties() -> &'static [glib::ParamSpec] {
        &settings::PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = lock(&self.settings);
        if !self.started.load(Ordering::Relaxed) || is_mutable(pspec) {
            settings.set(pspec.name(), value);
        } else if settings.refuse(pspec.name()) {
            drop(settings);
            let text = keeps_its_value(pspec);
            gst::element_imp_warning!(self, gst::LibraryError::Settings, ("{text}"));
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        lock(&self.settings).get(pspec.name())
    }
}

impl GstObjectImpl for DptRender {}

impl ElementImpl for DptRender {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Dense prediction renderer",
                "Filter/Effect/Video",
                "Makes maps, overlays, stereo pictures, mattes and blurred backgrounds of the results that dptdepth attached",
                env!("CARGO_PKG_AUTHORS"),
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<[gst::PadTemplate; 2]> =
            LazyLock::new(|| pad_templates(&caps::SRC));
        TEMPLATES.as_ref()
    }
}

impl BaseTransformImpl for DptRender {
    const MODE: gst_base::subclass::BaseTransformMode = gst_base::subclass::BaseTransformMode::Both;
    const PASSTHROUGH_ON_SAME_CAPS: bool = false;
    const TRANSFORM_IP_ON_PASSTHROUGH: bool = false;

    fn start(&self) -> Result<(), gst::ErrorMessage> {
        self.started.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        self.started.store(false, Ordering::Relaxed);
        *lock(&self.stream) = None;
        Ok(())
    }

    fn transform_caps(
        &self,
        direction: gst::PadDirection,
        caps: &gst::Caps,
        filter: Option<&gst::Caps>,
    ) -> Option<gst::Caps> {
        let change = self.change();
        let other = match direction {
            gst::PadDirection::Sink => change.sink_to_src(caps),
            _ => change.src_to_sink(caps),
        };
        Some(filtered(other, filter))
    }

    fn fixate_caps(
        &self,
        direction: gst::PadDirection,
        _caps: &gst::Caps,
        othercaps: gst::Caps,
    ) -> gst::Caps {
        if direction == gst::PadDirection::Sink {
            self.change().fixate(othercaps)
        } else {
            let mut caps = othercaps;
            caps.fixate();
            caps
        }
    }

    fn before_transform(&self, inbuf: &gst::BufferRef) {
        let element = self.obj();
        if let Some(time) = inbuf.pts().and_then(|pts| {
            let segment = element.segment();
            let segment = segment.downcast_ref::<gst::ClockTime>()?;
            segment.to_stream_time(pts)
        }) {
            let _ = element.sync_values(time);
        }
    }

    /// The region of a result does not hold for pictures that show the frame twice, moved.
    fn transform_meta<'a>(
        &self,
        outbuf: &mut gst::BufferRef,
        meta: gst::MetaRef<'a, gst::Meta>,
        inbuf: &'a gst::BufferRef,
    ) -> bool {
        let ours = meta.try_as_custom_meta().is_some_and(|meta| {
            [DEPTH_META, SEGMENTATION_META].contains(&meta.structure().name().as_str())
        });
        if ours {
            return lock(&self.settings).mode != Mode::Stereo;
        }
        self.parent_transform_meta(outbuf, meta, inbuf)
    }

    fn transform(
        &self,
        inbuf: &gst::Buffer,
        outbuf: &mut gst::BufferRef,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let flow = self.parent_transform(inbuf, outbuf)?;
        // Without a result a map shows nothing at all.
        if lock(&self.stream)
            .as_ref()
            .is_some_and(Stream::shows_nothing)
        {
            outbuf.set_flags(gst::BufferFlags::GAP);
        }
        Ok(flow)
    }
}

impl VideoFilterImpl for DptRender {
    fn set_info(
        &self,
        incaps: &gst::Caps,
        in_info: &VideoInfo,
        outcaps: &gst::Caps,
        out_info: &VideoInfo,
    ) -> Result<(), gst::LoggableError> {
        let layout = |info, caps: &gst::Caps| {
            video::layout(info).ok_or_else(|| gst::loggable_error!(CAT, "no such frames: {caps}"))
        };
        let settings = lock(&self.settings).clone();
        self.obj().set_in_place(settings.mode == Mode::Overlay);
        let (input, output) = (layout(in_info, incaps)?, layout(out_info, outcaps)?);
        let metres = settings.mode == Mode::Map && output.format == Format::Gray16;
        let unit_m = metres.then(|| settings.depth_unit.metres());
        *lock(&self.stream) = Some(Stream {
            reader: Reader::new(settings.classes.as_deref()),
            input,
            output,
            mode: settings.mode,
            painter: Painter::new(input, output, settings.upsampling.into(), unit_m),
            effect: Effect::new(&settings, &input),
            missing: None,
        });
        Ok(())
    }

    fn transform_frame(
        &self,
        inframe: &VideoFrameRef<&gst::BufferRef>,
        outframe: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let looks = lock(&self.settings).looks();
        let mut stream = lock(&self.stream);
        let stream = stream.as_mut().ok_or(gst::FlowError::NotNegotiated)?;
        let failed = |error| self.fail(error::frame(&error));
        let frame = video::read(inframe, stream.input).map_err(failed)?;
        let mut out = video::write(outframe, stream.output).map_err(failed)?;
        let source = stream.source(&looks);
        let found = stream
            .reader
            .find(inframe.buffer(), source, stream.input.size);
        let (found, missing) = match found {
            Ok(found) => (Some(found), None),
            Err(missing) => (None, Some(missing)),
        };
        match (&mut stream.effect, stream.mode) {
            (Some(effect), _) => effect.paint(found, &looks, &frame, &mut out),
            (None, Mode::SideBySide) => {
                stream.painter.side_by_side(found, &looks, &frame, &mut out)
            }
            (None, _) => stream.painter.map(found, &looks, &frame, &mut out),
        }
        .map_err(failed)?;
        self.tell(&mut stream.missing, missing)?;
        Ok(gst::FlowSuccess::Ok)
    }

    fn transform_frame_ip(
        &self,
        frame: &mut VideoFrameRef<&mut gst::BufferRef>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let looks = lock(&self.settings).looks();
        let mut stream = lock(&self.stream);
        let stream = stream.as_mut().ok_or(gst::FlowError::NotNegotiated)?;
        let found = stream
            .reader
            .find(frame.buffer(), looks.source, stream.input.size);
        let missing = match found {
            Ok(found) => {
                let mut picture = video::write(frame, stream.input)
                    .map_err(|error| self.fail(error::frame(&error)))?;
                stream
                    .painter
                    .overlay(found, &looks, &mut picture)
                    .map_err(|error| self.fail(error::frame(&error)))?;
                None
            }
            Err(missing) => Some(missing),
        };
        self.tell(&mut stream.missing, missing)?;
        Ok(gst::FlowSuccess::Ok)
    }
}

impl Stream {
    fn shows_nothing(&self) -> bool {
        self.mode == Mode::Map && self.missing.is_some()
    }

    /// Stereo is made of depth, whatever else there is.
    fn source(&self, looks: &Looks) -> Source {
        match (self.mode, looks.source) {
            (Mode::Stereo | Mode::Anaglyph, Source::Auto) => Source::Depth,
            (_, source) => source,
        }
    }
}
