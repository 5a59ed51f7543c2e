// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! DINOv2 with DPT heads: transformers' files, and the authors' backbones and heads.

use super::{BIN, hub};
use crate::hub::entry::{Entry, File, Source};

const NYU: Entry = Entry {
    name: "",
    title: "",
    source: hub(""),
    files: BIN,
    licence: "Apache-2.0",
    non_commercial: false,
    parameters: "",
    input: "the frame's, to multiples of 14",
    output: "metric m ≤ 10",
    variant: None,
};
const KITTI: Entry = Entry {
    output: "metric m ≤ 80",
    ..NYU
};

/// Where the authors keep a backbone and its heads.
const fn authors(base: &'static str) -> Source {
    Source::Url {
        base,
        page: "https://github.com/facebookresearch/dinov2",
    }
}

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "dpt-dinov2-small-nyu",
        title: "DINOv2 Small with DPT, NYU Depth v2",
        source: hub("facebook/dpt-dinov2-small-nyu"),
        files: BIN,
        parameters: "22 M + head",
        ..NYU
    },
    Entry {
        name: "dpt-dinov2-small-kitti",
        title: "DINOv2 Small with DPT, KITTI",
        source: hub("facebook/dpt-dinov2-small-kitti"),
        files: BIN,
        parameters: "22 M + head",
        ..KITTI
    },
    Entry {
        name: "dpt-dinov2-base-nyu",
        title: "DINOv2 Base with DPT, NYU Depth v2",
        source: hub("facebook/dpt-dinov2-base-nyu"),
        files: BIN,
        parameters: "86 M + head",
        ..NYU
    },
    Entry {
        name: "dpt-dinov2-base-kitti",
        title: "DINOv2 Base with DPT, KITTI",
        source: hub("facebook/dpt-dinov2-base-kitti"),
        files: BIN,
        parameters: "86 M + head",
        ..KITTI
    },
    Entry {
        name: "dpt-dinov2-large-nyu",
        title: "DINOv2 Large with DPT, NYU Depth v2",
        source: hub("facebook/dpt-dinov2-large-nyu"),
        files: BIN,
        parameters: "304 M + head",
        ..NYU
    },
    Entry {
        name: "dpt-dinov2-large-kitti",
        title: "DINOv2 Large with DPT, KITTI",
        source: hub("facebook/dpt-dinov2-large-kitti"),
        files: BIN,
        parameters: "304 M + head",
        ..KITTI
    },
    Entry {
        name: "dpt-dinov2-giant-nyu",
        title: "DINOv2 Giant with DPT, NYU Depth v2",
        source: hub("facebook/dpt-dinov2-giant-nyu"),
        files: BIN,
        parameters: "1.1 B + head",
        ..NYU
    },
    Entry {
        name: "dpt-dinov2-giant-kitti",
        title: "DINOv2 Giant with DPT, KITTI",
        source: hub("facebook/dpt-dinov2-giant-kitti"),
        files: BIN,
        parameters: "1.1 B + head",
        ..KITTI
    },
    Entry {
        name: "dpt-dinov2-small-nyu-original",
        title: "DINOv2 Small with DPT, NYU Depth v2",
        source: authors("https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14"),
        files: &[
            File::new("dinov2_vits14_nyu_dpt_head.pth"),
            File::new("dinov2_vits14_pretrain.pth"),
        ],
        parameters: "22 M + head",
        variant: Some("dpt-dinov2-nyu"),
        ..NYU
    },
    Entry {
        name: "dpt-dinov2-small-kitti-original",
        title: "DINOv2 Small with DPT, KITTI",
        source: authors("https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14"),
        files: &[
            File::new("dinov2_vits14_kitti_dpt_head.pth"),
            File::new("dinov2_vits14_pretrain.pth"),
        ],
        parameters: "22 M + head",
        variant: Some("dpt-dinov2-kitti"),
        ..KITTI
    },
    Entry {
        name: "dpt-dinov2-base-nyu-original",
        title: "DINOv2 Base with DPT, NYU Depth v2",
        source: authors("https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14"),
        files: &[
            File::new("dinov2_vitb14_nyu_dpt_head.pth"),
            File::new("dinov2_vitb14_pretrain.pth"),
        ],
        parameters: "86 M + head",
        variant: Some("dpt-dinov2-nyu"),
        ..NYU
    },
    Entry {
        name: "dpt-dinov2-base-kitti-original",
        title: "DINOv2 Base with DPT, KITTI",
        source: authors("https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14"),
        files: &[
            File::new("dinov2_vitb14_kitti_dpt_head.pth"),
            File::new("dinov2_vitb14_pretrain.pth"),
        ],
        parameters: "86 M + head",
        variant: Some("dpt-dinov2-kitti"),
        ..KITTI
    },
    Entry {
        name: "dpt-dinov2-large-nyu-original",
        title: "DINOv2 Large with DPT, NYU Depth v2",
        source: authors("https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14"),
        files: &[
            File::new("dinov2_vitl14_nyu_dpt_head.pth"),
            File::new("dinov2_vitl14_pretrain.pth"),
        ],
        parameters: "304 M + head",
        variant: Some("dpt-dinov2-nyu"),
        ..NYU
    },
    Entry {
        name: "dpt-dinov2-large-kitti-original",
        title: "DINOv2 Large with DPT, KITTI",
        source: authors("https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14"),
        files: &[
            File::new("dinov2_vitl14_kitti_dpt_head.pth"),
            File::new("dinov2_vitl14_pretrain.pth"),
        ],
        parameters: "304 M + head",
        variant: Some("dpt-dinov2-kitti"),
        ..KITTI
    },
    Entry {
        name: "dpt-dinov2-giant-nyu-original",
        title: "DINOv2 Giant with DPT, NYU Depth v2",
        source: authors("https://dl.fbaipublicfiles.com/dinov2/dinov2_vitg14"),
        files: &[
            File::new("dinov2_vitg14_nyu_dpt_head.pth"),
            File::new("dinov2_vitg14_pretrain.pth"),
        ],
        parameters: "1.1 B + head",
        variant: Some("dpt-dinov2-nyu"),
        ..NYU
    },
    Entry {
        name: "dpt-dinov2-giant-kitti-original",
        title: "DINOv2 Giant with DPT, KITTI",
        source: authors("https://dl.fbaipublicfiles.com/dinov2/dinov2_vitg14"),
        files: &[
            File::new("dinov2_vitg14_kitti_dpt_head.pth"),
            File::new("dinov2_vitg14_pretrain.pth"),
        ],
        parameters: "1.1 B + head",
        variant: Some("dpt-dinov2-kitti"),
        ..KITTI
    },
];
