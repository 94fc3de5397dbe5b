"""Writes logits of a ResNet-32 with style-based recalibration whose weights follow from a formula.

    python style_recalibration.py --output ../models

Lee, Kim, Nam, "SRM: A Style-based Recalibration Module for Convolutional Neural Networks", arXiv
1903.10829, in the form whose files are in circulation: the standard deviation without epsilon, a
grouped Conv1d over (mean, deviation) and a BatchNorm1d, named `se.cfc` and `se.bn`. Values are made
as in resnets.py. Needs numpy, torch, safetensors.
"""
import argparse
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

from resnets import bound, uniform

INPUT = (2, 32, 28, 3)


class Recalibration(nn.Module):
    """x times a gate per channel, made from the channel's mean and deviation."""

    def __init__(self, channels):
        super().__init__()
        self.cfc = nn.Conv1d(channels, channels, 2, groups=channels, bias=False)
        self.bn = nn.BatchNorm1d(channels)

    def forward(self, x):
        pixels = x.flatten(2)
        style = torch.stack((pixels.mean(2), pixels.std(2)), 2)
        return x * self.bn(self.cfc(style)).sigmoid()[..., None]


def conv(inputs, outputs, kernel, stride=1):
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)
        self.se = Recalibration(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))

    def forward(self, x):
        side = x if self.downsample is None else self.downsample(x)
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (self.se(y) + side).relu()


class Network(nn.Module):
    def __init__(self, blocks=5, classes=10):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 16, 3), nn.BatchNorm2d(16)
        inputs = 16
        for index, width in enumerate((16, 32, 64)):
            stage = [Block(inputs if i == 0 else width, width, 2 if index and i == 0 else 1)
                     for i in range(blocks)]
            setattr(self, f"layer{index + 1}", nn.Sequential(*stage))
            inputs = width
        self.fc = nn.Linear(64, classes)

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        y = self.layer3(self.layer2(self.layer1(y)))
        return self.fc(y.mean((2, 3)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    model = Network().eval()
    for key, value in model.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            value.copy_(uniform(key, *bound(key, value.shape), value.shape))
    x = uniform("x", -1, 1, INPUT).permute(0, 3, 1, 2)
    with torch.inference_mode():
        logits = model.double()(x.double()).float().contiguous()
    print(logits)
    save_file({"logits": logits}, str(options.output / "style_recalibration.safetensors"),
              {"torch": torch.__version__})


if __name__ == "__main__":
    main()
