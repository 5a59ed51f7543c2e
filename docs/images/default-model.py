#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Makes default-model.jpg and segmentation-model.jpg: photographs that scikit-image may pass on, above what the models
inside the plugin make of them.

    source target/env.sh; docs/images/default-model.py FOLDER_OF_SKIMAGE_DATA

Needs Pillow and a built dpt-onnx.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
NAMES = ("astronaut.png", "chelsea.png", "camera.png", "coffee.png", "rocket.jpg")
SIDE = 240


def write(data, model, file):
    with tempfile.TemporaryDirectory() as folder:
        pictures = []
        for name in NAMES:
            # Gray ones too.
            path = Path(folder) / f"{Path(name).stem}.png"
            Image.open(data / name).convert("RGB").save(path)
            pictures.append(path)
        subprocess.run(["dpt-onnx", "run", "-m", model, *pictures, "-o", folder], check=True, stdout=subprocess.DEVNULL)
        sheet = Image.new("RGB", (SIDE * len(NAMES), 2 * SIDE))
        for column, path in enumerate(pictures):
            for row, source in enumerate((path, path.with_name(f"{path.stem}-color.png"))):
                picture = Image.open(source).convert("RGB")
                edge = min(picture.size)
                left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
                square = picture.crop((left, top, left + edge, top + edge)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
                sheet.paste(square, (SIDE * column, SIDE * row))
    sheet.save(HERE / file, quality=85, optimize=True)


def main():
    data = Path(sys.argv[1])
    write(data, "dptdepth-default", "default-model.jpg")
    write(data, "dptdepth-segmentation", "segmentation-model.jpg")


if __name__ == "__main__":
    main()
