// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use super::{Format, Layout};
use crate::spec::Size;

/// Why a picture cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A side is zero, or so large that offsets overflow.
    #[error("a {0} picture is outside 1x1 to 32768x32768; use another size")]
    Size(Size),
    /// Fewer or more planes than the format has.
    #[error(
        "{format:?} has {expected} planes, {actual} were given; pass every plane of the format"
    )]
    Planes {
        /// The picture's format.
        format: Format,
        /// Planes of the format.
        expected: usize,
        /// Planes passed in.
        actual: usize,
    },
    /// Rows overlap.
    #[error(
        "plane {plane} has a stride of {stride} bytes and rows of {row_bytes}; use a larger stride"
    )]
    Stride {
        /// Index of the plane.
        plane: usize,
        /// Bytes from row to row.
        stride: usize,
        /// Bytes of one row.
        row_bytes: usize,
    },
    /// The memory ends before the last row does.
    #[error("plane {plane} holds {actual} bytes and needs {expected}; the buffer is truncated")]
    Truncated {
        /// Index of the plane.
        plane: usize,
        /// Bytes up to the end of the last row.
        expected: usize,
        /// Bytes there are.
        actual: usize,
    },
    /// The picture is not the one that this converter was built for.
    #[error("built for {expected}, got {actual}; build anew when the caps change")]
    Layout {
        /// What the converter was built for.
        expected: Layout,
        /// What it was given.
        actual: Layout,
    },
    /// A buffer has the wrong length.
    #[error("{what} has {actual} elements and needs {expected}")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// Elements needed.
        expected: usize,
        /// Elements there are.
        actual: usize,
    },
    /// The format cannot hold this kind of picture.
    #[error("{format:?} cannot hold {what}; choose another format")]
    Format {
        /// The format.
        format: Format,
        /// What was to be written.
        what: &'static str,
    },
    /// Class indices where values were needed.
    #[error("class indices have nothing between them; turn classes into values first")]
    Labels,
    /// A crop lies outside the picture or cuts through shared chroma.
    #[error("the crop does not fit a picture of {0} or cuts through shared chroma samples")]
    Crop(Size),
}

/// `Ok` where `actual` is `expected` elements long.
pub(super) fn check_length(
    what: &'static str,
    expected: usize,
    actual: usize,
) -> Result<(), FrameError> {
    if expected == actual {
        Ok(())
    } else {
        Err(FrameError::Length {
            what,
            expected,
            actual,
        })
    }
}
