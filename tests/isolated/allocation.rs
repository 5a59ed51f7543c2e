// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Steady streams take no memory from the heap, but for what bindings take: those of ONNX Runtime a
//! few small things for every run, those of GStreamer a copy of a meta's name each time it is named.

use crate::{Case, plain};
use gst::prelude::*;
use gstdptdepth::engine::{Engine, Map, Request};
use gstdptdepth::inference::{ExecutionProvider, SessionSettings, runtime};
use gstdptdepth::model::Model;
use gstdptdepth::spec::{Borders, Size};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

/// Counts what Rust code takes; C libraries have their own way.
struct Counting;

static TAKEN: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[expect(
    unsafe_code,
    reason = "an allocator is unsafe to write; all is passed on"
)]
// SAFETY: the system's allocator does it all.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        TAKEN.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        ("allocation/map", || steady("output=map", 1)),
        ("allocation/overlay", || steady("output=overlay", 1)),
        ("allocation/side-by-side", || {
            steady("output=side-by-side", 1);
        }),
        ("allocation/meta", || steady("output=meta", 1)),
        ("allocation/guided", || steady("upsampling=guided", 1)),
        ("allocation/letterbox", || {
            steady("resize-policy=letterbox between=motion", 4);
        }),
        ("allocation/latest", || {
            steady("alignment=latest stats-interval=0", 3);
        }),
    ]
}

/// What one run of the model takes.
fn of_a_run() -> u64 {
    let runtime = runtime::load(Some(&plain()), None).unwrap();
    let model = Model::embedded().unwrap();
    let request = Request {
        network: Size::new(64, 64),
        borders: Borders::default(),
        batch: 1,
        session: SessionSettings {
            provider: ExecutionProvider::Cpu,
            ..SessionSettings::default()
        },
    };
    let mut engine = Engine::prepare(&model, runtime, &request).unwrap();
    let rgb = vec![100; 64 * 64 * 3];
    let mut map = Map::Depth(Vec::new());
    let mut run = || engine.infer(&rgb, &mut map).unwrap();
    (0..10).for_each(|_| run());
    let before = TAKEN.load(Ordering::Relaxed);
    (0..100).for_each(|_| run());
    (TAKEN.load(Ordering::Relaxed) - before).div_ceil(100)
}

/// Counts from the 60th frame with a result to the 260th. With threads that are said: else an engine for
/// another lane may be built meanwhile, when the machine is slow.
fn steady(properties: &str, interval: u32) {
    const FROM: u64 = 60;
    const FRAMES: u64 = 200;
    let of_a_run = of_a_run();
    gst::init().unwrap();
    gstdptdepth::plugin_register_static().unwrap();
    let pipeline = gst::parse::launch(&format!(
        "videotestsrc pattern=ball ! video/x-raw,format=NV12,width=320,height=240,framerate=100/1 \
         ! dptdepth name=depth network-size=64 execution-provider=cpu threads=1 inference-interval={interval} {properties} \
         ! fakesink name=sink"
    ))
    .unwrap()
    .downcast::<gst::Pipeline>()
    .unwrap();
    let depth = pipeline.by_name("depth").unwrap();
    let runs = move || -> u64 {
        let stats = depth.property::<gst::Structure>("stats");
        stats.get("frames-inferred").unwrap()
    };
    let (done, figures) = mpsc::sync_channel(1);
    let (mut count, mut runs_then, mut taken_then) = (0, 0, 0);
    let probe = move |_: &gst::Pad, info: &mut gst::PadProbeInfo<'_>| {
        let has_result =
            |buffer| gst::meta::CustomMeta::from_buffer(buffer, "GstDptDepthMeta").is_ok();
        if count > 0 || info.buffer().is_some_and(|buffer| has_result(buffer)) {
            count += 1;
        }
        if count == FROM {
            runs_then = runs();
            taken_then = TAKEN.load(Ordering::Relaxed);
        } else if count == FROM + FRAMES {
            let taken = TAKEN.load(Ordering::Relaxed) - taken_then;
            done.send((runs() - runs_then, taken)).unwrap();
            return gst::PadProbeReturn::Remove;
        }
        gst::PadProbeReturn::Ok
    };
    let probe = Mutex::new(probe);
    let pad = pipeline
        .by_name("sink")
        .unwrap()
        .static_pad("sink")
        .unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        (probe.lock().unwrap())(pad, info)
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let (runs, taken) = figures.recv_timeout(Duration::from_secs(60)).unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
    // Those that are on their way at either end too, and a block of the worker's channel for 31.
    let runs = (runs + 4) * of_a_run + runs / 31 + 1;
    // The result meta is looked for and added.
    let names = 2 * FRAMES;
    assert!(
        taken <= runs + names,
        "{taken} in {FRAMES} frames, of which runs explain {runs} and names {names}"
    );
}
