#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes guided.bin beside this script: joint bilateral upsampling (Kopf et al. 2007) in NumPy.

    pip install numpy opencv-python-headless
    python3 guided.py

16-bit little-endian: a map of 24x32, then every third pixel of every third row of it at the size of
photo.png, guided by that.
"""
import pathlib

import cv2
import numpy as np

HERE = pathlib.Path(__file__).parent
TOLERANCE = 12.0


def upsample(codes, guide):
    rows, columns = codes.shape
    height, width = guide.shape[:2]
    small = cv2.resize(guide, (columns, rows), interpolation=cv2.INTER_AREA)
    y, x = np.mgrid[:height, :width]
    y = np.clip((y + 0.5) * rows / height - 0.5, 0, rows - 1)
    x = np.clip((x + 0.5) * columns / width - 0.5, 0, columns - 1)
    total, weights = np.zeros((height, width)), np.zeros((height, width))
    for row in (np.floor(y), np.floor(y) + 1):
        for column in (np.floor(x), np.floor(x) + 1):
            near = np.maximum(0, 1 - np.abs(y - row)) * np.maximum(0, 1 - np.abs(x - column))
            at = np.minimum(row, rows - 1).astype(int), np.minimum(column, columns - 1).astype(int)
            difference = np.abs(guide.astype(float) - small[at]).mean(-1) / TOLERANCE
            weight = near / (1 + difference**2) ** 2
            total += weight * codes[at]
            weights += weight
    return np.rint(total / weights).astype("<u2")


def main():
    guide = cv2.imread(str(HERE / "photo.png"))
    codes = np.random.default_rng(1).integers(0, 65536, (24, 32)).astype("<u2")
    large = upsample(codes, guide)[::3, ::3]
    (HERE / "guided.bin").write_bytes(codes.tobytes() + np.ascontiguousarray(large).tobytes())


main()
