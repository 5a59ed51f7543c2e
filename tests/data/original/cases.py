# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Which checkpoints are made: the published ones and toys of each kind."""
from dataclasses import dataclass, replace

from dino import anything, anything3, depther
from isl_midas import isl, midas


@dataclass
class Case:
    """A checkpoint: how it is built, its authors' name for it, and the sizes to run."""

    build: object
    weights: str
    sizes: list
    timm: str | None = None
    arguments: str = ""
    checkpoint: str = ""
    # Of a toy's tokens; heads have 64 each.
    dim: int = 0

    def __post_init__(self):
        self.checkpoint = self.checkpoint or self.weights


def build(family, *args, **options):
    return lambda repos, dim: family(repos, dim, *args, **options)


NYU = dict(spread=1500.0, scale=0.000305, shift=0.1378, invert=True)
KITTI = dict(spread=1500.0, scale=0.00006016, shift=0.00579, invert=True)
V1 = "--variant depth-anything-v1"
# Square as trained, not square, and, where it is not refused, an odd grid.
ISL = [(384, 384), (384, 672)]
ADE = [(480, 480), (480, 640)]
MIDAS = [(384, 384), (384, 672), (400, 304)]
META = [(518, 518), (518, 686), (392, 518)]
old, new = dict(timm="0.4.5"), dict(timm="0.6.13")
CASES = {
    "isl-large": Case(build(isl, "vitl16_384"), "dpt_large-midas-2f21e586.pt", ISL, **old),
    "isl-hybrid": Case(build(isl, "vitb_rn50_384"), "dpt_hybrid-midas-501f0c75.pt", ISL, **old),
    "isl-base": Case(build(isl, "vitb16_384"), "dpt_base.pt", ISL, **old),
    "isl-hybrid-nyu": Case(
        build(isl, "vitb_rn50_384", **NYU), "dpt_hybrid_nyu-2ce69ec7.pt",
        [(384, 384), (480, 640)], **old,
    ),
    "isl-hybrid-kitti": Case(
        build(isl, "vitb_rn50_384", **KITTI), "dpt_hybrid_kitti-cb926ef4.pt",
        [(384, 384), (352, 1216)], **old,
    ),
    "isl-large-ade": Case(
        build(isl, "vitl16_384", labels=150), "dpt_large-ade20k-b12dca68.pt", ADE, **old
    ),
    "isl-hybrid-ade": Case(
        build(isl, "vitb_rn50_384", labels=150), "dpt_hybrid-ade20k-53898607.pt", ADE, **old
    ),
}
for _name, _backbone, _sizes in (
    ("beit_large_512", "beitl16_512", [(512, 512), (384, 672), (400, 304)]),
    ("beit_large_384", "beitl16_384", MIDAS),
    ("beit_base_384", "beitb16_384", MIDAS),
    ("swin2_large_384", "swin2l24_384", [(384, 384)]),
    ("swin2_base_384", "swin2b24_384", [(384, 384)]),
    ("swin2_tiny_256", "swin2t16_256", [(256, 256)]),
    ("large_384", "vitl16_384", MIDAS),
    ("hybrid_384", "vitb_rn50_384", MIDAS),
):
    CASES[f"midas-{_name.replace('_', '-')}"] = Case(
        build(midas, _backbone), f"dpt_{_name}.pt", _sizes, **new
    )
for _encoder in ("vits", "vitb", "vitl"):
    CASES[f"anything-v1-{_encoder}"] = Case(
        build(anything, "v1", _encoder), f"depth_anything_{_encoder}14.pth", META, arguments=V1
    )
for _encoder in ("vits", "vitb", "vitl", "vitg"):
    CASES[f"anything-v2-{_encoder}"] = Case(
        build(anything, "v2", _encoder), f"depth_anything_v2_{_encoder}.pth", META
    )
    for _set, _max in (("hypersim", 20.0), ("vkitti", 80.0)):
        if _encoder != "vitg":
            CASES[f"anything-v2-{_set}-{_encoder}"] = Case(
                build(anything, "v2", _encoder, _max),
                f"depth_anything_v2_metric_{_set}_{_encoder}.pth", META,
            )
for _preset in ("da3mono-large", "da3metric-large"):
    CASES[_preset] = Case(
        build(anything3, _preset), "model.safetensors", [(518, 518), (504, 378), (280, 504)],
        checkpoint=".",
    )
for _arch in ("vit_small", "vit_base", "vit_large", "vit_giant2"):
    _short = _arch.replace("_", "")[:4]
    for _set, _max in (("nyu", 10.0), ("kitti", 80.0)):
        CASES[f"dinov2-{_short}-{_set}"] = Case(
            build(depther, _arch, _set.upper(), _max), f"dinov2_{_short}14_{_set}_dpt_head.pth",
            [(518, 518), (490, 644), (350, 1218)],
        )


def toy(name: str, sizes, dim=128, **changes) -> Case:
    return replace(CASES[name], sizes=sizes, dim=dim, **changes)


_16, _14 = [(32, 32), (64, 32)], [(42, 42), (28, 70)]
TOYS = {
    "isl-vit": toy("isl-base", _16),
    "isl-vit-ade": toy(
        "isl-large-ade", _16, dim=64, build=build(isl, "vitb16_384", labels=150)
    ),
    "isl-hybrid": toy("isl-hybrid", [(32, 32), (32, 64)]),
    "isl-hybrid-nyu": toy("isl-hybrid-nyu", [(32, 64)], dim=64),
    "midas-beit": toy("midas-beit-base-384", [(48, 48), (32, 80)]),
    "midas-swin2": toy("midas-swin2-tiny-256", [(64, 64)], dim=16),
    "anything-v1": toy("anything-v1-vits", _14, dim=64),
    "anything-v2": toy("anything-v2-vits", _14),
    "anything-v2-metric": toy("anything-v2-hypersim-vits", _14, dim=64),
    "anything-v2-giant": toy("anything-v2-vitg", [(28, 70)], dim=64),
    "da3mono": toy("da3mono-large", _14, dim=64),
    "dinov2-nyu": toy("dinov2-vits-nyu", _14, dim=64),
}
