"""Golden values for `protean apply`: convolutions whose kernels are mixed per sample; see golden.py.

The modules are written down here from their formulas, sample by sample and in double precision.
Run: python apply_weight_attention.py   (needs torch, safetensors)
"""

import torch
import torch.nn.functional as F
from torch import nn

from golden import layer, main, map_of, save


def per_sample(x, kernels, biases=None, **options):
    """The convolution of each sample with its own kernel."""
    rows = [F.conv2d(x[b:b + 1], kernels[b], None if biases is None else biases[b], **options)
            for b in range(len(x))]
    return torch.cat(rows)


class KernelAttention(nn.Module):
    def __init__(self, channels, hidden, experts, temperature):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, experts, 1)
        self.temperature = temperature

    def forward(self, x):
        hidden = torch.relu(self.fc1(x.mean((2, 3), keepdim=True)))
        return torch.softmax(self.fc2(hidden).flatten(1) / self.temperature, 1)


class DynamicConv2d(nn.Module):
    """Dynamic convolution from its formula."""

    def __init__(self, in_planes, out_planes, kernel_size, ratio=0.25, stride=1, padding=0,
                 dilation=1, groups=1, bias=True, K=4, temperature=34):
        super().__init__()
        self.options = {"stride": stride, "padding": padding, "dilation": dilation,
                        "groups": groups}
        sides = kernel_size if isinstance(kernel_size, list) else [kernel_size] * 2
        self.weight = nn.Parameter(torch.empty(K, out_planes, in_planes // groups, *sides))
        self.bias = nn.Parameter(torch.empty(K, out_planes)) if bias else None
        hidden = K if in_planes == 3 else int(in_planes * ratio) + 1
        self.attention = KernelAttention(in_planes, hidden, K, temperature)

    def forward(self, x):
        shares = self.attention(x)
        kernels = torch.einsum("be,eocij->bocij", shares, self.weight)
        biases = None if self.bias is None else shares @ self.bias
        return per_sample(x, kernels, biases, **self.options)


class Attentions(nn.Module):
    """The four attentions of omni-dimensional convolution; missing heads give 1."""

    def __init__(self, channels, outputs, k, groups, reduction, experts, temperature):
        super().__init__()
        hidden = max(int(channels * reduction), 16)
        self.fc = nn.Conv2d(channels, hidden, 1, bias=False)
        self.bn = nn.BatchNorm2d(hidden)
        self.channel_fc = nn.Conv2d(hidden, channels, 1)
        if not channels == groups == outputs:
            self.filter_fc = nn.Conv2d(hidden, outputs, 1)
        if k > 1:
            self.spatial_fc = nn.Conv2d(hidden, k * k, 1)
        if experts > 1:
            self.kernel_fc = nn.Conv2d(hidden, experts, 1)
        self.k, self.temperature = k, temperature

    def forward(self, x):
        h = torch.relu(self.bn(self.fc(x.mean((2, 3), keepdim=True))))

        def head(name):
            if not hasattr(self, name):
                return None
            return getattr(self, name)(h).flatten(1) / self.temperature

        found = [head(name) for name in ("channel_fc", "filter_fc", "spatial_fc")]
        gates = [None if one is None else torch.sigmoid(one) for one in found]
        experts = head("kernel_fc")
        return *gates, None if experts is None else torch.softmax(experts, 1)


class ODConv2d(nn.Module):
    """Omni-dimensional dynamic convolution from its formula."""

    def __init__(self, in_planes, out_planes, kernel_size, stride=1, padding=0, dilation=1,
                 groups=1, reduction=0.0625, kernel_num=4, temperature=1.0):
        super().__init__()
        self.options = {"stride": stride, "padding": padding, "dilation": dilation,
                        "groups": groups}
        self.weight = nn.Parameter(
            torch.empty(kernel_num, out_planes, in_planes // groups, kernel_size, kernel_size))
        self.attention = Attentions(in_planes, out_planes, kernel_size, groups, reduction,
                                    kernel_num, temperature)

    def forward(self, x):
        channel, outputs, taps, experts = self.attention(x)
        if experts is None:
            experts = torch.ones(len(x), 1, dtype=x.dtype)
        kernels = torch.einsum("be,eocij->bocij", experts, self.weight)
        if taps is not None:
            kernels = kernels * taps.view(len(x), 1, 1, *self.weight.shape[3:])
        y = per_sample(x * channel[:, :, None, None], kernels, **self.options)
        return y if outputs is None else y * outputs[:, :, None, None]


def in_double(module, inputs):
    y = module.double()(inputs["x"].double()).float()
    module.float()
    return {"y": y}


@layer
def dynamic_conv2d():
    def add(case, shape, **config):
        config = {"in_planes": shape[1]} | config
        save(case, "DynamicConv2d", config, DynamicConv2d(**config), map_of(*shape), in_double)

    add("dynamic_conv2d", (3, 3, 7, 5), out_planes=4, kernel_size=3)
    add("dynamic_conv2d_options", (2, 14, 9, 8), out_planes=33, kernel_size=[3, 2], ratio=0.5,
        stride=2, padding=2, dilation=2, groups=1, bias=False, K=5, temperature=1)
    add("dynamic_conv2d_depthwise", (3, 17, 6, 7), out_planes=17, kernel_size=5, padding=2,
        groups=17, K=2, temperature=0.7)


@layer
def odconv2d():
    def add(case, shape, **config):
        config = {"in_planes": shape[1]} | config
        save(case, "ODConv2d", config, ODConv2d(**config), map_of(*shape), in_double)

    add("odconv2d", (3, 7, 6, 9), out_planes=33, kernel_size=3, padding=1)
    add("odconv2d_grouped", (2, 24, 7, 6), out_planes=12, kernel_size=3, stride=2, padding=2,
        dilation=2, groups=3, reduction=0.75, kernel_num=3, temperature=2.5)
    add("odconv2d_depthwise", (3, 17, 7, 5), out_planes=17, kernel_size=3, padding=1, groups=17,
        kernel_num=2)
    add("odconv2d_narrow", (2, 33, 5, 7), out_planes=1, kernel_size=3, padding=1, kernel_num=2)
    add("odconv2d_pointwise", (3, 19, 4, 5), out_planes=23, kernel_size=1)
    add("odconv2d_static", (2, 6, 5, 4), out_planes=9, kernel_size=1, kernel_num=1)


if __name__ == "__main__":
    main()
