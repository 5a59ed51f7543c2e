# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""What the checks share: GStreamer, running a pipeline, reading metas."""

import sys

import gi
import numpy

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstVideo", "1.0")
gi.require_version("GstAnalytics", "1.0")
from gi.repository import GLib, Gst, GstAnalytics, GstApp, GstVideo  # noqa: E402, F401

Gst.init(None)
DATA = "/repo/tests/data/dpt"


def check(condition, what):
    if not condition:
        sys.exit(f"FAIL {what}")


def passed(what):
    print(f"PASS {what}", flush=True)


def buffers(description, frames=()):
    """Runs a pipeline that ends in `appsink name=sink`; `frames` go into `appsrc name=source`."""
    pipeline = Gst.parse_launch(description)
    sink = pipeline.get_by_name("sink")
    sink.set_property("sync", False)
    pipeline.set_state(Gst.State.PLAYING)
    if source := pipeline.get_by_name("source"):
        for frame in frames:
            source.emit("push-buffer", frame)
        source.emit("end-of-stream")
    samples = []
    while sample := sink.emit("try-pull-sample", 60 * Gst.SECOND):
        samples.append(sample)
    message = pipeline.get_bus().timed_pop_filtered(
        10 * Gst.SECOND, Gst.MessageType.EOS | Gst.MessageType.ERROR
    )
    pipeline.set_state(Gst.State.NULL)
    check(message is not None, f"{description}: neither EOS nor an error")
    if message.type == Gst.MessageType.ERROR:
        sys.exit(f"FAIL {description}: {message.parse_error()}")
    # A buffer lives as long as its sample.
    buffers.kept = samples
    return [sample.get_buffer() for sample in samples]


def bytes_of(buffer):
    return buffer.extract_dup(0, buffer.get_size())


def result(buffer, name):
    """The fields of a result meta as a dictionary."""
    meta = buffer.get_custom_meta(name)
    check(meta is not None, f"there is no {name}")
    return dictionary(meta.get_structure())


def dictionary(fields):
    """A structure's fields; structures inside it live no longer than it, so they are read too."""
    names = (fields.nth_field_name(i) for i in range(fields.n_fields()))
    values = {name: fields.get_value(name) for name in names}
    nested = {n: dictionary(v) for n, v in values.items() if isinstance(v, Gst.Structure)}
    return values | nested


def tensor(buffer, name):
    """The id, data type, dimensions and bytes of the tensor whose id starts with `name`."""
    meta = GstAnalytics.buffer_get_tensor_meta(buffer)
    check(meta is not None, "there is no GstTensorMeta")
    for index in range(meta.num_tensors):
        tensor = meta.get(index)
        identity = GLib.quark_to_string(tensor.id)
        if identity.startswith(name):
            return identity, tensor.data_type, list(tensor.get_dims()), bytes_of(tensor.data)
    check(False, f"there is no tensor {name}")


def array(fields):
    kind = {"F32": numpy.float32, "U8": numpy.uint8}[fields["format"]]
    shape = fields["height"], fields["width"]
    return numpy.frombuffer(bytes_of(fields["data"]), kind).reshape(shape)
