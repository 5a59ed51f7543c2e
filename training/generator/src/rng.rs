// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Random numbers: splitmix64, whose sequence is the same everywhere and for good.

use glam::{Vec3, vec3};

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream of `seed`; neighbouring seeds give unrelated streams.
    pub fn new(seed: u64) -> Self {
        let mut rng = Self(seed.wrapping_mul(0xD134_2543_DE82_EF95) ^ 0x5851_F42D_4C95_7F2D);
        rng.bits();
        rng
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A seed for a pattern.
    pub fn seed(&mut self) -> u32 {
        self.bits() as u32
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Uniform in [low, high).
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Uniform in the logarithm between `low` and `high`, both positive.
    pub fn log_range(&mut self, low: f32, high: f32) -> f32 {
        (self.range(low.ln(), high.ln())).exp()
    }

    /// Symmetric about 0: uniform in [-half, half).
    pub fn spread(&mut self, half: f32) -> f32 {
        self.range(-half, half)
    }

    /// A whole number in [low, high], both included.
    pub fn int(&mut self, low: i32, high: i32) -> i32 {
        low + (self.bits() % (high - low + 1).max(1) as u64) as i32
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// -1 or 1.
    pub fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// One of `items`, which is not empty.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[(self.bits() % items.len() as u64) as usize]
    }

    /// Normal with mean 0 and deviation 1 (sum of uniforms, bounded by ±6).
    pub fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.unit()).sum::<f32>() - 6.0
    }

    /// A direction, uniform on the sphere.
    pub fn direction(&mut self) -> Vec3 {
        let z = self.range(-1.0, 1.0);
        let a = self.range(0.0, std::f32::consts::TAU);
        let r = (1.0 - z * z).max(0.0).sqrt();
        vec3(r * a.cos(), z, r * a.sin())
    }

    /// Linear RGB from hue (turns), saturation and value.
    pub fn hsv(h: f32, s: f32, v: f32) -> Vec3 {
        let channel = |n: f32| {
            let k = (n + h * 6.0).rem_euclid(6.0);
            v * (1.0 - s * k.min(4.0 - k).clamp(0.0, 1.0))
        };
        vec3(channel(5.0), channel(3.0), channel(1.0))
    }

    /// Any colour, mostly muted, as the world is.
    pub fn colour(&mut self) -> Vec3 {
        let s = if self.chance(0.3) {
            self.range(0.5, 0.95)
        } else {
            self.range(0.0, 0.45)
        };
        Self::hsv(self.unit(), s, self.log_range(0.03, 0.85))
    }

    /// A dark colour: black leather, dark cloth.
    pub fn dark(&mut self) -> Vec3 {
        Self::hsv(
            self.unit(),
            self.range(0.0, 0.6),
            self.log_range(0.006, 0.05),
        )
    }

    /// A light wall-like colour.
    pub fn pale(&mut self) -> Vec3 {
        Self::hsv(self.unit(), self.range(0.0, 0.25), self.range(0.4, 0.85))
    }

    /// A colour near `c`.
    pub fn near(&mut self, c: Vec3, amount: f32) -> Vec3 {
        let gain = 1.0 + self.spread(amount);
        (c * gain
            * vec3(
                1.0 + self.spread(amount * 0.4),
                1.0,
                1.0 + self.spread(amount * 0.4),
            ))
        .clamp(Vec3::splat(0.003), Vec3::splat(0.95))
    }

    /// Skin of any people.
    pub fn skin(&mut self) -> Vec3 {
        let t = self.unit();
        let (light, dark) = (vec3(0.72, 0.46, 0.34), vec3(0.07, 0.035, 0.02));
        let c = light * (1.0 - t) + dark * t;
        self.near(c, 0.2)
    }

    /// Leaves, mostly green, some autumn.
    pub fn foliage(&mut self) -> Vec3 {
        let h = if self.chance(0.15) {
            self.range(0.02, 0.14)
        } else {
            self.range(0.17, 0.36)
        };
        Self::hsv(h, self.range(0.35, 0.85), self.log_range(0.04, 0.35))
    }

    /// Earth, sand, rock, asphalt.
    pub fn earth(&mut self) -> Vec3 {
        Self::hsv(
            self.range(0.04, 0.13),
            self.range(0.05, 0.55),
            self.log_range(0.06, 0.5),
        )
    }

    /// Fur and hair.
    pub fn fur(&mut self) -> Vec3 {
        Self::hsv(
            self.range(0.03, 0.12),
            self.range(0.1, 0.75),
            self.log_range(0.01, 0.6),
        )
    }
}
