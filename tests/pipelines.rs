// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Every pipeline that the project shows parses, and runs where its source exists here.
//!
//! The shell itself expands the pipelines: the scripts of `pipelines/` and the `sh` blocks of the
//! documents run under bash with a `gst-launch-1.0` that only notes its arguments.

use crate::common::{End, init, pipeline, play};
use gst::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

const FRAMES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(120);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The arguments of each `gst-launch-1.0` that this bash program starts, options left out.
fn launches(program: &str, arguments: &[&str], folder: &Path) -> Vec<Vec<String>> {
    let bin = tempfile::tempdir().unwrap();
    let notes = bin.path().join("notes");
    let stub = bin.path().join("gst-launch-1.0");
    fs::write(
        &stub,
        "#!/bin/sh\nprintf '%s\\0' \"$@\" >>\"$NOTES\"\nprintf '\\n\\0' >>\"$NOTES\"\n",
    )
    .unwrap();
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::join_paths(
        std::iter::once(bin.path().to_path_buf())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    let output = Command::new("bash")
        .args(["-c", program, "bash"])
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path)
        .env("NOTES", &notes)
        .env("DPTDEPTH_SINK", "fakesink")
        .env_remove("DPTDEPTH_MODEL")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let notes = fs::read_to_string(notes).unwrap_or_default();
    notes
        .split("\n\0")
        .filter(|launch| !launch.is_empty())
        .map(|launch| {
            launch
                .split_terminator('\0')
                .skip_while(|argument| argument.starts_with('-'))
                .map(str::to_string)
                .collect()
        })
        .collect()
}

fn parse(arguments: &[String]) -> gst::Pipeline {
    init();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    gst::parse::launchv(&arguments)
        .unwrap_or_else(|error| panic!("{}: {error}", arguments.join(" ")))
        .downcast()
        .expect("a description of several elements makes a pipeline")
}

/// The one pipeline of a script in `pipelines/`.
fn script(name: &str, arguments: &[&str], folder: &Path) -> gst::Pipeline {
    let path = root().join("pipelines").join(name);
    let arguments = [&[path.to_str().unwrap()], arguments].concat();
    let mut launches = launches("\"$@\"", &arguments, folder);
    assert_eq!(launches.len(), 1, "{name} starts one pipeline");
    parse(&launches.remove(0))
}

/// A clip of a few equal frames of a photograph.
fn clip(folder: &Path) -> String {
    let path = folder.join("clip.mkv");
    let photo = root().join("tests/data/frame/photo.png");
    let description = format!(
        "filesrc location={} ! pngdec ! imagefreeze num-buffers={FRAMES} ! videoconvert ! video/x-raw,framerate=10/1 \
         ! jpegenc ! matroskamux ! filesink location={}",
        photo.display(),
        path.display()
    );
    assert!(play(&pipeline(&description), PATIENCE).eos);
    path.to_str().unwrap().to_string()
}

fn assert_played(end: &End) {
    assert!(end.eos && end.errors.is_empty(), "{end:?}");
    assert_eq!(end.models.len(), 1, "the element told what ran: {end:?}");
}

/// The shell blocks of a document that start pipelines.
fn shell_blocks(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    text.split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .filter(|block| block.contains("gst-launch-1.0"))
        .map(|block| {
            // Only the pipelines: a block may also show how to get there.
            let mut inside = false;
            block
                .lines()
                .filter(|line| {
                    inside = line.starts_with("gst-launch-1.0") || inside;
                    let wanted = inside;
                    inside = inside && line.ends_with('\\');
                    wanted
                })
                .collect::<Vec<_>>()
                .join("\n")
        })
        .collect()
}

#[test]
fn every_pipeline_in_the_documents_parses() {
    let folder = tempfile::tempdir().unwrap();
    let mut documents: Vec<PathBuf> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    documents.push(root().join("README.md"));
    let mut count = 0;
    for document in documents {
        for block in shell_blocks(&document) {
            for launch in launches(&block, &[], folder.path()) {
                let pipeline = parse(&launch);
                let has_ours = pipeline
                    .iterate_elements()
                    .into_iter()
                    .flatten()
                    .any(|element| {
                        element
                            .factory()
                            .is_some_and(|factory| factory.name() == "dptdepth")
                    });
                assert!(has_ours, "{}: {launch:?}", document.display());
                count += 1;
            }
        }
    }
    assert!(
        count >= 5,
        "only {count} pipelines were found in the documents"
    );
}

#[test]
fn no_script_is_forgotten() {
    let tested = [
        "common.sh",
        "demo.sh",
        "overlay.sh",
        "play-file.sh",
        "play-rtsp.sh",
        "play-webcam.sh",
        "save-ffv1.sh",
        "save-png.sh",
        "segmentation.sh",
    ];
    let mut found: Vec<String> = fs::read_dir(root().join("pipelines"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|extension| extension == "sh")
        })
        .collect();
    found.sort();
    assert_eq!(found, tested);
}

#[test]
fn cameras_and_segmentation_parse() {
    let folder = tempfile::tempdir().unwrap();
    script("play-webcam.sh", &[], folder.path());
    script("play-webcam.sh", &["/dev/video7"], folder.path());
    script(
        "play-rtsp.sh",
        &["rtsp://camera.invalid/stream"],
        folder.path(),
    );
    script(
        "segmentation.sh",
        &["clip.mp4", "dpt-large-ade/"],
        folder.path(),
    );
}

/// Plays the clip with a script that shows it.
fn plays(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path());
    let pipeline = script(name, &[&clip], folder.path());
    assert_played(&play(&pipeline, PATIENCE));
}

#[test]
fn a_file_plays_with_its_classes() {
    plays("segmentation.sh");
}

#[test]
fn a_file_plays_side_by_side() {
    plays("play-file.sh");
}

#[test]
fn a_file_plays_as_an_overlay() {
    plays("overlay.sh");
}

#[test]
fn the_png_sequence_has_every_frame_in_16_bit() {
    let folder = tempfile::tempdir().unwrap();
    let (clip, made) = (clip(folder.path()), folder.path().join("made"));
    let pipeline = script(
        "save-png.sh",
        &[&clip, made.to_str().unwrap()],
        folder.path(),
    );
    assert_played(&play(&pipeline, PATIENCE));
    let names: Vec<_> = fs::read_dir(made)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(names.len(), FRAMES);
    let photo = image::open(root().join("tests/data/frame/photo.png")).unwrap();
    for name in names {
        let image = image::open(&name).unwrap().into_luma16();
        assert_eq!(image.dimensions(), (photo.width(), photo.height()));
        let (low, high) = image
            .as_raw()
            .iter()
            .fold((u16::MAX, 0), |(low, high), &value| {
                (low.min(value), high.max(value))
            });
        assert!(high - low > 30_000, "{}: {low}..{high}", name.display());
        let fine = image
            .as_raw()
            .iter()
            .any(|value| value >> 8 != value & 0xff);
        assert!(fine, "{} is 8 bit made wide", name.display());
    }
}

#[test]
fn the_ffv1_file_holds_every_frame_as_gray16() {
    let folder = tempfile::tempdir().unwrap();
    let (clip, made) = (clip(folder.path()), folder.path().join("made.mkv"));
    let saving = script(
        "save-ffv1.sh",
        &[&clip, made.to_str().unwrap()],
        folder.path(),
    );
    assert_played(&play(&saving, PATIENCE));
    let reading = pipeline(&format!(
        "filesrc location={} ! matroskademux ! avdec_ffv1 ! video/x-raw,format=GRAY16_LE ! appsink name=sink sync=false",
        made.display()
    ));
    let sink = reading
        .by_name("sink")
        .unwrap()
        .downcast::<gst_app::AppSink>()
        .unwrap();
    reading.set_state(gst::State::Playing).unwrap();
    let frames = std::iter::from_fn(|| sink.pull_sample().ok()).count();
    reading.set_state(gst::State::Null).unwrap();
    assert_eq!(frames, FRAMES);
}

/// Runs a Python program of `pipelines/` with the plugin that cargo built beside this test.
fn python(arguments: &[&str], folder: &Path) -> String {
    let output = python_output(arguments, folder);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    out
}

fn python_output(arguments: &[&str], folder: &Path) -> Output {
    let built = Path::new(env!("CARGO_BIN_EXE_dpt-onnx")).parent().unwrap();
    assert!(
        built.join("libgstdptdepth.so").exists(),
        "the plugin is not built: run `cargo build` first"
    );
    Command::new("/usr/bin/python3")
        .arg(root().join("pipelines").join(arguments[0]))
        .args(&arguments[1..])
        .current_dir(folder)
        .env("GST_PLUGIN_PATH", built)
        .env("GST_REGISTRY", folder.join("registry.bin"))
        .env_remove("DPTDEPTH_MODEL")
        .output()
        .unwrap()
}

#[test]
fn python_reads_the_depth_of_every_frame_of_the_shipped_clip() {
    let folder = tempfile::tempdir().unwrap();
    let out = python(
        &["read_meta.py", "--x", "0.5", "--y", "0.95"],
        folder.path(),
    );
    let nearness: Vec<f64> = out
        .lines()
        .map(|line| {
            assert!(line.contains("inverse-relative"), "{line}");
            let (rest, _) = line.rsplit_once(" % near").unwrap();
            rest.rsplit(' ').next().unwrap().parse().unwrap()
        })
        .collect();
    assert_eq!(nearness.len(), 132);
    // The grass at the bottom of the picture is in front, but for the animal in some frames.
    let mean = nearness.iter().sum::<f64>() / 132.0;
    assert!(mean > 60.0, "{mean}: {nearness:?}");
}

#[test]
fn python_watches_points_boxes_and_zones_of_the_shipped_clip() {
    let folder = tempfile::tempdir().unwrap();
    let zones = "all: 0,0 1,0 1,1 0,1 far=0.01; none: 0,0 1,0 1,1 0,1 near=0.0001 far=0 share=1";
    let out = python(
        &[
            "watch.py",
            "--point",
            "0.5,0.9",
            "--box",
            "left half:0,0,0.5,1",
            "--zones",
            zones,
            "--every",
            "0.5",
        ],
        folder.path(),
    );
    let count = |text: &str| out.lines().filter(|line| line.contains(text)).count();
    // Five and a half seconds, from 0 on.
    assert_eq!(count("s  point 0.5,0.9: "), 11, "{out}");
    assert_eq!(count("s  object left half at 0,0 ("), 11, "{out}");
    let zones: Vec<&str> = out
        .lines()
        .filter(|line| line.contains("s  zone "))
        .collect();
    let [zone] = zones.as_slice() else {
        panic!("{out}");
    };
    assert!(zone.starts_with("    0.5"), "{zone}");
    assert!(zone.contains("zone all is occupied ("), "{zone}");
}

/// A white square that comes and goes on black, which is what a detector of motion sees.
#[test]
fn python_finds_what_moves() {
    let folder = tempfile::tempdir().unwrap();
    let source = pipeline(&format!(
        "videotestsrc pattern=ball background-color=0xff000000 num-buffers=30 ! video/x-raw,width=320,height=240,framerate=10/1 \
         ! jpegenc ! matroskamux ! filesink location={}",
        folder.path().join("ball.mkv").display()
    ));
    assert!(play(&source, PATIENCE).eos);
    let out = python(&["watch.py", "ball.mkv", "--motion"], folder.path());
    let moving = out
        .lines()
        .filter(|line| line.contains("s  object moving at "))
        .count();
    assert!((1..=6).contains(&moving), "{out}");
    assert!(out.lines().all(|line| line.contains(" s  ")), "{out}");
}

#[test]
fn python_teaches_and_refuses_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let help = python(&["watch.py", "--help"], folder.path());
    for word in ["--zones", "--motion", "examples:", "far=0.6"] {
        assert!(help.contains(word), "{help}");
    }
    for (wrong, told) in [
        (["--zones", "door"], "zones, character 1"),
        (["--point", "2,2"], "--point"),
        (["--model", "/nowhere"], "/nowhere"),
    ] {
        let output = python_output(&["watch.py", wrong[0], wrong[1]], folder.path());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && text.contains(told),
            "{wrong:?}: {text}"
        );
        assert!(!text.contains("Traceback"), "{text}");
    }
}

/// The number after a word of a line.
fn after(line: &str, word: &str) -> f64 {
    let (_, rest) = line.split_once(&format!("  {word} ")).unwrap();
    rest.split([' ', '/']).next().unwrap().parse().unwrap()
}

#[test]
fn python_shows_the_statistics_of_any_pipeline() {
    let folder = tempfile::tempdir().unwrap();
    let out = python(&["stats.py", "--every", "0.2"], folder.path());
    let last = out.lines().last().unwrap();
    assert!(out.lines().count() > 1, "{out}");
    assert!(out.lines().all(|line| line.contains(" fps  ")), "{out}");
    assert_eq!(after(last, "inferred"), 132.0, "{out}");
    assert!(after(last, "latency p50/p95") > 0.0 && after(last, "flicker") >= 0.0);

    let two = "videotestsrc num-buffers=9 ! video/x-raw,width=64,height=48 ! dptdepth name=one network-size=64 \
               inference-interval=3 output=meta ! bin.( dptdepth name=two network-size=64 ) ! fakesink";
    let words: Vec<&str> = std::iter::once("stats.py")
        .chain(two.split_whitespace())
        .collect();
    let out = python(&words, folder.path());
    for (name, inferred, reused) in [("one", 3.0, 6.0), ("two", 9.0, 0.0)] {
        let name = format!(" s  {name}  ");
        let last = out.lines().rfind(|line| line.contains(&name)).unwrap();
        assert_eq!(after(last, "inferred"), inferred, "{out}");
        assert_eq!(after(last, "reused"), reused, "{out}");
    }
}

#[test]
fn python_explains_the_statistics_and_refuses_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let help = python(&["stats.py", "--help"], folder.path());
    for word in ["--every", "examples:", "p95", "inference-interval=4"] {
        assert!(help.contains(word), "{help}");
    }
    for (wrong, told) in [
        ("videotestsrc ! fakesink", "There is no dptdepth"),
        ("dptdepth", "There is no dptdepth"),
        ("dptdepth ! ! fakesink", "no pipeline"),
        ("--every 0 dptdepth", "--every"),
        (
            "videotestsrc ! dptdepth model-file=/nowhere ! fakesink",
            "/nowhere",
        ),
    ] {
        let words: Vec<&str> = std::iter::once("stats.py")
            .chain(wrong.split(' '))
            .collect();
        let output = python_output(&words, folder.path());
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && text.contains(told),
            "{wrong}: {text}"
        );
        assert!(!text.contains("Traceback"), "{text}");
    }
}

#[test]
fn the_demo_writes_its_video_and_sheet() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("odd.mkv");
    let source = pipeline(&format!(
        "videotestsrc num-buffers=20 ! video/x-raw,width=163,height=121 ! jpegenc ! matroskamux ! filesink location={}",
        clip.display()
    ));
    assert!(play(&source, PATIENCE).eos);
    let out = python(&["demo.py", "odd.mkv", "--output", "made"], folder.path());
    for told in [
        "frames    20 in",
        "provider  ",
        "model     ",
        "inverse-relative",
    ] {
        assert!(out.contains(told), "{told}: {out}");
    }
    let video = fs::metadata(folder.path().join("made/depth.mp4")).unwrap();
    assert!(video.len() > 1000);
    let sheet = image::open(folder.path().join("made/sheet.png")).unwrap();
    assert_eq!(sheet.width(), 1280);
}

/// Python that has loaded the C++ runtime before GStreamer, as it has with NumPy, unwinds with
/// another library than what is loaded later: OpenVINO throws, and catches, on every start.
#[test]
fn openvino_runs_in_a_process_that_had_the_cxx_runtime_before_gstreamer() {
    let runtime = std::env::var("DPTDEPTH_TEST_ORT_OPENVINO").expect("tests/run.sh sets it");
    let folder = tempfile::tempdir().unwrap();
    let built = Path::new(env!("CARGO_BIN_EXE_dpt-onnx")).parent().unwrap();
    let program = "\
import ctypes
ctypes.CDLL('libstdc++.so.6')
import gi
gi.require_version('Gst', '1.0')
from gi.repository import Gst
Gst.init(None)
pipeline = Gst.parse_launch('videotestsrc num-buffers=2 ! dptdepth name=depth network-size=64 execution-provider=openvino ! fakesink')
pipeline.set_state(Gst.State.PLAYING)
end = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
print(end.type if end else None, pipeline.get_by_name('depth').get_property('active-provider'))
pipeline.set_state(Gst.State.NULL)
";
    let output = Command::new("/usr/bin/python3")
        .args(["-c", program])
        .env("GST_PLUGIN_PATH", built)
        .env("GST_REGISTRY", folder.path().join("registry.bin"))
        .env("ORT_DYLIB_PATH", runtime)
        .env_remove("DPTDEPTH_MODEL")
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    assert!(
        out.contains("EOS") && out.contains("openvino"),
        "{out}{err}"
    );
}
