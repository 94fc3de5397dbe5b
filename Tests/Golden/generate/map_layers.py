"""Golden values of the layers that are not convolutions, computed by PyTorch on NCHW maps.

    python Tests/Golden/generate/map_layers.py

writes Tests/Golden/layers/map_layers.safetensors. Tests/ProteanTests/Layers/MapLayerGoldenTests.swift
names the same cases and their options.
"""

import pathlib

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(7)
values = {}


def case(name, y):
    values[name] = y.detach().contiguous()


def maps(name, *shape):
    """An input, which several cases share."""
    values[f"inputs.{name}"] = torch.randn(shape) * 2
    return values[f"inputs.{name}"]


SMALL = maps("small", 2, 5, 7, 4)
for name, layer in {
    "ReLU": nn.ReLU(),
    "ReLU6": nn.ReLU6(),
    "LeakyReLU": nn.LeakyReLU(),
    "LeakyReLU.0.2": nn.LeakyReLU(0.2),
    "Sigmoid": nn.Sigmoid(),
    "HardSigmoid": nn.Hardsigmoid(),
    "HardSwish": nn.Hardswish(),
    "SiLU": nn.SiLU(),
    "GELU": nn.GELU(),
    "GELU.tanh": nn.GELU(approximate="tanh"),
    "Mish": nn.Mish(),
    "Tanh": nn.Tanh(),
    "Softmax": nn.Softmax(dim=1),
    "PReLU": nn.PReLU(),
}.items():
    case(name, layer(SMALL))

# Values that no random map holds.
EDGES = torch.tensor([float("nan"), 0.0, 1e-30, -1e-30, 3, -3, 6, 20, -20, 88, -88, 1e30])
EDGES = values["inputs.edges"] = EDGES.reshape(1, 3, 2, 2)
for name, layer in {"SiLU": nn.SiLU(), "GELU": nn.GELU(), "Mish": nn.Mish(), "Tanh": nn.Tanh(),
                    "HardSwish": nn.Hardswish(), "Sigmoid": nn.Sigmoid(), "ReLU": nn.ReLU(),
                    "ReLU6": nn.ReLU6()}.items():
    case(f"edges.{name}", layer(EDGES))

prelu = nn.PReLU(5)
prelu.weight.data = torch.randn(5)
values["PReLU.channels.weight"] = prelu.weight.data
case("PReLU.channels", prelu(SMALL))

POOLED = maps("pooled", 2, 3, 9, 10)
for name, layer in {
    "MaxPool2d.plain": nn.MaxPool2d(2),
    "MaxPool2d.resnet": nn.MaxPool2d(3, 2, 1),
    "MaxPool2d.ceil": nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "MaxPool2d.dilated": nn.MaxPool2d((2, 3), (1, 2), (1, 1), dilation=(3, 2)),
    "MaxPool2d.dilated.ceil": nn.MaxPool2d(3, 3, 1, dilation=2, ceil_mode=True),
    "AvgPool2d.plain": nn.AvgPool2d((2, 3)),
    "AvgPool2d.padded": nn.AvgPool2d(3, 2, 1),
    "AvgPool2d.uncounted": nn.AvgPool2d(3, 2, 1, count_include_pad=False),
    "AvgPool2d.ceil": nn.AvgPool2d((3, 2), (2, 3), (1, 1), ceil_mode=True),
    "AvgPool2d.ceil.uncounted": nn.AvgPool2d(4, 3, 2, ceil_mode=True, count_include_pad=False),
    "AvgPool2d.divisor": nn.AvgPool2d(3, 2, 1, divisor_override=5),
    "AdaptiveAvgPool2d.1": nn.AdaptiveAvgPool2d(1),
    "AdaptiveAvgPool2d.4x7": nn.AdaptiveAvgPool2d((4, 7)),
    "AdaptiveAvgPool2d.12x3": nn.AdaptiveAvgPool2d((12, 3)),
    "AdaptiveAvgPool2d.none": nn.AdaptiveAvgPool2d((None, 3)),
}.items():
    case(name, layer(POOLED))
NARROW = maps("narrow", 1, 2, 2, 5)
case("MaxPool2d.narrow", nn.MaxPool2d(3, 2, ceil_mode=True)(NARROW))
case("AvgPool2d.narrow", nn.AvgPool2d(3, 2, ceil_mode=True)(NARROW))

RESIZED = maps("resized", 1, 3, 7, 6)
for mode in ["nearest", "nearest-exact", "bilinear", "corners"]:
    options = {"mode": "bilinear", "align_corners": True} if mode == "corners" else {"mode": mode}
    for height, width in [(14, 12), (11, 5), (3, 17), (7, 1)]:
        y = F.interpolate(RESIZED, size=(height, width), **options)
        case(f"Resize.{mode}.size.{height}.{width}", y)
    for factors in [(2.0, 2.0), (1.3, 0.7), (0.5, 3.1)]:
        y = F.interpolate(RESIZED, scale_factor=factors, **options)
        case(f"Resize.{mode}.scale.{factors[0]}.{factors[1]}", y)

SHUFFLED = maps("shuffled", 2, 12, 3, 4)
case("PixelShuffle", nn.PixelShuffle(2)(SHUFFLED))
UNSHUFFLED = maps("unshuffled", 2, 3, 6, 8)
case("PixelUnshuffle", nn.PixelUnshuffle(2)(UNSHUFFLED))
case("Flatten", nn.Flatten()(SMALL))

norm = nn.BatchNorm2d(5, eps=1e-3).eval()
norm.weight.data = torch.randn(5)
norm.bias.data = torch.randn(5)
norm.running_mean = torch.randn(5)
norm.running_var = torch.rand(5) * 3
case("BatchNorm2d", norm(SMALL))
for name, value in norm.state_dict().items():
    if name != "num_batches_tracked":
        values[f"BatchNorm2d.parameters.{name}"] = value.clone()

plain = nn.BatchNorm2d(5, affine=False).eval()
plain.running_mean = torch.randn(5)
plain.running_var = torch.rand(5) * 3
case("BatchNorm2d.plain", plain(SMALL))
values["BatchNorm2d.plain.parameters.running_mean"] = plain.running_mean.clone()
values["BatchNorm2d.plain.parameters.running_var"] = plain.running_var.clone()

target = pathlib.Path(__file__).parents[1] / "layers" / "map_layers.safetensors"
target.parent.mkdir(exist_ok=True)
# Every tensor needs memory of its own.
save_file({k: v.clone() for k, v in values.items()}, target, metadata={"torch": torch.__version__})
print(target, target.stat().st_size)
