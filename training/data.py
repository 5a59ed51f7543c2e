# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Reads the generator's shards memory-mapped, cuts and distorts pictures, keeps fresh shards coming.

What a batch holds depends on the seed and the batch's number alone, so that training can go on after
any stop exactly where it was: shards enter and leave a window as pictures are consumed.
"""
import json
import os
import shlex
import signal
import subprocess
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

SHARD = 256  # pictures in a shard
HELD_OUT = 900_000_000  # number of the first picture that is never trained on
PAIRS_EVERY = 4  # each fourth shard holds pairs of frames
GENERATOR = f"cargo run --release --manifest-path {shlex.quote(str(Path(__file__).parent / 'generator/Cargo.toml'))} --"
# Names of the kinds of scenes in the generator's order (scenes::KINDS).
KINDS = ("room", "street", "landscape", "portrait", "animal", "tabletop", "workshop", "above", "vehicle", "corridor", "abstract", "crowd", "park", "thing")
DTYPES = {"U8": np.uint8, "F16": np.float16, "F32": np.float32}


def shard_path(folder: Path, number: int) -> Path:
    """File of the shard whose first picture is `number`."""
    return folder / f"pictures-{number:08}.safetensors"


def shard(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a shard, memory-mapped: names and shapes are in README.md."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    data = np.memmap(path, np.uint8, "r", 8 + length)
    return {
        name: data[slice(*entry["data_offsets"])].view(DTYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def generate(folder: Path, start: int, count: int, size: int, pairs: bool, command: str = GENERATOR) -> subprocess.Popen:
    """Starts the generator at low priority; shards that exist are skipped."""
    folder.mkdir(parents=True, exist_ok=True)
    arguments = ["--output", str(folder), "--start", str(start), "--count", str(count), "--size", str(size)]
    return subprocess.Popen(
        ["nice", "-n", "10", *shlex.split(command), *arguments, *(["--pairs"] if pairs else [])],
        stdout=(folder / "generator.log").open("ab"), stderr=subprocess.STDOUT, start_new_session=True,
    )


class Producer:
    """Runs the generator in the background, some shards ahead, and deletes shards nobody needs again."""

    def __init__(self, folder: Path, size: int, command: str, ahead: int = 16) -> None:
        self.folder, self.size, self.command, self.ahead = folder, size, command, ahead
        self.wanted, self.process, self.stopped = 0, None, False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def want(self, shards: int) -> None:
        """Says that shards below this number are needed now."""
        self.wanted = max(self.wanted, shards)

    def forget(self, below: int) -> None:
        """Deletes the shards below this number: no saved state reaches back to them."""
        for path in self.folder.glob("pictures-*.safetensors"):
            if int(path.stem.rpartition("-")[2]) < below * SHARD:
                path.unlink()

    def stop(self) -> None:
        """Ends the generator; a shard that was not complete is made anew next time."""
        self.stopped = True
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)  # cargo's child too

    def _run(self) -> None:
        while not self.stopped:
            missing = [n for n in range(self.wanted + self.ahead) if not shard_path(self.folder, n * SHARD).exists()]
            missing = [n for n in missing if n >= self.first_kept()]
            if not missing:
                time.sleep(2)
                continue
            # As many as lie together and are of one kind: the generator's start costs little.
            first, last = missing[0], missing[0]
            while last + 1 in missing and (last + 1) % PAIRS_EVERY and first % PAIRS_EVERY:
                last += 1
            self.process = generate(
                self.folder, first * SHARD, (last - first + 1) * SHARD, self.size, first % PAIRS_EVERY == 0, self.command
            )
            if self.process.wait() and not self.stopped:
                print(f"the generator failed, see {self.folder / 'generator.log'}; next try in a minute", flush=True)
                time.sleep(60)

    def first_kept(self) -> int:
        """The oldest shard still there: what is older was deleted on purpose."""
        numbers = [int(p.stem.rpartition("-")[2]) // SHARD for p in self.folder.glob("pictures-*.safetensors")]
        return min(numbers, default=0)


@dataclass(frozen=True)
class Window:
    """Which shards batches are drawn from, once `consumed` pictures were seen."""

    initial: int  # shards before training starts
    most: int  # shards kept: the disk's budget
    reuse: float  # how often a picture is seen, about, before a new one comes

    def at(self, consumed: int) -> tuple[int, int]:
        end = self.initial + int(consumed / (self.reuse * SHARD))
        return max(0, end - self.most) // PAIRS_EVERY * PAIRS_EVERY, end


class Stopped(Exception):
    """Raised instead of waiting on for a shard, once `Reader.cancelled` is set."""


class Reader:
    """Hands out augmented batches; `batch` is a pure function of its arguments and the seed."""

    def __init__(self, folder: Path, window: Window, seed: int, producer: Producer | None, without: tuple[str, ...] = ()) -> None:
        self.folder, self.window, self.seed, self.producer = folder, window, seed, producer
        self.without = [KINDS.index(name) for name in without]
        self.open: OrderedDict[int, dict] = OrderedDict()
        self.lock = threading.Lock()
        self.cancelled = threading.Event()

    def batch(self, number: int, consumed: int, count: int, size: tuple[int, int], pairs: bool) -> dict[str, np.ndarray]:
        """rgb u8 [n, H, W, 3], inverse f32 [n, H, W], labels u8 [n, H, W]; pairs add rgb_next, inverse_next,
        and grid f32 [n, H, W, 2] (where each pixel is in the next frame, -1 … 1) with visible bool [n, H, W]."""
        begin, end = self.window.at(consumed)
        random = np.random.default_rng([self.seed, number])
        kind = [n for n in range(begin, end) if not pairs or n % PAIRS_EVERY == 0]
        samples = []
        for pick, index in zip(random.integers(len(kind), size=count), random.integers(SHARD, size=count), strict=True):
            found = self._shard(kind[pick], begin, end)
            if self.without:
                allowed = np.flatnonzero(~np.isin(found["kind"], self.without))
                index = allowed[index % len(allowed)]
            samples.append(sample(found, int(index), size, random, pairs))
        return {name: np.stack([s[name] for s in samples]) for name in samples[0]}

    def _shard(self, number: int, begin: int, end: int) -> dict:
        with self.lock:
            if number in self.open:
                return self.open[number]
            for old in [n for n in self.open if n < begin]:
                del self.open[old]
            path, waited = shard_path(self.folder, number * SHARD), 0
            while not path.exists():
                if self.producer is None:
                    raise SystemExit(f"{path}: missing, and no generator runs: drop --no-generator")
                self.producer.want(end)
                if waited % 60 == 0:
                    print(f"waiting for {path.name}", flush=True)
                if self.cancelled.wait(1):
                    raise Stopped
                waited += 1
            self.open[number] = shard(path)
            if self.producer:
                self.producer.want(end)
            return self.open[number]


def prefetch(tasks, depth: int = 4):
    """Yields (task, batch) for callables, made by one thread a little ahead."""
    with ThreadPoolExecutor(1) as pool:
        waiting = []
        try:
            for task, make in tasks:
                waiting.append((task, pool.submit(make)))
                if len(waiting) > depth:
                    first, future = waiting.pop(0)
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def sample(shard: dict, index: int, size: tuple[int, int], random: np.random.Generator, pair: bool) -> dict:
    """One picture (or pair), cut, mirrored and distorted, of the network's size (height, width)."""
    side = shard["rgb"].shape[1]
    height, width = size
    # Aspect of the cut: the network's own, squeezed or stretched, as cameras' pictures are when squashed.
    aspect = width / height * np.exp(random.normal(0, 0.2))
    # Hardly ever enlarged: in use pictures are shrunk, and sharp.
    least = min(1.0, max(0.55, 0.9 * max(size) / side))
    zoom = np.exp(random.uniform(np.log(least), 0)) if random.random() < 0.7 else 1.0
    rows, columns = side * zoom * min(1, 1 / aspect), side * zoom * min(1, aspect)
    rows, columns = max(32, round(rows)), max(32, round(columns))
    top, left = int(random.integers(side - rows + 1)), int(random.integers(side - columns + 1))
    cut = np.s_[top : top + rows, left : left + columns]
    mirror = random.random() < 0.5

    def exact(values: np.ndarray) -> np.ndarray:
        values = cv2.resize(np.ascontiguousarray(values), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return values[:, ::-1] if mirror else values

    def smooth(values: np.ndarray) -> np.ndarray:
        method = cv2.INTER_AREA if rows > height else cv2.INTER_LINEAR
        values = cv2.resize(np.ascontiguousarray(values), (width, height), interpolation=method)
        return np.ascontiguousarray(values[:, ::-1]) if mirror else values

    colours = Colours(random)
    found = {
        "rgb": colours(smooth(shard["rgb"][index][cut]), random),
        "inverse": exact(shard["inverse"][index][cut].astype(np.float32)),
        "labels": exact(shard["labels"][index][cut]),
    }
    if pair:
        found["rgb_next"] = colours(smooth(shard["rgb_next"][index][cut]), random)
        following = shard["inverse_next"][index][cut].astype(np.float32)
        found["inverse_next"] = exact(following)
        focal = np.array([shard["focal"][index], shard["focal_y"][index]])
        grid, expected = reproject(shard["inverse"][index].astype(np.float32), shard["pose"][index], focal)
        # From the picture's pixels to the cut's -1 … 1 (pixel centres, as align_corners=False has them).
        grid = (grid[cut] - (left, top) + 0.5) / (columns, rows) * 2 - 1
        inside = (np.abs(grid) < 1).all(-1)
        at = np.clip(np.nan_to_num((grid + 1) / 2 * (columns, rows)), 0, (columns - 1, rows - 1)).astype(int)
        seen = following[at[..., 1], at[..., 0]]
        visible = inside & (np.abs(seen - expected[cut]) <= 0.05 * np.maximum(seen, expected[cut]) + 1e-4)
        found["grid"] = exact(grid.astype(np.float32)).copy()
        if mirror:
            found["grid"][..., 0] *= -1
        found["visible"] = exact(visible.astype(np.uint8)).astype(bool)
    return found


def reproject(inverse: np.ndarray, pose: np.ndarray, focal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel (x right, y down, z forward, centre of the picture = optical axis, focal lengths [2] in pixels
    along x and y) is seen by the second camera: its pixel [H, W, 2] and its inverse depth there [H, W]. Sky (0) moves by the rotation alone."""
    side = inverse.shape[0]
    centre = (side - 1) / 2
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    ray = np.stack(((x - centre) / focal[0], (y - centre) / focal[1], np.ones_like(x)), -1)
    # Points divided by their depth, so that infinity needs no special case.
    moved = ray @ pose[:3, :3].T + inverse[..., None] * pose[:3, 3]
    z = np.where(moved[..., 2] > 1e-3, moved[..., 2], np.nan)
    return moved[..., :2] / z[..., None] * focal + centre, inverse / z


class Colours:
    """A change of light, colour and sharpness, the same for both frames of a pair but for the noise."""

    def __init__(self, random: np.random.Generator) -> None:
        ramp = np.linspace(0, 1, 256)
        gamma = np.exp(random.normal(0, 0.25))
        contrast, light = np.exp(random.normal(0, 0.2)), random.normal(0, 0.06)
        gains = np.exp(random.normal(0, 0.06, 3))
        curves = [((ramp * gain) ** gamma - 0.5) * contrast + 0.5 + light for gain in gains]
        self.table = (np.clip(np.stack(curves, -1), 0, 1) * 255).astype(np.uint8)[None]
        self.saturation = 0.0 if random.random() < 0.06 else np.exp(random.normal(0, 0.25))
        self.noise = abs(random.normal(0, 6)) if random.random() < 0.4 else 0
        self.blur = random.uniform(0.4, 1.4) if random.random() < 0.2 else 0
        self.quality = int(random.integers(25, 90)) if random.random() < 0.15 else 0
        self.patch = random.uniform(0, 1, 4) if random.random() < 0.25 else None

    def __call__(self, rgb: np.ndarray, random: np.random.Generator) -> np.ndarray:
        rgb = cv2.LUT(rgb, self.table)
        grey = np.array([[0.299, 0.587, 0.114]] * 3)
        rgb = cv2.transform(rgb, self.saturation * np.eye(3) + (1 - self.saturation) * grey)
        if self.blur:
            rgb = cv2.GaussianBlur(rgb, (0, 0), self.blur)
        if self.patch is not None:
            # A part without detail: what is there must be told from what is around it.
            height, width = rgb.shape[:2]
            y, x = int(self.patch[0] * height * 0.8), int(self.patch[1] * width * 0.8)
            part = rgb[y : y + int((0.1 + 0.3 * self.patch[2]) * height), x : x + int((0.1 + 0.3 * self.patch[3]) * width)]
            part[:] = cv2.blur(part, (15, 15))
        if self.noise:
            grain = random.standard_normal(rgb.shape, dtype=np.float32) * self.noise
            rgb = np.clip(rgb + grain, 0, 255).astype(np.uint8)
        if self.quality:
            coded = cv2.imencode(".jpg", rgb, (cv2.IMWRITE_JPEG_QUALITY, self.quality))[1]
            rgb = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        return rgb
