"""Writes the logits of a ResNet-50 with deformable convolutions; weights as in resnets.py.

    python resnet_dcn.py --output ../models

torchvision's network, in which the 3x3 convolutions of layer2 to layer4 are replaced by torchvision's
deformable operator with offsets and masks from a convolution of their own, as mmcv's
ModulatedDeformConv2dPack has it. Needs numpy, torch, torchvision, safetensors.
"""
import argparse
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from torchvision.ops import deform_conv2d

from resnets import INPUT, bound, uniform


class Pack(nn.Module):
    def __init__(self, width, stride):
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(width, width, 3, 3))
        self.conv_offset = nn.Conv2d(width, 27, 3, stride, 1)

    def forward(self, x):
        offset, mask = self.conv_offset(x).split([18, 9], 1)
        return deform_conv2d(x, offset, self.weight, None, self.stride, 1, mask=mask.sigmoid())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    model = models.resnet50().eval()
    for stage in (model.layer2, model.layer3, model.layer4):
        for block in stage:
            block.conv2 = Pack(block.conv2.in_channels, block.conv2.stride)
    for key, value in model.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        low, high = bound(key, value.shape)
        if key.endswith("conv_offset.weight"):
            low, high = low / 4, high / 4  # displacements of a few pixels
        value.copy_(uniform(key, low, high, value.shape))
    x = uniform("x", -1, 1, INPUT).permute(0, 3, 1, 2)
    with torch.inference_mode():
        logits = model.double()(x.double())[0].float().contiguous()
    print(logits.abs().max(), logits.topk(3))
    save_file({"resnet50_dcn": logits}, str(options.output / "resnet50_dcn.safetensors"),
              {"torch": torch.__version__})


if __name__ == "__main__":
    main()
