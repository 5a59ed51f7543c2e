// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Elements that share a session: what they give is what each gives alone, and none waits for
//! another that does nothing.

use crate::common::{
    await_eos, collect, depth_of, init, pipeline, play, stat, take_buffers, wait_until,
};
use gst::prelude::*;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// A network that no other test uses, so that only the elements of one test share.
fn depth(id: &str, properties: &str) -> String {
    format!(
        "dptdepth name=depth network-size=64 alignment=strict execution-provider=cpu model-instance-id={id} \
         smoothing=0 output=meta {properties}"
    )
}

fn source(pattern: &str, frames: u32) -> String {
    format!(
        "videotestsrc num-buffers={frames} pattern={pattern} ! video/x-raw,format=RGB,width=96,height=64,framerate=30/1"
    )
}

fn values(buffers: &[gst::Buffer]) -> Vec<Vec<f32>> {
    buffers
        .iter()
        .map(|buffer| depth_of(buffer).unwrap())
        .collect()
}

const PATTERNS: [&str; 4] = ["ball", "circular", "smpte", "snow"];

/// How far what each of the patterns gives while all run at once is from what it gives alone, in
/// parts of the map's range, and the batch's mean size then.
fn alone_and_together(id: &str, properties: &str) -> (f32, f64) {
    const FRAMES: u32 = 30;
    let describe = |pattern: &str, id: &str, extra: &str| {
        // The ball moves with the frame's number, snow is the same each time it starts.
        format!(
            "{} ! {} ! fakesink name=sink",
            source(pattern, FRAMES),
            depth(id, extra)
        )
    };
    let alone: Vec<_> = PATTERNS
        .iter()
        .map(|pattern| {
            let pipeline = pipeline(&describe(pattern, &format!("{id}-alone"), ""));
            let frames = collect(&pipeline, "sink");
            assert!(play(&pipeline, PATIENCE).eos);
            values(&take_buffers(&frames))
        })
        .collect();
    let together: Vec<_> = PATTERNS
        .iter()
        .map(|pattern| {
            let pipeline = pipeline(&describe(pattern, id, properties));
            let frames = collect(&pipeline, "sink");
            (pipeline, frames)
        })
        .collect();
    for (pipeline, _) in &together {
        pipeline.set_state(gst::State::Playing).unwrap();
    }
    let mut worst = 0.0_f32;
    let mut batches = Vec::new();
    for ((pipeline, frames), alone) in together.iter().zip(&alone) {
        await_eos(pipeline);
        batches.push(stat::<f64>(
            &pipeline.by_name("depth").unwrap(),
            "batch-mean",
        ));
        let own = values(&take_buffers(frames));
        assert_eq!(
            own.len(),
            FRAMES as usize,
            "every frame comes, in its order"
        );
        for (own, alone) in own.iter().zip(alone) {
            // Sums are as exact as their largest terms are, also where what is left is near 0.
            let range = alone.iter().copied().fold(0.0, f32::max);
            assert!(range > 0.0, "a map of something");
            for (own, alone) in own.iter().zip(alone) {
                worst = worst.max((own - alone).abs() / range);
            }
        }
    }
    for (pipeline, _) in together {
        pipeline.set_state(gst::State::Null).unwrap();
    }
    (worst, batches.iter().sum::<f64>() / batches.len() as f64)
}

#[test]
fn shared_runs_give_what_each_stream_gets_alone() {
    let (worst, batch) = alone_and_together("equal", "");
    assert_eq!(worst, 0.0, "the same session, one frame after the other");
    assert_eq!(batch, 1.0);
}

/// The kernels for another number of pictures may sum in another order, so not to the last bit.
#[test]
fn batches_give_what_each_stream_gets_alone() {
    let (worst, batch) = alone_and_together("batched", "batch-size=4 batch-timeout=50000000");
    assert!(worst < 2e-6, "{worst}");
    assert!(
        batch > 2.0,
        "four streams that wait for each other: {batch}"
    );
}

/// Runs that can go on at once where pictures queue.
fn lanes() -> u32 {
    let cores = u32::try_from(gstdptdepth::inference::cores()).unwrap();
    cores.min(4)
}

fn await_lanes(element: &gst::Element, count: u32) {
    wait_until("the cores are parted anew", || {
        stat::<u32>(element, "runs-at-once") == count
    });
}

/// A file has no time of its own, so it is worth having runs beside each other for it alone.
#[test]
fn runs_beside_each_other_give_what_each_gives_alone() {
    const FRAMES: u32 = 100;
    let start = |id: &str, extra: &str| {
        let element = depth(id, extra).replace("network-size=64", "network-size=256");
        let source = source("ball", 1_000_000);
        let pipeline = pipeline(&format!("{source} ! {element} ! fakesink name=sink"));
        let frames = collect(&pipeline, "sink");
        pipeline.set_state(gst::State::Playing).unwrap();
        let element = pipeline.by_name("depth").unwrap();
        (pipeline, element, frames)
    };
    let (parted, element, frames) = start("lanes", "");
    await_lanes(&element, lanes());
    let then = stat::<u64>(&element, "frames-inferred");
    await_frames(&element, then + u64::from(FRAMES));
    parted.set_state(gst::State::Null).unwrap();
    let parted = take_buffers(&frames);

    let (single, element, frames) = start("no-lanes", "threads=1");
    await_frames(&element, parted.len() as u64);
    let lanes = stat::<u32>(&element, "runs-at-once");
    assert_eq!(lanes, 1, "somebody has decided");
    single.set_state(gst::State::Null).unwrap();
    let single = take_buffers(&frames);

    assert!(parted.len().min(single.len()) >= FRAMES as usize);
    for (number, (own, alone)) in parted.iter().zip(&single).enumerate() {
        assert_eq!(own.pts(), alone.pts(), "frame {number}");
        assert_eq!(depth_of(own), depth_of(alone), "frame {number}");
    }
}

#[test]
fn a_camera_alone_gets_all_cores_for_each_run() {
    let describe = |source: &str| {
        let element = depth("part-and-join", "");
        pipeline(&format!("{source} ! {element} ! fakesink sync=false"))
    };
    let start = |source: &str| {
        let pipeline = describe(source);
        pipeline.set_state(gst::State::Playing).unwrap();
        let element = pipeline.by_name("depth").unwrap();
        (pipeline, element)
    };
    let (camera, element) = start(
        "videotestsrc is-live=true ! video/x-raw,format=RGB,width=96,height=64,framerate=10/1",
    );
    await_frames(&element, 3);
    assert_eq!(stat::<u32>(&element, "runs-at-once"), 1);
    let files = [(); 2].map(|()| start(&source("ball", 1_000_000)));
    await_lanes(&element, lanes());
    for (pipeline, _) in files {
        pipeline.set_state(gst::State::Null).unwrap();
    }
    await_lanes(&element, 1);
    camera.set_state(gst::State::Null).unwrap();
}

/// The second waits for frames that the first has not passed on yet.
#[test]
fn two_in_a_chain_never_wait_for_each_other() {
    for timeout in ["0", "20000000"] {
        let element = depth("chain", &format!("batch-size=2 batch-timeout={timeout}"));
        let second = element.replace("name=depth", "name=second");
        let pipeline = pipeline(&format!(
            "{} ! {element} ! {second} ! fakesink name=sink",
            source("ball", 20)
        ));
        let frames = collect(&pipeline, "sink");
        assert!(play(&pipeline, PATIENCE).eos);
        assert_eq!(frames.lock().unwrap().len(), 20);
    }
}

/// Waits until the model has run on so many frames.
fn await_frames(element: &gst::Element, count: u64) {
    wait_until("the stream goes on", || {
        stat::<u64>(element, "frames-inferred") >= count
    });
}

#[test]
fn a_stream_that_stalls_or_flushes_keeps_no_other_waiting() {
    let describe = |extra: &str| {
        let element = depth("stall", "batch-size=2 batch-timeout=30000000");
        format!(
            "{} ! {element} ! {extra} fakesink name=sink",
            source("ball", 100_000)
        )
    };
    let [stalled, lively] = [describe(""), describe("")].map(|text| pipeline(&text));
    for pipeline in [&stalled, &lively] {
        pipeline.set_state(gst::State::Playing).unwrap();
    }
    let of = |pipeline: &gst::Pipeline| pipeline.by_name("depth").unwrap();
    await_frames(&of(&stalled), 20);
    await_frames(&of(&lively), 20);
    assert_eq!(stat::<u32>(&of(&lively), "streams"), 2);
    // Its sink takes nothing any more.
    let pad = stalled.by_name("sink").unwrap().static_pad("sink").unwrap();
    let block = pad
        .add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| {
            gst::PadProbeReturn::Ok
        })
        .unwrap();
    let then = stat::<u64>(&of(&lively), "frames-inferred");
    await_frames(&of(&lively), then + 50);
    pad.remove_probe(block);
    for _ in 0..10 {
        let sent = stalled.send_event(gst::event::FlushStart::new())
            && stalled.send_event(gst::event::FlushStop::new(true));
        assert!(sent);
        let then = stat::<u64>(&of(&lively), "frames-inferred");
        await_frames(&of(&lively), then + 3);
    }
    stalled.set_state(gst::State::Null).unwrap();
    // Alone it need not wait for anybody.
    let then = stat::<u64>(&of(&lively), "frames-inferred");
    await_frames(&of(&lively), then + 20);
    assert_eq!(stat::<u32>(&of(&lively), "streams"), 1);
    lively.set_state(gst::State::Null).unwrap();
}

#[test]
fn streams_get_equal_shares() {
    let pipelines: Vec<_> = (0..4)
        .map(|_| {
            let element = depth("fair", "");
            pipeline(&format!(
                "{} ! {element} ! fakesink",
                source("ball", 100_000)
            ))
        })
        .collect();
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Playing).unwrap();
    }
    let elements: Vec<_> = pipelines
        .iter()
        .map(|p| p.by_name("depth").unwrap())
        .collect();
    let counts = || {
        elements
            .iter()
            .map(|e| stat::<u64>(e, "frames-inferred"))
            .collect::<Vec<_>>()
    };
    for element in &elements {
        await_frames(element, 20);
    }
    let before = counts();
    await_frames(&elements[0], before[0] + 400);
    let served: Vec<u64> = counts()
        .iter()
        .zip(&before)
        .map(|(now, then)| now - then)
        .collect();
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Null).unwrap();
    }
    // Whoever always has something queued gets a turn in every round.
    for count in &served {
        assert!((360..=440).contains(count), "{served:?}");
    }
}

#[test]
fn what_differs_is_not_shared() {
    init();
    let run = |first: &str, second: &str| {
        let [a, b] = [first, second].map(|properties| {
            let element = depth("apart", properties);
            pipeline(&format!(
                "{} ! {element} ! fakesink",
                source("ball", 100_000)
            ))
        });
        for pipeline in [&a, &b] {
            pipeline.set_state(gst::State::Playing).unwrap();
        }
        let elements = [&a, &b].map(|pipeline| pipeline.by_name("depth").unwrap());
        for element in &elements {
            await_frames(element, 3);
        }
        for element in &elements {
            let then = stat::<u64>(element, "frames-inferred");
            await_frames(element, then + 3);
        }
        let streams = elements
            .each_ref()
            .map(|element| stat::<u32>(element, "streams"));
        for pipeline in [&a, &b] {
            pipeline.set_state(gst::State::Null).unwrap();
        }
        streams
    };
    assert_eq!(run("", ""), [2, 2]);
    // What is made of the result is each element's own.
    assert_eq!(
        run("", "output=map inference-interval=2 depth-scale=2"),
        [2, 2]
    );
    assert_eq!(run("", "network-size=96"), [1, 1]);
    assert_eq!(run("", "threads=1"), [1, 1]);
    assert_eq!(run("", "model-instance-id=mine"), [1, 1]);
    assert_eq!(run("", "batch-size=2"), [1, 1]);
}
