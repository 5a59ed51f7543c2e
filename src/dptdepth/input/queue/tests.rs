// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

use super::*;

const AT_ONCE: Duration = Duration::ZERO;

fn panicked() -> Outcome {
    Outcome::Engine(Err(std::sync::Arc::new(
        crate::engine::EngineError::Panicked,
    )))
}

#[test]
fn a_flush_keeps_sticky_events_but_not_segments_and_buffers() {
    gst::init().unwrap();
    let queue = Queue::default();
    queue.start();
    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
    queue.push_event(gst::event::StreamStart::new("s")).unwrap();
    queue
        .push_event(gst::event::Segment::new(&segment))
        .unwrap();
    queue.push_buffer(gst::Buffer::new()).unwrap();
    queue.flush();
    assert!(matches!(queue.next(false, true, AT_ONCE), Next::Ended));
    queue.start();
    assert!(
        matches!(queue.next(false, true, AT_ONCE), Next::Item(Item::Event(event)) if event.type_() == gst::EventType::StreamStart)
    );
    assert!(queue.lock().items.is_empty());
}

#[test]
fn runs_from_before_a_flush_are_forgotten_and_engines_are_not() {
    gst::init().unwrap();
    let queue = Queue::default();
    queue.start();
    let (run, engine) = (queue.ticket(), queue.ticket());
    queue.flush();
    queue.start();
    let ready = panicked();
    queue.complete(run, Kind::Run, panicked());
    queue.complete(engine, Kind::Engine, ready);
    assert!(
        matches!(queue.next(false, true, AT_ONCE), Next::Outcome(ticket, Outcome::Engine(_)) if ticket == engine)
    );
    assert!(matches!(queue.next(false, true, AT_ONCE), Next::Timeout));
    queue.clear();
    queue.start();
    let late = panicked();
    queue.complete(engine, Kind::Engine, late);
    assert!(matches!(queue.next(false, true, AT_ONCE), Next::Timeout));
}

#[test]
fn a_full_queue_is_released_by_a_failure_with_its_reason() {
    gst::init().unwrap();
    let queue = std::sync::Arc::new(Queue::default());
    queue.start();
    for _ in 0..CAPACITY {
        assert!(queue.push_buffer(gst::Buffer::new()).unwrap().is_none());
    }
    let blocked = std::thread::spawn({
        let queue = queue.clone();
        move || queue.push_buffer(gst::Buffer::new())
    });
    queue.fail(gst::FlowError::NotNegotiated, false);
    assert_eq!(
        blocked.join().unwrap().unwrap_err(),
        gst::FlowError::NotNegotiated
    );
}

#[test]
fn a_full_queue_that_cannot_wait_gives_buffers_back() {
    gst::init().unwrap();
    let queue = Queue::default();
    queue.start();
    queue.set_room(1, true);
    assert!(queue.push_buffer(gst::Buffer::new()).unwrap().is_none());
    assert!(queue.push_buffer(gst::Buffer::new()).unwrap().is_some());
    let taken = || match queue.next(false, true, AT_ONCE) {
        Next::Item(Item::Buffer(buffer, _)) => buffer.flags(),
        _ => panic!("a buffer waits"),
    };
    assert!(!taken().contains(gst::BufferFlags::DISCONT));
    queue.push_buffer(gst::Buffer::new()).unwrap();
    assert!(
        taken().contains(gst::BufferFlags::DISCONT),
        "one is missing"
    );
}

/// Else whoever waits for the engine would wait for ever.
#[test]
fn a_builds_panic_is_told_even_after_a_flush() {
    let queue = Queue::default();
    queue.start();
    let engine = queue.engine_ticket();
    queue.flush();
    queue.start();
    queue.complete(engine, Kind::Engine, panicked());
    assert!(matches!(
        queue.next(true, false, AT_ONCE),
        Next::Outcome(_, Outcome::Engine(Err(_)))
    ));
}

#[test]
fn only_the_newest_engine_is_wanted_and_no_run_from_before_a_flush() {
    let queue = Queue::default();
    queue.start();
    let (old, run) = (queue.engine_ticket(), queue.ticket());
    let new = queue.engine_ticket();
    assert!(!queue.wants(old, Kind::Engine));
    assert!(queue.wants(new, Kind::Engine) && queue.wants(run, Kind::Run));
    queue.flush();
    assert!(queue.wants(new, Kind::Engine) && !queue.wants(run, Kind::Run));
    // The task hears of the flush only after it has asked for this.
    let late = queue.ticket();
    queue.start();
    assert!(!queue.wants(late, Kind::Run));
}

#[test]
fn a_failed_flow_keeps_what_is_told_once_and_loses_buffers() {
    gst::init().unwrap();
    let queue = Queue::default();
    queue.start();
    queue.push_buffer(gst::Buffer::new()).unwrap();
    assert!(!queue.fail(gst::FlowError::Eos, false));
    assert!(queue.has_failed(gst::FlowError::Eos));
    queue.push_event(gst::event::StreamStart::new("s")).unwrap();
    assert_eq!(
        queue.push_event(gst::event::Eos::new()),
        Err(gst::FlowError::Eos)
    );
    queue.start();
    assert!(matches!(
        queue.next(false, true, AT_ONCE),
        Next::Item(Item::Event(_))
    ));
    assert!(matches!(queue.next(false, true, AT_ONCE), Next::Timeout));
}
