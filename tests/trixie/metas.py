# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Reads the analytics and tensor metas of dptdepth back, as a program that knows only upstream's."""

import numpy
from common import DATA, GLib, Gst, GstAnalytics, GstVideo
from common import array, buffers, bytes_of, check, passed, result, tensor

SOURCE = "videotestsrc num-buffers=3 pattern=smpte75 ! video/x-raw,width=80,height=64,format=RGB"
SEGMENTATION = f"dptdepth model-file={DATA}/vit-segmentation output-tensor-meta=true"
DEPTH = f"dptdepth model-file={DATA}/vit-project output-tensor-meta=true"


def segmentation():
    for output in ["meta", "overlay", "map"]:
        found = buffers(f"{SOURCE} ! {SEGMENTATION} output={output} ! appsink name=sink")
        check(len(found) == 3, f"{len(found)} buffers of 3 arrive")
        for buffer in found:
            fields = result(buffer, "GstDptSegmentationMeta")
            classes = array(fields)
            relations = GstAnalytics.buffer_get_analytics_relation_meta(buffer)
            check(relations is not None, "there is no GstAnalyticsRelationMeta")
            check(GstAnalytics.relation_get_length(relations) == 2, "there are not two mtds")
            known, mtd = relations.get_segmentation_mtd(0)
            check(known, "mtd 0 is no segmentation")
            mask, x, y, width, height = mtd.get_mask()
            check((x, y, width, height) == (0, 0, 80, 64), "the mask does not cover the frame")
            video = GstVideo.buffer_get_video_meta(mask)
            size = video.width, video.height
            check(size == (fields["width"], fields["height"]), f"the mask's size is {size}")
            check(video.format == GstVideo.VideoFormat.GRAY8, "the mask is not GRAY8")
            check(bytes_of(mask) == bytes_of(fields["data"]), "the mask is not the map")
            known, names = relations.get_cls_mtd(1)
            check(known, "mtd 1 is no classification")
            related = relations.get_relation(0, 1)
            check(related == GstAnalytics.RelTypes.RELATE_TO, f"mtd 0 {related} mtd 1")
            present = sorted(set(classes.flatten().tolist()))
            regions = mtd.get_region_count()
            ids = [mtd.get_region_id(index) for index in range(regions)]
            check(ids == present, f"regions {ids}, classes in the map {present}")
            check(names.get_length() == regions, "there are not as many names as regions")
            for index, region in enumerate(ids):
                name = GLib.quark_to_string(names.get_quark(index))
                check(name == fields["labels"][region], f"region {region} is {name}")
                check(names.get_level(index) == -1, "a class has a score")
            check(mtd.get_region_index(present[-1]) == (True, regions - 1), "regions by id")
        passed(f"segmentation mtd and class names, output={output}, classes {present}")


def scaled_segmentation():
    larger = "videoscale ! video/x-raw,width=160,height=128"
    found = buffers(f"{SOURCE} ! {SEGMENTATION} output=meta ! {larger} ! appsink name=sink")
    relations = GstAnalytics.buffer_get_analytics_relation_meta(found[0])
    _, mtd = relations.get_segmentation_mtd(0)
    check(mtd.get_mask()[1:] == (0, 0, 160, 128), "the mask's place is not scaled")
    fields = result(found[0], "GstDptSegmentationMeta")
    check(fields["region-width"] == 160, "the meta's region is not scaled")
    passed("both metas follow videoscale")


def tensors():
    cases = [
        (SEGMENTATION, "GstDptSegmentationMeta", "dpt-segmentation-out", "UINT8"),
        (DEPTH, "GstDptDepthMeta", "dpt-inverse-relative-depth-out", "FLOAT32"),
        (f"{DEPTH} depth-scale=2", "GstDptDepthMeta", "dpt-metric-depth-out", "FLOAT32"),
    ]
    for element, name, expected, kind in cases:
        for buffer in buffers(f"{SOURCE} ! {element} output=meta ! appsink name=sink"):
            fields = result(buffer, name)
            identity, data_type, dims, data = tensor(buffer, "dpt-")
            check(identity == expected, f"the tensor is {identity}")
            known = getattr(GstAnalytics.TensorDataType, kind)
            check(data_type == known, f"{identity} is {data_type}")
            check(dims == [1, fields["height"], fields["width"]], f"{identity} has dimensions {dims}")
            check(data == bytes_of(fields["data"]), f"{identity} is not the map")
        passed(f"tensor {expected}, {dims}")
    plain = DEPTH.replace("output-tensor-meta=true", "")
    for buffer in buffers(f"{SOURCE} ! {plain} output=meta ! appsink name=sink"):
        check(GstAnalytics.buffer_get_tensor_meta(buffer) is None, "a tensor nobody asked for")
    passed("no tensor unless asked for")


def object_frames():
    """A ramp with detections: one of the older kind, then analytics in a corner, half outside, outside."""
    boxes = [(0, 0, 40, 32), (50, 40, 60, 60), (-10, -8, 30, 28), (200, 0, 10, 10)]
    ramp = numpy.tile(numpy.arange(80, dtype=numpy.uint8) * 3, (64, 3, 1)).transpose(0, 2, 1)
    frames = []
    for second in range(3):
        frame = Gst.Buffer.new_wrapped(ramp.tobytes())
        frame.pts, frame.duration = second * Gst.SECOND, Gst.SECOND
        GstVideo.buffer_add_video_region_of_interest_meta(frame, "car", 10, 10, 20, 20)
        relations = GstAnalytics.buffer_add_analytics_relation_meta(frame)
        relations.add_one_cls_mtd(0.5, GLib.quark_from_string("outdoors"))
        for box in boxes:
            relations.add_od_mtd(GLib.quark_from_string("person"), *box, 0.9)
        frames.append(frame)
    return boxes, frames


OBJECT_SOURCE = (
    "appsrc name=source format=time"
    " caps=video/x-raw,width=80,height=64,format=RGB,framerate=1/1"
)


def part_of(depth, box):
    """The values of a map that show a box of an 80 × 64 frame."""
    axes = [(box[0], box[2], 80, depth.shape[1]), (box[1], box[3], 64, depth.shape[0])]
    columns, rows = (
        sorted({pixel * size // side for pixel in range(max(start, 0), min(start + length, side))})
        for start, length, side, size in axes
    )
    return depth[numpy.ix_(rows, columns)]


def objects():
    boxes, frames = object_frames()
    for buffer in buffers(f"{OBJECT_SOURCE} ! {DEPTH} output=meta ! appsink name=sink", frames):
        fields = result(buffer, "GstDptDepthMeta")
        depth, found = array(fields), fields["objects"]
        known = [("roi", "car", None, (10, 10, 20, 20))]
        known += [("analytics", "person", 1 + i, box) for i, box in enumerate(boxes)]
        check(len(found) == len(known), f"{len(found)} objects of {len(known)}")
        for index, (source, label, identity, box) in enumerate(known):
            got = found[f"o{index}"]
            check((got["source"], got["label"]) == (source, label), f"object {index} is {got}")
            check(identity in (None, got["id"]), f"object {index} is {got}")
            values = part_of(depth, box)
            check(got["valid"] == (values.size > 0), f"object {index} is {got}")
            if not values.size:
                check(numpy.isnan(got["median"]), "an object outside the frame has a depth")
                continue
            # Nearer is larger, so the ranks are those of the negated values.
            for name, percent in [("median", 50), ("nearest", 5)]:
                expected = -numpy.percentile(-values, percent, method="inverted_cdf")
                check(got[name] == expected, f"{name} is not {expected}: {got}")
    passed(f"depth of {len(known)} objects, source roi and analytics")


def memory():
    """Metas on a pool's buffers: what a frame leaves behind would add up in every round."""
    many = SOURCE.replace("num-buffers=3", "num-buffers=4000")
    # The first sink keeps nothing, unlike the list of buffers.
    pipeline = (
        f"{many} ! {SEGMENTATION} output=meta ! fakesink"
        " videotestsrc num-buffers=1 ! appsink name=sink"
    )
    sizes = []
    for _ in range(5):
        buffers(pipeline)
        with open("/proc/self/statm") as statm:
            sizes.append(int(statm.read().split()[1]) * 4)
    # One lost mask a frame would be 4 MiB a round.
    growth = min(after - before for before, after in zip(sizes[1:], sizes[2:]))
    check(growth < 1024, f"each 4000 frames cost {growth} KiB: {sizes}")
    passed(f"5 rounds of 4000 frames with analytics and tensors keep within {sizes} KiB")


if __name__ == "__main__":
    segmentation()
    scaled_segmentation()
    tensors()
    objects()
    memory()
