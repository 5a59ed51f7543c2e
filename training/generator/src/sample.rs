// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! One picture by its number.

use crate::effects::Look;
use crate::raster::{Camera, NONE};
use crate::rng::Rng;
use crate::scenes::{self, Shot};
use crate::shade::{glimpse, render};
use glam::{Mat3, Mat4, Vec3, vec3};

/// A finished picture.
#[derive(Clone, PartialEq)]
pub struct Sample {
    /// sRGB bytes, height × width × 3.
    pub rgb: Vec<u8>,
    /// Inverse depth, 1/metres, 0 for the sky.
    pub inverse: Vec<f32>,
    /// Class labels.
    pub labels: Vec<u8>,
    /// Focal lengths in pixels, horizontal and vertical.
    pub focal: [f32; 2],
    /// Kind of scene, see [`scenes::KINDS`].
    pub kind: u8,
    /// The next frame, if asked for.
    pub next: Option<Next>,
}

/// The next frame of a moving camera.
#[derive(Clone, PartialEq)]
pub struct Next {
    /// sRGB bytes.
    pub rgb: Vec<u8>,
    /// Inverse depth.
    pub inverse: Vec<f32>,
    /// First camera's space to the second's, row by row.
    pub pose: [f32; 16],
}

/// Whether a view is worth a picture: not inside a thing, not all at one distance, not all of one bare surface.
fn worthwhile(shot: &Shot, size: usize) -> bool {
    let vis = glimpse(&shot.scene, &shot.camera, 40, size);
    let seen: Vec<f32> = vis
        .inverse
        .iter()
        .zip(&vis.id)
        .filter(|(_, id)| **id != NONE)
        .map(|(w, _)| *w)
        .collect();
    let total = vis.id.len() as f32;
    if (seen.len() as f32) < 0.2 * total {
        return false;
    }
    let mut shares = std::collections::BTreeMap::new();
    for id in vis.id.iter().filter(|id| **id != NONE) {
        *shares
            .entry(shot.scene.mesh.tris[*id as usize].mat)
            .or_insert(0) += 1;
    }
    if shares.values().any(|n| *n as f32 > 0.82 * total) {
        return false;
    }
    let close = seen.iter().filter(|w| **w > 1.0 / shot.nearest).count() as f32;
    let logs: Vec<f32> = seen.iter().map(|w| w.ln()).collect();
    let mean = logs.iter().sum::<f32>() / logs.len() as f32;
    let spread =
        (logs.iter().map(|l| (l - mean) * (l - mean)).sum::<f32>() / logs.len() as f32).sqrt();
    close < 0.02 * total && spread > shot.spread
}

/// Makes picture `number`, `size` pixels a side, and its next frame when `pairs`.
pub fn make(number: u64, size: usize, pairs: bool) -> Sample {
    let kind = scenes::kind(&mut Rng::new(number ^ 0xA5A5_0000_0000));
    make_kind(number, size, pairs, kind)
}

/// Makes picture `number` as a scene of `kind`.
pub fn make_kind(number: u64, size: usize, pairs: bool, kind: u8) -> Sample {
    let mut attempt = 0;
    let (mut shot, mut rng) = loop {
        let mut rng = Rng::new(number.wrapping_add(attempt << 48));
        let shot = scenes::build(kind, &mut rng, size as f32);
        attempt += 1;
        if attempt == 8 || worthwhile(&shot, size) {
            break (shot, rng);
        }
    };
    let mut look = Look::new(&mut rng);
    if let Some(level) = shot.level {
        look.level = level;
    } else if shot.scene.night {
        look.level *= rng.range(0.2, 0.6);
    }
    let first = render(&shot.scene, &shot.camera, size);
    if rng.chance(shot.blur) {
        let (u, v) = (
            rng.range(0.3, 0.7) * size as f32,
            rng.range(0.35, 0.75) * size as f32,
        );
        let focus = first.inverse[v as usize * size + u as usize];
        let widest = first
            .inverse
            .iter()
            .fold(0.0f32, |m, w| m.max((w - focus).abs()));
        look.focus = Some((focus, rng.range(1.5, 9.0) / widest.max(1e-3)));
    }
    let mut noise = Rng::new(number ^ 0x1234_5678);
    let rgb = look.develop(&first, &mut noise);
    let next = pairs.then(|| {
        let camera = step(&shot, &first.inverse, &mut rng);
        shot.scene.advance();
        let second = render(&shot.scene, &camera, size);
        Next {
            rgb: look.develop(&second, &mut noise),
            inverse: second.inverse,
            pose: pose(&shot.camera, &camera),
        }
    });
    Sample {
        rgb,
        inverse: first.inverse,
        labels: first.labels,
        focal: shot.camera.focal,
        kind,
        next,
    }
}

/// The camera a frame later: a small step for the scene's scale, a small turn.
fn step(shot: &Shot, inverse: &[f32], rng: &mut Rng) -> Camera {
    let mut near: Vec<f32> = inverse.iter().copied().filter(|w| *w > 0.0).collect();
    near.sort_by(f32::total_cmp);
    let typical = near.get(near.len() * 3 / 4).map_or(10.0, |w| 1.0 / w);
    let move_by = rng.direction() * vec3(1.0, 0.6, 1.4) * typical * rng.log_range(0.001, 0.03);
    let turn = Mat3::from_rotation_y(rng.normal() * 0.008)
        * Mat3::from_rotation_x(rng.normal() * 0.006)
        * Mat3::from_rotation_z(rng.normal() * 0.004);
    Camera {
        position: shot.camera.position + shot.camera.to_world(move_by),
        rotation: turn * shot.camera.rotation,
        ..shot.camera
    }
}

fn pose(from: &Camera, to: &Camera) -> [f32; 16] {
    let r = to.rotation * from.rotation.transpose();
    let t: Vec3 = to.rotation * (from.position - to.position);
    let m = Mat4::from_mat3(r);
    let mut out = m.transpose().to_cols_array();
    (out[3], out[7], out[11]) = (t.x, t.y, t.z);
    out
}
