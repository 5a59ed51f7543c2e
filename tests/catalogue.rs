// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What the catalogue says of a model is what opening its files would find.

use gstdptdepth::dpt::Variant;
use gstdptdepth::hub;
use std::path::Path;

#[test]
fn fetched_files_tell_their_variant() {
    let mut told = 0;
    for entry in hub::entries() {
        let Some(variant) = entry.variant else {
            continue;
        };
        let weights = entry.files.last().unwrap();
        let path = Path::new(entry.name).join(weights.name());
        let expected = Variant::parse(variant).unwrap();
        let found = Variant::from_path(&path).unwrap();
        // Distill-Any-Depth is Depth Anything V2 trained anew.
        let same = found == expected
            || (found, expected) == (Variant::DistillAnyDepth, Variant::DepthAnythingV2);
        assert!(same, "{}: {found:?}", entry.name);
        told += 1;
    }
    assert!(told > 20, "{told} entries name a variant");
}
