// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What remembers earlier frames, from first principles.

mod align;

mod cut;
mod drift;
mod flicker;
mod pan;
mod scene;
mod stabiliser;
