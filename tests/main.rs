// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The one integration test binary.

mod architecture;
mod common;
mod docs;
mod element;
mod frame;
mod parity;
mod pipelines;
