"""Golden values for `protean apply`: containers; see golden.py.

Run: python apply_containers.py [FUNCTION ...]   (needs torch, timm, safetensors)
"""

import torch
from timm.layers import SEModule
from torch import nn

from golden import layer, main, map_of, save


def conv(inputs, outputs, size=3, **config):
    """A convolution of a configuration, and as a module."""
    config = {"in_channels": inputs, "out_channels": outputs, "kernel_size": size} | config
    return {"layer": "Conv2d"} | config, nn.Conv2d(**config)


def norm(channels):
    return {"layer": "BatchNorm2d", "num_features": channels}, nn.BatchNorm2d(channels)


def listed(*parts):
    """Configurations and modules of layers, apart."""
    configs, modules = zip(*parts)
    return list(configs), list(modules)


@layer
def sequential():
    configs, modules = listed(
        conv(3, 8, padding=1, bias=False), norm(8), ("relu", nn.ReLU()),
        ({"layer": "MaxPool2d", "kernel_size": 2}, nn.MaxPool2d(2)),
        conv(8, 8, padding=1, groups=8), ("silu", nn.SiLU()))
    save("sequential", "Sequential", {"layers": configs}, nn.Sequential(*modules),
         map_of(2, 3, 9, 7))
    # A container within a container, and a layer with variants.
    inner, inside = listed(conv(5, 16, 1), norm(16), ("hard_swish", nn.Hardswish()))
    configs = [{"layer": "Sequential", "layers": inner},
               {"layer": "SqueezeExcitation", "variant": "timm", "channels": 16}]
    save("sequential_nested", "Sequential", {"layers": configs},
         nn.Sequential(nn.Sequential(*inside), SEModule(16)), map_of(1, 5, 6, 11))
    save("sequential_empty", "Sequential", {"layers": []}, nn.Sequential(), map_of(1, 3, 4, 5))


class Added(nn.Module):
    def __init__(self, main, shortcut=None, activation=None):
        super().__init__()
        self.main = main
        if shortcut:
            self.shortcut = shortcut
        self.activation = activation

    def forward(self, x):
        side = self.shortcut(x) if hasattr(self, "shortcut") else x
        y = self.main(x) + side
        return self.activation(y) if self.activation else y


@layer
def residual():
    config, module = conv(7, 7, padding=1)
    save("residual", "Residual", {"main": config}, Added(module), map_of(2, 7, 5, 8))
    configs, modules = listed(conv(3, 6, padding=1, stride=2, bias=False), norm(6))
    shortcut, side = conv(3, 6, 1, stride=2)
    save("residual_shortcut", "Residual",
         {"main": {"layer": "Sequential", "layers": configs}, "shortcut": shortcut,
          "activation": "relu"},
         Added(nn.Sequential(*modules), side, nn.ReLU()), map_of(1, 3, 9, 6))


class Several(nn.ModuleList):
    def forward(self, x):
        return torch.cat([branch(x) for branch in self], 1)


class Summed(nn.ModuleList):
    def forward(self, x):
        return sum(branch(x) for branch in self)


@layer
def branches():
    pool = {"layer": "AvgPool2d", "kernel_size": 3, "stride": 1, "padding": 1}
    configs, modules = listed(
        conv(3, 4, 1), conv(3, 5, padding=1), (pool, nn.AvgPool2d(3, 1, 1)))
    save("branches", "Branches", {"branches": configs}, Several(modules), map_of(2, 3, 7, 5))
    configs, modules = listed(conv(6, 4, 1), conv(6, 4, [1, 5], padding=[0, 2]))
    save("branches_sum", "Branches", {"combination": "sum", "branches": configs}, Summed(modules),
         map_of(1, 6, 4, 9))


if __name__ == "__main__":
    main()
