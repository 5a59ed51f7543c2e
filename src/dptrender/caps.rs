// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What the element gives for each `mode`.

use super::{Mode, StereoLayout};
use crate::video::caps::{Change, Views, src_template};
use crate::video::{COLOR_FORMATS, GRAY16};
use gst_video::VideoFormat;
use std::sync::LazyLock;

/// Formats of a matte: the frame with alpha, or the matte itself.
const MATTE_FORMATS: [VideoFormat; 5] = [
    VideoFormat::Rgba,
    VideoFormat::Bgra,
    VideoFormat::Argb,
    VideoFormat::Abgr,
    VideoFormat::Gray8,
];

/// What the src pad can ever give.
pub(super) static SRC: LazyLock<gst::Caps> =
    LazyLock::new(|| src_template(&[VideoFormat::Gray8, GRAY16]));

/// How the output differs from the input.
pub(super) fn change(mode: Mode, layout: StereoLayout) -> Change {
    let color = Change::picture(&COLOR_FORMATS);
    match mode {
        Mode::Map => Change::picture(&[&[VideoFormat::Gray8, GRAY16], &COLOR_FORMATS[..]].concat()),
        Mode::Overlay => Change::default(),
        Mode::SideBySide => Change {
            scale: (2, 1),
            ..color
        },
        Mode::Stereo => {
            let (scale, views) = match layout {
                StereoLayout::SideBySide => ((2, 1), Views::SideBySide),
                StereoLayout::SideBySideHalf => ((1, 1), Views::SideBySideHalf),
                StereoLayout::TopBottom => ((1, 2), Views::TopBottom),
            };
            Change {
                scale,
                views: Some(views),
                ..color
            }
        }
        Mode::Matte => Change::picture(&MATTE_FORMATS),
        Mode::Anaglyph | Mode::Blur => color,
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

    fn stereo(layout: StereoLayout) -> gst::Caps {
        let sink = caps(
            "video/x-raw,format=NV12,width=640,height=480,framerate=30/1,\
             pixel-aspect-ratio=4/3,multiview-mode=mono,colorimetry=bt709",
        );
        let change = change(Mode::Stereo, layout);
        change.fixate_src(&sink, &caps("video/x-raw")).unwrap()
    }

    #[test]
    fn stereo_caps_say_how_the_views_lie() {
        let common = "video/x-raw,format=RGB,framerate=30/1,colorimetry=sRGB,\
            interlace-mode=progressive";
        assert_eq!(
            stereo(StereoLayout::SideBySide),
            caps(&format!(
                "{common},width=1280,height=480,pixel-aspect-ratio=4/3,multiview-mode=side-by-side"
            ))
        );
        // As VideoInfo::to_caps writes half aspect: pixels twice as wide.
        assert_eq!(
            stereo(StereoLayout::SideBySideHalf),
            caps(&format!(
                "{common},width=640,height=480,pixel-aspect-ratio=8/3,multiview-mode=side-by-side"
            ))
        );
        assert_eq!(
            stereo(StereoLayout::TopBottom),
            caps(&format!(
                "{common},width=640,height=960,pixel-aspect-ratio=4/3,multiview-mode=top-bottom"
            ))
        );
    }

    #[test]
    fn stereo_caps_go_back_to_the_frames() {
        let change = change(Mode::Stereo, StereoLayout::SideBySideHalf);
        let src = caps("video/x-raw,format=RGB,width=640,height=480,pixel-aspect-ratio=2/1");
        let sink = change.src_to_sink(&src);
        let sink = sink.structure(0).unwrap();
        assert_eq!(sink.get::<i32>("width"), Ok(640));
        assert_eq!(
            sink.get::<gst::Fraction>("pixel-aspect-ratio"),
            Ok(gst::Fraction::new(1, 1))
        );
        assert!(!sink.has_field("multiview-mode"));
    }
}
