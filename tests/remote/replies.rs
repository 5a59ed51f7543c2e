// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Answers, good and hostile.

use super::server::{Fixture, Script, red, reply, tensor};
use super::{assert_says, connect, ended, infer, options, picture, request, send};
use gstdptdepth::inference::remote::proto::{InferTensorContents, ModelInferResponse};
use gstdptdepth::inference::remote::{Elements, RemoteError, Request, Tensor};
use half::f16;
use tonic::{Code, Status};

#[test]
fn results_and_both_memories_come_back() {
    let server = Fixture::start(Script::red());
    let (client, model) = connect(options(&server.url()));
    assert_eq!(model.outputs[0].name, "depth");
    let input = picture(2, 3, 5);
    let at = |tensor: &Tensor| match &tensor.elements {
        Elements::F32(data) => data.as_ptr(),
        other => panic!("{other:?}"),
    };
    let sent = at(&input);
    let finished = infer(&client, input);
    finished.result.unwrap();
    assert_eq!(finished.input, picture(2, 3, 5));
    assert_eq!(at(&finished.input), sent, "not a copy");
    let red: Vec<f32> = (0..15).chain(45..60).map(|index| index as f32).collect();
    let expected = Tensor {
        dims: vec![2, 3, 5],
        elements: Elements::F32(red),
    };
    assert_eq!(finished.outputs[0], expected);
    let written = at(&finished.outputs[0]);
    let again = Request {
        outputs: finished.outputs,
        ..request(finished.input)
    };
    let finished = ended(&send(&client, again));
    assert_eq!(finished.outputs[0], expected);
    assert_eq!(
        at(&finished.outputs[0]),
        written,
        "the old results' memory is used again"
    );
    assert_eq!(client.in_flight(), 0);
}

#[test]
fn several_requests_are_in_flight() {
    let mut script = Script::red();
    script.stall = std::time::Duration::from_millis(500);
    let server = Fixture::start(script);
    let (client, _model) = connect(options(&server.url()));
    let start = std::time::Instant::now();
    let all: Vec<_> = (1..=16)
        .map(|height| send(&client, request(picture(1, height, 2))))
        .collect();
    assert_eq!(client.in_flight(), 16);
    for (index, one) in all.iter().enumerate() {
        let finished = ended(one);
        finished.result.unwrap();
        assert_eq!(
            finished.outputs[0].dims,
            [1, index + 1, 2],
            "each gets its own"
        );
    }
    // One after the other they would take 8 s.
    assert!(start.elapsed().as_secs() < 7, "{:?}", start.elapsed());
}

/// A model with other types, with what it was sent and what came of its answer.
fn exchange(
    input: &str,
    output: &str,
    given: Elements,
    answer: ModelInferResponse,
) -> (Vec<u8>, Result<Elements, RemoteError>) {
    let (sender, sent) = std::sync::mpsc::channel();
    let mut script = Script::answering(move |request| {
        let raw = request.raw_input_contents[0].to_vec();
        sender
            .send((request.inputs[0].datatype.clone(), raw))
            .unwrap();
        Ok(answer.clone())
    });
    script.metadata.inputs = vec![tensor("image", input, &[-1, 3, -1, -1])];
    script.metadata.outputs = vec![tensor("depth", output, &[-1, -1, -1])];
    let server = Fixture::start(script);
    let (client, _model) = connect(options(&server.url()));
    let dims = vec![1, 3, 1, 2];
    let finished = infer(
        &client,
        Tensor {
            dims,
            elements: given,
        },
    );
    let (datatype, raw) = sent.recv().unwrap();
    assert_eq!(datatype, input);
    let result = finished.result;
    let mut outputs = finished.outputs;
    (raw, result.map(|_| outputs.remove(0).elements))
}

#[test]
fn every_type_goes_both_ways() {
    let floats = || Elements::F32(vec![0.0, 1.0, -2.0, 0.5, 65504.0, f32::INFINITY]);
    let bytes = |values: &[f32]| -> Vec<u8> {
        values
            .iter()
            .flat_map(|&v| f16::from_f32(v).to_le_bytes())
            .collect()
    };
    // IEEE 754 binary16, by hand: sign, five bits of exponent, ten of fraction.
    let halves = [0x0000_u16, 0x3c00, 0xc000, 0x3800, 0x7bff, 0x7c00];
    let (sent, got) = exchange(
        "FP16",
        "FP16",
        floats(),
        reply("FP16", &[1, 1, 2], bytes(&[0.25, -3.0])),
    );
    let expected: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
    assert_eq!(sent, expected);
    assert_eq!(got.unwrap(), Elements::F32(vec![0.25, -3.0]));

    let pixels = Elements::U8(vec![0, 1, 2, 253, 254, 255]);
    let (sent, got) = exchange(
        "UINT8",
        "UINT8",
        pixels,
        reply("UINT8", &[1, 1, 2], vec![7, 255]),
    );
    assert_eq!(sent, [0, 1, 2, 253, 254, 255]);
    assert_eq!(got.unwrap(), Elements::U8(vec![7, 255]));

    let wide: Vec<u8> = [-1_i64, 1 << 40]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let (_, got) = exchange("FP32", "INT64", floats(), reply("INT64", &[1, 1, 2], wide));
    assert_eq!(got.unwrap(), Elements::I64(vec![-1, 1 << 40]));

    let narrow: Vec<u8> = [-1_i32, 149].iter().flat_map(|v| v.to_le_bytes()).collect();
    let (_, got) = exchange(
        "FP32",
        "INT32",
        floats(),
        reply("INT32", &[1, 1, 2], narrow),
    );
    assert_eq!(got.unwrap(), Elements::I64(vec![-1, 149]));
}

#[test]
fn contents_may_be_typed() {
    let floats = || Elements::F32(vec![0.0; 6]);
    let typed = |datatype: &str, contents: InferTensorContents| {
        let mut reply = reply(datatype, &[1, 1, 2], Vec::new());
        reply.raw_output_contents.clear();
        reply.outputs[0].contents = Some(contents);
        reply
    };
    let none = InferTensorContents::default;
    let cases = [
        (
            "FP32",
            InferTensorContents {
                fp32_contents: vec![1.5, f32::NEG_INFINITY],
                ..none()
            },
            Elements::F32(vec![1.5, f32::NEG_INFINITY]),
        ),
        (
            "UINT8",
            InferTensorContents {
                uint_contents: vec![3, 300],
                ..none()
            },
            Elements::U8(vec![3, 255]),
        ),
        (
            "INT32",
            InferTensorContents {
                int_contents: vec![-3, 3],
                ..none()
            },
            Elements::I64(vec![-3, 3]),
        ),
        (
            "INT64",
            InferTensorContents {
                int64_contents: vec![i64::MIN, 3],
                ..none()
            },
            Elements::I64(vec![i64::MIN, 3]),
        ),
    ];
    for (datatype, contents, expected) in cases {
        let (_, got) = exchange("FP32", datatype, floats(), typed(datatype, contents));
        assert_eq!(got.unwrap(), expected);
        let (_, got) = exchange("FP32", datatype, floats(), typed(datatype, none()));
        assert_says(
            &got.unwrap_err().to_string(),
            &["holds 0 instead of the 2 elements"],
        );
    }
    let (_, got) = exchange("FP32", "FP16", floats(), typed("FP16", none()));
    assert_says(&got.unwrap_err().to_string(), &["FP16 has no other"]);
}

#[test]
fn hostile_answers_are_errors_and_the_next_request_works() {
    let two = |change: &dyn Fn(&mut ModelInferResponse)| {
        let mut answer = reply("FP32", &[1, 2, 3], vec![0; 24]);
        change(&mut answer);
        answer
    };
    let shaped = |shape: &[i64]| reply("FP32", shape, vec![0; 24]);
    let cases = [
        (
            reply("FP32", &[1, 2, 3], vec![0; 23]),
            "23 bytes of FP32 instead of the 6 elements",
        ),
        (reply("FP32", &[1, 2, 3], Vec::new()), "0 bytes"),
        (reply("FP64", &[1, 2, 3], vec![0; 48]), "is FP64, not FP32"),
        (shaped(&[1, i64::MAX, i64::MAX]), "impossible shape"),
        (shaped(&[1, 1 << 31, 1 << 30]), "instead of the"),
        (shaped(&[1, -2, -3]), "impossible shape [1, -2, -3]"),
        (shaped(&[1, 0, 6]), "impossible shape"),
        (shaped(&[2, 1, 3]), "for 1 pictures"),
        (shaped(&[1, 6]), "described to give [?, ?, ?]"),
        (shaped(&[1; 100]), "described to give"),
        (shaped(&[]), "described to give"),
        (
            two(&|answer| answer.outputs.clear()),
            "raw contents for 1 of 0",
        ),
        (
            two(&|answer| answer.outputs[0].name = "other".into()),
            "lacks the output \"depth\"",
        ),
        (
            two(&|answer| answer.raw_output_contents.push(Default::default())),
            "for 2 of 1",
        ),
        (
            two(&|answer| answer.raw_output_contents.clear()),
            "holds 0 instead of the 6",
        ),
        (ModelInferResponse::default(), "lacks the output"),
        // The largest right one has 4 × 6 pixels of 4 bytes.
        (reply("FP32", &[1, 2, 3], vec![0; 1 << 20]), "too large"),
    ];
    let server = Fixture::start(Script::red());
    let (client, _model) = connect(options(&server.url()));
    for (answer, reason) in cases {
        server.change(|script| script.infer = std::sync::Arc::new(move |_| Ok(answer.clone())));
        let error = infer(&client, picture(1, 2, 3)).result.unwrap_err();
        assert!(
            matches!(error, RemoteError::Reply { .. }),
            "{reason}: {error:?}"
        );
        assert!(!error.is_transient());
        assert_says(&error.to_string(), &[reason, &server.url()]);
    }
    server.change(|script| script.infer = std::sync::Arc::new(|request| Ok(red(&request))));
    infer(&client, picture(1, 2, 3)).result.unwrap();
    assert_eq!(
        client.connections(),
        1,
        "none of this was the connection's fault"
    );
}

#[test]
fn what_servers_answer_instead_is_told_apart() {
    let server = Fixture::start(Script::red());
    let (client, _model) = connect(options(&server.url()));
    for (code, transient, says) in [
        (
            Code::Unavailable,
            true,
            "takes no request now: the queue is full",
        ),
        (Code::ResourceExhausted, true, "takes no request now"),
        (Code::Internal, true, "failed: the queue is full"),
        (Code::InvalidArgument, false, "refuses the request"),
        (Code::Unimplemented, false, "KServe"),
        (Code::PermissionDenied, false, "server-token-file"),
        (Code::DeadlineExceeded, true, "did not answer within"),
    ] {
        let status = move |_| Err(Status::new(code, "the queue is full"));
        server.change(|script| script.infer = std::sync::Arc::new(status));
        let error = infer(&client, picture(1, 2, 3)).result.unwrap_err();
        assert_eq!(error.is_transient(), transient, "{error}");
        assert_says(&error.to_string(), &[says]);
    }
    // A message of a server is cut and kept on one line.
    let status = |_| Err(Status::internal("a\nb\u{7}".repeat(3000)));
    server.change(|script| script.infer = std::sync::Arc::new(status));
    let error = infer(&client, picture(1, 2, 3))
        .result
        .unwrap_err()
        .to_string();
    assert!(
        error.chars().count() < 700 && !error.contains('\n'),
        "{error}"
    );
}
