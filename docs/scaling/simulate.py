#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""How many cameras a server and a fleet carry: the tables of docs/scaling.md.

    simulate.py                     prints the tables
    simulate.py --plot FILE.svg     draws latency over the number of cameras
    simulate.py --help              one setting of your own

Only Python's own library is used, and a fixed seed: the same version always prints the same.

The model. A camera sends a frame every `interval` frames; phases are random, arrivals jitter. Cameras
are dealt out evenly to servers. A server has one instance and the rule of Triton's dynamic batcher: a
run starts once the instance is free and either the largest batch is there or the oldest request has
waited `delay`. A run of n frames takes T(n) = T(1) * (1 - share + share * n): `share` is what a further
frame costs, relative to the first one alone. Latency counts from sending to the answer's last byte.
"""

import argparse
import math
import random
from dataclasses import dataclass, replace

SECONDS = 20.0  # of arrivals in a run
WARM_UP = 2.0  # not counted
RUNS = 8  # with other phases each
JITTER = 0.003  # standard deviation of an arrival, s
HOURS = 730  # in a month
LIMIT = 0.100  # what the 99th percentile of latency may be, s
MARGIN = 1.25  # a server must hold so many times the requests it is planned for


@dataclass(frozen=True)
class Setting:
    """A kind of server, what it runs, and how it is asked."""

    name: str
    first: float  # T(1), s
    share: float = 0.8
    height: int = 518
    width: int = 518
    input_bytes: int = 3  # a pixel: u8 RGB; 12 for floats
    output_bytes: int = 4  # a pixel: f32 depth; 1 for classes
    max_batch: int = 8
    delay: float = 0.002
    fps: float = 30.0
    interval: int = 3
    link: float = 10e9  # bit/s of a server
    round_trip: float = 0.001  # s, without the transfer itself
    aligned: bool = False  # all cameras at the same moment

    def service(self, batch):
        return self.first * (1 - self.share + self.share * batch)

    @property
    def rate(self):
        """Requests a camera and second."""
        return self.fps / self.interval

    @property
    def sent(self):
        return self.height * self.width * self.input_bytes

    @property
    def received(self):
        return self.height * self.width * self.output_bytes

    @property
    def transfer(self):
        """Seconds that a frame and its answer are on the way."""
        return self.round_trip + 8 * (self.sent + self.received) / self.link


@dataclass(frozen=True)
class Outcome:
    busy: float
    batch: float
    p50: float
    p99: float

    @property
    def holds(self):
        return self.p99 <= LIMIT


def arrivals(setting, cameras, seed):
    chance = random.Random(seed)
    period = 1 / setting.rate
    times = []
    for _ in range(cameras):
        time = 0.0 if setting.aligned else chance.uniform(0, period)
        while time < SECONDS:
            times.append(max(0.0, time + chance.gauss(0, JITTER)))
            time += period
    times.sort()
    return times


def simulate(setting, cameras):
    """One server with so many cameras; several runs, since phases decide how frames meet."""
    runs = [run(setting, cameras, seed) for seed in range(RUNS)]
    latencies = sorted(latency for latencies, _, _ in runs for latency in latencies)
    batches = [batch for _, batches, _ in runs for batch in batches]
    at = lambda part: latencies[min(len(latencies) - 1, int(part * len(latencies)))]
    return Outcome(
        busy=math.fsum(busy for _, _, busy in runs) / RUNS,
        batch=sum(batches) / len(batches),
        p50=at(0.5),
        p99=at(0.99),
    )


def run(setting, cameras, seed):
    """Latencies, sizes of batches, and the part of the time that the instance works."""
    times = arrivals(setting, cameras, seed)
    latencies, batches = [], []
    free = worked = 0.0
    next_one = 0
    while next_one < len(times):
        oldest = times[next_one]
        last = next_one + setting.max_batch - 1
        full = times[last] if last < len(times) else math.inf
        start = max(free, oldest, min(full, oldest + setting.delay))
        end = next_one
        while end < len(times) and end <= last and times[end] <= start:
            end += 1
        free = start + setting.service(end - next_one)
        if oldest >= WARM_UP:
            worked += free - start
            batches.append(end - next_one)
            latencies += [free - time + setting.transfer for time in times[next_one:end]]
        next_one = end
    return latencies, batches, worked / (max(free, SECONDS) - WARM_UP)


def capacity(setting):
    """Most cameras of a server: the model's own rate, the link's and the limit of latency, with a margin."""
    setting = replace(setting, fps=MARGIN * setting.fps)
    best = setting.service(setting.max_batch) / setting.max_batch
    link = setting.link / 8 / max(setting.sent, setting.received)
    high = int(min(1 / best, link) / setting.rate) + 1
    low = 0
    while low < high:
        middle = (low + high + 1) // 2
        if simulate(setting, middle).holds:
            low = middle
        else:
            high = middle - 1
    return low


# T(1) in seconds; docs/scaling.md says where each is from. Only the first was measured by this project.
CPU = Setting("2 CPU cores, embedded model", 0.0075, share=1.0, height=224, width=224, max_batch=1, delay=0.0)
ORIN = Setting("Jetson Orin 8 GB, DA-Small, 364x364", 0.0392, height=364, width=364, max_batch=4)
T4 = Setting("T4, DA-V2-Small", 0.02099)
LAPTOP = Setting("RTX 4070 Laptop, DA-V2-Small", 0.00529)
SERVERS = [CPU, ORIN, T4, LAPTOP]

# Seconds on two cores. The bare models are from BENCHMARKS.md; what a frame of 1080p costs beside its model is seen best with a
# small one: 11.0 ms a frame of a file in all with one of 5.7 ms, once runs go on beside each other.
MACHINE = [("embedded default", 0.0075), ("Depth-Anything-V2-Small", 0.1589), ("DPT-Large", 0.6268)]
BESIDE = 0.0110 - 0.0057


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head(*names):
    return row(*names) + "\n|---|" + "---:|" * (len(names) - 1)


def ms(seconds):
    return f"{1000 * seconds:.0f}"


def bytes_table():
    """Bytes of a frame."""
    yield head(
        "network", "u8 RGB there", "f32 there", "f32 depth back", "u8 classes back",
        "10 frames/s, Mbit/s: u8 there", "f32 back",
    )
    for height, width in [(256, 256), (384, 384), (384, 672), (294, 518), (518, 518)]:
        pixels = height * width
        megabits = lambda size: f"{8 * 10 * size * pixels / 1e6:.0f}"
        kb = lambda size: f"{size / 1000:.0f} kB"
        tensors = [kb(3 * pixels), kb(12 * pixels), kb(4 * pixels), kb(pixels)]
        yield row(f"{height}x{width}", *tensors, megabits(3), megabits(4))


def machine_table():
    """Streams of 1080p that decode, infer and draw on one small machine."""
    yield head("two cores, 1080p at 30 frames/s: streams", *(f"interval {i}" for i in (1, 3, 10, 30)))
    for name, model in MACHINE:
        second = lambda interval: 30 * BESIDE + 30 / interval * model
        yield row(name, *(int(1 / MARGIN / second(interval)) for interval in (1, 3, 10, 30)))


def server_table():
    """Cameras a server, for different intervals."""
    yield head(
        "server", "frames/s of the model", "interval 1: cameras", "interval 3: cameras", "interval 10: cameras",
        "at interval 3: busy", "frames a run", "p50 ms", "p99 ms",
    )
    for setting in SERVERS:
        best = setting.max_batch / setting.service(setting.max_batch)
        counts = {i: capacity(replace(setting, interval=i)) for i in (1, 3, 10)}
        outcome = simulate(setting, counts[3]) if counts[3] else None
        cells = ["–"] * 4
        if outcome:
            cells = [f"{100 * outcome.busy:.0f} %", f"{outcome.batch:.1f}", ms(outcome.p50), ms(outcome.p99)]
        yield row(setting.name, f"{best:.0f}", *counts.values(), *cells)


def batching_table():
    """What batching gains, for what a further frame may cost."""
    shares = (1.0, 0.8, 0.6)
    yield head("RTX 4070 Laptop, interval 3: cameras a server, p99 ms", *(f"share {share}" for share in shares))
    cells = lambda setting: [
        f"{count}, {ms(simulate(own, count).p99)}"
        for own in (replace(setting, share=share) for share in shares)
        if (count := capacity(own))
    ]
    for batch, delay in [(1, 0.0), (4, 0.0), (8, 0.0), (8, 0.002), (8, 0.010), (16, 0.002)]:
        setting = replace(LAPTOP, max_batch=batch, delay=delay)
        yield row(f"batch up to {batch}, delay {1000 * delay:.0f} ms", *cells(setting))
    together = replace(LAPTOP, aligned=True)
    yield row("batch up to 8, delay 2 ms, all cameras at the same moment", *cells(together))


def fleet_table(setting, price=1.0):
    """Servers for 10 to 10 000 cameras."""
    yield head(
        f"{setting.name}, interval {setting.interval}: cameras", "requests/s", "servers", "with a twentieth to spare",
        "busy", "frames a run", "p99 ms", "Gbit/s in, all", "in, a server", "out, a server", "cost a camera",
    )
    most = capacity(setting)
    for cameras in (10, 30, 100, 300, 1000, 3000, 10000):
        servers = math.ceil(cameras / most)
        spared = servers + math.ceil(servers / 20)
        outcome = simulate(setting, math.ceil(cameras / servers))
        requests = cameras * setting.rate
        gigabits = 8 * requests * setting.sent / 1e9
        back = 8 * requests * setting.received / 1e9
        yield row(
            cameras, f"{requests:.0f}", servers, spared, f"{100 * outcome.busy:.0f} %",
            f"{outcome.batch:.1f}", ms(outcome.p99), f"{gigabits:.2f}", f"{gigabits / servers:.2f}",
            f"{back / servers:.2f}", f"{price * HOURS * spared / cameras:.2f}",
        )


def tables():
    """All tables by their names, as they stand in the document."""
    yield "bytes", bytes_table()
    yield "machine", machine_table()
    yield "servers", server_table()
    yield "batching", batching_table()
    yield "fleet-t4", fleet_table(T4)
    yield "fleet-laptop", fleet_table(LAPTOP)


COLORS = ["#777777", "#1f77b4", "#d95f02"]


def plot():
    """Latency over the cameras of a server, as SVG."""
    width, height, left, bottom, top = 720, 360, 64, 48, 40
    curves = []
    for batch in (1, 4, 8):
        setting = replace(LAPTOP, max_batch=batch)
        points = []
        for cameras in range(1, 31):
            points.append((cameras, 1000 * simulate(setting, cameras).p99))
            if points[-1][1] > 1000 * LIMIT:
                break
        curves.append((f"batch up to {batch}", points))
    most_x, most_y = 28, 150
    x = lambda cameras: left + (width - left - 24) * cameras / most_x
    y = lambda value: height - bottom - (height - bottom - top) * min(value, most_y) / most_y
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="20" font-size="15">99th percentile of latency, one RTX 4070 Laptop '
        "(published: 5.29 ms a frame)</text>",
    ]
    for value in range(0, most_y + 1, 25):
        out.append(f'<line x1="{left}" x2="{width - 24}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#dddddd"/>')
        out.append(f'<text x="{left - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value}</text>')
    for cameras in range(0, most_x + 1, 4):
        out.append(f'<text x="{x(cameras):.1f}" y="{height - bottom + 20}" text-anchor="middle">{cameras}</text>')
    out.append(f'<text x="{(left + width) / 2}" y="{height - 8}" text-anchor="middle">cameras a server, 10 frames/s each</text>')
    out.append(f'<text transform="translate(18 {(height - bottom + top) / 2}) rotate(-90)" text-anchor="middle">ms</text>')
    limit = f'y1="{y(1000 * LIMIT):.1f}" y2="{y(1000 * LIMIT):.1f}"'
    out.append(f'<line x1="{left}" x2="{width - 24}" {limit} stroke="#c00" stroke-dasharray="6 4"/>')
    for index, ((name, points), color) in enumerate(zip(curves, COLORS)):
        line = " ".join(f"{x(c):.1f},{y(v):.1f}" for c, v in points)
        out.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        out += [f'<circle cx="{x(c):.1f}" cy="{y(v):.1f}" r="4" fill="{color}"/>' for c, v in points]
        out.append(f'<text x="{left + 16}" y="{top + 20 + 20 * index}" fill="{color}">{name}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", metavar="FILE.svg", help="draw instead of printing")
    parser.add_argument("--first-ms", type=float, help="time of one frame: prints the fleet of a setting of your own")
    parser.add_argument("--share", type=float, default=T4.share, help="cost of a further frame in a run (%(default)s)")
    parser.add_argument("--size", default="518x518", help="network height and width (%(default)s)")
    parser.add_argument("--fps", type=float, default=T4.fps, help="frames/s of a camera (%(default)s)")
    parser.add_argument("--interval", type=int, default=T4.interval, help="inference-interval (%(default)s)")
    parser.add_argument("--max-batch", type=int, default=T4.max_batch, help="(%(default)s)")
    parser.add_argument("--delay-ms", type=float, default=1000 * T4.delay, help="(%(default)s)")
    parser.add_argument("--link-gbit", type=float, default=T4.link / 1e9, help="a server's network (%(default)s)")
    parser.add_argument("--price", type=float, default=1.0, help="of a server and hour, any currency (%(default)s)")
    given = parser.parse_args()
    if given.plot:
        with open(given.plot, "w", encoding="utf-8") as file:
            file.write(plot())
    elif given.first_ms:
        height, width = map(int, given.size.split("x"))
        own = Setting(
            "yours", given.first_ms / 1000, given.share, height, width, max_batch=given.max_batch,
            delay=given.delay_ms / 1000, fps=given.fps, interval=given.interval, link=given.link_gbit * 1e9,
        )
        if not capacity(own):
            parser.exit(1, f"one camera is too much for such a server within {1000 * LIMIT:.0f} ms\n")
        print("\n".join(fleet_table(own, given.price)))
    else:
        for name, lines in tables():
            print(f"[{name}]", *lines, "", sep="\n")


if __name__ == "__main__":
    main()
