// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Caps: pure functions from one side of the element to the other.

use super::Output;
use super::video::{COLOR_FORMATS, GRAY16, SINK_FORMATS};
use crate::spec::OutputMeaning;
use gst::prelude::*;
use gst_video::VideoFormat;
use std::sync::LazyLock;

const MIN_SIDE: i32 = 16;

/// Fields that describe the picture's pixels and do not hold for a map.
const PICTURE_FIELDS: [&str; 4] = ["format", "colorimetry", "chroma-site", "interlace-mode"];

/// What the sink pad takes.
pub(super) static SINK: LazyLock<gst::Caps> = LazyLock::new(|| {
    gst_video::VideoCapsBuilder::new()
        .format_list(SINK_FORMATS.map(|(format, _)| format))
        .width_range(MIN_SIDE..i32::MAX)
        .height_range(MIN_SIDE..i32::MAX)
        .field("interlace-mode", "progressive")
        .build()
});

/// What the src pad can ever give.
pub(super) static SRC: LazyLock<gst::Caps> = LazyLock::new(|| {
    let mut formats: Vec<VideoFormat> = vec![VideoFormat::Gray8, GRAY16];
    for (format, _) in SINK_FORMATS {
        if !formats.contains(&format) {
            formats.push(format);
        }
    }
    gst_video::VideoCapsBuilder::new()
        .format_list(formats)
        .width_range(MIN_SIDE..i32::MAX)
        .height_range(MIN_SIDE..i32::MAX)
        .field("interlace-mode", "progressive")
        .build()
});

/// The formats of the src pad, best first; `None` where the frame's own format passes through.
/// `meaning` is `None` while no model is open.
fn src_formats(output: Output, meaning: Option<OutputMeaning>) -> Option<Vec<VideoFormat>> {
    let gray: &[VideoFormat] = match meaning {
        Some(OutputMeaning::Labels) => &[VideoFormat::Gray8],
        Some(OutputMeaning::Metric { .. }) => &[GRAY16, VideoFormat::Gray8],
        Some(OutputMeaning::InverseRelative | OutputMeaning::Relative) | None => {
            &[VideoFormat::Gray8, GRAY16]
        }
    };
    match output {
        Output::Map => Some(gray.iter().chain(&COLOR_FORMATS).copied().collect()),
        Output::SideBySide => Some(COLOR_FORMATS.to_vec()),
        Output::Overlay | Output::Meta => None,
    }
}

fn format_list<'a>(formats: impl IntoIterator<Item = &'a VideoFormat>) -> gst::List {
    formats
        .into_iter()
        .map(|format| format.to_str().to_send_value())
        .collect()
}

/// `value × numerator / denominator` for an int or a range of ints; `None` for what cannot be
/// scaled, which then is left open.
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

/// The src caps that fit these sink caps.
pub(super) fn sink_to_src(
    sink: &gst::Caps,
    output: Output,
    meaning: Option<OutputMeaning>,
) -> gst::Caps {
    let Some(formats) = src_formats(output, meaning) else {
        return sink.clone();
    };
    let mut src = gst::Caps::new_empty();
    {
        let src = src.make_mut();
        for structure in sink.iter() {
            let mut structure = structure.to_owned();
            structure.remove_fields(PICTURE_FIELDS);
            structure.set("format", format_list(&formats));
            if output == Output::SideBySide {
                scale_width(&mut structure, 2, 1);
            }
            src.append_structure(structure);
        }
    }
    src
}

/// The sink caps from which these src caps can be made.
pub(super) fn src_to_sink(
    src: &gst::Caps,
    output: Output,
    meaning: Option<OutputMeaning>,
) -> gst::Caps {
    let Some(formats) = src_formats(output, meaning) else {
        return src.clone();
    };
    let reachable = gst_video::VideoCapsBuilder::new()
        .format_list(formats)
        .build()
        .intersect_with_mode(src, gst::CapsIntersectMode::First);
    let mut sink = gst::Caps::new_empty();
    {
        let sink = sink.make_mut();
        for structure in reachable.iter() {
            let mut structure = structure.to_owned();
            structure.remove_fields(PICTURE_FIELDS);
            structure.set(
                "format",
                format_list(SINK_FORMATS.iter().map(|(format, _)| format)),
            );
            if output == Output::SideBySide {
                scale_width(&mut structure, 1, 2);
            }
            sink.append_structure(structure);
        }
    }
    sink
}

fn scale_width(structure: &mut gst::StructureRef, numerator: i64, denominator: i64) {
    let scaled = structure
        .value("width")
        .ok()
        .and_then(|width| scale(width, numerator, denominator));
    match scaled {
        Some(width) => structure.set_value("width", width),
        None => structure.remove_field("width"),
    }
}

/// The caps to announce downstream: the first of ours that downstream takes, fixed. A map's
/// colorimetry is its own: full-range linear-coded gray, or sRGB.
pub(super) fn fixate_src(
    sink: &gst::Caps,
    output: Output,
    meaning: OutputMeaning,
    downstream: &gst::Caps,
) -> Option<gst::Caps> {
    let ours = sink_to_src(sink, output, Some(meaning));
    let mut caps = ours.intersect_with_mode(downstream, gst::CapsIntersectMode::First);
    if caps.is_empty() {
        return None;
    }
    caps.fixate();
    if src_formats(output, Some(meaning)).is_some() {
        let gray = caps
            .structure(0)
            .and_then(|s| s.get::<String>("format").ok())
            .is_some_and(|format| format.starts_with("GRAY"));
        let caps = caps.make_mut();
        if !caps.structure(0)?.has_field("colorimetry") {
            caps.set("colorimetry", if gray { "1:4:0:0" } else { "sRGB" });
        }
        caps.set("interlace-mode", "progressive");
    }
    Some(caps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr as _;

    fn caps(text: &str) -> gst::Caps {
        gst::init().unwrap();
        gst::Caps::from_str(text).unwrap()
    }

    const NV12: &str = "video/x-raw,format=NV12,width=640,height=480,framerate=30/1,\
        pixel-aspect-ratio=4/3,colorimetry=bt709,interlace-mode=progressive";

    fn chosen(output: Output, meaning: OutputMeaning, downstream: &str) -> Option<String> {
        fixate_src(&caps(NV12), output, meaning, &caps(downstream))
            .map(|caps| caps.structure(0).unwrap().get("format").unwrap())
    }

    #[test]
    fn the_best_format_that_downstream_takes_is_chosen() {
        let relative = OutputMeaning::InverseRelative;
        let metric = OutputMeaning::Metric { max_depth_m: None };
        let any = "video/x-raw";
        assert_eq!(chosen(Output::Map, relative, any).as_deref(), Some("GRAY8"));
        assert_eq!(chosen(Output::Map, metric, any), Some(GRAY16.to_string()));
        assert_eq!(
            chosen(Output::Map, relative, "video/x-raw,format={BGRA,RGB}").as_deref(),
            Some("RGB")
        );
        assert_eq!(
            chosen(
                Output::Map,
                OutputMeaning::Labels,
                "video/x-raw,format=GRAY16_LE"
            ),
            None
        );
        assert_eq!(chosen(Output::Meta, relative, any).as_deref(), Some("NV12"));
        assert_eq!(
            chosen(Output::Overlay, relative, "video/x-raw,format=I420"),
            None
        );
    }

    #[test]
    fn a_map_has_the_frames_size_rate_and_pixel_aspect_but_its_own_colorimetry() {
        let meaning = OutputMeaning::InverseRelative;
        let map = fixate_src(&caps(NV12), Output::Map, meaning, &caps("video/x-raw")).unwrap();
        assert_eq!(
            map,
            caps(
                "video/x-raw,format=GRAY8,width=640,height=480,framerate=30/1,\
                 pixel-aspect-ratio=4/3,colorimetry=1:4:0:0,interlace-mode=progressive"
            )
        );
    }

    #[test]
    fn side_by_side_doubles_the_width_and_back() {
        let (output, meaning) = (Output::SideBySide, Some(OutputMeaning::InverseRelative));
        let src = sink_to_src(&caps(NV12), output, meaning);
        assert_eq!(src.structure(0).unwrap().get::<i32>("width"), Ok(1280));
        let sink = src_to_sink(&src, output, meaning);
        assert_eq!(sink.structure(0).unwrap().get::<i32>("width"), Ok(640));
        let open = src_to_sink(&caps("video/x-raw,width=[100,2000]"), output, meaning);
        let width = open
            .structure(0)
            .unwrap()
            .get::<gst::IntRange<i32>>("width")
            .unwrap();
        assert_eq!((width.min(), width.max()), (50, 1000));
    }

    #[test]
    fn downstream_that_takes_no_map_leaves_no_sink_caps() {
        let sink = src_to_sink(
            &caps("video/x-raw,format=NV12"),
            Output::Map,
            Some(OutputMeaning::InverseRelative),
        );
        assert!(sink.is_empty());
    }
}
