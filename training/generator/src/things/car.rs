// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Cars, vans, lorries, buses.

use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::Mesh;
use crate::rng::Rng;
use crate::scene::Palette;
use glam::{Vec3, vec3};

/// A wheel at `c`, its axle along `axis`, `r` metres in radius.
pub fn wheel(
    m: &mut Mesh,
    rng: &mut Rng,
    tyre: u16,
    rim: u16,
    c: Vec3,
    axis: Vec3,
    r: f32,
    width: f32,
) {
    let fat = width * 0.5;
    m.paint(tyre);
    let (u, v) = axis.any_orthonormal_pair();
    // Section of the tyre: share of the radius, share of the width.
    let profile = [
        (0.66, -1.0),
        (0.92, -1.0),
        (1.0, -0.7),
        (1.0, 0.7),
        (0.92, 1.0),
        (0.66, 1.0),
        (0.62, 0.5),
        (0.62, -0.5),
        (0.66, -1.0),
    ];
    m.patch(18, 8, true, |s, t| {
        let (sin, cos) = (s * std::f32::consts::TAU).sin_cos();
        let (k, w) = profile[(t * 8.0 + 0.5) as usize];
        c + (u * cos + v * sin) * (r * k) + axis * (fat * w)
    });
    let spokes = rng.int(4, 12);
    m.paint(rim);
    for side in [-1.0f32, 1.0] {
        m.ring(
            c + axis * fat * 0.75 * side,
            axis,
            r * 0.62,
            r * 0.05,
            16,
            3,
        );
        m.disc(c + axis * fat * 0.72 * side, axis * side, r * 0.17, 10);
        for i in 0..spokes {
            let (s, co) = (i as f32 / spokes as f32 * std::f32::consts::TAU).sin_cos();
            let d = u * co + v * s;
            m.bar(
                c + axis * fat * 0.7 * side + d * r * 0.1,
                c + axis * fat * 0.7 * side + d * r * 0.62,
                r * 0.07,
                r * 0.06,
                4,
            );
        }
    }
    m.paint(tyre).disc(c, axis, r * 0.64, 12);
}

struct Paint {
    body: u16,
    glass: u16,
    tyre: u16,
    rim: u16,
    dark: u16,
    lamp: u16,
    rear: u16,
}

fn paint(rng: &mut Rng, pal: &mut Palette, night: bool) -> Paint {
    let colour = if rng.chance(0.5) {
        Vec3::splat(rng.log_range(0.01, 0.8))
    } else {
        rng.colour()
    };
    let body = if rng.chance(0.85) {
        Material {
            dirt: rng.range(0.0, 0.3),
            ..Material::plain(colour)
        }
        .glossy(0.9, rng.log_range(40.0, 200.0), rng.range(0.05, 0.25))
    } else {
        Material::any(rng, 2.0)
    };
    let glow = if night {
        rng.range(4.0, 40.0)
    } else if rng.chance(0.2) {
        3.0
    } else {
        0.3
    };
    Paint {
        body: pal.add(body),
        glass: pal.add(
            Material::plain(Vec3::splat(rng.log_range(0.004, 0.06))).glossy(
                1.0,
                250.0,
                rng.range(0.08, 0.5),
            ),
        ),
        tyre: pal.add(Material::rubber(rng)),
        rim: pal.add(Material::metal(rng)),
        dark: pal.add(Material::plain(rng.dark())),
        lamp: pal.add(
            Material::plain(vec3(0.8, 0.8, 0.72))
                .glossy(0.9, 90.0, 0.3)
                .glowing(glow),
        ),
        rear: pal.add(
            Material::plain(vec3(0.5, 0.02, 0.02))
                .glossy(0.8, 60.0, 0.1)
                .glowing(glow * 0.4),
        ),
    }
}

/// A passenger car or van. It faces +z.
pub fn car(rng: &mut Rng, pal: &mut Palette, night: bool) -> Mesh {
    let mut m = Mesh::new(label::VEHICLE);
    let p = paint(rng, pal, night);
    let kind = rng.int(0, 4); // saloon, hatchback, off-road, van, pick-up
    let length: f32 = match kind {
        0 => rng.range(4.2, 5.0),
        1 => rng.range(3.4, 4.3),
        2 => rng.range(4.2, 5.0),
        3 => rng.range(4.4, 5.8),
        _ => rng.range(4.9, 5.6),
    };
    let half = rng.range(0.82, 0.98);
    let high = match kind {
        0 => rng.range(1.35, 1.5),
        1 => rng.range(1.45, 1.6),
        2 => rng.range(1.65, 1.9),
        3 => rng.range(1.9, 2.5),
        _ => rng.range(1.7, 1.9),
    };
    let belt = match kind {
        3 => high * 0.55,
        2 | 4 => high * 0.6,
        _ => high * 0.63,
    };
    let bonnet = belt - rng.range(0.02, 0.15);
    let sill = rng.range(0.16, 0.3);
    let l = length * 0.5;
    // Along z: how high the lower body is, and how far it is drawn in at the ends.
    let deck = if kind == 0 { belt - 0.03 } else { belt };
    let stations: [(f32, f32, f32); 9] = [
        (-1.0, 0.8, 0.9),
        (-0.97, 0.93, 0.96),
        (-0.85, 1.0, deck / belt),
        (-0.45, 1.0, 1.0),
        (0.0, 1.0, 1.0),
        (0.42, 1.0, bonnet / belt * 1.01),
        (0.8, 0.97, bonnet / belt * 0.95),
        (0.95, 0.88, bonnet / belt * 0.87),
        (1.0, 0.72, 0.72),
    ];
    let outlines: Vec<Vec<Vec3>> = stations
        .iter()
        .map(|&(t, w, h)| {
            let (w, top) = (half * w, belt * h);
            let z = l * t;
            let low = if t.abs() > 0.96 { sill + 0.12 } else { sill };
            let ring = [
                (-0.86, low),
                (-0.97, low + 0.08),
                (-1.0, (low + top) * 0.52),
                (-0.96, top - 0.1),
                (-0.86, top - 0.02),
                (-0.4, top + 0.015),
                (0.4, top + 0.015),
                (0.86, top - 0.02),
                (0.96, top - 0.1),
                (1.0, (low + top) * 0.52),
                (0.97, low + 0.08),
                (0.86, low),
            ];
            ring.iter().map(|&(x, y)| vec3(x * w, y, z)).collect()
        })
        .collect();
    m.paint(p.body).skin(&outlines);
    for end in [&outlines[0], &outlines[8]] {
        let mid = end.iter().fold(Vec3::ZERO, |s, &q| s + q) / end.len() as f32;
        for i in 0..end.len() {
            m.flat_tri(mid, end[i], end[(i + 1) % end.len()]);
        }
    }
    // Greenhouse: glass between belt and roof, pillars in body colour.
    let (rear_low, rear_high, front_low, front_high) = match kind {
        0 => (-0.62, -0.38, 0.36, 0.08),
        1 => (-0.93, -0.78, 0.42, 0.12),
        2 => (-0.94, -0.86, 0.4, 0.15),
        3 => (-0.97, -0.95, 0.72, 0.45),
        _ => (-0.2, -0.17, 0.4, 0.16),
    };
    let (wl, wh) = (half * 0.93, half * if kind == 3 { 0.86 } else { 0.74 });
    let low = |x: f32, t: f32| vec3(wl * x, belt - 0.02, l * t);
    let roof = |x: f32, t: f32| vec3(wh * x, high - 0.04, l * t);
    let solid = kind == 3 && rng.chance(0.6);
    m.paint(p.glass);
    m.quad(
        low(-1.0, front_low),
        low(1.0, front_low),
        roof(1.0, front_high),
        roof(-1.0, front_high),
    );
    m.quad(
        low(1.0, rear_low),
        low(-1.0, rear_low),
        roof(-1.0, rear_high),
        roof(1.0, rear_high),
    );
    for x in [-1.0f32, 1.0] {
        if solid {
            let cut = (front_low - 0.35, front_high - 0.12);
            m.paint(p.body).quad(
                low(x, rear_low),
                low(x, cut.0),
                roof(x, cut.1),
                roof(x, rear_high),
            );
            m.paint(p.glass).quad(
                low(x, cut.0),
                low(x, front_low),
                roof(x, front_high),
                roof(x, cut.1),
            );
        } else {
            m.paint(p.glass).quad(
                low(x, rear_low),
                low(x, front_low),
                roof(x, front_high),
                roof(x, rear_high),
            );
        }
        m.paint(p.body);
        m.bar(low(x, front_low), roof(x, front_high), 0.045, 0.035, 6);
        m.bar(low(x, rear_low), roof(x, rear_high), 0.07, 0.05, 6);
        let doors = if kind == 3 || kind == 4 { 1 } else { 2 };
        for d in 0..doors {
            let t = 0.02 - 0.42 * d as f32;
            let s = if d == 0 { 0.0 } else { 0.04 };
            m.bar(low(x, t), roof(x, t + s), 0.045, 0.035, 6);
            m.paint(p.dark).bar(
                vec3(half * 1.0 * x, belt - 0.1, l * t),
                vec3(half * 0.985 * x, sill + 0.12, l * t),
                0.008,
                0.008,
                4,
            );
            m.paint(p.body);
            m.paint(p.dark).cushion(
                vec3(half * 1.0 * x, belt - 0.16, l * (t - 0.07 + 0.25 * 0.0)),
                vec3(0.02, 0.015, 0.09),
                0.5,
            );
            m.paint(p.body);
        }
        m.bar(low(x, rear_low), low(x, front_low), 0.03, 0.03, 5);
        m.bar(roof(x, rear_high), roof(x, front_high), 0.045, 0.045, 6);
        m.cushion(
            vec3((half + 0.1) * x, belt + 0.06, l * (front_low - 0.1)),
            vec3(0.09, 0.06, 0.05),
            0.6,
        );
    }
    m.paint(p.body);
    m.superellipsoid(
        vec3(0.0, high - 0.04, l * (rear_high + front_high) * 0.5),
        vec3(wh * 1.03, 0.05, l * (front_high - rear_high) * 0.53),
        0.4,
        0.3,
        16,
    );
    // Wheels in dark arches.
    let r = match kind {
        2 | 4 => rng.range(0.35, 0.42),
        _ => rng.range(0.29, 0.34),
    };
    for (x, t) in [(-1.0f32, -0.6), (1.0, -0.6), (-1.0, 0.62), (1.0, 0.62)] {
        let c = vec3((half - 0.09) * x, r, l * t);
        m.paint(p.dark).bar(
            c - vec3(0.1 * x, 0.0, 0.0),
            vec3((half * 1.004) * x, r + 0.02, l * t),
            r * 1.18,
            r * 1.18,
            18,
        );
        wheel(&mut m, rng, p.tyre, p.rim, c, Vec3::X, r, 0.22);
    }
    // Lamps, grille, plates, bumpers.
    for x in [-1.0f32, 1.0] {
        m.paint(p.lamp).cushion(
            vec3(half * 0.7 * x, bonnet * 0.78, l * 0.93),
            vec3(0.17, 0.07, 0.1),
            0.7,
        );
        m.paint(p.rear).cushion(
            vec3(half * 0.78 * x, belt * 0.82, -l * 0.965),
            vec3(0.13, 0.09, 0.07),
            0.5,
        );
    }
    m.paint(p.dark).cushion(
        vec3(0.0, bonnet * 0.6, l * 0.97),
        vec3(half * 0.45, 0.1, 0.06),
        0.4,
    );
    let plate = pal.add(Material {
        c: Vec3::splat(0.02),
        ..Material::of(Pattern::Text, Vec3::splat(0.7), Vec3::splat(0.6), 9.0, rng)
    });
    m.paint(plate)
        .cuboid(vec3(0.0, sill + 0.22, l * 1.0), vec3(0.26, 0.06, 0.015));
    m.cuboid(vec3(0.0, belt * 0.62, -l * 1.0), vec3(0.26, 0.06, 0.015));
    m.paint(if rng.chance(0.5) { p.dark } else { p.body });
    m.cushion(
        vec3(0.0, sill + 0.12, l * 0.96),
        vec3(half * 0.9, 0.1, 0.12),
        0.4,
    );
    m.cushion(
        vec3(0.0, sill + 0.15, -l * 0.97),
        vec3(half * 0.92, 0.11, 0.1),
        0.4,
    );
    if kind == 4 {
        m.paint(p.dark).span(
            vec3(-half * 0.8, belt - 0.35, -l * 0.93),
            vec3(half * 0.8, belt + 0.03, -l * 0.28),
        );
    }
    m
}

/// A bus or a lorry. It faces +z.
pub fn lorry(rng: &mut Rng, pal: &mut Palette, night: bool) -> Mesh {
    let mut m = Mesh::new(label::VEHICLE);
    let p = paint(rng, pal, night);
    let (l, half, high) = (
        rng.range(3.0, 6.0),
        rng.range(1.05, 1.25),
        rng.range(2.6, 3.6),
    );
    let bus = rng.chance(0.5);
    if bus {
        m.paint(p.body).superellipsoid(
            vec3(0.0, 0.35 + high * 0.5, 0.0),
            vec3(half, high * 0.5, l),
            0.12,
            0.1,
            24,
        );
        m.paint(p.glass);
        let n = (l * 1.3) as i32;
        for x in [-1.0f32, 1.0] {
            for i in 0..n {
                let z = -l * 0.94 + (i as f32 + 0.5) * l * 1.88 / n as f32;
                m.cuboid(
                    vec3(half * 0.995 * x, high * 0.68, z),
                    vec3(0.02, high * 0.15, l * 0.86 / n as f32),
                );
            }
        }
        for z in [-1.0f32, 1.0] {
            m.cuboid(
                vec3(0.0, high * 0.66, l * 0.995 * z),
                vec3(half * 0.88, high * 0.22, 0.02),
            );
        }
    } else {
        let cargo = pal.add(Material::any(rng, 4.0));
        m.paint(cargo)
            .span(vec3(-half, 1.0, -l), vec3(half, high + 0.4, l * 0.5));
        m.paint(p.body).superellipsoid(
            vec3(0.0, 1.5, l * 0.78),
            vec3(half * 0.96, 1.1, l * 0.22 + 0.3),
            0.2,
            0.15,
            20,
        );
        m.paint(p.glass)
            .cuboid(vec3(0.0, 1.95, l + 0.26), vec3(half * 0.82, 0.38, 0.04));
        for x in [-1.0f32, 1.0] {
            m.cuboid(
                vec3(half * 0.955 * x, 1.95, l * 0.85),
                vec3(0.02, 0.32, l * 0.12),
            );
        }
        m.paint(p.dark)
            .span(vec3(-half * 0.8, 0.55, -l), vec3(half * 0.8, 1.0, l));
    }
    for x in [-1.0f32, 1.0] {
        for t in [-0.7, -0.5, 0.68] {
            let c = vec3((half - 0.15) * x, 0.48, l * t);
            m.paint(p.dark).bar(
                c - vec3(0.1 * x, 0.0, 0.0),
                vec3(half * 1.003 * x, 0.5, l * t),
                0.56,
                0.56,
                16,
            );
            wheel(&mut m, rng, p.tyre, p.rim, c, Vec3::X, 0.48, 0.3);
        }
        m.paint(p.lamp).cushion(
            vec3(
                half * 0.75 * x,
                0.85,
                l * 1.0 + if bus { 0.0 } else { 0.28 },
            ),
            vec3(0.15, 0.1, 0.06),
            0.6,
        );
        m.paint(p.rear).cuboid(
            vec3(half * 0.85 * x, 0.9, -l * 1.005),
            vec3(0.1, 0.15, 0.03),
        );
    }
    m
}

/// Any vehicle with four wheels or more.
pub fn any(rng: &mut Rng, pal: &mut Palette, night: bool) -> Mesh {
    if rng.chance(0.15) {
        lorry(rng, pal, night)
    } else {
        car(rng, pal, night)
    }
}
