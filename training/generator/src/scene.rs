// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A scene: triangles, materials, light, air.

use crate::material::Material;
use crate::mesh::Mesh;
use crate::noise::{fbm, hash, unit};
use crate::rng::Rng;
use glam::{Affine3A, Vec3, vec3};
use std::ops::Range;

/// Class labels.
pub mod label {
    /// Sky, infinitely far.
    pub const SKY: u8 = 0;
    /// Ground, floor, road, water.
    pub const GROUND: u8 = 1;
    /// Building, wall, ceiling.
    pub const BUILDING: u8 = 2;
    /// Trees, bushes, grass blades, flowers.
    pub const VEGETATION: u8 = 3;
    /// People with what they wear.
    pub const PERSON: u8 = 4;
    /// Cars, bicycles, motorcycles, buses.
    pub const VEHICLE: u8 = 5;
    /// Animals.
    pub const ANIMAL: u8 = 6;
    /// Furniture and every other object.
    pub const OBJECT: u8 = 7;
    /// Of no class: shapes of the abstract scenes.
    pub const IGNORE: u8 = 255;
}

/// All materials of a scene.
#[derive(Default)]
pub struct Palette(pub Vec<Material>);

impl Palette {
    /// Adds a material and gives its number.
    pub fn add(&mut self, m: Material) -> u16 {
        self.0.push(m);
        (self.0.len() - 1) as u16
    }
}

/// The sky, or what surrounds a room as far as mirrors show it.
#[derive(Clone, Debug)]
pub struct Sky {
    /// Colour overhead.
    pub zenith: Vec3,
    /// Colour at the horizon.
    pub horizon: Vec3,
    /// Colour from below, as mirrors show it.
    pub below: Vec3,
    /// Towards the sun.
    pub sun: Vec3,
    /// Glow around the sun.
    pub glow: Vec3,
    /// Share of clouds.
    pub clouds: f32,
    /// Colour of clouds.
    pub cloud: Vec3,
    /// Size of clouds.
    pub cloud_scale: f32,
    /// Brightness of stars.
    pub stars: f32,
    /// Seed of the clouds.
    pub seed: u32,
}

impl Sky {
    /// The colour in direction `d` (unit).
    pub fn colour(&self, d: Vec3) -> Vec3 {
        let h = d.y.max(0.0).sqrt();
        let mut c = self.horizon.lerp(self.zenith, h.min(1.0));
        let s = d.dot(self.sun).max(0.0);
        c += self.glow * (0.35 * s.powi(8) + 3.0 * s.powi(300));
        if self.clouds > 0.0 {
            let q = vec3(d.x, 0.0, d.z) / (d.y.max(0.0) + 0.12) * self.cloud_scale;
            let n = fbm(q, self.seed, 5, 0.02 / (d.y.max(0.0) + 0.05));
            let k = ((n - (1.0 - self.clouds)) * 4.0).clamp(0.0, 1.0)
                * (d.y * 8.0 + 0.4).clamp(0.0, 1.0);
            let shade = 0.75 + 0.5 * (1.0 - n);
            c = c.lerp(self.cloud * shade, k);
        }
        if self.stars > 0.0 {
            let q = (d * 180.0).floor();
            let r = unit(hash(q.x as i32, q.y as i32, q.z as i32, self.seed));
            if r > 0.995 {
                c += Vec3::splat(self.stars * (r - 0.995) * 200.0);
            }
        }
        c
    }

    /// What a mirror shows in direction `d`; `sharp` as in [`Material`].
    pub fn mirror(&self, d: Vec3, sharp: f32) -> Vec3 {
        let blur = 1.0 / (1.0 + sharp * 0.15);
        let t = (d.y / (0.06 + blur) + 0.5).clamp(0.0, 1.0);
        let up = self.horizon.lerp(self.zenith, d.y.max(0.0).sqrt());
        let n = fbm(d * 3.0, self.seed ^ 0xE4, 2, blur * 2.0);
        let skyline = ((n - 0.5) * 0.9 - d.y + 0.12) / (0.08 + blur);
        let c = self.below.lerp(up, t);
        c.lerp(self.below * (0.4 + n), skyline.clamp(0.0, 0.8))
    }
}

/// The light that casts shadows.
#[derive(Clone, Copy, Debug)]
pub enum Key {
    /// From afar: towards the light, colour.
    Sun(Vec3, Vec3),
    /// A lamp: place, direction it points, colour times square metres.
    Lamp(Vec3, Vec3, Vec3),
}

/// A lamp without shadows.
#[derive(Clone, Copy, Debug)]
pub struct Lamp {
    /// Place.
    pub p: Vec3,
    /// Colour times square metres.
    pub colour: Vec3,
}

/// Everything that is seen.
pub struct Scene {
    /// Triangles in world coordinates.
    pub mesh: Mesh,
    /// Materials.
    pub palette: Palette,
    /// Sky and surroundings.
    pub sky: Sky,
    /// The light that casts shadows.
    pub key: Option<Key>,
    /// Other lamps.
    pub lamps: Vec<Lamp>,
    /// Light from above.
    pub above: Vec3,
    /// Light from below.
    pub below: Vec3,
    /// Extinction per metre.
    pub fog: f32,
    /// Colour of the fog.
    pub fog_colour: Vec3,
    /// Reach of the sharp shadows around the camera's view, metres.
    pub reach: f32,
    /// Whether it is dark, so that a camera would not lift it to daylight.
    pub night: bool,
    /// Vertices that move from a frame to the next, metres.
    pub movers: Vec<(Range<usize>, Vec3)>,
}

impl Scene {
    /// An empty scene in daylight or at night, chosen by `rng`.
    pub fn outdoors(rng: &mut Rng, night: bool) -> Self {
        let mut s = Self::empty(rng);
        s.night = night;
        if night {
            let glow = Rng::hsv(rng.range(0.03, 0.7), rng.range(0.2, 0.7), 1.0);
            s.sky.zenith = vec3(0.004, 0.006, 0.012) * rng.range(0.2, 2.0);
            s.sky.horizon = glow * rng.log_range(0.004, 0.04);
            s.sky.below = s.sky.horizon * 0.5;
            s.sky.clouds = rng.range(0.0, 0.5);
            s.sky.cloud = s.sky.horizon * 1.2;
            s.sky.stars = if rng.chance(0.4) {
                rng.range(0.02, 0.2)
            } else {
                0.0
            };
            s.above = glow * rng.log_range(0.01, 0.06);
            s.below = s.above * 0.6;
            s.sky.sun = Vec3::NEG_Y;
            s.sky.glow = Vec3::ZERO;
            if rng.chance(0.3) {
                let d = vec3(rng.spread(1.0), rng.range(0.4, 1.2), rng.spread(1.0)).normalize();
                s.key = Some(Key::Sun(d, vec3(0.6, 0.75, 1.0) * rng.range(0.02, 0.12)));
            }
            return s;
        }
        let elevation = rng.range(0.06, 1.35);
        let azimuth = rng.range(0.0, std::f32::consts::TAU);
        let sun = vec3(
            elevation.cos() * azimuth.cos(),
            elevation.sin(),
            elevation.cos() * azimuth.sin(),
        );
        let low = (1.0 - elevation / 0.5).clamp(0.0, 1.0);
        let overcast = rng.chance(0.35);
        let blue = Rng::hsv(
            rng.range(0.54, 0.63),
            rng.range(0.3, 0.8),
            rng.range(0.4, 1.0),
        );
        let grey = Vec3::splat(rng.range(0.45, 1.1)) * vec3(1.0, 1.0, rng.range(0.95, 1.1));
        s.sky.sun = sun;
        s.sky.zenith = if overcast {
            grey * rng.range(0.6, 1.0)
        } else {
            blue
        };
        s.sky.horizon = if overcast {
            grey
        } else {
            blue.lerp(Vec3::splat(1.0), rng.range(0.3, 0.8))
                .lerp(vec3(1.0, 0.55, 0.25), low * rng.unit())
        };
        s.sky.clouds = if overcast {
            rng.range(0.3, 0.9)
        } else if rng.chance(0.35) {
            0.0
        } else {
            rng.range(0.2, 0.65)
        };
        s.sky.cloud = if overcast {
            grey * rng.range(0.5, 1.0)
        } else {
            vec3(1.0, 0.97, 0.94).lerp(vec3(1.0, 0.6, 0.4), low * 0.6) * rng.range(0.6, 1.2)
        };
        s.sky.cloud_scale = rng.log_range(0.3, 2.0);
        s.above = s.sky.zenith.lerp(s.sky.horizon, 0.5)
            * if overcast { 0.9 } else { rng.range(0.4, 0.75) };
        s.below = s.above * rng.range(0.35, 0.65);
        s.sky.below = s.above * rng.range(0.15, 0.4);
        if !overcast {
            let warm = vec3(1.0, 0.94, 0.85).lerp(vec3(1.0, 0.55, 0.25), low * rng.unit());
            let power = rng.range(0.8, 2.2);
            s.sky.glow = warm * power;
            s.key = Some(Key::Sun(sun, warm * power));
        } else {
            s.sky.glow = Vec3::splat(0.15);
        }
        if rng.chance(0.4) {
            s.fog = rng.log_range(0.0005, 0.02);
            s.fog_colour = s.sky.horizon * rng.range(0.6, 1.0);
        }
        s
    }

    /// An empty scene in a closed place with ambient light only.
    pub fn indoors(rng: &mut Rng) -> Self {
        let mut s = Self::empty(rng);
        let tint = if rng.chance(0.5) {
            vec3(1.0, rng.range(0.75, 1.0), rng.range(0.5, 1.0))
        } else {
            vec3(rng.range(0.75, 1.0), 0.95, 1.0)
        };
        let level = rng.log_range(0.08, 0.5);
        s.above = tint * level;
        s.below = tint * level * rng.range(0.4, 0.9);
        s.sky.zenith = tint * level;
        s.sky.horizon = tint * level * 1.5;
        s.sky.below = tint * level * 0.4;
        if rng.chance(0.12) {
            s.fog = rng.log_range(0.004, 0.05);
            s.fog_colour = tint * level;
        }
        s.reach = 5.0;
        s
    }

    fn empty(rng: &mut Rng) -> Self {
        Self {
            mesh: Mesh::new(label::OBJECT),
            palette: Palette::default(),
            sky: Sky {
                zenith: Vec3::splat(0.3),
                horizon: Vec3::splat(0.5),
                below: Vec3::splat(0.1),
                sun: Vec3::Y,
                glow: Vec3::ZERO,
                clouds: 0.0,
                cloud: Vec3::ONE,
                cloud_scale: 1.0,
                stars: 0.0,
                seed: rng.seed(),
            },
            key: None,
            lamps: Vec::new(),
            above: Vec3::splat(0.4),
            below: Vec3::splat(0.2),
            fog: 0.0,
            fog_colour: Vec3::splat(0.5),
            reach: 30.0,
            night: false,
            movers: Vec::new(),
        }
    }

    /// Adds a material.
    pub fn mat(&mut self, m: Material) -> u16 {
        self.palette.add(m)
    }

    /// Puts a thing into the scene.
    pub fn put(&mut self, thing: &Mesh, xf: Affine3A) {
        self.mesh.add(thing, xf);
    }

    /// Puts a thing that moves by `velocity` metres a frame.
    pub fn put_moving(&mut self, thing: &Mesh, xf: Affine3A, velocity: Vec3) {
        let from = self.mesh.verts.len();
        self.mesh.add(thing, xf);
        self.movers.push((from..self.mesh.verts.len(), velocity));
    }

    /// Moves what moves to the next frame.
    pub fn advance(&mut self) {
        for (range, velocity) in &self.movers {
            for v in &mut self.mesh.verts[range.clone()] {
                v.p += *velocity;
            }
        }
    }
}
