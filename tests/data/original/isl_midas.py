# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""isl-org/DPT and isl-org/MiDaS.

Toys replace the constructors' literals from outside; the code that runs is theirs.
"""
from functools import partial
from pathlib import Path

from network import LABELS, NECK, WIDTH, Network, override, path


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
