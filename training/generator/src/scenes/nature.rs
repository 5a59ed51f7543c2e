// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Hills, water, woods, fields, parks.

use super::{Shot, aim};
use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::noise::{fbm2, value2};
use crate::rng::Rng;
use crate::scene::Scene;
use crate::things::person::{Pose, person};
use crate::things::{animal, building, car, furniture, plant, seat};
use glam::{Affine3A, Vec2, Vec3, vec2, vec3};
use std::f32::consts::TAU;

/// A piece of land: rolling near by, perhaps mountains behind.
struct Land {
    seed: u32,
    roll: f32,
    length: f32,
    peaks: f32,
    from: f32,
    path: Option<f32>,
}

impl Land {
    fn new(rng: &mut Rng) -> Self {
        Self {
            seed: rng.seed(),
            roll: if rng.chance(0.3) {
                0.1
            } else {
                rng.log_range(0.3, 8.0)
            },
            length: rng.log_range(12.0, 70.0),
            peaks: if rng.chance(0.5) {
                rng.log_range(20.0, 450.0)
            } else {
                0.0
            },
            from: rng.log_range(80.0, 500.0),
            path: rng.chance(0.4).then(|| rng.range(0.7, 2.5)),
        }
    }

    fn height(&self, p: Vec2) -> f32 {
        let base = (fbm2(p / self.length, self.seed, 4) - 0.5)
            * self.roll
            * (p.length() / 8.0).clamp(0.15, 1.0);
        if self.peaks <= 0.0 {
            return base;
        }
        let r = ((p.length() - self.from) / self.from).clamp(0.0, 1.0);
        let ridge = 1.0 - (fbm2(p / 420.0, self.seed ^ 7, 5) * 2.0 - 1.0).abs();
        base + self.peaks * r * ridge * ridge * (0.3 + value2(p / 900.0, self.seed ^ 9))
    }

    fn centre(&self, z: f32) -> f32 {
        6.0 * (z * 0.05 + (self.seed & 7) as f32).sin() - 6.0 * ((self.seed & 7) as f32).sin()
    }

    fn mesh(&self, m: &mut Mesh, far: f32) {
        let n = 110;
        let warp = |t: f32| {
            let s = t * 2.0 - 1.0;
            s.signum() * (0.02 * s.abs() + 0.98 * s.abs().powf(3.2)) * far
        };
        m.patch(n, n, false, |u, v| {
            let p = vec2(warp(u), warp(1.0 - v));
            vec3(p.x, self.height(p), p.y)
        });
    }
}

/// Open country.
pub fn landscape(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = Scene::outdoors(rng, rng.clone().chance(0.07));
    let land = Land::new(rng);
    let a = if rng.chance(0.6) {
        rng.foliage() * 0.8
    } else {
        rng.earth()
    };
    let b = if rng.chance(0.5) {
        rng.earth()
    } else {
        rng.near(a, 0.5)
    };
    let ground = Material {
        c: rng.earth(),
        ..Material::of(
            if rng.chance(0.8) {
                Pattern::Ground
            } else {
                Pattern::Fibre
            },
            a,
            b,
            rng.log_range(0.2, 1.5),
            rng,
        )
    };
    let ground = scene.mat(
        if rng.chance(0.1) {
            Material {
                a: Vec3::splat(0.8),
                b: Vec3::splat(0.7),
                c: Vec3::splat(0.75),
                ..ground
            }
        } else {
            ground
        }
        .bumpy(0.5, 2.0),
    );
    let mut m = Mesh::new(label::GROUND);
    m.paint(ground);
    land.mesh(&mut m, 2500.0);
    if rng.chance(0.35) {
        let (a, b) = (
            vec3(0.01, 0.04, 0.06) * rng.range(0.4, 3.0),
            vec3(0.03, 0.06, 0.06),
        );
        let water = scene.mat(
            Material::of(Pattern::Fbm, a, b, 0.3, rng)
                .glossy(1.0, 120.0, rng.range(0.2, 0.5))
                .bumpy(rng.range(0.05, 0.35), rng.range(0.6, 4.0)),
        );
        let y = land.roll * rng.range(-0.35, 0.0) - 0.05;
        m.paint(water).quad(
            vec3(-2500.0, y, -2500.0),
            vec3(2500.0, y, -2500.0),
            vec3(2500.0, y, 2500.0),
            vec3(-2500.0, y, 2500.0),
        );
    }
    if let Some(w) = land.path {
        let gravel = Material::of(Pattern::Ground, rng.earth(), rng.earth(), 1.5, rng);
        let gravel = scene.mat(gravel);
        m.paint(gravel).patch(4, 90, false, |u, v| {
            let z = v * v * 250.0 - 4.0;
            let x = land.centre(z) + (u * 2.0 - 1.0) * w;
            vec3(x, land.height(vec2(x, z)) + 0.03 + 0.0006 * z.max(0.0), z)
        });
    }
    scene.put(&m, Affine3A::IDENTITY);
    scatter(&mut scene, rng, &land);
    let high = if rng.chance(0.7) {
        rng.range(0.8, 2.2)
    } else {
        rng.log_range(0.2, 40.0)
    };
    let eye = vec3(0.0, land.height(Vec2::ZERO) + high, 0.0);
    let pitch = rng.normal() * 0.1
        - if high > 4.0 {
            rng.range(0.0, 0.6)
        } else {
            0.03
        };
    let target = eye + vec3(rng.spread(0.5), pitch, 1.0);
    scene.reach = 35.0 + high;
    Shot {
        camera: aim(rng, eye, target, size, 28.0, 75.0),
        scene,
        nearest: 0.3,
        spread: 0.3,
        blur: 0.05,
        level: None,
    }
}

/// Trees, rocks, grass, animals, people, a cottage.
fn scatter(scene: &mut Scene, rng: &mut Rng, land: &Land) {
    let pal = &mut scene.palette;
    let forest = rng.pick(&[0, 3, 12, 40, 110]);
    let h = rng.range(3.0, 16.0);
    let trees: Vec<Mesh> = (0..3)
        .map(|_| {
            let k = h * rng.range(0.6, 1.3);
            plant::tree(rng, pal, k, 1000)
        })
        .collect();
    let small: Vec<Mesh> = (0..2)
        .map(|_| {
            let k = h * rng.range(0.7, 1.3);
            plant::tree(rng, pal, k, 90)
        })
        .collect();
    let mut all = Mesh::new(label::VEGETATION);
    if land.peaks <= 0.0 && rng.chance(0.5) {
        let r = rng.log_range(60.0, 400.0);
        all.add(&plant::treeline(rng, pal, r, 2.6), Affine3A::IDENTITY);
    }
    for _ in 0..forest {
        let r = rng.log_range(3.5, 180.0);
        let a = rng.spread(1.1);
        let p = vec2(a.sin() * r, a.cos() * r);
        if (p.x - land.centre(p.y)).abs() < 1.5 && land.path.is_some() {
            continue;
        }
        let xf = place(vec3(p.x, land.height(p) - 0.1, p.y), rng.range(0.0, TAU))
            * Affine3A::from_scale(Vec3::splat(rng.range(0.6, 1.3)));
        all.add(
            if r < 22.0 {
                &trees[rng.int(0, 2) as usize]
            } else {
                &small[rng.int(0, 1) as usize]
            },
            xf,
        );
    }
    let bushes: Vec<Mesh> = (0..2)
        .map(|_| {
            let k = rng.range(0.4, 1.2);
            plant::bush(rng, pal, k, 200)
        })
        .collect();
    for _ in 0..rng.pick(&[0, 2, 8, 25]) {
        let (r, a) = (rng.log_range(2.0, 60.0), rng.spread(1.0));
        let p = vec2(a.sin() * r, a.cos() * r);
        all.add(
            &bushes[rng.int(0, 1) as usize],
            place(vec3(p.x, land.height(p), p.y), rng.range(0.0, TAU)),
        );
    }
    if rng.chance(0.6) {
        let high = rng.log_range(0.08, 0.9);
        let tufts: Vec<Mesh> = (0..2)
            .map(|_| plant::grass(rng, pal, 0.5, high, 70))
            .collect();
        for _ in 0..rng.int(20, 120) {
            let (r, a) = (rng.log_range(0.8, 18.0), rng.spread(1.0));
            let p = vec2(a.sin() * r, a.cos() * r);
            all.add(
                &tufts[rng.int(0, 1) as usize],
                place(vec3(p.x, land.height(p) - 0.02, p.y), rng.range(0.0, TAU)),
            );
        }
    }
    for _ in 0..rng.pick(&[0, 0, 3, 10]) {
        let (r, a) = (rng.log_range(1.5, 60.0), rng.spread(1.0));
        let p = vec2(a.sin() * r, a.cos() * r);
        let k = rng.log_range(0.2, 3.0);
        let rock = plant::rock(rng, pal, k);
        all.add(
            &rock,
            place(vec3(p.x, land.height(p), p.y), rng.range(0.0, TAU)),
        );
    }
    if rng.chance(0.5) {
        let h = rng.log_range(0.4, 1.8);
        let herd: Vec<Mesh> = (0..2)
            .map(|_| animal::any(rng, pal, h, 0.03 * h.max(0.6)))
            .collect();
        for _ in 0..rng.int(1, 8) {
            let (r, a) = (rng.log_range(2.0 + h, 40.0), rng.spread(0.6));
            let p = vec2(a.sin() * r, a.cos() * r);
            all.add(
                &herd[rng.int(0, 1) as usize],
                place(vec3(p.x, land.height(p) - 0.02, p.y), rng.range(0.0, TAU)),
            );
        }
    }
    for _ in 0..rng.pick(&[0, 0, 1, 3]) {
        let (r, a) = (rng.log_range(2.0, 30.0), rng.spread(0.5));
        let p = vec2(a.sin() * r, a.cos() * r);
        let pose = Pose::any(rng);
        let who = person(rng, pal, &pose, (r * 0.006).clamp(0.024, 0.06));
        all.add(
            &who,
            place(vec3(p.x, land.height(p), p.y), rng.range(0.0, TAU)),
        );
    }
    for _ in 0..rng.pick(&[0, 0, 0, 1, 3]) {
        let (r, a) = (rng.log_range(15.0, 120.0), rng.spread(0.8));
        let p = vec2(a.sin() * r, a.cos() * r);
        let w = rng.range(5.0, 14.0);
        let house = if rng.chance(0.75) {
            building::house(rng, pal, w, 7.0, false)
        } else {
            car::any(rng, pal, false)
        };
        all.add(
            &house,
            place(vec3(p.x, land.height(p) - 0.3, p.y), rng.range(0.0, TAU)),
        );
    }
    if rng.chance(0.25) {
        let fence = building::fence(rng, pal, 40.0);
        all.add(
            &fence,
            place(
                vec3(rng.spread(10.0), -0.1, rng.log_range(4.0, 25.0)),
                rng.spread(0.8),
            ),
        );
    }
    scene.put(&all, Affine3A::IDENTITY);
}

/// A garden, playground, terrace: people, animals, benches, trees near by.
pub fn park(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = Scene::outdoors(rng, false);
    let land = Land {
        roll: rng.log_range(0.02, 0.8),
        peaks: 0.0,
        ..Land::new(rng)
    };
    let lawn = if rng.chance(0.65) {
        Material::of(
            rng.pick(&[Pattern::Fibre, Pattern::Ground]),
            rng.foliage(),
            rng.foliage(),
            rng.log_range(0.5, 4.0),
            rng,
        )
    } else {
        Material::floor(rng)
    };
    let lawn = scene.mat(lawn);
    let mut m = Mesh::new(label::GROUND);
    m.paint(lawn);
    land.mesh(&mut m, 600.0);
    scene.put(&m, Affine3A::IDENTITY);
    let pal = &mut scene.palette;
    let mut all = Mesh::new(label::VEGETATION);
    if rng.chance(0.6) {
        let r = rng.log_range(30.0, 200.0);
        all.add(&plant::treeline(rng, pal, r, 2.6), Affine3A::IDENTITY);
    }
    let spot = |rng: &mut Rng, near: f32, far: f32| {
        let (r, a) = (rng.log_range(near, far), rng.spread(0.75));
        let p = vec2(a.sin() * r, a.cos() * r);
        (vec3(p.x, land.height(p), p.y), rng.range(0.0, TAU))
    };
    let trees: Vec<Mesh> = (0..3)
        .map(|_| {
            let h = rng.range(2.5, 10.0);
            plant::tree(rng, pal, h, 1300)
        })
        .collect();
    for _ in 0..rng.int(2, 22) {
        let (p, turn) = spot(rng, 4.0, 70.0);
        all.add(&trees[rng.int(0, 2) as usize], place(p, turn));
    }
    for _ in 0..rng.int(0, 5) {
        let (p, turn) = spot(rng, 3.0, 20.0);
        let k = rng.range(0.4, 1.0);
        let bush = plant::bush(rng, pal, k, 350);
        all.add(&bush, place(p, turn));
    }
    if rng.chance(0.6) {
        // A background that closes the view.
        for i in 0..5 {
            let a = -1.0 + 0.5 * i as f32 + rng.spread(0.1);
            let r = rng.range(15.0, 50.0);
            let w = rng.range(8.0, 20.0);
            let thing = if rng.chance(0.5) {
                building::house(rng, pal, w, 8.0, false)
            } else {
                plant::bush(rng, pal, 4.0, 400)
            };
            all.add(
                &thing,
                place(
                    vec3(a.sin() * r, 0.0, a.cos() * r),
                    a + std::f32::consts::PI,
                ),
            );
        }
    }
    if rng.chance(0.4) {
        let tuft = plant::grass(rng, pal, 0.5, 0.15, 60);
        for _ in 0..60 {
            let (p, turn) = spot(rng, 0.8, 12.0);
            all.add(&tuft, place(p, turn));
        }
    }
    for _ in 0..rng.int(1, 7) {
        let (p, turn) = spot(rng, 1.8, 16.0);
        let thing = match rng.int(0, 3) {
            0 => building::street_thing(rng, pal, false),
            1 => furniture::laid_table(rng, pal),
            2 => seat::chair(rng, pal),
            _ => plant::potted(rng, pal),
        };
        all.add(&thing, place(p, turn));
    }
    for _ in 0..rng.int(0, 2) {
        let (p, turn) = spot(rng, 1.2, 10.0);
        let h = rng.log_range(0.25, 1.2);
        let beast = animal::any(rng, pal, h, 0.024);
        all.add(&beast, place(p, turn));
    }
    scene.put(&all, Affine3A::IDENTITY);
    for _ in 0..rng.int(0, 6) {
        let (p, _) = spot(rng, 1.6, 20.0);
        super::room::someone(&mut scene, rng, p, (p.length() * 0.006).clamp(0.02, 0.05));
    }
    if rng.chance(0.2) {
        let (p, turn) = spot(rng, 3.0, 12.0);
        super::street::rider(&mut scene, rng, p, turn, false);
    }
    let eye = vec3(0.0, land.height(Vec2::ZERO) + rng.range(0.4, 2.2), 0.0);
    let target = eye + vec3(rng.spread(0.5), rng.normal() * 0.12 - 0.05, 1.0);
    scene.reach = 16.0;
    Shot {
        camera: aim(rng, eye, target, size, 30.0, 75.0),
        scene,
        nearest: 0.3,
        spread: 0.25,
        blur: 0.15,
        level: None,
    }
}
