// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What elements of GStreamer 1.28 say of a picture that they crop, scale or put into borders.

#![allow(unsafe_code)]

use super::Region;
use gst::glib;
use gst_video::ffi;

/// A transform of pictures that leaves them upright.
pub(super) struct Matrix(ffi::GstVideoMetaTransformMatrix);

impl Matrix {
    /// The data of a transform, if it is a matrix that neither turns nor mirrors: a map has no
    /// field that could say so.
    ///
    /// # Safety
    /// `data` is what GStreamer passes for a transform of this `kind`.
    pub(super) unsafe fn of(kind: glib::ffi::GQuark, data: glib::ffi::gpointer) -> Option<Self> {
        // SAFETY: for this kind the data is a matrix; it is copied.
        let matrix = unsafe {
            if kind != ffi::gst_video_meta_transform_matrix_get_quark() {
                return None;
            }
            *(data as *const ffi::GstVideoMetaTransformMatrix).as_ref()?
        };
        let [a, b, _, c, d, ..] = matrix.matrix;
        (a > 0.0 && d > 0.0 && b == 0.0 && c == 0.0).then_some(Self(matrix))
    }

    /// Where a part of the picture is now; it may reach beyond the new picture.
    pub(super) fn apply(&self, part: Region) -> Option<Region> {
        let mut rect = ffi::GstVideoRectangle {
            x: part.x,
            y: part.y,
            w: part.width,
            h: part.height,
        };
        // SAFETY: the function reads the matrix's numbers and rectangles, and writes `rect`.
        let known = unsafe { ffi::gst_video_meta_transform_matrix_rectangle(&self.0, &mut rect) };
        (known != glib::ffi::GFALSE).then_some(Region {
            x: rect.x,
            y: rect.y,
            width: rect.w,
            height: rect.h,
        })
    }
}
