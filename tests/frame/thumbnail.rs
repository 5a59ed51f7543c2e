// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Small luma pictures, against the mean over each pixel's area in exact numbers.

use gstdptdepth::frame::{Format, FrameError, Layout, Thumbnail};
use gstdptdepth::spec::Size;

use super::allocations::allocations;
use super::picture::Picture;

/// The luma of one pixel in 8 bits, by the format's definition.
fn luma(picture: &Picture, x: usize, y: usize) -> f64 {
    let (data, stride) = &picture.planes[0];
    let row = &data[y * stride..];
    let byte = |at: usize| f64::from(row[at]);
    let word = |at: usize| f64::from(u16::from_ne_bytes([row[at], row[at + 1]]));
    let little = |at: usize| f64::from(u16::from_le_bytes([row[at], row[at + 1]]));
    let rgb = |step: usize, [red, green, blue]: [usize; 3]| {
        let at = x * step;
        0.299 * byte(at + red) + 0.587 * byte(at + green) + 0.114 * byte(at + blue)
    };
    match picture.layout.format {
        Format::Rgb => rgb(3, [0, 1, 2]),
        Format::Bgr => rgb(3, [2, 1, 0]),
        Format::Rgba | Format::Rgbx => rgb(4, [0, 1, 2]),
        Format::Bgra | Format::Bgrx => rgb(4, [2, 1, 0]),
        Format::Argb | Format::Xrgb => rgb(4, [1, 2, 3]),
        Format::Abgr | Format::Xbgr => rgb(4, [3, 2, 1]),
        Format::Gray16 => word(2 * x) / 256.0,
        Format::P010Le => little(2 * x) / 256.0,
        Format::I42010Le => little(2 * x) / 4.0,
        Format::Yuy2 => byte(2 * x),
        Format::Uyvy => byte(2 * x + 1),
        _ => byte(x),
    }
}

/// The mean over the area of a pixel of the thumbnail.
fn mean(picture: &Picture, size: Size, x: usize, y: usize) -> f64 {
    let whole = picture.layout.size;
    let span = |index: usize, from: u32, to: u32| {
        let scale = f64::from(from) / f64::from(to);
        (index as f64 * scale, (index + 1) as f64 * scale)
    };
    let (left, right) = span(x, whole.width, size.width);
    let (top, bottom) = span(y, whole.height, size.height);
    let covered = |at: usize, start: f64, end: f64| {
        (end.min(at as f64 + 1.0) - start.max(at as f64)).max(0.0)
    };
    let mut sum = 0.0;
    for row in top as usize..(bottom.ceil() as usize).min(whole.height as usize) {
        for column in left as usize..(right.ceil() as usize).min(whole.width as usize) {
            let area = covered(row, top, bottom) * covered(column, left, right);
            sum += area * luma(picture, column, row);
        }
    }
    sum / ((right - left) * (bottom - top))
}

/// Noise, with 10-bit samples in the range they have.
fn noise(layout: Layout) -> Picture {
    let mut picture = Picture::noise(layout, 7);
    if layout.format == Format::I42010Le {
        for (data, stride) in &mut picture.planes {
            for row in data.chunks_mut(*stride) {
                row.iter_mut()
                    .skip(1)
                    .step_by(2)
                    .for_each(|high| *high &= 3);
            }
        }
    }
    picture
}

#[test]
fn every_format_gives_the_mean_of_each_area() {
    for format in Format::ALL {
        for (whole, size) in [
            (Size::new(121, 163), Size::new(17, 23)),
            (Size::new(90, 160), Size::new(9, 16)),
            (Size::new(33, 21), Size::new(33, 21)),
            (Size::new(5, 7), Size::new(9, 16)),
            (Size::new(601, 3), Size::new(2, 1)),
        ] {
            let picture = noise(Layout::full_range(format, whole));
            let mut out = vec![9; 3];
            Thumbnail::new(&picture.layout, size)
                .run(&picture.frame(), &mut out)
                .unwrap();
            assert_eq!(out.len(), size.area());
            let width = size.width as usize;
            for (index, &value) in out.iter().enumerate() {
                let expected = mean(&picture, size, index % width, index / width);
                // Weights of 8 bits: each edge of a cell is off by at most 1/512 of the cell.
                assert!(
                    (f64::from(value) - expected).abs() <= 2.0,
                    "{format:?} {whole} {size} at {index}: {value} for {expected}"
                );
            }
        }
    }
}

#[test]
fn uniform_pictures_keep_their_value() {
    for value in [0, 1, 127, 254, 255] {
        for format in [Format::Gray8, Format::Nv12, Format::Rgb, Format::Bgrx] {
            let mut picture = Picture::new(Layout::full_range(format, Size::new(97, 131)), 3);
            picture.planes[0].0.fill(value);
            let mut out = Vec::new();
            Thumbnail::new(&picture.layout, Size::new(20, 30))
                .run(&picture.frame(), &mut out)
                .unwrap();
            assert_eq!(out, [value; 600]);
        }
    }
}

#[test]
fn sizes_keep_the_aspect_and_never_grow() {
    let size = |height, width| Thumbnail::size_for(Size::new(height, width));
    assert_eq!(size(1080, 1920), Size::new(108, 192));
    assert_eq!(size(1920, 1080), Size::new(192, 108));
    assert_eq!(size(272, 640), Size::new(82, 192));
    assert_eq!(size(144, 176), Size::new(144, 176));
    assert_eq!(size(1, 30_000), Size::new(1, 192));
    assert_eq!(size(0, 0), Size::new(1, 1));
    assert_eq!(size(u32::MAX, u32::MAX), Size::new(192, 192));
}

#[test]
fn another_layout_is_refused() {
    let layout = Layout::full_range(Format::Rgb, Size::new(20, 30));
    let other = Picture::new(Layout::full_range(Format::Rgb, Size::new(20, 31)), 0);
    let result = Thumbnail::new(&layout, Size::new(4, 6)).run(&other.frame(), &mut Vec::new());
    assert!(matches!(result, Err(FrameError::Layout { .. })));
}

#[test]
fn nothing_is_allocated_per_thumbnail() {
    for format in Format::ALL {
        let picture = Picture::noise(Layout::full_range(format, Size::new(121, 163)), 5);
        let mut thumbnail = Thumbnail::new(&picture.layout, Size::new(17, 23));
        let mut out = Vec::new();
        thumbnail.run(&picture.frame(), &mut out).unwrap();
        let count = allocations(|| thumbnail.run(&picture.frame(), &mut out).unwrap());
        assert_eq!(count, 0, "{format:?}");
    }
}
