"""Golden values for `protean apply`: kernels per region and per pixel from a guide, hypernetworks,
LSTM cells and masks of instances. Plain PyTorch, written from the papers' formulas; see golden.py.

Run: python apply_regions.py [FUNCTION ...]   (needs torch, safetensors)
"""

import torch
import torch.nn.functional as F
from torch import nn

from golden import layer, main, map_of, save


def pair(value):
    return tuple(value) if isinstance(value, (list, tuple)) else (value, value)


def unfolded(x, kernel, stride=1, padding=0, dilation=1):
    """[B, C, taps, H', W'] of the window at every output."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = map(pair, (kernel, stride, padding, dilation))
    height = (x.shape[2] + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    width = (x.shape[3] + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    columns = F.unfold(x, (kh, kw), (dh, dw), (ph, pw), (sh, sw))
    return columns.view(x.shape[0], x.shape[1], kh * kw, height, width)


# ---------------------------------------------------------------- DRConv

class RegionAware(nn.Module):
    """DRConv's official form: kernels of regions are mixed from a bank."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, groups=1,
                 bias=True, dilation=1, groups_num=8, num_W=8, masknet=False):
        super().__init__()
        self.shape = out_channels, in_channels, *pair(kernel_size)
        self.options = kernel_size, stride, padding, dilation
        self.regions, self.sets = groups_num, num_W
        taps = self.shape[2] * self.shape[3]
        self.weight = nn.Parameter(torch.randn(out_channels * in_channels * taps, num_W))
        self.bias = nn.Parameter(torch.randn(out_channels)) if bias else None
        self.routing_fc = nn.Linear(in_channels, groups_num * num_W)
        if masknet:
            self.masknet = nn.Conv2d(in_channels, groups_num, 1, bias=False)

    def forward(self, x, guide=None):
        o, c, kh, kw = self.shape
        q = 2 * torch.sigmoid(self.routing_fc(x.mean((2, 3)))) / self.sets
        kernels = q.view(-1, self.regions, self.sets) @ self.weight.T
        kernels = kernels.view(-1, self.regions, o, c, kh * kw)
        columns = unfolded(x, *self.options)
        every = torch.einsum("broct,bcthw->brohw", kernels, columns)
        guide = self.masknet(x) if guide is None else guide
        if guide.shape[1] > 1:
            guide = guide.softmax(1).argmax(1, keepdim=True).float()
        index = F.interpolate(guide, every.shape[3:]).long()
        y = every.gather(1, index[:, :, None].expand(-1, -1, o, -1, -1))[:, 0]
        return y if self.bias is None else y + self.bias.view(1, -1, 1, 1)


class GeneratedRegions(nn.Module):
    """The paper's figure: kernels and guide are computed from the input."""

    def __init__(self, in_channels, out_channels, kernel_size, region_num=8, **options):
        super().__init__()
        self.shape = region_num, out_channels, in_channels, *pair(kernel_size)
        self.options = dict(options)
        r = region_num
        self.conv_kernel = nn.Sequential(
            nn.AdaptiveAvgPool2d(pair(kernel_size)), nn.Conv2d(in_channels, r * r, 1),
            nn.Sigmoid(), nn.Conv2d(r * r, r * in_channels * out_channels, 1, groups=r))
        self.conv_guide = nn.Conv2d(in_channels, r, pair(kernel_size), **options)

    def forward(self, x):
        r, o, c, kh, kw = self.shape
        kernels = self.conv_kernel(x).view(-1, r, o, c, kh * kw)
        columns = unfolded(x, (kh, kw), **self.options)
        every = torch.einsum("broct,bcthw->brohw", kernels, columns)
        index = self.conv_guide(x).argmax(1)[:, None, None].expand(-1, 1, o, -1, -1)
        return every.gather(1, index)[:, 0]


def region_case(case, config, shape, guide=None):
    module = RegionAware(**config)
    inputs = map_of(*shape) | ({} if guide is None else {"guide": guide})
    save(case, "RegionAwareConv2d", config, module, inputs,
         lambda m, i: {"y": m(i["x"], i.get("guide"))})


@layer
def region_aware():
    config = {"in_channels": 5, "out_channels": 18, "kernel_size": [3, 2], "stride": [1, 2],
              "padding": [2, 1], "dilation": [2, 1], "groups_num": 4, "num_W": 3}
    # Another size than the output's, and a region without pixels.
    guide = torch.randint(0, 3, (3, 1, 4, 5)).float()
    region_case("region_aware", config, (3, 5, 9, 13), guide)
    config = {"in_channels": 7, "out_channels": 20, "kernel_size": 3, "padding": 1,
              "bias": False}
    region_case("region_aware_logits", config, (2, 7, 8, 11), torch.randn(2, 8, 8, 11))
    config = {"in_channels": 17, "out_channels": 33, "kernel_size": 1, "groups_num": 5,
              "num_W": 2, "masknet": True}
    region_case("region_aware_masknet", config, (2, 17, 6, 9))
    config = {"in_channels": 3, "out_channels": 1, "kernel_size": 1, "groups_num": 2, "num_W": 1}
    region_case("region_aware_pointwise", config, (1, 3, 5, 7),
                torch.randint(0, 2, (1, 1, 5, 7)).float())
    config = {"in_channels": 6, "out_channels": 9, "kernel_size": 3, "stride": 2, "padding": 1,
              "region_num": 3}
    save("region_aware_generated", "RegionAwareConv2d", {"variant": "shallowtoil"} | config,
         GeneratedRegions(**config), map_of(2, 6, 9, 7))


if __name__ == "__main__":
    main()
