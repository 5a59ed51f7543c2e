// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Small files that would take all memory or time, and files that lie about their size.

use super::super::craft::{
    Claim, data, entry, finish, legacy_form, state_dict, text, zip, zip_form,
};
use super::{folder, refuse, refuse_file};
use std::fs;

fn program(parts: &[&[u8]]) -> Vec<u8> {
    [b"\x80\x04", &parts.concat()[..], b"."].concat()
}

#[test]
fn pickles_that_grow_are_refused() {
    const MILLION: usize = 1_000_000;
    let times = |part: &[u8], count: usize| part.repeat(count);
    let ordered = b"ccollections\nOrderedDict\nq\x00";
    let pairs = [&b"](K\x01N\x86"[..], &b"2".repeat(100_000), b"eq\x01"].concat();
    let numbers = [&b"](K\x01"[..], &b"2".repeat(100_000), b"eq\x01"].concat();
    let long_key = text(&"0".repeat(MILLION));
    let storage = [
        b"(",
        &text("storage")[..],
        b"ctorch\nFloatStorage\n",
        &long_key,
        &text("cpu"),
        b"K\x01tq\x00Q",
    ]
    .concat();
    let cases: [(&str, Vec<u8>); 20] = [
        ("16 million objects", program(&[&times(b"N", 16 * MILLION)])),
        ("80 million objects", program(&[&times(b"N", 80 * MILLION)])),
        (
            "one object, repeated",
            program(&[b"N", &times(b"2", 15 * MILLION)]),
        ),
        (
            "15 million memo slots",
            program(&[b"N", &times(b"\x94", 15 * MILLION)]),
        ),
        (
            "a dict of 10^7 entries",
            program(&[b"}(", &times(b"K\x01N", 10 * MILLION), b"u"]),
        ),
        (
            "tuples a million deep",
            program(&[b"N", &times(b"\x85", MILLION)]),
        ),
        (
            "lists half a million deep",
            program(&[&times(b"]", MILLION / 2), &times(b"a", MILLION / 2 - 1)]),
        ),
        ("a list of itself", program(&[b"]q\x00h\x00a"])),
        (
            "a dict of itself as its model",
            program(&[b"}q\x00", &text("model"), b"h\x00s"]),
        ),
        (
            "a tuple of itself",
            program(&[b"]q\x00(h\x00h\x00tq\x01a0h\x01"]),
        ),
        (
            "one long list made a dict again and again",
            program(&[ordered, &pairs, &times(b"h\x00h\x01\x85R", 100_000)]),
        ),
        (
            "one long shape again and again",
            program(&[
                b"ctorch\nSize\nq\x00",
                &numbers,
                &times(b"h\x00h\x01\x85R", 100_000),
            ]),
        ),
        (
            "one long key again and again",
            program(&[&storage, &times(b"h\x00Q", 100_000)]),
        ),
        ("a text of 4 GB", program(&[b"X\xff\xff\xff\xff"])),
        (
            "a text of 2^63 bytes",
            program(&[b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f"]),
        ),
        (
            "a long integer of 2 GB",
            program(&[b"\x8b\xff\xff\xff\x7f"]),
        ),
        (
            "a frame of 2^63 bytes",
            program(&[b"\x95\xff\xff\xff\xff\xff\xff\xff\x7fN"]),
        ),
        ("an unknown protocol", b"\x80\xffN.".to_vec()),
        ("an unknown opcode", program(&[b"\xee"])),
        ("an empty stack", program(&[])),
    ];
    for (what, pickle) in cases {
        refuse_file(what, "m.pt", &zip_form(&pickle, 16));
        refuse_file(what, "m.pth", &legacy_form(&pickle, 4));
    }
}

#[test]
fn files_that_lie_about_their_size_are_refused() {
    let pickle = entry("x/data.pkl", &state_dict(&Claim::default()));
    let mut huge = entry("x/data/0", &[0; 16]);
    huge.size = Some(1 << 60);
    let mut many = zip(std::slice::from_ref(&pickle));
    let start = many.len() - 22 - 20 - 56 - (46 + 10 + 28);
    let header = many[start..start + 46 + 10 + 28].to_vec();
    many.truncate(start);
    many.extend(header.repeat(1_000_000));
    let size = (header.len() * 1_000_000) as u64;
    let ends = b"PK\x05\x06".repeat(500_000);
    let safetensors =
        |header: &str| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    let dims = "1,".repeat(10_000_000);
    let cases: [(&str, Vec<u8>); 10] = [
        ("an entry of 2^60 bytes", zip(&[pickle.clone(), huge])),
        ("a bomb", fs::read(data("refused/bomb.pt")).unwrap()),
        (
            "an archive in an archive",
            zip(&[
                pickle,
                entry("x/data/0", &fs::read(data("refused/bomb.pt")).unwrap()),
            ]),
        ),
        (
            "10^6 entries",
            finish(many.clone(), 1_000_000, size, start as u64),
        ),
        (
            "2^60 entries",
            finish(many.clone(), 1 << 60, size, start as u64),
        ),
        (
            "fewer entries than its directory has",
            finish(many, 5, size, start as u64),
        ),
        ("a thousand ends", [b"PK\x03\x04", &ends[..]].concat()),
        (
            "a header of 2^60 bytes",
            (1u64 << 60).to_le_bytes().to_vec(),
        ),
        (
            "a header of 20 MB",
            safetensors(&format!(
                "{{\"t\":{{\"dtype\":\"F32\",\"shape\":[{dims}1],\"data_offsets\":[0,4]}}}}"
            )),
        ),
        (
            "a header nested deeply",
            safetensors(&"[".repeat(1_000_000)),
        ),
    ];
    for (what, bytes) in cases {
        refuse_file(what, "m.pt", &bytes);
    }
}

#[test]
fn indices_that_lie_are_refused() {
    let index = "model.safetensors.index.json";
    let map = |json: serde_json::Value| serde_json::json!({ "weight_map": json }).to_string();
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1], &[0; 4]);
    let shard = safetensors::serialize([("a", view.unwrap())], None).unwrap();
    let many: String = (0..1_000_000)
        .map(|i| format!("\"t{i}\":\"s{i}\","))
        .collect();
    let some: String = (0..50_000).map(|i| format!("\"t{i}\":\"s{i}\",")).collect();
    let cases: [(&str, String, &str); 9] = [
        (
            "10^6 entries",
            format!("{{\"weight_map\":{{{many}\"a\":\"s\"}}}}"),
            "larger than",
        ),
        (
            "10^5 shards",
            format!("{{\"weight_map\":{{{some}\"a\":\"s\"}}}}"),
            "shards",
        ),
        (
            "deep nesting",
            format!("{{\"metadata\":{}", "[".repeat(1_000_000)),
            "not usable",
        ),
        (
            "a deep map",
            format!("{{\"weight_map\":{}", "{\"a\":".repeat(500_000)),
            "not usable",
        ),
        (
            "a tensor that its shard lacks",
            map(serde_json::json!({"a": "a.safetensors", "b": "a.safetensors"})),
            "tensor b",
        ),
        (
            "a tensor of another shard",
            map(serde_json::json!({"a": "b.safetensors", "c": "a.safetensors"})),
            "twice",
        ),
        (
            "terminal codes",
            map(serde_json::json!({"a": "\u{1b}[2J\n"})),
            r"\u{1b}[2J\n",
        ),
        (
            "another folder",
            map(serde_json::json!({"a": "sub/../../x"})),
            "another folder",
        ),
        ("numbers", map(serde_json::json!({"a": 1})), "not usable"),
    ];
    for (what, json, says) in cases {
        let folder = folder(&[
            (index, json.as_bytes()),
            ("a.safetensors", &shard),
            ("b.safetensors", &shard),
        ]);
        let told = refuse(what, folder.path());
        assert!(told.contains(says), "{what}: {told}");
    }
}

/// A protobuf field with a length.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![tag << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(bytes);
    out
}

#[test]
fn graphs_that_grow_are_refused() {
    const MILLION: usize = 1_000_000;
    let output = field(12, &field(1, b"y"));
    let model = |graph: &[u8]| field(7, &[graph, &output[..]].concat());
    let mut deep = Vec::new();
    for _ in 0..5000 {
        deep = field(1, &field(5, &field(6, &deep)));
    }
    let dims = field(1, b"x").repeat(3 * MILLION);
    let shaped = field(2, &field(1, &field(2, &dims)));
    let cases: [(&str, Vec<u8>); 11] = [
        (
            "20 million empty nodes",
            model(&field(1, b"").repeat(20 * MILLION)),
        ),
        (
            "20 million empty attributes",
            model(&field(1, &field(5, b"").repeat(20 * MILLION))),
        ),
        (
            "20 million empty constants",
            model(&field(5, b"").repeat(20 * MILLION)),
        ),
        (
            "20 million empty inputs",
            model(&field(11, b"").repeat(20 * MILLION)),
        ),
        (
            "20 million notes",
            [model(b""), field(14, b"").repeat(20 * MILLION)].concat(),
        ),
        (
            "an input of 3 million dimensions",
            model(&field(11, &shaped)),
        ),
        ("subgraphs 5000 deep", model(&deep)),
        (
            "a graph of 2^63 bytes",
            b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f".to_vec(),
        ),
        ("a number without an end", vec![0xff; 1000]),
        ("a group", vec![0x0b; 1000]),
        (
            "ONNX Runtime's own format",
            [&b"\x0a\x06\0\0ORTM"[..], &model(b"")].concat(),
        ),
    ];
    for (what, bytes) in cases {
        refuse_file(what, "m.onnx", &bytes);
    }
}
