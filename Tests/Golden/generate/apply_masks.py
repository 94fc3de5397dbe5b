"""Golden values for `protean apply`: units that find masks, blocks and convolutions that obey them.

Their references need GPUs or other frameworks, or are not public, so they are written down here from
their papers' formulas, densely, on PyTorch's operators; see golden.py.
Run: python apply_masks.py   (needs torch, torchvision, timm, safetensors)
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from apply import Squeeze
from golden import main, map_of, save


def some(mask):
    """The mask, which must neither be empty nor full: else a case would show nothing."""
    assert 0.1 < mask.float().mean() < 0.9, mask.float().mean()
    return mask.float()


# ---------------------------------------------------------------- mask units

class MaskUnit(nn.Module):
    def __init__(self, channels, stride=1, kind="squeeze"):
        super().__init__()
        self.maskconv = (Squeeze(channels, stride) if kind == "squeeze"
                         else nn.Conv2d(channels, 1, 1, stride=stride))

    def forward(self, x):
        return some(self.maskconv(x) >= 0)


class CellMasker(nn.Module):
    """LASNet: two logits per cell, keep where the first is at least the second."""

    def __init__(self, in_channels, mask_size, feature_size, dilate_stride=1):
        super().__init__()
        self.cells, self.output = mask_size, feature_size
        self.conv2 = nn.Conv2d(in_channels, 2, 1)

    def forward(self, x):
        logits = self.conv2(F.adaptive_avg_pool2d(x, self.cells))
        return some(F.interpolate((logits[:, :1] >= logits[:, 1:]).float(), size=self.output))


class SpatialGate(nn.Module):
    """DGNet: one logit per cell from a 3 x 3 convolution of the cells' means."""

    def __init__(self, h, w, planes, block_w, block_h, bias=-1):
        super().__init__()
        self.output = (h, w)
        self.cells = (math.ceil(h / block_h), math.ceil(w / block_w))
        self.atten_s = nn.Conv2d(planes, 1, 3, padding=1, bias=bias >= 0)

    def forward(self, x):
        cells = some(self.atten_s(F.adaptive_avg_pool2d(x, self.cells)) >= 0)
        return {"y": F.interpolate(cells, size=self.output), "mask_s": cells}


def gated_norms(r, w, kernel_size, stride, padding, type="output", divisor=None):
    """Skip-Conv's equations 5 and 7, with the division by the height that its code adds."""
    norms = F.avg_pool2d(r.abs().sum(1, keepdim=True), kernel_size, stride, padding)
    norms = norms / (norms.shape[2] if divisor is None else divisor)
    if type == "output":
        norms = norms * w.abs().mean()
    return norms


def mask_units():
    def unit(case, layer, module, shape, **config):
        save(case, layer, config, module(**config), map_of(*shape))

    unit("mask_unit", "DynConvMaskUnit", MaskUnit, (2, 7, 9, 6), channels=7, stride=2)
    unit("mask_unit_pointwise", "DynConvMaskUnit", MaskUnit, (1, 5, 6, 11), channels=5,
         kind="pointwise")
    unit("lasnet_mask", "LASNetMaskUnit", CellMasker, (2, 9, 12, 15), in_channels=9,
         mask_size=[4, 5], feature_size=[12, 15])
    unit("lasnet_mask_strided", "LASNetMaskUnit", CellMasker, (2, 6, 14, 22), in_channels=6,
         mask_size=[3, 5], feature_size=[7, 11], dilate_stride=2)
    for case, shape, config in [
        ("dgnet_gate", (2, 6, 19, 26), {
            "h": 19, "w": 26, "planes": 6, "block_w": 4, "block_h": 4}),
        ("dgnet_gate_bias", (3, 5, 13, 21), {
            "h": 7, "w": 11, "planes": 5, "block_w": 2, "block_h": 2, "bias": 0}),
    ]:
        save(case, "DGNetSpatialGate", config, SpatialGate(**config), map_of(*shape),
             lambda m, i: m(i["x"]))
    for case, shape, weight, config in [
        ("norm_gate", (2, 5, 8, 11), (4, 5, 3, 3),
         {"kernel_size": 3, "stride": 1, "padding": 1}),
        ("norm_gate_input", (2, 4, 9, 7), None,
         {"kernel_size": [3, 2], "stride": [2, 1], "padding": [1, 0], "type": "input",
          "divisor": 1}),
        ("norm_gate_grouped", (1, 6, 10, 9), (8, 3, 5, 5),
         {"kernel_size": 5, "stride": 2, "padding": 2, "divisor": 0.9}),
    ]:
        inputs = map_of(*shape)
        if weight:
            inputs["w"] = torch.randn(weight)
        norms = gated_norms(inputs["x"], inputs.get("w"), **config)
        eps = round(norms.median().item(), 3)
        save(case, "NormGate", config | {"eps": eps}, nn.Identity(), inputs,
             lambda _, i: {"y": some(norms > eps)}, plain=["input.w"])


# ---------------------------------------------------------------- blocks

def shortcut(inputs, outputs, stride):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False),
                         nn.BatchNorm2d(outputs))


class Residual(nn.Module):
    """The sum of a shortcut and a residual, before the activation; of torchvision's two kinds."""

    def __init__(self, inplanes, planes, unit="bottleneck", stride=1, dilation=1,
                 downsample=False):
        super().__init__()
        wide = planes * (4 if unit == "bottleneck" else 1)
        kinds = {"bottleneck": [(inplanes, planes, 1), (planes, planes, 3), (planes, wide, 1)],
                 "basic": [(inplanes, planes, 3), (planes, planes, 3)]}[unit]
        self.count = len(kinds)
        strides = [1, stride, 1] if unit == "bottleneck" else [stride, 1]
        for k, ((i, o, size), s) in enumerate(zip(kinds, strides), 1):
            setattr(self, f"conv{k}", nn.Conv2d(i, o, size, s, dilation * (size // 2),
                                                dilation if size > 1 else 1, bias=False))
            setattr(self, f"bn{k}", nn.BatchNorm2d(o))
        self.downsample = shortcut(inplanes, wide, stride) if downsample else None

    def step(self, k, x):
        return getattr(self, f"bn{k}")(getattr(self, f"conv{k}")(x))

    def residual(self, x):
        for k in range(1, self.count + 1):
            x = self.step(k, F.relu(x) if k > 1 else x)
        return x

    def identity(self, x):
        return x if self.downsample is None else self.downsample(x)


class BasicBlock(Residual):
    def __init__(self, inplanes, planes, stride=1, downsample=False):
        super().__init__(inplanes, planes, "basic", stride, downsample=downsample)
        self.masker = nn.ModuleDict({"maskconv": Squeeze(inplanes, stride)})

    def forward(self, x):
        mask = some(self.masker["maskconv"](x) >= 0)
        return {"y": F.relu(self.identity(x) + mask * self.residual(x)), "mask": mask}


class InvertedResidual(nn.Module):
    def __init__(self, inp, oup, expand_ratio, kind="pointwise"):
        super().__init__()
        hidden = round(inp * expand_ratio)
        self.conv = nn.Sequential(
            nn.Conv2d(inp, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(),
            nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden), nn.ReLU6(),
            nn.Conv2d(hidden, oup, 1, bias=False), nn.BatchNorm2d(oup))
        self.masker = MaskUnit(inp, kind=kind)

    def forward(self, x):
        mask = self.masker(x)
        return {"y": x + mask * self.conv(x), "mask": mask}


class Halting(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.local_bn, self.global_bn = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.local_conv = nn.Conv2d(channels, 1, 3, padding=1)
        self.global_conv = nn.Conv2d(channels, 1, 1, bias=False)

    def forward(self, x):
        mean = self.global_conv(self.global_bn(x.mean((2, 3), keepdim=True)))
        return torch.sigmoid(self.local_conv(self.local_bn(x)) + mean)


class AdaptiveTime(nn.Module):
    """SACT: a running pixel adds its halting probability; where the sum passes 1 - eps, it halts."""

    def __init__(self, inplanes, planes, units, unit="bottleneck", stride=1, downsample=False,
                 eps=0.01):
        super().__init__()
        self.units, self.eps = units, eps
        wide = planes * (4 if unit == "bottleneck" else 1)
        for u in range(1, units + 1):
            first = u == 1
            block = Residual(inplanes if first else wide, planes, unit, stride if first else 1,
                             downsample=first and downsample)
            if u < units:
                block.halting_proba = Halting(wide)
            setattr(self, f"unit_{u}", block)

    def forward(self, x):
        state, output, total = x, 0.0, 0.0
        count, remainder, running = 0.0, 0.0, None
        for u in range(1, self.units + 1):
            block = getattr(self, f"unit_{u}")
            new = F.relu(block.identity(state) + block.residual(state))
            if running is None:
                state, running = new, torch.ones_like(new[:, :1])
                total = torch.zeros_like(running)
            else:
                state = torch.where(running > 0, new, state)
            p = block.halting_proba(state) if u < self.units else torch.ones_like(running)
            halts = running * (total + p >= 1 - self.eps).float()
            left = 1 - total
            output = output + (halts * left + (running - halts) * p) * state
            count, remainder = count + running, remainder + halts * left
            total, running = total + running * p, running - halts
        some(count > count.min())
        return {"y": output, "ponder_cost": count + remainder, "units": count}


class Temperature(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("cur_T", torch.tensor(1.0))


class AdaptiveBottleneck(Residual):
    """Stochastic feature sampling and interpolation, without its noise."""

    def __init__(self, inplanes, planes, gaussian_kernel, grid_prior_interval, stride=1,
                 dilation=1, downsample=False):
        super().__init__(inplanes, planes, "bottleneck", stride, dilation, downsample)
        self.size, self.interval = gaussian_kernel, grid_prior_interval
        self.conv1_mask = nn.Conv2d(inplanes, 1, 3, padding=1)
        self.conv2_mask = nn.Conv2d(inplanes, 1, 3, stride=stride, padding=1)
        self.conv1_sigma = nn.Parameter(torch.tensor(3.0))
        self.conv2_sigma = nn.Parameter(torch.tensor(3.0))
        self.conv1_gumbel, self.conv2_gumbel = Temperature(), Temperature()

    def sampled(self, logits):
        mask = (logits >= 0).float()
        mask[:, :, ::self.interval, ::self.interval] = 1
        return some(mask)

    def interpolated(self, f, mask, sigma):
        line = torch.arange(self.size) - self.size // 2
        squares = (line[:, None] ** 2 + line ** 2).float()
        g = (sigma ** 2 / (2 * math.pi) * torch.exp(-squares * sigma ** 2 / 2))[None, None]
        pad = self.size // 2
        weighted = F.conv2d(f * mask, g.repeat(f.shape[1], 1, 1, 1), padding=pad,
                            groups=f.shape[1])
        return mask * f + (1 - mask) * weighted / (F.conv2d(mask, g, padding=pad) + 1e-5)

    def forward(self, x):
        first, second = self.sampled(self.conv1_mask(x)), self.sampled(self.conv2_mask(x))
        y = self.interpolated(F.relu(self.step(1, x)), first, self.conv1_sigma)
        y = self.interpolated(F.relu(self.step(2, y)), second, self.conv2_sigma)
        return {"y": F.relu(self.step(3, y) + self.identity(x)), "conv1_mask": first,
                "conv2_mask": second}


def blocks():
    def block(case, layer, module, shape, scale=1, seed=1, **config):
        torch.manual_seed(seed)  # for SACT, seeds with which pixels halt at different times
        save(case, layer, config, module(**config), {"x": scale * torch.randn(shape)},
             lambda m, i: m(i["x"]))

    block("dynconv_basic", "DynConvBasicBlock", BasicBlock, (2, 9, 7, 10), inplanes=9, planes=9)
    block("dynconv_basic_strided", "DynConvBasicBlock", BasicBlock, (1, 7, 11, 8), inplanes=7,
          planes=12, stride=2, downsample=True)
    block("dynconv_inverted", "DynConvInvertedResidual", InvertedResidual, (2, 8, 9, 7), inp=8,
          oup=8, expand_ratio=6)
    block("dynconv_inverted_squeeze", "DynConvInvertedResidual", InvertedResidual, (1, 5, 6, 13),
          inp=5, oup=5, expand_ratio=2.6, kind="squeeze")
    name = "SpatiallyAdaptiveComputationTime"
    block("sact", name, AdaptiveTime, (2, 8, 9, 7), 8, 6, inplanes=8, planes=3, units=4,
          downsample=True)
    block("sact_basic", name, AdaptiveTime, (2, 6, 11, 8), 8, 11, inplanes=6, planes=9, units=5,
          unit="basic", stride=2, downsample=True, eps=0.2)
    name = "SpatiallyAdaptiveBottleneck"
    block("adaptive_bottleneck", name, AdaptiveBottleneck, (2, 12, 9, 13), inplanes=12, planes=3,
          gaussian_kernel=7, grid_prior_interval=5)
    block("adaptive_bottleneck_strided", name, AdaptiveBottleneck, (1, 7, 14, 11), inplanes=7,
          planes=5, stride=2, dilation=2, downsample=True, gaussian_kernel=3,
          grid_prior_interval=4)


if __name__ == "__main__":
    main(seed=0, sequence=[mask_units, blocks])
