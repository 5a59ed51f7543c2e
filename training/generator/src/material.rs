// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Materials: procedural patterns over an object's own coordinates.

use crate::rng::Rng;
use glam::Vec3;

/// What a surface shows. Colours `a`, `b`, `c` are the material's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pattern {
    /// One colour.
    Plain,
    /// Clouds of `a` and `b`.
    Fbm,
    /// Cells with tones between `a` and `b`, gaps `c`.
    Cells,
    /// Stripes across the first flat axis.
    Stripes,
    /// Stripes that bend (animals, marble).
    Veins,
    /// A chessboard; with gaps `c` it is tiles.
    Checks,
    /// Bricks `a`–`b` in mortar `c`.
    Bricks,
    /// Boards with grain.
    Planks,
    /// Grain along one axis.
    Wood,
    /// A weave.
    Cloth,
    /// Two crossed stripes, as on shirts.
    Plaid,
    /// Lines of marks that look like writing, ink `c`.
    Text,
    /// Gradients and shapes.
    Poster,
    /// A grid of windows in a wall.
    Facade,
    /// Round spots `b`.
    Spots,
    /// Ground: patches of `a`, `b`, `c` with fine grit.
    Ground,
    /// Short lines in all directions: grass, fur, straw.
    Fibre,
    /// Dark gaps among leaves.
    Leaves,
    /// Lane markings on `a`.
    Road,
    /// Flat panels with seams and rivets.
    Panels,
}

const ALL: [Pattern; 19] = {
    use Pattern::*;
    [
        Plain, Plain, Fbm, Cells, Stripes, Veins, Checks, Bricks, Planks, Wood, Cloth, Plaid, Text,
        Poster, Spots, Ground, Fibre, Leaves, Panels,
    ]
};

/// How a surface looks.
#[derive(Clone, Copy, Debug)]
pub struct Material {
    /// Its pattern.
    pub pattern: Pattern,
    /// First colour, linear.
    pub a: Vec3,
    /// Second colour.
    pub b: Vec3,
    /// Third colour.
    pub c: Vec3,
    /// Features a metre.
    pub scale: f32,
    /// Seed of the pattern.
    pub seed: u32,
    /// Strength of the highlight.
    pub gloss: f32,
    /// Sharpness of the highlight and the mirror image.
    pub sharp: f32,
    /// Share of the surroundings mirrored at normal incidence.
    pub mirror: f32,
    /// Light it gives off, times its colour.
    pub emit: f32,
    /// Height of bumps, as a slope.
    pub bump: f32,
    /// Bumps a metre.
    pub bumps: f32,
    /// Dirt, 0 to 1.
    pub dirt: f32,
    /// Light coming through from behind (leaves, curtains).
    pub through: f32,
}

impl Material {
    /// One matt colour.
    pub fn plain(a: Vec3) -> Self {
        Self {
            pattern: Pattern::Plain,
            a,
            b: a,
            c: a,
            scale: 1.0,
            seed: 0,
            gloss: 0.0,
            sharp: 12.0,
            mirror: 0.0,
            emit: 0.0,
            bump: 0.0,
            bumps: 20.0,
            dirt: 0.0,
            through: 0.0,
        }
    }

    /// A pattern of two colours.
    pub fn of(pattern: Pattern, a: Vec3, b: Vec3, scale: f32, rng: &mut Rng) -> Self {
        Self {
            pattern,
            b,
            c: rng.near(a * 0.5 + b * 0.5, 0.4),
            scale,
            seed: rng.seed(),
            dirt: rng.range(0.0, 0.35),
            ..Self::plain(a)
        }
    }

    /// With a highlight.
    pub fn glossy(mut self, gloss: f32, sharp: f32, mirror: f32) -> Self {
        (self.gloss, self.sharp, self.mirror) = (gloss, sharp, mirror);
        self
    }

    /// With bumps.
    pub fn bumpy(mut self, bump: f32, bumps: f32) -> Self {
        (self.bump, self.bumps) = (bump, bumps);
        self
    }

    /// That shines by itself.
    pub fn glowing(mut self, emit: f32) -> Self {
        self.emit = emit;
        self
    }

    /// Any pattern at all for something about `size` metres across: the class cannot be told from it.
    pub fn any(rng: &mut Rng, size: f32) -> Self {
        let pattern = rng.pick(&ALL);
        let a = rng.colour();
        let b = if rng.chance(0.6) {
            rng.near(a, 0.5)
        } else {
            rng.colour()
        };
        let mut m = Self::of(pattern, a, b, rng.log_range(1.5, 30.0) / size, rng);
        if rng.chance(0.3) {
            m.c = rng.colour();
        }
        if rng.chance(0.35) {
            m = m.glossy(
                rng.range(0.1, 0.9),
                rng.log_range(6.0, 200.0),
                if rng.chance(0.4) {
                    rng.range(0.02, 0.35)
                } else {
                    0.0
                },
            );
        }
        if rng.chance(0.3) {
            m = m.bumpy(rng.range(0.05, 0.5), rng.log_range(4.0, 40.0) / size);
        }
        m
    }

    /// Lacquered wood or a painted board.
    pub fn wood(rng: &mut Rng) -> Self {
        let a = if rng.chance(0.75) {
            Rng::hsv(
                rng.range(0.03, 0.11),
                rng.range(0.25, 0.75),
                rng.log_range(0.04, 0.6),
            )
        } else {
            rng.colour()
        };
        let b = a * rng.range(0.45, 0.85);
        let pattern = rng.pick(&[
            Pattern::Wood,
            Pattern::Wood,
            Pattern::Planks,
            Pattern::Plain,
            Pattern::Fbm,
        ]);
        let scale = rng.log_range(3.0, 14.0);
        Self::of(pattern, a, b, scale, rng).glossy(rng.range(0.0, 0.4), 20.0, rng.range(0.0, 0.05))
    }

    /// Clothing, curtains, upholstery. Often dark.
    pub fn cloth(rng: &mut Rng) -> Self {
        let a = if rng.chance(0.4) {
            rng.dark()
        } else {
            rng.colour()
        };
        let b = if rng.chance(0.5) {
            a * rng.range(0.5, 0.9)
        } else {
            rng.colour()
        };
        let pattern = rng.pick(&[
            Pattern::Plain,
            Pattern::Plain,
            Pattern::Plain,
            Pattern::Cloth,
            Pattern::Cloth,
            Pattern::Fbm,
            Pattern::Stripes,
            Pattern::Plaid,
            Pattern::Spots,
            Pattern::Poster,
            Pattern::Checks,
        ]);
        let scale = rng.log_range(6.0, 60.0);
        Self::of(pattern, a, b, scale, rng).bumpy(rng.range(0.1, 0.6), rng.log_range(6.0, 25.0))
    }

    /// Bare or lacquered metal.
    pub fn metal(rng: &mut Rng) -> Self {
        let a = if rng.chance(0.6) {
            Rng::hsv(rng.unit(), rng.range(0.0, 0.12), rng.log_range(0.03, 0.5))
        } else {
            rng.colour()
        };
        let b = a * rng.range(0.5, 1.0);
        Self::of(
            rng.pick(&[Pattern::Plain, Pattern::Plain, Pattern::Fbm]),
            a,
            b,
            6.0,
            rng,
        )
        .glossy(
            rng.range(0.3, 1.0),
            rng.log_range(15.0, 250.0),
            rng.range(0.05, 0.6),
        )
    }

    /// Plastic, ceramics, lacquer.
    pub fn plastic(rng: &mut Rng) -> Self {
        let a = if rng.chance(0.3) {
            rng.dark()
        } else {
            rng.colour()
        };
        Self::plain(a).glossy(
            rng.range(0.1, 0.8),
            rng.log_range(10.0, 150.0),
            rng.range(0.0, 0.12),
        )
    }

    /// Rubber, black leather.
    pub fn rubber(rng: &mut Rng) -> Self {
        let a = rng.dark();
        Self::of(Pattern::Fbm, a, a * 1.8, 20.0, rng).glossy(0.15, 12.0, 0.0)
    }

    /// Wall paint, paper, bricks, tiles, boards.
    pub fn wall(rng: &mut Rng) -> Self {
        let a = if rng.chance(0.65) {
            rng.pale()
        } else {
            rng.colour()
        };
        let b = rng.near(a, 0.3);
        match rng.int(0, 9) {
            0..=3 => Self::of(Pattern::Plain, a, b, 1.0, rng),
            4 => Self::of(Pattern::Fbm, a, b, rng.log_range(0.5, 6.0), rng).bumpy(0.15, 30.0),
            5 => {
                let brick = if rng.chance(0.5) {
                    Rng::hsv(
                        rng.range(0.0, 0.07),
                        rng.range(0.3, 0.75),
                        rng.log_range(0.08, 0.4),
                    )
                } else {
                    a
                };
                let dark = rng.near(brick, 0.5);
                Self {
                    c: rng.near(Vec3::splat(0.35), 0.5),
                    ..Self::of(Pattern::Bricks, brick, dark, rng.range(4.0, 9.0), rng)
                }
            }
            6 => Self::of(Pattern::Checks, a, b, rng.log_range(2.0, 9.0), rng)
                .glossy(0.4, 60.0, 0.04),
            7 => Self::of(
                Pattern::Planks,
                a,
                a * rng.range(0.6, 0.95),
                rng.range(4.0, 10.0),
                rng,
            ),
            8 => Self::of(Pattern::Stripes, a, b, rng.log_range(3.0, 14.0), rng),
            _ => {
                let b = rng.colour();
                Self::of(
                    rng.pick(&[
                        Pattern::Spots,
                        Pattern::Veins,
                        Pattern::Plaid,
                        Pattern::Panels,
                        Pattern::Cells,
                    ]),
                    a,
                    b,
                    rng.log_range(1.5, 9.0),
                    rng,
                )
            }
        }
    }

    /// Floor boards, tiles, carpet, concrete.
    pub fn floor(rng: &mut Rng) -> Self {
        match rng.int(0, 5) {
            0 | 1 => {
                let m = Self::wood(rng);
                Self {
                    pattern: Pattern::Planks,
                    scale: rng.range(4.0, 11.0),
                    ..m
                }
            }
            2 => {
                let a = rng.colour();
                let b = if rng.chance(0.5) {
                    rng.near(a, 0.2)
                } else {
                    rng.colour()
                };
                Self::of(Pattern::Checks, a, b, rng.log_range(1.5, 6.0), rng).glossy(
                    0.5,
                    70.0,
                    rng.range(0.0, 0.12),
                )
            }
            3 => {
                let a = rng.colour();
                let b = rng.near(a, 0.5);
                Self::of(
                    rng.pick(&[Pattern::Fibre, Pattern::Cloth, Pattern::Fbm]),
                    a,
                    b,
                    rng.log_range(6.0, 40.0),
                    rng,
                )
            }
            4 => {
                let a = rng.earth();
                let b = rng.near(a, 0.3);
                Self::of(Pattern::Ground, a, b, rng.log_range(0.5, 3.0), rng)
            }
            _ => Self::any(rng, 1.5),
        }
    }
}
