#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Runs many streams in one process for long, and does random things to them.

    source target/env.sh; benches/streams/soak.py [--minutes 30] [--streams 8] [--server-url URL --server-model NAME]

Half of the streams run on the server, if one is given. Streams start, stop and seek at random, with random settings each
time. Fails if a stream that plays makes no progress, if frames are counted twice or not at all, at an error on the
bus (of a stream on the server one is counted, and the stream starts anew: the server may end too), or if memory grows: ten times all
streams stop, and what is then resident must not be more in the last third than in the second by --allowed MB. Needs PyGObject.
"""
import argparse
import ctypes
import pathlib
import random
import sys
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

STUCK_AFTER = 30
KINDS = ("frames-inferred", "frames-reused", "frames-without-result", "frames-dropped")
RESTS = 10


def resident():
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


class Stream:
    """A place for one pipeline after the other."""

    def __init__(self, number, clip, remote, chance):
        self.number, self.clip, self.remote, self.chance = number, clip, remote, chance
        self.pipeline = None
        self.frames = self.starts = self.seeks = self.outages = 0
        self.start()

    def start(self):
        chance = self.chance
        settings = [
            f"inference-interval={chance.choice((1, 1, 2, 5))}",
            f"between={chance.choice(('hold', 'motion', 'drop'))}",
            f"alignment={chance.choice(('strict', 'latest'))}",
            f"output={chance.choice(('map', 'overlay', 'meta'))}",
            self.remote or chance.choice(("", "batch-size=4", "network-size=128", "model-file=dptdepth-segmentation")),
        ]
        self.description = " ".join(settings)
        self.pipeline = Gst.parse_launch(
            f"filesrc location={self.clip} ! decodebin ! videoconvert ! videoscale ! video/x-raw,format=NV12,width=320,height=240 ! dptdepth name=depth {self.description} ! fakesink name=sink sync={chance.choice(('true', 'false'))}"
        )
        self.depth = self.pipeline.get_by_name("depth")
        self.pipeline.set_state(Gst.State.PLAYING)
        self.seen, self.moved = -1, time.monotonic()
        self.starts += 1

    def counts(self):
        stats = self.depth.get_property("stats")
        return stats.get_uint64("frames-in")[1], sum(stats.get_uint64(kind)[1] for kind in KINDS)

    def stop(self):
        self.pipeline.set_state(Gst.State.NULL)
        came, counted = self.counts()
        if came != counted:
            sys.exit(f"stream {self.number} ({self.description}): {came} frames in, {counted} counted")
        self.frames += came
        self.pipeline = None

    def seek(self):
        position = self.chance.random() * 3 * Gst.SECOND
        if self.pipeline.seek_simple(Gst.Format.TIME, Gst.SeekFlags.FLUSH | Gst.SeekFlags.KEY_UNIT, int(position)):
            self.seeks += 1
        self.moved = time.monotonic()

    def look(self):
        while message := self.pipeline.get_bus().pop_filtered(Gst.MessageType.ERROR | Gst.MessageType.EOS):
            if message.type == Gst.MessageType.ERROR and self.remote:
                self.outages += 1
                self.stop()
                return
            if message.type == Gst.MessageType.ERROR:
                sys.exit(f"stream {self.number} ({self.description}): {message.parse_error().gerror.message}")
            self.seek()
        came, _ = self.counts()
        if came != self.seen:
            self.seen, self.moved = came, time.monotonic()
        elif time.monotonic() - self.moved > STUCK_AFTER:
            sys.exit(f"stream {self.number} ({self.description}): no frame for {STUCK_AFTER} s, after {came}")


def rest(streams):
    """Stops all; resident MB once what nobody uses is given back."""
    for stream in streams:
        if stream.pipeline:
            stream.stop()
    time.sleep(1)
    ctypes.CDLL(None).malloc_trim(0)
    return resident()


def sums(streams):
    return (sum(getattr(stream, name) for stream in streams) for name in ("frames", "starts", "seeks", "outages"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--clip", default="pipelines/media/big-buck-bunny.mp4")
    parser.add_argument("--server-url")
    parser.add_argument("--server-model", default="depth")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--allowed", type=float, default=30, help="MB")
    arguments = parser.parse_args()
    Gst.init(None)
    chance = random.Random(arguments.seed)
    remote = f"server-url={arguments.server_url} server-model={arguments.server_model}"
    streams = [
        Stream(number, arguments.clip, remote if arguments.server_url and number % 2 else "", chance)
        for number in range(arguments.streams)
    ]
    begun, said, peak, rests = time.monotonic(), 0, 0, []
    while (now := time.monotonic() - begun) < arguments.minutes * 60:
        if now >= arguments.minutes * 60 * (len(rests) + 1) / RESTS:
            rests.append(rest(streams))
            for stream in streams:
                stream.start()
        time.sleep(0.2)
        stream = chance.choice(streams)
        if stream.pipeline is None:
            stream.start()
        elif chance.random() < 0.05:
            stream.stop()
        elif chance.random() < 0.1:
            stream.seek()
        for each in streams:
            if each.pipeline:
                each.look()
        peak = max(peak, resident())
        if now - said >= 60:
            said = now
            frames, starts, seeks, outages = sums(streams)
            print(f"{now / 60:5.1f} min  {resident():6.0f} MB  {frames} frames of ended runs, {starts} starts, {seeks} seeks, {outages} without a server", flush=True)
    rests.append(rest(streams))
    middle, last = max(rests[3:6]), max(rests[-3:])
    frames, starts, seeks, outages = sums(streams)
    print(f"{frames} frames, all accounted for; {starts} starts, {seeks} seeks, {outages} ended without a server; at most {peak:.0f} MB; with all stopped", *(f"{mb:.0f}" for mb in rests), "MB")
    if last > middle + arguments.allowed:
        sys.exit("memory grows")


if __name__ == "__main__":
    main()
