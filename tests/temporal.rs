// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What remembers earlier frames, from first principles.

mod align;
mod carry;
mod cut;
mod drift;
mod flicker;
mod scene;
mod stabiliser;
