// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Depth Anything 1 and 2.

use super::{CONFIG, INVERSE, PREPROCESSOR, SAFETENSORS, hub, hub_at};
use crate::hub::entry::{Entry, File};

pub(super) const SMALL: Entry = Entry {
    name: "",
    title: "",
    source: hub(""),
    files: SAFETENSORS,
    licence: "Apache-2.0",
    non_commercial: false,
    parameters: "24.8 M",
    input: "518",
    output: INVERSE,
    variant: None,
};
pub(super) const BASE: Entry = Entry {
    parameters: "97.5 M",
    ..SMALL
};
pub(super) const LARGE: Entry = Entry {
    parameters: "335.3 M",
    ..SMALL
};
const BASE_NC: Entry = Entry {
    licence: "CC-BY-NC-4.0",
    non_commercial: true,
    ..BASE
};
const LARGE_NC: Entry = Entry {
    licence: "CC-BY-NC-4.0",
    non_commercial: true,
    ..LARGE
};
// The metric cards say Apache-2.0; the weights they were fine-tuned from are CC-BY-NC-4.0.
const TUNED: &str = "Apache-2.0 on its card, made from CC-BY-NC-4.0 weights";
const BASE_TUNED: Entry = Entry {
    licence: TUNED,
    ..BASE_NC
};
const LARGE_TUNED: Entry = Entry {
    licence: TUNED,
    ..LARGE_NC
};

const INDOOR: &str = "metric m ≤ 20";
const OUTDOOR: &str = "metric m ≤ 80";

pub(super) const ENTRIES: &[Entry] = &[
    Entry {
        name: "depth-anything-v1-small",
        title: "Depth Anything V1 Small",
        source: hub("LiheYoung/depth-anything-small-hf"),
        files: SAFETENSORS,
        ..SMALL
    },
    Entry {
        name: "depth-anything-v1-base",
        title: "Depth Anything V1 Base",
        source: hub("LiheYoung/depth-anything-base-hf"),
        files: SAFETENSORS,
        ..BASE
    },
    Entry {
        name: "depth-anything-v1-large",
        title: "Depth Anything V1 Large",
        source: hub("LiheYoung/depth-anything-large-hf"),
        files: SAFETENSORS,
        ..LARGE
    },
    Entry {
        name: "depth-anything-v1-small-original",
        title: "Depth Anything V1 Small",
        source: hub("spaces/LiheYoung/Depth-Anything"),
        files: &[File::new("checkpoints/depth_anything_vits14.pth")],
        variant: Some("depth-anything-v1"),
        ..SMALL
    },
    Entry {
        name: "depth-anything-v1-base-original",
        title: "Depth Anything V1 Base",
        source: hub("spaces/LiheYoung/Depth-Anything"),
        files: &[File::new("checkpoints/depth_anything_vitb14.pth")],
        variant: Some("depth-anything-v1"),
        ..BASE
    },
    Entry {
        name: "depth-anything-v1-large-original",
        title: "Depth Anything V1 Large",
        source: hub("spaces/LiheYoung/Depth-Anything"),
        files: &[File::new("checkpoints/depth_anything_vitl14.pth")],
        variant: Some("depth-anything-v1"),
        ..LARGE
    },
    Entry {
        name: "depth-anything-v2-small",
        title: "Depth Anything V2 Small",
        source: hub_at(
            "depth-anything/Depth-Anything-V2-Small-hf",
            "5426e4f0f36572d16453bbda7a8389317b1bef99",
        ),
        files: &[
            CONFIG,
            PREPROCESSOR,
            File::known(
                "model.safetensors",
                99_173_660,
                "3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70",
            ),
        ],
        ..SMALL
    },
    Entry {
        name: "depth-anything-v2-base",
        title: "Depth Anything V2 Base",
        source: hub("depth-anything/Depth-Anything-V2-Base-hf"),
        files: SAFETENSORS,
        ..BASE_NC
    },
    Entry {
        name: "depth-anything-v2-large",
        title: "Depth Anything V2 Large",
        source: hub_at(
            "depth-anything/Depth-Anything-V2-Large-hf",
            "7581137eff8d4e94f6e796d3baea0e9fa79b22d2",
        ),
        files: &[
            CONFIG,
            PREPROCESSOR,
            File::known(
                "model.safetensors",
                1_341_322_868,
                "4e01e34ed5549b529b70b92d53226bc370f03041977b390d3dde45d47f516cf9",
            ),
        ],
        ..LARGE_NC
    },
    Entry {
        name: "depth-anything-v2-small-original",
        title: "Depth Anything V2 Small",
        source: hub("depth-anything/Depth-Anything-V2-Small"),
        files: &[File::known(
            "depth_anything_v2_vits.pth",
            99_218_434,
            "715fade13be8f229f8a70cc02066f656f2423a59effd0579197bbf57860e1378",
        )],
        variant: Some("depth-anything-v2"),
        ..SMALL
    },
    Entry {
        name: "depth-anything-v2-base-original",
        title: "Depth Anything V2 Base",
        source: hub("depth-anything/Depth-Anything-V2-Base"),
        files: &[File::known(
            "depth_anything_v2_vitb.pth",
            389_961_218,
            "0d2b7002e62d39d655571c371333340bd88f67ab95050c03591555aa05645328",
        )],
        variant: Some("depth-anything-v2"),
        ..BASE_NC
    },
    Entry {
        name: "depth-anything-v2-large-original",
        title: "Depth Anything V2 Large",
        source: hub("depth-anything/Depth-Anything-V2-Large"),
        files: &[File::known(
            "depth_anything_v2_vitl.pth",
            1_341_395_338,
            "a7ea19fa0ed99244e67b624c72b8580b7e9553043245905be58796a608eb9345",
        )],
        variant: Some("depth-anything-v2"),
        ..LARGE_NC
    },
    Entry {
        name: "depth-anything-v2-metric-indoor-small",
        title: "Depth Anything V2 Metric Indoor Small",
        source: hub_at(
            "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf",
            "8078d68a9c75a972131914f6afd0c1723be0da7f",
        ),
        files: &[
            CONFIG,
            PREPROCESSOR,
            File::known(
                "model.safetensors",
                99_173_660,
                "e990eb82fbf11b05b7813261196a2b841bdcf5a05f64396724a8987fa90504a3",
            ),
        ],
        output: INDOOR,
        ..SMALL
    },
    Entry {
        name: "depth-anything-v2-metric-indoor-base",
        title: "Depth Anything V2 Metric Indoor Base",
        source: hub("depth-anything/Depth-Anything-V2-Metric-Indoor-Base-hf"),
        files: SAFETENSORS,
        output: INDOOR,
        ..BASE_TUNED
    },
    Entry {
        name: "depth-anything-v2-metric-indoor-large",
        title: "Depth Anything V2 Metric Indoor Large",
        source: hub("depth-anything/Depth-Anything-V2-Metric-Indoor-Large-hf"),
        files: SAFETENSORS,
        output: INDOOR,
        ..LARGE_TUNED
    },
    Entry {
        name: "depth-anything-v2-metric-outdoor-small",
        title: "Depth Anything V2 Metric Outdoor Small",
        source: hub_at(
            "depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf",
            "fd2c22027eaf20374204f14099b8341e1925ad39",
        ),
        files: &[
            CONFIG,
            PREPROCESSOR,
            File::known(
                "model.safetensors",
                99_173_660,
                "ad065c77a7421ca55159a1f0db9433397a607690f2d76bb8a6fc54b1be7a3124",
            ),
        ],
        output: OUTDOOR,
        ..SMALL
    },
    Entry {
        name: "depth-anything-v2-metric-outdoor-base",
        title: "Depth Anything V2 Metric Outdoor Base",
        source: hub("depth-anything/Depth-Anything-V2-Metric-Outdoor-Base-hf"),
        files: SAFETENSORS,
        output: OUTDOOR,
        ..BASE_TUNED
    },
    Entry {
        name: "depth-anything-v2-metric-outdoor-large",
        title: "Depth Anything V2 Metric Outdoor Large",
        source: hub("depth-anything/Depth-Anything-V2-Metric-Outdoor-Large-hf"),
        files: SAFETENSORS,
        output: OUTDOOR,
        ..LARGE_TUNED
    },
    Entry {
        name: "depth-anything-v2-metric-indoor-small-original",
        title: "Depth Anything V2 Metric Indoor Small",
        source: hub("depth-anything/Depth-Anything-V2-Metric-Hypersim-Small"),
        files: &[File::known(
            "depth_anything_v2_metric_hypersim_vits.pth",
            99_222_290,
            "b782898d8a3e8be1f639de33837ed85e9b4b73e40f8f5e5cd99067588d722545",
        )],
        output: INDOOR,
        variant: Some("depth-anything-v2-metric-indoor"),
        ..SMALL
    },
    Entry {
        name: "depth-anything-v2-metric-indoor-base-original",
        title: "Depth Anything V2 Metric Indoor Base",
        source: hub("depth-anything/Depth-Anything-V2-Metric-Hypersim-Base"),
        files: &[File::known(
            "depth_anything_v2_metric_hypersim_vitb.pth",
            389_965_138,
            "9dc9e274c5eff55c6daf27b660c0ced0eca4e8593a6da90cdcb04d2b4d3f3fa2",
        )],
        output: INDOOR,
        variant: Some("depth-anything-v2-metric-indoor"),
        ..BASE_TUNED
    },
    Entry {
        name: "depth-anything-v2-metric-indoor-large-original",
        title: "Depth Anything V2 Metric Indoor Large",
        source: hub("depth-anything/Depth-Anything-V2-Metric-Hypersim-Large"),
        files: &[File::known(
            "depth_anything_v2_metric_hypersim_vitl.pth",
            1_341_401_882,
            "6f82ff2bc543ac02ddff4aa31fa363676a8305dd3ccf04e80e2af115a044cb6d",
        )],
        output: INDOOR,
        variant: Some("depth-anything-v2-metric-indoor"),
        ..LARGE_TUNED
    },
    Entry {
        name: "depth-anything-v2-metric-outdoor-small-original",
        title: "Depth Anything V2 Metric Outdoor Small",
        source: hub("depth-anything/Depth-Anything-V2-Metric-VKITTI-Small"),
        files: &[File::known(
            "depth_anything_v2_metric_vkitti_vits.pth",
            99_221_808,
            "9203e538d35255c90dda4b7fedb47ff33fe725497bcca3b1e53b3a65ee63f0cb",
        )],
        output: OUTDOOR,
        variant: Some("depth-anything-v2-metric-outdoor"),
        ..SMALL
    },
    Entry {
        name: "depth-anything-v2-metric-outdoor-base-original",
        title: "Depth Anything V2 Metric Outdoor Base",
        source: hub("depth-anything/Depth-Anything-V2-Metric-VKITTI-Base"),
        files: &[File::known(
            "depth_anything_v2_metric_vkitti_vitb.pth",
            389_964_656,
            "4dad67a7cc10b462bca48e6b8569c762b8eb3c1adada170a3851a6d3ba37bb3e",
        )],
        output: OUTDOOR,
        variant: Some("depth-anything-v2-metric-outdoor"),
        ..BASE_TUNED
    },
    Entry {
        name: "depth-anything-v2-metric-outdoor-large-original",
        title: "Depth Anything V2 Metric Outdoor Large",
        source: hub("depth-anything/Depth-Anything-V2-Metric-VKITTI-Large"),
        files: &[File::known(
            "depth_anything_v2_metric_vkitti_vitl.pth",
            1_341_401_064,
            "239b1054a369e66da2576e9a118d6d7c12d90dc8ebe609579a9a09cd8e05fe38",
        )],
        output: OUTDOOR,
        variant: Some("depth-anything-v2-metric-outdoor"),
        ..LARGE_TUNED
    },
];
