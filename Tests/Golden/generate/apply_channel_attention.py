"""Golden values for `protean apply`: attention to channels.

timm's modules where they can be built; the others are written down from their papers' formulas with
their references' names. See golden.py.
Run: python apply_channel_attention.py [FUNCTION ...]   (needs torch, timm, safetensors)
"""

import torch
from torch import nn
from torch.nn import functional as F

from timm.layers import CecaModule, EcaModule, EffectiveSEModule, GlobalContext, SEModule

from golden import layer, main, map_of, save


@layer
def eca():
    name = "EfficientChannelAttention"
    save("eca", name, {"channels": 33}, EcaModule(33), map_of(2, 33, 7, 5))
    save("eca_wide", name, {"channels": 130, "gate_layer": "hard_sigmoid"},
         EcaModule(130, gate_layer="hard_sigmoid"), map_of(3, 130, 4, 6))
    save("eca_mlp", name, {"channels": 17, "use_mlp": True, "rd_channels": 6},
         EcaModule(17, use_mlp=True, rd_channels=6), map_of(3, 17, 5, 4))
    save("eca_circular", name, {"variant": "circular", "kernel_size": 7},
         CecaModule(kernel_size=7), map_of(2, 7, 4, 9))
    save("eca_circular_bias", name, {"variant": "circular", "channels": 3, "act_layer": "relu"},
         CecaModule(3, act_layer=nn.ReLU), map_of(1, 3, 3, 5))
    save("eca_official", name, {"variant": "official", "channel": 19, "k_size": 5},
         EcaModule(kernel_size=5), map_of(1, 19, 11, 3))


class Style(nn.Module):
    """Mean and unbiased deviation, one weight each, a batch norm, a sigmoid."""

    def __init__(self, channels, grouped):
        super().__init__()
        if grouped:
            self.cfc = nn.Conv1d(channels, channels, 2, groups=channels, bias=False)
            self.bn = nn.BatchNorm1d(channels)
        else:
            self.cfc = nn.Parameter(torch.zeros(channels, 2))
            self.bn = nn.BatchNorm2d(channels)
        self.grouped = grouped

    def forward(self, x):
        pixels = x.double().flatten(2)
        if self.grouped:
            style = torch.stack((pixels.mean(2), pixels.std(2)), 2).float()
            z = self.bn(self.cfc(style))[..., None]
        else:
            style = torch.stack((pixels.mean(2), (pixels.var(2) + 1e-5).sqrt()), 2).float()
            z = self.bn((style * self.cfc).sum(2)[..., None, None])
        return x * z.sigmoid()


@layer
def style_recalibration():
    name = "StyleRecalibration"
    save("srm_official", name, {"channel": 17}, Style(17, False), map_of(3, 17, 7, 5))
    save("srm_grouped", name, {"variant": "grouped", "channel": 33}, Style(33, True),
         map_of(2, 33, 4, 9))
    # A mean that is far larger than the deviation.
    x = {"x": 100 + map_of(2, 3, 13, 12)["x"] / 100}
    save("srm_offset", name, {"channel": 3}, Style(3, False), x)
    save("srm_empty", name, {"channel": 4}, Style(4, False), map_of(0, 4, 3, 2))


class Competition(nn.Module):
    """GCT."""

    def __init__(self, num_channels, epsilon=1e-5, mode="l2", after_relu=False):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, num_channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(1, num_channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, num_channels, 1, 1))
        self.epsilon, self.mode, self.after_relu = epsilon, mode, after_relu

    def forward(self, x):
        if self.mode == "l2":
            e = self.alpha * ((x * x).sum((2, 3), keepdim=True) + self.epsilon).sqrt()
            size = ((e * e).mean(1, keepdim=True) + self.epsilon).sqrt()
        else:
            sizes = x if self.after_relu else x.abs()
            e = self.alpha * sizes.sum((2, 3), keepdim=True)
            size = e.abs().mean(1, keepdim=True) + self.epsilon
        return x * (1 + torch.tanh(e * self.gamma / size + self.beta))


@layer
def gated_channel_transformation():
    for case, shape, options in (
            ("gct_l2", (3, 17, 7, 5), {}), ("gct_l1", (2, 33, 4, 9), {"mode": "l1"}),
            ("gct_l1_after_relu", (1, 3, 13, 12), {"mode": "l1", "after_relu": True}),
            ("gct_empty", (0, 4, 3, 2), {"epsilon": 1e-3})):
        config = {"num_channels": shape[1]} | options
        save(case, "GatedChannelTransformation", config, Competition(**config), map_of(*shape))


class ContextBlock(nn.Module):
    """GCNet's block with mmcv's names and options."""

    def __init__(self, in_channels, ratio, pooling_type="att", fusion_types=("channel_add",)):
        super().__init__()
        hidden = int(in_channels * ratio)
        if pooling_type == "att":
            self.conv_mask = nn.Conv2d(in_channels, 1, 1)
        for name in ("channel_add", "channel_mul"):
            if name in fusion_types:
                setattr(self, name + "_conv", nn.Sequential(
                    nn.Conv2d(in_channels, hidden, 1), nn.LayerNorm([hidden, 1, 1]),
                    nn.ReLU(), nn.Conv2d(hidden, in_channels, 1)))
        self.fusion_types = fusion_types

    def forward(self, x):
        if hasattr(self, "conv_mask"):
            share = self.conv_mask(x).flatten(2).softmax(2)
            context = (x.flatten(2) * share).sum(2)[..., None, None]
        else:
            context = x.mean((2, 3), keepdim=True)
        if "channel_mul" in self.fusion_types:
            x = x * self.channel_mul_conv(context).sigmoid()
        if "channel_add" in self.fusion_types:
            x = x + self.channel_add_conv(context)
        return x


@layer
def global_context():
    name = "GlobalContext"
    for case, shape, options in (
            ("gc_mmcv", (2, 17, 7, 5), {"ratio": 0.25}),
            ("gc_mmcv_both", (3, 33, 13, 12),
             {"ratio": 0.125, "fusion_types": ["channel_add", "channel_mul"]}),
            ("gc_mmcv_mean", (1, 7, 5, 9),
             {"ratio": 0.5, "pooling_type": "avg", "fusion_types": ["channel_mul"]})):
        config = {"in_channels": shape[1]} | options
        save(case, name, {"variant": "mmcv"} | config, ContextBlock(**config), map_of(*shape))
    for case, shape, options in (
            ("gc_timm", (2, 33, 7, 6), {}),
            ("gc_timm_options", (3, 17, 4, 9),
             {"fuse_add": True, "rd_channels": 5, "act_layer": "silu",
              "gate_layer": "hard_sigmoid"}),
            ("gc_timm_empty", (0, 8, 3, 2), {"use_attn": False, "rd_divisor": 4})):
        config = {"channels": shape[1]} | options
        save(case, name, {"variant": "timm"} | config, GlobalContext(**config), map_of(*shape))


class Network(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)

    def forward(self, x):
        return self.fc2(self.fc1(x).relu())


class Gather(nn.Module):
    """Gather-excite with timm's names and options; timm's own module cannot be built with all."""

    def __init__(self, channels, feat_size=None, extra_params=False, extent=0, use_mlp=True,
                 rd_channels=None, add_maxpool=False):
        super().__init__()
        self.extent, self.add_maxpool = extent, add_maxpool
        self.gather = None
        if extra_params:
            self.gather = nn.Sequential()
            count = extent.bit_length() - 1 if extent else 1
            for i in range(count):
                kernel, stride = (3, 2) if extent else (tuple(feat_size), 1)
                self.gather.add_module(f"conv{i + 1}", nn.Conv2d(
                    channels, channels, kernel, stride, 1 if extent else 0, groups=channels,
                    bias=False))
                self.gather.add_module(f"norm{i + 1}", nn.BatchNorm2d(channels))
                if i != count - 1:
                    self.gather.add_module(f"act{i + 1}", nn.ReLU())
        self.mlp = Network(channels, rd_channels) if use_mlp else nn.Identity()

    def forward(self, x):
        if self.gather is not None:
            y = self.gather(x)
        elif self.extent == 0:
            y = x.mean((2, 3), keepdim=True)
            if self.add_maxpool:
                y = 0.5 * y + 0.5 * x.amax((2, 3), keepdim=True)
        else:
            window = (2 * self.extent - 1, self.extent, self.extent - 1)
            y = F.avg_pool2d(x, *window, count_include_pad=False)
            if self.add_maxpool:
                y = 0.5 * y + 0.5 * F.max_pool2d(x, *window)
        y = self.mlp(y)
        if y.shape[2:] != (1, 1):
            y = F.interpolate(y, size=x.shape[2:])
        return x * y.sigmoid()


@layer
def gather_excite():
    for case, shape, options in (
            ("ge_plain", (2, 17, 7, 5), {"use_mlp": False}),
            ("ge_global", (3, 33, 4, 9), {"rd_channels": 5}),
            ("ge_maximum", (1, 7, 13, 12),
             {"extent": 4, "add_maxpool": True, "rd_channels": 3}),
            ("ge_extent", (2, 3, 9, 14), {"extent": 2, "use_mlp": False}),
            ("ge_extent_parameters", (3, 7, 13, 11),
             {"extent": 4, "extra_params": True, "rd_channels": 4}),
            ("ge_global_parameters", (2, 17, 6, 5),
             {"feat_size": [6, 5], "extra_params": True, "rd_channels": 2}),
            ("ge_empty", (0, 4, 3, 2), {"rd_channels": 2, "add_maxpool": True})):
        config = {"channels": shape[1]} | options
        save(case, "GatherExcite", config, Gather(**config), map_of(*shape))


class Concurrent(nn.Module):
    """scSE with the names of segmentation_models.pytorch."""

    def __init__(self, in_channels, reduction=16, takes_larger=False):
        super().__init__()
        hidden = in_channels // reduction
        self.cSE = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(in_channels, hidden, 1), nn.ReLU(),
            nn.Conv2d(hidden, in_channels, 1), nn.Sigmoid())
        self.sSE = nn.Sequential(nn.Conv2d(in_channels, 1, 1), nn.Sigmoid())
        self.takes_larger = takes_larger

    def forward(self, x):
        if self.takes_larger:
            return torch.maximum(x.abs() * self.cSE(x), x.abs() * self.sSE(x)) * x.sign()
        return x * self.cSE(x) + x * self.sSE(x)


@layer
def concurrent_squeeze_excitation():
    for case, shape, options in (
            ("scse", (3, 33, 7, 5), {}), ("scse_empty", (0, 8, 3, 2), {"reduction": 2}),
            ("scse_larger", (2, 17, 13, 6), {"reduction": 4, "takes_larger": True})):
        config = {"in_channels": shape[1]} | options
        save(case, "ConcurrentSqueezeExcitation", config, Concurrent(**config), map_of(*shape))


class Caffe(nn.Module):
    """The gate of SE-ResNet-50 for Caffe; its layers are called `..._1x1_down` and `..._1x1_up`."""

    def __init__(self, channels, reduction=16):
        super().__init__()
        self.add_module("1x1_down", nn.Conv2d(channels, channels // reduction, 1))
        self.add_module("1x1_up", nn.Conv2d(channels // reduction, channels, 1))

    def forward(self, x):
        down, up = self.get_submodule("1x1_down"), self.get_submodule("1x1_up")
        return x * up(down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


@layer
def squeeze_excitation():
    name = "SqueezeExcitation"
    save("se_timm_norm", name,
         {"variant": "timm", "channels": 17, "rd_channels": 6, "norm_layer": "batchnorm2d"},
         SEModule(17, rd_channels=6, norm_layer=nn.BatchNorm2d), map_of(3, 17, 7, 5))
    save("se_effective", name, {"variant": "effective", "channels": 33}, EffectiveSEModule(33),
         map_of(2, 33, 4, 9))
    save("se_effective_options", name,
         {"variant": "effective", "channels": 7, "add_maxpool": True, "gate_layer": "sigmoid"},
         EffectiveSEModule(7, add_maxpool=True, gate_layer="sigmoid"), map_of(1, 7, 13, 12))
    save("se_caffe", name, {"variant": "caffe", "channels": 33}, Caffe(33), map_of(2, 33, 3, 8))


class Squeeze(nn.Module):
    """torchvision's squeeze-and-excitation."""

    def __init__(self, channels, hidden):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)

    def forward(self, x):
        return x * self.fc2(self.fc1(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


@layer
def channel_attention():
    name = "ChannelAttention"
    save("channel_attention_mean", name, {"channels": 33, "reduction": 4}, Squeeze(33, 8),
         map_of(2, 33, 7, 5))
    save("channel_attention_deviation", name, {"channels": 17, "form": "mean_and_deviation"},
         Style(17, False), map_of(3, 17, 4, 9))
    save("channel_attention_convolution", name, {"channels": 130, "form": "convolution"},
         EcaModule(130), map_of(1, 130, 3, 8))


if __name__ == "__main__":
    main()
