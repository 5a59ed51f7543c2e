// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What is not taken, and what is not told to whom.

use super::server::{Answer, Server};
use super::{
    WEIGHTS, assert_complete, bad, command, fetch, fetch_from, good, good_hub, hub_with, models,
    names, redirecting_hub, sha256, toy,
};
use gstdptdepth::hub;
use std::fs;

#[test]
fn sizes_that_contradict_are_refused() {
    let (models, model) = models();
    // More is announced than is ever sent.
    let server = hub_with(|_, bytes| Answer {
        announced: Some(bytes.len() + 1000),
        ..Answer::ok(bytes)
    });
    let output = fetch(&server, models.path(), "dpt-large", &["--retries", "2"]);
    bad(
        &output,
        &["the connection broke", "of 201236 bytes", "tried 3 times"],
    );
    assert!(!model.join(WEIGHTS).exists());

    let (models, model) = super::models();
    let server = hub_with(|_, bytes| Answer::ok(bytes).with("X-Linked-Size", "99"));
    let output = fetch(&server, models.path(), "dpt-large", &[]);
    bad(&output, &["announces 200236 bytes, but the file has 99"]);
    assert!(!model.join(WEIGHTS).exists());

    // The catalogue knows this one's size.
    let folder = tempfile::tempdir().unwrap();
    let output = fetch(&good_hub(), folder.path(), "depth-anything-v2-small", &[]);
    bad(
        &output,
        &["announces 200236 bytes, but the file has 99173660"],
    );
}

#[test]
fn a_wrong_hash_is_refused_and_deleted() {
    // The digits in the name of isl-org's file.
    let (models, model) = (tempfile::tempdir().unwrap(), "dpt-hybrid-nyu");
    let server = good_hub();
    let output = fetch(&server, models.path(), model, &[]);
    bad(
        &output,
        &[
            "not the one that was published",
            "file's name says 2ce69ec7",
            "deleted",
        ],
    );
    assert_eq!(names(&models.path().join(model)), [""; 0]);
    assert_eq!(
        server.requests()[0].path,
        "/isl-org/DPT/releases/download/1_0/dpt_hybrid_nyu-2ce69ec7.pt"
    );

    // The hub's own, told by the answer that redirects.
    let other = "0".repeat(64);
    let (models, model) = super::models();
    let server = redirecting_hub(&other);
    bad(
        &fetch(&server, models.path(), "dpt-large", &[]),
        &[&other, "the hub says"],
    );
    assert_eq!(names(&model), ["config.json", "preprocessor_config.json"]);

    // Known to be another before anything is sent.
    let folder = tempfile::tempdir().unwrap();
    let server = redirecting_hub(&other);
    let output = fetch(&server, folder.path(), "dpt-hybrid-nyu", &[]);
    bad(&output, &["another version", "nothing was downloaded"]);
}

#[test]
fn the_hubs_hash_is_compared() {
    let (models, model) = models();
    let server = redirecting_hub(&sha256(&toy(WEIGHTS)));
    let told = good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert!(
        told.contains("model.safetensors: 200.2 kB, checked against the hub"),
        "{told}"
    );
    let manifest = hub::Manifest::read(&model).unwrap();
    let weights = manifest.files.last().unwrap();
    assert_eq!(weights.sha256, sha256(&toy(WEIGHTS)));
    assert_eq!(weights.bytes, 200_236);
}

#[test]
fn refusals_say_what_to_do() {
    let answers: [(u16, Option<&str>, &[&str]); 5] = [
        (
            404,
            None,
            &["does not have the file", "HTTP 404", "model's page"],
        ),
        (401, None, &["HTTP 401", "HF_TOKEN", "terms"]),
        (403, None, &["HTTP 403", "HF_TOKEN"]),
        (403, Some("hf_secret"), &["refuses the token", "terms"]),
        (418, None, &["HTTP 418"]),
    ];
    for (status, token, words) in answers {
        let models = tempfile::tempdir().unwrap();
        let server = Server::start(move |_| Answer::status(status));
        let mut command = command(models.path());
        command.args(["fetch", "dpt-large", "--base-url", &server.url()]);
        let output = command
            .envs(token.map(|token| ("HF_TOKEN", token)))
            .output()
            .unwrap();
        let told = bad(&output, words);
        assert!(!told.contains("hf_secret"), "{told}");
        assert_eq!(server.requests().len(), 1, "asking again would not help");
        assert_eq!(names(models.path()), [""; 0], "nothing is left behind");
    }
}

#[test]
fn the_token_goes_to_the_first_host_only_and_never_in_the_open() {
    let store = good_hub();
    let to = store.url();
    let hub = Server::start(move |request| {
        Answer::status(307).with("Location", &format!("{to}{}", request.path))
    });
    let (models, model) = models();
    let run = |host: &str| {
        let mut command = command(models.path());
        command
            .args(["fetch", "dpt-large"])
            .env("HF_TOKEN", "hf_secret");
        // The standard variable for mirrors.
        command
            .env("HF_ENDPOINT", format!("http://{host}:{}/", hub.port))
            .output()
            .unwrap()
    };
    good(&run("127.0.0.1"));
    assert_complete(&model);
    let (asked, stored) = (hub.requests(), store.requests());
    assert_eq!((asked.len(), stored.len()), (3, 3));
    for request in &asked {
        assert_eq!(request.header("authorization"), Some("Bearer hf_secret"));
    }
    assert!(
        stored
            .iter()
            .all(|request| request.header("authorization").is_none())
    );

    // An address that is not the loopback interface's, in plain HTTP.
    fs::remove_dir_all(&model).unwrap();
    good(&run("0.0.0.0"));
    assert_eq!(hub.requests().len(), 6);
    assert!(
        hub.requests()[3..]
            .iter()
            .all(|request| request.header("authorization").is_none())
    );

    // GitHub is no business of that token.
    let server = good_hub();
    let mut command = command(models.path());
    command.args(["fetch", "dpt-hybrid-nyu", "--base-url", &server.url()]);
    command.env("HF_TOKEN", "hf_secret").output().unwrap();
    assert!(server.requests()[0].header("authorization").is_none());
}

#[test]
fn a_page_a_pointer_or_no_json_is_not_a_model() {
    let page = "<!DOCTYPE html><html>Log in</html>";
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
    let cases: [(&'static str, &'static str, &'static str, &str); 5] = [
        (WEIGHTS, "text/html; charset=utf-8", "anything", "web page"),
        (WEIGHTS, "application/octet-stream", page, "web page"),
        (WEIGHTS, "application/octet-stream", pointer, "LFS pointer"),
        ("/config.json", "application/json", "not found", "not JSON"),
        ("/config.json", "application/json", "{\"a\": ", "not JSON"),
    ];
    for (name, content_type, body, word) in cases {
        let (models, model) = models();
        let server = Server::start(move |request| match request.path.ends_with(name) {
            true => Answer::ok(body).with("Content-Type", content_type),
            false => Answer::ok(toy(request.path.rsplit('/').next().unwrap())),
        });
        bad(&fetch(&server, models.path(), "dpt-large", &[]), &[word]);
        assert!(
            !model.join(name.trim_start_matches('/')).exists(),
            "{name} {word}"
        );
        assert_eq!(
            server.requests_for(name).len(),
            1,
            "asking again would not help"
        );
        let partial = names(&model).iter().any(|name| name.contains(".part"));
        assert!(!partial, "{:?}", names(&model));
    }
}

#[test]
fn redirects_end_and_stay_with_http() {
    let models = tempfile::tempdir().unwrap();
    for (to, word) in [
        ("again", "without an end"),
        ("file:///etc/passwd", "https:// or http://"),
    ] {
        let server = Server::start(move |_| Answer::status(302).with("Location", to));
        bad(&fetch(&server, models.path(), "dpt-large", &[]), &[word]);
    }
    bad(
        &fetch_from("nonsense", models.path(), "dpt-large", &[]),
        &["https:// or http://"],
    );
}

#[test]
fn what_is_in_the_way_stays() {
    let (models, model) = models();
    let server = good_hub();
    let nyu = models.path().join("dpt-hybrid-nyu");
    fs::create_dir_all(&nyu).unwrap();
    fs::write(nyu.join("dpt_hybrid_nyu-2ce69ec7.pt"), "mine").unwrap();
    let output = fetch(&server, models.path(), "dpt-hybrid-nyu", &[]);
    bad(&output, &["another file in the way"]);
    assert_eq!(
        fs::read(nyu.join("dpt_hybrid_nyu-2ce69ec7.pt")).unwrap(),
        b"mine"
    );

    // Another process is at it.
    fs::create_dir_all(&model).unwrap();
    let part = fs::File::create(model.join("config.json.part")).unwrap();
    part.lock().unwrap();
    bad(
        &fetch(&server, models.path(), "dpt-large", &[]),
        &["another dpt-onnx"],
    );
    drop(part);

    // A file where a folder should be.
    fs::write(models.path().join("file"), "").unwrap();
    let inside = models.path().join("file/model");
    let output = fetch(
        &server,
        models.path(),
        "dpt-large",
        &["-o", inside.to_str().unwrap()],
    );
    bad(&output, &["cannot make the folder"]);

    let there = models.path().join("elsewhere");
    good(&fetch(
        &server,
        models.path(),
        "dpt-large",
        &["-o", there.to_str().unwrap()],
    ));
    assert_complete(&there);
}
