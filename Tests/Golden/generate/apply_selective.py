"""Golden values for `protean apply`: branches weighted by the input, and the convolution block.

timm's layers. See golden.py.
Run: python apply_selective.py [FUNCTION ...]   (needs timm, torch, safetensors)
"""

import timm.layers
from torch import nn

from golden import layer, main, map_of, save


def selective(case, x, **config):
    save(case, "SelectiveKernel", config, timm.layers.SelectiveKernel(**config), x)


@layer
def selective_kernel():
    selective("selective_kernel", map_of(2, 12, 7, 10), in_channels=12, out_channels=17, stride=2)
    selective("selective_kernel_whole", map_of(3, 6, 5, 9), in_channels=6, out_channels=8,
              kernel_size=[3, 5, 7], groups=2, keep_3x3=False, split_input=False, rd_channels=5)
    selective("selective_kernel_one", map_of(1, 5, 6, 4), in_channels=5, kernel_size=[5],
              dilation=2, rd_ratio=0.5, rd_divisor=1)


def split(case, x, **config):
    options = dict(config)
    norm = nn.BatchNorm2d if options.pop("norm_layer", "batchnorm") else None
    save(case, "SplitAttention", config,
         timm.layers.SplitAttn(norm_layer=norm, **options), x)


@layer
def split_attention():
    split("split_attention", map_of(2, 12, 7, 5), in_channels=12, stride=2)
    split("split_attention_groups", map_of(3, 12, 4, 9), in_channels=12, out_channels=24, groups=2,
          radix=3, rd_ratio=2.0, kernel_size=5, padding=1)
    split("split_attention_one_set", map_of(1, 9, 6, 5), in_channels=9, radix=1, rd_channels=7)
    split("split_attention_plain", map_of(2, 8, 5, 6), in_channels=8, out_channels=6, bias=True,
          norm_layer=None, dilation=2, padding=2)


class Block(nn.Module):
    """timm's ConvNormAct, then a layer."""

    def __init__(self, block, act=None, attn=None):
        super().__init__()
        self.conv, self.bn = block.conv, block.bn
        if act is not None:
            self.act = act
        if attn is not None:
            self.attn = attn

    def forward(self, x):
        y = self.bn(self.conv(x))
        if hasattr(self, "act"):
            y = self.act(y)
        return self.attn(y) if hasattr(self, "attn") else y


@layer
def conv_block():
    sizes = {"in_channels": 5, "out_channels": 24, "kernel_size": 3, "stride": 2}
    save("conv_block", "ConvBlock", sizes,
         Block(timm.layers.ConvNormAct(**sizes, act_layer=nn.ReLU)), map_of(2, 5, 9, 6))
    save("conv_block_attention", "ConvBlock",
         {**sizes, "act_layer": "silu",
          "attn": {"layer": "SqueezeExcitation", "variant": "timm", "channels": 24}},
         Block(timm.layers.ConvNormAct(**sizes, act_layer=nn.SiLU), None,
               timm.layers.SEModule(24)), map_of(3, 5, 8, 7))
    save("conv_block_layers", "ConvBlock",
         {**sizes, "dilation": 2, "groups": 1, "act": {"layer": "PReLU", "num_parameters": 24}},
         Block(timm.layers.ConvNormAct(**sizes, dilation=2, apply_act=False), nn.PReLU(24)),
         map_of(1, 5, 11, 9))


if __name__ == "__main__":
    main()
