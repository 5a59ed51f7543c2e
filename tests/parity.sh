#!/usr/bin/env bash
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# Full-size checkpoints against transformers, through `dpt-onnx export` and ONNX Runtime. Not part
# of CI: it needs about 10 GB of disk and memory, some minutes, and
#   pip install torch transformers timm safetensors onnxruntime
# Usage: tests/parity.sh [SCRATCH]     (PYTHON=... to choose the interpreter)
# Checkpoints that are in SCRATCH already are not written anew.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
scratch=${1:-$(mktemp -d)}
python=${PYTHON:-python3}
export ORT_DISABLE_TELEMETRY=1
mkdir -p "$scratch"
for name in dpt-large dpt-large-ade dpt-hybrid-midas; do
    if ! compgen -G "$scratch/$name/reference-*.safetensors" >/dev/null; then
        "$python" "$root/tests/data/make_dpt.py" --full "$scratch" --only "$name"
    fi
done
cargo build --quiet --release --manifest-path "$root/Cargo.toml" --bin dpt-onnx
exec "$python" - "$root/target/release/dpt-onnx" "$scratch" <<'PY'
import resource, subprocess, sys, time
from pathlib import Path
import numpy as np
import onnxruntime as ort
from safetensors.numpy import load_file

tool, scratch = sys.argv[1], Path(sys.argv[2])
print("| checkpoint | size | output | max error / range | mean error / range | export s | export peak GB |")
print("|---|---|---|---|---|---|---|")
bad = 0
for reference in sorted(scratch.glob("*/reference-*.safetensors")):
    size = reference.stem.removeprefix("reference-")
    model = scratch / "model.onnx"
    start = time.monotonic()
    subprocess.run(
        [tool, "export", reference.parent, "-o", model, "--size", size, "--external-data", "--logits"],
        check=True, stdout=subprocess.DEVNULL,
    )
    seconds = time.monotonic() - start
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    golden = load_file(reference)
    name = "logits" if "labels" in golden else "predicted_depth"
    expected = golden["head" if "labels" in golden else name]
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    actual = session.run([name], {"pixel_values": golden["input"]})[0]
    error = np.abs(actual - expected) / (expected.max() - expected.min())
    bad += error.max() > 1e-3
    print(f"| {reference.parent.name} | {size} | {name} | {error.max():.1e} | {error.mean():.1e} | {seconds:.1f} | {peak:.2f} |", flush=True)
    del session
    if name == "logits":
        session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        labels = session.run(["labels"], {"pixel_values": golden["input"]})[0]
        same = (labels == golden["labels"]).mean()
        bad += same < 0.999
        print(f"| {reference.parent.name} | {size} | labels | {1 - same:.1e} of the pixels differ | | | |")
sys.exit(f"{bad} rows miss the tolerance" if bad else 0)
PY
