# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""What each architecture costs: `search.py DPT_ONNX [SHAPE …]` prints a table, untrained weights.

Milliseconds of the network alone for one picture; 60 frames a second leave 16.7 ms for everything.
"""
import argparse
import subprocess
import tempfile
from pathlib import Path

from export import write
from model import Shape, build
from timing import engines, time_graph

SHAPES = (
    "", "size=256", "fusion=32", "fusion=64", "neck=96/96", "blocks=4", "blocks=8", "width=128", "width=256",
    "lite=1", "lite=2", "neck=96/96,width=256,blocks=8",
    "fusion=40,neck=96/96,width=256,blocks=6,lite=1",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dpt_onnx", type=Path)
    parser.add_argument("shapes", nargs="*", default=SHAPES, help="such as width=160,blocks=4; '' is the default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cpu-time", action="store_true", help="of one thread: for a machine that is busy")
    parser.add_argument("--task", default="depth")
    given = parser.parse_args()
    found = engines()
    print("| shape | MB | " + " | ".join(found) + " |\n|---|---|" + "---|" * len(found))
    for text in given.shapes:
        with tempfile.TemporaryDirectory() as scratch:
            folder, graph = Path(scratch) / "model", Path(scratch) / "model.onnx"
            size = write(build(Shape.parse(text), given.task, None), folder)
            subprocess.run([given.dpt_onnx, "export", folder, "-o", graph], check=True, capture_output=True)
            times = [f"{time_graph(graph, engine, 1 if given.cpu_time else given.threads, given.cpu_time):.1f}" for engine in found]
        print(f"| {text or 'default'} | {size / 1e6:.1f} | " + " | ".join(times) + " |", flush=True)


if __name__ == "__main__":
    main()
