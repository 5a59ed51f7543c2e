// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Where the samples of each pixel format lie. Names and layouts are GStreamer's
//! (`gst-libs/gst/video/video-format.h`).

use crate::spec::Size;

/// A pixel format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "GStreamer's names")]
pub enum Format {
    Rgb,
    Bgr,
    Rgba,
    Bgra,
    Argb,
    Abgr,
    Rgbx,
    Bgrx,
    Xrgb,
    Xbgr,
    Gray8,
    /// 16 bits in the machine's byte order.
    Gray16,
    Nv12,
    Nv21,
    I420,
    Yv12,
    Yuy2,
    Uyvy,
    Y444,
    P010Le,
    I42010Le,
}

/// Where chroma samples lie between luma samples (H.273 `ChromaLocType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChromaSite {
    /// In the column of every second luma sample, not between two columns.
    pub h_cosited: bool,
    /// In the row of every second luma sample, not between two rows.
    pub v_cosited: bool,
}

impl ChromaSite {
    /// Between columns and rows (GStreamer's `jpeg` and `none`).
    pub const JPEG: Self = Self {
        h_cosited: false,
        v_cosited: false,
    };
    /// In the column, between rows.
    pub const MPEG2: Self = Self {
        h_cosited: true,
        v_cosited: false,
    };
    /// In the column and the row.
    pub const COSITED: Self = Self {
        h_cosited: true,
        v_cosited: true,
    };
}

/// Where one component's samples lie, counted in samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) plane: usize,
    pub(super) offset: usize,
    pub(super) step: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Rgb,
    Gray,
    Yuv,
}

const fn at(plane: usize, offset: usize, step: usize) -> Component {
    Component {
        plane,
        offset,
        step,
    }
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 21] = [
        Self::Rgb,
        Self::Bgr,
        Self::Rgba,
        Self::Bgra,
        Self::Argb,
        Self::Abgr,
        Self::Rgbx,
        Self::Bgrx,
        Self::Xrgb,
        Self::Xbgr,
        Self::Gray8,
        Self::Gray16,
        Self::Nv12,
        Self::Nv21,
        Self::I420,
        Self::Yv12,
        Self::Yuy2,
        Self::Uyvy,
        Self::Y444,
        Self::P010Le,
        Self::I42010Le,
    ];

    /// Whether the samples are red, green and blue.
    pub const fn is_rgb(self) -> bool {
        matches!(self.family(), Family::Rgb)
    }

    /// Whether the samples are luma and chroma.
    pub const fn is_yuv(self) -> bool {
        matches!(self.family(), Family::Yuv)
    }

    /// Whether there is luma alone.
    pub const fn is_gray(self) -> bool {
        matches!(self.family(), Family::Gray)
    }

    /// Planes in memory.
    pub const fn planes(self) -> usize {
        match self {
            Self::Nv12 | Self::Nv21 | Self::P010Le => 2,
            Self::I420 | Self::Yv12 | Self::Y444 | Self::I42010Le => 3,
            _ => 1,
        }
    }

    /// Base-2 logarithms of how many columns and rows share one chroma sample.
    pub const fn subsampling(self) -> (u32, u32) {
        match self {
            Self::Nv12 | Self::Nv21 | Self::I420 | Self::Yv12 | Self::P010Le | Self::I42010Le => {
                (1, 1)
            }
            Self::Yuy2 | Self::Uyvy => (1, 0),
            _ => (0, 0),
        }
    }

    /// Significant bits of a sample.
    pub const fn depth(self) -> u32 {
        match self {
            Self::Gray16 => 16,
            Self::P010Le | Self::I42010Le => 10,
            _ => 8,
        }
    }

    /// Bytes of a sample.
    pub const fn sample_bytes(self) -> usize {
        if self.depth() > 8 { 2 } else { 1 }
    }

    /// Unused bits below the significant ones.
    pub(super) const fn shift(self) -> u32 {
        if matches!(self, Self::P010Le) { 6 } else { 0 }
    }

    /// Whether 16-bit samples have their high byte first.
    pub(super) const fn is_big_endian(self) -> bool {
        matches!(self, Self::Gray16) && cfg!(target_endian = "big")
    }

    /// Samples in a row of `plane`, for a picture `width` columns wide.
    pub(super) fn row_samples(self, plane: usize, width: u32) -> usize {
        let width = width as usize;
        let pairs = width.div_ceil(2);
        match self {
            Self::Yuy2 | Self::Uyvy => pairs * 4,
            Self::Nv12 | Self::Nv21 | Self::P010Le if plane == 1 => pairs * 2,
            Self::I420 | Self::Yv12 | Self::I42010Le if plane > 0 => pairs,
            _ => width * self.components()[0].step,
        }
    }

    /// Bytes of a row of `plane`, padding not counted.
    pub fn row_bytes(self, plane: usize, width: u32) -> usize {
        self.row_samples(plane, width) * self.sample_bytes()
    }

    /// Rows of `plane`.
    pub fn plane_rows(self, plane: usize, height: u32) -> usize {
        if plane > 0 {
            self.chroma_size(Size::new(height, 1)).height as usize
        } else {
            height as usize
        }
    }

    /// Rows and columns of chroma samples.
    pub(super) fn chroma_size(self, size: Size) -> Size {
        let (x, y) = self.subsampling();
        Size::new((size.height + y) >> y, (size.width + x) >> x)
    }

    pub(super) const fn family(self) -> Family {
        match self {
            Self::Gray8 | Self::Gray16 => Family::Gray,
            Self::Nv12
            | Self::Nv21
            | Self::I420
            | Self::Yv12
            | Self::Yuy2
            | Self::Uyvy
            | Self::Y444
            | Self::P010Le
            | Self::I42010Le => Family::Yuv,
            _ => Family::Rgb,
        }
    }

    /// Red, green, blue; or luma, U, V; or luma alone, thrice.
    pub(super) const fn components(self) -> [Component; 3] {
        match self {
            Self::Rgb => [at(0, 0, 3), at(0, 1, 3), at(0, 2, 3)],
            Self::Bgr => [at(0, 2, 3), at(0, 1, 3), at(0, 0, 3)],
            Self::Rgba | Self::Rgbx => [at(0, 0, 4), at(0, 1, 4), at(0, 2, 4)],
            Self::Bgra | Self::Bgrx => [at(0, 2, 4), at(0, 1, 4), at(0, 0, 4)],
            Self::Argb | Self::Xrgb => [at(0, 1, 4), at(0, 2, 4), at(0, 3, 4)],
            Self::Abgr | Self::Xbgr => [at(0, 3, 4), at(0, 2, 4), at(0, 1, 4)],
            Self::Gray8 | Self::Gray16 => [at(0, 0, 1), at(0, 0, 1), at(0, 0, 1)],
            Self::Nv12 | Self::P010Le => [at(0, 0, 1), at(1, 0, 2), at(1, 1, 2)],
            Self::Nv21 => [at(0, 0, 1), at(1, 1, 2), at(1, 0, 2)],
            Self::I420 | Self::Y444 | Self::I42010Le => [at(0, 0, 1), at(1, 0, 1), at(2, 0, 1)],
            Self::Yv12 => [at(0, 0, 1), at(2, 0, 1), at(1, 0, 1)],
            Self::Yuy2 => [at(0, 0, 2), at(0, 1, 4), at(0, 3, 4)],
            Self::Uyvy => [at(0, 1, 2), at(0, 0, 4), at(0, 2, 4)],
        }
    }
}
