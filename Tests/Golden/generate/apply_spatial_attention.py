"""Golden values for `protean apply`: attention with gates per pixel, per strip or per element.

CBAM and coordinate attention run timm's modules; the others are written down here from their papers'
formulas with the names of their references. See golden.py.
Run: python apply_spatial_attention.py [FUNCTION ...]   (needs torch, timm, safetensors)
"""

import torch
from timm.layers.cbam import CbamModule, LightCbamModule
from timm.layers.coord_attn import CoordAttn, SimpleCoordAttn
from torch import nn
from torch.nn import functional as F

from golden import layer, main, map_of, save


class ESA(nn.Module):
    """`rfdn` adds a convolution before and one after conv3, with ReLU between."""

    def __init__(self, narrow, channels, rfdn=False):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, narrow, 1)
        self.conv_f = nn.Conv2d(narrow, narrow, 1)
        if rfdn:
            self.conv_max = nn.Conv2d(narrow, narrow, 3, padding=1)
        self.conv2 = nn.Conv2d(narrow, narrow, 3, stride=2)
        self.conv3 = nn.Conv2d(narrow, narrow, 3, padding=1)
        if rfdn:
            self.conv3_ = nn.Conv2d(narrow, narrow, 3, padding=1)
        self.conv4 = nn.Conv2d(narrow, channels, 1)
        self.rfdn = rfdn

    def forward(self, x):
        u = self.conv1(x)
        v = F.max_pool2d(self.conv2(u), 7, 3)
        if self.rfdn:
            v = self.conv3_(F.relu(self.conv3(F.relu(self.conv_max(v)))))
        else:
            v = self.conv3(v)
        v = F.interpolate(v, x.shape[2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.conv4(v + self.conv_f(u)))


@layer
def esa():
    save("esa_rlfn", "ESA", {"esa_channels": 5, "n_feats": 17}, ESA(5, 17), map_of(2, 17, 29, 38))
    save("esa_rlfn_smallest", "ESA", {"esa_channels": 16, "n_feats": 3}, ESA(16, 3),
         map_of(1, 3, 15, 16))
    save("esa_rfdn", "ESA", {"variant": "rfdn", "n_feats": 33}, ESA(8, 33, True),
         map_of(1, 33, 31, 23))


class PixelAttention(nn.Module):
    def __init__(self, nf):
        super().__init__()
        self.conv = nn.Conv2d(nf, nf, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.conv(x))


@layer
def pixel_attention():
    save("pixel_attention", "PixelAttention", {"nf": 17}, PixelAttention(17), map_of(3, 17, 5, 7))
    save("pixel_attention_empty", "PixelAttention", {"nf": 4}, PixelAttention(4), map_of(0, 4, 3, 2))


class Named(nn.Module):
    """Modules under the names of a reference."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


def plane_convolution(size=7):
    return Named(conv=nn.Conv2d(2, 1, size, padding=size // 2, bias=False), bn=nn.BatchNorm2d(1))


def plane_gate(part, x):
    """The gate from maximum and mean over axis 1."""
    planes = torch.stack([x.amax(1), x.mean(1)], 1)
    return torch.sigmoid(part.bn(part.conv(planes)))


class CBAM(nn.Module):
    """The authors' names and order."""

    def __init__(self, channels, reduction=16, pools=("avg", "max"), no_spatial=False):
        super().__init__()
        mlp = nn.Sequential(nn.Flatten(), nn.Linear(channels, channels // reduction), nn.ReLU(),
                            nn.Linear(channels // reduction, channels))
        self.ChannelGate = Named(mlp=mlp)
        self.pools = pools
        if not no_spatial:
            self.SpatialGate = Named(spatial=plane_convolution())

    def forward(self, x):
        pooled = {"avg": x.mean((2, 3)), "max": x.amax((2, 3))}
        gates = torch.sigmoid(sum(self.ChannelGate.mlp(pooled[name]) for name in self.pools))
        x = x * gates[:, :, None, None]
        return x * plane_gate(self.SpatialGate.spatial, x) if hasattr(self, "SpatialGate") else x


@layer
def cbam():
    save("cbam", "CBAM", {"gate_channels": 33}, CBAM(33), map_of(2, 33, 11, 6))
    save("cbam_channel_only", "CBAM",
         {"gate_channels": 17, "reduction_ratio": 4, "no_spatial": True},
         CBAM(17, 4, no_spatial=True), map_of(1, 17, 3, 5))
    save("cbam_pool", "CBAM", {"gate_channels": 8, "reduction_ratio": 2, "pool_types": ["max"]},
         CBAM(8, 2, ["max"]), map_of(3, 8, 1, 9))
    save("cbam_timm", "CBAM", {"variant": "timm", "channels": 33}, CbamModule(33),
         map_of(2, 33, 7, 13))
    save("cbam_timm_options", "CBAM",
         {"variant": "timm", "channels": 24, "rd_ratio": 0.25, "rd_divisor": 4,
          "spatial_kernel_size": 3, "act_layer": "silu", "gate_layer": "hard_sigmoid",
          "mlp_bias": True},
         CbamModule(24, 0.25, rd_divisor=4, spatial_kernel_size=3, act_layer=nn.SiLU,
                    gate_layer="hard_sigmoid", mlp_bias=True), map_of(1, 24, 5, 4))
    save("cbam_timm_light", "CBAM",
         {"variant": "timm_light", "channels": 7, "rd_channels": 3, "spatial_kernel_size": 5},
         LightCbamModule(7, rd_channels=3, spatial_kernel_size=5), map_of(1, 7, 8, 9))


class CoordinateAttention(nn.Module):
    """The authors' names."""

    def __init__(self, channels, reduction=32):
        super().__init__()
        width = max(8, channels // reduction)
        self.conv1 = nn.Conv2d(channels, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv_h = nn.Conv2d(width, channels, 1)
        self.conv_w = nn.Conv2d(width, channels, 1)

    def forward(self, x):
        means = torch.cat([x.mean(3, keepdim=True), x.mean(2, keepdim=True).mT], 2)
        u = F.hardswish(self.bn1(self.conv1(means)))
        rows, columns = u.split([x.shape[2], x.shape[3]], 2)
        return x * torch.sigmoid(self.conv_h(rows)) * torch.sigmoid(self.conv_w(columns.mT))


@layer
def coordinate_attention():
    name = "CoordinateAttention"
    save("coordinate_attention", name, {"inp": 33, "oup": 33}, CoordinateAttention(33),
         map_of(2, 33, 7, 12))
    save("coordinate_attention_empty", name, {"inp": 5, "oup": 5, "reduction": 1},
         CoordinateAttention(5, 1), map_of(0, 5, 3, 2))
    save("coordinate_attention_timm", name, {"variant": "timm", "channels": 96}, CoordAttn(96),
         map_of(1, 96, 3, 19))
    save("coordinate_attention_timm_options", name,
         {"variant": "timm", "channels": 17, "rd_channels": 3, "bias": True, "act_layer": "relu",
          "gate_layer": "hard_sigmoid"},
         CoordAttn(17, rd_channels=3, bias=True, act_layer=nn.ReLU, gate_layer="hard_sigmoid"),
         map_of(2, 17, 70, 5))
    save("coordinate_attention_timm_simple", name, {"variant": "timm_simple", "channels": 24},
         SimpleCoordAttn(24), map_of(3, 24, 6, 9))


class BAM(nn.Module):
    """The authors' names; the mean is over the whole map, also where it is no square."""

    def __init__(self, channels):
        super().__init__()
        h = channels // 16
        self.channel_att = Named(gate_c=nn.Sequential())
        for name, part in (("fc_0", nn.Linear(channels, h)), ("bn_1", nn.BatchNorm1d(h)),
                           ("relu_1", nn.ReLU()), ("fc_final", nn.Linear(h, channels))):
            self.channel_att.gate_c.add_module("gate_c_" + name, part)
        self.spatial_att = Named(gate_s=nn.Sequential())
        parts = [("conv_reduce0", nn.Conv2d(channels, h, 1)), ("bn_reduce0", nn.BatchNorm2d(h)),
                 ("relu_reduce0", nn.ReLU())]
        for i in range(2):
            parts += [(f"conv_di_{i}", nn.Conv2d(h, h, 3, padding=4, dilation=4)),
                      (f"bn_di_{i}", nn.BatchNorm2d(h)), (f"relu_di_{i}", nn.ReLU())]
        for name, part in parts + [("conv_final", nn.Conv2d(h, 1, 1))]:
            self.spatial_att.gate_s.add_module("gate_s_" + name, part)

    def forward(self, x):
        channel = self.channel_att.gate_c(x.mean((2, 3)))[:, :, None, None]
        return x * (1 + torch.sigmoid(channel * self.spatial_att.gate_s(x)))


@layer
def bam():
    save("bam", "BAM", {"gate_channel": 33}, BAM(33), map_of(2, 33, 5, 11))
    save("bam_square", "BAM", {"gate_channel": 48}, BAM(48), map_of(1, 48, 12, 12))


class TripletAttention(nn.Module):
    """Under the names of the authors' module, or of their networks."""

    NAMES = {"current": (("cw", "hc", "hw"), "conv"),
             "original": (("ChannelGateH", "ChannelGateW", "SpatialGate"), "spatial")}

    def __init__(self, variant="current", gates=3):
        super().__init__()
        names, part = self.NAMES[variant]
        self.names, self.part = names[:gates], part
        for name in self.names:
            self.add_module(name, Named(**{part: plane_convolution()}))

    def forward(self, x):
        sides = [(0, 2, 1, 3), (0, 3, 2, 1), (0, 1, 2, 3)]
        total = 0
        for name, side in zip(self.names, sides):
            turned = x.permute(side)
            part = getattr(getattr(self, name), self.part)
            total = total + (turned * plane_gate(part, turned)).permute(side)
        return total / len(self.names)


@layer
def triplet_attention():
    save("triplet_attention", "TripletAttention", {}, TripletAttention(), map_of(2, 17, 9, 5))
    save("triplet_attention_original", "TripletAttention", {"variant": "original"},
         TripletAttention("original"), map_of(1, 33, 18, 70))
    save("triplet_attention_two", "TripletAttention", {"no_spatial": True},
         TripletAttention(gates=2), map_of(3, 1, 4, 7))


class SpatialGroupEnhance(nn.Module):
    def __init__(self, groups=64):
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.zeros(1, groups, 1, 1))
        self.bias = nn.Parameter(torch.ones(1, groups, 1, 1))

    def forward(self, x):
        n, _, h, w = x.shape
        grouped = x.reshape(n, self.groups, -1, h, w)
        t = (grouped * grouped.mean((3, 4), keepdim=True)).sum(2)
        t = t - t.mean((2, 3), keepdim=True)
        t = t / (t.std((2, 3), keepdim=True) + 1e-5)
        gates = torch.sigmoid(t * self.weight + self.bias)
        return (grouped * gates[:, :, None]).reshape(x.shape)


@layer
def spatial_group_enhance():
    save("spatial_group_enhance", "SpatialGroupEnhance", {}, SpatialGroupEnhance(),
         map_of(1, 256, 5, 4))
    save("spatial_group_enhance_groups", "SpatialGroupEnhance", {"groups": 3},
         SpatialGroupEnhance(3), map_of(2, 51, 6, 7))


if __name__ == "__main__":
    main()
