// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Bicycles and motorcycles: thin tubes, spokes, chains of small parts. They face +z.

use crate::blob::Blob;
use crate::label;
use crate::material::Material;
use crate::mesh::Mesh;
use crate::rng::Rng;
use crate::scene::Palette;
use crate::things::car::wheel;
use glam::{Vec3, vec3};
use std::f32::consts::TAU;

fn spoked(m: &mut Mesh, tyre: u16, rim: u16, c: Vec3, r: f32, fat: f32, spokes: usize) {
    m.paint(tyre).ring(c, Vec3::X, r - fat, fat, 30, 6);
    m.paint(rim)
        .ring(c, Vec3::X, r - 2.3 * fat, fat * 0.6, 26, 4);
    m.bar(c - Vec3::X * 0.05, c + Vec3::X * 0.05, 0.025, 0.025, 8);
    for i in 0..spokes {
        let (s, co) = (i as f32 / spokes as f32 * TAU).sin_cos();
        let side = if i % 2 == 0 { 0.035 } else { -0.035 };
        m.bar(
            c + Vec3::X * side,
            c + vec3(0.0, s, co) * (r - 2.0 * fat),
            0.0022,
            0.0022,
            3,
        );
    }
}

/// A bicycle.
pub fn bicycle(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::VEHICLE);
    let frame = pal.add(if rng.chance(0.5) {
        Material::plastic(rng)
    } else {
        Material::metal(rng)
    });
    let (tyre, rim, dark) = (
        pal.add(Material::rubber(rng)),
        pal.add(Material::metal(rng)),
        pal.add(Material::rubber(rng)),
    );
    let r = rng.range(0.3, 0.36);
    let (rear, front) = (vec3(0.0, r, -0.5), vec3(0.0, r, 0.52));
    let fat = rng.range(0.014, 0.028);
    for c in [rear, front] {
        spoked(&mut m, tyre, rim, c, r, fat, 20);
    }
    let crank = vec3(0.0, r - 0.06, -0.06);
    let seat = vec3(0.0, rng.range(0.75, 0.9), -0.2);
    let head = vec3(0.0, rng.range(0.75, 0.95), 0.34);
    let t = rng.range(0.014, 0.022);
    m.paint(frame);
    m.bar(crank, seat, t, t, 7);
    m.bar(crank, head - vec3(0.0, 0.08, -0.02), t * 1.15, t * 1.15, 7);
    if rng.chance(0.75) {
        m.bar(seat - vec3(0.0, 0.08, -0.02), head, t, t, 7);
    }
    for s in [-1.0f32, 1.0] {
        let x = Vec3::X * 0.05 * s;
        m.bar(crank, rear + x, t * 0.6, t * 0.5, 5);
        m.bar(seat - vec3(0.0, 0.08, -0.02), rear + x, t * 0.5, t * 0.5, 5);
        m.bar(
            head - vec3(0.0, 0.06, -0.02),
            front + x,
            t * 0.7,
            t * 0.55,
            5,
        );
    }
    m.bar(
        head - vec3(0.0, 0.1, -0.03),
        head + vec3(0.0, 0.12, -0.04),
        t * 1.1,
        t,
        7,
    );
    let bar = head + vec3(0.0, 0.13, -0.03);
    m.paint(dark);
    if rng.chance(0.5) {
        m.pipe(
            &[
                bar + vec3(-0.3, 0.03, -0.1),
                bar + vec3(-0.12, 0.0, 0.02),
                bar + vec3(0.12, 0.0, 0.02),
                bar + vec3(0.3, 0.03, -0.1),
            ],
            &[0.014],
            6,
        );
    } else {
        for s in [-1.0f32, 1.0] {
            m.pipe(
                &[
                    bar,
                    bar + vec3(0.2 * s, 0.0, 0.0),
                    bar + vec3(0.2 * s, -0.02, 0.1),
                    bar + vec3(0.2 * s, -0.13, 0.08),
                    bar + vec3(0.2 * s, -0.14, 0.0),
                ],
                &[0.014],
                6,
            );
        }
    }
    m.cushion(seat + vec3(0.0, 0.1, 0.0), vec3(0.07, 0.03, 0.13), 0.7);
    m.bar(seat, seat + vec3(0.0, 0.1, 0.0), 0.013, 0.013, 6);
    m.paint(rim).ring(crank, Vec3::X, 0.085, 0.008, 18, 4);
    m.bar(
        crank + vec3(0.06, 0.0, 0.0),
        crank + vec3(0.07, -0.15, 0.08),
        0.012,
        0.01,
        5,
    );
    m.bar(
        crank - vec3(0.06, 0.0, 0.0),
        crank + vec3(-0.07, 0.15, -0.08),
        0.012,
        0.01,
        5,
    );
    m.paint(dark)
        .cuboid(crank + vec3(0.12, -0.15, 0.08), vec3(0.045, 0.012, 0.04));
    m.cuboid(crank + vec3(-0.12, 0.15, -0.08), vec3(0.045, 0.012, 0.04));
    if rng.chance(0.4) {
        m.paint(frame);
        for c in [rear, front] {
            m.patch(10, 1, false, |u, v| {
                let a = (u * 0.5 + 0.02) * TAU * 0.9;
                c + vec3(
                    (v - 0.5) * 0.06,
                    a.sin() * (r + 0.03),
                    -(a.cos() * (r + 0.03)),
                )
            });
        }
    }
    if rng.chance(0.35) {
        let basket = pal.add(Material::any(rng, 0.3));
        m.paint(basket)
            .span(bar + vec3(-0.16, -0.22, 0.08), bar + vec3(0.16, 0.02, 0.34));
    }
    m
}

/// A motorcycle or scooter.
pub fn motorcycle(rng: &mut Rng, pal: &mut Palette, night: bool) -> Mesh {
    let mut m = Mesh::new(label::VEHICLE);
    let paint = pal.add(if rng.chance(0.85) {
        Material::plastic(rng).glossy(0.9, 90.0, rng.range(0.04, 0.25))
    } else {
        Material::any(rng, 0.5)
    });
    let (chrome, engine) = (pal.add(Material::metal(rng)), pal.add(Material::metal(rng)));
    let (tyre, seat_mat, dark) = (
        pal.add(Material::rubber(rng)),
        pal.add(Material::rubber(rng)),
        pal.add(Material::plain(rng.dark())),
    );
    let lamp = pal.add(
        Material::plain(vec3(0.8, 0.8, 0.7))
            .glossy(1.0, 90.0, 0.4)
            .glowing(if night { 12.0 } else { 0.4 }),
    );
    let rear_lamp = pal.add(
        Material::plain(vec3(0.5, 0.02, 0.02))
            .glossy(0.8, 50.0, 0.1)
            .glowing(0.6),
    );
    let r = rng.range(0.28, 0.33);
    let base = rng.range(0.64, 0.78);
    let (rear, front) = (vec3(0.0, r, -base), vec3(0.0, r, base));
    let wire = rng.chance(0.5);
    for (c, fat) in [
        (rear, rng.range(0.06, 0.09)),
        (front, rng.range(0.045, 0.07)),
    ] {
        if wire {
            spoked(&mut m, tyre, chrome, c, r, fat * 0.75, 28);
        } else {
            wheel(&mut m, rng, tyre, chrome, c, Vec3::X, r, fat * 2.0);
        }
        m.paint(chrome)
            .bar(c + Vec3::X * 0.075, c + Vec3::X * 0.08, 0.12, 0.12, 16);
    }
    // Fork, handlebar, head lamp.
    let head = vec3(0.0, rng.range(0.82, 0.95), base - rng.range(0.32, 0.42));
    for s in [-1.0f32, 1.0] {
        let x = Vec3::X * 0.09 * s;
        m.paint(chrome).bar(front + x, head + x, 0.027, 0.024, 8);
        m.paint(dark)
            .bar(front + x, front.lerp(head, 0.45) + x, 0.034, 0.034, 8);
    }
    m.paint(dark).bar(
        head - Vec3::X * 0.11,
        head + Vec3::X * 0.11,
        0.035,
        0.035,
        8,
    );
    let rise = rng.range(0.03, 0.25);
    m.paint(chrome);
    for s in [-1.0f32, 1.0] {
        m.paint(chrome).pipe(
            &[
                head + vec3(0.04 * s, 0.02, -0.02),
                head + vec3(0.2 * s, rise, -0.03),
                head + vec3(0.38 * s, rise - 0.02, -0.16),
            ],
            &[0.013],
            6,
        );
        m.paint(dark).bar(
            head + vec3(0.28 * s, rise - 0.01, -0.085),
            head + vec3(0.4 * s, rise - 0.02, -0.18),
            0.018,
            0.018,
            6,
        );
        m.paint(chrome).bar(
            head + vec3(0.27 * s, rise, -0.08),
            head + vec3(0.33 * s, rise + 0.16, -0.05),
            0.006,
            0.006,
            4,
        );
        m.ellipsoid(
            head + vec3(0.33 * s, rise + 0.18, -0.05),
            vec3(0.06, 0.04, 0.015),
            10,
        );
    }
    m.paint(dark)
        .ellipsoid(head + vec3(0.0, -0.02, 0.11), vec3(0.1, 0.1, 0.1), 14);
    m.paint(lamp)
        .disc(head + vec3(0.0, -0.02, 0.213), Vec3::Z, 0.085, 16);
    m.ellipsoid(head + vec3(0.0, -0.02, 0.185), vec3(0.085, 0.085, 0.04), 12);
    // Tank, seat, tail.
    let mut tank = Blob::new(0.08);
    let top = head.y - 0.04;
    tank.limb(
        vec3(0.0, top, head.z - 0.14),
        vec3(0.0, top - 0.04, head.z - 0.42),
        rng.range(0.11, 0.15),
        0.09,
    );
    if rng.chance(0.35) {
        // A fairing.
        tank.limb(
            head + vec3(0.0, 0.05, 0.05),
            head + vec3(0.0, -0.32, 0.02),
            0.17,
            0.13,
        );
        tank.limb(
            vec3(0.0, 0.5, head.z - 0.1),
            vec3(0.0, 0.38, -0.1),
            0.17,
            0.13,
        );
    }
    m.paint(paint);
    tank.build(&mut m, 0.028, |_| 0.0);
    let tail = top - rng.range(0.1, 0.2);
    let mut seat = Blob::new(0.06);
    seat.limb(
        vec3(0.0, tail, head.z - 0.5),
        vec3(0.0, tail + rng.range(-0.02, 0.1), -base + 0.1),
        0.1,
        0.09,
    );
    m.paint(seat_mat);
    seat.build(&mut m, 0.03, |p| -0.3 * (p.y - tail - 0.06).max(0.0));
    m.paint(paint).cushion(
        vec3(0.0, tail - 0.06, -base + 0.05),
        vec3(0.1, 0.07, 0.22),
        0.6,
    );
    m.paint(rear_lamp).cushion(
        vec3(0.0, tail - 0.04, -base - 0.18),
        vec3(0.08, 0.04, 0.03),
        0.6,
    );
    // Frame, engine, exhaust.
    m.paint(dark);
    for s in [-1.0f32, 1.0] {
        let x = Vec3::X * 0.1 * s;
        m.pipe(
            &[
                head + x * 0.3,
                vec3(0.0, 0.35, head.z - 0.05) + x,
                vec3(0.0, 0.28, -0.2) + x,
                vec3(0.0, tail - 0.1, -0.32) + x,
            ],
            &[0.019],
            6,
        );
        m.bar(vec3(0.0, 0.4, -0.25) + x, rear + x, 0.024, 0.02, 6);
        m.paint(chrome).bar(
            rear + x * 1.1 + vec3(0.0, 0.02, 0.0),
            vec3(0.0, tail - 0.08, -base + 0.22) + x * 1.2,
            0.028,
            0.03,
            8,
        );
        m.paint(dark);
    }
    m.paint(engine);
    m.cushion(vec3(0.0, 0.38, 0.0), vec3(0.17, 0.14, 0.2), 0.4);
    m.bar(
        vec3(-0.2, 0.36, -0.08),
        vec3(0.2, 0.36, -0.08),
        0.1,
        0.1,
        14,
    );
    let cylinders = rng.int(1, 2);
    for k in 0..cylinders {
        let lean = if cylinders == 2 {
            0.4 * (k as f32 * 2.0 - 1.0)
        } else {
            rng.range(0.0, 0.3)
        };
        let root = vec3(0.0, 0.46, 0.04 + 0.08 * lean);
        let up = vec3(0.0, lean.cos(), lean.sin());
        for f in 0..6 {
            let c = root + up * (0.035 * f as f32);
            m.bar(c, c + up * 0.012, 0.105, 0.105, 10);
        }
        m.bar(root, root + up * 0.24, 0.075, 0.07, 10);
    }
    m.paint(chrome);
    let side = rng.sign();
    m.pipe(
        &[
            vec3(0.06 * side, 0.5, 0.16),
            vec3(0.1 * side, 0.4, 0.28),
            vec3(0.13 * side, 0.24, 0.15),
            vec3(0.16 * side, 0.24, -0.3),
        ],
        &[0.022],
        7,
    );
    m.bar(
        vec3(0.17 * side, 0.25, -0.25),
        vec3(0.2 * side, 0.36, -base - 0.12),
        0.045,
        0.06,
        10,
    );
    // Mudguards.
    m.paint(if rng.chance(0.5) { paint } else { chrome });
    for (c, from) in [(front, 0.1f32), (rear, 0.12)] {
        m.patch(8, 3, false, |u, v| {
            let a = (from + u * 0.33) * TAU;
            let w = (v - 0.5) * 0.16;
            c + vec3(
                w,
                a.sin() * (r + 0.04 - w.abs() * 0.3),
                -a.cos() * (r + 0.04 - w.abs() * 0.3),
            )
        });
    }
    m
}
