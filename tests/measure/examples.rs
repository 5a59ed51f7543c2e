// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The programs of `docs/examples`: built as the document says, run on the plugin that cargo built,
//! and all of one opinion.

use super::*;
use std::process::Command;

#[allow(
    dead_code,
    unreachable_pub,
    reason = "a program of its own, whose main is not called here"
)]
#[path = "../../docs/examples/read_depth.rs"]
mod read_depth;

/// Depth, a zone and classes on two frames.
fn source() -> String {
    format!(
        "videotestsrc num-buffers=2 pattern=ball ! video/x-raw,format=RGB,width=96,height=64,framerate=10/1 \
         ! dptdepth execution-provider=cpu network-size=64 output=meta \
         zones=\"a b: 0,0 1,0 1,1 far=0.5 hold=0; c: 0,0 1,0 1,1 near=0.2 far=0.1\" ! {} output=meta",
        segmentation()
    )
}

/// What the program of this command prints.
fn printed(mut command: Command, folder: &Path) -> String {
    let built = Path::new(env!("CARGO_BIN_EXE_dpt-onnx")).parent().unwrap();
    let output = command
        .arg(source())
        .env("GST_PLUGIN_PATH", built)
        .env("GST_REGISTRY", folder.join("registry.bin"))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

#[test]
fn c_python_and_rust_read_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples");

    let program = folder.path().join("read_depth");
    let compiled = Command::new("sh")
        .arg("-c")
        .arg("cc -Wall -Werror read_depth.c -o \"$0\" $(pkg-config --cflags --libs gstreamer-1.0)")
        .arg(&program)
        .current_dir(&examples)
        .output()
        .unwrap();
    assert!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    let c = printed(Command::new(&program), folder.path());

    let mut python = Command::new("/usr/bin/python3");
    python.arg(examples.join("read_depth.py"));
    let python = printed(python, folder.path());

    let ran = good(&format!("{} ! fakesink name=sink", source()), |_, _| {});
    let rust: Vec<String> = ran
        .buffers
        .iter()
        .flat_map(|b| read_depth::describe(b))
        .collect();
    let rust = rust.join("\n") + "\n";

    for word in [
        "frame 0.100\n",
        "depth ",
        "inverse-relative",
        "zone a b ",
        "zone c ",
        "class LABEL_",
    ] {
        assert!(c.contains(word), "{word}: {c}");
    }
    assert_eq!(c, python);
    assert_eq!(c, rust);
}

#[test]
fn objects_are_read() {
    let description = format!(
        "videotestsrc num-buffers=1 ! video/x-raw,format=RGB,width=48,height=32 ! identity name=mark \
         ! {} output=meta ! fakesink name=sink",
        metres()
    );
    let ran = good(&description, |_, frame| {
        paint(frame, 100);
        gst_video::VideoRegionOfInterestMeta::add(frame, "cat", (4, 4, 8, 8));
    });
    let lines = read_depth::describe(&ran.buffers[0]);
    let object = "object cat at 4,4 size 8x8, median 1.000, nearest 1.000, valid 1.00";
    assert!(lines.iter().any(|line| line == object), "{lines:?}");
}
