// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Value and cell noise: the source of every texture.

use glam::{Vec2, Vec3, vec2, vec3};

/// Hashes a lattice point.
#[inline]
pub fn hash(x: i32, y: i32, z: i32, seed: u32) -> u32 {
    let mut h = (x as u32).wrapping_mul(0x8DA6_B343)
        ^ (y as u32).wrapping_mul(0xD816_3841)
        ^ (z as u32).wrapping_mul(0xCB1A_B31F)
        ^ seed;
    h ^= h >> 15;
    h = h.wrapping_mul(0x2C1B_3C6D);
    h ^= h >> 12;
    h = h.wrapping_mul(0x297A_2D39);
    h ^ (h >> 15)
}

/// A hash as a number in [0, 1).
#[inline]
pub fn unit(h: u32) -> f32 {
    (h >> 8) as f32 / (1u32 << 24) as f32
}

/// Rounds down; far cheaper than the C library's where the processor has no instruction that may be relied on.
#[inline]
pub fn floor(x: f32) -> i32 {
    let i = x as i32;
    i - i32::from(x < i as f32)
}

#[inline]
fn fade(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

#[inline]
fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Value noise in [0, 1), one feature per unit.
#[inline]
pub fn value(p: Vec3, seed: u32) -> f32 {
    let (x, y, z) = (floor(p.x), floor(p.y), floor(p.z));
    let t = p - vec3(x as f32, y as f32, z as f32);
    let (u, v, w) = (fade(t.x), fade(t.y), fade(t.z));
    let at = |i, j, k| {
        unit(hash(
            x.wrapping_add(i),
            y.wrapping_add(j),
            z.wrapping_add(k),
            seed,
        ))
    };
    let low = mix(
        mix(at(0, 0, 0), at(1, 0, 0), u),
        mix(at(0, 1, 0), at(1, 1, 0), u),
        v,
    );
    let high = mix(
        mix(at(0, 0, 1), at(1, 0, 1), u),
        mix(at(0, 1, 1), at(1, 1, 1), u),
        v,
    );
    mix(low, high, w)
}

/// Value noise on the plane in [0, 1).
#[inline]
pub fn value2(p: Vec2, seed: u32) -> f32 {
    let (x, y) = (floor(p.x), floor(p.y));
    let t = p - vec2(x as f32, y as f32);
    let (u, v) = (fade(t.x), fade(t.y));
    let at = |i, j| unit(hash(x.wrapping_add(i), y.wrapping_add(j), 0, seed));
    mix(mix(at(0, 0), at(1, 0), u), mix(at(0, 1), at(1, 1), u), v)
}

/// Sum of octaves in [0, 1), mean ½. Octaves finer than the pixel's `footprint` (in units of `p`) are left out.
#[inline]
pub fn fbm(mut p: Vec3, seed: u32, octaves: u32, footprint: f32) -> f32 {
    let (mut sum, mut gain, mut foot) = (0.5, 0.5, footprint);
    for i in 0..octaves {
        let keep = (1.6 - 1.8 * foot).clamp(0.0, 1.0);
        if keep <= 0.0 {
            break;
        }
        sum += gain * keep * (value(p, seed.wrapping_add(i)) - 0.5);
        p = p * 2.03 + Vec3::splat(17.3);
        gain *= 0.55;
        foot *= 2.03;
    }
    sum.clamp(0.0, 1.0)
}

/// Sum of octaves on the plane in [0, 1).
pub fn fbm2(mut p: Vec2, seed: u32, octaves: u32) -> f32 {
    let (mut sum, mut gain) = (0.5, 0.5);
    for i in 0..octaves {
        sum += gain * (value2(p, seed.wrapping_add(i)) - 0.5);
        p = p * 2.03 + Vec2::splat(11.7);
        gain *= 0.5;
    }
    sum.clamp(0.0, 1.0)
}

/// Cell noise on the plane: distance to the nearest and the second nearest point, and the nearest cell's hash.
pub fn cells(p: Vec2, seed: u32) -> (f32, f32, u32) {
    let (left, low) = (floor(p.x), floor(p.y));
    let (mut best, mut second, mut id) = (9.0f32, 9.0f32, 0);
    for j in -1..=1 {
        for i in -1..=1 {
            let (x, y) = (left.wrapping_add(i), low.wrapping_add(j));
            let h = hash(x, y, 7, seed);
            let q = vec2(
                x as f32 + (h & 0xFFFF) as f32 / 65536.0,
                y as f32 + (h >> 16) as f32 / 65536.0,
            );
            let d = q.distance_squared(p);
            if d < best {
                (second, best, id) = (best, d, h);
            } else if d < second {
                second = d;
            }
        }
    }
    (best.sqrt(), second.sqrt(), id)
}
