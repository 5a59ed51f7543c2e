#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Splices clips at known frames, runs dptdepth over them and tells which cuts it found.

    source target/env.sh; benches/temporal/cuts.py CLIP[:CUT,CUT…] CLIP[:CUT,CUT…] …

CUTs are the frames of a clip that start a scene by themselves. Each clip is taken alone, then every pair
is spliced, 20 frames of the one and 20 of the other, from four places. A cut counts as found where the
range shown with its very first frame is that frame's own. Needs NumPy, OpenCV and PyGObject.
"""
import itertools
import sys

import cv2
import gi
import numpy as np

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

SIZE = 384, 288  # width and height that all clips are scaled to
SHOT = 20  # frames


def frames(path):
    capture, out = cv2.VideoCapture(path), []
    while len(out) < 400:
        there, frame = capture.read()
        if not there:
            return out
        out.append(cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA))
    return out


def run(pictures):
    """How many cuts dptdepth counts, and for each frame its range and its own one."""
    width, height = SIZE
    pipeline = Gst.parse_launch(
        f"appsrc name=source format=time caps=video/x-raw,format=BGR,width={width},height={height},framerate=25/1"
        " ! dptdepth name=depth output=meta alignment=strict smoothing=0 ! fakesink name=sink signal-handoffs=true"
    )
    ranges = []

    def on_frame(_sink, buffer, _pad):
        depth = buffer.get_custom_meta("GstDptDepthMeta").get_structure()
        data = depth.get_value("data")
        low, high = np.percentile(np.frombuffer(data.extract_dup(0, data.get_size()), np.float32), [0.5, 99.5])
        ranges.append((depth.get_value("far"), depth.get_value("near"), low, high))

    pipeline.get_by_name("sink").connect("handoff", on_frame)
    pipeline.set_state(Gst.State.PLAYING)
    source = pipeline.get_by_name("source")
    for at, picture in enumerate(pictures):
        buffer = Gst.Buffer.new_wrapped(picture.tobytes())
        buffer.pts, buffer.duration = at * Gst.SECOND // 25, Gst.SECOND // 25
        source.emit("push-buffer", buffer)
    source.emit("end-of-stream")
    message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    counted = pipeline.get_by_name("depth").get_property("stats").get_value("scene-cuts")
    pipeline.set_state(Gst.State.NULL)
    if message.type == Gst.MessageType.ERROR:
        sys.exit(f"{message.src.get_name()}: {message.parse_error()[0].message}")
    return counted, ranges


def settled(shown):
    """Whether the range shown is the one that a first frame gets: 5 % wider at each end."""
    far, near, low, high = shown
    margin = 0.05 * (high - low)
    return max(abs(near - high - margin), abs(far - low + margin)) < 0.03 * (high - low)


def main():
    Gst.init(None)
    clips = []
    for argument in sys.argv[1:]:
        path, _, cuts = argument.partition(":")
        clips.append((path, frames(path), {int(cut) for cut in cuts.split(",") if cut}))
    expected = counted = 0
    for path, pictures, cuts in clips:
        found, ranges = run(pictures)
        first = sum(settled(ranges[cut]) for cut in cuts)
        print(f"{path}: {len(cuts)} cuts, {found} counted, range settled with the first frame of {first}", flush=True)
    first = 0
    for (_, a, own_a), (_, b, own_b) in itertools.permutations(clips, 2):
        pictures, cuts = [], []
        for at in range(4):
            for clip, own in ((a, own_a), (b, own_b)):
                start = at * (len(clip) - SHOT) // 4
                if pictures:
                    cuts.append(len(pictures))
                cuts += [len(pictures) + cut - start for cut in own if start < cut < start + SHOT]
                pictures += clip[start : start + SHOT]
        found, ranges = run(pictures)
        expected, counted = expected + len(cuts), counted + found
        first += sum(settled(ranges[cut]) for cut in cuts)
    print(f"spliced: {expected} cuts, {counted} counted, range settled with the first frame of {first}")


if __name__ == "__main__":
    main()
