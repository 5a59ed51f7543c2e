# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Averaged weights → a folder that transformers and the plugin load.

    export.py STATE FOLDER [--from best.pt] [--soup STATE_OR_FOLDER SHARE]… [--dpt-onnx BINARY]

Weights are stored as 16-bit floats; what does not reach the output (the stem's last stages, the unused
residual unit of the coarsest fusion, the encoder's final normalisation) is left out, as transformers allows.
"""
import argparse
import json
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForDepthEstimation, AutoModelForSemanticSegmentation

from model import Shape, build, exported, fit_positions, fold, forward, matters
from timing import engines, time_graph

# What pictures are prepared like: squashed to the network's square, -1 … 1.
PROCESSOR = {
    "do_normalize": True, "do_pad": False, "do_rescale": True, "do_resize": True, "ensure_multiple_of": 32,
    "image_mean": [0.5, 0.5, 0.5], "image_processor_type": "DPTImageProcessor", "image_std": [0.5, 0.5, 0.5],
    "keep_aspect_ratio": False, "resample": 3, "rescale_factor": 1 / 255,
}
LOADER = {"depth": AutoModelForDepthEstimation, "segmentation": AutoModelForSemanticSegmentation}


def restore(path: Path) -> tuple[torch.nn.Module, dict]:
    """The averaged model of a saved state, and the state."""
    saved = torch.load(path, map_location="cpu", weights_only=False)
    shape, tensors = Shape(**saved["shape"]), dict(saved["average"])
    model = build(replace(shape, norm=0), saved["task"], None).eval()
    if shape.norm:
        fold(tensors)
    model.load_state_dict(tensors)
    return model, saved


@torch.no_grad()
def mix(model: torch.nn.Module, other: torch.nn.Module, share: float) -> None:
    """Moves the weights of `model` towards those of a training before or beside it (Wortsman et al., Model soups, ICML 2022)."""
    tensors, theirs = model.state_dict(), other.state_dict()
    fit_positions(model, theirs)
    shapes = lambda tensors: {name: tensor.shape for name, tensor in tensors.items()}
    if type(other) is not type(model) or shapes(theirs) != shapes(tensors):
        raise SystemExit("--soup has another model")
    for name, tensor in tensors.items():
        if tensor.dtype.is_floating_point:
            tensor.lerp_(theirs[name], share)


def write(model: torch.nn.Module, folder: Path) -> int:
    """Writes the three files; bytes of the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: tensor.half().contiguous()
        for name, tensor in model.state_dict().items() if matters(name)
    }
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise SystemExit(f"{name} does not fit 16 bits")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    model.config.architectures = [type(model).__name__]
    # Not "float16": loaders that take the stored type would compute in it.
    model.config.dtype = "float32"
    model.config.save_pretrained(folder)
    size = {"height": model.config.image_size, "width": model.config.image_size}
    (folder / "preprocessor_config.json").write_text(json.dumps(PROCESSOR | {"size": size}, indent=2, sort_keys=True) + "\n")
    return (folder / "model.safetensors").stat().st_size


@torch.inference_mode()
def check(model: torch.nn.Module, task: str, folder: Path) -> None:
    """transformers must load the folder and compute the same, but for the rounding to 16 bits; and this
    project's forward() must be what transformers computes."""
    loaded = LOADER[task].from_pretrained(folder, dtype=torch.float32).eval()
    size = model.config.image_size
    pixels = torch.rand(1, 3, size, size, generator=torch.manual_seed(0)) * 2 - 1
    result = loaded(pixels)
    theirs = result.predicted_depth if task == "depth" else result.logits
    for name, ours, tolerance in (("forward()", forward(loaded, pixels), 1e-4), ("unrounded weights", forward(model, pixels), 0.02)):
        difference = float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-6))
        print(f"transformers against {name}: largest difference {difference:.1e} of the range")
        if difference > tolerance:
            raise SystemExit(f"the exported model does not compute what {name} does")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("state", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--from", dest="name", default="checkpoint.pt", help="or best.pt")
    parser.add_argument("--soup", nargs=2, action="append", default=[], metavar=("STATE_OR_FOLDER", "SHARE"),
                        help="mix in this part of the weights of another state or exported model, 0 to 1; several one after the other")
    parser.add_argument("--dpt-onnx", type=Path, help="the plugin's command: writes the graph that is timed")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    model, saved = restore(given.state / given.name)
    for other, share in given.soup:
        state = Path(other) / given.name
        mix(model, restore(state)[0] if state.exists() else exported(Path(other)), float(share))
    size = write(model, given.folder)
    count = sum(p.numel() for p in model.parameters())
    print(f"step {saved['step']}, {saved['seen']} pictures seen; {count} parameters in training, {size} bytes stored")
    check(model, saved["task"], given.folder)
    if given.dpt_onnx:
        with tempfile.TemporaryDirectory() as scratch:
            graph = Path(scratch) / "model.onnx"
            subprocess.run([given.dpt_onnx, "export", given.folder, "-o", graph], check=True)
            for engine in engines():
                print(f"{engine}: {time_graph(graph, engine, given.threads):.1f} ms a picture, {given.threads} threads")


if __name__ == "__main__":
    main()
