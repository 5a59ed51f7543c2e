// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What becomes of both result metas downstream.

use super::*;

/// The metas behind `tail`, of frames of 96x64 with a detection at (12, 8), 24x16.
fn behind(tail: &str) -> Vec<(Option<gst::Structure>, Option<gst::Structure>)> {
    let ran = good(
        &format!(
            "videotestsrc num-buffers=2 ! video/x-raw,format=RGB,width=96,height=64,framerate=10/1 \
             ! identity name=mark ! dptdepth execution-provider=cpu network-size=64 output=meta \
             zones=\"a: 0,0 1,0 1,1 far=0.5\" ! {} output=meta ! {tail} ! fakesink name=sink",
            segmentation()
        ),
        |_, frame| {
            gst_video::VideoRegionOfInterestMeta::add(frame, "cat", (12, 8, 24, 16));
        },
    );
    let metas = ran.buffers.iter();
    metas
        .map(|buffer| (depth_meta(buffer), segmentation_meta(buffer)))
        .collect()
}

fn region(meta: &gst::StructureRef) -> [i32; 4] {
    ["region-x", "region-y", "region-width", "region-height"].map(|field| meta.get(field).unwrap())
}

/// Both metas are behind `tail`, on `frames` frames which are `zoom` times as large.
fn survives(tail: &str, frames: usize, [across, down]: [f64; 2]) {
    let unchanged = behind("identity");
    let (_, before) = unchanged[0].clone();
    let seen = behind(tail);
    assert_eq!(seen.len(), frames, "{tail}");
    let by = |rect: [i32; 4]| {
        let [x, y, width, height] = rect.map(f64::from);
        [x * across, y * down, width * across, height * down].map(|side| side.round() as i32)
    };
    for (depth, classes) in seen {
        let (depth, classes) = (depth.expect(tail), classes.expect(tail));
        assert_eq!(region(&depth), by([0, 0, 96, 64]), "{tail}");
        assert_eq!(region(&classes), by([0, 0, 96, 64]), "{tail}");
        let data: gst::Buffer = depth.get("data").unwrap();
        let size = ["width", "height"].map(|side| depth.get::<i32>(side).unwrap() as usize);
        assert_eq!(data.size(), 4 * size[0] * size[1]);
        // What lies on the frame is where the frame's pixels now are.
        assert_eq!(
            rect(&nested(&depth, &["objects", "o0"])),
            by([12, 8, 24, 16]),
            "{tail}"
        );
        assert_eq!(
            nested(&depth, &["zones", "z0"])
                .get::<String>("name")
                .unwrap(),
            "a"
        );
        let path = ["coverage", "c0"];
        let largest = nested(before.as_ref().unwrap(), &path);
        assert_eq!(rect(&nested(&classes, &path)), by(rect(&largest)), "{tail}");
    }
}

fn is_dropped(tail: &str) {
    let seen = behind(tail);
    assert_eq!(seen.len(), 2, "{tail}");
    for metas in seen {
        assert_eq!(metas, (None, None), "{tail}");
    }
}

#[test]
fn a_queue_keeps_them() {
    survives("queue", 2, [1.0, 1.0]);
}

#[test]
fn a_tee_keeps_them_on_every_branch() {
    survives(
        "tee name=t ! queue ! videoconvert ! video/x-raw,format=NV12 ! fakesink t. ! queue",
        2,
        [1.0, 1.0],
    );
}

#[test]
fn videorate_keeps_them_on_repeated_frames() {
    survives("videorate ! video/x-raw,framerate=20/1", 3, [1.0, 1.0]);
}

#[test]
fn videoconvert_keeps_them_in_another_format() {
    survives("videoconvert ! video/x-raw,format=I420", 2, [1.0, 1.0]);
}

#[test]
fn videoscale_moves_their_regions() {
    survives(
        "videoscale ! video/x-raw,width=192,height=128",
        2,
        [2.0, 2.0],
    );
    survives("videoscale ! video/x-raw,width=48,height=32", 2, [0.5, 0.5]);
}

#[test]
fn videoscale_without_borders_moves_them_unevenly() {
    // The pixel aspect ratio takes up the change of shape, so that there are no borders.
    survives(
        "videoscale ! video/x-raw,width=192,height=64,pixel-aspect-ratio=1/2",
        2,
        [2.0, 1.0],
    );
}

#[test]
fn borders_drop_them() {
    is_dropped(
        "videoscale add-borders=true ! video/x-raw,width=192,height=64,pixel-aspect-ratio=1/1",
    );
}

#[test]
fn a_crop_drops_them() {
    is_dropped("videocrop left=16");
}

#[test]
fn a_flip_drops_them() {
    is_dropped("videoflip video-direction=horiz");
    is_dropped("videoflip video-direction=90r");
}

/// A documented trap: the coded picture is another one, and the metas say nothing of it.
#[test]
fn they_pass_an_encoder_and_a_decoder() {
    survives("videoconvert ! jpegenc ! jpegdec", 2, [1.0, 1.0]);
}
