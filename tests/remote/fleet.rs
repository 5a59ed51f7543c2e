// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The element in front of a real Triton that serves what `dpt-onnx triton-repository` wrote.

use super::element::said;
use crate::common::{await_eos, collect, depth_of, pipeline, play, stat, take_buffers, wait_until};
use crate::triton::server::Triton;
use gst::prelude::*;
use gstdptdepth::inference::remote::proto::ModelStatisticsRequest;
use gstdptdepth::inference::remote::proto::grpc_inference_service_client::GrpcInferenceServiceClient;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

fn repository(folder: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_dpt-onnx"))
        .args(["triton-repository", "default", "--name", "depth", "-o"])
        .arg(folder.join("models"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn serve(folder: &Path) -> Triton {
    Triton::start(&folder.join("models"), &folder.join("triton.log"), &[])
}

fn describe(pattern: &str, frames: u32, runner: &str) -> String {
    format!(
        "videotestsrc num-buffers={frames} pattern={pattern} ! video/x-raw,format=RGB,width=320,height=240 \
         ! dptdepth name=depth {runner} resize-policy=squash alignment=strict smoothing=0 output=meta \
         ! fakesink name=sink"
    )
}

const HERE: &str = "execution-provider=cpu network-size=128";

fn there(triton: &Triton) -> String {
    format!("server-url={} server-model=depth", triton.url())
}

fn maps(description: &str) -> Vec<Vec<f32>> {
    let pipeline = pipeline(description);
    let frames = collect(&pipeline, "sink");
    let end = play(&pipeline, PATIENCE);
    assert!(end.eos, "{end:?}");
    let frames = take_buffers(&frames);
    frames
        .iter()
        .map(|frame| depth_of(frame).unwrap())
        .collect()
}

/// The largest difference, as a part of the first one's range.
pub(super) fn apart(one: &[f32], other: &[f32]) -> f32 {
    assert_eq!(one.len(), other.len());
    let least = one.iter().copied().fold(f32::INFINITY, f32::min);
    let most = one.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    assert!(most - least > 0.1, "{least} to {most} is a map");
    let apart = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, f32::max) / (most - least)
}

/// Two versions of ONNX Runtime on the same processor, and a graph of any batch: the order of sums.
#[test]
fn results_are_those_of_a_run_here() {
    for input in ["rgb", "pixel-values"] {
        let folder = tempfile::tempdir().unwrap();
        repository(folder.path(), &["--size", "128x128", "--input", input]);
        let triton = serve(folder.path());
        let here = maps(&describe("smpte", 5, HERE));
        let there = maps(&describe("smpte", 5, &there(&triton)));
        assert_eq!(there.len(), 5);
        for (here, there) in here.iter().zip(&there) {
            let apart = apart(here, there);
            assert!(apart < 1e-4, "{input}: {apart} of the range");
        }
    }
}

#[test]
fn four_pipelines_are_batched_by_the_server() {
    const FRAMES: u32 = 12;
    let folder = tempfile::tempdir().unwrap();
    let delay = ["--size", "128x128", "--queue-delay", "100000"];
    repository(folder.path(), &delay);
    let triton = serve(folder.path());
    let patterns = ["smpte", "ball", "circular", "checkers-8"];
    let alone: Vec<_> = patterns
        .iter()
        .map(|pattern| maps(&describe(pattern, FRAMES, HERE)))
        .collect();
    let runs = || statistics(triton.grpc());
    let before = runs();
    let all: Vec<_> = patterns
        .iter()
        .map(|pattern| {
            let pipeline = pipeline(&describe(pattern, FRAMES, &there(&triton)));
            let frames = collect(&pipeline, "sink");
            pipeline.set_state(gst::State::Playing).unwrap();
            (pipeline, frames)
        })
        .collect();
    for ((pipeline, frames), alone) in all.iter().zip(&alone) {
        await_eos(pipeline);
        pipeline.set_state(gst::State::Null).unwrap();
        let own = take_buffers(frames);
        assert_eq!(own.len(), alone.len());
        for (own, alone) in own.iter().zip(alone) {
            let apart = apart(alone, &depth_of(own).unwrap());
            assert!(apart < 1e-4, "each gets its own: {apart} of the range");
        }
    }
    let after = runs();
    let (pictures, runs) = (after.0 - before.0, after.1 - before.1);
    // One more of each to see what the maps' size is.
    assert_eq!(pictures, u64::from(FRAMES + 1) * 4);
    assert!(runs * 2 <= pictures, "{pictures} pictures in {runs} runs");
}

/// Pictures and runs so far.
pub(super) fn statistics(port: u16) -> (u64, u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let statistics = runtime.block_on(async {
        let url = format!("http://127.0.0.1:{port}");
        let channel = tonic::transport::Endpoint::from_shared(url).unwrap();
        let mut service = GrpcInferenceServiceClient::new(channel.connect().await.unwrap());
        let request = ModelStatisticsRequest {
            name: "depth".into(),
            ..Default::default()
        };
        service
            .model_statistics(request)
            .await
            .unwrap()
            .into_inner()
    });
    let statistics = &statistics.model_stats[0];
    (statistics.inference_count, statistics.execution_count)
}

/// `kill -9` and a server that comes back on the same port. Strict holds its frames meanwhile, latest
/// passes them without a result; both go on.
#[test]
fn a_server_that_is_killed_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    repository(folder.path(), &["--size", "128x128"]);
    let triton = serve(folder.path());
    let latest = describe("ball", 1_000_000, &there(&triton))
        .replace("alignment=strict", "alignment=latest")
        .replace("videotestsrc", "videotestsrc is-live=true");
    let [strict, latest] =
        [describe("ball", 400, &there(&triton)), latest].map(|text| pipeline(&text));
    let frames = collect(&strict, "sink");
    let of = |pipeline: &gst::Pipeline| pipeline.by_name("depth").unwrap();
    for pipeline in [&strict, &latest] {
        pipeline.set_state(gst::State::Playing).unwrap();
    }
    for pipeline in [&strict, &latest] {
        wait_until("results come", || {
            stat::<u64>(&of(pipeline), "frames-inferred") > 5
        });
    }
    let port = triton.kill();
    let bare = stat::<u64>(&of(&latest), "frames-without-result");
    wait_until("frames pass without a result", || {
        stat::<u64>(&of(&latest), "frames-without-result") > bare + 5
    });
    let log = folder.path().join("again.log");
    let _triton = Triton::start_at(&folder.path().join("models"), &log, port, &[]);
    let then = stat::<u64>(&of(&latest), "frames-inferred");
    wait_until("results come again", || {
        stat::<u64>(&of(&latest), "frames-inferred") > then + 5
    });
    let (errors, warnings) = said(&latest);
    latest.set_state(gst::State::Null).unwrap();
    assert_eq!((errors.len(), warnings.len()), (0, 1), "{warnings:?}");
    await_eos(&strict);
    strict.set_state(gst::State::Null).unwrap();
    let frames = take_buffers(&frames);
    assert_eq!(frames.len(), 400, "none is lost");
    assert!(frames.iter().all(|frame| depth_of(frame).is_some()));
}
