// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Rooms with people and furniture.

use super::indoor::{Size, ceiling_lamps, shell, side};
use super::{Shot, aim};
use crate::label;
use crate::mesh::{Mesh, place};
use crate::rng::Rng;
use crate::scene::Scene;
use crate::things::person::{Pose, person};
use crate::things::{animal, building, clutter, furniture, seat};
use glam::{Affine3A, Vec3, vec3};
use std::f32::consts::TAU;

/// A living room, bedroom, office, kitchen, shop, with what belongs and what does not.
pub fn room(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = Scene::indoors(rng);
    let s = Size {
        w: rng.log_range(1.4, 6.0),
        d: rng.log_range(1.6, 7.0),
        h: rng.range(2.2, 3.8),
    };
    shell(&mut scene, rng, s, 0.35, 5);
    let n = rng.int(0, 4);
    ceiling_lamps(&mut scene, rng, s, n);
    furnish(&mut scene, rng, s);
    let dense = rng.chance(0.4);
    // The camera, and people where it may see them.
    let eye = vec3(
        rng.spread(s.w * 0.85),
        if rng.chance(0.75) {
            rng.range(0.9, 1.8)
        } else {
            rng.range(0.25, s.h - 0.3)
        },
        rng.spread(s.d * 0.85),
    );
    let away = vec3(-eye.x, 0.0, -eye.z).normalize_or(Vec3::Z);
    let turn = glam::Quat::from_rotation_y(rng.spread(0.7));
    let target =
        eye + turn * away * 3.0 + Vec3::Y * (rng.range(0.1, 1.4) - eye.y) * rng.range(0.2, 1.2);
    let forward = (target - eye).normalize();
    for _ in 0..if rng.chance(0.6) {
        rng.int(1, if dense { 5 } else { 2 })
    } else {
        0
    } {
        let r = rng.log_range(1.0, s.d * 1.5);
        let p = eye + glam::Quat::from_rotation_y(rng.spread(0.6)) * forward * r;
        let p = vec3(
            p.x.clamp(-s.w + 0.35, s.w - 0.35),
            0.0,
            p.z.clamp(-s.d + 0.35, s.d - 0.35),
        );
        someone(&mut scene, rng, p, if r < 2.5 { 0.022 } else { 0.034 });
    }
    Shot {
        camera: aim(rng, eye, target, size, 38.0, 105.0),
        scene,
        nearest: 0.3,
        spread: 0.12,
        blur: 0.12,
        level: None,
    }
}

/// A room as a camera at the ceiling or a person on a ladder sees it.
pub fn room_from_above(rng: &mut Rng, size: f32) -> Shot {
    let mut shot = room(rng, size);
    let (low, high) = shot
        .scene
        .mesh
        .verts
        .iter()
        .filter(|v| v.p.y.abs() < 0.01 && v.p.length() < 12.0)
        .fold((Vec3::MAX, Vec3::MIN), |(a, b), v| (a.min(v.p), b.max(v.p)));
    let half = (high - low) * 0.5;
    let eye = vec3(
        rng.spread(half.x * 0.8),
        rng.range(1.8, 2.15),
        rng.spread(half.z * 0.8),
    );
    let target = vec3(
        eye.x * 0.3 + rng.spread(0.8),
        rng.range(0.0, 0.5),
        eye.z * 0.3 + rng.spread(0.8),
    );
    shot.camera = aim(rng, eye, target, size, 55.0, 95.0);
    shot.spread = 0.05;
    shot
}

/// A person standing or on a chair at `p`.
pub fn someone(scene: &mut Scene, rng: &mut Rng, p: Vec3, cell: f32) {
    let turn = rng.range(0.0, TAU);
    if rng.chance(0.35) {
        let chair = seat::chair(rng, &mut scene.palette);
        scene.put(
            &chair,
            place(p - vec3(turn.sin(), 0.0, turn.cos()) * 0.08, turn),
        );
        let pose = Pose::sitting(rng);
        let who = person(rng, &mut scene.palette, &pose, cell);
        scene.put(&who, place(p, turn));
    } else {
        let pose = Pose::any(rng);
        let who = person(rng, &mut scene.palette, &pose, cell);
        let step = vec3(turn.sin(), 0.0, turn.cos()) * rng.range(0.0, 0.06);
        scene.put_moving(&who, place(p, turn), step);
    }
}

/// Furniture along the walls and in the middle, clutter on the floor.
fn furnish(scene: &mut Scene, rng: &mut Rng, s: Size) {
    let pal = &mut scene.palette;
    let mut m = Mesh::new(label::OBJECT);
    for i in 0..4 {
        let (xf, half) = side(i, s);
        let mut x = -half + rng.range(0.1, 1.5);
        while x < half - 0.4 {
            let thing = furniture::any(rng, pal);
            let (a, b) = thing.bounds();
            let size = b - a;
            if x + size.x > half {
                break;
            }
            let turn = if rng.chance(0.85) {
                0.0
            } else {
                rng.spread(0.8)
            };
            m.add(
                &thing,
                xf * place(
                    vec3(x + size.x * 0.5, 0.0, size.z * 0.5 + rng.range(0.02, 0.12)),
                    turn,
                ),
            );
            x += size.x + rng.log_range(0.05, 1.5);
        }
    }
    for _ in 0..rng.int(0, (s.w * s.d * 0.5) as i32 + 1) {
        let thing = furniture::any(rng, pal);
        m.add(
            &thing,
            place(
                vec3(rng.spread(s.w * 0.7), 0.0, rng.spread(s.d * 0.7)),
                rng.range(0.0, TAU),
            ),
        );
    }
    for _ in 0..rng.int(0, 6) {
        let thing = clutter::small(rng, pal);
        m.add(
            &thing,
            place(
                vec3(rng.spread(s.w * 0.9), 0.0, rng.spread(s.d * 0.9)),
                rng.range(0.0, TAU),
            ),
        );
    }
    if rng.chance(0.12) {
        let flight = building::stairs(rng, pal);
        m.add(
            &flight,
            place(
                vec3(rng.spread(s.w * 0.6), 0.0, rng.spread(s.d * 0.6)),
                rng.range(0.0, TAU),
            ),
        );
    }
    if rng.chance(0.25) {
        let k = rng.range(0.25, 0.65);
        let pet = animal::any(rng, pal, k, 0.02);
        m.add(
            &pet,
            place(
                vec3(rng.spread(s.w * 0.7), 0.0, rng.spread(s.d * 0.7)),
                rng.range(0.0, TAU),
            ),
        );
    }
    scene.put(&m, Affine3A::IDENTITY);
}
