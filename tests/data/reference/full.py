# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""The published shapes, under the names their checkpoints have on the hub."""
from . import families as make

WIDTHS = [256, 512, 1024, 1024]
LARGE = dict(
    hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
    backbone_out_indices=[5, 11, 17, 23], neck_hidden_sizes=WIDTHS, image_size=384,
)
HYBRID = make.hybrid(
    dict(
        hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
        backbone_out_indices=[0, 1, 8, 11], neck_hidden_sizes=[256, 512, 768, 768], image_size=384,
    ),
    dict(depths=[3, 4, 9]),
)

# hidden size, blocks, heads, taps, channels of the Depth Anything neck and fusion
DINOV2 = {
    "small": (384, 12, 6, [3, 6, 9, 12], [48, 96, 192, 384], 64),
    "base": (768, 12, 12, [3, 6, 9, 12], [96, 192, 384, 768], 128),
    "large": (1024, 24, 16, [5, 12, 18, 24], WIDTHS, 256),
    "giant": (1536, 40, 24, [10, 20, 30, 40], [1536] * 4, 384),
}
SIZES_14 = [(518, 518), (392, 686)]  # grids of 37x37 and 28x49
SIZES_16 = [(384, 384), (400, 624)]  # grids of 24x24 and 25x39

BEIT_LARGE = dict(
    hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
    image_size=384,
)
TAPS_LARGE = [6, 12, 18, 24]
SWINV2 = dict(
    image_size=384, depths=[2, 2, 18, 2], window_size=24, pretrained_window_sizes=[12, 12, 12, 6]
)
ZOEDEPTH = dict(
    config=BEIT_LARGE, taps=TAPS_LARGE, features=dict(neck_hidden_sizes=WIDTHS),
    sizes=[(384, 512), (400, 624)],
)


def dinov2(size: str) -> dict:
    hidden, blocks, heads, *_ = DINOV2[size]
    return dict(
        hidden_size=hidden, num_hidden_layers=blocks, num_attention_heads=heads, image_size=518,
        use_swiglu_ffn=size == "giant",
    )


def depth_anything(size: str, version: int = 2, metric: int | None = None) -> make.Case:
    _, blocks, _, taps, neck, fusion = DINOV2[size]
    if version == 1:
        taps = list(range(blocks - 3, blocks + 1))
    return make.depth_anything(dinov2(size), taps, neck, fusion, SIZES_14, metric)


def dpt_dinov2(size: str) -> make.Case:
    hidden, _, _, taps, *_ = DINOV2[size]
    neck = [hidden // 8, hidden // 4, hidden // 2, hidden]
    return make.dpt_dinov2(
        dinov2(size), taps, neck, 256, [(518, 518), (490, 644)], pickled=True
    )


CASES = {
    "dpt-large": make.classic(LARGE, SIZES_16),
    "dpt-large-ade": make.segmentation(
        LARGE | dict(image_size=480), 150, [(480, 480), (464, 688)], pickled=True
    ),
    "dpt-hybrid-midas": make.classic(HYBRID, [(384, 384), (368, 624)], pickled=True),
    # On the hub in the original format only.
    "dpt-hybrid-ade": make.segmentation(HYBRID, 150, [(384, 384), (368, 624)]),
    **{
        f"depth-anything-{size}-hf": depth_anything(size, version=1)
        for size in ("small", "base", "large")
    },
    **{
        f"depth-anything-v2-{size}-hf": depth_anything(size)
        for size in ("small", "base", "large", "giant")
    },
    **{
        f"depth-anything-v2-metric-{place}-{size}-hf": depth_anything(size, metric=metric)
        for place, metric in (("indoor", 20), ("outdoor", 80))
        for size in ("small", "base", "large")
    },
    **{f"distill-any-depth-{size}-hf": depth_anything(size) for size in ("small", "large")},
    # The -nyu and -kitti ones differ in their weights only.
    **{f"dpt-dinov2-{size}-nyu": dpt_dinov2(size) for size in DINOV2},
    "dpt-dinov2-small-kitti": dpt_dinov2("small"),
    "dpt-beit-base-384": make.dpt_beit(
        dict(image_size=384), [3, 6, 9, 12], [96, 192, 384, 768], 256, SIZES_16
    ),
    "dpt-beit-large-384": make.dpt_beit(BEIT_LARGE, TAPS_LARGE, WIDTHS, 256, SIZES_16),
    "dpt-beit-large-512": make.dpt_beit(
        BEIT_LARGE | dict(image_size=512), TAPS_LARGE, WIDTHS, 256, [(512, 512), (528, 688)]
    ),
    # Square, as published; twice the side keeps whole windows in every stage.
    "dpt-swinv2-tiny-256": make.dpt_swinv2(
        dict(
            image_size=256, embed_dim=96, depths=[2, 2, 6, 2], num_heads=[3, 6, 12, 24],
            window_size=16,
        ),
        256, [(256, 256), (512, 512)],
    ),
    "dpt-swinv2-base-384": make.dpt_swinv2(
        SWINV2 | dict(embed_dim=128, num_heads=[4, 8, 16, 32]), 256, [(384, 384), (768, 768)]
    ),
    "dpt-swinv2-large-384": make.dpt_swinv2(
        SWINV2 | dict(embed_dim=192, num_heads=[6, 12, 24, 48]), 256, [(384, 384), (768, 768)]
    ),
    "zoedepth-nyu": make.zoedepth(heads=["nyu"], **ZOEDEPTH),
    "zoedepth-kitti": make.zoedepth(heads=["kitti"], **ZOEDEPTH),
    "zoedepth-nyu-kitti": make.zoedepth(heads=["nyu", "kitti"], **ZOEDEPTH),
}
# transformers' own ways with odd grids are kept: classic DPT doubles the rounded-up side and
# resizes the finer map to it, so its picture is then larger than its input.
