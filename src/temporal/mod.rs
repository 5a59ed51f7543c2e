// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What needs memory of earlier frames.

mod range;

pub use range::{RangeMode, RangeTracker};
