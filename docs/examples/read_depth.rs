// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Prints what dptdepth knows of every frame: the depth in the middle, objects, zones, classes.
//!
//! In the dependencies: `gst = { package = "gstreamer", version = "0.25", features = ["v1_22"] }`.
//!
//! `read_depth "filesrc location=clip.mp4 ! decodebin ! videoconvert ! dptdepth output=meta"`

use gst::prelude::*;
use std::error::Error;

fn result(buffer: &gst::BufferRef, name: &str) -> Option<gst::Structure> {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, name).ok()?;
    Some(meta.structure().to_owned())
}

/// The map's value at pixel (x, y) of the frame; None where the map shows nothing.
fn depth_at(depth: &gst::StructureRef, x: i32, y: i32) -> Option<f32> {
    let int = |name| depth.get::<i32>(name).ok();
    let (x, y) = (x - int("region-x")?, y - int("region-y")?);
    let (columns, rows) = (int("region-width")?, int("region-height")?);
    if !(0..columns).contains(&x) || !(0..rows).contains(&y) {
        return None;
    }
    let (width, height) = (i64::from(int("width")?), i64::from(int("height")?));
    let column = i64::from(x) * width / i64::from(columns);
    let row = i64::from(y) * height / i64::from(rows);
    let data = depth.get::<gst::Buffer>("data").ok()?;
    let mut value = [0; 4];
    data.copy_to_slice(
        usize::try_from(4 * (row * width + column)).ok()?,
        &mut value,
    )
    .ok()?;
    Some(f32::from_ne_bytes(value))
}

/// The structures inside a field such as `objects`.
fn entries(meta: &Option<gst::Structure>, field: &str) -> Vec<gst::Structure> {
    let all = meta
        .as_ref()
        .and_then(|meta| meta.get::<gst::Structure>(field).ok());
    let all = all.iter().flat_map(|all| all.iter());
    all.filter_map(|(_, entry)| entry.get().ok()).collect()
}

fn text(fields: &gst::StructureRef, name: &str) -> String {
    fields.get(name).unwrap_or_default()
}

fn number(fields: &gst::StructureRef, name: &str) -> f64 {
    fields.get(name).unwrap_or_default()
}

fn place(fields: &gst::StructureRef) -> String {
    let int = |name| fields.get::<i32>(name).unwrap_or_default();
    let [x, y, width, height] = ["x", "y", "width", "height"].map(int);
    format!("at {x},{y} size {width}x{height}")
}

/// A frame's results, a line each.
pub fn describe(buffer: &gst::BufferRef) -> Vec<String> {
    let depth = result(buffer, "GstDptDepthMeta");
    let classes = result(buffer, "GstDptSegmentationMeta");
    let seconds = buffer.pts().map_or(0.0, |pts| pts.nseconds() as f64 / 1e9);
    let mut lines = vec![format!("frame {seconds:.3}")];
    if let Some(depth) = &depth {
        let middle = |side| depth.get::<i32>(side).unwrap_or_default() / 2;
        if let Some(value) = depth_at(depth, middle("region-width"), middle("region-height")) {
            lines.push(format!(
                "depth {value:.3} {}, range {:.3} to {:.3}",
                text(depth, "meaning"),
                number(depth, "near"),
                number(depth, "far")
            ));
        }
    }
    for each in entries(&depth, "objects") {
        lines.push(format!(
            "object {} {}, median {:.3}, nearest {:.3}, valid {:.2}",
            text(&each, "label"),
            place(&each),
            number(&each, "median"),
            number(&each, "nearest"),
            number(&each, "valid")
        ));
    }
    for each in entries(&depth, "zones") {
        let occupied = each.get("occupied").unwrap_or(false);
        lines.push(format!(
            "zone {} {}, share {:.3}",
            text(&each, "name"),
            if occupied { "occupied" } else { "free" },
            number(&each, "share")
        ));
    }
    for each in entries(&classes, "coverage") {
        lines.push(format!(
            "class {} {}, share {:.3}",
            text(&each, "label"),
            place(&each),
            number(&each, "share")
        ));
    }
    lines
}

#[allow(clippy::print_stdout, reason = "that is what this program is for")]
fn main() -> Result<(), Box<dyn Error>> {
    gst::init()?;
    let source = std::env::args()
        .nth(1)
        .ok_or("usage: read_depth \"SOURCE ! dptdepth output=meta\"")?;
    let pipeline = gst::parse::launch(&format!("{source} ! fakesink name=sink"))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| "no pipeline")?;
    let pad = pipeline
        .by_name("sink")
        .and_then(|sink| sink.static_pad("sink"));
    pad.ok_or("no sink")?
        .add_probe(gst::PadProbeType::BUFFER, |_, info| {
            if let Some(buffer) = info.buffer() {
                for line in describe(buffer) {
                    println!("{line}");
                }
            }
            gst::PadProbeReturn::Ok
        });
    pipeline.set_state(gst::State::Playing)?;
    let bus = pipeline.bus().ok_or("no bus")?;
    let ended = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(gst::ClockTime::NONE, &ended);
    pipeline.set_state(gst::State::Null)?;
    match message.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => Err(error.error().into()),
        _ => Ok(()),
    }
}
