"""Golden values for `protean apply`: experts, branches and trees; see golden.py.

Written row by row from the formulas, so that nothing is shared with the layers' way of bucketing rows.
Run: python apply_routing.py [FUNCTION ...]   (needs torch, safetensors)
"""

import torch
from torch import nn

from golden import layer, main, save


class Expert(nn.Module):
    def __init__(self, inputs, outputs, hidden, ends):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
        self.ends = ends

    def forward(self, x):
        y = self.fc2(self.fc1(x).relu())
        return y.softmax(-1) if self.ends else y


class Experts(nn.Module):
    """Tokens one after the other; places of experts are counted as tokens come."""

    def __init__(self, inputs, outputs, count, hidden, gating="top_k", k=2, softmax="after",
                 ends=True, second="always", threshold=0.2, factor=None, least=4, group=1024):
        super().__init__()
        self.w_gate = nn.Parameter(torch.zeros(inputs, count))
        if gating == "top_k":
            self.w_noise = nn.Parameter(torch.zeros(inputs, count))
            self.register_buffer("mean", torch.zeros(1))
            self.register_buffer("std", torch.ones(1))
        self.experts = nn.ModuleList(Expert(inputs, outputs, hidden, ends) for _ in range(count))
        self.gating, self.k, self.softmax, self.outputs = gating, k, softmax, outputs
        self.second, self.threshold = second, threshold
        self.factor, self.least, self.group = factor, least, group

    def wanted(self, logits):
        """The experts of a token in order of preference, each with its weight."""
        p = logits.softmax(0)
        if self.gating == "top_1":
            return [(int(p.argmax()), p.max())]
        k = self.k if self.gating == "top_k" else 2
        order = logits.sort(descending=True, stable=True).indices[:k]
        if self.gating == "top_k" and self.softmax == "after":
            return list(zip(order.tolist(), logits[order].softmax(0)))
        floor = 1e-6 if self.gating == "top_k" else 1e-9
        picks = [(int(e), p[e] / (p[order].sum() + floor)) for e in order]
        if self.gating == "top_2" and (
                self.second == "never"
                or self.second == "above" and picks[1][1] <= self.threshold):
            picks = picks[:1]
        return picks

    def kept(self, wanted):
        if self.factor is None:
            return wanted
        kept = [[] for _ in wanted]
        for start in range(0, len(wanted), self.group):
            tokens = range(start, min(start + self.group, len(wanted)))
            share = int(len(tokens) * self.factor / len(self.experts))
            free = [min(len(tokens), max(self.least, share))] * len(self.experts)
            for place in range(2):
                for token in tokens:
                    if place < len(wanted[token]):
                        expert, weight = wanted[token][place]
                        if free[expert] > 0:
                            free[expert] -= 1
                            kept[token].append((expert, weight))
        return kept

    def forward(self, x):
        tokens = x.reshape(-1, x.shape[-1])
        kept = self.kept([self.wanted(token @ self.w_gate) for token in tokens])
        rows = [sum((w * self.experts[e](token) for e, w in sorted(picks, key=lambda q: q[0])),
                    torch.zeros(self.outputs)) for token, picks in zip(tokens, kept)]
        return torch.stack(rows).reshape(*x.shape[:-1], self.outputs)


@layer
def mixture_of_experts():
    def case(name, config, module, *shape):
        save(name, "MixtureOfExperts",
             {"input_size": 6, "output_size": 4, "num_experts": 5, "hidden_size": 7} | config,
             module, {"x": 3 * torch.randn(*shape)})

    case("mixture_of_experts", {"k": 3}, Experts(6, 4, 5, 7, k=3), 9, 6)
    case("mixture_of_experts_before", {"k": 2, "softmax": "before", "end_in_softmax": False},
         Experts(6, 4, 5, 7, softmax="before", ends=False), 2, 5, 6)
    case("mixture_of_experts_top1",
         {"gating": "top_1", "end_in_softmax": False, "capacity_factor": 1.25,
          "min_capacity": 1, "group_size": 8},
         Experts(6, 4, 5, 7, "top_1", ends=False, factor=1.25, least=1, group=8), 3, 7, 6)
    case("mixture_of_experts_top2",
         {"gating": "top_2", "end_in_softmax": False, "second": "above", "threshold": 0.1,
          "capacity_factor": 1.5, "min_capacity": 2},
         Experts(6, 4, 5, 7, "top_2", ends=False, second="above", threshold=0.1, factor=1.5,
                 least=2), 2, 9, 6)


class Tree(nn.Module):
    """Nodes level by level, each level from right to left: bit 0 of a path's number is its last
    step, and a level's first entry is its rightmost node."""

    def __init__(self, inputs, classes, depth, inference):
        super().__init__()
        inner = 2**depth - 1
        self.module_list = nn.ModuleList(nn.Linear(inputs, 1) for _ in range(inner))
        self.param_list = nn.ParameterList(
            [nn.Parameter(torch.zeros(1)) for _ in range(inner)]
            + [nn.Parameter(torch.zeros(classes)) for _ in range(2**depth)])
        self.depth, self.inference = depth, inference

    def right(self, level, position, x):
        index = 2**level - 1 + (2**level - 1 - position)
        return (self.param_list[index] * self.module_list[index](x)).sigmoid()

    def leaf(self, position):
        return self.param_list[2 * (2**self.depth - 1) - position].softmax(0)

    def row(self, x):
        if self.inference == "greedy":
            position = 0
            for level in range(self.depth):
                position = 2 * position + int(self.right(level, position, x) > 0.5)
            return self.leaf(position)
        paths = []
        for leaf in range(2**self.depth):
            p, position = torch.ones(1), 0
            for level in range(self.depth):
                step = leaf >> (self.depth - 1 - level) & 1
                q = self.right(level, position, x)
                p, position = p * (q if step else 1 - q), 2 * position + step
            paths.append(p)
        if self.inference == "mixture":
            return sum(p * self.leaf(i) for i, p in enumerate(paths))
        return self.leaf(int(torch.cat(paths).argmax()))

    def forward(self, x):
        return torch.stack([self.row(row) for row in x])


@layer
def soft_decision_tree():
    for name, inference in (("", "bestLeaf"), ("_mixture", "mixture"), ("_greedy", "greedy")):
        save(f"soft_decision_tree{name}", "SoftDecisionTree",
             {"input_dim": 5, "output_dim": 3, "max_depth": 3, "inference": inference},
             Tree(5, 3, 3, inference), {"x": 4 * torch.randn(8, 5)})


class Backed(nn.Linear):
    """A linear classifier read as a tree."""

    def __init__(self, inputs, classes, children, inference):
        super().__init__(inputs, classes)
        self.children_of, self.inference, self.classes = children, inference, classes

    def below(self, node):
        if node < self.classes:
            return [node]
        return [c for child in self.children_of[node - self.classes] for c in self.below(child)]

    def row(self, logits, node, p, result):
        if node < self.classes:
            result[node] = p
            return
        children = self.children_of[node - self.classes]
        scores = torch.stack([logits[self.below(child)].mean() for child in children])
        for index, (child, share) in enumerate(zip(children, scores.softmax(0))):
            hard = float(index == int(scores.argmax()))
            self.row(logits, child, p * (hard if self.inference == "hard" else share), result)

    def forward(self, x):
        result = torch.zeros(len(x), self.classes)
        root = self.classes + len(self.children_of) - 1
        for logits, row in zip(super().forward(x), result):
            self.row(logits, root, 1.0, row)
        return result


@layer
def neural_backed_tree():
    children = [[4, 1], [6, 0], [3, 2, 5], [8, 7]]
    for name, inference in (("", "hard"), ("_soft", "soft")):
        model = {"layer": "Linear", "in_features": 7, "out_features": 6}
        save(f"neural_backed_tree{name}", "NeuralBackedTree",
             {"model": model, "classes": 6, "children": children, "inference": inference},
             Backed(7, 6, children, inference), {"x": 3 * torch.randn(9, 7)})


def conv(inputs, outputs):
    config = {"in_channels": inputs, "out_channels": outputs, "kernel_size": 3, "padding": 1}
    return {"layer": "Conv2d"} | config, nn.Conv2d(**config)


def pooled(inputs, outputs):
    """Global mean, then a linear layer named `1` in both."""
    linear = {"in_features": inputs, "out_features": outputs}
    config = {"layer": "Sequential",
              "layers": [{"layer": "GlobalAveragePool2d"}, {"layer": "Linear"} | linear]}
    return config, nn.Sequential(Mean(), nn.Linear(**linear))


class Mean(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class Routed(nn.Module):
    def __init__(self, stem, gate, branches, head, k, combination, soft=False):
        super().__init__()
        self.stem, self.gate = stem, gate
        self.branches, self.head = nn.ModuleList(branches), head
        self.k, self.combination, self.soft = k, combination, soft

    def row(self, x):
        h = self.stem(x)
        scores = self.gate(h)[0]
        if self.soft:
            scores = scores.tanh().relu()
            chosen = scores.nonzero().flatten().tolist()
        else:
            chosen = scores.topk(self.k).indices.tolist()
        results = [branch(h) for branch in self.branches]
        if self.combination == "concatenation":
            y = torch.cat([r * float(i in chosen) for i, r in enumerate(results)], 1)
        elif self.combination == "mean":
            y = sum(results[i] for i in chosen) / len(chosen)
        else:
            y = sum((scores[i] * results[i] for i in chosen), 0 * results[0])
        return self.head(y)

    def forward(self, x):
        return torch.cat([self.row(x[i:i + 1]) for i in range(len(x))])


@layer
def branch_routing():
    for name, combination, soft in (
            ("", "concatenation", False), ("_mean", "mean", False), ("_soft", "sum", True)):
        stem_config, stem = conv(3, 6)
        gate_config, gate = pooled(6, 4)
        branches = [conv(6, 5) for _ in range(4)]
        head_config, head = pooled(20 if combination == "concatenation" else 5, 3)
        config = {"stem": stem_config, "gate": gate_config,
                  "branches": [b[0] for b in branches], "combination": combination,
                  "head": head_config}
        config |= {"rule": "nonzero", "soft": True} if soft else {"k": 2}
        save(f"branch_routing{name}", "BranchRouting", config,
             Routed(stem, gate, [b[1] for b in branches], head, 2, combination, soft),
             {"x": 4 * torch.randn(5, 3, 6, 4) + torch.randn(5, 3, 1, 1) * 6})


if __name__ == "__main__":
    main()
