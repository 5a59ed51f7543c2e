// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Luma and chroma against GStreamer's converter.

use gstdptdepth::frame::{ChromaSite, ColorRange, Format, Layout, Matrix, RgbConverter};
use gstdptdepth::spec::{Interpolation, Size};

use super::input::{preprocess, squash};
use super::picture::{Picture, differences};

const MATRICES: [Matrix; 5] = [
    Matrix::Bt601,
    Matrix::Bt709,
    Matrix::Bt2020,
    Matrix::Fcc,
    Matrix::Smpte240m,
];
const RANGES: [ColorRange; 2] = [ColorRange::Limited, ColorRange::Full];

fn to_rgb(picture: &Picture) -> Picture {
    let mut rgb = Picture::new(Layout::full_range(Format::Rgb, picture.layout.size), 0);
    RgbConverter::new(&picture.layout)
        .run(&picture.frame(), &mut rgb.frame_mut())
        .unwrap();
    rgb
}

/// GStreamer takes its general path where samples have 10 bits: exact but for rounding in several
/// steps.
#[test]
fn conversion_is_gstreamers_within_rounding() {
    let photo = Picture::load("photo.png");
    for format in [Format::P010Le, Format::I42010Le] {
        for matrix in MATRICES {
            for range in RANGES {
                for site in [ChromaSite::JPEG, ChromaSite::MPEG2] {
                    let yuv = photo.convert(Layout {
                        format,
                        matrix,
                        range,
                        site,
                        ..photo.layout
                    });
                    let theirs = yuv.convert(photo.layout);
                    let (worst, mean) = differences(&to_rgb(&yuv).planes[0].0, &theirs.planes[0].0);
                    assert!(
                        worst <= 2 && mean < 0.7,
                        "{} {site:?}: {worst} {mean}",
                        yuv.layout
                    );
                }
            }
        }
    }
}

/// For 8 bits GStreamer has shortcuts that darken limited range by 2.5 levels on average and repeat
/// the chroma of I420. Ours must be nearer to the photograph that it started from.
#[test]
fn network_pictures_are_nearer_to_the_photo_than_gstreamers() {
    let photo = Picture::load("photo.png");
    let size = photo.layout.size;
    for format in Format::ALL.into_iter().filter(|format| format.is_yuv()) {
        for matrix in [Matrix::Bt601, Matrix::Bt709] {
            for range in RANGES {
                for site in [ChromaSite::JPEG, ChromaSite::MPEG2, ChromaSite::COSITED] {
                    let yuv = photo.convert(Layout {
                        format,
                        matrix,
                        range,
                        site,
                        size,
                    });
                    let rgb = yuv.convert(photo.layout);
                    for network in [Size::new(64, 64), Size::new(96, 128), Size::new(192, 256)] {
                        let fit = squash(size, network);
                        let [ours, theirs, exact] = [&yuv, &rgb, &photo].map(|picture| {
                            preprocess(picture, &fit, Interpolation::BicubicAntialiased)
                        });
                        let (worst, mean) = differences(&ours, &theirs);
                        let (our_worst, our_mean) = differences(&ours, &exact);
                        let (their_worst, their_mean) = differences(&theirs, &exact);
                        let what = format!("{} {site:?} {network}", yuv.layout);
                        assert!(mean < 3.0 && worst < 24, "{what}: {worst} {mean}");
                        // Without shortcuts, for 10 bits, either may be the nearer one.
                        assert!(
                            our_mean < their_mean + 0.25,
                            "{what}: {our_mean} {their_mean}"
                        );
                        assert!(
                            our_worst <= their_worst + 5,
                            "{what}: {our_worst} {their_worst}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn every_rgb_format_can_be_written() {
    let photo = Picture::load("photo.png");
    for format in Format::ALL.into_iter().filter(|format| format.is_rgb()) {
        let layout = Layout {
            format,
            ..photo.layout
        };
        let mut ours = Picture::new(layout, 3);
        RgbConverter::new(&photo.layout)
            .run(&photo.frame(), &mut ours.frame_mut())
            .unwrap();
        // GStreamer leaves 255 in unused bytes too.
        assert_eq!(ours.bytes(0), photo.convert(layout).bytes(0), "{format:?}");
        assert_eq!(to_rgb(&ours).planes[0].0, photo.planes[0].0, "{format:?}");
    }
    let mut yuv = Picture::new(
        Layout {
            format: Format::I420,
            ..photo.layout
        },
        0,
    );
    assert!(
        RgbConverter::new(&photo.layout)
            .run(&photo.frame(), &mut yuv.frame_mut())
            .is_err()
    );
}

#[test]
fn side_by_side_is_two_crops() {
    use gstdptdepth::frame::Rect;
    let photo = Picture::load("photo.png");
    let Size { height, width } = photo.layout.size;
    let wide = Layout {
        size: Size::new(height, width * 2),
        ..photo.layout
    };
    let mut both = Picture::new(wide, 7);
    let mut frame = both.frame_mut();
    let mut converter = RgbConverter::new(&photo.layout);
    for x in [0, width] {
        let mut half = frame
            .crop(Rect {
                x,
                y: 0,
                width,
                height,
            })
            .unwrap();
        converter.run(&photo.frame(), &mut half).unwrap();
    }
    assert!(
        frame
            .crop(Rect {
                x: width,
                y: 0,
                width: width + 1,
                height
            })
            .is_err()
    );
    assert!(
        frame
            .crop(Rect {
                x: 0,
                y: 0,
                width: 0,
                height
            })
            .is_err()
    );
    assert!(
        frame
            .crop(Rect {
                x: u32::MAX,
                y: 0,
                width: 2,
                height
            })
            .is_err()
    );
    for (row, expected) in both
        .bytes(0)
        .chunks(width as usize * 6)
        .zip(photo.bytes(0).chunks(width as usize * 3))
    {
        assert!(row[..expected.len()] == *expected && row[expected.len()..] == *expected);
    }
}
