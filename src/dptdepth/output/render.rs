// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a frame and the result that is shown with it to the buffer that leaves the element.

use crate::dptdepth::Output;
use crate::dptdepth::error;
use crate::dptdepth::error::Stop;
use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::open::Opened;
use crate::dptdepth::output::measures::Measures;
use crate::dptdepth::output::pool::Pool;
use crate::dptdepth::output::result::{Shown, rows};
use crate::dptdepth::settings::PlayingSettings;
use crate::engine;
use crate::engine::Ready;
use crate::frame::{Canvas, Drawn, Fit, Layout, MapRef, Quantize, RgbConverter, Style};
use crate::measure::Reading;
use crate::meta;
use crate::spec::Size;
use crate::video::{self, Polarity};
use gst::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo};
use std::sync::Arc;

/// Makes output buffers for one stream.
pub(in crate::dptdepth) struct Renderer {
    opened: Arc<Opened>,
    in_info: VideoInfo,
    in_layout: Layout,
    provider: String,
    target: Option<Target>,
    measures: Measures,
}

/// What is drawn, and how.
struct Target {
    info: VideoInfo,
    layout: Layout,
    /// Made once it is known how maps show the frame.
    canvas: Option<((Size, Fit), Canvas)>,
    /// Where a new picture comes from; `None` where the frame itself is drawn on or left alone.
    pool: Option<Pool>,
    /// The frame's own half of side by side.
    converter: Option<RgbConverter>,
}

impl Renderer {
    pub(in crate::dptdepth) fn new(opened: &Arc<Opened>, info: &VideoInfo, layout: Layout) -> Self {
        Self {
            opened: opened.clone(),
            in_info: info.clone(),
            in_layout: layout,
            provider: String::new(),
            target: None,
            measures: Measures::new(opened.zones.clone()),
        }
    }

    /// From here on results come from this engine.
    pub(in crate::dptdepth) fn set_engine(&mut self, ready: &Ready) {
        self.provider.clone_from(&ready.provider);
    }

    /// What was measured so far; a renderer that follows this one goes on with it.
    pub(in crate::dptdepth) fn measures(&mut self) -> &mut Measures {
        &mut self.measures
    }

    /// Sets what leaves the element: its caps and, for new pictures, their pool.
    pub(in crate::dptdepth) fn set_output(
        &mut self,
        info: VideoInfo,
        pool: Option<Pool>,
    ) -> Result<(), Stop> {
        let layout = video::layout(&info).ok_or_else(error::unreadable_frame)?;
        let side_by_side = self.opened.settings.output == Output::SideBySide;
        self.target = Some(Target {
            info,
            layout,
            canvas: None,
            pool,
            converter: side_by_side.then(|| RgbConverter::new(&self.in_layout)),
        });
        Ok(())
    }

    /// Stops the pool of new pictures.
    pub(in crate::dptdepth) fn drop_pool(&mut self) {
        if let Some(target) = &mut self.target {
            target.pool = None;
        }
    }

    /// Whether what leaves the element are distances rather than shades.
    pub(in crate::dptdepth) fn shows_metres(&self) -> bool {
        self.target
            .as_ref()
            .is_some_and(|target| target.shows_metres(&self.opened))
    }

    pub(in crate::dptdepth) fn forget_earlier_frames(&mut self) {
        self.measures.reset();
    }

    /// The buffer to push for `input`: drawn with `shown` and with its meta, or without a result.
    pub(in crate::dptdepth) fn render(
        &mut self,
        input: gst::Buffer,
        shown: Option<&Shown>,
        settings: &PlayingSettings,
        moment: Moment,
    ) -> Result<gst::Buffer, Stop> {
        let Some(target) = &mut self.target else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        let drawn = match shown {
            Some(shown) => Some(target.drawn(shown, &self.opened, settings)?),
            None => None,
        };
        if let Some(shown) = shown {
            target.make_canvas(shown, &self.opened, &self.in_layout)?;
        }
        let mut output = match self.opened.settings.output {
            Output::Meta => input,
            Output::Overlay => match drawn {
                Some(drawn) => target.overlay(input, drawn, &settings.style)?,
                None => input,
            },
            Output::Map | Output::SideBySide => target.picture(
                &input,
                &self.in_info,
                self.in_layout,
                drawn,
                &settings.style,
            )?,
        };
        if let Some(shown) = shown {
            let output = output.make_mut();
            self.attach(output, shown, moment)?;
            self.measure(output, shown, moment)?;
        }
        Ok(output)
    }

    fn attach(
        &self,
        output: &mut gst::BufferRef,
        shown: &Shown,
        moment: Moment,
    ) -> Result<(), Stop> {
        let int = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let result = meta::Result {
            width: shown.content.width,
            height: shown.content.height,
            region: meta::Region {
                x: 0,
                y: 0,
                width: int(shown.fit.frame.width),
                height: int(shown.fit.frame.height),
            },
            model: &self.opened.spec.name,
            provider: &self.provider,
            age: moment.since(shown.source),
        };
        let data = shown.data.clone();
        let attached = match &shown.map {
            engine::Map::Depth(_) => {
                let meaning = self.opened.spec.output;
                let depth = meta::Depth {
                    meaning: meaning.nick(),
                    unit: meaning.unit(),
                    near: shown.range.near.into(),
                    far: shown.range.far.into(),
                };
                meta::add_depth(output, &result, &depth, data)
            }
            engine::Map::Labels(_) => {
                meta::add_segmentation(output, &result, &self.opened.labels, data)
            }
        };
        #[cfg(feature = "v1_26")]
        let attached = attached.and_then(|()| match &shown.map {
            _ if !self.opened.settings.output_tensor_meta => Ok(()),
            engine::Map::Depth(_) => meta::add_tensor(output, meta::DEPTH_META),
            engine::Map::Labels(_) => meta::add_tensor(output, meta::SEGMENTATION_META),
        });
        attached.map_err(|e| error::meta(&e).into())
    }

    /// Puts into the result meta what programs would otherwise measure on its map.
    fn measure(
        &mut self,
        output: &mut gst::BufferRef,
        shown: &Shown,
        moment: Moment,
    ) -> Result<(), Stop> {
        let (frame, spec) = (shown.fit.frame, &self.opened.spec);
        match &shown.map {
            engine::Map::Depth(values) => {
                let map = MapRef::new(values, shown.size)?.crop(shown.content)?;
                let reading = Reading::new(spec.output, shown.range);
                self.measures
                    .depth(output, &map, frame, spec.output, &reading, moment)
            }
            engine::Map::Labels(labels) => {
                let rows = rows(shown.size, shown.content).map(|row| &labels[row]);
                self.measures.classes(output, rows, frame, &spec.labels)
            }
        }
        .map_err(|e| error::meta(&e).into())
    }
}

impl Target {
    /// The canvas for maps like this one.
    fn make_canvas(&mut self, shown: &Shown, opened: &Opened, frame: &Layout) -> Result<(), Stop> {
        let (map, fit) = (shown.size, &shown.fit);
        let of = (map, *fit);
        if self.canvas.as_ref().is_some_and(|(known, _)| *known == of) {
            return Ok(());
        }
        // Side by side the map has one half of the picture.
        let picture = Layout {
            size: fit.frame,
            ..self.layout
        };
        let upsampling = opened.settings.upsampling.into();
        let canvas = Canvas::new(map, fit, frame, &picture, upsampling, opened.classes())?;
        self.canvas = Some((of, canvas));
        Ok(())
    }

    fn drawn<'a>(
        &self,
        shown: &'a Shown,
        opened: &Opened,
        settings: &PlayingSettings,
    ) -> Result<Drawn<'a>, Stop> {
        let values = match &shown.map {
            engine::Map::Labels(labels) => return Ok(Drawn::Labels(labels)),
            engine::Map::Depth(values) => values,
        };
        let metres = self.shows_metres(opened);
        let how = Quantize::picture(
            shown.range,
            settings.polarity == Polarity::NearBright,
            metres.then(|| opened.settings.depth_unit.metres()),
        );
        Ok(Drawn::Depth(MapRef::new(values, shown.size)?, how))
    }

    /// Whether the picture's values are distances rather than shades.
    fn shows_metres(&self, opened: &Opened) -> bool {
        opened.spec.output.is_metric()
            && opened.settings.output == Output::Map
            && self.info.format() == video::GRAY16
    }

    /// The frame with the map's colours over it.
    fn overlay(
        &mut self,
        mut input: gst::Buffer,
        drawn: Drawn<'_>,
        style: &Style,
    ) -> Result<gst::Buffer, Stop> {
        let buffer = input.make_mut();
        let mut frame = VideoFrameRef::from_buffer_ref_writable(buffer, &self.info)
            .map_err(|_| error::unreadable_frame())?;
        let mut picture = video::write(&mut frame, self.layout)?;
        if let Some((_, canvas)) = &mut self.canvas {
            canvas.blend(drawn, style, &mut picture)?;
        }
        drop(frame);
        Ok(input)
    }

    /// A new picture: the map, or the frame and the map side by side.
    fn picture(
        &mut self,
        input: &gst::BufferRef,
        in_info: &VideoInfo,
        in_layout: Layout,
        drawn: Option<Drawn<'_>>,
        style: &Style,
    ) -> Result<gst::Buffer, Stop> {
        let pool = self.pool.as_ref().ok_or(gst::FlowError::NotNegotiated)?;
        let mut output = pool.acquire()?;
        let buffer = output.get_mut().ok_or_else(error::unreadable_frame)?;
        copy_metadata(input, buffer);
        let mut frame = VideoFrameRef::from_buffer_ref_writable(buffer, &self.info)
            .map_err(|_| error::unreadable_frame())?;
        let mut picture = video::write(&mut frame, self.layout)?;
        let source = VideoFrameRef::from_buffer_ref_readable(input, in_info)
            .map_err(|_| error::unreadable_frame())?;
        let source = video::read(&source, in_layout)?;
        let mut right;
        let map = match &mut self.converter {
            None => &mut picture,
            Some(converter) => {
                right = converter.run_beside(&source, &mut picture)?;
                &mut right
            }
        };
        let shows_nothing = drawn.is_none() && self.converter.is_none();
        match (drawn, &mut self.canvas) {
            (Some(drawn), Some((_, canvas))) => canvas.write(drawn, style, &source, map)?,
            _ => map.clear(),
        }
        drop(frame);
        // A new picture is a gap where it shows nothing, whatever the frame was.
        if let Some(output) = output.get_mut() {
            if shows_nothing {
                output.set_flags(gst::BufferFlags::GAP);
            } else {
                output.unset_flags(gst::BufferFlags::GAP);
            }
        }
        Ok(output)
    }
}

/// Timestamps, flags and every meta that still holds for a picture of the same size in another
/// format.
fn copy_metadata(input: &gst::BufferRef, output: &mut gst::BufferRef) {
    let what = gst::BufferCopyFlags::FLAGS | gst::BufferCopyFlags::TIMESTAMPS;
    // A whole buffer's flags and timestamps can always be copied.
    let _ = input.copy_into(output, what, ..);
    input.foreach_meta(|meta| {
        let of_the_memory = meta.api() == gst_video::VideoMeta::meta_api()
            || meta.has_tag::<gst::meta::tags::Memory>()
            || meta.has_tag::<gst_video::video_meta::tags::Colorspace>();
        if !of_the_memory {
            let _ = meta.transform(output, &gst::meta::MetaTransformCopy::new(..));
        }
        std::ops::ControlFlow::Continue(())
    });
}
