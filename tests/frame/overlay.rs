// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::{
    ChromaSite, ColorRange, Colormap, Format, Layout, Lut, Map, MapWriter, Matrix, RgbConverter,
};
use gstdptdepth::spec::Size;

use super::input::squash;
use super::picture::{Picture, differences};

const MAP: Size = Size::new(24, 32);

/// A smooth hill.
fn hill() -> Vec<u16> {
    (0..MAP.area())
        .map(|index| {
            let x = (index % 32) as f64 / 16.0 - 1.0;
            let y = (index / 32) as f64 / 12.0 - 1.0;
            (60_000.0 * (-x * x - y * y).exp()) as u16
        })
        .collect()
}

fn blend(picture: &mut Picture, map: Map<'_>, lut: &Lut, alpha: f32) {
    let fit = squash(picture.layout.size, Size::new(96, 128));
    let mut writer = MapWriter::new(MAP, &fit, &picture.layout).unwrap();
    writer
        .blend(map, lut, alpha, &mut picture.frame_mut())
        .unwrap();
}

fn to_rgb(picture: &Picture) -> Vec<u8> {
    let mut rgb = Picture::new(Layout::full_range(Format::Rgb, picture.layout.size), 0);
    RgbConverter::new(&picture.layout)
        .run(&picture.frame(), &mut rgb.frame_mut())
        .unwrap();
    rgb.bytes(0)
}

fn layouts() -> impl Iterator<Item = Layout> {
    let size = Size::new(121, 163);
    Format::ALL.into_iter().flat_map(move |format| {
        let layout = |(matrix, range, site)| Layout {
            format,
            size,
            matrix,
            range,
            site,
        };
        [
            (Matrix::Bt601, ColorRange::Limited, ChromaSite::JPEG),
            (Matrix::Bt709, ColorRange::Limited, ChromaSite::MPEG2),
            (Matrix::Bt2020, ColorRange::Full, ChromaSite::COSITED),
        ]
        .map(layout)
    })
}

/// Blending in the frame's colours is blending in RGB: the conversion is linear. What is left is
/// the rounding of luma and chroma to their codes, twice, and that RGB clips what it cannot hold
/// before it is blended.
#[test]
fn blending_is_the_same_in_every_format() {
    let photo = Picture::load("photo.png");
    let (map, lut) = (hill(), Colormap::Viridis.lut());
    for layout in layouts() {
        let mut picture = photo.convert(layout).padded(6);
        let mut rgb = Picture::rgb(layout.size, to_rgb(&picture));
        blend(&mut rgb, Map::Depth(&map), &lut, 0.6);
        let mut expected = rgb.bytes(0);
        if layout.format.is_gray() {
            // Colours become their luma, by BT.601 unless the caps say otherwise.
            let gray = Layout {
                format: Format::Gray8,
                range: ColorRange::Full,
                ..layout
            };
            let luma = rgb.convert(gray).bytes(0);
            expected = luma.iter().flat_map(|&luma| [luma; 3]).collect();
        }
        blend(&mut picture, Map::Depth(&map), &lut, 0.6);
        let (worst, mean) = differences(&to_rgb(&picture), &expected);
        assert!(
            worst <= 8 && mean < 1.0,
            "{layout} {:?}: {worst} {mean}",
            layout.site
        );
    }
}

#[test]
fn alpha_goes_from_nothing_to_all() {
    let (map, lut) = (hill(), Colormap::Inferno.lut());
    for layout in layouts() {
        let noise = Picture::noise(layout, 4);
        let mut same = noise.clone();
        blend(&mut same, Map::Depth(&map), &lut, 0.0);
        if layout.format.depth() != 10 {
            assert_eq!(same.planes, noise.planes, "{layout}");
        }
        let mut covered = noise.clone();
        blend(&mut covered, Map::Depth(&map), &lut, 1.0);
        let mut other = Picture::new(layout, 4);
        blend(&mut other, Map::Depth(&map), &lut, 1.0);
        let alpha_channel = layout.format.is_rgb() && layout.format.row_bytes(0, 1) == 4;
        if !alpha_channel {
            for plane in 0..layout.format.planes() {
                assert_eq!(covered.bytes(plane), other.bytes(plane), "{layout}");
            }
        }
        for alpha in [-1.0, 2.0, f32::NAN] {
            blend(&mut same, Map::Depth(&map), &lut, alpha);
        }
    }
}

#[test]
fn alpha_channels_and_padding_stay() {
    let (map, lut) = (hill(), Colormap::Inferno.lut());
    for layout in layouts() {
        let noise = Picture::noise(layout, 4);
        let mut blended = noise.clone();
        blend(&mut blended, Map::Depth(&map), &lut, 0.7);
        let row_bytes = |plane| layout.format.row_bytes(plane, layout.size.width);
        for (plane, (before, after)) in noise.planes.iter().zip(&blended.planes).enumerate() {
            let rows = before.0.chunks(before.1).zip(after.0.chunks(after.1));
            for (before, after) in rows {
                assert_eq!(
                    before[row_bytes(plane)..],
                    after[row_bytes(plane)..],
                    "{layout}"
                );
            }
        }
        let alpha = match layout.format {
            Format::Rgba | Format::Bgra | Format::Rgbx | Format::Bgrx => 3,
            Format::Argb | Format::Abgr | Format::Xrgb | Format::Xbgr => 0,
            _ => continue,
        };
        let of = |picture: &Picture| -> Vec<u8> {
            picture
                .bytes(0)
                .into_iter()
                .skip(alpha)
                .step_by(4)
                .collect()
        };
        assert_eq!(of(&noise), of(&blended), "{layout}");
    }
}

#[test]
fn labels_have_hard_edges() {
    let labels: Vec<u8> = (0..MAP.area())
        .map(|index| u8::from(index % 32 >= 16))
        .collect();
    let mut colors = [[0; 3]; 256];
    (colors[0], colors[1]) = ([255, 0, 0], [0, 0, 255]);
    let layout = Layout::full_range(Format::Rgb, Size::new(48, 64));
    let mut picture = Picture::new(layout, 0);
    blend(&mut picture, Map::Labels(&labels), &Lut(colors), 1.0);
    for row in picture.bytes(0).chunks(64 * 3) {
        let (left, right) = row.split_at(32 * 3);
        assert!(left.chunks(3).all(|pixel| pixel == [255, 0, 0]));
        assert!(right.chunks(3).all(|pixel| pixel == [0, 0, 255]));
    }
}
