// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Stereo views in every arrangement and format, of any map.

use gstdptdepth::frame::{
    Format, FrameError, Layout, RgbConverter, Stereo, StereoLayout, StereoWriter,
};
use gstdptdepth::spec::Size;

use super::anaglyph::anaglyph;
use super::picture::{Picture, random};
use super::stereo::{HOW, NEAREST, Pixel, SIZE, noise, render, rows, views};

const ARRANGEMENTS: [StereoLayout; 3] = [
    StereoLayout::SideBySide,
    StereoLayout::SideBySideHalf,
    StereoLayout::TopBottom,
];

#[test]
fn every_arrangement_has_the_same_views() {
    for size in [Size::new(6, 40), Size::new(5, 41)] {
        let picture = noise(size);
        let nearness: Vec<u16> = (0..size.area()).map(|at| (at * 911) as u16).collect();
        let how = Stereo {
            convergence: 0.3,
            ..HOW
        };
        let [left, right] = views(&picture, &nearness, &how);
        let stacked = render(
            &picture,
            &nearness,
            &how,
            StereoLayout::TopBottom,
            Format::Rgb,
        );
        assert_eq!(rows(&stacked), [left.clone(), right.clone()].concat());
        let half = rows(&render(
            &picture,
            &nearness,
            &how,
            StereoLayout::SideBySideHalf,
            Format::Rgb,
        ));
        let width = size.width as usize;
        let middle = width.div_ceil(2);
        for (y, row) in half.iter().enumerate() {
            for (x, pixel) in row.iter().enumerate() {
                let (view, at) = match x.checked_sub(middle) {
                    None => (&left[y], 2 * x),
                    Some(x) => (&right[y], 2 * x),
                };
                let (first, second) = (view[at], view[(at + 1).min(width - 1)]);
                for part in 0..3 {
                    let mean = (u16::from(first[part]) + u16::from(second[part])).div_ceil(2);
                    assert_eq!(u16::from(pixel[part]), mean);
                }
            }
        }
    }
}

#[test]
fn every_format_gives_the_same_views() {
    let size = Size::new(11, 37);
    let mut state = 3;
    let nearness: Vec<u16> = (0..size.area())
        .map(|_| random(&mut state) as u16)
        .collect();
    for format in Format::ALL {
        let picture = Picture::noise(Layout::full_range(format, size), 3);
        let mut rgb = Picture::new(Layout::full_range(Format::Rgb, size), 0);
        RgbConverter::new(&picture.layout)
            .run(&picture.frame(), &mut rgb.frame_mut())
            .unwrap();
        for arrangement in ARRANGEMENTS {
            let expected = render(&rgb, &nearness, &HOW, arrangement, Format::Rgb);
            let out = render(&picture, &nearness, &HOW, arrangement, Format::Rgb);
            assert_eq!(out.bytes(0), expected.bytes(0), "{format:?}");
        }
    }
    let picture = noise(size);
    for arrangement in ARRANGEMENTS {
        let expected = render(&picture, &nearness, &HOW, arrangement, Format::Rgb);
        for format in Format::ALL.into_iter().filter(|format| format.is_rgb()) {
            let out = render(&picture, &nearness, &HOW, arrangement, format);
            // Opaque, whatever was there before.
            assert_eq!(out.bytes(0), as_format(&expected, format), "{format:?}");
        }
    }
}

/// RGB pixels in the order of another format, opaque.
pub(super) fn as_format(rgb: &Picture, format: Format) -> Vec<u8> {
    let order = |[r, g, b]: Pixel| match format {
        Format::Rgb => vec![r, g, b],
        Format::Bgr => vec![b, g, r],
        Format::Rgba | Format::Rgbx => vec![r, g, b, 255],
        Format::Bgra | Format::Bgrx => vec![b, g, r, 255],
        Format::Argb | Format::Xrgb => vec![255, r, g, b],
        _ => vec![255, b, g, r],
    };
    rows(rgb).concat().into_iter().flat_map(order).collect()
}

#[test]
fn any_map_gives_a_picture_of_the_frames_colours() {
    let mut state = 77;
    for size in [
        Size::new(2, 1),
        Size::new(2, 2),
        Size::new(1, 3),
        Size::new(3, 64),
    ] {
        let gray = Picture::rgb(size, vec![90; size.area() * 3]);
        for divergence in [1e30, 100.0, 30.0, -30.0, -1e30] {
            for convergence in [f32::NAN, -5.0, 0.5, 5.0] {
                for edge_dilation in [0, 1, 5, u32::MAX] {
                    let how = Stereo {
                        divergence,
                        convergence,
                        edge_dilation,
                    };
                    let nearness: Vec<u16> = (0..size.area())
                        .map(|_| random(&mut state) as u16)
                        .collect();
                    for nearness in [nearness, vec![0; size.area()], vec![NEAREST; size.area()]] {
                        let out = render(
                            &gray,
                            &nearness,
                            &how,
                            StereoLayout::SideBySide,
                            Format::Rgb,
                        );
                        assert!(out.bytes(0).iter().all(|&byte| byte == 90));
                        let out = anaglyph(&gray, &nearness, &how).bytes(0);
                        assert!(out.iter().all(|byte| byte.abs_diff(90) <= 1));
                    }
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let picture = noise(SIZE);
    let nearness = vec![0; SIZE.area()];
    let mut writer = StereoWriter::new(&picture.layout);
    let mut write = |picture: &Picture, nearness: &[u16], format, size| {
        let mut out = Picture::new(Layout::full_range(format, size), 0);
        let (frame, mut out) = (picture.frame(), out.frame_mut());
        writer.write(&frame, nearness, &HOW, StereoLayout::SideBySide, &mut out)
    };
    let wide = StereoLayout::SideBySide.size(SIZE);
    write(&picture, &nearness, Format::Rgb, wide).unwrap();
    let short = write(&picture, &nearness[1..], Format::Rgb, wide);
    assert!(matches!(short, Err(FrameError::Length { .. })));
    let yuv = write(&picture, &nearness, Format::Nv12, wide);
    assert!(matches!(yuv, Err(FrameError::Format { .. })));
    let narrow = write(&picture, &nearness, Format::Rgb, SIZE);
    assert!(matches!(narrow, Err(FrameError::Layout { .. })));
    let other = write(&noise(Size::new(4, 4)), &nearness, Format::Rgb, wide);
    assert!(matches!(other, Err(FrameError::Layout { .. })));
}
