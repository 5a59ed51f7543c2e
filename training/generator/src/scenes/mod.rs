// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Scenes: what stands where, which light, and where the camera is.

mod close;
mod free;
mod indoor;
mod nature;
mod room;
mod street;
mod town;
mod workshop;

use crate::material::Material;
use crate::mesh::{Mesh, place};
use crate::raster::Camera;
use crate::rng::Rng;
use crate::scene::Scene;
use crate::things::person::{Pose, person};
use crate::things::{clutter, plant, seat};
use glam::{Affine3A, Vec3, vec3};

/// A scene with its camera, ready to be rendered.
pub struct Shot {
    /// The world.
    pub scene: Scene,
    /// The view.
    pub camera: Camera,
    /// Nothing may be nearer than this, metres.
    pub nearest: f32,
    /// Least deviation of log depth.
    pub spread: f32,
    /// Probability of visible defocus.
    pub blur: f32,
    /// Brightness, when the scene asks for one.
    pub level: Option<f32>,
}

/// Names and weights of the kinds of scenes; the index is the kind's number.
pub const KINDS: [(&str, f32); 14] = [
    ("room", 16.0),
    ("street", 14.0),
    ("landscape", 9.0),
    ("portrait", 10.0),
    ("animal", 10.0),
    ("tabletop", 7.0),
    ("workshop", 9.0),
    ("above", 6.0),
    ("vehicle", 4.0),
    ("corridor", 4.0),
    ("abstract", 6.0),
    ("crowd", 4.0),
    ("park", 6.0),
    ("thing", 7.0),
];

/// Draws a kind of scene.
pub fn kind(rng: &mut Rng) -> u8 {
    let total: f32 = KINDS.iter().map(|k| k.1).sum();
    let mut t = rng.unit() * total;
    for (i, (_, weight)) in KINDS.iter().enumerate() {
        t -= weight;
        if t < 0.0 {
            return i as u8;
        }
    }
    0
}

/// Builds a scene of `kind` for a picture of `size` pixels.
pub fn build(kind: u8, rng: &mut Rng, size: f32) -> Shot {
    let mut shot = world(kind, rng, size);
    if rng.chance(0.12) {
        occlude(&mut shot, rng, size);
    }
    shot
}

/// Something near the camera that reaches into the picture from a side: a twig, a post, a shoulder, a chair.
fn occlude(shot: &mut Shot, rng: &mut Rng, size: f32) {
    let c = shot.camera;
    let z = rng.range(0.45, 1.3) * (shot.nearest / 0.3).max(1.0);
    // Where the edge of the picture is at that distance.
    let edge = [0, 1].map(|i| z * size * 0.5 / c.focal[i]);
    let (x, y) = match rng.int(0, 3) {
        0 => (-edge[0], rng.spread(edge[1])),
        1 => (edge[0], rng.spread(edge[1])),
        2 => (rng.spread(edge[0]), edge[1]),
        _ => (rng.spread(edge[0]), -edge[1]),
    };
    let k = rng.range(0.7, 1.15);
    let at = c.position + c.to_world(vec3(x * k, y * k, z));
    let pal = &mut shot.scene.palette;
    let (thing, reach) = match rng.int(0, 6) {
        0 | 1 => (plant::bush(rng, pal, 0.3, 350), z * rng.range(0.4, 1.0)),
        2 => (clutter::small(rng, pal), z * rng.range(0.2, 0.6)),
        3 => (seat::chair(rng, pal), z * rng.range(0.7, 1.5)),
        4 => {
            let pose = Pose::any(rng);
            (person(rng, pal, &pose, 0.024), z * rng.range(1.5, 3.0))
        }
        5 => {
            let mut m = Mesh::new(crate::label::OBJECT);
            let mat = pal.add(Material::any(rng, 0.5));
            let r = z * rng.log_range(0.01, 0.12);
            m.paint(mat).bar(
                vec3(0.0, -2.0 * z, 0.0),
                vec3(rng.spread(z), 2.0 * z, 0.0),
                r,
                r,
                12,
            );
            shot.scene.put(&m, Affine3A::from_translation(at));
            return;
        }
        _ => {
            let mut m = Mesh::new(crate::label::OBJECT);
            let mat = pal.add(Material::any(rng, 0.5));
            m.paint(mat).cuboid(
                Vec3::ZERO,
                vec3(
                    rng.range(0.1, 1.0),
                    rng.range(0.1, 1.0),
                    rng.range(0.05, 0.6),
                ),
            );
            (m, z * rng.range(0.3, 1.2))
        }
    };
    let (low, high) = thing.bounds();
    let scale = reach / (high - low).max_element().max(1e-3);
    let xf = place(at, rng.range(0.0, std::f32::consts::TAU))
        * Affine3A::from_scale(Vec3::splat(scale))
        * Affine3A::from_translation(-(low + high) * 0.5);
    shot.scene.put(&thing, xf);
}

fn world(kind: u8, rng: &mut Rng, size: f32) -> Shot {
    match kind {
        0 => room::room(rng, size),
        1 => street::street(rng, size),
        2 => nature::landscape(rng, size),
        3 => close::portrait(rng, size),
        4 => close::animal(rng, size),
        5 => close::tabletop(rng, size),
        6 => workshop::workshop(rng, size),
        7 => free::above(rng, size),
        8 => town::cabin(rng, size),
        9 => workshop::corridor(rng, size),
        10 => free::chaos(rng, size),
        11 => town::crowd(rng, size),
        12 => nature::park(rng, size),
        _ => close::thing(rng, size),
    }
}

/// Focal lengths in pixels for a vertical field of view in [low, high] degrees. Wide pictures squashed to a square are common.
fn lens(rng: &mut Rng, size: f32, low: f32, high: f32) -> [f32; 2] {
    let fov = rng.range(low, high).to_radians();
    let f = size * 0.5 / (fov * 0.5).tan();
    let aspect = if rng.chance(0.5) {
        rng.pick(&[4.0 / 3.0, 4.0 / 3.0, 1.5, 16.0 / 9.0, 0.75])
    } else {
        1.0
    };
    [f / aspect, f]
}

/// A camera at `from` with a vertical field of view in [low, high] degrees and a little roll.
fn aim(rng: &mut Rng, from: Vec3, to: Vec3, size: f32, low: f32, high: f32) -> Camera {
    let focal = lens(rng, size, low, high);
    aim_with(rng, from, to, focal)
}

/// A camera with a little roll.
fn aim_with(rng: &mut Rng, from: Vec3, to: Vec3, focal: [f32; 2]) -> Camera {
    let roll = if rng.chance(0.5) {
        rng.normal() * 0.025
    } else if rng.chance(0.25) {
        rng.spread(0.18)
    } else {
        0.0
    };
    Camera::look(from, to, roll, focal)
}
