// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! A real NVIDIA Triton server, which runs models that `dpt-onnx export` wrote.

use super::fleet::{apart, statistics};
use super::security::Authority;
use super::{PATIENCE, assert_says, ended, infer, is_connected_to, refused, request, send, until};
use crate::common;
use crate::triton::server::Triton;
use gstdptdepth::inference::remote::{
    Client, Elements, Options, RemoteError, Request, State, Tensor,
};
use gstdptdepth::inference::{
    ElementType, ExecutionProvider, ModelSource, Session, SessionSettings, TensorData, TensorView,
};
use gstdptdepth::model::Model;
use gstdptdepth::spec::{ModelSpec, Size};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// `dptdepth-default` at its own size.
const SIDE: usize = 224;
const STALL: Duration = Duration::from_secs(10);
/// Of the configurations here some are wrong on purpose.
const ARGUMENTS: &[&str] = &["--disable-auto-complete-config", "--exit-on-error=false"];

/// A folder with the exported default model and a model repository around it.
struct Repository {
    folder: TempDir,
}

impl Repository {
    fn new() -> Self {
        let repository = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for (name, batch) in [("dynamic", "dynamic"), ("fixed", "1")] {
            let exported = Command::new(env!("CARGO_BIN_EXE_dpt-onnx"))
                .args(["export", "default", "--batch", batch, "-o"])
                .arg(repository.onnx(name))
                .output()
                .unwrap();
            assert!(exported.status.success(), "{exported:?}");
        }
        repository
    }

    fn onnx(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.onnx"))
    }

    fn models(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("triton.log")
    }

    fn spec(&self, name: &str) -> ModelSpec {
        Model::open(&self.onnx(name)).unwrap().spec().clone()
    }

    /// Adds a model that runs one of the files: the head of its `config.pbtxt`, and what goes into
    /// `parameters`.
    fn add(&self, name: &str, onnx: &str, config: &str, parameters: &[(&str, &str)]) {
        let folder = self.models().join(name).join("1");
        fs::create_dir_all(&folder).unwrap();
        let mut config = format!("backend: \"onnxruntime\"\n{config}\n");
        for (key, value) in parameters {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            let _ = writeln!(
                config,
                "parameters {{ key: \"{key}\" value {{ string_value: \"{value}\" }} }}"
            );
        }
        fs::write(self.models().join(name).join("config.pbtxt"), config).unwrap();
        fs::hard_link(self.onnx(onnx), folder.join("model.onnx")).unwrap();
    }

    /// The dynamic one, batched by the server, with our spec.
    fn add_depth(&self) {
        self.add(
            "depth",
            "dynamic",
            "max_batch_size: 4
             dynamic_batching { max_queue_delay_microseconds: 200000 }
             input [{ name: \"pixel_values\" data_type: TYPE_FP32 dims: [3, 224, 224] }]
             output [{ name: \"predicted_depth\" data_type: TYPE_FP32 dims: [224, 224] }]",
            &[(ModelSpec::PARAMETER_KEY, &self.spec("dynamic").to_json())],
        );
    }
}

fn serve(repository: &Repository, arguments: &[&str]) -> Triton {
    Triton::start(
        &repository.models(),
        &repository.log(),
        &[ARGUMENTS, arguments].concat(),
    )
}

fn options(server: &Triton, model: &str) -> Options {
    Options {
        health_interval: Duration::from_millis(500),
        longest_wait: Duration::from_millis(500),
        ..Options::new(&server.url(), model).unwrap()
    }
}

/// A client once the server serves the model.
fn connected(server: &Triton, model: &str) -> Client {
    let client = Client::start(options(server, model)).unwrap();
    if let Err(error) = client.wait_ready(PATIENCE) {
        panic!("{error}\n{}", server.said());
    }
    client
}

/// Pictures as the model wants them, each another one.
fn pictures(first: usize, batch: usize) -> Tensor {
    let value = |index: usize| {
        let (picture, pixel) = (index / (3 * SIDE * SIDE), index % (SIDE * SIDE));
        let (y, x) = ((pixel / SIDE) as f32, (pixel % SIDE) as f32);
        let phase = (first + picture) as f32;
        ((x / 23.0 + phase).sin() + (y / 31.0 - phase).cos()) / 2.0
    };
    Tensor {
        dims: vec![batch, 3, SIDE, SIDE],
        elements: Elements::F32((0..batch * 3 * SIDE * SIDE).map(value).collect()),
    }
}

/// The largest difference from a run here, as a part of the range.
fn difference(onnx: &Path, input: &Tensor, output: &Tensor) -> f32 {
    let settings = SessionSettings {
        provider: ExecutionProvider::Cpu,
        threads: 1,
        ..Default::default()
    };
    let mut session = Session::open(common::runtime(), ModelSource::File(onnx), &settings).unwrap();
    let Elements::F32(pixels) = &input.elements else {
        panic!("{:?}", input.elements.element());
    };
    let outputs = session.run(TensorData::F32(pixels), &input.dims).unwrap();
    let (
        TensorView::F32 { dims, data },
        TensorView::F32 {
            dims: got_dims,
            data: got,
        },
    ) = (outputs.get(0).unwrap(), output.view())
    else {
        panic!("the maps are floats");
    };
    assert_eq!(dims, got_dims);
    apart(data, got)
}

#[test]
fn triton_gives_what_a_run_here_gives_and_recovers_from_kill_9() {
    let repository = Repository::new();
    repository.add_depth();
    repository.add(
        "fixed",
        "fixed",
        "max_batch_size: 0
         input [{ name: \"pixel_values\" data_type: TYPE_FP32 dims: [1, 3, 224, 224] }]
         output [{ name: \"predicted_depth\" data_type: TYPE_FP32 dims: [1, 224, 224] }]",
        &[],
    );
    let server = serve(&repository, &[]);
    let client = connected(&server, "depth");
    let model = client.model().unwrap();
    assert_eq!(model.spec().unwrap(), &repository.spec("dynamic"));
    assert_eq!(model.max_batch, Some(4));
    assert_eq!(model.fixed_size(), Some(Size::new(224, 224)));
    assert_eq!(model.input.element, ElementType::F32);
    assert_eq!(model.input.dims, [None, Some(3), Some(SIDE), Some(SIDE)]);
    assert_eq!(model.outputs[0].dims, [None, Some(SIDE), Some(SIDE)]);
    for batch in [1, 3] {
        let finished = infer(&client, pictures(7, batch));
        finished.result.unwrap();
        let input = pictures(7, batch);
        let apart = difference(&repository.onnx("dynamic"), &input, &finished.outputs[0]);
        // Two versions of ONNX Runtime on the same processor.
        assert!(apart < 1e-4, "{apart} of the range");
    }

    let fixed = connected(&server, "fixed:1");
    let model = fixed.model().unwrap();
    assert_eq!(model.max_batch, Some(1));
    assert_says(
        &model.spec().unwrap_err().to_string(),
        &["fixed:1", "triton-repository"],
    );
    let finished = infer(&fixed, pictures(2, 1));
    finished.result.unwrap();
    let apart = difference(
        &repository.onnx("fixed"),
        &pictures(2, 1),
        &finished.outputs[0],
    );
    assert!(apart < 1e-4, "{apart} of the range");

    let waiting = || Request {
        wait: true,
        ..request(pictures(1, 1))
    };
    let all: Vec<_> = (0..4).map(|_| send(&client, waiting())).collect();
    let url = server.url();
    let port = server.kill();
    until(&client, "it notices", |state| {
        matches!(state, State::Reconnecting { .. })
    });
    let (models, log) = (repository.models(), repository.log());
    let server = Triton::start_at(&models, &log, port, ARGUMENTS);
    for one in &all {
        ended(one).result.unwrap();
    }
    until(&client, "it is back", is_connected_to(&url));
    assert_eq!(client.connections(), 2);
    drop(server);
}

#[test]
fn triton_over_tls() {
    let repository = Repository::new();
    repository.add_depth();
    let authority = Authority::new();
    let (certificate, key) = authority.sign_as_pem("127.0.0.1", 2999);
    let written = |name: &str, text: &str| {
        let path = repository.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let certificate = format!("--grpc-server-cert={}", written("server.pem", &certificate));
    let key = format!("--grpc-server-key={}", written("key.pem", &key));
    let server = serve(&repository, &["--grpc-use-ssl=true", &certificate, &key]);
    let url = server.url().replace("grpc:", "grpcs:");
    let token = repository.folder.path().join("token");
    fs::write(&token, "nobody-checks-it").unwrap();
    let client = Client::start(Options {
        ca_file: Some(authority.file()),
        token_file: Some(token),
        longest_wait: Duration::from_millis(500),
        ..Options::new(&url, "depth").unwrap()
    })
    .unwrap();
    client.wait_ready(PATIENCE).unwrap();
    let finished = infer(&client, pictures(3, 2));
    finished.result.unwrap();
    let onnx = repository.onnx("dynamic");
    let apart = difference(&onnx, &pictures(3, 2), &finished.outputs[0]);
    assert!(apart < 1e-4, "{apart} of the range");
}

#[test]
fn triton_makes_batches_of_the_requests_of_four_clients() {
    let repository = Repository::new();
    repository.add_depth();
    let server = serve(&repository, &[]);
    let clients: Vec<_> = (0..4).map(|_| connected(&server, "depth")).collect();
    let onnx = repository.onnx("dynamic");
    let mut all = Vec::new();
    for round in 0..4 {
        for (number, client) in clients.iter().enumerate() {
            let first = round * 4 + number;
            all.push((first, send(client, request(pictures(first, 1)))));
        }
    }
    for (first, one) in &all {
        let finished = ended(one);
        finished.result.unwrap();
        if first % 5 == 0 {
            let apart = difference(&onnx, &pictures(*first, 1), &finished.outputs[0]);
            assert!(apart < 1e-4, "request {first}: {apart} of the range");
        }
    }
    let (pictures, runs) = statistics(server.grpc());
    assert_eq!(pictures, 16);
    assert!(runs <= 8, "{runs}");
}

#[test]
fn what_is_wrong_with_a_model_on_triton_is_told() {
    let repository = Repository::new();
    repository.add_depth();
    let output = "output [{ name: \"predicted_depth\" data_type: TYPE_FP32 dims: [224, 224] }]";
    repository.add(
        "words",
        "dynamic",
        &format!(
            "max_batch_size: 4
             input [{{ name: \"pixel_values\" data_type: TYPE_STRING dims: [3, 224, 224] }}]
             {output}"
        ),
        &[],
    );
    repository.add(
        "sound",
        "dynamic",
        &format!(
            "max_batch_size: 4
             input [{{ name: \"pixel_values\" data_type: TYPE_FP32 dims: [16000] }}]
             {output}"
        ),
        &[],
    );
    // The configuration promises what the network does not take.
    repository.add(
        "liar",
        "dynamic",
        "max_batch_size: 4
         input [{ name: \"pixel_values\" data_type: TYPE_FP32 dims: [3, -1, -1] }]
         output [{ name: \"predicted_depth\" data_type: TYPE_FP32 dims: [-1, -1] }]",
        &[],
    );
    repository.add(
        "slow",
        "dynamic",
        "max_batch_size: 0
         input [{ name: \"pixel_values\" data_type: TYPE_FP32 dims: [1, 3, 224, 224] }]
         output [{ name: \"predicted_depth\" data_type: TYPE_FP32 dims: [1, 224, 224] }]",
        &[("stall", "10")],
    );
    let server = serve(&repository, &[]);
    let depth = connected(&server, "depth");

    let error = refused(options(&server, "detph"));
    assert!(
        matches!(error, RemoteError::ModelMissing { .. }),
        "{error:?}"
    );
    assert_says(
        &error.to_string(),
        &["no model detph", "depth:1", "words:1"],
    );
    let error = refused(options(&server, "depth:9"));
    assert!(
        matches!(error, RemoteError::ModelMissing { .. }),
        "{error:?}"
    );
    let error = refused(options(&server, "words"));
    assert_says(
        &error.to_string(),
        &[
            "pixel_values BYTES [-1, 3, 224, 224]",
            "FP32, FP16 or UINT8",
        ],
    );
    let error = refused(options(&server, "sound"));
    assert_says(&error.to_string(), &["[-1, 16000]", "no picture"]);

    let half = SIDE / 2;
    let small = || Tensor {
        dims: vec![1, 3, half, half],
        elements: Elements::F32(vec![0.0; 3 * half * half]),
    };
    let error = infer(&depth, small()).result.unwrap_err();
    assert!(matches!(error, RemoteError::Input { .. }), "{error:?}");
    let liar = connected(&server, "liar");
    let error = infer(&liar, small()).result.unwrap_err();
    assert_says(&error.to_string(), &[&server.url(), "224"]);

    let slow = connected(&server, "slow");
    let start = Instant::now();
    let hasty = Request {
        deadline: Duration::from_millis(500),
        ..request(pictures(0, 1))
    };
    let error = ended(&send(&slow, hasty)).result.unwrap_err();
    assert!(matches!(error, RemoteError::Deadline { .. }), "{error:?}");
    assert!(start.elapsed() < STALL / 2, "{:?}", start.elapsed());
    assert_eq!(slow.connections(), 1, "the server itself is well");
}
