// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::{
    ChromaSite, ColorRange, Colormap, Fit, Format, LabelStyle, Layout, Lut, Map, MapWriter, Matrix,
    NO_CLASS, RgbConverter, keep_classes,
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

/// Three classes, one of which is an island.
fn labels() -> Vec<u8> {
    let label = |at: usize| match (at % 32, at / 32) {
        (12..16, 9..14) => 7,
        (0..20, _) => 1,
        _ => 2,
    };
    (0..MAP.area()).map(label).collect()
}

fn label_colors() -> Lut {
    let mut colors = [[0; 3]; 256];
    (colors[1], colors[2], colors[7]) = ([120, 60, 40], [40, 120, 90], [200, 190, 60]);
    colors[255] = [250, 10, 10];
    Lut(colors)
}

fn styled(picture: &mut Picture, labels: &[u8], style: LabelStyle, alpha: f32) {
    let fit = squash(picture.layout.size, MAP);
    let mut writer = MapWriter::new(MAP, &fit, &picture.layout).unwrap();
    writer.set_label_style(style);
    let map = Map::Labels(labels);
    writer
        .blend(map, &label_colors(), alpha, &mut picture.frame_mut())
        .unwrap();
}

/// The label of every pixel, as a map.
fn at_frame_size(labels: &[u8], size: Size, hidden: Option<u8>) -> Vec<u8> {
    let mut gray = Picture::new(Layout::full_range(Format::Gray8, size), 0);
    let mut writer = MapWriter::new(MAP, &squash(size, MAP), &gray.layout).unwrap();
    writer.set_label_style(LabelStyle { hidden, outline: 2 });
    writer
        .write(Map::Labels(labels), &label_colors(), &mut gray.frame_mut())
        .unwrap();
    gray.bytes(0)
}

/// For every pixel, how far the next pixel of another label is, counted as a king walks.
fn distances(labels: &[u8], size: Size, most: i32) -> Vec<i32> {
    let (width, height) = (size.width as i32, size.height as i32);
    let label = |x: i32, y: i32| labels[(y * width + x) as usize];
    let differs = |x: i32, y: i32, reach: i32| {
        let rows = (y - reach).max(0)..(y + reach + 1).min(height);
        rows.into_iter().any(|row| {
            let mut columns = (x - reach).max(0)..(x + reach + 1).min(width);
            columns.any(|column| label(column, row) != label(x, y))
        })
    };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    pixels
        .map(|(x, y)| {
            (1..=most)
                .find(|&reach| differs(x, y, reach))
                .unwrap_or(most + 1)
        })
        .collect()
}

#[test]
fn outlines_run_along_the_borders_within_each_class() {
    let (labels, size) = (labels(), Size::new(121, 163));
    let large = at_frame_size(&labels, size, None);
    let photo = Picture::load("photo.png");
    for outline in [0, 1, 2, 5] {
        let distances = distances(&large, size, 5);
        let mut picture = photo.clone();
        let style = LabelStyle {
            hidden: None,
            outline,
        };
        styled(&mut picture, &labels, style, 0.5);
        let pixels = picture.bytes(0);
        let pairs = pixels.chunks(3).zip(photo.planes[0].0.chunks(3));
        for ((pixel, before), (label, distance)) in pairs.zip(large.iter().zip(distances)) {
            let color = label_colors().0[usize::from(*label)];
            let expected: Vec<u8> = color
                .iter()
                .zip(before)
                .map(|(&color, &before)| {
                    if distance <= outline as i32 {
                        color / 2 + 128
                    } else {
                        (u16::from(color) + u16::from(before)).div_ceil(2) as u8
                    }
                })
                .collect();
            assert_eq!(pixel, expected, "{outline} {distance}");
        }
    }
}

/// With no colours but the outlines', pixels near a border have their luma and others are as they
/// were. Chroma samples reach a pixel or two beyond.
#[test]
fn outlines_are_the_same_in_every_format() {
    let labels = labels();
    let luma = |rgb: &[u8]| {
        0.299 * f64::from(rgb[0]) + 0.587 * f64::from(rgb[1]) + 0.114 * f64::from(rgb[2])
    };
    for layout in layouts() {
        let large = at_frame_size(&labels, layout.size, None);
        let distances = distances(&large, layout.size, 5);
        let plain = Picture::load("photo.png").convert(layout).padded(6);
        let mut outlined = plain.clone();
        let style = LabelStyle {
            hidden: None,
            outline: 2,
        };
        styled(&mut outlined, &labels, style, 0.0);
        let (before, after) = (to_rgb(&plain), to_rgb(&outlined));
        let pixels = before.chunks(3).zip(after.chunks(3));
        let (mut near, mut error) = (0.0, 0.0);
        for ((before, after), (label, distance)) in pixels.zip(large.iter().zip(distances)) {
            if distance <= 2 {
                let color = label_colors().0[usize::from(*label)].map(|value| value / 2 + 128);
                near += 1.0;
                error += (luma(after) - luma(&color)).abs();
            } else if distance > 4 {
                assert_eq!(before, after, "{layout}");
            }
        }
        // A matrix other than BT.601's weighs the colours in another way.
        assert!(
            near > 500.0 && error / near < 8.0,
            "{layout}: {error} {near}"
        );
    }
}

#[test]
fn hidden_classes_leave_the_picture_alone() {
    let labels = labels();
    let style = LabelStyle {
        hidden: Some(1),
        outline: 2,
    };
    for layout in layouts() {
        let large = at_frame_size(&labels, layout.size, None);
        let distances = distances(&large, layout.size, 5);
        let plain = Picture::load("photo.png").convert(layout).padded(6);
        let mut picture = plain.clone();
        styled(&mut picture, &labels, style, 0.8);
        let (before, after) = (to_rgb(&plain), to_rgb(&picture));
        let pixels = before.chunks(3).zip(after.chunks(3));
        let mut changed = 0;
        for ((before, after), (&label, distance)) in pixels.zip(large.iter().zip(distances)) {
            if label == 1 && distance > 4 {
                assert_eq!(before, after, "{layout}");
            }
            changed += usize::from(label != 1 && before != after);
        }
        let visible = large.iter().filter(|&&label| label != 1).count();
        assert!(changed > visible * 9 / 10, "{layout}: {changed} {visible}");
    }
}

#[test]
fn hidden_classes_are_none_in_a_map() {
    let (mut labels, size) = (labels(), Size::new(121, 163));
    let shown = at_frame_size(&labels, size, None);
    let hidden = at_frame_size(&labels, size, Some(7));
    for (&shown, hidden) in shown.iter().zip(hidden) {
        assert_eq!(hidden, if shown == 7 { NO_CLASS } else { shown });
    }
    let mut rgb = Picture::new(Layout::full_range(Format::Rgb, MAP), 0);
    let mut writer = MapWriter::new(MAP, &Fit::identity(MAP), &rgb.layout).unwrap();
    writer.set_label_style(LabelStyle {
        hidden: Some(7),
        outline: 0,
    });
    let map = Map::Labels(&labels);
    writer
        .write(map, &label_colors(), &mut rgb.frame_mut())
        .unwrap();
    for (&label, pixel) in labels.iter().zip(rgb.bytes(0).chunks(3)) {
        let color = if label == 7 {
            [0; 3]
        } else {
            label_colors().0[usize::from(label)]
        };
        assert_eq!(pixel, color);
    }
    // Codes of depth are no labels.
    let depth = vec![7 * 257; MAP.area()];
    writer
        .write(Map::Depth(&depth), &label_colors(), &mut rgb.frame_mut())
        .unwrap();
    assert!(
        rgb.bytes(0)
            .chunks(3)
            .all(|pixel| pixel == label_colors().0[7])
    );

    let mut keep = [false; 256];
    keep[2] = true;
    let before = labels.clone();
    keep_classes(&mut labels, &keep);
    for (after, before) in labels.into_iter().zip(before) {
        assert_eq!(after, if before == 2 { 2 } else { NO_CLASS });
    }
}

#[test]
fn outlines_of_any_width_are_drawn() {
    let labels = labels();
    for size in [Size::new(1, 1), Size::new(3, 200), Size::new(33, 2)] {
        for format in Format::ALL {
            for outline in [1, 100, u32::MAX] {
                let mut picture = Picture::noise(Layout::full_range(format, size), 3);
                let style = LabelStyle {
                    hidden: Some(NO_CLASS),
                    outline,
                };
                styled(&mut picture, &labels, style, 0.5);
            }
        }
    }
}
