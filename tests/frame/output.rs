// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::{
    ADE20K_COLORS, Colormap, Fit, Format, FrameError, Layout, Lut, Map, MapWriter, fit, palette,
};
use gstdptdepth::spec::{Interpolation, ResizePolicy, Size};

use super::input::{preprocess, squash};
use super::picture::Picture;

fn write(map: Map<'_>, size: Size, fit: &Fit, format: Format) -> Picture {
    let mut out = Picture::noise(Layout::full_range(format, fit.frame), 5);
    let mut writer = MapWriter::new(size, fit, &out.layout).unwrap();
    writer
        .write(map, &Colormap::Gray.lut(), &mut out.frame_mut())
        .unwrap();
    out
}

fn codes(picture: &Picture) -> Vec<u16> {
    picture
        .bytes(0)
        .chunks(2)
        .map(|bytes| u16::from_ne_bytes([bytes[0], bytes[1]]))
        .collect()
}

/// `upsample.bin` is torch's `interpolate` with `align_corners=False`, and `nearest-exact`.
#[test]
fn maps_are_upsampled_as_torch_does() {
    let data = include_bytes!("../data/frame/upsample.bin");
    let (map, picture) = (Size::new(9, 13), Size::new(31, 47));
    let (depth, labels) = data.split_at((map.area() + picture.area()) * 2);
    let depth: Vec<u16> = depth
        .chunks(2)
        .map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
        .collect();
    let fit = squash(picture, Size::new(36, 52));

    let ours = codes(&write(
        Map::Depth(&depth[..map.area()]),
        map,
        &fit,
        Format::Gray16,
    ));
    for (&ours, &theirs) in ours.iter().zip(&depth[map.area()..]) {
        // Columns and rows are rounded one after the other, their weights to 15 bits.
        assert!(ours.abs_diff(theirs) <= 3, "{ours} {theirs}");
    }
    let ours = write(Map::Labels(&labels[..map.area()]), map, &fit, Format::Gray8).bytes(0);
    assert_eq!(ours, &labels[map.area()..]);
}

#[test]
fn every_size_reaches_the_ends() {
    let fit = squash(Size::new(121, 163), Size::new(64, 64));
    for side in [1, 2, 3, 64, 400] {
        let size = Size::new(side, side);
        let map = vec![65_535; size.area()];
        let white = codes(&write(Map::Depth(&map), size, &fit, Format::Gray16));
        assert!(white.iter().all(|&code| code == 65_535), "{side}");
    }
}

#[test]
fn gray8_is_gray16_rounded() {
    let size = Size::new(8, 8);
    let map: Vec<u16> = (0..64).map(|index| index * 1040).collect();
    let fit = squash(Size::new(121, 163), Size::new(64, 64));
    let fine = codes(&write(Map::Depth(&map), size, &fit, Format::Gray16));
    let coarse = write(Map::Depth(&map), size, &fit, Format::Gray8).bytes(0);
    for (fine, coarse) in fine.into_iter().zip(coarse) {
        assert_eq!((f64::from(fine) / 257.0).round() as u8, coarse, "{fine}");
    }
}

#[test]
fn invalid_pixels_do_not_mix() {
    let size = Size::new(6, 6);
    let mut map = vec![5000; 36];
    map[14] = 0;
    map[15] = 0;
    let fit = squash(Size::new(60, 60), Size::new(60, 60));
    let clean = codes(&write(
        Map::DepthWithHoles(&map),
        size,
        &fit,
        Format::Gray16,
    ));
    assert!(clean.iter().all(|&code| code == 0 || code == 5000));
    // Two map pixels of ten by ten.
    assert_eq!(clean.iter().filter(|&&code| code == 0).count(), 200);
    assert_eq!((clean[24 * 60 + 24], clean[24 * 60 + 45]), (0, 5000));
    let mixed = codes(&write(Map::Depth(&map), size, &fit, Format::Gray16));
    assert!(mixed.iter().any(|&code| code > 0 && code < 5000));
}

/// The centre of what is bright, as a fraction of the sides.
fn centre(values: &[u8], width: usize) -> (f64, f64) {
    let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
    for (index, &value) in values.iter().enumerate().filter(|(_, value)| **value > 100) {
        let weight = f64::from(value);
        sum += weight;
        x += weight * ((index % width) as f64 + 0.5);
        y += weight * ((index / width) as f64 + 0.5);
    }
    (x / sum, y / sum)
}

/// A bright rectangle goes into the network and, as if that were its depth, back onto the frame:
/// it must lie where it was.
#[test]
fn maps_land_on_the_right_pixels() {
    let network = Size::new(96, 96);
    for frame in [
        Size::new(121, 163),
        Size::new(163, 121),
        Size::new(45, 320),
        Size::new(16, 16),
    ] {
        for par in [(1, 1), (2, 1), (1, 3)] {
            for policy in [
                ResizePolicy::Minimal,
                ResizePolicy::LowerBound,
                ResizePolicy::UpperBound,
                ResizePolicy::Squash,
                ResizePolicy::Letterbox,
            ] {
                let fit = fit(frame, par, policy, network, 8);
                let mut picture = Picture::new(Layout::full_range(Format::Gray8, frame), 3);
                let (width, height) = (frame.width as usize, frame.height as usize);
                let (data, stride) = &mut picture.planes[0];
                for row in data
                    .chunks_mut(*stride)
                    .take(height * 2 / 3)
                    .skip(height / 4)
                {
                    row[width / 8..width / 2].fill(255);
                }
                let rgb = preprocess(&picture, &fit, Interpolation::BilinearAntialiased);
                // The output of a network may be half its input's size.
                let half = Size::new(fit.network.height / 2, fit.network.width / 2);
                let wide = fit.network.width as usize;
                let map: Vec<u16> = (0..half.area())
                    .map(|index| {
                        let (x, y) = (index % (wide / 2) * 2, index / (wide / 2) * 2);
                        let sum: u16 = [(0, 0), (1, 0), (0, 1), (1, 1)]
                            .iter()
                            .map(|(dx, dy)| u16::from(rgb[((y + dy) * wide + x + dx) * 3]))
                            .sum();
                        sum / 4 * 257
                    })
                    .collect();
                let back = write(Map::Depth(&map), half, &fit, Format::Gray8).bytes(0);
                let (x, y) = centre(&back, width);
                let (true_x, true_y) = centre(&picture.bytes(0), width);
                // A quarter of a map pixel, in frame pixels, and a quarter of a frame pixel.
                let most =
                    |frame: usize, content: u32| 0.25 + 0.5 * frame as f64 / f64::from(content);
                let near = (x - true_x).abs() <= most(width, fit.content.width)
                    && (y - true_y).abs() <= most(height, fit.content.height);
                assert!(
                    near,
                    "{frame} {par:?} {policy:?}: {x} {y}, not {true_x} {true_y}"
                );
            }
        }
    }
}

#[test]
fn a_ramp_stays_a_ramp() {
    let frame = Size::new(90, 160);
    let fit = fit(
        frame,
        (1, 1),
        ResizePolicy::Letterbox,
        Size::new(64, 64),
        32,
    );
    // The depth is the column; above and below the picture it is nonsense.
    let map: Vec<u16> = (0..64 * 64)
        .map(|index| {
            let rows = fit.content.y..fit.content.y + fit.content.height;
            if rows.contains(&(index as u32 / 64)) {
                (index % 64) as u16 * 1000
            } else {
                65_535
            }
        })
        .collect();
    let ours = codes(&write(
        Map::Depth(&map),
        Size::new(64, 64),
        &fit,
        Format::Gray16,
    ));
    for (index, code) in ours.into_iter().enumerate() {
        let column = ((index % 160) as f64 + 0.5) * 64.0 / 160.0 - 0.5;
        let expected = column.clamp(0.0, 63.0) * 1000.0;
        assert!(
            (f64::from(code) - expected).abs() < 2.0,
            "{index}: {code}, not {expected}"
        );
    }
}

/// Map pixels that show the frame and the border are neither.
#[test]
fn borders_never_bleed_in() {
    for frame in [Size::new(85, 256), Size::new(256, 85), Size::new(77, 100)] {
        let fit = fit(
            frame,
            (1, 1),
            ResizePolicy::Letterbox,
            Size::new(64, 64),
            32,
        );
        for map in [Size::new(64, 64), Size::new(32, 32), Size::new(45, 77)] {
            let content = fit.content_of(map);
            let inside = |index: u32| {
                (content.x..content.x + content.width).contains(&(index % map.width))
                    && (content.y..content.y + content.height).contains(&(index / map.width))
            };
            let codes_of: Vec<u16> = (0..map.area() as u32)
                .map(|index| if inside(index) { 500 } else { 65_535 })
                .collect();
            let ours = codes(&write(Map::Depth(&codes_of), map, &fit, Format::Gray16));
            assert!(ours.iter().all(|&code| code == 500), "{frame} {map}");
            let labels: Vec<u8> = codes_of.iter().map(|&code| (code / 257) as u8).collect();
            let ours = write(Map::Labels(&labels), map, &fit, Format::Gray8).bytes(0);
            assert!(ours.iter().all(|&label| label == 1), "{frame} {map}");
        }
    }
}

#[test]
fn colors_are_those_of_the_table() {
    let size = Size::new(1, 256);
    let map: Vec<u16> = (0..256).map(|value| value * 257).collect();
    let fit = squash(size, Size::new(32, 256));
    let lut = Colormap::Turbo.lut();
    for format in Format::ALL.into_iter().filter(|format| format.is_rgb()) {
        let mut out = Picture::noise(Layout::full_range(format, size), 5);
        let mut writer = MapWriter::new(size, &fit, &out.layout).unwrap();
        writer
            .write(Map::Depth(&map), &lut, &mut out.frame_mut())
            .unwrap();
        let rgb = out.convert(Layout::full_range(Format::Rgb, size)).bytes(0);
        assert_eq!(rgb, lut.0.as_flattened(), "{format:?}");
        let bytes = out.bytes(0);
        if bytes.len() == 256 * 4 {
            let opaque = (0..4).filter(|&at| bytes.iter().skip(at).step_by(4).all(|&b| b == 255));
            assert_eq!(opaque.count(), 1, "{format:?}");
        }
    }
}

#[test]
fn labels_are_colored_by_index() {
    let size = Size::new(1, 150);
    let labels: Vec<u8> = (0..150).collect();
    let mut out = Picture::new(Layout::full_range(Format::Rgb, size), 0);
    let mut writer = MapWriter::new(size, &squash(size, Size::new(32, 160)), &out.layout).unwrap();
    let lut = Lut::from_palette(&palette(150));
    writer
        .write(Map::Labels(&labels), &lut, &mut out.frame_mut())
        .unwrap();
    assert_eq!(out.bytes(0), ADE20K_COLORS.as_flattened());
    assert_eq!(lut.0[150], [0, 0, 0]);
    let wide = codes(&write(
        Map::Labels(&labels),
        size,
        &squash(size, size),
        Format::Gray16,
    ));
    assert_eq!(wide, (0..150).collect::<Vec<u16>>());
}

#[test]
fn what_does_not_fit_is_an_error() {
    let size = Size::new(16, 16);
    let fit = squash(size, size);
    let yuv = Layout::full_range(Format::I420, size);
    let lut = Colormap::default().lut();
    let mut picture = Picture::new(yuv, 0);
    let mut writer = MapWriter::new(size, &fit, &yuv).unwrap();
    let map = [0; 256];
    let error = writer.write(Map::Depth(&map), &lut, &mut picture.frame_mut());
    assert!(matches!(error, Err(FrameError::Format { .. })));
    let error = writer.blend(Map::Depth(&map[1..]), &lut, 0.5, &mut picture.frame_mut());
    assert!(matches!(error, Err(FrameError::Length { .. })));
    let mut other = Picture::new(Layout::full_range(Format::Nv12, size), 0);
    let error = writer.blend(Map::Depth(&map), &lut, 0.5, &mut other.frame_mut());
    assert!(matches!(error, Err(FrameError::Layout { .. })));
    assert!(MapWriter::new(Size::new(0, 4), &fit, &yuv).is_err());
    let larger = Layout::full_range(Format::I420, Size::new(16, 18));
    assert!(MapWriter::new(size, &fit, &larger).is_err());
}
