// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The patterns themselves: a material's colour and bumps at a place.

use crate::material::{Material, Pattern};
use crate::noise::{self, cells, fbm, hash, unit, value, value2};
use crate::rng::Rng;
use glam::{Vec2, Vec3, vec2};

impl Material {
    /// The colour at `p` (object metres), seen along `axis`, when a pixel covers `foot` metres.
    pub fn colour(&self, p: Vec3, axis: u8, foot: f32) -> Vec3 {
        let q = p * self.scale;
        let f = foot * self.scale;
        let uv = match axis {
            0 => vec2(q.z, q.y),
            1 => vec2(q.x, q.z),
            _ => vec2(q.x, q.y),
        };
        let detail = |limit: f32| (1.5 - f / limit).clamp(0.0, 1.0);
        let (a, b, c, seed) = (self.a, self.b, self.c, self.seed);
        let mut colour = match self.pattern {
            Pattern::Plain => a,
            Pattern::Fbm => {
                let t = fbm(q, seed, 4, f);
                a.lerp(b, ((t - 0.5) * 3.0 + 0.5).clamp(0.0, 1.0))
            }
            Pattern::Cells => {
                let k = detail(0.7);
                let (d1, d2, id) = cells(uv, seed);
                let tone = a.lerp(b, unit(id.wrapping_mul(0x9E37_79B9)));
                let gap = ((d2 - d1) * 9.0).clamp(0.0, 1.0);
                a.lerp(b, 0.5).lerp(c.lerp(tone, gap), k)
            }
            Pattern::Stripes => {
                let t = uv.x + 0.15 * (value2(uv * 0.5, seed) - 0.5);
                let wave = ((t.fract_gl() - 0.5).abs() - 0.25) * 12.0;
                a.lerp(b, 0.5)
                    .lerp(a.lerp(b, (wave + 0.5).clamp(0.0, 1.0)), detail(0.6))
            }
            Pattern::Veins => {
                let t = (q.x + q.y * 0.3 + 3.0 * fbm(q * 0.6, seed, 3, f)).sin();
                a.lerp(b, 0.5)
                    .lerp(a.lerp(b, (t * 2.0 + 0.5).clamp(0.0, 1.0)), detail(1.2))
            }
            Pattern::Checks => {
                let (x, y) = (uv.x.floor(), uv.y.floor());
                let h = unit(hash(x as i32, y as i32, 3, seed)) * 0.2;
                let odd = (x + y).rem_euclid(2.0);
                let e = (uv - vec2(x, y) - Vec2::splat(0.5)).abs().max_element();
                let tile = a.lerp(b, odd * 0.8 + h);
                a.lerp(b, 0.5).lerp(
                    if seed & 1 == 0 && e > 0.47 { c } else { tile },
                    detail(0.6),
                )
            }
            Pattern::Bricks => {
                let row = (uv.y * 2.4).floor();
                let x = uv.x + 0.5 * row.rem_euclid(2.0);
                let h = hash(x.floor() as i32, row as i32, 1, seed);
                let mortar = (x.fract_gl() - 0.5).abs() > 0.47
                    || ((uv.y * 2.4).fract_gl() - 0.5).abs() > 0.43;
                let grain = 0.8 + 0.4 * fbm(q * 3.0, seed, 2, f * 3.0);
                let brick = a.lerp(b, unit(h)) * grain;
                a.lerp(b, 0.5)
                    .lerp(if mortar { c } else { brick }, detail(0.5))
            }
            Pattern::Planks => {
                let board = uv.y.floor();
                let shift = unit(hash(board as i32, 0, 5, seed));
                let piece = (uv.x * 0.12 + shift * 7.0).floor();
                let tone = unit(hash(board as i32, piece as i32, 9, seed));
                let grain = fbm(
                    Vec3::new(uv.x * 0.6, uv.y * 7.0, board * 3.1),
                    seed,
                    3,
                    f * 4.0,
                );
                let seam = (uv.y.fract_gl() - 0.5).abs() > 0.475
                    || (uv.x * 0.12 + shift * 7.0).fract_gl() < 0.004;
                let wood = a.lerp(b, (0.6 * tone + 1.2 * (grain - 0.3)).clamp(0.0, 1.0));
                a.lerp(b, 0.5)
                    .lerp(if seam { wood * 0.35 } else { wood }, detail(0.6))
            }
            Pattern::Wood => {
                let n = fbm(q * Vec3::new(0.15, 1.0, 1.0), seed, 2, f);
                let rings = ((q.y * 1.3 + q.z + n * 5.0) * 3.0).sin()
                    * 0.5
                    * (1.5 - f * 2.0).clamp(0.0, 1.0)
                    + 0.5;
                a.lerp(b, (0.25 + 0.5 * rings + 0.5 * (n - 0.5)).clamp(0.0, 1.0))
            }
            Pattern::Cloth => {
                let k = (1.2 - f * 2.5).clamp(0.0, 1.0);
                let weave = (uv.x * 6.0).sin() * (uv.y * 6.0).sin() * 0.5 * k + 0.5;
                a.lerp(b, weave) * (0.8 + 0.4 * value(q * 0.3, seed))
            }
            Pattern::Plaid => {
                let band = |t: f32| {
                    if (t.fract_gl() - 0.5).abs() < 0.18 {
                        1.0
                    } else {
                        0.0
                    }
                };
                let t = 0.5 * band(uv.x) + 0.5 * band(uv.y);
                let thin = if (uv.x * 2.0).fract_gl() < 0.07 || (uv.y * 2.0).fract_gl() < 0.07 {
                    c
                } else {
                    a.lerp(b, t)
                };
                a.lerp(b, 0.4).lerp(thin, detail(0.5))
            }
            Pattern::Text => {
                let line = (uv.y * 1.6).floor();
                let inside = (uv.y * 1.6).fract_gl();
                let col = (uv.x * 3.0).floor();
                let glyph = hash(col as i32, line as i32, 2, seed);
                let word = hash(
                    (uv.x * 0.7 + unit(hash(line as i32, 1, 1, seed))).floor() as i32,
                    line as i32,
                    4,
                    seed,
                );
                let sub = vec2((uv.x * 3.0).fract_gl() * 4.0, inside * 6.0);
                let bit = hash(sub.x as i32, sub.y as i32, 6, glyph) & 3 != 0;
                let ink = bit
                    && sub.x < 3.0
                    && sub.y > 1.0
                    && !word.is_multiple_of(5)
                    && !glyph.is_multiple_of(7);
                let k = detail(0.12);
                let page = if line.rem_euclid(9.0) < 1.0 { b } else { a };
                let grey = page.lerp(
                    c,
                    if inside > 0.2 && !word.is_multiple_of(5) {
                        0.45
                    } else {
                        0.0
                    },
                );
                page.lerp(grey.lerp(if ink { c } else { page }, k), detail(0.7))
            }
            Pattern::Poster => self.poster(uv * 0.25, f),
            Pattern::Facade => {
                let cell = uv.floor();
                let t = uv - cell;
                let h = hash(cell.x as i32, cell.y as i32, 3, seed);
                let (w, tall) = (
                    0.18 + 0.12 * unit(seed.wrapping_mul(0x85EB_CA6B)),
                    0.14 + 0.1 * unit(seed.wrapping_mul(0xC2B2_AE35)),
                );
                let inside = t.x > w && t.x < 1.0 - w && t.y > tall && t.y < 1.0 - tall;
                let frame = inside
                    && (t.x < w + 0.05
                        || t.x > 0.95 - w
                        || t.y < tall + 0.05
                        || t.y > 0.95 - tall
                        || (t.x - 0.5).abs() < 0.02);
                let wall = a * (0.85 + 0.3 * fbm(q * 2.0, seed, 3, f * 2.0));
                let glass = c * (0.4 + 0.9 * unit(h)) * (0.6 + 0.8 * value2(uv * 2.3, h));
                let pane = if frame {
                    b
                } else if inside {
                    glass
                } else {
                    wall
                };
                a.lerp(c, 0.3).lerp(pane, detail(0.7))
            }
            Pattern::Spots => {
                let (d, _, id) = cells(uv, seed);
                let r = 0.2 + 0.25 * unit(id.wrapping_mul(0x85EB_CA6B));
                a.lerp(b, 0.3)
                    .lerp(a.lerp(b, ((r - d) * 14.0).clamp(0.0, 1.0)), detail(0.6))
            }
            Pattern::Ground => {
                let big = fbm(q * 0.4, seed, 3, f * 0.4);
                let fine = fbm(q * 9.0, seed ^ 5, 3, f * 9.0);
                let base = a.lerp(b, ((big - 0.5) * 4.0 + 0.5).clamp(0.0, 1.0));
                base.lerp(c, ((fine - 0.58) * 6.0).clamp(0.0, 0.6)) * (0.65 + 0.7 * fine)
            }
            Pattern::Fibre => {
                let bend = value(q * 0.5, seed) * 1.6;
                let (s, co) = bend.sin_cos();
                let r = vec2(uv.x * co - uv.y * s, uv.x * s + uv.y * co);
                let n = fbm(Vec3::new(r.x * 1.2, r.y * 6.0, q.z), seed, 2, f * 4.0);
                a.lerp(b, ((n - 0.5) * 2.5 + 0.5).clamp(0.0, 1.0))
                    * (0.75 + 0.5 * value(q * 0.3, seed ^ 3))
            }
            Pattern::Leaves => {
                let k = detail(0.7);
                let (d, e, id) = cells(uv, seed);
                let tone =
                    a.lerp(b, unit(id.wrapping_mul(0x9E37_79B9))) * (1.3 - d).clamp(0.2, 1.2);
                a.lerp(b, 0.5)
                    .lerp(if e - d < 0.06 { tone * 0.4 } else { tone }, k)
            }
            Pattern::Road => {
                let n = fbm(q * 8.0, seed, 3, f * 8.0);
                let worn = fbm(q * 0.7, seed ^ 9, 3, f);
                let tar = a * (0.6 + 0.8 * n) * (0.75 + 0.5 * worn);
                let tar = if worn > 0.68 {
                    b * (0.6 + 0.8 * n)
                } else {
                    tar
                };
                let lane = q.x.abs();
                let dash = (q.z * 0.22).fract_gl() < 0.5;
                let mark = (lane < 0.07 && dash) || (q.x.abs() - 3.4).abs() < 0.06;
                if mark && n + worn > 0.75 { c } else { tar }
            }
            Pattern::Panels => {
                let cell = (uv * vec2(0.6, 0.8)).floor();
                let t = uv * vec2(0.6, 0.8) - cell;
                let tone = unit(hash(cell.x as i32, cell.y as i32, 2, seed));
                let e = (t - Vec2::splat(0.5)).abs();
                let seam = e.max_element() > 0.475;
                let rivet = e.x > 0.42 && ((t.y * 6.0).fract_gl() - 0.5).abs() < 0.12;
                let base = a.lerp(b, tone * 0.6);
                base.lerp(
                    if seam {
                        base * 0.3
                    } else if rivet {
                        c
                    } else {
                        base
                    },
                    detail(0.5),
                )
            }
        };
        if self.dirt > 0.0 {
            let d = fbm(p * 1.7 + Vec3::splat(3.0), self.seed ^ 0xD1, 3, foot * 1.7);
            colour *= 1.0 - self.dirt * ((d - 0.4) * 3.0).clamp(0.0, 1.0);
        }
        colour
    }

    fn poster(&self, uv: Vec2, foot: f32) -> Vec3 {
        let cell = uv.floor();
        let seed = hash(cell.x as i32, cell.y as i32, 8, self.seed);
        let t = uv - cell;
        let mut colour = self.a.lerp(self.b, t.y);
        for i in 0..6u32 {
            let h = hash(i as i32, 1, 2, seed);
            let g = hash(i as i32, 3, 4, seed);
            let centre = vec2(unit(h), unit(h.wrapping_mul(0x9E37_79B9)));
            let size = vec2(
                0.05 + 0.3 * unit(g),
                0.05 + 0.3 * unit(g.wrapping_mul(0x9E37_79B9)),
            );
            let d = (t - centre) / size;
            let hit = match h & 3 {
                0 => d.length() < 1.0,
                1 => d.abs().max_element() < 1.0,
                2 => d.y.abs() < 1.0 && d.x > -1.0 && d.x < d.y,
                _ => {
                    d.abs().max_element() < 1.0
                        && (t.y * 40.0).fract_gl() < 0.55
                        && (foot < 0.3)
                        && hash((t.x * 60.0) as i32, (t.y * 40.0) as i32, 1, g) & 3 != 0
                }
            };
            if hit {
                let tint = Rng::hsv(
                    unit(g.wrapping_mul(0x85EB_CA6B)),
                    unit(h.wrapping_mul(0xC2B2_AE35)) * 0.8,
                    0.05 + 0.7 * unit(g.wrapping_mul(0x27D4_EB2F)),
                );
                colour = if i & 1 == 0 {
                    tint
                } else {
                    self.c.lerp(tint, 0.3)
                };
            }
        }
        colour
    }

    /// The normal `n` disturbed by the material's bumps at `p`.
    pub fn bumped(&self, n: Vec3, p: Vec3, foot: f32) -> Vec3 {
        let keep = self.bump * (1.3 - foot * self.bumps * 1.5).clamp(0.0, 1.0);
        if keep <= 0.01 {
            return n;
        }
        let q = p * self.bumps;
        let e = 0.25;
        let h = noise::value(q, self.seed);
        let slope = Vec3::new(
            noise::value(q + Vec3::X * e, self.seed) - h,
            noise::value(q + Vec3::Y * e, self.seed) - h,
            noise::value(q + Vec3::Z * e, self.seed) - h,
        ) / e;
        (n - (slope - n * slope.dot(n)) * keep).normalize_or(n)
    }
}

/// `x - floor(x)`, in [0, 1) also for negative `x`.
trait Fract {
    fn fract_gl(self) -> f32;
}

impl Fract for f32 {
    #[inline]
    fn fract_gl(self) -> f32 {
        self - noise::floor(self) as f32
    }
}
