// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What needs memory of earlier frames. Everything looks back only, and allocates nothing once it
//! has seen a frame of each size.
//!
//! Beside the map of a frame, most parts look at its *luma*: a small gray picture of what the map
//! shows, u8 without padding, of any size.

mod align;
mod carry;
mod change;
mod cut;
mod flicker;
mod grid;
mod motion;
mod range;
mod stabiliser;

pub use align::{Alignment, align};
pub use change::change;
pub use cut::SceneCut;
pub use flicker::Flicker;
pub use motion::Motion;
pub use range::{RangeMode, RangeTracker};
pub use stabiliser::{Stabilised, Stabiliser};
