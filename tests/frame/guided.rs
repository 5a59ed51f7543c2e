// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::{
    ChromaSite, ColorRange, Colormap, Fit, Format, FrameError, Layout, Map, MapWriter, Matrix,
    Upsampler, Upsampling, class_alpha, fit,
};
use gstdptdepth::spec::{ResizePolicy, Size};

use super::input::squash;
use super::picture::{Picture, random};

fn upsample(map: Map<'_>, size: Size, fit: &Fit, guide: &Picture, how: Upsampling) -> Vec<u16> {
    let mut upsampler = Upsampler::new(size, fit, &guide.layout, how).unwrap();
    upsampler.run(map, &guide.frame()).unwrap().to_vec()
}

fn layouts(size: Size) -> impl Iterator<Item = Layout> {
    Format::ALL.into_iter().flat_map(move |format| {
        [ColorRange::Limited, ColorRange::Full].map(|range| Layout {
            format,
            size,
            matrix: Matrix::Bt709,
            range,
            site: ChromaSite::MPEG2,
        })
    })
}

fn noise(size: Size) -> Vec<u16> {
    let mut state = 7;
    (0..size.area())
        .map(|_| random(&mut state) as u16)
        .collect()
}

/// An RGB picture and a map, both with a step: the picture's in column `edge`, and as if the map
/// were that picture reduced.
fn step(frame: Size, map: Size, edge: u32) -> (Picture, Vec<u16>) {
    let pixels = (0..frame.area()).flat_map(|at| {
        let right = at as u32 % frame.width >= edge;
        if right { [200, 180, 90] } else { [60, 70, 40] }
    });
    let columns = (0..map.area()).map(|at| {
        let scale = f64::from(frame.width) / f64::from(map.width);
        let left = f64::from(at as u32 % map.width) * scale;
        let share = ((left + scale - f64::from(edge)) / scale).clamp(0.0, 1.0);
        (10_000.0 + 40_000.0 * share) as u16
    });
    (Picture::rgb(frame, pixels.collect()), columns.collect())
}

/// `guided.bin` is made by NumPy and OpenCV. Colours are rounded once more on their way to the map's
/// size here, and weights depend on them.
#[test]
fn guided_is_joint_bilateral_upsampling() {
    let photo = Picture::load("photo.png");
    let (map, frame) = (Size::new(24, 32), photo.layout.size);
    let data: Vec<u16> = include_bytes!("../data/frame/guided.bin")
        .chunks(2)
        .map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
        .collect();
    let (codes, expected) = data.split_at(map.area());
    let ours = upsample(
        Map::Depth(codes),
        map,
        &squash(frame, map),
        &photo,
        Upsampling::Guided,
    );
    let thirds = ours
        .chunks(frame.width as usize)
        .step_by(3)
        .flat_map(|row| row.iter().step_by(3));
    let differences: Vec<u16> = thirds.zip(expected).map(|(a, b)| a.abs_diff(*b)).collect();
    assert_eq!(differences.len(), expected.len());
    let mean = differences.iter().map(|&d| f64::from(d)).sum::<f64>() / differences.len() as f64;
    let worst = *differences.iter().max().unwrap();
    assert!(mean < 200.0 && worst < 2600, "{mean} {worst}");
}

/// Without a guide to follow, both are the same: PyTorch's, but for rounding.
#[test]
fn plain_pictures_change_nothing() {
    let map = Size::new(9, 13);
    let codes = noise(map);
    for layout in layouts(Size::new(31, 47)) {
        let mut plain = Picture::new(layout, 3);
        plain.planes.iter_mut().for_each(|(data, _)| data.fill(77));
        let fit = squash(layout.size, Size::new(36, 52));
        let depth = Map::Depth(&codes);
        let guided = upsample(depth, map, &fit, &plain, Upsampling::Guided);
        let bilinear = upsample(depth, map, &fit, &plain, Upsampling::Bilinear);
        for (guided, bilinear) in guided.into_iter().zip(bilinear) {
            assert!(
                guided.abs_diff(bilinear) <= 3,
                "{layout}: {guided} {bilinear}"
            );
        }
    }
}

#[test]
fn bilinear_is_what_a_map_writer_draws() {
    let (map, frame) = (Size::new(9, 13), Size::new(31, 47));
    let mut codes = noise(map);
    codes[30] = 0;
    let fit = fit(frame, (1, 1), ResizePolicy::Letterbox, Size::new(36, 52), 4);
    for depth in [Map::Depth(&codes), Map::DepthWithHoles(&codes)] {
        let mut picture = Picture::new(Layout::full_range(Format::Gray16, frame), 4);
        let mut writer = MapWriter::new(map, &fit, &picture.layout).unwrap();
        let lut = Colormap::Gray.lut();
        writer.write(depth, &lut, &mut picture.frame_mut()).unwrap();
        let drawn: Vec<u16> = picture
            .bytes(0)
            .chunks(2)
            .map(|bytes| u16::from_ne_bytes([bytes[0], bytes[1]]))
            .collect();
        let large = upsample(depth, map, &fit, &picture, Upsampling::Bilinear);
        assert_eq!(large, drawn);
        // The other way round: what has the frame's size is drawn as it is.
        let mut again = Picture::new(picture.layout, 6);
        let mut writer = MapWriter::new(frame, &Fit::identity(frame), &picture.layout).unwrap();
        writer
            .write(Map::Depth(&large), &lut, &mut again.frame_mut())
            .unwrap();
        assert_eq!(again.bytes(0), picture.bytes(0));
    }
}

/// Over a picture, the map at the frame's size is drawn like the map itself, chroma included: what
/// is left is the rounding to codes in between.
#[test]
fn overlays_of_enlarged_maps_are_those_of_the_map() {
    let (map, lut) = (Size::new(24, 32), Colormap::Gray.lut());
    let codes: Vec<u16> = (0..map.area())
        .map(|at| (at % 32 * 1900 + at / 32 * 200) as u16)
        .collect();
    for layout in layouts(Size::new(121, 163)) {
        let fit = squash(layout.size, map);
        let mut direct = Picture::noise(layout, 2);
        let mut enlarged = direct.clone();
        let large = upsample(Map::Depth(&codes), map, &fit, &direct, Upsampling::Bilinear);
        let mut writer = MapWriter::new(map, &fit, &layout).unwrap();
        writer
            .blend(Map::Depth(&codes), &lut, 0.5, &mut direct.frame_mut())
            .unwrap();
        let mut writer = MapWriter::new(layout.size, &Fit::identity(layout.size), &layout).unwrap();
        writer
            .blend(Map::Depth(&large), &lut, 0.5, &mut enlarged.frame_mut())
            .unwrap();
        for plane in 0..layout.format.planes() {
            let (direct, enlarged) = (direct.bytes(plane), enlarged.bytes(plane));
            let wide = layout.format.sample_bytes() == 2;
            for (a, b) in direct.chunks(2).zip(enlarged.chunks(2)) {
                let close = if wide {
                    let code = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
                    code(a).abs_diff(code(b)) <= 8 << 6
                } else {
                    a.iter().zip(b).all(|(a, b)| a.abs_diff(*b) <= 1)
                };
                assert!(close, "{layout} {plane}: {a:?} {b:?}");
            }
        }
    }
}

#[test]
fn constant_maps_stay_constant() {
    let map = Size::new(7, 11);
    for size in [Size::new(1, 1), Size::new(61, 83), Size::new(5, 200)] {
        for layout in layouts(size) {
            let guide = Picture::noise(layout, 5);
            for code in [0, 1, 777, 65_535] {
                let codes = vec![code; map.area()];
                let fit = squash(size, Size::new(64, 64));
                for depth in [Map::Depth(&codes), Map::DepthWithHoles(&codes)] {
                    let large = upsample(depth, map, &fit, &guide, Upsampling::Guided);
                    assert!(large.iter().all(|&large| large == code), "{layout} {code}");
                }
            }
        }
    }
}

/// Whatever the picture, no code leaves the range of the map's samples around the pixel.
#[test]
fn nothing_overshoots() {
    let (map, frame) = (Size::new(10, 12), Size::new(97, 131));
    let codes = noise(map);
    let guide = Picture::noise(Layout::full_range(Format::Rgb, frame), 0);
    let large = upsample(
        Map::Depth(&codes),
        map,
        &squash(frame, map),
        &guide,
        Upsampling::Guided,
    );
    for (at, code) in large.into_iter().enumerate() {
        let around = |at: usize, frame: u32, map: u32| {
            let position = (at as f64 + 0.5) * f64::from(map) / f64::from(frame) - 0.5;
            [position.floor(), position.floor() + 1.0]
                .map(|position| position.clamp(0.0, f64::from(map) - 1.0) as usize)
        };
        let width = frame.width as usize;
        let columns = around(at % width, frame.width, map.width);
        let rows = around(at / width, frame.height, map.height);
        let samples = rows.map(|row| columns.map(|column| codes[row * 12 + column]));
        let samples = samples.as_flattened();
        let (least, most) = (samples.iter().min().unwrap(), samples.iter().max().unwrap());
        assert!((least..=most).contains(&&code), "{at}: {code}");
    }
}

/// A step that lies where the picture's does: within a map sample of it, bilinear's error is large
/// and guided's small, in every format.
#[test]
fn steps_follow_the_picture() {
    let (frame, map) = (Size::new(96, 161), Size::new(12, 20));
    for edge in [76, 79, 83] {
        let (rgb, codes) = step(frame, map, edge);
        let error = |large: &[u16]| {
            let errors = large.iter().enumerate().map(|(at, &code)| {
                let right = at as u32 % frame.width >= edge;
                f64::from(code.abs_diff(if right { 50_000 } else { 10_000 }))
            });
            errors.sum::<f64>()
        };
        for layout in layouts(frame) {
            let guide = rgb.convert(layout).padded(6);
            let run = |how| upsample(Map::Depth(&codes), map, &squash(frame, map), &guide, how);
            let (soft, sharp) = (
                error(&run(Upsampling::Bilinear)),
                error(&run(Upsampling::Guided)),
            );
            assert!(sharp < 0.5 * soft, "{layout} {edge}: {sharp} {soft}");
        }
    }
}

/// Stripes do not show on a slope where all map samples see them as one colour. The widest ones here
/// look different to each sample; even they move values by a fraction of the 3000 from one to the next.
#[test]
fn textures_stay_in_the_picture() {
    let (frame, map) = (Size::new(96, 160), Size::new(12, 20));
    let codes: Vec<u16> = (0..map.area()).map(|at| (at % 20 * 3000) as u16).collect();
    for (stripe, limit) in [(1, 3.0), (2, 3.0), (3, 750.0)] {
        let color = |at: usize| {
            if (at % 160 / stripe).is_multiple_of(2) {
                40
            } else {
                200
            }
        };
        let pixels = (0..frame.area()).flat_map(|at| [color(at); 3]);
        let guide = Picture::rgb(frame, pixels.collect());
        let run = |how| upsample(Map::Depth(&codes), map, &squash(frame, map), &guide, how);
        let pairs = run(Upsampling::Bilinear)
            .into_iter()
            .zip(run(Upsampling::Guided));
        let sum: f64 = pairs.map(|(a, b)| f64::from(a.abs_diff(b))).sum();
        let mean = sum / frame.area() as f64;
        assert!(mean < limit, "{stripe}: {mean}");
    }
}

#[test]
fn holes_neither_mix_nor_spread() {
    let (frame, map) = (Size::new(96, 160), Size::new(12, 20));
    let (guide, mut codes) = step(frame, map, 80);
    for code in &mut codes {
        *code = if *code > 30_000 { 0 } else { 5000 };
    }
    let run = |map_codes: &[u16], how| {
        upsample(
            Map::DepthWithHoles(map_codes),
            map,
            &squash(frame, map),
            &guide,
            how,
        )
    };
    let large = run(&codes, Upsampling::Guided);
    for (at, &code) in large.iter().enumerate() {
        assert_eq!(code, if at % 160 < 80 { 5000 } else { 0 }, "{at}");
    }
    // One hole in a plain part is as large as a map sample, its corners rounded.
    codes.fill(5000);
    codes[3 * 20 + 4] = 0;
    let large = run(&codes, Upsampling::Guided);
    assert!(large.iter().all(|&code| code == 0 || code == 5000));
    let holes = large.iter().filter(|&&code| code == 0).count();
    assert!((32..=64).contains(&holes), "{holes}");
    assert_eq!(large[28 * 160 + 36], 0);
}

/// What the borders of a letterbox hold is not seen, and the picture's edge is where it is.
#[test]
fn letterboxes_are_cut_off() {
    for frame in [Size::new(121, 163), Size::new(163, 121), Size::new(45, 320)] {
        for policy in [
            ResizePolicy::Letterbox,
            ResizePolicy::Pad,
            ResizePolicy::Mirror,
        ] {
            let fit = fit(frame, (1, 1), policy, Size::new(96, 96), 8);
            let map = Size::new(fit.network.height / 2, fit.network.width / 2);
            let content = fit.content_of(map);
            let width = map.width as usize;
            let codes: Vec<u16> = (0..map.area())
                .map(|at| {
                    let (x, y) = ((at % width) as u32, (at / width) as u32);
                    let inside = (content.x..content.x + content.width).contains(&x)
                        && (content.y..content.y + content.height).contains(&y);
                    if inside { 3000 } else { 60_000 }
                })
                .collect();
            let guide = Picture::noise(Layout::full_range(Format::Nv12, frame), 3);
            for how in [Upsampling::Bilinear, Upsampling::Guided] {
                let large = upsample(Map::Depth(&codes), map, &fit, &guide, how);
                assert!(
                    large.iter().all(|&code| code == 3000),
                    "{frame} {policy:?} {how:?}"
                );
            }
        }
    }
}

#[test]
fn masks_of_classes_become_smooth() {
    let (frame, map) = (Size::new(96, 160), Size::new(12, 20));
    let (guide, _) = step(frame, map, 80);
    let labels: Vec<u8> = (0..map.area())
        .map(|at| if at % 20 < 10 { 12 } else { 3 })
        .collect();
    let mut keep = [false; 256];
    keep[12] = true;
    let mut mask = Vec::new();
    class_alpha(&labels, &keep, &mut mask);
    assert_eq!(mask.len(), map.area());
    let fit = squash(frame, map);
    let smooth = upsample(Map::Depth(&mask), map, &fit, &guide, Upsampling::Bilinear);
    let row = &smooth[..160];
    assert_eq!((row[0], row[159]), (65_535, 0));
    assert!(row.is_sorted_by(|left, right| left >= right));
    assert!(
        row.windows(2).all(|pair| pair[0] - pair[1] < 9000),
        "{row:?}"
    );
}

#[test]
fn what_does_not_fit_is_an_error() {
    let (frame, map) = (Size::new(16, 24), Size::new(4, 4));
    let layout = Layout::full_range(Format::I420, frame);
    let fit = squash(frame, Size::new(16, 16));
    let guide = Picture::new(layout, 0);
    let other = Picture::new(Layout::full_range(Format::Nv12, frame), 0);
    assert!(Upsampler::new(Size::new(0, 4), &fit, &layout, Upsampling::Guided).is_err());
    let larger = Layout::full_range(Format::I420, Size::new(16, 26));
    assert!(Upsampler::new(map, &fit, &larger, Upsampling::Guided).is_err());
    let mut upsampler = Upsampler::new(map, &fit, &layout, Upsampling::Guided).unwrap();
    let error = upsampler.run(Map::Depth(&[0; 15]), &guide.frame());
    assert!(matches!(error, Err(FrameError::Length { .. })));
    let error = upsampler.run(Map::Labels(&[0; 16]), &guide.frame());
    assert_eq!(error, Err(FrameError::Labels));
    let error = upsampler.run(Map::Depth(&[0; 16]), &other.frame());
    assert!(matches!(error, Err(FrameError::Layout { .. })));
}
