// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The property `metrics-port`, asked as Prometheus asks, and as nobody should.

use crate::common::{pipeline, play};
use gst::prelude::*;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// A port that nothing listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// What the server says to these bytes: head and body.
fn ask(port: u16, request: &[u8]) -> (String, String) {
    let mut stream = connect(port);
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let length = format!("Content-Length: {}", body.len());
    assert!(head.lines().any(|line| line == length), "{head}");
    (head.into(), body.into())
}

fn status(port: u16, request: &[u8]) -> u16 {
    let (head, _) = ask(port, request);
    let code = head.strip_prefix("HTTP/1.1 ").unwrap();
    code[..3].parse().unwrap()
}

fn get(port: u16) -> (String, String) {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    ask(port, request.as_bytes())
}

/// The samples by name and labels, of a text that keeps the format's rules.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut families: Vec<(&str, &str)> = Vec::new();
    let mut help = None;
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split(' ').next();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert_eq!(help, Some(name), "HELP comes first");
            assert!(families.iter().all(|(known, _)| *known != name), "{name}");
            families.push((name, kind));
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            let (family, kind) = families.last().unwrap();
            let suffix = name.strip_prefix(family).unwrap();
            assert!(
                suffix.is_empty() || *kind == "summary" && ["_sum", "_count"].contains(&suffix),
                "{line}"
            );
            assert_eq!(*kind == "counter", name.ends_with("_total"), "{line}");
            let value = value.parse().unwrap();
            assert!(
                samples.insert(series.to_string(), value).is_none(),
                "{series} twice"
            );
        }
    }
    samples
}

/// The value of the one series of this name, element and further label.
fn value(samples: &BTreeMap<String, f64>, name: &str, element: &str, label: &str) -> f64 {
    let found: Vec<f64> = samples
        .iter()
        .filter(|(series, _)| {
            series.starts_with(&format!("{name}{{"))
                && series.contains(&format!("element=\"{element}\""))
                && series.contains(label)
        })
        .map(|(_, value)| *value)
        .collect();
    let [value] = found.as_slice() else {
        panic!("{name} {element} {label}: {samples:#?}");
    };
    *value
}

fn frames(samples: &BTreeMap<String, f64>, element: &str, result: &str) -> f64 {
    let label = format!("result=\"{result}\"");
    value(samples, "dptdepth_frames_total", element, &label)
}

/// Waits for EOS or an error, which keeps the state.
fn wait(pipeline: &gst::Pipeline) {
    let patience = gst::ClockTime::try_from(PATIENCE).unwrap();
    let ended = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = pipeline.bus().unwrap().timed_pop_filtered(patience, &ended);
    let message = message.expect("the end comes");
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
}

fn assert_free(port: u16) {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("nobody listens any more");
}

#[test]
fn metrics_are_there_while_a_pipeline_runs() {
    let port = free_port();
    let pipeline = pipeline(&format!(
        "videotestsrc num-buffers=300 pattern=ball ! video/x-raw,width=64,height=48,framerate=30/1 \
         ! dptdepth name=watched network-size=64 inference-interval=3 metrics-port={port} ! fakesink"
    ));
    pipeline.set_state(gst::State::Playing).unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (head, body) = get(port);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(
            head.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            "{head}"
        );
        if frames(&parse(&body), "watched", "fresh") >= 3.0 {
            break;
        }
        assert!(Instant::now() < deadline, "{body}");
    }
    wait(&pipeline);
    let samples = parse(&get(port).1);
    let stats: gst::Structure = pipeline.by_name("watched").unwrap().property("stats");
    let of = |name: &str| stats.get::<u64>(name).unwrap() as f64;
    for (result, field, count) in [
        ("fresh", "frames-inferred", 100.0),
        ("reused", "frames-reused", 200.0),
        ("none", "frames-without-result", 0.0),
        ("dropped", "frames-dropped", 0.0),
    ] {
        assert_eq!(frames(&samples, "watched", result), count, "{stats}");
        assert_eq!(of(field), count, "{stats}");
    }
    let value = |name: &str, label: &str| value(&samples, name, "watched", label);
    for (name, median) in [
        ("latency", "latency-p50"),
        ("preprocess", "preprocess-p50"),
        ("inference", "inference-p50"),
        ("postprocess", "postprocess-p50"),
        ("age", "age-p50"),
    ] {
        let seconds = value(&format!("dptdepth_{name}_seconds"), "quantile=\"0.5\"");
        assert!((seconds - of(median) / 1e9).abs() < 1e-9, "{name}: {stats}");
    }
    assert_eq!(value("dptdepth_inference_seconds_count", ""), 100.0);
    assert_eq!(value("dptdepth_latency_seconds_count", ""), 300.0);
    // Ages of 0, 1 and 2 frames of a thirtieth of a second.
    let ages = value("dptdepth_age_seconds_sum", "");
    assert!((ages - 10.0).abs() < 1e-5, "{ages}");
    let oldest = value("dptdepth_age_max_seconds", "");
    assert!((oldest - 2.0 / 30.0).abs() < 1e-6, "{oldest}");
    assert_eq!(value("dptdepth_up", ""), 1.0);
    assert_eq!(value("dptdepth_inference_interval_frames", ""), 3.0);
    let near = value("dptdepth_range_near", "");
    assert!((near - stats.get::<f64>("range-near").unwrap()).abs() < 1e-9);
    assert_eq!(
        value("dptdepth_network_width_pixels", ""),
        f64::from(stats.get::<u32>("network-width").unwrap())
    );
    let provider: String = stats.get("provider").unwrap();
    let label = format!("provider=\"{provider}\"");
    assert!(samples.keys().all(|series| series.contains(&label)));
    pipeline.set_state(gst::State::Null).unwrap();
    assert_free(port);
}

/// Twice `depth`, in two pipelines, and a third of another name.
#[test]
fn elements_share_a_port_until_the_last_is_gone() {
    let port = free_port();
    let start = |description: &str| {
        let pipeline = pipeline(&format!(
            "videotestsrc num-buffers=4 ! video/x-raw,width=48,height=32 {description}"
        ));
        pipeline.set_state(gst::State::Playing).unwrap();
        wait(&pipeline);
        pipeline
    };
    let depth = format!("! dptdepth network-size=64 metrics-port={port}");
    let first = start(&format!(
        "{depth} name=depth output=meta {depth} name=other ! fakesink"
    ));
    let second = start(&format!("{depth} name=depth ! fakesink"));
    let samples = parse(&get(port).1);
    for element in ["depth", "other", "depth#2"] {
        assert_eq!(frames(&samples, element, "fresh"), 4.0, "{element}");
    }
    first.set_state(gst::State::Null).unwrap();
    let (_, body) = get(port);
    assert_eq!(frames(&parse(&body), "depth#2", "fresh"), 4.0);
    assert!(!body.contains("\"depth\"") && !body.contains("other"));
    second.set_state(gst::State::Ready).unwrap();
    assert_free(port);
    second.set_state(gst::State::Playing).unwrap();
    wait(&second);
    assert_eq!(frames(&parse(&get(port).1), "depth", "fresh"), 4.0);
    second.set_state(gst::State::Null).unwrap();
    assert_free(port);
}

#[test]
fn a_port_in_use_is_an_error_with_its_remedy() {
    let theirs = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = theirs.local_addr().unwrap().port();
    let pipeline = pipeline(&format!(
        "videotestsrc num-buffers=2 ! dptdepth network-size=64 metrics-port={port} ! fakesink"
    ));
    let end = play(&pipeline, PATIENCE);
    let [(factory, text)] = end.errors.as_slice() else {
        panic!("{end:?}");
    };
    assert_eq!(factory, "dptdepth");
    assert_eq!(
        *text,
        format!(
            "Port {port} of 127.0.0.1 is in use already; set metrics-port to a free one, or to 0 for none"
        )
    );
    drop(theirs);
    assert!(play(&pipeline, PATIENCE).eos, "it works once it is free");
}

/// Nothing that clients do is felt by the pipeline, or by the next client.
#[test]
fn clients_may_say_what_they_want_or_nothing() {
    let port = free_port();
    let pipeline = pipeline(&format!(
        "videotestsrc num-buffers=4 ! video/x-raw,width=48,height=32 \
         ! dptdepth network-size=64 metrics-port={port} ! fakesink"
    ));
    pipeline.set_state(gst::State::Playing).unwrap();
    wait(&pipeline);
    let long = [
        b"GET /metrics HTTP/1.1\r\nX: ",
        vec![b'x'; 20_000].as_slice(),
    ]
    .concat();
    for (request, code) in [
        (&b"GET /metrics HTTP/1.0\r\n\r\n"[..], 200),
        (
            b"GET /metrics?name=x HTTP/1.1\r\nHost: LOCALHOST\r\n\r\n",
            200,
        ),
        (b"GET /metrics HTTP/1.1\n\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"GET /metrics/ HTTP/1.1\r\n\r\n", 404),
        (b"GET /../etc/passwd HTTP/1.1\r\n\r\n", 404),
        (
            b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            405,
        ),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", 405),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET  /metrics HTTP/1.1\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"\x16\x03\x01\xff\xfe\0\r\n\r\n", 400),
        // A page of that name that leads here.
        (
            b"GET /metrics HTTP/1.1\r\nhost: rebound.example:80\r\n\r\n",
            421,
        ),
        (&long, 431),
    ] {
        let text = String::from_utf8_lossy(request);
        assert_eq!(status(port, request), code, "{text:.60}");
    }
    // Half a request, and no more to come.
    let mut half = connect(port);
    half.write_all(b"GET /metr").unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    // Gone before the answer.
    for _ in 0..20 {
        connect(port)
            .write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
            .unwrap();
    }
    // As many as want to say nothing: they are sent away, and others served.
    let silent: Vec<TcpStream> = (0..50).map(|_| connect(port)).collect();
    for mut stream in silent {
        let mut nothing = Vec::new();
        // Closed, or reset where the server was full.
        let _ = stream.read_to_end(&mut nothing);
        assert!(nothing.is_empty());
    }
    assert_eq!(status(port, b"GET /metrics HTTP/1.1\r\n\r\n"), 200);
    // One that is still there does not keep the element.
    let mut last = connect(port);
    last.write_all(b"GET /metrics").unwrap();
    let stopped = Instant::now();
    pipeline.set_state(gst::State::Null).unwrap();
    assert_free(port);
    assert!(stopped.elapsed() < PATIENCE);
}
