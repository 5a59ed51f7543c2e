// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Frames and results over time: alignment, intervals, what frames in between get, scene cuts,
//! lateness, statistics.

use crate::common::{End, collect, init, pipeline, play, take_buffers};
use gst::prelude::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// Plays and gives what came, and the element's statistics at the end.
fn run(description: &str) -> (End, Vec<gst::Buffer>, gst::Structure) {
    let pipeline = pipeline(description);
    let seen = collect(&pipeline, "sink");
    let end = play(&pipeline, PATIENCE);
    assert!(end.errors.is_empty() && end.eos, "{description}: {end:?}");
    let stats = pipeline.by_name("depth").unwrap().property("stats");
    let seen = take_buffers(&seen);
    (end, seen, stats)
}

/// Milliseconds between a frame and the one its result is of; `None` without a result.
fn age(buffer: &gst::Buffer) -> Option<u64> {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstDptDepthMeta").ok()?;
    let age: u64 = meta.structure().get("age").unwrap();
    Some(age / 1_000_000)
}

fn ages(seen: &[gst::Buffer]) -> Vec<Option<u64>> {
    seen.iter().map(age).collect()
}

fn map_of(buffer: &gst::Buffer) -> Vec<u8> {
    let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstDptDepthMeta").unwrap();
    let data: gst::Buffer = meta.structure().get("data").unwrap();
    data.map_readable().unwrap().to_vec()
}

fn count(stats: &gst::Structure, name: &str) -> u64 {
    stats.get(name).unwrap()
}

/// Every frame is counted once.
fn adds_up(stats: &gst::Structure, frames: usize) {
    let kinds = [
        "frames-inferred",
        "frames-reused",
        "frames-without-result",
        "frames-dropped",
    ];
    let sum: u64 = kinds.iter().map(|kind| count(stats, kind)).sum();
    assert_eq!(sum, count(stats, "frames-in"), "{stats}");
    assert_eq!(sum, frames as u64, "{stats}");
}

const MOVING: &str =
    "videotestsrc num-buffers=12 pattern=ball ! video/x-raw,width=96,height=64,framerate=25/1";

#[test]
fn an_interval_is_counted_and_frames_between_hold_the_last_result() {
    let (_, seen, stats) = run(&format!(
        "{MOVING} ! dptdepth name=depth network-size=64 inference-interval=4 ! fakesink name=sink"
    ));
    let expected: Vec<_> = (0..12).map(|n| Some(n % 4 * 40)).collect();
    assert_eq!(ages(&seen), expected);
    assert_eq!(map_of(&seen[0]), map_of(&seen[3]));
    assert_ne!(map_of(&seen[3]), map_of(&seen[4]));
    adds_up(&stats, 12);
    assert_eq!(count(&stats, "frames-inferred"), 3);
}

#[test]
fn frames_between_can_have_no_result_or_a_moved_one() {
    let between = |how: &str| {
        let (_, seen, stats) = run(&format!(
            "{MOVING} ! dptdepth name=depth network-size=64 inference-interval=4 between={how} smoothing=0 \
             ! fakesink name=sink"
        ));
        adds_up(&stats, 12);
        seen
    };
    let dropped = between("drop");
    for (number, buffer) in dropped.iter().enumerate() {
        let own = number % 4 == 0;
        assert_eq!(age(buffer), own.then_some(0), "frame {number}");
        let gap = buffer.flags().contains(gst::BufferFlags::GAP);
        assert_eq!(gap, !own, "frame {number}");
    }
    let (held, moved) = (between("hold"), between("motion"));
    assert_eq!(ages(&held), ages(&moved));
    assert_eq!(map_of(&held[4]), map_of(&moved[4]));
    assert_ne!(map_of(&held[7]), map_of(&moved[7]), "the ball has moved");
}

/// Held frames, results of their own, and what is between them: nothing is lost or out of order.
#[test]
fn strict_frames_get_their_own_results_in_order() {
    let (_, seen, stats) = run(
        "videotestsrc num-buffers=40 pattern=ball ! video/x-raw,width=96,height=64,framerate=25/1 \
         ! dptdepth name=depth network-size=64 alignment=strict ! fakesink name=sink",
    );
    let times: Vec<_> = seen
        .iter()
        .map(|buffer| buffer.pts().unwrap().mseconds())
        .collect();
    assert_eq!(times, (0..40).map(|n| n * 40).collect::<Vec<_>>());
    assert!(ages(&seen).iter().all(|age| *age == Some(0)));
    adds_up(&stats, 40);
}

/// The same values as one frame after the other: the overlap changes nothing.
#[test]
fn results_do_not_depend_on_how_frames_are_aligned() {
    let maps = |alignment: &str, interval: u32| {
        // Frames that come at once would all have passed before the model is ready.
        let (_, seen, _) = run(&format!(
            "{MOVING} ! identity sleep-time=50000 ! dptdepth name=depth network-size=64 smoothing=0 \
             alignment={alignment} inference-interval={interval} ! fakesink name=sink"
        ));
        seen
    };
    let strict = maps("strict", 1);
    for (number, buffer) in maps("strict", 3).iter().enumerate() {
        let source = number - number % 3;
        assert_eq!(map_of(buffer), map_of(&strict[source]), "frame {number}");
    }
    // On a slow machine they may have all the same, so the source goes round again.
    let mut compared = 0;
    for _ in 0..20 {
        for (number, buffer) in maps("latest", 1).iter().enumerate() {
            if let Some(age) = age(buffer) {
                let source = number - (age / 40) as usize;
                assert_eq!(map_of(buffer), map_of(&strict[source]), "frame {number}");
                compared += 1;
            }
        }
        if compared > 0 {
            return;
        }
    }
    panic!("no frame had a result");
}

/// A live source is never kept waiting, not even while the model is being prepared.
#[test]
fn latest_frames_pass_at_once_and_get_results_as_they_come() {
    let (_, seen, stats) = run(
        "videotestsrc is-live=true num-buffers=75 pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 \
         ! dptdepth name=depth network-size=320 threads=1 output=meta ! fakesink name=sink",
    );
    assert_eq!(seen.len(), 75);
    let times: Vec<_> = seen.iter().map(|buffer| buffer.pts().unwrap()).collect();
    assert!(times.is_sorted());
    let ages = ages(&seen);
    assert_eq!(ages[0], None, "nothing can be known of the first frame yet");
    assert!(ages.iter().any(Option::is_some), "{ages:?}");
    // Once there is a result, there is one for every frame.
    let first = ages.iter().position(Option::is_some).unwrap();
    assert!(ages[first..].iter().all(Option::is_some), "{ages:?}");
    adds_up(&stats, 75);
    assert!(count(&stats, "frames-without-result") >= 1);
}

/// A strict element behind a live source tells how long frames take.
#[test]
fn a_latency_is_told_before_and_while_frames_pass() {
    let pipeline = pipeline(
        "videotestsrc is-live=true num-buffers=30 ! video/x-raw,width=96,height=64,framerate=25/1 \
         ! dptdepth name=depth network-size=64 alignment=strict ! fakesink name=sink sync=true",
    );
    let end = play(&pipeline, PATIENCE);
    assert!(end.errors.is_empty() && end.eos, "{end:?}");
    let depth = pipeline.by_name("depth").unwrap();
    let stats: gst::Structure = depth.property("stats");
    assert!(count(&stats, "latency-p50") > 0);
    assert!(count(&stats, "latency-max") >= count(&stats, "latency-p95"));
    assert!(count(&stats, "latency-p95") >= count(&stats, "latency-p50"));
    assert!(count(&stats, "inference-p50") > 0);
}

/// Frames of one gray after frames of a pattern: a new scene.
fn spliced(properties: &str) -> (Vec<gst::Buffer>, gst::Structure) {
    let (_, seen, stats) = run(&format!(
        "concat name=c ! dptdepth name=depth network-size=64 {properties} ! fakesink name=sink \
         videotestsrc num-buffers=7 pattern=smpte ! video/x-raw,format=NV12,width=96,height=64,framerate=25/1 ! c. \
         videotestsrc num-buffers=7 pattern=zone-plate kx2=20 ky2=20 ! video/x-raw,format=NV12,width=96,height=64,framerate=25/1 ! c."
    ));
    (seen, stats)
}

#[test]
fn a_scene_cut_gets_a_result_of_its_own_at_once() {
    let (seen, stats) = spliced("inference-interval=100");
    let expected: Vec<_> = (0..14).map(|n| Some(n % 7 * 40)).collect();
    assert_eq!(ages(&seen), expected);
    assert_eq!(count(&stats, "scene-cuts"), 1);
    let (seen, stats) = spliced("inference-interval=100 scene-cut-threshold=1");
    assert_eq!(ages(&seen)[13], Some(13 * 40));
    assert_eq!(count(&stats, "scene-cuts"), 0);
}

#[test]
fn an_unchanged_picture_needs_no_inference() {
    let still = |threshold: f64| {
        let (_, _, stats) = run(&format!(
            "videotestsrc num-buffers=10 pattern=smpte100 ! video/x-raw,width=96,height=64,framerate=25/1 \
             ! dptdepth name=depth network-size=64 change-threshold={threshold} ! fakesink name=sink"
        ));
        count(&stats, "frames-inferred")
    };
    assert_eq!(still(0.0), 10);
    assert_eq!(still(0.02), 1);
    let (_, seen, _) = run(&format!(
        "{MOVING} ! dptdepth name=depth network-size=64 change-threshold=0.02 ! fakesink name=sink"
    ));
    assert!(
        ages(&seen).iter().all(|age| *age == Some(0)),
        "the ball moves"
    );
}

/// Downstream that says that frames come late.
#[test]
fn late_frames_skip_the_model_before_they_are_dropped() {
    let late = |properties: &str, frames: u32| {
        let pipeline = pipeline(&format!(
            "videotestsrc num-buffers={frames} ! video/x-raw,width=96,height=64,framerate=25/1 \
             ! dptdepth name=depth network-size=64 {properties} ! fakesink name=sink"
        ));
        let seen = collect(&pipeline, "sink");
        let depth = pipeline.by_name("depth").unwrap();
        let pad = depth.static_pad("src").unwrap();
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            let time = info.buffer().and_then(|buffer| buffer.pts());
            let qos = gst::event::Qos::new(gst::QOSType::Underflow, 2.0, 10_000_000_000, time);
            pad.send_event(qos);
            gst::PadProbeReturn::Ok
        });
        let end = play(&pipeline, PATIENCE);
        assert!(end.errors.is_empty() && end.eos, "{end:?}");
        let stats: gst::Structure = depth.property("stats");
        let seen = take_buffers(&seen);
        (seen, stats)
    };
    let (seen, stats) = late("", 8);
    adds_up(&stats, 8);
    assert_eq!(seen.len(), 8, "no frame is dropped yet");
    assert!(count(&stats, "frames-inferred") < 8, "{stats}");
    let (seen, stats) = late("", 60);
    adds_up(&stats, 60);
    assert!(seen.len() < 60);
    assert_eq!(count(&stats, "frames-dropped") as usize, 60 - seen.len());
    let (seen, stats) = late("qos=false", 20);
    assert_eq!(seen.len(), 20);
    assert_eq!(count(&stats, "frames-inferred"), 20);
}

/// `target-fps` says what it decides.
#[test]
fn a_target_rate_chooses_the_interval_and_says_so() {
    let pipeline = pipeline(
        "videotestsrc num-buffers=40 ! video/x-raw,width=96,height=64,framerate=25/1 \
         ! dptdepth name=depth network-size=256 threads=1 target-fps=400/1 ! fakesink name=sink",
    );
    let decisions = Arc::new(Mutex::new(Vec::new()));
    let all = decisions.clone();
    pipeline.bus().unwrap().set_sync_handler(move |_, message| {
        if let gst::MessageView::Element(element) = message.view()
            && let Some(structure) = element
                .structure()
                .filter(|s| s.name() == "dptdepth-adapted")
        {
            all.lock()
                .unwrap()
                .push(structure.get::<u32>("inference-interval").unwrap());
        }
        gst::BusSyncReply::Pass
    });
    let end = play(&pipeline, PATIENCE);
    assert!(end.errors.is_empty() && end.eos, "{end:?}");
    let stats: gst::Structure = pipeline.by_name("depth").unwrap().property("stats");
    adds_up(&stats, 40);
    let decisions = decisions.lock().unwrap();
    // No machine runs this model in 2.5 ms on one thread.
    assert!(
        decisions.first().is_some_and(|&interval| interval > 1),
        "{decisions:?}"
    );
    assert!(count(&stats, "frames-inferred") < 40);
}

/// Where no interval would do, another network is built beside the one that runs, and no frame is
/// without a result or left out meanwhile.
#[test]
fn a_target_rate_that_no_interval_reaches_takes_a_smaller_network() {
    let pipeline = pipeline(
        "videotestsrc pattern=ball num-buffers=4000 ! video/x-raw,width=96,height=64,framerate=25/1 \
         ! dptdepth name=depth network-size=1280 threads=1 target-fps=100/1 output=meta ! fakesink name=sink sync=true",
    );
    let seen = collect(&pipeline, "sink");
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let width = |buffer: &gst::Buffer| -> i32 {
        let meta = gst::meta::CustomMeta::from_buffer(buffer, "GstDptDepthMeta").unwrap();
        meta.structure().get("width").unwrap()
    };
    let deadline = std::time::Instant::now() + PATIENCE;
    let newest = || seen.lock().unwrap().last().map(|(buffer, _)| width(buffer));
    while newest().is_none_or(|newest| newest == 1280) {
        assert!(std::time::Instant::now() < deadline, "{:?}", newest());
        std::thread::sleep(Duration::from_millis(20));
    }
    let stats: gst::Structure = pipeline.by_name("depth").unwrap().property("stats");
    let (mut decided, mut errors) = (Vec::new(), Vec::new());
    while let Some(message) = bus.pop() {
        match message.view() {
            gst::MessageView::Error(error) => errors.push(error.error().to_string()),
            gst::MessageView::Element(element) => {
                let fields = element.structure().unwrap();
                if fields.name() == "dptdepth-adapted" {
                    decided.push(fields.get::<u32>("network-width").unwrap());
                }
            }
            _ => {}
        }
    }
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(errors.is_empty(), "{errors:?}");
    let buffers = take_buffers(&seen);
    let widths: Vec<_> = buffers.iter().map(width).collect();
    assert_eq!(widths[0], 1280);
    assert!(widths.is_sorted_by(|a, b| a >= b), "{widths:?}");
    let smaller = u32::try_from(*widths.last().unwrap()).unwrap();
    assert!(decided.contains(&smaller), "{decided:?}");
    assert!(stats.get::<u32>("network-width").unwrap() <= smaller);
    assert_eq!(count(&stats, "frames-dropped"), 0);
    let times = buffers.iter().map(|buffer| buffer.pts().unwrap());
    let expected = (0..).map(|at| gst::ClockTime::from_mseconds(40 * at));
    assert!(
        times.eq(expected.take(buffers.len())),
        "no frame is left out"
    );
}

#[test]
fn statistics_are_posted_when_asked_for() {
    let posted = |interval: u64| {
        let pipeline = pipeline(&format!(
            "{MOVING} ! dptdepth name=depth network-size=64 stats-interval={interval} ! fakesink name=sink"
        ));
        let count = Arc::new(Mutex::new(0));
        let all = count.clone();
        pipeline.bus().unwrap().set_sync_handler(move |_, message| {
            if let gst::MessageView::Element(element) = message.view()
                && element
                    .structure()
                    .is_some_and(|s| s.name() == "application/x-dptdepth-stats")
            {
                *all.lock().unwrap() += 1;
            }
            gst::BusSyncReply::Pass
        });
        let end = play(&pipeline, PATIENCE);
        assert!(end.errors.is_empty() && end.eos, "{end:?}");
        *count.lock().unwrap()
    };
    assert_eq!(posted(0), 0);
    assert_eq!(posted(1), 12, "after every frame");
}

/// Events between held frames come out between the same frames.
#[test]
fn events_stay_between_their_frames() {
    init();
    let element = gst::ElementFactory::make("dptdepth")
        .property("network-size", 64u32)
        .property_from_str("alignment", "strict")
        .build()
        .unwrap();
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    // A live source would lose frames rather than wait.
    harness.set_live(false);
    harness.set_src_caps_str("video/x-raw,format=RGB,width=48,height=32,framerate=20/1");
    let order = Arc::new(Mutex::new(Vec::new()));
    let all = order.clone();
    let pad = element.static_pad("src").unwrap();
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM;
    pad.add_probe(kinds, move |_, info| {
        match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => {
                all.lock().unwrap().push(buffer.offset());
            }
            Some(gst::PadProbeData::Event(event)) => {
                if let gst::EventView::CustomDownstream(event) = event.view() {
                    let number: u64 = event.structure().unwrap().get("n").unwrap();
                    all.lock().unwrap().push(100 + number);
                }
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
    for number in 0..12u64 {
        let mut frame = gst::Buffer::with_size(48 * 32 * 3).unwrap();
        {
            let frame = frame.get_mut().unwrap();
            frame.set_pts(gst::ClockTime::from_mseconds(50 * number));
            frame.set_offset(number);
            frame.set_flags(gst::BufferFlags::GAP);
        }
        assert_eq!(harness.push(frame), Ok(gst::FlowSuccess::Ok));
        if number % 3 == 0 {
            let structure = gst::Structure::builder("mark").field("n", number).build();
            harness.push_event(gst::event::CustomDownstream::new(structure));
        }
    }
    harness.push_event(gst::event::Eos::new());
    for _ in 0..12 {
        let picture = harness.pull().unwrap();
        // There is a map to see even of a frame that was a gap.
        assert!(!picture.flags().contains(gst::BufferFlags::GAP));
    }
    let expected: Vec<u64> = (0..12)
        .flat_map(|n| std::iter::once(n).chain((n % 3 == 0).then_some(100 + n)))
        .collect();
    assert_eq!(*order.lock().unwrap(), expected);
}
