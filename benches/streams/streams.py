#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Runs many pipelines in one process on one model, and prints Markdown tables.

    source target/env.sh; benches/streams/streams.py [--clip CLIP] [--streams 1,2,4,8,16] [--properties "…"]

The clip is decoded once, before anything is measured, to a raw file that every stream reads. For each number
of streams: frames a second of all together and as a share of one stream's, which keeps the model busy by
itself; the least and the most that a stream got, of the average; resident memory beyond the first stream's,
for each. Several --properties are measured in turns, --rounds times; figures are medians. Needs PyGObject.
"""
import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

WIDTH, HEIGHT = 640, 480
SIZE = WIDTH * HEIGHT * 3 // 2


def decode(clip, raw, frames):
    """Writes so many NV12 frames of the clip, which starts anew at its end."""
    command = f"filesrc location={clip} ! decodebin ! videoconvert ! videoscale ! video/x-raw,format=NV12,width={WIDTH},height={HEIGHT},pixel-aspect-ratio=1/1 ! filesink location={raw}"
    subprocess.run(["gst-launch-1.0", "-q", *command.split()], check=True)
    once = raw.read_bytes()
    once = once[: len(once) // SIZE * SIZE]
    with raw.open("wb") as file:
        for _ in range(-(-frames * SIZE // len(once))):
            file.write(once)


def resident():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


class Stream:
    def __init__(self, raw, properties):
        self.pipeline = Gst.parse_launch(
            f"filesrc location={raw} ! rawvideoparse format=nv12 width={WIDTH} height={HEIGHT} framerate=30/1 "
            f"! dptdepth name=depth alignment=strict {properties} ! fakesink"
        )
        self.depth = self.pipeline.get_by_name("depth")

    def stats(self):
        return self.depth.get_property("stats")

    def count(self):
        return self.stats().get_uint64("frames-inferred")[1]

    def wait_for(self, frames):
        while self.count() < frames:
            time.sleep(0.01)
            if message := self.pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR):
                sys.exit(message.parse_error().gerror.message)


# Within it runs are made to go on beside each other, where that does more.
SETTLE_SECONDS = 8


def measure(raw, properties, number, seconds):
    """Frames a second, each stream's share of the average, mean batch, runs at once, MB for each stream after the first."""
    streams = []
    for _ in range(number):
        stream = Stream(raw, properties)
        stream.pipeline.set_state(Gst.State.PLAYING)
        stream.wait_for(8)
        streams.append(stream)
        if len(streams) == 1:
            time.sleep(SETTLE_SECONDS)
            first = resident()
    if number > 1:
        time.sleep(SETTLE_SECONDS)
    before, begun = [stream.count() for stream in streams], time.monotonic()
    time.sleep(seconds)
    counts = [stream.count() - then for stream, then in zip(streams, before)]
    rate = sum(counts) / (time.monotonic() - begun)
    batch = statistics.mean(stream.stats().get_double("batch-mean")[1] for stream in streams)
    beside = streams[0].stats().get_uint("runs-at-once")[1]
    memory = (resident() - first) / max(1, number - 1)
    for stream in streams:
        stream.pipeline.set_state(Gst.State.NULL)
    mean = statistics.mean(counts)
    return rate, min(counts) / mean, max(counts) / mean, batch, beside, memory


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", default="pipelines/media/big-buck-bunny.mp4")
    parser.add_argument("--streams", default="1,2,4,8,16", help="numbers of streams")
    parser.add_argument("--properties", action="append", help="of dptdepth; several are compared")
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    Gst.init(None)
    numbers = [int(number) for number in arguments.streams.split(",")]
    settings = arguments.properties or ["", "batch-size=4"]
    with tempfile.TemporaryDirectory() as folder:
        raw = pathlib.Path(folder) / "clip.raw"
        decode(arguments.clip, raw, frames=2000)
        found = {}
        for _ in range(arguments.rounds):
            for number in numbers:
                for properties in settings:
                    result = measure(raw, properties, number, arguments.seconds)
                    found.setdefault((properties, number), []).append(result)
        base = statistics.median(rate for rate, *_ in found[settings[0], numbers[0]])
        print("| properties | streams | frames/s | of one stream's | least and most share | frames in a run | runs at once | MB a stream |")
        print("|---|---:|---:|---:|---|---:|---:|---:|")
        for (properties, number), results in found.items():
            rate, least, most, batch, beside, memory = (statistics.median(column) for column in zip(*results))
            print(f"| `{properties or '(default)'}` | {number} | {rate:.1f} | {rate / base:.2f} | {least:.2f} to {most:.2f} | {batch:.2f} | {beside:.0f} | {memory if number > 1 else 0:.0f} |")


if __name__ == "__main__":
    main()
