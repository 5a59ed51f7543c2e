#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Makes the pictures of docs/rendering.md: every mode of dptrender on the pictures given.

    source target/env.sh; docs/images/modes.py OUT.jpg PICTURE[:PROPERTIES OF dptdepth] …

Needs Pillow. Each picture fills two rows.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw

CELL = 360  # pixels wide
ROW = 4  # cells
MODES = (
    ("the frame", None),
    ("map, bilinear", "mode=map colormap=inferno"),
    ("map, upsampling=guided", "mode=map colormap=inferno upsampling=guided"),
    ("overlay", "mode=overlay colormap=turbo alpha=0.5"),
    ("stereo, side-by-side-half", "mode=stereo stereo-layout=side-by-side-half divergence=4"),
    ("anaglyph: red-cyan glasses", "mode=anaglyph divergence=4"),
    ("matte", "mode=matte upsampling=guided"),
    ("blur", "mode=blur upsampling=guided blur-radius=2.5"),
)


def render(picture: str, properties: str, render: str | None, out: Path) -> Image.Image:
    # A map is gray unless colours are asked for.
    element = f"! dptdepth output=meta {properties} ! dptrender {render} ! video/x-raw,format={{RGB,RGBA}}" if render else ""
    launch = (
        f"gst-launch-1.0 -q filesrc location={picture} ! decodebin ! videoconvert ! video/x-raw,format=RGB {element}"
        f" ! pngenc ! filesink location={out}"
    )
    subprocess.run(launch.split(), check=True)
    image = Image.open(out).convert("RGBA")
    checks = Image.effect_noise(image.size, 0).convert("RGBA")
    draw = ImageDraw.Draw(checks)
    for y in range(0, image.height, 16):
        for x in range(y // 16 % 2 * 16, image.width, 32):
            draw.rectangle((x, y, x + 15, y + 15), fill=(190, 190, 190))
    return Image.alpha_composite(checks, image).convert("RGB")


def main() -> None:
    out, *pictures = sys.argv[1:]
    pictures_of_modes = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, given in enumerate(pictures):
            picture, _, properties = given.partition(":")
            cells = []
            for name, how in MODES:
                cell = render(picture, properties, how, Path(scratch) / "cell.png")
                cell = cell.resize((CELL, round(cell.height * CELL / cell.width)), Image.LANCZOS)
                draw = ImageDraw.Draw(cell)
                box = draw.textbbox((8, 6), name)
                draw.rectangle((box[0] - 4, box[1] - 3, box[2] + 4, box[3] + 3), fill="black")
                draw.text((8, 6), name, fill="white")
                cells.append(cell)
            pictures_of_modes.append(cells)
    rows = [cells[at : at + ROW] for cells in pictures_of_modes for at in range(0, len(cells), ROW)]
    sheet = Image.new("RGB", (CELL * ROW, sum(row[0].height for row in rows)))
    y = 0
    for row in rows:
        for x, cell in enumerate(row):
            sheet.paste(cell, (x * CELL, y))
        y += row[0].height
    sheet.save(out, quality=78)


if __name__ == "__main__":
    main()
