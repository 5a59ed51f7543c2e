// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The one integration test binary.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod architecture;
mod borders;
mod cache;
mod calibration;
mod catalogue;
mod checkpoint;
mod cli;
mod common;
mod docs;
mod element;
mod fetch;
mod flow;
mod frame;
mod half;
mod live;
mod measure;
mod metric;
mod metrics;
mod motion;
mod nvidia;
mod parity;
mod pipelines;
mod recording;
#[cfg(feature = "remote")]
mod remote;
mod render;
mod sharing;
mod stress;
mod temporal;
#[cfg(target_arch = "x86_64")]
mod triton;
