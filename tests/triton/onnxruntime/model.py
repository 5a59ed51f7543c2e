# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Stands in for Triton's ONNX Runtime backend where only its Python backend is there.

A folder of this name among the backends, with a model.py instead of a library, makes Triton's core
run it with the Python backend for every model whose configuration says `backend: "onnxruntime"`. So
a repository is served as it was written: Triton itself reads config.pbtxt, batches, warms up and
speaks the protocol; only the call of ONNX Runtime is here. Accelerators are ignored. A parameter `stall`
makes each run take so many seconds more.
"""

import json
import pathlib
import sys
import time

# The backend's interpreter takes no PYTHONPATH. This folder is a link in target/triton/backends.
sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "site"))

import numpy as np
import onnxruntime
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    @staticmethod
    def auto_complete_config(config):
        """Our configurations are complete."""
        return config

    def initialize(self, args):
        config = json.loads(args["model_config"])
        folder = pathlib.Path(args["model_repository"]) / args["model_version"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [tensor["name"] for tensor in config["output"]]
        stall = config["parameters"].get("stall", {"string_value": "0"})
        self.stall = float(stall["string_value"])

    def execute(self, requests):
        """One run for all requests, as the ONNX Runtime backend does it."""
        time.sleep(self.stall)
        pictures = [
            [pb_utils.get_input_tensor_by_name(request, name).as_numpy() for name in self.inputs]
            for request in requests
        ]
        batch = {
            name: np.concatenate([arrays[i] for arrays in pictures])
            for i, name in enumerate(self.inputs)
        }
        results = self.session.run(self.outputs, batch)
        responses, start = [], 0
        for arrays in pictures:
            end = start + len(arrays[0])
            tensors = [
                pb_utils.Tensor(name, result[start:end])
                for name, result in zip(self.outputs, results)
            ]
            responses.append(pb_utils.InferenceResponse(tensors))
            start = end
        return responses
