#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes what transformers' ZoeDepthImageProcessor makes of photo.png, before normalisation.

Usage: zoedepth.py      (pip install torch torchvision transformers pillow)
"""
from pathlib import Path

import numpy as np
from PIL import Image
from transformers import ZoeDepthImageProcessor

here = Path(__file__).parent
processor = ZoeDepthImageProcessor(
    size={"height": 96, "width": 128}, ensure_multiple_of=32, do_normalize=False
)
photo = Image.open(here / "photo.png").convert("RGB")
pixels = processor(photo, return_tensors="np").pixel_values[0]
picture = np.round(pixels.transpose(1, 2, 0) * 255).astype(np.uint8)
Image.fromarray(picture).save(here / "photo-zoedepth.png", optimize=True)
