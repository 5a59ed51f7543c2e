// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Between GStreamer's video types and `frame`'s: formats, caps, views of mapped frames, enums of
//! properties. What both elements need.

pub(crate) mod caps;
mod looks;
pub(crate) mod pspecs;

pub(crate) use looks::register;
pub use looks::{Colormap, DepthUnit, Polarity, Upsampling};

use crate::frame::{
    ChromaSite, ColorRange, Format, FrameError, FrameMut, FrameRef, Layout, Matrix, Plane, PlaneMut,
};
use crate::spec::Size;
use gst_video::prelude::*;
use gst_video::{
    VideoChromaSite, VideoColorMatrix, VideoColorRange, VideoFormat, VideoFrameRef, VideoInfo,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// GRAY16 in the machine's byte order.
pub(crate) const GRAY16: VideoFormat = if cfg!(target_endian = "little") {
    VideoFormat::Gray16Le
} else {
    VideoFormat::Gray16Be
};

/// What the sink pad takes, in order of preference: planar 4:2:0 first, because decoders make it
/// and it is the least to read.
pub(crate) const SINK_FORMATS: [(VideoFormat, Format); 20] = [
    (VideoFormat::Nv12, Format::Nv12),
    (VideoFormat::I420, Format::I420),
    (VideoFormat::Yv12, Format::Yv12),
    (VideoFormat::Nv21, Format::Nv21),
    (VideoFormat::Yuy2, Format::Yuy2),
    (VideoFormat::Uyvy, Format::Uyvy),
    (VideoFormat::Y444, Format::Y444),
    (VideoFormat::Rgb, Format::Rgb),
    (VideoFormat::Bgr, Format::Bgr),
    (VideoFormat::Rgba, Format::Rgba),
    (VideoFormat::Bgra, Format::Bgra),
    (VideoFormat::Argb, Format::Argb),
    (VideoFormat::Abgr, Format::Abgr),
    (VideoFormat::Rgbx, Format::Rgbx),
    (VideoFormat::Bgrx, Format::Bgrx),
    (VideoFormat::Xrgb, Format::Xrgb),
    (VideoFormat::Xbgr, Format::Xbgr),
    (VideoFormat::Gray8, Format::Gray8),
    (VideoFormat::P01010le, Format::P010Le),
    (VideoFormat::I42010le, Format::I42010Le),
];

/// Colour formats of a map as a picture, in order of preference.
pub(crate) const COLOR_FORMATS: [VideoFormat; 4] = [
    VideoFormat::Rgb,
    VideoFormat::Bgr,
    VideoFormat::Rgba,
    VideoFormat::Bgra,
];

/// `frame`'s name for a format, if it is one of those the element takes.
fn format(format: VideoFormat) -> Option<Format> {
    SINK_FORMATS
        .iter()
        .find(|(ours, _)| *ours == format)
        .map(|(_, theirs)| *theirs)
}

fn matrix(info: &VideoInfo) -> Matrix {
    match info.colorimetry().matrix() {
        VideoColorMatrix::Bt709 => Matrix::Bt709,
        VideoColorMatrix::Bt2020 => Matrix::Bt2020,
        VideoColorMatrix::Fcc => Matrix::Fcc,
        VideoColorMatrix::Smpte240m => Matrix::Smpte240m,
        _ => Matrix::Bt601,
    }
}

fn range(info: &VideoInfo) -> ColorRange {
    match info.colorimetry().range() {
        VideoColorRange::Range0_255 => ColorRange::Full,
        _ => ColorRange::Limited,
    }
}

fn chroma_site(info: &VideoInfo) -> ChromaSite {
    let site = info.chroma_site();
    ChromaSite {
        h_cosited: site.contains(VideoChromaSite::H_COSITED),
        v_cosited: site.contains(VideoChromaSite::V_COSITED),
    }
}

/// What `frame` calls pictures of these caps, if it knows their format.
pub(crate) fn layout(info: &VideoInfo) -> Option<Layout> {
    let format = match info.format() {
        GRAY16 => Format::Gray16,
        other => format(other)?,
    };
    Some(Layout {
        format,
        size: Size::new(info.height(), info.width()),
        matrix: matrix(info),
        range: range(info),
        site: chroma_site(info),
    })
}

fn stride(stride: &i32) -> usize {
    usize::try_from(*stride).unwrap_or(0)
}

/// A view of a mapped frame, to read.
///
/// # Errors
/// If a plane is shorter than its stride and height say.
pub(crate) fn read<'a>(
    frame: &'a VideoFrameRef<&gst::BufferRef>,
    layout: Layout,
) -> Result<FrameRef<'a>, FrameError> {
    let planes = frame.planes_data().into_iter().zip(frame.plane_stride());
    FrameRef::new(
        layout,
        planes
            .take(frame.n_planes() as usize)
            .map(|(data, s)| Plane {
                data,
                stride: stride(s),
            }),
    )
}

/// A view of a mapped frame, to write.
///
/// # Errors
/// As [`read`].
pub(crate) fn write<'a>(
    frame: &'a mut VideoFrameRef<&mut gst::BufferRef>,
    layout: Layout,
) -> Result<FrameMut<'a>, FrameError> {
    let count = frame.n_planes() as usize;
    let mut strides = [0; 4];
    for (ours, theirs) in strides.iter_mut().zip(frame.plane_stride()) {
        *ours = stride(theirs);
    }
    let planes = frame.planes_data_mut().into_iter().zip(strides);
    FrameMut::new(
        layout,
        planes
            .take(count)
            .map(|(data, stride)| PlaneMut { data, stride }),
    )
}

/// Locks, whatever a panicking holder left behind: each of these values is replaced whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
