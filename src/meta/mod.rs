// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Result metas: a model's output on the buffer that it was computed from.
//!
//! Both are `GstCustomMeta`s, so any binding reads them as a `GstStructure` with no header of
//! ours; `docs/metadata.md` lists the fields. A depth and a segmentation element can run in
//! series because each kind has a name of its own.

#[cfg(feature = "v1_24")]
mod detections;
#[cfg(feature = "v1_26")]
mod mask;
#[cfg(feature = "v1_28")]
mod matrix;
mod nested;
pub mod read;
mod regions;
#[cfg(feature = "v1_28")]
mod related;
#[cfg(feature = "v1_26")]
mod tensor;
mod transform;

#[cfg(feature = "v1_24")]
pub use detections::detections;
pub use nested::{ANALYTICS, Object, ROI, set_coverage, set_objects, set_zones};
pub use regions::{OBJECT_PARAM, regions, set_region_depths};
#[cfg(feature = "v1_28")]
pub use related::relate_depths;
#[cfg(feature = "v1_26")]
pub use tensor::add_tensor;
#[cfg(feature = "v1_28")]
pub use tensor::set_tensor_caps;

use gst::glib;
use std::sync::Once;

/// Name of the meta (and of its structure) that carries a depth map.
pub const DEPTH_META: &str = "GstDptDepthMeta";
/// Name of the meta (and of its structure) that carries a map of class indices.
pub const SEGMENTATION_META: &str = "GstDptSegmentationMeta";

/// Registers both metas with GStreamer; later calls do nothing.
pub fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for name in [DEPTH_META, SEGMENTATION_META] {
            transform::register(name);
        }
    });
}

/// The rectangle of a frame that a map covers, in the frame's pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Left edge.
    pub x: i32,
    /// Top edge.
    pub y: i32,
    /// Columns.
    pub width: i32,
    /// Rows.
    pub height: i32,
}

/// What every result meta says beside its values.
#[derive(Clone, Copy, Debug)]
pub struct Result<'a> {
    /// Map columns.
    pub width: u32,
    /// Map rows.
    pub height: u32,
    /// The part of the frame that the map covers.
    pub region: Region,
    /// The model's name.
    pub model: &'a str,
    /// The provider that ran it.
    pub provider: &'a str,
    /// Time since the frame that the map was computed from.
    pub age: gst::ClockTime,
}

/// A depth map's own fields.
#[derive(Clone, Copy, Debug)]
pub struct Depth<'a> {
    /// `inverse-relative`, `relative` or `metric`.
    pub meaning: &'a str,
    /// `m` for metric maps, `none` otherwise.
    pub unit: &'a str,
    /// The map's value at the near end of the range used for 8 and 16 bit.
    pub near: f64,
    /// The map's value at the far end of that range.
    pub far: f64,
}

/// Attaches a depth map. `data` holds `height × width` f32 values in native byte order.
///
/// # Errors
/// If GStreamer cannot add the meta.
pub fn add_depth(
    buffer: &mut gst::BufferRef,
    result: &Result<'_>,
    depth: &Depth<'_>,
    data: gst::Buffer,
) -> std::result::Result<(), glib::BoolError> {
    let mut meta = add(buffer, DEPTH_META, result, "F32", data)?;
    let fields = meta.mut_structure();
    fields.set("meaning", depth.meaning);
    fields.set("unit", depth.unit);
    fields.set("near", depth.near);
    fields.set("far", depth.far);
    fields.set("invalid", f64::NAN);
    Ok(())
}

/// Says of `data`, which holds `height × width` class indices, that it can be used as a picture:
/// gives it a `GstVideoMeta` (GRAY8).
///
/// # Errors
/// If GStreamer cannot add the meta.
pub fn make_picture(
    data: &mut gst::BufferRef,
    width: u32,
    height: u32,
) -> std::result::Result<(), glib::BoolError> {
    gst_video::VideoMeta::add(
        data,
        gst_video::VideoFrameFlags::empty(),
        gst_video::VideoFormat::Gray8,
        width,
        height,
    )?;
    Ok(())
}

/// Attaches a map of class indices. `data` holds `height × width` bytes and went through
/// [`make_picture`]. From GStreamer 1.26 on (feature `v1_26`) it is also attached as a
/// `GstAnalyticsSegmentationMtd`.
///
/// # Errors
/// If GStreamer cannot add the meta.
pub fn add_segmentation(
    buffer: &mut gst::BufferRef,
    result: &Result<'_>,
    labels: &glib::StrV,
    data: gst::Buffer,
) -> std::result::Result<(), glib::BoolError> {
    #[cfg(feature = "v1_26")]
    mask::add(buffer, result.region, labels, data.clone())?;
    let mut meta = add(buffer, SEGMENTATION_META, result, "U8", data)?;
    meta.mut_structure().set("labels", labels);
    Ok(())
}

fn add<'b>(
    buffer: &'b mut gst::BufferRef,
    name: &str,
    result: &Result<'_>,
    format: &str,
    data: gst::Buffer,
) -> std::result::Result<
    gst::MetaRefMut<'b, gst::meta::CustomMeta, gst::meta::Standalone>,
    glib::BoolError,
> {
    // A reader gets the first meta of a name, so an older one of our kind must go.
    if let Ok(old) = gst::meta::CustomMeta::from_mut_buffer(buffer, name) {
        old.remove()?;
    }
    let mut meta = gst::meta::CustomMeta::add(buffer, name)?;
    let fields = meta.mut_structure();
    let int = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    fields.set("width", int(result.width));
    fields.set("height", int(result.height));
    fields.set("format", format);
    fields.set("data", data);
    fields.set("model", result.model);
    fields.set("provider", result.provider);
    fields.set("age", result.age.nseconds());
    transform::set_region(fields, result.region);
    Ok(meta)
}
