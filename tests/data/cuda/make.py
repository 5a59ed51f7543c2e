# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes kernels.tsv: which operators ONNX Runtime's CUDA provider has kernels for.

    make.py OperatorKernels.md COMMIT

The file is docs/OperatorKernels.md of ONNX Runtime's sources, which is made from what the providers
register; COMMIT says which version. Kept are the operators of ours and those beside them. Facts only: one line
for each operator, range of operator sets (the last one empty where it is open) and type constraint.
"""

import re
import sys
from pathlib import Path

OPERATORS = """
Add ArgMax BatchNormalization Cast Clip Concat Conv ConvTranspose Div Erf Exp Gather Identity
InstanceNormalization LayerNormalization Log MatMul MaxPool Mul MultiHeadAttention Pad Reciprocal ReduceL2
ReduceSum Relu Reshape Resize Shape Sigmoid Size Slice Softmax Softplus Split Sqrt Sub TopK Transpose
""".split()


def rows(text):
    here, domain, operator = False, "", ""
    for line in text.splitlines():
        if line.startswith("## Operators implemented by"):
            here = "CUDAExecutionProvider" in line
        if not here:
            continue
        if found := re.search(r"Operator Domain:\*?\*? \*([\w.]*)", line):
            domain = found.group(1) or "ai.onnx"
            continue
        cells = line.split("|")
        if len(cells) < 5:
            continue
        operator = cells[1].strip() or operator
        version = re.search(r"(\d+)(\+|, *(\d+))?", cells[3])
        if operator not in OPERATORS or not version or "nhwc" in domain:
            continue
        first = version.group(1)
        last = "" if version.group(2) == "+" else version.group(3) or first
        for constraint in re.split(r"<br/?>", cells[4]):
            if named := re.match(r"\s*\*\*(\w+)\*\* = (.*)", constraint):
                types = dict.fromkeys(re.findall(r"tensor\((\w+)\)", named.group(2)))
                yield operator, domain, first, last, named.group(1), ",".join(types)


def main():
    source, commit = sys.argv[1:]
    table = dict.fromkeys(rows(Path(source).read_text()))
    with open(Path(__file__).parent / "kernels.tsv", "w") as out:
        print(f"# CUDAExecutionProvider in docs/OperatorKernels.md of {commit}", file=out)
        print("# operator\tdomain\tfirst opset\tlast opset\tconstraint\ttypes", file=out)
        for row in table:
            print(*row, sep="\t", file=out)


main()
