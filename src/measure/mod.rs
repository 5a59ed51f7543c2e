// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What programs ask of a map: how much of the frame a class covers, how far an object is, whether
//! a zone is occupied. Nothing here allocates once it has seen a map of each size.

mod classes;
mod coverage;
mod reading;
mod sampler;
mod zones;

pub use classes::{ClassesError, parse_classes};
pub use coverage::{Coverage, Covered};
pub use reading::Reading;
pub use sampler::{DepthStats, MAX_SAMPLES, Sampler, on_map};
pub use zones::{Report, Window, Zone, ZoneProblem, Zones, ZonesError, parse_zones};
