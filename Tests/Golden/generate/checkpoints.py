"""Writes Tests/Golden/checkpoints: weight files of every format, and what they hold.

Run from the package's root with a Python that has torch, numpy and safetensors:
    python Tests/Golden/generate/checkpoints.py
The values are small whole numbers and halves, exact in every element type, so that tests can state
them. Only legacy files differ from run to run: torch names storages by their address.
"""

import collections
import io
import os
import pickle
import struct
import zipfile

import torch
from safetensors.torch import save_file

OUT = "Tests/Golden/checkpoints"
os.makedirs(OUT, exist_ok=True)


def path(name):
    return os.path.join(OUT, name)


def ramp(*shape, dtype=torch.float32, start=0.0, step=0.5):
    count = 1
    for size in shape:
        count *= size
    return (torch.arange(count, dtype=torch.float64) * step + start).reshape(shape).to(dtype)


TYPES = {
    "bool": (torch.tensor([True, False, True]), None),
    "u8": (torch.tensor([0, 7, 255], dtype=torch.uint8), None),
    "i8": (torch.tensor([-128, 0, 127], dtype=torch.int8), None),
    "i16": (torch.tensor([-32768, 5, 32767], dtype=torch.int16), None),
    "u16": (torch.tensor([0, 5, 65535], dtype=torch.uint16), None),
    "i32": (torch.tensor([-65536, 5, 65536], dtype=torch.int32), None),
    "u32": (torch.tensor([0, 5, 4294901760], dtype=torch.uint32), None),
    "i64": (torch.tensor([-1099511627776, 5, 16777217]), None),
    "u64": (torch.tensor([0, 5, 1099511627776], dtype=torch.uint64), None),
    "f16": (torch.tensor([-0.5, 65504.0, 5.9604644775390625e-08], dtype=torch.float16), None),
    "bf16": (torch.tensor([-0.5, 1.5, 3.3895313892515355e38], dtype=torch.bfloat16), None),
    "f32": (torch.tensor([-0.5, 1.5, 3.0]), None),
    "f64": (torch.tensor([-0.5, 1.5, 3.0], dtype=torch.float64), None),
}
ALL_TYPES = {name: value for name, (value, _) in TYPES.items()}


def small():
    """One tensor of every kind of view, few bytes: the subject of truncation and bit flips."""
    base = ramp(2, 3)
    return {"a": base, "b": base.t(), "c": ramp(2, dtype=torch.float16)}


def views():
    base = ramp(4, 6)
    return {
        "base": base,
        "transposed": base.t(),
        "sliced": base[1:3, ::2],
        "repeated": torch.tensor([1.0, 2.0, 3.0]).unsqueeze(1).expand(3, 4),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(ramp(3, start=1.0)),
        "half_transposed": ramp(3, 2, dtype=torch.float16).t(),
    }


def network():
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
    )
    with torch.no_grad():
        for place, value in enumerate(net.state_dict().values()):
            value.copy_(ramp(*value.shape, start=float(place)).to(value.dtype))
    return net


def training_state():
    net = network()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones=[3, 5])
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    with torch.no_grad():
        for place, value in enumerate(net.state_dict().values()):
            value.copy_(ramp(*value.shape, start=float(place)).to(value.dtype))
    weights = collections.OrderedDict(("module." + k, v) for k, v in net.state_dict().items())
    return {
        "epoch": 7,
        "best": torch.tensor(91.25),
        "arch": "toy",
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "state_dict": weights,
    }


def save(name, value, **options):
    for suffix, zipped in (("zip", True), ("legacy", False)):
        torch.save(
            value, path(f"{name}.{suffix}.pt"), _use_new_zipfile_serialization=zipped, **options
        )


torch.manual_seed(0)
save("small", small())
save("types", ALL_TYPES)
save("views", views())
save("network", network().state_dict())
save("training", training_state())
save("protocol4", small(), pickle_protocol=4)
save("nested", {"params": {"enc": {"w": ramp(2)}, "dec": {"w": ramp(3)}, "rate": 0.1}})
save("float8", {"w": ramp(4).to(torch.float8_e4m3fn)})
# A pickled module names a class; the zip form holds no source text of it.
torch.save(torch.nn.ReLU(), path("module_object.zip.pt"))
torch.serialization.set_crc32_options(False)
torch.save(small(), path("no_checksums.zip.pt"))
torch.serialization.set_crc32_options(True)

save_file({k: v.contiguous() for k, v in small().items()}, path("small.safetensors"))
save_file(ALL_TYPES, path("types.safetensors"))
save_file(
    {k: v.clone().contiguous() for k, v in network().state_dict().items()},
    path("network.safetensors"),
    metadata={"origin": "généré", "quote\"d": "line\nbreak"},
)
save_file({"w": ramp(4).to(torch.float8_e4m3fn)}, path("float8.safetensors"))

# What plain Python writes, in every protocol: the values come back by torch's zip layout.
plain = {
    "whole": [0, 1, 255, 256, 65535, 65536, -1, 2**31 - 1, -(2**31), 2**40, -(2**63), 2**80],
    "numbers": [0.5, -1e300],
    "texts": ["", "a", "é" * 200, "z" * 300],
    "bytes": [b"", b"abc", b"x" * 300, bytearray(b"abc")] ,
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "none": [None, True, False],
    "sets": [{1, 2}, frozenset([3])],
    "deep": [[[[[]]]]],
}
for protocol in range(2, 6):
    value = dict(plain)
    if protocol < 4:
        value.pop("sets")  # frozenset is a call before protocol 4
        value.pop("bytes")  # bytes are a call to a codec before protocol 3
    elif protocol < 5:
        value["bytes"] = value["bytes"][:3]
    with open(path(f"plain.protocol{protocol}.pkl"), "wb") as file:
        pickle.dump(value, file, protocol=protocol)


# A file as PyTorch 0.x wrote it under Python 2: byte strings, a list of pairs, a view of a storage.
def text(word):
    return b"U" + bytes([len(word)]) + word


def python2_file():
    out = io.BytesIO()
    out.write(pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2))
    out.write(pickle.dumps(1001, protocol=2))
    out.write(b"\x80\x02}(" + text(b"little_endian") + b"\x88" + text(b"protocol_version"))
    out.write(b"M\xe9\x03u.")
    storage = b"(" + text(b"storage") + b"ctorch\nFloatStorage\n" + text(b"7") + text(b"cpu")
    storage += b"K\x04(" + text(b"view") + b"K\x01K\x02ttQ"
    tensor = b"ctorch._utils\n_rebuild_tensor\n(" + storage + b"K\x00K\x02\x85K\x01\x85tR"
    pair = b"](" + text(b"w") + tensor + b"e"
    out.write(b"\x80\x02ccollections\nOrderedDict\n](" + pair + b"e\x85R.")
    out.write(b"\x80\x02](" + text(b"7") + b"e.")
    out.write(struct.pack("<q4f", 4, 1.0, 2.0, 3.0, 4.0))
    return out.getvalue()


with open(path("python2.legacy.pt"), "wb") as file:
    file.write(python2_file())

# The same tensors in a compressed zip, and in a zip64 with every wide field in use.
with zipfile.ZipFile(path("small.zip.pt")) as source:
    with zipfile.ZipFile(path("compressed.zip.pt"), "w", zipfile.ZIP_DEFLATED) as target:
        for item in source.infolist():
            target.writestr(item.filename, source.read(item))
    with zipfile.ZipFile(path("zip64.zip.pt"), "w") as target:
        for item in source.infolist():
            with target.open(zipfile.ZipInfo(item.filename), "w", force_zip64=True) as member:
                member.write(source.read(item))
    # A TorchScript archive is told by this member.
    with zipfile.ZipFile(path("torchscript.zip.pt"), "w") as target:
        for name in ("archive/data.pkl", "archive/constants.pkl"):
            target.writestr(name, b"\x80\x02).")
