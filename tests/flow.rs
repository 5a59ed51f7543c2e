// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! How a flow ends and begins anew: flushes, downstream that has seen enough, new pools.

use crate::common::init;
use gst::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

const CAPS: &str = "video/x-raw,format=RGB,width=48,height=32,framerate=20/1";

fn harness(properties: &[(&str, &str)]) -> (gst::Element, gst_check::Harness) {
    init();
    let element = gst::ElementFactory::make("dptdepth").build().unwrap();
    for (name, value) in [("network-size", "32"), ("alignment", "strict")]
        .iter()
        .chain(properties)
    {
        element.set_property_from_str(name, value);
    }
    let mut harness = gst_check::Harness::with_element(&element, Some("sink"), Some("src"));
    harness.set_live(false);
    harness.set_src_caps_str(CAPS);
    (element, harness)
}

fn frame(ms: u64) -> gst::Buffer {
    let mut frame = gst::Buffer::with_size(48 * 32 * 3).unwrap();
    let buffer = frame.get_mut().unwrap();
    buffer.set_pts(gst::ClockTime::from_mseconds(ms));
    buffer.set_duration(gst::ClockTime::from_mseconds(50));
    frame
}

fn flush(harness: &mut gst_check::Harness) {
    harness.push_event(gst::event::FlushStart::new());
    harness.push_event(gst::event::FlushStop::new(true));
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    harness.push_event(gst::event::Segment::new(&segment));
}

/// A model of gigabytes that is never freed would show only after some seeks.
#[test]
fn an_element_is_freed_after_flushes() {
    let (element, mut harness) = harness(&[]);
    for _ in 0..3 {
        harness.push(frame(0)).unwrap();
        harness.pull().unwrap();
        flush(&mut harness);
    }
    drop(harness);
    element.set_state(gst::State::Null).unwrap();
    let gone = element.downgrade();
    drop(element);
    // The task's thread lets go of it a moment after its end.
    let deadline = Instant::now() + Duration::from_secs(20);
    while gone.upgrade().is_some() {
        assert!(Instant::now() < deadline, "something holds it");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// As `queue` does: a new segment may be of interest to who has seen enough of the last.
#[test]
fn a_new_segment_goes_on_after_downstream_has_seen_enough() {
    let (element, mut harness) = harness(&[]);
    let full = Arc::new(AtomicBool::new(true));
    let is_full = full.clone();
    let pad = element.static_pad("src").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if is_full.load(Ordering::SeqCst) {
            info.flow_res = Err(gst::FlowError::Eos);
            info.data = None;
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while harness.push(frame(0)) != Err(gst::FlowError::Eos) {
        assert!(Instant::now() < deadline, "upstream learns that it is over");
    }
    full.store(false, Ordering::SeqCst);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(gst::ClockTime::SECOND);
    harness.push_event(gst::event::Segment::new(&segment));
    harness.push(frame(1000)).unwrap();
    let pts = harness.pull().unwrap().pts();
    assert_eq!(pts, Some(gst::ClockTime::SECOND), "no frame from before");
}

/// The same pool, offered again when downstream has changed, is not stopped with its old use.
#[test]
fn a_pool_that_is_offered_again_serves_on() {
    let (element, mut harness) = harness(&[]);
    let pool = gst_video::VideoBufferPool::new();
    let offers = Arc::new(AtomicU32::new(0));
    let offered = offers.clone();
    let pad = element.static_pad("src").unwrap();
    pad.add_probe(gst::PadProbeType::QUERY_DOWNSTREAM, move |_, info| {
        if let Some(gst::PadProbeData::Query(query)) = &mut info.data
            && let gst::QueryViewMut::Allocation(query) = query.view_mut()
        {
            query.add_allocation_pool(Some(&pool), 0, 2, 0);
            offered.fetch_add(1, Ordering::SeqCst);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
    for number in 0..4 {
        harness.push(frame(50 * number)).unwrap();
        harness.pull().unwrap();
        harness.push_upstream_event(gst::event::Reconfigure::new());
    }
    assert!(
        offers.load(Ordering::SeqCst) > 1,
        "downstream was asked again"
    );
}

/// Running time begins anew with a flush, so that how late frames were means nothing.
#[test]
fn lateness_from_before_a_flush_is_forgotten() {
    let (element, mut harness) = harness(&[]);
    harness.push(frame(0)).unwrap();
    harness.pull().unwrap();
    let time = gst::ClockTime::from_seconds(100);
    let qos = gst::event::Qos::new(gst::QOSType::Underflow, 2.0, 1_000_000_000, time);
    harness.push_upstream_event(qos);
    flush(&mut harness);
    for number in 0..20 {
        harness.push(frame(50 * number)).unwrap();
        harness.pull().unwrap();
    }
    let stats: gst::Structure = element.property("stats");
    assert_eq!(stats.get::<u64>("frames-inferred").unwrap(), 21);
    assert_eq!(stats.get::<u64>("frames-dropped").unwrap(), 0);
}
