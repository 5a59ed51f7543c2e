#!/usr/bin/python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: a line for every event: a zone that becomes occupied or free, at once; once a
# second how far the watched points, boxes and moving things are.
#
#   source target/env.sh && pipelines/watch.py [VIDEO] [--motion] [--zones TEXT]
"""Watches a video for what comes near: a program around dptdepth to start your own from.

Three ways to ask a running pipeline how far things are:

  points   read from the depth map that each frame carries (GstDptDepthMeta)
  objects  rectangles that this program puts onto each frame before dptdepth as
           GstVideoRegionOfInterestMeta, where your detector would; dptdepth adds how far each is
  zones    the element watches them itself and posts a message when one changes"""

EXAMPLES = """examples:
  watch.py                                  the clip that ships: its middle
  watch.py vtest.avi --motion \\
           --zones "road: 0.6,0.3 0.9,0.3 0.9,0.5 0.6,0.5 far=0.55"
                                            what moves before a camera that stands still (vtest.avi
                                            is in Debian's package opencv-doc)
  watch.py /dev/video0 --zones "desk: 0.3,0.4 0.7,0.4 0.7,1 0.3,1 far=0.6 hold=1"
  watch.py rtsp://camera/stream --model depth-anything-v2-metric-indoor-small/ \\
           --zones "door: 0.1,0.2 0.3,0.2 0.3,0.9 0.1,0.9 far=2"

Zones are NAME: x,y x,y x,y far=V, with ; between them. Points are shares of the frame. With a
metric model V is in metres; with the default model it is a place in the range of depths that the
frame shows, from 0 = farthest to 1 = nearest: far=0.6 means the nearest 40 %."""

import argparse
import os
import pathlib
import signal
import struct
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstVideo  # noqa: E402

CLIP = pathlib.Path(__file__).resolve().parent / "media" / "big-buck-bunny.mp4"
EVERYTHING = (
    Gst.BufferCopyFlags.FLAGS
    | Gst.BufferCopyFlags.TIMESTAMPS
    | Gst.BufferCopyFlags.META
    | Gst.BufferCopyFlags.MEMORY
)
MIDDLE = "middle: 0.35,0.2 0.65,0.2 0.65,0.8 0.35,0.8 far=0.6"


def fields(structure):
    """A GstStructure as a dict, with those inside it.

    What get_value gives belongs to the structure, so what is inside is read while that is there.
    """
    names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
    values = {name: structure.get_value(name) for name in names}
    return {k: fields(v) if isinstance(v, Gst.Structure) else v for k, v in values.items()}


def depth_at(depth, x, y):
    """The map's value at a point, whose coordinates are shares of the frame."""
    column = min(int(x * depth["width"]), depth["width"] - 1)
    row = min(int(y * depth["height"]), depth["height"] - 1)
    offset = 4 * (row * depth["width"] + column)
    return struct.unpack("=f", depth["data"].extract_dup(offset, 4))[0]


def how_far(depth, value):
    """A value in words: metres, or its place between the farthest and the nearest."""
    if value != value:
        return "unknown"
    if depth["meaning"] == "metric":
        return f"{value:.2f} m"
    span = depth["near"] - depth["far"]
    near = min(max((value - depth["far"]) / span, 0), 1) if span else 0
    return f"{100 * near:.0f} % near"


class Motion:
    """Finds what differs from a background that is learned on the way; the camera stands still.

    As simple as it can be: your own detector goes here.
    """

    STEP = 8  # every eighth pixel of every eighth row
    CHANGE = 25  # levels of luma
    LEARN = 0.05  # of a frame's difference goes into the background
    LEAST = 16  # changed samples

    def __init__(self):
        self.background = None

    def boxes(self, luma, width, height, stride):
        step = self.STEP
        samples = b"".join(luma[y * stride : y * stride + width : step] for y in range(0, height, step))
        if self.background is None or len(self.background) != len(samples):
            self.background = [float(sample) for sample in samples]
        changed = set()
        for index, (sample, known) in enumerate(zip(samples, self.background)):
            difference = sample - known
            self.background[index] = known + self.LEARN * difference
            if abs(difference) > self.CHANGE:
                changed.add(index)
        columns = -(-width // step)
        # Samples up to two apart belong together.
        around = [y * columns + x for y in (-2, -1, 0, 1, 2) for x in (-2, -1, 0, 1, 2)]
        while changed:
            todo, found = [changed.pop()], []
            while todo:
                index = todo.pop()
                found.append(index)
                near = [index + offset for offset in around if index + offset in changed]
                changed.difference_update(near)
                todo += near
            if len(found) >= self.LEAST:
                xs, ys = [i % columns for i in found], [i // columns for i in found]
                x, y = min(xs) * step, min(ys) * step
                yield x, y, (max(xs) + 1) * step - x, (max(ys) + 1) * step - y


class Watch:
    def __init__(self, arguments):
        self.arguments = arguments
        self.motion = Motion() if arguments.motion else None
        self.told = None

    def say(self, time, text):
        print(f"{time / Gst.SECOND:8.2f} s  {text}", flush=True)

    def on_sample(self, frames, detected):
        """Puts the boxes onto a frame and hands it to dptdepth.

        A pad probe would do in other languages. In Python it cannot: the object that wraps the
        probe's buffer is a second reference, and only a buffer with one may be written to.
        """
        sample = frames.emit("pull-sample")
        whole = sample.get_buffer()
        # Shares the pixels; only the metadata is new.
        buffer = whole.copy_region(EVERYTHING, 0, whole.get_size())
        frame = GstVideo.VideoInfo.new_from_caps(sample.get_caps())
        width, height = frame.width, frame.height
        for name, (x, y, w, h) in self.arguments.box:
            place = int(x * width), int(y * height), int(w * width), int(h * height)
            GstVideo.buffer_add_video_region_of_interest_meta(buffer, name, *place)
        if self.motion:
            stride, offset = frame.stride[0], 0
            if (meta := GstVideo.buffer_get_video_meta(buffer)) is not None:
                stride, offset = meta.stride[0], meta.offset[0]
            luma = buffer.extract_dup(offset, stride * (height - 1) + width)
            for place in self.motion.boxes(luma, width, height, stride):
                GstVideo.buffer_add_video_region_of_interest_meta(buffer, "moving", *place)
        detected.set_property("caps", sample.get_caps())
        return detected.emit("push-buffer", buffer)

    def after(self, _sink, buffer, _pad):
        """Reads what dptdepth found, once in a while."""
        if self.told is not None and buffer.pts - self.told < self.arguments.every * Gst.SECOND:
            return
        self.told = buffer.pts
        meta = buffer.get_custom_meta("GstDptDepthMeta")
        if meta is None:
            return
        depth = fields(meta.get_structure())
        for x, y in self.arguments.point:
            self.say(buffer.pts, f"point {x:g},{y:g}: {how_far(depth, depth_at(depth, x, y))}")
        for each in depth.get("objects", {}).values():
            place = "{label} at {x},{y} ({width}x{height})".format(**each)
            median, nearest = how_far(depth, each["median"]), how_far(depth, each["nearest"])
            self.say(buffer.pts, f"object {place}: {median}, its nearest part {nearest}")

    def on_message(self, _bus, message):
        """A zone has changed. Comes from the streaming thread, before the frame itself."""
        structure = message.get_structure()
        if structure.get_name() != "dptdepth-zone":
            return
        zone = fields(structure)
        state = "is occupied" if zone["occupied"] else "is free"
        nearest = f", nearest {zone['nearest']:.2f} m" if zone["unit"] == "m" else ""
        share = f"{100 * zone['share']:.0f} % of it{nearest}"
        self.say(zone["timestamp"], f"zone {zone['zone']} {state} ({share})")

    def run(self):
        arguments = self.arguments
        uri = arguments.video
        if uri.startswith("/dev/video"):
            uri = f"v4l2://{uri}"
        elif "://" not in uri:
            uri = Gst.filename_to_uri(os.path.abspath(uri))
        pipeline = Gst.parse_launch(
            "uridecodebin name=source ! videoconvert ! video/x-raw,format=(string){I420,NV12}"
            " ! appsink name=frames emit-signals=true sync=false max-buffers=2"
            " appsrc name=detected format=time block=true max-buffers=2"
            " ! dptdepth name=depth output=meta ! fakesink name=sink signal-handoffs=true async=false"
        )
        pipeline.get_by_name("source").set_property("uri", uri)
        depth = pipeline.get_by_name("depth")
        if arguments.model:
            depth.set_property("model-file", arguments.model)
        depth.set_property("zones", arguments.zones)
        frames, detected = pipeline.get_by_name("frames"), pipeline.get_by_name("detected")
        frames.connect("new-sample", self.on_sample, detected)
        frames.connect("eos", lambda _: detected.emit("end-of-stream"))
        pipeline.get_by_name("sink").connect("handoff", self.after)
        bus = pipeline.get_bus()
        bus.enable_sync_message_emission()
        bus.connect("sync-message::element", self.on_message)

        pipeline.set_state(Gst.State.PLAYING)
        ended = Gst.MessageType.EOS | Gst.MessageType.ERROR
        message = bus.timed_pop_filtered(Gst.CLOCK_TIME_NONE, ended)
        pipeline.set_state(Gst.State.NULL)
        if message.type == Gst.MessageType.ERROR:
            sys.exit(f"{message.src.get_name()}: {message.parse_error()[0].message}")


def numbers(text, count):
    values = [float(number) for number in text.split(",")]
    if len(values) != count or not all(0 <= value <= 1 for value in values):
        raise ValueError
    return values


def point(text):
    return numbers(text, 2)


def box(text):
    name, _, place = text.rpartition(":")
    return name or "box", numbers(place, 4)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("video", nargs="?", default=str(CLIP), help="a file, a URI or /dev/videoN")
    parser.add_argument("--point", type=point, action="append", metavar="X,Y",
                        help="watch a point; shares of the frame, 0,0 = top left, 1,1 = bottom right")
    parser.add_argument("--box", type=box, action="append", default=[], metavar="NAME:X,Y,W,H",
                        help="watch a rectangle as if a detector had found it; shares of the frame")
    parser.add_argument("--motion", action="store_true",
                        help="watch what moves, by a simple difference to the background")
    parser.add_argument("--zones", default=MIDDLE, metavar="TEXT",
                        help=f"as the property zones of dptdepth (default: {MIDDLE})")
    parser.add_argument("--model", default=os.environ.get("DPTDEPTH_MODEL"), metavar="PATH",
                        help="a checkpoint instead of the embedded model; a metric one gives metres")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS",
                        help="how often points and objects are printed (default: 1)")
    arguments = parser.parse_args()
    if not arguments.point:
        arguments.point = [] if arguments.box or arguments.motion else [(0.5, 0.5)]

    # `watch.py | head` and Ctrl-C end the program without a traceback.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    Gst.init(None)
    if not Gst.ElementFactory.find("dptdepth"):
        sys.exit("the element dptdepth is not found; run `source target/env.sh` first")
    Watch(arguments).run()


if __name__ == "__main__":
    main()
