// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Crowds, and streets seen from inside a vehicle.

use super::street::build;
use super::{Shot, aim};
use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::rng::Rng;
use crate::things::person::{Pose, person};
use glam::{Affine3A, Vec3, vec3};
use std::f32::consts::{PI, TAU};

/// Many people at all distances: a square, a station, a stadium.
pub fn crowd(rng: &mut Rng, size: f32) -> Shot {
    let night = rng.chance(0.15);
    let (mut scene, road) = build(rng, night, 0.15, 0);
    let eye = vec3(
        rng.spread(road * 0.5),
        if rng.chance(0.6) {
            rng.range(1.3, 1.9)
        } else {
            rng.range(2.0, 6.0)
        },
        0.0,
    );
    let templates: Vec<(Mesh, f32)> = (0..7)
        .map(|_| {
            let pose = Pose::any(rng);
            (
                person(rng, &mut scene.palette, &pose, 0.05),
                rng.range(0.0, 0.05),
            )
        })
        .collect();
    let clothes: Vec<u16> = (0..14)
        .map(|_| {
            let m = Material::cloth(rng);
            scene.mat(m)
        })
        .collect();
    let near = rng.log_range(0.9, 3.0);
    let toward = rng.range(0.0, TAU);
    for i in 0..rng.int(12, 60) {
        let z = rng.log_range(near, 30.0);
        let p = vec3(eye.x + rng.spread(0.8 * z + 0.6), 0.0, eye.z + z);
        let turn = if rng.chance(0.6) {
            toward + rng.spread(0.6)
        } else {
            rng.range(0.0, TAU)
        };
        if z < 3.5 {
            let pose = Pose::any(rng);
            let who = person(rng, &mut scene.palette, &pose, 0.022);
            scene.put(&who, place(p, turn));
        } else {
            let (who, speed) = &templates[i as usize % 7];
            let mut copy = who.clone();
            // Other clothes for the same body.
            let first = copy.tris[0].mat;
            let (shirt, legs) = (rng.pick(&clothes), rng.pick(&clothes));
            for t in &mut copy.tris {
                if t.mat == first {
                    t.mat = shirt;
                } else if t.mat == first + 1 {
                    t.mat = legs;
                }
            }
            let k = rng.range(0.9, 1.1);
            scene.put_moving(
                &copy,
                place(p, turn) * Affine3A::from_scale(Vec3::splat(k)),
                vec3(turn.sin(), 0.0, turn.cos()) * *speed,
            );
        }
    }
    let target = eye + vec3(rng.spread(3.0), rng.range(-3.5, 0.6), 10.0);
    Shot {
        camera: aim(rng, eye, target, size, 30.0, 65.0),
        scene,
        nearest: 0.4,
        spread: 0.2,
        blur: 0.15,
        level: night.then(|| rng.log_range(0.04, 0.12)),
    }
}

/// Inside a car: dashboard, wheel, pillars, seats, the street outside.
pub fn cabin(rng: &mut Rng, size: f32) -> Shot {
    let night = rng.chance(0.2);
    let (mut scene, road) = build(rng, night, 0.6, 3);
    let mut m = Mesh::new(label::VEHICLE);
    let lining = Material::rubber(rng);
    let pal = &mut scene.palette;
    let dark = pal.add(if rng.chance(0.8) {
        lining
    } else {
        Material::any(rng, 1.0)
    });
    let trim = pal.add(Material::plastic(rng));
    let seat = pal.add(Material::cloth(rng));
    let glow = pal.add(
        Material::of(Pattern::Text, rng.dark(), rng.colour(), 25.0, rng)
            .glowing(rng.range(0.5, 4.0)),
    );
    let (w, roof) = (rng.range(0.68, 0.8), rng.range(1.3, 1.5));
    // Dashboard, screen, wheel.
    m.paint(dark)
        .superellipsoid(vec3(0.0, 0.68, 1.0), vec3(w, 0.22, 0.38), 0.5, 0.4, 24);
    m.paint(trim)
        .cushion(vec3(0.0, 0.8, 0.7), vec3(0.14, 0.1, 0.06), 0.4);
    m.paint(glow).quad(
        vec3(-0.11, 0.74, 0.633),
        vec3(0.11, 0.74, 0.633),
        vec3(0.11, 0.88, 0.65),
        vec3(-0.11, 0.88, 0.65),
    );
    let driver = rng.sign();
    let hub = vec3(0.36 * driver, 0.82, 0.5);
    let axis = vec3(0.0, 0.45, -1.0).normalize();
    m.paint(dark).ring(hub, axis, 0.18, 0.015, 28, 8);
    m.paint(trim).ellipsoid(hub, vec3(0.07, 0.06, 0.03), 12);
    for a in [0.0f32, PI, -PI * 0.5] {
        let (u, v) = axis.any_orthonormal_pair();
        m.bar(
            hub,
            hub + (u * a.cos() + v * a.sin()) * 0.18,
            0.014,
            0.014,
            6,
        );
    }
    m.paint(dark)
        .bar(hub, hub + vec3(0.0, -0.1, 0.4), 0.04, 0.04, 8);
    // Pillars, roof, doors, mirror.
    for s in [-1.0f32, 1.0] {
        m.paint(dark).pipe(
            &[
                vec3(w * s, 0.82, 1.25),
                vec3(w * 0.92 * s, 1.15, 0.8),
                vec3(w * 0.82 * s, roof, 0.35),
            ],
            &[0.055, 0.045, 0.045],
            8,
        );
        m.bar(
            vec3(w * 0.95 * s, 0.3, -0.35),
            vec3(w * 0.82 * s, roof, -0.35),
            0.06,
            0.05,
            8,
        );
        m.bar(
            vec3(w * 0.82 * s, roof, 0.35),
            vec3(w * 0.82 * s, roof, -1.6),
            0.05,
            0.05,
            8,
        );
        m.span(
            vec3((w - 0.03) * s, 0.2, -1.6),
            vec3((w + 0.05) * s, 0.82, 1.3),
        );
        m.paint(trim)
            .cushion(vec3((w - 0.06) * s, 0.66, 0.1), vec3(0.05, 0.03, 0.35), 0.4);
    }
    m.paint(trim).quad(
        vec3(-w, roof + 0.02, 0.35),
        vec3(w, roof + 0.02, 0.35),
        vec3(w, roof + 0.05, -1.6),
        vec3(-w, roof + 0.05, -1.6),
    );
    m.paint(dark)
        .cushion(vec3(0.0, roof - 0.1, 0.45), vec3(0.12, 0.035, 0.015), 0.5);
    m.bar(
        vec3(0.0, roof - 0.08, 0.45),
        vec3(0.0, roof + 0.02, 0.5),
        0.012,
        0.012,
        5,
    );
    m.span(vec3(-w, 0.15, -1.6), vec3(w, 0.2, 1.3));
    // The bonnet outside.
    let paint = pal.add(Material::plastic(rng).glossy(0.9, 100.0, 0.15));
    m.paint(paint)
        .superellipsoid(vec3(0.0, 0.6, 1.9), vec3(w * 1.1, 0.17, 0.75), 0.6, 0.4, 20);
    for s in [-1.0f32, 1.0] {
        m.paint(seat)
            .cushion(vec3(0.36 * s, 0.42, -0.15), vec3(0.26, 0.1, 0.28), 0.5);
        m.cushion(vec3(0.36 * s, 0.8, -0.45), vec3(0.25, 0.38, 0.09), 0.5);
        m.cushion(vec3(0.36 * s, 1.2, -0.48), vec3(0.13, 0.1, 0.06), 0.6);
    }
    let view = rng.int(0, 5);
    let (back, facing) = (view < 2, view > 3);
    if back || facing {
        for s in [-1.0f32, 1.0] {
            if rng.chance(if facing { 0.9 } else { 0.65 }) {
                let mut pose = Pose::sitting(rng);
                pose.arms = [[0.9, 0.1, 0.6], [0.9, 0.1, 0.6]];
                let mut who = person(rng, pal, &pose, 0.022);
                who.label = label::PERSON;
                m.add(&who, place(vec3(0.36 * s, -0.05, -0.25), 0.0));
            }
        }
    }
    let at = vec3(rng.spread(road * 0.5), 0.25, rng.range(-3.0, 1.0));
    let turn = rng.spread(0.25);
    scene.put(&m, place(at, turn));
    let inside = if back {
        vec3(
            rng.spread(0.35),
            rng.range(0.95, 1.25),
            rng.range(-1.5, -1.1),
        )
    } else {
        vec3(rng.spread(0.4), rng.range(0.95, 1.2), rng.range(-0.3, 0.1))
    };
    let ahead = vec3(rng.spread(0.9), rng.range(0.55, 1.2), 1.6);
    // From the dashboard back to those who sit there.
    let (inside, ahead) = if facing {
        (
            vec3(rng.spread(0.25), rng.range(0.95, 1.2), rng.range(0.5, 0.62)),
            vec3(rng.spread(0.4), rng.range(0.8, 1.05), -0.5),
        )
    } else {
        (inside, ahead)
    };
    let xf = place(at, turn);
    let (eye, target) = (xf.transform_point3(inside), xf.transform_point3(ahead));
    Shot {
        camera: aim(rng, eye, target, size, 50.0, 115.0),
        scene,
        nearest: 0.08,
        spread: 0.3,
        blur: 0.1,
        level: None,
    }
}
