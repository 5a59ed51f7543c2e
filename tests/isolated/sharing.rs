// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What many elements of one process take together, and how a process ends while a network runs.

use crate::{CASE, Case};
use gst::prelude::*;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

const AT_WORK: &str = "exit/at-work";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        ("sharing/one-session", one_session),
        ("sharing/memory", memory),
        (AT_WORK, at_work),
        ("exit/says-nothing", says_nothing),
    ]
}

fn pipeline(properties: &str, sink: &str) -> gst::Pipeline {
    gst::init().unwrap();
    let _ = gstdptdepth::plugin_register_static();
    gst::parse::launch(&format!(
        "videotestsrc pattern=ball ! video/x-raw,format=NV12,width=640,height=480,framerate=30/1 \
         ! dptdepth name=depth execution-provider=cpu alignment=strict {properties} ! {sink}"
    ))
    .unwrap()
    .downcast()
    .unwrap()
}

fn await_frames(pipeline: &gst::Pipeline, count: u64) {
    let depth = pipeline.by_name("depth").unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let frames = || -> u64 {
        let stats = depth.property::<gst::Structure>("stats");
        stats.get("frames-inferred").unwrap()
    };
    while frames() < count {
        assert!(Instant::now() < deadline, "the stream does not go on");
        sleep(Duration::from_millis(5));
    }
}

/// Threads that own a session, by their name, which the helpers of sessions with more than one thread
/// share.
fn sessions() -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .filter(|name| name.trim() == "dptdepth")
        .count()
}

fn await_sessions(count: usize) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while sessions() != count {
        assert!(Instant::now() < deadline, "{} sessions", sessions());
        sleep(Duration::from_millis(5));
    }
}

fn one_session() {
    let pipelines: Vec<_> = (0..3).map(|_| pipeline("threads=1", "fakesink")).collect();
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Playing).unwrap();
        await_frames(pipeline, 2);
    }
    assert_eq!(sessions(), 1);
    let other = pipeline("threads=1 model-instance-id=other", "fakesink");
    other.set_state(gst::State::Playing).unwrap();
    await_frames(&other, 2);
    assert_eq!(sessions(), 2);
    let (last, first) = pipelines.split_last().unwrap();
    for pipeline in first {
        pipeline.set_state(gst::State::Null).unwrap();
    }
    await_frames(last, 10);
    assert_eq!(sessions(), 2);
    // The last one out frees it, and who comes again builds it again.
    last.set_state(gst::State::Null).unwrap();
    await_sessions(1);
    first[0].set_state(gst::State::Playing).unwrap();
    await_frames(&first[0], 2);
    assert_eq!(sessions(), 2);
    first[0].set_state(gst::State::Null).unwrap();
    other.set_state(gst::State::Null).unwrap();
    await_sessions(0);
}

/// Resident memory in MB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1024.0
}

/// A stream has its frames, its maps and its steadying; the model is there once.
fn memory() {
    let start = |_| {
        let pipeline = pipeline("output=overlay", "fakesink");
        pipeline.set_state(gst::State::Playing).unwrap();
        await_frames(&pipeline, 20);
        pipeline
    };
    let mut pipelines: Vec<_> = (0..1).map(start).collect();
    let one = resident();
    pipelines.extend((1..16).map(start));
    for pipeline in &pipelines {
        await_frames(pipeline, 40);
    }
    let each = (resident() - one) / 15.0;
    assert!(
        each < 30.0,
        "{each:.1} MB for each stream beyond the first's {one:.0}"
    );
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Null).unwrap();
    }
}

/// Ends as a program does that has had enough: nothing is stopped first.
fn at_work() {
    let pipeline = pipeline("network-size=384", "fakesink");
    pipeline.set_state(gst::State::Playing).unwrap();
    await_frames(&pipeline, 2);
    std::mem::forget(pipeline);
}

fn says_nothing() {
    for _ in 0..4 {
        let program = std::env::current_exe().unwrap();
        let output = Command::new(program)
            .args([CASE, AT_WORK])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{}: {said}", output.status);
        assert!(!said.contains("onnxruntime"), "{said}");
    }
}
