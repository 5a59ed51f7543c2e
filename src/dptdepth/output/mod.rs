// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From a run's result to the buffer that leaves the element.

pub(super) mod caps;
pub(super) mod measures;
pub(super) mod negotiate;
pub(super) mod pool;
pub(super) mod render;
pub(super) mod result;
pub(super) mod stream;
pub(super) mod tags;
