"""Golden values for `protean apply`: convolutions that compute some of their outputs.

Written down from their papers' formulas, densely, on PyTorch's operators; see golden.py.
Run: python apply_perforated.py   (needs torch, torchvision, timm, safetensors)
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from apply_masks import some
from golden import main, map_of, save

CONV = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups",
        "bias")


def conv_of(config, **other):
    return nn.Conv2d(**({k: v for k, v in config.items() if k in CONV} | other))


def pair(value):
    return value if isinstance(value, list) else [value, value]


# ---------------------------------------------------------------- SBNet

def sparse_blocks(conv, inputs, bsize, tol=0.5, avgpool=False, add=False, padding=0, **_):
    """Blocks beside each other on the output; each is computed from its input block alone."""
    (ph, pw), (bh, bw), (sh, sw) = pair(padding), pair(bsize), conv.stride
    x = F.pad(inputs["x"], (pw, pw, ph, ph))
    height, width = conv(x).shape[2:]
    oh, ow = (bh - conv.kernel_size[0]) // sh + 1, (bw - conv.kernel_size[1]) // sw + 1
    # Blocks may reach beyond the padded map, where they read zeros that no output keeps.
    x = F.pad(x, (0, bw, 0, bh))
    fill = 0.0 if avgpool else -float("inf")
    mask = F.pad(inputs["mask"], (pw, pw + bw, ph, ph + bh), value=fill)
    base = inputs.get("base", torch.zeros(len(x), conv.out_channels, height, width))
    y, listed = base.clone(), []
    for n in range(len(x)):
        for top in range(0, height, oh):
            for left in range(0, width, ow):
                rows = slice(top * sh, top * sh + bh)
                columns = slice(left * sw, left * sw + bw)
                part = mask[n, 0, rows, columns]
                on = (part.mean() if avgpool else part.max()) > tol
                listed.append(on.float())
                if on:
                    tile = conv(x[n:n + 1, :, rows, columns])
                    keep = y[n:n + 1, :, top:top + oh, left:left + ow]
                    tile = tile[:, :, :keep.shape[2], :keep.shape[3]]
                    keep.copy_(keep + tile if add else tile)
    some(torch.stack(listed))
    return {"y": y}


def sbnet():
    cases = {
        "sparse_blocks": ((2, 4, 13, 17), 0.97, {
            "in_channels": 4, "out_channels": 6, "kernel_size": 3, "padding": 1, "bsize": 6}),
        "sparse_blocks_average": ((1, 3, 11, 20), 0, {
            "in_channels": 3, "out_channels": 5, "kernel_size": [3, 2], "bsize": [5, 7],
            "avgpool": True, "tol": 0.51, "padding": [1, 0], "bias": False}),
        "sparse_blocks_add": ((2, 6, 14, 15), 0.95, {
            "in_channels": 6, "out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1,
            "groups": 2, "bsize": [7, 5], "add": True}),
    }
    for case, (shape, rarity, config) in cases.items():
        conv = conv_of(config, padding=0)
        mask = torch.rand(shape[0], 1, *shape[2:])
        inputs = map_of(*shape) | {"mask": mask if rarity == 0 else (mask > rarity).float()}
        if "add" in config:
            padded = F.pad(inputs["x"], (1, 1, 1, 1))
            inputs["base"] = torch.randn(conv(padded).shape)
        save(case, "SparseBlocksConv", config, conv, inputs,
             lambda m, i, c=config: sparse_blocks(m, i, **c))


# ---------------------------------------------------------------- PerforatedCNNs

def perforated(conv, x, computed):
    """Each output takes the computed one at the least distance, of equals the first."""
    y = conv(x)
    height, width = y.shape[2:]
    points = computed.nonzero()
    places = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"),
                         -1).view(-1, 1, 2)
    squares = ((places - points) ** 2).sum(-1)
    nearest = [row.tolist().index(row.min().item()) for row in squares]
    source = points[nearest]
    return y[:, :, source[:, 0], source[:, 1]].view_as(y)


def highest(scores, rate):
    """⌊rate · outputs⌋ highest scores, of equals the first."""
    order = torch.sort(scores.flatten(), descending=True, stable=True).indices
    chosen = torch.zeros(scores.numel())
    chosen[order[:max(1, int(rate * scores.numel()))]] = 1
    return some(chosen.view_as(scores))


def perforation():
    def case_of(case, shape, points, **config):
        conv = conv_of(config)
        x = map_of(*shape)
        size = conv(x["x"]).shape[2:]
        computed, inputs = points(size)
        save(case, "PerforatedConv2d", config, conv, x | inputs,
             lambda m, i: {"y": perforated(m, i["x"], computed)})

    def given(size):
        mask = some(torch.rand(size) < 0.3)
        return mask, {"mask": mask}

    def impact(size):
        scores = torch.rand(size)
        return highest(scores, 0.4), {"scores": scores}

    def structure(size):
        """How many of the pooling layer's windows cover an output: 3 x 3, stride 2, padding 1."""
        ones = torch.ones(1, 1, *size)
        count = F.max_pool2d(ones, 3, 2, 1)
        covered = F.conv_transpose2d(count, torch.ones(1, 1, 3, 3), stride=2, padding=1)
        return highest(F.pad(covered, (0, 1, 0, 1))[0, 0, :size[0], :size[1]], 0.3), {}

    case_of("perforated", (2, 5, 9, 12), given, in_channels=5, out_channels=7, kernel_size=3,
            padding=1)
    case_of("perforated_impact", (1, 4, 17, 11), impact, in_channels=4, out_channels=6,
            kernel_size=[3, 2], stride=[2, 1], padding=[1, 0], dilation=[1, 2], groups=2,
            bias=False, mask="impact", rate=0.4)
    case_of("perforated_structure", (2, 3, 10, 13), structure, in_channels=3, out_channels=4,
            kernel_size=3, padding=1, mask="pooling_structure", rate=0.3, pool_size=3,
            pool_stride=2, pool_padding=1)


# ---------------------------------------------------------------- LCCL, DeltaCNN

class LowCost(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, low_cost="shared",
                 low_cost_kernel_size=3):
        super().__init__()
        shared = low_cost == "shared"
        size, outputs = (low_cost_kernel_size, 1) if shared else (1, out_channels)
        for prefix, (h, w), o in (("", pair(kernel_size), out_channels),
                                  ("lc_", pair(size), outputs)):
            setattr(self, prefix + "conv", nn.Conv2d(
                in_channels, o, (h, w), stride, (h // 2, w // 2), bias=False))
            setattr(self, prefix + "bn", nn.BatchNorm2d(o))

    def forward(self, x):
        cheap = F.relu(self.lc_bn(self.lc_conv(x)))
        some(cheap > 0)
        return F.relu(self.bn(self.conv(x))) * cheap


def low_cost():
    for case, shape, config in [
        ("low_cost", (2, 6, 9, 11), {"in_channels": 6, "out_channels": 9}),
        ("low_cost_options", (1, 5, 12, 7), {
            "in_channels": 5, "out_channels": 8, "kernel_size": [5, 3], "stride": 2,
            "low_cost_kernel_size": [1, 5]}),
        ("low_cost_pointwise", (2, 4, 8, 13), {
            "in_channels": 4, "out_channels": 3, "low_cost": "pointwise"}),
    ]:
        save(case, "LowCostCollaborativeConv2d", config, LowCost(**config), map_of(*shape))


def changes(conv, frames, norm, threshold):
    """The convolution of what was passed on: pixels whose change is above the threshold."""
    kept, outputs, passed = frames[:1].clone(), [], []
    size = {"max": lambda d: d.abs().amax(1, True), "l1": lambda d: d.abs().sum(1, True),
            "l2": lambda d: d.square().sum(1, True).sqrt()}[norm]
    for t in range(len(frames)):
        moved = size(frames[t:t + 1] - kept) > threshold
        passed.append(moved.float())
        kept = torch.where(moved, frames[t:t + 1], kept)
        outputs.append(conv(kept))
    some(torch.stack(passed))
    return {"y": torch.cat(outputs)}


def delta():
    for case, shape, share, config in [
        ("delta_conv", (4, 5, 9, 12), 0.2, {"in_channels": 5, "out_channels": 6, "kernel_size": 3,
                                            "padding": 1}),
        ("delta_conv_threshold", (5, 4, 11, 8), 1, {
            "in_channels": 4, "out_channels": 6, "kernel_size": 3, "stride": 2, "groups": 2,
            "bias": False, "delta_threshold": 0.9, "norm": "l2"}),
    ]:
        steps = torch.randn(shape) * 0.4
        steps[1:] *= (torch.rand(shape[0] - 1, 1, *shape[2:]) < share).float()
        save(case, "DeltaConv2d", config, conv_of(config), {"x": steps.cumsum(0)},
             lambda m, i, c=config: changes(m, i["x"], c.get("norm", "max"),
                                            c.get("delta_threshold", 0)))


def sequence(layers, x, norm="max", delta_threshold=0):
    """Steps one after the other, each of what the one before it has passed on.

    A convolution, the batch norm and the activation behind it are one step.
    """
    sizes = {"max": lambda d: d.abs().amax(1, True), "l1": lambda d: d.abs().sum(1, True),
             "l2": lambda d: d.square().sum(1, True).sqrt()}[norm]
    kinds = [(nn.Conv2d,), (nn.BatchNorm2d,), (nn.ReLU, nn.Sigmoid, nn.Hardswish)]
    steps, rank = [], 3
    for layer in layers:
        now = next(k for k, kind in enumerate(kinds) if isinstance(layer, kind))
        # Only what is in front of it in `kinds` and follows a convolution is one step with it.
        joins = steps and isinstance(steps[-1][0], nn.Conv2d) and now > rank
        steps[-1].append(layer) if joins else steps.append([layer])
        rank = now
    for step in steps:
        kept, outputs, passed = x[:1].clone(), [], []
        for frame in x.split(1):
            size = sizes(frame - kept)
            # Rounding must not decide.
            assert not delta_threshold or (size - delta_threshold).abs().min() > 1e-5
            moved = size > delta_threshold
            passed.append(moved.double().mean().item())
            kept = torch.where(moved, frame, kept)
            outputs.append(nn.Sequential(*step)(kept))
        x = torch.cat(outputs)
        # Every step passes on some changes and keeps others.
        assert any(0.02 < share < 0.98 for share in passed), passed
    return {"y": x.float()}


def module_of(layer):
    if isinstance(layer, str):
        return getattr(nn, layer)()
    config = {k: v for k, v in layer.items() if k != "layer"}
    return getattr(nn, layer["layer"])(**config)


def delta_sequential():
    def conv(inputs, outputs, size, **other):
        return {"layer": "Conv2d", "in_channels": inputs, "out_channels": outputs,
                "kernel_size": size} | other

    def norm(channels, **other):
        return {"layer": "BatchNorm2d", "num_features": channels} | other

    for case, shape, share, scale, config in [
        ("delta_sequential", (4, 5, 11, 14), 0.05, 1, {"layers": [
            conv(5, 12, 3, padding=1, bias=False), norm(12), "ReLU",
            conv(12, 7, [3, 5], padding=[1, 2]), "Sigmoid", conv(7, 9, 1)]}),
        ("delta_sequential_threshold", (6, 3, 9, 12), 1, 0.3, {"layers": [
            norm(3, eps=0.01), "Hardswish", conv(3, 8, 3, stride=2, padding=1), "ReLU",
            conv(8, 8, 3, padding=2, dilation=2, groups=4), norm(8, affine=False)],
            "delta_threshold": 0.15}),
        ("delta_sequential_l1", (5, 4, 7, 8), 1, 0.2, {"layers": [
            conv(4, 6, [2, 3]), "ReLU", conv(6, 5, 3, stride=[1, 2])],
            "delta_threshold": 0.7, "norm": "l1"}),
    ]:
        steps = torch.randn(shape)
        steps[1:] *= scale * (torch.rand(shape[0] - 1, 1, *shape[2:]) < share).float()
        layers = nn.Sequential(*map(module_of, config["layers"]))
        options = {k: v for k, v in config.items() if k != "layers"}
        save(case, "DeltaSequential", config, layers, {"x": steps.cumsum(0)},
             lambda m, i, o=options: sequence(copy.deepcopy(m).double(), i["x"].double(), **o))


if __name__ == "__main__":
    main(seed=0, sequence=[sbnet, perforation, low_cost, delta, delta_sequential])
