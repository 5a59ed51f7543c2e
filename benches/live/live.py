#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Runs dptdepth behind a live source, with models that keep up and models that do not.

    source target/env.sh; benches/live/live.py [--heavy MODEL] [--plot OUT.png] [SCENARIO …]

MODEL is a checkpoint whose runs take long, such as a folder that `tests/data/make_dpt.py --full` writes;
without it the embedded model at a large network size stands in for it. Prints a Markdown table for each
scenario:

- keeps-up, interval, latest, never: 30 frames/s go in; how many leave, how many of them after their time,
  how many the pipeline was told were dropped; latency told (LATENCY query) and measured between the
  element's pads (95 % of the frames that the model ran on), in a second run whose sink takes frames at once.
- recovery: what follows the element is slow for a while; how late frames are before, meanwhile, after.
- target: `target-fps=25` while another process takes all cores for a while.

Needs PyGObject; Pillow for --plot.
"""
import argparse
import bisect
import multiprocessing
import statistics
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

RATE = 30
SIZE = "width=1280,height=720"


class Run:
    """One pipeline and what was seen of it."""

    def __init__(self, properties, after="", rate=RATE, source=f"videotestsrc is-live=true pattern=ball ! video/x-raw,format=NV12,{SIZE}", sync=True):
        self.pipeline = Gst.parse_launch(
            f"{source},framerate={rate}/1 ! dptdepth name=depth {properties} ! {after} "
            f"fakesink name=sink sync={str(sync).lower()} qos={str(sync).lower()} max-lateness=20000000"
        )
        self.depth, self.sink = (self.pipeline.get_by_name(name) for name in ("depth", "sink"))
        self.entered, self.left = {}, {}
        self.arrivals, self.messages, self.ages = [], [], []
        self.blocked = self.push_began = 0
        for name, seen in (("sink", self.on_entry), ("src", self.on_exit)):
            self.depth.get_static_pad(name).add_probe(Gst.PadProbeType.BUFFER, seen)
        self.sink.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self.on_arrival)

    def on_entry(self, _pad, info):
        self.entered[info.get_buffer().pts] = time.monotonic()
        return Gst.PadProbeReturn.OK

    def on_exit(self, _pad, info):
        buffer = info.get_buffer()
        meta = buffer.get_custom_meta("GstDptDepthMeta")
        if meta and meta.get_structure().get_uint64("age")[1] == 0:
            self.left[buffer.pts] = time.monotonic()
        return Gst.PadProbeReturn.OK

    def on_arrival(self, pad, info):
        buffer = info.get_buffer()
        clock = self.pipeline.get_clock()
        if clock:
            # Without the pipeline's latency: what is negative comes in time.
            late = clock.get_time() - self.pipeline.get_base_time() - buffer.pts - self.pipeline_latency()
            meta = buffer.get_custom_meta("GstDptDepthMeta")
            age = meta.get_structure().get_uint64("age")[1] if meta else None
            self.arrivals.append((time.monotonic(), late / 1e6, age))
        return Gst.PadProbeReturn.OK

    def pipeline_latency(self):
        return self.sink.get_property("processing-deadline") + (self.told or 0)

    told = None

    def ask_latency(self):
        query = Gst.Query.new_latency()
        if self.depth.get_static_pad("src").query(query):
            own, upstream = query.parse_latency()[1], Gst.Query.new_latency()
            self.depth.get_static_pad("sink").get_peer().query(upstream)
            self.told = own
            return (own - upstream.parse_latency()[1]) / 1e6
        return None

    def play(self, seconds, every=None):
        """Plays; `every(run, seconds since the first frame)` is called ten times a second."""
        bus = self.pipeline.get_bus()
        self.pipeline.set_state(Gst.State.PLAYING)
        begun = None
        while begun is None or time.monotonic() - begun < seconds:
            message = bus.timed_pop(100 * Gst.MSECOND)
            while message:
                self.on_message(message)
                message = bus.pop()
            if begun is None and self.ready():
                begun = time.monotonic()
            if begun is not None:
                self.ask_latency()
                if every:
                    every(self, time.monotonic() - begun)
        self.begun = begun
        self.latency = self.ask_latency()
        self.stats = self.depth.get_property("stats")
        self.pipeline.set_state(Gst.State.NULL)

    def ready(self):
        """Whether a frame with a result has come."""
        return any(age is not None for _, _, age in self.arrivals)

    def on_message(self, message):
        if message.type == Gst.MessageType.ERROR:
            raise SystemExit(message.parse_error()[0].message)
        if message.type == Gst.MessageType.LATENCY:
            self.pipeline.recalculate_latency()
        if message.type == Gst.MessageType.WARNING:
            self.messages.append((time.monotonic(), "warning", message.parse_warning()[0].message))
        if message.type == Gst.MessageType.QOS:
            self.messages.append((time.monotonic(), "qos " + message.src.name, None))
        if message.type == Gst.MessageType.ELEMENT and message.get_structure().get_name() == "dptdepth-adapted":
            fields = message.get_structure()
            values = [fields.get_uint(name)[1] for name in ("inference-interval", "network-width", "network-height")]
            values += [1e3 * fields.get_double(name)[1] for name in ("run-seconds", "frame-seconds")]
            self.messages.append((time.monotonic(), "adapted", values))

    def count(self, kind):
        return sum(1 for when, name, _ in self.messages if name == kind and when >= self.begun)

    def stayed(self, settle=2):
        """Milliseconds that 95 % of the frames with a result of their own stayed, at most."""
        entered = self.entered.items()
        stayed = sorted((self.left[pts] - when) * 1e3 for pts, when in entered if pts in self.left and when >= self.begun + settle)
        return stayed[int(0.95 * (len(stayed) - 1))]

    def figures(self, settle=2):
        """What the table shows, of frames from `settle` seconds on."""
        since = self.begun + settle
        came = [late for when, late, _ in self.arrivals if when >= since]
        span = self.arrivals[-1][0] - since
        ages = [age / 1e6 for when, _, age in self.arrivals if when >= since and age is not None]
        late = sum(late > 5 for late in came) / max(1, len(came))
        return {
            "frames/s": f"{len(came) / span:.1f}",
            "late": f"{100 * late:.1f} %",
            "age p50 ms": f"{statistics.median(ages):.0f}" if ages else "–",
            "QoS of the element": str(self.count("qos depth")),
            "of the sink": str(self.count("qos sink")),
            "warnings": str(self.count("warning")),
        }


def table(rows):
    titles = list(next(iter(rows.values())))
    print("| | " + " | ".join(titles) + " |\n|---|" + "---:|" * len(titles))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(row.values()) + " |")
    print(flush=True)


def rates(options):
    light, heavy = "network-size=256", options.heavy
    cases = {
        "keeps-up": ("strict, embedded model", f"alignment=strict {light}"),
        "interval": ("strict, heavy model, inference-interval=10", f"alignment=strict {heavy} inference-interval=10"),
        "latest": ("latest, heavy model", f"alignment=latest {heavy}"),
        "never": ("strict, heavy model, interval 1", f"alignment=strict {heavy}"),
    }
    rows = {}
    for name, (title, properties) in cases.items():
        if name in options.scenarios:
            run = Run(properties)
            run.play(options.seconds)
            inference = run.stats.get_uint64("inference-p50")[1] / 1e6
            row = run.figures() | {"told ms": "–", "measured ms": "–"}
            if name in ("keeps-up", "interval"):
                at_once = Run(properties, sync=False)
                at_once.play(options.seconds)
                row |= {"told ms": f"{at_once.latency:.1f}", "measured ms": f"{at_once.stayed():.1f}"}
            rows[f"{title} ({inference:.0f} ms a run)"] = row
    if rows:
        table(rows)


def recovery(options):
    run = Run("alignment=strict network-size=256", "identity name=slow !")
    slow = run.pipeline.get_by_name("slow")

    def every(run, seconds):
        slow.set_property("sleep-time", 80_000 if 4 <= seconds < 8 else 0)

    run.play(14, every)

    def late(begin, end):
        values = [late for when, late, _ in run.arrivals if begin <= when - run.begun < end]
        return f"{max(values):.0f} ms at most, {len(values) / (end - begin):.0f} frames/s"

    back = max((when - run.begun for when, late, _ in run.arrivals if late > 5), default=0)
    stats = run.stats
    table({"80 ms a frame from 4 s to 8 s": {
        "before": late(2, 4), "meanwhile": late(5, 8), "from 9 s on": late(9, 14), "last late frame": f"{back:.1f} s",
        "model skipped": str(stats.get_uint64("frames-reused")[1]), "dropped": str(stats.get_uint64("frames-dropped")[1]),
    }})


def burn(stop):
    while not stop.is_set():
        sum(range(100_000))


def target(options):
    stop, workers = multiprocessing.Event(), []
    seconds, begin, end = 45, 12, 27

    def every(_run, now):
        if begin <= now < end and not workers:
            workers.extend(multiprocessing.Process(target=burn, args=(stop,)) for _ in range(multiprocessing.cpu_count()))
            for worker in workers:
                worker.start()
        if now >= end:
            stop.set()

    run = Run(f"alignment=latest {options.heavy} target-fps=25/1", rate=25)
    run.play(seconds, every)
    for worker in workers:
        worker.join()
    began = run.arrivals[0][0]
    decisions = [(when - began, values) for when, name, values in run.messages if name == "adapted"]
    load = [edge + run.begun - began for edge in (begin, end)]
    print("| s | interval | network | ms a run | ms a frame |\n|---:|---:|---|---:|---:|")
    for when, (interval, width, height, run_ms, frame_ms) in decisions:
        print(f"| {when:.1f} | {interval} | {width}×{height} | {run_ms:.0f} | {frame_ms:.1f} |")
    arrived = [when - began for when, _, _ in run.arrivals]
    rows = {}
    for name, first, last in (("alone", 3, load[0]), ("loaded", load[0], load[1]), ("after", load[1] + 6, arrived[-1])):
        inside = bisect.bisect(arrived, last) - bisect.bisect(arrived, first)
        chosen = [values for when, values in decisions if when <= last]
        changes = sum(first <= when <= last for when, _ in decisions)
        ages = [age / 1e6 for when, _, age in run.arrivals if first <= when - began <= last and age is not None]
        rows[name] = {
            "seconds": f"{first:.0f}–{last:.0f}", "frames/s": f"{inside / (last - first):.1f}",
            "interval and network at the end": f"{chosen[-1][0]}, {chosen[-1][1]}×{chosen[-1][2]}" if chosen else "1, full",
            "decisions": str(changes), "age p50 ms": f"{statistics.median(ages):.0f}" if ages else "–",
        }
    print()
    table(rows)
    if options.plot:
        plot(options.plot, run, began, decisions, load)


def plot(out, run, began, decisions, load):
    """Frames/s, interval and network height over time, one panel each."""
    from PIL import Image, ImageDraw, ImageFont

    end = run.arrivals[-1][0] - began
    times = [when - began for when, _, _ in run.arrivals]
    rate = [(t / 2, sum(t / 2 - 0.5 <= when < t / 2 + 0.5 for when in times)) for t in range(1, int(end * 2) - 1)]

    def steps(field):
        points, before = [], decisions[0][1][field] if decisions else 0
        for when, values in decisions:
            points += [(when, before), (when, values[field])]
            before = values[field]
        return [*points, (end, before)]

    panels = {"frames/s": rate, "inference interval, frames": steps(0), "network height, pixels": steps(2)}
    width, height, left = 1640, 260, 110
    image = Image.new("RGB", (width, height * len(panels)), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(26)
    scale = (width - left - 30) / end
    for at, (name, points) in enumerate(panels.items()):
        base, most = height * (at + 1) - 45, 1.1 * max(value for _, value in points)
        draw.rectangle([left + load[0] * scale, base - height + 75, left + load[1] * scale, base], fill="#f3e3d8")
        for level in (0, max(value for _, value in points)):
            y = base - level / most * (height - 75)
            draw.line([(left, y), (width - 30, y)], "#dddddd", 2)
            draw.text((left - 12, y), f"{level:g}", "#555555", font, "rm")
        line = [(left + when * scale, base - value / most * (height - 75)) for when, value in points]
        draw.line(line, "#1f5fa8", 4)
        draw.text((left, base + 8), f"{name}; {end:.0f} s, other processes took all cores in the shaded part", "black", font)
    image.resize((width // 2, image.height // 2), Image.Resampling.LANCZOS).quantize(32).save(out, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    scenarios = ("keeps-up", "interval", "latest", "never", "recovery", "target")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(scenarios) + "; all of them if none is named")
    parser.add_argument("--heavy", metavar="MODEL", help="checkpoint whose runs take long")
    parser.add_argument("--properties", default="", help="more properties for the heavy model")
    parser.add_argument("--seconds", type=float, default=12, help="of each of the first four")
    parser.add_argument("--plot", metavar="OUT.png", help="also draw what `target` does over time")
    options = parser.parse_args()
    unknown = set(options.scenarios) - set(scenarios)
    if unknown:
        parser.error(f"no scenario {', '.join(unknown)}")
    options.scenarios = options.scenarios or scenarios
    heavy = f'model-file="{options.heavy}"' if options.heavy else "network-size=1024"
    options.heavy = f"{heavy} {options.properties}"
    Gst.init(None)
    rates(options)
    if "recovery" in options.scenarios:
        recovery(options)
    if "target" in options.scenarios:
        target(options)


if __name__ == "__main__":
    main()
