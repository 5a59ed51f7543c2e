# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""A model for Triton's Python backend: runs the ONNX file that its configuration names."""

import json
import os
import sys
import time

# Triton's Python heeds no PYTHONPATH.
sys.path.insert(0, os.path.join(os.environ["DPTDEPTH_TEST_TRITON"], "site"))

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    def initialize(self, args):
        config = json.loads(args["model_config"])
        parameters = {key: value["string_value"] for key, value in config["parameters"].items()}
        self.stall = float(parameters.get("stall", 0))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(parameters["onnx"], options, providers)
        self.name = self.session.get_inputs()[0].name
        self.output = self.session.get_outputs()[0].name

    def execute(self, requests):
        time.sleep(self.stall)
        given = [triton.get_input_tensor_by_name(request, self.name).as_numpy() for request in requests]
        result = self.session.run([self.output], {self.name: np.concatenate(given)})[0]
        responses, at = [], 0
        for one in given:
            part = triton.Tensor(self.output, result[at : at + len(one)])
            responses.append(triton.InferenceResponse([part]))
            at += len(one)
        return responses
