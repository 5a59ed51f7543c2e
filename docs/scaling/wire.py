#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Counts the bytes that a frame takes between a client and a Triton server, headers of HTTP/2 and gRPC included.

    wire.py HOST:PORT MODEL...    needs tritonclient[grpc]

A proxy on the loopback interface counts what goes through it; TCP and IP headers are not counted.
"""

import socket
import sys
import threading

import numpy as np
import tritonclient.grpc as triton

FRAMES = 20


class Counter:
    """Forwards connections to `target` and counts the bytes of each direction."""

    def __init__(self, target):
        self.target = target
        self.sent = self.received = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.target)
            for ends in ((client, server, "sent"), (server, client, "received")):
                threading.Thread(target=self.pump, args=ends, daemon=True).start()

    def pump(self, source, target, direction):
        while data := source.recv(1 << 16):
            # Each direction has one thread, so no lock is needed.
            setattr(self, direction, getattr(self, direction) + len(data))
            target.sendall(data)


def main(address, models):
    host, port = address.rsplit(":", 1)
    counter = Counter((host, int(port)))
    client = triton.InferenceServerClient("127.0.0.1:%d" % counter.listener.getsockname()[1])
    print("| model | input | output | tensor bytes there and back | on the wire there and back | overhead |")
    print("|---|---|---|---:|---:|---:|")
    for model in models:
        metadata = client.get_model_metadata(model)
        (tensor,), output = metadata.inputs, metadata.outputs[0]
        shape = [1, *tensor.shape[1:]]
        dtype = triton.triton_to_np_dtype(tensor.datatype)
        # Noise: nothing on the way could make it smaller.
        noise = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
        picture = triton.InferInput(tensor.name, shape, tensor.datatype)
        picture.set_data_from_numpy(noise)
        result = client.infer(model, [picture]).as_numpy(output.name)
        before = counter.sent, counter.received
        for _ in range(FRAMES):
            client.infer(model, [picture])
        there = (counter.sent - before[0]) / FRAMES
        back = (counter.received - before[1]) / FRAMES
        tensors = noise.nbytes + result.nbytes
        print(
            f"| `{model}` | {tensor.datatype} {shape} | {output.datatype} {list(result.shape)} "
            f"| {noise.nbytes} + {result.nbytes} | {there:.0f} + {back:.0f} "
            f"| {100 * ((there + back) / tensors - 1):.2f} % |"
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
