// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What many elements of one process take together, and how a process ends while a network runs.

use crate::{CASE, Case, openvino, plain};
use gst::prelude::*;
use gstdptdepth::graph::{self, Builder, Dim};
use gstdptdepth::inference::runtime::load;
use gstdptdepth::inference::{
    ExecutionProvider, ModelSource, Session, SessionSettings, TensorData, TensorView, Weight,
    Weights, cores,
};
use ndarray::Array2;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

const AT_WORK: &str = "exit/at-work";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        ("sharing/one-session", one_session),
        ("sharing/memory", memory),
        ("sharing/sizes", sizes),
        ("sharing/openvino-beside-each-other", openvino_beside),
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

/// Memory in MB: `VmRSS` all that is resident, `RssAnon` without the pages of files.
fn memory_of(kind: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(kind)).unwrap();
    let kilobytes: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes / 1024.0
}

/// A stream has its frames, its maps and its steadying; the model is there once.
fn memory() {
    let start = || {
        let pipeline = pipeline("output=overlay", "fakesink");
        pipeline.set_state(gst::State::Playing).unwrap();
        pipeline
    };
    let mut pipelines = vec![start()];
    await_frames(&pipelines[0], 20);
    let one = memory_of("VmRSS");
    // All at once: one after the other, each would wait for ever more streams' frames.
    pipelines.extend((1..16).map(|_| start()));
    for pipeline in &pipelines {
        await_frames(pipeline, 40);
    }
    let each = (memory_of("VmRSS") - one) / 15.0;
    assert!(
        each < 30.0,
        "{each:.1} MB for each stream beyond the first's {one:.0}"
    );
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Null).unwrap();
    }
}

/// OpenVINO's engines with a part of the cores give the bits of one with all of them.
fn openvino_beside() {
    const FRAMES: usize = 40;
    let library = openvino();
    let run = |properties: &str, lanes: u32| -> Vec<Vec<u8>> {
        let pipeline = pipeline(
            &format!(
                "onnxruntime-library={} {properties}",
                library.to_str().unwrap()
            ),
            "fakesink name=sink",
        );
        let depth = pipeline.by_name("depth").unwrap();
        depth.set_property_from_str("execution-provider", "openvino");
        let frames = Arc::new(Mutex::new(Vec::new()));
        let seen = frames.clone();
        let pad = pipeline.by_name("sink").unwrap().static_pad("sink");
        pad.unwrap()
            .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let map = info.buffer().unwrap().map_readable().unwrap();
                seen.lock().unwrap().push(map.to_vec());
                gst::PadProbeReturn::Ok
            });
        pipeline.set_state(gst::State::Playing).unwrap();
        await_frames(&pipeline, 2);
        let deadline = Instant::now() + Duration::from_secs(60);
        let count = || -> u32 {
            let stats = depth.property::<gst::Structure>("stats");
            stats.get("runs-at-once").unwrap()
        };
        while count() != lanes {
            assert!(Instant::now() < deadline, "{} runs at once", count());
            sleep(Duration::from_millis(5));
        }
        let then = frames.lock().unwrap().len();
        await_frames(&pipeline, (then + FRAMES) as u64);
        pipeline.set_state(gst::State::Null).unwrap();
        std::mem::take(&mut *frames.lock().unwrap())
    };
    let most = u32::try_from(cores().min(4)).unwrap();
    let beside = run("model-instance-id=beside", most);
    let alone = run("threads=1", 1);
    assert!(beside.len().min(alone.len()) >= FRAMES);
    for (number, (own, alone)) in beside.iter().zip(&alone).enumerate() {
        assert!(own == alone, "frame {number} differs");
    }
}

/// Sessions of two sizes on a CPU keep the matrices once, and compute what they compute alone.
fn sizes() {
    const WIDTH: usize = 2048;
    const LAYERS: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let write = |rows: usize| {
        let mut b = Builder::new();
        let dims = [Dim::Fixed(1), Dim::Fixed(rows), Dim::Fixed(WIDTH)];
        let input = b.input("tokens", graph::ElementType::F32, &dims);
        let mut value = input;
        for layer in 0..LAYERS {
            let weight = |i: usize| ((i * 31 + layer) % 101) as f32 / 1e5 - 5e-4;
            let weights =
                Array2::from_shape_fn((WIDTH, WIDTH), |(row, column)| weight(row * WIDTH + column));
            let weights = b.constant(weights);
            value = b.matmul(&value, &weights).unwrap();
        }
        b.output("mapped", &value);
        let path = folder.path().join(format!("{rows}.onnx"));
        b.finish("matrices").write(&path, true).unwrap();
        path
    };
    let open = |path: &Path, share: bool| {
        let (file, stored) = graph::stored(path).unwrap();
        assert_eq!(stored.len(), LAYERS);
        let tensors = stored.into_iter().map(|weight| Weight {
            name: weight.name,
            dims: weight.dims,
            offset: weight.offset,
            length: weight.length,
        });
        let weights = Weights {
            identity: "matrices".into(),
            file,
            tensors: tensors.collect(),
        };
        let settings = SessionSettings {
            provider: ExecutionProvider::Cpu,
            weights: share.then(|| Arc::new(weights)),
            ..SessionSettings::default()
        };
        let runtime = load(Some(&plain()), None).unwrap();
        Session::open(runtime, ModelSource::File(path), &settings).unwrap()
    };
    let run = |session: &mut Session, rows: usize| {
        let tokens: Vec<f32> = (0..rows * WIDTH).map(|i| (i % 17) as f32 - 8.0).collect();
        let outputs = session
            .run(TensorData::F32(&tokens), &[1, rows, WIDTH])
            .unwrap();
        let TensorView::F32 { data, .. } = outputs.get(0).unwrap() else {
            panic!()
        };
        data.to_vec()
    };
    let (small, large) = (write(16), write(48));
    let weights = (LAYERS * WIDTH * WIDTH * 4) as f64 / 1048576.0;
    let mut first = open(&small, true);
    let own = || memory_of("RssAnon");
    let one = own();
    let mut second = open(&large, true);
    let both = own();
    let mut alone = open(&large, false);
    let all = own();
    assert!(
        both - one < 0.3 * weights,
        "the second size took {:.0} MB",
        both - one
    );
    assert!(
        all - both > 0.9 * weights,
        "without sharing it took {:.0} MB",
        all - both
    );
    let expected = run(&mut alone, 48);
    assert_eq!(run(&mut second, 48), expected);
    assert_eq!(run(&mut first, 16), expected[..16 * WIDTH]);
    // What the first has packed stays for the second.
    drop(first);
    assert_eq!(run(&mut second, 48), expected);
    drop((second, alone));
    let left = own() - one + weights;
    assert!(left < 0.3 * weights, "{left:.0} MB when nobody uses them");
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
