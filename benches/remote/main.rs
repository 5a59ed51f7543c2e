// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What a request to a server costs beyond the inference: the time from `submit` to the completion
//! against a server in this process that answers at once, over TCP on loopback.
//!
//! `cargo bench --bench remote`; the server's own share (decoding, copying the red channel, encoding)
//! is in the times.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/remote/server.rs"]
mod server;
#[allow(clippy::all, missing_docs, unreachable_pub, reason = "generated")]
#[path = "../../tests/remote/service.rs"]
mod service;

use gstdptdepth::inference::remote::{Client, Elements, Options, Request, Tensor};
use server::{Fixture, Script, reply, tensor};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const SIDE: usize = 384;
const WARM_UP: usize = 20;
const RUNS: usize = 300;

/// Median and 95th percentile of one request after the other.
fn measure(client: &Client, mut input: Tensor) -> (Duration, Duration) {
    let mut outputs = Vec::new();
    let mut times = Vec::new();
    for run in 0..WARM_UP + RUNS {
        let (sender, receiver) = channel();
        let request = Request {
            input,
            outputs,
            deadline: Duration::from_secs(10),
            wait: false,
        };
        let start = Instant::now();
        client.submit(request, move |finished| sender.send(finished).unwrap());
        let finished = receiver.recv().unwrap();
        if run >= WARM_UP {
            times.push(start.elapsed());
        }
        finished.result.unwrap();
        (input, outputs) = (finished.input, finished.outputs);
    }
    times.sort();
    (times[RUNS / 2], times[RUNS * 95 / 100])
}

fn main() {
    let floats = Elements::F32(vec![0.5; 3 * SIDE * SIDE]);
    let bytes = Elements::U8(vec![127; 3 * SIDE * SIDE]);
    let mut pixels = Script::answering(|_| {
        let side = SIDE as i64;
        Ok(reply("FP32", &[1, side, side], vec![0; SIDE * SIDE * 4]))
    });
    pixels.metadata.inputs = vec![tensor("image", "UINT8", &[-1, -1, -1, 3])];
    for (name, script, dims, elements) in [
        (
            "f32 [1, 3, 384, 384]",
            Script::red(),
            [1, 3, SIDE, SIDE],
            floats,
        ),
        ("u8 [1, 384, 384, 3]", pixels, [1, SIDE, SIDE, 3], bytes),
    ] {
        let server = Fixture::start(script);
        let client =
            Arc::new(Client::start(Options::new(&server.url(), "depth").unwrap()).unwrap());
        client.wait_ready(Duration::from_secs(10)).unwrap();
        let dims = dims.to_vec();
        let (median, late) = measure(&client, Tensor { dims, elements });
        println!("{name} to f32 [1, 384, 384]: median {median:?}, 95 % below {late:?}");
    }
}
