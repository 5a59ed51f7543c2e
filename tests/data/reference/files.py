# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Checkpoint files as the hub has them."""
import json
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import BeitConfig, PreTrainedModel
from transformers.models.beit.modeling_beit import BeitRelativePositionBias

from .families import Case


def save(folder: Path, model: PreTrainedModel, case: Case) -> None:
    """config.json, preprocessor_config.json, and the weights under the published names.

    transformers 5 renames tensors in memory and gives them their published names on saving.
    """
    save_weights(folder, model, case)
    case.processor.save_pretrained(folder)
    weights = folder / "model.safetensors"
    backbone = getattr(model.config, "backbone_config", None)
    if isinstance(backbone, BeitConfig) and not hasattr(model, "metric_head"):
        add_position_index(weights, backbone)
    if case.pickled:
        torch.save(OrderedDict(load_file(weights)), folder / "pytorch_model.bin")
        weights.unlink()


def save_weights(folder: Path, model: PreTrainedModel, case: Case, shard: str = "100GB") -> None:
    # Not model.half(): that would round Swin's coordinates too, which no file holds.
    tensors = model.state_dict()
    if case.half:
        tensors = {
            name: tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in tensors.items()
        }
    model.save_pretrained(folder, state_dict=tensors, max_shard_size=shard)


def add_position_index(weights: Path, config: BeitConfig) -> None:
    """Published BEiT files also hold the index into the bias table, which nothing reads."""
    grid = config.image_size // config.patch_size
    index = BeitRelativePositionBias.generate_relative_position_index((grid, grid))
    tensors = load_file(weights)
    for block in range(config.num_hidden_layers):
        name = f"backbone.encoder.layer.{block}.attention.attention.relative_position_bias"
        assert f"{name}.relative_position_bias_table" in tensors
        tensors[f"{name}.relative_position_index"] = index.clone()
    save_file(tensors, weights, metadata={"format": "pt"})


def save_formats(folder: Path, model: PreTrainedModel, case: Case) -> None:
    """The same checkpoint in every container: zip and legacy pickles, and both kinds of shards."""
    tensors = OrderedDict(load_file(folder / "model.safetensors"))
    single = OrderedDict((name, tensor.float()) for name, tensor in tensors.items())
    formats = {
        "bin-zip": lambda to: torch.save(single, to / "pytorch_model.bin"),
        "bin-legacy": lambda to: torch.save(
            tensors, to / "pytorch_model.bin", _use_new_zipfile_serialization=False
        ),
        "bin-sharded": lambda to: shard_pickles(to, tensors),
        "safetensors-sharded": lambda to: save_weights(to, model, case, shard="40KB"),
    }
    for name, write in formats.items():
        to = folder / name
        to.mkdir(exist_ok=True)
        write(to)
        model.config.save_pretrained(to)
        case.processor.save_pretrained(to)


def shard_pickles(folder: Path, tensors: OrderedDict) -> None:
    names = list(tensors)
    shards = [names[: len(names) // 2], names[len(names) // 2 :]]
    where = {}
    for number, shard in enumerate(shards, 1):
        file = f"pytorch_model-{number:05}-of-{len(shards):05}.bin"
        torch.save(OrderedDict((name, tensors[name].clone()) for name in shard), folder / file)
        where |= dict.fromkeys(shard, file)
    size = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": where}
    text = json.dumps(index, indent=2, sort_keys=True) + "\n"
    (folder / "pytorch_model.bin.index.json").write_text(text)
