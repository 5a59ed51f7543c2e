# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Builds each family's network from its own repository, published or toy, and hooks its stages.

Toys replace the constructors' literals from outside (`override`); the code that runs is theirs.
"""
import os
import sys
import types
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

# Of a toy: neck channels, fusion width, labels.
NECK, WIDTH, LABELS = [8, 12, 16, 20], 8, 7
# Of the published networks that have no choice of their own.
LEVELS = {"vits": [48, 96, 192, 384], "vitb": [96, 192, 384, 768], "vitl": [256, 512, 1024, 1024]}
LEVELS["vitg"] = [1536] * 4
WIDTHS = {"vits": 64, "vitb": 128, "vitl": 256, "vitg": 384}


@dataclass
class Network:
    """A network, what runs it, and where its stages are found."""

    model: nn.Module
    run: object
    # (stage, its convolution, the convolution's name, spread to give it, share cut off by ReLU)
    heads: list
    is_segmentation: bool = False
    may_be_zero: bool = True
    found: dict = field(default_factory=dict)
    save: object = None

    def __post_init__(self):
        self.save = self.save or save_state_dict

    def output(self, module: nn.Module, name: str, pick=lambda output: output) -> None:
        module.register_forward_hook(lambda _, args, output: self.keep(name, pick(output)))

    def input(self, module: nn.Module, name: str) -> None:
        module.register_forward_pre_hook(lambda _, args: self.keep(name, args[0]))

    def keep(self, name: str, tensor: torch.Tensor) -> None:
        """A name that ends with a dot gets the number of the call."""
        if name.endswith("."):
            name += str(sum(key.startswith(name) for key in self.found))
        # Copied, since the ReLU behind may work in place.
        self.found[name] = tensor.clone()

    def watch_neck(self, scratch: nn.Module, head: nn.Module) -> None:
        for index in range(4):
            self.input(getattr(scratch, f"layer{index + 1}_rn"), f"reassembled.{index}")
            self.output(getattr(scratch, f"refinenet{4 - index}"), f"fusion.{index}")
        if not self.is_segmentation:
            self.output(head, "head")


def save_state_dict(folder: Path, saved: dict, name: str) -> None:
    torch.save(saved, folder / name)


def override(function, **fixed):
    """The function with some of its keyword arguments fixed, whatever the caller says."""
    return lambda *args, **kwargs: function(*args, **{**kwargs, **fixed})


def path(folder: Path) -> None:
    assert folder.is_dir(), f"no {folder}: see the usage"
    sys.path.insert(0, str(folder))


# isl-org/DPT and isl-org/MiDaS


def toy_vit(dim, name, pretrained=False):
    from timm.models.vision_transformer import VisionTransformer

    common = dict(embed_dim=dim, depth=12, num_heads=dim // 64, mlp_ratio=1, num_classes=4)
    if name != "vit_base_resnet50_384":
        return VisionTransformer(img_size=32, patch_size=16, **common)
    from timm.models.layers import StdConv2dSame
    from timm.models.resnetv2 import ResNetV2

    stem = ResNetV2(
        layers=(2, 1, 2), channels=(128, 128, 128), stem_chs=32, num_classes=0, global_pool="",
        preact=False, stem_type="same", conv_layer=StdConv2dSame,
    )
    return VisionTransformer(img_size=32, hybrid_backbone=stem, **common)


def toy_beit(dim, name, pretrained=False):
    from timm.models.beit import Beit

    return Beit(
        img_size=48, patch_size=16, embed_dim=dim, depth=12, num_heads=dim // 64, mlp_ratio=1,
        num_classes=4, qkv_bias=True, use_abs_pos_emb=False, use_rel_pos_bias=True,
        init_values=1e-5,
    )


def toy_swin2(dim, name, pretrained=False):
    from timm.models.swin_transformer_v2 import SwinTransformerV2

    model = SwinTransformerV2(
        img_size=64, window_size=4, embed_dim=dim, depths=(2, 2, 6, 2), num_heads=(1, 2, 4, 8),
        mlp_ratio=1, num_classes=4,
    )
    # The base and large networks' grids follow from their picture, the tiny one's is a literal.
    model.patch_grid = (16, 16)
    return model


def toy_scratch(module, channels) -> None:
    make = module._make_scratch
    module._make_scratch = lambda _, width, **kwargs: make(channels, width, **kwargs)


def isl(repos: Path, dim: int, backbone: str, labels: int = 0, spread=3.0, **wrapper) -> Network:
    """run_monodepth.py's and run_segmentation.py's networks."""
    path(repos / "DPT")
    import dpt.blocks
    import dpt.models
    import dpt.vit
    import timm

    wrapper["backbone"] = backbone
    is_hybrid = "rn50" in backbone
    if dim:
        timm.create_model = partial(toy_vit, dim)
        channels = [128, 128, *NECK[2:]] if is_hybrid else NECK
        maker = "_make_vit_b_rn50_backbone" if is_hybrid else "_make_vit_b16_backbone"
        made = override(getattr(dpt.vit, maker), features=channels, vit_features=dim)
        setattr(dpt.vit, maker, made)
        toy_scratch(dpt.blocks, channels)
        wrapper["features"] = WIDTH
    if labels:
        model = dpt.models.DPTSegmentationModel(LABELS if dim else labels, **wrapper)
        heads = []
    else:
        model = dpt.models.DPTDepthModel(non_negative=True, **wrapper)
        heads = [("head", model.scratch.output_conv[4], "scratch.output_conv.4", spread, 0.2)]
    network = Network(model, model, heads, is_segmentation=bool(labels))
    network.may_be_zero = not wrapper.get("invert", False)
    return watch_timm(network, hybrid=is_hybrid)


def watch_timm(network: Network, hybrid: bool) -> Network:
    model, pretrained = network.model, network.model.pretrained
    network.input(pretrained.model.blocks[0], "embedding")
    last = len(pretrained.model.blocks)
    hooks = [8, 11] if hybrid else {12: [2, 5, 8, 11], 24: [5, 11, 17, 23]}[last]
    stages = list(pretrained.model.patch_embed.backbone.stages)[:2] if hybrid else []
    for index, tapped in enumerate([*stages, *(pretrained.model.blocks[hook] for hook in hooks)]):
        network.output(tapped, f"tap.{index}")
    network.watch_neck(model.scratch, model.scratch.output_conv[4])
    return network


def midas(repos: Path, dim: int, backbone: str) -> Network:
    """model_loader.py's networks."""
    path(repos / "MiDaS")
    import midas.backbones.beit
    import midas.backbones.swin2
    import midas.blocks
    import midas.dpt_depth
    import timm

    options = dict(backbone=backbone, non_negative=True)
    if dim:
        toy, channels = (toy_beit, NECK) if "beit" in backbone else (toy_swin2, [dim, 2 * dim, 4 * dim, 8 * dim])
        timm.create_model = partial(toy, dim)
        beit = midas.backbones.beit
        beit.make_backbone_default = lambda model, _features, size, hooks, _width, *rest: (
            midas.backbones.utils.make_backbone_default(model, NECK, size, hooks, dim, *rest)
        )
        toy_scratch(midas.blocks, channels)
        options["features"] = WIDTH
    model = midas.dpt_depth.DPTDepthModel(**options)
    heads = [("head", model.scratch.output_conv[4], "scratch.output_conv.4", 1000.0, 0.2)]
    network = Network(model, model, heads)
    if "swin" not in backbone:
        return watch_timm(network, hybrid="rn50" in backbone)
    network.input(model.pretrained.model.layers[0].blocks[0], "embedding")
    for index in range(4):
        network.output(getattr(model.pretrained, f"act_postprocess{index + 1}"), f"tap.{index}")
    network.watch_neck(model.scratch, model.scratch.output_conv[4])
    return network


# Depth Anything 1, 2 and 3


def toy_dinov2(kind, dim, depth=12, **options):
    return kind(
        img_size=42, patch_size=14, embed_dim=dim, depth=depth, num_heads=dim // 64, mlp_ratio=1,
        init_values=1.0, block_chunks=0, **options,
    )


def anything(repos: Path, dim: int, version: str, encoder: str, max_depth=None) -> Network:
    """Depth Anything 1 and 2; with `max_depth`, the networks of 2's folder metric_depth."""
    options = dict(features=WIDTHS[encoder], out_channels=LEVELS[encoder])
    if dim:
        options = dict(features=WIDTH, out_channels=NECK)
    if version == "v1":
        path(repos / "Depth-Anything")
        # It names its copy of DINOv2 relative to itself.
        os.chdir(repos / "Depth-Anything")
        from depth_anything.dpt import DPT_DINOv2

        if dim:
            path(repos / "Depth-Anything/torchhub/facebookresearch_dinov2_main")
            import vision_transformer

            torch.hub.load = lambda *args, **kwargs: toy_dinov2(
                vision_transformer.DinoVisionTransformer, dim
            )
        model = DPT_DINOv2(encoder, **options)
    else:
        path(repos / "Depth-Anything-V2" / ("metric_depth" if max_depth else ""))
        import depth_anything_v2.dinov2
        import depth_anything_v2.dpt

        if dim:
            kind = depth_anything_v2.dinov2.DinoVisionTransformer
            giant = dict(depth=40, ffn_layer="swiglufused") if encoder == "vitg" else {}
            depth_anything_v2.dpt.DINOv2 = lambda model_name: toy_dinov2(kind, dim, **giant)
        if max_depth:
            options["max_depth"] = max_depth
        model = depth_anything_v2.dpt.DepthAnythingV2(encoder, **options)
    scratch = model.depth_head.scratch
    spread, cut = (1.5, 0.5) if max_depth else (2.0, 0.2)
    name = "depth_head.scratch.output_conv2.2"
    network = Network(model, model, [("head", scratch.output_conv2[2], name, spread, cut)])
    network.may_be_zero = not max_depth
    return watch_dinov2(network, model.pretrained, scratch)


def watch_dinov2(network: Network, pretrained: nn.Module, scratch: nn.Module) -> Network:
    network.input(pretrained.blocks[0], "embedding")
    # Called once a tap; Depth Anything 3 has a dimension for views.
    network.output(pretrained.norm, "tap.", lambda tokens: tokens.flatten(0, -3))
    network.watch_neck(scratch, scratch.output_conv2[2])
    return network


def anything3(repos: Path, dim: int, preset: str) -> Network:
    """DA3MONO-LARGE and DA3METRIC-LARGE: depth as the head gives it, before the sky is filled."""
    path(repos / "Depth-Anything-3/src")
    # What only reads pictures, aligns poses and exports needs a dozen packages: not loaded.
    for name, item in (
        ("export", "export"),
        ("pose_align", "align_poses_umeyama"),
        ("io.input_processor", "InputProcessor"),
        ("io.output_processor", "OutputProcessor"),
    ):
        module = types.ModuleType(f"depth_anything_3.utils.{name}")
        setattr(module, item, object)
        sys.modules[module.__name__] = module
    import depth_anything_3.api as api
    import depth_anything_3.model.dinov2.dinov2 as dinov2

    if dim:
        kind = sys.modules["depth_anything_3.model.dinov2.vision_transformer"].DinoVisionTransformer
        dinov2.vit_large = override(
            kind, img_size=42, embed_dim=dim, depth=4, num_heads=dim // 64, mlp_ratio=1
        )
        load = api.load_config

        def toy_config(file):
            config = load(file)
            config.net.out_layers = [0, 1, 2, 3]
            config.head.update(dim_in=dim, features=WIDTH, out_channels=NECK)
            toy_config.written = config
            return config

        api.load_config = toy_config
    model = api.DepthAnything3(model_name=preset)
    pretrained, head = model.model.backbone.pretrained, model.model.head
    scratch = head.scratch
    prefix = "model.head.scratch"
    heads = [("head", scratch.output_conv2[2], f"{prefix}.output_conv2.2", 0.7, 0.5)]
    sky = ("sky", scratch.sky_output_conv2[2], f"{prefix}.sky_output_conv2.2", 0.5, 0.3)

    def run(pixels):
        model.model(pixels[None])
        return network.found.pop("depth")

    def save(folder, saved, name):
        # save_pretrained writes the config; toys have half floats, which it does not know of.
        model.save_pretrained(folder)
        if dim:
            import json

            from omegaconf import OmegaConf
            from safetensors.torch import save_file

            # With four blocks a toy has to say where it is tapped.
            config = {"model_name": preset, "config": OmegaConf.to_container(toy_config.written)}
            (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
            save_file({key: value.contiguous().clone() for key, value in saved.items()}, folder / name)

    network = Network(model, run, [*heads, sky], may_be_zero=False, save=save)
    network.output(head, "depth", lambda output: output.depth.flatten(0, 1))
    network.output(head, "sky", lambda output: output.sky.flatten(0, 1))
    return watch_dinov2(network, pretrained, scratch)


# facebookresearch/dinov2


def depther(repos: Path, dim: int, arch: str, weights: str, max_depth: float) -> Network:
    """DINOv2 with its DPT head: metres, limited, before the resize to the picture."""
    path(repos / "dinov2")
    os.environ["XFORMERS_DISABLED"] = "1"
    import dinov2.hub.depthers as depthers
    from dinov2.models import vision_transformer

    if dim:
        toy = partial(toy_dinov2, vision_transformer.DinoVisionTransformer, dim)
        depthers._make_dinov2_model = lambda **kwargs: toy()
        depthers.DPTHead = override(
            depthers.DPTHead, channels=WIDTH, post_process_channels=NECK
        )
    ffn = {"ffn_layer": "swiglufused"} if arch == "vit_giant2" and not dim else {}
    # Without weights their range would be NYU's, whatever is asked for.
    model = depthers._make_dinov2_dpt_depther(
        arch_name=arch, pretrained=False, weights=weights, depth_range=(0.001, max_depth), **ffn
    )
    backbone, head = model.backbone, model.decode_head
    last = head.conv_depth.head[4]
    name = "decode_head.conv_depth.head.4"

    def save(folder, saved, name):
        parts = {"backbone.": {}, "decode_head.": {}}
        for key, value in saved.items():
            part = key.partition(".")[0] + "."
            parts[part][key.removeprefix("backbone.")] = value
        torch.save(parts["backbone."], folder / f"{name.split('14')[0]}14_pretrain.pth")
        torch.save({"state_dict": parts["decode_head."]}, folder / name)

    def run(pixels):
        return model.encode_decode(pixels, None, rescale=False)[:, 0]

    network = Network(model, run, [("head", last, name, 0.4 * max_depth, 0.2)], save=save)
    network.may_be_zero = False
    network.input(backbone.blocks[0], "embedding")
    blocks = {12: [2, 5, 8, 11], 24: [4, 11, 17, 23], 40: [9, 19, 29, 39]}[len(backbone.blocks)]
    for index, block in enumerate(blocks):
        network.output(backbone.blocks[block], f"tap.{index}")
    for index in range(4):
        network.input(head.convs[index], f"reassembled.{index}")
        network.output(head.fusion_blocks[index], f"fusion.{index}")
    network.output(last, "head")
    return network


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
