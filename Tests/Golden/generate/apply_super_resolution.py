"""Golden values for `protean apply`: attention of super-resolution networks.

Contrast-aware channel attention has no package; it is written down here from its paper's formula with
the names of Zheng222/IMDN. See golden.py.
Run: python apply_super_resolution.py [FUNCTION ...]   (needs torch, safetensors)
"""

import torch
from torch import nn

from golden import layer, main, map_of, save


class ContrastAttention(nn.Module):
    def __init__(self, channel, reduction=16):
        super().__init__()
        self.conv_du = nn.Sequential(
            nn.Conv2d(channel, channel // reduction, 1), nn.ReLU(),
            nn.Conv2d(channel // reduction, channel, 1), nn.Sigmoid())

    def forward(self, x):
        deviation, mean = torch.std_mean(x.double(), (2, 3), correction=0, keepdim=True)
        return x * self.conv_du((deviation + mean).to(x.dtype))


@layer
def contrast_attention():
    config = {"channel": 33, "reduction": 5}
    save("contrast_attention", "ContrastAwareChannelAttention", config, ContrastAttention(**config),
         map_of(3, 33, 7, 12))
    flat = {"x": torch.full((1, 16, 9, 4), 1.5)}
    save("contrast_attention_flat", "ContrastAwareChannelAttention", {"channel": 16},
         ContrastAttention(16), flat)
    config = {"channel": 3, "reduction": 1}
    save("contrast_attention_pixel", "ContrastAwareChannelAttention", config,
         ContrastAttention(**config), map_of(2, 3, 1, 1))


if __name__ == "__main__":
    main()
