#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# The table of full-size checkpoints, every tensor random, against their reference implementations:
# `dpt-onnx export`, then ONNX Runtime. Not part of CI: all of it takes an hour or more, up to 16 GB
# of memory and 12 GB of disk.
#
# Usage: tests/parity.sh [SCRATCH] [--only PATTERN] [--again] [--keep] [--stages]
#   SCRATCH         folder for the files; rows.md in it keeps the finished rows, so that the next
#                   call goes on where this one stopped
#   --only PATTERN  the cases whose names match (shell pattern)
#   --again         do finished rows anew
#   --keep          leave the cases' files in SCRATCH, and take those that are there
#   --stages        compare every stage, and name the first that differs (transformers' cases)
# Environment:
#   PYTHON  interpreter with torch, torchvision, transformers, timm, safetensors, onnxruntime
#   REPOS   folder with the authors' repositories: adds the cases of data/make_original.py
#   TIMM    its --timm
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export ORT_DISABLE_TELEMETRY=1
cargo build --quiet --release --manifest-path "$root/Cargo.toml" --bin dpt-onnx
exec "${PYTHON:-python3}" "$root/tests/parity.py" --tool "$root/target/release/dpt-onnx" "$@"
