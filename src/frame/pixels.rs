// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Pictures in somebody else's memory: checked once, then walked row by row.

use super::{ChromaSite, ColorRange, Format, FrameError, Matrix, Rect};
use crate::spec::Size;

/// Most planes of any [`Format`].
const MAX_PLANES: usize = 3;
/// Largest side of a picture.
const MAX_SIDE: u32 = 32_768;

/// What the caps say of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where the samples lie.
    pub format: Format,
    /// Rows and columns.
    pub size: Size,
    /// How luma and chroma relate to RGB; of no meaning for RGB and gray.
    pub matrix: Matrix,
    /// Which codes are black and white; of no meaning for RGB.
    pub range: ColorRange,
    /// Where chroma samples lie; of no meaning without subsampling.
    pub site: ChromaSite,
}

impl Layout {
    /// A layout whose samples use the full range: RGB and gray pictures, and maps.
    pub const fn full_range(format: Format, size: Size) -> Self {
        Self {
            format,
            size,
            matrix: Matrix::Bt601,
            range: ColorRange::Full,
            site: ChromaSite::JPEG,
        }
    }

    fn check(&self) -> Result<(), FrameError> {
        let Size { height, width } = self.size;
        if (1..=MAX_SIDE).contains(&height) && (1..=MAX_SIDE).contains(&width) {
            Ok(())
        } else {
            Err(FrameError::Size(self.size))
        }
    }

    /// Checks one plane's memory.
    fn check_plane(&self, plane: usize, stride: usize, bytes: usize) -> Result<(), FrameError> {
        let row_bytes = self.format.row_bytes(plane, self.size.width);
        let rows = self.format.plane_rows(plane, self.size.height);
        if stride < row_bytes {
            return Err(FrameError::Stride {
                plane,
                stride,
                row_bytes,
            });
        }
        let expected = stride.saturating_mul(rows - 1).saturating_add(row_bytes);
        if bytes < expected {
            return Err(FrameError::Truncated {
                plane,
                expected,
                actual: bytes,
            });
        }
        Ok(())
    }

    /// The planes in their places, if they are all that the format has and hold the picture;
    /// `memory` tells a plane's stride and bytes.
    fn gather<P: Default>(
        &self,
        planes: impl IntoIterator<Item = P>,
        memory: impl Fn(&P) -> (usize, usize),
    ) -> Result<[P; MAX_PLANES], FrameError> {
        self.check()?;
        let mut gathered: [P; MAX_PLANES] = Default::default();
        let mut actual = 0;
        for plane in planes {
            if let Some(slot) = gathered.get_mut(actual) {
                *slot = plane;
            }
            actual += 1;
        }
        let Self { format, .. } = *self;
        let expected = format.planes();
        if actual != expected {
            return Err(FrameError::Planes {
                format,
                expected,
                actual,
            });
        }
        for (index, plane) in gathered.iter().enumerate().take(actual) {
            let (stride, bytes) = memory(plane);
            self.check_plane(index, stride, bytes)?;
        }
        Ok(gathered)
    }

    /// `Ok` where `actual` is this very layout.
    pub(super) fn expect(&self, actual: &Self) -> Result<(), FrameError> {
        if self == actual {
            Ok(())
        } else {
            Err(FrameError::Layout {
                expected: *self,
                actual: *actual,
            })
        }
    }

    /// `Ok` where the picture is `size` large.
    pub(super) fn expect_size(&self, size: Size) -> Result<(), FrameError> {
        Self { size, ..*self }.expect(self)
    }

    /// The layout of a part of the picture, and where the part starts in each plane.
    fn crop(&self, rect: Rect) -> Result<(Self, [(usize, usize); MAX_PLANES]), FrameError> {
        let fits = |start: u32, length: u32, whole: u32| {
            length > 0 && start.checked_add(length).is_some_and(|end| end <= whole)
        };
        let (sub_x, sub_y) = self.format.subsampling();
        let aligned = rect.x.is_multiple_of(1 << sub_x) && rect.y.is_multiple_of(1 << sub_y);
        if !fits(rect.x, rect.width, self.size.width)
            || !fits(rect.y, rect.height, self.size.height)
            || !aligned
        {
            return Err(FrameError::Crop(self.size));
        }
        let mut starts = [(0, 0); MAX_PLANES];
        for (plane, start) in starts.iter_mut().enumerate().take(self.format.planes()) {
            let row = if plane > 0 { rect.y >> sub_y } else { rect.y };
            let column = self.format.row_samples(plane, rect.x) * self.format.sample_bytes();
            *start = (row as usize, column);
        }
        let size = Size::new(rect.height, rect.width);
        Ok((Self { size, ..*self }, starts))
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            format,
            size,
            matrix,
            range,
            ..
        } = self;
        write!(f, "{format:?} {size} {matrix:?} {range:?}")
    }
}

/// One plane of a picture that is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plane<'a> {
    /// The rows; the last one may end without padding.
    pub data: &'a [u8],
    /// Bytes from the start of a row to the start of the next.
    pub stride: usize,
}

/// One plane of a picture that is written.
#[derive(Debug, Default)]
pub struct PlaneMut<'a> {
    /// The rows; the last one may end without padding.
    pub data: &'a mut [u8],
    /// Bytes from the start of a row to the start of the next.
    pub stride: usize,
}

/// A picture to read.
#[derive(Clone, Copy, Debug)]
pub struct FrameRef<'a> {
    layout: Layout,
    planes: [Plane<'a>; MAX_PLANES],
}

impl<'a> FrameRef<'a> {
    /// A picture from its planes, in the format's order.
    ///
    /// # Errors
    /// Where the size is out of bounds, planes are missing, rows overlap or memory ends too soon.
    pub fn new(
        layout: Layout,
        planes: impl IntoIterator<Item = Plane<'a>>,
    ) -> Result<Self, FrameError> {
        let planes = layout.gather(planes, |plane| (plane.stride, plane.data.len()))?;
        Ok(Self { layout, planes })
    }

    /// What the picture is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// One row of one plane, without padding.
    pub(super) fn row(&self, plane: usize, row: usize) -> &'a [u8] {
        let Plane { data, stride } = self.planes[plane];
        let start = row * stride;
        &data[start..start + self.layout.format.row_bytes(plane, self.layout.size.width)]
    }
}

/// A picture to write.
#[derive(Debug)]
pub struct FrameMut<'a> {
    layout: Layout,
    planes: [PlaneMut<'a>; MAX_PLANES],
}

impl<'a> FrameMut<'a> {
    /// A picture from its planes, in the format's order.
    ///
    /// # Errors
    /// As [`FrameRef::new`].
    pub fn new(
        layout: Layout,
        planes: impl IntoIterator<Item = PlaneMut<'a>>,
    ) -> Result<Self, FrameError> {
        let planes = layout.gather(planes, |plane| (plane.stride, plane.data.len()))?;
        Ok(Self { layout, planes })
    }

    /// What the picture is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// A part of the picture, as a picture: for side by side.
    ///
    /// # Errors
    /// Where the part lies outside, is empty, or starts within a group of pixels that share chroma.
    pub fn crop(&mut self, rect: Rect) -> Result<FrameMut<'_>, FrameError> {
        let (layout, starts) = self.layout.crop(rect)?;
        let mut planes: [PlaneMut<'_>; MAX_PLANES] = Default::default();
        let used = layout.format.planes();
        for ((part, whole), (row, column)) in planes
            .iter_mut()
            .zip(&mut self.planes)
            .zip(starts)
            .take(used)
        {
            let data = &mut whole.data[row * whole.stride + column..];
            *part = PlaneMut {
                data,
                stride: whole.stride,
            };
        }
        Ok(FrameMut { layout, planes })
    }

    /// Sets every sample to 0: black in RGB and gray, and transparent.
    pub fn clear(&mut self) {
        for plane in 0..self.layout.format.planes() {
            self.rows(plane).for_each(|row| row.fill(0));
        }
    }

    /// The same picture, to read.
    pub fn as_ref(&self) -> FrameRef<'_> {
        let planes = std::array::from_fn(|index| Plane {
            data: &*self.planes[index].data,
            stride: self.planes[index].stride,
        });
        FrameRef {
            layout: self.layout,
            planes,
        }
    }

    /// One row of one plane, without padding.
    pub(super) fn row_mut(&mut self, plane: usize, row: usize) -> &mut [u8] {
        let Layout { format, size, .. } = self.layout;
        let PlaneMut { data, stride } = &mut self.planes[plane];
        &mut data[row * *stride..][..format.row_bytes(plane, size.width)]
    }

    /// The rows of one plane, without padding.
    pub(super) fn rows(&mut self, plane: usize) -> impl Iterator<Item = &mut [u8]> {
        let Layout { format, size, .. } = self.layout;
        let row_bytes = format.row_bytes(plane, size.width);
        let PlaneMut { data, stride } = &mut self.planes[plane];
        data.chunks_mut(*stride)
            .take(format.plane_rows(plane, size.height))
            .map(move |row| &mut row[..row_bytes])
    }
}
