// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Rooms, workshops, corridors.

use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::rng::Rng;
use crate::scene::{Key, Lamp, Palette, Scene};
use crate::things::{building, clutter, plant};
use glam::{Affine3A, Vec3, vec3};
use std::f32::consts::{PI, TAU};

/// Half sizes of a room (x, z) and its height; the floor is y = 0.
#[derive(Clone, Copy)]
pub struct Size {
    pub w: f32,
    pub d: f32,
    pub h: f32,
}

/// A wall along x from -half to half, facing +z, with an optional opening (x0, y0, x1, y1).
fn wall(m: &mut Mesh, half: f32, h: f32, hole: Option<[f32; 4]>) {
    let mut piece = |x0: f32, y0: f32, x1: f32, y1: f32| {
        if x1 > x0 && y1 > y0 {
            m.quad(
                vec3(x0, y0, 0.0),
                vec3(x1, y0, 0.0),
                vec3(x1, y1, 0.0),
                vec3(x0, y1, 0.0),
            );
        }
    };
    match hole {
        None => piece(-half, 0.0, half, h),
        Some([x0, y0, x1, y1]) => {
            piece(-half, 0.0, x0, h);
            piece(x1, 0.0, half, h);
            piece(x0, 0.0, x1, y0);
            piece(x0, y1, x1, h);
        }
    }
}

/// A window in a wall facing +z: reveal, frame and bars, perhaps curtains.
fn window(m: &mut Mesh, rng: &mut Rng, pal: &mut Palette, [x0, y0, x1, y1]: [f32; 4]) {
    let frame = pal.add(Material::plain(rng.pale()));
    m.paint(frame);
    let t = 0.035;
    let deep = 0.18;
    m.span(vec3(x0 - t, y0 - t, -deep), vec3(x1 + t, y0, 0.05));
    m.span(vec3(x0 - t, y1, -deep), vec3(x1 + t, y1 + t, 0.01));
    m.span(vec3(x0 - t, y0, -deep), vec3(x0, y1, 0.01));
    m.span(vec3(x1, y0, -deep), vec3(x1 + t, y1, 0.01));
    for i in 1..rng.int(2, 4) {
        let x = x0 + (x1 - x0) * i as f32 / 3.0;
        m.span(vec3(x - 0.02, y0, -0.1), vec3(x + 0.02, y1, -0.06));
    }
    if rng.chance(0.5) {
        let y = y0 + (y1 - y0) * rng.range(0.4, 0.75);
        m.span(vec3(x0, y - 0.02, -0.1), vec3(x1, y + 0.02, -0.06));
    }
    if rng.chance(0.6) {
        let cloth = pal.add(Material {
            through: 0.6,
            ..Material::cloth(rng)
        });
        m.paint(cloth);
        let wide = (x1 - x0) * rng.range(0.15, 0.5);
        let low = if rng.chance(0.6) { 0.03 } else { y0 - 0.1 };
        let waves = rng.range(4.0, 12.0);
        for s in [-1.0f32, 1.0] {
            let outer = if s < 0.0 { x0 - 0.15 } else { x1 + 0.15 };
            m.patch(24, 2, false, |u, v| {
                vec3(
                    outer - s * wide * u,
                    y1 + 0.12 - (y1 + 0.12 - low) * v,
                    0.09 + 0.04 * (u * waves * TAU).sin(),
                )
            });
        }
    }
}

/// Pictures, boards, shelves, clocks on a wall facing +z.
fn decorate(m: &mut Mesh, rng: &mut Rng, pal: &mut Palette, half: f32, h: f32, n: i32) {
    for _ in 0..n {
        let (w, t) = (rng.log_range(0.1, 0.7), rng.log_range(0.1, 0.5));
        let c = vec3(
            rng.spread((half - w).max(0.1)),
            rng.range(0.9, (h - t).max(1.0)),
            0.0,
        );
        match rng.int(0, 5) {
            0..=3 => {
                let (frame, a, b) = (pal.add(Material::wood(rng)), rng.colour(), rng.colour());
                let face = pal.add(Material {
                    c: rng.colour(),
                    ..Material::of(
                        rng.pick(&[
                            Pattern::Poster,
                            Pattern::Poster,
                            Pattern::Text,
                            Pattern::Fbm,
                            Pattern::Veins,
                            Pattern::Cells,
                        ]),
                        a,
                        b,
                        rng.log_range(2.0, 9.0),
                        rng,
                    )
                });
                m.paint(frame).cuboid(c, vec3(w + 0.03, t + 0.03, 0.018));
                m.paint(face).cuboid(c, vec3(w, t, 0.021));
            }
            4 => {
                let board = pal.add(Material::wood(rng));
                m.paint(board)
                    .cuboid(c + Vec3::Z * 0.1, vec3(w, 0.014, 0.1));
                for _ in 0..rng.int(1, 5) {
                    let thing = clutter::small(rng, pal);
                    m.add(
                        &thing,
                        place(
                            c + vec3(rng.spread(w * 0.9), 0.014, 0.1),
                            rng.range(0.0, TAU),
                        ) * Affine3A::from_scale(Vec3::splat(0.8)),
                    );
                }
            }
            _ => {
                let face = pal.add(Material::any(rng, 0.4));
                let r = t.min(0.3);
                m.paint(face).bar(c, c + Vec3::Z * 0.04, r, r, 20);
            }
        }
    }
}

/// Where wall `i` of a room stands, and half its length.
pub fn side(i: i32, s: Size) -> (Affine3A, f32) {
    match i {
        0 => (place(vec3(0.0, 0.0, -s.d), 0.0), s.w),
        1 => (place(vec3(0.0, 0.0, s.d), PI), s.w),
        2 => (place(vec3(-s.w, 0.0, 0.0), PI * 0.5), s.d),
        _ => (place(vec3(s.w, 0.0, 0.0), -PI * 0.5), s.d),
    }
}

/// Floor, ceiling, walls with windows and pictures. Returns whether a window is open to the sky.
pub fn shell(scene: &mut Scene, rng: &mut Rng, s: Size, windows: f32, pictures: i32) -> bool {
    let mut m = Mesh::new(label::BUILDING);
    let pal = &mut scene.palette;
    let paper = pal.add(Material::wall(rng));
    let ceiling = pal.add(if rng.chance(0.8) {
        Material::plain(rng.pale())
    } else {
        Material::any(rng, 2.0)
    });
    let floor = pal.add(Material::floor(rng));
    let skirting = pal.add(Material::wood(rng));
    m.paint(ceiling).quad(
        vec3(-s.w, s.h, -s.d),
        vec3(s.w, s.h, -s.d),
        vec3(s.w, s.h, s.d),
        vec3(-s.w, s.h, s.d),
    );
    if rng.chance(0.15) {
        let beam = pal.add(Material::wood(rng));
        m.paint(beam);
        for i in 0..6 {
            let z = -s.d + (i as f32 + 0.5) * s.d / 3.0;
            m.span(vec3(-s.w, s.h - 0.18, z - 0.08), vec3(s.w, s.h, z + 0.08));
        }
    }
    let mut open = false;
    for i in 0..4 {
        let (xf, half) = side(i, s);
        let mut part = Mesh::new(label::BUILDING);
        let own = if rng.chance(0.2) {
            pal.add(Material::wall(rng))
        } else {
            paper
        };
        let hole = rng.chance(windows).then(|| {
            let w = half * rng.range(0.2, 0.7);
            let x = rng.spread(half - w);
            let y0 = rng.range(0.05, 1.1);
            [x - w, y0, x + w, (y0 + rng.range(0.8, 1.8)).min(s.h - 0.15)]
        });
        part.paint(own);
        wall(&mut part, half, s.h, hole);
        part.paint(skirting)
            .cuboid(vec3(0.0, 0.05, 0.0), vec3(half, 0.05, 0.015));
        if let Some(hole) = hole {
            open = true;
            window(&mut part, rng, pal, hole);
        } else {
            if rng.chance(0.35) {
                // A door.
                let door = pal.add(Material::wood(rng));
                let x = rng.spread(half - 0.6);
                part.paint(skirting)
                    .cuboid(vec3(x, 1.03, 0.0), vec3(0.5, 1.06, 0.03));
                part.paint(door)
                    .cuboid(vec3(x, 1.0, 0.02), vec3(0.42, 1.0, 0.03));
                for k in [0.55, 1.45] {
                    part.cuboid(vec3(x, k, 0.05), vec3(0.28, 0.32, 0.012));
                }
                part.paint(own)
                    .ellipsoid(vec3(x + 0.35, 1.0, 0.09), Vec3::splat(0.03), 8);
            }
            part.label = label::OBJECT;
            decorate(&mut part, rng, pal, half, s.h, rng.clone().int(0, pictures));
        }
        m.add(&part, xf);
    }
    m.label = label::GROUND;
    m.paint(floor).quad(
        vec3(-s.w, 0.0, -s.d),
        vec3(s.w, 0.0, -s.d),
        vec3(s.w, 0.0, s.d),
        vec3(-s.w, 0.0, s.d),
    );
    if rng.chance(0.5) {
        let rug = pal.add(Material::cloth(rng));
        let (w, d) = (s.w * rng.range(0.2, 0.7), s.d * rng.range(0.2, 0.7));
        m.paint(rug).cuboid(
            vec3(rng.spread(s.w - w), 0.006, rng.spread(s.d - d)),
            vec3(w, 0.006, d),
        );
    }
    if open {
        let mut out = Mesh::new(label::GROUND);
        let ground = Material::of(Pattern::Ground, rng.earth(), rng.foliage(), 0.5, rng);
        let ground = scene.mat(ground);
        let y = -rng.log_range(0.3, 12.0);
        let far = 300.0;
        out.paint(ground).quad(
            vec3(-far, y, -far),
            vec3(far, y, -far),
            vec3(far, y, far),
            vec3(-far, y, far),
        );
        for _ in 0..rng.int(0, 5) {
            let a = rng.range(0.0, TAU);
            let r = s.w.max(s.d) + rng.log_range(5.0, 40.0);
            let p = vec3(a.cos() * r, y, a.sin() * r);
            let tree = if rng.chance(0.6) {
                let h = rng.range(3.0, 10.0);
                plant::tree(rng, &mut scene.palette, h, 300)
            } else {
                let w = rng.range(8.0, 16.0);
                building::house(rng, &mut scene.palette, w, 8.0, false)
            };
            out.add(&tree, place(p, -a - PI * 0.5));
        }
        scene.put(&out, Affine3A::IDENTITY);
        let day = Scene::outdoors(rng, false);
        let gain = rng.range(0.8, 3.0);
        scene.sky = day.sky;
        scene.sky.zenith *= gain;
        scene.sky.horizon *= gain;
        if rng.chance(0.6) {
            scene.key = day.key.map(|k| match k {
                Key::Sun(d, c) => Key::Sun(d, c * gain),
                other => other,
            });
            scene.reach = s.w.max(s.d) * 1.3;
        }
    }
    scene.put(&m, Affine3A::IDENTITY);
    open
}

/// Lamps at the ceiling; the first casts shadows if nothing does yet.
pub fn ceiling_lamps(scene: &mut Scene, rng: &mut Rng, s: Size, n: i32) {
    let warm = vec3(1.0, rng.range(0.7, 1.0), rng.range(0.45, 1.0));
    let power = rng.log_range(0.4, 5.0) * s.h * s.h * 0.5 / n.max(1) as f32;
    for i in 0..n {
        let p = vec3(
            rng.spread(s.w * 0.8),
            s.h - rng.range(0.05, 0.5),
            rng.spread(s.d * 0.8),
        );
        let mut m = Mesh::new(label::OBJECT);
        let glow = scene.mat(Material::plain(warm).glowing(rng.range(3.0, 14.0)));
        m.paint(glow);
        match rng.int(0, 2) {
            0 => m.ellipsoid(p, Vec3::splat(rng.range(0.06, 0.18)), 12),
            1 => m.cuboid(
                vec3(p.x, s.h - 0.04, p.z),
                vec3(rng.range(0.08, 0.6), 0.03, 0.1),
            ),
            _ => {
                let shade = scene.mat(Material::plastic(rng));
                m.disc(p, Vec3::NEG_Y, 0.12, 12);
                m.paint(shade)
                    .lathe(p, &[glam::vec2(0.2, -0.02), glam::vec2(0.05, 0.14)], 14);
                m.bar(p, vec3(p.x, s.h, p.z), 0.006, 0.006, 4);
            }
        }
        scene.put(&m, Affine3A::IDENTITY);
        let below = p - Vec3::Y * 0.25;
        if i == 0 && scene.key.is_none() {
            scene.key = Some(Key::Lamp(
                below,
                vec3(rng.spread(0.3), -1.0, rng.spread(0.3)),
                warm * power,
            ));
        } else {
            scene.lamps.push(Lamp {
                p: below,
                colour: warm * power,
            });
        }
    }
}
