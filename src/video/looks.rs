// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Enums of properties that both elements have.

use crate::frame;
use gst::glib;
use gst::prelude::*;

/// Marks the enums as the plugin's own, for its documentation.
pub(crate) fn register() {
    for kind in [
        Polarity::static_type(),
        Colormap::static_type(),
        DepthUnit::static_type(),
        Upsampling::static_type(),
    ] {
        kind.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
}

/// Which end of the range is bright.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptPolarity")]
pub enum Polarity {
    /// Near is bright.
    #[default]
    #[enum_value(name = "Near is bright", nick = "near-bright")]
    NearBright,
    /// Far is bright.
    #[enum_value(name = "Far is bright", nick = "far-bright")]
    FarBright,
}

/// Colours for depth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptColormap")]
pub enum Colormap {
    /// Black to white.
    #[enum_value(name = "Black to white", nick = "gray")]
    Gray,
    /// matplotlib's inferno.
    #[default]
    #[enum_value(name = "Inferno: black, purple, orange, yellow", nick = "inferno")]
    Inferno,
    /// matplotlib's magma.
    #[enum_value(name = "Magma: black, purple, pink, cream", nick = "magma")]
    Magma,
    /// matplotlib's plasma.
    #[enum_value(name = "Plasma: blue, magenta, yellow", nick = "plasma")]
    Plasma,
    /// matplotlib's viridis.
    #[enum_value(name = "Viridis: purple, green, yellow", nick = "viridis")]
    Viridis,
    /// Google's turbo.
    #[enum_value(name = "Turbo: blue, green, red", nick = "turbo")]
    Turbo,
    /// ColorBrewer's Spectral, reversed.
    #[enum_value(name = "Spectral: blue, yellow, red", nick = "spectral")]
    Spectral,
}

impl From<Colormap> for frame::Colormap {
    fn from(colormap: Colormap) -> Self {
        match colormap {
            Colormap::Gray => Self::Gray,
            Colormap::Inferno => Self::Inferno,
            Colormap::Magma => Self::Magma,
            Colormap::Plasma => Self::Plasma,
            Colormap::Viridis => Self::Viridis,
            Colormap::Turbo => Self::Turbo,
            Colormap::Spectral => Self::Spectral,
        }
    }
}

/// One step of metric GRAY16.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptUnit")]
pub enum DepthUnit {
    /// Millimetre: up to 65.5 m.
    #[default]
    #[enum_value(name = "Millimetre, up to 65.5 m", nick = "mm")]
    Millimetre,
    /// Centimetre: up to 655 m.
    #[enum_value(name = "Centimetre, up to 655 m", nick = "cm")]
    Centimetre,
    /// Decimetre: up to 6.5 km.
    #[enum_value(name = "Decimetre, up to 6.5 km", nick = "dm")]
    Decimetre,
}

impl DepthUnit {
    /// The unit in metres.
    pub(crate) fn metres(self) -> f32 {
        match self {
            Self::Millimetre => 0.001,
            Self::Centimetre => 0.01,
            Self::Decimetre => 0.1,
        }
    }
}

/// How a map reaches the frame's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptUpsampling")]
pub enum Upsampling {
    /// Between the four nearest values.
    #[default]
    #[enum_value(
        name = "Bilinear, half-pixel centres (align_corners=false)",
        nick = "bilinear"
    )]
    Bilinear,
    /// Along the picture's edges.
    #[enum_value(name = "Guided by the frame: follows its edges", nick = "guided")]
    Guided,
}

impl From<Upsampling> for frame::Upsampling {
    fn from(upsampling: Upsampling) -> Self {
        match upsampling {
            Upsampling::Bilinear => Self::Bilinear,
            Upsampling::Guided => Self::Guided,
        }
    }
}
