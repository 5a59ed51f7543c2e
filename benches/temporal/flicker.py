#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Measures how steady dptdepth's maps are, and what that costs where things move.

    source target/env.sh; benches/temporal/flicker.py [--plot OUT.png] [--size 512] CLIP[:CUT,CUT…] …

Runs every clip through dptdepth as it is in each row of SETTINGS and prints a Markdown table:

- flicker: mean absolute change from one 8-bit map to the next where the picture does not change.
- OPW: the same along the optical flow (OpenCV's DIS), weighted by how well the flow explains the
  picture (exp(-50 d²)), as in "Neural Video Depth Stabilizer" (Wang et al., ICCV 2023).
- moving: error on pixels whose picture changes, against a reference that knows of no other frame: the
  mean of the mirrored frame and of larger networks; scale and shift fitted per frame; the values of a
  map without smoothing are 1.
- lag: the delay in frames at which single-frame maps are most like it where the picture changes.

A row "average A" is a plain exponential average of the maps of single frames with the share A of each
new one. CUTs are the frames that start a scene; nothing is measured across them. Needs NumPy, OpenCV,
Pillow and PyGObject.
"""
import argparse
import sys
from pathlib import Path

import cv2
import gi
import numpy as np
from PIL import Image, ImageDraw, ImageFont

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

SIDE = 256  # maps and pictures are compared at this size
STILL, MOVING = 3, 12  # 8-bit levels of a mean over 3×3 pixels
SETTINGS = {
    "single frames, min–max": "range-mode=frame smoothing=0",
    "smooth range": "smoothing=0",
    "smoothing=0.5": "smoothing=0.5",
    "smoothing=0.8": "smoothing=0.8",
    "smoothing=1": "smoothing=1",
}
SINGLE = next(iter(SETTINGS))
AVERAGES = (0.8, 0.5, 0.3)
COLORS = ("#c23b22", "#1f5fa8")
REFERENCES = ((1, True), (1.25, False), (1.25, True), (1.5, False))  # network size, mirrored


def fields(structure):
    return {structure.nth_field_name(i): structure.get_value(structure.nth_field_name(i)) for i in range(structure.n_fields())}


def run(clip, properties, mirrored=False, limit=400):
    """Maps with their range, and gray pictures: (values [T, h, w], near, far, pictures)."""
    values, ranges, pictures = [], [], []
    mirror = "videoflip method=horizontal-flip !" if mirrored else ""
    pipeline = Gst.parse_launch(
        f'filesrc location="{clip}" ! decodebin ! videoconvert ! video/x-raw,format=RGB ! {mirror}'
        f" dptdepth output=meta alignment=strict resize-policy=squash {properties} ! fakesink name=sink signal-handoffs=true"
    )

    def on_frame(_sink, buffer, pad):
        if len(values) >= limit:
            return
        depth = fields(buffer.get_custom_meta("GstDptDepthMeta").get_structure())
        width, height = depth["width"], depth["height"]
        data = np.frombuffer(depth["data"].extract_dup(0, 4 * width * height), np.float32)
        values.append(small(data.reshape(height, width)))
        ranges.append((depth["near"], depth["far"]))
        caps = pad.get_current_caps().get_structure(0)
        width, height = caps.get_value("width"), caps.get_value("height")
        rgb = np.frombuffer(buffer.extract_dup(0, buffer.get_size()), np.uint8)
        rgb = rgb.reshape(height, -1)[:, : 3 * width].reshape(height, width, 3)
        pictures.append(small(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)))

    pipeline.get_by_name("sink").connect("handoff", on_frame)
    pipeline.set_state(Gst.State.PLAYING)
    bus, ended = pipeline.get_bus(), Gst.MessageType.EOS | Gst.MessageType.ERROR
    message = None
    while message is None and len(values) < limit:
        message = bus.timed_pop_filtered(Gst.SECOND // 5, ended)
    pipeline.set_state(Gst.State.NULL)
    if message and message.type == Gst.MessageType.ERROR:
        sys.exit(f"{message.src.get_name()}: {message.parse_error()[0].message}")
    values = np.array(values)
    if mirrored:
        values = values[:, :, ::-1]
    near, far = np.array(ranges).T[..., None, None]
    return values, near, far, np.array(pictures)


def small(plane):
    method = cv2.INTER_AREA if plane.shape[0] > SIDE else cv2.INTER_LINEAR
    return cv2.resize(plane, (SIDE, SIDE), interpolation=method)


def codes(values, near, far):
    return np.rint(np.clip((values - far) / (near - far), 0, 1) * 255).astype(np.float32)


def fit(x, y):
    """y ≈ a·x + b with least absolute differences."""
    x, y = x[::4, ::4].ravel(), y[::4, ::4].ravel()
    a, b = np.polyfit(x, y, 1)
    for _ in range(5):
        weight = 1 / np.sqrt(np.maximum(np.abs(a * x + b - y), 1e-3 * y.std() + 1e-6))
        a, b = np.linalg.lstsq(np.stack([x * weight, weight], 1), y * weight, rcond=None)[0]
    return a * 1.0, b


class Clip:
    """What is known of a clip beside its maps."""

    def __init__(self, pictures, cuts):
        self.frames = [t for t in range(1, len(pictures)) if t not in cuts]
        self.cuts = cuts
        self.still, self.moving, self.flow = {}, {}, {}
        estimator = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        x, y = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))
        for t in self.frames:
            now, last = pictures[t].astype(np.float32), pictures[t - 1].astype(np.float32)
            change = np.abs(cv2.blur(now - last, (3, 3)))
            self.still[t] = cv2.dilate((change > STILL).astype(np.uint8), np.ones((5, 5))) == 0
            self.moving[t] = change > MOVING
            flow = estimator.calc(pictures[t], pictures[t - 1], None)
            place = np.stack([x + flow[..., 0], y + flow[..., 1]], -1)
            warped = cv2.remap(last, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            weight = np.exp(-50 * ((now - warped) / 255) ** 2)
            weight[((place < 0) | (place > SIDE - 1)).any(-1)] = 0
            self.flow[t] = place.astype(np.float32), weight

    def flicker(self, maps):
        series = {t: np.abs(maps[t] - maps[t - 1])[self.still[t]].mean() for t in self.frames if self.still[t].sum() >= 500}
        return np.mean(list(series.values())) if series else np.nan, series

    def opw(self, maps):
        sums = []
        for t in self.frames:
            place, weight = self.flow[t]
            last = cv2.remap(maps[t - 1], place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            sums.append((weight * np.abs(maps[t] - last)).sum() / weight.sum())
        return np.mean(sums)

    def error(self, values, reference):
        """Where the picture changes, in percent of the reference's range."""
        errors = []
        for t in self.frames:
            if self.moving[t].sum() >= 20:
                a, b = fit(values[t], reference[t])
                off = np.abs(a * values[t] + b - reference[t])[self.moving[t]].mean()
                errors.append(100 * off / np.ptp(np.percentile(reference[t], [1, 99])))
        return np.mean(errors)

    def lag(self, maps, single):
        delays = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4)
        errors = np.zeros(len(delays))
        for t in self.frames[8::2]:
            if self.moving[t].sum() < 100 or any(t - 6 < cut <= t for cut in self.cuts):
                continue
            for at, delay in enumerate(delays):
                whole, part = int(delay), delay % 1
                late = (1 - part) * single[t - whole] + part * single[t - whole - 1]
                a, b = np.polyfit(late[::3, ::3].ravel(), maps[t][::3, ::3].ravel(), 1)
                errors[at] += np.abs(a * late + b - maps[t])[self.moving[t]].mean()
        return delays[int(errors.argmin())]


def average(maps, share):
    out = [maps[0]]
    for now in maps[1:]:
        out.append(out[-1] + share * (now - out[-1]))
    return np.array(out)


def measure(path, cuts, size):
    rows, series = {}, {}
    single, near, far, pictures = run(path, f"{SETTINGS[SINGLE]} network-size={size}")
    clip = Clip(pictures, cuts)
    reference = np.zeros_like(single)
    for larger, mirrored in REFERENCES:
        other = run(path, f"{SETTINGS[SINGLE]} network-size={round(larger * size)}", mirrored)[0]
        for t, plane in enumerate(other):
            a, b = fit(plane, single[t])
            reference[t] += (a * plane + b) / len(REFERENCES)
    plain = codes(single, near, far)
    least = clip.error(single, reference)

    def add(name, maps, values):
        index, series[name] = clip.flicker(maps)
        rows[name] = index, clip.opw(maps), clip.error(values, reference) / least, clip.lag(maps, plain)

    add(SINGLE, plain, single)
    for share in AVERAGES:
        add(f"average {share}", average(plain, share), average(single, share))
    for name, properties in SETTINGS.items():
        if name != SINGLE:
            values, near, far, _ = run(path, f"{properties} network-size={size}")
            add(name, codes(values, near, far), values)
    return rows, series


def plot(out, clips, shown):
    """Flicker over time, a panel for each clip, in twice the pixels that are kept."""
    width, height, left, top = 1640, 300, 90, 70
    image = Image.new("RGB", (width, top + height * len(clips)), "white")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(26)
    for at, (label, color) in enumerate(zip(shown.values(), COLORS)):
        x = left + 420 * at
        draw.line([(x, 35), (x + 50, 35)], color, 5)
        draw.text((x + 65, 35), label, "black", font, "lm")
    for at, (name, series) in enumerate(clips.items()):
        base = top + height * (at + 1) - 50
        most = max(max(series[row].values()) for row in shown)
        frames = max(max(series[row]) for row in shown)
        scale = (width - left - 30) / frames, (height - 100) / most
        for level in (0, most / 2, most):
            y = base - level * scale[1]
            draw.line([(left, y), (width - 30, y)], "#dddddd", 2)
            draw.text((left - 15, y), f"{level:.1f}", "#555555", font, "rm")
        for row, color in zip(shown, COLORS):
            points = [(left + t * scale[0], base - value * scale[1]) for t, value in series[row].items()]
            draw.line(points, color, 3)
        draw.text((left, base + 8), f"{name}, {frames + 1} frames; 8-bit levels from frame to frame where nothing moves", "black", font)
    image.resize((width // 2, image.height // 2), Image.Resampling.LANCZOS).quantize(32).save(out, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", nargs="+", metavar="CLIP[:CUT,CUT…]")
    parser.add_argument("--plot", metavar="OUT.png", help="also draw flicker over time")
    parser.add_argument("--size", type=int, default=256, help="of the network; larger ones take longer and see more")
    arguments = parser.parse_args()
    Gst.init(None)
    drawn = {}
    print("| clip | maps | flicker | OPW | moving | lag |\n|---|---|---:|---:|---:|---:|")
    for clip in arguments.clips:
        path, _, cuts = clip.partition(":")
        rows, drawn[Path(path).name] = measure(path, {int(cut) for cut in cuts.split(",") if cut}, arguments.size)
        base = rows[SINGLE]
        for name, (flicker, opw, error, lag) in rows.items():
            ratios = f"{flicker:.2f} (÷{base[0] / flicker:.1f}) | {opw:.2f} (÷{base[1] / opw:.1f})"
            print(f"| {Path(path).name} | {name} | {ratios} | {error:.2f} | {lag:g} |", flush=True)
    if arguments.plot:
        plot(arguments.plot, drawn, {SINGLE: "each frame's min-max", "smoothing=0.8": "smooth range, smoothing=0.8"})


if __name__ == "__main__":
    main()
