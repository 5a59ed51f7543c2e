# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Exports a toy checkpoint as users do, with both of PyTorch's exporters: torch-script.onnx (operator set
14, free sizes) and torch-dynamo.onnx (operator set 18, fixed size).

    pip install torch transformers onnx onnxscript safetensors
    export.py

What PyTorch writes down about the source of each node is left out.
"""

from pathlib import Path

import onnx
import torch
from transformers import AutoModelForDepthEstimation

HERE = Path(__file__).parent
TOY = HERE.parent / "dpt" / "depth-anything-v2"
SIZE = (42, 70)


class Depth(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.model = AutoModelForDepthEstimation.from_pretrained(TOY, dtype=torch.float32).eval()

    def forward(self, pixel_values):
        return self.model(pixel_values).predicted_depth


def export(name, **options):
    file = HERE / name
    pixels = torch.randn(1, 3, *SIZE)
    names = {"input_names": ["pixel_values"], "output_names": ["predicted_depth"]}
    torch.onnx.export(Depth(), (pixels,), file, **names, **options)
    model = onnx.load(file)
    for part in [*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, model.graph]:
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.save(model, file)
    Path(f"{file}.data").unlink(missing_ok=True)


free = {"pixel_values": {0: "batch", 2: "height", 3: "width"}}
export("torch-script.onnx", dynamo=False, opset_version=14, dynamic_axes=free)
export("torch-dynamo.onnx", dynamo=True, opset_version=18)
