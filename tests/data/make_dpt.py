#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes DPT checkpoints with random weights and what transformers computes from them.

Usage: make_dpt.py [--only NAME]
       make_dpt.py --list
       make_dpt.py --full DIR [--only NAME] [--stages]
       (pip install torch torchvision transformers timm safetensors pillow)

Plain, it writes the toys: tests/data/dpt/CASE/ with config.json, preprocessor_config.json, the
weights, and one golden-HxW.safetensors a size with every stage.

With --full, checkpoints of the published shapes (--list names them), for tests/parity.sh: in
DIR/NAME/ the files as on the hub, reference-HxW.safetensors a size (input and output only, or with
--stages all), and two text files: `checkpoint`, the path inside the folder to hand to dpt-onnx,
and, where there are any, `arguments` to add.
"""
import argparse
import shlex
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import DPTForDepthEstimation, DPTForSemanticSegmentation, DPTImageProcessor
from transformers.utils import logging

from reference.families import Case
from reference.files import save, save_formats
from reference.full import CASES as FULL
from reference.stages import is_classic, pictures, stages
from reference.toys import CASES as TOYS
from reference.weights import randomised

HERE = Path(__file__).parent / "dpt"
# The one that is also written in every file format.
FORMATS = "depth-anything-v2"


def record(folder: Path, case: Case, model, seed: int, kind: str, every_stage=True, of=None) -> None:
    """What the model computes from random pictures, or from those of `of`, one file KIND-HxW.safetensors a size."""
    folder.mkdir(exist_ok=True)
    for (height, width), pixels in of or pictures(case, seed):
        with torch.no_grad():
            found = stages(model, pixels)
            if is_classic(model) and height == width == case.trained:
                whole = model(pixels)
                name = "head" if "labels" in found else "predicted_depth"
                expected = whole.logits if "labels" in found else whole.predicted_depth
                assert torch.equal(found[name], expected), "the stages differ from the whole"
        check(found)
        if not every_stage:
            kept = ("labels", "head") if "labels" in found else ("predicted_depth",)
            found = {name: found[name] for name in kept}
        found["input"] = pixels
        tensors = {name: tensor.contiguous().clone() for name, tensor in found.items()}
        save_file(tensors, folder / f"{kind}-{height}x{width}.safetensors")


def check(found: dict[str, torch.Tensor]) -> None:
    """Refuses a reference that would accept a wrong model."""
    for name, stage in found.items():
        if name != "labels" and not (name == "head" and "labels" in found):
            largest = stage.abs().max()
            assert 1e-2 < largest < 1e3 and stage.std() > 0.02 * largest, f"degenerate {name}"
    head = found["head"]
    if "labels" in found:
        # Single scores stand out of many; what counts is that several classes win.
        assert len(found["labels"].unique()) >= 5, "degenerate labels"
    else:
        assert head.std() > 0.05 * head.abs().max(), "degenerate head"
    depth = found.get("predicted_depth")
    if depth is not None:
        positive = (depth > 0).float().mean().item()
        assert 0.2 < positive, f"degenerate reference: {positive:.2f} positive"


def write_toys(only: str | None) -> None:
    for seed, (name, case) in enumerate(TOYS.items()):
        if only in (None, name):
            print(name, flush=True)
            model = randomised(case, seed)
            save(HERE / name, model, case)
            record(HERE / name, case, model, seed, "golden")
            if name == FORMATS:
                save_formats(HERE / name, model, case)
    if only in (None, "default"):
        write_shipped("default", "dpt-tiny", DPTForDepthEstimation, "photo")
        write_shipped("default-segmentation", "dpt-tiny-segmentation", DPTForSemanticSegmentation, "scene")


def write_shipped(name: str, folder: str, kind: type, picture: str) -> None:
    """What a model that comes with the plugin computes from a picture of frame/, small and at its size."""
    shipped = Path(__file__).parents[2] / "models" / folder
    model = kind.from_pretrained(shipped, dtype=torch.float32).eval()
    processor = DPTImageProcessor.from_pretrained(shipped)
    case = Case(lambda: model, processor, [(32, 64)], trained=0)
    image = Image.open(Path(__file__).parent / "frame" / f"{picture}.png").convert("RGB")
    pixels = processor(image, return_tensors="pt").pixel_values
    # Noise, which it has never seen, gives it next to nothing.
    small = torch.nn.functional.interpolate(pixels, (32, 64), mode="area")
    record(HERE / name, case, model, 0, "golden", of=[((32, 64), small)])
    with torch.no_grad():
        output = model(pixels)
    # Every fourth pixel keeps the file small.
    if kind is DPTForDepthEstimation:
        found = {"depth": output.predicted_depth[0, ::4, ::4].contiguous()}
    else:
        labels = torch.nn.functional.interpolate(output.logits, pixels.shape[2:], mode="bilinear").argmax(1)
        found = {"labels": labels[0, ::4, ::4].to(torch.uint8).contiguous()}
    save_file(found, HERE / name / "photo.safetensors")


def write_full(directory: Path, only: str | None, every_stage: bool) -> None:
    for seed, (name, case) in enumerate(FULL.items()):
        if only in (None, name):
            folder = directory / name
            model = randomised(case, seed)
            record(folder, case, model, seed, "reference", every_stage)
            save(folder, model, case)
            (folder / "checkpoint").write_text(".\n")
            if case.arguments:
                (folder / "arguments").write_text(shlex.join(case.arguments) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="name the full-size cases")
    parser.add_argument("--full", type=Path, help="write full-size checkpoints here instead")
    parser.add_argument("--only", help="one case")
    parser.add_argument("--stages", action="store_true", help="with --full, keep every stage")
    arguments = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    if arguments.only not in (None, "default", *(FULL if arguments.full else TOYS)):
        parser.error(f"no case {arguments.only}")
    if arguments.list:
        print("\n".join(FULL))
    elif arguments.full:
        arguments.full.mkdir(parents=True, exist_ok=True)
        write_full(arguments.full, arguments.only, arguments.stages)
    else:
        write_toys(arguments.only)


if __name__ == "__main__":
    main()
