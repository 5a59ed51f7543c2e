// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Smooth bodies: a union of round cones and ellipsoids that flow into each other, meshed by surface nets.

use crate::mesh::Mesh;
use glam::{Vec3, vec3};

enum Part {
    Cone { a: Vec3, b: Vec3, ra: f32, rb: f32 },
    Ellipsoid { c: Vec3, r: Vec3 },
}

/// A body in the making.
pub struct Blob {
    parts: Vec<Part>,
    /// Width in metres over which parts flow into each other.
    pub blend: f32,
}

impl Blob {
    /// An empty body; `blend` in metres.
    pub fn new(blend: f32) -> Self {
        Self {
            parts: Vec::new(),
            blend,
        }
    }

    /// A limb from `a` to `b` with radii `ra` and `rb`.
    pub fn limb(&mut self, a: Vec3, b: Vec3, ra: f32, rb: f32) -> &mut Self {
        self.parts.push(Part::Cone { a, b, ra, rb });
        self
    }

    /// A ball.
    pub fn ball(&mut self, c: Vec3, r: f32) -> &mut Self {
        self.ellipsoid(c, Vec3::splat(r))
    }

    /// An ellipsoid along the axes.
    pub fn ellipsoid(&mut self, c: Vec3, r: Vec3) -> &mut Self {
        self.parts.push(Part::Ellipsoid { c, r });
        self
    }

    fn bounds(part: &Part) -> (Vec3, Vec3) {
        match *part {
            Part::Cone { a, b, ra, rb } => {
                let r = Vec3::splat(ra.max(rb));
                (a.min(b) - r, a.max(b) + r)
            }
            Part::Ellipsoid { c, r } => (c - r, c + r),
        }
    }

    fn distance(part: &Part, p: Vec3) -> f32 {
        match *part {
            Part::Cone { a, b, ra, rb } => {
                let d = b - a;
                let t = ((p - a).dot(d) / d.length_squared().max(1e-9)).clamp(0.0, 1.0);
                p.distance(a + d * t) - (ra + (rb - ra) * t)
            }
            Part::Ellipsoid { c, r } => {
                let q = p - c;
                let (k0, k1) = ((q / r).length(), (q / (r * r)).length());
                if k1 < 1e-6 {
                    -r.min_element()
                } else {
                    k0 * (k0 - 1.0) / k1
                }
            }
        }
    }

    /// Meshes the body with cells of `cell` metres into `mesh`, with its brush. `bend` displaces the surface (metres, outwards).
    pub fn build(&self, mesh: &mut Mesh, cell: f32, bend: impl Fn(Vec3) -> f32) {
        if self.parts.is_empty() {
            return;
        }
        let k = 2.5 / self.blend.max(cell * 0.5);
        let reach = (3.5 / k).max(cell * 2.0);
        let (low, high) = self
            .parts
            .iter()
            .map(Self::bounds)
            .fold((Vec3::MAX, Vec3::MIN), |(a, b), (c, d)| {
                (a.min(c), b.max(d))
            });
        let low = low - Vec3::splat(reach + cell);
        let size = ((high - low + Vec3::splat(reach + cell)) / cell).ceil();
        let (nx, ny, nz) = (
            size.x as usize + 1,
            size.y as usize + 1,
            size.z as usize + 1,
        );
        if nx * ny * nz > 2_000_000 {
            return self.build(mesh, cell * 1.6, bend);
        }
        let mut field = vec![1e-4f32; nx * ny * nz];
        let index = |x: usize, y: usize, z: usize| (z * ny + y) * nx + x;
        for part in &self.parts {
            let (a, b) = Self::bounds(part);
            let from = ((a - Vec3::splat(reach) - low) / cell)
                .floor()
                .max(Vec3::ZERO);
            let to = ((b + Vec3::splat(reach) - low) / cell).ceil();
            for z in from.z as usize..=(to.z as usize).min(nz - 1) {
                for y in from.y as usize..=(to.y as usize).min(ny - 1) {
                    for x in from.x as usize..=(to.x as usize).min(nx - 1) {
                        let p = low + vec3(x as f32, y as f32, z as f32) * cell;
                        let d = Self::distance(part, p);
                        if d < reach {
                            field[index(x, y, z)] += (-k * d).min(60.0).exp();
                        }
                    }
                }
            }
        }
        // Only near the surface are distances needed; elsewhere the sign will do.
        let band = 2.0 * cell + 0.03;
        let (outer, inner) = ((-k * band).exp(), (k * band).min(60.0).exp());
        for z in 0..nz {
            for y in 0..ny {
                for x in 0..nx {
                    let f = &mut field[index(x, y, z)];
                    *f = if *f < outer {
                        band
                    } else if *f > inner {
                        -band
                    } else {
                        -f.ln() / k - bend(low + vec3(x as f32, y as f32, z as f32) * cell)
                    };
                }
            }
        }
        let mut ids = vec![u32::MAX; nx * ny * nz];
        let mut points = Vec::new();
        for z in 0..nz - 1 {
            for y in 0..ny - 1 {
                for x in 0..nx - 1 {
                    if field[index(x, y, z)].abs() >= band {
                        continue;
                    }
                    let corner =
                        |i: usize| field[index(x + (i & 1), y + (i >> 1 & 1), z + (i >> 2))];
                    let inside = (0..8).filter(|&i| corner(i) < 0.0).count();
                    if inside == 0 || inside == 8 {
                        continue;
                    }
                    let (mut sum, mut n) = (Vec3::ZERO, 0.0);
                    for i in 0..8usize {
                        for bit in [1usize, 2, 4] {
                            let j = i | bit;
                            if j == i {
                                continue;
                            }
                            let (a, b) = (corner(i), corner(j));
                            if (a < 0.0) != (b < 0.0) {
                                let pos = |i: usize| {
                                    vec3((i & 1) as f32, (i >> 1 & 1) as f32, (i >> 2) as f32)
                                };
                                sum += pos(i).lerp(pos(j), a / (a - b));
                                n += 1.0;
                            }
                        }
                    }
                    let t = sum / n;
                    let c = |i: usize| corner(i);
                    let lerp = |a: f32, b: f32, t: f32| a + (b - a) * t;
                    let gx = lerp(
                        lerp(c(1) - c(0), c(3) - c(2), t.y),
                        lerp(c(5) - c(4), c(7) - c(6), t.y),
                        t.z,
                    );
                    let gy = lerp(
                        lerp(c(2) - c(0), c(3) - c(1), t.x),
                        lerp(c(6) - c(4), c(7) - c(5), t.x),
                        t.z,
                    );
                    let gz = lerp(
                        lerp(c(4) - c(0), c(5) - c(1), t.x),
                        lerp(c(6) - c(2), c(7) - c(3), t.x),
                        t.y,
                    );
                    ids[index(x, y, z)] = points.len() as u32;
                    let p = low + (vec3(x as f32, y as f32, z as f32) + t) * cell;
                    points.push((p, vec3(gx, gy, gz).normalize_or(Vec3::Y)));
                }
            }
        }
        let mut faces = Vec::new();
        for z in 1..nz - 1 {
            for y in 1..ny - 1 {
                for x in 1..nx - 1 {
                    if field[index(x, y, z)].abs() >= band {
                        continue;
                    }
                    let here = field[index(x, y, z)] < 0.0;
                    if here != (field[index(x + 1, y, z)] < 0.0) {
                        faces.push([
                            ids[index(x, y - 1, z - 1)],
                            ids[index(x, y, z - 1)],
                            ids[index(x, y, z)],
                            ids[index(x, y - 1, z)],
                        ]);
                    }
                    if here != (field[index(x, y + 1, z)] < 0.0) {
                        faces.push([
                            ids[index(x - 1, y, z - 1)],
                            ids[index(x, y, z - 1)],
                            ids[index(x, y, z)],
                            ids[index(x - 1, y, z)],
                        ]);
                    }
                    if here != (field[index(x, y, z + 1)] < 0.0) {
                        faces.push([
                            ids[index(x - 1, y - 1, z)],
                            ids[index(x, y - 1, z)],
                            ids[index(x, y, z)],
                            ids[index(x - 1, y, z)],
                        ]);
                    }
                }
            }
        }
        faces.retain(|f| !f.contains(&u32::MAX));
        mesh.quads(&points, &faces);
    }
}
