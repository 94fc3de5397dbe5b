"""Train `protean_deformable`, the small deformable network that ships inside Protean.

The network classifies 28x28 grey images into the ten Fashion-MNIST classes whatever their angle
(up to 60 degrees either way) and size (0.6 to 1.2 of the original): two plain convolutions, then two
modulated deformable ones, which learn where to look.

Run (Debian: `apt install dataset-fashion-mnist`; Python: torch, torchvision, numpy, safetensors):

    python train_protean_deformable.py --output protean_deformable.safetensors

A few minutes on one core. Trains on the 60,000 training images, each turned and scaled anew at every
step, for a fixed number of steps, and writes the weights of the last one. The test images never
choose anything. Needs train_protean_tiny.py beside it.
"""
import argparse
import math
import os
import time

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torchvision.ops import deform_conv2d

from fashion_mnist import CLASSES, MEAN, STD, load, normalise
from protean_tiny_network import conv
from train_protean_tiny import inference_state, parameter_groups


class DeformableConv2d(nn.Module):
    """Modulated deformable convolution with its own prediction; mmcv's names, no bias."""

    def __init__(self, in_chs, out_chs, stride=1):
        super().__init__()
        self.stride = stride
        self.weight = nn.Parameter(torch.empty(out_chs, in_chs, 3, 3))
        nn.init.normal_(self.weight, 0.0, math.sqrt(2 / (9 * in_chs)))
        self.conv_offset = nn.Conv2d(in_chs, 27, 3, stride, 1)
        nn.init.zeros_(self.conv_offset.weight)
        nn.init.zeros_(self.conv_offset.bias)

    def forward(self, x):
        offset, mask = self.conv_offset(x).split([18, 9], 1)
        if self.training:
            return self.sampled(x, offset, mask.sigmoid())
        return deform_conv2d(x, offset, self.weight, None, self.stride, 1, mask=mask.sigmoid())

    def sampled(self, x, offset, mask):
        """The same by way of grid_sample, whose gradient is several times faster on a CPU."""
        b, _, h, w = mask.shape
        taps = torch.arange(9)
        rows = (torch.arange(h) * self.stride - 1)[:, None, None] + taps // 3
        columns = (torch.arange(w) * self.stride - 1)[None, :, None] + taps % 3
        y, x_ = offset.view(b, 9, 2, h, w).permute(2, 0, 3, 4, 1)  # [B, h, w, taps] each
        grid = torch.stack([(2 * (columns + x_) + 1) / x.shape[3] - 1,
                            (2 * (rows + y) + 1) / x.shape[2] - 1], -1)
        values = F.grid_sample(x, grid.reshape(b, h, w * 9, 2), align_corners=False)
        values = values.view(b, -1, h, w, 9) * mask.permute(0, 2, 3, 1)[:, None]
        return F.conv3d(values, self.weight.flatten(2)[:, :, None, None]).squeeze(-1)


class ProteanDeformable(nn.Module):
    """28x28 -> 14x14 -> 7x7 -> 7x7 -> classes. About 60,000 parameters."""

    def __init__(self, classes=10):
        super().__init__()
        self.conv1, self.bn1 = conv(1, 16, 3), nn.BatchNorm2d(16)
        self.conv2, self.bn2 = conv(16, 24, 3, 2), nn.BatchNorm2d(24)
        self.conv3, self.bn3 = DeformableConv2d(24, 48, 2), nn.BatchNorm2d(48)
        self.conv4, self.bn4 = DeformableConv2d(48, 64), nn.BatchNorm2d(64)
        self.fc = nn.Linear(64, classes)

    def forward(self, x):
        for n in range(1, 5):
            x = F.relu(getattr(self, f"bn{n}")(getattr(self, f"conv{n}")(x)))
        return self.fc(x.mean((2, 3)))


def turn(images, generator=None):
    """Turns and scales each image [N,1,28,28] on its own; what comes into view is black."""
    n = len(images)
    angle = (torch.rand(n, generator=generator) * 2 - 1) * math.pi / 3
    zoom = 1 / (0.6 + 0.6 * torch.rand(n, generator=generator))
    cos, sin, zero = angle.cos() * zoom, angle.sin() * zoom, torch.zeros(n)
    theta = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(n, 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    turned = F.grid_sample(images.float(), grid, align_corners=False)
    return turned.round().clamp(0, 255).to(torch.uint8)


@torch.no_grad()
def predict(model, images):
    model.eval()
    return torch.cat([model(normalise(part)) for part in images.split(500)])


def accuracy(model, images, labels):
    return 100 * (predict(model, images).argmax(1) == labels).float().mean().item()


def main():
    parser = argparse.ArgumentParser(description="Train protean_deformable on Fashion-MNIST.")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--output", default="protean_deformable.safetensors")
    parser.add_argument("--steps", type=int, default=900)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    images, labels = load(args.data, "train")
    model = ProteanDeformable()
    optimizer = torch.optim.AdamW(parameter_groups(list(model.parameters()), 0.02), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 4e-3, total_steps=args.steps, pct_start=0.2, final_div_factor=1000)
    start, total = time.time(), 0.0
    model.train()
    for step in range(1, args.steps + 1):
        index = torch.randint(len(images), (args.batch,))
        loss = F.cross_entropy(model(normalise(turn(images[index]))), labels[index])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 50 == 0:
            print(f"step {step}  loss {total / 50:.4f}  {time.time() - start:.0f} s", flush=True)
            total = 0.0

    test_images, test_labels = load(args.data, "t10k")
    turned = turn(test_images, torch.Generator().manual_seed(args.seed))
    plain = accuracy(model, test_images, test_labels)
    any_angle = accuracy(model, turned, test_labels)
    save_file(inference_state(model), args.output, metadata={
        "model": "protean_deformable", "dataset": "Fashion-MNIST, turned and scaled",
        "accuracy": f"{any_angle:.2f}", "accuracy_upright": f"{plain:.2f}",
        "seed": str(args.seed), "steps": str(args.steps), "torch": torch.__version__,
        "mean": f"{MEAN:.4f}", "std": f"{STD:.4f}", "classes": ",".join(CLASSES)})
    print(f"final: {any_angle:.2f} % of the turned test images, {plain:.2f} % upright, "
          f"{sum(p.numel() for p in model.parameters())} parameters, "
          f"{os.path.getsize(args.output)} bytes, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
