#!/usr/bin/python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Plays a video through dptdepth and writes picture and depth side by side.

demo.sh sets everything up and calls this; run alone it needs target/env.sh sourced.
"""

import argparse
import pathlib
import sys
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstPbutils", "1.0")
from gi.repository import GLib, Gst, GstPbutils  # noqa: E402

# Larger pictures are scaled down: two of them side by side must suit every player.
LONGEST_SIDE = 1920
SHEET_FRAMES = 8
SHEET_COLUMNS = 2
TILE_WIDTH = 640

PIPELINE = """
    filesrc name=source ! decodebin ! videoconvert ! deinterlace fields=top ! videoflip video-direction=auto
    ! videoscale add-borders=false ! capsfilter name=size
    ! dptdepth name=depth output=side-by-side colormap=inferno ! tee name=both
    both. ! queue ! videoconvert ! video/x-raw,format=I420 ! {encoder} ! h264parse ! mp4mux
    ! filesink name=file async=false
    both. ! queue ! videoconvert ! videoscale ! capsfilter name=tile
    ! appsink name=frames sync=false async=false
"""  # The encoder looks ahead: sinks that wait for each other's first frame (async) would wait for ever.

ENCODERS = {
    "x264enc": "x264enc speed-preset=veryfast pass=quant quantizer=23",
    "openh264enc": "openh264enc bitrate=8000000",
}


class Failure(Exception):
    """What went wrong, as the user should read it."""


def encoder():
    """The description of an H.264 encoder that is installed."""
    for name, description in ENCODERS.items():
        if Gst.ElementFactory.find(name):
            return description
    raise Failure(f"none of {', '.join(ENCODERS)} is installed; run scripts/setup.sh")


def shown_size(video):
    """Width and height at which to show a video: upright, with square pixels and even sides."""
    try:
        info = GstPbutils.Discoverer.new(10 * Gst.SECOND).discover_uri(video.as_uri())
    except GLib.Error as error:
        raise Failure(f"{video} cannot be played: {error.message}") from error
    streams = info.get_video_streams()
    if not streams:
        raise Failure(f"{video} has no video stream")
    stream = streams[0]
    width = stream.get_width() * stream.get_par_num() / stream.get_par_denom()
    height = stream.get_height()
    if tags := stream.get_tags():
        _, orientation = tags.get_string("image-orientation")
        if orientation and orientation.endswith(("rotate-90", "rotate-270")):
            width, height = height, width
    scale = min(1, LONGEST_SIDE / max(width, height))
    return tuple(max(16, 2 * round(side * scale / 2)) for side in (width, height))


def raw(size, extra=""):
    """Caps of square-pixel frames of a size."""
    return Gst.Caps.from_string(
        f"video/x-raw,width={size[0]},height={size[1]},pixel-aspect-ratio=1/1{extra}"
    )


class Demo:
    """One run: the pipeline and what it tells while it plays."""

    def __init__(self, video, folder, model):
        size = shown_size(video)
        tile = (TILE_WIDTH, max(2, round(TILE_WIDTH * size[1] / (2 * size[0]))))
        self.pipeline = Gst.parse_launch(PIPELINE.format(encoder=encoder()))
        self.element("source").set_property("location", str(video))
        self.element("size").set_property("caps", raw(size))
        self.element("tile").set_property("caps", raw(tile, ",format=RGB"))
        self.element("file").set_property("location", str(folder / "depth.mp4"))
        if model:
            self.element("depth").set_property("model-file", str(model))
        self.model = {}
        self.frames = 0
        self.started = None
        self.sheet = Sheet(tile)

    def element(self, name):
        return self.pipeline.get_by_name(name)

    def play(self):
        """Runs to the end of the video, or to Ctrl-C; seconds from the first result on."""
        bus = self.pipeline.get_bus()
        frames = self.element("frames")
        self.pipeline.set_state(Gst.State.PLAYING)
        shown = 0.0
        stopping = False
        try:
            while True:
                try:
                    if sample := frames.emit("try-pull-sample", 50 * Gst.MSECOND):
                        self.started = self.started or time.monotonic()
                        self.sheet.offer(self.frames, sample)
                        self.frames += 1
                    while message := bus.pop():
                        if self.handle(message):
                            return time.monotonic() - (self.started or time.monotonic())
                    if time.monotonic() - shown > 0.5:
                        shown = time.monotonic()
                        self.show_progress()
                except KeyboardInterrupt:
                    if stopping:
                        raise
                    stopping = True
                    status("stopping; what is done so far is written (Ctrl-C again: give up)")
                    self.pipeline.send_event(Gst.Event.new_eos())
        finally:
            self.pipeline.set_state(Gst.State.NULL)

    def handle(self, message):
        """Whether the run has ended."""
        if message.type == Gst.MessageType.ERROR:
            error, debug = message.parse_error()
            raise Failure(f"{message.src.get_name()}: {error.message}\n{debug or ''}".rstrip())
        if message.type == Gst.MessageType.WARNING:
            warning, _ = message.parse_warning()
            print(f"\nwarning: {warning.message}", file=sys.stderr)
        elif message.type == Gst.MessageType.PROGRESS:
            _, _, text = message.parse_progress()
            status(text)
        elif message.type == Gst.MessageType.ELEMENT:
            structure = message.get_structure()
            if structure.get_name() == "dptdepth-model":
                names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
                self.model = {name: structure.get_value(name) for name in names}
        return message.type == Gst.MessageType.EOS

    def show_progress(self):
        if not self.frames:
            return
        rate = self.frames / max(time.monotonic() - self.started, 1e-3)
        text = f"{self.frames} frames, {rate:.1f} frames/s"
        known, position = self.pipeline.query_position(Gst.Format.TIME)
        _, duration = self.pipeline.query_duration(Gst.Format.TIME)
        if known and duration > 0:
            text = f"{min(100, 100 * position // duration):3} %  {text}"
        status(text)


class Sheet:
    """Frames evenly spread over a video, however long it turns out to be."""

    def __init__(self, tile):
        self.width, self.height = tile
        self.tiles = []
        self.every = 1

    def offer(self, number, sample):
        """Takes a frame if it is one of those to keep."""
        if number % self.every == 0:
            self.tiles.append(sample.get_buffer())
        if len(self.tiles) >= 2 * SHEET_FRAMES:
            self.tiles = self.tiles[::2]
            self.every *= 2

    def write(self, file):
        """Writes the sheet as a PNG."""
        count = min(SHEET_FRAMES, len(self.tiles))
        chosen = [self.tiles[i * len(self.tiles) // count] for i in range(count)]
        row_bytes = 3 * self.width
        stride = (row_bytes + 3) // 4 * 4
        columns = min(SHEET_COLUMNS, count)
        sheet_stride = (columns * row_bytes + 3) // 4 * 4
        rows = []
        for first in range(0, count, columns):
            row = [tile.extract_dup(0, tile.get_size()) for tile in chosen[first : first + columns]]
            for y in range(self.height):
                line = b"".join(tile[y * stride : y * stride + row_bytes] for tile in row)
                rows.append(line.ljust(sheet_stride, b"\0"))
        pipeline = Gst.parse_launch("appsrc name=source format=time ! pngenc ! filesink name=file")
        pipeline.get_by_name("file").set_property("location", str(file))
        source = pipeline.get_by_name("source")
        source.set_property("caps", raw((columns * self.width, len(rows)), ",format=RGB,framerate=0/1"))
        pipeline.set_state(Gst.State.PLAYING)
        source.emit("push-buffer", Gst.Buffer.new_wrapped(b"".join(rows)))
        source.emit("end-of-stream")
        ended = Gst.MessageType.EOS | Gst.MessageType.ERROR
        message = pipeline.get_bus().timed_pop_filtered(30 * Gst.SECOND, ended)
        pipeline.set_state(Gst.State.NULL)
        if message is None or message.type == Gst.MessageType.ERROR:
            raise Failure(f"the contact sheet could not be written: {file}")


def status(text):
    """Shows text: in place on a terminal, line by line elsewhere."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{text}", end="", flush=True)
    elif text:
        print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("video", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("out"))
    parser.add_argument("--model", type=pathlib.Path)
    arguments = parser.parse_args()

    Gst.init(None)
    if not Gst.ElementFactory.find("dptdepth"):
        raise Failure("the element dptdepth is not found; run pipelines/demo.sh, or source target/env.sh first")
    video = arguments.video.resolve()
    if not video.is_file():
        raise Failure(f"there is no such file: {video}")
    demo = Demo(video, arguments.output, arguments.model)
    arguments.output.mkdir(parents=True, exist_ok=True)
    seconds = demo.play()
    if demo.frames == 0:
        raise Failure(f"{video} gave no frame")
    demo.sheet.write(arguments.output / "sheet.png")

    told = demo.model.get
    # The clock starts at the first result, so one interval fewer than frames was timed.
    rate = (demo.frames - 1) / seconds if seconds > 0 else 0.0
    status("")
    print(f"frames    {demo.frames} in {seconds:.1f} s: {rate:.1f} frames/s, decoding and encoding included")
    print(f"provider  {told('provider', '?')} ({told('provider-reason', '?')})")
    print(
        f"model     {told('model', '?')}, {told('network-width', '?')}x{told('network-height', '?')},"
        f" {told('meaning', '?')}"
    )
    print(f"wrote     {arguments.output / 'depth.mp4'}, {arguments.output / 'sheet.png'}")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        status("")
        sys.exit(f"demo: error: {failure}")
    except KeyboardInterrupt:
        sys.exit("\ndemo: stopped")
