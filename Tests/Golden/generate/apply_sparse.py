"""Golden values for `protean apply`: layers that compute at some pixels only; see apply.py.

Their references need GPUs or other frameworks, so they are written down here from their formulas,
densely, on PyTorch's operators.
Run: python apply_sparse.py   (needs torch, torchvision, timm, safetensors)
"""

import torch
import torch.nn.functional as F
from torch import nn

from apply import OUT, save


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


if __name__ == "__main__":
    torch.manual_seed(0)
    OUT.mkdir(exist_ok=True)
    point_refine()
