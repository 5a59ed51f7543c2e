# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes what published checkpoints consist of, without their weights: for each a folder with config.json,
preprocessor_config.json and tensors.tsv (a name and its dimensions a line), from which the checks on a GPU
make a checkpoint of random weights to measure.

    pip install torch transformers timm safetensors pillow
    make.py
"""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "data"))

from reference.full import CASES  # noqa: E402
from safetensors import safe_open  # noqa: E402

NAMES = (
    "depth-anything-v2-small-hf",
    "depth-anything-v2-base-hf",
    "depth-anything-v2-large-hf",
    "dpt-hybrid-midas",
    "dpt-large",
)

for name in NAMES:
    case = CASES[name]
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        case.model().save_pretrained(scratch)
        (folder / "config.json").write_bytes((Path(scratch) / "config.json").read_bytes())
        with safe_open(Path(scratch) / "model.safetensors", "pt") as tensors:
            lines = [
                f"{key}\t{'x'.join(map(str, tensors.get_slice(key).get_shape()))}\n"
                for key in sorted(tensors.keys())
            ]
    case.processor.save_pretrained(folder)
    (folder / "tensors.tsv").write_text("".join(lines))
