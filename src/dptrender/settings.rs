// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The one list of properties: names, blurbs, defaults, setters and getters.

use super::{Mode, Source, StereoLayout};
use crate::frame::{Stereo, Style};
use crate::video::{Colormap, DepthUnit, Polarity, Upsampling, pspecs};
use gst::glib;
use gst::prelude::*;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The element's properties.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) mode: Mode,
    pub(super) stereo_layout: StereoLayout,
    pub(super) upsampling: Upsampling,
    pub(super) depth_unit: DepthUnit,
    pub(super) classes: Option<String>,
    pub(super) source: Source,
    pub(super) polarity: Polarity,
    pub(super) colormap: Colormap,
    pub(super) alpha: f64,
    pub(super) outline: u32,
    pub(super) divergence: f64,
    pub(super) convergence: f64,
    pub(super) edge_dilation: u32,
    pub(super) near: f64,
    pub(super) far: f64,
    pub(super) blur_radius: f64,
    /// Properties that were set when they could not be, and of which a warning was posted.
    refused: BTreeSet<String>,
}

/// The properties that may change from frame to frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Looks {
    pub(super) source: Source,
    pub(super) polarity: Polarity,
    pub(super) style: Style,
    pub(super) stereo: Stereo,
    pub(super) near: Option<f32>,
    pub(super) far: Option<f32>,
    /// In per cent of the frame's height.
    pub(super) blur_radius: f32,
}

/// `near` and `far` where the element chooses.
pub(super) const CHOOSE: f64 = -1.0;

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            stereo_layout: StereoLayout::default(),
            upsampling: Upsampling::default(),
            depth_unit: DepthUnit::default(),
            classes: None,
            source: Source::default(),
            polarity: Polarity::default(),
            colormap: Colormap::default(),
            alpha: 0.5,
            outline: 2,
            divergence: 2.0,
            convergence: 0.5,
            edge_dilation: 2,
            near: CHOOSE,
            far: CHOOSE,
            blur_radius: 2.0,
            refused: BTreeSet::new(),
        }
    }
}

fn double(
    name: &'static str,
    nick: &'static str,
    blurb: &'static str,
    (least, most, default): (f64, f64, f64),
) -> glib::ParamSpec {
    glib::ParamSpecDouble::builder(name)
        .nick(nick)
        .blurb(blurb)
        .minimum(least)
        .maximum(most)
        .default_value(default)
        .mutable_playing()
        .controllable()
        .build()
}

fn pixels(
    name: &'static str,
    nick: &'static str,
    blurb: &'static str,
    (most, default): (u32, u32),
) -> glib::ParamSpec {
    glib::ParamSpecUInt::builder(name)
        .nick(nick)
        .blurb(blurb)
        .maximum(most)
        .default_value(default)
        .mutable_playing()
        .controllable()
        .build()
}

/// Every property, by topic.
pub(super) static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let default = Settings::default();
    vec![
        glib::ParamSpecEnum::builder_with_default("mode", default.mode)
            .nick("Mode")
            .blurb("What is made of the result that a buffer carries")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("source", default.source)
            .nick("Source")
            .blurb("Which result is drawn where a buffer carries depth and classes")
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder_with_default("upsampling", default.upsampling)
            .nick("Upsampling")
            .blurb("How a depth map reaches the frame's size")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("depth-unit", default.depth_unit)
            .nick("Depth Unit")
            .blurb("One step of GRAY16 for maps in metres; 0 is invalid, 65535 is that far or farther")
            .mutable_ready()
            .build(),
        pspecs::polarity(default.polarity),
        pspecs::colormap(default.colormap),
        pspecs::alpha(default.alpha),
        pspecs::outline(default.outline),
        glib::ParamSpecString::builder("classes")
            .nick("Classes")
            .blurb("Class names or indices, separated by ;, that are shown, matted or kept sharp (NULL = all)")
            .mutable_ready()
            .build(),
        double(
            "near",
            "Near",
            "Near end of the window of matte and blur: metres for metric depth, else a share of the range, 1 = nearest (-1 = the nearest there is)",
            (CHOOSE, f64::from(f32::MAX), default.near),
        ),
        double(
            "far",
            "Far",
            "Far end of the window of matte and blur: metres for metric depth, else a share of the range, 0 = farthest (-1 = the middle of the range)",
            (CHOOSE, f64::from(f32::MAX), default.far),
        ),
        double(
            "blur-radius",
            "Blur Radius",
            "How far the background is spread in mode=blur, in per cent of the frame's height",
            (0.0, 20.0, default.blur_radius),
        ),
        glib::ParamSpecEnum::builder_with_default("stereo-layout", default.stereo_layout)
            .nick("Stereo Layout")
            .blurb("How the eyes' pictures lie in the output of mode=stereo")
            .mutable_ready()
            .build(),
        double(
            "divergence",
            "Divergence",
            "How far the eyes' pictures are apart between the nearest and the farthest point, in per cent of the frame's width; negative swaps the eyes",
            (-20.0, 20.0, default.divergence),
        ),
        double(
            "convergence",
            "Convergence",
            "What lies in the plane of the screen: 0 = the farthest point, all else before it; 1 = the nearest, all else behind it",
            (0.0, 1.0, default.convergence),
        ),
        pixels(
            "edge-dilation",
            "Edge Dilation",
            "By how many pixels near things grow sideways before they are moved, so that their edges do not stay behind",
            (32, default.edge_dilation),
        ),
    ]
});

const OF_PROPERTY_TYPE: &str = "GObject checked the value's type";

impl Settings {
    /// Notes that a property was not set; `true` the first time.
    pub(super) fn refuse(&mut self, name: &str) -> bool {
        self.refused.insert(name.to_owned())
    }

    /// The looks of the next frame.
    pub(super) fn looks(&self) -> Looks {
        let chosen = |end: f64| (end >= 0.0).then_some(end as f32);
        Looks {
            source: self.source,
            polarity: self.polarity,
            style: Style {
                colormap: self.colormap.into(),
                alpha: self.alpha as f32,
                outline: self.outline,
            },
            stereo: Stereo {
                divergence: self.divergence as f32,
                convergence: self.convergence as f32,
                edge_dilation: self.edge_dilation,
            },
            near: chosen(self.near),
            far: chosen(self.far),
            blur_radius: self.blur_radius as f32,
        }
    }

    /// Stores a property's value.
    pub(super) fn set(&mut self, name: &str, value: &glib::Value) {
        match name {
            "mode" => self.mode = value.get().expect(OF_PROPERTY_TYPE),
            "source" => self.source = value.get().expect(OF_PROPERTY_TYPE),
            "upsampling" => self.upsampling = value.get().expect(OF_PROPERTY_TYPE),
            "depth-unit" => self.depth_unit = value.get().expect(OF_PROPERTY_TYPE),
            "polarity" => self.polarity = value.get().expect(OF_PROPERTY_TYPE),
            "colormap" => self.colormap = value.get().expect(OF_PROPERTY_TYPE),
            "alpha" => self.alpha = value.get().expect(OF_PROPERTY_TYPE),
            "outline" => self.outline = value.get().expect(OF_PROPERTY_TYPE),
            "classes" => self.classes = value.get().expect(OF_PROPERTY_TYPE),
            "near" => self.near = value.get().expect(OF_PROPERTY_TYPE),
            "far" => self.far = value.get().expect(OF_PROPERTY_TYPE),
            "blur-radius" => self.blur_radius = value.get().expect(OF_PROPERTY_TYPE),
            "stereo-layout" => self.stereo_layout = value.get().expect(OF_PROPERTY_TYPE),
            "divergence" => self.divergence = value.get().expect(OF_PROPERTY_TYPE),
            "convergence" => self.convergence = value.get().expect(OF_PROPERTY_TYPE),
            "edge-dilation" => self.edge_dilation = value.get().expect(OF_PROPERTY_TYPE),
            _ => unreachable!("GObject knows no other writable property"),
        }
    }

    /// A property's value.
    pub(super) fn get(&self, name: &str) -> glib::Value {
        match name {
            "mode" => self.mode.to_value(),
            "source" => self.source.to_value(),
            "upsampling" => self.upsampling.to_value(),
            "depth-unit" => self.depth_unit.to_value(),
            "polarity" => self.polarity.to_value(),
            "colormap" => self.colormap.to_value(),
            "alpha" => self.alpha.to_value(),
            "outline" => self.outline.to_value(),
            "classes" => self.classes.to_value(),
            "near" => self.near.to_value(),
            "far" => self.far.to_value(),
            "blur-radius" => self.blur_radius.to_value(),
            "stereo-layout" => self.stereo_layout.to_value(),
            "divergence" => self.divergence.to_value(),
            "convergence" => self.convergence.to_value(),
            "edge-dilation" => self.edge_dilation.to_value(),
            _ => unreachable!("GObject knows no other readable property"),
        }
    }
}
