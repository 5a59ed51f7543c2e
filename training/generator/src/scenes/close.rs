// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Close-ups: portraits, animals, tables, single things that fill the frame.

use super::indoor::{Size, ceiling_lamps, shell};
use super::{Shot, aim_with, lens};
use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::raster::Camera;
use crate::rng::Rng;
use crate::scene::{Key, Lamp, Scene};
use crate::things::person::{Pose, person};
use crate::things::{animal, building, car, clutter, cycle, furniture, plant, seat};
use glam::{Affine3A, Quat, Vec3, vec3};
use std::f32::consts::{PI, TAU};

/// A background for something at the origin seen from around +z: a room, a street, greenery, or nothing much.
fn stage(rng: &mut Rng) -> Scene {
    match rng.int(0, 6) {
        0..=2 => {
            let mut scene = Scene::indoors(rng);
            let s = Size {
                w: rng.range(2.0, 5.0),
                d: rng.range(2.0, 6.0),
                h: rng.range(2.3, 3.5),
            };
            shell(&mut scene, rng, s, 0.3, 6);
            let n = rng.int(1, 3);
            ceiling_lamps(&mut scene, rng, s, n);
            for _ in 0..rng.int(2, 7) {
                let thing = furniture::any(rng, &mut scene.palette);
                let p = vec3(rng.spread(s.w - 0.5), 0.0, rng.range(-s.d + 0.4, -0.8));
                scene.put(&thing, place(p, rng.range(0.0, TAU)));
            }
            scene
        }
        3 => {
            // A plain backdrop at some distance.
            let mut scene = Scene::indoors(rng);
            let wall = Material::wall(rng);
            let wall = scene.mat(wall);
            let floor = Material::floor(rng);
            let floor = scene.mat(floor);
            let z = -rng.log_range(0.5, 5.0);
            let mut m = Mesh::new(label::BUILDING);
            m.paint(wall).quad(
                vec3(-8.0, 0.0, z),
                vec3(8.0, 0.0, z),
                vec3(8.0, 5.0, z),
                vec3(-8.0, 5.0, z),
            );
            m.label = label::GROUND;
            m.paint(floor).quad(
                vec3(-8.0, 0.0, z),
                vec3(8.0, 0.0, z),
                vec3(8.0, 0.0, 8.0),
                vec3(-8.0, 0.0, 8.0),
            );
            scene.put(&m, Affine3A::IDENTITY);
            let d = vec3(rng.spread(1.0), rng.range(0.1, 1.2), rng.range(-0.2, 1.0)).normalize();
            let colour = vec3(1.0, rng.range(0.8, 1.0), rng.range(0.7, 1.0));
            scene.key = Some(Key::Sun(d, colour * rng.range(0.3, 1.6)));
            scene.reach = 3.0;
            scene
        }
        _ => {
            let night = rng.chance(0.15);
            let mut scene = Scene::outdoors(rng, night);
            let a = if rng.chance(0.5) {
                rng.foliage()
            } else {
                rng.earth()
            };
            let ground = Material::of(
                rng.pick(&[
                    Pattern::Ground,
                    Pattern::Fibre,
                    Pattern::Checks,
                    Pattern::Bricks,
                ]),
                a,
                rng.near(a, 0.5),
                rng.range(0.5, 4.0),
                rng,
            );
            let ground = scene.mat(ground);
            let mut m = Mesh::new(label::GROUND);
            m.paint(ground).quad(
                vec3(-400.0, 0.0, -400.0),
                vec3(400.0, 0.0, -400.0),
                vec3(400.0, 0.0, 50.0),
                vec3(-400.0, 0.0, 50.0),
            );
            scene.put(&m, Affine3A::IDENTITY);
            if rng.chance(0.6) {
                let r = rng.log_range(25.0, 150.0);
                let woods = plant::treeline(rng, &mut scene.palette, r, 2.6);
                scene.put(&woods, place(Vec3::ZERO, PI));
            }
            for _ in 0..rng.int(2, 12) {
                let z = -rng.log_range(2.0, 60.0);
                let p = vec3(rng.spread(3.0 - z * 0.7), 0.0, z);
                let pal = &mut scene.palette;
                let (h, w) = (rng.range(2.0, 9.0), rng.range(5.0, 15.0));
                let thing = match rng.int(0, 5) {
                    0 | 1 => plant::tree(rng, pal, h, 400),
                    2 => plant::bush(rng, pal, h * 0.2, 300),
                    3 => building::house(rng, pal, w, 8.0, night),
                    4 => car::any(rng, pal, night),
                    _ => building::street_thing(rng, pal, night),
                };
                scene.put(
                    &thing,
                    place(
                        p + if z > -6.0 {
                            vec3(2.5 * p.x.signum(), 0.0, -3.0)
                        } else {
                            Vec3::ZERO
                        },
                        rng.spread(0.8),
                    ),
                );
            }
            if rng.chance(0.4) {
                // Greenery, a house or a fence right behind.
                let z = -rng.log_range(1.2, 8.0);
                let pal = &mut scene.palette;
                match rng.int(0, 3) {
                    0 | 1 => {
                        let k = rng.range(0.6, 1.6);
                        let hedge = plant::bush(rng, pal, k, 700);
                        for i in -5..=5 {
                            let p = vec3(
                                i as f32 * k * 0.9 + rng.spread(0.3),
                                0.0,
                                z - k + rng.spread(0.4),
                            );
                            scene.put(
                                &hedge,
                                place(p, rng.range(0.0, TAU))
                                    * Affine3A::from_scale(Vec3::splat(rng.range(0.7, 1.5))),
                            );
                        }
                    }
                    2 => {
                        let house = building::house(rng, pal, 24.0, 8.0, night);
                        scene.put(
                            &house,
                            place(vec3(rng.spread(6.0), 0.0, z - 0.5), rng.spread(0.2)),
                        );
                    }
                    _ => {
                        let fence = building::fence(rng, pal, 20.0);
                        scene.put(&fence, place(vec3(0.0, 0.0, z), rng.spread(0.3)));
                    }
                }
            }
            if rng.chance(0.3) {
                let high = rng.log_range(0.05, 0.35);
                let tuft = plant::grass(rng, &mut scene.palette, 0.4, high, 80);
                for _ in 0..rng.int(15, 70) {
                    let r = rng.log_range(0.3, 6.0);
                    let a = rng.range(0.0, TAU);
                    scene.put(&tuft, place(vec3(a.cos() * r, 0.0, a.sin() * r - 1.0), a));
                }
            }
            if night {
                scene.lamps.push(Lamp {
                    p: vec3(rng.spread(3.0), rng.range(1.0, 4.0), rng.range(-2.0, 3.0)),
                    colour: vec3(1.0, 0.8, 0.6) * rng.range(1.0, 6.0),
                });
            }
            scene.reach = 5.0;
            scene
        }
    }
}

/// A camera that sees `width` metres around `target` from direction `from`.
fn frame(
    rng: &mut Rng,
    size: f32,
    target: Vec3,
    from: Vec3,
    width: f32,
    low: f32,
    high: f32,
) -> Camera {
    let focal = lens(rng, size, low, high);
    let distance = width * focal[1] / size;
    let mut eye = target + from.normalize() * distance;
    eye.y = eye.y.max(0.12);
    aim_with(rng, eye, target, focal)
}

/// Someone from the waist up or closer, perhaps with others, often before a blurred background.
pub fn portrait(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = stage(rng);
    let seated = rng.chance(0.4);
    let pose = if seated {
        Pose::sitting(rng)
    } else {
        Pose::standing(rng)
    };
    let tight = rng.log_range(0.35, 1.7);
    let who = person(
        rng,
        &mut scene.palette,
        &pose,
        if tight < 0.8 { 0.014 } else { 0.02 },
    );
    let top = who.bounds().1;
    let turn = rng.normal() * 0.7;
    scene.put_moving(
        &who,
        place(Vec3::ZERO, turn),
        vec3(rng.spread(0.01), 0.0, rng.spread(0.01)),
    );
    if seated && rng.chance(0.8) {
        let chair = seat::chair(rng, &mut scene.palette);
        scene.put(
            &chair,
            place(vec3(-turn.sin(), 0.0, -turn.cos()) * 0.1, turn),
        );
    }
    let head = Quat::from_rotation_y(turn) * vec3(0.0, top.y - 0.14, pose.lean * 0.3);
    if rng.chance(0.3) {
        // Company.
        for _ in 0..rng.int(1, 3) {
            let pose = Pose::standing(rng);
            let other = person(rng, &mut scene.palette, &pose, 0.024);
            let p = vec3(
                rng.sign() * rng.range(0.45, 1.2),
                0.0,
                rng.range(-2.5, 0.25),
            );
            scene.put(&other, place(p, rng.normal() * 0.8));
        }
    }
    if rng.chance(0.2) {
        // Something held or standing before the person.
        let table = furniture::laid_table(rng, &mut scene.palette);
        scene.put(
            &table,
            place(vec3(rng.spread(0.2), 0.0, 0.75), rng.spread(0.2)),
        );
    }
    let from = vec3(rng.spread(0.7), rng.normal() * 0.15, 1.0);
    let target = head + vec3(rng.spread(0.35) * tight, -tight * rng.range(0.0, 0.45), 0.0);
    let camera = frame(rng, size, target, from, tight, 25.0, 65.0);
    if rng.chance(0.3) {
        // A light of its own from the side, in front or behind.
        let p = head + vec3(rng.spread(1.5), rng.range(0.0, 1.2), rng.range(-1.5, 1.5));
        scene.lamps.push(Lamp {
            p,
            colour: vec3(1.0, rng.range(0.6, 1.0), rng.range(0.4, 1.0)) * rng.log_range(0.2, 2.5),
        });
    }
    Shot {
        camera,
        scene,
        nearest: 0.15,
        spread: 0.08,
        blur: 0.5,
        level: None,
    }
}

/// An animal that fills much of the frame.
pub fn animal(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = stage(rng);
    let h = rng.log_range(0.25, 1.6);
    let beast = animal::any(rng, &mut scene.palette, h, 0.016 * h.max(0.5));
    let turn = if rng.chance(0.65) {
        rng.normal() * 0.8
    } else {
        rng.range(0.0, TAU)
    };
    let (low, high) = beast.bounds();
    let tall = high.y;
    // Sometimes on a table, sofa or wall.
    let lift = if h < 0.5 && rng.chance(0.3) {
        let (table, y, _) = furniture::table(rng, &mut scene.palette);
        scene.put(&table, place(Vec3::ZERO, rng.range(0.0, TAU)));
        y
    } else {
        0.0
    };
    scene.put(&beast, place(vec3(0.0, lift, 0.0), turn));
    for _ in 0..rng.pick(&[0, 0, 1, 3]) {
        let k = h * rng.range(0.7, 1.2);
        let other = animal::any(rng, &mut scene.palette, k, 0.03 * h.max(0.5));
        scene.put(
            &other,
            place(
                vec3(
                    rng.spread(2.5 * h + 0.5),
                    0.0,
                    -rng.range(0.8, 5.0) * (h + 0.3),
                ),
                rng.range(0.0, TAU),
            ),
        );
    }
    let front = Quat::from_rotation_y(turn) * vec3(0.0, 0.0, high.z * rng.range(0.0, 1.0));
    let width = (high - low).max_element() * rng.log_range(0.35, 2.5);
    let target = front + vec3(0.0, lift + tall * rng.range(0.35, 0.9), 0.0);
    let from = vec3(rng.spread(0.8), rng.range(-0.1, 0.6), 1.0);
    let camera = frame(rng, size, target, from, width, 28.0, 65.0);
    Shot {
        camera,
        scene,
        nearest: 0.12,
        spread: 0.08,
        blur: 0.4,
        level: None,
    }
}

/// Things on a table or on the ground from close by, from any height up to straight above.
pub fn tabletop(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = stage(rng);
    let (table, y, [w, d]) = furniture::table(rng, &mut scene.palette);
    scene.put(&table, Affine3A::IDENTITY);
    if rng.chance(0.25) {
        let cloth = Material::cloth(rng);
        let cloth = scene.mat(cloth);
        let mut m = Mesh::new(label::OBJECT);
        m.paint(cloth)
            .cuboid(vec3(0.0, y + 0.003, 0.0), vec3(w * 0.7, 0.003, d * 0.7));
        scene.put(&m, Affine3A::IDENTITY);
    }
    for _ in 0..rng.int(3, 22) {
        let thing = clutter::small(rng, &mut scene.palette);
        let k = rng.range(0.7, 1.3);
        scene.put(
            &thing,
            place(
                vec3(rng.spread(w * 0.9), y + 0.002, rng.spread(d * 0.9)),
                rng.range(0.0, TAU),
            ) * Affine3A::from_scale(Vec3::splat(k)),
        );
    }
    if rng.chance(0.35) {
        let pose = Pose::sitting(rng);
        let who = person(rng, &mut scene.palette, &pose, 0.022);
        scene.put(
            &who,
            place(vec3(rng.spread(0.3), 0.0, -d - 0.45), rng.spread(0.3)),
        );
    }
    let tilt = if rng.chance(0.25) {
        rng.range(1.0, 1.5)
    } else {
        rng.range(0.05, 0.9)
    };
    let side = rng.spread(0.9);
    let from = vec3(tilt.cos() * side.sin(), tilt.sin(), tilt.cos() * side.cos());
    let target = vec3(
        rng.spread(w * 0.4),
        y + rng.range(0.0, 0.12),
        rng.spread(d * 0.4),
    );
    let width = rng.log_range(0.35, 1.6);
    if rng.chance(0.4) {
        scene.lamps.push(Lamp {
            p: target + vec3(rng.spread(1.0), rng.range(0.4, 1.5), rng.spread(1.0)),
            colour: vec3(1.0, 0.9, 0.75) * rng.log_range(0.1, 1.5),
        });
    }
    let camera = frame(rng, size, target, from, width, 30.0, 70.0);
    Shot {
        camera,
        scene,
        nearest: 0.1,
        spread: 0.06,
        blur: 0.3,
        level: None,
    }
}

/// One large thing: a vehicle, a cycle, a piece of furniture, a plant.
pub fn thing(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = stage(rng);
    let pal = &mut scene.palette;
    let hero = match rng.int(0, 11) {
        0 | 1 => car::car(rng, pal, false),
        2..=4 => cycle::motorcycle(rng, pal, false),
        5 | 6 => cycle::bicycle(rng, pal),
        7 => seat::chair(rng, pal),
        8 => plant::potted(rng, pal),
        9 => {
            let k = rng.range(0.3, 1.0);
            plant::bush(rng, pal, k, 2500)
        }
        10 => clutter::heap(rng, pal),
        _ => furniture::any(rng, pal),
    };
    let (low, high) = hero.bounds();
    let turn = rng.range(0.0, TAU);
    scene.put(&hero, place(vec3(0.0, 0.0, 0.0), turn));
    for _ in 0..rng.int(0, 3) {
        let other = match rng.int(0, 3) {
            0 => cycle::bicycle(rng, &mut scene.palette),
            1 => seat::chair(rng, &mut scene.palette),
            _ => clutter::heap(rng, &mut scene.palette),
        };
        scene.put(
            &other,
            place(
                vec3(rng.spread(2.0), 0.0, -rng.range(0.8, 2.5)),
                rng.range(0.0, TAU),
            ),
        );
    }
    if rng.chance(0.25) {
        let p = vec3(rng.spread(1.5), 0.0, -rng.range(0.3, 2.0));
        super::room::someone(&mut scene, rng, p, 0.03);
    }
    let span = (high - low).max_element();
    let width = span * rng.log_range(0.35, 1.5);
    let target = vec3(rng.spread(0.2) * span, high.y * rng.range(0.3, 0.7), 0.0);
    let a = rng.spread(0.6);
    let from = vec3(a.sin(), rng.range(-0.05, 0.6), a.cos());
    let camera = frame(rng, size, target, from, width, 28.0, 75.0);
    Shot {
        camera,
        scene,
        nearest: 0.2,
        spread: 0.08,
        blur: 0.25,
        level: None,
    }
}
