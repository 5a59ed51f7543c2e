// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Furniture, metres, front towards +z.

use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::rng::Rng;
use crate::scene::Palette;
use crate::things::{clutter, plant};
use glam::{Vec3, vec3};
use std::f32::consts::TAU;

fn frame(rng: &mut Rng, pal: &mut Palette) -> u16 {
    let m = match rng.int(0, 4) {
        0 | 1 => Material::wood(rng),
        2 => Material::metal(rng),
        3 => Material::plastic(rng),
        _ => Material::any(rng, 0.8),
    };
    pal.add(m)
}

/// A chair, stool or armchair.
pub fn chair(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let (wood, soft) = (frame(rng, pal), pal.add(Material::cloth(rng)));
    let (w, d, h) = (rng.range(0.19, 0.26), rng.range(0.19, 0.26), rng.range(0.42, 0.5));
    let back = rng.range(0.35, 0.65);
    let t = rng.range(0.01, 0.024);
    if rng.chance(0.2) {
        // An office chair.
        m.paint(wood);
        for i in 0..5 {
            let (s, c) = (i as f32 / 5.0 * TAU).sin_cos();
            m.bar(vec3(0.0, 0.12, 0.0), vec3(c * 0.3, 0.06, s * 0.3), 0.025, 0.018, 6);
            m.ellipsoid(vec3(c * 0.3, 0.03, s * 0.3), Vec3::splat(0.03), 8);
        }
        m.bar(vec3(0.0, 0.1, 0.0), vec3(0.0, h, 0.0), 0.03, 0.025, 8);
        m.paint(soft).cushion(vec3(0.0, h, 0.0), vec3(w + 0.03, 0.05, d + 0.02), 0.5);
        m.cushion(vec3(0.0, h + 0.1 + back * 0.5, -d - 0.03), vec3(w, back * 0.5, 0.05), 0.5);
        m.paint(wood).bar(vec3(0.0, h - 0.03, -d), vec3(0.0, h + 0.3, -d - 0.06), 0.02, 0.02, 6);
        if rng.chance(0.6) {
            for s in [-1.0f32, 1.0] {
                m.bar(vec3((w + 0.04) * s, h, -0.02), vec3((w + 0.05) * s, h + 0.2, -0.02), 0.014, 0.014, 5);
                m.cushion(vec3((w + 0.05) * s, h + 0.22, 0.02), vec3(0.03, 0.015, 0.12), 0.4);
            }
        }
        return m;
    }
    m.paint(wood);
    let splay = rng.range(0.0, 0.06);
    for (x, z) in [(-1.0f32, -1.0f32), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
        m.bar(vec3((w + splay) * x, 0.0, (d + splay) * z), vec3(w * x, h, d * z), t, t * 1.2, 6);
    }
    if rng.chance(0.5) {
        let y = h * rng.range(0.2, 0.6);
        for s in [-1.0f32, 1.0] {
            m.bar(vec3(w * s, y, -d), vec3(w * s, y, d), t * 0.7, t * 0.7, 5);
        }
        m.bar(vec3(-w, y, 0.0), vec3(w, y, 0.0), t * 0.7, t * 0.7, 5);
    }
    if rng.chance(0.5) {
        m.paint(soft).cushion(vec3(0.0, h, 0.0), vec3(w + 0.02, rng.range(0.02, 0.05), d + 0.02), 0.4);
    } else {
        m.cuboid(vec3(0.0, h, 0.0), vec3(w + 0.02, 0.014, d + 0.02));
    }
    m.paint(wood);
    if rng.chance(0.85) {
        let lean = rng.range(0.02, 0.12);
        let top = |x: f32, k: f32| vec3(x, h + back * k, -d - lean * k);
        for s in [-1.0f32, 1.0] {
            m.bar(top(w * s, 0.0), top(w * s, 1.0), t * 1.1, t, 6);
        }
        match rng.int(0, 3) {
            0 => {
                for i in 0..rng.int(2, 4) {
                    let k = 0.4 + 0.2 * i as f32;
                    m.bar(top(-w, k.min(1.0)), top(w, k.min(1.0)), t, t, 5);
                }
            }
            1 => {
                m.bar(top(-w, 1.0), top(w, 1.0), t * 1.3, t * 1.3, 6);
                for i in 0..rng.int(3, 8) {
                    let x = w * (-0.8 + 0.25 * i as f32).min(0.9);
                    m.bar(top(x, 0.0), top(x, 1.0), t * 0.6, t * 0.6, 5);
                }
            }
            2 => {
                m.paint(soft).cushion(top(0.0, 0.6), vec3(w, back * 0.4, 0.035), 0.4);
            }
            _ => {
                m.patch(6, 4, false, |u, v| top((u * 2.0 - 1.0) * w, 0.35 + 0.65 * v) - vec3(0.0, 0.0, 0.05 * (1.0 - (u * 2.0 - 1.0).powi(2))));
            }
        }
    }
    m
}

/// A table, desk or bench; the second value is the height of its top, the third its half sizes.
pub fn table(rng: &mut Rng, pal: &mut Palette) -> (Mesh, f32, [f32; 2]) {
    let mut m = Mesh::new(label::OBJECT);
    let (top, leg) = (pal.add(if rng.chance(0.6) { Material::wood(rng) } else { Material::any(rng, 1.0) }), frame(rng, pal));
    let (w, d) = (rng.range(0.35, 1.1), rng.range(0.3, 0.5));
    let h = if rng.chance(0.25) { rng.range(0.35, 0.5) } else { rng.range(0.68, 0.8) };
    let thick = rng.range(0.01, 0.03);
    if rng.chance(0.25) {
        let r = rng.range(0.35, 0.65);
        m.paint(top).bar(vec3(0.0, h - 2.0 * thick, 0.0), vec3(0.0, h, 0.0), r, r, 28);
        m.paint(leg).bar(vec3(0.0, 0.0, 0.0), vec3(0.0, h, 0.0), 0.05, 0.04, 10);
        m.bar(Vec3::ZERO, vec3(0.0, 0.03, 0.0), r * 0.5, r * 0.45, 18);
        return (m, h, [r * 0.65, r * 0.65]);
    }
    m.paint(top).cuboid(vec3(0.0, h - thick, 0.0), vec3(w, thick, d));
    m.paint(leg);
    let t = rng.range(0.015, 0.045);
    let square = rng.chance(0.5);
    for (x, z) in [(-1.0f32, -1.0f32), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0)] {
        let (x, z) = ((w - 0.06) * x, (d - 0.05) * z);
        if square {
            m.cuboid(vec3(x, h * 0.5 - thick, z), vec3(t, h * 0.5 - thick, t));
        } else {
            m.bar(vec3(x * 1.04, 0.0, z * 1.04), vec3(x, h - thick, z), t * 0.7, t, 7);
        }
    }
    if rng.chance(0.4) {
        let s = rng.sign();
        m.paint(top).span(vec3((w - 0.45) * s, 0.1, -d + 0.03), vec3((w - 0.05) * s, h - thick, d - 0.03));
        for i in 0..3 {
            m.paint(leg).cuboid(vec3((w - 0.25) * s, 0.2 + 0.18 * i as f32, d - 0.015), vec3(0.06, 0.012, 0.012));
        }
    }
    (m, h, [w, d])
}

/// A table with things on it.
pub fn laid_table(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let (mut m, h, [w, d]) = table(rng, pal);
    for _ in 0..rng.int(1, 9) {
        let thing = clutter::small(rng, pal);
        m.add(&thing, place(vec3(rng.spread(w * 0.85), h, rng.spread(d * 0.8)), rng.range(0.0, TAU)));
    }
    m
}

/// A sofa or armchair.
pub fn sofa(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let mat = pal.add(if rng.chance(0.8) { Material::cloth(rng) } else { Material::any(rng, 1.5) });
    let seats = rng.int(1, 3) as f32;
    let (w, d) = (0.36 * seats + 0.1, rng.range(0.38, 0.48));
    let (h, arm, back) = (rng.range(0.36, 0.46), rng.range(0.12, 0.25), rng.range(0.35, 0.5));
    let soft = rng.range(0.15, 0.5);
    m.paint(mat).cushion(vec3(0.0, h * 0.5 + 0.02, 0.0), vec3(w, h * 0.45, d), soft * 0.6);
    m.cushion(vec3(0.0, h + back * 0.4, -d + 0.08), vec3(w, back * 0.75, 0.13), soft);
    for s in [-1.0f32, 1.0] {
        m.cushion(vec3((w + 0.05) * s, (h + arm) * 0.5, 0.0), vec3(0.1, (h + arm) * 0.52, d * 1.02), soft);
    }
    for i in 0..seats as i32 {
        let x = (i as f32 - (seats - 1.0) * 0.5) * 0.68;
        m.cushion(vec3(x, h + 0.03, 0.06), vec3(0.33, 0.09, d * 0.85), soft);
        if rng.chance(0.5) {
            let pillow = pal.add(Material::cloth(rng));
            m.paint(pillow).cushion(vec3(x + rng.spread(0.15), h + 0.25, -d * 0.35), vec3(0.2, 0.19, 0.08), 0.7);
            m.paint(mat);
        }
    }
    m
}

/// A bed.
pub fn bed(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let (wood, sheet, cover) = (frame(rng, pal), pal.add(Material::cloth(rng)), pal.add(Material::cloth(rng)));
    let (w, l, h) = (rng.range(0.45, 0.95), 1.0, rng.range(0.3, 0.5));
    m.paint(wood).cuboid(vec3(0.0, h * 0.6, 0.0), vec3(w + 0.03, h * 0.2, l + 0.03));
    m.cuboid(vec3(0.0, 0.5, -l - 0.03), vec3(w + 0.03, 0.5, 0.03));
    m.paint(sheet).cushion(vec3(0.0, h, 0.0), vec3(w, 0.14, l), 0.2);
    let seed = rng.seed();
    m.paint(cover).patch(20, 20, false, |u, v| {
        let (x, z) = ((u * 2.0 - 1.0) * (w + 0.06), -0.4 + v * (l + 0.42));
        let edge = (x.abs() - w + 0.08).max(0.0) * 3.0;
        vec3(x, h + 0.17 - edge.min(0.4) + 0.05 * crate::noise::value(vec3(x * 4.0, 0.0, z * 4.0), seed), z)
    });
    let pillows = if w > 0.6 { 2 } else { 1 };
    for i in 0..pillows {
        let x = if pillows == 2 { (i as f32 * 2.0 - 1.0) * w * 0.5 } else { 0.0 };
        m.paint(sheet).cushion(vec3(x, h + 0.22, -l + 0.25), vec3(0.3, 0.1, 0.2), 0.7);
    }
    m
}

/// An open shelf full of things.
pub fn shelf(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let wood = frame(rng, pal);
    let (w, d, h) = (rng.range(0.3, 1.0), rng.range(0.12, 0.25), rng.range(0.8, 2.2));
    let rows = (h / rng.range(0.28, 0.45)).round().max(2.0);
    m.paint(wood);
    for s in [-1.0f32, 1.0] {
        m.cuboid(vec3(w * s, h * 0.5, 0.0), vec3(0.015, h * 0.5, d));
    }
    if rng.chance(0.6) {
        m.cuboid(vec3(0.0, h * 0.5, -d), vec3(w, h * 0.5, 0.008));
    }
    let gap = h / rows;
    for i in 0..=rows as i32 {
        m.paint(wood).cuboid(vec3(0.0, (i as f32 * gap).max(0.015), 0.0), vec3(w, 0.012, d));
        if i as f32 == rows {
            break;
        }
        let y = i as f32 * gap + 0.014;
        let mut x = -w + 0.03;
        let books = rng.chance(0.55);
        while x < w - 0.08 {
            if books {
                let (bt, bh, bd) = (rng.range(0.01, 0.03), rng.range(0.5, 0.85) * gap * 0.5, rng.range(0.5, 0.85) * d);
                let a = rng.colour();
                let b = rng.colour();
                let mat = pal.add(Material::of(if rng.chance(0.4) { Pattern::Text } else { Pattern::Plain }, a, b, 14.0, rng));
                m.paint(mat).cuboid(vec3(x + bt, y + bh, d - bd - 0.01 - rng.range(0.0, 0.03)), vec3(bt * 0.95, bh, bd));
                x += 2.0 * bt + if rng.chance(0.08) { rng.range(0.05, 0.3) } else { 0.0 };
            } else {
                let thing = clutter::small(rng, pal);
                let (a, b) = thing.bounds();
                let size = b - a;
                let k = (gap * 0.85 / size.y).min(d * 1.8 / size.x.max(size.z)).min(1.3);
                x += size.x * k * 0.5;
                m.add(&thing, place(vec3(x, y, rng.spread(d * 0.3)), rng.range(0.0, TAU)) * glam::Affine3A::from_scale(Vec3::splat(k)));
                x += size.x * k * 0.5 + rng.range(0.02, 0.2);
            }
        }
    }
    m
}

/// A cupboard, chest of drawers, fridge, oven.
pub fn cupboard(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let (body, handle) = (pal.add(if rng.chance(0.7) { Material::wood(rng) } else { Material::any(rng, 1.0) }), frame(rng, pal));
    let front = if rng.chance(0.5) { body } else { pal.add(Material::any(rng, 0.7)) };
    let (w, d) = (rng.range(0.3, 0.9), rng.range(0.2, 0.35));
    let h = if rng.chance(0.5) { rng.range(0.6, 1.1) } else { rng.range(1.5, 2.2) };
    m.paint(body).span(vec3(-w, 0.04, -d), vec3(w, h, d));
    let (cols, rows) = (rng.int(1, 3), rng.int(1, 4));
    for i in 0..cols {
        for j in 0..rows {
            let (cw, ch) = (w / cols as f32, (h - 0.1) * 0.5 / rows as f32);
            let c = vec3(-w + cw * (2 * i + 1) as f32, 0.07 + ch * (2 * j + 1) as f32, d + 0.008);
            m.paint(front).cuboid(c, vec3(cw - 0.012, ch - 0.01, 0.012));
            m.paint(handle);
            if rng.chance(0.5) {
                m.ellipsoid(c + vec3(cw * 0.75, 0.0, 0.03), Vec3::splat(0.015), 8);
            } else {
                m.bar(c + vec3(-0.06, ch * 0.6, 0.03), c + vec3(0.06, ch * 0.6, 0.03), 0.007, 0.007, 5);
            }
        }
    }
    for _ in 0..rng.int(0, 4) {
        let thing = clutter::small(rng, pal);
        m.add(&thing, place(vec3(rng.spread(w * 0.8), h, rng.spread(d * 0.6)), rng.range(0.0, TAU)));
    }
    m
}

/// A floor lamp.
pub fn floor_lamp(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let (metal, shade) = (frame(rng, pal), pal.add(Material::cloth(rng).glowing(if rng.chance(0.5) { rng.range(1.0, 6.0) } else { 0.0 })));
    let h = rng.range(1.1, 1.8);
    m.paint(metal).bar(Vec3::ZERO, vec3(0.0, 0.03, 0.0), 0.15, 0.13, 16);
    m.bar(Vec3::ZERO, vec3(0.0, h, 0.0), 0.012, 0.012, 6);
    let (a, b) = (rng.range(0.12, 0.25), rng.range(0.06, 0.2));
    m.paint(shade).lathe(vec3(0.0, h - 0.15, 0.0), &[glam::vec2(a, 0.0), glam::vec2(b, 0.3)], 18);
    m
}

/// A screen on a foot or a stand.
pub fn screen(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    let mut m = Mesh::new(label::OBJECT);
    let dark = pal.add(Material::plastic(rng));
    let on = rng.chance(0.5);
    let (a, b) = (rng.colour(), rng.colour());
    let picture = pal.add(if on {
        Material::of(rng.pick(&[Pattern::Poster, Pattern::Text, Pattern::Fbm]), a, b, 10.0, rng).glowing(rng.range(0.5, 3.0))
    } else {
        Material::plain(Vec3::splat(0.008)).glossy(0.9, 200.0, 0.2)
    });
    let w = rng.range(0.2, 0.6);
    let h = w * 0.58;
    m.paint(dark).cuboid(vec3(0.0, h + 0.1, 0.0), vec3(w, h, 0.02));
    m.paint(picture).quad(vec3(-w * 0.96, 0.1 + h * 0.05, 0.022), vec3(w * 0.96, 0.1 + h * 0.05, 0.022), vec3(w * 0.96, 0.1 + h * 1.95, 0.022), vec3(-w * 0.96, 0.1 + h * 1.95, 0.022));
    m.paint(dark).bar(vec3(0.0, 0.0, -0.02), vec3(0.0, h, -0.02), 0.02, 0.02, 6);
    m.cuboid(vec3(0.0, 0.008, 0.0), vec3(w * 0.4, 0.008, 0.09));
    m
}

/// Any piece of furniture.
pub fn any(rng: &mut Rng, pal: &mut Palette) -> Mesh {
    match rng.int(0, 13) {
        0 | 1 => chair(rng, pal),
        2 | 3 => laid_table(rng, pal),
        4 | 5 => sofa(rng, pal),
        6 => bed(rng, pal),
        7 | 8 => shelf(rng, pal),
        9 | 10 => cupboard(rng, pal),
        11 => floor_lamp(rng, pal),
        12 => plant::potted(rng, pal),
        _ => clutter::heap(rng, pal),
    }
}
