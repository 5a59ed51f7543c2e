// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From the model's output to the result that frames are shown with: filtered, stabilised,
//! calibrated, with its range and its values as the metas carry them.

use super::error;
use super::measures::Moment;
use super::negotiate::Pool;
use super::open::Opened;
use super::pump::Stop;
use super::settings::Looks;
use crate::engine;
use crate::frame::{Fit, MapRef, Rect, ValueRange, keep_classes};
use crate::spec::{Calibration, Size};
use crate::temporal::{RangeMode, RangeTracker};
use std::sync::Arc;

/// A result as it is shown.
pub(super) struct Shown {
    pub(super) map: engine::Map,
    pub(super) size: Size,
    /// The part of the map that shows the frame.
    pub(super) content: Rect,
    /// Of depth: the values shown as nearest and farthest.
    pub(super) range: ValueRange,
    /// The values of `content`, for metas.
    pub(super) data: gst::Buffer,
    /// The frame that it was computed from.
    pub(super) source: Moment,
}

/// Makes results of one stream, one after the other.
pub(super) struct Results {
    opened: Arc<Opened>,
    fit: Fit,
    /// From the model's values to metres.
    calibration: Option<Calibration>,
    range: RangeTracker,
    pool: Option<(usize, Pool)>,
    shown: Option<Shown>,
}

impl Results {
    pub(super) fn new(opened: &Arc<Opened>, fit: &Fit) -> Self {
        Self {
            opened: opened.clone(),
            fit: *fit,
            calibration: opened.calibration(fit),
            range: RangeTracker::new(RangeMode::Smooth),
            pool: None,
            shown: None,
        }
    }

    /// After a flush, and with a new stream, nothing that was seen holds any more.
    pub(super) fn forget(&mut self) {
        self.range.reset();
        self.shown = None;
    }

    /// The result that frames are shown with.
    pub(super) fn shown(&self) -> Option<&Shown> {
        self.shown.as_ref()
    }

    /// Takes over the output of a run; gives back a map whose memory may be used again.
    pub(super) fn accept(
        &mut self,
        mut map: engine::Map,
        size: Size,
        source: Moment,
        looks: &Looks,
    ) -> Result<Option<engine::Map>, Stop> {
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
            }
        }
        let content = self.fit.content_of(size);
        let range = self.range_of(&map, size, content, looks)?;
        let data = self.data(&map, size, content)?;
        let old = self.shown.replace(Shown {
            map,
            size,
            content,
            range,
            data,
            source,
        });
        Ok(old.map(|old| old.map))
    }

    fn range_of(
        &mut self,
        map: &engine::Map,
        size: Size,
        content: Rect,
        looks: &Looks,
    ) -> Result<ValueRange, Stop> {
        let engine::Map::Depth(values) = map else {
            return Ok(ValueRange {
                near: 0.0,
                far: 0.0,
            });
        };
        let (near, far) = (looks.range_near, looks.range_far);
        self.range.set_mode(looks.range_mode.to_temporal(near, far));
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
            let mut data = buffer
                .map_writable()
                .map_err(|_| error::unreadable_frame())?;
            let (stride, left) = (size.width as usize, content.x as usize);
            let row_of = |row: usize| {
                let begin = (content.y as usize + row) * stride + left;
                begin..begin + content.width as usize
            };
            for (row, out) in data.chunks_exact_mut(row_bytes).enumerate() {
                match map {
                    engine::Map::Depth(values) => {
                        out.copy_from_slice(bytemuck::cast_slice(&values[row_of(row)]));
                    }
                    engine::Map::Labels(labels) => out.copy_from_slice(&labels[row_of(row)]),
                }
            }
        }
        Ok(buffer)
    }
}
