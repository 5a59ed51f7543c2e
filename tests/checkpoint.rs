// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Reading weights, and refusing what is no intact checkpoint.

mod craft;
mod damage;
mod process;
mod pytorch;

use gstdptdepth::checkpoint::{Checkpoint, CheckpointError};
use safetensors::tensor::{Dtype, TensorView, serialize};
use std::fs;
use std::path::Path;

/// A safetensors file of one tensor.
fn file(name: &str, dtype: Dtype, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let view = TensorView::new(dtype, shape.to_vec(), data).unwrap();
    serialize([(name, view)], None).unwrap()
}

fn floats(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn open(folder: &Path) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::open(folder)
}

#[test]
fn every_number_type_becomes_f32() {
    let cases: [(Dtype, Vec<u8>); 6] = [
        (Dtype::F32, floats(&[1.5, -2.0])),
        (
            Dtype::F64,
            [1.5f64, -2.0]
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect(),
        ),
        (Dtype::F16, vec![0x00, 0x3e, 0x00, 0xc0]),
        (Dtype::BF16, vec![0xc0, 0x3f, 0x00, 0xc0]),
        (
            Dtype::I64,
            [1i64, -2].iter().flat_map(|v| v.to_le_bytes()).collect(),
        ),
        (Dtype::U8, vec![1, 254]),
    ];
    for (dtype, data) in cases {
        let expected = match dtype {
            Dtype::I64 => [1.0, -2.0],
            Dtype::U8 => [1.0, 254.0],
            _ => [1.5, -2.0],
        };
        let folder = tempfile::tempdir().unwrap();
        fs::write(
            folder.path().join("model.safetensors"),
            file("t", dtype, &[2], &data),
        )
        .unwrap();
        let checkpoint = open(folder.path()).unwrap();
        assert_eq!(
            checkpoint.tensor("t").unwrap().as_slice().unwrap(),
            expected,
            "{dtype:?}"
        );
        assert_eq!(checkpoint.parameters(), 2);
    }
}

#[test]
fn shards_are_joined_and_hub_caches_with_links_work() {
    let folder = tempfile::tempdir().unwrap();
    let (blobs, snapshot) = (folder.path().join("blobs"), folder.path().join("snapshot"));
    fs::create_dir_all(&blobs).unwrap();
    fs::create_dir_all(&snapshot).unwrap();
    for (name, value) in [("a", 1.0), ("b", 2.0)] {
        fs::write(
            blobs.join(name),
            file(name, Dtype::F32, &[1], &floats(&[value])),
        )
        .unwrap();
        std::os::unix::fs::symlink(
            Path::new("../blobs").join(name),
            snapshot.join(format!("{name}.safetensors")),
        )
        .unwrap();
    }
    let index = r#"{"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}"#;
    fs::write(snapshot.join("model.safetensors.index.json"), index).unwrap();
    let checkpoint = open(&snapshot).unwrap();
    assert_eq!(checkpoint.names().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(checkpoint.tensor("b").unwrap().as_slice().unwrap(), [2.0]);
}

#[test]
fn an_index_may_not_leave_its_folder() {
    for name in [
        "../model.safetensors",
        "/etc/passwd",
        "sub/model.safetensors",
        "..",
        "",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let index = serde_json::json!({"weight_map": {"a": name}}).to_string();
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        assert!(
            matches!(open(folder.path()), Err(CheckpointError::Index { .. })),
            "{name}"
        );
    }
}

#[test]
fn damaged_and_hostile_files_are_refused() {
    let good = file("t", Dtype::F32, &[4], &floats(&[1.0; 4]));
    let header = |json: &str, data: usize| {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        bytes.extend(std::iter::repeat_n(0, data));
        bytes
    };
    let tensor = |shape: &str, offsets: &str| {
        format!(r#"{{"t":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let cases: [(&str, Vec<u8>); 9] = [
        ("truncated data", good[..good.len() - 4].to_vec()),
        ("truncated header", good[..20].to_vec()),
        ("seven bytes", vec![1; 7]),
        (
            "a header of 2^63 bytes",
            (1u64 << 63).to_le_bytes().to_vec(),
        ),
        (
            "offsets beyond the end",
            header(&tensor("[4]", "[0,16]"), 8),
        ),
        (
            "offsets that run backwards",
            header(&tensor("[4]", "[16,0]"), 16),
        ),
        (
            "2^60 elements",
            header(&tensor("[1152921504606846976]", "[0,16]"), 16),
        ),
        (
            "a product that overflows",
            header(&tensor("[4294967296,4294967296,4]", "[0,16]"), 16),
        ),
        (
            "a shape that does not fill its bytes",
            header(&tensor("[3]", "[0,16]"), 16),
        ),
    ];
    for (what, bytes) in cases {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        assert!(
            matches!(open(folder.path()), Err(CheckpointError::Format { .. })),
            "{what} was accepted"
        );
    }
    let overlapping = header(
        r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
        12,
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.safetensors"), overlapping).unwrap();
    assert!(
        open(folder.path()).is_err(),
        "overlapping tensors were accepted"
    );
}

/// The length of a header may start as a pickle or a zip archive does.
#[test]
fn a_header_that_looks_like_another_format_is_read() {
    let plain = file("t", Dtype::F32, &[2], &floats(&[1.5, -2.0]));
    let header = u64::from_le_bytes(plain[..8].try_into().unwrap()) as usize;
    let (json, data) = plain[8..].split_at(header);
    for length in [0x0080, 0x0280, 0x0580, 0x0001_0280, 0x0095_0480] {
        let mut padded = json.to_vec();
        padded.resize(length, b' ');
        let bytes = [&(length as u64).to_le_bytes(), &padded[..], data].concat();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        let checkpoint = open(folder.path()).unwrap_or_else(|error| panic!("{length:#x}: {error}"));
        assert_eq!(
            checkpoint.tensor("t").unwrap().as_slice().unwrap(),
            [1.5, -2.0]
        );
    }
}

#[test]
fn what_is_missing_or_of_another_shape_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = file(
        "block.0.dense.weight",
        Dtype::F32,
        &[2, 2],
        &floats(&[0.0; 4]),
    );
    fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    let checkpoint = open(folder.path()).unwrap();
    let weights = checkpoint.weights();
    let scope = weights.root().at("block").at(1).at("dense");
    let missing = scope.tensor("weight", [2, 2]).unwrap_err().to_string();
    assert!(missing.contains("block.1.dense.weight"), "{missing}");
    assert!(
        missing.contains("block.0.dense.weight"),
        "the nearest name: {missing}"
    );
    let scope = weights.root().at("block").at(0).at("dense");
    let shape = scope.tensor("weight", [2, 3]).unwrap_err().to_string();
    assert!(
        shape.contains("[2, 2]") && shape.contains("[2, 3]"),
        "{shape}"
    );
    assert!(matches!(
        weights.finish(),
        Err(CheckpointError::Unused { count: 1, .. })
    ));
    scope.ignore("weight", "for the test");
    assert_eq!(weights.finish().unwrap()[0].reason, "for the test");
}
