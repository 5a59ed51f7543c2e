// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Triangle meshes and the shapes they are made of. Metres, y up.

use crate::rng::Rng;
use glam::{Affine3A, Mat3, Quat, Vec2, Vec3, vec2, vec3};
use std::f32::consts::{PI, TAU};

/// A corner: position, normal, and where it lies in its object's texture.
#[derive(Clone, Copy, Debug)]
pub struct Vertex {
    /// Position in metres.
    pub p: Vec3,
    /// Unit normal.
    pub n: Vec3,
    /// Texture position in metres, in the object's own frame.
    pub t: Vec3,
}

/// A triangle of three vertices.
#[derive(Clone, Copy, Debug)]
pub struct Tri {
    /// Vertex numbers.
    pub v: [u32; 3],
    /// Material number.
    pub mat: u16,
    /// Class label, see [`crate::label`].
    pub label: u8,
    /// Axis (0, 1, 2) along which flat patterns are projected.
    pub axis: u8,
}

/// Triangles, and the brush with which the next ones are painted.
#[derive(Clone, Debug)]
pub struct Mesh {
    /// All vertices.
    pub verts: Vec<Vertex>,
    /// All triangles.
    pub tris: Vec<Tri>,
    /// Material of what comes next.
    pub mat: u16,
    /// Label of what comes next.
    pub label: u8,
    /// Where what comes next is put.
    pub at: Affine3A,
}

/// A place and a turn about the vertical (radians).
pub fn place(p: Vec3, turn: f32) -> Affine3A {
    Affine3A::from_rotation_translation(Quat::from_rotation_y(turn), p)
}

impl Mesh {
    /// An empty mesh whose parts carry `label`.
    pub fn new(label: u8) -> Self {
        Self {
            verts: Vec::new(),
            tris: Vec::new(),
            mat: 0,
            label,
            at: Affine3A::IDENTITY,
        }
    }

    /// Chooses the material of what comes next.
    pub fn paint(&mut self, mat: u16) -> &mut Self {
        self.mat = mat;
        self
    }

    /// Adds a copy of `other`, moved by `xf`.
    pub fn add(&mut self, other: &Mesh, xf: Affine3A) {
        let base = self.verts.len() as u32;
        let turn = Mat3::from(xf.matrix3).inverse().transpose();
        self.verts.extend(other.verts.iter().map(|v| Vertex {
            p: xf.transform_point3(v.p),
            n: (turn * v.n).normalize_or_zero(),
            t: v.t,
        }));
        self.tris.extend(other.tris.iter().map(|t| Tri {
            v: t.v.map(|i| i + base),
            ..*t
        }));
    }

    /// Adds a copy of `other` with every material replaced by `mat`.
    pub fn add_painted(&mut self, other: &Mesh, xf: Affine3A, map: impl Fn(u16) -> u16) {
        let first = self.tris.len();
        self.add(other, xf);
        for t in &mut self.tris[first..] {
            t.mat = map(t.mat);
        }
    }

    /// Moves everything so far by `xf`.
    pub fn moved(mut self, xf: Affine3A) -> Self {
        let turn = Mat3::from(xf.matrix3).inverse().transpose();
        for v in &mut self.verts {
            v.p = xf.transform_point3(v.p);
            v.n = (turn * v.n).normalize_or_zero();
        }
        self
    }

    /// Lowest and highest corner of the box around everything.
    pub fn bounds(&self) -> (Vec3, Vec3) {
        self.verts
            .iter()
            .fold((Vec3::MAX, Vec3::MIN), |(a, b), v| (a.min(v.p), b.max(v.p)))
    }

    fn vertex(&mut self, p: Vec3, n: Vec3) -> u32 {
        self.verts.push(Vertex {
            p: self.at.transform_point3(p),
            n: self.at.transform_vector3(n).normalize_or_zero(),
            t: p,
        });
        self.verts.len() as u32 - 1
    }

    fn tri(&mut self, v: [u32; 3]) {
        let [a, b, c] = v.map(|i| self.verts[i as usize].t);
        let n = (b - a).cross(c - a).abs();
        let axis = if n.x > n.y && n.x > n.z {
            0
        } else if n.y > n.z {
            1
        } else {
            2
        };
        self.tris.push(Tri {
            v,
            mat: self.mat,
            label: self.label,
            axis,
        });
    }

    /// A mesh from outside: positions, normals and quads.
    pub fn quads(&mut self, points: &[(Vec3, Vec3)], faces: &[[u32; 4]]) {
        let base = self.verts.len() as u32;
        for &(p, n) in points {
            self.vertex(p, n);
        }
        for f in faces {
            let f = f.map(|i| i + base);
            self.tri([f[0], f[1], f[2]]);
            if f[3] != f[2] {
                self.tri([f[0], f[2], f[3]]);
            }
        }
    }

    /// A flat triangle.
    pub fn flat_tri(&mut self, a: Vec3, b: Vec3, c: Vec3) {
        let n = (b - a).cross(c - a).normalize_or_zero();
        let v = [self.vertex(a, n), self.vertex(b, n), self.vertex(c, n)];
        self.tri(v);
    }

    /// A flat quad, corners in order.
    pub fn quad(&mut self, a: Vec3, b: Vec3, c: Vec3, d: Vec3) {
        let n = (b - a).cross(d - a).normalize_or_zero();
        let v = [
            self.vertex(a, n),
            self.vertex(b, n),
            self.vertex(c, n),
            self.vertex(d, n),
        ];
        self.tri([v[0], v[1], v[2]]);
        self.tri([v[0], v[2], v[3]]);
    }

    /// A box with sharp edges.
    pub fn cuboid(&mut self, centre: Vec3, half: Vec3) {
        for axis in 0..3 {
            let mut u = Vec3::ZERO;
            let mut v = Vec3::ZERO;
            let mut w = Vec3::ZERO;
            u[(axis + 1) % 3] = half[(axis + 1) % 3];
            v[(axis + 2) % 3] = half[(axis + 2) % 3];
            w[axis] = half[axis];
            self.quad(
                centre + w - u - v,
                centre + w + u - v,
                centre + w + u + v,
                centre + w - u + v,
            );
            self.quad(
                centre - w - u - v,
                centre - w - u + v,
                centre - w + u + v,
                centre - w + u - v,
            );
        }
    }

    /// A box from its lowest and highest corner.
    pub fn span(&mut self, a: Vec3, b: Vec3) {
        self.cuboid((a + b) * 0.5, (b - a).abs() * 0.5);
    }

    /// A smooth patch `f(u, v)`, u and v in [0, 1], of `nu`×`nv` quads; `closed` when u = 1 meets u = 0.
    pub fn patch(&mut self, nu: usize, nv: usize, closed: bool, f: impl Fn(f32, f32) -> Vec3) {
        let points: Vec<Vec3> = (0..=nv)
            .flat_map(|j| (0..=nu).map(move |i| (i as f32 / nu as f32, j as f32 / nv as f32)))
            .map(|(u, v)| f(u, v))
            .collect();
        let at = |i: usize, j: usize| points[j * (nu + 1) + i];
        let base = self.verts.len() as u32;
        for j in 0..=nv {
            for i in 0..=nu {
                let (left, right) = if closed {
                    (
                        if i == 0 { nu - 1 } else { i - 1 },
                        if i == nu { 1 } else { i + 1 },
                    )
                } else {
                    (i.saturating_sub(1), (i + 1).min(nu))
                };
                let du = at(right, j) - at(left, j);
                let dv = at(i, (j + 1).min(nv)) - at(i, j.saturating_sub(1));
                let mut n = du.cross(dv);
                if n.length_squared() < 1e-14 {
                    // A pole: the direction in which the patch closes.
                    let inner = if j == 0 { 1 } else { nv.saturating_sub(1) };
                    n = at(i, j) - at(i, inner);
                }
                self.vertex(at(i, j), n);
            }
        }
        let row = nu as u32 + 1;
        for j in 0..nv as u32 {
            for i in 0..nu as u32 {
                let k = base + j * row + i;
                self.tri([k, k + 1, k + row + 1]);
                self.tri([k, k + row + 1, k + row]);
            }
        }
    }

    /// An ellipsoid with radii `r`.
    pub fn ellipsoid(&mut self, c: Vec3, r: Vec3, seg: usize) {
        self.superellipsoid(c, r, 1.0, 1.0, seg);
    }

    /// A superellipsoid: exponents 1 give an ellipsoid, near 0 a box with round edges.
    pub fn superellipsoid(&mut self, c: Vec3, r: Vec3, e1: f32, e2: f32, seg: usize) {
        let pow = |x: f32, e: f32| x.signum() * x.abs().powf(e);
        self.patch(seg, (seg / 2).max(3), true, |u, v| {
            let (a, b) = (u * TAU, (v - 0.5) * PI);
            let (sb, cb) = (pow(b.sin(), e1), pow(b.cos().max(0.0), e1));
            c + r * vec3(cb * pow(a.cos(), e2), sb, -cb * pow(a.sin(), e2))
        });
    }

    /// A box with rounded edges (a cheap one: bevelled, smooth normals).
    pub fn cushion(&mut self, c: Vec3, half: Vec3, softness: f32) {
        self.superellipsoid(
            c,
            half,
            softness.clamp(0.1, 1.0),
            softness.clamp(0.1, 1.0),
            16,
        );
    }

    /// A round bar from `a` to `b`, radii `ra` and `rb`, with flat ends.
    pub fn bar(&mut self, a: Vec3, b: Vec3, ra: f32, rb: f32, sides: usize) {
        let axis = (b - a).normalize_or(Vec3::Y);
        let (u, v) = axis.any_orthonormal_pair();
        self.patch(sides, 1, true, |s, t| {
            let (sin, cos) = (s * TAU).sin_cos();
            a.lerp(b, t) + (u * cos + v * sin) * (ra + (rb - ra) * t)
        });
        if sides > 5 {
            self.disc(a, -axis, ra, sides);
            self.disc(b, axis, rb, sides);
        }
    }

    /// A bar along a line of points, with a radius at each.
    pub fn pipe(&mut self, points: &[Vec3], radii: &[f32], sides: usize) {
        let n = points.len();
        let frames: Vec<(Vec3, Vec3)> = {
            let mut frames: Vec<(Vec3, Vec3)> = Vec::with_capacity(n);
            let mut side: Option<Vec3> = None;
            for i in 0..n {
                let dir = (points[(i + 1).min(n - 1)] - points[i.saturating_sub(1)])
                    .normalize_or(Vec3::Y);
                let u = side.map_or_else(
                    || dir.any_orthonormal_vector(),
                    |s| (s - dir * s.dot(dir)).normalize_or(dir.any_orthonormal_vector()),
                );
                side = Some(u);
                frames.push((u, dir.cross(u)));
            }
            frames
        };
        self.patch(sides, n - 1, true, |s, t| {
            let i = (t * (n - 1) as f32 + 0.5) as usize;
            let (sin, cos) = (s * TAU).sin_cos();
            points[i] + (frames[i].0 * cos + frames[i].1 * sin) * radii[i.min(radii.len() - 1)]
        });
    }

    /// A disc facing `n`.
    pub fn disc(&mut self, c: Vec3, n: Vec3, r: f32, sides: usize) {
        let (u, v) = n.any_orthonormal_pair();
        let mid = self.vertex(c, n);
        let rim: Vec<u32> = (0..sides)
            .map(|i| {
                let (sin, cos) = (i as f32 / sides as f32 * TAU).sin_cos();
                self.vertex(c + (u * cos + v * sin) * r, n)
            })
            .collect();
        for i in 0..sides {
            self.tri([mid, rim[i], rim[(i + 1) % sides]]);
        }
    }

    /// A ring around `axis`: radius `big`, thickness `small`, over `arc` turns.
    pub fn ring(&mut self, c: Vec3, axis: Vec3, big: f32, small: f32, seg: usize, sides: usize) {
        let (u, v) = axis.any_orthonormal_pair();
        self.patch(seg, sides, true, |s, t| {
            let (sin, cos) = (s * TAU).sin_cos();
            let (st, ct) = (t * TAU).sin_cos();
            c + (u * cos + v * sin) * (big + small * ct) + axis * (small * st)
        });
    }

    /// A turned shape about the vertical through `base`: `profile` holds (radius, height).
    pub fn lathe(&mut self, base: Vec3, profile: &[Vec2], seg: usize) {
        // Each ring twice, so that edges of the profile stay sharp.
        for pair in profile.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            self.patch(seg, 1, true, |s, t| {
                let q = a.lerp(b, t);
                let (sin, cos) = (s * TAU).sin_cos();
                base + vec3(q.x * cos, q.y, -q.x * sin)
            });
        }
    }

    /// A smooth turned shape: the profile is one smooth line.
    pub fn lathe_smooth(&mut self, base: Vec3, profile: &[Vec2], seg: usize) {
        let n = profile.len() - 1;
        self.patch(seg, n, true, |s, t| {
            let q = profile[(t * n as f32 + 0.5) as usize];
            let (sin, cos) = (s * TAU).sin_cos();
            base + vec3(q.x * cos, q.y, -q.x * sin)
        });
    }

    /// A smooth skin over closed outlines with the same number of points.
    pub fn skin(&mut self, outlines: &[Vec<Vec3>]) {
        let (n, k) = (outlines.len() - 1, outlines[0].len());
        self.patch(k, n, true, |u, v| {
            outlines[(v * n as f32 + 0.5) as usize][(u * k as f32 + 0.5) as usize % k]
        });
    }

    /// Fur: `count` thin hairs of `length` metres on the triangles from number `first` on, swept along `sweep`.
    pub fn fringe(
        &mut self,
        rng: &mut Rng,
        first: usize,
        count: usize,
        length: f32,
        width: f32,
        sweep: Vec3,
    ) {
        let last = self.tris.len() as i32 - 1;
        if last < first as i32 {
            return;
        }
        for _ in 0..count {
            let tri = self.tris[rng.int(first as i32, last) as usize];
            let v = self.verts[tri.v[0] as usize];
            let w = self.verts[tri.v[1] as usize];
            let p = v.p.lerp(w.p, rng.unit());
            let d =
                (v.n * rng.range(0.15, 1.0) + sweep * rng.range(0.4, 1.0) + rng.direction() * 0.3)
                    .normalize_or(v.n);
            let side = d.cross(rng.direction()).normalize_or(Vec3::X) * width;
            let n = (v.n + rng.direction() * 0.25).normalize_or(v.n);
            let tip = p + d * length * rng.range(0.5, 1.2);
            self.quads(&[(p - side, n), (p + side, n), (tip, n)], &[[0, 1, 2, 2]]);
        }
    }

    /// A flat outline in the x-y plane, extruded by ±`half` along z.
    pub fn extrude(&mut self, outline: &[Vec2], half: f32) {
        let n = outline.len();
        for i in 0..n {
            let (a, b) = (outline[i], outline[(i + 1) % n]);
            self.quad(
                a.extend(half),
                b.extend(half),
                b.extend(-half),
                a.extend(-half),
            );
        }
        let mid = outline.iter().fold(vec2(0.0, 0.0), |s, &p| s + p) / n as f32;
        for side in [half, -half] {
            for i in 0..n {
                self.flat_tri(
                    mid.extend(side),
                    outline[i].extend(side),
                    outline[(i + 1) % n].extend(side),
                );
            }
        }
    }
}
