#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Drops what inference has no use for from the default model's checkpoint.

Usage: prune.py ORIGINAL/ dpt-tiny/        (pip install safetensors numpy)

The stem's stages blocks.5 and blocks.6, the final normalisation's and the batch
normalisations' training counters and the unused residual unit of the coarsest fusion go;
config.json and preprocessor_config.json stay as they are. transformers still loads the result
(it initialises the missing tensors, which do not reach the output).
"""
import shutil
import sys
from pathlib import Path

from safetensors.numpy import load_file, save_file

UNUSED = (
    "dpt.embeddings.backbone._backbone.blocks.5.",
    "dpt.embeddings.backbone._backbone.blocks.6.",
    "dpt.layernorm.",
    "neck.fusion_stage.layers.0.residual_layer1.",
)


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    tensors = {
        name: tensor
        for name, tensor in load_file(source / "model.safetensors").items()
        if not name.startswith(UNUSED) and not name.endswith("num_batches_tracked")
    }
    target.mkdir(exist_ok=True)
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    for name in ("config.json", "preprocessor_config.json"):
        shutil.copyfile(source / name, target / name)
    print(f"{len(tensors)} tensors, {(target / 'model.safetensors').stat().st_size} bytes")


if __name__ == "__main__":
    main()
