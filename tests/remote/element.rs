// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The element in front of a server: what frames get, and what happens when the server does not
//! answer. Strict waits and then says so, latest goes on without results; no frame is ever lost.

use super::server::{Fixture, Script};
use crate::common::{await_eos, collect, depth_of, pipeline, play, stat, take_buffers, wait_until};
use gst::prelude::*;
use gstdptdepth::inference::remote::proto::ModelParameter;
use gstdptdepth::model::Model;
use gstdptdepth::spec::{ModelSpec, ResizePolicy, Size};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// What [`Script::red`] serves, with what our specification says of it: depth is the red channel.
fn red() -> Script {
    let mut script = Script::red();
    let mut spec = Model::embedded().unwrap().spec().clone();
    (spec.mean, spec.std) = ([0.0; 3], [1.0; 3]);
    spec.network_size = Size::new(32, 48);
    spec.multiple = 16;
    spec.resize_policy = ResizePolicy::Squash;
    let string_value = spec.to_json();
    let parameter = ModelParameter { string_value };
    let config = script.config.as_mut().unwrap();
    config
        .parameters
        .insert(ModelSpec::PARAMETER_KEY.into(), parameter);
    script
}

fn describe(source: &str, url: &str, properties: &str) -> String {
    format!(
        "{source} ! video/x-raw,format=RGB,width=48,height=32,framerate=30/1 \
         ! dptdepth name=depth server-url={url} server-model=depth smoothing=0 output=meta {properties} \
         ! fakesink name=sink"
    )
}

/// Errors and warnings on the bus so far.
pub(super) fn said(pipeline: &gst::Pipeline) -> (Vec<String>, Vec<String>) {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    while let Some(message) = pipeline.bus().unwrap().pop() {
        match message.view() {
            gst::MessageView::Error(error) => errors.push(error.error().to_string()),
            gst::MessageView::Warning(warning) => warnings.push(warning.error().to_string()),
            _ => {}
        }
    }
    (errors, warnings)
}

#[test]
fn frames_get_what_the_server_makes_of_them() {
    let server = Fixture::start(red());
    let source = "videotestsrc num-buffers=20 pattern=smpte";
    let pipeline = pipeline(&describe(source, &server.url(), "alignment=strict"));
    let frames = collect(&pipeline, "sink");
    let end = play(&pipeline, PATIENCE);
    assert!(end.eos, "{end:?}");
    let provider: String = end.models[0].get("provider").unwrap();
    assert_eq!(provider, "remote:test");
    let frames = take_buffers(&frames);
    assert_eq!(frames.len(), 20);
    for frame in frames {
        let pixels = frame.map_readable().unwrap();
        let wanted: Vec<f32> = pixels.chunks(3).map(|p| f32::from(p[0]) / 255.0).collect();
        let got = depth_of(&frame).unwrap();
        assert_eq!(got.len(), wanted.len());
        let apart = got.iter().zip(&wanted).map(|(a, b)| (a - b).abs());
        assert!(
            apart.fold(0.0, f32::max) < 1e-6,
            "the red channel, over 255"
        );
    }
}

#[test]
fn strict_waits_through_a_restart_and_loses_nothing() {
    let server = Fixture::start(red());
    let source = "videotestsrc num-buffers=60";
    let pipeline = pipeline(&describe(source, &server.url(), "alignment=strict"));
    let frames = collect(&pipeline, "sink");
    pipeline.set_state(gst::State::Playing).unwrap();
    wait_until("frames come", || frames.lock().unwrap().len() > 10);
    let port = server.kill();
    std::thread::sleep(Duration::from_millis(700));
    let _server = Fixture::at(port, red(), None);
    await_eos(&pipeline);
    pipeline.set_state(gst::State::Null).unwrap();
    let frames = take_buffers(&frames);
    assert_eq!(frames.len(), 60);
    assert!(frames.iter().all(|frame| depth_of(frame).is_some()));
}

/// One error, which says what the server did; not before the frame has waited.
#[test]
fn strict_gives_up_on_a_server_that_stalls() {
    let server = Fixture::start(red());
    let description = describe("videotestsrc", &server.url(), "alignment=strict");
    let pipeline = pipeline(&description);
    let frames = collect(&pipeline, "sink");
    pipeline.set_state(gst::State::Playing).unwrap();
    wait_until("frames come", || frames.lock().unwrap().len() > 10);
    server.change(|script| script.stall = Duration::from_secs(3600));
    let stalled = Instant::now();
    let end = play(&pipeline, PATIENCE);
    assert!(stalled.elapsed() > Duration::from_secs(8));
    let (_, text) = end.errors.first().expect("it is told");
    assert!(text.contains("did not answer within"), "{text}");
    let own = |(factory, _): &&(String, String)| factory == "dptdepth";
    assert_eq!(end.errors.iter().filter(own).count(), 1, "{:?}", end.errors);
}

/// Frames pass, at the source's pace, with results before and after and none meanwhile.
#[test]
fn latest_goes_on_without_a_server_and_finds_it_again() {
    let server = Fixture::start(red());
    let source = "videotestsrc is-live=true";
    let pipeline = pipeline(&describe(source, &server.url(), "alignment=latest"));
    let depth = pipeline.by_name("depth").unwrap();
    let frames = collect(&pipeline, "sink");
    pipeline.set_state(gst::State::Playing).unwrap();
    wait_until("results come", || {
        stat::<u64>(&depth, "frames-inferred") > 10
    });
    let port = server.kill();
    let bare = || stat::<u64>(&depth, "frames-without-result");
    let then = bare();
    wait_until("frames pass without", || bare() > then + 20);
    let (errors, warnings) = said(&pipeline);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("without a result"), "{warnings:?}");
    let _server = Fixture::at(port, red(), None);
    let then = stat::<u64>(&depth, "frames-inferred");
    wait_until("results come again", || {
        stat::<u64>(&depth, "frames-inferred") > then + 10
    });
    assert_eq!(said(&pipeline), (vec![], vec![]));
    pipeline.set_state(gst::State::Null).unwrap();
    let kinds = ["inferred", "reused", "without-result", "dropped"];
    let sum: u64 = kinds
        .iter()
        .map(|kind| stat::<u64>(&depth, &format!("frames-{kind}")))
        .sum();
    assert_eq!(sum, stat::<u64>(&depth, "frames-in"));
    assert!(frames.lock().unwrap().len() as u64 <= sum);
}

/// Stopping does not wait for a server that says nothing.
#[test]
fn a_frozen_server_keeps_nobody_waiting_at_the_end() {
    for alignment in ["strict", "latest"] {
        let server = Fixture::start(red());
        let properties = format!("alignment={alignment}");
        let pipeline = pipeline(&describe(
            "videotestsrc is-live=true",
            &server.url(),
            &properties,
        ));
        let frames = collect(&pipeline, "sink");
        pipeline.set_state(gst::State::Playing).unwrap();
        wait_until("frames come", || frames.lock().unwrap().len() > 5);
        server.change(|script| script.frozen = true);
        std::thread::sleep(Duration::from_millis(200));
        let stopped = Instant::now();
        pipeline.set_state(gst::State::Null).unwrap();
        assert!(stopped.elapsed() < Duration::from_secs(5));
    }
}

/// Exactly one error of ours, the first on the bus, before anything is played.
#[test]
fn what_cannot_work_is_one_error_at_the_start() {
    let server = Fixture::start(red());
    let good = server.url();
    let without_spec = Fixture::start(Script::red());
    let wants_token = {
        let mut script = red();
        script.token = Some("secret".into());
        Fixture::start(script)
    };
    for (url, properties, parts) in [
        (
            good.clone(),
            "server-model=deep",
            &["no model deep", "depth"][..],
        ),
        (
            good.clone(),
            "execution-provider=cpu",
            &["execution-provider", "server-url"],
        ),
        (
            good.clone(),
            "server-token-file=/nowhere",
            &["server-token-file"],
        ),
        ("http://127.0.0.1:1".into(), "", &["grpc://HOST:PORT"]),
        (
            "grpc://127.0.0.1:1".into(),
            "",
            &["127.0.0.1:1", "cannot be reached"],
        ),
        (without_spec.url(), "", &["triton-repository", "model-file"]),
        (wants_token.url(), "", &["server-token-file"]),
    ] {
        let pipeline = pipeline(&describe("videotestsrc", &url, properties));
        let end = play(&pipeline, PATIENCE);
        let own: Vec<_> = end.errors.iter().filter(|(f, _)| f == "dptdepth").collect();
        let [(_, text)] = own[..] else {
            panic!("{url} {properties}: {:?}", end.errors);
        };
        assert_eq!(&end.errors[0].1, text);
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }
}
