# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""What metas do on GStreamer 1.28 only."""

import numpy
from common import GLib, Gst, GstAnalytics
from common import array, buffers, bytes_of, check, passed, result
from metas import DEPTH, OBJECT_SOURCE, SOURCE, object_frames


def region(fields):
    return tuple(fields[f"region-{name}"] for name in ["x", "y", "width", "height"])


def crops_and_borders():
    borders = "videoscale add-borders=true ! video/x-raw,width=160,height=64,pixel-aspect-ratio=1/1"
    cases = [
        ("videocrop left=8 top=4 right=10", (-8, -4, 80, 64)),
        ("videocrop left=8 ! videoscale ! video/x-raw,width=144,height=128", (-16, 0, 160, 128)),
        (borders, (40, 0, 80, 64)),
    ]
    before = buffers(f"{SOURCE} ! {DEPTH} output=meta ! appsink name=sink")
    depth = array(result(before[0], "GstDptDepthMeta"))
    for elements, expected in cases:
        for buffer in buffers(f"{SOURCE} ! {DEPTH} output=meta ! {elements} ! appsink name=sink"):
            fields = result(buffer, "GstDptDepthMeta")
            check(region(fields) == expected, f"{elements}: the region is {region(fields)}")
            check((array(fields) == depth).all(), f"{elements}: the map is another")
        passed(f"the meta follows {elements}")
    for buffer in buffers(f"{SOURCE} ! {DEPTH} output=meta ! videoflip method=clockwise ! appsink name=sink"):
        check(buffer.get_custom_meta("GstDptDepthMeta") is None, "a turned picture has the meta")
    passed("the meta does not follow a turn")


def cropped_objects():
    _, frames = object_frames()
    crop = "videocrop left=8 top=4"
    found = buffers(f"{OBJECT_SOURCE} ! {DEPTH} output=meta ! {crop} ! appsink name=sink", frames)
    got = result(found[0], "GstDptDepthMeta")["objects"]["o2"]
    place = got["x"], got["y"], got["width"], got["height"]
    check(place == (42, 36, 60, 60), f"a detection at 50, 40 is now {place}")
    passed("objects follow a crop")


def tensor_caps():
    buffers(f"{SOURCE} ! {DEPTH} output=meta ! appsink name=sink")
    caps = buffers.kept[0].get_caps().to_string()
    for part in ["tensorgroups", "dpt-inverse-relative-depth-out", "tensor/strided", "row-major"]:
        check(part in caps, f"{part} is not in {caps}")
    passed(f"tensor caps: {caps}")


def related_depths():
    _, frames = object_frames()
    for buffer in buffers(f"{OBJECT_SOURCE} ! {DEPTH} output=meta ! appsink name=sink", frames):
        objects = result(buffer, "GstDptDepthMeta")["objects"].values()
        relations = GstAnalytics.buffer_get_analytics_relation_meta(buffer)
        length = GstAnalytics.relation_get_length(relations)
        for got in objects:
            if got["source"] != "analytics":
                continue
            related = [
                other
                for other in range(length)
                if relations.get_relation(got["id"], other) == GstAnalytics.RelTypes.RELATE_TO
            ]
            check(len(related) == 1, f"mtd {got['id']} is related to {related}")
            known, mtd = relations.get_tensor_mtd(related[0])
            check(known, f"mtd {related[0]} is no tensor")
            tensor = mtd.get_tensor()
            check(GLib.quark_to_string(tensor.id) == "dpt-object-depth", "the tensor has another id")
            values = numpy.frombuffer(bytes_of(tensor.data), numpy.float32)
            expected = numpy.float32([got["median"], got["nearest"], got["valid"]])
            check(numpy.array_equal(values, expected, equal_nan=True), f"{values} is not {expected}")
    passed("each detection is related to a tensor of its depth")


crops_and_borders()
cropped_objects()
tensor_caps()
related_depths()
