// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Files of `torch.save`: what real ones hold, and pickles that would run programs.

use super::craft::{Claim, data, entry, json, legacy_form, state_dict, zip, zip_form};
use gstdptdepth::checkpoint::Checkpoint;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

/// The error that opening these bytes gives.
pub(super) fn refusal(bytes: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.pt");
    fs::write(&path, bytes).unwrap();
    Checkpoint::open(&path).err().map(|error| error.to_string())
}

#[test]
fn every_type_and_layout_reads_as_torch_reads_it() {
    let expected = json("expected.json");
    for (file, tensors) in expected.as_object().unwrap() {
        let checkpoint = Checkpoint::open(&data("good").join(file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let tensors = tensors.as_object().unwrap();
        let names: BTreeSet<_> = checkpoint.names().collect();
        assert_eq!(
            names,
            tensors.keys().map(String::as_str).collect(),
            "{file}"
        );
        for (name, expected) in tensors {
            let tensor = checkpoint.tensor(name).unwrap();
            let numbers = |key: &str| {
                let numbers = expected[key].as_array().unwrap().iter();
                numbers.map(|n| n.as_f64().unwrap()).collect::<Vec<_>>()
            };
            let shape: Vec<_> = numbers("shape").iter().map(|dim| *dim as usize).collect();
            let values: Vec<_> = numbers("values").iter().map(|v| *v as f32).collect();
            assert_eq!(tensor.shape(), shape, "{file}: {name}");
            assert!(tensor.iter().eq(&values), "{file}: {name}");
        }
    }
}

#[test]
fn strides_are_kept_instead_of_copied() {
    let checkpoint = Checkpoint::open(&data("good/zip.pt")).unwrap();
    for (name, strides) in [("transposed", [1, 4]), ("offset", [4, 1])] {
        let tensor = checkpoint.tensor(name).unwrap();
        assert!(tensor.is_view(), "{name}");
        assert_eq!(tensor.strides(), strides, "{name}");
    }
}

#[test]
fn what_is_no_plain_state_dict_is_refused_with_its_reason() {
    for (file, says) in json("refused.json").as_object().unwrap() {
        let error = refusal(&fs::read(data("refused").join(file)).unwrap());
        let error = error.unwrap_or_else(|| panic!("{file} was accepted"));
        assert!(error.contains(says.as_str().unwrap()), "{file}: {error}");
    }
}

#[test]
fn a_file_beyond_4_gib_is_read() {
    let chunks = fs::read(data("big.chunks")).unwrap();
    let number = |at: usize| u64::from_le_bytes(chunks[at..at + 8].try_into().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.pt");
    let file = File::create(&path).unwrap();
    file.set_len(number(0)).unwrap();
    let mut at = 8;
    while at < chunks.len() {
        let (offset, length) = (number(at), number(at + 8) as usize);
        file.write_all_at(&chunks[at + 16..at + 16 + length], offset)
            .unwrap();
        at += 16 + length;
    }
    let checkpoint = Checkpoint::open(&path).unwrap();
    assert_eq!(checkpoint.shape("whole"), Some(&[(1 << 30) + 1000][..]));
    assert_eq!(
        checkpoint.tensor("end").unwrap().as_slice().unwrap(),
        [0., 0., 0., 3.5]
    );
    assert_eq!(
        checkpoint.tensor("after").unwrap().as_slice().unwrap(),
        [1., 2.]
    );
}

#[test]
fn pickles_that_run_programs_are_refused_by_name() {
    for case in json("hostile.json").as_array().unwrap() {
        let pickle = case["pickle"].as_str().unwrap().as_bytes();
        let pickle: Vec<u8> = pickle
            .chunks(2)
            .map(|hex| u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap())
            .collect();
        for file in [zip_form(&pickle, 16), legacy_form(&pickle, 4)] {
            let error = refusal(&file).unwrap_or_else(|| panic!("{case} was accepted"));
            assert!(
                error.contains(case["says"].as_str().unwrap()),
                "{case}: {error}"
            );
            assert!(!error.contains(char::is_control), "{error:?}");
        }
        assert!(!std::path::Path::new("was-here").exists(), "{case} has run");
    }
}

#[test]
fn tensors_must_lie_in_their_storage() {
    let good = Claim::default();
    let max = i64::MAX;
    let huge = 1 << 60;
    let cases: [(&str, Claim); 16] = [
        (
            "2^60 elements",
            Claim {
                count: huge,
                shape: vec![huge],
                strides: vec![1],
                ..good.clone()
            },
        ),
        (
            "2^60 elements of a small storage",
            Claim {
                shape: vec![huge],
                strides: vec![0],
                ..good.clone()
            },
        ),
        (
            "a product that wraps to 4",
            Claim {
                shape: vec![1 << 32, 1 << 32, 4],
                strides: vec![0, 0, 1],
                ..good.clone()
            },
        ),
        (
            "an empty shape that wraps",
            Claim {
                shape: vec![0, huge, huge],
                strides: vec![1, 1, 1],
                ..good.clone()
            },
        ),
        (
            "a storage of 2^62 elements",
            Claim {
                count: 1 << 62,
                ..good.clone()
            },
        ),
        (
            "a storage longer than its entry",
            Claim {
                count: 5,
                ..good.clone()
            },
        ),
        (
            "a negative storage",
            Claim {
                count: -1,
                ..good.clone()
            },
        ),
        (
            "a negative offset",
            Claim {
                offset: -1,
                ..good.clone()
            },
        ),
        (
            "a negative dimension",
            Claim {
                shape: vec![-2, -2],
                ..good.clone()
            },
        ),
        (
            "a negative stride",
            Claim {
                strides: vec![-2, 1],
                offset: 3,
                ..good.clone()
            },
        ),
        (
            "an offset out of range",
            Claim {
                offset: 1,
                ..good.clone()
            },
        ),
        (
            "an offset that wraps",
            Claim {
                offset: max,
                strides: vec![max, 1],
                ..good.clone()
            },
        ),
        (
            "a stride out of range",
            Claim {
                strides: vec![3, 1],
                ..good.clone()
            },
        ),
        (
            "a stride that wraps",
            Claim {
                strides: vec![max, max],
                ..good.clone()
            },
        ),
        (
            "a stride too few",
            Claim {
                strides: vec![1],
                ..good.clone()
            },
        ),
        (
            "a storage that is not there",
            Claim {
                key: "../../etc/passwd",
                ..good.clone()
            },
        ),
    ];
    for form in [|p: &[u8]| zip_form(p, 16), |p: &[u8]| legacy_form(p, 4)] {
        assert_eq!(refusal(&form(&state_dict(&good))), None);
        for (what, claim) in &cases {
            let error = refusal(&form(&state_dict(claim)));
            let error = error.unwrap_or_else(|| panic!("{what} was accepted"));
            assert!(
                error.contains("PyTorch file cannot be used"),
                "{what}: {error}"
            );
        }
        for shape in [vec![1; 9], vec![0, 1 << 40]] {
            let strides = vec![1; shape.len()];
            // Nine dimensions are refused; an empty tensor is only that.
            let refused = shape.len() == 9;
            let claim = Claim {
                shape,
                strides,
                ..good.clone()
            };
            assert_eq!(refusal(&form(&state_dict(&claim))).is_some(), refused);
        }
        let claim = Claim {
            name: "a\n\u{1b}[2Jb",
            ..good.clone()
        };
        let error = refusal(&form(&state_dict(&claim))).unwrap();
        assert!(
            error.contains(r"tensor a\u{a}\u{1b}[2Jb has a name"),
            "{error:?}"
        );
    }
}

#[test]
fn archives_that_lie_are_refused() {
    let pickle = entry("x/data.pkl", &state_dict(&Claim::default()));
    let storage = entry("x/data/0", &[0; 16]);
    let open = |entries: &[super::craft::Entry]| refusal(&zip(entries));
    let with = |change: &dyn Fn(&mut super::craft::Entry)| {
        let mut changed = storage.clone();
        change(&mut changed);
        open(&[pickle.clone(), changed])
    };
    assert_eq!(open(&[pickle.clone(), storage.clone()]), None);
    let cases: [(&str, Option<String>, &str); 16] = [
        ("nothing", open(&[]), "no intact safetensors"),
        (
            "no data.pkl",
            open(std::slice::from_ref(&storage)),
            "no data.pkl",
        ),
        (
            "data.pkl twice",
            open(&[pickle.clone(), pickle.clone(), storage.clone()]),
            "x/data.pkl\" is there twice",
        ),
        (
            "another folder's data.pkl",
            open(&[pickle.clone(), entry("y/data.pkl", b"N."), storage.clone()]),
            "is there twice",
        ),
        (
            "a storage twice",
            open(&[pickle.clone(), storage.clone(), storage.clone()]),
            "x/data/0\" is there twice",
        ),
        (
            "two names",
            with(&|e| e.local_name = "x/data/1".into()),
            "two names",
        ),
        (
            "2^60 bytes",
            with(&|e| e.size = Some(1 << 60)),
            "beyond the end",
        ),
        (
            "2^64 - 1 bytes",
            with(&|e| e.size = Some(u64::MAX)),
            "beyond the end",
        ),
        (
            "a byte too many",
            with(&|e| e.size = Some(17)),
            "beyond the end",
        ),
        (
            "a header elsewhere",
            with(&|e| e.header_at = Some(1 << 60)),
            "damaged",
        ),
        (
            "another entry's header",
            with(&|e| e.header_at = Some(0)),
            "two names",
        ),
        (
            "an unknown compression",
            with(&|e| e.method = 99),
            "compressed",
        ),
        ("encryption", with(&|e| e.flags = 1), "encrypted"),
        (
            "a name that leaves the folder",
            open(&[pickle.clone(), entry("x/data/../../y", &[0; 16])]),
            "\"0\" is not in the file",
        ),
        (
            "an absolute name",
            open(&[pickle.clone(), entry("/x/data/0", &[0; 16])]),
            "\"0\" is not in the file",
        ),
        (
            "a name with a NUL",
            open(&[pickle.clone(), entry("x/data/0\0", &[0; 16])]),
            "\"0\" is not in the file",
        ),
    ];
    for (what, error, says) in cases {
        let error = error.unwrap_or_else(|| panic!("{what} was accepted"));
        assert!(error.contains(says), "{what}: {error}");
    }
    // The second storage lies inside the first, and calls itself by its right name.
    let inner = zip(&[entry("x/data/1", &[0; 4])]);
    let mut second = entry("x/data/1", &[]);
    second.size = Some(4);
    second.header_at = Some((30 + 10 + pickle.data.len() + 30 + 8) as u64);
    let error = open(&[pickle, entry("x/data/0", &inner), second]).unwrap();
    assert!(
        error.contains("\"x/data/1\" overlaps \"x/data/0\""),
        "{error}"
    );
}
