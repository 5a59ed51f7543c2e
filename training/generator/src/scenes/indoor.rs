// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Rooms, workshops, corridors.

use super::{Shot, aim};
use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::rng::Rng;
use crate::scene::{Key, Lamp, Palette, Scene};
use crate::things::person::{Pose, person};
use crate::things::{animal, building, clutter, cycle, furniture, plant};
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
            m.quad(vec3(x0, y0, 0.0), vec3(x1, y0, 0.0), vec3(x1, y1, 0.0), vec3(x0, y1, 0.0));
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
        let cloth = pal.add(Material { through: 0.6, ..Material::cloth(rng) });
        m.paint(cloth);
        let wide = (x1 - x0) * rng.range(0.15, 0.5);
        let low = if rng.chance(0.6) { 0.03 } else { y0 - 0.1 };
        let waves = rng.range(4.0, 12.0);
        for s in [-1.0f32, 1.0] {
            let outer = if s < 0.0 { x0 - 0.15 } else { x1 + 0.15 };
            m.patch(24, 2, false, |u, v| vec3(outer - s * wide * u, y1 + 0.12 - (y1 + 0.12 - low) * v, 0.09 + 0.04 * (u * waves * TAU).sin()));
        }
    }
}

/// Pictures, boards, shelves, clocks on a wall facing +z.
fn decorate(m: &mut Mesh, rng: &mut Rng, pal: &mut Palette, half: f32, h: f32, n: i32) {
    for _ in 0..n {
        let (w, t) = (rng.log_range(0.1, 0.7), rng.log_range(0.1, 0.5));
        let c = vec3(rng.spread((half - w).max(0.1)), rng.range(0.9, (h - t).max(1.0)), 0.0);
        match rng.int(0, 5) {
            0..=3 => {
                let (frame, a, b) = (pal.add(Material::wood(rng)), rng.colour(), rng.colour());
                let face = pal.add(Material { c: rng.colour(), ..Material::of(rng.pick(&[Pattern::Poster, Pattern::Poster, Pattern::Text, Pattern::Fbm, Pattern::Veins, Pattern::Cells]), a, b, rng.log_range(2.0, 9.0), rng) });
                m.paint(frame).cuboid(c, vec3(w + 0.03, t + 0.03, 0.018));
                m.paint(face).cuboid(c, vec3(w, t, 0.021));
            }
            4 => {
                let board = pal.add(Material::wood(rng));
                m.paint(board).cuboid(c + Vec3::Z * 0.1, vec3(w, 0.014, 0.1));
                for _ in 0..rng.int(1, 5) {
                    let thing = clutter::small(rng, pal);
                    m.add(&thing, place(c + vec3(rng.spread(w * 0.9), 0.014, 0.1), rng.range(0.0, TAU)) * Affine3A::from_scale(Vec3::splat(0.8)));
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
fn side(i: i32, s: Size) -> (Affine3A, f32) {
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
    let ceiling = pal.add(if rng.chance(0.8) { Material::plain(rng.pale()) } else { Material::any(rng, 2.0) });
    let floor = pal.add(Material::floor(rng));
    let skirting = pal.add(Material::wood(rng));
    m.paint(ceiling).quad(vec3(-s.w, s.h, -s.d), vec3(s.w, s.h, -s.d), vec3(s.w, s.h, s.d), vec3(-s.w, s.h, s.d));
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
        let own = if rng.chance(0.2) { pal.add(Material::wall(rng)) } else { paper };
        let hole = rng.chance(windows).then(|| {
            let w = half * rng.range(0.2, 0.7);
            let x = rng.spread(half - w);
            let y0 = rng.range(0.05, 1.1);
            [x - w, y0, x + w, (y0 + rng.range(0.8, 1.8)).min(s.h - 0.15)]
        });
        part.paint(own);
        wall(&mut part, half, s.h, hole);
        part.paint(skirting).cuboid(vec3(0.0, 0.05, 0.0), vec3(half, 0.05, 0.015));
        if let Some(hole) = hole {
            open = true;
            window(&mut part, rng, pal, hole);
        } else {
            if rng.chance(0.35) {
                // A door.
                let door = pal.add(Material::wood(rng));
                let x = rng.spread(half - 0.6);
                part.paint(skirting).cuboid(vec3(x, 1.03, 0.0), vec3(0.5, 1.06, 0.03));
                part.paint(door).cuboid(vec3(x, 1.0, 0.02), vec3(0.42, 1.0, 0.03));
                for k in [0.55, 1.45] {
                    part.cuboid(vec3(x, k, 0.05), vec3(0.28, 0.32, 0.012));
                }
                part.paint(own).ellipsoid(vec3(x + 0.35, 1.0, 0.09), Vec3::splat(0.03), 8);
            }
            part.label = label::OBJECT;
            decorate(&mut part, rng, pal, half, s.h, rng.clone().int(0, pictures));
        }
        m.add(&part, xf);
    }
    m.label = label::GROUND;
    m.paint(floor).quad(vec3(-s.w, 0.0, -s.d), vec3(s.w, 0.0, -s.d), vec3(s.w, 0.0, s.d), vec3(-s.w, 0.0, s.d));
    if rng.chance(0.5) {
        let rug = pal.add(Material::cloth(rng));
        let (w, d) = (s.w * rng.range(0.2, 0.7), s.d * rng.range(0.2, 0.7));
        m.paint(rug).cuboid(vec3(rng.spread(s.w - w), 0.006, rng.spread(s.d - d)), vec3(w, 0.006, d));
    }
    if open {
        let mut out = Mesh::new(label::GROUND);
        let ground = Material::of(Pattern::Ground, rng.earth(), rng.foliage(), 0.5, rng);
        let ground = scene.mat(ground);
        let y = -rng.log_range(0.3, 12.0);
        let far = 300.0;
        out.paint(ground).quad(vec3(-far, y, -far), vec3(far, y, -far), vec3(far, y, far), vec3(-far, y, far));
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
        let p = vec3(rng.spread(s.w * 0.8), s.h - rng.range(0.05, 0.5), rng.spread(s.d * 0.8));
        let mut m = Mesh::new(label::OBJECT);
        let glow = scene.mat(Material::plain(warm).glowing(rng.range(3.0, 14.0)));
        m.paint(glow);
        match rng.int(0, 2) {
            0 => m.ellipsoid(p, Vec3::splat(rng.range(0.06, 0.18)), 12),
            1 => m.cuboid(vec3(p.x, s.h - 0.04, p.z), vec3(rng.range(0.08, 0.6), 0.03, 0.1)),
            _ => {
                let shade = scene.mat(Material::plastic(rng));
                m.disc(p, Vec3::NEG_Y, 0.12, 12);
                m.paint(shade).lathe(p, &[glam::vec2(0.2, -0.02), glam::vec2(0.05, 0.14)], 14);
                m.bar(p, vec3(p.x, s.h, p.z), 0.006, 0.006, 4);
            }
        }
        scene.put(&m, Affine3A::IDENTITY);
        let below = p - Vec3::Y * 0.25;
        if i == 0 && scene.key.is_none() {
            scene.key = Some(Key::Lamp(below, vec3(rng.spread(0.3), -1.0, rng.spread(0.3)), warm * power));
        } else {
            scene.lamps.push(Lamp { p: below, colour: warm * power });
        }
    }
}

/// A living room, bedroom, office, kitchen, shop, with what belongs and what does not.
pub fn room(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = Scene::indoors(rng);
    let s = Size { w: rng.log_range(1.4, 6.0), d: rng.log_range(1.6, 7.0), h: rng.range(2.2, 3.8) };
    shell(&mut scene, rng, s, 0.35, 5);
    let n = rng.int(0, 4);
    ceiling_lamps(&mut scene, rng, s, n);
    furnish(&mut scene, rng, s);
    let dense = rng.chance(0.4);
    // The camera, and people where it may see them.
    let eye = vec3(rng.spread(s.w * 0.85), if rng.chance(0.75) { rng.range(0.9, 1.8) } else { rng.range(0.25, s.h - 0.3) }, rng.spread(s.d * 0.85));
    let away = vec3(-eye.x, 0.0, -eye.z).normalize_or(Vec3::Z);
    let turn = glam::Quat::from_rotation_y(rng.spread(0.7));
    let target = eye + turn * away * 3.0 + Vec3::Y * (rng.range(0.1, 1.4) - eye.y) * rng.range(0.2, 1.2);
    let forward = (target - eye).normalize();
    for _ in 0..if rng.chance(0.6) { rng.int(1, if dense { 5 } else { 2 }) } else { 0 } {
        let r = rng.log_range(1.0, s.d * 1.5);
        let p = eye + glam::Quat::from_rotation_y(rng.spread(0.6)) * forward * r;
        let p = vec3(p.x.clamp(-s.w + 0.35, s.w - 0.35), 0.0, p.z.clamp(-s.d + 0.35, s.d - 0.35));
        someone(&mut scene, rng, p, if r < 2.5 { 0.022 } else { 0.034 });
    }
    Shot { camera: aim(rng, eye, target, size, 38.0, 85.0), scene, nearest: 0.3, spread: 0.12, blur: 0.12, level: None }
}

/// A room as a camera at the ceiling or a person on a ladder sees it.
pub fn room_from_above(rng: &mut Rng, size: f32) -> Shot {
    let mut shot = room(rng, size);
    let (low, high) = shot.scene.mesh.verts.iter().filter(|v| v.p.y.abs() < 0.01 && v.p.length() < 12.0).fold((Vec3::MAX, Vec3::MIN), |(a, b), v| (a.min(v.p), b.max(v.p)));
    let half = (high - low) * 0.5;
    let eye = vec3(rng.spread(half.x * 0.8), rng.range(1.8, 2.15), rng.spread(half.z * 0.8));
    let target = vec3(eye.x * 0.3 + rng.spread(0.8), rng.range(0.0, 0.5), eye.z * 0.3 + rng.spread(0.8));
    shot.camera = aim(rng, eye, target, size, 55.0, 95.0);
    shot.spread = 0.05;
    shot
}

/// A person standing or on a chair at `p`.
pub fn someone(scene: &mut Scene, rng: &mut Rng, p: Vec3, cell: f32) {
    let turn = rng.range(0.0, TAU);
    if rng.chance(0.35) {
        let chair = furniture::chair(rng, &mut scene.palette);
        scene.put(&chair, place(p - vec3(turn.sin(), 0.0, turn.cos()) * 0.08, turn));
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
            let turn = if rng.chance(0.85) { 0.0 } else { rng.spread(0.8) };
            m.add(&thing, xf * place(vec3(x + size.x * 0.5, 0.0, size.z * 0.5 + rng.range(0.02, 0.12)), turn));
            x += size.x + rng.log_range(0.05, 1.5);
        }
    }
    for _ in 0..rng.int(0, (s.w * s.d * 0.5) as i32 + 1) {
        let thing = furniture::any(rng, pal);
        m.add(&thing, place(vec3(rng.spread(s.w * 0.7), 0.0, rng.spread(s.d * 0.7)), rng.range(0.0, TAU)));
    }
    for _ in 0..rng.int(0, 6) {
        let thing = clutter::small(rng, pal);
        m.add(&thing, place(vec3(rng.spread(s.w * 0.9), 0.0, rng.spread(s.d * 0.9)), rng.range(0.0, TAU)));
    }
    if rng.chance(0.12) {
        let flight = building::stairs(rng, pal);
        m.add(&flight, place(vec3(rng.spread(s.w * 0.6), 0.0, rng.spread(s.d * 0.6)), rng.range(0.0, TAU)));
    }
    if rng.chance(0.25) {
        let k = rng.range(0.25, 0.65);
        let pet = animal::any(rng, pal, k, 0.02);
        m.add(&pet, place(vec3(rng.spread(s.w * 0.7), 0.0, rng.spread(s.d * 0.7)), rng.range(0.0, TAU)));
    }
    scene.put(&m, Affine3A::IDENTITY);
}

/// A garage or workshop: a cycle or machine close by, walls and shelves full of clutter.
pub fn workshop(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = Scene::indoors(rng);
    let s = Size { w: rng.range(1.8, 4.0), d: rng.range(2.0, 4.5), h: rng.range(2.3, 3.5) };
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
            m.add(&thing, xf * place(vec3(x + wide * 0.5, 0.0, (b.z - a.z) * 0.5 + 0.03), rng.spread(0.05)));
            x += wide + rng.range(0.02, 0.6);
        }
        // Tools and cables on the wall.
        let mut tools = Mesh::new(label::OBJECT);
        for _ in 0..rng.int(3, 22) {
            let mat = pal.add(if rng.chance(0.5) { Material::metal(rng) } else { Material::plastic(rng) });
            let p = vec3(rng.spread(half), rng.range(1.0, s.h - 0.1), 0.05);
            let d = vec3(rng.spread(0.3), -1.0, 0.0).normalize() * rng.range(0.1, 0.5);
            tools.paint(mat);
            match rng.int(0, 3) {
                0 => tools.bar(p, p + d, rng.range(0.008, 0.03), rng.range(0.008, 0.02), 6),
                1 => tools.ring(p, Vec3::Z, rng.range(0.05, 0.3), rng.range(0.008, 0.03), 18, 5),
                2 => tools.cushion(p, vec3(rng.range(0.03, 0.2), rng.range(0.03, 0.2), 0.05), 0.4),
                _ => {
                    let q = vec3(p.x + rng.spread(1.0), rng.range(0.2, s.h), 0.03);
                    tools.pipe(&[p, (p + q) * 0.5 - Vec3::Y * rng.range(0.0, 0.6), q], &[rng.range(0.006, 0.02)], 5);
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
        let thing = if rng.chance(0.5) { clutter::heap(rng, pal) } else { clutter::small(rng, pal) };
        m.add(&thing, place(vec3(rng.spread(s.w * 0.9), 0.0, rng.spread(s.d * 0.9)), rng.range(0.0, TAU)));
    }
    scene.put(&m, Affine3A::IDENTITY);
    if rng.chance(0.25) {
        let p = vec3(rng.spread(s.w * 0.7), 0.0, rng.spread(s.d * 0.7));
        someone(&mut scene, rng, p, 0.03);
    }
    let a = rng.range(0.0, TAU);
    let r = rng.range(1.3, 3.2);
    let eye = centre + vec3(a.cos() * r, rng.range(0.35, 1.75), a.sin() * r);
    let eye = vec3(eye.x.clamp(-s.w + 0.2, s.w - 0.2), eye.y, eye.z.clamp(-s.d + 0.2, s.d - 0.2));
    let target = centre + vec3(rng.spread(0.6), rng.range(0.3, 0.95), rng.spread(0.6));
    Shot { camera: aim(rng, eye, target, size, 38.0, 72.0), scene, nearest: 0.3, spread: 0.1, blur: 0.12, level: None }
}

/// A corridor, tunnel, station or arcade.
pub fn corridor(rng: &mut Rng, size: f32) -> Shot {
    let mut scene = Scene::indoors(rng);
    let (w, h, l) = (rng.log_range(0.8, 5.0), rng.range(2.2, 5.0), rng.log_range(8.0, 60.0));
    let mut m = Mesh::new(label::BUILDING);
    let paper = Material::wall(rng);
    let pal = &mut scene.palette;
    let wall_mat = pal.add(paper);
    let floor = pal.add(Material::floor(rng));
    let top = pal.add(if rng.chance(0.6) { Material::plain(rng.pale()) } else { Material::wall(rng) });
    let arched = rng.chance(0.4);
    let bend = if rng.chance(0.35) { rng.spread(0.012) } else { 0.0 };
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
        m.paint(wall_mat).quad(vec3(middle(z) - w, 0.0, z), vec3(middle(z) + w, 0.0, z), vec3(middle(z) + w, h, z), vec3(middle(z) - w, h, z));
    }
    m.paint(wall_mat).quad(vec3(-w * 2.0, 0.0, -2.0), vec3(w * 2.0, 0.0, -2.0), vec3(w * 2.0, h, -2.0), vec3(-w * 2.0, h, -2.0));
    m.label = label::GROUND;
    m.paint(floor).patch(2, n, false, |u, v| {
        let z = l * v * if end_open { 4.0 } else { 1.0 } - 2.0;
        vec3(middle(z.min(l)) + w * (u * 2.0 - 1.0) * if end_open { 3.0 } else { 1.0 }, 0.0, z)
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
                    let poster = pal.add(Material { c: rng.colour(), ..Material::of(Pattern::Poster, a, b, rng.range(2.0, 6.0), rng) });
                    m.paint(poster).cuboid(vec3(x, 1.5, z), vec3(0.02, rng.range(0.3, 0.9), rng.range(0.3, step * 0.4)));
                }
                2 => {
                    m.label = label::BUILDING;
                    m.paint(wall_mat).bar(vec3(x - 0.25 * s, 0.0, z), vec3(x - 0.25 * s, h, z), 0.16, 0.16, 14);
                }
                _ => {}
            }
        }
        m.label = label::OBJECT;
        m.paint(lamp_mat).cuboid(vec3(middle(z), h - 0.04, z + step * 0.5), vec3(0.12, 0.03, step * 0.18));
        lamps.push(vec3(middle(z), h - 0.4, z + step * 0.5));
        z += step;
    }
    m.label = label::OBJECT;
    for _ in 0..rng.int(0, 3) {
        let mat = pal.add(Material::metal(rng));
        let (x, y, r) = (rng.sign() * (w - 0.1), rng.range(0.8, h * 0.45), rng.range(0.02, 0.08));
        let points: Vec<Vec3> = (0..=20).map(|i| { let z = l * i as f32 / 20.0 - 2.0; vec3(middle(z) + x, y, z) }).collect();
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
            let who = person(rng, &mut scene.palette, &pose, if z < 3.0 { 0.025 } else { 0.045 });
            scene.put_moving(&who, place(p, if rng.chance(0.5) { 0.0 } else { PI } + rng.spread(0.4)), vec3(0.0, 0.0, rng.spread(0.05)));
        } else {
            let thing = furniture::any(rng, &mut scene.palette);
            scene.put(&thing, place(p, rng.range(0.0, TAU)));
        }
    }
    let eye = vec3(rng.spread(w * 0.6), rng.range(0.4, h * 0.75), rng.range(-1.7, 0.5));
    let ahead = rng.range(4.0, 12.0);
    let target = vec3(middle(ahead) + rng.spread(w * 0.8), eye.y + rng.spread(1.2), ahead);
    Shot { camera: aim(rng, eye, target, size, 45.0, 90.0), scene, nearest: 0.25, spread: 0.2, blur: 0.06, level: None }
}
