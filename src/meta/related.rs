// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The depth of a detection as a tensor that is related to it (GStreamer 1.28), for readers that
//! know upstream's analytics only. Older versions have no mtd that could hold three numbers: one
//! of our own would be a block of memory whose layout only our header tells. The bindings have no
//! tensor mtd yet, so its C function is called.

#![allow(unsafe_code)]

use super::{ANALYTICS, Object};
use gst::glib::{self, translate::*};
use gst_analytics::{AnalyticsRelationMeta, RelTypes, ffi};
use std::mem::MaybeUninit;

/// The tensor's id.
const ID: &str = "dpt-object-depth";

/// Relates to each detection of the buffer's analytics its depth: f32 × 3, the object's median,
/// nearest and valid share.
///
/// # Errors
/// If GStreamer cannot add them.
pub fn relate_depths(
    buffer: &mut gst::BufferRef,
    objects: &[Object],
) -> Result<(), glib::BoolError> {
    let detections = objects.iter().filter(|object| object.source == ANALYTICS);
    let Some(mut meta) = buffer.meta_mut::<AnalyticsRelationMeta>() else {
        return Ok(());
    };
    for object in detections {
        let depth = [object.median, object.nearest, object.valid].map(|value| value as f32);
        let tensor = add(&mut meta, &depth)?;
        meta.set_relation(RelTypes::RELATE_TO, object.id.unsigned_abs(), tensor)?;
    }
    Ok(())
}

/// Adds a tensor and returns its id.
fn add(meta: &mut AnalyticsRelationMeta, values: &[f32; 3]) -> Result<u32, glib::BoolError> {
    let data = gst::Buffer::from_mut_slice(bytemuck::bytes_of(values).to_vec());
    let mut mtd = MaybeUninit::<ffi::GstAnalyticsTensorMtd>::uninit();
    // SAFETY: `meta` is borrowed mutably from a writable buffer. The function takes the reference
    // to `data` over, reads one dimension, and writes `mtd` where it returns TRUE.
    unsafe {
        let added = ffi::gst_analytics_relation_meta_add_tensor_mtd_simple(
            meta.as_mut_ptr(),
            glib::Quark::from_str(ID).into_glib(),
            ffi::GST_TENSOR_DATA_TYPE_FLOAT32,
            data.into_glib_ptr(),
            ffi::GST_TENSOR_DIM_ORDER_ROW_MAJOR,
            1,
            [values.len()].as_mut_ptr(),
            mtd.as_mut_ptr(),
        );
        if added == glib::ffi::GFALSE {
            return Err(glib::bool_error!("GStreamer takes no tensor"));
        }
        Ok(mtd.assume_init().id)
    }
}
