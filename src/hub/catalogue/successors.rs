// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! What was made from Depth Anything 2: Distill-Any-Depth and the plain models of Depth Anything 3.

use super::depth_anything::{BASE, LARGE, SMALL};
use super::{CONFIG, SAFETENSORS, hub, hub_at};
use crate::hub::entry::{Entry, File};

// The repository's licence; its README states none for the weights.
const DISTILLED: &str = "MIT (its repository's)";
const DA3: Entry = Entry {
    parameters: "0.35 B",
    input: "504",
    ..SMALL
};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "distill-any-depth-small",
        title: "Distill-Any-Depth Small",
        source: hub("xingyang1/Distill-Any-Depth-Small-hf"),
        files: SAFETENSORS,
        licence: DISTILLED,
        ..SMALL
    },
    Entry {
        name: "distill-any-depth-large",
        title: "Distill-Any-Depth Large",
        source: hub("xingyang1/Distill-Any-Depth-Large-hf"),
        files: SAFETENSORS,
        licence: DISTILLED,
        ..LARGE
    },
    Entry {
        name: "distill-any-depth-small-original",
        title: "Distill-Any-Depth Small",
        source: hub("xingyang1/Distill-Any-Depth"),
        files: &[File::new("small/model.safetensors")],
        licence: DISTILLED,
        variant: Some("depth-anything-v2"),
        ..SMALL
    },
    Entry {
        name: "distill-any-depth-base-original",
        title: "Distill-Any-Depth Base",
        source: hub("xingyang1/Distill-Any-Depth"),
        files: &[File::new("base/model.safetensors")],
        licence: DISTILLED,
        variant: Some("depth-anything-v2"),
        ..BASE
    },
    Entry {
        name: "distill-any-depth-large-original",
        title: "Distill-Any-Depth Large",
        source: hub("xingyang1/Distill-Any-Depth"),
        files: &[File::new("large/model.safetensors")],
        licence: DISTILLED,
        variant: Some("depth-anything-v2"),
        ..LARGE
    },
    Entry {
        name: "da3mono-large",
        title: "Depth Anything 3 Mono Large",
        source: hub_at(
            "depth-anything/DA3MONO-LARGE",
            "f465978e618db8cc79c83b8bbf24964857db1875",
        ),
        files: &[
            CONFIG,
            File {
                sha256: Some("7a799a7f95eb8d4c404c2ca8be3dc3276b350a417ddc4420db72ba850cc0e960"),
                ..File::new("model.safetensors")
            },
        ],
        output: "relative",
        ..DA3
    },
    Entry {
        name: "da3metric-large",
        title: "Depth Anything 3 Metric Large",
        source: hub_at(
            "depth-anything/DA3METRIC-LARGE",
            "4010e39f3634a45bc60553321fb49fb760bd594e",
        ),
        files: &[
            CONFIG,
            File::known(
                "model.safetensors",
                1_336_734_448,
                "bbea5b0b3ee389849cffa7ddae89de064a90abd2b055fc5aa99aac68db324776",
            ),
        ],
        output: "metric m, times focal length in px / 300",
        ..DA3
    },
];
