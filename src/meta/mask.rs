// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A map of classes as `GstAnalyticsSegmentationMtd`, its classes' names as `GstAnalyticsClsMtd`
//! (GStreamer 1.26). The bindings have no segmentation yet, so its C functions are called.

#![allow(unsafe_code)]

use super::Region;
use gst::glib::{self, translate::*};
use gst_analytics::prelude::*;
use gst_analytics::{AnalyticsRelationMeta, RelTypes, ffi};
use std::mem::MaybeUninit;

/// What upstream writes where a class has no score.
const NO_CONFIDENCE: f32 = -1.0;

/// Relates to the buffer's analytics a semantic segmentation and the classification that names
/// its regions. `mask` has one byte a pixel, the class index, and a `GstVideoMeta` (GRAY8);
/// it shows `region` of the frame. Regions are the named classes that occur, by rising index, and
/// a region's id is the class's index.
///
/// # Errors
/// If GStreamer cannot add them.
pub(super) fn add(
    buffer: &mut gst::BufferRef,
    region: Region,
    labels: &glib::StrVRef,
    mask: gst::Buffer,
) -> Result<(), glib::BoolError> {
    let (mut ids, mut names) = ([0; 256], [glib::Quark::from_str(""); 256]);
    let mut count = 0;
    let occurs = classes_of(&mask)?;
    for (id, label) in (0..256).zip(labels.iter()) {
        if occurs[id as usize] {
            (ids[count], names[count]) = (id, glib::Quark::from_str(label.as_str()));
            count += 1;
        }
    }
    let mut meta = AnalyticsRelationMeta::add(buffer);
    let segmentation = add_segmentation(&mut meta, region, &mut ids[..count], mask)?;
    if count > 0 {
        let classes = meta
            .add_cls_mtd(&[NO_CONFIDENCE; 256][..count], &names[..count])?
            .id();
        meta.set_relation(RelTypes::RELATE_TO, segmentation, classes)?;
    }
    Ok(())
}

/// Which of the 256 classes a mask holds.
fn classes_of(mask: &gst::BufferRef) -> Result<[bool; 256], glib::BoolError> {
    let mut occurs = [false; 256];
    for run in mask.map_readable()?.chunk_by(|a, b| a == b) {
        occurs[usize::from(run[0])] = true;
    }
    Ok(occurs)
}

/// Adds the segmentation and returns its id.
fn add_segmentation(
    meta: &mut AnalyticsRelationMeta,
    region: Region,
    ids: &mut [u32],
    mask: gst::Buffer,
) -> Result<u32, glib::BoolError> {
    let side = |length: i32| u32::try_from(length).unwrap_or(0);
    let mut mtd = MaybeUninit::<ffi::GstAnalyticsSegmentationMtd>::uninit();
    // SAFETY: `meta` is borrowed mutably from a writable buffer. The function takes the reference
    // to `mask` over, reads as many ids as it is told there are, and writes `mtd` where it
    // returns TRUE.
    unsafe {
        let added = ffi::gst_analytics_relation_meta_add_segmentation_mtd(
            meta.as_mut_ptr(),
            mask.into_glib_ptr(),
            ffi::GST_SEGMENTATION_TYPE_SEMANTIC,
            ids.len(),
            ids.as_mut_ptr(),
            region.x,
            region.y,
            side(region.width),
            side(region.height),
            mtd.as_mut_ptr(),
        );
        if added == glib::ffi::GFALSE {
            return Err(glib::bool_error!("GStreamer takes no segmentation"));
        }
        Ok(mtd.assume_init().id)
    }
}
