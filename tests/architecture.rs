// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! The rules of `ARCHITECTURE.md` on who may use what, and the directions of dependency.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Lines of code (no comments) of the files below `src/` whose path starts with one of `parts`,
/// that hold one of `needles`.
fn offenders(is_subject: impl Fn(&str) -> bool, needles: &[&str]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20, "the sources were found");
    let mut offenders = Vec::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        if !is_subject(&name) {
            continue;
        }
        for (number, line) in fs::read_to_string(&file).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if needles.iter().any(|needle| holds(code, needle)) {
                offenders.push(format!("src/{name}:{}: {line}", number + 1));
            }
        }
    }
    offenders
}

/// Whether `needle` is in `code` and not the end of a longer name.
fn holds(code: &str, needle: &str) -> bool {
    code.match_indices(needle)
        .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn within<'a>(parts: &'a [&'a str]) -> impl Fn(&str) -> bool + 'a {
    move |name| parts.iter().any(|part| name.starts_with(part))
}

fn assert_none(offenders: &[String]) {
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

#[test]
fn ort_is_used_under_inference_only() {
    assert_none(&offenders(
        |name| !name.starts_with("inference/"),
        &["ort::", "use ort"],
    ));
}

#[test]
fn the_pure_parts_know_no_gstreamer() {
    let pure = [
        "frame/",
        "temporal/",
        "measure/",
        "inference/",
        "checkpoint/",
        "graph/",
        "dpt/",
        "spec.rs",
        "engine/",
        "hub/",
        "measure/",
        "model",
    ];
    assert_none(&offenders(
        within(&pure),
        &["gst::", "glib::", "gst_video::", "gst_base::"],
    ));
}

#[test]
fn the_graph_builder_knows_no_model() {
    assert_none(&offenders(
        within(&["graph/"]),
        &["crate::dpt", "crate::model", "crate::checkpoint"],
    ));
}

#[test]
fn checkpoints_know_no_graph() {
    assert_none(&offenders(
        within(&["checkpoint/"]),
        &["crate::graph", "crate::dpt", "crate::model"],
    ));
}

#[test]
fn few_parts_use_the_network() {
    let network = [
        "ureq",
        "rustls",
        "tonic",
        "tokio",
        "hyper_util",
        "std::net",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "gio::",
    ];
    let allowed = ["bin/dpt-onnx/download/", REMOTE, METRICS];
    assert_none(&offenders(|name| !within(&allowed)(name), &network));
}

/// The client for inference servers.
const REMOTE: &str = "inference/remote/";

#[test]
fn the_remote_client_connects_to_servers_that_it_is_given_and_listens_to_nobody() {
    assert_none(&offenders(
        within(&[REMOTE]),
        &[
            "TcpStream",
            "TcpListener",
            "TcpSocket",
            "UdpSocket",
            "bind",
            "ureq",
            "std::env",
        ],
    ));
    // What connects takes a server of the options, and is called in one place.
    let connecting = offenders(
        within(&[REMOTE]),
        &["connect_with_connector", "HttpConnector::new"],
    );
    assert_eq!(connecting.len(), 2, "{connecting:?}");
    assert!(
        connecting
            .iter()
            .all(|line| line.starts_with("src/inference/remote/channel.rs")),
        "{connecting:?}"
    );
    let calls = offenders(within(&[REMOTE]), &["access.connect("]);
    assert_eq!(calls.len(), 1, "{calls:?}");
    // `std::net` only to read addresses.
    let addresses = offenders(within(&[REMOTE]), &["std::net"]);
    assert_eq!(addresses.len(), 1, "{addresses:?}");
    assert!(
        addresses[0].ends_with("use std::net::{IpAddr, Ipv6Addr};"),
        "{addresses:?}"
    );
}

/// The one file of the element that knows sockets.
const METRICS: &str = "dptdepth/metrics.rs";

#[test]
fn metrics_listen_on_loopback_and_do_nothing_else() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src")
        .join(METRICS);
    let source = fs::read_to_string(path).unwrap();
    let lines = |needle: &str| -> Vec<&str> {
        source
            .lines()
            .filter(|line| line.contains(needle))
            .map(str::trim)
            .collect()
    };
    assert_eq!(
        lines("std::net"),
        ["use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};"]
    );
    // Ipv4Addr::LOCALHOST is 127.0.0.1, and a literal cannot be told to be anything else.
    assert_eq!(
        lines("bind("),
        ["let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;"]
    );
    assert!(lines("Ipv4Addr::").len() == 1, "no other address");
    assert_none(&offenders(
        within(&[METRICS]),
        &[
            "connect",
            "connect_timeout",
            "ToSocketAddrs",
            "ureq",
            "rustls",
            "UdpSocket",
        ],
    ));
}

#[test]
fn the_catalogue_knows_no_model() {
    assert_none(&offenders(
        within(&["hub/"]),
        &["crate::model", "crate::checkpoint", "crate::dpt"],
    ));
}

#[test]
fn nothing_points_back() {
    let upper = [
        "crate::dptdepth",
        "crate::dptrender",
        "crate::video",
        "crate::engine",
        "crate::meta",
    ];
    assert_none(&offenders(
        within(&[
            "spec.rs",
            "frame/",
            "temporal/",
            "measure/",
            "inference/",
            "checkpoint/",
            "graph/",
            "dpt/",
            "measure/",
            "model",
        ]),
        &upper,
    ));
    // The elements share what lies below them, and know nothing of each other.
    assert_none(&offenders(
        within(&["dptrender/", "video/", "meta/"]),
        &[
            "crate::dptdepth",
            "crate::inference",
            "crate::model",
            "crate::engine",
        ],
    ));
    assert_none(&offenders(within(&["dptdepth/"]), &["crate::dptrender"]));
    assert_none(&offenders(
        within(&["frame/"]),
        &[
            "crate::temporal",
            "crate::measure",
            "crate::inference",
            "crate::model",
        ],
    ));
    assert_none(&offenders(
        within(&["inference/"]),
        &[
            "crate::frame",
            "crate::model",
            "crate::graph",
            "crate::dpt::",
        ],
    ));
}
