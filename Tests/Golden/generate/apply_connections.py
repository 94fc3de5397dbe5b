"""Golden values for `protean apply`: kernels of other shapes and connections; see golden.py.

The authors' modules need CUDA, Caffe or TensorFlow 1, so they are written down here from their
formulas.
Run: python apply_connections.py   (needs torch, torchvision, timm, safetensors)
"""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import deform_conv2d, roi_align

from golden import main, save


class GlobalDeformKernel(nn.Module):
    """hangg7's layer with one kernel per sample, from its formula: cells are weighed one by one."""

    def __init__(self, weight_shape, in_planes, out_planes, kernel_size=1, stride=1, padding=0,
                 dilation=1, groups=1):
        super().__init__()
        self.k, self.scope, self.groups = kernel_size, weight_shape, groups
        self.options = {"stride": stride, "padding": padding, "dilation": dilation}
        self.weight = nn.Parameter(torch.empty(out_planes, in_planes // groups, *weight_shape))
        self.fc = nn.Linear(in_planes, 2 * kernel_size ** 2)

    def forward(self, x):
        k, (rows, columns) = self.k, self.scope
        moved = self.fc(x.mean((2, 3))).view(len(x), k * k, 2).double()
        base = torch.tensor([[i + (rows - k) / 2, j + (columns - k) / 2]
                             for i in range(k) for j in range(k)])
        place = (base + moved).clamp(0, rows - 1)
        near = [(1 - (place[..., axis, None] - torch.arange(size)).abs()).clamp(min=0)
                for axis, size in enumerate(self.scope)]
        kernels = torch.einsum("ntr,nts,ocrs->noct", *near, self.weight.double())
        y = [F.conv2d(one[None].double(), kernel.view(*kernel.shape[:2], k, k),
                      groups=self.groups, **self.options) for one, kernel in zip(x, kernels)]
        return torch.cat(y).float()


def global_deformable_kernels():
    def add(case, shape, **config):
        save(case, "GlobalDeformableKernelConv2d", config, GlobalDeformKernel(**config),
             {"x": torch.randn(shape)})

    add("global_deformable_kernel", (3, 5, 6, 7), weight_shape=[2, 2], in_planes=5, out_planes=4)
    add("global_deformable_kernel_options", (2, 6, 9, 8), weight_shape=[5, 4], in_planes=6,
        out_planes=9, kernel_size=3, stride=2, padding=2, dilation=2, groups=3)
    add("global_deformable_kernel_depthwise", (2, 17, 5, 6), weight_shape=[3, 5], in_planes=17,
        out_planes=17, kernel_size=3, padding=1, groups=17)


class DisplacedDeformKernel(nn.Module):
    """hangg7's layer that displaces the input, on torchvision's operator."""

    def __init__(self, weight_shape, in_planes, out_planes, kernel_size=1, stride=1, padding=0,
                 dilation=1, groups=1):
        super().__init__()
        self.k, self.scope, self.options = kernel_size, weight_shape, (stride, padding, dilation)
        self.offset_conv = nn.Conv2d(in_planes, 2 * kernel_size ** 2, kernel_size, *self.options)
        self.inner_conv = nn.Conv2d(in_planes, in_planes, weight_shape, groups=in_planes,
                                    bias=False)

    def forward(self, x):
        near = [(1 - (torch.arange(self.k)[:, None] + (size - self.k) / 2
                      - torch.arange(size)).abs()).clamp(min=0) for size in self.scope]
        kernel = torch.einsum("ir,js,ocrs->ocij", *near, self.inner_conv.weight)
        # In double: displacements of many pixels cost digits.
        offset = self.offset_conv.double()(x.double()) * self.options[2]
        self.offset_conv.float()
        return deform_conv2d(x.double(), offset, kernel.double(), None, *self.options).float()


def displaced_deformable_kernels():
    def add(case, shape, **config):
        config = {key: shape[1] for key in ("in_planes", "out_planes", "groups")} | config
        save(case, "DisplacedDeformableKernelConv2d", config, DisplacedDeformKernel(**config),
             {"x": torch.randn(shape)})

    add("displaced_deformable_kernel", (2, 6, 6, 5), weight_shape=[4, 4], kernel_size=3, padding=1)
    add("displaced_deformable_kernel_options", (1, 5, 9, 8), weight_shape=[2, 5], kernel_size=3,
        stride=2, padding=2, dilation=2)


class ActiveConv(nn.Module):
    """Jeon and Kim's layer: a tap is a blend of four shifted copies, then a 1x1 convolution."""

    def __init__(self, in_channels, num_output, kernel_size, stride=1, pad=0, position_group=1,
                 bias_term=True):
        super().__init__()
        k = kernel_size
        self.k, self.stride, self.pad, self.groups = k, stride, pad - k // 2, position_group
        self.weight = nn.Parameter(torch.empty(num_output, in_channels, k, k))
        self.bias = nn.Parameter(torch.empty(num_output)) if bias_term else None
        self.xpos = nn.Parameter(torch.empty(position_group, 1, k, k))
        self.ypos = nn.Parameter(torch.empty(position_group, 1, k, k))

    def forward(self, x):
        margin = 8
        rows, columns = [(size + 2 * self.pad - 1) // self.stride + 1 for size in x.shape[2:]]
        wide = F.pad(x.double(), [margin] * 4)

        def shifted(y, x):
            top, left = margin - self.pad + y, margin - self.pad + x
            return wide[:, :, top:, left:][:, :, ::self.stride, ::self.stride][
                :, :, :rows, :columns]

        def tap(y, x):
            y, x = float(y), float(x)
            iy, ix = math.floor(y), math.floor(x)
            dy, dx = y - iy, x - ix
            return ((1 - dy) * ((1 - dx) * shifted(iy, ix) + dx * shifted(iy, ix + 1)) +
                    dy * ((1 - dx) * shifted(iy + 1, ix) + dx * shifted(iy + 1, ix + 1)))

        parts = []
        for weight, ys, xs in zip(self.weight.double().chunk(self.groups), self.ypos, self.xpos):
            parts.append(sum(
                F.conv2d(tap(ys[0, i, j], xs[0, i, j]), weight[:, :, i, j, None, None])
                for i in range(self.k) for j in range(self.k)))
        y = torch.cat(parts, 1)
        return (y if self.bias is None else y + self.bias.double()[:, None, None]).float()


def active():
    def add(case, shape, **config):
        save(case, "ActiveConv2d", config, ActiveConv(**config), {"x": torch.randn(shape)})

    add("active_conv", (2, 3, 7, 6), in_channels=3, num_output=5, kernel_size=3, pad=1)
    add("active_conv_options", (1, 4, 9, 8), in_channels=4, num_output=6, kernel_size=3, stride=2,
        position_group=3, bias_term=False)
    add("active_conv_even", (1, 2, 6, 7), in_channels=2, num_output=3, kernel_size=2, pad=1)


def same(x, kernel, stride):
    """TensorFlow's padding: the odd row or column at the end."""
    pads = []
    for size in (x.shape[3], x.shape[2]):
        total = max(0, (-(-size // stride) - 1) * stride + kernel - size)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class DatasetAware(nn.Module):
    def __init__(self, in_channels, filters, size, strides=1, use_bias=True):
        super().__init__()
        self.stride = strides
        self.z3 = nn.Conv2d(in_channels, filters, 3, strides, bias=use_bias)
        self.z1 = nn.Conv2d(in_channels, filters, 1, strides, bias=use_bias)
        self.fc1, self.fc3 = nn.Linear(in_channels, filters), nn.Linear(filters, filters)
        self.PPP = nn.Parameter(torch.empty(3, 1, *size))
        self.sum = nn.Module()
        self.sum.bn = nn.BatchNorm2d(filters)

    def forward(self, x):
        p = self.PPP.softmax(0)
        mean = self.fc3(self.fc1(x.mean((2, 3))).relu())[:, :, None, None]
        z = p[0] * self.z3(same(x, 3, self.stride)) + p[1] * self.z1(x) + p[2] * mean
        return self.sum.bn(z).relu()


class PixelAware(nn.Module):
    def __init__(self, in_channels, filters, strides=1, use_bias=False):
        super().__init__()
        self.stride = strides
        self.conv2 = nn.Conv2d(in_channels, filters, 3, strides, bias=use_bias)
        self.conv2.bn = nn.BatchNorm2d(filters)
        self.fc1, self.fc2 = nn.Linear(in_channels, filters), nn.Linear(filters, filters)
        self.conv_c1 = nn.Conv2d(2 * filters, filters, 1, bias=use_bias)
        self.conv_c2 = nn.Conv2d(filters, filters, 1, bias=use_bias)

    def forward(self, x):
        z = self.conv2(same(x, 3, self.stride))
        mean = self.fc2(self.fc1(x.mean((2, 3))).relu())[:, :, None, None].expand_as(z)
        gate = self.conv_c2(self.conv_c1(torch.cat([z, mean], 1)).relu()).sigmoid()
        return self.conv2.bn(z + mean * gate).relu()


def adaptively_connected():
    def add(case, shape, variant="dataset-aware", **config):
        module = {"dataset-aware": DatasetAware, "pixel-aware": PixelAware}[variant](**config)
        save(case, "AdaptivelyConnectedConv2d", config | {"variant": variant}, module,
             {"x": torch.randn(shape)})

    add("adaptively_connected", (2, 5, 6, 7), in_channels=5, filters=4, size=[6, 7])
    add("adaptively_connected_strided", (3, 4, 8, 7), in_channels=4, filters=17, size=[4, 4],
        strides=2, use_bias=False)
    add("adaptively_connected_pixel", (2, 5, 6, 7), "pixel-aware", in_channels=5, filters=4)
    add("adaptively_connected_pixel_strided", (3, 4, 7, 8), "pixel-aware", in_channels=4,
        filters=17, strides=2, use_bias=True)


class DeformPool(nn.Module):
    """mmcv's operator, from its formula, as bins of torchvision's RoIAlign: a bin that moves is a
    box of its own."""

    def __init__(self, output_size, spatial_scale=1.0, sampling_ratio=0, gamma=0.1):
        super().__init__()
        self.size, self.scale = output_size, spatial_scale
        self.ratio, self.gamma = sampling_ratio, gamma

    def forward(self, x, rois, offset=None):
        rows, columns = self.size
        y = torch.zeros(len(rois), x.shape[1], rows, columns)
        for k, (sample, x1, y1, x2, y2) in enumerate(rois.double().tolist()):
            width, height = (x2 - x1) / columns, (y2 - y1) / rows
            for i in range(rows):
                for j in range(columns):
                    moved = [0, 0] if offset is None else offset[k, :, i, j].tolist()
                    left = x1 + j * width + self.gamma * (x2 - x1) * moved[0]
                    top = y1 + i * height + self.gamma * (y2 - y1) * moved[1]
                    box = torch.tensor([[sample, left, top, left + width, top + height]])
                    y[k, :, i, j] = roi_align(
                        x.double(), box.double(), (1, 1), self.scale, self.ratio,
                        aligned=True)[0, :, 0, 0]
        return y


def deform_roi_pool():
    rois = torch.tensor([[0, 1.0, 2, 9.3, 8.2], [1, -2, 3, 5.5, 12.7], [1, 4, 4, 4.5, 4.25]])

    def add(case, **config):
        inputs = {"x": torch.randn(2, 5, 6, 7), "rois": rois}
        if case != "deform_roi_pool_plain":
            inputs["offset"] = 2 * torch.randn(3, 2, *config["output_size"])
        save(case, "DeformRoIPool", config, DeformPool(**config), inputs,
             lambda module, given: {"y": module(**given)})

    add("deform_roi_pool", output_size=[3, 2])
    add("deform_roi_pool_plain", output_size=[2, 2], spatial_scale=0.5)
    add("deform_roi_pool_options", output_size=[2, 3], spatial_scale=0.75, sampling_ratio=2,
        gamma=0.3)


if __name__ == "__main__":
    main(seed=2, sequence=[
        global_deformable_kernels, active, adaptively_connected, deform_roi_pool, displaced_deformable_kernels])
