// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx fetch` against real servers on the loopback interface, good and bad.

#[path = "fetch/server.rs"]
mod server;

use gstdptdepth::hub;
use server::{Answer, Request, Server};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const WEIGHTS: &str = "model.safetensors";
const ETAG: &str = "\"version-1\"";

fn toy(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dpt/vit-project");
    fs::read(folder.join(name)).unwrap()
}

/// The toy checkpoint as the hub has it under any name; `weights` answers for the weights.
fn hub_with(weights: impl Fn(&Request, &[u8]) -> Answer + Send + Sync + 'static) -> Server {
    let bytes = toy(WEIGHTS);
    Server::start(move |request| {
        let name = request.path.rsplit('/').next().unwrap();
        match name {
            "config.json" | "preprocessor_config.json" => {
                Answer::of(request, &toy(name), "\"json\"")
            }
            _ => weights(request, &bytes),
        }
    })
}

fn good_hub() -> Server {
    hub_with(|request, bytes| Answer::of(request, bytes, ETAG))
}

/// `dpt-onnx` with `models` as the folder for models and without what the caller's shell says.
fn command(models: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dpt-onnx"));
    command.env("DPTDEPTH_MODELS", models);
    for name in [
        "HF_TOKEN",
        "HF_ENDPOINT",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env_remove(name);
    }
    command
}

fn fetch_from(url: &str, models: &Path, name: &str, more: &[&str]) -> Output {
    command(models)
        .args(["fetch", name, "--base-url", url, "--wait-ms", "1"])
        .args(more)
        .output()
        .unwrap()
}

fn fetch(server: &Server, models: &Path, name: &str, more: &[&str]) -> Output {
    fetch_from(&server.url(), models, name, more)
}

/// Both streams of a command that worked.
fn good(output: &Output) -> String {
    let said = said(output);
    assert!(output.status.success(), "{said}");
    said
}

/// What a command that failed said, which holds these words.
fn bad(output: &Output, words: &[&str]) -> String {
    let said = said(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
    said
}

fn said(output: &Output) -> String {
    String::from_utf8([output.stdout.as_slice(), &output.stderr].concat()).unwrap()
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn models() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("dpt-large");
    (folder, model)
}

/// The folder holds the toy checkpoint, a manifest and nothing else.
fn assert_complete(model: &Path) {
    let expected = [
        "config.json",
        "fetched.json",
        WEIGHTS,
        "preprocessor_config.json",
    ];
    assert_eq!(names(model), expected);
    for name in ["config.json", WEIGHTS, "preprocessor_config.json"] {
        assert!(
            fs::read(model.join(name)).unwrap() == toy(name),
            "{name} differs"
        );
    }
}

#[test]
fn a_fetched_model_opens_by_its_name() {
    let (models, model) = models();
    let server = good_hub();
    let inspect = || {
        command(models.path())
            .args(["inspect", "dpt-large"])
            .output()
            .unwrap()
    };
    bad(&inspect(), &["dpt-onnx fetch dpt-large"]);
    good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    let paths: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(
        paths,
        ["config.json", "preprocessor_config.json", WEIGHTS]
            .map(|name| format!("/Intel/dpt-large/resolve/main/{name}"))
    );
    let told = good(&inspect());
    assert!(
        told.contains("plain ViT") && told.contains("32x32"),
        "{told}"
    );
    let told = good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert!(told.contains("complete already"), "{told}");
    assert_eq!(server.requests().len(), 3, "nothing is asked for again");
    let listed = good(
        &command(models.path())
            .args(["fetch", "--list"])
            .output()
            .unwrap(),
    );
    assert!(
        listed.contains("\n* dpt-large ") || listed.contains("* dpt-large "),
        "{listed}"
    );

    // The element, in a process of its own since the variable is the process's.
    let built = Path::new(env!("CARGO_BIN_EXE_dpt-onnx")).parent().unwrap();
    assert!(
        built.join("libgstdptdepth.so").exists(),
        "run cargo build first"
    );
    let registry = tempfile::tempdir().unwrap();
    let launch = |name: &str| {
        Command::new("gst-launch-1.0")
            .args([
                "videotestsrc",
                "num-buffers=2",
                "!",
                "video/x-raw,width=64,height=48",
                "!",
            ])
            .args(["dptdepth", &format!("model-file={name}"), "!", "fakesink"])
            .env("DPTDEPTH_MODELS", models.path())
            .env("XDG_CACHE_HOME", registry.path())
            .env("GST_PLUGIN_PATH", built)
            .env("GST_REGISTRY", registry.path().join("registry.bin"))
            .current_dir(registry.path())
            .output()
            .unwrap()
    };
    good(&launch("dpt-large"));
    bad(
        &launch("dpt-large-original"),
        &["dpt-onnx fetch dpt-large-original"],
    );
    fs::remove_file(model.join(WEIGHTS)).unwrap();
    bad(&launch("dpt-large"), &["dpt-onnx fetch dpt-large"]);
}

#[test]
fn a_broken_connection_goes_on_where_it_broke() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| {
        let answer = Answer::of(request, bytes, ETAG);
        match request.earlier {
            0 => answer.cut(70_000),
            1 => answer.cut(50_000),
            _ => answer,
        }
    });
    let told = good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert!(told.contains("trying again"), "{told}");
    let asked = server.requests_for(WEIGHTS);
    let from: Vec<_> = asked.iter().map(Request::from).collect();
    assert_eq!(from, [None, Some(70_000), Some(120_000)]);
    assert_eq!(asked[1].header("if-range"), Some(ETAG));
}

#[test]
fn the_next_run_goes_on_and_nothing_partial_has_the_final_name() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| {
        let answer = Answer::of(request, bytes, ETAG);
        if request.earlier == 0 {
            answer.cut(100_000)
        } else {
            answer
        }
    });
    let output = fetch(&server, models.path(), "dpt-large", &["--retries", "0"]);
    bad(
        &output,
        &[
            "the connection broke",
            "100000 bytes that arrived are kept",
            "same command",
        ],
    );
    let part = format!("{WEIGHTS}.part");
    assert!(!model.join(WEIGHTS).exists());
    assert!(!model.join("fetched.json").exists());
    assert_eq!(fs::metadata(model.join(&part)).unwrap().len(), 100_000);
    good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert_eq!(server.requests_for(WEIGHTS)[1].from(), Some(100_000));
    assert_eq!(
        server.requests_for("/config.json").len(),
        1,
        "what is whole is kept"
    );
}

#[test]
fn a_run_that_ended_before_the_renaming_asks_for_nothing_more() {
    let (models, model) = models();
    let server = good_hub();
    fs::create_dir_all(&model).unwrap();
    fs::write(model.join(format!("{WEIGHTS}.part")), toy(WEIGHTS)).unwrap();
    fs::write(model.join(format!("{WEIGHTS}.part.version")), ETAG).unwrap();
    good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert_eq!(
        server.requests_for(WEIGHTS)[0].from(),
        Some(toy(WEIGHTS).len())
    );
    assert_eq!(server.requests_for(WEIGHTS).len(), 1);
}

#[test]
fn a_server_without_ranges_sends_everything_anew() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| {
        let answer = Answer::ok(bytes).with("ETag", ETAG);
        if request.earlier == 0 {
            answer.cut(90_000)
        } else {
            answer
        }
    });
    good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert_eq!(server.requests_for(WEIGHTS)[1].from(), Some(90_000));
}

#[test]
fn parts_of_two_versions_are_not_joined() {
    for (first, second) in [
        // The server compares, and sends the new version whole.
        (Some("\"old\""), ETAG),
        // There is nothing to compare with.
        (None, ETAG),
        // Weak: the bytes may differ.
        (Some("W/\"old\""), ETAG),
    ] {
        let (models, model) = models();
        let server = hub_with(move |request, bytes| match (request.earlier, first) {
            (0, Some(etag)) => Answer::ok(vec![7; bytes.len()])
                .with("ETag", etag)
                .cut(80_000),
            (0, None) => Answer::ok(vec![7; bytes.len()]).cut(80_000),
            _ => Answer::of(request, bytes, second),
        });
        good(&fetch(&server, models.path(), "dpt-large", &[]));
        assert_complete(&model);
    }
}

#[test]
fn a_wrong_range_is_thrown_away() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| {
        let answer = Answer::of(request, bytes, ETAG);
        match request.earlier {
            0 => answer.cut(80_000),
            1 => {
                let mut answer = Answer::of(request, bytes, ETAG);
                answer.headers.retain(|(name, _)| *name != "Content-Range");
                let range = format!("bytes 0-{}/{}", bytes.len() - 1, bytes.len());
                answer.with("Content-Range", &range)
            }
            _ => answer,
        }
    });
    good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert_eq!(server.requests_for(WEIGHTS)[2].from(), None);
}

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

    let (models, model) = self::models();
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
    let (models, model) = self::models();
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

/// A hub that redirects to a store and says what the SHA-256 of the weights is.
fn redirecting_hub(sha256: &str) -> Server {
    let etag = format!("\"{sha256}\"");
    hub_with(
        move |request, bytes| match request.path.strip_prefix("/store") {
            Some(_) => Answer::of(request, bytes, ETAG),
            None => Answer::status(302)
                .with(
                    "Location",
                    &format!("/store{}?signature=x://y", request.path),
                )
                .with("X-Linked-Etag", &etag),
        },
    )
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    let hash = sha2::Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
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
fn a_damaged_beginning_is_found_and_fetched_anew() {
    let (models, model) = models();
    let server = redirecting_hub(&sha256(&toy(WEIGHTS)));
    fs::create_dir_all(&model).unwrap();
    fs::write(model.join(format!("{WEIGHTS}.part")), [1; 5000]).unwrap();
    fs::write(model.join(format!("{WEIGHTS}.part.version")), ETAG).unwrap();
    good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
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
fn an_overloaded_server_is_asked_again() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| match request.earlier {
        0 => Answer::status(503).with("Retry-After", "0"),
        1 => Answer::status(429),
        _ => Answer::of(request, bytes, ETAG),
    });
    let told = good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert_complete(&model);
    assert!(
        told.contains("HTTP 503") && told.contains("HTTP 429"),
        "{told}"
    );
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
fn a_server_that_stops_sending_is_left() {
    let (models, model) = models();
    let server = hub_with(|request, bytes| {
        let answer = Answer::of(request, bytes, ETAG);
        if request.earlier == 0 {
            answer.stall(60_000)
        } else {
            answer
        }
    });
    let told = good(&fetch(
        &server,
        models.path(),
        "dpt-large",
        &["--timeout-ms", "500"],
    ));
    assert!(
        told.contains("stopped sending after 60000 of 200236 bytes"),
        "{told}"
    );
    assert_complete(&model);
    assert_eq!(server.requests_for(WEIGHTS)[1].from(), Some(60_000));
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

#[test]
fn terms_and_typing_mistakes_are_told() {
    let models = tempfile::tempdir().unwrap();
    let server = good_hub();
    let told = good(&fetch(
        &server,
        models.path(),
        "depth-anything-v2-base",
        &[],
    ));
    assert!(
        told.contains("CC-BY-NC-4.0") && told.contains("NOT for commercial use"),
        "{told}"
    );
    let told = good(&fetch(&server, models.path(), "dpt-large", &[]));
    assert!(!told.contains("commercial"), "{told}");
    let output = fetch(&server, models.path(), "dpt-hybird-nyu", &[]);
    bad(&output, &["did you mean dpt-hybrid-nyu"]);
    let output = command(models.path())
        .args(["inspect", "dpt_lrage"])
        .output()
        .unwrap();
    bad(&output, &["dpt-large", "fetch --list"]);
    assert_eq!(
        command(models.path())
            .arg("fetch")
            .output()
            .unwrap()
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn the_catalogue_is_consistent() {
    let mut seen = HashSet::new();
    for entry in hub::entries() {
        let name = entry.name;
        assert!(seen.insert(name), "{name} twice");
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(name.chars().all(plain), "{name}");
        assert!(
            !entry.files.is_empty() && !entry.licence.is_empty(),
            "{name}"
        );
        assert!(
            !entry.parameters.is_empty() && !entry.input.is_empty(),
            "{name}"
        );
        let meanings = ["inverse-relative", "relative", "metric m", "150 classes"];
        assert!(
            meanings.iter().any(|word| entry.output.starts_with(word)),
            "{name}"
        );
        let names: HashSet<_> = entry.files.iter().map(|file| file.name()).collect();
        assert_eq!(
            names.len(),
            entry.files.len(),
            "{name}: files of the same name"
        );
        for file in entry.files {
            assert!(
                !file.name().is_empty() && !file.name().contains(".."),
                "{name}"
            );
            assert!(
                entry.source.url(file.path, None).starts_with("https://"),
                "{name}"
            );
            if let Some(sha256) = file.sha256 {
                let hex = sha256
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                assert!(sha256.len() == 64 && hex, "{name}");
                // isl-org's names hold the first digits.
                assert!(
                    sha256.starts_with(file.sha256_prefix().unwrap_or_default()),
                    "{name}"
                );
            }
        }
        // "NC" may not be overlooked.
        assert_eq!(
            entry.licence.contains("-NC-"),
            entry.non_commercial,
            "{name}"
        );
    }
    assert!(seen.len() > 60);
    let json = command(Path::new("/nowhere"))
        .args(["fetch", "--list", "--json"])
        .output()
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), seen.len());
}
