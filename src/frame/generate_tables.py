#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes colormap_tables.rs and palette_tables.rs beside this script.

    pip install matplotlib==3.11.2
    python3 generate_tables.py OBJECTINFO150_TXT PALLETE_PY

OBJECTINFO150_TXT: objectInfo150.txt of github.com/CSAILVision/sceneparsing (the ADE20K classes)
PALLETE_PY:        util/pallete.py of github.com/isl-org/DPT (the ADE20K colours)
"""
import pathlib
import re
import sys

import matplotlib

HEADER = """// SPDX-FileCopyrightText: The dptdepth developers
// SPDX-License-Identifier: MPL-2.0

//! Written by `generate_tables.py`; do not edit.
"""
HERE = pathlib.Path(__file__).parent


def array(name, doc, colors):
    text = f"\n/// {doc}\n#[rustfmt::skip]\npub(super) const {name}: [u32; {len(colors)}] = [\n"
    values = [f"0x{r:02x}{g:02x}{b:02x}," for r, g, b in colors]
    for start in range(0, len(values), 8):
        text += "    " + " ".join(values[start : start + 8]) + "\n"
    return text + "];\n"


def colormaps():
    text = HEADER
    for name in ["inferno", "magma", "plasma", "viridis", "turbo", "Spectral_r"]:
        table = matplotlib.colormaps[name](range(256), bytes=True)[:, :3].tolist()
        const = name.removesuffix("_r").upper()
        text += array(const, f"matplotlib's `{name}`, 0xRRGGBB.", table)
    (HERE / "colormap_tables.rs").write_text(text)


def palette(object_info, pallete):
    rows = [line.split("\t") for line in pathlib.Path(object_info).read_text().splitlines()[1:] if line]
    names = [row[4].split(",")[0].strip() for row in rows]
    numbers = re.search(r"adepallete = \[([^]]*)\]", pathlib.Path(pallete).read_text())[1]
    numbers = [int(number) for number in numbers.split(",") if number.strip()]
    # The list starts with the colour of pixels that have no class.
    colors = [tuple(numbers[start : start + 3]) for start in range(3, 3 * 151, 3)]
    assert len(names) == len(colors) == 150
    text = HEADER + array("COLORS", "The colours of the ADE20K classes, 0xRRGGBB.", colors)
    text += "\n/// The ADE20K classes, most frequent first.\npub(super) const NAMES: [&str; 150] = [\n"
    text += "".join(f'    "{name}",\n' for name in names) + "];\n"
    (HERE / "palette_tables.rs").write_text(text)


if __name__ == "__main__":
    colormaps()
    palette(*sys.argv[1:])
