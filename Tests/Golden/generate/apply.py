"""Golden values for `protean apply`: layers of several families; see golden.py.

Dynamic ReLU has no package; it is written down here from its formulas.
Run: python apply.py   (needs torch, torchvision, timm, safetensors)
"""

import torch
import torch.nn.functional as F
from timm.layers import CondConv2d, SEModule
from timm.models._efficientnet_blocks import SqueezeExcite
from torch import nn
from torchvision.ops import SqueezeExcitation

from golden import main, map_of, save


def plain_layers():
    def conv(case, shape, **config):
        save(case, "Conv2d", config, nn.Conv2d(**config), map_of(*shape))

    conv("conv2d", (2, 3, 9, 7), in_channels=3, out_channels=5, kernel_size=3)
    conv("conv2d_options", (1, 4, 8, 11), in_channels=4, out_channels=6, kernel_size=[3, 2],
         stride=[2, 1], padding=[1, 2], dilation=[1, 2], groups=2, bias=False)
    conv("conv2d_same", (1, 2, 6, 5), in_channels=2, out_channels=3, kernel_size=[4, 3],
         padding="same")
    conv("conv2d_depthwise", (1, 17, 7, 6), in_channels=17, out_channels=17, kernel_size=3,
         padding=1, groups=17)
    conv("conv2d_empty", (0, 3, 5, 4), in_channels=3, out_channels=2, kernel_size=3)
    config = {"in_features": 7, "out_features": 5}
    save("linear", "Linear", config, nn.Linear(**config), map_of(2, 3, 7))
    config = {"in_features": 33, "out_features": 1, "bias": False}
    save("linear_without_bias", "Linear", config, nn.Linear(**config), map_of(4, 33))
    config = {"num_features": 5, "eps": 0.01}
    save("batch_norm", "BatchNorm2d", config, nn.BatchNorm2d(**config), map_of(2, 5, 3, 4))
    config = {"num_features": 3, "affine": False}
    save("batch_norm_plain", "BatchNorm2d", config, nn.BatchNorm2d(**config), map_of(1, 3, 2, 2))


def pooling():
    def pool(case, layer, shape, **config):
        save(case, layer, config, getattr(nn, layer)(**config), map_of(*shape))

    pool("max_pool", "MaxPool2d", (2, 3, 9, 7), kernel_size=2)
    pool("max_pool_options", "MaxPool2d", (1, 5, 11, 8), kernel_size=[3, 2], stride=[2, 3],
         padding=[1, 0], dilation=[2, 1], ceil_mode=True)
    pool("avg_pool", "AvgPool2d", (1, 3, 8, 7), kernel_size=3, stride=2, padding=1)
    pool("avg_pool_options", "AvgPool2d", (1, 4, 7, 9), kernel_size=[2, 3], stride=2,
         padding=[1, 1], ceil_mode=True, count_include_pad=False)
    pool("avg_pool_divisor", "AvgPool2d", (1, 2, 4, 4), kernel_size=2, divisor_override=3)
    pool("adaptive_pool", "AdaptiveAvgPool2d", (2, 3, 7, 10), output_size=[3, 4])
    pool("adaptive_pool_none", "AdaptiveAvgPool2d", (1, 2, 5, 6), output_size=[None, 1])


class RoutedCondConv(nn.Module):
    def __init__(self, channels, experts, **config):
        super().__init__()
        conv = CondConv2d(channels, num_experts=experts, **config)
        self.weight, self.bias = conv.weight, conv.bias
        self.routing_fn = nn.Linear(channels, experts)
        self.conv = [conv]

    def forward(self, x):
        return self.conv[0](x, torch.sigmoid(self.routing_fn(x.mean((2, 3)))))


def cond_conv():
    def run(module, inputs):
        return {"y": module(inputs["x"], inputs["routing_weights"])}

    cases = {
        "condconv": ((3, 3, 8, 7), {"in_channels": 3, "out_channels": 4}),
        "condconv_options": ((2, 4, 9, 8), {
            "in_channels": 4, "out_channels": 6, "kernel_size": 3, "stride": 2, "groups": 2,
            "padding": "same", "bias": True, "num_experts": 3}),
        "condconv_depthwise": ((2, 6, 5, 6), {
            "in_channels": 6, "out_channels": 6, "kernel_size": 5, "groups": 6, "padding": "",
            "num_experts": 2}),
    }
    for case, (shape, config) in cases.items():
        experts = config.get("num_experts", 4)
        inputs = map_of(*shape) | {"routing_weights": torch.rand(shape[0], experts)}
        save(case, "CondConv2d", config, CondConv2d(**config), inputs, run)
    config = {"in_channels": 3, "out_channels": 2, "bias": True, "num_experts": 4}
    module = RoutedCondConv(3, 4, out_channels=2, bias=True)
    save("condconv_routed", "CondConv2d", config | {"routing": "sigmoid"}, module,
         map_of(2, 3, 5, 6))


class SELayer(nn.Module):
    """moskomule's layer, from its description."""

    def __init__(self, channel, reduction=16):
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channel, channel // reduction, bias=False), nn.ReLU(),
            nn.Linear(channel // reduction, channel, bias=False), nn.Sigmoid())

    def forward(self, x):
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


def squeeze_excitation():
    def se(case, variant, module, shape, **config):
        save(case, "SqueezeExcitation", {"variant": variant} | config, module, map_of(*shape))

    se("se_timm", "timm", SEModule(24), (2, 24, 5, 3), channels=24)
    se("se_timm_options", "timm",
       SEModule(24, rd_ratio=0.5, add_maxpool=True, bias=False, act_layer=nn.SiLU,
                gate_layer="hard_sigmoid"), (1, 24, 3, 4), channels=24, rd_ratio=0.5,
       add_maxpool=True, bias=False, act_layer="silu", gate_layer="hard_sigmoid")
    se("se_torchvision", "torchvision",
       SqueezeExcitation(16, 8, scale_activation=nn.Hardsigmoid), (2, 16, 4, 3),
       input_channels=16, squeeze_channels=8, scale_activation="Hardsigmoid")
    se("se_efficientnet", "timm_efficientnet", SqueezeExcite(18), (1, 18, 4, 4), in_chs=18)
    se("se_linear", "linear", SELayer(20, 4), (2, 20, 3, 3), channel=20, reduction=4)


class Islanna(nn.Module):
    def __init__(self, channels, per_channel, reduction=4):
        super().__init__()
        self.per_channel = per_channel
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, 4 * channels if per_channel else 4)
        self.register_buffer("lambdas", torch.tensor([1.0, 1.0, 0.5, 0.5]))
        self.register_buffer("init_v", torch.tensor([1.0, 0.0, 0.0, 0.0]))

    def forward(self, x):
        theta = 2 * torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean((2, 3)))))) - 1
        shape = (x.shape[0], x.shape[1] if self.per_channel else 1, 4)
        a1, a2, b1, b2 = (theta.view(shape) * self.lambdas + self.init_v)[..., None, None].unbind(2)
        return torch.maximum(a1 * x + b1, a2 * x + b2)


class DyHead(nn.Module):
    def __init__(self, inp, use_spatial=False):
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(inp, inp // 4), nn.ReLU(), nn.Linear(inp // 4, 4 * inp), nn.Hardsigmoid())
        self.spa = None
        if use_spatial:
            self.spa = nn.Sequential(nn.Conv2d(inp, 1, 1), nn.BatchNorm2d(1))

    def forward(self, x):
        a1, b1, a2, b2 = (self.fc(x.mean((2, 3)))[..., None, None] - 0.5).chunk(4, 1)
        y = torch.maximum((2 * a1 + 1) * x + b1, 2 * a2 * x + b2)
        if self.spa is None:
            return y
        pixels = x.shape[2] * x.shape[3]
        share = F.softmax(self.spa(x).flatten(1), 1).view(-1, 1, *x.shape[2:]) * pixels
        return y * share.clamp(0, 3) / 3


def dynamic_relu():
    def dyrelu(case, module, shape, **config):
        save(case, "DynamicReLU", config, module, map_of(*shape))

    dyrelu("dyrelu_a", Islanna(12, False), (2, 12, 4, 3), type="A", channels=12)
    dyrelu("dyrelu_b", Islanna(12, True), (2, 12, 3, 5), variant="islanna", type="B", channels=12)
    dyrelu("dyrelu_dyhead", DyHead(8), (2, 8, 4, 3), variant="dyhead", inp=8, oup=8)
    dyrelu("dyrelu_c", DyHead(8, True), (2, 8, 5, 3), variant="dyhead", inp=8, type="C")


def masked():
    def run(module, inputs):
        return {"y": module(inputs["x"]) * (inputs["mask"] != 0)}

    def submanifold(module, inputs):
        mask = inputs["mask"] != 0
        return {"y": module(inputs["x"] * mask) * mask}

    def mask_of(*shape):
        return (torch.rand(*shape) < 0.4) * torch.randn(*shape)

    config = {"in_channels": 4, "out_channels": 6, "kernel_size": [3, 2], "stride": [2, 1],
              "padding": [1, 2], "dilation": [1, 2], "groups": 2, "bias": False}
    save("masked_conv_options", "MaskedConv2d", config, nn.Conv2d(**config),
         map_of(2, 4, 8, 11) | {"mask": mask_of(2, 1, 4, 13)}, run)
    config = {"in_channels": 17, "out_channels": 17, "kernel_size": 3, "padding": 1, "groups": 17}
    save("masked_conv_depthwise", "MaskedConv2d", config, nn.Conv2d(**config),
         map_of(1, 17, 7, 6) | {"mask": mask_of(1, 1, 7, 6)}, run)
    config = {"in_channels": 3, "out_channels": 5, "kernel_size": 3, "padding": "same"}
    for algorithm in ("auto", "direct", "winograd", "dense"):
        save(f"masked_conv_{algorithm}", "MaskedConv2d", config | {"algorithm": algorithm},
             nn.Conv2d(**config), map_of(2, 3, 9, 7) | {"mask": mask_of(2, 1, 9, 7)}, run)
    config = {"in_channels": 4, "out_channels": 6, "dilation": 2, "groups": 2}
    save("submanifold", "SubmanifoldConv2d", config,
         nn.Conv2d(kernel_size=3, padding=2, **config),
         map_of(2, 4, 6, 9) | {"mask": mask_of(2, 1, 6, 9)}, submanifold)


class Squeeze(nn.Module):
    """DynConv's source of logits, from its description."""

    def __init__(self, channels, stride):
        super().__init__()
        self.fc = nn.Linear(channels, 1)
        self.conv = nn.Conv2d(channels, 1, 3, stride=stride, padding=1)

    def forward(self, x):
        return self.conv(x) + self.fc(x.mean((2, 3)))[:, :, None, None]


class DynConvBottleneck(nn.Module):
    """The sparse bottleneck in inference, computed densely, from its description."""

    def __init__(self, inplanes, planes, stride=1, downsample=False, groups=1, base_width=64):
        super().__init__()
        width = int(planes * (base_width / 64)) * groups
        self.conv1 = nn.Conv2d(inplanes, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.downsample = None
        if downsample:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, 4 * planes, 1, stride=stride, bias=False),
                nn.BatchNorm2d(4 * planes))
        self.masker = nn.ModuleDict({"maskconv": Squeeze(inplanes, stride)})

    def forward(self, x):
        mask = (self.masker["maskconv"](x) >= 0).float()
        identity = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(identity + mask * self.bn3(self.conv3(y))), mask


def dynconv():
    def run(module, inputs):
        y, mask = module(inputs["x"])
        assert 0.2 < mask.mean() < 0.8
        return {"y": y, "mask": mask}

    cases = {
        "dynconv_bottleneck": ((2, 16, 7, 9), {"inplanes": 16, "planes": 4}),
        "dynconv_bottleneck_strided": ((1, 12, 9, 11), {
            "inplanes": 12, "planes": 4, "stride": 2, "downsample": True}),
        "dynconv_bottleneck_grouped": ((1, 12, 6, 5), {
            "inplanes": 12, "planes": 4, "downsample": True, "groups": 2, "base_width": 80}),
    }
    for case, (shape, config) in cases.items():
        save(case, "DynConvBottleneck", config, DynConvBottleneck(**config), map_of(*shape), run)


if __name__ == "__main__":
    main(seed=0, sequence=[
        plain_layers, pooling, cond_conv, squeeze_excitation, dynamic_relu,
        masked, dynconv])
