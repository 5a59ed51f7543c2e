# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""What onnxinference 1.26 wants of a model: the id of an output's tensor in the file's metadata_props."""


def length(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, content):
    return length(number << 3 | 2) + length(len(content)) + content


def identified(model, output, tensor_id):
    """The bytes of an ONNX file with the id. Protobuf lets one append to a repeated field, here 14 of ModelProto."""
    return model + field(14, field(1, output.encode()) + field(2, tensor_id.encode()))
