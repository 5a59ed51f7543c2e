// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Caps: pure functions from one side of an element to the other.

use super::SINK_FORMATS;
use gst::prelude::*;
use gst_video::VideoFormat;
use std::sync::LazyLock;

const MIN_SIDE: i32 = 16;

const PIXEL_ASPECT: &str = "pixel-aspect-ratio";

/// Fields that describe the picture's pixels and do not hold for a new picture.
const PICTURE_FIELDS: [&str; 4] = ["format", "colorimetry", "chroma-site", "interlace-mode"];

/// What sink pads take.
pub(crate) static SINK: LazyLock<gst::Caps> = LazyLock::new(|| {
    let formats = SINK_FORMATS.map(|(format, _)| format);
    any_size(&formats, Some("progressive"))
});

/// What src pads can ever give: `first`, then every format that passes through.
pub(crate) fn src_template(first: &[VideoFormat]) -> gst::Caps {
    let mut formats = first.to_vec();
    for (format, _) in SINK_FORMATS {
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    any_size(&formats, None)
}

fn any_size(formats: &[VideoFormat], interlace_mode: Option<&str>) -> gst::Caps {
    gst_video::VideoCapsBuilder::new()
        .format_list(formats.iter().copied())
        .width_range(MIN_SIDE..i32::MAX)
        .height_range(MIN_SIDE..i32::MAX)
        .field_if_some("interlace-mode", interlace_mode)
        .build()
}

/// How two views lie in one picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Views {
    /// Left and right, each of the frame's size.
    SideBySide,
    /// Left and right, each squeezed to half the frame's width.
    SideBySideHalf,
    /// Left eye above the right one, each of the frame's size.
    TopBottom,
}

impl Views {
    /// The `multiview-mode` of caps.
    fn mode(self) -> &'static str {
        match self {
            Self::SideBySide | Self::SideBySideHalf => "side-by-side",
            Self::TopBottom => "top-bottom",
        }
    }

    /// How many times as wide pixels are as the frame's.
    fn pixel_width(self) -> i32 {
        match self {
            Self::SideBySideHalf => 2,
            Self::SideBySide | Self::TopBottom => 1,
        }
    }
}

/// How an element's output differs from its input.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    /// The output's formats, best first; `None` where the frame's own passes through.
    pub(crate) formats: Option<Vec<VideoFormat>>,
    /// The output's width in widths of the frame, its height in heights; 0 is taken for 1.
    pub(crate) scale: (i64, i64),
    /// The views of a stereo picture.
    pub(crate) views: Option<Views>,
}

impl Change {
    /// A new picture of the frame's size in one of these formats.
    pub(crate) fn picture(formats: &[VideoFormat]) -> Self {
        Self {
            formats: Some(formats.to_vec()),
            scale: (1, 1),
            views: None,
        }
    }

    fn scales(&self) -> [(&'static str, i64); 2] {
        [
            ("width", self.scale.0.max(1)),
            ("height", self.scale.1.max(1)),
        ]
    }

    /// The src caps that fit these sink caps.
    pub(crate) fn sink_to_src(&self, sink: &gst::Caps) -> gst::Caps {
        let Some(formats) = &self.formats else {
            return sink.clone();
        };
        // In fixed caps no ratio means square pixels, in others any.
        let square = sink.is_fixed();
        each(sink, |structure| {
            structure.remove_fields(PICTURE_FIELDS);
            structure.set("format", format_list(formats));
            for (field, factor) in self.scales() {
                rescale(structure, field, factor, 1);
            }
            if let Some(views) = self.views {
                structure.remove_fields(["multiview-flags", "views"]);
                structure.set("multiview-mode", views.mode());
                if square && !structure.has_field(PIXEL_ASPECT) {
                    structure.set(PIXEL_ASPECT, gst::Fraction::new(1, 1));
                }
                widen_pixels(structure, views.pixel_width(), 1);
            }
        })
    }

    /// The sink caps from which these src caps can be made.
    pub(crate) fn src_to_sink(&self, src: &gst::Caps) -> gst::Caps {
        let src = &without_tensors(src);
        let Some(formats) = &self.formats else {
            return src.clone();
        };
        let mut wanted = gst_video::VideoCapsBuilder::new()
            .format_list(formats.iter().copied())
            .build();
        if let Some(views) = self.views {
            wanted.make_mut().set("multiview-mode", views.mode());
        }
        let reachable = wanted.intersect_with_mode(src, gst::CapsIntersectMode::First);
        each(&reachable, |structure| {
            structure.remove_fields(PICTURE_FIELDS);
            structure.set(
                "format",
                format_list(SINK_FORMATS.iter().map(|(format, _)| format)),
            );
            for (field, factor) in self.scales() {
                rescale(structure, field, 1, factor);
            }
            if let Some(views) = self.views {
                structure.remove_fields(["multiview-mode", "multiview-flags", "views"]);
                widen_pixels(structure, 1, views.pixel_width());
            }
        })
    }

    /// The caps to announce downstream: the first of ours that downstream takes, fixed. A map's
    /// colorimetry is its own: full-range linear-coded gray, or sRGB.
    pub(crate) fn fixate_src(&self, sink: &gst::Caps, downstream: &gst::Caps) -> Option<gst::Caps> {
        let ours = self.sink_to_src(sink);
        let caps = ours.intersect_with_mode(downstream, gst::CapsIntersectMode::First);
        (!caps.is_empty()).then(|| self.fixate(caps))
    }

    /// Fixes caps that are no more than what this change can give.
    pub(crate) fn fixate(&self, mut caps: gst::Caps) -> gst::Caps {
        caps.fixate();
        if self.formats.is_none() {
            return caps;
        }
        let Some(structure) = caps.make_mut().structure_mut(0) else {
            return caps;
        };
        let gray = structure
            .get::<&str>("format")
            .is_ok_and(|format| format.starts_with("GRAY"));
        if !structure.has_field("colorimetry") {
            structure.set("colorimetry", if gray { "1:4:0:0" } else { "sRGB" });
        }
        structure.set("interlace-mode", "progressive");
        caps
    }
}

/// What downstream wants to find on buffers beside pictures is not for upstream to bring.
fn without_tensors(caps: &gst::Caps) -> gst::Caps {
    let mut caps = caps.clone();
    for structure in caps.make_mut().iter_mut() {
        structure.remove_field("tensors");
    }
    caps
}

/// The same caps with every structure changed.
fn each(caps: &gst::Caps, change: impl Fn(&mut gst::StructureRef)) -> gst::Caps {
    let mut changed = gst::Caps::new_empty();
    {
        let changed = changed.make_mut();
        for structure in caps.iter() {
            let mut structure = structure.to_owned();
            change(&mut structure);
            changed.append_structure(structure);
        }
    }
    changed
}

fn format_list<'a>(formats: impl IntoIterator<Item = &'a VideoFormat>) -> gst::List {
    formats
        .into_iter()
        .map(|format| format.to_str().to_send_value())
        .collect()
}

/// Multiplies an int or a range of ints; what is neither is left open.
fn rescale(structure: &mut gst::StructureRef, field: &str, numerator: i64, denominator: i64) {
    if numerator == denominator {
        return;
    }
    let scaled = structure
        .value(field)
        .ok()
        .and_then(|value| scale(value, numerator, denominator));
    match scaled {
        Some(value) => structure.set_value(field, value),
        None => structure.remove_field(field),
    }
}

/// `value × numerator / denominator` for an int or a range of ints; `None` for what cannot be
/// scaled.
fn scale(
    value: &gst::glib::Value,
    numerator: i64,
    denominator: i64,
) -> Option<gst::glib::SendValue> {
    let scale = |value: i32| {
        i32::try_from((i64::from(value) * numerator / denominator).max(1)).unwrap_or(i32::MAX)
    };
    if let Ok(value) = value.get::<i32>() {
        return Some(scale(value).to_send_value());
    }
    let range = value.get::<gst::IntRange<i32>>().ok()?;
    let (min, max) = (scale(range.min()), scale(range.max()));
    Some(if min < max {
        gst::IntRange::new(min, max).to_send_value()
    } else {
        min.to_send_value()
    })
}

/// Multiplies the pixel aspect ratio; what is no single one is left open.
fn widen_pixels(structure: &mut gst::StructureRef, numerator: i32, denominator: i32) {
    if numerator == denominator {
        return;
    }
    match structure.get::<gst::Fraction>(PIXEL_ASPECT) {
        Ok(ratio) => structure.set(
            PIXEL_ASPECT,
            ratio * gst::Fraction::new(numerator, denominator),
        ),
        Err(_) => structure.remove_field(PIXEL_ASPECT),
    }
}

/// What of `caps` passes a caps query's filter.
pub(crate) fn filtered(caps: gst::Caps, filter: Option<&gst::Caps>) -> gst::Caps {
    match filter {
        Some(filter) => filter.intersect_with_mode(&caps, gst::CapsIntersectMode::First),
        None => caps,
    }
}

/// The templates of an element with one pad on each side.
pub(crate) fn pad_templates(src: &gst::Caps) -> [gst::PadTemplate; 2] {
    let template = |name, direction, caps: &gst::Caps| {
        gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps)
            .expect("name, direction and caps are constants")
    };
    [
        template("sink", gst::PadDirection::Sink, &SINK),
        template("src", gst::PadDirection::Src, src),
    ]
}
