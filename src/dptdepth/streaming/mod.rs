// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The src pad's task: the frames' way from the queue to the engine and on to the output.

pub(super) mod adapt;
pub(super) mod analysis;
mod builder;
mod engine_slot;
pub(super) mod latency;
pub(super) mod plan;
pub(super) mod task;
mod timing;
