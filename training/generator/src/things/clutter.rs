// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Small things that stand about, and heaps of them.

use crate::blob::Blob;
use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::noise::value;
use crate::rng::Rng;
use crate::scene::Palette;
use crate::things::plant;
use glam::{Vec2, Vec3, vec2, vec3};
use std::f32::consts::TAU;

fn some(rng: &mut Rng, pal: &mut Palette, size: f32) -> u16 {
    let m = match rng.int(0, 4) {
        0 => Material::plastic(rng),
        1 => Material::metal(rng),
        2 => Material::wood(rng),
        _ => Material::any(rng, size),
    };
    pal.add(m)
}

/// A turned thing: bottle, cup, vase, bowl, candle.
pub fn turned(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let mat = some(rng, pal, 0.15);
    m.paint(mat);
    let profile: Vec<Vec2> = match rng.int(0, 4) {
        0 => {
            let (r, h) = (rng.range(0.03, 0.05), rng.range(0.18, 0.34));
            vec![
                vec2(0.0, 0.0),
                vec2(r, 0.0),
                vec2(r, h * 0.6),
                vec2(r * 0.9, h * 0.68),
                vec2(r * 0.35, h * 0.8),
                vec2(r * 0.33, h),
                vec2(0.0, h),
            ]
        }
        1 => {
            let (r, h) = (rng.range(0.03, 0.06), rng.range(0.07, 0.14));
            m.ring(
                vec3(r + 0.015, h * 0.5, 0.0),
                Vec3::Z,
                h * 0.28,
                0.006,
                14,
                5,
            );
            vec![
                vec2(0.0, 0.0),
                vec2(r * 0.85, 0.0),
                vec2(r, h),
                vec2(r * 0.92, h),
                vec2(r * 0.8, 0.02),
                vec2(0.0, 0.015),
            ]
        }
        2 => {
            let (r, h) = (rng.range(0.06, 0.16), rng.range(0.04, 0.1));
            vec![
                vec2(0.0, 0.0),
                vec2(r * 0.4, 0.0),
                vec2(r * 0.8, h * 0.4),
                vec2(r, h),
                vec2(r * 0.95, h),
                vec2(r * 0.7, h * 0.45),
                vec2(0.0, h * 0.15),
            ]
        }
        3 => {
            let (r, h, seed) = (rng.range(0.04, 0.12), rng.range(0.15, 0.45), rng.seed());
            (0..=8)
                .map(|i| {
                    vec2(
                        r * (0.4 + value(vec3(i as f32 * 0.45, 0.0, 0.0), seed)),
                        h * i as f32 / 8.0,
                    )
                })
                .collect()
        }
        _ => {
            let (r, h) = (rng.range(0.025, 0.07), rng.range(0.05, 0.2));
            vec![vec2(0.0, 0.0), vec2(r, 0.0), vec2(r, h), vec2(0.0, h)]
        }
    };
    m.lathe(Vec3::ZERO, &profile, 18);
    if profile[0].x > 0.0 {
        m.disc(Vec3::ZERO, Vec3::NEG_Y, profile[0].x, 12);
    }
    m
}

/// A soft lump: a toy, a bag, a fruit, a stone.
pub fn lump(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let mat = some(rng, pal, 0.2);
    let mut b = Blob::new(0.03);
    let r = rng.range(0.03, 0.09);
    b.ball(vec3(0.0, r, 0.0), r);
    for _ in 0..rng.int(0, 6) {
        let d = rng.direction() * r * rng.range(0.8, 1.6);
        b.limb(
            vec3(0.0, r, 0.0),
            vec3(d.x, r + d.y.abs(), d.z),
            r * rng.range(0.3, 0.7),
            r * rng.range(0.15, 0.6),
        );
    }
    m.paint(mat);
    b.build(&mut m, r * 0.2, |_| 0.0);
    let low = m.bounds().0.y;
    m.moved(place(vec3(0.0, -low, 0.0), 0.0))
}

/// A pile of books or boxes.
pub fn stack(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let mut y = 0.0;
    let (w, d) = (rng.range(0.06, 0.16), rng.range(0.08, 0.14));
    for _ in 0..rng.int(1, 6) {
        let t = rng.range(0.008, 0.04);
        let mat = some(rng, pal, 0.2);
        let mut book = Mesh::new(label::OBJECT);
        book.paint(mat).cuboid(
            vec3(0.0, t, 0.0),
            vec3(w * rng.range(0.7, 1.0), t, d * rng.range(0.7, 1.0)),
        );
        m.add(
            &book,
            place(vec3(rng.spread(0.01), y, rng.spread(0.01)), rng.spread(0.3)),
        );
        y += 2.0 * t;
    }
    m
}

/// A laptop.
pub fn laptop(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let body = some(rng, pal, 0.3);
    let (a, b) = (rng.colour(), rng.colour());
    let keys = pal.add(Material::of(
        Pattern::Checks,
        rng.dark(),
        rng.dark(),
        50.0,
        rng,
    ));
    let screen = pal.add(
        Material::of(
            rng.pick(&[Pattern::Text, Pattern::Poster, Pattern::Plain]),
            a,
            b,
            16.0,
            rng,
        )
        .glowing(rng.range(0.2, 2.5)),
    );
    m.paint(body)
        .cuboid(vec3(0.0, 0.01, 0.0), vec3(0.17, 0.009, 0.12));
    m.paint(keys).quad(
        vec3(-0.15, 0.0195, -0.09),
        vec3(0.15, 0.0195, -0.09),
        vec3(0.15, 0.0195, 0.03),
        vec3(-0.15, 0.0195, 0.03),
    );
    let lean = rng.range(0.0, 0.1);
    m.paint(screen).quad(
        vec3(-0.16, 0.03, -0.118),
        vec3(0.16, 0.03, -0.118),
        vec3(0.16, 0.22, -0.118 - lean),
        vec3(-0.16, 0.22, -0.118 - lean),
    );
    m.paint(body).quad(
        vec3(-0.17, 0.015, -0.122),
        vec3(0.17, 0.015, -0.122),
        vec3(0.17, 0.23, -0.125 - lean),
        vec3(-0.17, 0.23, -0.125 - lean),
    );
    m
}

/// A ball.
pub fn ball(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let mat = some(rng, pal, 0.2);
    let r = rng.range(0.03, 0.14);
    m.paint(mat)
        .ellipsoid(vec3(0.0, r, 0.0), Vec3::splat(r), 18);
    m
}

/// A box, crate or parcel.
pub fn crate_box(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let mat = some(rng, pal, 0.4);
    let s = vec3(
        rng.range(0.05, 0.25),
        rng.range(0.04, 0.25),
        rng.range(0.05, 0.2),
    );
    m.paint(mat);
    if rng.chance(0.4) {
        m.cushion(vec3(0.0, s.y, 0.0), s, rng.range(0.1, 0.5));
    } else {
        m.cuboid(vec3(0.0, s.y, 0.0), s);
    }
    m
}

/// Bars and rods that lean together: tools, a tripod, sticks, an easel.
pub fn rods(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let h = rng.range(0.15, 0.5);
    let hub = vec3(rng.spread(0.04), h, rng.spread(0.04));
    for _ in 0..rng.int(2, 5) {
        let mat = some(rng, pal, 0.2);
        let foot = vec3(rng.spread(0.15), 0.0, rng.spread(0.15));
        let r = rng.range(0.003, 0.014);
        m.paint(mat)
            .bar(foot, foot.lerp(hub, rng.range(0.8, 1.2)), r, r, 6);
    }
    if rng.chance(0.5) {
        let mat = some(rng, pal, 0.2);
        m.paint(mat)
            .cushion(hub, vec3(0.06, 0.05, 0.06), rng.range(0.2, 1.0));
    }
    m
}

/// A desk lamp.
pub fn lamp(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let (metal, shade) = (
        some(rng, pal, 0.2),
        pal.add(Material::cloth(rng).glowing(if rng.chance(0.6) {
            rng.range(1.0, 8.0)
        } else {
            0.0
        })),
    );
    let h = rng.range(0.2, 0.45);
    m.paint(metal)
        .bar(Vec3::ZERO, vec3(0.0, 0.02, 0.0), 0.07, 0.06, 14);
    m.pipe(
        &[
            Vec3::ZERO,
            vec3(rng.spread(0.1), h * 0.5, rng.spread(0.1)),
            vec3(0.0, h, 0.0),
        ],
        &[0.008],
        5,
    );
    let (a, b) = (rng.range(0.07, 0.14), rng.range(0.04, 0.1));
    m.paint(shade)
        .lathe(vec3(0.0, h - 0.04, 0.0), &[vec2(a, 0.0), vec2(b, 0.14)], 16);
    m
}

/// Something small, 5 to 50 centimetres.
pub fn small(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    match rng.int(0, 14) {
        0..=3 => turned(rng, pal),
        4 | 5 => stack(rng, pal),
        6 | 7 => crate_box(rng, pal),
        8 => ball(rng, pal),
        9 | 10 => lump(rng, pal),
        11 => laptop(rng, pal),
        12 => lamp(rng, pal),
        13 => rods(rng, pal),
        _ => {
            let k = rng.range(0.25, 0.5);
            plant::potted(rng, pal).moved(glam::Affine3A::from_scale(Vec3::splat(k)))
        }
    }
}

/// A heap of larger things on the floor.
pub fn heap(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    for _ in 0..rng.int(1, 6) {
        let thing = if rng.chance(0.6) {
            crate_box(rng, pal)
        } else {
            small(rng, pal)
        };
        let k = rng.range(0.8, 2.0);
        m.add(
            &thing,
            place(
                vec3(rng.spread(0.35), 0.0, rng.spread(0.3)),
                rng.range(0.0, TAU),
            ) * glam::Affine3A::from_scale(Vec3::splat(k)),
        );
    }
    m
}
