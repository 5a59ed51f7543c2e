#!/usr/bin/env python3
# SPDX-FileCopyrightText: The dptdepth developers
# SPDX-License-Identifier: MPL-2.0
"""Writes small files of torch.save, what torch reads from them, and pickles that run programs.

Usage: make.py        (pip install torch numpy; the big file takes 5 GB of memory and of /tmp)

good/NAME.pt, expected.json
    Files that must be read, and the values that torch.load gives, by file and tensor.
refused/NAME.pt, refused.json
    Files that torch writes and that are no state dicts of plain tensors, with a part of the error.
big.chunks
    A file beyond 4 GiB that is zeros but for a few pieces: offset, length (u64, little-endian) and
    bytes of each; the first number is the file's size.
hostile.json
    Pickles that run a program when Python loads them, with a part of the error that refuses them.
    "runs" says that this script saw it happen, in a folder that it threw away.
"""
import argparse
import collections
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy
import torch

HERE = Path(__file__).parent
torch.manual_seed(7)


def layouts():
    """Every type and layout that a state dict may hold."""
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    shared = torch.linspace(-1, 1, 6)
    tensors = {
        "f32": torch.tensor([[1.5, -2.25], [0.125, 3e20]]),
        "f64": torch.tensor([1.5, -2.25], dtype=torch.float64),
        "f16": torch.tensor([1.5, -2.25, 65504], dtype=torch.float16),
        "bf16": torch.tensor([1.5, -2.25, 1e30]).bfloat16(),
        "i64": torch.tensor([1, -2, 1 << 40]),
        "i32": torch.tensor([1, -2], dtype=torch.int32),
        "i16": torch.tensor([1, -300], dtype=torch.int16),
        "i8": torch.tensor([1, -128], dtype=torch.int8),
        "u8": torch.tensor([1, 254], dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0, 3),
        "transposed": base[0].t(),
        "permuted": base.permute(2, 0, 1),
        "offset": base[1, 1:],
        "stepped": base[:, ::2, 1::2],
        "channels_last": torch.randn(2, 3, 2, 2).contiguous(memory_format=torch.channels_last),
        "one_wide": torch.arange(3.0).reshape(3, 1).t(),
        "tied_a": shared,
        "tied_b": shared,
        "overlap_a": shared[:4],
        "overlap_b": shared[2:],
        "parameter": torch.nn.Parameter(torch.tensor([4.0, 5.0])),
    }
    tensors["noted"] = torch.nn.Parameter(torch.tensor([6.0, 7.0]))
    tensors["noted"].note = "an attribute"
    return tensors


def module():
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2))


def trained():
    """As MiDaS' training saves: the model beside an optimizer."""
    net = module()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.randn(2, 1, 3, 3)).sum().backward()
    optimizer.step()
    return {"epoch": 3, "step": torch.tensor(9), "model": net.state_dict(), "optimizer": optimizer.state_dict()}


def mmcv():
    """As mmcv's runner saves: texts and numbers beside the state dict."""
    meta = {
        "env_info": "sys.platform: linux\nPython: 3.8", "seed": None, "deterministic": False,
        "epoch": 12, "iter": 38400, "time": 1.5, "CLASSES": ("wall", "building"),
        "PALETTE": [[120, 120, 120], [180, 120, 120]], "hook_msgs": {"best": {"mIoU": 0.47}},
        "config": "model = dict(type='DepthEncoderDecoder')\n" * 3, "large": 1 << 80, "raw": b"\x00\xff",
    }
    return {"meta": meta, "state_dict": module().state_dict(), "optimizer": None}


def good(folder):
    saved = {
        "zip": (layouts(), {}),
        "zip-protocol-3": (layouts(), dict(pickle_protocol=3)),
        "zip-protocol-4": (layouts(), dict(pickle_protocol=4)),
        "zip-protocol-5": (layouts(), dict(pickle_protocol=5)),
        "legacy": (layouts(), dict(_use_new_zipfile_serialization=False)),
        "legacy-protocol-4": (layouts(), dict(_use_new_zipfile_serialization=False, pickle_protocol=4)),
        "module": (module().state_dict(), {}),
        "module-legacy": (module().state_dict(), dict(_use_new_zipfile_serialization=False)),
        "trained": (trained(), {}),
        "mmcv": (mmcv(), {}),
        "mmcv-legacy": (mmcv(), dict(_use_new_zipfile_serialization=False)),
        "wrapped": ({"model_state_dict": module().state_dict()}, {}),
    }
    expected = {}
    for name, (value, options) in saved.items():
        path = folder / f"{name}.pt"
        torch.save(value, path, **options)
        loaded = torch.load(path, weights_only=False)
        for wrapper in ["model", "state_dict", "model_state_dict"]:
            loaded = loaded.get(wrapper, loaded)
        expected[path.name] = {
            key: {"shape": list(tensor.shape), "values": tensor.detach().double().flatten().tolist()}
            for key, tensor in loaded.items()
        }
        assert path.stat().st_size < 20_000, path
    (HERE / "expected.json").write_text(json.dumps(expected, indent=0).replace(",\n", ",") + "\n")


def refused(folder):
    net = module()
    imaginary = torch.complex(torch.ones(2), torch.ones(2)).conj().imag
    assert imaginary.is_neg()
    quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    cases = {
        "expanded": ({"t": torch.ones(1).expand(1000)}, "tensor t claims more elements"),
        "negated": ({"t": imaginary}, "negated view"),
        "complex": ({"t": torch.ones(2, dtype=torch.complex64)}, "torch.ComplexFloatStorage"),
        "quantized": ({"t": quantized}, "torch._utils._rebuild_qtensor"),
        "sparse": ({"t": torch.eye(2).to_sparse()}, "torch._utils._rebuild_sparse_tensor"),
        "arguments": ({"model": net.state_dict(), "args": argparse.Namespace(lr=1)}, "argparse.Namespace"),
        "numpy": ({"model": net.state_dict(), "best": numpy.float64(1)}, "scalar"),
        "whole-module": (net, "torch.nn.modules.container.Sequential"),
        "no-tensors": ({"epoch": 3}, "no state dict"),
        "empty-dict": ({}, "no state dict"),
        "list": ([torch.ones(1)], "no state dict"),
        "nothing": (None, "no state dict"),
    }
    says = {}
    for name, (value, message) in cases.items():
        torch.save(value, folder / f"{name}.pt")
        says[f"{name}.pt"] = message
    torch.jit.save(torch.jit.script(torch.nn.ReLU()), folder / "torchscript.pt")
    says["torchscript.pt"] = "TorchScript"
    plain = io.BytesIO()
    torch.save({"t": torch.ones(2)}, plain)
    for name, options in {"compressed": dict(compression=zipfile.ZIP_DEFLATED), "big-endian": {}}.items():
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(folder / f"{name}.pt", "w", **options) as target:
            for entry in source.namelist():
                data = source.read(entry)
                if name == "big-endian" and entry.endswith("/byteorder"):
                    data = b"big"
                target.writestr(entry, data)
    says |= {"compressed.pt": "compressed", "big-endian.pt": "big-endian", "bomb.pt": "compressed"}
    with zipfile.ZipFile(folder / "bomb.pt", "w", compression=zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("x/data/0", bytes(16 << 20))
    (HERE / "refused.json").write_text(json.dumps(says, indent=1) + "\n")


def big():
    """A real file beyond 4 GiB, of which only what is not zero is kept."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.pt"
        whole = torch.zeros((1 << 30) + 1000)
        whole[-1] = 3.5
        torch.save({"whole": whole, "end": whole[-4:], "after": torch.tensor([1.0, 2.0])}, path)
        size, page = path.stat().st_size, 512
        chunks, at = [], 0
        with path.open("rb") as file:
            while block := file.read(1 << 24):
                if block.count(0) != len(block):
                    for start in range(0, len(block), page):
                        piece = block[start : start + page]
                        if piece.count(0) != len(piece):
                            chunks.append((at + start, piece))
                at += len(block)
        out = struct.pack("<Q", size) + b"".join(struct.pack("<QQ", at, len(p)) + p for at, p in chunks)
        assert size > 1 << 32 and len(out) < 20_000, len(out)
        (HERE / "big.chunks").write_bytes(out)


def text(value):
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def named(module, name):
    return f"c{module}\n{name}\n".encode()


def stack_named(module, name):
    return text(module) + text(name) + b"\x93"


def called(function, *arguments):
    return function + b"(" + b"".join(arguments) + b"tR"


COMMAND = "touch was-here"
CODE = "import os; os.system('touch was-here')"


def hostile():
    run, code = text(COMMAND), text(CODE)
    os_module = called(named("builtins", "__import__"), text("os"))
    nested = io.BytesIO()
    torch.save(collections.OrderedDict(), nested)
    inner = b"\x80\x02" + called(named("posix", "system"), run) + b"."
    packed = b"B" + struct.pack("<I", len(inner)) + inner
    in_zip = io.BytesIO()
    with zipfile.ZipFile(in_zip, "w") as archive:
        archive.writestr("x/data.pkl", inner)
        archive.writestr("x/version", "3\n")
        archive.writestr("x/byteorder", "little")
    packed_zip = b"B" + struct.pack("<I", len(in_zip.getvalue())) + in_zip.getvalue()
    new = b"(" + named("os", "system") + b"]" + run + b"at\x81"
    tensor = named("torch._utils", "_rebuild_tensor_v2")
    # Name: pickle, the error that refuses it, whether this script can see it run.
    cases = {
        "posix.system": (called(named("posix", "system"), run), "posix.system", True),
        "os.system": (called(named("os", "system"), run), "os.system", True),
        "nt.system": (called(named("nt", "system"), run), "nt.system", False),
        "subprocess": (called(named("subprocess", "call"), b"]" + text("touch") + b"a" + text("was-here") + b"a"), "subprocess.call", True),
        "stack global": (called(stack_named("posix", "system"), run), "posix.system", True),
        "stack global from the memo": (
            text("posix") + b"q\x00" + text("system") + b"q\x01" + b"000"[:2] + b"h\x00h\x01\x93" + run + b"\x85R", "posix.system", True),
        "dotted name": (called(stack_named("collections", "abc.sys.modules.get"), text("os")), "collections.abc.sys.modules.get", False),
        "dotted name below torch": (called(stack_named("torch", "serialization.os.system"), run), "torch.serialization.os.system", True),
        "allowed name, other module": (named("os", "OrderedDict"), "os.OrderedDict", False),
        "inst": (b"(" + run + b"iposix\nsystem\n", "posix.system", True),
        "inst of an allowed class": (b"(icollections\nOrderedDict\n", "opcode 0x69", False),
        "obj": (b"(" + named("posix", "system") + run + b"o", "posix.system", True),
        "obj of an allowed class": (b"(" + named("collections", "OrderedDict") + b"o", "opcode 0x6f", False),
        "newobj": (named("builtins", "bytes") + named("builtins", "map") + new + b"\x85\x81", "builtins.bytes", True),
        "newobj, second": (named("builtins", "map") + new + b"0N", "builtins.map", False),
        "newobj_ex": (named("builtins", "bytes") + named("builtins", "map") + new[:-1] + b"}\x92" + b"\x85}\x92", "builtins.bytes", True),
        "newobj of an allowed class": (named("collections", "OrderedDict") + b")\x81", "opcode 0x81", False),
        "exec": (called(named("builtins", "exec"), code), "builtins.exec", True),
        "eval": (called(named("builtins", "eval"), text("__import__('os').system('touch was-here')")), "builtins.eval", True),
        "exec of Python 2": (called(named("__builtin__", "eval"), text("__import__('os').system('touch was-here')")), "__builtin__.eval", True),
        "import": (os_module, "builtins.__import__", False),
        "getattr": (called(called(named("builtins", "getattr"), os_module, text("system")), run), "builtins.getattr", True),
        "attrgetter": (called(called(called(named("operator", "attrgetter"), text("system")), os_module), run), "operator.attrgetter", True),
        "methodcaller": (called(called(named("operator", "methodcaller"), text("system"), run), os_module), "operator.methodcaller", True),
        "partial": (called(called(named("functools", "partial"), named("posix", "system"), run)), "functools.partial", True),
        "runpy": (called(named("runpy", "_run_code"), code, b"}"), "runpy._run_code", True),
        "timeit": (called(named("timeit", "timeit"), code), "timeit.timeit", False),
        "code": (called(named("code", "interact")), "code.interact", False),
        "pickle in a pickle": (called(named("pickle", "loads"), packed), "pickle.loads", True),
        "unpickler": (called(named("_pickle", "loads"), packed), "_pickle.loads", True),
        "marshal": (called(named("marshal", "loads"), packed), "marshal.loads", False),
        "types.FunctionType": (named("types", "FunctionType"), "types.FunctionType", False),
        "ctypes": (called(named("ctypes", "CDLL"), text("evil.so")), "ctypes.CDLL", False),
        "shutil": (called(named("shutil", "rmtree"), text("precious")), "shutil.rmtree", False),
        "webbrowser": (called(named("webbrowser", "open"), text("http://localhost/")), "webbrowser.open", False),
        "pip": (called(named("pip", "main"), b"]"), "pip.main", False),
        "numpy's exec": (called(named("numpy.testing._private.utils", "runstring"), code, b"}"), "numpy.testing._private.utils.runstring", True),
        "torch.hub.load": (called(named("torch.hub", "load"), text("a/b"), text("c")), "torch.hub.load", False),
        "torch.load": (called(named("torch.serialization", "load"), text("x")), "torch.serialization.load", False),
        "torch.storage._load_from_bytes": (called(named("torch.storage", "_load_from_bytes"), packed_zip), "torch.storage._load_from_bytes", True),
        "torch.package": (called(named("torch.package", "PackageImporter"), text("x")), "torch.package.PackageImporter", False),
        "torch._utils, not a rebuild": (called(named("torch._utils", "_import_dotted_name"), text("os.system")), "torch._utils._import_dotted_name", False),
        "extension 1": (b"\x82\x01)R", "opcode 0x82", False),
        "extension 2": (b"\x83\x01\x00)R", "opcode 0x83", False),
        "extension 4": (b"\x84\x01\x00\x00\x00)R", "opcode 0x84", False),
        "persistent id as text": (b"Pevil\n", "opcode 0x50", False),
        "storage of another class": (b"(" + text("storage") + named("posix", "system") + text("0") + text("cpu") + b"K\x01tQ", "posix.system", False),
        "hooks of a tensor": (called(tensor, b"N", b"K\x00", b")", b")", b"\x89", called(named("posix", "system"), run)), "posix.system", True),
        "state of a dict": (named("collections", "OrderedDict") + b")R" + b"}" + text("__reduce__") + named("posix", "system") + b"sb", "posix.system", False),
        "calling a text": (called(text("posix.system"), run), "calls what is no function", False),
        "calling a class of storages": (called(named("torch", "FloatStorage"), run), "arguments are not those", False),
        "name with terminal codes": (called(stack_named("os\n\x1b[2J", "system\r\x07\u202e"), run), r"os\u{a}\u{1b}[2J.system\u{d}\u{7}\u{202e}", False),
    }
    out = []
    for name, (body, says, runs) in cases.items():
        # From protocol 4 on, a name may go through attributes; below 3, Python 2's names are known.
        program = (b"\x80\x04" if "dotted" in name else b"\x80\x02") + body + b"."
        if runs:
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run([sys.executable, "-c", "import sys, pickle\ntry: pickle.load(sys.stdin.buffer)\nexcept (TypeError, AttributeError): pass"],
                               input=program, cwd=folder, check=True)
                assert os.listdir(folder) == ["was-here"], f"{name} does not run"
        out.append({"name": name, "pickle": program.hex(), "says": says, "runs": runs})
    lines = ",\n".join(json.dumps(case) for case in out)
    (HERE / "hostile.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    for make in [good, refused]:
        folder = HERE / make.__name__
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.pt"):
            old.unlink()
        make(folder)
    hostile()
    big()
