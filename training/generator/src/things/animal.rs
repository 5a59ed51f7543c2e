// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Four-legged animals and birds of no particular species.

use crate::blob::Blob;
use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::noise::value;
use crate::rng::Rng;
use crate::scene::Palette;
use glam::{Vec3, vec3};

fn coat(rng: &mut Rng, scale: f32) -> Material {
    let a = if rng.chance(0.85) {
        rng.fur()
    } else {
        rng.colour()
    };
    let b = if rng.chance(0.5) {
        a * rng.range(0.4, 0.8)
    } else {
        rng.fur()
    };
    let (pattern, k) = match rng.int(0, 9) {
        0..=4 => (Pattern::Fibre, 60.0),
        5 => (Pattern::Spots, 14.0),
        6 => (Pattern::Veins, 22.0),
        7 | 8 => (Pattern::Fbm, 5.0),
        _ => (Pattern::Cells, 7.0),
    };
    Material::of(pattern, a, b, k / scale, rng)
        .bumpy(rng.range(0.1, 0.9), rng.range(30.0, 80.0) / scale)
}

/// A quadruped: cat, dog, sheep, cow, horse, or something between. About `height` metres at the shoulder.
pub fn quadruped(rng: &mut Rng, pal: &mut Palette, height: f32, cell: f32) -> Mesh {
    // Built with the shoulder at about 1 and scaled afterwards.
    let mut m = Mesh::new(label::ANIMAL);
    let mat = pal.add(coat(rng, 1.0));
    let dark = pal.add(Material::plain(rng.dark()).glossy(0.7, 60.0, 0.04));
    let long = rng.range(0.9, 1.6);
    let stout = rng.range(0.75, 1.4);
    let leg = rng.range(0.45, 0.65);
    let thick = rng.range(0.05, 0.085) * stout;
    let (front, back) = (long * 0.42, -long * 0.42);
    let y = leg + 0.18 * stout;
    let lying = rng.chance(0.2);
    let seated = !lying && rng.chance(0.2);
    let rump = if seated { 0.28 } else { y };
    let mut b = Blob::new(0.09);
    b.limb(
        vec3(0.0, y, front),
        vec3(0.0, rump - 0.02, back),
        0.2 * stout,
        0.19 * stout,
    );
    b.limb(
        vec3(0.0, y - 0.05, front * 0.6),
        vec3(0.0, rump - 0.03, back * 0.5),
        0.2 * stout,
        0.19 * stout,
    );
    let neck = rng.range(0.2, 0.55);
    let up = rng.range(-0.3, 1.25);
    let side = rng.spread(0.5);
    let head = vec3(
        neck * side * 0.6,
        y + 0.08 + neck * up.sin(),
        front + 0.12 + neck * up.cos() * 0.8,
    );
    b.limb(vec3(0.0, y + 0.04, front), head, 0.15 * stout.min(1.1), 0.1);
    let gaze = vec3(side + rng.spread(0.5), rng.range(-0.6, 0.15), 1.0).normalize();
    let snout = rng.range(0.12, 0.3);
    b.ball(head, rng.range(0.1, 0.145));
    b.limb(head, head + gaze * snout, 0.095, rng.range(0.035, 0.07));
    let tail = rng.range(0.2, 0.6);
    let wag = vec3(rng.spread(0.4), rng.range(-0.8, 0.9), -0.7).normalize();
    let fluff = rng.range(0.02, 0.06);
    b.limb(
        vec3(0.0, rump + 0.08, back - 0.12),
        vec3(0.0, rump + 0.08, back - 0.12) + wag * tail,
        fluff,
        fluff * 0.7,
    );
    for s in [-1.0f32, 1.0] {
        for (z, hind) in [(front, false), (back, true)] {
            let hip = vec3(0.11 * stout * s, if hind { rump } else { y } - 0.08, z);
            if lying || (seated && hind) {
                let ground = if lying { y - 0.3 * stout } else { 0.05 };
                b.limb(
                    hip - vec3(0.0, 0.05, 0.0),
                    vec3(0.2 * stout * s, ground.max(0.06), z + 0.22),
                    thick * 1.6,
                    thick,
                );
                continue;
            }
            let stride = rng.spread(0.16);
            let knee = vec3(
                hip.x,
                leg * 0.5,
                z + stride * 0.5 + if hind { -0.07 } else { 0.02 },
            );
            let foot = vec3(hip.x, 0.05, z + stride);
            b.limb(hip, knee, thick * if hind { 2.0 } else { 1.5 }, thick)
                .limb(knee, foot, thick * 0.9, thick * 0.7);
            b.limb(foot, foot + vec3(0.0, 0.0, 0.07), thick * 0.75, thick * 0.6);
        }
    }
    let (ear_long, ear_fat) = (rng.range(0.06, 0.22), rng.range(0.02, 0.05));
    let droop = rng.range(-0.8, 1.0);
    let sideways = gaze.cross(Vec3::Y).normalize_or(Vec3::X);
    for s in [-1.0f32, 1.0] {
        let root = head + sideways * (0.075 * s) + Vec3::Y * 0.07;
        b.limb(
            root,
            root + (sideways * s * 0.6 + Vec3::Y * droop - gaze * 0.2).normalize() * ear_long,
            ear_fat,
            ear_fat * 0.35,
        );
    }
    m.paint(mat);
    let (shaggy, seed) = (
        if rng.chance(0.4) {
            rng.range(0.01, 0.06)
        } else {
            0.0
        },
        rng.seed(),
    );
    b.build(&mut m, cell / height, |p| {
        shaggy * (value(p * 20.0, seed) - 0.3)
    });
    if cell / height < 0.03 && rng.chance(0.5) {
        let (length, count) = (rng.range(0.02, 0.09), rng.int(2000, 7000) as usize);
        m.fringe(rng, 0, count, length, 0.005, vec3(0.0, -0.5, -0.6));
    }
    m.paint(dark);
    for s in [-1.0f32, 1.0] {
        m.ellipsoid(
            head + sideways * (0.068 * s) + gaze * 0.085 + Vec3::Y * 0.035,
            Vec3::splat(0.02),
            8,
        );
    }
    m.ellipsoid(head + gaze * (snout + 0.045), Vec3::splat(0.03), 8);
    if rng.chance(0.15) {
        for s in [-1.0f32, 1.0] {
            let root = head + sideways * (0.05 * s) + Vec3::Y * 0.09;
            m.pipe(
                &[
                    root,
                    root + sideways * (0.08 * s) + Vec3::Y * 0.1,
                    root + sideways * (0.07 * s) + Vec3::Y * 0.24,
                ],
                &[0.025, 0.018, 0.005],
                7,
            );
        }
    }
    let low = m.bounds().0.y;
    m.moved(glam::Affine3A::from_scale(Vec3::splat(height)) * place(vec3(0.0, -low, 0.0), 0.0))
}

/// A bird about `size` metres long.
pub fn bird(rng: &mut Rng, pal: &mut Palette, size: f32, cell: f32) -> Mesh {
    let mut m = Mesh::new(label::ANIMAL);
    let mat = pal.add(coat(rng, 0.6));
    let beak = pal.add(Material::plastic(rng));
    let eye = pal.add(Material::plain(rng.dark()).glossy(0.9, 80.0, 0.05));
    let mut b = Blob::new(0.08);
    let neck = rng.range(0.1, 0.4);
    let head = vec3(rng.spread(0.08), 0.45 + neck, 0.3);
    b.limb(vec3(0.0, 0.45, 0.15), vec3(0.0, 0.38, -0.2), 0.19, 0.13);
    b.limb(vec3(0.0, 0.5, 0.2), head, 0.11, 0.08)
        .ball(head, 0.1);
    b.limb(vec3(0.0, 0.38, -0.25), vec3(0.0, 0.33, -0.6), 0.08, 0.03);
    for s in [-1.0f32, 1.0] {
        b.limb(
            vec3(0.14 * s, 0.48, 0.1),
            vec3(0.12 * s, 0.38, -0.4),
            0.07,
            0.03,
        );
    }
    m.paint(mat);
    b.build(&mut m, cell / size, |_| 0.0);
    m.paint(beak).bar(
        head + vec3(0.0, -0.01, 0.08),
        head + vec3(0.0, -0.04, 0.08 + rng.range(0.08, 0.22)),
        0.035,
        0.005,
        8,
    );
    for s in [-1.0f32, 1.0] {
        m.paint(eye)
            .ellipsoid(head + vec3(0.08 * s, 0.02, 0.045), Vec3::splat(0.02), 6);
        m.paint(beak).bar(
            vec3(0.06 * s, 0.3, 0.0),
            vec3(0.06 * s, 0.0, 0.03),
            0.015,
            0.012,
            5,
        );
        m.bar(
            vec3(0.06 * s, 0.01, -0.03),
            vec3(0.06 * s, 0.01, 0.14),
            0.012,
            0.008,
            5,
        );
    }
    m.moved(glam::Affine3A::from_scale(Vec3::splat(size)))
}

/// Any animal about `size` metres tall.
pub fn any(rng: &mut Rng, pal: &mut Palette, size: f32, cell: f32) -> Mesh {
    if rng.chance(0.15) {
        bird(rng, pal, size, cell)
    } else {
        quadruped(rng, pal, size, cell)
    }
}
