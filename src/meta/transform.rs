// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! How result metas follow a buffer through other elements.
//!
//! They are copied with the buffer and follow `videoscale` and `videoconvert`; they are dropped
//! where borders were added. Crop and flip before GStreamer 1.28 send no transform for metas tagged
//! `size` and `orientation`, which drops them there too; from 1.28 on (feature `v1_28`) they send a
//! matrix, and metas follow crops and borders.

#![allow(unsafe_code)]

use super::{Region, nested};
use gst::ffi;
use gst::glib::{self, translate::*};
use gst::meta::MetaTransform as _;

const TAGS: [&str; 3] = ["video", "size", "orientation"];

/// Registers a custom meta of this name. The crate's safe hook hides the transform's data, which
/// holds the sizes before and after scaling, so the C function is called directly.
pub(super) fn register(name: &str) {
    // SAFETY: `name` and the tags live through the call, which copies them; `transform` matches
    // the C signature and takes no user data.
    unsafe {
        ffi::gst_meta_register_custom(
            name.to_glib_none().0,
            TAGS.as_slice().to_glib_none().0,
            Some(transform),
            std::ptr::null_mut(),
            None,
        );
    }
}

pub(super) fn set_region(fields: &mut gst::StructureRef, region: Region) {
    fields.set("region-x", region.x);
    fields.set("region-y", region.y);
    fields.set("region-width", region.width);
    fields.set("region-height", region.height);
}

pub(super) fn region(fields: &gst::StructureRef) -> Option<Region> {
    Some(Region {
        x: fields.get("region-x").ok()?,
        y: fields.get("region-y").ok()?,
        width: fields.get("region-width").ok()?,
        height: fields.get("region-height").ok()?,
    })
}

/// A picture's width, height and pixel aspect ratio.
struct Picture {
    width: i64,
    height: i64,
    par: (i64, i64),
}

impl Picture {
    fn of(info: &gst_video::ffi::GstVideoInfo) -> Self {
        Self {
            width: info.width.into(),
            height: info.height.into(),
            par: (info.par_n.max(1).into(), info.par_d.max(1).into()),
        }
    }

    /// Whether both show the same display aspect ratio, up to the rounding of a side to whole
    /// pixels (an even number of them for subsampled formats).
    fn same_aspect(&self, other: &Self) -> bool {
        let ratio =
            |p: &Self| (p.width * p.par.0) as f64 / (p.height.max(1) * p.par.1).max(1) as f64;
        let (a, b) = (ratio(self), ratio(other));
        let smallest = self
            .width
            .min(self.height)
            .min(other.width)
            .min(other.height);
        (a / b - 1.0).abs() <= 2.0 / smallest.max(1) as f64
    }
}

/// The region of the scaled picture, or `None` where the meta would lie.
fn scaled(region: Region, from: &Picture, to: &Picture) -> Option<Region> {
    if from.width <= 0 || from.height <= 0 || !from.same_aspect(to) {
        return None;
    }
    Some(Region {
        x: scaled_axis(region.x, from.width, to.width)?,
        y: scaled_axis(region.y, from.height, to.height)?,
        width: scaled_axis(region.width, from.width, to.width)?,
        height: scaled_axis(region.height, from.height, to.height)?,
    })
}

/// A coordinate on an axis of `from` pixels that becomes `to` long; `from` is above 0.
fn scaled_axis(value: i32, from: i64, to: i64) -> Option<i32> {
    i32::try_from((i64::from(value) * to + from / 2).checked_div(from)?).ok()
}

/// How a picture became another.
enum Change {
    /// Not at all.
    None,
    /// From one size to another of the same shape.
    Scale(Picture, Picture),
    /// Cropped, scaled, or moved into borders.
    #[cfg(feature = "v1_28")]
    Matrix(super::matrix::Matrix),
}

impl Change {
    /// Where a part of the picture is now; `None` where it cannot be said.
    fn apply(&self, part: Region) -> Option<Region> {
        match self {
            Self::None => Some(part),
            Self::Scale(from, to) => scaled(part, from, to),
            #[cfg(feature = "v1_28")]
            Self::Matrix(matrix) => Some(matrix.apply(part)),
        }
    }
}

unsafe extern "C" fn transform(
    target: *mut ffi::GstBuffer,
    meta: *mut ffi::GstCustomMeta,
    _source: *mut ffi::GstBuffer,
    kind: glib::ffi::GQuark,
    data: glib::ffi::gpointer,
    _user_data: glib::ffi::gpointer,
) -> glib::ffi::gboolean {
    // SAFETY: GStreamer passes a live meta and, for each kind of transform, a pointer to that
    // kind's data; `target` is writable.
    unsafe {
        let source_fields =
            gst::StructureRef::from_glib_borrow(ffi::gst_custom_meta_get_structure(meta));
        let change = if kind == gst::meta::MetaTransformCopy::quark().into_glib() {
            let copy = data as *const ffi::GstMetaTransformCopy;
            if !copy.is_null() && (*copy).region != glib::ffi::GFALSE {
                return glib::ffi::GFALSE;
            }
            Change::None
        } else if kind == gst_video::ffi::gst_video_meta_transform_scale_get_quark() {
            let scale = data as *const gst_video::ffi::GstVideoMetaTransform;
            if scale.is_null() || (*scale).in_info.is_null() || (*scale).out_info.is_null() {
                return glib::ffi::GFALSE;
            }
            Change::Scale(
                Picture::of(&*(*scale).in_info),
                Picture::of(&*(*scale).out_info),
            )
        } else {
            #[cfg(feature = "v1_28")]
            match super::matrix::Matrix::of(kind, data) {
                Some(matrix) => Change::Matrix(matrix),
                None => return glib::ffi::GFALSE,
            }
            #[cfg(not(feature = "v1_28"))]
            return glib::ffi::GFALSE;
        };
        let Some(new_region) = region(source_fields).and_then(|region| change.apply(region)) else {
            return glib::ffi::GFALSE;
        };
        let name = ffi::gst_structure_get_name(source_fields.as_ptr());
        let added = ffi::gst_buffer_add_custom_meta(target, name);
        if added.is_null() {
            return glib::ffi::GFALSE;
        }
        let fields =
            gst::StructureRef::from_glib_borrow_mut(ffi::gst_custom_meta_get_structure(added));
        for (field, value) in source_fields.iter() {
            fields.set_value(field, value.clone());
        }
        set_region(fields, new_region);
        if !matches!(change, Change::None) {
            nested::move_rects(fields, |rect| change.apply(rect));
        }
        glib::ffi::GTRUE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: i64, height: i64, par: (i64, i64)) -> Picture {
        Picture { width, height, par }
    }

    #[test]
    fn regions_scale_with_the_picture() {
        let region = Region {
            x: 10,
            y: 20,
            width: 300,
            height: 200,
        };
        let half = scaled(
            region,
            &picture(640, 480, (1, 1)),
            &picture(320, 240, (1, 1)),
        );
        assert_eq!(
            half,
            Some(Region {
                x: 5,
                y: 10,
                width: 150,
                height: 100
            })
        );
    }

    #[test]
    fn borders_drop_the_meta() {
        let region = Region {
            x: 0,
            y: 0,
            width: 640,
            height: 480,
        };
        let from = picture(640, 480, (1, 1));
        assert_eq!(scaled(region, &from, &picture(640, 360, (1, 1))), None);
        // The same shape on screen by another pixel aspect ratio has no borders.
        assert!(scaled(region, &from, &picture(640, 360, (3, 4))).is_some());
    }
}
