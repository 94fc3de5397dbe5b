"""Golden values of the threshold solver: MSDNet's own functions on made-up scores.

Run with a checkout of kalviny/MSDNet-PyTorch (f654595), torch and safetensors:

    python exit_thresholds.py --reference MSDNet-PyTorch --output ../conditional

Writes `exit_thresholds.safetensors`: the scores and classes of 4 exits for 300 samples, once as
they are and once rounded to two decimals so that many are equal, the labels, and for
q = 0.05 ... 1.95 the thresholds, the mean cost and the accuracy that the script finds.
"""
import argparse
import os
import sys

import torch
from safetensors.torch import save_file

EXITS, SAMPLES, CLASSES = 4, 300, 5
COSTS = [10.0, 25.0, 45.0, 80.0]


def made_up(decimals):
    """Scores, classes and labels from a fixed generator; later exits are surer and better."""
    generator = torch.Generator().manual_seed(5)
    labels = torch.randint(0, CLASSES, (SAMPLES,), generator=generator)
    ease = torch.rand(SAMPLES, generator=generator)
    scores, classes = [], []
    for exit in range(EXITS):
        noise = torch.rand(SAMPLES, generator=generator)
        score = (0.3 + 0.4 * ease + 0.1 * noise + 0.06 * exit).clamp(0, 0.999)
        scores.append(score if decimals is None else (score * 10 ** decimals).round() / 10 ** decimals)
        wrong = torch.randint(1, CLASSES, (SAMPLES,), generator=generator)
        right = torch.rand(SAMPLES, generator=generator) < score
        classes.append(torch.where(right, labels, (labels + wrong) % CLASSES))
    return torch.stack(scores), torch.stack(classes), labels


def main():
    parser = argparse.ArgumentParser(description="Golden values of the threshold solver.")
    parser.add_argument("--reference", required=True)
    parser.add_argument("--output", required=True)
    args = parser.parse_args()
    sys.path.insert(0, args.reference)
    from adaptive_inference import Tester

    tester = object.__new__(Tester)  # its initialiser wants a GPU
    flops = [torch.tensor(cost) for cost in COSTS]
    golden = {}
    for name, decimals in (("plain", None), ("tied", 2)):
        scores, classes, labels = made_up(decimals)
        logits = torch.full((EXITS, SAMPLES, CLASSES), -1.0)
        logits.scatter_(2, classes[:, :, None], scores[:, :, None])
        thresholds, costs, right = [], [], []
        for p in range(1, 40):
            q = torch.FloatTensor(1).fill_(p * 1.0 / 20)
            shares = torch.exp(torch.log(q) * torch.arange(1, EXITS + 1, dtype=torch.float32))
            shares /= shares.sum()
            accuracy, cost, found = tester.dynamic_eval_find_threshold(
                logits, labels, shares, flops)
            thresholds.append(found.clone())
            costs.append(float(cost))
            right.append(accuracy / 100)
        golden |= {
            f"{name}.scores": scores.contiguous(), f"{name}.classes": classes.float().contiguous(),
            f"{name}.labels": labels.float(), f"{name}.thresholds": torch.stack(thresholds),
            f"{name}.costs": torch.tensor(costs), f"{name}.accuracy": torch.tensor(right)}
    os.makedirs(args.output, exist_ok=True)
    save_file(golden, os.path.join(args.output, "exit_thresholds.safetensors"))


if __name__ == "__main__":
    main()
