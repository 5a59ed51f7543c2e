// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Records the version that `gst-inspect-1.0` shows.

fn main() {
    gst_plugin_version_helper::info();
}
