// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Steady maps from a network that sees every frame for the first time.

use super::align::{Alignment, align};
use super::carry::Carry;
use super::change::Gate;
use super::grid::Grid;
use super::motion::Estimator;
use crate::frame::wide::wide;
use crate::spec::Size;

/// What was done to a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stabilised {
    /// What the model's values were multiplied with.
    pub scale: f32,
    /// What was added then.
    pub shift: f32,
    /// Share of the pixels whose picture changed, 0…1.
    pub changed: f32,
}

/// Pairs that scale and shift are found from, at most.
const MAX_PAIRS: usize = 4096;
/// How far the gate may be open where a pixel counts as unchanged.
const STILL: f32 = 0.25;
/// How much of the way back to the model's own scale and shift every map goes: what makes errors of
/// the alignment die out instead of adding up.
const LEAK: f32 = 0.05;
/// Blending at full strength keeps this share of the new map where nothing changed.
const LEAST_NEW: f32 = 0.03;
/// Deviations, in those of the unchanged pixels, up to which a map that disagrees wavers, and from
/// which it is right.
const DISAGREE: (f32, f32) = (6.0, 14.0);

/// The same, at most, in median distances from the median of the values: where much moves, the
/// deviations cannot be told from motion.
const DISAGREE_AT_MOST: (f32, f32) = (0.7, 1.5);

/// Makes successive maps one steady series: every new map is brought to the scale and shift of the
/// running one by the pixels whose picture did not change, then blended with it pixel by pixel,
/// except where the picture changed or both maps disagree. What is remembered moves with the
/// picture.
#[derive(Clone, Debug, Default)]
pub struct Stabiliser {
    size: Option<Size>,
    /// The running map; NaN where nothing is known.
    running: Vec<f32>,
    gate: Gate,
    grid: Grid,
    motion: Option<Estimator>,
    carry: Carry,
    pairs: Vec<(f32, f32)>,
    scratch: Vec<f32>,
    /// How far the new and the running value of unchanged pixels are apart, a slow mean.
    noise: f32,
    /// How far the values are from their median, a slow mean.
    spread: f32,
}

impl Stabiliser {
    /// A stabiliser that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything: after a cut, a seek or with a new stream.
    pub fn reset(&mut self) {
        self.size = None;
        self.gate.reset();
    }

    /// Brings what is remembered to where `luma` shows it, so that what moves is steadied as well.
    fn carry(&mut self, luma: &[u8], size: Size) {
        // Not from the last picture: movements too slow to be seen would add up.
        let moved = self.motion.as_mut().and_then(|motion| {
            motion.start(self.gate.known());
            motion.moved(luma)
        });
        if let Some(moved) = moved {
            self.carry.run(&moved, &mut self.running, size);
            self.gate.carry(&moved);
        }
    }

    /// Steadies `map`, the next one in time, in place. `luma` shows what the map shows. `strength`
    /// goes from 0 (nothing is done) to 1; maps of metres are not rescaled, which `rescale` says.
    /// Values that are not finite stay and are never blended. Slices that do not fit their size
    /// leave the map as it is.
    pub fn update(
        &mut self,
        map: &mut [f32],
        map_size: Size,
        luma: &[u8],
        luma_size: Size,
        strength: f32,
        rescale: bool,
    ) -> Stabilised {
        let fits = map.len() == map_size.area() && luma.len() == luma_size.area();
        if !fits || map.is_empty() || luma.is_empty() || strength <= 0.0 || strength.is_nan() {
            self.reset();
            return untouched();
        }
        match self.size {
            Some(size) if self.gate.knows(luma_size) => self.resize(size, map_size, luma_size),
            _ => {
                self.start(map, map_size, luma, luma_size);
                return untouched();
            }
        }
        let base = share_of_new(strength);
        self.carry(luma, map_size);
        self.gate.update(luma, base);
        self.collect(map, map_size);
        let found = align(&self.pairs, &mut self.scratch);
        if let Some(found) = found {
            let share = if self.spread > 0.0 { 0.1 } else { 1.0 };
            self.noise += share * (found.noise - self.noise);
            self.spread += share * (found.spread - self.spread);
        }
        let alignment = found
            .filter(|_| rescale)
            .map_or(Alignment::IDENTITY, |found| self.leak(found));
        self.blend(map, map_size, alignment, base);
        let open = self.gate.open();
        let changed = open.iter().filter(|&&open| open > 0.5).count();
        Stabilised {
            scale: alignment.scale,
            shift: alignment.shift,
            changed: changed as f32 / open.len() as f32,
        }
    }

    /// Brings what is remembered to another size of maps.
    fn resize(&mut self, from: Size, to: Size, luma_size: Size) {
        if from == to {
            return;
        }
        self.grid.set(from, to);
        let mut resized = Vec::with_capacity(to.area());
        for row in 0..to.height {
            resized.extend_from_slice(self.grid.row(&self.running, row));
        }
        self.running = resized;
        self.size = Some(to);
        self.grid.set(luma_size, to);
        self.carry.set(luma_size, to);
    }

    fn start(&mut self, map: &[f32], map_size: Size, luma: &[u8], luma_size: Size) {
        self.size = Some(map_size);
        self.running.clear();
        self.running.extend_from_slice(map);
        self.gate.start(luma, luma_size);
        self.grid.set(luma_size, map_size);
        self.carry.set(luma_size, map_size);
        let known = self
            .motion
            .take()
            .filter(|motion| motion.size() == luma_size);
        let motion = known.unwrap_or_else(|| Estimator::new(luma_size));
        self.motion = Some(motion);
        self.pairs.reserve(MAX_PAIRS);
        self.scratch.reserve(MAX_PAIRS);
        (self.noise, self.spread) = (0.0, 0.0);
    }

    /// New and running values of pixels whose picture did not change.
    fn collect(&mut self, map: &[f32], size: Size) {
        self.pairs.clear();
        // An odd step visits every column of maps with even sides.
        let step = (size.area() / MAX_PAIRS + 1) | 1;
        let width = size.width as usize;
        for at in (0..map.len()).step_by(step) {
            let (new, running) = (map[at], self.running[at]);
            let place = self.grid.nearest(at / width, at % width);
            if self.gate.open()[place] < STILL && new.is_finite() && running.is_finite() {
                self.pairs.push((new, running));
            }
        }
    }

    /// A little less than what was found, around the middle of the pairs.
    fn leak(&self, found: Alignment) -> Alignment {
        let count = self.pairs.len() as f64;
        let sum: f64 = self.pairs.iter().map(|pair| f64::from(pair.0)).sum();
        let centre = (sum / count) as f32;
        let offset = found.scale * centre + found.shift - centre;
        let scale = found.scale.powf(1.0 - LEAK);
        Alignment {
            scale,
            shift: centre + offset * (1.0 - LEAK) - scale * centre,
            ..found
        }
    }

    fn blend(&mut self, map: &mut [f32], size: Size, alignment: Alignment, base: f32) {
        let width = size.width as usize;
        let limit = |noises: f32, spreads: f32| (noises * self.noise).min(spreads * self.spread);
        let least = limit(DISAGREE.0, DISAGREE_AT_MOST.0);
        let most = limit(DISAGREE.1, DISAGREE_AT_MOST.1);
        let width_of_gate = (most - least).max(f32::MIN_POSITIVE);
        let how = Blend {
            alignment,
            base,
            least,
            steepness: width_of_gate.recip().min(f32::MAX),
        };
        let rows = map
            .chunks_exact_mut(width)
            .zip(self.running.chunks_exact_mut(width));
        for (at, (new, running)) in rows.enumerate() {
            let open = self.grid.row(self.gate.open(), at as u32);
            blend_row(new, running, open, how);
        }
    }
}

fn untouched() -> Stabilised {
    Stabilised {
        scale: 1.0,
        shift: 0.0,
        changed: 1.0,
    }
}

/// The share of a new value where nothing changed.
fn share_of_new(strength: f32) -> f32 {
    let strength = strength.min(1.0);
    LEAST_NEW.powf(strength)
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Blend {
    alignment: Alignment,
    base: f32,
    least: f32,
    steepness: f32,
}

wide! {
    fn blend_row(new: &mut [f32], running: &mut [f32], open: &[f32], how: Blend) {
        let Blend { alignment: Alignment { scale, shift, .. }, base, least, steepness } = how;
        for ((new, running), &open) in new.iter_mut().zip(running).zip(open) {
            let aligned = *new * scale + shift;
            let apart = aligned - *running;
            let disagrees = (apart.abs() - least) * steepness;
            let disagrees = if disagrees > open { disagrees } else { open };
            let share = base + (1.0 - base) * disagrees.min(1.0);
            let blended = *running + share * apart;
            let known = apart.is_finite();
            let blended = if known { blended } else { aligned };
            let valid = aligned.is_finite();
            *running = if valid { blended } else { f32::NAN };
            *new = if valid { blended } else { *new };
        }
    }
}
