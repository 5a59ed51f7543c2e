# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Upstream's onnxinference and dptdepth in one pipeline and process, on the same model.

    coexist.py FIRST RUNTIMES    FIRST: the element that comes first; RUNTIMES: how many ONNX Runtimes
                                 the process must have loaded: 1 where dptdepth finds the
                                 distribution's, which onnxinference is linked to, else 2
"""

import os
import re
import sys

import numpy
from common import Gst, array, buffers, check, passed, result, tensor
from identified import identified

first, runtimes = sys.argv[1:]


ID = "depth-by-onnxinference"
MODELINFO = f"""[modelinfo]
version=1.0
group-id=check

[pixel_values]
id=pixel-values
type=float32
dims=1,3,32,32
dir=input
ranges=-1.0,1.0;-1.0,1.0;-1.0,1.0

[predicted_depth]
id={ID}
type=float32
dims=1,32,32
dir=output
"""

theirs = f"{os.environ['SCRATCH']}/theirs.onnx"
element = f"onnxinference model-file={theirs} execution-provider=cpu"
with open(os.environ["MODEL"], "rb") as file:
    model = file.read()
if Gst.version()[:2] < (1, 28):
    model = identified(model, "predicted_depth", ID)
    element += " input-image-format=chw input-tensor-offset=-127.5 input-tensor-scale=127.5"
else:
    with open(f"{theirs}.modelinfo", "w") as file:
        file.write(MODELINFO)
with open(theirs, "wb") as file:
    file.write(model)

elements = [
    f"dptdepth model-file={os.environ['MODEL']} execution-provider=cpu output=meta smoothing=0",
    element,
]
if first != "dptdepth":
    elements.reverse()
found = buffers(
    "videotestsrc num-buffers=20 pattern=ball ! video/x-raw,width=32,height=32,format=RGB"
    f" ! {elements[0]} ! {elements[1]} ! appsink name=sink"
)
check(len(found) == 20, f"{len(found)} buffers of 20 arrive")
differences = []
for buffer in found:
    ours = array(result(buffer, "GstDptDepthMeta"))
    _, _, dims, data = tensor(buffer, ID)
    other = numpy.frombuffer(data, numpy.float32).reshape(dims[-2:])
    differences.append(numpy.abs(ours - other).max() / numpy.abs(other).max())
with open("/proc/self/maps") as maps:
    loaded = set(re.findall(r"\S+/libonnxruntime\.so\S*", maps.read()))
check(len(loaded) == int(runtimes), f"loaded are {loaded}")
# Versions of a runtime sum in different orders; the tolerance is that of tests/parity.rs.
check(max(differences) < 1e-4, f"their depth is another by {max(differences):.1e} of its maximum")
passed(f"{first} first, {' and '.join(sorted(map(os.path.basename, loaded)))}: {max(differences):.1e} apart")
