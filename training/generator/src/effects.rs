// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What a camera does to a picture: defocus, motion, exposure, noise, compression. Only the colour changes.

use crate::rng::Rng;
use crate::shade::Picture;
use glam::{Vec2, Vec3, vec2};
use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::{ExtendedColorType, ImageDecoder};

/// A camera's character, the same for both frames of a pair.
#[derive(Clone, Debug)]
pub struct Look {
    /// Mean brightness aimed at.
    pub level: f32,
    /// Where the brightest tenth begins at most; above about 2 all is white.
    pub highlights: f32,
    /// White balance.
    pub balance: Vec3,
    /// Exponent after the tone curve.
    pub gamma: f32,
    /// Colourfulness, 1 as is.
    pub saturation: f32,
    /// Darkening towards the corners.
    pub vignette: f32,
    /// Read noise, of full scale.
    pub noise: f32,
    /// Blotchy colour noise.
    pub chroma: f32,
    /// JPEG quality.
    pub jpeg: Option<u8>,
    /// Unsharp masking.
    pub sharpen: f32,
    /// Softness, pixels.
    pub soft: f32,
    /// Inverse depth in focus and blur (pixels per 1/metre).
    pub focus: Option<(f32, f32)>,
    /// Streak, pixels.
    pub motion: Vec2,
    /// Light scattered by the lens.
    pub veil: f32,
}

impl Look {
    /// A camera chosen by `rng`.
    pub fn new(rng: &mut Rng) -> Self {
        let warm = rng.normal() * 0.1;
        Self {
            level: rng.log_range(0.1, 0.32),
            highlights: rng.log_range(0.45, 2.5),
            balance: Vec3::new(1.0 + warm, 1.0 + rng.normal() * 0.03, 1.0 - warm),
            gamma: rng.range(0.8, 1.25),
            saturation: if rng.chance(0.04) {
                0.0
            } else {
                rng.range(0.75, 1.6)
            },
            vignette: if rng.chance(0.5) {
                rng.range(0.0, 0.5)
            } else {
                0.0
            },
            noise: if rng.chance(0.6) {
                rng.log_range(0.002, 0.03)
            } else {
                0.0
            },
            chroma: if rng.chance(0.25) {
                rng.log_range(0.005, 0.04)
            } else {
                0.0
            },
            jpeg: if rng.chance(0.7) {
                Some(rng.int(35, 95) as u8)
            } else {
                None
            },
            sharpen: if rng.chance(0.3) {
                rng.range(0.2, 1.2)
            } else {
                0.0
            },
            soft: if rng.chance(0.35) {
                rng.range(0.2, 0.9)
            } else {
                0.0
            },
            focus: None,
            motion: if rng.chance(0.1) {
                vec2(rng.normal(), rng.normal() * 0.5) * 3.0
            } else {
                Vec2::ZERO
            },
            veil: if rng.chance(0.25) {
                rng.range(0.0, 0.12)
            } else {
                0.0
            },
        }
    }

    /// Develops `picture` into sRGB bytes. `rng` gives the noise.
    pub fn develop(&self, picture: &Picture, rng: &mut Rng) -> Vec<u8> {
        let n = picture.size;
        let mut light = picture.light.clone();
        // Exposure for the log mean, held back by the brightest parts.
        let mean = (light
            .iter()
            .map(|c| (c.element_sum() / 3.0 + 1e-3).ln())
            .sum::<f32>()
            / light.len() as f32)
            .exp();
        let mut bright: Vec<f32> = light.iter().step_by(7).map(|c| c.max_element()).collect();
        bright.sort_by(f32::total_cmp);
        let high = bright[bright.len() * 9 / 10].max(1e-4);
        let gain = (self.level / mean).min(self.highlights / high).min(60.0);
        for c in &mut light {
            *c *= self.balance * gain;
        }
        if let Some((focus, strength)) = self.focus {
            light = defocus(&light, &picture.inverse, n, focus, strength);
        }
        if self.motion.length() > 0.7 {
            light = streak(&light, n, self.motion);
        }
        if self.veil > 0.0 {
            let average = light
                .iter()
                .fold(Vec3::ZERO, |s, &c| s + c.min(Vec3::splat(4.0)))
                / light.len() as f32;
            for c in &mut light {
                *c = c.lerp(average, self.veil);
            }
        }
        if self.soft > 0.0 {
            light = blur3(&light, n, self.soft * 0.25);
        }
        let blotch = rng.seed();
        // The tone curve as a table, finer in the shadows.
        const STEPS: usize = 4096;
        const RANGE: f32 = 16.0;
        let curve: Vec<f32> = (0..STEPS)
            .map(|i| encode((i as f32 / (STEPS - 1) as f32).powi(2) * RANGE, self.gamma))
            .collect();
        for (k, c) in light.iter_mut().enumerate() {
            let (x, y) = (k % n, k / n);
            let d = (vec2(x as f32, y as f32) / n as f32 - Vec2::splat(0.5)) * 2.0;
            let mut v = *c * (1.0 - self.vignette * 0.5 * d.length_squared());
            if self.noise > 0.0 {
                let s = self.noise * (0.35 + v.element_sum().max(0.0).sqrt());
                let u = rng.bits();
                let g = |shift: u32| {
                    ((u >> shift) & 0x3FF) as f32 / 512.0
                        + ((u >> (shift + 10)) & 0x3FF) as f32 / 512.0
                        - 2.0
                };
                v += Vec3::new(g(0), g(20), g(40)) * (s * 1.2);
            }
            if self.chroma > 0.0 {
                let q = vec2(x as f32, y as f32) * 0.3;
                let a = crate::noise::value2(q, blotch) - 0.5;
                let b = crate::noise::value2(q, blotch ^ 9) - 0.5;
                v += Vec3::new(a, -0.5 * (a + b), b) * self.chroma;
            }
            let grey = v.dot(Vec3::new(0.25, 0.65, 0.1));
            let v = Vec3::splat(grey).lerp(v, self.saturation).max(Vec3::ZERO);
            *c = v.map(|t| {
                curve[((t * (1.0 / RANGE)).min(1.0).sqrt() * (STEPS - 1) as f32 + 0.5) as usize]
            });
        }
        if self.sharpen > 0.0 {
            let soft = blur3(&light, n, 0.25);
            for (c, s) in light.iter_mut().zip(soft) {
                *c = (*c + (*c - s) * self.sharpen).clamp(Vec3::ZERO, Vec3::ONE);
            }
        }
        let bytes: Vec<u8> = light
            .iter()
            .flat_map(|c| c.to_array())
            .map(|v| (v * 255.0 + 0.5) as u8)
            .collect();
        match self.jpeg {
            Some(quality) => compress(&bytes, n, quality).unwrap_or(bytes),
            None => bytes,
        }
    }
}

/// Tone curve with a shoulder, then sRGB's own curve.
fn encode(t: f32, gamma: f32) -> f32 {
    // A toe that keeps blacks black, a shoulder that keeps lights apart.
    let v = (t * (t * 2.2 + 0.12)) / (t * (t * 2.1 + 0.6) + 0.12);
    v.clamp(0.0, 1.0).powf(gamma / 2.2)
}

fn blur3(light: &[Vec3], n: usize, side: f32) -> Vec<Vec3> {
    let pass = |src: &[Vec3], dx: usize, dy: usize| -> Vec<Vec3> {
        (0..n * n)
            .map(|k| {
                let (x, y) = (k % n, k / n);
                let before = y.saturating_sub(dy) * n + x.saturating_sub(dx);
                let after = (y + dy).min(n - 1) * n + (x + dx).min(n - 1);
                src[k] * (1.0 - 2.0 * side) + (src[before] + src[after]) * side
            })
            .collect()
    };
    pass(&pass(light, 1, 0), 0, 1)
}

fn streak(light: &[Vec3], n: usize, v: Vec2) -> Vec<Vec3> {
    let taps = (v.length().ceil() as i32).clamp(2, 12);
    (0..n * n)
        .map(|k| {
            let p = vec2((k % n) as f32, (k / n) as f32);
            let sum = (0..taps).fold(Vec3::ZERO, |s, i| {
                let q = p + v * (i as f32 / (taps - 1) as f32 - 0.5);
                let x = q.x.round().clamp(0.0, n as f32 - 1.0) as usize;
                let y = q.y.round().clamp(0.0, n as f32 - 1.0) as usize;
                s + light[y * n + x]
            });
            sum / taps as f32
        })
        .collect()
}

/// Depth-dependent blur: every pixel gathers from neighbours whose own blur reaches it.
fn defocus(light: &[Vec3], inverse: &[f32], n: usize, focus: f32, strength: f32) -> Vec<Vec3> {
    const REACH: f32 = 9.0;
    let radius: Vec<f32> = inverse
        .iter()
        .map(|w| ((w - focus).abs() * strength - 0.4).clamp(0.0, REACH))
        .collect();
    let taps: Vec<(Vec2, f32)> = (1..=36)
        .map(|i| {
            let r = (i as f32 / 36.0).sqrt();
            let (s, c) = (i as f32 * 2.399_963).sin_cos();
            (vec2(c, s) * r, r)
        })
        .collect();
    (0..n * n)
        .map(|k| {
            let (x, y) = ((k % n) as i32, (k / n) as i32);
            let own = radius[k];
            // A blurred thing in front spills over: search as far as the neighbourhood is blurred.
            let around = [(-6, 0), (6, 0), (0, -6), (0, 6)]
                .iter()
                .fold(own, |m, &(dx, dy)| {
                    let (u, v) = (
                        (x + dx).clamp(0, n as i32 - 1),
                        (y + dy).clamp(0, n as i32 - 1),
                    );
                    m.max(radius[v as usize * n + u as usize])
                });
            if around < 0.5 {
                return light[k];
            }
            let mut sum = light[k];
            let mut weight = 1.0;
            for &(d, r) in &taps {
                let (u, v) = (
                    (x as f32 + d.x * around).round() as i32,
                    (y as f32 + d.y * around).round() as i32,
                );
                if u < 0 || v < 0 || u >= n as i32 || v >= n as i32 {
                    continue;
                }
                let l = v as usize * n + u as usize;
                let reach = if inverse[l] > inverse[k] {
                    radius[l]
                } else {
                    radius[l].min(own)
                };
                if reach >= r * around {
                    let w = 1.0 / (reach * reach).max(1.0) * around * around;
                    let w = w.min(3.0);
                    sum += light[l] * w;
                    weight += w;
                }
            }
            sum / weight
        })
        .collect()
}

fn compress(bytes: &[u8], n: usize, quality: u8) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, quality)
        .encode(bytes, n as u32, n as u32, ExtendedColorType::Rgb8)
        .ok()?;
    let decoder = JpegDecoder::new(std::io::Cursor::new(file)).ok()?;
    let mut out = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut out).ok()?;
    (out.len() == bytes.len()).then_some(out)
}
