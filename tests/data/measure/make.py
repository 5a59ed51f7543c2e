#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes maps and what NumPy, OpenCV and SciPy measure on them: ./make.py

Needs numpy, opencv-python, scipy and safetensors.
"""

import json
from pathlib import Path

import cv2
import numpy as np
from safetensors.numpy import save_file
from scipy.ndimage import find_objects

HERE = Path(__file__).resolve().parent
HEIGHT, WIDTH = 27, 41

random = np.random.default_rng(5)
depth = random.gamma(2.0, 3.0, (HEIGHT, WIDTH)).astype(np.float32)
depth[random.random(depth.shape) < 0.10] = np.nan
depth[random.random(depth.shape) < 0.05] = np.inf
depth[random.random(depth.shape) < 0.05] *= -1
coarse = random.integers(0, 7, (4, 5))
labels = np.kron(coarse, np.ones((7, 9)))[:HEIGHT, :WIDTH]
labels[random.random(labels.shape) < 0.05] = 200
labels[labels == 3] = 255


def valid_values(values, meaning):
    if meaning == "metric":
        return values[values > 0]
    if meaning == "relative":
        return values[values > -np.inf]
    return values[np.isfinite(values)]


def statistics(values, meaning):
    """In order of distance; the nearest rank, so that infinity stays what it is."""
    valid = valid_values(values, meaning)
    sign = -1 if meaning == "inverse-relative" else 1

    def rank(share):
        value = float(sign * np.percentile(sign * valid, share, method="inverted_cdf"))
        return value if np.isfinite(value) else str(value)

    return {"valid": valid.size / values.size, "median": rank(50), "nearest": rank(5)}


rectangles = [(0, 0, WIDTH, HEIGHT), (3, 5, 11, 7), (40, 26, 1, 1), (20, 0, 2, 27), (7, 13, 30, 3)]
rectangle_cases = [
    {"rect": rect, "meaning": meaning, **statistics(depth[y : y + h, x : x + w].ravel(), meaning)}
    for rect in rectangles
    for x, y, w, h in [rect]
    for meaning in ["metric", "relative", "inverse-relative"]
    if valid_values(depth[y : y + h, x : x + w].ravel(), meaning).size
]

polygons = {
    "triangle": [(0.11, 0.07), (0.93, 0.31), (0.42, 0.88)],
    "concave": [(0.05, 0.05), (0.95, 0.12), (0.51, 0.43), (0.9, 0.97), (0.08, 0.81)],
    "whole": [(0, 0), (1, 0), (1, 1), (0, 1)],
    "bow": [(0.1, 0.1), (0.9, 0.83), (0.9, 0.1), (0.1, 0.83)],
}
polygon_cases = []
for name, points in polygons.items():
    contour = (np.array(points) * [WIDTH, HEIGHT]).astype(np.float32)
    inside = [
        cv2.pointPolygonTest(contour, (column + 0.5, row + 0.5), False) > 0
        for row in range(HEIGHT)
        for column in range(WIDTH)
    ]
    values = depth.ravel()[inside]
    valid = valid_values(values, "metric")
    inside = (valid >= 2) & (valid <= 6)
    polygon_cases.append({
        "name": name,
        "points": points,
        "share": int(inside.sum()) / valid.size,
        "nearest": statistics(values, "metric")["nearest"],
    })

classes = labels.astype(int)
coverage = sorted(
    (
        {
            "class": index,
            "share": int((classes == index).sum()) / classes.size,
            # Half open.
            "top": rows.start,
            "left": columns.start,
            "bottom": rows.stop,
            "right": columns.stop,
        }
        for index, (rows, columns) in (
            (index, place) for index, place in enumerate(find_objects(classes + 1)) if place
        )
        if index != 255
    ),
    key=lambda entry: (-entry["share"], entry["class"]),
)

save_file({"depth": depth, "labels": labels.astype(np.float32)}, HERE / "maps.safetensors")
text = json.dumps(
    {"rectangles": rectangle_cases, "polygons": polygon_cases, "coverage": coverage}, indent=1
)
(HERE / "expected.json").write_text(text + "\n")
