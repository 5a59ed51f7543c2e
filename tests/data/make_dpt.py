#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes toy DPT checkpoints and what transformers computes from them, stage by stage.

Usage: make_dpt.py [--full DIR]      (pip install torch transformers timm safetensors)

Without --full: tests/data/dpt/CASE/{config.json,preprocessor_config.json,model.safetensors} and
one golden-HxW.safetensors a size. With --full: checkpoints of the published shapes in DIR, each
with reference-HxW.safetensors (input and output only), for tests/parity.sh.

Every tensor is randomised: fresh transformers models have zero class tokens, position embeddings
and biases, and would prove nothing. Sizes other than the config's go through the model's parts,
since its neck takes square grids only.
"""
import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    BitConfig,
    DPTConfig,
    DPTForDepthEstimation,
    DPTForSemanticSegmentation,
    DPTImageProcessor,
)

VIT = dict(
    hidden_size=16, num_hidden_layers=5, num_attention_heads=2, intermediate_size=24,
    backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 12, 16, 20], fusion_hidden_size=8,
    image_size=32, patch_size=16, layer_norm_eps=1e-12,
)
BIT = dict(
    layer_type="bottleneck", global_padding="same", depths=[1, 2, 1], num_groups=4,
    embedding_size=8, hidden_sizes=[16, 24, 32], out_features=["stage1", "stage2", "stage3"],
    embedding_dynamic_padding=True,
)
TOYS = {
    "vit-project": (DPTForDepthEstimation, VIT | dict(readout_type="project")),
    "vit-add": (DPTForDepthEstimation, VIT | dict(readout_type="add")),
    "vit-ignore": (
        DPTForDepthEstimation,
        VIT | dict(readout_type="ignore", reassemble_factors=[4, 2, 1, 0.5], qkv_bias=False),
    ),
    "vit-segmentation": (
        DPTForSemanticSegmentation,
        VIT | dict(
            use_batch_norm_in_fusion_residual=True, num_labels=7, use_auxiliary_head=True,
        ),
    ),
    "hybrid": (
        DPTForDepthEstimation,
        VIT | dict(
            is_hybrid=True, backbone_config=BitConfig(**BIT), backbone_out_indices=[0, 1, 2, 3],
            backbone_featmap_shape=[1, 32, 2, 2], neck_hidden_sizes=[16, 24, 16, 20],
        ),
    ),
}
# Square as configured; not square with an odd grid.
TOY_SIZES = [(32, 32), (48, 32)]

LARGE = dict(
    hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
    backbone_out_indices=[5, 11, 17, 23], neck_hidden_sizes=[256, 512, 1024, 1024], image_size=384,
)
FULL = {
    "dpt-large": (DPTForDepthEstimation, LARGE, [(384, 384), (384, 672)]),
    "dpt-large-ade": (
        DPTForSemanticSegmentation,
        LARGE | dict(
            image_size=480, use_batch_norm_in_fusion_residual=True, num_labels=150,
            use_auxiliary_head=True,
        ),
        [(480, 480)],
    ),
    "dpt-hybrid-midas": (
        DPTForDepthEstimation,
        dict(
            is_hybrid=True, backbone_config=BitConfig(
                layer_type="bottleneck", global_padding="same", depths=[3, 4, 9],
                out_features=["stage1", "stage2", "stage3"], embedding_dynamic_padding=True,
            ),
            hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
            backbone_out_indices=[0, 1, 8, 11], neck_hidden_sizes=[256, 512, 768, 768],
            image_size=384,
        ),
        [(384, 384), (352, 608)],
    ),
}


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Random values everywhere, of a size that keeps activations of the order of one."""
    generator = torch.Generator().manual_seed(seed)

    def normal(shape):
        return torch.randn(shape, generator=generator)

    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        if name.endswith("running_var"):
            value = 0.5 + torch.rand(tensor.shape, generator=generator)
        elif name.endswith("running_mean") or name.endswith("bias"):
            value = 0.1 * normal(tensor.shape)
        elif "norm" in name:
            value = 1 + 0.2 * normal(tensor.shape)
        elif "token" in name or "position" in name:
            value = 0.5 * normal(tensor.shape)
        else:
            fan_in = tensor[0].numel()
            if "resize" in name and tensor.shape[-1] != 3:
                fan_in = tensor.shape[0]
            value = normal(tensor.shape) * (1.3 / fan_in**0.5)
        tensor.copy_(value)


def centre(model: torch.nn.Module, pixels: torch.Tensor) -> None:
    """Shifts the depth head's last bias so that a fifth of the map is cut off by its ReLU."""
    head = stages(model, pixels)["head"]
    model.head.head[4].bias -= head.flatten()[:100_000].quantile(0.2)


def stages(model, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Runs the model's own parts on a picture of any size and keeps what passes between them."""
    config, dpt, found = model.config, model.dpt, {}
    height, width = pixels.shape[2] // config.patch_size, pixels.shape[3] // config.patch_size
    if config.is_hybrid:
        embedded = dpt.embeddings(pixels, interpolate_pos_encoding=True)
    else:
        embedded = dpt.embeddings(pixels)
    hidden = found["embedding"] = embedded.last_hidden_states
    taps = list(embedded.intermediate_activations or [])
    wanted = config.backbone_out_indices[len(taps):]
    for index, layer in enumerate(dpt.encoder.layer):
        hidden = layer(hidden)
        if index in wanted:
            taps.append(hidden)
    for index, tap in enumerate(taps):
        found[f"tap.{index}"] = tap
    maps = model.neck.reassemble_stage(taps, height, width)
    for index, map_ in enumerate(maps):
        found[f"reassembled.{index}"] = map_
    levels = [conv(map_) for conv, map_ in zip(model.neck.convs, maps)]
    fused = model.neck.fusion_stage(levels)
    for index, map_ in enumerate(fused):
        found[f"fusion.{index}"] = map_
    before = {}
    if isinstance(model, DPTForSemanticSegmentation):
        logits = model.head(fused)
        found["head"] = logits
        found["labels"] = logits.argmax(dim=1).to(torch.uint8)
    else:
        handle = model.head.head[4].register_forward_hook(
            lambda module, args, output: before.__setitem__("head", output)
        )
        found["predicted_depth"] = model.head(fused)
        handle.remove()
        found["head"] = before["head"]
    return found


def build(folder: Path, kind, config: dict, seed: int):
    """A randomised model, saved to the folder as transformers saves it."""
    torch.manual_seed(seed)
    model = kind(DPTConfig(**config)).eval()
    side = config["image_size"]
    with torch.no_grad():
        randomise(model, seed)
        if kind is DPTForDepthEstimation:
            generator = torch.Generator().manual_seed(seed)
            centre(model, torch.rand((1, 3, side, side), generator=generator) * 2 - 1)
    model.save_pretrained(folder)
    DPTImageProcessor(size={"height": side, "width": side}).save_pretrained(folder)
    return model


def record(folder: Path, model, sizes, seed: int, every_stage: bool) -> None:
    """What the model computes from random pictures, one file a size."""
    folder.mkdir(exist_ok=True)
    for height, width in sizes:
        generator = torch.Generator().manual_seed(seed + height * 10000 + width)
        pixels = torch.rand((1, 3, height, width), generator=generator) * 2 - 1
        with torch.no_grad():
            found = stages(model, pixels)
            if height == width == model.config.image_size:
                whole = model(pixel_values=pixels)
                name = "head" if "labels" in found else "predicted_depth"
                expected = whole.logits if "labels" in found else whole.predicted_depth
                assert torch.equal(found[name], expected), "the parts differ from the whole"
        head = found["head"]
        assert head.std() > 0.05 * head.abs().max() > 0, "degenerate reference"
        if "predicted_depth" in found:
            positive = (found["predicted_depth"] > 0).float().mean().item()
            assert 0.3 < positive, f"degenerate reference: {positive:.2f} positive"
        if not every_stage:
            kept = ("predicted_depth", "labels", "head")
            found = {name: found[name] for name in kept if name in found}
        found["input"] = pixels
        kind_of_file = "golden" if every_stage else "reference"
        tensors = {name: tensor.contiguous().clone() for name, tensor in found.items()}
        save_file(tensors, folder / f"{kind_of_file}-{height}x{width}.safetensors")
        print(folder.name, (height, width), "head", head.min().item(), head.max().item())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", type=Path, help="write full-size checkpoints here instead")
    parser.add_argument("--only", help="one case")
    arguments = parser.parse_args()
    if arguments.full:
        for seed, (name, (kind, config, sizes)) in enumerate(FULL.items()):
            if arguments.only in (None, name):
                model = build(arguments.full / name, kind, config, seed)
                record(arguments.full / name, model, sizes, seed, every_stage=False)
        return
    here = Path(__file__).parent / "dpt"
    for seed, (name, (kind, config)) in enumerate(TOYS.items()):
        if arguments.only in (None, name):
            model = build(here / name, kind, config, seed)
            record(here / name, model, TOY_SIZES, seed, every_stage=True)
    if arguments.only in (None, "default"):
        shipped = Path(__file__).parents[2] / "models" / "dpt-tiny"
        model = DPTForDepthEstimation.from_pretrained(shipped, dtype=torch.float32).eval()
        record(here / "default", model, [(32, 64)], 0, every_stage=True)


if __name__ == "__main__":
    main()
