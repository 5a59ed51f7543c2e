# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Prints the parity table; parity.sh says how to call it.

Imports nothing large itself: the exporter's peak memory, which it reports, starts at its parent's.
"""
import argparse
import fnmatch
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "data"
TITLES = (
    "case", "file format", "reference", "size", "output", "parameters",
    "max error / range", "mean error / range", "export s", "export peak GB",
)
# Relative to the reference's range, and for labels the share of pixels that differ.
LARGEST, LARGEST_MEAN, LARGEST_SHARE = 1e-3, 1e-4, 1e-3
FAILED = "failed: "


class Failure(Exception):
    """Something outside this script went wrong; the row says what."""


@dataclass
class Generator:
    """A script that writes checkpoints and what a reference computes from them."""

    script: Path
    reference: str
    options: list[str]
    has_stages: bool

    def run(self, *arguments) -> str:
        return output([sys.executable, self.script, *arguments])

    def names(self) -> list[str]:
        return self.run("--list").split()

    def write(self, scratch: Path, name: str, stages: bool) -> None:
        extra = ["--stages"] if stages else []
        self.run(*self.options, "--full", scratch, "--only", name, *extra)


def output(command: list) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Failure(f"{Path(command[1]).name}: {lines[-1]}")
    return done.stdout


def export(tool: Path, folder: Path, size: str, model: Path, stages: bool) -> tuple[float, float]:
    """Seconds and peak GB of one export."""
    named = folder / "arguments"
    extra = shlex.split(named.read_text()) if named.exists() else []
    checkpoint = (folder / "checkpoint").read_text().strip()
    command = [tool, "export", checkpoint, "-o", model, "--size", size]
    command += ["--external-data", "--logits", *(["--stages"] if stages else [])]
    start = time.monotonic()
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(
            [str(part) for part in command] + extra,
            cwd=folder, stdout=subprocess.DEVNULL, stderr=errors,
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            errors.seek(0)
            raise Failure(" ".join(errors.read().split()) or f"exit code {child.returncode}")
    return time.monotonic() - start, usage.ru_maxrss / 1e6


def weight_files(checkpoint: Path) -> list[Path]:
    if checkpoint.is_file():
        return [checkpoint]
    return sorted(
        path for path in checkpoint.iterdir()
        if path.suffix in (".bin", ".pt", ".pth")
        or (path.suffix == ".safetensors" and not path.stem.startswith("reference-"))
    )


def file_format(checkpoint: Path) -> str:
    files = weight_files(checkpoint)
    if not files:
        raise Failure(f"no weights in {checkpoint.name}")
    with files[0].open("rb") as file:
        container = "zip" if file.read(2) == b"PK" else "legacy"
    suffix = files[0].suffix
    shards = f", {len(files)} files" if len(files) > 1 else ""
    return suffix + shards if suffix == ".safetensors" else f"{suffix} ({container}){shards}"


def in_another_process(function: str, *arguments):
    """Runs one of the functions below, which load large libraries."""
    return json.loads(output([sys.executable, __file__, "--call", function, *arguments]))


def count_parameters(*files: str) -> int:
    """Numbers in floating-point tensors."""
    import math

    import torch
    from safetensors import safe_open

    def count(value) -> int:
        if isinstance(value, torch.Tensor):
            return value.numel() if value.is_floating_point() else 0
        return sum(map(count, value.values())) if isinstance(value, dict) else 0

    total = 0
    for name in files:
        if name.endswith(".safetensors"):
            with safe_open(name, "numpy") as file:
                slices = [file.get_slice(key) for key in file.keys()]
                total += sum(
                    math.prod(part.get_shape()) for part in slices if "F" in part.get_dtype()
                )
        else:
            total += count(torch.load(name, map_location="meta", weights_only=True))
    return total


def compare(model: str, reference: str) -> list[dict]:
    """Runs the model; the errors of its outputs, in the order in which it computes them."""
    import numpy as np
    import onnxruntime as ort
    from safetensors.numpy import load_file

    expected = load_file(reference)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    ours = {name: name for name in expected}
    if "labels" in expected:
        ours["logits"] = ours.pop("head")
    names = [output.name for output in session.get_outputs() if output.name in ours]
    missing = {"predicted_depth", "logits", "labels", "sky"} & set(ours) - set(names)
    if missing or not names:
        raise Failure(f"the graph has no output {', '.join(sorted(missing))}")
    errors = []
    for name, actual in zip(names, session.run(names, {"pixel_values": expected["input"]})):
        wanted = expected[ours[name]]
        if actual.squeeze().shape != wanted.squeeze().shape:
            raise Failure(f"{name} is {actual.shape}, in the reference {wanted.shape}")
        actual, wanted = actual.squeeze(), wanted.squeeze()
        if wanted.dtype == np.uint8:
            errors.append(dict(output=name, share=float((actual != wanted).mean())))
        else:
            error = np.abs(actual.astype(np.float64) - wanted) / np.ptp(wanted)
            errors.append(dict(output=name, max=float(error.max()), mean=float(error.mean())))
    return errors


def misses(error: dict) -> bool:
    if "share" in error:
        return not error["share"] <= LARGEST_SHARE
    return not (error["max"] <= LARGEST and error["mean"] <= LARGEST_MEAN)


def row(*cells) -> str:
    return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"


def rows(generator: Generator, folder: Path, tool: Path, stages: bool):
    """Yields each row of a case, with stars around an error that misses."""
    checkpoint = folder / (folder / "checkpoint").read_text().strip()
    parameters = in_another_process("count_parameters", *weight_files(checkpoint)) / 1e6
    model = folder / "model.onnx"
    for reference in sorted(folder.glob("reference-*.safetensors")):
        size = reference.stem.removeprefix("reference-")
        head = (folder.name, file_format(checkpoint), generator.reference, size)
        try:
            seconds, peak = export(tool, folder, size, model, stages)
            errors = in_another_process("compare", model, reference)
        except Failure as failure:
            cells = ("", f"{parameters:.1f} M", f"{FAILED}{failure}", "", "", "")
            yield row(*head, *cells)
            continue
        tail = (f"{seconds:.1f}", f"{peak:.2f}")
        first = next((error["output"] for error in errors if misses(error)), None)
        for error in errors:
            name = error["output"]
            if name not in ("predicted_depth", "logits", "labels", "sky"):
                continue
            if "share" in error:
                figures = (f"{error['share']:.1e} of the pixels", "")
            else:
                figures = (f"{error['max']:.1e}", f"{error['mean']:.1e}")
            if misses(error):
                figures = (f"**{figures[0]}**" + (f" from {first}" if stages else ""), figures[1])
            yield row(*head, name, f"{parameters:.1f} M", *figures, *tail)


def do_case(generator: Generator, scratch: Path, name: str, options) -> list[str]:
    """Writes a case's files, prints its rows, removes the files."""
    folder, made = scratch / name, []

    def say(line: str) -> None:
        print(line, flush=True)
        made.append(line)

    stages = options.stages and generator.has_stages
    try:
        if not (options.keep and any(folder.glob("reference-*.safetensors"))):
            generator.write(scratch, name, stages)
        for line in rows(generator, folder, options.tool, stages):
            say(line)
    except Failure as failure:
        blank = [""] * 3
        say(row(name, "", generator.reference, *blank, f"{FAILED}{failure}", *blank))
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return made


def generators() -> list[Generator]:
    found = [Generator(DATA / "make_dpt.py", "transformers", [], has_stages=True)]
    if repos := os.environ.get("REPOS"):
        options = ["--repos", repos]
        if timm := os.environ.get("TIMM"):
            options += ["--timm", timm]
        found.append(Generator(DATA / "make_original.py", "the authors' code", options, False))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="parity.sh")
    parser.add_argument("scratch", type=Path, nargs="?")
    parser.add_argument("--only", default="*", metavar="PATTERN")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("--tool", type=Path, required=True)
    arguments = parser.parse_args()
    scratch = (arguments.scratch or Path(tempfile.mkdtemp())).resolve()
    scratch.mkdir(parents=True, exist_ok=True)
    print(f"scratch: {scratch}", file=sys.stderr)

    finished = scratch / "rows.md"
    print(row(*TITLES), row(*["---"] * len(TITLES)), sep="\n", flush=True)
    missed = 0
    for generator in generators():
        for name in fnmatch.filter(generator.names(), arguments.only):
            lines = finished.read_text().splitlines() if finished.exists() else []
            mine = [line for line in lines if line.startswith(f"| {name} | ")]
            if mine and not arguments.again:
                print(*mine, sep="\n", flush=True)
            else:
                others = [line for line in lines if line not in mine]
                mine = do_case(generator, scratch, name, arguments)
                if not any(FAILED in line for line in mine):
                    finished.write_text("\n".join(others + mine) + "\n")
            missed += sum("**" in line or FAILED in line for line in mine)
    if missed:
        print(f"{missed} rows miss the tolerance", file=sys.stderr)
    return min(missed, 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--call"]:
        try:
            function = {"compare": compare, "count_parameters": count_parameters}[sys.argv[2]]
            result = function(*sys.argv[3:])
        except Failure as failure:
            sys.exit(str(failure))
        print(json.dumps(result))
    else:
        sys.exit(main())
