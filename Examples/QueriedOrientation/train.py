"""A task whose filters must depend on the input, learned with and without dynamic weights.

An image shows in each of its four quadrants gratings of four orientations at once, each with a
strength of its own, and noise. The brightness of the whole image says which orientation is
queried; the class is the quadrant in which gratings of that orientation are strongest. A network
with fixed filters has to measure all orientations and to pick one afterwards; a network whose
filters are mixed from experts for each image can measure the queried one only.

Both networks have the same layers: 5 x 5 convolution, ReLU, 5 x 5 convolution with stride 2,
ReLU, mean per quadrant, linear layer. The static one is given the smallest width with which it
executes at least as many multiply-adds as the dynamic one, attention and mixing included.

    python train.py                                  # five seeds, a table
    python train.py --seeds 0 --output orientation    # weights, and images to try them on

Needs torch and safetensors; some minutes on two cores. Reference of the dynamic layer: Chen et
al., "Dynamic Convolution: Attention over Convolution Kernels", arXiv 1912.03458.
"""
import argparse
import math
import statistics

import torch
import torch.nn.functional as F
from torch import nn

SIZE, ORIENTATIONS = 24, 4


def images(count, generator):
    """`count` images [count, 1, SIZE, SIZE] and their classes."""
    half = SIZE // 2
    ys, xs = torch.meshgrid(torch.arange(half), torch.arange(half), indexing="ij")
    angle = torch.arange(ORIENTATIONS) * math.pi / ORIENTATIONS
    wave = angle.cos()[:, None, None] * xs + angle.sin()[:, None, None] * ys
    phase = torch.rand(count, 4, ORIENTATIONS, 1, 1, generator=generator) * 2 * math.pi
    strength = torch.rand(count, 4, ORIENTATIONS, generator=generator)
    gratings = torch.sin(wave * 2 * math.pi / 4 + phase)
    quadrants = (strength[..., None, None] * gratings).sum(2)
    rows = [torch.cat([quadrants[:, i], quadrants[:, i + 1]], 2) for i in (0, 2)]
    x = torch.cat(rows, 1)[:, None]
    x = x + 0.3 * torch.randn(x.shape, generator=generator)
    queried = torch.randint(ORIENTATIONS, (count,), generator=generator)
    x = x + (queried - 1.5).view(-1, 1, 1, 1)
    return x, strength[torch.arange(count), :, queried].argmax(1)


class DynamicConv2d(nn.Module):
    """One convolution whose weights are a softmax-weighted sum of experts, per sample."""

    def __init__(self, inputs, outputs, kernel, stride=1, experts=4, ratio=0.25):
        super().__init__()
        self.stride, self.temperature = stride, 1.0
        self.weight = nn.Parameter(torch.empty(experts, outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(experts, outputs))
        for one in self.weight:
            nn.init.kaiming_uniform_(one, a=math.sqrt(5))
        hidden = experts if inputs == 3 else int(inputs * ratio) + 1
        self.attention = nn.Module()
        self.attention.fc1 = nn.Conv2d(inputs, hidden, 1, bias=False)
        self.attention.fc2 = nn.Conv2d(hidden, experts, 1)

    def forward(self, x):
        batch, inputs = x.shape[:2]
        experts, outputs, _, kernel, _ = self.weight.shape
        hidden = F.relu(self.attention.fc1(x.mean((2, 3), keepdim=True)))
        share = F.softmax(self.attention.fc2(hidden).flatten(1) / self.temperature, 1)
        weight = (share @ self.weight.flatten(1)).view(-1, inputs, kernel, kernel)
        bias = (share @ self.bias).flatten()
        y = F.conv2d(x.reshape(1, -1, *x.shape[2:]), weight, bias, self.stride, kernel // 2,
                     groups=batch)
        return y.view(batch, outputs, *y.shape[2:])


class Network(nn.Module):
    def __init__(self, width, dynamic):
        super().__init__()
        if dynamic:
            self.conv1 = DynamicConv2d(1, width, 5)
            self.conv2 = DynamicConv2d(width, width, 5, stride=2)
        else:
            self.conv1 = nn.Conv2d(1, width, 5, padding=2)
            self.conv2 = nn.Conv2d(width, width, 5, stride=2, padding=2)
        self.linear = nn.Linear(4 * width, 4)

    def forward(self, x):
        y = F.relu(self.conv2(F.relu(self.conv1(x))))
        return self.linear(F.adaptive_avg_pool2d(y, 2).flatten(1))


def multiply_adds(width, dynamic):
    """Executed per image: convolutions, linear layer, attention and mixing."""
    total = 4 * width * 4
    for inputs, pixels in [(1, SIZE * SIZE), (width, SIZE * SIZE // 4)]:
        weights = width * inputs * 25
        total += pixels * weights
        if dynamic:
            hidden = inputs // 4 + 1
            total += 4 * (weights + width) + inputs * hidden + hidden * 4
    return total


def train(width, dynamic, seed, steps, batch=128):
    """A trained network and its accuracy on 10,000 fresh images."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed + 1)
    net = Network(width, dynamic)
    layers = [m for m in net.modules() if isinstance(m, DynamicConv2d)]
    optimizer = torch.optim.AdamW(net.parameters(), 1e-2, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, steps)
    for step in range(steps):
        for layer in layers:  # from nearly equal shares to the trained ones
            layer.temperature = 1 + 9 * max(0.0, 1 - 5 * step / steps)
        x, label = images(batch, generator)
        loss = F.cross_entropy(net(x), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.inference_mode():
        x, label = images(10_000, torch.Generator().manual_seed(10_000 + seed))
        right = sum((net(a).argmax(1) == b).sum().item()
                    for a, b in zip(x.split(500), label.split(500)))
    return net, right / len(label)


def write(net, name, count=32):
    """The network's weights, and images with their classes and the network's logits."""
    from safetensors.torch import save_file
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, f"{name}.safetensors")
    x, label = images(count, torch.Generator().manual_seed(99))
    with torch.inference_mode():
        logits = net.double()(x.double())
    save_file({"x": x, "label": label.float(), "logits": logits.float()},
              f"{name}-images.safetensors")


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    options.add_argument("--width", type=int, default=4, help="channels of the dynamic network")
    options.add_argument("--steps", type=int, default=3000)
    options.add_argument("--output", help="writes OUTPUT.safetensors, the last dynamic network, and "
                         "OUTPUT-images.safetensors")
    options = options.parse_args()
    budget = multiply_adds(options.width, True)
    static = next(w for w in range(1, 1000) if multiply_adds(w, False) >= budget)
    accuracies = {True: [], False: []}
    for seed in options.seeds:
        for dynamic, width in [(False, static), (True, options.width)]:
            net, accuracy = train(width, dynamic, seed, options.steps)
            accuracies[dynamic].append(accuracy)
            print(f"seed {seed} {'dynamic' if dynamic else 'static '} {accuracy:.4f}", flush=True)
    for dynamic, width in [(False, static), (True, options.width)]:
        found = accuracies[dynamic]
        spread = statistics.stdev(found) if len(found) > 1 else 0
        print(f"{'dynamic' if dynamic else 'static '} width {width}, "
              f"{multiply_adds(width, dynamic):,} multiply-adds: accuracy "
              f"{statistics.mean(found):.4f}, standard deviation {spread:.4f}")
    if options.output:
        write(net, options.output)


if __name__ == "__main__":
    main()
