// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Trees, bushes, grass, flowers, pot plants, rocks.

use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::Mesh;
use crate::noise::{fbm, value};
use crate::rng::Rng;
use crate::scene::Palette;
use glam::{Vec3, vec2, vec3};
use std::f32::consts::TAU;

/// Single leaves, and the inside of a crown, which shows many.
fn leaf_mats(rng: &mut Rng, pal: &mut Palette, grain: f32) -> [u16; 2] {
    let a = rng.foliage();
    let b = rng.near(a, 0.6);
    let leaf = Material {
        through: 0.6,
        ..Material::of(
            rng.pick(&[Pattern::Plain, Pattern::Fbm, Pattern::Fbm]),
            a,
            b,
            1.2,
            rng,
        )
        .glossy(0.15, 12.0, 0.0)
    };
    let inside = Material {
        pattern: Pattern::Leaves,
        scale: 4.0 / grain,
        a: a * 0.8,
        b: b * 0.6,
        ..leaf
    }
    .bumpy(0.9, 1.0 / grain);
    [pal.add(leaf), pal.add(inside)]
}

fn leaf_mat(rng: &mut Rng, pal: &mut Palette) -> u16 {
    leaf_mats(rng, pal, 0.2)[0]
}

/// A ragged edge of woods far away: a strip of `arc` radians around the origin at distance `r`.
pub fn treeline(rng: &mut Rng, pal: &mut Palette, r: f32, arc: f32) -> Mesh {
    let mut m = Mesh::new(label::VEGETATION);
    let [_, mat] = leaf_mats(rng, pal, 0.5);
    let (seed, high) = (rng.seed(), rng.range(0.03, 0.16) * r);
    let from = -arc * 0.5;
    m.paint(mat).patch(150, 3, false, |u, v| {
        let a = from + arc * u;
        let q = vec3(a * 12.0, 0.0, 0.0);
        let top = high * (0.35 + 0.8 * fbm(q, seed, 4, 0.0) + 0.25 * value(q * 9.0, seed ^ 3));
        let out = r * (1.0 + 0.1 * value(q * 0.7, seed ^ 5) - 0.03 * v * v);
        vec3(a.sin() * out, top * v - 0.5, a.cos() * out)
    });
    m
}

fn bark(rng: &mut Rng, pal: &mut Palette) -> u16 {
    let a = rng.earth() * 0.6;
    let b = a * rng.range(0.3, 1.8);
    pal.add(Material::of(Pattern::Fibre, a, b.min(Vec3::ONE), 12.0, rng).bumpy(0.9, 14.0))
}

/// A leaf-like lozenge at `p`, along `d`.
fn leaf(m: &mut Mesh, p: Vec3, d: Vec3, side: Vec3, length: f32, width: f32, normal: Vec3) {
    let (low, high) = (p + d * (length * 0.3), p + d * (length * 0.7));
    let fold = normal * (width * 0.3);
    let points = [
        (p, normal),
        (low + side * width + fold, normal),
        (high + side * width * 0.75 + fold, normal),
        (p + d * length, normal),
        (high - side * width * 0.75 + fold, normal),
        (low - side * width + fold, normal),
    ];
    if length > 0.25 {
        // Coarse leaves stand for far ones: two triangles do.
        m.quads(
            &[points[0], points[1], points[3], points[5]],
            &[[0, 1, 2, 3]],
        );
    } else {
        m.quads(&points, &[[0, 1, 2, 3], [0, 3, 4, 5]]);
    }
}

/// A crown of leaves: `n` lozenges in an ellipsoid, denser at clumps.
fn crown(
    m: &mut Mesh,
    rng: &mut Rng,
    [mat, heart]: [u16; 2],
    c: Vec3,
    r: Vec3,
    n: usize,
    size: f32,
) {
    m.paint(mat);
    let clumps: Vec<(Vec3, f32)> = (0..(n / 45).clamp(3, 24))
        .map(|_| {
            (
                c + rng.direction() * r * rng.range(0.25, 0.85),
                rng.range(0.22, 0.5),
            )
        })
        .collect();
    for i in 0..n {
        let (q, k) = clumps[i % clumps.len()];
        let p = q + rng.direction() * r * k * rng.unit().sqrt();
        let out = ((p - c) / r).normalize_or(Vec3::Y);
        let d = (rng.direction() + out * 0.5 - Vec3::Y * 0.2).normalize_or(Vec3::Y);
        let side = d.cross(rng.direction()).normalize_or(Vec3::X);
        let normal = (out + rng.direction() * 0.6 + Vec3::Y * 0.3).normalize_or(Vec3::Y);
        let s = size * rng.range(0.6, 1.4);
        leaf(m, p, d, side, s, s * 0.4, normal);
    }
    // An opaque heart.
    let seed = rng.seed();
    let far = n < 150;
    let (su, sv) = if far { (7, 4) } else { (10, 7) };
    m.paint(heart);
    for (q, k) in clumps.iter().take(if far { 5 } else { 9 }) {
        m.patch(su, sv, true, |u, v| {
            let (a, b) = (u * TAU, (v - 0.5) * std::f32::consts::PI);
            let d = vec3(b.cos() * a.cos(), b.sin(), -b.cos() * a.sin());
            *q + d * r * *k * (0.2 + 0.75 * value(*q + d * 3.1, seed))
        });
    }
}

fn branches(
    m: &mut Mesh,
    rng: &mut Rng,
    from: Vec3,
    dir: Vec3,
    length: f32,
    r: f32,
    depth: i32,
    tips: &mut Vec<Vec3>,
) {
    let bend = (dir + rng.direction() * 0.25).normalize();
    let mid = from + dir * length * 0.5;
    let end = mid + bend * length * 0.5;
    m.pipe(
        &[from, mid, end],
        &[r, r * 0.8, r * 0.6],
        if depth > 2 {
            8
        } else if depth > 0 {
            5
        } else {
            3
        },
    );
    if depth == 0 {
        tips.push(end);
        return;
    }
    for _ in 0..rng.int(2, 3) {
        let d = (bend + rng.direction() * 0.85 + Vec3::Y * 0.15).normalize();
        let shorter = length * rng.range(0.6, 0.85);
        branches(m, rng, end, d, shorter, r * 0.6, depth - 1, tips);
    }
}

/// A tree of any kind, `height` metres, with about `leaves` leaves.
pub fn tree(rng: &mut Rng, pal: &mut Palette, height: f32, leaves: usize) -> Mesh {
    let mut m = Mesh::new(label::VEGETATION);
    let wood = bark(rng, pal);
    let both = leaf_mats(rng, pal, height * 0.035);
    let [green, inside] = both;
    let r = height * rng.range(0.01, 0.026);
    // Fewer leaves stand for more by being larger.
    let grain = (420.0 / leaves as f32).powf(0.4).clamp(0.45, 1.6) * rng.range(0.7, 1.1);
    match rng.int(0, 9) {
        0 | 1 => {
            // A conifer: drooping whorls.
            m.paint(wood)
                .bar(Vec3::ZERO, Vec3::Y * height, r, r * 0.1, 7);
            m.paint(green);
            let low = rng.range(0.05, 0.3);
            let wide = height * rng.range(0.13, 0.28);
            for _ in 0..leaves {
                let t = low + (1.0 - low) * rng.unit();
                let reach = wide * (1.0 - t) + 0.05 * height * 0.3;
                let a = rng.range(0.0, TAU);
                let out = vec3(a.cos(), 0.0, a.sin());
                let p = out * reach * rng.unit().sqrt() * 0.9 + Vec3::Y * (height * t);
                let d = (out + vec3(0.0, rng.range(-0.7, 0.1), 0.0)).normalize();
                let s = height * 0.07 * grain * rng.range(0.5, 1.3);
                leaf(
                    &mut m,
                    p,
                    d,
                    d.cross(Vec3::Y).normalize_or(Vec3::X),
                    s,
                    s * 0.3,
                    (out + Vec3::Y * 0.6).normalize(),
                );
            }
            m.paint(inside).patch(12, 6, true, |u, v| {
                let (s, c) = (u * TAU).sin_cos();
                let k = wide * 0.65 * (1.0 - v) * (1.0 + 0.3 * (u * TAU * 5.0 + v * 30.0).sin());
                vec3(k * c, height * (low + (1.0 - low) * v), k * s)
            });
        }
        2 => {
            // A palm.
            let lean = rng.spread(0.15) * height;
            let top = vec3(lean, height, 0.0);
            m.paint(wood).pipe(
                &[Vec3::ZERO, vec3(lean * 0.3, height * 0.5, 0.0), top],
                &[r, r * 0.8, r * 0.7],
                8,
            );
            m.paint(green);
            for _ in 0..rng.int(9, 16) {
                let a = rng.range(0.0, TAU);
                let out = vec3(a.cos(), 0.0, a.sin());
                let up = rng.range(0.0, 0.9);
                let l = height * 0.35;
                let spine =
                    |t: f32| top + out * (l * t) + Vec3::Y * (l * (up * t - (0.5 + up) * t * t));
                let side = out.cross(Vec3::Y);
                for i in 0..14 {
                    let t = (i as f32 + 1.0) / 14.0;
                    for s in [-1.0f32, 1.0] {
                        let d = (side * s + out * 0.6 - Vec3::Y * 0.4).normalize();
                        leaf(
                            &mut m,
                            spine(t),
                            d,
                            out,
                            l * 0.28 * (1.1 - t),
                            l * 0.02,
                            Vec3::Y,
                        );
                    }
                }
            }
        }
        3 => {
            // Bare branches.
            let mut tips = Vec::new();
            m.paint(wood);
            branches(
                &mut m,
                rng,
                Vec3::ZERO,
                Vec3::Y,
                height * 0.33,
                r * 1.2,
                4,
                &mut tips,
            );
        }
        4..=6 => {
            let mut tips = Vec::new();
            m.paint(wood);
            branches(
                &mut m,
                rng,
                Vec3::ZERO,
                Vec3::Y,
                height * 0.36,
                r * 1.2,
                3,
                &mut tips,
            );
            let n = tips.len().max(1);
            let k = height * rng.range(0.1, 0.2);
            for t in tips {
                crown(
                    &mut m,
                    rng,
                    both,
                    t,
                    Vec3::splat(k),
                    leaves / n,
                    height * 0.05 * grain,
                );
            }
        }
        _ => {
            let h = rng.range(0.2, 0.5);
            m.paint(wood).pipe(
                &[
                    Vec3::ZERO,
                    vec3(rng.spread(0.3), height * h, rng.spread(0.3)),
                    vec3(rng.spread(0.4), height * 0.8, rng.spread(0.4)),
                ],
                &[r * 1.2, r, r * 0.4],
                8,
            );
            let k = vec3(
                height * rng.range(0.2, 0.4),
                height * (1.0 - h) * 0.55,
                height * rng.range(0.2, 0.4),
            );
            crown(
                &mut m,
                rng,
                both,
                vec3(0.0, height * (1.0 + h) * 0.5, 0.0),
                k,
                leaves,
                height * 0.055 * grain,
            );
        }
    }
    m
}

/// A bush or hedge.
pub fn bush(rng: &mut Rng, pal: &mut Palette, size: f32, leaves: usize) -> Mesh {
    let mut m = Mesh::new(label::VEGETATION);
    let green = leaf_mats(rng, pal, size * 0.1);
    let r = vec3(
        size * rng.range(0.6, 1.3),
        size * rng.range(0.4, 0.7),
        size * rng.range(0.6, 1.1),
    );
    let leaf_size = size * 0.16 * (300.0 / leaves as f32).sqrt().min(1.0) * rng.range(0.7, 1.3);
    crown(
        &mut m,
        rng,
        green,
        vec3(0.0, r.y * 0.8, 0.0),
        r,
        leaves,
        leaf_size,
    );
    m
}

/// Blades of grass or reeds in a disc of `radius` metres.
pub fn grass(rng: &mut Rng, pal: &mut Palette, radius: f32, height: f32, blades: usize) -> Mesh {
    let mut m = Mesh::new(label::VEGETATION);
    let green = leaf_mat(rng, pal);
    m.paint(green);
    for _ in 0..blades {
        let a = rng.range(0.0, TAU);
        let p = vec3(a.cos(), 0.0, a.sin()) * radius * rng.unit().sqrt();
        let h = height * rng.range(0.4, 1.2);
        let bend = vec3(rng.spread(0.6), 1.0, rng.spread(0.6)).normalize();
        let side = bend.cross(rng.direction()).normalize_or(Vec3::X) * (0.012 + height * 0.02);
        let n = (Vec3::Y + rng.direction() * 0.6).normalize_or(Vec3::Y);
        let mid = p + bend * h * 0.6;
        let tip = mid + (bend + vec3(rng.spread(0.5), -0.2, rng.spread(0.5))).normalize() * h * 0.5;
        m.quads(
            &[
                (p - side, n),
                (p + side, n),
                (mid + side * 0.7, n),
                (mid - side * 0.7, n),
                (tip, n),
            ],
            &[[0, 1, 2, 3], [3, 2, 4, 4]],
        );
    }
    if rng.chance(0.35) {
        let c = rng.colour();
        let flower = pal.add(Material {
            through: 0.4,
            ..Material::plain(c.max(Vec3::splat(0.1)))
        });
        m.paint(flower);
        for _ in 0..blades / 12 {
            let a = rng.range(0.0, TAU);
            let p = vec3(a.cos(), 0.0, a.sin()) * radius * rng.unit().sqrt()
                + Vec3::Y * height * rng.range(0.7, 1.2);
            m.disc(
                p,
                (Vec3::Y + rng.direction() * 0.7).normalize_or(Vec3::Y),
                0.02 + height * 0.05,
                6,
            );
        }
    }
    m
}

/// A plant in a pot, about a metre.
pub fn potted(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let pot = pal.add(Material::any(rng, 0.3));
    let r = rng.range(0.1, 0.2);
    m.paint(pot).lathe(
        Vec3::ZERO,
        &[
            vec2(0.0, 0.0),
            vec2(r * 0.7, 0.0),
            vec2(r, 0.3),
            vec2(r * 0.9, 0.3),
            vec2(0.0, 0.26),
        ],
        16,
    );
    m.label = label::VEGETATION;
    let both = leaf_mats(rng, pal, 0.06);
    let green = both[0];
    if rng.chance(0.5) {
        let k = rng.range(0.2, 0.4);
        let wood = bark(rng, pal);
        m.paint(wood)
            .bar(vec3(0.0, 0.2, 0.0), vec3(0.0, 0.3 + k, 0.0), 0.015, 0.01, 6);
        let size = rng.range(0.05, 0.13);
        crown(
            &mut m,
            rng,
            both,
            vec3(0.0, 0.25 + k, 0.0),
            vec3(k, k, k),
            500,
            size,
        );
    } else {
        m.paint(green);
        for _ in 0..rng.int(7, 22) {
            let a = rng.range(0.0, TAU);
            let out = vec3(a.cos(), 0.0, a.sin());
            let l = rng.range(0.3, 0.8);
            let up = rng.range(0.5, 1.5);
            let width = rng.range(0.02, 0.08);
            let side = out.cross(Vec3::Y);
            m.patch(2, 6, false, |u, v| {
                let w = width * (v * std::f32::consts::PI).sin().max(0.15);
                vec3(0.0, 0.28, 0.0)
                    + out * (l * v * 0.7)
                    + Vec3::Y * (l * (up * v - 0.7 * v * v))
                    + side * ((u - 0.5) * 2.0 * w)
            });
        }
    }
    m
}

/// A rock about `size` metres across.
pub fn rock(rng: &mut Rng, pal: &mut Palette, size: f32) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let a = rng.earth();
    let b = rng.near(a, 0.6);
    let mat = pal.add(
        Material::of(Pattern::Ground, a, b, 1.5 / size.max(0.2), rng)
            .bumpy(0.8, 8.0 / size.max(0.1)),
    );
    let (seed, s) = (
        rng.seed(),
        vec3(
            rng.range(0.6, 1.2),
            rng.range(0.4, 1.0),
            rng.range(0.6, 1.2),
        ) * size
            * 0.5,
    );
    m.paint(mat).patch(18, 12, true, |u, v| {
        let (a, b) = (u * TAU, (v - 0.5) * std::f32::consts::PI);
        let d = vec3(b.cos() * a.cos(), b.sin(), -b.cos() * a.sin());
        d * s * (0.55 + 0.9 * fbm(d * 1.6, seed, 3, 0.0)) + Vec3::Y * s.y * 0.5
    });
    m
}
