// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The visibility pass: which triangle is seen at every sample, and its exact inverse depth.
//!
//! Homogeneous rasterisation: for camera-space corners p0, p1, p2 and the ray r = (x, y, 1) of a sample, λᵢ/z = (pⱼ × pₖ)·r / det.
//! All three are linear in the sample's position, their sum is 1/z, and no clipping is needed.

use crate::mesh::Mesh;
use glam::{DVec3, Mat3, Vec2, Vec3};

/// No triangle.
pub const NONE: u32 = u32::MAX;

/// A pinhole camera. Camera space: x right, y down, z forward.
#[derive(Clone, Copy, Debug)]
pub struct Camera {
    /// Where it stands.
    pub position: Vec3,
    /// Rows: right, down, forward.
    pub rotation: Mat3,
    /// Focal lengths in pixels.
    pub focal: [f32; 2],
}

impl Camera {
    /// A camera at `position` that looks at `target`, rolled by `roll` radians.
    pub fn look(position: Vec3, target: Vec3, roll: f32, focal: [f32; 2]) -> Self {
        let forward = (target - position).normalize_or(Vec3::Z);
        let up = if forward.y.abs() > 0.999 {
            Vec3::X
        } else {
            Vec3::Y
        };
        let right = forward.cross(up).normalize();
        let down = forward.cross(right);
        let (s, c) = roll.sin_cos();
        let (r, d) = (right * c + down * s, down * c - right * s);
        Self {
            position,
            rotation: Mat3::from_cols(r, d, forward).transpose(),
            focal,
        }
    }

    /// A point of the world in camera space.
    pub fn to_camera(&self, p: Vec3) -> Vec3 {
        self.rotation * (p - self.position)
    }

    /// The world's direction of a camera-space direction.
    pub fn to_world(&self, d: Vec3) -> Vec3 {
        self.rotation.transpose() * d
    }
}

/// A square grid of samples.
pub struct Visibility {
    /// Samples a side.
    pub n: usize,
    /// Inverse depth along the optical axis, 0 where nothing is seen.
    pub inverse: Vec<f32>,
    /// Triangle number, or [`NONE`].
    pub id: Vec<u32>,
}

/// How sample numbers map to the plane z = 1: `ray = (index - middle) * step`.
#[derive(Clone, Copy)]
pub struct Grid {
    /// Samples a side.
    pub n: usize,
    /// Index of the optical axis.
    pub middle: f32,
    /// Size of a step at z = 1, both ways.
    pub step: [f32; 2],
}

impl Grid {
    /// Two samples a pixel for a picture of `size` pixels: sample `2 i + 1` is the centre of pixel `i`.
    pub fn picture(size: usize, camera: &Camera) -> Self {
        Self {
            n: 2 * size + 1,
            middle: size as f32,
            step: camera.focal.map(|f| 0.5 / f),
        }
    }

    /// The ray (z = 1) of a sample.
    pub fn ray(&self, x: usize, y: usize) -> Vec3 {
        Vec3::new(
            (x as f32 - self.middle) * self.step[0],
            (y as f32 - self.middle) * self.step[1],
            1.0,
        )
    }
}

/// Corners of all vertices of `mesh` in camera space.
pub fn project(mesh: &Mesh, camera: &Camera) -> Vec<Vec3> {
    mesh.verts.iter().map(|v| camera.to_camera(v.p)).collect()
}

/// Rounds down.
fn down(x: f32) -> f32 {
    crate::noise::floor(x) as f32
}

/// Rounds up.
fn up(x: f32) -> f32 {
    -down(-x)
}

/// Rasterises `mesh`, whose vertices are at `points` in camera space. Nothing nearer than `near` metres is drawn.
pub fn rasterise(mesh: &Mesh, points: &[Vec3], grid: Grid, near: f32) -> Visibility {
    let n = grid.n;
    let mut out = Visibility {
        n,
        inverse: vec![0.0; n * n],
        id: vec![NONE; n * n],
    };
    let (sx, sy, m) = (grid.step[0] as f64, grid.step[1] as f64, grid.middle as f64);
    let limit = 1.0 / near;
    // Where every corner is among the samples, if it is in front of the camera.
    let [kx, ky] = grid.step.map(|s| 1.0 / s);
    let spots: Vec<Vec2> = points
        .iter()
        .map(|p| {
            let w = 1.0 / p.z;
            if p.z > 1e-3 {
                Vec2::new(p.x * w * kx + grid.middle, p.y * w * ky + grid.middle)
            } else {
                Vec2::NAN
            }
        })
        .collect();
    for (number, tri) in mesh.tris.iter().enumerate() {
        let (mut x0, mut y0, mut x1, mut y1) = (0.0f32, 0.0f32, n as f32 - 1.0, n as f32 - 1.0);
        let [a, b, c] = tri.v.map(|i| spots[i as usize]);
        if !(a.x + b.x + c.x).is_nan() {
            let (low, high) = (a.min(b).min(c), a.max(b).max(c));
            (x0, y0) = (up(low.x).max(x0), up(low.y).max(y0));
            (x1, y1) = (down(high.x).min(x1), down(high.y).min(y1));
        }
        if x0 > x1 || y0 > y1 {
            continue;
        }
        let p = tri.v.map(|i| points[i as usize]);
        if p.iter().all(|q| q.z < near) {
            continue;
        }
        let [a, b, c] = p.map(|q| DVec3::new(q.x as f64, q.y as f64, q.z as f64));
        let edges = [b.cross(c), c.cross(a), a.cross(b)];
        let det = a.dot(edges[0]);
        if det.abs() < 1e-18 {
            continue;
        }
        // λ/z as A·column + B·row + C.
        let lines = edges.map(|e| {
            let e = e / det;
            let a = e.x * sx;
            (a, e.y * sy, e.z - m * (a + e.y * sy), -1.0 / a)
        });
        let w = (
            lines[0].0 + lines[1].0 + lines[2].0,
            lines[0].1 + lines[1].1 + lines[2].1,
            lines[0].2 + lines[1].2 + lines[2].2,
        );
        for y in y0 as usize..=y1 as usize {
            let (mut from, mut to) = (x0 as f64, x1 as f64);
            for (la, lb, lc, crossing) in lines {
                let rest = lb * y as f64 + lc;
                if la > 0.0 {
                    from = from.max(rest * crossing);
                } else if la < 0.0 {
                    to = to.min(rest * crossing);
                } else if rest < 0.0 {
                    to = -1.0;
                }
            }
            if from > to {
                continue;
            }
            // `from` and `to` lie within the picture: round up and down.
            let (from, to) = (
                from as i64 + i64::from(from > (from as i64) as f64),
                to as i64,
            );
            if from > to {
                continue;
            }
            let (from, to) = (from as usize, to as usize);
            let start = (w.0 * from as f64 + w.1 * y as f64 + w.2) as f32;
            let dw = w.0 as f32;
            let row = y * n;
            let depth = &mut out.inverse[row + from..=row + to];
            let ids = &mut out.id[row + from..=row + to];
            for (i, (d, id)) in depth.iter_mut().zip(ids).enumerate() {
                let v = start + dw * i as f32;
                if v > *d && v < limit {
                    *d = v;
                    *id = number as u32;
                }
            }
        }
    }
    out
}

/// Barycentric coordinates of the point that `ray` (z = 1) sees on a triangle with camera-space corners `p`.
pub fn barycentric(p: [Vec3; 3], ray: Vec3) -> Vec3 {
    let e = Vec3::new(
        p[1].cross(p[2]).dot(ray),
        p[2].cross(p[0]).dot(ray),
        p[0].cross(p[1]).dot(ray),
    );
    let sum = e.x + e.y + e.z;
    if sum.abs() < 1e-20 {
        Vec3::new(1.0, 0.0, 0.0)
    } else {
        (e / sum).clamp(Vec3::ZERO, Vec3::ONE)
    }
}

/// How dark the crevices are: ambient light that arrives at every pixel, 0 to 1, from the depth around it.
pub fn ambient(vis: &Visibility, grid: Grid) -> Vec<f32> {
    let size = (vis.n - 1) / 2;
    let at = |x: usize, y: usize| vis.inverse[(2 * y + 1) * vis.n + 2 * x + 1];
    let half = size / 2;
    let mut coarse = vec![1.0f32; half * half];
    coarse.chunks_mut(half).enumerate().for_each(|(j, row)| {
        for (i, out) in row.iter_mut().enumerate() {
            let (x, y) = (2 * i, 2 * j);
            let w = at(x, y);
            if w <= 0.0 {
                continue;
            }
            // Half a metre around, within sensible limits on the screen.
            let radius = (0.5 * w * 0.5 / grid.step[0]).clamp(3.0, 36.0);
            let turn = crate::noise::unit(crate::noise::hash(i as i32, j as i32, 0, 77))
                * std::f32::consts::TAU;
            let mut dark = 0.0;
            for k in 0..10 {
                let angle = turn + k as f32 * 2.399;
                let r = radius * ((k as f32 + 0.5) / 10.0).sqrt();
                let (s, c) = angle.sin_cos();
                let (dx, dy) = ((c * r) as i32, (s * r) as i32);
                let get = |dx: i32, dy: i32| {
                    let (u, v) = (
                        (x as i32 + dx).clamp(0, size as i32 - 1),
                        (y as i32 + dy).clamp(0, size as i32 - 1),
                    );
                    at(u as usize, v as usize)
                };
                // Opposite samples cancel a slope; only what rises above it darkens.
                let (p, q) = (get(dx, dy), get(-dx, -dy));
                let rise = (0.5 * (p + q) - w) / w;
                let world = r * grid.step[0] * 2.0;
                let steep = rise / world.max(1e-4);
                dark += steep.clamp(0.0, 1.2) * if rise > 0.6 { 0.3 } else { 1.0 };
            }
            *out = (1.0 - 0.16 * dark).clamp(0.25, 1.0);
        }
    });
    // A blur that keeps edges hides the grain.
    let mut fine = vec![1.0f32; size * size];
    for y in 0..size {
        for x in 0..size {
            let w = at(x, y);
            let (mut sum, mut weight) = (0.0, 0.0);
            for dj in -1..=1i32 {
                for di in -1..=1i32 {
                    let (i, j) = (
                        ((x / 2) as i32 + di).clamp(0, half as i32 - 1) as usize,
                        ((y / 2) as i32 + dj).clamp(0, half as i32 - 1) as usize,
                    );
                    let v = at(2 * i, 2 * j);
                    let k = 1.0 / (0.02 + ((v - w) / w.max(1e-6)).abs());
                    sum += k * coarse[j * half + i];
                    weight += k;
                }
            }
            fine[y * size + x] = sum / weight;
        }
    }
    fine
}
