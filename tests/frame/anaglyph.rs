// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use gstdptdepth::frame::{Stereo, StereoWriter};

use super::picture::{Picture, differences};
use super::stereo::{HOW, SIZE, noise, painted, views};

pub(super) fn anaglyph(picture: &Picture, nearness: &[u16], how: &Stereo) -> Picture {
    let mut out = Picture::noise(picture.layout, 5);
    StereoWriter::new(&picture.layout)
        .write_anaglyph(&picture.frame(), nearness, how, &mut out.frame_mut())
        .unwrap();
    out
}

/// The matrices as published: E. Dubois, 2009, "Red-cyan", for sRGB made linear.
#[test]
fn the_anaglyph_is_dubois() {
    let left_matrix = [
        [0.437, 0.449, 0.164],
        [-0.062, -0.062, -0.024],
        [-0.048, -0.050, -0.017],
    ];
    let right_matrix = [
        [-0.011, -0.032, -0.007],
        [0.377, 0.761, 0.009],
        [-0.026, -0.093, 1.234],
    ];
    let linear = |code: u8| {
        let code = f64::from(code) / 255.0;
        if code <= 0.04045 {
            code / 12.92
        } else {
            ((code + 0.055) / 1.055).powf(2.4)
        }
    };
    let coded = |light: f64| {
        let light = light.clamp(0.0, 1.0);
        let code = if light <= 0.0031308 {
            light * 12.92
        } else {
            1.055 * light.powf(1.0 / 2.4) - 0.055
        };
        (code * 255.0).round() as u8
    };
    let picture = noise(SIZE);
    let nearness: Vec<u16> = (0..SIZE.area()).map(|at| (at * 5003) as u16).collect();
    let [left, right] = views(&picture, &nearness, &HOW);
    let pairs = left.concat().into_iter().zip(right.concat());
    let expected: Vec<u8> = pairs
        .flat_map(|(left, right)| {
            let (left, right) = (left.map(linear), right.map(linear));
            let part = |part: usize| {
                let sum = |row: [f64; 3], eye: [f64; 3]| -> f64 {
                    row.iter()
                        .zip(eye)
                        .map(|(factor, light)| factor * light)
                        .sum()
                };
                coded(sum(left_matrix[part], left) + sum(right_matrix[part], right))
            };
            [0, 1, 2].map(part)
        })
        .collect();
    let out = anaglyph(&picture, &nearness, &HOW).bytes(0);
    let (worst, _) = differences(&out, &expected);
    // 4096 steps of linear light are up to 0.8 codes apart in the dark.
    assert!(worst <= 1, "{worst}");
    // Gray stays gray, white white.
    let white = painted(|_| [255; 3]);
    assert_eq!(anaglyph(&white, &nearness, &HOW).bytes(0), white.bytes(0));
}
