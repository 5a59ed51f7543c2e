// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! DPT, MiDaS v3.1 and ZoeDepth: isl-org's models and Intel's conversions of them.

use super::{BIN, CONFIG, INVERSE, PREPROCESSOR, SAFETENSORS, hub, hub_at};
use crate::hub::entry::{Entry, File, Source};

const DPT_RELEASE: Source = Source::Url {
    base: "https://github.com/isl-org/DPT/releases/download/1_0",
    page: "https://github.com/isl-org/DPT/releases/tag/1_0",
};
const MIDAS_RELEASE: Source = Source::Url {
    base: "https://github.com/isl-org/MiDaS/releases/download/v3_1",
    page: "https://github.com/isl-org/MiDaS/releases/tag/v3_1",
};

const DPT: Entry = Entry {
    name: "",
    title: "",
    source: DPT_RELEASE,
    files: SAFETENSORS,
    licence: "MIT",
    non_commercial: false,
    parameters: "123 M",
    input: "384",
    output: INVERSE,
    variant: None,
};
const MIDAS: Entry = Entry {
    source: MIDAS_RELEASE,
    ..DPT
};
const ZOE: Entry = Entry {
    parameters: "345 M",
    input: "384x512",
    ..DPT
};

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "dpt-large",
        title: "DPT-Large",
        source: hub("Intel/dpt-large"),
        files: SAFETENSORS,
        parameters: "344 M",
        licence: "Apache-2.0",
        ..DPT
    },
    Entry {
        name: "dpt-hybrid-midas",
        title: "DPT-Hybrid",
        source: hub("Intel/dpt-hybrid-midas"),
        files: BIN,
        parameters: "123 M",
        licence: "Apache-2.0",
        ..DPT
    },
    Entry {
        name: "dpt-large-ade",
        title: "DPT-Large, ADE20K",
        source: hub("Intel/dpt-large-ade"),
        files: BIN,
        parameters: "343 M",
        licence: "Apache-2.0",
        input: "480",
        output: "150 classes (ADE20K)",
        ..DPT
    },
    Entry {
        name: "dpt-large-original",
        title: "DPT-Large",
        source: DPT_RELEASE,
        files: &[File::new("dpt_large-midas-2f21e586.pt")],
        parameters: "344 M",
        ..DPT
    },
    Entry {
        name: "dpt-hybrid-midas-original",
        title: "DPT-Hybrid",
        source: DPT_RELEASE,
        files: &[File {
            sha256: Some("501f0c75b3bca7daec6b3682c5054c09b366765aef6fa3a09d03a5cb4b230853"),
            ..File::new("dpt_hybrid-midas-501f0c75.pt")
        }],
        ..DPT
    },
    Entry {
        name: "dpt-large-ade-original",
        title: "DPT-Large, ADE20K",
        source: DPT_RELEASE,
        files: &[File::new("dpt_large-ade20k-b12dca68.pt")],
        parameters: "343 M",
        input: "480",
        output: "150 classes (ADE20K)",
        ..DPT
    },
    Entry {
        name: "dpt-hybrid-ade",
        title: "DPT-Hybrid, ADE20K",
        source: DPT_RELEASE,
        files: &[File::new("dpt_hybrid-ade20k-53898607.pt")],
        input: "480",
        output: "150 classes (ADE20K)",
        ..DPT
    },
    Entry {
        name: "dpt-hybrid-kitti",
        title: "DPT-Hybrid, KITTI",
        source: DPT_RELEASE,
        files: &[File::new("dpt_hybrid_kitti-cb926ef4.pt")],
        input: "352x1216",
        output: "metric m",
        variant: Some("dpt-hybrid-kitti"),
        ..DPT
    },
    Entry {
        name: "dpt-hybrid-nyu",
        title: "DPT-Hybrid, NYU Depth v2",
        source: DPT_RELEASE,
        files: &[File::new("dpt_hybrid_nyu-2ce69ec7.pt")],
        input: "480x640",
        output: "metric m",
        variant: Some("dpt-hybrid-nyu"),
        ..DPT
    },
    Entry {
        name: "dpt-beit-large-512",
        title: "MiDaS v3.1 BEiT-Large",
        source: hub("Intel/dpt-beit-large-512"),
        files: SAFETENSORS,
        parameters: "345 M",
        input: "512",
        ..MIDAS
    },
    Entry {
        name: "dpt-beit-large-512-original",
        title: "MiDaS v3.1 BEiT-Large",
        source: MIDAS_RELEASE,
        files: &[File::new("dpt_beit_large_512.pt")],
        parameters: "345 M",
        input: "512",
        ..MIDAS
    },
    Entry {
        name: "dpt-beit-large-384",
        title: "MiDaS v3.1 BEiT-Large",
        source: hub("Intel/dpt-beit-large-384"),
        files: SAFETENSORS,
        parameters: "344 M",
        input: "384",
        ..MIDAS
    },
    Entry {
        name: "dpt-beit-large-384-original",
        title: "MiDaS v3.1 BEiT-Large",
        source: MIDAS_RELEASE,
        files: &[File::new("dpt_beit_large_384.pt")],
        parameters: "344 M",
        input: "384",
        ..MIDAS
    },
    Entry {
        name: "dpt-beit-base-384",
        title: "MiDaS v3.1 BEiT-Base",
        source: hub("Intel/dpt-beit-base-384"),
        files: SAFETENSORS,
        parameters: "112 M",
        input: "384",
        ..MIDAS
    },
    Entry {
        name: "dpt-beit-base-384-original",
        title: "MiDaS v3.1 BEiT-Base",
        source: MIDAS_RELEASE,
        files: &[File::new("dpt_beit_base_384.pt")],
        parameters: "112 M",
        input: "384",
        ..MIDAS
    },
    Entry {
        name: "dpt-swinv2-large-384",
        title: "MiDaS v3.1 SwinV2-Large",
        source: hub("Intel/dpt-swinv2-large-384"),
        files: SAFETENSORS,
        parameters: "213 M",
        input: "384x384",
        ..MIDAS
    },
    Entry {
        name: "dpt-swinv2-large-384-original",
        title: "MiDaS v3.1 SwinV2-Large",
        source: MIDAS_RELEASE,
        files: &[File::new("dpt_swin2_large_384.pt")],
        parameters: "213 M",
        input: "384x384",
        ..MIDAS
    },
    Entry {
        name: "dpt-swinv2-base-384",
        title: "MiDaS v3.1 SwinV2-Base",
        source: hub("Intel/dpt-swinv2-base-384"),
        files: SAFETENSORS,
        parameters: "102 M",
        input: "384x384",
        ..MIDAS
    },
    Entry {
        name: "dpt-swinv2-base-384-original",
        title: "MiDaS v3.1 SwinV2-Base",
        source: MIDAS_RELEASE,
        files: &[File::new("dpt_swin2_base_384.pt")],
        parameters: "102 M",
        input: "384x384",
        ..MIDAS
    },
    Entry {
        name: "dpt-swinv2-tiny-256",
        title: "MiDaS v3.1 SwinV2-Tiny",
        source: hub("Intel/dpt-swinv2-tiny-256"),
        files: SAFETENSORS,
        parameters: "42 M",
        input: "256x256",
        ..MIDAS
    },
    Entry {
        name: "dpt-swinv2-tiny-256-original",
        title: "MiDaS v3.1 SwinV2-Tiny",
        source: MIDAS_RELEASE,
        files: &[File::new("dpt_swin2_tiny_256.pt")],
        parameters: "42 M",
        input: "256x256",
        ..MIDAS
    },
    Entry {
        name: "zoedepth-nyu",
        title: "ZoeDepth, NYU Depth v2",
        source: hub_at(
            "Intel/zoedepth-nyu",
            "52ae69caf7896c927909b3ceab4249c235e16dc1",
        ),
        files: &[
            CONFIG,
            PREPROCESSOR,
            File {
                sha256: Some("b616e347efc30e64822be28d2464c2fcd0b665b5fdbc9a135d53d168c31c77ab"),
                ..File::new("model.safetensors")
            },
        ],
        output: "metric m ≤ 10",
        ..ZOE
    },
    Entry {
        name: "zoedepth-kitti",
        title: "ZoeDepth, KITTI",
        source: hub("Intel/zoedepth-kitti"),
        files: SAFETENSORS,
        output: "metric m ≤ 80",
        ..ZOE
    },
    Entry {
        name: "zoedepth-nyu-kitti",
        title: "ZoeDepth, NYU Depth v2 and KITTI",
        source: hub_at(
            "Intel/zoedepth-nyu-kitti",
            "f364d4c7936e91f465abba182208dd68142bf0ca",
        ),
        files: &[
            CONFIG,
            PREPROCESSOR,
            File::known(
                "model.safetensors",
                1_380_374_404,
                "c5494fa0938f18d71e215e245472470c3aefebd7b434abd89750e5ae4008e2dc",
            ),
        ],
        output: "metric m ≤ 10 or 80",
        ..ZOE
    },
];
