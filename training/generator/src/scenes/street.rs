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
fn build(rng: &mut Rng, night: bool, busy: f32, people: i32) -> (Scene, f32) {
    let mut scene = Scene::outdoors(rng, night);
    let road = rng.range(2.6, 7.5);
    let walk = road + rng.range(1.0, 5.0);
    let mut m = Mesh::new(label::GROUND);
    let tar = Vec3::splat(rng.log_range(0.03, 0.25)) * vec3(1.0, rng.range(0.9, 1.0), rng.range(0.85, 1.05));
    let surface = if rng.chance(0.6) {
        Material { c: Vec3::splat(rng.range(0.3, 0.7)), ..Material::of(Pattern::Road, tar, rng.near(tar, 0.5), 1.0, rng) }
    } else {
        let a = rng.earth();
        Material::of(rng.pick(&[Pattern::Ground, Pattern::Bricks, Pattern::Cells, Pattern::Fbm]), a, rng.near(a, 0.5), rng.range(0.8, 5.0), rng)
    };
    let wet = if rng.chance(0.2) { rng.range(0.1, 0.4) } else { 0.0 };
    let pal = &mut scene.palette;
    let tar = pal.add(surface.glossy(if wet > 0.0 { 1.0 } else { 0.1 }, 60.0, wet));
    let a = rng.earth();
    let paving = pal.add(Material::of(rng.pick(&[Pattern::Checks, Pattern::Bricks, Pattern::Ground, Pattern::Fbm]), a, rng.near(a, 0.3), rng.range(0.8, 4.0), rng));
    let far = 400.0;
    m.paint(tar).quad(vec3(-road, 0.0, -60.0), vec3(road, 0.0, -60.0), vec3(road, 0.0, far), vec3(-road, 0.0, far));
    m.paint(paving);
    for s in [-1.0f32, 1.0] {
        m.span(vec3(road * s, -0.2, -60.0), vec3(walk * s, 0.13, far));
        m.quad(vec3(walk * s, 0.05, -60.0), vec3((walk + 300.0) * s, 0.05, -60.0), vec3((walk + 300.0) * s, 0.05, far), vec3(walk * s, 0.05, far));
    }
    scene.put(&m, Affine3A::IDENTITY);
    // Houses or gardens on both sides.
    let open = rng.chance(0.25);
    for s in [-1.0f32, 1.0] {
        let mut z = -20.0;
        let back = if rng.chance(0.5) { 0.0 } else { rng.range(0.5, 6.0) };
        while z < 110.0 {
            let width = rng.range(5.0, 18.0);
            let pal = &mut scene.palette;
            if open || rng.chance(0.12) {
                let fence = building::fence(rng, pal, width);
                let h = rng.range(3.0, 9.0);
                let tree = plant::tree(rng, pal, h, 350);
                scene.put(&fence, place(vec3((walk + 0.3) * s, 0.05, z + width * 0.5), -PI * 0.5 * s));
                scene.put(&tree, place(vec3((walk + rng.range(3.0, 12.0)) * s, 0.05, z + rng.range(0.0, width)), rng.range(0.0, TAU)));
            } else {
                let depth = rng.range(6.0, 14.0);
                let house = building::house(rng, pal, width, depth, night);
                scene.put(&house, place(vec3((walk + back + rng.range(0.0, 0.8)) * s, 0.05, z + width * 0.5), -PI * 0.5 * s));
            }
            z += width + if rng.chance(0.2) { rng.range(1.0, 5.0) } else { 0.0 };
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
    let templates: Vec<Mesh> = (0..4).map(|_| car::any(rng, &mut scene.palette, night)).collect();
    for s in [-1.0f32, 1.0] {
        let mut z = rng.range(1.0, 9.0);
        if rng.chance(0.7) {
            while z < 90.0 {
                if rng.chance(busy) {
                    let mut thing = if z < 25.0 && rng.chance(0.5) { car::any(rng, &mut scene.palette, night) } else { templates[rng.int(0, 3) as usize].clone() };
                    if rng.chance(0.2) && z < 30.0 {
                        thing = if rng.chance(0.5) { cycle::bicycle(rng, &mut scene.palette) } else { cycle::motorcycle(rng, &mut scene.palette, night) };
                    }
                    scene.put(&thing, place(vec3((road - 1.05) * s, 0.0, z), heading(s) + rng.spread(0.06)));
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
    let trees: Vec<Mesh> = (0..2).map(|_| plant::tree(rng, &mut scene.palette, h, 1100)).collect();
    let alley = rng.chance(0.4);
    for s in [-1.0f32, 1.0] {
        let mut z = rng.range(-2.0, 8.0);
        while z < 80.0 {
            let p = vec3((road + 0.5) * s, 0.1, z);
            if alley && rng.chance(0.7) {
                scene.put(&trees[rng.int(0, 1) as usize], place(p, rng.range(0.0, TAU)) * Affine3A::from_scale(Vec3::splat(rng.range(0.7, 1.2))));
            } else if rng.chance(0.6) {
                let thing = building::street_thing(rng, &mut scene.palette, night);
                scene.put(&thing, place(p, -PI * 0.5 * s));
            }
            if night && scene.lamps.len() < 7 && rng.chance(0.5) {
                scene.lamps.push(Lamp { p: vec3((road - 0.8) * s, 5.5, z), colour: vec3(1.0, rng.range(0.6, 0.95), rng.range(0.3, 0.9)) * rng.range(2.0, 14.0) });
            }
            z += rng.range(3.0, 11.0);
        }
    }
    for _ in 0..people {
        let z = rng.log_range(1.5, 45.0);
        let x = if rng.chance(0.25) { rng.spread(road) } else { rng.range(road, walk) * rng.sign() };
        walker(&mut scene, rng, vec3(x, if x.abs() > road { 0.13 } else { 0.0 }, z));
    }
    if rng.chance(0.4) {
        // Someone on a bicycle or motorcycle.
        let p = vec3(rng.spread(road * 0.8), 0.0, rng.log_range(3.0, 25.0));
        rider(&mut scene, rng, p, heading(p.x), night);
    }
    if rng.chance(0.2) {
        let flight = building::stairs(rng, &mut scene.palette);
        let s = rng.sign();
        scene.put(&flight, place(vec3(walk * s * 0.97, 0.1, rng.log_range(2.0, 25.0)), -PI * 0.5 * s));
    }
    if rng.chance(0.15) {
        let h = rng.range(0.3, 0.8);
        let dog = animal::quadruped(rng, &mut scene.palette, h, 0.03);
        scene.put(&dog, place(vec3(rng.spread(walk), 0.13, rng.log_range(2.0, 15.0)), rng.range(0.0, TAU)));
    }
    if rng.chance(0.2) {
        let wire = scene.mat(Material::plain(Vec3::splat(0.01)));
        let mut m = Mesh::new(label::OBJECT);
        m.paint(wire);
        for _ in 0..rng.int(1, 5) {
            let (x, y) = (rng.spread(walk), rng.range(5.0, 8.0));
            let points: Vec<Vec3> = (0..=24).map(|i| vec3(x, y - 0.8 * (i as f32 * 1.3).sin().abs(), i as f32 * 4.0 - 10.0)).collect();
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
    let turn = if rng.chance(0.6) { rng.pick(&[0.0, PI]) + rng.spread(0.4) } else { rng.range(0.0, TAU) };
    scene.put_moving(&who, place(p, turn), vec3(turn.sin(), 0.0, turn.cos()) * rng.range(0.0, 0.06));
}

/// Someone riding at `p`.
pub fn rider(scene: &mut Scene, rng: &mut Rng, p: Vec3, turn: f32, night: bool) {
    let motor = rng.chance(0.5);
    let pal = &mut scene.palette;
    let mut m = if motor { cycle::motorcycle(rng, pal, night) } else { cycle::bicycle(rng, pal) };
    let pose = Pose::riding(rng);
    let who = person(rng, pal, &pose, 0.035);
    let high = who.bounds().1.y;
    m.add(&who, place(vec3(0.0, if motor { 1.45 - high.min(1.6) } else { 1.7 - high.min(1.75) }.max(0.05), -0.25), 0.0));
    scene.put_moving(&m, place(p, turn), vec3(turn.sin(), 0.0, turn.cos()) * rng.range(0.05, 0.3));
}

/// A street from a pavement, a window, a dashboard.
pub fn street(rng: &mut Rng, size: f32) -> Shot {
    let night = rng.chance(0.2);
    let busy = rng.range(0.2, 0.9);
    let people = if rng.chance(0.75) { rng.int(1, 9) } else { 0 };
    let (scene, road) = build(rng, night, busy, people);
    let high = if rng.chance(0.75) { rng.range(1.0, 2.2) } else { rng.log_range(0.3, 9.0) };
    let across = rng.chance(0.25);
    let eye = vec3(rng.spread(road + 1.2), high, rng.range(-6.0, 2.0));
    let target = if across {
        vec3(-eye.x.signum() * (road + 3.0), rng.range(0.6, 2.5), eye.z + rng.range(2.0, 9.0))
    } else {
        vec3(eye.x * rng.range(0.0, 1.0) + rng.spread(6.0), high + rng.spread(4.0), eye.z + 16.0)
    };
    Shot { camera: aim(rng, eye, target, size, 30.0, 75.0), scene, nearest: 0.5, spread: 0.25, blur: 0.05, level: night.then(|| rng.log_range(0.03, 0.12)) }
}

/// Many people at all distances: a square, a station, a stadium.
pub fn crowd(rng: &mut Rng, size: f32) -> Shot {
    let night = rng.chance(0.15);
    let (mut scene, road) = build(rng, night, 0.15, 0);
    let eye = vec3(rng.spread(road * 0.5), if rng.chance(0.6) { rng.range(1.3, 1.9) } else { rng.range(2.0, 6.0) }, 0.0);
    let templates: Vec<(Mesh, f32)> = (0..7)
        .map(|_| {
            let pose = Pose::any(rng);
            (person(rng, &mut scene.palette, &pose, 0.05), rng.range(0.0, 0.05))
        })
        .collect();
    let clothes: Vec<u16> = (0..14).map(|_| { let m = Material::cloth(rng); scene.mat(m) }).collect();
    let near = rng.log_range(0.9, 3.0);
    let toward = rng.range(0.0, TAU);
    for i in 0..rng.int(12, 60) {
        let z = rng.log_range(near, 30.0);
        let p = vec3(eye.x + rng.spread(0.8 * z + 0.6), 0.0, eye.z + z);
        let turn = if rng.chance(0.6) { toward + rng.spread(0.6) } else { rng.range(0.0, TAU) };
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
            scene.put_moving(&copy, place(p, turn) * Affine3A::from_scale(Vec3::splat(k)), vec3(turn.sin(), 0.0, turn.cos()) * *speed);
        }
    }
    let target = eye + vec3(rng.spread(3.0), rng.range(-3.5, 0.6), 10.0);
    Shot { camera: aim(rng, eye, target, size, 30.0, 65.0), scene, nearest: 0.4, spread: 0.2, blur: 0.15, level: night.then(|| rng.log_range(0.04, 0.12)) }
}

/// Inside a car: dashboard, wheel, pillars, seats, the street outside.
pub fn cabin(rng: &mut Rng, size: f32) -> Shot {
    let night = rng.chance(0.2);
    let (mut scene, road) = build(rng, night, 0.6, 3);
    let mut m = Mesh::new(label::VEHICLE);
    let lining = Material::rubber(rng);
    let pal = &mut scene.palette;
    let dark = pal.add(if rng.chance(0.8) { lining } else { Material::any(rng, 1.0) });
    let trim = pal.add(Material::plastic(rng));
    let seat = pal.add(Material::cloth(rng));
    let glow = pal.add(Material::of(Pattern::Text, rng.dark(), rng.colour(), 25.0, rng).glowing(rng.range(0.5, 4.0)));
    let (w, roof) = (rng.range(0.68, 0.8), rng.range(1.3, 1.5));
    // Dashboard, screen, wheel.
    m.paint(dark).superellipsoid(vec3(0.0, 0.68, 1.0), vec3(w, 0.22, 0.38), 0.5, 0.4, 24);
    m.paint(trim).cushion(vec3(0.0, 0.8, 0.7), vec3(0.14, 0.1, 0.06), 0.4);
    m.paint(glow).quad(vec3(-0.11, 0.74, 0.633), vec3(0.11, 0.74, 0.633), vec3(0.11, 0.88, 0.65), vec3(-0.11, 0.88, 0.65));
    let driver = rng.sign();
    let hub = vec3(0.36 * driver, 0.82, 0.5);
    let axis = vec3(0.0, 0.45, -1.0).normalize();
    m.paint(dark).ring(hub, axis, 0.18, 0.015, 28, 8);
    m.paint(trim).ellipsoid(hub, vec3(0.07, 0.06, 0.03), 12);
    for a in [0.0f32, PI, -PI * 0.5] {
        let (u, v) = axis.any_orthonormal_pair();
        m.bar(hub, hub + (u * a.cos() + v * a.sin()) * 0.18, 0.014, 0.014, 6);
    }
    m.paint(dark).bar(hub, hub + vec3(0.0, -0.1, 0.4), 0.04, 0.04, 8);
    // Pillars, roof, doors, mirror.
    for s in [-1.0f32, 1.0] {
        m.paint(dark).pipe(&[vec3(w * s, 0.82, 1.25), vec3(w * 0.92 * s, 1.15, 0.8), vec3(w * 0.82 * s, roof, 0.35)], &[0.055, 0.045, 0.045], 8);
        m.bar(vec3(w * 0.95 * s, 0.3, -0.35), vec3(w * 0.82 * s, roof, -0.35), 0.06, 0.05, 8);
        m.bar(vec3(w * 0.82 * s, roof, 0.35), vec3(w * 0.82 * s, roof, -1.6), 0.05, 0.05, 8);
        m.span(vec3((w - 0.03) * s, 0.2, -1.6), vec3((w + 0.05) * s, 0.82, 1.3));
        m.paint(trim).cushion(vec3((w - 0.06) * s, 0.66, 0.1), vec3(0.05, 0.03, 0.35), 0.4);
    }
    m.paint(trim).quad(vec3(-w, roof + 0.02, 0.35), vec3(w, roof + 0.02, 0.35), vec3(w, roof + 0.05, -1.6), vec3(-w, roof + 0.05, -1.6));
    m.paint(dark).cushion(vec3(0.0, roof - 0.1, 0.45), vec3(0.12, 0.035, 0.015), 0.5);
    m.bar(vec3(0.0, roof - 0.08, 0.45), vec3(0.0, roof + 0.02, 0.5), 0.012, 0.012, 5);
    m.span(vec3(-w, 0.15, -1.6), vec3(w, 0.2, 1.3));
    // The bonnet outside.
    let paint = pal.add(Material::plastic(rng).glossy(0.9, 100.0, 0.15));
    m.paint(paint).superellipsoid(vec3(0.0, 0.6, 1.9), vec3(w * 1.1, 0.17, 0.75), 0.6, 0.4, 20);
    for s in [-1.0f32, 1.0] {
        m.paint(seat).cushion(vec3(0.36 * s, 0.42, -0.15), vec3(0.26, 0.1, 0.28), 0.5);
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
    let inside = if back { vec3(rng.spread(0.35), rng.range(0.95, 1.25), rng.range(-1.5, -1.1)) } else { vec3(rng.spread(0.4), rng.range(0.95, 1.2), rng.range(-0.3, 0.1)) };
    let ahead = vec3(rng.spread(0.9), rng.range(0.55, 1.2), 1.6);
    // From the dashboard back to those who sit there.
    let (inside, ahead) = if facing { (vec3(rng.spread(0.25), rng.range(0.95, 1.2), rng.range(0.5, 0.62)), vec3(rng.spread(0.4), rng.range(0.8, 1.05), -0.5)) } else { (inside, ahead) };
    let xf = place(at, turn);
    let (eye, target) = (xf.transform_point3(inside), xf.transform_point3(ahead));
    Shot { camera: aim(rng, eye, target, size, 50.0, 95.0), scene, nearest: 0.08, spread: 0.3, blur: 0.1, level: None }
}
