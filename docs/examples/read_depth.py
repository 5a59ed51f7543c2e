#!/usr/bin/python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Prints what dptdepth knows of every frame: the depth in the middle, objects, zones, classes.

./read_depth.py "filesrc location=clip.mp4 ! decodebin ! videoconvert ! dptdepth output=meta"
"""

import struct
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402


def fields(structure):
    """A GstStructure as a dict, with those inside it.

    What get_value gives belongs to the structure, so what is inside is read while that is there.
    """
    names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
    values = {name: structure.get_value(name) for name in names}
    return {k: fields(v) if isinstance(v, Gst.Structure) else v for k, v in values.items()}


def result(buffer, name):
    meta = buffer.get_custom_meta(name)
    return fields(meta.get_structure()) if meta else {}


def depth_at(depth, x, y):
    """The map's value at pixel (x, y) of the frame; None where the map shows nothing."""
    x, y = x - depth["region-x"], y - depth["region-y"]
    if not (0 <= x < depth["region-width"] and 0 <= y < depth["region-height"]):
        return None
    column = x * depth["width"] // depth["region-width"]
    row = y * depth["height"] // depth["region-height"]
    offset = 4 * (row * depth["width"] + column)
    return struct.unpack("=f", depth["data"].extract_dup(offset, 4))[0]


def on_frame(_sink, buffer, _pad):
    depth = result(buffer, "GstDptDepthMeta")
    classes = result(buffer, "GstDptSegmentationMeta")
    print(f"frame {buffer.pts / Gst.SECOND:.3f}")
    if depth:
        value = depth_at(depth, depth["region-width"] // 2, depth["region-height"] // 2)
        if value is not None:
            ends = f"range {depth['near']:.3f} to {depth['far']:.3f}"
            print(f"depth {value:.3f} {depth['meaning']}, {ends}")
    for each in depth.get("objects", {}).values():
        print("object {label} at {x},{y} size {width}x{height}".format(**each), end="")
        print(", median {median:.3f}, nearest {nearest:.3f}, valid {valid:.2f}".format(**each))
    for each in depth.get("zones", {}).values():
        state = "occupied" if each["occupied"] else "free"
        print(f"zone {each['name']} {state}, share {each['share']:.3f}")
    for each in classes.get("coverage", {}).values():
        print("class {label} at {x},{y} size {width}x{height}, share {share:.3f}".format(**each))


def main():
    Gst.init(None)
    if len(sys.argv) != 2:
        sys.exit('usage: read_depth.py "SOURCE ! dptdepth output=meta"')
    pipeline = Gst.parse_launch(f"{sys.argv[1]} ! fakesink name=sink signal-handoffs=true")
    pipeline.get_by_name("sink").connect("handoff", on_frame)
    pipeline.set_state(Gst.State.PLAYING)
    ended = Gst.MessageType.EOS | Gst.MessageType.ERROR
    message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, ended)
    pipeline.set_state(Gst.State.NULL)
    if message.type == Gst.MessageType.ERROR:
        sys.exit(f"{message.src.get_name()}: {message.parse_error()[0].message}")


if __name__ == "__main__":
    main()
