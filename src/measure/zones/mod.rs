// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Named polygons that say when something is in them: the property `zones`.

mod area;
mod parse;
mod state;

pub use parse::{Window, Zone, ZoneProblem, ZonesError, parse_zones};

use super::{Reading, Sampler};
use crate::frame::MapRef;
use crate::spec::Size;
use area::Area;
use state::State;

/// How much wider than the window the one is in which an occupied zone must be found free, as a
/// share of its width on each side.
const WIDER: f64 = 0.05;
/// How much of `share` is enough for an occupied zone to stay so.
const STAYS: f64 = 0.5;

/// What a zone is like in one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    /// Whether something is in it, as last made sure of.
    pub occupied: bool,
    /// Whether that is news of this frame.
    pub changed: bool,
    /// The share of the polygon's valid values that lie in the window, 0…1; 0 where none is valid.
    pub share: f64,
    /// The nearest 5 % of the polygon, in the map's own values; NaN where none is valid.
    pub nearest: f32,
}

/// Follows zones from map to map.
#[derive(Clone, Debug)]
pub struct Zones {
    zones: Vec<Zone>,
    /// The polygons on maps of the size seen last.
    areas: Vec<Area>,
    size: Size,
    states: Vec<State>,
    reports: Vec<Report>,
}

impl Zones {
    /// Zones that are free until a map says otherwise.
    pub fn new(zones: Vec<Zone>) -> Self {
        Self {
            areas: Vec::with_capacity(zones.len()),
            size: Size::new(0, 0),
            states: vec![State::default(); zones.len()],
            reports: Vec::with_capacity(zones.len()),
            zones,
        }
    }

    /// What is followed.
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// Forgets what was seen: after a seek every zone is free.
    pub fn reset(&mut self) {
        self.states.fill(State::default());
    }

    /// Reads the next map, which shows the whole frame; one report for each zone. `time` in
    /// nanoseconds is what `hold` is measured in; without it changes are news at once. A polygon
    /// without valid values stays as it was.
    pub fn update(
        &mut self,
        map: &MapRef<'_>,
        reading: &Reading,
        time: Option<u64>,
        sampler: &mut Sampler,
    ) -> &[Report] {
        if self.size != map.size() {
            self.size = map.size();
            self.areas.clear();
            let areas = self
                .zones
                .iter()
                .map(|zone| Area::new(&zone.polygon, self.size));
            self.areas.extend(areas);
        }
        self.reports.clear();
        for ((zone, area), state) in self.zones.iter().zip(&self.areas).zip(&mut self.states) {
            let narrow = limits(zone.window, reading);
            let wide = limits(zone.window.wider(WIDER), reading);
            let [valid, inside, near] = area.count(map, reading, narrow, wide);
            let share = |count: u32| f64::from(count) / f64::from(valid.max(1));
            let wanted = match (valid, state.occupied) {
                (0, occupied) => occupied,
                (_, false) => share(inside) >= zone.share,
                (_, true) => share(near) >= zone.share * STAYS,
            };
            let changed = state.update(wanted, time, zone.hold_ns);
            let stats = sampler.of_spans(area.spans(map), area.pixels(), reading);
            self.reports.push(Report {
                occupied: state.occupied,
                changed,
                share: share(inside),
                nearest: stats.nearest,
            });
        }
        &self.reports
    }
}

/// The lowest and highest value of the map inside a window.
fn limits(window: Window, reading: &Reading) -> (f32, f32) {
    let (near, far) = if reading.is_metric() {
        (window.near as f32, window.far as f32)
    } else {
        (
            reading.at_position(window.near),
            reading.at_position(window.far),
        )
    };
    (near.min(far), near.max(far))
}
