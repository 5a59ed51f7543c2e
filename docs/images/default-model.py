#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Makes default-model.jpg, segmentation-model.jpg and unseen.jpg: photographs that may be passed on, above what the models
inside the plugin make of them.

    source target/env.sh; docs/images/default-model.py FOLDER_OF_SKIMAGE_DATA FOLDER_OF_UNSEEN

The second folder is what ../../training/unseen.py fetches.

Needs Pillow and a built dpt-onnx.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
SEEN = ("astronaut.png", "chelsea.png", "camera.png", "coffee.png", "rocket.jpg")
UNSEEN = ("china.png", "flower.png", "hopper.png", "raccoon.png", "stairs.png")
SIDE = 240


def write(data, names, models, file):
    with tempfile.TemporaryDirectory() as folder:
        pictures = []
        for name in names:
            # Gray ones too.
            path = Path(folder) / f"{Path(name).stem}.png"
            Image.open(data / name).convert("RGB").save(path)
            pictures.append(path)
        sheet = Image.new("RGB", (SIDE * len(names), SIDE * (1 + len(models))))
        draw(sheet, 0, pictures)
        for row, model in enumerate(models, 1):
            subprocess.run(["dpt-onnx", "run", "-m", model, *pictures, "-o", folder], check=True, stdout=subprocess.DEVNULL)
            draw(sheet, row, [path.with_name(f"{path.stem}-color.png") for path in pictures])
    sheet.save(HERE / file, quality=85, optimize=True)


def draw(sheet, row, pictures):
    for column, path in enumerate(pictures):
        picture = Image.open(path).convert("RGB")
        edge = min(picture.size)
        left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
        square = picture.crop((left, top, left + edge, top + edge)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        sheet.paste(square, (SIDE * column, SIDE * row))


def main():
    seen, unseen = map(Path, sys.argv[1:])
    depth, classes = "dptdepth-default", "dptdepth-segmentation"
    write(seen, SEEN, [depth], "default-model.jpg")
    write(seen, SEEN, [classes], "segmentation-model.jpg")
    write(unseen, UNSEEN, [depth, classes], "unseen.jpg")


if __name__ == "__main__":
    main()
