"""Writes keys and logits of networks with dynamic layers, whose weights follow from a formula.

    python dynamic_models.py --output ../models

Every tensor is made from its own key by `uniform` of resnets.py in a range that depends on its name
and shape (`bound`). `dynamic_NAME.keys.txt` has the names and shapes, `dynamic_models.safetensors` the
logits of two images. EfficientNets are timm's; the others are written down here from their
descriptions. Needs numpy, timm, torch, torchvision, safetensors.
"""
import argparse
import pathlib
from functools import partial

import numpy
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from resnets import uniform

INPUT = (2, 75, 59, 3)


def per_sample(x, kernels, **options):
    """Every sample with a kernel of its own."""
    return torch.cat([F.conv2d(a[None], kernel, **options) for a, kernel in zip(x, kernels)])


class DynamicConv(nn.Module):
    """A softmax over experts mixes their kernels, at temperature 1 and without a bias."""

    def __init__(self, inputs, outputs, kernel, stride, experts=4):
        super().__init__()
        hidden = inputs // 4 + 1
        self.attention = nn.Module()
        self.attention.fc1 = nn.Conv2d(inputs, hidden, 1, bias=False)
        self.attention.fc2 = nn.Conv2d(hidden, experts, 1)
        self.weight = nn.Parameter(torch.zeros(experts, outputs, inputs, kernel, kernel))
        self.options = {"stride": stride, "padding": kernel // 2}

    def forward(self, x):
        hidden = F.relu(self.attention.fc1(x.mean((2, 3), keepdim=True)))
        shares = self.attention.fc2(hidden).flatten(1).softmax(1)
        return per_sample(x, torch.einsum("be,eocij->bocij", shares, self.weight), **self.options)


class OmniConv(nn.Module):
    """Attentions for input channels, output channels, taps and experts, at temperature 1."""

    def __init__(self, inputs, outputs, kernel, stride, experts=1):
        super().__init__()
        hidden = max(inputs // 16, 16)
        self.attention = nn.Module()
        self.attention.fc = nn.Conv2d(inputs, hidden, 1, bias=False)
        self.attention.bn = nn.BatchNorm2d(hidden)
        self.attention.channel_fc = nn.Conv2d(hidden, inputs, 1)
        self.attention.filter_fc = nn.Conv2d(hidden, outputs, 1)
        self.attention.spatial_fc = nn.Conv2d(hidden, kernel * kernel, 1)
        if experts > 1:
            self.attention.kernel_fc = nn.Conv2d(hidden, experts, 1)
        self.weight = nn.Parameter(torch.zeros(experts, outputs, inputs, kernel, kernel))
        self.options = {"stride": stride, "padding": kernel // 2}

    def forward(self, x):
        a, experts = self.attention, self.weight.shape[0]
        h = F.relu(a.bn(a.fc(x.mean((2, 3), keepdim=True))))
        shares = a.kernel_fc(h).flatten(1).softmax(1) if experts > 1 else x.new_ones(len(x), 1)
        taps = a.spatial_fc(h).sigmoid().view(-1, 1, 1, *self.weight.shape[3:])
        kernels = torch.einsum("be,eocij->bocij", shares, self.weight) * taps
        y = per_sample(x * a.channel_fc(h).sigmoid(), kernels, **self.options)
        return y * a.filter_fc(h).sigmoid()


def dynamic_resnet18(make, projects):
    """torchvision's ResNet-18 with other 3x3 convolutions, and with other projections too or not."""
    model = ResNet(BasicBlock, [2, 2, 2, 2])
    for stage in (model.layer1, model.layer2, model.layer3, model.layer4):
        for block in stage:
            for name in ("conv1", "conv2"):
                conv = getattr(block, name)
                setattr(block, name, make(conv.in_channels, conv.out_channels, 3, conv.stride))
            if block.downsample is not None and projects:
                conv = block.downsample[0]
                block.downsample[0] = make(conv.in_channels, conv.out_channels, 1, conv.stride)
    return model


class ConvNorm(nn.Module):
    """A convolution with what mmcv's ConvModule puts behind it."""

    def __init__(self, inputs, outputs, kernel, stride=1, norm=True):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=not norm)
        if norm:
            self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x))) if hasattr(self, "bn") else self.conv(x)


class Involution(nn.Module):
    """A kernel per pixel, made from the pixel, for every 16 channels."""

    def __init__(self, channels, kernel, stride):
        super().__init__()
        self.kernel, self.stride, self.groups = kernel, stride, channels // 16
        self.conv1 = ConvNorm(channels, channels // 4, 1)
        self.conv2 = ConvNorm(channels // 4, kernel * kernel * self.groups, 1, norm=False)

    def forward(self, x):
        b, c = x.shape[:2]
        kernels = self.conv2(self.conv1(F.avg_pool2d(x, self.stride)))
        h, w = kernels.shape[2:]
        patches = F.unfold(x, self.kernel, padding=self.kernel // 2, stride=self.stride)
        patches = patches.view(b, self.groups, 16, self.kernel ** 2, h, w)
        return (patches * kernels.view(b, self.groups, 1, -1, h, w)).sum(3).view(b, c, h, w)


class RedBottleneck(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        width = outputs // 4
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = Involution(width, 7, stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class RedNet26(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.head = nn.Module(), nn.Module()
        self.backbone.stem = nn.Sequential(
            ConvNorm(3, 32, 3, 2), Involution(32, 3, 1), nn.BatchNorm2d(32), nn.ReLU(),
            ConvNorm(32, 64, 3))
        inputs = 64
        for stage, count in enumerate((1, 2, 4, 1)):
            outputs = 256 << stage
            blocks = [RedBottleneck(inputs if i == 0 else outputs, outputs,
                                    2 if i == 0 and stage > 0 else 1) for i in range(count)]
            self.backbone.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
            inputs = outputs
        self.head.fc = nn.Linear(inputs, 1000)

    def forward(self, x):
        b = self.backbone
        x = F.max_pool2d(b.stem(x), 3, 2, 1)
        for stage in (b.layer1, b.layer2, b.layer3, b.layer4):
            x = stage(x)
        return self.head.fc(x.mean((2, 3)))


class LinearExcitation(nn.Module):
    """Squeeze and excitation of linear layers without biases."""

    def __init__(self, channels):
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, channels // 16, bias=False), nn.ReLU(),
            nn.Linear(channels // 16, channels, bias=False), nn.Sigmoid())

    def forward(self, x):
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


class ChannelConvolution(nn.Module):
    """Efficient channel attention: a gate from a few neighbouring channels."""

    def __init__(self, channels, kernel=3):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, x):
        return x * self.conv(x.mean((2, 3))[:, None]).sigmoid()[:, 0, :, None, None]


class BlockAttention(nn.Module):
    """CBAM: a gate per channel from mean and maximum, then one per pixel."""

    def __init__(self, channels):
        super().__init__()
        self.ChannelGate, self.SpatialGate = nn.Module(), nn.Module()
        self.ChannelGate.mlp = nn.Sequential(
            nn.Flatten(), nn.Linear(channels, channels // 16), nn.ReLU(),
            nn.Linear(channels // 16, channels))
        self.SpatialGate.spatial = nn.Module()
        self.SpatialGate.spatial.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.SpatialGate.spatial.bn = nn.BatchNorm2d(1)

    def forward(self, x):
        mlp, spatial = self.ChannelGate.mlp, self.SpatialGate.spatial
        gate = mlp(x.mean((2, 3))) + mlp(x.amax((2, 3)))
        x = x * gate.sigmoid()[:, :, None, None]
        planes = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
        return x * spatial.bn(spatial.conv(planes)).sigmoid()


def attentive_resnet50(name, make):
    """torchvision's ResNet-50 whose blocks end in an attention before the shortcut is added."""

    class Block(Bottleneck):
        def __init__(self, inplanes, planes, *rest, **options):
            super().__init__(inplanes, planes, *rest, **options)
            self.add_module(name, make(planes * 4))

        def forward(self, x):
            y = self.relu(self.bn1(self.conv1(x)))
            y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
            side = x if self.downsample is None else self.downsample(x)
            return self.relu(getattr(self, name)(y) + side)

    return ResNet(Block, [3, 4, 6, 3])


def bound(key, shape):
    """Products summed per output decide the range of weights, the kind that of vectors."""
    if key.endswith("running_var"):  # small, so that signals do not fade
        return 0.4, 1.2
    if key.endswith("bn3.weight") and key.startswith(("backbone", "layer")):
        return 0.05, 0.15  # residual branches add up; what involution adds grows with its square
    if len(shape) < 2:
        return (0.5, 1.5) if key.endswith(".weight") else (-0.25, 0.25)
    if len(shape) == 5:  # experts, out, in, height, width
        inputs = numpy.float32(numpy.prod(shape[2:]))
    elif ".conv_" in key and len(shape) == 2:  # experts, flattened kernel
        # Eight experts add up to twice as much as four.
        inputs = numpy.sqrt(numpy.float32(shape[1])) * numpy.float32(shape[0]) / numpy.float32(4)
    else:
        inputs = numpy.float32(numpy.prod(shape[1:]))
    edge = numpy.sqrt(numpy.float32(6) / inputs)
    if ".conv2.conv." in key:  # involution's kernels, sums of many taps
        edge /= 8
    return -edge, edge


def networks():
    for experts in (4, 8):
        for prefix in ("", "tf_"):
            name = f"{prefix}efficientnet_cc_b0_{experts}e"
            yield name, timm.create_model(name), INPUT
    yield "dy_resnet18", dynamic_resnet18(DynamicConv, True), INPUT
    yield "odconv_resnet18", dynamic_resnet18(OmniConv, False), INPUT
    yield "odconv_resnet18_4x", dynamic_resnet18(partial(OmniConv, experts=4), False), INPUT
    yield "rednet26", RedNet26(), (2, 96, 64, 3)
    yield "se_resnet50", timm.create_model("seresnet50"), INPUT
    yield "se_resnet50_linear", attentive_resnet50("se", LinearExcitation), INPUT
    yield "skresnet50", timm.create_model("skresnet50"), INPUT
    yield "resnest50", timm.create_model("resnest50d"), INPUT
    yield "eca_resnet50", attentive_resnet50("eca", ChannelConvolution), INPUT
    yield "eca_resnet50_sizes", timm.create_model(
        "resnet50", block_args={"attn_layer": "eca"}), INPUT
    yield "cbam_resnet50", attentive_resnet50("cbam", BlockAttention), INPUT
    yield "cbam_resnet50_timm", timm.create_model(
        "resnet50", block_args={"attn_layer": "cbam"}), INPUT


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    logits = {}
    for name, model, shape in networks():
        model.eval()
        state = model.state_dict()
        lines = [f"{key} {list(value.shape)}" for key, value in state.items()
                 if not key.endswith("num_batches_tracked")]
        if not name.startswith("tf_"):  # their keys are those of the plain forms
            (options.output / f"dynamic_{name}.keys.txt").write_text("\n".join(lines) + "\n")
        for key, value in state.items():
            if not key.endswith("num_batches_tracked"):
                value.copy_(uniform(key, *bound(key, value.shape), value.shape))
        x = uniform("x", -1, 1, shape).permute(0, 3, 1, 2)
        with torch.inference_mode():
            logits[name] = model.double()(x.double()).float().contiguous()
        count = sum(parameter.numel() for parameter in model.parameters())
        print(name, count, logits[name].abs().max(), logits[name].std(1),
              (logits[name][0] - logits[name][1]).abs().max())
    save_file(logits, str(options.output / "dynamic_models.safetensors"),
              {"torch": torch.__version__, "timm": timm.__version__})


if __name__ == "__main__":
    main()
