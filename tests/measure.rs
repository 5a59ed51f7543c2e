// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What is measured on maps: against NumPy, OpenCV and SciPy, and in pipelines.

mod bad;
mod classes;
mod element;
mod examples;
mod numbers;
mod series;
mod survival;
mod zones;

use crate::common::{End, collect, pipeline, play, take_buffers};
use gst::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(path)
}

/// A model whose map is the frame's own grey, 1/2 R + 1/4 G + 1/4 B, of frames of 48x32 pixels;
/// larger is nearer.
fn grey() -> String {
    format!(
        "dptdepth name=d execution-provider=cpu model-file=\"{}\"",
        data("onnx/u8-nhwc.onnx").display()
    )
}

/// The same in metres: 100 divided by the grey.
fn metres() -> String {
    format!("{} depth-scale=0.01", grey())
}

/// A segmentation model with the classes LABEL_0 to LABEL_6.
fn segmentation() -> String {
    format!(
        "dptdepth execution-provider=cpu model-file=\"{}\"",
        data("dpt/vit-segmentation").display()
    )
}

/// Paints a frame of RGB 48x32: grey `left` of column 24, 20 right of it.
fn paint(frame: &mut gst::BufferRef, left: u8) {
    let mut pixels = frame.map_writable().unwrap();
    for row in pixels.chunks_exact_mut(48 * 3) {
        row.fill(20);
        row[..24 * 3].fill(left);
    }
}

/// What came of a run.
struct Ran {
    end: End,
    /// Every buffer that the element `sink` got.
    buffers: Vec<gst::Buffer>,
    /// Every message `dptdepth-zone`.
    zones: Vec<gst::Structure>,
}

/// Runs `description`. `change` may touch each frame that the element `mark` passes on.
fn run(
    description: &str,
    mut change: impl FnMut(usize, &mut gst::BufferRef) + Send + 'static,
) -> Ran {
    let pipeline = pipeline(description);
    let pad = |name: &str, pad: &str| pipeline.by_name(name)?.static_pad(pad);
    if let Some(mark) = pad("mark", "src") {
        let frames = Mutex::new((0, move |at: usize, frame: &mut gst::BufferRef| {
            change(at, frame)
        }));
        mark.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let (index, change) = &mut *frames.lock().unwrap();
            change(*index, info.buffer_mut().unwrap().make_mut());
            *index += 1;
            gst::PadProbeReturn::Ok
        });
    }
    let buffers = collect(&pipeline, "sink");
    let zones = Arc::new(Mutex::new(Vec::new()));
    let all = zones.clone();
    pipeline.bus().unwrap().set_sync_handler(move |_, message| {
        if let Some(fields) = message.structure()
            && fields.name() == "dptdepth-zone"
        {
            all.lock().unwrap().push(fields.to_owned());
        }
        gst::BusSyncReply::Pass
    });
    Ran {
        end: play(&pipeline, PATIENCE),
        buffers: take_buffers(&buffers),
        zones: std::mem::take(&mut *zones.lock().unwrap()),
    }
}

/// The same, and all went well.
fn good(description: &str, change: impl FnMut(usize, &mut gst::BufferRef) + Send + 'static) -> Ran {
    let ran = run(description, change);
    let end = &ran.end;
    assert!(end.eos && end.errors.is_empty(), "{description}: {end:?}");
    ran
}

/// The one error of an element that refuses to start.
fn refusal(element: &str) -> String {
    let ran = run(
        &format!(
            "videotestsrc num-buffers=1 ! video/x-raw,width=48,height=32 ! {element} ! fakesink name=sink"
        ),
        |_, _| {},
    );
    assert!(ran.buffers.is_empty());
    let [(from, text)] = ran.end.errors.as_slice() else {
        panic!("{element}: {:?}", ran.end.errors);
    };
    assert_eq!(from, "dptdepth");
    text.clone()
}

fn depth_meta(buffer: &gst::BufferRef) -> Option<gst::Structure> {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstDptDepthMeta").ok()?;
    Some(meta.structure().to_owned())
}

fn segmentation_meta(buffer: &gst::BufferRef) -> Option<gst::Structure> {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstDptSegmentationMeta").ok()?;
    Some(meta.structure().to_owned())
}

/// A structure inside a structure.
fn nested(fields: &gst::StructureRef, path: &[&str]) -> gst::Structure {
    path.iter().fold(fields.to_owned(), |fields, name| {
        fields
            .get(*name)
            .unwrap_or_else(|e| panic!("{name}: {e} in {fields}"))
    })
}

fn rect(fields: &gst::StructureRef) -> [i32; 4] {
    ["x", "y", "width", "height"].map(|field| fields.get(field).unwrap())
}
