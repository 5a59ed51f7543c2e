# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""The references from a picture's file to a map of the picture's size: their code runs it all.

Each function returns a Reference. Its network can be called alone, and a map can be put in its
place, so that the same code enlarges ours.
"""
import argparse
import json
import os
import sys
import tempfile
import types
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

ORIGINAL = Path(__file__).parents[1] / "original"


class Tap:
    """Stands where the network is called."""

    def __init__(self, network: Callable[[torch.Tensor], object]):
        self.network = network
        self.replacement = self.pixels = self.result = None

    def __call__(self, pixels: torch.Tensor):
        self.pixels = pixels
        if self.replacement is not None:
            return self.replacement
        with torch.no_grad():
            self.result = self.network(pixels)
        return self.result


@dataclass
class Reference:
    """`run` takes a picture's path to the final map, through `tap`."""

    name: str
    tap: Tap
    run: Callable[[Path], np.ndarray]
    is_segmentation: bool = False
    # Another of its own ways to the network's input, where there is one.
    other: Callable[[Path], torch.Tensor] | None = None


def transformers(folder: Path) -> Reference:
    """The image processor of the folder, the model, and the processor's post-processing."""
    import transformers as hub
    from transformers.modeling_outputs import DepthEstimatorOutput, SemanticSegmenterOutput

    (kind,) = json.loads((folder / "config.json").read_text())["architectures"]
    model = getattr(hub, kind).from_pretrained(folder, dtype=torch.float32).eval()
    processor = hub.AutoImageProcessor.from_pretrained(folder)
    labels = "Segmentation" in kind
    tap = Tap(lambda pixels: model(pixels).logits if labels else model(pixels).predicted_depth)

    def run(path: Path) -> np.ndarray:
        image = Image.open(path).convert("RGB")
        result = tap(processor(image, return_tensors="pt")["pixel_values"])
        size = [image.size[::-1]]
        if labels:
            (final,) = processor.post_process_semantic_segmentation(
                SemanticSegmenterOutput(logits=result), size
            )
            return final.numpy()
        (final,) = processor.post_process_depth_estimation(
            DepthEstimatorOutput(predicted_depth=result), size
        )
        return final["predicted_depth"].numpy()

    # The same processor on Pillow instead of torchvision.
    pillow = hub.AutoImageProcessor.from_pretrained(folder, backend="pil")
    assert type(pillow) is not type(processor)

    def other(path: Path) -> torch.Tensor:
        return pillow(Image.open(path).convert("RGB"), return_tensors="pt")["pixel_values"]

    return Reference(type(processor).__name__, tap, run, labels, other)


def network(repos: Path, timm: Path | None, folder: Path):
    """The network of make_original.py with the folder's weights."""
    sys.path.insert(0, str(ORIGINAL))
    from cases import CASES

    case = CASES[folder.name]
    if case.timm:
        sys.path.insert(0, str((timm or repos) / f"timm-{case.timm}"))
    built = case.build(repos, 0)
    built.model.eval()
    return built


def load(path: Path) -> dict:
    return torch.load(path, map_location="cpu", weights_only=True)


def script(module, tap: Tap, folder: Path, path: Path, weights: Path, kind: str, last: list):
    """Calls the `run` of one of isl-org's scripts on one picture; `last` gets what it would write."""
    with tempfile.TemporaryDirectory() as scratch:
        pictures = Path(scratch) / "in"
        pictures.mkdir()
        (pictures / path.name).symlink_to(path.resolve())
        stdout, sys.stdout = sys.stdout, sys.stderr
        try:
            module.run(str(pictures), str(Path(scratch) / "out"), str(weights), kind, optimize=False)
        finally:
            sys.stdout = stdout
    return last.pop()


def isl(repos: Path, timm: Path | None, folder: Path) -> Reference:
    """isl-org/DPT: run_monodepth.py and run_segmentation.py."""
    labels = folder.name.endswith("-ade")
    sys.path[:0] = [str(timm / "timm-0.4.5"), str(repos / "DPT")]
    import util.io

    name = "run_segmentation" if labels else "run_monodepth"
    module = __import__(name)
    weights = folder / (folder / "checkpoint").read_text().strip()
    kind = "dpt_" + folder.name.removeprefix("isl-").removesuffix("-ade").replace("-", "_")
    model = "DPTSegmentationModel" if labels else "DPTDepthModel"
    last = []
    tap = watch(module, model)
    # What the script multiplies metres by before it writes them.
    factor = {"dpt_hybrid_nyu": 1000.0, "dpt_hybrid_kitti": 256.0}.get(kind, 1.0)
    module.args = argparse.Namespace(kitti_crop=False, absolute_depth=False)
    util.io.write_depth = lambda _, depth, **__: last.append(depth / factor)
    util.io.write_segm_img = lambda _, __, classes, **___: last.append(classes - 1)
    run = lambda path: script(module, tap, folder, path, weights, kind, last)  # noqa: E731
    return Reference(f"{name}.py", tap, run, labels)


def watch(module, model: str) -> Tap:
    """Puts a tap where the module's models are called, and makes each of them once."""
    kind = getattr(module, model)
    tap = Tap(lambda pixels: tap.forward(tap.model, pixels))
    tap.forward = kind.forward

    def forward(self, pixels):
        tap.model = self
        # Its own copy: scripts multiply the map in place.
        result = tap(pixels)
        return result.clone()

    kind.forward = forward
    setattr(module, model, cache(lambda *arguments, **options: kind(*arguments, **options)))
    return tap


def midas(repos: Path, timm: Path | None, folder: Path) -> Reference:
    """isl-org/MiDaS: run.py."""
    sys.path[:0] = [str(timm / "timm-0.6.13"), str(repos / "MiDaS")]
    # A camera reader, not used here.
    sys.modules["imutils"] = types.ModuleType("imutils")
    sys.modules["imutils.video"] = types.ModuleType("imutils.video")
    sys.modules["imutils.video"].VideoStream = object
    import midas.model_loader
    import run as module
    import utils

    weights = folder / (folder / "checkpoint").read_text().strip()
    kind = "dpt_" + folder.name.removeprefix("midas-").replace("-", "_")
    last = []
    tap = watch(midas.model_loader, "DPTDepthModel")
    utils.write_depth = lambda *_, **__: None
    utils.write_pfm = lambda _, depth: last.append(depth)
    run = lambda path: script(module, tap, folder, path, weights, kind, last)  # noqa: E731
    return Reference("MiDaS run.py", tap, run)


def anything(repos: Path, timm: Path | None, folder: Path) -> Reference:
    """Depth Anything 1's run.py (its transform; the script itself has no function to call) and
    `infer_image` of Depth Anything 2."""
    weights = load(folder / (folder / "checkpoint").read_text().strip())
    model = network(repos, timm, folder).model
    model.load_state_dict(weights)
    tap = Tap(model.forward)
    if "-v2-" in folder.name:
        model.forward = tap
        return Reference("infer_image", tap, lambda path: model.infer_image(cv2.imread(str(path))))
    from depth_anything.util.transform import NormalizeImage, PrepareForNet, Resize
    from torchvision.transforms import Compose

    transform = Compose([
        Resize(
            width=518, height=518, resize_target=False, keep_aspect_ratio=True,
            ensure_multiple_of=14, resize_method="lower_bound",
            image_interpolation_method=cv2.INTER_CUBIC,
        ),
        NormalizeImage(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        PrepareForNet(),
    ])

    def run(path: Path) -> np.ndarray:
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) / 255.0
        depth = tap(torch.from_numpy(transform({"image": image})["image"]).unsqueeze(0))
        size = image.shape[:2]
        return F.interpolate(depth[None], size, mode="bilinear", align_corners=False)[0, 0].numpy()

    return Reference("Depth-Anything run.py", tap, run)


def anything3(repos: Path, timm: Path | None, folder: Path) -> Reference:
    """`InputProcessor` and the network of Depth Anything 3, whose maps stay as large as its input.

    Maps are pairs: depth and sky.
    """
    from safetensors.torch import load_file

    built = network(repos, timm, folder)
    built.model.load_state_dict(load_file(folder / "model.safetensors"))
    source = repos / "Depth-Anything-3/src/depth_anything_3/utils/io/input_processor.py"
    processor = SourceFileLoader("input_processor", str(source)).load_module().InputProcessor()

    def infer(pixels):
        result = built.model.model(pixels[None])
        return torch.stack([result.depth.flatten(0, 1)[0], result.sky.flatten(0, 1)[0]])[None]

    tap = Tap(infer)
    run = lambda path: tap(processor([str(path)], num_workers=1)[0])[0].numpy()  # noqa: E731
    return Reference("InputProcessor", tap, run)


def dinov2(repos: Path, timm: Path | None, folder: Path) -> Reference:
    """The transform of dinov2's notebooks/depth_estimation.ipynb and `whole_inference`."""
    model = network(repos, timm, folder).model
    head = folder / (folder / "checkpoint").read_text().strip()
    model.backbone.load_state_dict(load(next(folder.glob("*_pretrain.pth"))))
    model.decode_head.load_state_dict(
        {key.removeprefix("decode_head."): value for key, value in load(head)["state_dict"].items()}
    )
    from dinov2.hub.utils import CenterPadding
    from torchvision import transforms

    transform = transforms.Compose([
        transforms.ToTensor(),
        lambda x: 255.0 * x[:3],
        transforms.Normalize(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)),
    ])
    extract, decode = model.extract_feat, model._decode_head_forward_test
    tap = Tap(lambda pixels: decode(extract(pixels), None)[:, 0])
    # The backbone's hook pads; done here, what enters the network is seen.
    padding = CenterPadding(14)
    model.extract_feat = lambda pixels: padding(pixels)
    model._decode_head_forward_test = lambda pixels, _: tap(pixels)[:, None]

    def run(path: Path) -> np.ndarray:
        batch = transform(Image.open(path).convert("RGB")).unsqueeze(0)
        with torch.inference_mode():
            return model.whole_inference(batch, img_meta=None, rescale=True)[0, 0].numpy()

    return Reference("whole_inference", tap, run)


def of(folder: Path) -> Reference:
    """The reference for a case's folder."""
    if (folder / "preprocessor_config.json").exists():
        return transformers(folder)
    repos = Path(os.environ["REPOS"]).resolve()
    timm = Path(os.environ.get("TIMM", repos)).resolve()
    family = folder.name.partition("-")[0]
    makers = dict(
        isl=isl, midas=midas, anything=anything, da3mono=anything3, da3metric=anything3,
        dinov2=dinov2,
    )
    return makers[family](repos, timm, folder)
