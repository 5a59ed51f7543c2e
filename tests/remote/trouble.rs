// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Servers that die, stall or never answer.

use super::server::{Fixture, Script};
use super::{
    PATIENCE, assert_says, connect, ended, infer, is_connected_to, options, picture, refused,
    request, send, until,
};
use gstdptdepth::inference::remote::{Client, Options, RemoteError, Request, State};
use std::net::TcpListener;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(300);
/// Ten seconds, the stall of the issue; no test waits for its end.
const STALL: Duration = Duration::from_secs(10);

#[test]
fn a_stalled_request_ends_by_its_deadline() {
    let server = Fixture::start(Script::red());
    let (client, _model) = connect(options(&server.url()));
    server.change(|script| script.stall = STALL);
    for wait in [false, true] {
        let start = Instant::now();
        let stalled = Request {
            deadline: SHORT,
            wait,
            ..request(picture(1, 2, 3))
        };
        let error = ended(&send(&client, stalled)).result.unwrap_err();
        assert!(matches!(error, RemoteError::Deadline { .. }), "{error}");
        assert!(error.is_transient());
        assert!(start.elapsed() >= SHORT);
        assert!(start.elapsed() < STALL / 2, "{:?}", start.elapsed());
    }
    server.change(|script| script.stall = Duration::ZERO);
    infer(&client, picture(1, 2, 3)).result.unwrap();
    assert_eq!(client.connections(), 1, "its health was good");
}

#[test]
fn a_port_where_nobody_answers_ends_by_the_timeout() {
    // The system completes the handshake; nobody ever reads.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("grpc://{}", mute.local_addr().unwrap());
    let error = patient(&url, SHORT);
    assert_says(&error.to_string(), &["did not answer within 300ms", &url]);
}

#[test]
fn a_port_that_takes_no_connection_ends_by_the_timeout() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    // Once its queue is full, the system drops what else knocks.
    let waiting: Vec<_> = (0..64)
        .map_while(|_| std::net::TcpStream::connect_timeout(&address, SHORT).ok())
        .collect();
    assert!(waiting.len() < 64, "the queue is full");
    let error = patient(&format!("grpc://{address}"), SHORT);
    assert_says(&error.to_string(), &["cannot be reached", "firewall"]);
}

/// The error of a client that waits for longer than its connections.
fn patient(url: &str, connect_timeout: Duration) -> RemoteError {
    let start = Instant::now();
    let client = Client::start(Options {
        connect_timeout,
        ..options(url)
    })
    .unwrap();
    let error = client.wait_ready(connect_timeout * 3).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(start.elapsed() < STALL, "{:?}", start.elapsed());
    assert!(matches!(client.state(), State::Reconnecting { .. }));
    error
}

#[test]
fn nobody_there_and_no_such_host_are_told() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = patient(&format!("grpc://{free}"), SHORT);
    assert_says(&error.to_string(), &["refused"]);
    let error = patient("grpc://no-such-host.invalid", Duration::from_secs(2));
    assert_says(
        &error.to_string(),
        &["no-such-host.invalid:8001 cannot be reached"],
    );
}

#[test]
fn another_kind_of_server_is_told() {
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = web.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in web.incoming() {
            let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            let _ = std::io::Write::write_all(&mut stream.unwrap(), answer);
        }
    });
    let error = refused(options(&format!("grpc://{address}")));
    assert!(matches!(error, RemoteError::Protocol { .. }), "{error:?}");
    assert_says(&error.to_string(), &["8001"]);
}

#[test]
fn a_server_that_is_killed_and_restarted_is_found_again() {
    let server = Fixture::start(Script::red());
    let url = server.url();
    let (client, _model) = connect(options(&url));
    until(&client, "connected", is_connected_to(&url));
    assert_eq!(client.state().to_string(), format!("connected to {url}"));
    server.change(|script| script.stall = STALL);
    let waiting = send(
        &client,
        Request {
            wait: true,
            ..request(picture(1, 2, 3))
        },
    );
    let hasty = send(&client, request(picture(1, 2, 3)));
    while server.arrived.load(Ordering::Relaxed) < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let port = server.kill();
    let error = ended(&hasty).result.unwrap_err();
    assert!(error.is_transient(), "{error}");
    until(&client, "reconnecting", |state| {
        matches!(state, State::Reconnecting { .. })
    });
    assert_says(
        &client.state().to_string(),
        &["reconnecting for 0 s, last error: "],
    );
    // With nobody there, what does not want to wait fails at once.
    let start = Instant::now();
    assert!(
        infer(&client, picture(1, 2, 3))
            .result
            .unwrap_err()
            .is_transient()
    );
    assert!(start.elapsed() < STALL);
    let server = Fixture::at(port, Script::red(), None);
    let answered = ended(&waiting).result.unwrap();
    assert!(answered.attempts > 1, "it was sent again");
    assert_eq!(client.connections(), 2);
    drop(server);
}

#[test]
fn another_model_after_a_restart_is_not_used() {
    let server = Fixture::start(Script::red());
    let (client, _model) = connect(options(&server.url()));
    let port = server.kill();
    let mut other = Script::red();
    other.metadata.inputs[0].shape = vec![-1, 3, 64, 64];
    let _server = Fixture::at(port, other, None);
    until(&client, "it notices", |state| match state {
        State::Reconnecting { last_error, .. } => matches!(last_error, RemoteError::Model { .. }),
        _ => false,
    });
    let error = infer(&client, picture(1, 64, 64)).result.unwrap_err();
    assert_says(
        &error.to_string(),
        &["[?, 3, 64, 64]", "start the pipeline anew"],
    );
}

#[test]
fn the_next_server_takes_over_and_nothing_is_lost() {
    let first = Fixture::start(Script::red());
    let second = Fixture::start(Script::red());
    let (first_url, second_url) = (first.url(), second.url());
    let (client, _model) = connect(options(&format!("{first_url};{second_url}")));
    until(&client, "the first", is_connected_to(&first_url));
    let patient = |height| Request {
        wait: true,
        ..request(picture(1, height, 3))
    };
    let mut all: Vec<_> = (1..=8)
        .map(|height| send(&client, patient(height)))
        .collect();
    let port = first.kill();
    all.extend((9..=16).map(|height| send(&client, patient(height))));
    for (index, one) in all.iter().enumerate() {
        let finished = ended(one);
        finished.result.unwrap();
        assert_eq!(finished.outputs[0].dims, [1, index + 1, 3]);
    }
    until(&client, "the second", is_connected_to(&second_url));
    let _first = Fixture::at(port, Script::red(), None);
    drop(second);
    ended(&send(&client, patient(2))).result.unwrap();
    until(&client, "the first again", is_connected_to(&first_url));
}

#[test]
fn of_several_servers_each_has_its_reason_told() {
    let mut other = Script::red();
    other.metadata.name = "other".into();
    let wrong = Fixture::start(other);
    let gone = Fixture::start(Script::red());
    let urls = format!("{};{}", wrong.url(), gone.url());
    let gone_url = gone.url();
    drop(gone);
    let client = Client::start(options(&urls)).unwrap();
    let error = client.wait_ready(SHORT * 4).unwrap_err();
    // The second may come back.
    assert!(error.is_transient(), "{error}");
    let gone = format!("{gone_url} cannot be reached");
    assert_says(&error.to_string(), &["it has other:1", &gone]);
    let twice = format!("{0};{0}", wrong.url());
    assert!(
        !refused(options(&twice)).is_transient(),
        "neither will ever do"
    );
}

#[test]
fn a_server_that_freezes_is_left() {
    let first = Fixture::start(Script::red());
    let second = Fixture::start(Script::red());
    let (client, _model) = connect(Options {
        connect_timeout: SHORT * 4,
        ..options(&format!("{};{}", first.url(), second.url()))
    });
    until(&client, "the first", is_connected_to(&first.url()));
    // Nobody sends anything: the health check alone notices.
    first.change(|script| script.frozen = true);
    until(&client, "the second", is_connected_to(&second.url()));
}

#[test]
fn a_server_that_is_late_again_and_again_is_left() {
    let first = Fixture::start(Script::red());
    let second = Fixture::start(Script::red());
    let (client, _model) = connect(Options {
        request_timeout: SHORT,
        ..options(&format!("{};{}", first.url(), second.url()))
    });
    until(&client, "the first", is_connected_to(&first.url()));
    first.change(|script| script.stall = STALL);
    let patient = Request {
        wait: true,
        ..request(picture(1, 2, 3))
    };
    let answered = ended(&send(&client, patient)).result.unwrap();
    assert!(answered.attempts > 3, "{answered:?}");
    until(&client, "the second", is_connected_to(&second.url()));
}

#[test]
fn every_request_ends_when_the_client_goes() {
    let mut script = Script::red();
    script.stall = STALL;
    let server = Fixture::start(script);
    let (client, _model) = connect(options(&server.url()));
    let start = Instant::now();
    let all: Vec<_> = (0..32)
        .map(|index| {
            let request = Request {
                wait: index % 2 == 0,
                ..request(picture(1, 2, 3))
            };
            send(&client, request)
        })
        .collect();
    client.close();
    let late = send(&client, request(picture(1, 2, 3)));
    let error = client.wait_ready(PATIENCE).unwrap_err();
    assert_eq!(error, RemoteError::Closed);
    drop(client);
    for one in all.iter().chain([&late]) {
        let finished = ended(one);
        assert_eq!(finished.result.unwrap_err(), RemoteError::Closed);
        assert_eq!(finished.input.dims, [1, 3, 2, 3]);
    }
    assert!(start.elapsed() < STALL / 2, "{:?}", start.elapsed());
}
