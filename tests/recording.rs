// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! 16-bit depth through lossless files and back: every pixel, every time stamp, and what the
//! numbers mean.

use crate::common::{pipeline, play};
use gst::prelude::*;
use gst_video::VideoFrameExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);
const FRAMES: usize = 5;
/// Odd sizes have padded rows, 64 columns have none.
const SIZES: [(u32, u32); 3] = [(163, 121), (64, 48), (65, 33)];
/// Makes the default model's inverse depth metric.
const METRIC: &str = "depth-scale=0.002 depth-shift=0.25";

/// What went through a pad.
#[derive(Clone, Default)]
struct Seen {
    /// The samples of each picture without padding, and its time stamp and duration.
    frames: Vec<(Vec<u8>, Option<gst::ClockTime>, Option<gst::ClockTime>)>,
    caps: Option<gst::Caps>,
    /// The tags of the stream, as the last event says.
    tags: Option<gst::TagList>,
}

impl Seen {
    fn samples(&self) -> impl Iterator<Item = &[u8]> {
        self.frames.iter().map(|(samples, ..)| samples.as_slice())
    }

    fn comment(&self) -> Option<String> {
        let comment = self.tags.as_ref()?.get::<gst::tags::Comment>()?;
        Some(comment.get().to_string())
    }

    fn rate(&self) -> gst::Fraction {
        let caps = self.caps.as_ref().unwrap();
        caps.structure(0).unwrap().get("framerate").unwrap()
    }
}

/// Plays to the end and tells what reached the sink pad of the element `name`.
fn run(description: &str, name: &str) -> Seen {
    let pipeline = pipeline(description);
    let pad = pipeline.by_name(name).unwrap().static_pad("sink").unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let to = seen.clone();
    let wanted = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(wanted, move |_, info| {
        let mut seen = to.lock().unwrap();
        if let Some(buffer) = info.buffer() {
            let caps = seen.caps.as_ref().unwrap();
            let rows = samples(buffer, caps);
            seen.frames.push((rows, buffer.pts(), buffer.duration()));
        } else if let Some(event) = info.event() {
            match event.view() {
                gst::EventView::Caps(caps) => seen.caps = Some(caps.caps_owned()),
                gst::EventView::Tag(tag) if tag.tag().scope() == gst::TagScope::Stream => {
                    seen.tags = Some(tag.tag_owned());
                }
                _ => {}
            }
        }
        gst::PadProbeReturn::Ok
    });
    let end = play(&pipeline, PATIENCE);
    assert!(end.eos && end.errors.is_empty(), "{description}: {end:?}");
    seen.lock().unwrap().clone()
}

/// The picture's rows without padding.
fn samples(buffer: &gst::Buffer, caps: &gst::Caps) -> Vec<u8> {
    let info = gst_video::VideoInfo::from_caps(caps).unwrap();
    let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(buffer, &info).unwrap();
    let bytes = info.width() as usize * info.comp_pstride(0) as usize;
    let stride = frame.plane_stride()[0] as usize;
    let rows = frame.plane_data(0).unwrap().chunks(stride);
    rows.take(info.height() as usize)
        .flat_map(|row| row[..bytes].to_vec())
        .collect()
}

/// Depth of something that moves.
fn depth((width, height): (u32, u32), properties: &str) -> String {
    format!(
        "videotestsrc pattern=ball num-buffers={FRAMES} \
         ! video/x-raw,width={width},height={height},framerate=30000/1001 \
         ! dptdepth execution-provider=cpu network-size=64 {properties} ! video/x-raw,format=GRAY16_LE"
    )
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_string()
}

/// Not one shade, not 8 bit made wide, not one picture repeated.
fn assert_has_content(seen: &Seen) {
    assert_eq!(seen.frames.len(), FRAMES);
    let first = seen.samples().next().unwrap();
    assert!(seen.samples().any(|samples| samples != first));
    assert!(
        first
            .as_chunks::<2>()
            .0
            .iter()
            .any(|code| *code != [first[0], first[1]])
    );
    assert!(
        first
            .as_chunks::<2>()
            .0
            .iter()
            .any(|[low, high]| low != high)
    );
}

#[test]
fn ffv1_in_matroska_gives_every_bit_back() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "depth.mkv");
    for properties in ["", METRIC] {
        for size in SIZES {
            let written = run(
                &format!(
                    "{} ! avenc_ffv1 name=encoder ! matroskamux ! filesink location={file}",
                    depth(size, properties)
                ),
                "encoder",
            );
            let read = run(
                &format!(
                    "filesrc location={file} ! matroskademux ! avdec_ffv1 ! fakesink name=sink"
                ),
                "sink",
            );
            assert_has_content(&written);
            assert!(
                written.samples().eq(read.samples()),
                "{size:?} {properties}"
            );
            assert_eq!(written.rate(), read.rate());
            for ((_, from, lasts), (_, to, lasted)) in written.frames.iter().zip(&read.frames) {
                // Matroska counts milliseconds.
                let off = from.unwrap().nseconds().abs_diff(to.unwrap().nseconds());
                assert!(off <= 500_000, "{from:?} became {to:?}");
                let off = lasts
                    .unwrap()
                    .nseconds()
                    .abs_diff(lasted.unwrap().nseconds());
                assert!(off <= 1, "{lasts:?} became {lasted:?}");
            }
        }
    }
}

#[test]
fn png_gives_every_bit_back() {
    let folder = tempfile::tempdir().unwrap();
    let files = path(folder.path(), "%05d.png");
    for properties in ["", METRIC] {
        for size in SIZES {
            let written = run(
                &format!(
                    "{} ! videoconvert name=depth ! video/x-raw,format=GRAY16_BE ! pngenc ! multifilesink location={files}",
                    depth(size, properties)
                ),
                "depth",
            );
            assert_has_content(&written);
            let read = run(
                &format!(
                    "multifilesrc location={files} caps=image/png,framerate=30000/1001 ! pngdec \
                     ! video/x-raw,format=GRAY16_BE ! videoconvert ! video/x-raw,format=GRAY16_LE ! fakesink name=sink"
                ),
                "sink",
            );
            assert!(
                written.samples().eq(read.samples()),
                "{size:?} {properties}"
            );
            // The same from a reader that is not GStreamer's.
            for (index, samples) in written.samples().enumerate() {
                let file = folder.path().join(format!("{index:05}.png"));
                let image = image::open(file).unwrap();
                assert_eq!(image.color(), image::ColorType::L16);
                assert_eq!((image.width(), image.height()), size);
                let image = image.into_luma16();
                let expected = samples.as_chunks::<2>().0.iter();
                let expected = expected.map(|code| u16::from_le_bytes(*code));
                assert!(image.as_raw().iter().copied().eq(expected));
            }
        }
    }
}

/// Records and reads the tags back.
fn recorded(source: &str, file: &str) -> Seen {
    let muxing = format!("{source} ! avenc_ffv1 ! matroskamux name=mux ! filesink location={file}");
    assert!(play(&pipeline(&muxing), PATIENCE).eos);
    run(
        &format!("filesrc location={file} ! matroskademux ! avdec_ffv1 ! fakesink name=sink"),
        "sink",
    )
}

#[test]
fn a_recording_says_what_its_numbers_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "depth.mkv");
    let size = (64, 48);
    let read = recorded(&depth(size, METRIC), &file);
    assert_eq!(
        read.comment().unwrap(),
        "dptdepth/unit:mm/invalid:0/saturated:65535/depth-scale:0.002/depth-shift:0.25/model:dptdepth-default"
    );
    // The bytes that other readers see are these too, neither quoted nor escaped.
    let bytes = std::fs::read(&file).unwrap();
    let comment = read.comment().unwrap();
    let mut parts = bytes.windows(comment.len());
    assert!(parts.any(|part| part == comment.as_bytes()));
    let properties = "depth-scale=0.5 depth-unit=cm focal-length=70.5";
    let read = recorded(&depth(size, properties), &file);
    assert_eq!(
        read.comment().unwrap(),
        "dptdepth/unit:cm/invalid:0/saturated:65535/depth-scale:0.5/focal-length:70.5/model:dptdepth-default"
    );
    // Shades have no unit.
    assert_eq!(recorded(&depth(size, ""), &file).comment(), None);
    let gray8 = depth(size, METRIC).replace("GRAY16_LE", "GRAY8");
    assert_eq!(recorded(&gray8, &file).comment(), None);
}

#[test]
fn tags_of_the_video_stay_but_for_its_comment() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "depth.mkv");
    let tagged = depth((64, 48), METRIC).replace(
        "! dptdepth",
        "! taginject tags=\"title=Yard,comment=\\\"north gate\\\"\" ! dptdepth",
    );
    let read = recorded(&tagged, &file);
    assert!(read.comment().unwrap().starts_with("dptdepth/unit:mm/"));
    let title = read.tags.unwrap();
    assert_eq!(title.get::<gst::tags::Title>().unwrap().get(), "Yard");
}

/// Upstream's tags may come late: they must not take the place of ours.
#[test]
fn later_tags_of_the_video_do_not_replace_the_unit() {
    let pipeline = pipeline(&format!(
        "{} ! fakesink name=sink",
        depth((64, 48), METRIC).replace("! dptdepth", "! identity name=before ! dptdepth")
    ));
    let count = AtomicUsize::new(0);
    let before = pipeline.by_name("before").unwrap();
    let pad = before.static_pad("src").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        if count.fetch_add(1, Ordering::Relaxed) == 2 {
            let mut tags = gst::TagList::new();
            let list = tags.get_mut().unwrap();
            list.add::<gst::tags::Title>(&"Late", gst::TagMergeMode::Append);
            pad.push_event(gst::event::Tag::new(tags));
        }
        gst::PadProbeReturn::Ok
    });
    let sink = pipeline
        .by_name("sink")
        .unwrap()
        .static_pad("sink")
        .unwrap();
    let last = Arc::new(Mutex::new(Vec::new()));
    let to = last.clone();
    sink.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        if let Some(gst::EventView::Tag(tag)) = info.event().map(|event| event.view()) {
            to.lock().unwrap().push(tag.tag_owned());
        }
        gst::PadProbeReturn::Ok
    });
    assert!(play(&pipeline, PATIENCE).eos);
    let tags = last.lock().unwrap();
    let last = tags.last().unwrap();
    assert_eq!(last.get::<gst::tags::Title>().unwrap().get(), "Late");
    let comment = last.get::<gst::tags::Comment>().unwrap();
    assert!(comment.get().starts_with("dptdepth/unit:mm/"), "{tags:?}");
}

/// What `pipelines/read_recording.py` prints, or complains of.
fn read_recording(file: &str) -> Result<String, String> {
    let output = Command::new("/usr/bin/python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/read_recording.py"))
        .args([file, "--x", "0.25", "--y", "0.75"])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

#[test]
fn python_reads_metres_from_a_recording_or_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(folder.path(), "depth.mkv");
    for (unit, metres) in [("mm", 0.001), ("cm", 0.01)] {
        let source = depth((163, 121), &format!("{METRIC} depth-unit={unit}"));
        let written = run(
            &format!("{source} ! avenc_ffv1 name=encoder ! matroskamux ! filesink location={file}"),
            "encoder",
        );
        let told = read_recording(&file).unwrap();
        assert_eq!(told.lines().count(), FRAMES);
        for (line, samples) in told.lines().zip(written.samples()) {
            // 0.25 · 162 and 0.75 · 120, rounded down.
            let at = 2 * (90 * 163 + 40);
            let code = u16::from_le_bytes([samples[at], samples[at + 1]]);
            let expected = format!("(40, 90)  {:.3} m", f64::from(code) * metres);
            assert!(line.ends_with(&expected), "{line}: {expected}");
        }
    }
    recorded(&depth((64, 48), ""), &file);
    assert!(
        read_recording(&file)
            .unwrap_err()
            .contains("its depth is relative")
    );
    let nothing = path(folder.path(), "nothing.mkv");
    let told = read_recording(&nothing).unwrap_err();
    assert!(
        told.contains("not found") && !told.contains("CRITICAL"),
        "{told}"
    );
}
