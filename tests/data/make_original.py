#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes checkpoints in the authors' own files and what the authors' own code computes from them.

Usage: make_original.py --list
       make_original.py --repos DIR [--full OUT] [--only NAME]

DIR holds checkouts of isl-org/DPT, isl-org/MiDaS, LiheYoung/Depth-Anything,
DepthAnything/Depth-Anything-V2, facebookresearch/dinov2 and ByteDance-Seed/Depth-Anything-3, named
like the repositories. Nothing is downloaded. Needed packages: torch torchvision opencv-python
safetensors huggingface_hub einops addict omegaconf, and two old timm beside each other in --timm:
  pip install --no-deps --target TIMM/timm-0.4.5 timm==0.4.5      (what isl-org/DPT pins)
  pip install --no-deps --target TIMM/timm-0.6.13 timm==0.6.13    (MiDaS pins 0.6.12, which does not
      load on Python 3.11; 0.6.13 differs from it in maxxvit.py only)

Without --full: tests/data/original/CASE/ with a toy checkpoint and golden-HxW.safetensors, every
stage. Toys have the published number of blocks, since bare .pt files tell nothing but shapes; their
large tensors are overlapping windows of one storage, which keeps the files small. With --full:
OUT/CASE/ with the published shapes and reference-HxW.safetensors. `checkpoint` is the file to open,
`arguments` what must be said beside it. Every tensor is random; `centre` explains the last one.
"""
import argparse
import subprocess
import sys
import zlib
from pathlib import Path

import torch
from safetensors.torch import save_file

# No caches beside the cases.
sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent / "original"))
from cases import CASES, TOYS  # noqa: E402
from network import Network  # noqa: E402

# Standard deviation of the large weights of toys; their fan-ins are all near 128.
POOL_STD = 0.1


class Noise:
    """Random tensors, of a size that keeps activations of the order of one."""

    def __init__(self, seed: int, largest: int, is_toy: bool):
        self.generator = torch.Generator().manual_seed(seed)
        self.is_toy = is_toy
        self.pool = (self.normal([largest + 997]) * POOL_STD).half() if is_toy else None

    def normal(self, shape) -> torch.Tensor:
        return torch.randn(shape, generator=self.generator)

    def uniform(self, shape) -> torch.Tensor:
        return torch.rand(shape, generator=self.generator)

    def tensor(self, name: str, like: torch.Tensor) -> torch.Tensor:
        """What the file holds under this name: half floats in toys."""
        leaf = name.rsplit(".", 1)[-1]
        if not like.is_floating_point() or leaf in ("attn_mask", "k_bias"):
            return like.clone()
        if leaf == "running_var":
            value = 0.5 + self.uniform(like.shape)
        elif leaf == "logit_scale":
            # Some above the clamp at ln 100.
            value = 1 + 4 * self.uniform(like.shape)
        elif leaf == "relative_position_bias_table" or "token" in leaf or "pos_embed" in leaf:
            value = 0.5 * self.normal(like.shape)
        elif leaf.startswith("gamma") or (like.dim() == 1 and leaf == "weight"):
            value = 1 + 0.2 * self.normal(like.shape)
            value = value * (0.5 if leaf.startswith("gamma") else 1)
        elif like.dim() == 1:
            value = 0.1 * self.normal(like.shape)
        elif self.is_toy and like.numel() > 2048:
            slack = len(self.pool) - like.numel()
            start = int(torch.randint(slack, (), generator=self.generator))
            return self.pool[start : start + like.numel()].view(like.shape)
        else:
            # A transposed convolution that does not overlap sums over its input channels only.
            spread = like.shape[0] if like.dim() == 4 and like.shape[2] in (2, 4) else like[0].numel()
            value = self.normal(like.shape) * (1.3 / spread**0.5)
        return value.half() if self.is_toy else value


def randomise(network: Network, seed: int, is_toy: bool) -> dict[str, torch.Tensor]:
    """Random values everywhere; returns what is to be saved."""
    state = network.model.state_dict()
    noise = Noise(seed, max(tensor.numel() for tensor in state.values()), is_toy)
    saved = {}
    for name, tensor in state.items():
        value = noise.tensor(name, tensor)
        tensor.copy_(value)
        # Full tensors are the model's own: no second copy of giants.
        saved[name] = value if is_toy else tensor
    return saved


def compute(network: Network, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
    """Runs the network; its hooks fill `found`."""
    network.found.clear()
    with torch.no_grad():
        result = network.run(pixels)
    found = dict(network.found)
    if network.is_segmentation:
        found["head"] = result
        found["labels"] = result.argmax(dim=1).to(torch.uint8)
    else:
        found["predicted_depth"] = result
    return found


def picture(size: tuple[int, int], seed: int) -> torch.Tensor:
    height, width = size
    generator = torch.Generator().manual_seed(seed + height * 10000 + width)
    return torch.rand((1, 3, height, width), generator=generator) * 2 - 1


def centre(network: Network, saved: dict, pictures: list[torch.Tensor]) -> None:
    """Gives each head's output the spread of published ones and lets ReLU cut off a part of it."""
    runs = [compute(network, pixels) for pixels in pictures]
    for output, conv, name, spread, cut in network.heads:
        values = torch.cat([found[output].flatten() for found in runs])[:1_000_000]
        factor = spread / values.std()
        conv.weight.mul_(factor)
        conv.bias.mul_(factor).sub_((values * factor).quantile(cut))
        for leaf, parameter in (("weight", conv.weight), ("bias", conv.bias)):
            key = f"{name}.{leaf}"
            assert key in saved, key
            if saved[key].dtype == torch.float16:
                saved[key] = parameter.half()
            parameter.copy_(saved[key])


def refuse_degenerate(network: Network, found: dict, where: str) -> None:
    """A reference that is flat, or mostly zero, would prove nothing."""
    for name, tensor in found.items():
        if not tensor.is_floating_point():
            continue
        assert tensor.isfinite().all(), f"{where} {name}: not finite"
        spatial = (1,) if name.startswith("emb") or name.startswith("tap") else (-2, -1)
        spatial = (-2, -1) if tensor.dim() == 4 else spatial
        # One patch, and what is enlarged from it, is flat.
        is_one = found["reassembled.3"][0, 0].numel() == 1
        if not (is_one and name in ("reassembled.3", "fusion.0")):
            varies = (tensor.std(dim=spatial).mean() / tensor.abs().mean()).item()
            assert varies > 0.03, f"{where} {name}: nearly flat ({varies:.3f})"
    if "labels" in found:
        assert len(found["labels"].unique()) > 2, f"{where}: one label only"
    elif not network.may_be_zero:
        assert (found["predicted_depth"] > 0).all(), f"{where}: not positive"
    else:
        positive = (found["predicted_depth"] > 0).float().mean().item()
        assert 0.3 < positive, f"{where}: {positive:.2f} positive"


def record(folder: Path, network: Network, sizes, seed: int, is_toy: bool) -> None:
    """What the network computes from random pictures, one file a size."""
    for height, width in sizes:
        pixels = picture((height, width), seed)
        found = compute(network, pixels)
        refuse_degenerate(network, found, f"{folder.name} {height}x{width}")
        if not is_toy:
            outputs = ("head", "labels") if network.is_segmentation else ("predicted_depth", "sky")
            found = {name: found[name] for name in outputs if name in found}
        head = found.get("predicted_depth", found.get("head"))
        print(f"{folder.name} {height}x{width}", *head.shape, head.min().item(), head.max().item())
        found["input"] = pixels
        tensors = {name: tensor.contiguous().clone() for name, tensor in found.items()}
        kind = "golden" if is_toy else "reference"
        save_file(tensors, folder / f"{kind}-{height}x{width}.safetensors")


def make(name: str, repos: Path, out: Path, is_toy: bool) -> None:
    case = (TOYS if is_toy else CASES)[name]
    seed = zlib.crc32(name.encode()) % 10000
    torch.manual_seed(seed)
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    network = case.build(repos, case.dim)
    network.model.eval()
    with torch.no_grad():
        saved = randomise(network, seed, is_toy)
        sizes = case.sizes if is_toy else case.sizes[:1]
        centre(network, saved, [picture(size, seed) for size in sizes])
    network.save(folder, saved, case.weights)
    (folder / "checkpoint").write_text(case.checkpoint + "\n")
    if case.arguments:
        (folder / "arguments").write_text(case.arguments + "\n")
    record(folder, network, case.sizes, seed, is_toy)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="names of the cases, then exit")
    parser.add_argument("--repos", type=Path, help="folder with the original repositories")
    parser.add_argument("--timm", type=Path, help="folder with timm-0.4.5 and timm-0.6.13")
    parser.add_argument("--full", type=Path, help="write full-size checkpoints here instead")
    parser.add_argument("--only", help="one case")
    arguments = parser.parse_args()
    cases = CASES if arguments.full else TOYS
    if arguments.list:
        print(*CASES, sep="\n")
        return
    if not arguments.repos:
        parser.error("--repos is needed")
    if arguments.only is None:
        # A process each: the repositories share module names and need different timm.
        for name in cases:
            subprocess.run([sys.executable, *sys.argv, "--only", name], check=True)
        return
    timm = cases[arguments.only].timm
    if timm:
        sys.path.insert(0, str((arguments.timm or arguments.repos) / f"timm-{timm}"))
    out = arguments.full or Path(__file__).parent / "original"
    make(arguments.only, arguments.repos.resolve(), out.resolve(), not arguments.full)


if __name__ == "__main__":
    main()
