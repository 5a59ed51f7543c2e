// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Properties that both elements have.

use super::{Colormap, Polarity};
use gst::glib;
use gst::prelude::*;

/// The property may change while frames flow.
pub(crate) fn is_mutable(pspec: &glib::ParamSpec) -> bool {
    pspec.flags().contains(gst::PARAM_FLAG_MUTABLE_PLAYING)
}

/// The warning for a property that was set above READY and is read below only.
pub(crate) fn keeps_its_value(pspec: &glib::ParamSpec) -> String {
    let name = pspec.name();
    format!(
        "{name} keeps its value: it can be set up to READY only; set it before the element goes to PAUSED"
    )
}

pub(crate) fn polarity(default: Polarity) -> glib::ParamSpec {
    glib::ParamSpecEnum::builder_with_default("polarity", default)
        .nick("Polarity")
        .blurb("Which end of a relative map is bright; metric GRAY16 is a distance and has no polarity")
        .mutable_playing()
        .controllable()
        .build()
}

pub(crate) fn colormap(default: Colormap) -> glib::ParamSpec {
    glib::ParamSpecEnum::builder_with_default("colormap", default)
        .nick("Colormap")
        .blurb(
            "Colours for depth wherever it is shown in colour; classes have a palette of their own",
        )
        .mutable_playing()
        .controllable()
        .build()
}

pub(crate) fn alpha(default: f64) -> glib::ParamSpec {
    glib::ParamSpecDouble::builder("alpha")
        .nick("Alpha")
        .blurb("How much of the map an overlay shows (0 = picture only, 1 = map only)")
        .minimum(0.0)
        .maximum(1.0)
        .default_value(default)
        .mutable_playing()
        .controllable()
        .build()
}

pub(crate) fn outline(default: u32) -> glib::ParamSpec {
    glib::ParamSpecUInt::builder("outline")
        .nick("Outline")
        .blurb("Width in pixels of the line between classes in an overlay (0 = none)")
        .maximum(64)
        .default_value(default)
        .mutable_playing()
        .controllable()
        .build()
}
