# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Times ONNX graphs on the CPU with the runtimes that are installed."""
import importlib.util
import time
from pathlib import Path

import numpy as np


def engines() -> list[str]:
    """Runtimes that can be imported."""
    names = {"onnxruntime": "onnxruntime", "openvino f32": "openvino", "openvino bf16": "openvino"}
    return [name for name, package in names.items() if importlib.util.find_spec(package)]


def time_graph(graph: Path, engine: str, threads: int, cpu: bool = False, rounds: int = 40) -> float:
    """Milliseconds of a run: the tenth percentile, which other programs on the machine disturb least.
    `cpu`: of the processor's time, for busy machines, with 1 thread."""
    clock = time.process_time if cpu else time.perf_counter
    run = runner(graph, engine, threads)
    for _ in range(3):
        run()
    times = []
    for _ in range(rounds):
        began = clock()
        run()
        times.append(clock() - began)
    return float(np.percentile(times, 10)) * 1e3


def runner(graph: Path, engine: str, threads: int):
    """A function that runs the graph once on a random picture."""
    random = np.random.default_rng(0)
    if engine == "onnxruntime":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        entry = session.get_inputs()[0]
        pixels = {entry.name: random.uniform(-1, 1, entry.shape).astype(np.float32)}
        return lambda: session.run(None, pixels)
    import openvino

    precision = "bf16" if engine.endswith("bf16") else "f32"
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(str(graph), "CPU", settings)
    request = compiled.create_infer_request()
    pixels = random.uniform(-1, 1, tuple(compiled.inputs[0].shape)).astype(np.float32)
    return lambda: request.infer([pixels])
