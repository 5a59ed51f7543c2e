// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Streets, crowds, and streets seen from inside a vehicle.

use super::{Shot, aim};
use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::rng::Rng;
use crate::scene::{Lamp, Scene};
use crate::things::person::{Pose, person};
use crate::things::{animal, building, car, cycle, plant};
use glam::{Affine3A, Vec3, vec3};
use std::f32::consts::{PI, TAU};

/// Which half of the road something is on, and so where it heads.
fn heading(x: f32) -> f32 {
    if x > 0.0 { PI } else { 0.0 }
}

/// A street along z: road, pavements, houses, traffic, people.
pub fn build(rng: &mut Rng, night: bool, busy: f32, people: i32) -> (Scene, f32) {
    let mut scene = Scene::outdoors(rng, night);
    let road = rng.range(2.6, 7.5);
    let walk = road + rng.range(1.0, 5.0);
    let mut m = Mesh::new(label::GROUND);
    let tar = Vec3::splat(rng.log_range(0.03, 0.25))
        * vec3(1.0, rng.range(0.9, 1.0), rng.range(0.85, 1.05));
    let surface = if rng.chance(0.6) {
        Material {
            c: Vec3::splat(rng.range(0.3, 0.7)),
            ..Material::of(Pattern::Road, tar, rng.near(tar, 0.5), 1.0, rng)
        }
    } else {
        let a = rng.earth();
        Material::of(
            rng.pick(&[
                Pattern::Ground,
                Pattern::Bricks,
                Pattern::Cells,
                Pattern::Fbm,
            ]),
            a,
            rng.near(a, 0.5),
            rng.range(0.8, 5.0),
            rng,
        )
    };
    let wet = if rng.chance(0.2) {
        rng.range(0.1, 0.4)
    } else {
        0.0
    };
    let pal = &mut scene.palette;
    let tar = pal.add(surface.glossy(if wet > 0.0 { 1.0 } else { 0.1 }, 60.0, wet));
    let a = rng.earth();
    let paving = pal.add(Material::of(
        rng.pick(&[
            Pattern::Checks,
            Pattern::Bricks,
            Pattern::Ground,
            Pattern::Fbm,
        ]),
        a,
        rng.near(a, 0.3),
        rng.range(0.8, 4.0),
        rng,
    ));
    let far = 400.0;
    m.paint(tar).quad(
        vec3(-road, 0.0, -60.0),
        vec3(road, 0.0, -60.0),
        vec3(road, 0.0, far),
        vec3(-road, 0.0, far),
    );
    m.paint(paving);
    for s in [-1.0f32, 1.0] {
        m.span(vec3(road * s, -0.2, -60.0), vec3(walk * s, 0.13, far));
        m.quad(
            vec3(walk * s, 0.05, -60.0),
            vec3((walk + 300.0) * s, 0.05, -60.0),
            vec3((walk + 300.0) * s, 0.05, far),
            vec3(walk * s, 0.05, far),
        );
    }
    scene.put(&m, Affine3A::IDENTITY);
    // Houses or gardens on both sides.
    let open = rng.chance(0.25);
    for s in [-1.0f32, 1.0] {
        let mut z = -20.0;
        let back = if rng.chance(0.5) {
            0.0
        } else {
            rng.range(0.5, 6.0)
        };
        while z < 110.0 {
            let width = rng.range(5.0, 18.0);
            let pal = &mut scene.palette;
            if open || rng.chance(0.12) {
                let fence = building::fence(rng, pal, width);
                let h = rng.range(3.0, 9.0);
                let tree = plant::tree(rng, pal, h, 350);
                scene.put(
                    &fence,
                    place(vec3((walk + 0.3) * s, 0.05, z + width * 0.5), -PI * 0.5 * s),
                );
                scene.put(
                    &tree,
                    place(
                        vec3(
                            (walk + rng.range(3.0, 12.0)) * s,
                            0.05,
                            z + rng.range(0.0, width),
                        ),
                        rng.range(0.0, TAU),
                    ),
                );
            } else {
                let depth = rng.range(6.0, 14.0);
                let house = building::house(rng, pal, width, depth, night);
                scene.put(
                    &house,
                    place(
                        vec3(
                            (walk + back + rng.range(0.0, 0.8)) * s,
                            0.05,
                            z + width * 0.5,
                        ),
                        -PI * 0.5 * s,
                    ),
                );
            }
            z += width
                + if rng.chance(0.2) {
                    rng.range(1.0, 5.0)
                } else {
                    0.0
                };
        }
    }
    if open {
        let r = rng.log_range(90.0, 250.0);
        let woods = plant::treeline(rng, &mut scene.palette, r, 2.2);
        scene.put(&woods, Affine3A::IDENTITY);
    }
    if rng.chance(0.5) {
        // The end of the street.
        let house = building::house(rng, &mut scene.palette, 30.0, 10.0, night);
        scene.put(&house, place(vec3(0.0, 0.0, rng.range(60.0, 110.0)), PI));
    }
    // Parked and driving.
    let templates: Vec<Mesh> = (0..4)
        .map(|_| car::any(rng, &mut scene.palette, night))
        .collect();
    for s in [-1.0f32, 1.0] {
        let mut z = rng.range(1.0, 9.0);
        if rng.chance(0.7) {
            while z < 90.0 {
                if rng.chance(busy) {
                    let mut thing = if z < 25.0 && rng.chance(0.5) {
                        car::any(rng, &mut scene.palette, night)
                    } else {
                        templates[rng.int(0, 3) as usize].clone()
                    };
                    if rng.chance(0.2) && z < 30.0 {
                        thing = if rng.chance(0.5) {
                            cycle::bicycle(rng, &mut scene.palette)
                        } else {
                            cycle::motorcycle(rng, &mut scene.palette, night)
                        };
                    }
                    scene.put(
                        &thing,
                        place(
                            vec3((road - 1.05) * s, 0.0, z),
                            heading(s) + rng.spread(0.06),
                        ),
                    );
                }
                z += rng.range(5.2, 8.5);
            }
        }
        let mut z = rng.range(4.0, 30.0);
        while z < 100.0 {
            let thing = &templates[rng.int(0, 3) as usize];
            let v = vec3(0.0, 0.0, rng.range(0.0, 0.5) * -s);
            scene.put_moving(thing, place(vec3(road * 0.35 * s, 0.0, z), heading(s)), v);
            z += rng.log_range(9.0, 60.0) / busy.max(0.2);
        }
    }
    // Trees, lamps, signs at the kerb.
    let h = rng.range(3.0, 9.0);
    let trees: Vec<Mesh> = (0..2)
        .map(|_| plant::tree(rng, &mut scene.palette, h, 1100))
        .collect();
    let alley = rng.chance(0.4);
    for s in [-1.0f32, 1.0] {
        let mut z = rng.range(-2.0, 8.0);
        while z < 80.0 {
            let p = vec3((road + 0.5) * s, 0.1, z);
            if alley && rng.chance(0.7) {
                scene.put(
                    &trees[rng.int(0, 1) as usize],
                    place(p, rng.range(0.0, TAU))
                        * Affine3A::from_scale(Vec3::splat(rng.range(0.7, 1.2))),
                );
            } else if rng.chance(0.6) {
                let thing = building::street_thing(rng, &mut scene.palette, night);
                scene.put(&thing, place(p, -PI * 0.5 * s));
            }
            if night && scene.lamps.len() < 7 && rng.chance(0.5) {
                scene.lamps.push(Lamp {
                    p: vec3((road - 0.8) * s, 5.5, z),
                    colour: vec3(1.0, rng.range(0.6, 0.95), rng.range(0.3, 0.9))
                        * rng.range(2.0, 14.0),
                });
            }
            z += rng.range(3.0, 11.0);
        }
    }
    for _ in 0..people {
        let z = rng.log_range(1.5, 45.0);
        let x = if rng.chance(0.25) {
            rng.spread(road)
        } else {
            rng.range(road, walk) * rng.sign()
        };
        walker(
            &mut scene,
            rng,
            vec3(x, if x.abs() > road { 0.13 } else { 0.0 }, z),
        );
    }
    if rng.chance(0.4) {
        // Someone on a bicycle or motorcycle.
        let p = vec3(rng.spread(road * 0.8), 0.0, rng.log_range(3.0, 25.0));
        rider(&mut scene, rng, p, heading(p.x), night);
    }
    if rng.chance(0.2) {
        let flight = building::stairs(rng, &mut scene.palette);
        let s = rng.sign();
        scene.put(
            &flight,
            place(
                vec3(walk * s * 0.97, 0.1, rng.log_range(2.0, 25.0)),
                -PI * 0.5 * s,
            ),
        );
    }
    if rng.chance(0.15) {
        let h = rng.range(0.3, 0.8);
        let dog = animal::quadruped(rng, &mut scene.palette, h, 0.03);
        scene.put(
            &dog,
            place(
                vec3(rng.spread(walk), 0.13, rng.log_range(2.0, 15.0)),
                rng.range(0.0, TAU),
            ),
        );
    }
    if rng.chance(0.2) {
        let wire = scene.mat(Material::plain(Vec3::splat(0.01)));
        let mut m = Mesh::new(label::OBJECT);
        m.paint(wire);
        for _ in 0..rng.int(1, 5) {
            let (x, y) = (rng.spread(walk), rng.range(5.0, 8.0));
            let points: Vec<Vec3> = (0..=24)
                .map(|i| {
                    vec3(
                        x,
                        y - 0.8 * (i as f32 * 1.3).sin().abs(),
                        i as f32 * 4.0 - 10.0,
                    )
                })
                .collect();
            m.pipe(&points, &[0.015], 3);
        }
        scene.put(&m, Affine3A::IDENTITY);
    }
    (scene, road)
}

/// Someone who walks past at `p`.
pub fn walker(scene: &mut Scene, rng: &mut Rng, p: Vec3) {
    let pose = Pose::any(rng);
    let cell = (p.length() * 0.006).clamp(0.022, 0.07);
    let who = person(rng, &mut scene.palette, &pose, cell);
    let turn = if rng.chance(0.6) {
        rng.pick(&[0.0, PI]) + rng.spread(0.4)
    } else {
        rng.range(0.0, TAU)
    };
    scene.put_moving(
        &who,
        place(p, turn),
        vec3(turn.sin(), 0.0, turn.cos()) * rng.range(0.0, 0.06),
    );
}

/// Someone riding at `p`.
pub fn rider(scene: &mut Scene, rng: &mut Rng, p: Vec3, turn: f32, night: bool) {
    let motor = rng.chance(0.5);
    let pal = &mut scene.palette;
    let mut m = if motor {
        cycle::motorcycle(rng, pal, night)
    } else {
        cycle::bicycle(rng, pal)
    };
    let pose = Pose::riding(rng);
    let who = person(rng, pal, &pose, 0.035);
    let high = who.bounds().1.y;
    m.add(
        &who,
        place(
            vec3(
                0.0,
                if motor {
                    1.45 - high.min(1.6)
                } else {
                    1.7 - high.min(1.75)
                }
                .max(0.05),
                -0.25,
            ),
            0.0,
        ),
    );
    scene.put_moving(
        &m,
        place(p, turn),
        vec3(turn.sin(), 0.0, turn.cos()) * rng.range(0.05, 0.3),
    );
}

/// A street from a pavement, a window, a dashboard.
pub fn street(rng: &mut Rng, size: f32) -> Shot {
    let night = rng.chance(0.2);
    let busy = rng.range(0.2, 0.9);
    let people = if rng.chance(0.75) { rng.int(1, 9) } else { 0 };
    let (scene, road) = build(rng, night, busy, people);
    let high = if rng.chance(0.75) {
        rng.range(1.0, 2.2)
    } else {
        rng.log_range(0.3, 9.0)
    };
    let across = rng.chance(0.25);
    let eye = vec3(rng.spread(road + 1.2), high, rng.range(-6.0, 2.0));
    let target = if across {
        vec3(
            -eye.x.signum() * (road + 3.0),
            rng.range(0.6, 2.5),
            eye.z + rng.range(2.0, 9.0),
        )
    } else {
        vec3(
            eye.x * rng.range(0.0, 1.0) + rng.spread(6.0),
            high + rng.spread(4.0),
            eye.z + 16.0,
        )
    };
    Shot {
        camera: aim(rng, eye, target, size, 30.0, 75.0),
        scene,
        nearest: 0.5,
        spread: 0.25,
        blur: 0.05,
        level: night.then(|| rng.log_range(0.03, 0.12)),
    }
}
