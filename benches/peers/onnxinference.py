#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""dptdepth beside GStreamer's onnxinference (1.26), both on the ONNX Runtime of Debian 13; onnxinference.sh calls it.

    onnxinference.py CHECKPOINT TORCH.onnx OURS.onnx SIDE

TORCH.onnx is what a user of onnxinference exports, OURS.onnx what `dpt-onnx export` writes of the same checkpoint.
Raw NV12 frames of 1080p go in; dptdepth gives 16-bit maps of 1080p, onnxinference the tensor alone, since
nothing in GStreamer makes depth of it. In turns, the mean time between two frames at the sink.
"""
import statistics
import sys
import time
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[2] / "tests/trixie"))
from identified import identified  # noqa: E402

FRAMES, ROUNDS = 14, 3


def turn(description):
    pipeline = Gst.parse_launch(
        f"videotestsrc pattern=ball num-buffers={FRAMES} ! video/x-raw,format=NV12,width=1920,height=1080,framerate=30/1 ! {description} ! fakesink name=sink"
    )
    arrivals = []

    def seen(*_):
        arrivals.append(time.perf_counter())
        return Gst.PadProbeReturn.OK

    pipeline.get_by_name("sink").get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, seen)
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(600 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    pipeline.set_state(Gst.State.NULL)
    if message is None or message.type == Gst.MessageType.ERROR:
        raise SystemExit(message.parse_error() if message else "no end")
    return (arrivals[-1] - arrivals[3]) / (len(arrivals) - 4)


def main():
    checkpoint, *graphs, side = sys.argv[1:]
    Gst.init(None)
    contenders = {
        "dptdepth, cpu": f'dptdepth model-file="{checkpoint}" execution-provider=cpu cache-dir="" network-size={side} resize-policy=squash ! video/x-raw,format=GRAY16_LE',
    }
    for whose, graph in zip(("torch", "dpt-onnx"), graphs, strict=True):
        theirs = f"/tmp/{whose}.onnx"
        Path(theirs).write_bytes(identified(Path(graph).read_bytes(), "predicted_depth", "depth"))
        contenders[f"onnxinference, cpu, graph of {whose}"] = (
            f"videoconvertscale ! video/x-raw,format=RGB,width={side},height={side} ! onnxinference model-file={theirs} execution-provider=cpu"
            " optimization-level=enable-all input-image-format=chw input-tensor-offset=-127.5 input-tensor-scale=127.5"
        )
    times = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, description in contenders.items():
            times[name].append(turn(description))
    first = statistics.median(next(iter(times.values())))
    print(f"| {Gst.version_string()}, 1080p NV12 | a frame |\n|---|---:|")
    for name, values in times.items():
        print(f"| {name} | {1e3 * statistics.median(values):.1f} ms (×{statistics.median(values) / first:.2f}) |")


if __name__ == "__main__":
    main()
