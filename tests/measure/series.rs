// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A depth and a segmentation element one after the other.

use super::*;

const OUTPUTS: [&str; 4] = ["map", "overlay", "side-by-side", "meta"];

#[test]
fn both_metas_are_there_in_every_pair_of_outputs() {
    let depth = "dptdepth execution-provider=cpu network-size=64";
    let segmentation = segmentation();
    for (first, second) in [(depth, segmentation.as_str()), (&segmentation, depth)] {
        for before in OUTPUTS {
            for after in OUTPUTS {
                let pair = format!("{first} output={before} ! {second} output={after}");
                let ran = good(
                    &format!(
                        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=96,height=64 ! {pair} ! fakesink name=sink"
                    ),
                    |_, _| {},
                );
                let metas = (
                    depth_meta(&ran.buffers[0]),
                    segmentation_meta(&ran.buffers[0]),
                );
                let (Some(depth), Some(classes)) = metas else {
                    panic!("{pair}: {metas:?}");
                };
                let region = |meta: &gst::Structure| meta.get::<i32>("region-width").unwrap();
                let (of_first, of_second) = if first.contains("segmentation") {
                    (region(&classes), region(&depth))
                } else {
                    (region(&depth), region(&classes))
                };
                // The second element's frame is what the first one puts out.
                assert_eq!(of_first, 96, "{pair}");
                assert_eq!(
                    of_second,
                    if before == "side-by-side" { 192 } else { 96 },
                    "{pair}"
                );
            }
        }
    }
}
