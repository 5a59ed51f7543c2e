// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What scenes are made of. Every builder stands its thing on the ground (y = 0) around the origin, facing +z.

pub mod animal;
pub mod building;
pub mod car;
pub mod clutter;
pub mod cycle;
pub mod furniture;
pub mod head;
pub mod person;
pub mod plant;
pub mod seat;
