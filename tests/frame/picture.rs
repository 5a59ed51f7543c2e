// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Pictures for tests: from files, with awkward strides, and through GStreamer's converter.

use std::path::Path;

use gst_video::prelude::*;
use gstdptdepth::frame::{
    ChromaSite, ColorRange, Format, FrameMut, FrameRef, Layout, Matrix, Plane, PlaneMut,
};
use gstdptdepth::spec::Size;

/// A picture with memory of its own.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    pub(super) layout: Layout,
    pub(super) planes: Vec<(Vec<u8>, usize)>,
}

impl Picture {
    /// A picture of zeros. Rows are `padding` bytes longer than need be, but for the last one.
    pub(super) fn new(layout: Layout, padding: usize) -> Self {
        let Layout { format, size, .. } = layout;
        let plane = |plane| {
            let row_bytes = format.row_bytes(plane, size.width);
            let stride = row_bytes + padding;
            let rows = format.plane_rows(plane, size.height);
            (vec![0; stride * (rows - 1) + row_bytes], stride)
        };
        Self {
            layout,
            planes: (0..format.planes()).map(plane).collect(),
        }
    }

    /// RGB pixels without padding.
    pub(super) fn rgb(size: Size, pixels: Vec<u8>) -> Self {
        let layout = Layout::full_range(Format::Rgb, size);
        Self {
            layout,
            planes: vec![(pixels, size.width as usize * 3)],
        }
    }

    /// A picture of `tests/data/frame`.
    pub(super) fn load(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data/frame")
            .join(name);
        let image = image::open(path).unwrap().to_rgb8();
        Self::rgb(Size::new(image.height(), image.width()), image.into_raw())
    }

    /// Bytes that look like nothing.
    pub(super) fn noise(layout: Layout, padding: usize) -> Self {
        let mut picture = Self::new(layout, padding);
        let mut state = 1;
        for (data, _) in &mut picture.planes {
            data.fill_with(|| random(&mut state) as u8);
        }
        picture
    }

    /// The same picture with longer rows and garbage behind them.
    pub(super) fn padded(&self, padding: usize) -> Self {
        let mut padded = Self::noise(self.layout, padding);
        let Layout { format, size, .. } = self.layout;
        for (plane, ((from, from_stride), (to, to_stride))) in
            self.planes.iter().zip(&mut padded.planes).enumerate()
        {
            let row_bytes = format.row_bytes(plane, size.width);
            for (from, to) in from.chunks(*from_stride).zip(to.chunks_mut(*to_stride)) {
                to[..row_bytes].copy_from_slice(&from[..row_bytes]);
            }
        }
        padded
    }

    pub(super) fn frame(&self) -> FrameRef<'_> {
        let planes = self.planes.iter().map(|(data, stride)| Plane {
            data,
            stride: *stride,
        });
        FrameRef::new(self.layout, planes).unwrap()
    }

    pub(super) fn frame_mut(&mut self) -> FrameMut<'_> {
        let planes = self.planes.iter_mut().map(|(data, stride)| PlaneMut {
            data,
            stride: *stride,
        });
        FrameMut::new(self.layout, planes).unwrap()
    }

    /// The bytes of a plane without padding.
    pub(super) fn bytes(&self, plane: usize) -> Vec<u8> {
        let row_bytes = self.layout.format.row_bytes(plane, self.layout.size.width);
        let (data, stride) = &self.planes[plane];
        data.chunks(*stride)
            .flat_map(|row| row[..row_bytes].to_vec())
            .collect()
    }

    /// What GStreamer's converter makes of the picture.
    pub(super) fn convert(&self, to: Layout) -> Self {
        gst::init().unwrap();
        let (from_info, to_info) = (info(&self.layout), info(&to));
        let mut buffer = gst::Buffer::with_size(from_info.size()).unwrap();
        {
            let buffer = buffer.get_mut().unwrap();
            let mut frame =
                gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &from_info).unwrap();
            for (plane, (data, stride)) in self.planes.iter().enumerate() {
                let row_bytes = self.layout.format.row_bytes(plane, self.layout.size.width);
                let to_stride = frame.plane_stride()[plane] as usize;
                let rows = frame
                    .plane_data_mut(plane as u32)
                    .unwrap()
                    .chunks_mut(to_stride);
                for (to, from) in rows.zip(data.chunks(*stride)) {
                    to[..row_bytes].copy_from_slice(&from[..row_bytes]);
                }
            }
        }
        let buffer_out = gst::Buffer::with_size(to_info.size()).unwrap();
        let from = gst_video::VideoFrame::from_buffer_readable(buffer, &from_info).unwrap();
        let mut out = gst_video::VideoFrame::from_buffer_writable(buffer_out, &to_info).unwrap();
        gst_video::VideoConverter::new(&from_info, &to_info, None)
            .unwrap()
            .frame(&from, &mut out);
        let mut picture = Self::new(to, 0);
        for (plane, (data, stride)) in picture.planes.iter_mut().enumerate() {
            let from_stride = out.plane_stride()[plane] as usize;
            let rows = out.plane_data(plane as u32).unwrap().chunks(from_stride);
            for (to, from) in data.chunks_mut(*stride).zip(rows) {
                to.copy_from_slice(&from[..to.len()]);
            }
        }
        picture
    }
}

/// Marsaglia's xorshift: the same numbers at every run.
pub(super) fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32
}

fn info(layout: &Layout) -> gst_video::VideoInfo {
    let format = match layout.format {
        Format::Rgb => gst_video::VideoFormat::Rgb,
        Format::Bgr => gst_video::VideoFormat::Bgr,
        Format::Rgba => gst_video::VideoFormat::Rgba,
        Format::Bgra => gst_video::VideoFormat::Bgra,
        Format::Argb => gst_video::VideoFormat::Argb,
        Format::Abgr => gst_video::VideoFormat::Abgr,
        Format::Rgbx => gst_video::VideoFormat::Rgbx,
        Format::Bgrx => gst_video::VideoFormat::Bgrx,
        Format::Xrgb => gst_video::VideoFormat::Xrgb,
        Format::Xbgr => gst_video::VideoFormat::Xbgr,
        Format::Gray8 => gst_video::VideoFormat::Gray8,
        Format::Gray16 if cfg!(target_endian = "big") => gst_video::VideoFormat::Gray16Be,
        Format::Gray16 => gst_video::VideoFormat::Gray16Le,
        Format::Nv12 => gst_video::VideoFormat::Nv12,
        Format::Nv21 => gst_video::VideoFormat::Nv21,
        Format::I420 => gst_video::VideoFormat::I420,
        Format::Yv12 => gst_video::VideoFormat::Yv12,
        Format::Yuy2 => gst_video::VideoFormat::Yuy2,
        Format::Uyvy => gst_video::VideoFormat::Uyvy,
        Format::Y444 => gst_video::VideoFormat::Y444,
        Format::P010Le => gst_video::VideoFormat::P01010le,
        Format::I42010Le => gst_video::VideoFormat::I42010le,
    };
    let matrix = match layout.matrix {
        Matrix::Bt601 => gst_video::VideoColorMatrix::Bt601,
        Matrix::Bt709 => gst_video::VideoColorMatrix::Bt709,
        Matrix::Bt2020 => gst_video::VideoColorMatrix::Bt2020,
        Matrix::Fcc => gst_video::VideoColorMatrix::Fcc,
        Matrix::Smpte240m => gst_video::VideoColorMatrix::Smpte240m,
    };
    let range = match layout.range {
        ColorRange::Full => gst_video::VideoColorRange::Range0_255,
        ColorRange::Limited => gst_video::VideoColorRange::Range16_235,
    };
    let (matrix, range) = if layout.format.is_rgb() {
        (
            gst_video::VideoColorMatrix::Rgb,
            gst_video::VideoColorRange::Range0_255,
        )
    } else {
        (matrix, range)
    };
    // The same transfer and primaries everywhere: only the matrix and the range are converted.
    let colorimetry = gst_video::VideoColorimetry::new(
        range,
        matrix,
        gst_video::VideoTransferFunction::Bt709,
        gst_video::VideoColorPrimaries::Bt709,
    );
    let site = match layout.site {
        ChromaSite::COSITED => gst_video::VideoChromaSite::COSITED,
        ChromaSite::MPEG2 => gst_video::VideoChromaSite::MPEG2,
        _ => gst_video::VideoChromaSite::JPEG,
    };
    let builder = gst_video::VideoInfo::builder(format, layout.size.width, layout.size.height)
        .colorimetry(&colorimetry);
    if layout.format.is_yuv() {
        builder.chroma_site(site).build()
    } else {
        builder.build()
    }
    .unwrap()
}

/// The largest and the mean difference.
pub(super) fn differences(left: &[u8], right: &[u8]) -> (u8, f64) {
    assert_eq!(left.len(), right.len());
    let all = left
        .iter()
        .zip(right)
        .map(|(&left, &right)| left.abs_diff(right));
    let sum: f64 = all.clone().map(f64::from).sum();
    (all.max().unwrap(), sum / left.len() as f64)
}
