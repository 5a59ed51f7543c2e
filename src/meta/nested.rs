// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What was measured on a map, as structures inside the meta's structure: the fields `coverage`,
//! `objects` and `zones`. Lists of structures are not readable from every language; a structure
//! whose fields are structures is.

use super::{DEPTH_META, Region, SEGMENTATION_META};
use crate::frame::Rect;
use crate::measure::{Covered, Report, Zone};
use gst::glib;

/// A `GstVideoRegionOfInterestMeta`.
pub const ROI: &str = "roi";
/// A `GstAnalyticsODMtd`.
pub const ANALYTICS: &str = "analytics";

/// How far something on a frame is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Object {
    /// Which kind of meta the detection is: [`ROI`] or [`ANALYTICS`].
    pub source: &'static str,
    /// The detection's id.
    pub id: i32,
    /// What it was found to be.
    pub label: &'static str,
    /// Its rectangle, as the detection has it.
    pub rect: Rect,
    /// The depth that half of it is nearer than.
    pub median: f64,
    /// The depth that one in twenty of its values is nearer than.
    pub nearest: f64,
    /// The share of its values that are depths.
    pub valid: f64,
    /// Where the median lies between farthest (0) and nearest (1); None for metres.
    pub nearness: Option<f64>,
}

fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn set_rect(fields: &mut gst::StructureRef, rect: Rect) {
    fields.set("x", int(rect.x));
    fields.set("y", int(rect.y));
    fields.set("width", int(rect.width));
    fields.set("height", int(rect.height));
}

fn set(
    buffer: &mut gst::BufferRef,
    meta: &str,
    field: &str,
    prefix: char,
    entries: impl Iterator<Item = gst::Structure>,
) -> Result<(), glib::BoolError> {
    let mut all = gst::Structure::new_empty(field);
    for (index, entry) in entries.enumerate() {
        all.set(format!("{prefix}{index}"), entry);
    }
    gst::meta::CustomMeta::from_mut_buffer(buffer, meta)?
        .mut_structure()
        .set(field, all);
    Ok(())
}

/// Adds what classes cover to the segmentation meta.
///
/// # Errors
/// If the buffer has none.
pub fn set_coverage(
    buffer: &mut gst::BufferRef,
    covered: &[Covered],
    labels: &[String],
) -> Result<(), glib::BoolError> {
    let entries = covered.iter().map(|covered| {
        let mut entry = gst::Structure::new_empty("class");
        entry.set("index", i32::from(covered.class));
        let label = labels.get(usize::from(covered.class));
        entry.set("label", label.map_or("", String::as_str));
        entry.set("share", covered.share);
        set_rect(&mut entry, covered.rect);
        entry
    });
    set(buffer, SEGMENTATION_META, "coverage", 'c', entries)
}

/// Adds the depth of objects to the depth meta.
///
/// # Errors
/// If the buffer has none.
pub fn set_objects(buffer: &mut gst::BufferRef, objects: &[Object]) -> Result<(), glib::BoolError> {
    let entries = objects.iter().map(|object| {
        let mut entry = gst::Structure::new_empty("object");
        entry.set("source", object.source);
        entry.set("id", object.id);
        entry.set("label", object.label);
        set_rect(&mut entry, object.rect);
        set_stats(&mut entry, object);
        entry
    });
    set(buffer, DEPTH_META, "objects", 'o', entries)
}

/// The fields of an object that say how far it is.
pub(super) fn set_stats(fields: &mut gst::StructureRef, object: &Object) {
    fields.set("median", object.median);
    fields.set("nearest", object.nearest);
    fields.set("valid", object.valid);
    match object.nearness {
        Some(nearness) => fields.set("nearness", nearness),
        None => fields.remove_field("nearness"),
    }
}

/// Adds the states of zones to the depth meta.
///
/// # Errors
/// If the buffer has none.
pub fn set_zones(
    buffer: &mut gst::BufferRef,
    zones: &[Zone],
    reports: &[Report],
) -> Result<(), glib::BoolError> {
    let entries = zones.iter().zip(reports).map(|(zone, report)| {
        gst::Structure::builder("zone")
            .field("name", &zone.name)
            .field("occupied", report.occupied)
            .field("share", report.share)
            .field("nearest", f64::from(report.nearest))
            .build()
    });
    set(buffer, DEPTH_META, "zones", 'z', entries)
}

/// Moves the rectangles of a meta's fields; what has no place any more is left out.
pub(super) fn move_rects(fields: &mut gst::StructureRef, to: impl Fn(Region) -> Option<Region>) {
    for name in ["coverage", "objects"] {
        let Ok(all) = fields.get::<gst::Structure>(name) else {
            continue;
        };
        let mut moved = gst::Structure::new_empty(name);
        for (entry_name, entry) in all.iter() {
            let Ok(mut entry) = entry.get::<gst::Structure>() else {
                continue;
            };
            let side = |name: &str| entry.get::<i32>(name).unwrap_or(0);
            let rect = Region {
                x: side("x"),
                y: side("y"),
                width: side("width"),
                height: side("height"),
            };
            if let Some(rect) = to(rect) {
                entry.set("x", rect.x);
                entry.set("y", rect.y);
                entry.set("width", rect.width);
                entry.set("height", rect.height);
                moved.set(entry_name, entry);
            }
        }
        fields.set(name, moved);
    }
}
