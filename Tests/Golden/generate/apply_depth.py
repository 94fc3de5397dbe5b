"""Golden values for `protean apply`: residual blocks that rows may skip or leave, and their gates.

Written down here from the papers' formulas, one row at a time where rows decide; see golden.py.
Run: python apply_depth.py [FUNCTION ...]   (needs torch, safetensors)
"""

import torch
import torch.nn.functional as F
from torch import nn

from golden import layer, main, map_of, save


class Block(nn.Module):
    """A residual block, the stride in its first 3 x 3 convolution."""

    def __init__(self, inplanes, planes, unit="basic", stride=1, downsample=None):
        super().__init__()
        outputs = planes * (4 if unit == "bottleneck" else 1)
        sizes = ([(inplanes, planes, 3, stride), (planes, outputs, 3, 1)] if unit == "basic" else
                 [(inplanes, planes, 1, 1), (planes, planes, 3, stride), (planes, outputs, 1, 1)])
        for index, (a, b, kernel, step) in enumerate(sizes, 1):
            conv = nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False)
            setattr(self, f"conv{index}", conv)
            setattr(self, f"bn{index}", nn.BatchNorm2d(b))
        self.count = len(sizes)
        if downsample:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def side(self, x):
        return self.downsample(x) if hasattr(self, "downsample") else x

    def forward(self, x):
        y = x
        for index in range(1, self.count + 1):
            y = getattr(self, f"bn{index}")(getattr(self, f"conv{index}")(y))
            y = F.relu(y + self.side(x) if index == self.count else y)
        return y


@layer
def skip_block():
    def rows(block, inputs, activation=lambda y: y):
        return {"y": torch.cat([
            block(x[None]) if runs > 0 else activation(block.side(x[None]))
            for x, runs in zip(inputs["x"], inputs["runs"])])}

    def case(name, shape, runs, run=rows, **config):
        block = Block(**{k: v for k, v in config.items() if k != "pass_activation"})
        inputs = map_of(*shape) | {"runs": torch.tensor(runs)}
        save(name, "SkipBlock", config, block, inputs, run)

    case("skip_block", (5, 9, 7, 10), [1., 0., 1., 0., 0.], inplanes=9, planes=9)
    case("skip_block_bottleneck", (4, 10, 8, 5), [0., 1., 1., 0.], inplanes=10, planes=3,
         unit="bottleneck", stride=2, downsample=True)
    case("skip_block_relu", (4, 6, 7, 9), [0., 1., 0., 1.],
         lambda block, inputs: rows(block, inputs, F.relu), inplanes=6, planes=7, stride=2,
         downsample=True, pass_activation="relu")


class FeedForward(nn.Module):
    def __init__(self, channel, form="I"):
        super().__init__()
        self.form = form
        self.conv1 = nn.Conv2d(channel, channel, 3, 1 if form == "I" else 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channel)
        if form == "I":
            self.conv2 = nn.Conv2d(channel, channel, 3, 2, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(channel)
        self.linear_layer = nn.Conv2d(channel, 2, 1)

    def forward(self, x):
        if self.form == "I":
            x = F.relu(self.bn1(self.conv1(F.max_pool2d(x, 2))))
            x = F.relu(self.bn2(self.conv2(x)))
        else:
            x = F.relu(self.bn1(self.conv1(x)))
        return self.linear_layer(x.mean((2, 3), keepdim=True)).flatten(1).softmax(1)


@layer
def feed_forward_gate():
    for case, form, shape in (("feed_forward_gate", "I", (3, 7, 11, 8)),
                              ("feed_forward_gate_single", "II", (2, 5, 9, 14))):
        config = {"channel": shape[1], "form": form}
        save(case, "FeedForwardGate", config, FeedForward(**config), map_of(*shape))


class Adaptive(nn.Module):
    def __init__(self, channels, hidden=16):
        super().__init__()
        self.fc1, self.fc1bn = nn.Conv2d(channels, hidden, 1), nn.BatchNorm2d(hidden)
        self.fc2 = nn.Conv2d(hidden, 2, 1)

    def forward(self, x):
        x = F.relu(self.fc1bn(self.fc1(x.mean((2, 3), keepdim=True))))
        return self.fc2(x).flatten(1).softmax(1)


@layer
def adaptive_inference_gate():
    config = {"channels": 9, "hidden": 5}
    save("adaptive_inference_gate", "AdaptiveInferenceGate", config, Adaptive(**config),
         map_of(3, 9, 6, 11))


class Time(nn.Module):
    """One row at a time, unit after unit until the row's sum of probabilities reaches 1 - eps."""

    def __init__(self, inplanes, planes, units, unit="bottleneck", stride=1, downsample=None,
                 eps=0.01):
        super().__init__()
        self.units, self.eps = units, eps
        outputs = planes * (4 if unit == "bottleneck" else 1)
        for index in range(1, units + 1):
            first = index == 1
            block = Block(inplanes if first else outputs, planes, unit, stride if first else 1,
                          downsample if first else None)
            if index < units:
                block.halting_proba = nn.Module()
                block.halting_proba.bn = nn.BatchNorm2d(outputs)
                block.halting_proba.conv = nn.Conv2d(outputs, 1, 1)
            setattr(self, f"unit_{index}", block)

    def row(self, x):
        total, rest, y = 0.0, 1.0, 0.0
        for index in range(1, self.units + 1):
            block = getattr(self, f"unit_{index}")
            x = block(x)
            h = 1.0
            if index < self.units:
                head = block.halting_proba
                h = head.conv(head.bn(x.mean((2, 3), keepdim=True))).sigmoid().item()
            total += h
            if index == self.units or total >= 1 - self.eps:
                return y + rest * x, index + rest, index
            y, rest = y + h * x, rest - h

    def centre(self, x, gain):
        """Norms that centre what they see, so that rows halt after different units."""
        for index in range(1, self.units):
            block = getattr(self, f"unit_{index}")
            x = block(x)
            bn, means = block.halting_proba.bn, x.mean((2, 3))
            for value, source in ((bn.running_mean, means.mean(0)), (bn.running_var, means.var(0)),
                                  (bn.weight, torch.full_like(bn.weight, gain))):
                value.data.copy_(source)

    def run(self, x, gain):
        self.centre(x, gain)
        rows = [self.row(x[i:i + 1]) for i in range(len(x))]
        units = [float(row[2]) for row in rows]
        assert len(set(units)) > 1, units
        return {"y": torch.cat([row[0] for row in rows]),
                "ponder_cost": torch.tensor([row[1] for row in rows]),
                "units": torch.tensor(units)}


@layer
def adaptive_computation_time():
    def case(name, shape, gain, **config):
        save(name, "AdaptiveComputationTime", config, Time(**config), map_of(*shape),
             lambda module, inputs: module.run(inputs["x"], gain))

    case("adaptive_computation_time", (6, 8, 9, 7), 0.5, inplanes=8, planes=4, units=4,
         downsample=True)
    case("adaptive_computation_time_basic", (5, 6, 8, 11), 3, inplanes=6, planes=9, units=5,
         unit="basic", stride=2, downsample=True, eps=0.2)


if __name__ == "__main__":
    main()
