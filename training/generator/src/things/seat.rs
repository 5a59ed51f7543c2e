// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Chairs, sofas, beds.

use crate::label;
use crate::material::Material;
use crate::mesh::Mesh;
use crate::rng::Rng;
use crate::scene::Palette;
use crate::things::furniture::frame;
use glam::{Vec3, vec3};
use std::f32::consts::TAU;

/// A chair, stool or armchair.
pub fn chair(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let (wood, soft) = (frame(rng, pal), pal.add(Material::cloth(rng)));
    let (w, d, h) = (
        rng.range(0.19, 0.26),
        rng.range(0.19, 0.26),
        rng.range(0.42, 0.5),
    );
    let back = rng.range(0.35, 0.65);
    let t = rng.range(0.01, 0.024);
    if rng.chance(0.2) {
        // An office chair.
        m.paint(wood);
        for i in 0..5 {
            let (s, c) = (i as f32 / 5.0 * TAU).sin_cos();
            m.bar(
                vec3(0.0, 0.12, 0.0),
                vec3(c * 0.3, 0.06, s * 0.3),
                0.025,
                0.018,
                6,
            );
            m.ellipsoid(vec3(c * 0.3, 0.03, s * 0.3), Vec3::splat(0.03), 8);
        }
        m.bar(vec3(0.0, 0.1, 0.0), vec3(0.0, h, 0.0), 0.03, 0.025, 8);
        m.paint(soft)
            .cushion(vec3(0.0, h, 0.0), vec3(w + 0.03, 0.05, d + 0.02), 0.5);
        m.cushion(
            vec3(0.0, h + 0.1 + back * 0.5, -d - 0.03),
            vec3(w, back * 0.5, 0.05),
            0.5,
        );
        m.paint(wood).bar(
            vec3(0.0, h - 0.03, -d),
            vec3(0.0, h + 0.3, -d - 0.06),
            0.02,
            0.02,
            6,
        );
        if rng.chance(0.6) {
            for s in [-1.0f32, 1.0] {
                m.bar(
                    vec3((w + 0.04) * s, h, -0.02),
                    vec3((w + 0.05) * s, h + 0.2, -0.02),
                    0.014,
                    0.014,
                    5,
                );
                m.cushion(
                    vec3((w + 0.05) * s, h + 0.22, 0.02),
                    vec3(0.03, 0.015, 0.12),
                    0.4,
                );
            }
        }
        return m;
    }
    m.paint(wood);
    let splay = rng.range(0.0, 0.06);
    for (x, z) in [(-1.0f32, -1.0f32), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
        m.bar(
            vec3((w + splay) * x, 0.0, (d + splay) * z),
            vec3(w * x, h, d * z),
            t,
            t * 1.2,
            6,
        );
    }
    if rng.chance(0.5) {
        let y = h * rng.range(0.2, 0.6);
        for s in [-1.0f32, 1.0] {
            m.bar(vec3(w * s, y, -d), vec3(w * s, y, d), t * 0.7, t * 0.7, 5);
        }
        m.bar(vec3(-w, y, 0.0), vec3(w, y, 0.0), t * 0.7, t * 0.7, 5);
    }
    if rng.chance(0.5) {
        m.paint(soft).cushion(
            vec3(0.0, h, 0.0),
            vec3(w + 0.02, rng.range(0.02, 0.05), d + 0.02),
            0.4,
        );
    } else {
        m.cuboid(vec3(0.0, h, 0.0), vec3(w + 0.02, 0.014, d + 0.02));
    }
    m.paint(wood);
    if rng.chance(0.85) {
        let lean = rng.range(0.02, 0.12);
        let top = |x: f32, k: f32| vec3(x, h + back * k, -d - lean * k);
        for s in [-1.0f32, 1.0] {
            m.bar(top(w * s, 0.0), top(w * s, 1.0), t * 1.1, t, 6);
        }
        match rng.int(0, 3) {
            0 => {
                for i in 0..rng.int(2, 4) {
                    let k = 0.4 + 0.2 * i as f32;
                    m.bar(top(-w, k.min(1.0)), top(w, k.min(1.0)), t, t, 5);
                }
            }
            1 => {
                m.bar(top(-w, 1.0), top(w, 1.0), t * 1.3, t * 1.3, 6);
                for i in 0..rng.int(3, 8) {
                    let x = w * (-0.8 + 0.25 * i as f32).min(0.9);
                    m.bar(top(x, 0.0), top(x, 1.0), t * 0.6, t * 0.6, 5);
                }
            }
            2 => {
                m.paint(soft)
                    .cushion(top(0.0, 0.6), vec3(w, back * 0.4, 0.035), 0.4);
            }
            _ => {
                m.patch(6, 4, false, |u, v| {
                    top((u * 2.0 - 1.0) * w, 0.35 + 0.65 * v)
                        - vec3(0.0, 0.0, 0.05 * (1.0 - (u * 2.0 - 1.0).powi(2)))
                });
            }
        }
    }
    m
}

/// A sofa or armchair.
pub fn sofa(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let mat = pal.add(if rng.chance(0.8) {
        Material::cloth(rng)
    } else {
        Material::any(rng, 1.5)
    });
    let seats = rng.int(1, 3) as f32;
    let (w, d) = (0.36 * seats + 0.1, rng.range(0.38, 0.48));
    let (h, arm, back) = (
        rng.range(0.36, 0.46),
        rng.range(0.12, 0.25),
        rng.range(0.35, 0.5),
    );
    let soft = rng.range(0.15, 0.5);
    m.paint(mat).cushion(
        vec3(0.0, h * 0.5 + 0.02, 0.0),
        vec3(w, h * 0.45, d),
        soft * 0.6,
    );
    m.cushion(
        vec3(0.0, h + back * 0.4, -d + 0.08),
        vec3(w, back * 0.75, 0.13),
        soft,
    );
    for s in [-1.0f32, 1.0] {
        m.cushion(
            vec3((w + 0.05) * s, (h + arm) * 0.5, 0.0),
            vec3(0.1, (h + arm) * 0.52, d * 1.02),
            soft,
        );
    }
    for i in 0..seats as i32 {
        let x = (i as f32 - (seats - 1.0) * 0.5) * 0.68;
        m.cushion(vec3(x, h + 0.03, 0.06), vec3(0.33, 0.09, d * 0.85), soft);
        if rng.chance(0.5) {
            let pillow = pal.add(Material::cloth(rng));
            m.paint(pillow).cushion(
                vec3(x + rng.spread(0.15), h + 0.25, -d * 0.35),
                vec3(0.2, 0.19, 0.08),
                0.7,
            );
            m.paint(mat);
        }
    }
    m
}

/// A bed.
pub fn bed(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let (wood, sheet, cover) = (
        frame(rng, pal),
        pal.add(Material::cloth(rng)),
        pal.add(Material::cloth(rng)),
    );
    let (w, l, h) = (rng.range(0.45, 0.95), 1.0, rng.range(0.3, 0.5));
    m.paint(wood)
        .cuboid(vec3(0.0, h * 0.6, 0.0), vec3(w + 0.03, h * 0.2, l + 0.03));
    m.cuboid(vec3(0.0, 0.5, -l - 0.03), vec3(w + 0.03, 0.5, 0.03));
    m.paint(sheet)
        .cushion(vec3(0.0, h, 0.0), vec3(w, 0.14, l), 0.2);
    let seed = rng.seed();
    m.paint(cover).patch(20, 20, false, |u, v| {
        let (x, z) = ((u * 2.0 - 1.0) * (w + 0.06), -0.4 + v * (l + 0.42));
        let edge = (x.abs() - w + 0.08).max(0.0) * 3.0;
        vec3(
            x,
            h + 0.17 - edge.min(0.4)
                + 0.05 * crate::noise::value(vec3(x * 4.0, 0.0, z * 4.0), seed),
            z,
        )
    });
    let pillows = if w > 0.6 { 2 } else { 1 };
    for i in 0..pillows {
        let x = if pillows == 2 {
            (i as f32 * 2.0 - 1.0) * w * 0.5
        } else {
            0.0
        };
        m.paint(sheet)
            .cushion(vec3(x, h + 0.22, -l + 0.25), vec3(0.3, 0.1, 0.2), 0.7);
    }
    m
}
