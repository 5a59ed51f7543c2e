// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Detections that a buffer carries as `GstVideoRegionOfInterestMeta`.

#![allow(unsafe_code)]

use super::nested::{Object, set_stats};
use crate::frame::Rect;
use gst_video::VideoRegionOfInterestMeta;

/// Name of the structure that each detection is given, a parameter of its meta.
pub const OBJECT_PARAM: &str = "dptdepth";

/// Identity, kind and rectangle of each detection, in their order on the buffer.
pub fn regions(buffer: &gst::BufferRef) -> impl Iterator<Item = (i32, &'static str, Rect)> {
    buffer.iter_meta::<VideoRegionOfInterestMeta>().map(|meta| {
        let (x, y, width, height) = meta.rect();
        let rect = Rect {
            x,
            y,
            width,
            height,
        };
        (meta.id(), kind(&meta), rect)
    })
}

/// The kind of a detection; the binding's getter does not expect one without.
fn kind(meta: &gst::MetaRef<'_, VideoRegionOfInterestMeta>) -> &'static str {
    // SAFETY: the meta is alive; a quark's text is null or stays for the process's life.
    unsafe {
        let text = gst::glib::ffi::g_quark_to_string((*meta.as_ptr()).roi_type);
        if text.is_null() {
            return "";
        }
        std::ffi::CStr::from_ptr(text).to_str().unwrap_or("")
    }
}

/// Puts each object's depth onto its detection; `objects` are those of [`regions`], in that order.
pub fn set_region_depths(
    buffer: &mut gst::BufferRef,
    objects: &[Object],
    meaning: &str,
    unit: &str,
) {
    let metas = buffer.iter_meta_mut::<VideoRegionOfInterestMeta>();
    for (mut meta, object) in metas.zip(objects) {
        let fill = |fields: &mut gst::StructureRef| {
            fields.set("meaning", meaning);
            fields.set("unit", unit);
            set_stats(fields, object);
        };
        if let Some(param) = meta.param(OBJECT_PARAM) {
            // SAFETY: the structure belongs to a meta of a writable buffer, and nothing else
            // refers to it while `meta` is borrowed.
            fill(unsafe { gst::StructureRef::from_glib_borrow_mut(param.as_mut_ptr()) });
        } else {
            let mut param = gst::Structure::new_empty(OBJECT_PARAM);
            fill(&mut param);
            meta.add_param(param);
        }
    }
}
