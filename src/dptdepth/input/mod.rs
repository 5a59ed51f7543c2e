// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! From the sink pad's thread to the streaming task.

pub(super) mod moment;
pub(super) mod queue;
