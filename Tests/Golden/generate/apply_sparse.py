"""Golden values for `protean apply`: layers that compute at some pixels only; see golden.py.

Their references need GPUs or other frameworks, so they are written down here from their formulas,
densely, on PyTorch's operators.
Run: python apply_sparse.py   (needs torch, torchvision, timm, safetensors)
"""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from apply_masks import some
from golden import main, map_of, save


class PointHead(nn.Module):
    """PointRend's subdivision with its standard point head, from its description."""

    def __init__(self, input_channels, num_classes, fc_dim=256, num_fc=3,
                 coarse_pred_each_layer=True, subdivision_steps=5, subdivision_num_points=784):
        super().__init__()
        self.again, self.hidden = coarse_pred_each_layer, num_fc
        self.steps, self.points = subdivision_steps, subdivision_num_points
        width = input_channels + num_classes
        for k in range(num_fc):
            setattr(self, f"fc{k + 1}", nn.Conv1d(width, fc_dim, 1))
            width = fc_dim + (num_classes if coarse_pred_each_layer else 0)
        self.predictor = nn.Conv1d(width, num_classes, 1)

    def head(self, fine, coarse):
        y = torch.cat((fine, coarse), 1)
        for k in range(self.hidden):
            y = F.relu(getattr(self, f"fc{k + 1}")(y))
            if self.again:
                y = torch.cat((y, coarse), 1)
        return self.predictor(y)

    def forward(self, fine, coarse):
        logits = coarse
        for _ in range(self.steps):
            logits = F.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False)
            n, k, h, w = logits.shape
            if k == 1:
                uncertainty = -logits[:, 0].abs()
            else:
                best = logits.topk(2, 1).values
                uncertainty = best[:, 1] - best[:, 0]
            count = min(self.points, h * w)
            chosen = uncertainty.flatten(1).topk(count, 1).indices
            grid = torch.stack(((chosen % w + 0.5) / w, (chosen // w + 0.5) / h), -1) * 2 - 1
            at = [F.grid_sample(m, grid[:, None], align_corners=False)[:, :, 0]
                  for m in (fine, coarse)]
            refined = self.head(*at)
            logits = logits.flatten(2).scatter(2, chosen[:, None].expand(-1, k, -1), refined)
            logits = logits.view(n, k, h, w)
        return logits


def point_refine():
    def run(module, inputs):
        return {"y": module(inputs["x"], inputs["coarse"])}

    cases = {
        "point_refine": ((2, 7, 12, 9), (2, 3, 5, 4), {
            "input_channels": 7, "num_classes": 3, "fc_dim": 40,
            "subdivision_steps": 2, "subdivision_num_points": 37}),
        "point_refine_binary": ((1, 5, 9, 14), (1, 1, 3, 5), {
            "input_channels": 5, "num_classes": 1, "fc_dim": 20, "num_fc": 2,
            "coarse_pred_each_layer": False, "subdivision_steps": 3,
            "subdivision_num_points": 50}),
        "point_refine_dense": ((3, 4, 6, 5), (3, 5, 4, 3), {
            "input_channels": 4, "num_classes": 5, "fc_dim": 16, "subdivision_steps": 1}),
    }
    for case, (fine, coarse, config) in cases.items():
        inputs = {"x": torch.randn(fine), "coarse": torch.randn(coarse)}
        save(case, "PointRefine", config, PointHead(**config), inputs, run)


# ---------------------------------------------------------------- SMSR

class MaskedLayers(nn.Module):
    """SMSR's block, densely: each channel of each layer is dense, sparse or, at a tie, unused.

    Dense channels read sparse ones at the pixels of the mask only, and sparse ones are 0 elsewhere.
    """

    def __init__(self, in_channels, out_channels, n_layers=4):
        super().__init__()
        self.ch_mask = nn.Parameter(torch.rand(1, out_channels, n_layers, 2))
        self.body = nn.Sequential(*[
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
            for _ in range(n_layers)])
        self.collect = nn.Conv2d(out_channels * n_layers, out_channels, 1)

    def forward(self, x, mask):
        first, second = self.ch_mask[0].unbind(2)
        dense, sparse = [k.to(x)[..., None, None] for k in (first > second, second > first)]
        everywhere, masked, found = x, torch.zeros_like(x), []
        for k, conv in enumerate(self.body):
            y = F.relu(conv(everywhere) + mask * conv(masked))
            everywhere, masked = y * dense[:, k], y * mask * sparse[:, k]
            found.append(everywhere + masked)
        return self.collect(torch.cat(found, 1))


class MaskModule(nn.Module):
    """The block with its own mask, channel attention and a residual."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        c, narrow, hidden = in_channels, in_channels // 4, in_channels // 16
        self.spa_mask = nn.Sequential(
            nn.Conv2d(c, narrow, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2),
            nn.Conv2d(narrow, narrow, 3, padding=1), nn.ReLU(),
            nn.ConvTranspose2d(narrow, 2, 3, stride=2, padding=1, output_padding=1))
        self.body = MaskedLayers(c, out_channels)
        self.ca = nn.Module()
        self.ca.conv_du = nn.Sequential(
            nn.Conv2d(c, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, c, 1), nn.Sigmoid())

    def forward(self, x):
        scores = self.spa_mask(x)
        margin = scores[:, 1:] - scores[:, :1]
        # Rounding must not decide.
        assert margin.abs().min() > 1e-5, margin.abs().min()
        mask = some(margin > 0).to(x)
        y = self.body(x, mask)
        return y * self.ca.conv_du(y.mean((2, 3), keepdim=True)) + x, mask


def settle(block, kinds):
    """Layers k whose channels are all dense or sparse, and one channel that is unused."""
    for k, kind in kinds.items():
        block.ch_mask[0, :, k] = torch.tensor({"dense": [1.0, 0], "sparse": [0, 1.0]}[kind])
    block.ch_mask[0, 1, -1] = 0.25


def calm(module):
    """Weights that neither blow values up nor saturate the gate."""
    for layer in module.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.weight.mul_(4 / layer.weight[0].numel() ** 0.5)


def exactly(module, *inputs):
    results = copy.deepcopy(module).double()(*[one.double() for one in inputs])
    return [r.float() for r in (results if isinstance(results, tuple) else (results,))]


def sparse_masks():
    for case, shape, share, kinds, config in [
        ("sparse_mask_block", (1, 9, 11, 14), 0.3, {}, {"in_channels": 9, "out_channels": 9}),
        ("sparse_mask_block_full", (2, 17, 8, 13), 0.9, {0: "dense", 2: "sparse"}, {
            "in_channels": 17, "out_channels": 17, "n_layers": 3}),
        ("sparse_mask_block_batch", (3, 7, 6, 5), 0.5, {1: "sparse", 2: "sparse"}, {
            "in_channels": 7, "out_channels": 7, "n_layers": 5}),
        ("sparse_mask_block_all_dense", (1, 5, 7, 4), 0.5, {0: "dense", 1: "dense"}, {
            "in_channels": 5, "out_channels": 5, "n_layers": 2}),
    ]:
        inputs = map_of(*shape)
        inputs["mask"] = (torch.rand(shape[0], 1, *shape[2:]) < share).float()
        if shape[0] == 3:
            inputs["mask"][0], inputs["mask"][1] = 0, 1

        def run(module, i, kinds=kinds):
            calm(module)
            settle(module, kinds)
            return {"y": exactly(module, i["x"], i["mask"])[0]}

        save(case, "SparseMaskBlock", config, MaskedLayers(**config), inputs, run)

    def run(module, i):
        calm(module)
        # Neither score wins everywhere.
        scores = module.spa_mask(i["x"]).mean((0, 2, 3))
        module.spa_mask[5].bias.sub_(scores)
        y, mask = exactly(module, i["x"])
        return {"y": y, "mask": mask}

    for case, shape in [("sparse_mask_module", (2, 16, 10, 14)),
                        ("sparse_mask_module_odd", (1, 21, 8, 6))]:
        config = {"in_channels": shape[1], "out_channels": shape[1]}
        save(case, "SparseMaskModule", config, MaskModule(**config), map_of(*shape), run)


if __name__ == "__main__":
    main(seed=0, sequence=[point_refine, sparse_masks])
