// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Hostile files of every kind, given to `dpt-onnx inspect` in a process of little memory.

use super::craft::{Claim, data, entry, finish, legacy_form, state_dict, text, zip, zip_form};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Address space of the child, in KiB: its libraries take some 300 MB of it.
const MEMORY_KIB: usize = 1_500_000;
/// A guard against a hang, not a measure.
const PATIENCE: Duration = Duration::from_secs(120);

/// Inspects a file or folder; it must fail with one line and leave nothing behind.
fn refuse(what: &str, path: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (inside, errors) = (folder.path().join("inside"), folder.path().join("errors"));
    fs::create_dir(&inside).unwrap();
    let mut child = Command::new("sh")
        .args([
            "-c",
            &format!("ulimit -v {MEMORY_KIB}; exec \"$0\" inspect \"$1\""),
        ])
        .arg(env!("CARGO_BIN_EXE_dpt-onnx"))
        .arg(path)
        .current_dir(&inside)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&errors).unwrap())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("{what}: hangs");
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let told = String::from_utf8(fs::read(errors).unwrap()).unwrap();
    assert_eq!(status.code(), Some(1), "{what}: {status}: {told}");
    assert!(
        told.starts_with("dpt-onnx: ") && told.lines().count() == 1,
        "{what}: {told}"
    );
    assert!(!told.contains("panicked"), "{what}: {told}");
    assert!(told.len() < 2000, "{what}: {told}");
    assert_eq!(
        fs::read_dir(&inside).unwrap().count(),
        0,
        "{what} wrote a file"
    );
    told
}

/// A folder with these files in it.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn refuse_file(what: &str, name: &str, bytes: &[u8]) -> String {
    let folder = folder(&[(name, bytes)]);
    refuse(what, &folder.path().join(name))
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

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
    let mut many = zip(&[pickle.clone()]);
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
            "recursion",
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

#[test]
fn what_is_no_regular_file_is_refused() {
    let index = r#"{"weight_map": {"a": "shard"}}"#;
    let places: [(&str, &[(&str, &[u8])]); 5] = [
        ("model.safetensors", &[]),
        ("pytorch_model.bin", &[]),
        ("model.safetensors.index.json", &[]),
        (
            "shard",
            &[("model.safetensors.index.json", index.as_bytes())],
        ),
        ("m.pt", &[]),
    ];
    for (name, files) in places {
        type Make = fn(&Path);
        let kinds: [(&str, Make); 4] = [
            ("a pipe", |path| pipe(path)),
            ("a device", |path| symlink("/dev/zero", path).unwrap()),
            ("a terminal", |path| symlink("/dev/tty", path).unwrap()),
            ("a folder", |path| fs::create_dir(path).unwrap()),
        ];
        for (kind, make) in kinds {
            let folder = folder(files);
            make(&folder.path().join(name));
            let told = refuse(&format!("{kind} as {name}"), folder.path());
            assert!(told.contains("no regular file"), "{kind} as {name}: {told}");
        }
        let folder = folder(files);
        symlink(folder.path().join(name), folder.path().join(name)).unwrap();
        refuse(&format!("{name} as a link to itself"), folder.path());
    }
    for make in [pipe, |path: &Path| symlink("/dev/zero", path).unwrap()] {
        let folder = folder(&[]);
        let path: PathBuf = folder.path().join("m.onnx");
        make(&path);
        assert!(refuse("an .onnx", &path).contains("no regular file"));
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

#[test]
fn a_config_that_contradicts_its_weights_names_the_tensor() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dpt/vit-project");
    let read = |name: &str| fs::read(source.join(name)).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&read("config.json")).unwrap();
    for (key, value) in [
        ("intermediate_size", serde_json::json!(1 << 20)),
        ("fusion_hidden_size", serde_json::json!(16)),
        ("num_hidden_layers", serde_json::json!(6)),
        ("readout_type", serde_json::json!("add")),
    ] {
        let mut changed = config.clone();
        assert_ne!(changed[key], value, "{key}");
        changed[key] = value;
        let folder = folder(&[
            ("config.json", changed.to_string().as_bytes()),
            (
                "preprocessor_config.json",
                &read("preprocessor_config.json"),
            ),
            ("model.safetensors", &read("model.safetensors")),
        ]);
        let told = refuse(key, folder.path());
        assert!(told.contains("tensor"), "{key}: {told}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dpt/vit-project");
    let weights = fs::read(source.join("model.safetensors")).unwrap();
    let header = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut changed = weights.clone();
        let at = 8 + header;
        changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
        let folder = folder(&[
            (
                "config.json",
                &fs::read(source.join("config.json")).unwrap(),
            ),
            ("model.safetensors", &changed),
        ]);
        let told = refuse("not a number", folder.path());
        assert!(told.contains("infinite or not a number"), "{told}");
        let names = safetensors::SafeTensors::deserialize(&weights).unwrap();
        let (first, _) = names
            .iter()
            .min_by_key(|(_, view)| view.data().as_ptr())
            .unwrap();
        assert!(told.contains(first), "{first}: {told}");
    }
}
