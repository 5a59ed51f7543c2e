// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The rendering element: from a buffer with a result meta to pictures.

mod caps;
mod draw;
mod effect;
mod error;
mod imp;
mod result;
mod settings;

use crate::frame;
use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// The `dptrender` element: frames that carry a result in, pictures of it out.
    pub struct DptRender(ObjectSubclass<imp::DptRender>)
        @extends gst_video::VideoFilter, gst_base::BaseTransform, gst::Element, gst::Object;
}

/// Registers the element and its enums.
pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    for kind in [
        Mode::static_type(),
        Source::static_type(),
        StereoLayout::static_type(),
    ] {
        kind.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    gst::Element::register(
        Some(plugin),
        "dptrender",
        gst::Rank::NONE,
        DptRender::static_type(),
    )
}

/// What is made of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptRenderMode")]
pub enum Mode {
    /// The depth or class map as a picture.
    #[default]
    #[enum_value(name = "The map as a picture of the frame's size", nick = "map")]
    Map,
    /// The frame blended with the coloured map.
    #[enum_value(name = "The frame blended with the coloured map", nick = "overlay")]
    Overlay,
    /// Frame left, coloured map right.
    #[enum_value(name = "The frame left, the coloured map right", nick = "side-by-side")]
    SideBySide,
    /// A picture for each eye.
    #[enum_value(name = "A picture for each eye, see stereo-layout", nick = "stereo")]
    Stereo,
    /// Both eyes' pictures for red-cyan glasses.
    #[enum_value(
        name = "Both eyes' pictures in one, for red-cyan glasses",
        nick = "anaglyph"
    )]
    Anaglyph,
    /// The frame with an alpha channel.
    #[enum_value(
        name = "The frame with alpha: opaque from near to far, or where classes are",
        nick = "matte"
    )]
    Matte,
    /// The frame, blurred outside the window.
    #[enum_value(
        name = "The frame, blurred where a matte is transparent",
        nick = "blur"
    )]
    Blur,
}

/// Which of the results on a buffer is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptRenderSource")]
pub enum Source {
    /// Classes where `classes` names some, else depth, else classes.
    #[default]
    #[enum_value(
        name = "Classes where the property classes names some, else depth, else classes",
        nick = "auto"
    )]
    Auto,
    /// `GstDptDepthMeta`.
    #[enum_value(name = "The depth map (GstDptDepthMeta)", nick = "depth")]
    Depth,
    /// `GstDptSegmentationMeta`.
    #[enum_value(name = "The class map (GstDptSegmentationMeta)", nick = "segmentation")]
    Segmentation,
}

/// How the eyes' pictures lie in the output of `mode=stereo`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstDptRenderStereoLayout")]
pub enum StereoLayout {
    /// Left and right, each of the frame's size.
    #[default]
    #[enum_value(
        name = "Left eye left, right eye right, each of the frame's size",
        nick = "side-by-side"
    )]
    SideBySide,
    /// Left and right, in the frame's size.
    #[enum_value(
        name = "Left eye left, right eye right, both squeezed into the frame's size",
        nick = "side-by-side-half"
    )]
    SideBySideHalf,
    /// Left above right.
    #[enum_value(
        name = "Left eye above, right eye below, each of the frame's size",
        nick = "top-bottom"
    )]
    TopBottom,
}

impl From<StereoLayout> for frame::StereoLayout {
    fn from(layout: StereoLayout) -> Self {
        match layout {
            StereoLayout::SideBySide => Self::SideBySide,
            StereoLayout::SideBySideHalf => Self::SideBySideHalf,
            StereoLayout::TopBottom => Self::TopBottom,
        }
    }
}
