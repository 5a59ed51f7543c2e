// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Views from above, and worlds without rules.

use super::{Shot, aim};
use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::rng::Rng;
use crate::scene::{Key, Lamp, Scene};
use crate::things::person::{Pose, person};
use crate::things::{animal, building, car, clutter, cycle, furniture, plant};
use glam::{Affine3A, Mat3, Quat, Vec3, vec3};
use std::f32::consts::TAU;

/// Ground with things on it from above: a floor from a ladder, a yard from a balcony, a quarter from a drone.
pub fn above(rng: &mut Rng, size: f32) -> Shot {
    let high = rng.log_range(1.0, 45.0);
    if high < 2.5 && rng.chance(0.6) {
        return super::room::room_from_above(rng, size);
    }
    let mut scene = if high < 3.0 && rng.chance(0.6) {
        Scene::indoors(rng)
    } else {
        Scene::outdoors(rng, false)
    };
    if scene.key.is_none() && rng.chance(0.7) {
        scene.key = Some(Key::Lamp(
            vec3(
                rng.spread(high),
                high * rng.range(0.8, 1.6),
                rng.spread(high),
            ),
            Vec3::NEG_Y,
            vec3(1.0, 0.95, 0.85) * rng.log_range(0.3, 2.0) * high * high,
        ));
    }
    let floor = if high < 5.0 {
        Material::floor(rng)
    } else if rng.chance(0.5) {
        Material {
            scale: rng.log_range(0.2, 1.0),
            ..Material::any(rng, 10.0)
        }
    } else {
        Material::of(Pattern::Ground, rng.earth(), rng.foliage(), 0.3, rng)
    };
    let floor = scene.mat(floor);
    let mut m = Mesh::new(label::GROUND);
    m.paint(floor).quad(
        vec3(-300.0, 0.0, -300.0),
        vec3(300.0, 0.0, -300.0),
        vec3(300.0, 0.0, 300.0),
        vec3(-300.0, 0.0, 300.0),
    );
    let reach = high * 1.3;
    if high > 4.0 && rng.chance(0.6) {
        let tar = Vec3::splat(rng.log_range(0.03, 0.25));
        let road = scene.mat(Material {
            c: Vec3::splat(0.6),
            ..Material::of(Pattern::Road, tar, tar * 0.7, 1.0, rng)
        });
        let w = rng.range(2.5, 7.0);
        let mut strip = Mesh::new(label::GROUND);
        strip.paint(road).quad(
            vec3(-w, 0.03, -300.0),
            vec3(w, 0.03, -300.0),
            vec3(w, 0.03, 300.0),
            vec3(-w, 0.03, 300.0),
        );
        m.add(&strip, place(Vec3::ZERO, rng.range(0.0, TAU)));
    }
    scene.put(&m, Affine3A::IDENTITY);
    let n = rng.int(5, if high < 4.0 { 45 } else { 60 });
    let tilt = if rng.chance(0.4) {
        0.0
    } else {
        rng.range(0.1, 1.1)
    };
    let spin = rng.range(0.0, TAU);
    // Around the point that is looked at.
    let focus = vec3(spin.sin(), 0.0, spin.cos()) * high * tilt.tan().min(2.0) * 0.8;
    for _ in 0..n {
        let p = focus
            + vec3(
                rng.spread(reach) * rng.unit().sqrt(),
                0.0,
                rng.spread(reach) * rng.unit().sqrt(),
            );
        let pal = &mut scene.palette;
        let turn = rng.range(0.0, TAU);
        let thing = if high < 4.0 {
            match rng.int(0, 9) {
                0..=2 => clutter::small(rng, pal),
                3 => clutter::heap(rng, pal),
                4 | 5 => furniture::any(rng, pal),
                6 => {
                    let k = rng.range(0.25, 0.7);
                    animal::any(rng, pal, k, 0.024)
                }
                7 => cycle::bicycle(rng, pal),
                _ => {
                    let pose = Pose::any(rng);
                    person(rng, pal, &pose, 0.028)
                }
            }
        } else {
            let (h, w) = (rng.range(2.0, 9.0), rng.range(4.0, 14.0));
            match rng.int(0, 9) {
                0 | 1 => plant::tree(rng, pal, h, 500),
                2 | 3 => car::any(rng, pal, false),
                4 if high > 9.0 => building::house(rng, pal, w, w * 0.7, false),
                5 => plant::bush(rng, pal, 1.0, 250),
                6 => cycle::motorcycle(rng, pal, false),
                7 => furniture::laid_table(rng, pal),
                _ => {
                    let pose = Pose::any(rng);
                    person(rng, pal, &pose, 0.045)
                }
            }
        };
        if thing.bounds().1.y < high * 0.75 {
            scene.put(&thing, place(p, turn));
        }
    }
    let eye = vec3(0.0, high, 0.0);
    let target = eye
        + vec3(
            tilt.sin() * spin.sin(),
            -tilt.cos(),
            tilt.sin() * spin.cos(),
        ) * high;
    let mut camera = aim(rng, eye, target, size, 35.0, 80.0);
    if tilt == 0.0 {
        camera.rotation = Mat3::from_rotation_z(spin) * camera.rotation;
    }
    scene.reach = high * 1.6;
    Shot {
        camera,
        scene,
        nearest: 0.2,
        spread: 0.03,
        blur: 0.05,
        level: None,
    }
}

/// Shapes of all sizes that fill space, with any texture and any light: nothing to know, only to see.
pub fn chaos(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = if rng.chance(0.5) {
        Scene::indoors(rng)
    } else {
        Scene::outdoors(rng, false)
    };
    let eye = Vec3::ZERO;
    let mut m = Mesh::new(label::OBJECT);
    let n = rng.int(6, 70);
    for _ in 0..n {
        let z = rng.log_range(0.8, 25.0);
        let c = vec3(rng.spread(z * 0.8), rng.spread(z * 0.8), z);
        let k = z * rng.log_range(0.03, 0.35);
        let mat = scene.mat(Material::any(rng, k * 2.0));
        let turn = Affine3A::from_rotation_translation(
            Quat::from_axis_angle(rng.direction(), rng.range(0.0, TAU)),
            c,
        );
        let mut shape = Mesh::new(label::OBJECT);
        shape.paint(mat);
        match rng.int(0, 8) {
            0 => shape.cuboid(
                Vec3::ZERO,
                vec3(
                    k * rng.range(0.2, 1.0),
                    k * rng.range(0.2, 1.0),
                    k * rng.range(0.2, 1.0),
                ),
            ),
            1 => shape.ellipsoid(
                Vec3::ZERO,
                vec3(k, k * rng.range(0.3, 1.0), k * rng.range(0.3, 1.0)),
                24,
            ),
            2 => shape.superellipsoid(
                Vec3::ZERO,
                vec3(k, k * rng.range(0.3, 1.0), k * rng.range(0.3, 1.0)),
                rng.range(0.1, 2.0),
                rng.range(0.1, 2.0),
                24,
            ),
            3 => shape.bar(
                Vec3::Y * -k * 2.0,
                Vec3::Y * k * 2.0,
                k * rng.range(0.03, 0.4),
                k * rng.range(0.03, 0.4),
                14,
            ),
            4 => shape.ring(Vec3::ZERO, Vec3::Y, k, k * rng.range(0.04, 0.4), 30, 12),
            5 => shape.quad(
                vec3(-k, -k, 0.0),
                vec3(k, -k, 0.0),
                vec3(k, k, 0.0),
                vec3(-k, k, 0.0),
            ),
            6 => {
                let points: Vec<Vec3> = (0..7)
                    .map(|i| rng.direction() * k * 0.5 + Vec3::X * k * (i as f32 - 3.0) * 0.5)
                    .collect();
                shape.pipe(&points, &[k * rng.range(0.03, 0.2)], 8);
            }
            7 => {
                let thing = match rng.int(0, 3) {
                    0 => furniture::any(rng, &mut scene.palette),
                    1 => clutter::heap(rng, &mut scene.palette),
                    2 => animal::any(rng, &mut scene.palette, 1.0, 0.05),
                    _ => clutter::small(rng, &mut scene.palette),
                };
                let (a, b) = thing.bounds();
                shape.add(
                    &thing,
                    Affine3A::from_scale(Vec3::splat(1.6 * k / (b - a).max_element().max(1e-3))),
                );
            }
            _ => {
                let waves = rng.range(1.0, 5.0);
                shape.patch(24, 24, false, |u, v| {
                    vec3(
                        (u - 0.5) * 2.0 * k,
                        0.25 * k * ((u * waves * 3.0).sin() + (v * waves * 2.0).cos()),
                        (v - 0.5) * 2.0 * k,
                    )
                });
            }
        }
        m.add(&shape, turn);
    }
    if rng.chance(0.7) {
        // Something behind it all.
        let mat = scene.mat(Material::any(rng, 10.0));
        let z = rng.log_range(3.0, 40.0);
        let tilt = Quat::from_rotation_y(rng.spread(0.8)) * Quat::from_rotation_x(rng.spread(1.2));
        let mut wall = Mesh::new(label::BUILDING);
        wall.paint(mat).quad(
            vec3(-z * 4.0, -z * 4.0, 0.0),
            vec3(z * 4.0, -z * 4.0, 0.0),
            vec3(z * 4.0, z * 4.0, 0.0),
            vec3(-z * 4.0, z * 4.0, 0.0),
        );
        m.add(
            &wall,
            Affine3A::from_rotation_translation(tilt, vec3(0.0, 0.0, z)),
        );
    }
    // Nothing here belongs to a class.
    for t in &mut m.tris {
        t.label = label::IGNORE;
    }
    scene.put(&m, Affine3A::IDENTITY);
    if scene.key.is_none() {
        scene.key = Some(Key::Sun(
            rng.direction() * vec3(1.0, 1.0, -1.0),
            Vec3::splat(rng.range(0.3, 1.5)),
        ));
    }
    for _ in 0..rng.int(0, 3) {
        let p = vec3(rng.spread(3.0), rng.spread(3.0), rng.range(0.0, 6.0));
        scene.lamps.push(Lamp {
            p,
            colour: rng.colour() * rng.log_range(1.0, 20.0),
        });
    }
    scene.reach = 12.0;
    let target = vec3(rng.spread(0.2), rng.spread(0.2), 1.0);
    Shot {
        camera: aim(rng, eye, target, size, 35.0, 90.0),
        scene,
        nearest: 0.3,
        spread: 0.15,
        blur: 0.15,
        level: None,
    }
}
