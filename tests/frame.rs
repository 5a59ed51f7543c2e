// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Pictures into network inputs, and maps back into pictures.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub(crate) mod allocations;
mod anaglyph;
mod background;
mod colors;
mod depth;
mod geometry;
mod guided;
mod input;
mod mirror;
mod output;
mod overlay;
mod picture;
mod range;
mod stereo;
mod thumbnail;
mod views;
mod yuv;
