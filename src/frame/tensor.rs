// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! 8-bit network pictures into tensors: as they are, or normalised `f32`, (value / 255 − mean) / std.

use super::FrameError;
use super::error::check_length;
use crate::spec::Size;

fn check<T>(rgb: &[u8], size: Size, out: &[T]) -> Result<(), FrameError> {
    let expected = size.area() * 3;
    check_length("the RGB picture", expected, rgb.len())?;
    check_length("the tensor", expected, out.len())
}

fn factors(mean: [f32; 3], std: [f32; 3]) -> [(f32, f32); 3] {
    std::array::from_fn(|channel| {
        let scale = 1.0 / (255.0 * f64::from(std[channel]));
        let bias = -f64::from(mean[channel]) / f64::from(std[channel]);
        (scale as f32, bias as f32)
    })
}

/// RGB, `[H, W, 3]`, into `[3, H, W]`.
///
/// # Errors
/// Where a length is not 3 · H · W.
pub fn to_f32_nchw(
    rgb: &[u8],
    size: Size,
    mean: [f32; 3],
    std: [f32; 3],
    out: &mut [f32],
) -> Result<(), FrameError> {
    check(rgb, size, out)?;
    if size.area() == 0 {
        return Ok(());
    }
    let planes = out.chunks_exact_mut(size.area()).zip(factors(mean, std));
    for (channel, (plane, (scale, bias))) in planes.enumerate() {
        for (value, pixel) in plane.iter_mut().zip(rgb.as_chunks::<3>().0) {
            *value = f32::from(pixel[channel]) * scale + bias;
        }
    }
    Ok(())
}

/// RGB, `[H, W, 3]`, into `[H, W, 3]`.
///
/// # Errors
/// As [`to_f32_nchw`].
pub fn to_f32_nhwc(
    rgb: &[u8],
    size: Size,
    mean: [f32; 3],
    std: [f32; 3],
    out: &mut [f32],
) -> Result<(), FrameError> {
    check(rgb, size, out)?;
    let factors = factors(mean, std);
    for (values, pixel) in out
        .as_chunks_mut::<3>()
        .0
        .iter_mut()
        .zip(rgb.as_chunks::<3>().0)
    {
        for ((value, &sample), (scale, bias)) in values.iter_mut().zip(pixel).zip(factors) {
            *value = f32::from(sample) * scale + bias;
        }
    }
    Ok(())
}

/// RGB, `[H, W, 3]`, as it is.
///
/// # Errors
/// As [`to_f32_nchw`].
pub fn to_u8_nhwc(rgb: &[u8], size: Size, out: &mut [u8]) -> Result<(), FrameError> {
    check(rgb, size, out)?;
    out.copy_from_slice(rgb);
    Ok(())
}

/// RGB, `[H, W, 3]`, into `[3, H, W]`, its values as they are.
///
/// # Errors
/// As [`to_f32_nchw`].
pub fn to_u8_nchw(rgb: &[u8], size: Size, out: &mut [u8]) -> Result<(), FrameError> {
    check(rgb, size, out)?;
    for (channel, plane) in out.chunks_exact_mut(size.area().max(1)).enumerate() {
        for (value, pixel) in plane.iter_mut().zip(rgb.as_chunks::<3>().0) {
            *value = pixel[channel];
        }
    }
    Ok(())
}
