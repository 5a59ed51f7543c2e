// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A part of the depth cut out of its picture.

use super::convert::interleave4;
use super::error::check_length;
use super::wide::wide;
use super::{Format, FrameError, FrameMut, FrameRef, Layout, RgbConverter};

/// Opaque (255) where `nearness` is between `far` and `near`, the ends included; from there to 0
/// over `softness` codes to both sides. Ends in the wrong order are swapped.
///
/// # Errors
/// Where the two slices differ in length.
pub fn window_alpha(
    nearness: &[u16],
    near: u16,
    far: u16,
    softness: u16,
    alpha: &mut [u8],
) -> Result<(), FrameError> {
    check_length("the alpha", nearness.len(), alpha.len())?;
    ramp(
        nearness,
        far.min(near),
        far.max(near),
        softness.max(1),
        alpha,
    );
    Ok(())
}

wide! {
    fn ramp(nearness: &[u16], least: u16, most: u16, softness: u16, alpha: &mut [u8]) {
        let scale = (255 << 16) / u32::from(softness);
        for (alpha, &code) in alpha.iter_mut().zip(nearness) {
            let outside = least.saturating_sub(code).max(code.saturating_sub(most));
            let lost = u32::from(outside.min(softness)) * scale + (1 << 15);
            *alpha = 255 - (lost >> 16) as u8;
        }
    }
}

/// Cuts pictures of one layout out by an alpha of their size.
#[derive(Clone, Debug)]
pub struct MatteWriter {
    layout: Layout,
    convert: RgbConverter,
}

impl MatteWriter {
    /// A writer for frames of `layout`.
    pub fn new(layout: &Layout) -> Self {
        Self {
            layout: *layout,
            convert: RgbConverter::new(layout),
        }
    }

    /// Writes the frame with `alpha`, row by row, as its straight alpha channel (RGBA, BGRA, ARGB,
    /// ABGR), or `alpha` itself (GRAY8).
    ///
    /// # Errors
    /// Where the frame is not what this was built for, `out` has neither alpha nor one component
    /// or another size, or `alpha` has another length.
    pub fn write(
        &mut self,
        frame: &FrameRef<'_>,
        alpha: &[u8],
        out: &mut FrameMut<'_>,
    ) -> Result<(), FrameError> {
        let size = self.layout.size;
        let target = *out.layout();
        let format = target.format;
        let offset = match format {
            Format::Gray8 => None,
            Format::Rgba | Format::Bgra => Some(3),
            Format::Argb | Format::Abgr => Some(0),
            _ => {
                return Err(FrameError::Format {
                    format,
                    what: "a matte",
                });
            }
        };
        self.layout.expect(frame.layout())?;
        Layout { size, ..target }.expect(&target)?;
        check_length("the alpha", size.area(), alpha.len())?;
        let rows = alpha.chunks_exact(size.width as usize).zip(out.rows(0));
        for (row, (alpha, pixels)) in rows.enumerate() {
            let Some(offset) = offset else {
                pixels.copy_from_slice(alpha);
                continue;
            };
            self.convert.row(frame, row);
            let mut parts = self.convert.ordered(format);
            parts[offset] = alpha;
            interleave4(parts, pixels);
        }
        Ok(())
    }
}
