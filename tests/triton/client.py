# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""What NVIDIA's own client and the parsers of others make of what we write.

    client.py parse CONFIG.pbtxt...          each configuration as a line of JSON
    client.py yaml FILE...                   each document as a line of JSON
    client.py infer PORT MODEL IN OUT COUNT  sends the picture in IN, raw, COUNT times at once; OUT gets
                                             the first output of each answer, raw; prints as JSON what
                                             the server says of the model and how it batched
"""

import json
import pathlib
import sys
from concurrent import futures

import numpy as np
import tritonclient.grpc as triton
import yaml
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2


def message(protobuf):
    return json_format.MessageToDict(protobuf, preserving_proto_field_name=True)


def parse(paths):
    for path in paths:
        text = pathlib.Path(path).read_text(encoding="utf-8")
        print(json.dumps(message(text_format.Parse(text, model_config_pb2.ModelConfig()))))


def documents(paths):
    for path in paths:
        for document in yaml.safe_load_all(pathlib.Path(path).read_text(encoding="utf-8")):
            print(json.dumps(document))


def infer(port, model, source, target, count):
    client = triton.InferenceServerClient(f"127.0.0.1:{port}")
    metadata = client.get_model_metadata(model)
    (tensor,) = metadata.inputs
    shape = [1, *tensor.shape[1:]]
    dtype = triton.triton_to_np_dtype(tensor.datatype)
    picture = triton.InferInput(tensor.name, shape, tensor.datatype)
    picture.set_data_from_numpy(np.fromfile(source, dtype).reshape(shape))
    output = metadata.outputs[0].name
    with futures.ThreadPoolExecutor(int(count)) as pool:
        answers = [pool.submit(client.infer, model, [picture]) for _ in range(int(count))]
        results = [answer.result().as_numpy(output) for answer in answers]
    np.concatenate(results).tofile(target)
    statistics = client.get_inference_statistics(model).model_stats[0]
    said = {
        "metadata": message(metadata),
        "config": message(client.get_model_config(model).config),
        "batches": {one.batch_size: one.compute_infer.count for one in statistics.batch_stats},
    }
    print(json.dumps(said))


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "parse":
        parse(arguments)
    elif command == "yaml":
        documents(arguments)
    else:
        infer(*arguments)
