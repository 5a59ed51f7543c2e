#!/usr/bin/python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: a line for each frame with its time, the model's value at a point and where it lies
# between far (0 %) and near (100 %). The picture itself is not changed; the depth comes as metadata.
#
#   source target/env.sh && pipelines/read_meta.py [VIDEO] [--x 0.5] [--y 0.5]
"""Reads depth at a point of every frame from GstDptDepthMeta."""

import argparse
import os
import pathlib
import signal
import struct
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

CLIP = pathlib.Path(__file__).resolve().parent / "media" / "big-buck-bunny.mp4"


def depth_at(depth, x, y):
    """The map's value at pixel (x, y) of the frame; None outside the part that the map covers."""
    column = (x - depth["region-x"]) * depth["width"] // depth["region-width"]
    row = (y - depth["region-y"]) * depth["height"] // depth["region-height"]
    if not (0 <= column < depth["width"] and 0 <= row < depth["height"]):
        return None
    offset = 4 * (row * depth["width"] + column)
    return struct.unpack("=f", depth["data"].extract_dup(offset, 4))[0]


def on_frame(_sink, buffer, pad, point):
    meta = buffer.get_custom_meta("GstDptDepthMeta")
    if meta is None:
        return
    structure = meta.get_structure()
    names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
    depth = {name: structure.get_value(name) for name in names}
    frame = pad.get_current_caps().get_structure(0)
    x = int(point[0] * (frame.get_value("width") - 1))
    y = int(point[1] * (frame.get_value("height") - 1))
    value = depth_at(depth, x, y)
    if value is None:
        print(f"{buffer.pts / Gst.SECOND:8.3f} s  ({x}, {y})  not covered", flush=True)
        return
    span = depth["near"] - depth["far"]
    nearness = (value - depth["far"]) / span if span else 0.0
    print(
        f"{buffer.pts / Gst.SECOND:8.3f} s  ({x}, {y})  {value:.3f} {depth['meaning']}"
        f"  {100 * min(max(nearness, 0), 1):3.0f} % near",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", nargs="?", default=str(CLIP))
    parser.add_argument("--x", type=float, default=0.5, help="0 = left edge, 1 = right edge")
    parser.add_argument("--y", type=float, default=0.5, help="0 = top edge, 1 = bottom edge")
    arguments = parser.parse_args()

    # `read_meta.py | head` and Ctrl-C end the program without a traceback.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Gst.init(None)
    if not Gst.ElementFactory.find("dptdepth"):
        sys.exit("the element dptdepth is not found; run `source target/env.sh` first")
    pipeline = Gst.parse_launch(
        "filesrc name=source ! decodebin ! videoconvert"
        " ! dptdepth name=depth output=meta ! fakesink name=sink signal-handoffs=true"
    )
    pipeline.get_by_name("source").set_property("location", arguments.video)
    if model := os.environ.get("DPTDEPTH_MODEL"):
        pipeline.get_by_name("depth").set_property("model-file", model)
    pipeline.get_by_name("sink").connect("handoff", on_frame, (arguments.x, arguments.y))
    pipeline.set_state(Gst.State.PLAYING)
    ended = Gst.MessageType.EOS | Gst.MessageType.ERROR
    message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, ended)
    pipeline.set_state(Gst.State.NULL)
    if message.type == Gst.MessageType.ERROR:
        error, _ = message.parse_error()
        sys.exit(f"{message.src.get_name()}: {error.message}")


if __name__ == "__main__":
    main()
