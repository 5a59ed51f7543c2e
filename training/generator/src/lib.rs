// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Procedural pictures with exact depth and class labels.
//!
//! A picture is a function of its number: [`sample::make`]. [`scenes`] builds a world out of [`things`] (meshes from [`mesh`] and
//! [`blob`], painted with [`material`]s made of [`noise`]); [`raster`] finds what every sample sees and its exact inverse depth, [`shade`]
//! lights it, [`effects`] does what a camera does; [`shard`] writes files.

pub mod blob;
pub mod effects;
pub mod material;
pub mod mesh;
pub mod noise;
pub mod pattern;
pub mod preview;
pub mod raster;
pub mod rng;
pub mod sample;
pub mod scene;
pub mod scenes;
pub mod shade;
pub mod shard;
pub mod things;

pub use scene::label;
