"""Train `protean_tiny`, the small dynamic network that ships inside Protean.

The network classifies 28x28 grey images into the ten Fashion-MNIST classes. It is small
(less than 1 MB of float32 weights), but every kind of layer that needs work at run time is
in it: CondConv (convolutions whose weights are mixed per image), DY-ReLU (activations whose
slopes are computed per image), squeeze-and-excitation, and depthwise convolutions.

Run (Debian: `apt install dataset-fashion-mnist`; Python: torch, numpy, safetensors):

    python train_protean_tiny.py --compile --output protean_tiny.safetensors

About half an hour on two cores with --compile, which needs a C++ compiler. Trains on the
60,000 training images, prints the accuracy on the 10,000 test images after every epoch, and
writes the averaged weights of the last epoch. The test images never choose anything: there
is no early stopping and no picking of the best epoch.
"""
import argparse
import copy
import gzip
import math
import os
import tempfile
import time

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

MEAN, STD = 0.2860, 0.3530
CLASSES = ["t-shirt/top", "trouser", "pullover", "dress", "coat",
           "sandal", "shirt", "sneaker", "bag", "ankle boot"]


# ---------------------------------------------------------------- layers

class CondConv2d(nn.Module):
    """Convolution whose kernel is a per-image mixture of experts; no bias.

    The weight has timm's layout, (experts, out * in/groups * k * k). Only the two shapes the
    network uses are implemented: pointwise (k = 1) and depthwise (groups = channels).
    """

    def __init__(self, in_chs, out_chs, kernel=1, stride=1, depthwise=False, experts=4):
        super().__init__()
        self.in_chs, self.out_chs = in_chs, out_chs
        self.kernel, self.stride, self.depthwise = kernel, stride, depthwise
        fan_in = (1 if depthwise else in_chs) * kernel * kernel
        self.weight = nn.Parameter(torch.empty(experts, out_chs * fan_in))
        # About half of the experts' sum arrives (sigmoid routing starts near 0.5), and the
        # batch normalisation that follows removes the scale; the fan-in only sets the order.
        nn.init.normal_(self.weight, 0.0, math.sqrt(2.0 / fan_in))

    def forward(self, x, routing):
        b, c, h, w = x.shape
        weight = routing @ self.weight
        if not self.depthwise:
            # A batched matrix product is the same as timm's grouped convolution, and faster;
            # pixels before channels, as the rest of the network keeps them while training.
            pixels = x.permute(0, 2, 3, 1).reshape(b, h * w, c)
            y = torch.bmm(pixels, weight.view(b, self.out_chs, c).transpose(1, 2))
            return y.view(b, h, w, self.out_chs).permute(0, 3, 1, 2)
        k = self.kernel
        y = F.conv2d(x.reshape(1, b * c, h, w), weight.view(b * c, 1, k, k),
                     stride=self.stride, padding=k // 2, groups=b * c)
        return y.view(b, c, y.shape[2], y.shape[3])


class DyReLUB(nn.Module):
    """DY-ReLU, type B: y = max(a1 x + b1, a2 x + b2), coefficients per image and channel."""

    def __init__(self, channels, reduction=4):
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, 4 * channels)
        self.register_buffer("lambdas", torch.tensor([1.0, 1.0, 0.5, 0.5]))
        self.register_buffer("init_v", torch.tensor([1.0, 0.0, 0.0, 0.0]))

    def forward(self, x):
        theta = self.fc2(F.relu(self.fc1(x.mean((2, 3)))))
        theta = (2 * torch.sigmoid(theta) - 1).view(x.shape[0], x.shape[1], 4)
        a1, a2, b1, b2 = (self.init_v + self.lambdas * theta)[..., None, None].unbind(2)
        return torch.maximum(a1 * x + b1, a2 * x + b2)


class SqueezeExcite(nn.Module):
    """Channel gate computed from the global average, with timm's names."""

    def __init__(self, channels, squeezed):
        super().__init__()
        self.conv_reduce = nn.Conv2d(channels, squeezed, 1)
        self.conv_expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        s = F.relu(self.conv_reduce(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.conv_expand(s))


# ---------------------------------------------------------------- blocks

def conv(in_chs, out_chs, kernel=1, stride=1, groups=1):
    return nn.Conv2d(in_chs, out_chs, kernel, stride, kernel // 2, groups=groups, bias=False)


class DepthwiseSeparable(nn.Module):
    """depthwise -> BN -> DY-ReLU -> pointwise -> BN, plus the input."""

    def __init__(self, chs):
        super().__init__()
        self.conv_dw = conv(chs, chs, 3, groups=chs)
        self.bn1 = nn.BatchNorm2d(chs)
        self.act1 = DyReLUB(chs)
        self.conv_pw = conv(chs, chs)
        self.bn2 = nn.BatchNorm2d(chs)

    def forward(self, x):
        y = self.act1(self.bn1(self.conv_dw(x)))
        return x + self.bn2(self.conv_pw(y))


class InvertedResidual(nn.Module):
    """expand -> BN -> hard-swish -> depthwise -> BN -> act2 -> SE -> project -> BN (+ input)."""

    def __init__(self, in_chs, mid_chs, out_chs, stride, squeezed, dynamic_relu):
        super().__init__()
        self.skip = stride == 1 and in_chs == out_chs
        self.conv_pw = conv(in_chs, mid_chs)
        self.bn1 = nn.BatchNorm2d(mid_chs)
        self.act1 = nn.Hardswish()
        self.conv_dw = conv(mid_chs, mid_chs, 3, stride, groups=mid_chs)
        self.bn2 = nn.BatchNorm2d(mid_chs)
        self.act2 = DyReLUB(mid_chs, 8) if dynamic_relu else nn.Hardswish()
        self.se = SqueezeExcite(mid_chs, squeezed)
        self.conv_pwl = conv(mid_chs, out_chs)
        self.bn3 = nn.BatchNorm2d(out_chs)

    def forward(self, x):
        y = self.act1(self.bn1(self.conv_pw(x)))
        y = self.se(self.act2(self.bn2(self.conv_dw(y))))
        y = self.bn3(self.conv_pwl(y))
        return x + y if self.skip else y


class CondConvResidual(nn.Module):
    """Inverted residual of three CondConvs, which share one routing of the block's input."""

    def __init__(self, in_chs, mid_chs, out_chs, stride, squeezed, experts):
        super().__init__()
        self.skip = stride == 1 and in_chs == out_chs
        self.routing_fn = nn.Linear(in_chs, experts)
        self.conv_pw = CondConv2d(in_chs, mid_chs, experts=experts)
        self.bn1 = nn.BatchNorm2d(mid_chs)
        self.conv_dw = CondConv2d(mid_chs, mid_chs, 3, stride, depthwise=True, experts=experts)
        self.bn2 = nn.BatchNorm2d(mid_chs)
        self.se = SqueezeExcite(mid_chs, squeezed)
        self.conv_pwl = CondConv2d(mid_chs, out_chs, experts=experts)
        self.bn3 = nn.BatchNorm2d(out_chs)

    def forward(self, x):
        routing = torch.sigmoid(self.routing_fn(x.mean((2, 3))))
        y = F.hardswish(self.bn1(self.conv_pw(x, routing)))
        y = self.se(F.hardswish(self.bn2(self.conv_dw(y, routing))))
        y = self.bn3(self.conv_pwl(y, routing))
        return x + y if self.skip else y


class ProteanTiny(nn.Module):
    """Stem, three stages (28x28, 14x14, 7x7), head. About 0.2 M parameters."""

    def __init__(self, experts=4):
        super().__init__()
        self.conv_stem = conv(1, 16, 3)
        self.bn1 = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(
            nn.Sequential(DepthwiseSeparable(16)),
            nn.Sequential(InvertedResidual(16, 32, 32, 2, 8, dynamic_relu=False),
                          InvertedResidual(32, 96, 32, 1, 8, dynamic_relu=True)),
            nn.Sequential(CondConvResidual(32, 96, 48, 2, 8, experts),
                          CondConvResidual(48, 144, 48, 1, 12, experts),
                          CondConvResidual(48, 144, 48, 1, 12, experts)))
        self.conv_head = conv(48, 128)
        self.bn2 = nn.BatchNorm2d(128)
        self.classifier = nn.Linear(128, 10)

    def stages(self, x):
        """The outputs after the stem and after each of the three stages."""
        outputs = [F.hardswish(self.bn1(self.conv_stem(x)))]
        for stage in self.blocks:
            outputs.append(stage(outputs[-1]))
        return outputs

    def head(self, x, drop=0.0):
        x = F.hardswish(self.bn2(self.conv_head(x))).mean((2, 3))
        return self.classifier(F.dropout(x, drop, self.training))

    def forward(self, x):
        return self.head(self.stages(x)[-1], drop=0.1)


# ---------------------------------------------------------------- data

def read_idx(folder, name):
    """Reads an idx file of bytes, gzipped or not."""
    path = os.path.join(folder, name)
    opener = gzip.open if not os.path.exists(path) else open
    with opener(path if opener is open else path + ".gz", "rb") as file:
        data = file.read()
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def load(folder, part):
    """Images [N,1,28,28], bytes, and labels [N] of `part`, "train" or "t10k"."""
    images = torch.from_numpy(read_idx(folder, part + "-images-idx3-ubyte").copy())
    labels = torch.from_numpy(read_idx(folder, part + "-labels-idx1-ubyte").copy())
    return images[:, None], labels.long()


def normalise(images):
    return (images.float() / 255 - MEAN) / STD


def augment(images):
    """Shift by up to two pixels and flip, each image on its own."""
    b, _, h, w = images.shape
    padded = F.pad(images[:, 0], (2, 2, 2, 2))
    rows = torch.arange(h) + torch.randint(0, 5, (b, 1))
    cols = torch.arange(w) + torch.randint(0, 5, (b, 1))
    cols = torch.where(torch.rand(b, 1) < 0.5, cols, cols.flip(1))
    return padded[torch.arange(b)[:, None, None], rows[:, :, None], cols[:, None, :]][:, None]


# ---------------------------------------------------------------- training

@torch.no_grad()
def predict(model, images, batch=500):
    model.eval()
    return torch.cat([model(normalise(part)) for part in images.split(batch)])


@torch.no_grad()
def average_into(average, model, decay):
    """Moves the averaged weights and statistics towards the model's."""
    for a, m in zip(average.state_dict().values(), model.state_dict().values()):
        if a.is_floating_point():
            a.lerp_(m, 1 - decay)


def inference_state(model):
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items()
            if not name.endswith("num_batches_tracked")}


def parameter_groups(model, weight_decay):
    """Weight decay for kernels and matrices only: not for biases and batch normalisation."""
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay},
            {"params": others, "weight_decay": 0.0}]


def mean_of_gradients(parameters, processes):
    """Replaces every gradient by its mean over the processes."""
    flat = torch.cat([p.grad.flatten() for p in parameters]) / processes
    dist.all_reduce(flat)
    for p, part in zip(parameters, flat.split([p.numel() for p in parameters])):
        p.grad.copy_(part.view_as(p))


def train(rank, args, rendezvous):
    """One of the processes; each takes its share of every batch, with one thread.

    For a network this small, processes that meet once per step use the cores better than
    threads that meet in every layer, above all when the machine has other work too.
    """
    dist.init_process_group("gloo", init_method="file://" + rendezvous, rank=rank,
                            world_size=args.processes)
    torch.set_num_threads(1)
    images, labels = load(args.data, "train")
    test_images, test_labels = load(args.data, "t10k")

    torch.manual_seed(args.seed)  # the same start in every process
    model = ProteanTiny()
    average = copy.deepcopy(model)
    forward = torch.compile(model) if args.compile else model
    shuffle = torch.Generator().manual_seed(args.seed)  # the same order of images, too,
    torch.manual_seed(1000 * args.seed + rank)          # but other shifts, flips, dropout

    parameters = list(model.parameters())
    epoch_steps = len(images) // args.batch
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.03), lr=4e-3, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 4e-3, total_steps=args.epochs * epoch_steps, pct_start=0.2,
        final_div_factor=1000)

    start, step = time.time(), 0
    for epoch in range(1, args.epochs + 1):
        model.train()
        total, order = 0.0, torch.randperm(len(images), generator=shuffle)
        for batch in order[:epoch_steps * args.batch].split(args.batch):
            index = batch[rank::args.processes]
            # Channels last: depthwise convolutions and batch normalisation are faster in it.
            x = normalise(augment(images[index])).to(memory_format=torch.channels_last)
            loss = F.cross_entropy(forward(x), labels[index], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            mean_of_gradients(parameters, args.processes)
            nn.utils.clip_grad_norm_(parameters, 5.0)
            optimizer.step()
            schedule.step()
            total, step = total + loss.item(), step + 1
            # A short memory at first: the average must not keep the random start.
            average_into(average, model, min(0.998, step / (step + 20)))
        if rank == 0:
            correct = predict(average, test_images).argmax(1) == test_labels
            accuracy = 100 * correct.float().mean().item()
            print(f"epoch {epoch:3d}  loss {total / epoch_steps:.4f}  test {accuracy:.2f} %  "
                  f"{time.time() - start:.0f} s", flush=True)

    if rank == 0:
        save_file(inference_state(average), args.output, metadata={
            "model": "protean_tiny", "dataset": "Fashion-MNIST", "accuracy": f"{accuracy:.2f}",
            "seed": str(args.seed), "epochs": str(args.epochs), "torch": torch.__version__,
            "mean": f"{MEAN:.4f}", "std": f"{STD:.4f}", "classes": ",".join(CLASSES)})
        print(f"final: {accuracy:.2f} % of {len(test_labels)} test images, "
              f"{sum(p.numel() for p in parameters)} parameters, "
              f"{os.path.getsize(args.output)} bytes, {time.time() - start:.0f} s")
    dist.destroy_process_group()


def main():
    parser = argparse.ArgumentParser(description="Train protean_tiny on Fashion-MNIST.")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--output", default="protean_tiny.safetensors")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--compile", action="store_true",
                        help="use torch.compile (faster, but needs a C++ compiler)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train, (args, os.path.join(folder, "rendezvous")),
                                    nprocs=args.processes)


if __name__ == "__main__":
    main()
