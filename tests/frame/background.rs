// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Cut-outs and background blur.

use gstdptdepth::frame::{
    BlurWriter, Format, FrameError, Layout, MatteWriter, RgbConverter, window_alpha,
};
use gstdptdepth::spec::Size;

use super::picture::{Picture, differences};
use super::views::as_format;

const SIZE: Size = Size::new(61, 83);

fn to_rgb(picture: &Picture) -> Picture {
    let mut rgb = Picture::new(Layout::full_range(Format::Rgb, picture.layout.size), 0);
    RgbConverter::new(&picture.layout)
        .run(&picture.frame(), &mut rgb.frame_mut())
        .unwrap();
    rgb
}

fn blur(picture: &Picture, alpha: &[u8], radius: f32, format: Format) -> Picture {
    let mut out = Picture::noise(Layout::full_range(format, picture.layout.size), 5);
    BlurWriter::new(&picture.layout)
        .write(&picture.frame(), alpha, radius, &mut out.frame_mut())
        .unwrap();
    out
}

#[test]
fn a_window_has_soft_sides() {
    let nearness = [0, 99, 100, 149, 150, 200, 300, 301, 325, 350, 351, u16::MAX];
    let mut alpha = [7; 12];
    window_alpha(&nearness, 300, 150, 50, &mut alpha).unwrap();
    let expected = [0, 0, 0, 250, 255, 255, 255, 250, 128, 0, 0, 0];
    let (worst, _) = differences(&alpha, &expected);
    assert!(worst <= 1, "{alpha:?}");
    let mut swapped = [7; 12];
    window_alpha(&nearness, 150, 300, 50, &mut swapped).unwrap();
    assert_eq!(alpha, swapped);
    window_alpha(&nearness, 300, 150, 0, &mut alpha).unwrap();
    assert_eq!(alpha, [0, 0, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0]);
    window_alpha(&nearness, u16::MAX, 0, u16::MAX, &mut alpha).unwrap();
    assert_eq!(alpha, [255; 12]);
    window_alpha(&nearness, u16::MAX, u16::MAX, u16::MAX, &mut alpha).unwrap();
    assert_eq!((alpha[0], alpha[11]), (0, 255));
    let short = window_alpha(&nearness, 1, 0, 0, &mut alpha[1..]);
    assert!(matches!(short, Err(FrameError::Length { .. })));
}

#[test]
fn a_matte_is_the_frame_with_its_alpha() {
    let alpha: Vec<u8> = (0..SIZE.area()).map(|at| (at * 37) as u8).collect();
    for source in Format::ALL {
        let picture = Picture::noise(Layout::full_range(source, SIZE), 3);
        let mut writer = MatteWriter::new(&picture.layout);
        let mut write = |format| {
            let mut out = Picture::noise(Layout::full_range(format, SIZE), 9);
            let written = writer.write(&picture.frame(), &alpha, &mut out.frame_mut());
            written.map(|()| out.bytes(0))
        };
        assert_eq!(write(Format::Gray8).unwrap(), alpha);
        for (format, at) in [
            (Format::Rgba, 3),
            (Format::Bgra, 3),
            (Format::Argb, 0),
            (Format::Abgr, 0),
        ] {
            let mut expected = as_format(&to_rgb(&picture), format);
            for (pixel, &alpha) in expected.as_chunks_mut::<4>().0.iter_mut().zip(&alpha) {
                pixel[at] = alpha;
            }
            assert_eq!(write(format).unwrap(), expected, "{source:?} {format:?}");
        }
        for format in [Format::Rgb, Format::Rgbx, Format::Gray16, Format::Nv12] {
            assert!(matches!(write(format), Err(FrameError::Format { .. })));
        }
    }
}

#[test]
fn the_foreground_stays_as_it_is() {
    let picture = Picture::noise(Layout::full_range(Format::Rgb, SIZE), 0);
    for radius in [-1.0, 0.0, 3.0, 50.0, f32::NAN, f32::INFINITY] {
        let out = blur(&picture, &vec![255; SIZE.area()], radius, Format::Rgb);
        assert!(out.bytes(0) == picture.bytes(0), "{radius}");
    }
    for radius in [-1.0, 0.0, f32::NAN, f32::NEG_INFINITY] {
        let out = blur(&picture, &vec![0; SIZE.area()], radius, Format::Rgb);
        assert!(out.bytes(0) == picture.bytes(0), "{radius}");
    }
}

/// A red board before a blue wall that is the same everywhere.
#[test]
fn the_foreground_does_not_shine_into_the_background() {
    let inside = |at: usize| {
        let (x, y) = (at % 83, at / 83);
        (20..50).contains(&x) && (10..40).contains(&y)
    };
    let pixels = (0..SIZE.area()).flat_map(|at| match inside(at) {
        true => [255, 30, 20],
        false => [10, 60, 200],
    });
    let picture = Picture::rgb(SIZE, pixels.collect());
    let alpha: Vec<u8> = (0..SIZE.area())
        .map(|at| 255 * u8::from(inside(at)))
        .collect();
    for radius in [0.5, 2.0, 5.0, 6.0, 11.0, 24.0, 100.0, 1e9, f32::INFINITY] {
        let out = blur(&picture, &alpha, radius, Format::Rgb);
        assert!(out.bytes(0) == picture.bytes(0), "{radius}");
    }
}

/// A black and a white half through a Gaussian lens: the light of the edge is the normal
/// distribution. Light is taken as the square of the code.
#[test]
fn an_edge_is_blurred_as_a_lens_would() {
    let size = Size::new(9, 400);
    let pixels = (0..size.area()).flat_map(|at| [255 * u8::from(at % 400 >= 200); 3]);
    let across = Picture::rgb(size, pixels.collect());
    let turned = Size::new(400, 9);
    let pixels = (0..turned.area()).flat_map(|at| [255 * u8::from(at / 9 >= 200); 3]);
    let down = Picture::rgb(turned, pixels.collect());
    for radius in [5.9, 8.0, 13.0, 20.0, 47.0, 60.0] {
        let deviation = f64::from(radius) / 2.0;
        let along = blur(&across, &vec![0; size.area()], radius, Format::Rgb).bytes(0);
        let upright = blur(&down, &vec![0; turned.area()], radius, Format::Rgb).bytes(0);
        for at in 0..400 {
            let light = normal((at as f64 + 0.5 - 200.0) / deviation);
            for code in [along[at * 3], upright[at * 9 * 3]] {
                let got = (f64::from(code) / 255.0).powi(2);
                // Cells are 1/6 to 1/3 of the radius wide, and lines are drawn between them.
                assert!((got - light).abs() < 0.035, "{radius} {at}: {got} {light}");
            }
        }
    }
}

/// The normal distribution's share below `x`, by Simpson's rule.
fn normal(x: f64) -> f64 {
    let x = x.clamp(-8.0, 8.0);
    let density = |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let step = x / 200.0;
    let sum: f64 = (0..100)
        .map(|at| {
            let start = f64::from(2 * at) * step;
            density(start) + 4.0 * density(start + step) + density(start + 2.0 * step)
        })
        .sum();
    0.5 + sum * step / 3.0
}

#[test]
fn every_format_is_blurred_alike() {
    let alpha: Vec<u8> = (0..SIZE.area()).map(|at| (at * 3) as u8).collect();
    for source in Format::ALL {
        let picture = Picture::noise(Layout::full_range(source, SIZE), 3);
        let expected = blur(&to_rgb(&picture), &alpha, 9.0, Format::Rgb);
        for format in Format::ALL.into_iter().filter(|format| format.is_rgb()) {
            let out = blur(&picture, &alpha, 9.0, format);
            assert_eq!(out.bytes(0), as_format(&expected, format), "{format:?}");
        }
    }
}

#[test]
fn any_size_and_alpha_is_blurred() {
    for size in [
        Size::new(1, 1),
        Size::new(1, 70),
        Size::new(70, 1),
        Size::new(2, 3),
    ] {
        let picture = Picture::rgb(size, vec![77; size.area() * 3]);
        let alpha: Vec<u8> = (0..size.area()).map(|at| (at * 91) as u8).collect();
        for radius in [1.0, 7.0, 30.0, 384.0, f32::MAX] {
            let out = blur(&picture, &alpha, radius, Format::Rgb);
            assert!(
                out.bytes(0).iter().all(|&byte| byte == 77),
                "{size} {radius}"
            );
        }
    }
    let picture = Picture::noise(Layout::full_range(Format::Rgb, SIZE), 0);
    let mut writer = BlurWriter::new(&picture.layout);
    let mut out = Picture::new(picture.layout, 0);
    let short = writer.write(&picture.frame(), &[0; 9], 3.0, &mut out.frame_mut());
    assert!(matches!(short, Err(FrameError::Length { .. })));
    let mut gray = Picture::new(Layout::full_range(Format::Gray8, SIZE), 0);
    let alpha = vec![0; SIZE.area()];
    let refused = writer.write(&picture.frame(), &alpha, 3.0, &mut gray.frame_mut());
    assert!(matches!(refused, Err(FrameError::Format { .. })));
}
