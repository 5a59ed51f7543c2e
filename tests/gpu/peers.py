# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Times of PyTorch and of ONNX Runtime with PyTorch's own graph, for the checkpoints that the checks measured.

    peers.py DIR [--device cuda|cpu] [--seconds S]

DIR holds folders of transformers checkpoints. Prints lines of a Markdown table: a picture's values in host
memory to a map in host memory, median of runs one after the other. What is not installed is said.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path


def median(run, seconds):
    run()
    run()
    times, begun = [], time.monotonic()
    while len(times) < 5 or (time.monotonic() - begun < seconds and len(times) < 200):
        start = time.monotonic()
        run()
        times.append(time.monotonic() - start)
    return 1e3 * statistics.median(times)


def with_torch(folder, pixels, device, half):
    import torch
    import transformers

    kind = torch.float16 if half else torch.float32
    model = transformers.AutoModelForDepthEstimation.from_pretrained(folder, dtype=kind).eval().to(device)

    def run():
        with torch.inference_mode():
            return model(torch.from_numpy(pixels).to(device, kind)).predicted_depth.float().cpu()

    return run


def with_onnxruntime(folder, pixels, device):
    import onnxruntime
    import torch
    import transformers

    provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        raise RuntimeError(f"onnxruntime {onnxruntime.__version__} has no {provider}")

    class Depth(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = transformers.AutoModelForDepthEstimation.from_pretrained(folder).eval()

        def forward(self, pixel_values):
            return self.model(pixel_values).predicted_depth

    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "model.onnx"
        torch.onnx.export(Depth(), (torch.from_numpy(pixels),), file, dynamo=False, opset_version=17, input_names=["pixel_values"])
        session = onnxruntime.InferenceSession(str(file), providers=[provider])
    return lambda: session.run(None, {"pixel_values": pixels})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--seconds", type=float, default=2)
    arguments = parser.parse_args()
    import json

    import numpy

    for folder in sorted(path for path in arguments.checkpoints.iterdir() if (path / "model.safetensors").exists()):
        size = json.loads((folder / "preprocessor_config.json").read_text())["size"]
        side = (size["height"], size["width"])
        pixels = numpy.random.default_rng(0).standard_normal((1, 3, *side)).astype(numpy.float32)
        contenders = {
            "torch fp32": lambda: with_torch(folder, pixels, arguments.device, False),
            "torch fp16": lambda: with_torch(folder, pixels, arguments.device, True),
            "ONNX Runtime, torch's graph": lambda: with_onnxruntime(folder, pixels, arguments.device),
        }
        if arguments.device == "cpu":
            del contenders["torch fp16"]
        for name, make in contenders.items():
            try:
                figure = f"{median(make(), arguments.seconds):.2f} ms"
            except Exception as error:  # noqa: BLE001 - whatever keeps one from running is told, the next is tried
                figure = f"not measured: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            print(f"| {folder.name} {side[0]}x{side[1]} | {name} | {figure} |", flush=True)


main()
