// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Pictures into network inputs, and maps back into pictures.

mod allocations;
mod geometry;
mod input;
mod output;
mod overlay;
mod picture;
mod range;
mod yuv;
