// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What the element takes and what it gives for each `output`.

use crate::dptdepth::Output;
use crate::spec::OutputMeaning;
use crate::video::caps::{Change, src_template};
use crate::video::{COLOR_FORMATS, GRAY16};
use gst_video::VideoFormat;
use std::sync::LazyLock;

/// What the src pad can ever give.
pub(in crate::dptdepth) static SRC: LazyLock<gst::Caps> =
    LazyLock::new(|| src_template(&[VideoFormat::Gray8, GRAY16]));

/// How the output differs from the input. `meaning` is `None` while no model is open.
pub(in crate::dptdepth) fn change(output: Output, meaning: Option<OutputMeaning>) -> Change {
    let gray: &[VideoFormat] = match meaning {
        Some(OutputMeaning::Labels) => &[VideoFormat::Gray8],
        Some(OutputMeaning::Metric { .. }) => &[GRAY16, VideoFormat::Gray8],
        Some(OutputMeaning::InverseRelative | OutputMeaning::Relative) | None => {
            &[VideoFormat::Gray8, GRAY16]
        }
    };
    match output {
        Output::Map => Change::picture(&[gray, &COLOR_FORMATS].concat()),
        Output::SideBySide => Change {
            scale: (2, 1),
            ..Change::picture(&COLOR_FORMATS)
        },
        Output::Overlay | Output::Meta => Change::default(),
    }
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
        change(output, Some(meaning))
            .fixate_src(&caps(NV12), &caps(downstream))
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
        let map = change(Output::Map, Some(meaning))
            .fixate_src(&caps(NV12), &caps("video/x-raw"))
            .unwrap();
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
        let change = change(Output::SideBySide, Some(OutputMeaning::InverseRelative));
        let src = change.sink_to_src(&caps(NV12));
        assert_eq!(src.structure(0).unwrap().get::<i32>("width"), Ok(1280));
        let sink = change.src_to_sink(&src);
        assert_eq!(sink.structure(0).unwrap().get::<i32>("width"), Ok(640));
        let open = change.src_to_sink(&caps("video/x-raw,width=[100,2000]"));
        let width = open
            .structure(0)
            .unwrap()
            .get::<gst::IntRange<i32>>("width")
            .unwrap();
        assert_eq!((width.min(), width.max()), (50, 1000));
    }

    #[test]
    fn downstream_that_takes_no_map_leaves_no_sink_caps() {
        let sink = change(Output::Map, Some(OutputMeaning::InverseRelative))
            .src_to_sink(&caps("video/x-raw,format=NV12"));
        assert!(sink.is_empty());
    }
}
