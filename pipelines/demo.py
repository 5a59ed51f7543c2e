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

SHEET_FRAMES = 8
SHEET_COLUMNS = 2
TILE_WIDTH = 640


class Failure(Exception):
    """What went wrong, as the user should read it."""


def first_available(*factories):
    """The first of these elements that is installed."""
    for name in factories:
        if Gst.ElementFactory.find(name):
            return name
    raise Failure(f"none of {', '.join(factories)} is installed; run scripts/setup.sh")


def probe(video):
    """Width and height of a video's frames."""
    try:
        info = GstPbutils.Discoverer.new(10 * Gst.SECOND).discover_uri(video.as_uri())
    except GLib.Error as error:
        raise Failure(f"{video} cannot be played: {error.message}") from error
    streams = info.get_video_streams()
    if not streams:
        raise Failure(f"{video} has no video stream")
    return streams[0].get_width(), streams[0].get_height()


class Demo:
    """One run: the pipeline and what it tells while it plays."""

    def __init__(self, video, folder, model, size):
        self.folder = folder
        self.model = {}
        self.frames = 0
        self.started = None
        self.tiles = []
        width, height = size
        # The encoder wants even sizes; the map is as wide as the picture.
        frame = f"video/x-raw,width={width // 2 * 2},height={height // 2 * 2}"
        encoder = first_available("x264enc", "openh264enc")
        settings = "speed-preset=veryfast" if encoder == "x264enc" else "bitrate=8000000"
        # The encoder looks ahead, so the file's sink must not hold up the other branch's start.
        self.pipeline = Gst.parse_launch(
            "filesrc name=source ! decodebin ! videoconvert ! videoscale ! " + frame + " ! "
            "dptdepth name=depth output=side-by-side colormap=inferno ! tee name=both "
            f"both. ! queue ! videoconvert ! {encoder} {settings} ! h264parse ! mp4mux ! filesink name=file async=false "
            "both. ! queue ! videoconvert ! videoscale ! "
            f"video/x-raw,format=RGB,width={TILE_WIDTH},height={self.tile_height(size)},pixel-aspect-ratio=1/1 ! "
            "appsink name=frames sync=false async=false"
        )
        self.pipeline.get_by_name("source").set_property("location", str(video))
        self.pipeline.get_by_name("file").set_property("location", str(folder / "depth.mp4"))
        self.sink = self.pipeline.get_by_name("frames")
        if model:
            self.pipeline.get_by_name("depth").set_property("model-file", str(model))

    @staticmethod
    def tile_height(size):
        """Height of a sheet's tile: two frames side by side, scaled to TILE_WIDTH."""
        width, height = size
        return max(2, round(TILE_WIDTH * height / (2 * width)))

    def play(self):
        """Runs to the end of the video; raises Failure on the first error."""
        bus = self.pipeline.get_bus()
        self.pipeline.set_state(Gst.State.PLAYING)
        shown = 0.0
        try:
            while True:
                sample = self.sink.emit("try-pull-sample", 50 * Gst.MSECOND)
                if sample:
                    self.started = self.started or time.monotonic()
                    self.frames += 1
                    self.keep(sample)
                while message := bus.pop():
                    if self.handle(message):
                        return time.monotonic() - (self.started or time.monotonic())
                if time.monotonic() - shown > 0.5:
                    shown = time.monotonic()
                    self.show_progress()
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
                self.model = {
                    structure.nth_field_name(i): structure.get_value(structure.nth_field_name(i))
                    for i in range(structure.n_fields())
                }
        return message.type == Gst.MessageType.EOS

    def show_progress(self):
        known, position = self.pipeline.query_position(Gst.Format.TIME)
        _, duration = self.pipeline.query_duration(Gst.Format.TIME)
        if known and self.frames and duration > 0:
            done = min(100, 100 * position // duration)
            rate = self.frames / max(time.monotonic() - self.started, 1e-3)
            status(f"{done:3} %  {self.frames} frames, {rate:.1f} frames/s")

    def keep(self, sample):
        """Keeps frames for the sheet, evenly spread however long the video turns out to be."""
        # Every `stride`-th frame is kept; when twice as many as needed are there, every second goes.
        stride = getattr(self, "stride", 1)
        if (self.frames - 1) % stride == 0:
            self.tiles.append(sample)
        if len(self.tiles) >= 2 * SHEET_FRAMES:
            self.tiles = self.tiles[::2]
            self.stride = 2 * stride

    def sheet(self):
        """Writes the kept frames as one PNG."""
        count = min(SHEET_FRAMES, len(self.tiles))
        chosen = [self.tiles[i * len(self.tiles) // count] for i in range(count)]
        structure = chosen[0].get_caps().get_structure(0)
        width, height = structure.get_value("width"), structure.get_value("height")
        stride = (3 * width + 3) // 4 * 4
        rows = []
        for first in range(0, count, SHEET_COLUMNS):
            row = [tile_bytes(sample) for sample in chosen[first : first + SHEET_COLUMNS]]
            row += [bytes(stride * height)] * (SHEET_COLUMNS - len(row))
            for y in range(height):
                line = b"".join(tile[y * stride : y * stride + 3 * width] for tile in row)
                rows.append(line.ljust((len(line) + 3) // 4 * 4, b"\0"))
        caps = f"video/x-raw,format=RGB,width={width * SHEET_COLUMNS},height={len(rows)},framerate=0/1"
        pipeline = Gst.parse_launch("appsrc name=in format=time ! pngenc ! filesink name=file")
        pipeline.get_by_name("file").set_property("location", str(self.folder / "sheet.png"))
        source = pipeline.get_by_name("in")
        source.set_property("caps", Gst.Caps.from_string(caps))
        pipeline.set_state(Gst.State.PLAYING)
        source.emit("push-buffer", Gst.Buffer.new_wrapped(b"".join(rows)))
        source.emit("end-of-stream")
        ended = Gst.MessageType.EOS | Gst.MessageType.ERROR
        message = pipeline.get_bus().timed_pop_filtered(30 * Gst.SECOND, ended)
        pipeline.set_state(Gst.State.NULL)
        if message is None or message.type == Gst.MessageType.ERROR:
            raise Failure("the contact sheet could not be written")


def tile_bytes(sample):
    buffer = sample.get_buffer()
    return buffer.extract_dup(0, buffer.get_size())


def status(text):
    """Shows text: in place on a terminal, line by line elsewhere."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{text}", end="", flush=True)
    else:
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
    arguments.output.mkdir(parents=True, exist_ok=True)
    demo = Demo(video, arguments.output, arguments.model, probe(video))
    seconds = demo.play()
    if demo.frames == 0:
        raise Failure(f"{video} gave no frame")
    status("writing the contact sheet")
    demo.sheet()

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
