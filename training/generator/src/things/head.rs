// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Heads: faces, hair, and what is worn on them.

use crate::blob::Blob;
use crate::label;
use crate::material::Material;
use crate::mesh::Mesh;
use crate::noise::value;
use crate::rng::Rng;
use crate::scene::Palette;
use glam::{Vec3, vec3};

/// A head around the origin, facing +z.
pub fn head(rng: &mut Rng, pal: &mut Palette, skin: u16, hair: u16, cell: f32) -> Mesh {
    let mut m = Mesh::new(label::PERSON);
    let fine = cell < 0.025;
    let long = rng.range(0.92, 1.1);
    let wide = rng.range(0.92, 1.1);
    let mut b = Blob::new(0.022);
    b.ellipsoid(vec3(0.0, 0.03, -0.01), vec3(0.074 * wide, 0.088, 0.092));
    b.ellipsoid(
        vec3(0.0, -0.045 * long, 0.03),
        vec3(0.05 * wide, 0.06, 0.05),
    );
    b.ball(vec3(0.0, -0.09 * long, 0.055), 0.022);
    if fine {
        let nose = rng.range(0.8, 1.3);
        b.limb(
            vec3(0.0, 0.02, 0.078),
            vec3(0.0, -0.025, 0.1),
            0.011,
            0.015 * nose,
        );
        for s in [-1.0f32, 1.0] {
            b.ellipsoid(vec3(0.042 * s, -0.02, 0.055), vec3(0.02, 0.018, 0.02));
            b.ellipsoid(vec3(0.032 * s, 0.035, 0.072), vec3(0.024, 0.01, 0.013));
            b.ellipsoid(vec3(0.077 * wide * s, 0.0, -0.015), vec3(0.011, 0.03, 0.02));
        }
        b.limb(
            vec3(-0.018, -0.057, 0.078),
            vec3(0.018, -0.057, 0.078),
            0.011,
            0.011,
        );
    }
    m.paint(skin);
    b.build(&mut m, cell * 0.6, |_| 0.0);
    // Eyes, brows, mouth.
    let (white, iris) = (
        pal.add(Material::plain(Vec3::splat(0.6)).glossy(0.8, 80.0, 0.05)),
        pal.add(Material::plain(rng.dark()).glossy(0.8, 80.0, 0.05)),
    );
    let lips = pal
        .add(Material::plain(vec3(0.35, 0.1, 0.09) * rng.range(0.3, 1.2)).glossy(0.3, 20.0, 0.0));
    for s in [-1.0f32, 1.0] {
        let eye = vec3(0.032 * s, 0.014, 0.077);
        if fine {
            m.paint(white).ellipsoid(eye, vec3(0.014, 0.008, 0.01), 10);
            m.paint(iris)
                .ellipsoid(eye + vec3(0.0, 0.0, 0.006), vec3(0.0065, 0.0065, 0.005), 8);
            m.paint(hair).pipe(
                &[
                    eye + vec3(-0.018 * s, 0.022, 0.005),
                    eye + vec3(0.0, 0.028, 0.01),
                    eye + vec3(0.02 * s, 0.02, -0.004),
                ],
                &[0.003, 0.005, 0.003],
                5,
            );
        } else {
            m.paint(iris).ellipsoid(eye, vec3(0.013, 0.007, 0.012), 5);
        }
    }
    m.paint(lips).ellipsoid(
        vec3(0.0, -0.056, 0.083),
        vec3(0.023, rng.range(0.005, 0.009), 0.009),
        if fine { 10 } else { 5 },
    );
    // Hair as a shell over the skull.
    let style = rng.int(0, 7);
    let ruffle = rng.seed();
    let rough = rng.range(0.004, 0.025);
    let mut h = Blob::new(0.03);
    if style > 0 {
        h.ellipsoid(vec3(0.0, 0.055, -0.025), vec3(0.083 * wide, 0.08, 0.092));
        h.ellipsoid(vec3(0.0, 0.01, -0.055), vec3(0.075 * wide, 0.075, 0.06));
    }
    match style {
        1 | 2 => {
            let length = rng.range(0.08, 0.35);
            for s in [-1.0f32, 1.0] {
                h.limb(
                    vec3(0.075 * s, 0.03, -0.03),
                    vec3(0.085 * s, 0.03 - length, -0.01),
                    0.03,
                    0.035,
                );
                h.limb(
                    vec3(0.03 * s, 0.03, -0.07),
                    vec3(0.04 * s, 0.03 - length, -0.07),
                    0.04,
                    0.04,
                );
            }
        }
        3 => {
            h.ball(vec3(0.0, rng.range(0.03, 0.15), -0.11), 0.045);
        }
        4 => {
            h.ellipsoid(vec3(0.0, 0.07, -0.02), vec3(0.12, 0.11, 0.115));
        }
        5 => {
            h.limb(
                vec3(-0.05, 0.1, 0.055),
                vec3(0.05, 0.095, 0.055),
                0.03,
                0.03,
            );
        }
        _ => {}
    }
    m.paint(hair);
    let first = m.tris.len();
    h.build(&mut m, cell * 0.8, |p| {
        rough * (value(p * vec3(45.0, 20.0, 45.0), ruffle) - 0.4)
    });
    if fine && rng.chance(0.5) {
        let (length, count) = (rng.range(0.01, 0.05), rng.int(300, 1500) as usize);
        m.fringe(rng, first, count, length, 0.0016, Vec3::NEG_Y * 0.7);
    }
    if rng.chance(0.2) {
        let mut beard = Blob::new(0.02);
        let r = rng.range(0.02, 0.035);
        beard
            .limb(
                vec3(-0.055, -0.04, 0.03),
                vec3(0.0, -0.1 * long, 0.058),
                r,
                r * 1.2,
            )
            .limb(
                vec3(0.055, -0.04, 0.03),
                vec3(0.0, -0.1 * long, 0.058),
                r,
                r * 1.2,
            );
        beard.limb(
            vec3(-0.022, -0.042, 0.082),
            vec3(0.022, -0.042, 0.082),
            0.008,
            0.008,
        );
        beard.build(&mut m, cell * 0.7, |p| 0.006 * value(p * 80.0, ruffle));
    }
    worn(rng, pal, &mut m, wide);
    m
}

/// Hats, helmets, glasses, headphones, masks.
fn worn(rng: &mut Rng, pal: &mut Palette, m: &mut Mesh, wide: f32) {
    let hat = pal.add(if rng.chance(0.5) {
        Material::cloth(rng)
    } else {
        Material::plastic(rng)
    });
    match rng.int(0, 13) {
        0 => {
            m.paint(hat).ellipsoid(
                vec3(0.0, 0.07, -0.012),
                vec3(0.092 * wide, 0.075, 0.105),
                16,
            );
            m.patch(8, 2, false, |u, v| {
                vec3(
                    (u - 0.5) * 0.16,
                    0.075 - 0.01 * v,
                    0.08 + v * 0.08 * (1.0 - (u * 2.0 - 1.0).powi(2)),
                )
            });
        }
        1 => {
            m.paint(hat).lathe(
                vec3(0.0, 0.065, -0.01),
                &[
                    glam::vec2(0.19, 0.0),
                    glam::vec2(0.1, 0.012),
                    glam::vec2(0.09, 0.09),
                    glam::vec2(0.0, 0.1),
                ],
                18,
            );
        }
        2 => {
            m.paint(hat)
                .ellipsoid(vec3(0.0, 0.05, -0.015), vec3(0.115, 0.115, 0.13), 18);
        }
        3 => {
            m.paint(hat)
                .ellipsoid(vec3(0.0, 0.055, -0.015), vec3(0.09 * wide, 0.09, 0.105), 16);
            m.ring(vec3(0.0, 0.04, -0.012), Vec3::Y, 0.087, 0.014, 18, 6);
        }
        _ => {}
    }
    if rng.chance(0.2) {
        let frame = pal.add(Material::plastic(rng));
        m.paint(frame);
        let lens = if rng.chance(0.4) {
            Some(pal.add(Material::plain(rng.dark()).glossy(1.0, 200.0, 0.15)))
        } else {
            None
        };
        for s in [-1.0f32, 1.0] {
            let c = vec3(0.034 * s, 0.012, 0.097);
            m.paint(frame).ring(c, Vec3::Z, 0.024, 0.0025, 14, 4);
            m.bar(
                vec3(0.06 * s, 0.016, 0.093),
                vec3(0.079 * wide * s, 0.016, -0.02),
                0.0025,
                0.0025,
                4,
            );
            if let Some(lens) = lens {
                m.paint(lens).disc(c, Vec3::Z, 0.024, 12);
            }
        }
        m.paint(frame).bar(
            vec3(-0.011, 0.016, 0.098),
            vec3(0.011, 0.016, 0.098),
            0.0025,
            0.0025,
            4,
        );
    }
    if rng.chance(0.12) {
        let shell = pal.add(Material::plastic(rng));
        m.paint(shell);
        let band: Vec<Vec3> = (0..=12)
            .map(|i| {
                let a = i as f32 / 12.0 * std::f32::consts::PI;
                vec3(0.1 * wide * a.cos(), 0.02 + 0.125 * a.sin(), -0.01)
            })
            .collect();
        m.pipe(&band, &[0.009], 6);
        for s in [-1.0f32, 1.0] {
            m.cushion(
                vec3(0.09 * wide * s, 0.0, -0.01),
                vec3(0.022, 0.042, 0.036),
                0.7,
            );
        }
    }
}
