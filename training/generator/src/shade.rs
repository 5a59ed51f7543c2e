// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The shading pass: light, shadow, mirrors, air; colour anti-aliased over nine samples a pixel.

use crate::raster::{Camera, Grid, NONE, Visibility, ambient, barycentric, project, rasterise};
use crate::scene::{Key, Scene};
use glam::{Vec3, vec3};

/// A rendered picture, before the camera's own effects.
pub struct Picture {
    /// Pixels a side.
    pub size: usize,
    /// Linear light.
    pub light: Vec<Vec3>,
    /// Inverse depth in 1/metres at pixel centres, 0 for the sky.
    pub inverse: Vec<f32>,
    /// Labels at pixel centres.
    pub labels: Vec<u8>,
}

struct Shadow {
    camera: Camera,
    grid: Grid,
    vis: Visibility,
}

const SHADOW: usize = 600;

impl Shadow {
    fn new(scene: &Scene, camera: &Camera) -> Option<Self> {
        let (view, half) = match scene.key? {
            Key::Sun(d, _) => {
                let focus = camera.position + camera.to_world(Vec3::Z) * scene.reach * 0.75;
                let far = scene.reach * 30.0;
                (
                    Camera::look(focus + d * far, focus, 0.0, [1.0; 2]),
                    scene.reach / far,
                )
            }
            Key::Lamp(p, d, _) => (Camera::look(p, p + d, 0.3, [1.0; 2]), 1.9),
        };
        let grid = Grid {
            n: SHADOW,
            middle: SHADOW as f32 * 0.5,
            step: [half * 2.0 / SHADOW as f32; 2],
        };
        let vis = rasterise(&scene.mesh, &project(&scene.mesh, &view), grid, 0.05);
        Some(Self {
            camera: view,
            grid,
            vis,
        })
    }

    /// Share of the key light that arrives at `p` with normal `n`.
    fn lit(&self, p: Vec3, n: Vec3) -> f32 {
        let d = (p - self.camera.position).length();
        let texel = d * self.grid.step[0];
        let q = self.camera.to_camera(p + n * texel * 1.5);
        if q.z <= 0.05 {
            return 1.0;
        }
        let x = q.x / (q.z * self.grid.step[0]) + self.grid.middle;
        let y = q.y / (q.z * self.grid.step[1]) + self.grid.middle;
        let edge = SHADOW as f32 - 3.0;
        if x < 2.0 || y < 2.0 || x > edge || y > edge {
            return 1.0;
        }
        // Bilinear over 3×3 comparisons.
        let (fx, fy) = (x.floor(), y.floor());
        let (tx, ty) = (x - fx, y - fy);
        let limit = 1.0 / (q.z - texel * 1.5);
        let mut sum = 0.0;
        for (j, wy) in [(-1i32, 1.0 - ty), (0, 1.0), (1, ty)] {
            for (i, wx) in [(-1i32, 1.0 - tx), (0, 1.0), (1, tx)] {
                let k = (fy as i32 + j) as usize * SHADOW + (fx as i32 + i) as usize;
                if self.vis.inverse[k] < limit {
                    sum += wx * wy;
                }
            }
        }
        sum * 0.25
    }
}

struct Shader<'a> {
    scene: &'a Scene,
    camera: &'a Camera,
    grid: Grid,
    points: &'a [Vec3],
    vis: &'a Visibility,
    shadow: Option<Shadow>,
}

impl Shader<'_> {
    fn sample(&self, x: usize, y: usize, open: f32) -> Vec3 {
        let k = y * self.vis.n + x;
        let ray = self.grid.ray(x, y);
        let direction = self.camera.to_world(ray).normalize();
        let scene = self.scene;
        let id = self.vis.id[k];
        if id == NONE {
            let sky = scene.sky.colour(direction);
            return if scene.fog > 0.0 {
                let k =
                    (1.0 - direction.y * 3.0).clamp(0.0, 1.0) * (1.0 - (-scene.fog * 300.0).exp());
                sky.lerp(scene.fog_colour, k * k)
            } else {
                sky
            };
        }
        let tri = &scene.mesh.tris[id as usize];
        let bary = barycentric(tri.v.map(|i| self.points[i as usize]), ray);
        let [a, b, c] = tri.v.map(|i| &scene.mesh.verts[i as usize]);
        let p = a.p * bary.x + b.p * bary.y + c.p * bary.z;
        let t = a.t * bary.x + b.t * bary.y + c.t * bary.z;
        let mut n = (a.n * bary.x + b.n * bary.y + c.n * bary.z).normalize_or(-direction);
        let face = (b.p - a.p).cross(c.p - a.p);
        // Both sides of a surface look the same: turn normals to the viewer's side of the face.
        if face.dot(direction) * face.dot(n) > 0.0 {
            n = -n;
        }
        let m = &scene.palette.0[tri.mat as usize];
        let distance = (p - self.camera.position).length();
        let slant = n.dot(direction).abs().max(0.3);
        let foot = 2.0 * self.grid.step[0] * distance / slant;
        let albedo = m.colour(t, tri.axis, foot);
        let n = m.bumped(n, t, foot);
        let view = -direction;
        let mut light = scene.below.lerp(scene.above, n.y * 0.5 + 0.5) * open;
        let mut shine = Vec3::ZERO;
        let mut add = |d: Vec3, colour: Vec3| {
            let l = n.dot(d);
            light += colour * (l.max(0.0) + m.through * (-l).max(0.0));
            if m.gloss > 0.0 && l > 0.0 {
                let h = n.dot((d + view).normalize_or(n)).max(0.0);
                shine += colour
                    * (m.gloss * 0.08 * (m.sharp * 0.25 + 1.0) * h.powf(m.sharp) * l.min(1.0));
            }
        };
        match scene.key {
            Some(Key::Sun(d, colour)) => {
                let side = n * n.dot(d).signum();
                let lit = if n.dot(d) > 0.0 || m.through > 0.0 {
                    self.shadow.as_ref().map_or(1.0, |s| s.lit(p, side))
                } else {
                    0.0
                };
                if lit > 0.0 {
                    add(d, colour * lit);
                }
            }
            Some(Key::Lamp(q, _, colour)) => {
                let d = q - p;
                let r2 = d.length_squared().max(0.02);
                let d = d / r2.sqrt();
                let side = n * n.dot(d).signum();
                let lit = if n.dot(d) > 0.0 || m.through > 0.0 {
                    self.shadow.as_ref().map_or(1.0, |s| s.lit(p, side))
                } else {
                    0.0
                };
                if lit > 0.0 {
                    add(d, colour * lit / r2);
                }
            }
            None => {}
        }
        for lamp in &scene.lamps {
            let d = lamp.p - p;
            let r2 = d.length_squared().max(0.02);
            if r2 < 900.0 {
                add(d / r2.sqrt(), lamp.colour / r2);
            }
        }
        let mut colour = albedo * light + shine + albedo * m.emit;
        if m.mirror > 0.0 {
            let r = direction - n * (2.0 * n.dot(direction));
            let fresnel = m.mirror + (1.0 - m.mirror) * 0.6 * (1.0 - n.dot(view).abs()).powi(5);
            colour = colour.lerp(
                scene.sky.mirror(r, m.sharp) * (0.4 + 0.6 * open),
                fresnel.min(0.95),
            );
        }
        if scene.fog > 0.0 {
            colour = colour.lerp(scene.fog_colour, 1.0 - (-scene.fog * distance).exp());
        }
        colour
    }

    /// Whether two samples show the same smooth surface.
    fn same(&self, i: usize, j: usize) -> bool {
        let (a, b) = (self.vis.id[i], self.vis.id[j]);
        if a == b {
            return true;
        }
        if a == NONE || b == NONE {
            return false;
        }
        let (s, t) = (
            &self.scene.mesh.tris[a as usize],
            &self.scene.mesh.tris[b as usize],
        );
        let (v, w) = (self.vis.inverse[i], self.vis.inverse[j]);
        s.mat == t.mat
            && (v - w).abs() < 0.06 * v
            && self.scene.mesh.verts[s.v[0] as usize]
                .n
                .dot(self.scene.mesh.verts[t.v[0] as usize].n)
                .abs()
                > 0.85
    }
}

/// Only what a depth map needs: for choosing a camera.
pub fn glimpse(scene: &Scene, camera: &Camera, size: usize, full: usize) -> Visibility {
    let grid = Grid {
        n: size,
        middle: (size as f32 - 1.0) * 0.5,
        step: camera.focal.map(|f| full as f32 / (size as f32 * f)),
    };
    rasterise(&scene.mesh, &project(&scene.mesh, camera), grid, 0.02)
}

/// Renders `scene` as `camera` sees it, `size` pixels a side.
pub fn render(scene: &Scene, camera: &Camera, size: usize) -> Picture {
    let grid = Grid::picture(size, camera);
    let points = project(&scene.mesh, camera);
    let vis = rasterise(&scene.mesh, &points, grid, 0.02);
    let open = ambient(&vis, grid);
    let shader = Shader {
        scene,
        camera,
        grid,
        points: &points,
        vis: &vis,
        shadow: Shadow::new(scene, camera),
    };
    let n = vis.n;
    let mut cache: Vec<Vec3> = vec![vec3(-1.0, 0.0, 0.0); n * n];
    let mut out = Picture {
        size,
        light: Vec::with_capacity(size * size),
        inverse: Vec::with_capacity(size * size),
        labels: Vec::with_capacity(size * size),
    };
    for j in 0..size {
        for i in 0..size {
            let (x, y) = (2 * i + 1, 2 * j + 1);
            let k = y * n + x;
            out.inverse.push(vis.inverse[k]);
            out.labels.push(if vis.id[k] == NONE {
                crate::scene::label::SKY
            } else {
                scene.mesh.tris[vis.id[k] as usize].label
            });
            let shade = open[j * size + i];
            let centre = if cache[k].x < 0.0 {
                shader.sample(x, y, shade)
            } else {
                cache[k]
            };
            cache[k] = centre;
            let mut sum = centre * 0.25;
            for (dx, dy, weight) in [
                (-1, -1, 1.0),
                (0, -1, 2.0),
                (1, -1, 1.0),
                (-1, 0, 2.0),
                (1, 0, 2.0),
                (-1, 1, 1.0),
                (0, 1, 2.0),
                (1, 1, 1.0f32),
            ] {
                let (u, v) = ((x as i32 + dx) as usize, (y as i32 + dy) as usize);
                let l = v * n + u;
                let c = if shader.same(k, l) {
                    centre
                } else {
                    if cache[l].x < 0.0 {
                        cache[l] = shader.sample(u, v, shade);
                    }
                    cache[l]
                };
                sum += c * (weight / 16.0);
            }
            out.light.push(sum.clamp(Vec3::ZERO, Vec3::splat(60.0)));
        }
    }
    out
}
