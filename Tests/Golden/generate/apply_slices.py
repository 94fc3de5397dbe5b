"""Golden values of convolutions of some channels. Run: python apply_slices.py"""

import torch
import torch.nn.functional as F
from torch import nn

from golden import layer, main, map_of, save


class Sliced(nn.Conv2d):
    """The first channels of the weight; of groups, those of the input."""

    def __init__(self, *arguments, channels, **options):
        super().__init__(*arguments, **options)
        self.channels = channels

    def forward(self, x):
        each = self.in_channels // self.groups
        groups = x.shape[1] // each if self.groups > 1 else 1
        weight = self.weight[:self.channels, :x.shape[1] // groups]
        bias = None if self.bias is None else self.bias[:self.channels]
        return F.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, groups)


class Selected(nn.Conv2d):
    """Everything, then the channels whose gate is not zero."""

    def forward(self, x, gates):
        return super().forward(x) * (gates != 0).float()[:, :, None, None]


CASES = [("", {"in_channels": 9, "out_channels": 14, "kernel_size": 3, "padding": 1}, 5, 6),
         ("_options", {"in_channels": 12, "out_channels": 20, "kernel_size": [3, 1], "stride": 2,
                       "padding": [2, 0], "dilation": [2, 1], "bias": False}, 12, 7),
         ("_depthwise", {"in_channels": 10, "out_channels": 10, "kernel_size": 3, "padding": 1,
                         "groups": 10}, 6, 6)]


@layer
def sliced_conv2d():
    for name, options, inputs, outputs in CASES:
        save("sliced_conv2d" + name, "SlicedConv2d", options | {"channels": outputs},
             Sliced(**options, channels=outputs), map_of(3, inputs, 8, 7))


@layer
def selected_conv2d():
    for name, options, _, _ in CASES:
        gates = torch.randn(3, options["out_channels"])
        gates = gates * (torch.rand(gates.shape) > 0.5)
        save("selected_conv2d" + name, "SelectedConv2d", options, Selected(**options),
             map_of(3, options["in_channels"], 8, 7) | {"gates": gates},
             run=lambda module, i: {"y": module(i["x"], i["gates"])})


if __name__ == "__main__":
    main()
