// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Live depth and segmentation in GStreamer from dense prediction transformers.
//!
//! `ARCHITECTURE.md` shows the parts and which may use which.

pub mod checkpoint;
pub mod frame;
pub mod spec;
pub mod temporal;
