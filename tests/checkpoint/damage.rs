// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Small files, cut off at every length and with every byte changed.

use super::craft::data;
use gstdptdepth::checkpoint::Checkpoint;
use std::fs;

fn files() -> [(&'static str, Vec<u8>); 3] {
    let read = |path: &str| fs::read(data(path)).unwrap();
    [
        ("zip", read("good/module.pt")),
        ("legacy", read("good/module-legacy.pt")),
        ("safetensors", {
            let tensors = ["a", "b"].map(|name| {
                let data = &[0; 16];
                let view =
                    safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![2, 2], data);
                (name, view.unwrap())
            });
            safetensors::serialize(tensors, None).unwrap()
        }),
    ]
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    for (what, whole) in files() {
        let whole = whole.leak();
        assert!(Checkpoint::from_bytes(whole).is_ok(), "{what}");
        for length in 0..whole.len() {
            let error = Checkpoint::from_bytes(&whole[..length]).err();
            let error = error.unwrap_or_else(|| panic!("{what}: {length} bytes were accepted"));
            let error = error.to_string();
            assert!(
                error.contains("download it again"),
                "{what}, {length}: {error}"
            );
        }
    }
}

/// A changed weight is a weight; anything else is an error or a name that no graph asks for.
#[test]
fn changed_bytes_never_panic() {
    for (_, whole) in files() {
        for at in 0..whole.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] ^= change;
                // Some megabytes in all; through files, this would take a minute.
                let Ok(checkpoint) = Checkpoint::from_bytes(changed.leak()) else {
                    continue;
                };
                for name in checkpoint.names() {
                    // Not a number is possible here, a panic is not.
                    let _ = checkpoint.tensor(name);
                }
                assert!(checkpoint.parameters() < 1000);
            }
        }
    }
}
