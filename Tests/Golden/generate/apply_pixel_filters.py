"""Golden values for `protean apply`: filters of their own for every pixel; see golden.py.

The operators run on a GPU only, so they are written down here from their formulas, as unfolded
windows in double precision.
Run: python apply_pixel_filters.py   (needs torch, safetensors)
"""

import torch
import torch.nn.functional as F
from torch import nn

from golden import layer, main, save


def windows(x, k, stride=1, dilation=1):
    """[B, C, k * k, H', W'] in double: the pixels around every position, zeros outside."""
    kh, kw = (k, k) if isinstance(k, int) else k
    padding = [kh // 2 * dilation, kw // 2 * dilation]
    size = [(x.shape[2] - 1) // stride + 1, (x.shape[3] - 1) // stride + 1]
    flat = F.unfold(x.double(), (kh, kw), dilation, padding, stride)
    return flat.view(x.shape[0], x.shape[1], kh * kw, *size)


def apply(x, filters, k, groups=1, stride=1, dilation=1):
    """filters: [B, groups * k * k, H', W']."""
    b, c = x.shape[:2]
    patches = windows(x, k, stride, dilation)
    taps, size = patches.shape[2], patches.shape[3:]
    patches = patches.view(b, groups, c // groups, taps, *size)
    weights = filters.double().view(b, groups, 1, taps, *size)
    return (patches * weights).sum(3).reshape(b, c, *size).float()


class LocalFilter(nn.Module):
    def __init__(self, filter_size, softmax=False, groups=1):
        super().__init__()
        self.k, self.softmax, self.groups = filter_size, softmax, groups

    def forward(self, x, filters):
        filters = filters.double()
        filters = normalised(filters, self.groups) if self.softmax else filters
        return apply(x, filters, self.k, self.groups)


@layer
def dynamic_local_filter():
    def add(case, shape, **config):
        k = config["filter_size"]
        taps = k * k if isinstance(k, int) else k[0] * k[1]
        values = taps * config.get("groups", 1)
        inputs = {"x": torch.randn(shape),
                  "filters": torch.randn(shape[0], values, *shape[2:])}
        save(case, "DynamicLocalFilter", config, LocalFilter(**config), inputs,
             lambda module, given: {"y": module(**given)})

    add("dynamic_local_filter", (2, 3, 6, 9), filter_size=9, softmax=True)
    add("dynamic_local_filter_single", (3, 1, 7, 5), filter_size=3)
    add("dynamic_local_filter_groups", (2, 33, 4, 7), filter_size=5, softmax=True, groups=3)
    add("dynamic_local_filter_row", (1, 17, 5, 8), filter_size=[1, 9])
    add("dynamic_local_filter_empty", (0, 2, 3, 4), filter_size=5)


class Carafe(nn.Module):
    def __init__(self, kernel_size, group_size, scale_factor):
        super().__init__()
        self.k, self.groups, self.scale = kernel_size, group_size, scale_factor

    def forward(self, x, mask):
        b, c = x.shape[:2]
        patches = windows(x, self.k)
        patches = patches.repeat_interleave(self.scale, 3).repeat_interleave(self.scale, 4)
        size = patches.shape[3:]
        patches = patches.view(b, self.groups, c // self.groups, -1, *size)
        weights = mask.double().view(b, self.groups, 1, -1, *size)
        return (patches * weights).sum(3).reshape(b, c, *size).float()


def normalised(mask, groups):
    b, channels, *size = mask.shape
    return mask.view(b, groups, channels // groups, *size).softmax(2).view(mask.shape)


@layer
def carafe():
    def add(case, shape, **config):
        groups, scale = config["group_size"], config["scale_factor"]
        mask = torch.randn(shape[0], groups * config["kernel_size"] ** 2,
                           scale * shape[2], scale * shape[3])
        save(case, "CARAFE", config, Carafe(**config),
             {"x": torch.randn(shape), "mask": normalised(mask, groups)},
             lambda module, given: {"y": module(**given)})

    add("carafe", (2, 64, 3, 3), kernel_size=5, group_size=4, scale_factor=2)
    add("carafe_threefold", (1, 7, 4, 6), kernel_size=3, group_size=1, scale_factor=3)
    add("carafe_same", (3, 34, 5, 4), kernel_size=7, group_size=2, scale_factor=1)


class ConvModule(nn.Module):
    """A convolution and, if there is one, the batch norm after it, under mmcv's names."""

    def __init__(self, inputs, outputs, norm):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=not norm)
        self.bn = nn.BatchNorm2d(outputs) if norm else None

    def forward(self, x):
        x = self.conv(x)
        return x if self.bn is None else self.bn(x).relu()


class Involution(nn.Module):
    def __init__(self, channels, kernel_size, stride):
        super().__init__()
        self.k, self.stride, self.groups = kernel_size, stride, channels // 16
        self.conv1 = ConvModule(channels, channels // 4, norm=True)
        self.conv2 = ConvModule(channels // 4, kernel_size ** 2 * self.groups, norm=False)

    def forward(self, x):
        pooled = x if self.stride == 1 else F.avg_pool2d(x, self.stride, self.stride)
        return apply(x, self.conv2(self.conv1(pooled)), self.k, self.groups, self.stride)


@layer
def involution():
    def add(case, shape, **config):
        save(case, "Involution2d", config, Involution(**config), {"x": torch.randn(shape)})

    add("involution", (2, 32, 5, 9), channels=32, kernel_size=7, stride=1)
    add("involution_strided", (1, 48, 6, 10), channels=48, kernel_size=3, stride=2)
    add("involution_one_group", (3, 16, 3, 4), channels=16, kernel_size=5, stride=1)


class FilterConv(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, **options):
        super().__init__()
        self.options = options

    def forward(self, x, filters):
        size = F.conv2d(x[:1], filters[0], **self.options).shape[1:]
        y = [F.conv2d(one[None].double(), own.double(), **self.options)
             for one, own in zip(x, filters)]
        return torch.cat(y).float().view(len(x), *size)


@layer
def dynamic_filter_conv():
    def add(case, shape, **config):
        k = config["kernel_size"]
        kh, kw = (k, k) if isinstance(k, int) else k
        groups = config.get("groups", 1)
        filters = torch.randn(shape[0], config["out_channels"], shape[1] // groups, kh, kw)
        save(case, "DynamicFilterConv2d", config, FilterConv(**config),
             {"x": torch.randn(shape), "filters": filters},
             lambda module, given: {"y": module(**given)}, plain=["input.filters"])

    add("dynamic_filter_conv", (3, 1, 8, 7), in_channels=1, out_channels=1, kernel_size=5,
        padding=2)
    add("dynamic_filter_conv_options", (2, 6, 9, 8), in_channels=6, out_channels=9,
        kernel_size=[3, 2], stride=2, padding=[1, 0], dilation=[1, 2], groups=3)
    add("dynamic_filter_conv_depthwise", (2, 17, 5, 6), in_channels=17, out_channels=17,
        kernel_size=3, padding=1, groups=17)


class CarafePack(nn.Module):
    def __init__(self, channels, scale_factor, up_kernel=5, up_group=1, encoder_kernel=3,
                 encoder_dilation=1, compressed_channels=64):
        super().__init__()
        self.scale, self.groups = scale_factor, up_group
        self.channel_compressor = nn.Conv2d(channels, compressed_channels, 1)
        self.content_encoder = nn.Conv2d(
            compressed_channels, up_kernel ** 2 * up_group * scale_factor ** 2, encoder_kernel,
            padding=int((encoder_kernel - 1) * encoder_dilation / 2), dilation=encoder_dilation)
        self.apply_kernels = Carafe(up_kernel, up_group, scale_factor)

    def forward(self, x):
        # In double: the softmax multiplies errors of large logits.
        self.double()
        mask = F.pixel_shuffle(
            self.content_encoder(self.channel_compressor(x.double())), self.scale)
        self.float()
        return self.apply_kernels(x, normalised(mask, self.groups))


@layer
def carafe_upsample():
    def add(case, shape, **config):
        save(case, "CARAFEUpsample", config, CarafePack(**config), {"x": torch.randn(shape)})

    add("carafe_upsample", (2, 5, 4, 6), channels=5, scale_factor=2, compressed_channels=8)
    add("carafe_upsample_threefold", (1, 3, 5, 3), channels=3, scale_factor=3, up_kernel=3,
        compressed_channels=7)
    add("carafe_upsample_options", (1, 12, 4, 5), channels=12, scale_factor=2, up_kernel=7,
        up_group=3, encoder_kernel=5, encoder_dilation=2, compressed_channels=9)


class Duf(nn.Module):
    """filters: [B, k * k * R * R, H, W], channel tap * R * R + dy * R + dx; the residual's channel
    is (dy * R + dx) * C + c, the order of TensorFlow's depth_to_space."""

    def __init__(self, uf=4, filter_size=5, softmax=True):
        super().__init__()
        self.r, self.k, self.softmax = uf, filter_size, softmax

    def forward(self, x, filters, residual=None):
        b, c, h, w = x.shape
        filters = filters.double().view(b, self.k ** 2, self.r ** 2, h, w)
        filters = filters.softmax(1) if self.softmax else filters
        y = torch.einsum("bcphw,bpqhw->bqchw", windows(x, self.k), filters)
        if residual is not None:
            y = y + residual.double().view(b, self.r ** 2, c, h, w)
        y = y.reshape(b, self.r, self.r, c, h, w).permute(0, 3, 4, 1, 5, 2)
        return y.reshape(b, c, h * self.r, w * self.r).float()


@layer
def dynamic_upsampling_filter():
    def add(case, shape, residual=True, **config):
        r, k = config.get("uf", 4), config.get("filter_size", 5)
        b, c, h, w = shape
        inputs = {"x": torch.randn(shape), "filters": torch.randn(b, k * k * r * r, h, w)}
        if residual:
            inputs["residual"] = torch.randn(b, r * r * c, h, w)
        save(case, "DynamicUpsamplingFilter", config, Duf(**config), inputs,
             lambda module, given: {"y": module(**given)})

    add("dynamic_upsampling_filter", (2, 3, 5, 4))
    add("dynamic_upsampling_filter_threefold", (1, 1, 4, 7), residual=False, uf=3)
    add("dynamic_upsampling_filter_given", (1, 3, 6, 5), uf=2, filter_size=3, softmax=False)
    add("dynamic_upsampling_filter_wide", (1, 17, 3, 4), uf=2, filter_size=3)


class Ddf(nn.Module):
    def __init__(self, kernel_size=3, dilation=1, stride=1, head=1, kernel_combine="mul"):
        super().__init__()
        self.k, self.dilation, self.stride = kernel_size, dilation, stride
        self.head, self.combine = head, kernel_combine

    def forward(self, x, channel_filter, spatial_filter):
        b, c = x.shape[:2]
        taps = self.k ** 2
        patches = windows(x, self.k, self.stride, self.dilation)
        size = patches.shape[3:]
        channel = channel_filter.double().view(b, c, taps, 1, 1)
        spatial = spatial_filter.double().view(b, self.head, 1, taps, *size)
        spatial = spatial.expand(-1, -1, c // self.head, -1, -1, -1).reshape(b, c, taps, *size)
        both = channel * spatial if self.combine == "mul" else channel + spatial
        return (patches * both).sum(2).float()


@layer
def decoupled_dynamic_filter():
    def add(case, shape, **config):
        k, s, head = (config.get(key, default) for key, default in
                      (("kernel_size", 3), ("stride", 1), ("head", 1)))
        b, c, h, w = shape
        inputs = {"x": torch.randn(shape), "channel_filter": torch.randn(b, c, k, k),
                  "spatial_filter": torch.randn(b, head * k * k, h // s, w // s)}
        save(case, "DecoupledDynamicFilter", config, Ddf(**config), inputs,
             lambda module, given: {"y": module(**given)}, plain=["input.channel_filter"])

    add("decoupled_dynamic_filter", (2, 17, 6, 9))
    add("decoupled_dynamic_filter_add", (1, 33, 5, 7), kernel_combine="add")
    add("decoupled_dynamic_filter_options", (3, 6, 8, 6), kernel_size=5, dilation=2, stride=2,
        head=3)


def filter_norm(x):
    """x: [B, filters, k * k, ...], normalised over the taps."""
    x = x.double()
    return (x - x.mean(2, keepdim=True)) / (x.std(2, keepdim=True) + 1e-10)


class DdfPack(nn.Module):
    def __init__(self, in_channels, kernel_size=3, dilation=1, stride=1, head=1, se_ratio=0.2,
                 nonlinearity="relu", kernel_combine="mul"):
        super().__init__()
        c, taps, squeezed = in_channels, kernel_size ** 2, int(in_channels * se_ratio)
        self.k, self.head = kernel_size, head
        self.scale = nn.init.calculate_gain(nonlinearity) / kernel_size
        self.spatial_branch = nn.ModuleList([nn.Conv2d(c, head * taps, 1, stride)])
        norm = nn.Module()
        norm.std = nn.Parameter(torch.empty(c * taps))
        self.channel_branch = nn.ModuleList([
            nn.Identity(), nn.Conv2d(c, squeezed, 1), nn.Identity(), nn.Conv2d(squeezed, c * taps, 1),
            norm])
        self.ddf = Ddf(kernel_size, dilation, stride, head, kernel_combine)

    def forward(self, x):
        b, c = x.shape[:2]
        taps = self.k ** 2
        pooled = self.channel_branch[1](x.mean((2, 3), keepdim=True)).relu()
        channel = self.channel_branch[3](pooled).view(b, c, taps)
        channel = filter_norm(channel) * self.channel_branch[4].std.double().view(c, taps)
        spatial = self.spatial_branch[0](x)
        spatial = spatial.view(b, self.head, taps, *spatial.shape[2:])
        spatial = filter_norm(spatial) * self.scale
        return self.ddf(x, channel, spatial.flatten(1, 2))


@layer
def decoupled_dynamic_filter_pack():
    def add(case, shape, **config):
        save(case, "DecoupledDynamicFilterPack", config, DdfPack(**config),
             {"x": torch.randn(shape)})

    add("decoupled_dynamic_filter_pack", (2, 17, 6, 9), in_channels=17)
    add("decoupled_dynamic_filter_pack_add", (1, 10, 5, 7), in_channels=10, kernel_combine="add",
        nonlinearity="linear")
    add("decoupled_dynamic_filter_pack_options", (3, 12, 8, 6), in_channels=12, kernel_size=5,
        dilation=2, stride=2, head=3, se_ratio=0.5, nonlinearity="leaky_relu")


if __name__ == "__main__":
    main()
