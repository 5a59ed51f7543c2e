// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Façades, street furniture, and the shells of rooms.

use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::Mesh;
use crate::rng::Rng;
use crate::scene::Palette;
use glam::{Vec3, vec2, vec3};

/// A house `width` wide along x and `depth` deep, its front at z = 0 facing +z.
pub fn house(rng: &mut Rng, pal: &mut Palette, width: f32, depth: f32, night: bool) -> Mesh {
    let mut m = Mesh::new(label::BUILDING);
    let wall = pal.add(Material::wall(rng));
    let storey = rng.range(2.6, 4.0);
    let floors = if rng.chance(0.15) {
        rng.int(6, 16)
    } else {
        rng.int(1, 6)
    };
    let high = storey * floors as f32 + rng.range(0.2, 1.5);
    let w = width * 0.5;
    let trim = pal.add(Material::plain(rng.pale()));
    let glow = if night { rng.range(0.5, 5.0) } else { 0.0 };
    let panes = [0.01f32, 0.04, 0.12].map(|v| {
        let lit = night && rng.chance(0.45);
        let c = if lit {
            vec3(0.9, 0.7, 0.4)
        } else {
            Vec3::splat(v) * vec3(0.8, 0.95, 1.1)
        };
        pal.add(
            Material::plain(c)
                .glossy(0.9, 200.0, if lit { 0.02 } else { rng.range(0.1, 0.5) })
                .glowing(if lit { glow } else { 0.0 }),
        )
    });
    if rng.chance(0.3) {
        // A wall whose windows are painted on.
        let c = Vec3::splat(rng.log_range(0.02, 0.2));
        let base = rng.pale();
        let front = pal.add(Material {
            c,
            ..Material::of(Pattern::Facade, base, rng.pale(), 1.0 / storey, rng)
        });
        m.paint(front)
            .span(vec3(-w, 0.0, -depth), vec3(w, high, 0.0));
    } else {
        m.paint(wall)
            .span(vec3(-w, 0.0, -depth), vec3(w, high, 0.0));
        let columns = (width / rng.range(1.6, 3.5)).round().max(1.0) as i32;
        let pitch = width / columns as f32;
        let (pw, ph) = (pitch * rng.range(0.2, 0.42), storey * rng.range(0.2, 0.4));
        let proud = rng.range(-0.1, 0.08);
        let sill = rng.chance(0.6);
        let balcony = rng.chance(0.25);
        for f in 0..floors {
            let shop = f == 0 && rng.chance(0.4);
            for c in 0..columns {
                let x = -w + (c as f32 + 0.5) * pitch;
                let y = storey * (f as f32 + 0.52);
                let pane = rng.pick(&panes);
                let (hw, hh) = if shop {
                    (pitch * 0.45, storey * 0.4)
                } else {
                    (pw, ph)
                };
                m.paint(trim).cuboid(
                    vec3(x, y, 0.0),
                    vec3(hw + 0.08, hh + 0.08, 0.05 + proud.max(0.0)),
                );
                m.paint(pane)
                    .cuboid(vec3(x, y, 0.03), vec3(hw, hh, 0.035 + proud.max(0.0)));
                m.paint(trim)
                    .cuboid(vec3(x, y, 0.05), vec3(0.025, hh, 0.04 + proud.max(0.0)));
                if sill {
                    m.cuboid(vec3(x, y - hh - 0.08, 0.1), vec3(hw + 0.12, 0.04, 0.12));
                }
                if balcony && f > 0 && c % 2 == 0 {
                    m.cuboid(vec3(x, y - hh - 0.1, 0.5), vec3(hw + 0.4, 0.06, 0.5));
                    for i in 0..8 {
                        let bx = x - hw - 0.38 + (2.0 * hw + 0.76) * i as f32 / 7.0;
                        m.bar(
                            vec3(bx, y - hh, 0.97),
                            vec3(bx, y - hh + 0.95, 0.97),
                            0.015,
                            0.015,
                            4,
                        );
                    }
                    m.bar(
                        vec3(x - hw - 0.4, y - hh + 0.95, 0.97),
                        vec3(x + hw + 0.4, y - hh + 0.95, 0.97),
                        0.025,
                        0.025,
                        4,
                    );
                }
            }
        }
        if rng.chance(0.5) {
            let awning = pal.add(Material::cloth(rng));
            m.paint(awning).patch(8, 2, false, |u, v| {
                vec3((u * 2.0 - 1.0) * w * 0.9, storey * 0.95 - 0.5 * v, 1.3 * v)
            });
        }
        if rng.chance(0.5) {
            let (a, b) = (rng.colour(), rng.colour());
            let sign = pal.add(Material {
                c: rng.colour(),
                ..Material::of(Pattern::Text, a, b, 1.5, rng).glowing(if night { 1.5 } else { 0.0 })
            });
            m.paint(sign)
                .cuboid(vec3(0.0, storey * 1.0, 0.12), vec3(w * 0.7, 0.3, 0.08));
        }
    }
    m.paint(trim)
        .span(vec3(-w, high - 0.15, -depth), vec3(w, high + 0.1, 0.25));
    if floors < 4 && rng.chance(0.6) {
        let roof = pal.add(Material::of(
            Pattern::Bricks,
            rng.earth(),
            rng.earth(),
            5.0,
            rng,
        ));
        let ridge = high + rng.range(1.0, 3.0);
        m.paint(roof);
        m.quad(
            vec3(-w, high, 0.4),
            vec3(w, high, 0.4),
            vec3(w, ridge, -depth * 0.5),
            vec3(-w, ridge, -depth * 0.5),
        );
        m.quad(
            vec3(w, high, -depth),
            vec3(-w, high, -depth),
            vec3(-w, ridge, -depth * 0.5),
            vec3(w, ridge, -depth * 0.5),
        );
        m.paint(wall);
        for s in [-1.0f32, 1.0] {
            m.flat_tri(
                vec3(w * s, high, 0.0),
                vec3(w * s, high, -depth),
                vec3(w * s, ridge, -depth * 0.5),
            );
        }
    }
    m
}

/// A lamp post, sign, hydrant, bench, bin, bollard or traffic light.
pub fn street_thing(rng: &mut Rng, pal: &mut Palette, night: bool) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let metal = pal.add(if rng.chance(0.7) {
        Material::metal(rng)
    } else {
        Material::any(rng, 1.0)
    });
    m.paint(metal);
    match rng.int(0, 7) {
        0 | 1 => {
            let h = rng.range(3.5, 8.0);
            let lamp = pal.add(Material::plain(vec3(0.9, 0.8, 0.6)).glowing(if night {
                25.0
            } else {
                0.0
            }));
            m.bar(Vec3::ZERO, vec3(0.0, h, 0.0), 0.08, 0.05, 8);
            m.pipe(
                &[
                    vec3(0.0, h * 0.95, 0.0),
                    vec3(0.0, h, 0.3),
                    vec3(0.0, h + 0.1, 1.2),
                ],
                &[0.04],
                6,
            );
            m.cushion(vec3(0.0, h + 0.08, 1.4), vec3(0.12, 0.06, 0.3), 0.5);
            m.paint(lamp)
                .cuboid(vec3(0.0, h + 0.02, 1.4), vec3(0.09, 0.02, 0.25));
        }
        2 | 3 => {
            let h = rng.range(1.8, 3.2);
            m.bar(Vec3::ZERO, vec3(0.0, h, 0.0), 0.035, 0.035, 7);
            let (a, b) = (rng.colour(), rng.colour());
            let face = pal.add(Material {
                c: rng.colour(),
                ..Material::of(
                    rng.pick(&[
                        Pattern::Poster,
                        Pattern::Text,
                        Pattern::Plain,
                        Pattern::Stripes,
                    ]),
                    a,
                    b,
                    4.0,
                    rng,
                )
            });
            m.paint(face);
            if rng.chance(0.5) {
                m.bar(
                    vec3(0.0, h - 0.3, 0.04),
                    vec3(0.0, h - 0.3, 0.06),
                    0.33,
                    0.33,
                    18,
                );
            } else {
                m.cuboid(
                    vec3(0.0, h - 0.3, 0.05),
                    vec3(rng.range(0.2, 0.6), rng.range(0.15, 0.4), 0.015),
                );
            }
        }
        4 => {
            let wood = pal.add(Material::wood(rng));
            for i in 0..4 {
                m.paint(wood).cuboid(
                    vec3(0.0, 0.45, -0.15 + 0.11 * i as f32),
                    vec3(0.8, 0.02, 0.045),
                );
                if i > 1 {
                    m.cuboid(
                        vec3(0.0, 0.3 + 0.16 * i as f32, -0.25),
                        vec3(0.8, 0.05, 0.015),
                    );
                }
            }
            for s in [-1.0f32, 1.0] {
                m.paint(metal).bar(
                    vec3(0.65 * s, 0.0, 0.15),
                    vec3(0.65 * s, 0.45, 0.15),
                    0.03,
                    0.03,
                    5,
                );
                m.bar(
                    vec3(0.65 * s, 0.0, -0.25),
                    vec3(0.65 * s, 0.9, -0.27),
                    0.03,
                    0.03,
                    5,
                );
            }
        }
        5 => {
            let r = rng.range(0.2, 0.35);
            m.lathe(
                Vec3::ZERO,
                &[
                    vec2(r * 0.9, 0.0),
                    vec2(r, rng.range(0.7, 1.1)),
                    vec2(r * 1.1, 1.12),
                    vec2(r * 0.3, 1.25),
                    vec2(0.0, 1.26),
                ],
                16,
            );
        }
        6 => {
            for i in 0..rng.int(1, 5) {
                m.bar(
                    vec3(i as f32 * 1.2, 0.0, 0.0),
                    vec3(i as f32 * 1.2, 0.9, 0.0),
                    0.07,
                    0.06,
                    8,
                );
                m.ellipsoid(vec3(i as f32 * 1.2, 0.92, 0.0), Vec3::splat(0.08), 8);
            }
        }
        _ => {
            let h = rng.range(2.6, 4.0);
            m.bar(Vec3::ZERO, vec3(0.0, h, 0.0), 0.06, 0.05, 8);
            let dark = pal.add(Material::plain(Vec3::splat(0.02)));
            m.paint(dark)
                .cushion(vec3(0.0, h, 0.08), vec3(0.16, 0.45, 0.12), 0.3);
            let lit = rng.int(0, 2);
            for (i, c) in [
                vec3(0.8, 0.05, 0.03),
                vec3(0.8, 0.5, 0.05),
                vec3(0.05, 0.7, 0.2),
            ]
            .into_iter()
            .enumerate()
            {
                let on = i as i32 == lit;
                let mat = pal.add(
                    Material::plain(if on { c } else { c * 0.1 }).glowing(if on {
                        5.0
                    } else {
                        0.0
                    }),
                );
                m.paint(mat).ellipsoid(
                    vec3(0.0, h + 0.28 - 0.28 * i as f32, 0.19),
                    vec3(0.1, 0.1, 0.05),
                    10,
                );
            }
        }
    }
    m
}

/// A fence or wall along x, `length` metres.
pub fn fence(rng: &mut Rng, pal: &mut Palette, length: f32) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let h = rng.range(0.7, 2.0);
    let mat = pal.add(match rng.int(0, 2) {
        0 => Material::wood(rng),
        1 => Material::metal(rng),
        _ => Material::any(rng, 1.0),
    });
    m.paint(mat);
    match rng.int(0, 2) {
        0 => {
            m.label = label::BUILDING;
            m.span(vec3(-length * 0.5, 0.0, -0.12), vec3(length * 0.5, h, 0.12));
        }
        1 => {
            let step = rng.range(0.1, 0.3);
            let r = rng.range(0.01, 0.05);
            let n = ((length / step) as i32).min(160);
            for i in 0..n {
                let x = -length * 0.5 + step * i as f32;
                m.cuboid(vec3(x, h * 0.5, 0.0), vec3(r, h * 0.5, 0.012));
            }
            for y in [0.25, 0.85] {
                m.cuboid(vec3(0.0, h * y, -0.02), vec3(length * 0.5, 0.03, 0.015));
            }
        }
        _ => {
            let n = (length / 2.5).ceil() as i32;
            for i in 0..=n {
                m.bar(
                    vec3(-length * 0.5 + 2.5 * i as f32, 0.0, 0.0),
                    vec3(-length * 0.5 + 2.5 * i as f32, h, 0.0),
                    0.06,
                    0.05,
                    6,
                );
            }
            for k in 1..=rng.int(2, 4) {
                let y = h * k as f32 / 4.2;
                m.bar(
                    vec3(-length * 0.5, y, 0.0),
                    vec3(length * 0.5, y, 0.0),
                    0.03,
                    0.03,
                    5,
                );
            }
        }
    }
    m
}

/// A flight of stairs that climbs towards -z, with or without rails.
pub fn stairs(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::BUILDING);
    let step = pal.add(Material::floor(rng));
    let rail = pal.add(if rng.chance(0.5) {
        Material::metal(rng)
    } else {
        Material::wood(rng)
    });
    let (w, rise, run, n) = (
        rng.range(0.4, 1.2),
        rng.range(0.14, 0.19),
        rng.range(0.24, 0.34),
        rng.int(3, 15),
    );
    let open = rng.chance(0.3);
    for i in 0..n {
        let (y, z) = (rise * (i + 1) as f32, -run * i as f32);
        let low = if open { y - 0.05 } else { 0.0 };
        m.paint(step).span(vec3(-w, low, z - run), vec3(w, y, z));
    }
    if rng.chance(0.75) {
        m.label = label::OBJECT;
        m.paint(rail);
        for s in [-1.0f32, 1.0] {
            for i in (0..n).step_by(2) {
                let (y, z) = (rise * (i + 1) as f32, -run * (i as f32 + 0.5));
                m.bar(vec3(w * s, y, z), vec3(w * s, y + 0.9, z), 0.014, 0.014, 5);
            }
            let top = n as f32 - 0.5;
            m.bar(
                vec3(w * s, rise + 0.9, -run * 0.5),
                vec3(w * s, rise * (top + 0.5) + 0.9, -run * top),
                0.03,
                0.03,
                7,
            );
        }
    }
    m
}
