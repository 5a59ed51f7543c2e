# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""A network of an original repository with its stages hooked."""
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

# Of a toy: neck channels, fusion width, labels.
NECK, WIDTH, LABELS = [8, 12, 16, 20], 8, 7


def save_state_dict(folder: Path, saved: dict, name: str) -> None:
    torch.save(saved, folder / name)


@dataclass
class Network:
    """A network, what runs it, and where its stages are found."""

    model: nn.Module
    run: Callable[[torch.Tensor], torch.Tensor]
    # (stage, its convolution, the convolution's name, spread to give it, share cut off by ReLU)
    heads: list
    is_segmentation: bool = False
    may_be_zero: bool = True
    save: Callable[[Path, dict, str], None] = save_state_dict
    # What the last run left at the stages.
    found: dict = field(default_factory=dict)

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


def override(function, **fixed):
    """The function with some of its keyword arguments fixed, whatever the caller says."""
    return lambda *args, **kwargs: function(*args, **{**kwargs, **fixed})


def path(folder: Path) -> None:
    assert folder.is_dir(), f"no {folder}: see the usage"
    sys.path.insert(0, str(folder))
