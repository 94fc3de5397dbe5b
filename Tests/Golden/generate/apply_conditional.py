"""Golden values for `protean apply`: containers whose rows decide; see golden.py.

Run: python apply_conditional.py [FUNCTION ...]   (needs torch, safetensors)
"""

import torch
from torch import nn

from golden import layer, main, map_of, save


def conv(inputs, outputs):
    config = {"in_channels": inputs, "out_channels": outputs, "kernel_size": 3, "padding": 1}
    return {"layer": "Conv2d"} | config, nn.Conv2d(**config)


def stage(inputs, outputs):
    config, module = conv(inputs, outputs)
    return ({"layer": "Sequential", "layers": [config, "relu"]},
            nn.Sequential(module, nn.ReLU()))


def pooled(inputs, outputs):
    """Global mean, then a linear layer."""
    linear = {"in_features": inputs, "out_features": outputs}
    layers = [{"layer": "GlobalAveragePool2d"}, {"layer": "Flatten"}, {"layer": "Linear"} | linear]
    return ({"layer": "Sequential", "layers": layers},
            nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(**linear)))


class Exits(nn.Module):
    """One row at a time: the first exit that is sure, else the last or the surest."""

    def __init__(self, stages, heads, thresholds, factors=None, surest=False):
        super().__init__()
        self.stages, self.heads = nn.ModuleList(stages), nn.ModuleList(heads)
        self.thresholds, self.factors, self.surest = thresholds, factors, surest

    def row(self, x):
        found, logits = [], None
        for index, (stage, head) in enumerate(zip(self.stages, self.heads)):
            x = stage(x)
            own = head(x)
            if self.factors and logits is not None:
                own = self.factors[index - 1] * logits + own
            logits = own
            score = logits.softmax(1).max()
            found.append((score, index, logits))
            if score >= self.thresholds[index]:
                return found[-1]
        return max(found, key=lambda f: (f[0], -f[1])) if self.surest else found[-1]

    def run(self, x):
        rows = [self.row(x[i:i + 1]) for i in range(len(x))]
        return {"y": torch.cat([r[2] for r in rows]),
                "exits": torch.tensor([float(r[1]) for r in rows]),
                "scores": torch.stack([r[0] for r in rows])}


def exits(case, thresholds, factors=None, fallback="last", widths=(3, 8, 7, 16)):
    stages = [stage(a, b) for a, b in zip(widths, widths[1:])]
    heads = [pooled(width, 4) for width in widths[1:]]
    module = Exits([s[1] for s in stages], [h[1] for h in heads], thresholds, factors,
                   fallback != "last")
    config = {"stages": [s[0] for s in stages], "heads": [h[0] for h in heads],
              "thresholds": thresholds}
    if factors:
        config["factors"] = factors
    if fallback != "last":
        config["fallback"] = fallback
    save(case, "ExitNetwork", config, module, map_of(7, 3, 5, 9),
         run=lambda module, inputs: module.run(inputs["x"]))


@layer
def exit_network():
    exits("exit_network", [0.51, 0.52, 0])
    exits("exit_network_boosted", [0.5, 0.5, 0], factors=[0.5, 0.5])
    exits("exit_network_surest", [0.95, 0.95, 0.95], fallback="mostConfident",
          widths=(3, 12, 7, 5))


class Dispatched(nn.Module):
    def __init__(self, parts, gate, choose, passes=False):
        super().__init__()
        self.parts, self.gate = nn.ModuleList(parts), gate
        self.choose, self.passes = choose, passes

    def forward(self, x):
        scores = self.gate(x)
        rows = []
        for i in range(len(x)):
            own = x[i:i + 1]
            y = own if self.passes else 0
            for part, weight in self.choose(scores[i]):
                y = y + weight * self.parts[part](own)
            rows.append(y)
        return torch.cat(rows)


def largest(scores):
    return [(int(scores.argmax()), 1)]


def above(scores):
    return [(i, 1) for i in range(len(scores)) if scores[i] > 0]


def two_largest(scores):
    values, parts = scores.topk(2)
    return sorted((int(p), v) for p, v in zip(parts, values))


@layer
def dispatch():
    for case, choose, options in [
            ("dispatch", largest, {}),
            ("dispatch_pass", above, {"rule": "above", "combine": "pass"}),
            ("dispatch_top", two_largest, {"rule": "top", "k": 2, "combine": "sum"})]:
        parts = [conv(6, 6) for _ in range(3)]
        gate = pooled(6, 3)
        module = Dispatched([p[1] for p in parts], gate[1], choose, "pass" in case)
        save(case, "Dispatch", {"parts": [p[0] for p in parts], "gate": gate[0]} | options, module,
             map_of(6, 6, 5, 7))


if __name__ == "__main__":
    main()
