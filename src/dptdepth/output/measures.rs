// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What is measured on a frame's map and put into its meta.

use crate::dptdepth::input::moment::Moment;
use crate::frame::{MapRef, Rect};
use crate::measure::{Coverage, Reading, Report, Sampler, Zone, Zones, on_map};
use crate::meta::{self, Object};
use crate::spec::{OutputMeaning, Size};
use gst::glib;

/// Objects of one frame, at most: what else is on the buffer is left alone.
const MAX_OBJECTS: usize = 256;

/// Measures frame after frame.
pub(in crate::dptdepth) struct Measures {
    coverage: Box<Coverage>,
    sampler: Sampler,
    objects: Vec<Object>,
    zones: Zones,
    reports: Vec<Report>,
    unit: &'static str,
}

impl Measures {
    pub(in crate::dptdepth) fn new(zones: Vec<Zone>) -> Self {
        Self {
            coverage: Box::default(),
            sampler: Sampler::default(),
            objects: Vec::new(),
            zones: Zones::new(zones),
            reports: Vec::new(),
            unit: "none",
        }
    }

    /// After a flush nothing is known of any zone.
    pub(in crate::dptdepth) fn reset(&mut self) {
        self.zones.reset();
    }

    /// The zones that the last frame has changed, with the unit of their depths.
    pub(in crate::dptdepth) fn news(&self) -> impl Iterator<Item = (&Zone, &Report, &'static str)> {
        let reports = self.zones.zones().iter().zip(&self.reports);
        reports
            .filter(|(_, report)| report.changed)
            .map(|(zone, report)| (zone, report, self.unit))
    }

    /// Adds objects and zones to the depth meta. `map` shows the whole frame.
    pub(in crate::dptdepth) fn depth(
        &mut self,
        output: &mut gst::BufferRef,
        map: &MapRef<'_>,
        frame: Size,
        meaning: OutputMeaning,
        reading: &Reading,
        moment: Moment,
    ) -> Result<(), glib::BoolError> {
        self.unit = meaning.unit();
        let (sampler, objects) = (&mut self.sampler, &mut self.objects);
        objects.clear();
        let found = meta::regions(output).map(|object| (meta::ROI, object));
        #[cfg(feature = "v1_24")]
        let found = found.chain(meta::detections(output).map(|object| (meta::ANALYTICS, object)));
        objects.extend(found.take(MAX_OBJECTS).map(|(source, object)| {
            let (id, label, rect) = object;
            let nowhere = Rect {
                width: 0,
                height: 0,
                ..rect
            };
            let area = on_map(rect, frame, map.size()).unwrap_or(nowhere);
            let stats = sampler.of_rect(map, area, reading);
            Object {
                source,
                id,
                label,
                rect,
                median: stats.median.into(),
                nearest: stats.nearest.into(),
                valid: stats.valid.into(),
                nearness: reading.nearness(stats.median),
            }
        }));
        if !objects.is_empty() {
            meta::set_region_depths(output, objects, meaning.nick(), self.unit);
            meta::set_objects(output, objects)?;
            #[cfg(feature = "v1_28")]
            meta::relate_depths(output, objects)?;
        }
        self.reports.clear();
        if !self.zones.zones().is_empty() {
            let time = moment.stream_time.map(gst::ClockTime::nseconds);
            let reports = self.zones.update(map, reading, time, sampler);
            self.reports.extend_from_slice(reports);
            meta::set_zones(output, self.zones.zones(), &self.reports)?;
        }
        Ok(())
    }

    /// Adds to the segmentation meta what each class covers. `rows` show the whole frame.
    pub(in crate::dptdepth) fn classes<'m>(
        &mut self,
        output: &mut gst::BufferRef,
        rows: impl Iterator<Item = &'m [u8]>,
        frame: Size,
        labels: &[String],
    ) -> Result<(), glib::BoolError> {
        let covered = self.coverage.measure(rows, frame);
        meta::set_coverage(output, covered, labels)
    }
}
