// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Furniture, metres, front towards +z.

use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::rng::Rng;
use crate::scene::Palette;
use crate::things::{clutter, plant, seat};
use glam::{Vec3, vec3};
use std::f32::consts::TAU;

pub(super) fn frame(rng: &mut Rng, pal: &mut Palette) -> u16 {
    let m = match rng.int(0, 4) {
        0 | 1 => Material::wood(rng),
        2 => Material::metal(rng),
        3 => Material::plastic(rng),
        _ => Material::any(rng, 0.8),
    };
    pal.add(m)
}

/// A table, desk or bench; the second value is the height of its top, the third its half sizes.
pub fn table(rng: &mut Rng, pal: &mut Palette) -> (Mesh, f32, [f32; 2]) {
    let mut m = Mesh::new(label::OBJECT);
    let (top, leg) = (
        pal.add(if rng.chance(0.6) {
            Material::wood(rng)
        } else {
            Material::any(rng, 1.0)
        }),
        frame(rng, pal),
    );
    let (w, d) = (rng.range(0.35, 1.1), rng.range(0.3, 0.5));
    let h = if rng.chance(0.25) {
        rng.range(0.35, 0.5)
    } else {
        rng.range(0.68, 0.8)
    };
    let thick = rng.range(0.01, 0.03);
    if rng.chance(0.25) {
        let r = rng.range(0.35, 0.65);
        m.paint(top)
            .bar(vec3(0.0, h - 2.0 * thick, 0.0), vec3(0.0, h, 0.0), r, r, 28);
        m.paint(leg)
            .bar(vec3(0.0, 0.0, 0.0), vec3(0.0, h, 0.0), 0.05, 0.04, 10);
        m.bar(Vec3::ZERO, vec3(0.0, 0.03, 0.0), r * 0.5, r * 0.45, 18);
        return (m, h, [r * 0.65, r * 0.65]);
    }
    m.paint(top)
        .cuboid(vec3(0.0, h - thick, 0.0), vec3(w, thick, d));
    m.paint(leg);
    let t = rng.range(0.015, 0.045);
    let square = rng.chance(0.5);
    for (x, z) in [(-1.0f32, -1.0f32), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
        let (x, z) = ((w - 0.06) * x, (d - 0.05) * z);
        if square {
            m.cuboid(vec3(x, h * 0.5 - thick, z), vec3(t, h * 0.5 - thick, t));
        } else {
            m.bar(
                vec3(x * 1.04, 0.0, z * 1.04),
                vec3(x, h - thick, z),
                t * 0.7,
                t,
                7,
            );
        }
    }
    if rng.chance(0.4) {
        let s = rng.sign();
        m.paint(top).span(
            vec3((w - 0.45) * s, 0.1, -d + 0.03),
            vec3((w - 0.05) * s, h - thick, d - 0.03),
        );
        for i in 0..3 {
            m.paint(leg).cuboid(
                vec3((w - 0.25) * s, 0.2 + 0.18 * i as f32, d - 0.015),
                vec3(0.06, 0.012, 0.012),
            );
        }
    }
    (m, h, [w, d])
}

/// A table with things on it.
pub fn laid_table(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let (mut m, h, [w, d]) = table(rng, pal);
    for _ in 0..rng.int(1, 9) {
        let thing = clutter::small(rng, pal);
        m.add(
            &thing,
            place(
                vec3(rng.spread(w * 0.85), h, rng.spread(d * 0.8)),
                rng.range(0.0, TAU),
            ),
        );
    }
    m
}

/// An open shelf full of things.
pub fn shelf(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let wood = frame(rng, pal);
    let (w, d, h) = (
        rng.range(0.3, 1.0),
        rng.range(0.12, 0.25),
        rng.range(0.8, 2.2),
    );
    let rows = (h / rng.range(0.28, 0.45)).round().max(2.0);
    m.paint(wood);
    for s in [-1.0f32, 1.0] {
        m.cuboid(vec3(w * s, h * 0.5, 0.0), vec3(0.015, h * 0.5, d));
    }
    if rng.chance(0.6) {
        m.cuboid(vec3(0.0, h * 0.5, -d), vec3(w, h * 0.5, 0.008));
    }
    let gap = h / rows;
    for i in 0..=rows as i32 {
        m.paint(wood).cuboid(
            vec3(0.0, (i as f32 * gap).max(0.015), 0.0),
            vec3(w, 0.012, d),
        );
        if i as f32 == rows {
            break;
        }
        let y = i as f32 * gap + 0.014;
        let mut x = -w + 0.03;
        let books = rng.chance(0.55);
        while x < w - 0.08 {
            if books {
                let (bt, bh, bd) = (
                    rng.range(0.01, 0.03),
                    rng.range(0.5, 0.85) * gap * 0.5,
                    rng.range(0.5, 0.85) * d,
                );
                let a = rng.colour();
                let b = rng.colour();
                let mat = pal.add(Material::of(
                    if rng.chance(0.4) {
                        Pattern::Text
                    } else {
                        Pattern::Plain
                    },
                    a,
                    b,
                    14.0,
                    rng,
                ));
                m.paint(mat).cuboid(
                    vec3(x + bt, y + bh, d - bd - 0.01 - rng.range(0.0, 0.03)),
                    vec3(bt * 0.95, bh, bd),
                );
                x += 2.0 * bt
                    + if rng.chance(0.08) {
                        rng.range(0.05, 0.3)
                    } else {
                        0.0
                    };
            } else {
                let thing = clutter::small(rng, pal);
                let (a, b) = thing.bounds();
                let size = b - a;
                let k = (gap * 0.85 / size.y)
                    .min(d * 1.8 / size.x.max(size.z))
                    .min(1.3);
                x += size.x * k * 0.5;
                m.add(
                    &thing,
                    place(vec3(x, y, rng.spread(d * 0.3)), rng.range(0.0, TAU))
                        * glam::Affine3A::from_scale(Vec3::splat(k)),
                );
                x += size.x * k * 0.5 + rng.range(0.02, 0.2);
            }
        }
    }
    m
}

/// A cupboard, chest of drawers, fridge, oven.
pub fn cupboard(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let (body, handle) = (
        pal.add(if rng.chance(0.7) {
            Material::wood(rng)
        } else {
            Material::any(rng, 1.0)
        }),
        frame(rng, pal),
    );
    let front = if rng.chance(0.5) {
        body
    } else {
        pal.add(Material::any(rng, 0.7))
    };
    let (w, d) = (rng.range(0.3, 0.9), rng.range(0.2, 0.35));
    let h = if rng.chance(0.5) {
        rng.range(0.6, 1.1)
    } else {
        rng.range(1.5, 2.2)
    };
    m.paint(body).span(vec3(-w, 0.04, -d), vec3(w, h, d));
    let (cols, rows) = (rng.int(1, 3), rng.int(1, 4));
    for i in 0..cols {
        for j in 0..rows {
            let (cw, ch) = (w / cols as f32, (h - 0.1) * 0.5 / rows as f32);
            let c = vec3(
                -w + cw * (2 * i + 1) as f32,
                0.07 + ch * (2 * j + 1) as f32,
                d + 0.008,
            );
            m.paint(front).cuboid(c, vec3(cw - 0.012, ch - 0.01, 0.012));
            m.paint(handle);
            if rng.chance(0.5) {
                m.ellipsoid(c + vec3(cw * 0.75, 0.0, 0.03), Vec3::splat(0.015), 8);
            } else {
                m.bar(
                    c + vec3(-0.06, ch * 0.6, 0.03),
                    c + vec3(0.06, ch * 0.6, 0.03),
                    0.007,
                    0.007,
                    5,
                );
            }
        }
    }
    for _ in 0..rng.int(0, 4) {
        let thing = clutter::small(rng, pal);
        m.add(
            &thing,
            place(
                vec3(rng.spread(w * 0.8), h, rng.spread(d * 0.6)),
                rng.range(0.0, TAU),
            ),
        );
    }
    m
}

/// A floor lamp.
pub fn floor_lamp(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let (metal, shade) = (
        frame(rng, pal),
        pal.add(Material::cloth(rng).glowing(if rng.chance(0.5) {
            rng.range(1.0, 6.0)
        } else {
            0.0
        })),
    );
    let h = rng.range(1.1, 1.8);
    m.paint(metal)
        .bar(Vec3::ZERO, vec3(0.0, 0.03, 0.0), 0.15, 0.13, 16);
    m.bar(Vec3::ZERO, vec3(0.0, h, 0.0), 0.012, 0.012, 6);
    let (a, b) = (rng.range(0.12, 0.25), rng.range(0.06, 0.2));
    m.paint(shade).lathe(
        vec3(0.0, h - 0.15, 0.0),
        &[glam::vec2(a, 0.0), glam::vec2(b, 0.3)],
        18,
    );
    m
}

/// A screen on a foot or a stand.
pub fn screen(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let dark = pal.add(Material::plastic(rng));
    let on = rng.chance(0.5);
    let (a, b) = (rng.colour(), rng.colour());
    let picture = pal.add(if on {
        Material::of(
            rng.pick(&[Pattern::Poster, Pattern::Text, Pattern::Fbm]),
            a,
            b,
            10.0,
            rng,
        )
        .glowing(rng.range(0.5, 3.0))
    } else {
        Material::plain(Vec3::splat(0.008)).glossy(0.9, 200.0, 0.2)
    });
    let w = rng.range(0.2, 0.6);
    let h = w * 0.58;
    m.paint(dark)
        .cuboid(vec3(0.0, h + 0.1, 0.0), vec3(w, h, 0.02));
    m.paint(picture).quad(
        vec3(-w * 0.96, 0.1 + h * 0.05, 0.022),
        vec3(w * 0.96, 0.1 + h * 0.05, 0.022),
        vec3(w * 0.96, 0.1 + h * 1.95, 0.022),
        vec3(-w * 0.96, 0.1 + h * 1.95, 0.022),
    );
    m.paint(dark)
        .bar(vec3(0.0, 0.0, -0.02), vec3(0.0, h, -0.02), 0.02, 0.02, 6);
    m.cuboid(vec3(0.0, 0.008, 0.0), vec3(w * 0.4, 0.008, 0.09));
    m
}

/// Any piece of furniture.
pub fn any(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    match rng.int(0, 13) {
        0 | 1 => seat::chair(rng, pal),
        2 | 3 => laid_table(rng, pal),
        4 | 5 => seat::sofa(rng, pal),
        6 => seat::bed(rng, pal),
        7 | 8 => shelf(rng, pal),
        9 | 10 => cupboard(rng, pal),
        11 => floor_lamp(rng, pal),
        12 => plant::potted(rng, pal),
        _ => clutter::heap(rng, pal),
    }
}
