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

# The output is said to be of one size and has as many columns as its largest value says.
save(
    "other-size.onnx",
    [
        helper.make_node("Conv", ["pixel_values", "grey"], ["depth"]),
        helper.make_node("ReduceMax", ["depth"], ["most"], keepdims=0),
        helper.make_node("Cast", ["most"], ["count"], to=T.INT64),
        helper.make_node("Reshape", ["count", "one"], ["end"]),
        helper.make_node("Slice", ["depth", "zero", "end", "three"], ["predicted_depth"]),
    ],
    [value("pixel_values", T.FLOAT, [1, 3, 8, 8])],
    [value("predicted_depth", T.FLOAT, [1, 1, 8, 8])],
    [GREY, *(constant(n, np.array([i], np.int64)) for n, i in (("zero", 0), ("one", 1), ("three", 3)))],
)

# What 16 bits do not bear as it stands: attention whose scores are scaled after their product (some 200 000
# before), "no limit" as the largest f32, and a bias behind an Identity.
rng = np.random.default_rng(2)
SAME = rng.normal(0, 12, (24, 64)).astype(np.float32)
save(
    "attention.onnx",
    [
        helper.make_node("Reshape", ["pixel_values", "shape"], ["x"]),
        helper.make_node("MatMul", ["x", "same"], ["q"]),
        helper.make_node("MatMul", ["x", "same_again"], ["k"]),
        helper.make_node("MatMul", ["x", "values"], ["v"]),
        helper.make_node("Identity", ["bias"], ["bias_again"]),
        helper.make_node("Add", ["v", "bias_again"], ["biased"]),
        helper.make_node("Clip", ["biased", "least", "most"], ["clipped"]),
        helper.make_node("Transpose", ["k"], ["keys"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["q", "keys"], ["scores"]),
        helper.make_node("Div", ["scores", "eight"], ["scaled"]),
        helper.make_node("Softmax", ["scaled"], ["shares"], axis=-1),
        helper.make_node("MatMul", ["shares", "clipped"], ["mixed"]),
        helper.make_node("MatMul", ["mixed", "one_more"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "last"], ["predicted_depth"]),
    ],
    [value("pixel_values", T.FLOAT, [1, 3, 8, 8])],
    [value("predicted_depth", T.FLOAT, [1, 8, 8])],
    [
        constant("shape", np.array([1, 8, 24], np.int64)),
        constant("same", SAME),
        constant("same_again", SAME),
        constant("values", rng.normal(0, 0.2, (24, 64)).astype(np.float32)),
        constant("bias", rng.normal(0, 0.2, 64).astype(np.float32)),
        constant("least", np.float32(np.finfo(np.float32).min)),
        constant("most", np.float32(np.finfo(np.float32).max)),
        constant("eight", np.float32(8)),
        constant("one_more", rng.normal(0, 0.12, (64, 64)).astype(np.float32)),
        constant("last", rng.normal(0, 0.12, (64, 8)).astype(np.float32)),
    ],
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
