// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Files made by hand, honest and not.

use std::path::{Path, PathBuf};

/// Committed files; `make.py` beside them says what they are.
pub(super) fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/checkpoint")
        .join(path)
}

pub(super) fn json(path: &str) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(data(path)).unwrap()).unwrap()
}

/// One entry of a zip archive: what its two headers say.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) local_name: String,
    pub(super) data: Vec<u8>,
    /// If not the data's own.
    pub(super) size: Option<u64>,
    /// If not its own header's.
    pub(super) header_at: Option<u64>,
    pub(super) method: u16,
    pub(super) flags: u16,
}

pub(super) fn entry(name: &str, data: &[u8]) -> Entry {
    Entry {
        name: name.into(),
        local_name: name.into(),
        data: data.into(),
        size: None,
        header_at: None,
        method: 0,
        flags: 0,
    }
}

/// A zip archive with 64-bit sizes, as PyTorch's are.
pub(super) fn zip(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let at = entry.header_at.unwrap_or(out.len() as u64);
        let size = entry.size.unwrap_or(entry.data.len() as u64);
        let two = |number: usize| (number as u16).to_le_bytes();
        out.extend(b"PK\x03\x04\0\0");
        out.extend(entry.flags.to_le_bytes());
        out.extend(entry.method.to_le_bytes());
        out.extend([0; 16]);
        out.extend(two(entry.local_name.len()));
        out.extend([0; 2]);
        out.extend(entry.local_name.as_bytes());
        out.extend(&entry.data);
        directory.extend(b"PK\x01\x02\0\0\0\0");
        directory.extend(entry.flags.to_le_bytes());
        directory.extend(entry.method.to_le_bytes());
        directory.extend([0; 8]);
        directory.extend([0xff; 8]);
        directory.extend(two(entry.name.len()));
        directory.extend(two(28));
        directory.extend([0; 10]);
        directory.extend([0xff; 4]);
        directory.extend(entry.name.as_bytes());
        directory.extend(two(1));
        directory.extend(two(24));
        for number in [size, size, at] {
            directory.extend(number.to_le_bytes());
        }
    }
    let start = out.len() as u64;
    out.extend(&directory);
    finish(out, entries.len() as u64, directory.len() as u64, start)
}

/// Ends an archive with a directory of so many entries and bytes.
pub(super) fn finish(mut out: Vec<u8>, count: u64, size: u64, start: u64) -> Vec<u8> {
    let end_64 = out.len() as u64;
    out.extend(b"PK\x06\x06");
    out.extend(44u64.to_le_bytes());
    out.extend([0; 12]);
    for number in [count, count, size, start] {
        out.extend(number.to_le_bytes());
    }
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend(end_64.to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([0xff; 12]);
    out.extend([0; 2]);
    out
}

/// The zip form around a pickle, with one storage `0` of so many bytes.
pub(super) fn zip_form(pickle: &[u8], storage: usize) -> Vec<u8> {
    zip(&[
        entry("x/data.pkl", pickle),
        entry("x/data/0", &vec![0; storage]),
    ])
}

/// The older form around a pickle, with one storage `0` of so many f32.
pub(super) fn legacy_form(pickle: &[u8], storage: usize) -> Vec<u8> {
    let mut out = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    out.extend(b"\x80\x02M\xe9\x03.\x80\x02}.");
    out.extend(pickle);
    out.extend(b"\x80\x02]X\x01\0\0\x000a.");
    out.extend((storage as u64).to_le_bytes());
    out.extend(vec![0; storage * 4]);
    out
}

/// A pickled integer.
pub(super) fn int(value: i64) -> Vec<u8> {
    [&b"\x8a\x08"[..], &value.to_le_bytes()].concat()
}

pub(super) fn text(value: &str) -> Vec<u8> {
    let length = (value.len() as u32).to_le_bytes();
    [b"X", &length[..], value.as_bytes()].concat()
}

fn tuple(items: &[i64]) -> Vec<u8> {
    let items: Vec<u8> = items.iter().flat_map(|item| int(*item)).collect();
    [b"(", &items[..], b"t"].concat()
}

/// What a pickle says of a tensor.
#[derive(Clone)]
pub(super) struct Claim {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    /// Elements of the storage.
    pub(super) count: i64,
    pub(super) offset: i64,
    pub(super) shape: Vec<i64>,
    pub(super) strides: Vec<i64>,
}

impl Default for Claim {
    fn default() -> Self {
        Self {
            name: "t",
            key: "0",
            count: 4,
            offset: 0,
            shape: vec![2, 2],
            strides: vec![2, 1],
        }
    }
}

/// The pickle of a dict of one f32 tensor.
pub(super) fn state_dict(claim: &Claim) -> Vec<u8> {
    [
        &b"\x80\x02}"[..],
        &text(claim.name),
        b"ctorch._utils\n_rebuild_tensor_v2\n((",
        &text("storage"),
        b"ctorch\nFloatStorage\n",
        &text(claim.key),
        &text("cpu"),
        &int(claim.count),
        b"tQ",
        &int(claim.offset),
        &tuple(&claim.shape),
        &tuple(&claim.strides),
        b"\x89NtRs.",
    ]
    .concat()
}
