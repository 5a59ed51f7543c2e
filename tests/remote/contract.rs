// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What servers say of their model, and which of it is taken.

use super::server::{Fixture, Script, tensor};
use super::{PATIENCE, assert_says, connect, infer, options, picture, refused};
use gstdptdepth::inference::ElementType;
use gstdptdepth::inference::remote::proto::model_input::Format;
use gstdptdepth::inference::remote::proto::{
    ModelConfig, ModelInput, ModelParameter, ModelTransactionPolicy,
};
use gstdptdepth::inference::remote::{Client, Layout, Options, RemoteError};
use gstdptdepth::model::Model;
use gstdptdepth::spec::{ModelSpec, Size};
use std::path::Path;

fn spec() -> ModelSpec {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dpt/vit-project");
    Model::open(&folder).unwrap().spec().clone()
}

fn with_parameter(value: &str) -> Script {
    let mut script = Script::red();
    let parameter = ModelParameter {
        string_value: value.into(),
    };
    let config = script.config.as_mut().unwrap();
    config.parameters.insert("dptdepth".into(), parameter);
    script
}

/// The error of a client that meets this script.
fn refusal(script: Script) -> RemoteError {
    let server = Fixture::start(script);
    refused(options(&server.url()))
}

#[test]
fn the_spec_travels_in_the_configuration() {
    let server = Fixture::start(with_parameter(&spec().to_json()));
    let (_client, model) = connect(options(&server.url()));
    assert_eq!(model.spec().unwrap(), &spec());
    assert_eq!(model.fixed_size(), None);
    assert_eq!(model.max_batch, Some(8));
    assert_eq!(model.layout, Layout::Nchw);
    assert_eq!(model.input.dims, [None, Some(3), None, None]);
}

#[test]
fn a_fixed_size_is_what_pictures_are_fitted_to() {
    let mut script = with_parameter(&spec().to_json());
    script.metadata.inputs = vec![tensor("image", "UINT8", &[-1, 48, 64, 3])];
    let server = Fixture::start(script);
    let (_client, model) = connect(options(&server.url()));
    assert_eq!(model.layout, Layout::Nhwc);
    assert_eq!(model.input.element, ElementType::U8);
    let fitted = model.spec().unwrap();
    assert_eq!(fitted.network_size, Size::new(48, 64));
    assert_eq!(fitted.multiple, 1);
}

#[test]
fn a_server_without_configuration_serves_too_but_says_no_spec() {
    let mut script = Script::red();
    script.config = None;
    let server = Fixture::start(script);
    let (client, model) = connect(options(&server.url()));
    assert_eq!(model.max_batch, None);
    let error = model.spec().unwrap_err();
    assert!(!error.is_transient());
    assert_says(
        &error.to_string(),
        &["\"dptdepth\"", "triton-repository", "model-file"],
    );
    infer(&client, picture(2, 3, 4)).result.unwrap();
}

#[test]
fn damaged_specs_are_refused() {
    for (damage, reason) in [
        ("{", "damaged"),
        ("null", "damaged"),
        (
            &*spec()
                .to_json()
                .replace("\"multiple\":", "\"multiple\":0,\"x\":"),
            "multiples of 0",
        ),
        (
            &*spec()
                .to_json()
                .replace("\"std\":[", "\"std\":[0.0,1,1],\"y\":["),
            "normalised",
        ),
    ] {
        let error = refusal(with_parameter(damage));
        assert!(!error.is_transient());
        assert_says(&error.to_string(), &[reason]);
    }
}

#[test]
fn models_that_are_no_depth_network_are_refused_with_the_remedy() {
    let change = |change: &dyn Fn(&mut Script)| {
        let mut script = Script::red();
        change(&mut script);
        script
    };
    let input = |datatype: &'static str, shape: &'static [i64]| {
        change(&move |script| script.metadata.inputs = vec![tensor("image", datatype, shape)])
    };
    let output = |datatype: &'static str, shape: &'static [i64]| {
        change(&move |script| script.metadata.outputs = vec![tensor("depth", datatype, shape)])
    };
    let second = tensor("focal", "FP32", &[-1, 1]);
    let cases = [
        (
            input("BYTES", &[-1, 3, 8, 8]),
            "image BYTES [-1, 3, 8, 8]",
            "FP32, FP16 or UINT8",
        ),
        (input("FP64", &[-1, 3, 8, 8]), "FP64", "FP32, FP16 or UINT8"),
        (
            input("FP32", &[3, 8, 8]),
            "no picture [N, 3, H, W]",
            "a picture",
        ),
        (input("FP32", &[-1, 1, 8, 8]), "no picture", "a picture"),
        (
            input("FP32", &[-1, -1, -1, -1]),
            "where the colours are",
            "config.pbtxt",
        ),
        (
            input("FP32", &[-1, 3, 0, 8]),
            "impossible sizes",
            "config.pbtxt",
        ),
        (
            input("FP32", &[-1, 3, i64::MAX, i64::MAX]),
            "impossible sizes",
            "config.pbtxt",
        ),
        (
            input("FP32", &[-1, 3, i64::MIN, 8]),
            "impossible sizes",
            "config.pbtxt",
        ),
        (
            change(&|script| script.metadata.inputs.clear()),
            "0 inputs (none)",
            "one, the picture",
        ),
        (
            change(&|script| script.metadata.inputs.push(second.clone())),
            "2 inputs (image FP32 [-1, 3, -1, -1], focal FP32 [-1, 1])",
            "one, the picture",
        ),
        (
            output("BYTES", &[-1, 8, 8]),
            "depth BYTES",
            "FP32, FP16, UINT8, INT32 or INT64",
        ),
        (
            output("FP32", &[-1, 1 << 40, 8]),
            "impossible sizes",
            "config.pbtxt",
        ),
        (
            change(&|script| script.metadata.outputs.clear()),
            "outputs are none",
            "FP32",
        ),
        (
            change(&|script| {
                script.config.as_mut().unwrap().model_transaction_policy =
                    Some(ModelTransactionPolicy { decoupled: true });
            }),
            "decoupled",
            "model_transaction_policy",
        ),
    ];
    for (script, cause, remedy) in cases {
        let error = refusal(script);
        assert!(matches!(error, RemoteError::Model { .. }), "{error}");
        assert!(!error.is_transient());
        assert_says(
            &error.to_string(),
            &[cause, remedy, "depth on grpc://127.0.0.1:"],
        );
    }
}

#[test]
fn the_configuration_tells_a_layout_and_what_is_optional() {
    let mut script = Script::red();
    script.metadata.inputs = vec![
        tensor("focal", "FP32", &[-1, 1]),
        tensor("image", "FP32", &[-1, -1, -1, -1]),
    ];
    let input = |name: &str, format: Format, optional: bool| ModelInput {
        name: name.into(),
        format: format.into(),
        optional,
    };
    script.config = Some(ModelConfig {
        input: vec![
            input("focal", Format::None, true),
            input("image", Format::Nhwc, false),
        ],
        ..Default::default()
    });
    let server = Fixture::start(script);
    let (_client, model) = connect(options(&server.url()));
    assert_eq!(model.layout, Layout::Nhwc);
    assert_eq!(model.input.dims, [None, None, None, Some(3)]);
}

#[test]
fn a_wrong_name_is_answered_with_the_right_ones() {
    let server = Fixture::start(Script::red());
    let wrong = Options::new(&server.url(), "detph").unwrap();
    let error = refused(wrong);
    assert!(matches!(error, RemoteError::ModelMissing { .. }), "{error}");
    assert!(!error.is_transient());
    assert_says(
        &error.to_string(),
        &["no model detph", "it has depth:1", "server-model"],
    );
}

#[test]
fn tensors_that_the_model_does_not_take_are_not_sent() {
    let mut script = Script::red();
    script.metadata.inputs = vec![tensor("image", "FP32", &[-1, 3, 6, 8])];
    let server = Fixture::start(script);
    let (client, _model) = connect(options(&server.url()));
    let mut torn = picture(1, 6, 8);
    torn.dims[3] = 9;
    let mut empty = picture(1, 6, 8);
    empty.dims = Vec::new();
    for (wrong, given) in [
        (picture(1, 8, 6), "[1, 3, 8, 6]"),
        (picture(9, 6, 8), "[9, 3, 6, 8]"),
        (torn, "144 elements"),
        (empty, "[]"),
        (Default::default(), "u8 []"),
    ] {
        let before = wrong.clone();
        let finished = infer(&client, wrong);
        let error = finished.result.unwrap_err();
        assert!(matches!(error, RemoteError::Input { .. }), "{error}");
        assert_says(
            &error.to_string(),
            &[given, "f32 [?, 3, 6, 8] with up to 8 pictures"],
        );
        assert_eq!(finished.input, before, "the caller's memory comes back");
    }
    infer(&client, picture(8, 6, 8)).result.unwrap();
}

#[test]
fn a_server_that_is_not_ready_is_waited_for() {
    let mut script = Script::red();
    script.ready = false;
    let server = Fixture::start(script);
    let client = Client::start(options(&server.url())).unwrap();
    let error = client
        .wait_ready(std::time::Duration::from_millis(300))
        .unwrap_err();
    assert!(error.is_transient());
    assert_says(&error.to_string(), &["not ready", "depth"]);
    server.change(|script| script.ready = true);
    client.wait_ready(PATIENCE).unwrap();
}
