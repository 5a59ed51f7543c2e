#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes the tiny ONNX models of this folder (needs the `onnx` package): ./make.py"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper, numpy_helper

HERE = Path(__file__).resolve().parent


def save(name, nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, Path(name).stem, inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    (HERE / name).write_bytes(model.SerializeToString(deterministic=True))


def value(name, element, dims):
    return helper.make_tensor_value_info(name, element, dims)


def constant(name, data):
    return numpy_helper.from_array(data, name)


# y[0, 0, i, j] = 1/2 R + 1/4 G + 1/4 B: exact in f32 for small integers.
GREY = constant("grey", np.array([0.5, 0.25, 0.25], np.float32).reshape(1, 3, 1, 1))

save(
    "f32-nchw.onnx",
    [helper.make_node("Conv", ["pixel_values", "grey"], ["predicted_depth"])],
    [value("pixel_values", T.FLOAT, [1, 3, "height", "width"])],
    [value("predicted_depth", T.FLOAT, [1, 1, "height", "width"])],
    [GREY],
)

# Two outputs: the same sum as f32, and the number of the largest channel as u8 and i64.
save(
    "u8-nhwc.onnx",
    [
        helper.make_node("Cast", ["rgb"], ["float"], to=T.FLOAT),
        helper.make_node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "grey"], ["depth4"]),
        helper.make_node("Squeeze", ["depth4", "one"], ["predicted_depth"]),
        helper.make_node("ArgMax", ["planes"], ["largest"], axis=1, keepdims=0),
        helper.make_node("Cast", ["largest"], ["labels"], to=T.UINT8),
    ],
    [value("rgb", T.UINT8, ["batch", 32, 48, 3])],
    [
        value("predicted_depth", T.FLOAT, ["batch", 32, 48]),
        value("labels", T.UINT8, ["batch", 32, 48]),
        value("largest", T.INT64, ["batch", 32, 48]),
    ],
    [GREY, constant("one", np.array([1], np.int64))],
)

save(
    "two-inputs.onnx",
    [helper.make_node("Add", ["left", "right"], ["sum"])],
    [value("left", T.FLOAT, [1, 3, 8, 8]), value("right", T.FLOAT, [1, 3, 8, 8])],
    [value("sum", T.FLOAT, [1, 3, 8, 8])],
)

whole = (HERE / "u8-nhwc.onnx").read_bytes()
(HERE / "truncated.onnx").write_bytes(whole[: len(whole) // 2])
(HERE / "corrupt.onnx").write_bytes(np.random.default_rng(1).bytes(512))
