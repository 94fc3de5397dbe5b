"""Golden values for `protean apply`: deformable layers and sampling; see golden.py.

mmcv's and OpenGVLab's modules need a compiler or a GPU, so they are written down here from their
formulas, on torchvision's operator and PyTorch's grid_sample.
Run: python apply_deformable.py   (needs torch, torchvision, timm, safetensors)
"""

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import DeformConv2d, RoIAlign, deform_conv2d

from golden import main, save


def deformable_conv2d():
    def run(module, inputs):
        return {"y": module(inputs["x"], inputs["offset"], inputs.get("mask"))}

    def add(case, shape, out, points, masked=True, **config):
        inputs = {"x": torch.randn(shape), "offset": 2 * torch.randn(shape[0], 2 * points, *out)}
        if masked:
            inputs["mask"] = torch.rand(shape[0], points, *out)
        save(case, "DeformableConv2d", config, DeformConv2d(**config), inputs, run)

    add("deformable", (2, 3, 6, 5), (4, 3), 9, masked=False, in_channels=3, out_channels=4,
        kernel_size=3)
    add("deformable_options", (1, 8, 7, 6), (4, 8), 12, in_channels=8, out_channels=6,
        kernel_size=[3, 2], stride=[2, 1], padding=[1, 2], dilation=[1, 2], groups=2, bias=False)
    add("deformable_depthwise", (1, 17, 5, 6), (5, 6), 9, in_channels=17, out_channels=17,
        kernel_size=3, padding=1, groups=17)
    add("deformable_empty", (0, 3, 5, 4), (5, 4), 9, in_channels=3, out_channels=2, kernel_size=3,
        padding=1)


class Pack(nn.Module):
    """mmcv's layers with their own offset convolution, from their description."""

    def __init__(self, modulated, in_channels, out_channels, kernel_size, stride=1, padding=0,
                 dilation=1, groups=1, deform_groups=1, bias=True, name="conv_offset"):
        super().__init__()
        self.modulated, self.options = modulated, (stride, padding, dilation)
        kernel = kernel_size if isinstance(kernel_size, list) else [kernel_size] * 2
        self.points, self.name = deform_groups * kernel[0] * kernel[1], name
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *kernel))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        setattr(self, name, nn.Conv2d(in_channels, self.points * (3 if modulated else 2), kernel,
                                      stride, padding, dilation))

    def forward(self, x):
        predicted = getattr(self, self.name)(x)
        offset, mask = predicted[:, :2 * self.points], predicted[:, 2 * self.points:]
        return deform_conv2d(x, offset, self.weight, self.bias, *self.options,
                             mask=mask.sigmoid() if self.modulated else None)


def packs():
    def add(case, layer, shape, name="conv_offset", **config):
        module = Pack(layer.startswith("Modulated"), name=name,
                      **({"bias": False} if layer.startswith("Def") else {}) | config)
        save(case, layer, config, module, {"x": torch.randn(shape)})

    for case, layer in (("deformable_pack", "DeformableConv2dPack"),
                        ("modulated", "ModulatedDeformableConv2d")):
        add(case, layer, (2, 4, 6, 5), in_channels=4, out_channels=5, kernel_size=3, padding=1)
        add(f"{case}_options", layer, (1, 6, 9, 8), in_channels=6, out_channels=4,
            kernel_size=[2, 3], stride=[1, 2], padding=[0, 2], dilation=[2, 1], groups=2,
            deform_groups=3)
    add("modulated_old_name", "ModulatedDeformableConv2d", (1, 3, 5, 4), name="conv_offset_mask",
        in_channels=3, out_channels=2, kernel_size=3, padding=1, bias=False)


def aggregate(u, offset, mask, k, pad, dilation, groups, scale, remove_center):
    """The core of DCNv3: u [B,H,W,C], offset [B,H,W,G,P,2] as (x, y), mask [B,H,W,G,P]."""
    b, h, w, c = u.shape
    half = dilation * (k - 1) // 2
    places = [(i, j) for i in range(k) for j in range(k)
              if not (remove_center and i == j == k // 2)]
    grid = torch.tensor(places, dtype=u.dtype) * dilation
    rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    origin = torch.stack([columns, rows], -1)[None, :, :, None, None] - pad + half - half * scale
    position = origin + (grid + offset) * scale
    size = torch.tensor([w, h])
    position = (2 * position + 1) / size - 1
    maps = u.permute(0, 3, 1, 2).reshape(b * groups, c // groups, h, w)
    points = len(places)
    flat = position.permute(0, 3, 1, 2, 4, 5).reshape(b * groups, h * w, points, 2)
    sampled = F.grid_sample(maps, flat, align_corners=False)
    weights = mask.permute(0, 3, 1, 2, 4).reshape(b * groups, 1, h * w, points)
    return (sampled * weights).sum(-1).view(b, c, h, w).permute(0, 2, 3, 1)


class DCNBase(nn.Module):
    def core(self, u, offset, mask):
        b, h, w, _ = u.shape
        o = self.o
        return aggregate(
            u, offset.view(b, h, w, o["group"], -1, 2), mask.view(b, h, w, o["group"], -1),
            o["kernel_size"], o["pad"], o["dilation"], o["group"], o["offset_scale"],
            o["remove_center"])

    def gate(self, z, u, t):
        if not self.o["center_feature_scale"]:
            return z
        s = torch.sigmoid(F.linear(t, self.center_feature_scale_proj_weight,
                                   self.center_feature_scale_proj_bias))
        s = s.repeat_interleave(u.shape[-1] // self.o["group"], -1)
        return z * (1 - s) + u * s

    def add_gate(self):
        if self.o["center_feature_scale"]:
            c, g = self.o["channels"], self.o["group"]
            self.center_feature_scale_proj_weight = nn.Parameter(torch.empty(g, c))
            self.center_feature_scale_proj_bias = nn.Parameter(torch.empty(g))


class ToLast(nn.Module):
    def forward(self, x):
        return x.permute(0, 2, 3, 1)


ACTIVATIONS = {"GELU": nn.GELU, "ReLU": nn.ReLU, "SiLU": nn.SiLU}
COMMON = {"channels": 64, "kernel_size": 3, "dw_kernel_size": None, "stride": 1, "pad": 1,
          "dilation": 1, "group": 4, "offset_scale": 1.0, "center_feature_scale": False,
          "remove_center": False}


class DCNv3(DCNBase):
    def __init__(self, **config):
        super().__init__()
        self.o = o = COMMON | {"act_layer": "GELU", "norm_layer": "LN"} | config
        c, size = o["channels"], o["dw_kernel_size"] or o["kernel_size"]
        entries = o["group"] * (o["kernel_size"] ** 2 - o["remove_center"])
        norm = [ToLast(), nn.LayerNorm(c, eps=1e-6)] if o["norm_layer"] == "LN" else [
            nn.BatchNorm2d(c), ToLast()]
        self.dw_conv = nn.Sequential(
            nn.Conv2d(c, c, size, padding=(size - 1) // 2, groups=c), nn.Sequential(*norm),
            ACTIVATIONS[o["act_layer"]]())
        self.offset, self.mask = nn.Linear(c, 2 * entries), nn.Linear(c, entries)
        self.input_proj, self.output_proj = nn.Linear(c, c), nn.Linear(c, c)
        self.add_gate()

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        u, t = self.input_proj(x), self.dw_conv(x.permute(0, 3, 1, 2))
        mask = self.mask(t).view(*x.shape[:3], self.o["group"], -1).softmax(-1)
        z = self.gate(self.core(u, self.offset(t), mask), u, t)
        return self.output_proj(z).permute(0, 3, 1, 2)


class DCNv4(DCNBase):
    def __init__(self, **config):
        super().__init__()
        self.o = o = COMMON | {"output_bias": True, "without_pointwise": False} | config
        c, size = o["channels"], o["dw_kernel_size"]
        self.points = o["kernel_size"] ** 2 - o["remove_center"]
        if size:
            self.offset_mask_dw = nn.Conv2d(c, c, size, padding=(size - 1) // 2, groups=c)
        self.offset_mask = nn.Linear(c, -(-3 * o["group"] * self.points // 8) * 8)
        if not o["without_pointwise"]:
            self.value_proj = nn.Linear(c, c)
            self.output_proj = nn.Linear(c, c, bias=o["output_bias"])
        self.add_gate()

    def forward(self, x):
        filtered = self.offset_mask_dw(x) if self.o["dw_kernel_size"] else x
        x, filtered = x.permute(0, 2, 3, 1), filtered.permute(0, 2, 3, 1)
        plain, groups = self.o["without_pointwise"], self.o["group"]
        u = x if plain else self.value_proj(x)
        given = self.offset_mask(filtered)[..., :3 * groups * self.points]
        given = given.reshape(*x.shape[:3], groups, 3 * self.points)
        z = self.core(u, given[..., :2 * self.points].contiguous(),
                      given[..., 2 * self.points:].contiguous())
        z = self.gate(z, u, z)
        return (z if plain else self.output_proj(z)).permute(0, 3, 1, 2)


def dcn():
    def add(case, layer, shape, **config):
        module = {"DCNv3": DCNv3, "DCNv4": DCNv4}[layer](**config)
        save(case, layer, config, module, {"x": torch.randn(shape)})

    add("dcnv3", "DCNv3", (2, 16, 5, 6), channels=16, group=2)
    add("dcnv3_options", "DCNv3", (1, 12, 6, 4), channels=12, group=3, kernel_size=5, pad=4,
        dilation=2, offset_scale=0.5, remove_center=True, center_feature_scale=True,
        dw_kernel_size=3, act_layer="SiLU", norm_layer="BN")
    add("dcnv4", "DCNv4", (2, 16, 5, 6), channels=16, group=2)
    add("dcnv4_options", "DCNv4", (1, 12, 6, 4), channels=12, group=3, kernel_size=3, pad=2,
        dilation=2, offset_scale=2, remove_center=True, center_feature_scale=True,
        dw_kernel_size=3, output_bias=False)
    add("dcnv4_bare", "DCNv4", (1, 6, 4, 5), channels=6, group=2, without_pointwise=True)


class LocalDeformKernel(nn.Module):
    """hangg7's depthwise layer, from its formula; in double, because grid_sample's detour over
    positions in -1 ... 1 costs digits."""

    def __init__(self, weight_shape, in_planes, out_planes, kernel_size=1, stride=1, padding=0,
                 dilation=1, groups=1, rotation_groups=1, rotation_clip=None):
        super().__init__()
        self.k, self.groups, self.scope = kernel_size, rotation_groups, weight_shape
        self.clip, self.options = rotation_clip, (dilation, padding, stride)
        self.rotation_conv = nn.Conv2d(in_planes, 2 * rotation_groups * kernel_size ** 2,
                                       kernel_size, stride, padding, dilation)
        self.inner_conv = nn.Conv2d(in_planes, in_planes, weight_shape, groups=in_planes,
                                    bias=False)

    def forward(self, x):
        b, c = x.shape[:2]
        rotation, x = self.rotation_conv(x).double(), x.double()
        h, w = rotation.shape[2:]
        taps, size = self.k ** 2, torch.tensor(self.scope)
        grid = torch.stack(torch.meshgrid(torch.arange(self.k), torch.arange(self.k),
                                          indexing="ij"), -1).reshape(1, 1, taps, 2, 1)
        place = rotation.view(b, self.groups, taps, 2, h * w) + grid + (
            (size - self.k) / 2).view(2, 1)
        if self.clip:
            place = place.clamp(0, self.scope[0] - 1)
        place = place[:, torch.arange(c) % self.groups].transpose(0, 1)  # [C, B, taps, 2, L]
        position = (2 * place.transpose(3, 4).flip(-1) / (size.flip(0) - 1) - 1)
        kernels = F.grid_sample(self.inner_conv.weight.double(), position.reshape(c, 1, -1, 2),
                                align_corners=True)
        kernels = kernels.view(c, b, taps, h * w).transpose(0, 1)
        pixels = F.unfold(x, self.k, *self.options).view(b, c, taps, h * w)
        return (pixels * kernels).sum(2).view(b, c, h, w).float()


def deformable_kernels():
    def add(case, shape, **config):
        c = shape[1]
        config = {"in_planes": c, "out_planes": c, "groups": c} | config
        save(case, "DeformableKernelConv2d", config, LocalDeformKernel(**config),
             {"x": torch.randn(shape)})

    add("deformable_kernel", (2, 6, 6, 5), weight_shape=[4, 4], kernel_size=3, padding=1)
    add("deformable_kernel_options", (1, 12, 9, 8), weight_shape=[5, 4], kernel_size=3, stride=2,
        padding=2, dilation=2, rotation_groups=3, rotation_clip="scope")


class Function(nn.Module):
    """A function of PyTorch's as a module without parameters."""

    def __init__(self, call):
        super().__init__()
        self.call = call


def sampling():
    def run(module, inputs):
        return {"y": module.call(**inputs)}

    def add(case, layer, config, call, inputs, plain=()):
        save(case, layer, config, Function(call), inputs, run, plain)

    def sample(mode="bilinear", padding_mode="zeros", align_corners=False):
        return lambda x, grid: F.grid_sample(x, grid, mode, padding_mode, align_corners)

    inputs = {"x": torch.randn(2, 3, 5, 4), "grid": torch.rand(2, 3, 6, 2) * 2.6 - 1.3}
    add("grid_sample", "GridSample", {}, sample(), inputs, ["input.grid"])
    config = {"mode": "bicubic", "padding_mode": "reflection", "align_corners": True}
    add("grid_sample_options", "GridSample", config, sample(**config), inputs, ["input.grid"])

    theta = torch.tensor([[1.0, 0, 0], [0, 1, 0]]) + 0.3 * torch.randn(2, 2, 3)
    size = [2, 3, 4, 7]
    add("affine_grid", "AffineGrid", {"size": size}, lambda theta: F.affine_grid(
        theta, size, align_corners=False), {"theta": theta}, ["output.y"])
    config = {"mode": "nearest", "padding_mode": "border", "align_corners": True}
    add("spatial_transformer", "SpatialTransformer", {},
        lambda x, theta: F.grid_sample(
            x, F.affine_grid(theta, list(x.shape), align_corners=False), align_corners=False),
        {"x": inputs["x"], "theta": theta})
    add("spatial_transformer_options", "SpatialTransformer", config,
        lambda x, theta: F.grid_sample(
            x, F.affine_grid(theta, list(x.shape), align_corners=True), **config),
        {"x": inputs["x"], "theta": theta})

    config = {"output_size": [3, 2], "spatial_scale": 0.5, "sampling_ratio": 2, "aligned": True}
    boxes = torch.tensor([[0, 1.0, 2, 9, 8], [1, -2, 3, 5.5, 12]])
    add("roi_align", "RoIAlign", config, lambda x, boxes: RoIAlign(**config)(x, boxes),
        {"x": torch.randn(2, 4, 6, 7), "boxes": boxes})


def volumes():
    def run(module, inputs):
        return {"y": module.call(**inputs)}

    config = {"padding_mode": "reflection", "align_corners": True}
    save("grid_sample_volume", "GridSample", config,
         Function(lambda x, grid: F.grid_sample(x, grid, **config)),
         {"x": torch.randn(2, 3, 4, 5, 3), "grid": torch.rand(2, 2, 3, 6, 3) * 2.6 - 1.3}, run,
         ["input.grid"])
    size = [2, 3, 4, 5, 7]
    save("affine_grid_volume", "AffineGrid", {"size": size},
         Function(lambda theta: F.affine_grid(theta, size, align_corners=False)),
         {"theta": torch.randn(2, 3, 4)}, run, ["output.y"])


if __name__ == "__main__":
    main(seed=1, sequence=[deformable_conv2d, packs, dcn, sampling, deformable_kernels, volumes])
