// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! `dpt-onnx fetch` against real servers on the loopback interface, good and bad.

#[path = "fetch/refuse.rs"]
mod refuse;
#[path = "fetch/resume.rs"]
mod resume;
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
    assert!(listed.contains("\n* dpt-large "), "{listed}");

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
    // One that is not here, and one that is here no longer.
    let told = said(&launch("dpt-large-original"));
    assert!(told.contains("dpt-onnx fetch dpt-large-original"), "{told}");
    fs::remove_file(model.join(WEIGHTS)).unwrap();
    let told = said(&launch("dpt-large"));
    assert!(told.contains("dpt-onnx fetch dpt-large"), "{told}");
    // A folder of that name where the user is comes first.
    let own = registry.path().join("dpt-large");
    fs::create_dir(&own).unwrap();
    for name in ["config.json", WEIGHTS, "preprocessor_config.json"] {
        fs::write(own.join(name), toy(name)).unwrap();
    }
    good(&launch("dpt-large"));
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
