// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From the model's output to the result that frames are shown with: filtered, stabilised,
//! calibrated, with its range and its values as the metas carry them.

use crate::dptdepth::error;
use crate::dptdepth::error::Stop;
use crate::dptdepth::input::moment::Moment;
use crate::dptdepth::open::Opened;
use crate::dptdepth::output::pool::Pool;
use crate::dptdepth::settings::PlayingSettings;
use crate::engine;
use crate::frame::{Fit, MapRef, Quantize, Rect, ValueRange, keep_classes, quantize};
use crate::meta;
use crate::spec::{Calibration, Size};
use crate::temporal::{Flicker, Motion, RangeMode, RangeTracker, Stabiliser};
use std::sync::Arc;

/// A result as it is shown.
pub(in crate::dptdepth) struct Shown {
    pub(in crate::dptdepth) map: engine::Map,
    pub(in crate::dptdepth) size: Size,
    /// How the frame lies in the network's input.
    pub(in crate::dptdepth) fit: Fit,
    /// The part of the map that shows the frame.
    pub(in crate::dptdepth) content: Rect,
    /// Of depth: the values shown as nearest and farthest.
    pub(in crate::dptdepth) range: ValueRange,
    /// The values of `content`, for metas.
    pub(in crate::dptdepth) data: gst::Buffer,
    /// The frame that it was computed from.
    pub(in crate::dptdepth) source: Moment,
}

/// Makes results of one stream, one after the other.
pub(in crate::dptdepth) struct Results {
    opened: Arc<Opened>,
    fit: Fit,
    /// From the model's values to metres.
    calibration: Option<Calibration>,
    range: RangeTracker,
    stabiliser: Stabiliser,
    flicker: Flicker,
    /// The part of a map that shows the frame, where that is not all of it, and the same moved.
    parts: [Vec<f32>; 2],
    label_parts: [Vec<u8>; 2],
    codes: Vec<u16>,
    /// The shown result, moved.
    moved: Option<Shown>,
    pool: Option<(usize, Pool)>,
    shown: Option<Shown>,
}

impl Results {
    pub(in crate::dptdepth) fn new(opened: &Arc<Opened>, fit: &Fit) -> Self {
        Self {
            opened: opened.clone(),
            fit: *fit,
            calibration: opened.calibration(fit),
            range: RangeTracker::new(RangeMode::Smooth),
            stabiliser: Stabiliser::new(),
            flicker: Flicker::new(),
            parts: Default::default(),
            label_parts: Default::default(),
            codes: Vec::new(),
            moved: None,
            pool: None,
            shown: None,
        }
    }

    /// Maps come from a network of another size from here on.
    pub(in crate::dptdepth) fn refit(&mut self, fit: &Fit) {
        self.fit = *fit;
        self.calibration = self.opened.calibration(fit);
    }

    /// Forgets earlier results, after a flush and with a new stream.
    pub(in crate::dptdepth) fn forget(&mut self) {
        self.range.reset();
        self.stabiliser.reset();
        self.flicker.reset();
        self.shown = None;
    }

    /// The running mean change of the maps where nothing moved, in 8-bit levels.
    pub(in crate::dptdepth) fn flicker(&self) -> Option<f32> {
        self.flicker.index()
    }

    /// The result that frames are shown with.
    pub(in crate::dptdepth) fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// Takes over the output of a run; gives back a map whose memory may be used again.
    pub(in crate::dptdepth) fn accept(
        &mut self,
        mut map: engine::Map,
        size: Size,
        source: Moment,
        luma: (Size, &[u8]),
        cut: bool,
        settings: &PlayingSettings,
    ) -> Result<Option<engine::Map>, Stop> {
        if cut {
            self.forget();
        }
        let content = self.fit.content_of(size);
        match &mut map {
            engine::Map::Labels(labels) => {
                if let Some(keep) = &self.opened.classes {
                    keep_classes(labels, keep);
                }
            }
            engine::Map::Depth(values) => {
                if let Some(calibration) = self.calibration {
                    calibration.apply(values);
                }
                self.steady(values, size, content, luma, settings.smoothing);
            }
        }
        let range = self.range_of(&map, size, content, settings)?;
        self.count_flicker(&map, size, content, range, luma)?;
        let data = self.data(&map, size, content)?;
        let old = self.shown.replace(Shown {
            map,
            size,
            fit: self.fit,
            content,
            range,
            data,
            source,
        });
        Ok(old.map(|old| old.map))
    }

    /// Steadies the part of a depth map that shows the frame.
    fn steady(
        &mut self,
        values: &mut [f32],
        size: Size,
        content: Rect,
        (luma_size, luma): (Size, &[u8]),
        strength: f32,
    ) {
        let rescale = !self.opened.spec.output.is_metric();
        let part = Size::new(content.height, content.width);
        let mut steady = |values: &mut [f32]| {
            self.stabiliser
                .update(values, part, luma, luma_size, strength, rescale);
        };
        if part == size {
            steady(values);
        } else {
            let [part, _] = &mut self.parts;
            cut_out(values, size, content, part);
            steady(part);
            put_in(part, values, size, content);
        }
    }

    /// Measures how the shown codes change where the picture does not.
    fn count_flicker(
        &mut self,
        map: &engine::Map,
        size: Size,
        content: Rect,
        range: ValueRange,
        (luma_size, luma): (Size, &[u8]),
    ) -> Result<(), Stop> {
        let engine::Map::Depth(values) = map else {
            return Ok(());
        };
        let shown = MapRef::new(values, size)?.crop(content)?;
        let how = Quantize::Relative {
            range,
            near_bright: true,
        };
        self.codes.resize(shown.size().area(), 0);
        quantize(&shown, how, &mut self.codes)?;
        self.flicker
            .update(&self.codes, shown.size(), luma, luma_size);
        Ok(())
    }

    /// The shown result as the newest frame shows it.
    pub(in crate::dptdepth) fn moved(
        &mut self,
        motion: &mut Motion,
    ) -> Result<Option<&Shown>, Stop> {
        let Some(shown) = &self.shown else {
            return Ok(None);
        };
        let larger_is_nearer = self.opened.spec.output.larger_is_nearer();
        let (size, content) = (shown.size, shown.content);
        let map = match (&shown.map, self.moved.take().map(|moved| moved.map)) {
            (engine::Map::Depth(values), before) => {
                let out = match before {
                    Some(engine::Map::Depth(out)) => out,
                    _ => Vec::new(),
                };
                let parts = &mut self.parts;
                engine::Map::Depth(moved(values, size, content, parts, out, |part, out| {
                    motion.depth(part, larger_is_nearer, out);
                }))
            }
            (engine::Map::Labels(values), before) => {
                let out = match before {
                    Some(engine::Map::Labels(out)) => out,
                    _ => Vec::new(),
                };
                let parts = &mut self.label_parts;
                engine::Map::Labels(moved(values, size, content, parts, out, |part, out| {
                    motion.labels(part, out);
                }))
            }
        };
        let (fit, range, source) = (shown.fit, shown.range, shown.source);
        let data = self.data(&map, size, content)?;
        Ok(Some(self.moved.insert(Shown {
            map,
            size,
            fit,
            content,
            range,
            data,
            source,
        })))
    }

    fn range_of(
        &mut self,
        map: &engine::Map,
        size: Size,
        content: Rect,
        settings: &PlayingSettings,
    ) -> Result<ValueRange, Stop> {
        let engine::Map::Depth(values) = map else {
            return Ok(ValueRange {
                near: 0.0,
                far: 0.0,
            });
        };
        let (near, far) = (settings.range_near, settings.range_far);
        self.range
            .set_mode(settings.range_mode.to_temporal(near, far));
        let shown = MapRef::new(values, size)?.crop(content)?;
        let larger_is_nearer = self.opened.spec.output.larger_is_nearer();
        Ok(self.range.update(&shown, larger_is_nearer))
    }

    /// The values of the part of the map that shows the frame, row by row.
    fn data(&mut self, map: &engine::Map, size: Size, content: Rect) -> Result<gst::Buffer, Stop> {
        let bytes_per_value = match map {
            engine::Map::Depth(_) => 4,
            engine::Map::Labels(_) => 1,
        };
        let row_bytes = content.width as usize * bytes_per_value;
        let bytes = row_bytes * content.height as usize;
        let known = self.pool.take().filter(|(size, _)| *size == bytes);
        let pool = match known {
            Some(pool) => pool,
            None => (bytes, Pool::plain(bytes)?),
        };
        let mut buffer = self.pool.insert(pool).1.acquire()?;
        {
            let buffer = buffer.get_mut().ok_or_else(error::unreadable_frame)?;
            if let engine::Map::Labels(_) = map {
                meta::make_picture(buffer, content.width, content.height)
                    .map_err(|e| error::meta(&e))?;
            }
            let mut data = buffer
                .map_writable()
                .map_err(|_| error::unreadable_frame())?;
            for (row, out) in rows(size, content).zip(data.chunks_exact_mut(row_bytes)) {
                out.copy_from_slice(match map {
                    engine::Map::Depth(values) => bytemuck::cast_slice(&values[row]),
                    engine::Map::Labels(labels) => &labels[row],
                });
            }
        }
        Ok(buffer)
    }
}

/// A map whose part that shows the frame was moved; `parts` and `out` are memory for that.
fn moved<T: Copy>(
    values: &[T],
    size: Size,
    content: Rect,
    [part, moved]: &mut [Vec<T>; 2],
    mut out: Vec<T>,
    mut motion: impl FnMut(&[T], &mut Vec<T>),
) -> Vec<T> {
    if Size::new(content.height, content.width) == size {
        motion(values, &mut out);
        return out;
    }
    cut_out(values, size, content, part);
    motion(part, moved);
    out.clear();
    out.extend_from_slice(values);
    put_in(moved, &mut out, size, content);
    out
}

/// The rows of a part of a map of this size, as indices into it.
pub(in crate::dptdepth) fn rows(
    size: Size,
    part: Rect,
) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..part.height as usize).map(move |row| {
        let begin = (part.y as usize + row) * size.width as usize + part.x as usize;
        begin..begin + part.width as usize
    })
}

fn cut_out<T: Copy>(map: &[T], size: Size, part: Rect, out: &mut Vec<T>) {
    out.clear();
    for row in rows(size, part) {
        out.extend_from_slice(&map[row]);
    }
}

fn put_in<T: Copy>(from: &[T], map: &mut [T], size: Size, part: Rect) {
    for (row, from) in rows(size, part).zip(from.chunks_exact(part.width as usize)) {
        map[row].copy_from_slice(from);
    }
}
