// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Detections that a buffer carries as `GstAnalyticsODMtd` (GStreamer 1.24).

use crate::frame::Rect;
use gst_analytics::prelude::*;
use gst_analytics::{AnalyticsODMtd, AnalyticsRelationMeta};

/// Identity, kind and rectangle of each detection, by rising identity. A rectangle is cut off at
/// the frame's left and top; an oriented one is taken as upright.
pub fn detections(buffer: &gst::BufferRef) -> impl Iterator<Item = (i32, &'static str, Rect)> {
    let meta = buffer.meta::<AnalyticsRelationMeta>();
    meta.into_iter().flat_map(|meta| {
        (0..u32::try_from(meta.len()).unwrap_or(0)).filter_map(move |id| {
            let object = meta.mtd::<AnalyticsODMtd>(id)?;
            let place = object.location().ok()?;
            let ((x, width), (y, height)) = (axis(place.x, place.w), axis(place.y, place.h));
            let kind = object.obj_type().map_or("", |kind| kind.as_str().as_str());
            let rect = Rect {
                x,
                y,
                width,
                height,
            };
            Some((i32::try_from(id).ok()?, kind, rect))
        })
    })
}

/// What of an axis is not below 0, as start and length.
fn axis(start: i32, length: i32) -> (u32, u32) {
    let end = i64::from(start) + i64::from(length);
    let start = start.max(0);
    let length = (end - i64::from(start)).max(0);
    (start.unsigned_abs(), u32::try_from(length).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst::glib;

    #[test]
    fn detections_are_read_with_their_ids() {
        gst::init().unwrap();
        let mut buffer = gst::Buffer::new();
        assert_eq!(detections(&buffer).count(), 0);
        {
            let mut meta = AnalyticsRelationMeta::add(buffer.get_mut().unwrap());
            let person = glib::Quark::from_str("person");
            meta.add_one_cls_mtd(0.5, person).unwrap();
            meta.add_od_mtd(person, -4, 2, 30, 40, 0.9).unwrap();
            meta.add_od_mtd(person, i32::MAX, i32::MIN, i32::MAX, i32::MAX, 0.9)
                .unwrap();
        }
        let rect = |x, y, width, height| Rect {
            x,
            y,
            width,
            height,
        };
        let far = i32::MAX.unsigned_abs();
        let found: Vec<_> = detections(&buffer).collect();
        assert_eq!(
            found,
            [
                (1, "person", rect(0, 2, 26, 40)),
                (2, "person", rect(far, 0, far, 0)),
            ]
        );
    }
}
