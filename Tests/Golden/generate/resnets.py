"""Writes torchvision's keys and logits of ResNets whose weights follow from a formula.

    python resnets.py --output ../models

Every tensor is made from its own key, so that both sides can compute it: SplitMix64 numbers after a
64-bit FNV-1a hash of the key, uniform in a range that depends on the kind of tensor (`bound`).
Needs numpy, torch, torchvision, safetensors.
"""
import argparse
import pathlib

import numpy
import torch
from safetensors.torch import save_file
from torchvision import models

NETWORKS = ["resnet18", "resnet34", "resnet50", "resnet101"]
# Lopsided and odd: every stride and every padding shows.
INPUT = (1, 75, 59, 3)


def uniform(key, low, high, shape):
    """Numbers in [low, high), each step rounded to Float32."""
    seed = 0xCBF29CE484222325
    for byte in key.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    count = int(numpy.prod(shape))
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(seed) + numpy.arange(1, count + 1, dtype=numpy.uint64) \
            * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z ^= z >> numpy.uint64(31)
    unit = (z >> numpy.uint64(40)).astype(numpy.float32) * numpy.float32(2**-24)
    low, high = numpy.float32(low), numpy.float32(high)
    return torch.from_numpy((low + (high - low) * unit).reshape(shape))


def bound(key, shape):
    if len(shape) >= 2:
        edge = numpy.sqrt(numpy.float32(6) / numpy.float32(numpy.prod(shape[1:])))
        return -edge, edge
    scale = key.endswith("running_var") or "bn" in key and key.endswith("weight") \
        or key.endswith("downsample.1.weight")
    return (0.5, 1.5) if scale else (-0.25, 0.25)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    x = uniform("x", -1, 1, INPUT).permute(0, 3, 1, 2)
    logits = {}
    for name in NETWORKS:
        model = getattr(models, name)().eval()
        state = model.state_dict()
        lines = [f"{key} {list(value.shape)}" for key, value in state.items()]
        if name in ("resnet18", "resnet50"):
            (options.output / f"{name}.keys.txt").write_text("\n".join(lines) + "\n")
        for key, value in state.items():
            if not key.endswith("num_batches_tracked"):
                value.copy_(uniform(key, *bound(key, value.shape), value.shape))
        with torch.inference_mode():
            logits[name] = model.double()(x.double())[0].float().contiguous()
        print(name, logits[name].abs().max(), logits[name].topk(3))
    save_file(logits, str(options.output / "resnets.safetensors"), {"torch": torch.__version__})


if __name__ == "__main__":
    main()
