// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Stereo views against the geometry of two cameras.

use gstdptdepth::frame::{Format, Layout, Stereo, StereoLayout, StereoWriter};
use gstdptdepth::spec::Size;

use super::picture::{Picture, random};

pub(super) const NEAREST: u16 = u16::MAX;
/// 8 pixels between the eyes' pictures of the nearest and the farthest.
pub(super) const SIZE: Size = Size::new(4, 200);
pub(super) const HOW: Stereo = Stereo {
    divergence: 4.0,
    convergence: 0.0,
    edge_dilation: 0,
};

pub(super) type Pixel = [u8; 3];

pub(super) fn render(
    picture: &Picture,
    nearness: &[u16],
    how: &Stereo,
    arrangement: StereoLayout,
    format: Format,
) -> Picture {
    let size = arrangement.size(picture.layout.size);
    let mut out = Picture::noise(Layout::full_range(format, size), 5);
    StereoWriter::new(&picture.layout)
        .write(
            &picture.frame(),
            nearness,
            how,
            arrangement,
            &mut out.frame_mut(),
        )
        .unwrap();
    out
}

/// The rows of the left and the right eye.
pub(super) fn views(picture: &Picture, nearness: &[u16], how: &Stereo) -> [Vec<Vec<Pixel>>; 2] {
    let out = render(
        picture,
        nearness,
        how,
        StereoLayout::SideBySide,
        Format::Rgb,
    );
    let width = picture.layout.size.width as usize;
    let rows = rows(&out);
    [0, width].map(|start| {
        let part = |row: &Vec<Pixel>| row[start..start + width].to_vec();
        rows.iter().map(part).collect()
    })
}

pub(super) fn rows(picture: &Picture) -> Vec<Vec<Pixel>> {
    let bytes = picture.bytes(0);
    let rows = bytes.chunks(picture.layout.size.width as usize * 3);
    rows.map(|row| row.as_chunks::<3>().0.to_vec()).collect()
}

pub(super) fn noise(size: Size) -> Picture {
    Picture::noise(Layout::full_range(Format::Rgb, size), 7)
}

/// One row for all rows.
fn repeated(row: impl Fn(usize) -> u16) -> Vec<u16> {
    (0..SIZE.area())
        .map(|at| row(at % SIZE.width as usize))
        .collect()
}

/// A picture whose pixels come from their column.
pub(super) fn painted(color: impl Fn(usize) -> Pixel) -> Picture {
    let width = SIZE.width as usize;
    Picture::rgb(
        SIZE,
        (0..SIZE.area()).flat_map(|at| color(at % width)).collect(),
    )
}

#[test]
fn a_flat_map_moves_the_picture_by_half_the_disparity() {
    let picture = noise(SIZE);
    let source = rows(&picture);
    // Nearer than the screen: the left eye sees it further right, the right eye further left.
    for (code, convergence, divergence, left_moves) in [
        (NEAREST, 0.0, 4.0, 4),
        (NEAREST, 0.5, 4.0, 2),
        (0, 1.0, 4.0, -4),
        (NEAREST, 1.0, 4.0, 0),
        (0, 0.0, 4.0, 0),
        (NEAREST, 0.0, -4.0, -4),
    ] {
        let how = Stereo {
            divergence,
            convergence,
            edge_dilation: 2,
        };
        let [left, right] = views(&picture, &vec![code; SIZE.area()], &how);
        for (y, source) in source.iter().enumerate() {
            for x in 4..196 {
                assert_eq!(left[y][x], source[(x as i32 - left_moves) as usize]);
                assert_eq!(right[y][x], source[(x as i32 + left_moves) as usize]);
            }
        }
    }
}

#[test]
fn half_pixels_are_means() {
    let picture = noise(SIZE);
    let how = Stereo {
        divergence: 0.5,
        ..HOW
    };
    let [left, right] = views(&picture, &vec![NEAREST; SIZE.area()], &how);
    let mean = |a: Pixel, b: Pixel| {
        std::array::from_fn(|at| (u16::from(a[at]) + u16::from(b[at])).div_ceil(2) as u8)
    };
    for (y, source) in rows(&picture).iter().enumerate() {
        for x in 1..199 {
            assert_eq!(left[y][x], mean(source[x - 1], source[x]));
            assert_eq!(right[y][x], mean(source[x], source[x + 1]));
        }
    }
}

#[test]
fn a_near_square_stands_before_its_background() {
    let inside = |x: usize| (80..120).contains(&x);
    let red_on_blue = |x: usize| match inside(x) {
        true => [100 + x as u8, 0, 0],
        false => [0, 0, x as u8],
    };
    let picture = painted(red_on_blue);
    let nearness = repeated(|x| if inside(x) { NEAREST } else { 0 });
    let [left, right] = views(&picture, &nearness, &HOW);
    for (view, moved) in [(&left, 4), (&right, -4)] {
        for row in view {
            for (x, &pixel) in row.iter().enumerate() {
                let behind = (x as i32 - moved) as usize;
                if inside(behind) {
                    assert_eq!(pixel, red_on_blue(behind), "{x}");
                } else if inside(x) {
                    assert_eq!(pixel[..2], [0, 0], "{x}: the hole shows the square");
                    assert_ne!(pixel[2], 0);
                } else {
                    assert_eq!(pixel, red_on_blue(x), "the background moved");
                }
            }
        }
    }
    // The hole continues the background mirrored: no column thrice, and its next columns.
    let blues: Vec<u8> = left[0][80..84].iter().map(|pixel| pixel[2]).collect();
    assert_eq!(blues, [78, 77, 76, 75]);
    let blues: Vec<u8> = right[0][116..120].iter().map(|pixel| pixel[2]).collect();
    assert_eq!(blues, [124, 123, 122, 121]);
}

#[test]
fn what_is_behind_a_thin_pole_is_seen_beside_it() {
    let pole = |x: usize| (100..103).contains(&x);
    let color = |x: usize| match pole(x) {
        true => [255, 0, 0],
        false => [0, 0, x as u8],
    };
    let nearness = repeated(|x| if pole(x) { NEAREST } else { 0 });
    let how = Stereo {
        divergence: 10.0,
        ..HOW
    };
    let [left, _] = views(&painted(color), &nearness, &how);
    for (x, &pixel) in left[0].iter().enumerate() {
        if (110..113).contains(&x) {
            assert_eq!(pixel, [255, 0, 0]);
        } else if !pole(x) {
            assert_eq!(pixel, color(x), "{x}");
        } else {
            assert_eq!(pixel[0], 0);
        }
    }
}

#[test]
fn a_blurred_edge_leaves_the_foreground_alone_once_it_is_dilated() {
    // The picture's edge is at 100; the map's rises over 8 columns around it.
    let picture = painted(|x| if x < 100 { [0, 0, 200] } else { [200, 0, 0] });
    let nearness = repeated(|x| (x.saturating_sub(96) * 8192).min(65_535) as u16);
    let how = Stereo {
        divergence: 20.0,
        edge_dilation: 5,
        ..HOW
    };
    let [left, _] = views(&picture, &nearness, &how);
    let reds: Vec<bool> = left[0].iter().map(|pixel| pixel[0] > 0).collect();
    assert_eq!(reds, (0..200).map(|x| x >= 120).collect::<Vec<_>>());
    let clean = left[0].iter().all(|pixel| pixel[0] == 0 || pixel[2] == 0);
    assert!(clean, "colours of both sides mix");
}

/// A textured wall behind a textured board, both slanted, as the pinhole cameras of the two eyes
/// see them. Linear interpolation of these textures is off by less than two codes, nearness and
/// columns are rounded.
#[test]
fn two_planes_look_as_two_cameras_see_them() {
    let texture = |x: f64, phase: f64| {
        let wave = |period: f64| (std::f64::consts::TAU * (x / period + phase)).sin();
        127.0 + 60.0 * wave(31.0) + 50.0 * wave(19.0)
    };
    // Nearness along a row, and where the row's pixels end up: x + sign · half · nearness(x).
    let wall = |x: f64| 0.1 + 0.0005 * x;
    let board = |x: f64| 0.8 - 0.001 * (x - 100.0);
    let on_board = |x: f64| (70.0..130.0).contains(&(x + 0.5));
    let bytes = |value: f64| [value.round() as u8; 3];
    let picture = painted(|x| {
        let x = x as f64;
        bytes(texture(x, if on_board(x) { 0.3 } else { 0.0 }))
    });
    let nearness = repeated(|x| {
        let x = x as f64;
        let near = if on_board(x) { board(x) } else { wall(x) };
        (near * 65_535.0).round() as u16
    });
    let how = Stereo {
        divergence: 12.0,
        ..HOW
    };
    let half = 12.0;
    let views = views(&picture, &nearness, &how);
    for (view, sign) in views.iter().zip([1.0, -1.0]) {
        let mut compared = 0;
        for (column, pixel) in view[0].iter().enumerate().take(186).skip(14) {
            let column = column as f64;
            // Both planes are lines: where their pixel in this column was.
            let on =
                |n0: f64, slope: f64| (column - sign * half * n0) / (1.0 + sign * half * slope);
            let board_at = on(0.9, -0.001);
            let wall_at = on(0.1, 0.0005);
            let near_edge = |x: f64| (x - 69.5).abs() < 1.0 || (x - 129.5).abs() < 1.0;
            let expected = if near_edge(board_at) || near_edge(wall_at) {
                continue;
            } else if on_board(board_at) {
                texture(board_at, 0.3)
            } else if on_board(wall_at) {
                continue; // behind the board in the frame: nobody knows
            } else {
                texture(wall_at, 0.0)
            };
            compared += 1;
            let off = (f64::from(pixel[0]) - expected).abs();
            assert!(off < 4.0, "{column}: {off}");
        }
        assert!(compared > 150, "{compared}");
    }
}

#[test]
fn without_divergence_both_views_are_the_frame() {
    for size in [Size::new(5, 7), Size::new(1, 1), Size::new(3, 2), SIZE] {
        let picture = noise(size);
        let mut state = 9;
        let nearness: Vec<u16> = (0..size.area())
            .map(|_| random(&mut state) as u16)
            .collect();
        for divergence in [0.0, f32::NAN, f32::INFINITY] {
            let how = Stereo { divergence, ..HOW };
            let source = rows(&picture);
            assert_eq!(views(&picture, &nearness, &how), [source.clone(), source]);
        }
    }
}

#[test]
fn edges_grow_by_the_columns_asked_for() {
    let inside = |x: usize| (80..120).contains(&x);
    let picture = painted(|x| [x as u8; 3]);
    let nearness = repeated(|x| if inside(x) { NEAREST } else { 0 });
    for edge_dilation in [0, 1, 2, 3, 4, 5, 9, 20] {
        let how = Stereo {
            edge_dilation,
            ..HOW
        };
        let [left, _] = views(&picture, &nearness, &how);
        let grown = edge_dilation as usize;
        for (x, pixel) in left[0].iter().enumerate().take(160).skip(40) {
            let moved = (80 - grown..120 + grown).contains(&(x - 4));
            if moved {
                assert_eq!(pixel, &[x as u8 - 4; 3], "{edge_dilation}");
            } else if !(80 - grown..120 + grown).contains(&x) {
                assert_eq!(pixel, &[x as u8; 3], "{edge_dilation}");
            }
        }
    }
}
