# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""The committed cases: five blocks, and every branch of the published families."""
from . import families as make

SIZES = [(32, 32), (48, 32)]  # square as configured; not square, with an odd grid
VIT = dict(
    hidden_size=16, num_hidden_layers=5, num_attention_heads=2, intermediate_size=24,
    backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 12, 16, 20], fusion_hidden_size=8,
    image_size=32, patch_size=16, layer_norm_eps=1e-12,
)
HYBRID = make.hybrid(
    VIT | dict(backbone_featmap_shape=[1, 32, 2, 2], neck_hidden_sizes=[16, 24, 16, 20]),
    dict(depths=[1, 2, 1], num_groups=4, embedding_size=8, hidden_sizes=[16, 24, 32]),
)

SIZES_14 = [(42, 42), (42, 70)]
DINOV2 = dict(
    hidden_size=16, num_hidden_layers=5, num_attention_heads=2, mlp_ratio=2, image_size=42
)
NECK = [4, 6, 8, 12]

SIZES_16 = [(48, 48), (48, 80)]
BEIT = dict(
    hidden_size=16, num_hidden_layers=5, num_attention_heads=2, intermediate_size=24, image_size=48
)

# Four windows a side in the first stage, two in the second, one in the others (the last one
# smaller), as in the published ones.
SWINV2 = dict(
    image_size=64, embed_dim=4, depths=[2, 2, 1, 1], num_heads=[1, 1, 2, 2], window_size=4,
    mlp_ratio=2.0,
)

ZOEDEPTH = dict(
    taps=[1, 2, 4, 5], bins=4, picture=(48, 64, 16), sizes=[(48, 48), (48, 64)], half=True,
    features=dict(
        neck_hidden_sizes=NECK, fusion_hidden_size=6, bottleneck_features=6,
        num_relative_features=4, bin_embedding_dim=6, num_attractors=[5, 4, 3, 2],
    ),
)


def depth_anything(taps, **options) -> make.Case:
    options = dict(neck=NECK, fusion=6, sizes=SIZES_14, head=4, half=True) | options
    dinov2 = DINOV2 | options.pop("dinov2", {})
    return make.depth_anything(dinov2, taps, **options)


CASES = {
    "vit-project": make.classic(VIT | dict(readout_type="project"), SIZES),
    "vit-add": make.classic(VIT | dict(readout_type="add"), SIZES),
    "vit-ignore": make.classic(
        VIT | dict(readout_type="ignore", reassemble_factors=[4, 2, 1, 0.5], qkv_bias=False), SIZES
    ),
    "vit-segmentation": make.segmentation(VIT, 7, SIZES),
    "hybrid": make.classic(HYBRID, SIZES),
    "hybrid-segmentation": make.segmentation(HYBRID, 7, SIZES, half=True),
    "depth-anything-v1": depth_anything([2, 3, 4, 5]),
    "depth-anything-v2": depth_anything([1, 2, 4, 5]),
    "depth-anything-v2-metric": depth_anything([1, 2, 4, 5], metric=20),
    "depth-anything-v2-giant": depth_anything(
        [1, 2, 4, 5], dinov2=dict(use_swiglu_ffn=True), neck=[12] * 4
    ),
    "dpt-dinov2": make.dpt_dinov2(DINOV2, [1, 2, 4, 5], [2, 4, 8, 16], 6, SIZES_14, half=True),
    "dpt-beit": make.dpt_beit(BEIT, [1, 2, 4, 5], NECK, 6, SIZES_16, half=True),
    # Twice the side keeps whole windows in every stage.
    "dpt-swinv2": make.dpt_swinv2(SWINV2, 4, [(64, 64), (128, 128)], half=True),
    "dpt-swinv2-pretrained": make.dpt_swinv2(
        SWINV2 | dict(pretrained_window_sizes=[3, 3, 3, 2]), 4, [(64, 64)], half=True
    ),
    "zoedepth-nyu": make.zoedepth(BEIT, heads=["nyu"], **ZOEDEPTH),
    "zoedepth-kitti": make.zoedepth(BEIT, heads=["kitti"], **ZOEDEPTH),
    "zoedepth-nyu-kitti": make.zoedepth(
        BEIT, heads=["nyu", "kitti"],
        router=dict(hidden_size=16, intermediate_size=24), **ZOEDEPTH,
    ),
}
