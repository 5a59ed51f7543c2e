// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What elements of GStreamer 1.28 say of a picture that they crop, scale or put into borders.

#![allow(unsafe_code)]

use super::Region;
use gst::glib;
use gst_video::ffi;

/// How the coordinates on one axis of a picture change.
#[derive(Clone, Copy, Debug)]
struct Axis {
    /// The first pixel that is shown,
    from: f64,
    /// and where.
    to: f64,
    scale: f64,
}

impl Axis {
    /// The new place of `length` pixels from `start` on. GStreamer's own function is one off for
    /// what lies before the picture: it rounds towards zero.
    fn apply(self, start: i32, length: i32) -> (i32, i32) {
        let place = |pixel: f64| (self.to + (pixel - self.from) * self.scale).round();
        let (start, end) = (f64::from(start), f64::from(start) + f64::from(length));
        let (start, end) = (place(start), place(end));
        // Saturates.
        (start as i32, (end - start) as i32)
    }
}

/// A transform of pictures that leaves them upright.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix {
    x: Axis,
    y: Axis,
}

impl Matrix {
    /// The data of a transform, if it is a matrix that neither turns, mirrors nor distorts: a map
    /// has no field that could say so.
    ///
    /// # Safety
    /// `data` is what GStreamer passes for a transform of this `kind`.
    pub(super) unsafe fn of(kind: glib::ffi::GQuark, data: glib::ffi::gpointer) -> Option<Self> {
        // SAFETY: the quark takes nothing; for this kind the data is null or a matrix.
        let change = unsafe {
            if kind != ffi::gst_video_meta_transform_matrix_get_quark() {
                return None;
            }
            (data as *const ffi::GstVideoMetaTransformMatrix).as_ref()?
        };
        Self::new(&change.matrix, &change.in_rectangle, &change.out_rectangle)
    }

    /// The matrix applies to what is in `from`, seen from its corner, and what comes out is put
    /// into `to`.
    fn new(
        matrix: &[f32; 9],
        from: &ffi::GstVideoRectangle,
        to: &ffi::GstVideoRectangle,
    ) -> Option<Self> {
        let [a, b, x, c, d, y, rest @ ..] = matrix.map(f64::from);
        let upright = a > 0.0 && d > 0.0 && b == 0.0 && c == 0.0 && rest == [0.0, 0.0, 1.0];
        let axis = |from: i32, to: i32, offset: f64, scale| Axis {
            from: from.into(),
            to: f64::from(to) + offset,
            scale,
        };
        upright.then(|| Self {
            x: axis(from.x, to.x, x, a),
            y: axis(from.y, to.y, y, d),
        })
    }

    /// Where a part of the picture is now; it may reach beyond the new picture.
    pub(super) fn apply(&self, part: Region) -> Region {
        let (x, width) = self.x.apply(part.x, part.width);
        let (y, height) = self.y.apply(part.y, part.height);
        Region {
            x,
            y,
            width,
            height,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(
        numbers: [f32; 9],
        from: (i32, i32, i32, i32),
        to: (i32, i32, i32, i32),
    ) -> Option<Matrix> {
        let rectangle = |(x, y, w, h)| ffi::GstVideoRectangle { x, y, w, h };
        Matrix::new(&numbers, &rectangle(from), &rectangle(to))
    }

    /// Numbers of `gst_video_meta_transform_matrix_init` for these rectangles.
    #[test]
    fn parts_follow_crops_scales_and_borders() {
        let whole = Region {
            x: 0,
            y: 0,
            width: 80,
            height: 64,
        };
        let place = |scale: f32, from, to| {
            let numbers = [scale, 0., 0., 0., scale, 0., 0., 0., 1.];
            let Region {
                x,
                y,
                width,
                height,
            } = matrix(numbers, from, to).unwrap().apply(whole);
            (x, y, width, height)
        };
        let crop = place(1.0, (8, 4, 62, 60), (0, 0, 62, 60));
        assert_eq!(crop, (-8, -4, 80, 64));
        let borders = place(1.0, (0, 0, 80, 64), (40, 0, 80, 64));
        assert_eq!(borders, (40, 0, 80, 64));
        let both = place(2.0, (8, 0, 72, 64), (0, 0, 144, 128));
        assert_eq!(both, (-16, 0, 160, 128));
    }

    #[test]
    fn what_is_not_upright_is_refused() {
        let (from, to) = ((0, 0, 80, 64), (0, 0, 80, 64));
        assert!(matrix([-1., 0., 80., 0., 1., 0., 0., 0., 1.], from, to).is_none());
        assert!(matrix([0., 1., 0., -1., 0., 80., 0., 0., 1.], from, to).is_none());
        assert!(matrix([1., 0., 0., 0., 1., 0., 0.1, 0., 1.], from, to).is_none());
        assert!(matrix([f32::NAN, 0., 0., 0., 1., 0., 0., 0., 1.], from, to).is_none());
    }
}
