# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Depth Anything 1, 2 and 3, and DINOv2's own depth heads. Toys as in isl_midas.py."""
import json
import os
import sys
import types
from functools import partial
from pathlib import Path

import torch
from network import NECK, WIDTH, Network, override, path
from safetensors.torch import save_file
from torch import nn

LEVELS = {
    "vits": [48, 96, 192, 384], "vitb": [96, 192, 384, 768], "vitl": [256, 512, 1024, 1024],
    "vitg": [1536] * 4,
}
WIDTHS = {"vits": 64, "vitb": 128, "vitl": 256, "vitg": 384}


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
            from omegaconf import OmegaConf

            # With four blocks a toy has to say where it is tapped.
            config = {"model_name": preset, "config": OmegaConf.to_container(toy_config.written)}
            (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
            save_file({key: value.contiguous().clone() for key, value in saved.items()}, folder / name)

    network = Network(model, run, [*heads, sky], may_be_zero=False, save=save)
    network.output(head, "depth", lambda output: output.depth.flatten(0, 1))
    network.output(head, "sky", lambda output: output.sky.flatten(0, 1))
    return watch_dinov2(network, pretrained, scratch)


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
