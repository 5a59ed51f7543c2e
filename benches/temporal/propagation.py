#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""How well between=hold and between=motion stand in for the maps that are not inferred.

    source target/env.sh; benches/temporal/propagation.py [--interval 4] [--strip OUT.jpg CLIP FRAME X,Y,W,H] CLIP …

Prints a table: the mean absolute difference of the frames in between from the maps that inferring every frame
gives, in percent of one range for the whole clip (its 1st to 99th percentile), and that after the best scale and
shift of each map, which no movement can know. For comparison maps moved by OpenCV's DIS flow straight from the
inferred frame, and by a flow between the maps themselves, which knows the answer: what is left there is what the model
says differently about the same thing.
The last two columns do the same with the picture's luma in place of depth, for
how much moving helps something that does not flicker (DIS alone: the element moves only its own maps).
Needs numpy, OpenCV and PyGObject.
"""
import argparse
import sys

import cv2
import gi
import numpy as np

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
from gi.repository import Gst, GstApp  # noqa: E402, F401

LONGER_SIDE = 192  # of the pictures that flow is estimated on, as in the element
SHOWN = (0, 2, 4, 6, 7)  # frames of a strip


def run(clip: str, properties: str, limit: int) -> tuple[np.ndarray, np.ndarray, list[bool]]:
    """The clip's frames [N, H, W, 3], the maps they carry [N, h, w], and which are the frame's own."""
    pipeline = Gst.parse_launch(
        f"filesrc location={clip} ! decodebin ! videoconvert ! video/x-raw,format=RGBx"
        f" ! dptdepth output=meta alignment=strict range-mode=frame smoothing=0 {properties}"
        " ! appsink name=sink sync=false max-buffers=4"
    )
    sink = pipeline.get_by_name("sink")
    pipeline.set_state(Gst.State.PLAYING)
    frames, maps, own = [], [], []
    bus = pipeline.get_bus()
    while len(frames) < limit and not sink.is_eos():
        sample = sink.try_pull_sample(Gst.SECOND)
        if error := bus.pop_filtered(Gst.MessageType.ERROR):
            pipeline.set_state(Gst.State.NULL)
            sys.exit(f"{clip}: {error.parse_error()[0].message}")
        if not sample:
            continue
        buffer, caps = sample.get_buffer(), sample.get_caps().get_structure(0)
        size = (caps.get_value("height"), caps.get_value("width"), 4)
        frames.append(np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8).reshape(size)[..., :3])
        meta = buffer.get_custom_meta("GstDptDepthMeta").get_structure()
        own.append(meta.get_value("age") == 0)
        data = meta.get_value("data")
        values = np.frombuffer(data.extract_dup(0, data.get_size()), np.float32)
        maps.append(values.reshape(meta.get_value("height"), meta.get_value("width")))
    pipeline.set_state(Gst.State.NULL)
    return np.stack(frames), np.stack(maps), own


def thumbnail(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    scale = min(1, LONGER_SIDE / max(height, width))
    size = (round(width * scale), round(height * scale))
    return cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)


def flow(later: np.ndarray, earlier: np.ndarray) -> np.ndarray:
    """Where each pixel of `later` is in `earlier`."""
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(later, earlier, None)


def moved(values: np.ndarray, by: np.ndarray) -> np.ndarray:
    height, width = values.shape
    scale = np.array([width / by.shape[1], height / by.shape[0]], np.float32)
    by = cv2.resize(by, (width, height)) * scale
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(values, x + by[..., 0], y + by[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def difference(guess: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    scale, shift = np.polyfit(guess.ravel().astype(np.float64), truth.ravel(), 1)
    return np.abs(guess - truth).mean(), np.abs(guess * scale + shift - truth).mean()


def measure(clip: str, interval: int, limit: int) -> None:
    frames, every, _ = run(clip, "inference-interval=1", limit)
    _, held, own = run(clip, f"inference-interval={interval} between=hold", limit)
    _, propagated, _ = run(clip, f"inference-interval={interval} between=motion", limit)
    thumbnails = [thumbnail(frame) for frame in frames]
    low, high = np.percentile(every, (1, 99))
    codes = [np.clip((each - low) / (high - low) * 255, 0, 255).astype(np.uint8) for each in every]
    luma = [cv2.resize(each, every.shape[:0:-1]).astype(np.float32) for each in thumbnails]
    sums: dict[str, list] = {}
    key = 0
    for i in range(len(every)):
        if own[i]:
            key = i
            continue
        by = flow(thumbnails[i], thumbnails[key])
        guesses = {
            "hold": (held[i], every[i]),
            "motion": (propagated[i], every[i]),
            "DIS": (moved(every[key], by), every[i]),
            "fitted": (moved(every[key], flow(codes[i], codes[key])), every[i]),
            "luma held": (luma[key], luma[i]),
            "luma, DIS": (moved(luma[key], by), luma[i]),
        }
        for name, guess in guesses.items():
            sums.setdefault(name, []).append(difference(*guess))
    mean = {name: np.mean(values, axis=0) for name, values in sums.items()}
    cells = []
    for name, values in mean.items():
        base = mean["luma held" if name.startswith("luma") else "hold"]
        share = np.array(values) / (np.ptp(luma) if name.startswith("luma") else high - low) * 100
        gain = (1 - values / base) * 100
        both = [f"{s:.2f}" + (f" (−{g:.0f} %)" if name not in ("hold", "luma held") else "") for s, g in zip(share, gain)]
        cells.append(both[0] if name.startswith("luma") else f"{both[0]}; {both[1]}")
    print(f"| {clip.rsplit('/', 1)[-1]} | {len(every)} | " + " | ".join(cells) + " |", flush=True)


def strip(clip: str, first: int, part: list[float], out: str) -> None:
    """Rows: a part of the frame, its own map, hold and motion of the map inferred at the first column."""
    count = first + SHOWN[-1] + 1
    frames, every, _ = run(clip, "inference-interval=1", count)
    rows = [every]
    for how in ("hold", "motion"):
        rows.append(run(clip, f"inference-interval={SHOWN[-1] + 1} between={how}", count)[1])
    low, high = np.percentile(every[first:], (0.5, 99.5))
    columns = []
    for i in (first + step for step in SHOWN):
        frame = frames[i][..., ::-1]
        cells = [frame]
        for maps in rows:
            codes = np.clip((maps[i] - low) / (high - low) * 255, 0, 255).astype(np.uint8)
            colours = cv2.applyColorMap(cv2.resize(codes, frame.shape[1::-1]), cv2.COLORMAP_INFERNO)
            cells.append(cv2.addWeighted(colours, 0.75, frame, 0.35, 0))
        height, width = frame.shape[:2]
        left, top = int(part[0] * width), int(part[1] * height)
        right, bottom = left + int(part[2] * width), top + int(part[3] * height)
        cells = [cell[top:bottom, left:right] for cell in cells]
        size = (240, round(240 * (bottom - top) / (right - left)))
        columns.append(np.vstack([cv2.resize(cell, size, interpolation=cv2.INTER_AREA) for cell in cells]))
    cv2.imwrite(out, np.hstack(columns), [cv2.IMWRITE_JPEG_QUALITY, 72])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--interval", type=int, default=4)
    parser.add_argument("--frames", type=int, default=130)
    parser.add_argument("--strip", nargs=4, metavar=("OUT", "CLIP", "FRAME", "X,Y,W,H"), help="FRAME: a multiple of 8; X,Y,W,H: 0 to 1")
    parser.add_argument("clips", nargs="*")
    arguments = parser.parse_args()
    Gst.init(None)
    cv2.setNumThreads(1)
    if arguments.strip:
        out, clip, first, part = arguments.strip
        strip(clip, int(first), [float(value) for value in part.split(",")], out)
    if arguments.clips:
        print("| clip | frames | hold; aligned | motion | DIS flow | flow between the maps | luma held | luma, DIS |")
        print("|---|---|---|---|---|---|---|---|")
    for clip in arguments.clips:
        measure(clip, arguments.interval, arguments.frames)


if __name__ == "__main__":
    main()
