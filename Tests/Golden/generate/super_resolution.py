"""Writes keys and results of super-resolution networks whose weights follow from a formula.

    python super_resolution.py --output ../models

Every tensor is made from its own key by `uniform` of resnets.py in the range of `bound`.
`super_resolution_NAME.keys.txt` has the names and shapes, `super_resolution.safetensors` images in
0...255 (NHWC) and what the networks make of them, computed in double precision. The networks are
written down here from their papers with the names of Zheng222/IMDN, ofsoundof/NTIRE2022_ESR (team 04)
and zhaohengyuan1/PAN. Needs numpy, torch, safetensors.
"""
import argparse
import pathlib

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from apply_super_resolution import ContrastAttention
from resnets import uniform


def conv(inputs, outputs, kernel, bias=True, **options):
    return nn.Conv2d(inputs, outputs, kernel, padding=options.pop("padding", kernel // 2), bias=bias,
                     **options)


class DistillationBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.kept = channels // 4
        rest = channels - self.kept
        self.c1, self.c2 = conv(channels, channels, 3), conv(rest, channels, 3)
        self.c3, self.c4 = conv(rest, channels, 3), conv(rest, self.kept, 3)
        self.c5 = conv(4 * self.kept, channels, 1)
        self.cca = ContrastAttention(4 * self.kept)

    def forward(self, x):
        kept, rest = [], x
        for step in (self.c1, self.c2, self.c3):
            y = F.leaky_relu(step(rest), 0.05)
            kept.append(y[:, :self.kept])
            rest = y[:, self.kept:]
        return self.c5(self.cca(torch.cat(kept + [self.c4(rest)], 1))) + x


class IMDN(nn.Module):
    white = 1

    def __init__(self, scale, channels=64, blocks=6):
        super().__init__()
        self.names = [f"IMDB{i + 1}" for i in range(blocks)]
        self.fea_conv = conv(3, channels, 3)
        for name in self.names:
            setattr(self, name, DistillationBlock(channels))
        self.c = nn.Sequential(conv(channels * blocks, channels, 1), nn.LeakyReLU(0.05))
        self.LR_conv = conv(channels, channels, 3)
        self.upsampler = nn.Sequential(conv(channels, 3 * scale ** 2, 3), nn.PixelShuffle(scale))

    def forward(self, x):
        first = y = self.fea_conv(x)
        found = []
        for name in self.names:
            y = getattr(self, name)(y)
            found.append(y)
        return self.upsampler(self.LR_conv(self.c(torch.cat(found, 1))) + first)


class SpatialAttention(nn.Module):
    def __init__(self, channels, narrow=16):
        super().__init__()
        self.conv1, self.conv_f = conv(channels, narrow, 1), conv(narrow, narrow, 1)
        self.conv2 = conv(narrow, narrow, 3, stride=2, padding=0)
        self.conv3, self.conv4 = conv(narrow, narrow, 3), conv(narrow, channels, 1)

    def forward(self, x):
        narrow = self.conv1(x)
        wide = self.conv3(F.max_pool2d(self.conv2(narrow), 7, 3))
        wide = F.interpolate(wide, x.shape[2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.conv4(wide + self.conv_f(narrow)))


class FeatureBlock(nn.Module):
    def __init__(self, channels, inner):
        super().__init__()
        self.c1_r, self.c2_r = conv(channels, inner, 3), conv(inner, inner, 3)
        self.c3_r, self.c5 = conv(inner, channels, 3), conv(channels, channels, 1)
        self.esa = SpatialAttention(channels)

    def forward(self, x):
        y = x
        for step in (self.c1_r, self.c2_r, self.c3_r):
            y = F.leaky_relu(step(y), 0.05)
        return self.esa(self.c5(y + x))


class RLFN(nn.Module):
    white = 255

    def __init__(self, scale=4, channels=46, inner=48, blocks=4):
        super().__init__()
        self.names = [f"B{i + 1}" for i in range(blocks)]
        self.fea_conv = conv(3, channels, 3)
        for name in self.names:
            setattr(self, name, FeatureBlock(channels, inner))
        self.LR_conv = conv(channels, channels, 3)
        self.upsampler = nn.Sequential(conv(channels, 3 * scale ** 2, 3), nn.PixelShuffle(scale))

    def forward(self, x):
        first = y = self.fea_conv(x)
        for name in self.names:
            y = getattr(self, name)(y)
        return self.upsampler(self.LR_conv(y) + first)


class GatedConvolution(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.k2 = conv(channels, channels, 1)
        self.k3 = conv(channels, channels, 3, bias=False)
        self.k4 = conv(channels, channels, 3, bias=False)

    def forward(self, x):
        return self.k4(self.k3(x) * torch.sigmoid(self.k2(x)))


class CalibratedBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        half = channels // 2
        self.conv1_a = conv(channels, half, 1, bias=False)
        self.conv1_b = conv(channels, half, 1, bias=False)
        self.k1 = nn.Sequential(conv(half, half, 3, bias=False))
        self.PAConv = GatedConvolution(half)
        self.conv3 = conv(2 * half, channels, 1, bias=False)

    def forward(self, x):
        a = self.k1(F.leaky_relu(self.conv1_a(x), 0.2))
        b = self.PAConv(F.leaky_relu(self.conv1_b(x), 0.2))
        return self.conv3(F.leaky_relu(torch.cat([a, b], 1), 0.2)) + x


class PixelAttention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = conv(channels, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.conv(x))


class PAN(nn.Module):
    white = 1

    def __init__(self, scale=4, channels=40, large=24, blocks=16):
        super().__init__()
        self.scale = scale
        self.conv_first = conv(3, channels, 3)
        self.SCPA_trunk = nn.Sequential(*(CalibratedBlock(channels) for _ in range(blocks)))
        self.trunk_conv = conv(channels, channels, 3)
        self.upconv1, self.att1 = conv(channels, large, 3), PixelAttention(large)
        self.HRconv1 = conv(large, large, 3)
        if scale == 4:
            self.upconv2, self.att2 = conv(large, large, 3), PixelAttention(large)
            self.HRconv2 = conv(large, large, 3)
        self.conv_last = conv(large, 3, 3)

    def forward(self, x):
        first = self.conv_first(x)
        y = self.trunk_conv(self.SCPA_trunk(first)) + first
        for i in range(1, 3 if self.scale == 4 else 2):
            y = F.interpolate(y, scale_factor=2 if self.scale == 4 else self.scale, mode="nearest")
            y = F.leaky_relu(getattr(self, f"att{i}")(getattr(self, f"upconv{i}")(y)), 0.2)
            y = F.leaky_relu(getattr(self, f"HRconv{i}")(y), 0.2)
        large = F.interpolate(x, scale_factor=self.scale, mode="bilinear", align_corners=False)
        return self.conv_last(y) + large


NETWORKS = {
    "imdn_x2": (lambda: IMDN(2), (2, 11, 18, 3)),
    "imdn_x4": (lambda: IMDN(4), (1, 9, 14, 3)),
    "rlfn_x4": (RLFN, (1, 23, 15, 3)),
    "pan_x4": (PAN, (1, 9, 14, 3)),
    "pan_x3": (lambda: PAN(3, 8, 5, 2), (2, 7, 5, 3)),
}


def bound(model, key, shape):
    """Half the width of a tensor's range; values stay small, so that gates are not saturated."""
    if len(shape) < 2:
        return 0.1
    edge = numpy.sqrt(numpy.float32(4.5) / numpy.float32(numpy.prod(shape[1:])))
    if model.white == 255 and key == "fea_conv.weight":
        edge /= 128
    if key.startswith("SCPA_trunk.") and key.endswith(".conv3.weight"):  # added to the input 16 times
        edge /= 4
    return edge


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    tensors = {}
    for name, (make, shape) in NETWORKS.items():
        model = make().double().eval()
        state = {}
        lines = []
        for key, value in model.state_dict().items():
            edge = bound(model, key, value.shape)
            state[key] = uniform(key, -edge, edge, value.shape).double()
            lines.append(f"{key} {list(value.shape)}\n")
        model.load_state_dict(state)
        x = uniform("x", 0, 255, shape)
        with torch.inference_mode():
            y = model(x.double().permute(0, 3, 1, 2) * model.white / 255) * 255 / model.white
        print(name, sum(v.numel() for v in state.values()), "parameters, result within",
              y.min().item(), y.max().item(), "deviation", y.std().item())
        (options.output / f"super_resolution_{name}.keys.txt").write_text("".join(lines))
        tensors |= {f"{name}.x": x, f"{name}.y": y.permute(0, 2, 3, 1).float()}
    save_file({key: value.contiguous() for key, value in tensors.items()}, options.output / "super_resolution.safetensors")


if __name__ == "__main__":
    main()
