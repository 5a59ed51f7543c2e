// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! People: a skeleton in a pose, dressed in smooth bodies for skin, shirt, trousers, shoes and hair.

use crate::blob::Blob;
use crate::label;
use crate::material::{Material, Pattern};
use crate::mesh::{Mesh, place};
use crate::noise::value;
use crate::rng::Rng;
use crate::scene::Palette;
use crate::things::head;
use glam::{Quat, Vec3, vec3};

/// Joint angles in radians. Zero is standing straight with arms down.
#[derive(Clone, Copy, Debug)]
pub struct Pose {
    /// Forward lean of the trunk.
    pub lean: f32,
    /// Left and right: thigh forward, thigh outward, knee.
    pub legs: [[f32; 3]; 2],
    /// Left and right: arm forward, arm outward, elbow.
    pub arms: [[f32; 3]; 2],
    /// Head: turn, nod, tilt.
    pub head: [f32; 3],
}

impl Pose {
    /// Standing about.
    pub fn standing(rng: &mut Rng) -> Self {
        let leg = |rng: &mut Rng| [rng.spread(0.15), rng.range(0.0, 0.15), rng.range(0.0, 0.15)];
        let arm = |rng: &mut Rng| match rng.int(0, 5) {
            0 => [
                rng.range(0.3, 1.6),
                rng.range(-0.1, 0.4),
                rng.range(0.2, 1.9),
            ],
            1 => [
                rng.range(-0.5, 0.2),
                rng.range(0.3, 0.7),
                rng.range(1.2, 2.0),
            ],
            2 => [
                rng.range(0.2, 0.6),
                rng.range(-0.2, 0.2),
                rng.range(1.4, 2.2),
            ],
            _ => [rng.spread(0.25), rng.range(0.05, 0.3), rng.range(0.05, 0.6)],
        };
        Self {
            lean: rng.range(-0.05, 0.25),
            legs: [leg(rng), leg(rng)],
            arms: [arm(rng), arm(rng)],
            head: [rng.spread(0.9), rng.range(-0.25, 0.45), rng.spread(0.2)],
        }
    }

    /// In the middle of a step.
    pub fn walking(rng: &mut Rng) -> Self {
        let s = rng.range(0.15, 0.6) * rng.sign();
        let e = rng.range(0.1, 0.9);
        Self {
            lean: rng.range(0.0, 0.15),
            legs: [[s, 0.03, (-s).max(0.0) * 1.2], [-s, 0.03, s.max(0.0) * 1.2]],
            arms: [[-s * 0.8, 0.12, e], [s * 0.8, 0.12, e]],
            head: [rng.spread(0.5), rng.range(-0.1, 0.3), 0.0],
        }
    }

    /// On a seat.
    pub fn sitting(rng: &mut Rng) -> Self {
        let leg = |rng: &mut Rng| {
            let t = rng.range(1.3, 1.65);
            [t, rng.range(0.02, 0.3), t + rng.range(-0.5, 0.3)]
        };
        let arm = |rng: &mut Rng| {
            [
                rng.range(0.1, 0.9),
                rng.range(-0.05, 0.3),
                rng.range(0.3, 1.6),
            ]
        };
        Self {
            lean: rng.range(-0.3, 0.4),
            legs: [leg(rng), leg(rng)],
            arms: [arm(rng), arm(rng)],
            head: [rng.spread(0.7), rng.range(-0.2, 0.5), rng.spread(0.15)],
        }
    }

    /// On a bicycle or motorcycle.
    pub fn riding(rng: &mut Rng) -> Self {
        let lean = rng.range(0.2, 0.8);
        let leg = |t: f32| [t, 0.12, t + 0.2];
        let a = rng.range(0.7, 1.0) + lean * 0.4;
        Self {
            lean,
            legs: [leg(rng.range(0.7, 1.3)), leg(rng.range(0.7, 1.3))],
            arms: [[a, 0.15, 0.35], [a, 0.15, 0.35]],
            head: [rng.spread(0.3), -lean * 0.6, 0.0],
        }
    }

    /// Anything but lying.
    pub fn any(rng: &mut Rng) -> Self {
        if rng.chance(0.4) {
            Self::walking(rng)
        } else {
            Self::standing(rng)
        }
    }
}

fn bone(from: Vec3, turn: Quat, forward: f32, outward: f32, length: f32) -> Vec3 {
    let d = Quat::from_rotation_z(outward) * Quat::from_rotation_x(-forward) * Vec3::NEG_Y;
    from + turn * d * length
}

/// A person in `pose`; `cell` metres of detail (0.012 for a portrait, 0.05 in a crowd). The lowest point is at y = 0.
pub fn person(rng: &mut Rng, pal: &mut Palette, pose: &Pose, cell: f32) -> Mesh {
    let mut m = Mesh::new(label::PERSON);
    let skin_colour = rng.skin();
    let skin = pal.add(
        Material::of(
            Pattern::Fbm,
            skin_colour,
            rng.near(skin_colour, 0.25),
            18.0,
            rng,
        )
        .glossy(0.25, 10.0, 0.0),
    );
    let shirt = pal.add(Material::cloth(rng));
    let trousers = pal.add(Material::cloth(rng));
    let shoe = pal.add(if rng.chance(0.6) {
        Material::rubber(rng)
    } else {
        Material::plastic(rng)
    });
    let hair_colour = if rng.chance(0.6) {
        rng.dark()
    } else {
        rng.fur()
    };
    let hair = pal.add(
        Material::of(
            Pattern::Fibre,
            hair_colour,
            hair_colour * rng.range(1.2, 2.5),
            40.0,
            rng,
        )
        .glossy(rng.range(0.1, 0.7), 14.0, 0.0)
        .bumpy(0.8, 90.0),
    );
    let build = rng.range(0.82, 1.3);
    let wide = rng.range(0.85, 1.15);
    let dress = rng.chance(0.12);
    let folds = rng.seed();
    let fold = move |p: Vec3| {
        0.016 * (value(p * vec3(9.0, 5.0, 9.0), folds) - 0.5)
            + 0.008 * (value(p * 22.0, folds) - 0.5)
    };

    let spine = Quat::from_rotation_x(pose.lean);
    let pelvis = vec3(0.0, 0.95, 0.0);
    let waist = pelvis + spine * vec3(0.0, 0.14, 0.0);
    let chest = pelvis + spine * vec3(0.0, 0.36, 0.0);
    let neck = pelvis + spine * vec3(0.0, 0.52, 0.0);
    let head_turn = Quat::from_rotation_y(pose.head[0])
        * Quat::from_rotation_x(pose.lean * 0.4 + pose.head[1])
        * Quat::from_rotation_z(pose.head[2]);
    let head = neck + spine * vec3(0.0, 0.015, 0.01) + head_turn * vec3(0.0, 0.125, 0.02);

    let (mut skins, mut top, mut legs, mut shoes) = (
        Blob::new(0.03),
        Blob::new(0.05),
        Blob::new(0.05),
        Blob::new(0.03),
    );
    let (short_sleeves, shorts) = (rng.chance(0.4), rng.chance(0.2));
    // Trunk.
    let belly = build * rng.range(0.9, 1.15);
    for s in [-1.0f32, 1.0] {
        top.limb(
            chest + spine * vec3(0.085 * wide * s, 0.02, -0.005),
            waist + vec3(0.06 * build * s, 0.0, 0.01),
            0.105,
            0.095 * belly,
        );
        top.limb(
            chest + spine * vec3(0.16 * wide * s, 0.105, -0.015),
            chest + spine * vec3(0.05 * s, 0.1, -0.02),
            0.06,
            0.085,
        );
        top.limb(
            waist + vec3(0.06 * build * s, 0.0, 0.01),
            pelvis + vec3(0.075 * build * s, -0.04, 0.0),
            0.095 * belly,
            0.105 * build,
        );
    }
    top.limb(neck + spine * vec3(0.0, -0.025, -0.01), chest, 0.072, 0.11);
    for s in [-1.0f32, 1.0] {
        // Trapezius.
        top.limb(
            neck + spine * vec3(0.03 * s, -0.03, -0.015),
            chest + spine * vec3(0.15 * wide * s, 0.12, -0.015),
            0.05,
            0.05,
        );
    }
    skins.limb(
        neck + spine * vec3(0.0, -0.06, 0.0),
        head - head_turn * vec3(0.0, 0.07, 0.02),
        0.062,
        0.056,
    );
    if rng.chance(0.25) {
        // A collar or a hood.
        top.limb(
            neck + spine * vec3(0.03, 0.0, -0.02),
            neck + spine * vec3(-0.03, 0.0, -0.02),
            0.066,
            0.066,
        );
    }
    let loose = rng.range(1.0, 1.35);
    let mut hands = [Vec3::ZERO; 2];
    for (i, s) in [(0usize, 1.0f32), (1, -1.0)] {
        let [forward, out, elbow] = pose.arms[i];
        let shoulder = chest + spine * vec3(0.185 * wide * s, 0.11, -0.01);
        let mid = bone(shoulder, spine, forward, out * s, 0.29);
        let hand = bone(
            mid,
            spine,
            forward + elbow,
            out * s * 0.4 - 0.2 * s * elbow.min(1.0),
            0.25,
        );
        let palm = hand + (hand - mid).normalize_or(Vec3::NEG_Y) * 0.08;
        hands[i] = palm;
        top.limb(
            shoulder,
            shoulder.lerp(mid, if short_sleeves { 0.65 } else { 1.0 }),
            0.062 * build,
            0.05 * build * loose,
        );
        if short_sleeves {
            skins
                .limb(shoulder.lerp(mid, 0.5), mid, 0.045 * build, 0.042 * build)
                .limb(mid, hand, 0.042 * build, 0.028);
        } else {
            top.limb(mid, hand, 0.05 * build * loose, 0.036 * loose);
        }
        skins.limb(hand, palm, 0.029, 0.034);
        if cell < 0.03 {
            let across = (hand - mid)
                .normalize_or(Vec3::NEG_Y)
                .cross(Vec3::X)
                .normalize_or(Vec3::Z);
            let along = (hand - mid).normalize_or(Vec3::NEG_Y);
            for f in -1..=2 {
                let root = palm + across * (0.017 * f as f32 - 0.008);
                skins.limb(
                    root,
                    root + along * 0.06 + across * 0.004 * f as f32,
                    0.011,
                    0.009,
                );
            }
            skins.limb(
                palm + across * -0.025,
                palm + across * -0.05 + along * 0.03,
                0.012,
                0.01,
            );
        }
    }
    // Legs.
    for (i, s) in [(0usize, 1.0f32), (1, -1.0)] {
        let [forward, out, knee] = pose.legs[i];
        let hip = pelvis + vec3(0.085 * s, -0.03, 0.0);
        let mid = bone(hip, Quat::IDENTITY, forward, out * s, 0.43);
        let foot = bone(mid, Quat::IDENTITY, forward - knee, out * s * 0.5, 0.42);
        let toe = foot + vec3(0.02 * s, -0.045, 0.14);
        let bare = shorts || dress;
        legs.limb(
            hip,
            if bare { hip.lerp(mid, 0.7) } else { mid },
            0.088 * build,
            0.062 * build,
        );
        if bare {
            skins
                .limb(hip.lerp(mid, 0.5), mid, 0.07 * build, 0.053 * build)
                .limb(mid, foot, 0.055 * build, 0.036);
        } else {
            legs.limb(mid, foot, 0.062 * build, 0.048 * loose);
        }
        shoes.limb(foot - vec3(0.0, 0.035, 0.02), toe, 0.045, 0.036);
    }
    legs.limb(
        pelvis + vec3(0.08, 0.02, 0.0),
        pelvis - vec3(0.08, -0.02, 0.0),
        0.1 * build,
        0.1 * build,
    );
    if dress {
        m.paint(shirt);
        let sway = rng.range(0.2, 0.42);
        let long = rng.range(0.4, 0.85);
        let waves = rng.int(4, 9) as f32;
        m.patch(24, 6, true, |u, v| {
            let (s, c) = (u * std::f32::consts::TAU).sin_cos();
            let r = (0.15 + (sway - 0.15) * v)
                * build.min(1.1)
                * (1.0 + 0.1 * v * (u * std::f32::consts::TAU * waves).sin());
            pelvis + vec3(r * c, 0.08 - long * v, r * 0.85 * s)
        });
    }
    m.paint(shirt);
    top.build(&mut m, (cell * 1.1).max(0.021), fold);
    m.paint(trousers);
    legs.build(&mut m, (cell * 1.3).max(0.026), fold);
    m.paint(shoe);
    shoes.build(&mut m, cell.max(0.018), |_| 0.0);
    m.paint(skin);
    skins.build(&mut m, cell.min(0.05), |_| 0.0);
    let face = head::head(rng, pal, skin, hair, cell.min(0.045));
    m.add(
        &face,
        glam::Affine3A::from_rotation_translation(head_turn, head),
    );
    if rng.chance(0.15) {
        // A bag on the back or in the hand.
        let mat = pal.add(Material::cloth(rng));
        let mut bag = Mesh::new(label::PERSON);
        bag.paint(mat);
        if rng.chance(0.6) {
            bag.cushion(
                chest + spine * vec3(0.0, -0.05, -0.15),
                vec3(0.15, 0.21, 0.1),
                0.5,
            );
        } else {
            bag.cushion(hands[0] - vec3(0.0, 0.2, 0.0), vec3(0.06, 0.14, 0.18), 0.4);
        }
        m.add(&bag, glam::Affine3A::IDENTITY);
    }
    if rng.chance(0.05) {
        // An umbrella, a pole, a stick in the hand.
        let cloth = pal.add(Material {
            through: 0.3,
            ..Material::cloth(rng)
        });
        let stick = pal.add(Material::wood(rng));
        let (hand, long) = (hands[1], rng.range(0.7, 1.1));
        m.paint(stick)
            .bar(hand - Vec3::Y * 0.1, hand + Vec3::Y * long, 0.008, 0.008, 6);
        if rng.chance(0.6) {
            m.paint(cloth).patch(16, 4, true, |u, v| {
                let (s, c) = (u * std::f32::consts::TAU).sin_cos();
                let r = 0.55 * (v * 1.3).sin();
                hand + vec3(
                    r * c,
                    long - 0.28 * v * v - 0.03 * (u * 8.0).fract() * v,
                    r * s,
                )
            });
        }
    }
    let scale = if rng.chance(0.12) {
        rng.range(0.55, 0.85)
    } else {
        rng.range(0.92, 1.1)
    };
    let low = m.bounds().0.y;
    m.moved(glam::Affine3A::from_scale(Vec3::splat(scale)) * place(vec3(0.0, -low, 0.0), 0.0))
}
