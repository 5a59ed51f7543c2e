#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Measures dptdepth beside what people use instead, in turns, and prints Markdown.

    pip install -r benches/peers/requirements.txt
    source target/env.sh; benches/peers/peers.py --scratch DIR [--write BENCHMARKS.md]

Every model has its published shape and random weights (tests/data/make_dpt.py writes them), but for the
embedded one. All contenders of a model are loaded before the first is measured; then they take turns, ROUNDS
times (the embedded one thrice as often), so that a noisy machine is noisy for all of them. Times are medians of all turns.

- the bare model: a picture of the network's size in memory to a map in memory;
- the whole way: a 1080p H.264 clip to 16-bit gray maps of 1080p, decoding included.

Needs PyGObject, GStreamer's libav or openh264 decoder and x264enc (for the clip), and 12 GB of memory for DPT-Large.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
THREADS = os.cpu_count()
# Name: (case of make_dpt.py, network height, width)
MODELS = {
    "DPT-Large": ("dpt-large", 384, 384),
    "DPT-Hybrid": ("dpt-hybrid-midas", 384, 384),
    "Depth-Anything-V2-Small": ("depth-anything-v2-small-hf", 518, 518),
    "embedded default": (None, 224, 224),
}
OURS = {
    "dptdepth, auto": ("auto", "auto"),
    "dptdepth, openvino fp32": ("openvino", "fp32"),
    "dptdepth, cpu (ONNX Runtime) fp32": ("cpu", "fp32"),
}
BARE = (*OURS, "transformers + torch fp32", "ONNX Runtime, torch's graph fp32", "OpenVINO, torch's graph fp32", "OpenVINO, torch's graph bf16")
WHOLE = ("dptdepth, auto", "dptdepth, cpu (ONNX Runtime) fp32", "OpenCV + transformers + torch", "OpenCV + ONNX Runtime", "OpenCV + OpenVINO bf16")
FRAME = (1920, 1080)


# --- contenders: each is a function of no arguments that runs once -------------------------------


class Model:
    """Where a model is and how large its input is."""

    def __init__(self, name, scratch):
        case, self.height, self.width = MODELS[name]
        self.folder = scratch / case if case else ROOT / "models/dpt-tiny"
        self.onnx = scratch / f"{self.folder.name}-{self.height}x{self.width}-torch.onnx"
        self.graph = "default" if case is None else str(self.folder)

    def torch(self):
        import torch
        import transformers

        torch.set_num_threads(THREADS)
        return transformers.AutoModelForDepthEstimation.from_pretrained(self.folder).eval()

    def exported(self):
        """Whether torch's graph is there, of the weights that are there now."""
        return self.onnx.exists() and all(self.onnx.stat().st_mtime >= file.stat().st_mtime for file in self.folder.iterdir())

    def export(self):
        """What a user exports with torch."""
        import torch

        model = self.torch()

        class Plain(torch.nn.Module):
            def forward(self, pixel_values):
                return model(pixel_values).predicted_depth

        picture = torch.zeros(1, 3, self.height, self.width)
        with torch.inference_mode():
            torch.onnx.export(Plain().eval(), (picture,), self.onnx, input_names=["pixel_values"], output_names=["predicted_depth"], dynamo=True, external_data=False)


def bare_torch(model, picture):
    import torch

    network, pixels = model.torch(), torch.from_numpy(picture)

    def run():
        with torch.inference_mode():
            return network(pixels).predicted_depth.numpy()

    return run


def bare_onnxruntime(model, picture):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(model.onnx, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"pixel_values": picture})[0]


def bare_openvino(model, picture, precision):
    import openvino

    compiled = openvino.Core().compile_model(model.onnx, "CPU", {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    return lambda: request.infer({0: picture})[0]


def bare(name, model):
    import numpy as np

    picture = np.random.default_rng(1).standard_normal((1, 3, model.height, model.width)).astype(np.float32)
    if "torch fp32" in name:
        return bare_torch(model, picture)
    if "ONNX Runtime" in name:
        return bare_onnxruntime(model, picture)
    return bare_openvino(model, picture, "bf16" if "bf16" in name else "f32")


def whole(name, model, clip):
    """Frames as a Python program would handle them."""
    import cv2
    import numpy as np

    capture = cv2.VideoCapture(str(clip))
    mean, std = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])
    if "torch" in name:
        import torch
        import transformers

        network = model.torch()
        processor = transformers.AutoImageProcessor.from_pretrained(model.folder)
        size = {"height": model.height, "width": model.width}

        def infer(rgb):
            inputs = processor(images=rgb, return_tensors="pt", size=size, keep_aspect_ratio=False)
            with torch.inference_mode():
                found = network(**inputs).predicted_depth[:, None]
                return torch.nn.functional.interpolate(found, rgb.shape[:2], mode="bicubic", align_corners=False)[0, 0].numpy()
    else:
        picture = np.empty((1, 3, model.height, model.width), np.float32)
        run = bare_onnxruntime(model, picture) if "ONNX Runtime" in name else bare_openvino(model, picture, "bf16")

        def infer(rgb):
            small = cv2.resize(rgb, (model.width, model.height), interpolation=cv2.INTER_CUBIC)
            picture[0] = ((small.astype(np.float32) / 255 - mean) / std).transpose(2, 0, 1)
            return cv2.resize(np.squeeze(run()), (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_CUBIC)

    def frame():
        good, bgr = capture.read()
        if not good:
            capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            good, bgr = capture.read()
        depth = infer(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
        low, high = depth.min(), depth.max()
        return ((depth - low) / (high - low) * 65535).astype(np.uint16)

    return frame


def contend(options):
    """A child: says when it is ready, then for each line runs that many seconds and prints the times."""
    model = Model(options.model, options.scratch)
    if options.whole:
        run = whole(options.contender, model, options.scratch / "clip.mp4")
    else:
        run = bare(options.contender, model)
    run(), run()
    print("ready", flush=True)
    for line in sys.stdin:
        times, begun = [], time.perf_counter()
        while len(times) < 3 or time.perf_counter() - begun < float(line):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        print(json.dumps(times), flush=True)


# --- the turns -----------------------------------------------------------------------------------


class Child:
    def __init__(self, options, model, name, is_whole):
        command = [sys.executable, __file__, "--scratch", options.scratch, "--contender", name, "--model", model]
        self.process = subprocess.Popen([*command, *(["--whole"] if is_whole else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer("ready")

    def answer(self, wanted=""):
        for line in self.process.stdout:
            if line.startswith(wanted or "["):
                return line
        raise SystemExit(f"a contender ended: {self.process.args}")

    def turn(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return json.loads(self.answer())

    def end(self):
        self.process.kill()
        self.process.wait()


class OurModel:
    """Our bare model: `dpt-onnx bench`, anew each turn."""

    def __init__(self, model, name):
        provider, precision = OURS[name]
        self.command = ["dpt-onnx", "bench", model.graph, "--size", f"{model.height}x{model.width}", "--json"]
        self.command += ["--execution-provider", provider, "--precision", precision]

    def turn(self, seconds):
        self.report = json.loads(subprocess.run([*self.command, "--seconds", str(seconds)], check=True, capture_output=True, text=True).stdout)
        return [self.report["inference"]]

    def end(self):
        pass


# Within it the element makes runs go on beside each other, where that does more; the others have been loaded since before the first turn.
SETTLE_SECONDS = 8


class OurElement:
    """Our element between a decoder and a sink."""

    def __init__(self, model, name, clip):
        provider, precision = OURS[name]
        file = "" if model.graph == "default" else f'model-file="{model.graph}"'
        self.description = (
            f'filesrc location="{clip}" ! decodebin ! dptdepth {file} alignment=strict execution-provider={provider} precision={precision}'
            f" resize-policy=squash network-size={min(model.height, model.width)} ! video/x-raw,format=GRAY16_LE ! fakesink name=sink sync=false"
        )

    def turn(self, seconds):
        import gi

        gi.require_version("Gst", "1.0")
        from gi.repository import Gst

        Gst.init(None)
        pipeline, arrivals = Gst.parse_launch(self.description), []
        pad = pipeline.get_by_name("sink").get_static_pad("sink")

        def seen(*_):
            arrivals.append(time.perf_counter())
            return Gst.PadProbeReturn.OK

        def again(flags):
            pipeline.seek_simple(Gst.Format.TIME, flags | Gst.SeekFlags.SEGMENT, 0)

        pad.add_probe(Gst.PadProbeType.BUFFER, seen)
        pipeline.set_state(Gst.State.PAUSED)
        pipeline.get_state(Gst.CLOCK_TIME_NONE)
        again(Gst.SeekFlags.FLUSH)
        arrivals.clear()
        pipeline.set_state(Gst.State.PLAYING)
        kinds = Gst.MessageType.SEGMENT_DONE | Gst.MessageType.ERROR
        settled = []
        while len(settled) < 8 or settled[-1] - settled[0] < seconds:
            message = pipeline.get_bus().timed_pop_filtered(50 * Gst.MSECOND, kinds)
            if message and message.type == Gst.MessageType.ERROR:
                raise SystemExit(message.parse_error()[0].message)
            if message:
                again(Gst.SeekFlags.NONE)
            settled = [time for time in arrivals if time - arrivals[0] > SETTLE_SECONDS]
        pipeline.set_state(Gst.State.NULL)
        # Several are on their way at once: a frame takes what lies between two that arrive.
        return [(settled[-1] - settled[0]) / (len(settled) - 1)]

    def end(self):
        pass


def measure(options, name, is_whole):
    model = Model(name, options.scratch)
    contenders = {}
    for contender in WHOLE if is_whole else BARE:
        if contender in OURS:
            contenders[contender] = OurElement(model, contender, options.scratch / "clip.mp4") if is_whole else OurModel(model, contender)
        else:
            contenders[contender] = Child(options, name, contender, is_whole)
    times = {contender: [] for contender in contenders}
    # Runs of a few milliseconds vary more from process to process.
    for number in range(options.rounds * (1 if MODELS[name][0] else 3)):
        for contender, child in contenders.items():
            print(f"{name}, round {number + 1}: {contender}", file=sys.stderr, flush=True)
            times[contender] += child.turn(options.seconds)
    for child in contenders.values():
        child.end()
    return {contender: statistics.median(values) for contender, values in times.items()}


def prepare(options):
    options.scratch.mkdir(parents=True, exist_ok=True)
    for name in options.models:
        case = MODELS[name][0]
        model = Model(name, options.scratch)
        if case and not (options.scratch / case / "config.json").exists():
            subprocess.run([sys.executable, ROOT / "tests/data/make_dpt.py", "--full", options.scratch, "--only", case], check=True)
        if not model.exported():
            print(f"{name}: exporting with torch", file=sys.stderr, flush=True)
            # In a process of its own, which gives its memory back.
            subprocess.run([sys.executable, __file__, "--scratch", options.scratch, "--model", name, "--export"], check=True, stdout=subprocess.DEVNULL)
    clip = options.scratch / "clip.mp4"
    if not clip.exists():
        source = ROOT / "pipelines/media/big-buck-bunny.mp4"
        width, height = FRAME
        subprocess.run(
            ["gst-launch-1.0", "-q", "filesrc", f"location={source}", "!", "decodebin", "!", "videoconvertscale", "!",
             f"video/x-raw,format=I420,width={width},height={height}", "!", "x264enc", "bitrate=8000", "!", "mp4mux", "!", "filesink", f"location={clip}"], check=True)


def versions():
    import importlib.metadata as metadata

    packages = [f"{name} {metadata.version(name)}" for name in ("torch", "transformers", "onnxruntime", "openvino", "opencv-python-headless")]
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    ours = Path(os.environ.get("ORT_DYLIB_PATH", "")).name
    return f"{THREADS} cores of {model}; {date.today()}, commit {commit}; dptdepth with {ours}; {', '.join(packages)}."


def table(title, rows, note):
    contenders = list(next(iter(rows.values())))
    first = contenders[0]
    lines = [f"## {title}", "", note, "", "| | " + " | ".join(rows) + " |", "|---|" + "---:|" * len(rows)]
    for contender in contenders:
        cells = [f"{1e3 * row[contender]:.1f} ms (×{row[contender] / row[first]:.2f})" for row in rows.values()]
        lines.append(f"| {contender} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scratch", type=Path, required=True, help="folder for checkpoints, graphs and the clip: 5 GB")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS), metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="of each turn")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables there too")
    parser.add_argument("--skip", choices=("bare", "whole"), help="leave out one of the tables")
    for name in ("--contender", "--model"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--whole", "--export"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.scratch = options.scratch.resolve()
    if options.export:
        return Model(options.model, options.scratch).export()
    if options.contender:
        return contend(options)
    prepare(options)
    parts = ["# Beside what else there is", "", "Written by [`benches/peers/peers.py`](benches/peers/peers.py). " + versions(), ""]
    if options.skip != "bare":
        rows = {name: measure(options, name, False) for name in options.models}
        parts.append(table("The bare model", rows, "A picture of the network's size in memory to a map in memory; × is how many times as long as the first row it takes."))
    if options.skip != "whole":
        rows = {name: measure(options, name, True) for name in options.models if name != "DPT-Hybrid"}
        parts.append(table("The whole way", rows, "From a 1080p H.264 clip to 16-bit maps of 1080p, a frame. dptdepth steadies its maps over time; the others map each frame's own minimum and maximum."))
    text = "\n".join(parts)
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
