"""Golden values of layers of dynamic width. Run: python apply_width.py"""

import math

import torch
import torch.nn.functional as F
from torch import nn

from golden import layer, main, map_of, save


class StagedConv2d(nn.Module):
    """One convolution per stage, on the maps that it reads."""

    def __init__(self, in_channels, out_channels, kernel_size, points, reuse, stride=1, padding=0,
                 bias=True):
        super().__init__()
        begins, groups = [0] + points[:-1], points[-1]
        self.parts = [(a * in_channels // groups, b * in_channels // groups)
                      for a, b in zip(begins, points)]
        self.reuse = reuse
        self.stages = nn.ModuleList(
            nn.Conv2d(sum(self.parts[j][1] - self.parts[j][0] for j in reads),
                      (b - a) * out_channels // groups, kernel_size, stride, padding, bias=bias)
            for a, b, reads in zip(begins, points, reuse))

    def forward(self, x):
        return torch.cat([
            conv(torch.cat([x[:, slice(*self.parts[j])] for j in reads], 1))
            for conv, reads in zip(self.stages, self.reuse)], 1)


@layer
def staged_conv2d():
    shape = {"in_channels": 8, "out_channels": 12, "kernel_size": 3, "padding": 1}
    save("staged_conv2d", "StagedConv2d", shape | {"points": [1, 2, 4]},
         StagedConv2d(**shape, points=[1, 2, 4], reuse=[[0], [0, 1], [0, 1, 2]]),
         map_of(2, 8, 7, 5))
    odd = {"in_channels": 9, "out_channels": 6, "kernel_size": [3, 1], "stride": 2,
           "bias": False, "points": [1, 2, 3]}
    save("staged_conv2d_partial", "StagedConv2d", odd | {"reuse": [1, 0, 0, 0, 1, 0, 1, 0, 1]},
         StagedConv2d(**odd, reuse=[[0], [1], [0, 2]]), map_of(3, 9, 8, 6))
    save("staged_conv2d_none", "StagedConv2d", shape | {"points": [3, 4], "reuse": "none"},
         StagedConv2d(**shape, points=[3, 4], reuse=[[0], [1]]), map_of(1, 8, 4, 9))


class DynamicLinear(nn.Linear):
    """The whole product, then the units that the scores choose."""

    def __init__(self, in_features, out_features, bias, chosen):
        super().__init__(in_features, out_features, bias)
        self.chosen = chosen

    def forward(self, x, scores):
        return super().forward(x) * self.chosen(scores)


@layer
def dynamic_linear():
    def largest(scores, k):
        return torch.zeros_like(scores).scatter(1, scores.topk(k).indices, 1)

    def winners(scores, density):
        k = math.ceil(density * scores.shape[1])
        return (scores > scores.sort(descending=True).values[:, k:k + 1]).float()

    for case, config, chosen in [
            ("dynamic_linear", {"bias": False}, lambda s: (s != 0).float()),
            ("dynamic_linear_top", {"select": "top", "k": 3}, lambda s: largest(s, 3)),
            ("dynamic_linear_winners", {"select": "winners", "density": 0.4},
             lambda s: winners(s, 0.4))]:
        scores = torch.randn(5, 11)
        if case == "dynamic_linear":
            scores = scores * (torch.rand(5, 11) > 0.5)
        config = {"in_features": 7, "out_features": 11} | config
        save(case, "DynamicLinear", config,
             DynamicLinear(7, 11, config.get("bias", True), chosen),
             {"x": torch.randn(5, 7), "scores": scores},
             run=lambda module, i: {"y": module(i["x"], i["scores"])})


class FeatureBoosted(nn.Module):
    """Everything dense, then the winners: written down from the paper and from FBS-practice."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0,
                 sparsity_ratio=1.0, saliency="avg", variant="reference"):
        super().__init__()
        affine = variant == "boosted_norm"
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=affine)
        self.bn = nn.BatchNorm2d(out_channels, affine=affine)
        self.weights = nn.Parameter(torch.empty(out_channels, in_channels))
        self.bias = nn.Parameter(torch.empty(out_channels))
        if not affine:
            self.beta = nn.Parameter(torch.empty(out_channels))
        self.ratio, self.saliency, self.affine = sparsity_ratio, saliency, affine

    def forward(self, x):
        flat = x.flatten(2)
        s = {"avg": lambda: flat.mean(2), "max": lambda: flat.max(2).values,
             "l1": lambda: flat.abs().mean(2), "l2": lambda: flat.pow(2).mean(2)}[self.saliency]()
        g = F.relu(F.linear(s, self.weights, self.bias))
        count = g.shape[1]
        if self.affine:
            losers = g.topk(count - int(self.ratio * count), largest=False).indices
            mask = torch.ones_like(g).scatter(1, losers, 0)
        else:
            k = math.ceil(self.ratio * count)
            ordered = g.sort(descending=True).values
            mask = (g > ordered[:, k:k + 1]).float() if k < count else torch.ones_like(g)
        y = self.bn(self.conv(x)) * g[..., None, None]
        if not self.affine:
            y = y + self.beta[:, None, None]
        return F.relu(y * mask[..., None, None])


@layer
def feature_boosted():
    shape = {"in_channels": 5, "out_channels": 11, "kernel_size": 3, "padding": 1}
    for case, more in [
            ("feature_boosted", {"sparsity_ratio": 0.5}),
            ("feature_boosted_norm", {"sparsity_ratio": 0.4, "variant": "boosted_norm",
                                      "saliency": "max", "stride": 2}),
            ("feature_boosted_l2", {"sparsity_ratio": 0.7, "saliency": "l2"})]:
        config = shape | more
        save(case, "FeatureBoostedConv2d", config, FeatureBoosted(**config), map_of(3, 5, 7, 6))


class ChannelGated(nn.Conv2d):
    """Both convolutions as a whole; formula and names of dnn-gating's CGConv2d."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0,
                 use_group=False, shuffle=False, p=4, th=-6.0):
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(out_channels, affine=False)
        mask, (i, o) = torch.zeros_like(self.weight), (in_channels // p, out_channels // p)
        for g in range(p):
            if use_group:
                mask[g * o:(g + 1) * o, g * i:(g + 1) * i] = 1
            else:
                mask[:, :i] = 1
        # Kept out of the random values; it is saved with the weights all the same.
        self.pattern = mask
        self.register_buffer("mask", mask.clone())
        self.threshold = nn.Parameter(torch.full((1, out_channels, 1, 1), th))
        self.shuffle, self.p = shuffle, p

    def forward(self, x):
        self.mask.copy_(self.pattern)
        if self.shuffle:
            n, c, h, w = x.shape
            x = x.view(n, self.p, c // self.p, h, w).transpose(1, 2).reshape(n, c, h, w)
        partial = F.conv2d(x, self.weight * self.mask, None, self.stride, self.padding)
        whole = super().forward(x)
        return torch.where(self.bn(partial) > self.threshold, whole, partial)


@layer
def channel_gated():
    shape = {"in_channels": 8, "out_channels": 12, "kernel_size": 3, "padding": 1}
    for case, more in [("channel_gated", {"p": 3}),
                       ("channel_gated_group", {"use_group": True, "stride": 2}),
                       ("channel_gated_shuffle", {"use_group": True, "shuffle": True, "p": 2})]:
        config = shape | more
        save(case, "ChannelGatedConv2d", config, ChannelGated(**config), map_of(2, 8, 7, 6))


class DeepMoE(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, embedding, **options):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, bias=False, **options)
        self.gate = nn.Linear(embedding, out_channels, bias=False)


@layer
def deep_moe():
    config = {"in_channels": 5, "out_channels": 9, "kernel_size": 3, "stride": 2, "padding": 1,
              "embedding": 6}
    inputs = map_of(4, 5, 7, 6) | {"embedding": torch.randn(4, 6)}
    save("deep_moe", "DeepMoEConv2d", config, DeepMoE(**config), inputs,
         run=lambda m, i: {"y": F.relu(m.gate(i["embedding"]))[..., None, None] * m.conv(i["x"])})


class SemanticHash(nn.Module):
    def __init__(self, features, bottleneck, units):
        super().__init__()
        self.encoder = nn.Linear(features, bottleneck)
        self.decoder = nn.Linear(bottleneck, units)


@layer
def semantic_hash_gate():
    def run(module, inputs):
        logits = module.decoder(F.relu(module.encoder(inputs["x"])))
        scores = (1.2 * logits.sigmoid() - 0.1).clamp(0, 1)
        return {"y": (scores > 0.5).float(), "scores": scores}

    config = {"features": 7, "bottleneck": 5, "units": 13}
    save("semantic_hash_gate", "SemanticHashGate", config, SemanticHash(**config),
         {"x": 4 * torch.randn(6, 7)}, run=run)


if __name__ == "__main__":
    main()
