#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# The table of photographs: `dpt-onnx run` on checkpoints of the published shapes, every tensor
# random, against the references' own code from the picture's file to a map of the picture's size.
# Not part of CI: all of it takes an hour. The last column is PASS up to a mean difference of 0.5 % of
# the range; "rounding" where it is more, but the reference moves as far when its own input is rounded
# to 8 bits (ours resizes in 8 bits, most authors in floats) or, with transformers, resized by Pillow
# instead of torchvision, and gives our map for our input: random weights exaggerate. Else MISS, and
# the exit code is 1.
#
# Usage: tests/photos.sh [SCRATCH] [--only PATTERN] [--photos PATTERN] [--keep]
#   SCRATCH           folder for the files; rows.md in it keeps the finished rows
#   --only PATTERN    the cases whose names match (shell pattern)
#   --photos PATTERN  the photographs whose names match
#   --keep            leave the checkpoints in SCRATCH, and take those that are there
# Environment:
#   PYTHON  interpreter with torch, torchvision, transformers, timm, safetensors, onnxruntime,
#           opencv-python, scikit-image (for its pictures)
#   REPOS   folder with the authors' repositories: adds the cases of data/make_original.py
#   TIMM    its --timm
#   TOOL    a built dpt-onnx; without it one is built
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export ORT_DISABLE_TELEMETRY=1
if [ -z "${TOOL:-}" ]; then
    cargo build --quiet --release --manifest-path "$root/Cargo.toml" --bin dpt-onnx
    TOOL=$root/target/release/dpt-onnx
fi
exec "${PYTHON:-python3}" "$root/tests/photos.py" --tool "$TOOL" "$@"
