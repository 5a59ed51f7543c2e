#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes the reference data of tests/frame/ beside this script.

    pip install torch torchvision transformers pillow scikit-image opencv-python-headless
    python3 generate.py REPOS

REPOS: a folder with checkouts of isl-org/DPT, DepthAnything/Depth-Anything-V2,
ByteDance-Seed/Depth-Anything-3 and facebookresearch/dinov2, named like the repositories

photo.png is cut out of scikit-image's `astronaut` (NASA, public domain).
"""
import importlib.util
import json
import pathlib
import random
import sys

import cv2
import numpy as np
import skimage.data
import torch
from PIL import Image
from transformers.models.dpt.image_processing_dpt import (
    DPTImageProcessor,
    get_resize_output_image_size,
)

HERE = pathlib.Path(__file__).parent


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def geometry(repos):
    """Rows of [policy, frame, target, multiple, network], sizes as [height, width]."""
    generator = random.Random(1)
    frames = [(1080, 1920), (2160, 3840), (720, 1280), (576, 768), (480, 640), (240, 320), (121, 163)]
    frames += [(1920, 1080), (272, 640), (375, 1242), (384, 384), (16, 16), (1000, 1000), (518, 924)]
    frames += [(generator.randint(64, 2200), generator.randint(64, 4000)) for _ in range(46)]
    targets = [(384, 384, 32), (518, 518, 14), (480, 480, 32), (352, 1216, 32), (256, 256, 32), (384, 512, 16)]
    transforms = load(repos / "DPT/dpt/transforms.py")
    rows = []
    for index, (height, width) in enumerate(frames):
        target_height, target_width, multiple = targets[index % len(targets)]
        image = torch.empty(3, height, width, device="meta")
        ask = [[height, width], [target_height, target_width], multiple]
        for policy, keep in [("minimal", True), ("squash", False)]:
            size = get_resize_output_image_size(image, (target_height, target_width), keep, multiple)
            rows.append([policy, *ask, [size["height"], size["width"]]])
        for policy in ["lower_bound", "upper_bound", "minimal"]:
            resize = transforms.Resize(
                target_width,
                target_height,
                keep_aspect_ratio=True,
                ensure_multiple_of=multiple,
                resize_method=policy,
            )
            network_width, network_height = resize.get_size(width, height)
            network = [int(network_height), int(network_width)]
            rows.append([policy.replace("_", "-"), *ask, network])
    rows += published(repos, frames)
    # For frames much longer than wide the originals give no pixels or very many; ours has limits.
    rows = [row for row in rows if 0 < min(row[-1]) and max(row[-1]) <= 4096]
    text = ",\n".join(json.dumps(row) for row in rows)
    (HERE / "geometry.json").write_text(f"[\n{text}\n]\n")


def published(repos, frames):
    """What the authors' own settings make of frames."""
    resize = load(repos / "Depth-Anything-V2/depth_anything_v2/util/transform.py").Resize
    lower = resize(518, 518, None, True, 14, "lower_bound")
    resize = load(repos / "DPT/dpt/transforms.py").Resize
    minimal = resize(384, 384, None, True, 32, "minimal")
    centre = load(repos / "dinov2/dinov2/hub/utils.py").CenterPadding(14)
    pad = DPTImageProcessor().pad_image
    longer = processor3(repos)
    rows = []
    for height, width in frames:
        frame = [height, width]
        for policy, rule, side, multiple in [
            ("lower-bound", lower, 518, 14), ("minimal", minimal, 384, 32),
        ]:
            network = [int(side) for side in rule.get_size(width, height)][::-1]
            rows.append([policy, frame, [side, side], multiple, network])
        image = torch.empty(1, 3, height, width, device="meta")
        padded = [*pad(image, 14).shape[-2:]]
        assert padded == [*centre(image).shape[-2:]]
        rows.append(["pad", frame, [518, 518], 14, padded])
        for side in (504, 350):
            image = longer._resize_image(Image.new("RGB", (width, height)), side, "upper_bound_resize")
            network = longer._make_divisible_by_resize(image, 14).size[::-1]
            rows.append(["longer-side", frame, [side, side], 14, [*network]])
    return rows


def processor3(repos):
    sys.path.insert(0, str(repos / "Depth-Anything-3/src"))
    return load(repos / "Depth-Anything-3/src/depth_anything_3/utils/io/input_processor.py").InputProcessor()


def paddings(repos):
    """Rows of [frame, top, left, bottom, right]: where CenterPadding and transformers put zeros."""
    centre = load(repos / "dinov2/dinov2/hub/utils.py").CenterPadding(14)
    pad = DPTImageProcessor().pad_image
    rows = []
    for height, width in [(121, 163), (28, 42), (29, 55), (480, 640), (13, 14), (375, 1242)]:
        ones = torch.ones(1, 3, height, width)
        padded = centre(ones)
        assert torch.equal(padded, pad(ones, 14))
        ys, xs = (padded[0, 0].any(dim=side).nonzero() for side in (1, 0))
        below, right = (int(size - ends[-1] - 1) for size, ends in zip(padded.shape[2:], (ys, xs)))
        rows.append([[height, width], int(ys[0]), int(xs[0]), below, right])
    (HERE / "padding.json").write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


def depth_anything_3(repos, photo, small):
    """OpenCV's area and cubic, and the two resizes of Depth Anything 3."""
    for name, picture, size, how in [
        ("opencv-area", photo, (64, 48), cv2.INTER_AREA),
        ("opencv-up", small, (96, 64), cv2.INTER_CUBIC),
    ]:
        resized = cv2.resize(picture, size, interpolation=how)
        Image.fromarray(resized).save(HERE / f"photo-{name}.png", optimize=True)
    processor = processor3(repos)
    for name, picture, side in [
        ("area-area", photo, 98), ("area-cubic", photo, 126), ("cubic-area", small, 98),
    ]:
        image = processor._resize_image(Image.fromarray(picture), side, "upper_bound_resize")
        before = image.size
        image = processor._make_divisible_by_resize(image, 14)
        assert image.size != before
        image.save(HERE / f"photo-{name}.png", optimize=True)


def pictures(repos):
    photo = np.ascontiguousarray(skimage.data.astronaut()[20:141, 150:313])
    Image.fromarray(photo).save(HERE / "photo.png", optimize=True)
    small = np.ascontiguousarray(photo[30:77, 40:103])
    for name, picture, size, resample in [
        ("down", photo, (64, 64), 3),
        ("up", small, (96, 96), 3),
        ("bilinear", photo, (64, 96), 2),
        ("lanczos", photo, (64, 64), 1),
    ]:
        processor = DPTImageProcessor(
            size={"height": size[0], "width": size[1]},
            ensure_multiple_of=32,
            resample=resample,
            do_rescale=False,
            do_normalize=False,
        )
        result = processor(picture, return_tensors="pt")["pixel_values"][0].permute(1, 2, 0)
        assert result.dtype == torch.uint8
        Image.fromarray(result.numpy()).save(HERE / f"photo-{name}.png", optimize=True)
    # What isl-org/DPT does: `cv2.resize` of the picture in 0…1, then 8 bits for the comparison.
    cubic = cv2.resize(photo / 255.0, (96, 64), interpolation=cv2.INTER_CUBIC)
    cubic = np.clip(np.round(cubic * 255), 0, 255).astype(np.uint8)
    Image.fromarray(cubic).save(HERE / "photo-opencv.png", optimize=True)
    depth_anything_3(repos, photo, small)


def upsampled():
    """A map of 9x13 codes, then torch's 31x47 of it: bilinear depth and nearest labels."""
    generator = np.random.default_rng(2)
    codes = generator.integers(0, 65536, (9, 13)).astype("<u2")
    labels = generator.integers(0, 256, (9, 13)).astype("u1")

    def to(array, **how):
        tensor = torch.from_numpy(array.astype(np.float64))[None, None]
        return torch.nn.functional.interpolate(tensor, size=(31, 47), **how)[0, 0].numpy()

    depth = to(codes, mode="bilinear", align_corners=False)
    nearest = to(labels, mode="nearest-exact")
    (HERE / "upsample.bin").write_bytes(
        codes.tobytes() + depth.round().astype("<u2").tobytes() + labels.tobytes() + nearest.astype("u1").tobytes()
    )


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    geometry(folder)
    paddings(folder)
    pictures(folder)
    upsampled()
