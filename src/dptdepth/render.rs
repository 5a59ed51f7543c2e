// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a frame and its map to the buffer that leaves the element.

use super::measures::{Measures, Moment};
use super::negotiate::Pool;
use super::open::Opened;
use super::pump::Stop;
use super::settings::Looks;
use super::worker::Ready;
use super::{Output, error};
use crate::engine;
use crate::frame::{
    Canvas, Drawn, Fit, Layout, MapRef, Quantize, Rect, RgbConverter, Style, ValueRange,
    keep_classes,
};
use crate::measure::Reading;
use crate::meta;
use crate::spec::{Calibration, OutputMeaning, Size};
use crate::temporal::{RangeMode, RangeTracker};
use crate::video::{self, Polarity};
use gst::prelude::*;
use gst_video::{VideoFrameRef, VideoInfo};
use std::sync::Arc;

/// Makes output buffers for one stream.
pub(super) struct Renderer {
    opened: Arc<Opened>,
    in_info: VideoInfo,
    in_layout: Layout,
    fit: Fit,
    map_size: Size,
    /// The part of the map that shows the frame.
    content: Rect,
    provider: String,
    /// From the model's values to metres.
    calibration: Option<Calibration>,
    range: RangeTracker,
    target: Option<Target>,
    meta_pool: Option<Pool>,
    measures: Measures,
}

/// What is drawn, and how.
struct Target {
    info: VideoInfo,
    layout: Layout,
    canvas: Canvas,
    /// Where a new picture comes from; `None` where the frame itself is drawn on or left alone.
    pool: Option<Pool>,
    /// The frame's own half of side by side.
    converter: Option<RgbConverter>,
}

impl Renderer {
    pub(super) fn new(
        opened: &Arc<Opened>,
        info: &VideoInfo,
        layout: Layout,
        fit: &Fit,
        ready: &Ready,
    ) -> Self {
        Self {
            opened: opened.clone(),
            in_info: info.clone(),
            in_layout: layout,
            fit: *fit,
            map_size: ready.map_size,
            content: fit.content_of(ready.map_size),
            provider: ready.provider.clone(),
            calibration: opened.calibration(fit),
            range: RangeTracker::new(RangeMode::Smooth),
            target: None,
            meta_pool: None,
            measures: Measures::new(opened.zones.clone()),
        }
    }

    /// What was measured so far; a renderer that follows this one goes on with it.
    pub(super) fn measures(&mut self) -> &mut Measures {
        &mut self.measures
    }

    /// The caps with the tensor that buffers will carry, where GStreamer knows how to say so.
    pub(super) fn with_tensors(&self, caps: &gst::Caps) -> gst::Caps {
        #[cfg(feature = "v1_28")]
        if self.opened.settings.output_tensor_meta {
            let mut caps = caps.clone();
            let Rect { height, width, .. } = self.content;
            meta::set_tensor_caps(&mut caps, self.opened.spec.output.nick(), height, width);
            return caps;
        }
        caps.clone()
    }

    /// Sets what leaves the element: its caps and, for new pictures, their pool.
    pub(super) fn set_output(&mut self, info: VideoInfo, pool: Option<Pool>) -> Result<(), Stop> {
        let layout = video::layout(&info).ok_or_else(error::unreadable_frame)?;
        let side_by_side = self.opened.settings.output == Output::SideBySide;
        let drawn = if side_by_side {
            Layout {
                size: self.in_layout.size,
                ..layout
            }
        } else {
            layout
        };
        let canvas = Canvas::new(
            self.map_size,
            &self.fit,
            &self.in_layout,
            &drawn,
            self.opened.settings.upsampling.into(),
            self.opened.classes(),
        )?;
        let converter = side_by_side.then(|| RgbConverter::new(&self.in_layout));
        self.target = Some(Target {
            info,
            layout,
            canvas,
            pool,
            converter,
        });
        Ok(())
    }

    /// Whether what leaves the element are distances rather than shades.
    pub(super) fn shows_metres(&self) -> bool {
        self.target
            .as_ref()
            .is_some_and(|target| target.shows_metres(&self.opened))
    }

    pub(super) fn forget_earlier_frames(&mut self) {
        self.range.reset();
        self.measures.reset();
    }

    /// The buffer to push for `input`, with the result meta. `map` is brought to metres where that
    /// was asked for, and loses the classes that were not.
    pub(super) fn render(
        &mut self,
        input: gst::Buffer,
        map: &mut engine::Map,
        looks: &Looks,
        moment: Moment,
    ) -> Result<gst::Buffer, Stop> {
        if let (Some(keep), engine::Map::Labels(labels)) = (&self.opened.classes, &mut *map) {
            keep_classes(labels, keep);
        }
        if let (Some(calibration), engine::Map::Depth(values)) = (self.calibration, &mut *map) {
            calibration.apply(values);
        }
        let map = &*map;
        let range = self.range_of(map, looks)?;
        let Some(target) = &mut self.target else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        let drawn = match map {
            engine::Map::Labels(labels) => Drawn::Labels(labels),
            engine::Map::Depth(values) => {
                let how = if target.shows_metres(&self.opened) {
                    Quantize::Metric {
                        unit_m: self.opened.settings.depth_unit.metres(),
                    }
                } else {
                    Quantize::Relative {
                        range,
                        near_bright: looks.polarity == Polarity::NearBright,
                    }
                };
                Drawn::Depth(MapRef::new(values, self.map_size)?, how)
            }
        };
        let mut output = match self.opened.settings.output {
            Output::Meta => input,
            Output::Overlay => target.overlay(input, drawn, &looks.style)?,
            Output::Map | Output::SideBySide => {
                target.picture(&input, &self.in_info, self.in_layout, drawn, &looks.style)?
            }
        };
        self.attach(&mut output, map, range)?;
        self.measure(output.make_mut(), map, range, moment)?;
        Ok(output)
    }

    /// The values shown as nearest and farthest.
    fn range_of(&mut self, map: &engine::Map, looks: &Looks) -> Result<ValueRange, Stop> {
        let engine::Map::Depth(values) = map else {
            return Ok(ValueRange {
                near: 0.0,
                far: 0.0,
            });
        };
        let larger_is_nearer = self.opened.spec.output.larger_is_nearer();
        self.range.set_mode(
            looks
                .range_mode
                .to_temporal(looks.range_near, looks.range_far),
        );
        let shown = MapRef::new(values, self.map_size)?.crop(self.content)?;
        Ok(self.range.update(&shown, larger_is_nearer))
    }

    fn attach(
        &mut self,
        output: &mut gst::Buffer,
        map: &engine::Map,
        range: ValueRange,
    ) -> Result<(), Stop> {
        let data = self.map_data(map)?;
        let int = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
        let result = meta::Result {
            width: self.content.width,
            height: self.content.height,
            region: meta::Region {
                x: 0,
                y: 0,
                width: int(self.fit.frame.width),
                height: int(self.fit.frame.height),
            },
            model: &self.opened.spec.name,
            provider: &self.provider,
            age: gst::ClockTime::ZERO,
        };
        let output = output.make_mut();
        let attached = match map {
            engine::Map::Depth(_) => {
                let metric = matches!(self.opened.spec.output, OutputMeaning::Metric { .. });
                let depth = meta::Depth {
                    meaning: self.opened.spec.output.nick(),
                    unit: if metric { "m" } else { "none" },
                    near: range.near.into(),
                    far: range.far.into(),
                };
                meta::add_depth(output, &result, &depth, data)
            }
            engine::Map::Labels(_) => {
                meta::add_segmentation(output, &result, &self.opened.labels, data)
            }
        };
        #[cfg(feature = "v1_26")]
        let attached = attached.and_then(|()| match map {
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
        map: &engine::Map,
        range: ValueRange,
        moment: Moment,
    ) -> Result<(), Stop> {
        let (frame, spec) = (self.fit.frame, &self.opened.spec);
        match map {
            engine::Map::Depth(values) => {
                let shown = MapRef::new(values, self.map_size)?.crop(self.content)?;
                let reading = Reading::new(spec.output, range);
                self.measures
                    .depth(output, &shown, frame, spec.output.nick(), &reading, moment)
            }
            engine::Map::Labels(labels) => {
                let Rect {
                    x,
                    y,
                    width,
                    height,
                } = self.content;
                let rows = labels
                    .chunks_exact(self.map_size.width as usize)
                    .skip(y as usize)
                    .take(height as usize)
                    .map(|row| &row[x as usize..(x + width) as usize]);
                self.measures.classes(output, rows, frame, &spec.labels)
            }
        }
        .map_err(|e| error::meta(&e).into())
    }

    /// The part of the map that shows the frame, as the meta's data.
    fn map_data(&mut self, map: &engine::Map) -> Result<gst::Buffer, Stop> {
        let Rect {
            x,
            y,
            width,
            height,
        } = self.content;
        let bytes_per_value = match map {
            engine::Map::Depth(_) => 4,
            engine::Map::Labels(_) => 1,
        };
        let row_bytes = width as usize * bytes_per_value;
        let size = row_bytes * height as usize;
        let pool = match &self.meta_pool {
            Some(pool) => pool,
            None => self.meta_pool.insert(Pool::plain(size)?),
        };
        let mut buffer = pool.acquire()?;
        {
            let buffer = buffer.get_mut().ok_or_else(error::unreadable_frame)?;
            let mut data = buffer
                .map_writable()
                .map_err(|_| error::unreadable_frame())?;
            let (stride, start) = (self.map_size.width as usize, x as usize);
            let row_of = |row: usize| {
                let begin = (y as usize + row) * stride + start;
                begin..begin + width as usize
            };
            for (row, out) in data.chunks_exact_mut(row_bytes).enumerate() {
                match map {
                    engine::Map::Depth(values) => {
                        for (value, out) in values[row_of(row)].iter().zip(out.chunks_exact_mut(4))
                        {
                            out.copy_from_slice(&value.to_ne_bytes());
                        }
                    }
                    engine::Map::Labels(labels) => out.copy_from_slice(&labels[row_of(row)]),
                }
            }
        }
        Ok(buffer)
    }
}

impl Target {
    /// Whether the picture's values are distances rather than shades.
    fn shows_metres(&self, opened: &Opened) -> bool {
        matches!(opened.spec.output, OutputMeaning::Metric { .. })
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
        self.canvas.blend(drawn, style, &mut picture)?;
        drop(frame);
        Ok(input)
    }

    /// A new picture: the map, or the frame and the map side by side.
    fn picture(
        &mut self,
        input: &gst::BufferRef,
        in_info: &VideoInfo,
        in_layout: Layout,
        drawn: Drawn<'_>,
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
        match &mut self.converter {
            None => self.canvas.write(drawn, style, &source, &mut picture)?,
            Some(converter) => {
                let Size { height, width } = in_layout.size;
                let half = |x| Rect {
                    x,
                    y: 0,
                    width,
                    height,
                };
                converter.run(&source, &mut picture.crop(half(0))?)?;
                let mut right = picture.crop(half(width))?;
                self.canvas.write(drawn, style, &source, &mut right)?;
            }
        }
        drop(frame);
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
