#!/usr/bin/python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
#
# You will see: how each dptdepth of a pipeline does while it runs: frames a second, how many of
# them the model ran on, times, flicker. A block that is refreshed, or lines if it goes to a file.
#
#   source target/env.sh && pipelines/stats.py [PIPELINE]
"""Runs a pipeline as gst-launch-1.0 would and shows how its dptdepth does."""

EXPLANATION = """what the numbers mean:
  fps        frames that came in, a second, since the last look
  inferred   frames with a result of their own     reused   frames with an earlier one
  bare       frames without a result               dropped  frames that were not passed on
  latency    from a frame's arrival to its departure, in ms: half of the frames take no longer than
             p50, 95 of 100 no longer than p95
  pre, inference, post
             parts of it: to prepare a frame, to run the model, to draw the result
  age        how much older than its frame a result is; 0 where every frame gets its own
  flicker    how much maps change where the picture does not: lower is steadier
  every      the model runs on every so many frames
Latency far above the parts' sum means that frames wait for each other: the model does not keep up.
Then set inference-interval=4 between=motion, target-fps=25/1 or network-size to something smaller.

examples:
  stats.py                                  the clip that ships, as fast as it goes
  stats.py v4l2src ! videoconvert ! dptdepth inference-interval=3 between=motion \\
           ! videoconvert ! autovideosink
  stats.py --every 0.5 filesrc location=a.mp4 ! decodebin ! videoconvert ! tee name=t \\
           t. ! queue ! dptdepth name=small network-size=196 ! fakesink \\
           t. ! queue ! dptdepth name=large ! fakesink > stats.txt

Options come before the pipeline. Ctrl-C ends it, with the last numbers."""

import argparse
import math
import pathlib
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

CLIP = pathlib.Path(__file__).resolve().parent / "media" / "big-buck-bunny.mp4"
DEFAULT = ["filesrc", f"location={CLIP}", "!", "decodebin", "!", "videoconvert", "!", "dptdepth",
           "!", "fakesink", "sync=false"]
STATS = "application/x-dptdepth-stats"


def fields(structure):
    names = [structure.nth_field_name(i) for i in range(structure.n_fields())]
    return {name: structure.get_value(name) for name in names}


def found(value, digits=2):
    """A number, or a dash where there is none yet."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


class Look:
    """One element's statistics at one time, beside those of the look before."""

    def __init__(self, name, stats, time, before):
        self.name, self.stats, self.time = name, stats, time
        self.fps = math.nan
        if before and time > before.time:
            frames = stats["frames-in"] - before.stats["frames-in"]
            self.fps = frames * Gst.SECOND / (time - before.time)

    def ms(self, *names):
        return "/".join(f"{self.stats[name] / Gst.MSECOND:.1f}" for name in names)

    def line(self):
        s = self.stats
        return (
            f"{found(self.fps, 1):>6} fps  inferred {s['frames-inferred']}  reused {s['frames-reused']}"
            f"  bare {s['frames-without-result']}  dropped {s['frames-dropped']}"
            f"  latency p50/p95 {self.ms('latency-p50', 'latency-p95')} ms"
            f"  pre/inference/post {self.ms('preprocess-p50', 'inference-p50', 'postprocess-p50')} ms"
            f"  age {self.ms('age-p50')} ms  flicker {found(s['flicker-index'])}"
            f"  every {s['inference-interval']}  {s['provider'] or 'preparing'}"
        )

    def block(self):
        s = self.stats
        size = f"{s['network-width']}x{s['network-height']}"
        yield f"{self.name}: {s['provider'] or 'preparing the model'}, {size}"
        yield (f"  frames     {found(self.fps, 1)} fps; of {s['frames-in']}: {s['frames-inferred']} inferred, "
               f"{s['frames-reused']} reused, {s['frames-without-result']} bare, {s['frames-dropped']} dropped")
        yield (f"  latency    p50 {self.ms('latency-p50')} ms, p95 {self.ms('latency-p95')} ms, "
               f"at most {self.ms('latency-max')} ms")
        yield (f"  of it      pre {self.ms('preprocess-p50')} ms, inference {self.ms('inference-p50')} ms "
               f"(p95 {self.ms('inference-p95')} ms), post {self.ms('postprocess-p50')} ms")
        yield f"  age        p50 {self.ms('age-p50')} ms, at most {self.ms('age-max')} ms"
        yield (f"  model      on 1 of {s['inference-interval']} frames; flicker {found(s['flicker-index'])}, "
               f"{s['scene-cuts']} scene cuts, range {found(s['range-near'])} to {found(s['range-far'])}")


class Terminal:
    """Draws over what it drew before; text for a file goes on line by line."""

    def __init__(self, names):
        self.looks, self.drawn = {}, 0
        self.named = len(names) > 1
        self.live = sys.stdout.isatty()
        self.begin = Gst.util_get_timestamp()

    def add(self, name, stats):
        look = Look(name, stats, Gst.util_get_timestamp(), self.looks.get(name))
        self.looks[name] = look
        if self.live:
            self.draw()
        else:
            label = f"{name}  " if self.named else ""
            print(f"{(look.time - self.begin) / Gst.SECOND:7.1f} s  {label}{look.line()}", flush=True)

    def draw(self):
        lines = [line for look in self.looks.values() for line in look.block()]
        # Up to where it began, and each line cleared before it is written; long ones do not wrap.
        up = f"\x1b[{self.drawn}F" if self.drawn else ""
        body = "".join(f"\x1b[2K{line}\n" for line in lines)
        sys.stdout.write(f"{up}\x1b[?7l{body}\x1b[?7h")
        sys.stdout.flush()
        self.drawn = len(lines)

    def say(self, text):
        """Something else to tell; the block goes on below it."""
        print(text, file=sys.stderr, flush=True)
        self.drawn = 0


def elements(pipeline):
    """Every dptdepth of a pipeline, in bins too."""
    iterator = pipeline.iterate_recurse()
    while True:
        result, element = iterator.next()
        if result != Gst.IteratorResult.OK:
            return
        factory = element.get_factory()
        if factory and factory.get_name() == "dptdepth":
            yield element


def watch(pipeline, bus, terminal):
    """Until the end; an error's text, if that was it."""
    while True:
        # In short waits, between which Python sees Ctrl-C.
        message = bus.timed_pop(100 * Gst.MSECOND)
        if message is None:
            continue
        if message.type == Gst.MessageType.EOS:
            return None
        if message.type == Gst.MessageType.ERROR:
            return f"{message.src.get_name()}: {message.parse_error()[0].message}"
        if message.type == Gst.MessageType.WARNING:
            terminal.say(f"{message.src.get_name()}: {message.parse_warning()[0].message}")
        elif message.type == Gst.MessageType.LATENCY:
            pipeline.recalculate_latency()
        elif message.type == Gst.MessageType.ELEMENT:
            structure = message.get_structure()
            if structure.get_name() == STATS:
                terminal.add(message.src.get_name(), fields(structure))


def main():
    parser = argparse.ArgumentParser(
        usage="%(prog)s [-h] [--every SECONDS] [PIPELINE]",
        description=__doc__, epilog=EXPLANATION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS",
                        help="how often to look (default: 1)")
    parser.add_argument("pipeline", nargs=argparse.REMAINDER, metavar="PIPELINE",
                        help="as gst-launch-1.0 takes it, with a dptdepth in it (default: the clip that ships)")
    arguments = parser.parse_args()
    if not 0.001 <= arguments.every <= 86400:
        parser.error("--every: give seconds from 0.001 to 86400")

    # `stats.py | head` ends the program without a traceback.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    Gst.init(None)
    if not Gst.ElementFactory.find("dptdepth"):
        sys.exit("the element dptdepth is not found; run `source target/env.sh` first")
    try:
        pipeline = Gst.parse_launchv(arguments.pipeline or DEFAULT)
    except gi.repository.GLib.Error as error:
        sys.exit(f"This is no pipeline: {error.message}")
    watched = list(elements(pipeline)) if isinstance(pipeline, Gst.Pipeline) else []
    if not watched:
        sys.exit("There is no dptdepth in this pipeline; put one in, as in `… ! dptdepth ! …`")
    for element in watched:
        element.set_property("stats-interval", int(arguments.every * Gst.SECOND))
    terminal = Terminal(watched)

    problem = None
    bus = pipeline.get_bus()
    try:
        pipeline.set_state(Gst.State.PLAYING)
        problem = watch(pipeline, bus, terminal)
    except KeyboardInterrupt:
        pass
    for element in watched:
        if (stats := fields(element.get_property("stats")))["frames-in"]:
            terminal.add(element.get_name(), stats)
    pipeline.set_state(Gst.State.NULL)
    if problem:
        sys.exit(problem)


if __name__ == "__main__":
    main()
