// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::{
    ColorRange, Fit, Format, FrameError, FrameRef, Layout, Plane, Preprocessor, Rect, fit,
    to_f32_nchw, to_f32_nhwc,
};
use gstdptdepth::spec::{Interpolation, ResizePolicy, Size};

use super::picture::{Picture, differences};

/// A frame of one size squashed to another.
pub(super) fn squash(frame: Size, network: Size) -> Fit {
    fit(frame, (1, 1), ResizePolicy::Squash, network, 1)
}

pub(super) fn preprocess(picture: &Picture, fit: &Fit, interpolation: Interpolation) -> Vec<u8> {
    let mut preprocessor = Preprocessor::new(&picture.layout, fit, interpolation);
    let mut out = vec![77; preprocessor.output_bytes()];
    preprocessor.run(&picture.frame(), &mut out).unwrap();
    out
}

/// The references keep 8 bits between columns and rows as we do, but quantise their weights in
/// another way: one level.
#[test]
fn rgb_is_the_reference_processors_within_one_level() {
    let (photo, small) = (Picture::load("photo.png"), small());
    for (picture, name, interpolation) in [
        (&photo, "photo-down.png", Interpolation::BicubicAntialiased),
        (&small, "photo-up.png", Interpolation::BicubicAntialiased),
        (
            &photo,
            "photo-bilinear.png",
            Interpolation::BilinearAntialiased,
        ),
        (
            &photo,
            "photo-lanczos.png",
            Interpolation::LanczosAntialiased,
        ),
    ] {
        let reference = Picture::load(name);
        let fit = squash(picture.layout.size, reference.layout.size);
        let ours = preprocess(picture, &fit, interpolation);
        let (worst, mean) = differences(&ours, &reference.planes[0].0);
        assert!(
            worst <= 1 && mean < 0.05,
            "{name}: {worst} at worst, {mean} on average"
        );
    }
}

/// OpenCV resizes real numbers here, which neither clip nor round between columns and rows.
#[test]
fn opencv_cubic_is_opencvs() {
    let photo = Picture::load("photo.png");
    let reference = Picture::load("photo-opencv.png");
    let fit = squash(photo.layout.size, reference.layout.size);
    let ours = preprocess(&photo, &fit, Interpolation::BicubicOpencv);
    let (worst, mean) = differences(&ours, &reference.planes[0].0);
    assert!(
        worst <= 4 && mean < 0.3,
        "{worst} at worst, {mean} on average"
    );
}

/// A part of photo.png, which is enlarged.
fn small() -> Picture {
    let photo = Picture::load("photo.png");
    let (data, stride) = &photo.planes[0];
    let rows = data.chunks(*stride).skip(30).take(47);
    let pixels = rows.flat_map(|row| row[40 * 3..103 * 3].to_vec()).collect();
    Picture::rgb(Size::new(47, 63), pixels)
}

/// OpenCV has weights of 11 bits for 8-bit pictures: one level, or two where many are added.
#[test]
fn area_down_and_cubic_up_are_opencvs() {
    for (picture, name) in [
        (Picture::load("photo.png"), "photo-opencv-area.png"),
        (small(), "photo-opencv-up.png"),
    ] {
        let reference = Picture::load(name);
        let fit = squash(picture.layout.size, reference.layout.size);
        let ours = preprocess(&picture, &fit, Interpolation::AreaOrBicubicOpencv);
        let (worst, mean) = differences(&ours, &reference.planes[0].0);
        assert!(
            worst <= 2 && mean < 0.3,
            "{name}: {worst} at worst, {mean} on average"
        );
    }
}

/// Depth Anything 3 resizes twice; it also rounds and clips in between.
#[test]
fn two_resizes_are_depth_anything_3s() {
    for (picture, side, name) in [
        (Picture::load("photo.png"), 98, "photo-area-area.png"),
        (Picture::load("photo.png"), 126, "photo-area-cubic.png"),
        (small(), 98, "photo-cubic-area.png"),
    ] {
        let reference = Picture::load(name);
        let target = Size::new(side, side);
        let fit = fit(
            picture.layout.size,
            (1, 1),
            ResizePolicy::LongerSide,
            target,
            14,
        );
        assert_eq!(fit.network, reference.layout.size, "{name}");
        assert!(fit.halfway.is_some());
        let ours = preprocess(&picture, &fit, Interpolation::AreaOrBicubicOpencv);
        let (worst, mean) = differences(&ours, &reference.planes[0].0);
        assert!(
            worst <= 3 && mean < 0.4,
            "{name}: {worst} at worst, {mean} on average"
        );
    }
}

#[test]
fn nearest_takes_the_pixel_at_the_centre() {
    let picture = Picture::noise(Layout::full_range(Format::Rgb, Size::new(9, 12)), 0);
    let ours = preprocess(
        &picture,
        &squash(Size::new(9, 12), Size::new(3, 4)),
        Interpolation::Nearest,
    );
    for (index, pixel) in ours.chunks(3).enumerate() {
        let source = ((index / 4 * 3 + 1) * 12 + index % 4 * 3 + 1) * 3;
        assert_eq!(pixel, &picture.planes[0].0[source..source + 3]);
    }
}

#[test]
fn every_rgb_format_gives_the_same() {
    let photo = Picture::load("photo.png");
    let fit = squash(photo.layout.size, Size::new(64, 96));
    let expected = preprocess(&photo, &fit, Interpolation::BicubicAntialiased);
    for format in Format::ALL.into_iter().filter(|format| format.is_rgb()) {
        let picture = photo.convert(Layout {
            format,
            ..photo.layout
        });
        let ours = preprocess(&picture, &fit, Interpolation::BicubicAntialiased);
        assert!(ours == expected, "{format:?}");
    }
}

#[test]
fn gray_is_gray() {
    let size = Size::new(121, 163);
    let photo = Picture::load("photo.png");
    let fit = squash(size, Size::new(96, 64));
    let check = |gray: &Picture, expected: &Picture, most: u8| {
        let ours = preprocess(gray, &fit, Interpolation::BicubicAntialiased);
        let theirs = preprocess(expected, &fit, Interpolation::BicubicAntialiased);
        let (worst, _) = differences(&ours, &theirs);
        assert!(worst <= most, "{}: {worst}", gray.layout);
    };
    let full = photo.convert(Layout::full_range(Format::Gray8, size));
    check(&full, &full.convert(photo.layout), 0);
    let fine = photo.convert(Layout::full_range(Format::Gray16, size));
    check(&fine, &fine.convert(photo.layout), 2);
    let limited = photo.convert(Layout {
        range: ColorRange::Limited,
        ..full.layout
    });
    let mut stretched = full.clone();
    for (to, from) in stretched.planes[0].0.iter_mut().zip(limited.bytes(0)) {
        *to = ((f64::from(from) - 16.0) * 255.0 / 219.0).round() as u8;
    }
    // Ours is stretched after it is resized: two more roundings of a level and a sixth.
    check(&limited, &stretched, 2);
}

#[test]
fn padding_never_shows() {
    for format in Format::ALL {
        for size in [Size::new(121, 163), Size::new(16, 16), Size::new(33, 17)] {
            let layout = Layout {
                range: ColorRange::Limited,
                ..Layout::full_range(format, size)
            };
            let tight = Picture::noise(layout, 0);
            for interpolation in [
                Interpolation::BicubicAntialiased,
                Interpolation::BicubicOpencv,
            ] {
                for network in [Size::new(32, 64), Size::new(160, 192)] {
                    let fit = squash(size, network);
                    let expected = preprocess(&tight, &fit, interpolation);
                    for padding in [1, 2, 13, 64] {
                        let ours = preprocess(&tight.padded(padding), &fit, interpolation);
                        assert!(ours == expected, "{format:?} {size} {padding}");
                    }
                }
            }
        }
    }
}

/// The second pixel of the last pair does not exist in a picture of an odd width.
#[test]
fn the_half_pair_of_odd_widths_never_shows() {
    for (format, offset) in [(Format::Yuy2, 2), (Format::Uyvy, 3)] {
        let layout = Layout::full_range(format, Size::new(17, 33));
        let picture = Picture::noise(layout, 0);
        let mut other = picture.clone();
        let (data, stride) = &mut other.planes[0];
        for row in data.chunks_mut(*stride) {
            row[16 * 4 + offset] ^= 0xff;
        }
        let fit = squash(layout.size, Size::new(32, 64));
        assert!(
            preprocess(&picture, &fit, Interpolation::BicubicAntialiased)
                == preprocess(&other, &fit, Interpolation::BicubicAntialiased)
        );
    }
}

#[test]
fn letterbox_has_borders_around_the_picture() {
    let photo = Picture::load("photo.png");
    let boxed = fit(
        photo.layout.size,
        (2, 1),
        ResizePolicy::Letterbox,
        Size::new(96, 96),
        32,
    );
    let Rect {
        x,
        y,
        width,
        height,
    } = boxed.content;
    assert_eq!((x, width), (0, 96));
    assert!(y > 20);
    let mut preprocessor =
        Preprocessor::new(&photo.layout, &boxed, Interpolation::BicubicAntialiased)
            .with_border([1, 2, 3]);
    let mut out = vec![77; preprocessor.output_bytes()];
    preprocessor.run(&photo.frame(), &mut out).unwrap();

    let inside = preprocess(
        &photo,
        &squash(photo.layout.size, Size::new(height, width)),
        Interpolation::BicubicAntialiased,
    );
    for (row, pixels) in out.chunks(96 * 3).enumerate() {
        let row = row as u32;
        if (y..y + height).contains(&row) {
            let start = ((row - y) * width * 3) as usize;
            assert_eq!(pixels, &inside[start..start + (width * 3) as usize]);
        } else {
            assert!(pixels.chunks(3).all(|pixel| pixel == [1, 2, 3]));
        }
    }

    let portrait = Picture::noise(Layout::full_range(Format::Nv12, Size::new(163, 121)), 3);
    let boxed = fit(
        portrait.layout.size,
        (1, 1),
        ResizePolicy::Letterbox,
        Size::new(96, 96),
        32,
    );
    let out = preprocess(&portrait, &boxed, Interpolation::BicubicAntialiased);
    assert!(boxed.content.x > 5);
    for pixels in out.chunks(96 * 3) {
        assert!(
            pixels[..boxed.content.x as usize * 3]
                .iter()
                .all(|&value| value == 128)
        );
        let end = (boxed.content.x + boxed.content.width) as usize * 3;
        assert!(pixels[end..].iter().all(|&value| value == 128));
    }
}

#[test]
fn flat_areas_keep_their_value() {
    for value in [0, 1, 127, 254, 255] {
        let mut picture = Picture::new(Layout::full_range(Format::Rgb, Size::new(121, 163)), 0);
        picture.planes[0].0.fill(value);
        for network in [Size::new(64, 96), Size::new(384, 384)] {
            for interpolation in [
                Interpolation::BicubicAntialiased,
                Interpolation::BicubicOpencv,
                Interpolation::AreaOrBicubicOpencv,
                Interpolation::BilinearAntialiased,
                Interpolation::LanczosAntialiased,
                Interpolation::Nearest,
            ] {
                let ours = preprocess(
                    &picture,
                    &squash(picture.layout.size, network),
                    interpolation,
                );
                assert!(ours.iter().all(|&sample| sample == value));
            }
        }
    }
}

#[test]
fn tensors_are_normalised() {
    let size = Size::new(2, 3);
    let rgb: Vec<u8> = (0..18).map(|index| index * 15).collect();
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let (mut nchw, mut nhwc) = (vec![0.0; 18], vec![0.0; 18]);
    to_f32_nchw(&rgb, size, mean, std, &mut nchw).unwrap();
    to_f32_nhwc(&rgb, size, mean, std, &mut nhwc).unwrap();
    for (pixel, values) in rgb.chunks(3).enumerate() {
        for channel in 0..3 {
            let expected = (f32::from(values[channel]) / 255.0 - mean[channel]) / std[channel];
            assert!((nchw[channel * 6 + pixel] - expected).abs() < 1e-6);
            assert!((nhwc[pixel * 3 + channel] - expected).abs() < 1e-6);
        }
    }
    assert!(to_f32_nchw(&rgb[1..], size, mean, std, &mut nchw).is_err());
    assert!(to_f32_nhwc(&rgb, size, mean, std, &mut nhwc[1..]).is_err());
}

#[test]
fn wrong_pictures_are_errors() {
    let size = Size::new(16, 16);
    let layout = Layout::full_range(Format::Nv12, size);
    let data = [0; 16 * 24];
    let plane = |bytes: usize, stride| Plane {
        data: &data[..bytes],
        stride,
    };
    let error = |layout, planes: Vec<Plane<'_>>| FrameRef::new(layout, planes).unwrap_err();

    assert!(FrameRef::new(layout, [plane(256, 16), plane(128, 16)]).is_ok());
    assert!(matches!(
        error(layout, vec![plane(256, 16)]),
        FrameError::Planes {
            expected: 2,
            actual: 1,
            ..
        }
    ));
    assert!(matches!(
        error(layout, vec![plane(256, 16); 5]),
        FrameError::Planes {
            expected: 2,
            actual: 5,
            ..
        }
    ));
    assert!(matches!(
        error(layout, vec![plane(256, 15), plane(128, 16)]),
        FrameError::Stride { plane: 0, .. }
    ));
    assert!(matches!(
        error(layout, vec![plane(256, 16), plane(127, 16)]),
        FrameError::Truncated {
            plane: 1,
            expected: 128,
            actual: 127
        }
    ));
    assert!(matches!(
        error(layout, vec![plane(256, usize::MAX), plane(128, 16)]),
        FrameError::Truncated { plane: 0, .. }
    ));
    let huge = Layout {
        size: Size::new(u32::MAX, u32::MAX),
        ..layout
    };
    assert!(matches!(
        error(huge, vec![plane(256, 16); 2]),
        FrameError::Size(_)
    ));
    let none = Layout {
        size: Size::new(0, 16),
        ..layout
    };
    assert!(matches!(
        error(none, vec![plane(256, 16); 2]),
        FrameError::Size(_)
    ));

    let other = Picture::new(Layout::full_range(Format::Nv12, Size::new(18, 16)), 0);
    let mut preprocessor = Preprocessor::new(
        &layout,
        &squash(size, size),
        Interpolation::BicubicAntialiased,
    );
    let mut out = vec![0; preprocessor.output_bytes()];
    assert!(matches!(
        preprocessor.run(&other.frame(), &mut out),
        Err(FrameError::Layout { .. })
    ));
    let right = Picture::new(layout, 0);
    assert!(matches!(
        preprocessor.run(&right.frame(), &mut out[1..]),
        Err(FrameError::Length { .. })
    ));
}
