#!/usr/bin/python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: a line for each frame of a recording with its time and the distance at a point in
# metres. The recording is a metric one of save-ffv1.sh; it says itself what its numbers are.
# Only GStreamer is needed, not dptdepth.
#
#   pipelines/read_recording.py FILE [--x 0.5] [--y 0.5] [--unit mm] [--unit mm]
"""Reads the distance at a point of every frame of a recording of metric depth."""

import argparse
import signal
import struct
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo  # noqa: E402

METRES = {"mm": 0.001, "cm": 0.01, "dm": 0.1}


def unit_of(comment):
    """Metres of one step, from the comment that dptdepth gives to metric streams, else None."""
    first, *fields = comment.split("/")
    if first != "dptdepth":
        return None
    return METRES.get(dict(field.split(":", 1) for field in fields if ":" in field).get("unit"))


def comment_of(pad):
    """The stream's comment, or nothing. A pad has an event for each scope of tags."""
    index = 0
    while event := pad.get_sticky_event(Gst.EventType.TAG, index):
        found, comment = event.parse_tag().get_string("comment")
        if found:
            return comment
        index += 1
    return ""


def frames(path):
    """For each frame its buffer, its GstVideoInfo and the stream's comment."""
    pipeline = Gst.parse_launch(
        "filesrc name=source ! matroskademux ! avdec_ffv1 ! video/x-raw,format=GRAY16_LE"
        " ! appsink name=sink sync=false"
    )
    pipeline.get_by_name("source").set_property("location", path)
    sink = pipeline.get_by_name("sink")
    bus = pipeline.get_bus()
    pipeline.set_state(Gst.State.PLAYING)
    failed = None
    try:
        # Nothing comes after an error, not even an end.
        while not (failed or sink.get_property("eos")):
            if sample := sink.emit("try-pull-sample", Gst.SECOND // 10):
                info = GstVideo.VideoInfo.new_from_caps(sample.get_caps())
                yield sample.get_buffer(), info, comment_of(sink.get_static_pad("sink"))
            failed = bus.pop_filtered(Gst.MessageType.ERROR)
    finally:
        pipeline.set_state(Gst.State.NULL)
    if failed:
        sys.exit(f"{failed.src.get_name()}: {failed.parse_error()[0].message}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file")
    parser.add_argument("--x", type=float, default=0.5, help="0 = left edge, 1 = right edge")
    parser.add_argument("--y", type=float, default=0.5, help="0 = top edge, 1 = bottom edge")
    parser.add_argument("--unit", choices=METRES, help="for a file that was cut off and says none")
    arguments = parser.parse_args()
    # `read_recording.py | head` and Ctrl-C end the program without a traceback.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Gst.init(None)
    for buffer, info, comment in frames(arguments.file):
        unit = METRES[arguments.unit] if arguments.unit else unit_of(comment)
        if unit is None:
            sys.exit(
                f"{arguments.file} does not say a unit: its depth is relative, or the file was cut"
                " off; then give --unit"
            )
        x = int(arguments.x * (info.width - 1))
        y = int(arguments.y * (info.height - 1))
        # Rows may be padded: a row begins every stride bytes.
        offset = info.offset[0] + y * info.stride[0] + 2 * x
        (code,) = struct.unpack("<H", buffer.extract_dup(offset, 2))
        distance = "unknown" if code == 0 else f"{code * unit:.3f} m"
        print(f"{buffer.pts / Gst.SECOND:8.3f} s  ({x}, {y})  {distance}", flush=True)


if __name__ == "__main__":
    main()
