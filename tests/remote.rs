// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Models on servers: a fixture that does whatever a test wants, and a real Triton.

#[path = "remote/contract.rs"]
mod contract;
#[path = "remote/element.rs"]
mod element;
#[cfg(target_arch = "x86_64")]
#[path = "remote/fleet.rs"]
mod fleet;
#[path = "remote/replies.rs"]
mod replies;
#[path = "remote/security.rs"]
mod security;
#[path = "remote/server.rs"]
mod server;
#[allow(clippy::all, missing_docs, unreachable_pub, reason = "generated")]
#[path = "remote/service.rs"]
mod service;
#[cfg(target_arch = "x86_64")]
#[path = "remote/triton.rs"]
mod triton;
#[path = "remote/trouble.rs"]
mod trouble;

use gstdptdepth::inference::remote::{
    Client, Elements, Finished, Options, RemoteError, RemoteModel, Request, State, Tensor,
};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Far more than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn options(url: &str) -> Options {
    Options {
        connect_timeout: Duration::from_secs(20),
        health_interval: Duration::from_millis(200),
        longest_wait: Duration::from_millis(300),
        ..Options::new(url, "depth").unwrap()
    }
}

fn connect(options: Options) -> (Client, Arc<RemoteModel>) {
    let client = Client::start(options).unwrap();
    let model = client.wait_ready(PATIENCE).unwrap();
    (client, model)
}

/// Why a server cannot be used.
fn refused(options: Options) -> RemoteError {
    let client = Client::start(options).unwrap();
    client.wait_ready(PATIENCE).unwrap_err()
}

/// A picture whose elements all differ.
fn picture(batch: usize, height: usize, width: usize) -> Tensor {
    let elements = batch * 3 * height * width;
    Tensor {
        dims: vec![batch, 3, height, width],
        elements: Elements::F32((0..elements).map(|index| index as f32).collect()),
    }
}

fn request(input: Tensor) -> Request {
    Request {
        input,
        deadline: PATIENCE,
        ..Default::default()
    }
}

fn send(client: &Client, request: Request) -> Receiver<Finished> {
    let (sender, receiver) = channel();
    client.submit(request, move |finished| {
        sender.send(finished).expect("the test waits for it");
    });
    receiver
}

/// The end of a request; that it is called twice would be an error too.
fn ended(receiver: &Receiver<Finished>) -> Finished {
    let finished = receiver.recv_timeout(PATIENCE).expect("every request ends");
    assert!(receiver.recv_timeout(PATIENCE).is_err(), "it ended once");
    finished
}

fn infer(client: &Client, input: Tensor) -> Finished {
    ended(&send(client, request(input)))
}

/// Waits until the client says so.
fn until(client: &Client, what: &str, holds: impl Fn(&State) -> bool) {
    let start = Instant::now();
    while !holds(&client.state()) {
        assert!(start.elapsed() < PATIENCE, "{what}: {}", client.state());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn is_connected_to(url: &str) -> impl Fn(&State) -> bool + '_ {
    move |state| matches!(state, State::Connected { server } if server == url)
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
}
