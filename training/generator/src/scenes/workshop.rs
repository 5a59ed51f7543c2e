// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Garages, workshops, corridors, tunnels.

use super::indoor::{Size, ceiling_lamps, shell, side};
use super::room::someone;
use super::{Shot, aim};
use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::rng::Rng;
use crate::scene::{Key, Lamp, Scene};
use crate::things::person::{Pose, person};
use crate::things::{clutter, cycle, furniture};
use glam::{Affine3A, Vec3, vec3};
use std::f32::consts::{PI, TAU};

/// A garage or workshop: a cycle or machine close by, walls and shelves full of clutter.
pub fn workshop(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = Scene::indoors(rng);
    let s = Size {
        w: rng.range(1.8, 4.0),
        d: rng.range(2.0, 4.5),
        h: rng.range(2.3, 3.5),
    };
    shell(&mut scene, rng, s, 0.2, 8);
    let lamps = rng.int(1, 4);
    ceiling_lamps(&mut scene, rng, s, lamps);
    let mut m = Mesh::new(label::OBJECT);
    for i in 0..4 {
        let (xf, half) = side(i, s);
        let pal = &mut scene.palette;
        let mut x = -half;
        while x < half - 0.4 {
            let thing = match rng.int(0, 4) {
                0 | 1 => furniture::shelf(rng, pal),
                2 => furniture::laid_table(rng, pal),
                3 => furniture::cupboard(rng, pal),
                _ => clutter::heap(rng, pal),
            };
            let (a, b) = thing.bounds();
            let wide = b.x - a.x;
            m.add(
                &thing,
                xf * place(
                    vec3(x + wide * 0.5, 0.0, (b.z - a.z) * 0.5 + 0.03),
                    rng.spread(0.05),
                ),
            );
            x += wide + rng.range(0.02, 0.6);
        }
        // Tools and cables on the wall.
        let mut tools = Mesh::new(label::OBJECT);
        for _ in 0..rng.int(3, 22) {
            let mat = pal.add(if rng.chance(0.5) {
                Material::metal(rng)
            } else {
                Material::plastic(rng)
            });
            let p = vec3(rng.spread(half), rng.range(1.0, s.h - 0.1), 0.05);
            let d = vec3(rng.spread(0.3), -1.0, 0.0).normalize() * rng.range(0.1, 0.5);
            tools.paint(mat);
            match rng.int(0, 3) {
                0 => tools.bar(p, p + d, rng.range(0.008, 0.03), rng.range(0.008, 0.02), 6),
                1 => tools.ring(
                    p,
                    Vec3::Z,
                    rng.range(0.05, 0.3),
                    rng.range(0.008, 0.03),
                    18,
                    5,
                ),
                2 => tools.cushion(
                    p,
                    vec3(rng.range(0.03, 0.2), rng.range(0.03, 0.2), 0.05),
                    0.4,
                ),
                _ => {
                    let q = vec3(p.x + rng.spread(1.0), rng.range(0.2, s.h), 0.03);
                    tools.pipe(
                        &[p, (p + q) * 0.5 - Vec3::Y * rng.range(0.0, 0.6), q],
                        &[rng.range(0.006, 0.02)],
                        5,
                    );
                }
            }
        }
        m.add(&tools, xf);
    }
    let pal = &mut scene.palette;
    let heroes = rng.int(1, 3);
    let mut centre = Vec3::ZERO;
    for i in 0..heroes {
        let thing = match rng.int(0, 9) {
            0..=4 => cycle::motorcycle(rng, pal, false),
            5..=7 => cycle::bicycle(rng, pal),
            8 => furniture::laid_table(rng, pal),
            _ => clutter::heap(rng, pal),
        };
        let p = vec3(rng.spread(s.w * 0.5), 0.0, rng.spread(s.d * 0.5));
        if i == 0 {
            centre = p;
        }
        m.add(&thing, place(p, rng.range(0.0, TAU)));
    }
    for _ in 0..rng.int(2, 10) {
        let thing = if rng.chance(0.5) {
            clutter::heap(rng, pal)
        } else {
            clutter::small(rng, pal)
        };
        m.add(
            &thing,
            place(
                vec3(rng.spread(s.w * 0.9), 0.0, rng.spread(s.d * 0.9)),
                rng.range(0.0, TAU),
            ),
        );
    }
    scene.put(&m, Affine3A::IDENTITY);
    if rng.chance(0.25) {
        let p = vec3(rng.spread(s.w * 0.7), 0.0, rng.spread(s.d * 0.7));
        someone(&mut scene, rng, p, 0.03);
    }
    let a = rng.range(0.0, TAU);
    let r = rng.range(1.3, 3.2);
    let eye = centre + vec3(a.cos() * r, rng.range(0.35, 1.75), a.sin() * r);
    let eye = vec3(
        eye.x.clamp(-s.w + 0.2, s.w - 0.2),
        eye.y,
        eye.z.clamp(-s.d + 0.2, s.d - 0.2),
    );
    let target = centre + vec3(rng.spread(0.6), rng.range(0.3, 0.95), rng.spread(0.6));
    Shot {
        camera: aim(rng, eye, target, size, 38.0, 72.0),
        scene,
        nearest: 0.3,
        spread: 0.1,
        blur: 0.12,
        level: None,
    }
}

/// A corridor, tunnel, station or arcade.
pub fn corridor(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = Scene::indoors(rng);
    let (w, h, l) = (
        rng.log_range(0.8, 5.0),
        rng.range(2.2, 5.0),
        rng.log_range(8.0, 60.0),
    );
    let mut m = Mesh::new(label::BUILDING);
    let paper = Material::wall(rng);
    let pal = &mut scene.palette;
    let wall_mat = pal.add(paper);
    let floor = pal.add(Material::floor(rng));
    let top = pal.add(if rng.chance(0.6) {
        Material::plain(rng.pale())
    } else {
        Material::wall(rng)
    });
    let arched = rng.chance(0.4);
    let bend = if rng.chance(0.35) {
        rng.spread(0.012)
    } else {
        0.0
    };
    let middle = |z: f32| bend * z * z;
    let n = 40;
    m.paint(wall_mat);
    if arched {
        m.patch(20, n, false, |u, v| {
            let a = u * PI;
            let z = l * v - 2.0;
            vec3(middle(z) + w * a.cos(), h * 0.45 + h * 0.55 * a.sin(), z)
        });
    }
    let tall = if arched { h * 0.45 } else { h };
    for s in [-1.0f32, 1.0] {
        m.patch(n, 2, false, |u, v| {
            let z = l * u - 2.0;
            vec3(middle(z) + w * s, tall * v, z)
        });
    }
    if !arched {
        m.paint(top).patch(2, n, false, |u, v| {
            let z = l * v - 2.0;
            vec3(middle(z) + w * (u * 2.0 - 1.0), h, z)
        });
    }
    let end_open = rng.chance(0.3);
    if !end_open {
        let z = l - 2.0;
        m.paint(wall_mat).quad(
            vec3(middle(z) - w, 0.0, z),
            vec3(middle(z) + w, 0.0, z),
            vec3(middle(z) + w, h, z),
            vec3(middle(z) - w, h, z),
        );
    }
    m.paint(wall_mat).quad(
        vec3(-w * 2.0, 0.0, -2.0),
        vec3(w * 2.0, 0.0, -2.0),
        vec3(w * 2.0, h, -2.0),
        vec3(-w * 2.0, h, -2.0),
    );
    m.label = label::GROUND;
    m.paint(floor).patch(2, n, false, |u, v| {
        let z = l * v * if end_open { 4.0 } else { 1.0 } - 2.0;
        vec3(
            middle(z.min(l)) + w * (u * 2.0 - 1.0) * if end_open { 3.0 } else { 1.0 },
            0.0,
            z,
        )
    });
    // Doors, posters, pipes, pillars, lamps at a rhythm.
    let step = rng.range(1.5, 6.0);
    let door = pal.add(Material::wood(rng));
    let lamp_mat = pal.add(Material::plain(vec3(1.0, 0.95, 0.85)).glowing(rng.range(2.0, 12.0)));
    let kind = rng.int(0, 3);
    let mut lamps = Vec::new();
    let mut z = rng.range(0.0, step);
    while z < l - 3.0 {
        for s in [-1.0f32, 1.0] {
            let x = middle(z) + w * s;
            match kind {
                0 => m.paint(door).cuboid(vec3(x, 1.0, z), vec3(0.05, 1.0, 0.45)),
                1 => {
                    m.label = label::OBJECT;
                    let (a, b) = (rng.colour(), rng.colour());
                    let poster = pal.add(Material {
                        c: rng.colour(),
                        ..Material::of(Pattern::Poster, a, b, rng.range(2.0, 6.0), rng)
                    });
                    m.paint(poster).cuboid(
                        vec3(x, 1.5, z),
                        vec3(0.02, rng.range(0.3, 0.9), rng.range(0.3, step * 0.4)),
                    );
                }
                2 => {
                    m.label = label::BUILDING;
                    m.paint(wall_mat).bar(
                        vec3(x - 0.25 * s, 0.0, z),
                        vec3(x - 0.25 * s, h, z),
                        0.16,
                        0.16,
                        14,
                    );
                }
                _ => {}
            }
        }
        m.label = label::OBJECT;
        m.paint(lamp_mat).cuboid(
            vec3(middle(z), h - 0.04, z + step * 0.5),
            vec3(0.12, 0.03, step * 0.18),
        );
        lamps.push(vec3(middle(z), h - 0.4, z + step * 0.5));
        z += step;
    }
    m.label = label::OBJECT;
    for _ in 0..rng.int(0, 3) {
        let mat = pal.add(Material::metal(rng));
        let (x, y, r) = (
            rng.sign() * (w - 0.1),
            rng.range(0.8, h * 0.45),
            rng.range(0.02, 0.08),
        );
        let points: Vec<Vec3> = (0..=20)
            .map(|i| {
                let z = l * i as f32 / 20.0 - 2.0;
                vec3(middle(z) + x, y, z)
            })
            .collect();
        m.paint(mat).pipe(&points, &[r], 8);
    }
    scene.put(&m, Affine3A::IDENTITY);
    let power = rng.log_range(0.5, 4.0);
    let gap = (lamps.len() / 7).max(1);
    for (i, p) in lamps.into_iter().step_by(gap).enumerate() {
        let colour = vec3(1.0, 0.93, 0.8) * power * gap as f32;
        if i == 0 {
            scene.key = Some(Key::Lamp(p, vec3(0.0, -1.0, 0.5), colour));
        } else {
            scene.lamps.push(Lamp { p, colour });
        }
    }
    for _ in 0..rng.int(0, 6) {
        let z = rng.log_range(2.0, l * 0.8);
        let p = vec3(middle(z) + rng.spread((w - 0.4).max(0.2)), 0.0, z);
        if rng.chance(0.6) {
            let pose = Pose::any(rng);
            let who = person(
                rng,
                &mut scene.palette,
                &pose,
                if z < 3.0 { 0.025 } else { 0.045 },
            );
            scene.put_moving(
                &who,
                place(p, if rng.chance(0.5) { 0.0 } else { PI } + rng.spread(0.4)),
                vec3(0.0, 0.0, rng.spread(0.05)),
            );
        } else {
            let thing = furniture::any(rng, &mut scene.palette);
            scene.put(&thing, place(p, rng.range(0.0, TAU)));
        }
    }
    let eye = vec3(
        rng.spread(w * 0.6),
        rng.range(0.4, h * 0.75),
        rng.range(-1.7, 0.5),
    );
    let ahead = rng.range(4.0, 12.0);
    let target = vec3(
        middle(ahead) + rng.spread(w * 0.8),
        eye.y + rng.spread(1.2),
        ahead,
    );
    Shot {
        camera: aim(rng, eye, target, size, 45.0, 90.0),
        scene,
        nearest: 0.25,
        spread: 0.2,
        blur: 0.06,
        level: None,
    }
}
