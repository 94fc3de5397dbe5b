"""Runs convolutions with weights that depend on the input beside what PyTorch's users write.

    python dynamic_weights.py --kernelbench ../../.build/release/kernelbench
    python dynamic_weights.py --filter condconv8 --threads 1

As peers.py: both take turns within one run, Float32, the same number of threads, medians. CondConv
is timm's layer; the others are written as their authors do: one product that mixes all experts (for
ODConv a product of six axes and a sum), then a convolution with a group per sample; all regions
computed and selected; for PAC the map unfolded, multiplied by the kernel of every pixel, and summed
by einsum. Attention and routing are given on both sides where Protean's case has them given. Column
`ratio` is PyTorch's time over Protean's.
"""
import statistics

from peers import HERE, protean_seconds, timed
from pixel_filters import compare, parse_options, windows

KERNELS = {"condconv2d", "dynamic_conv2d", "odconv2d", "region_conv2d", "pixel_adaptive_conv2d"}


def parse_case(line):
    """A case as a dictionary, or None for other lines."""
    words = line.split("#")[0].split()
    if len(words) < 2 or words[1] not in KERNELS:
        return None
    keys = dict(word.split("=") for word in words[2:])
    numbers = {key: int(value) for key, value in keys.items() if value.isdigit()}
    case = {key: numbers.get(key, 1) for key in ("n", "h", "w", "c", "k", "r", "groups", "d")}
    return case | {"kernel": words[1], "name": words[0], "line": line.strip(),
                   "experts": numbers.get("experts", 4), "regions": numbers.get("regions", 8)}


def per_sample(x, weight, groups=1):
    """x [n, c, h, w] with the kernels [n, k, c / groups, r, r]."""
    import torch.nn.functional as F
    n, k, r = *weight.shape[:2], weight.shape[-1]
    y = F.conv2d(x.reshape(1, -1, *x.shape[2:]), weight.reshape(-1, *weight.shape[2:]),
                 padding=r // 2, groups=n * groups)
    return y.view(n, k, *y.shape[2:])


def attention(case, outputs):
    """A small network on the channel means, as DY-CNN's and ODConv's."""
    import torch
    hidden = max(case["c"] // 16, 16)
    return torch.nn.Sequential(
        torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(case["c"], hidden),
        torch.nn.ReLU(), torch.nn.Linear(hidden, outputs)).eval()


def composition(case):
    """A call that computes the case in PyTorch."""
    import torch
    import torch.nn.functional as F
    n, h, w, c, k, r = (case[key] for key in ("n", "h", "w", "c", "k", "r"))
    experts, x = case["experts"], torch.randn(n, c, h, w)
    if case["kernel"] == "condconv2d":
        from timm.layers.cond_conv2d import CondConv2d
        layer = CondConv2d(c, k, r, groups=case["groups"], num_experts=experts).eval()
        routing = torch.rand(n, experts)
        return lambda: layer(x, routing)
    bank = torch.randn(experts, k, c, r, r) * 0.05
    if case["kernel"] == "dynamic_conv2d":
        shares = attention(case, experts)

        def dynamic():
            mixed = torch.mm(shares(x).softmax(1), bank.view(experts, -1))
            return per_sample(x, mixed.view(n, k, c, r, r))
        return dynamic
    if case["kernel"] == "odconv2d":
        heads = attention(case, c + k + r * r + experts)

        def omni():
            inputs, outputs, taps, shares = heads(x).split([c, k, r * r, experts], 1)
            mixed = (shares.softmax(1).view(n, experts, 1, 1, 1, 1)
                     * taps.sigmoid().view(n, 1, 1, 1, r, r) * bank[None]).sum(1)
            y = per_sample(x * inputs.sigmoid()[:, :, None, None], mixed)
            return y * outputs.sigmoid()[:, :, None, None]
        return omni
    if case["kernel"] == "region_conv2d":
        regions = case["regions"]
        guide = torch.randint(regions, (n, 1, h, w))
        mask = F.one_hot(guide[:, 0], regions).permute(0, 3, 1, 2).float()
        sets = torch.randn(8, k * c * r * r) * 0.05
        routing = attention(case, regions * 8)

        def by_region():
            weight = torch.matmul(routing(x).sigmoid().view(n, regions, 8), sets)
            y = per_sample(x, weight.view(n, regions * k, c, r, r))
            return (y.view(n, regions, k, h, w) * mask.unsqueeze(2)).sum(1)
        return by_region
    guide, weight = torch.randn(n, case["d"], h, w), torch.randn(k, c, r * r) * 0.05

    def adaptive():
        near = windows(guide, r)
        kernel = (-0.5 * (near - guide.unsqueeze(2)).square().sum(1, keepdim=True)).exp()
        return torch.einsum("ncthw,kct->nkhw", windows(x, r) * kernel, weight)
    return adaptive


def measure(options, case, threads):
    """Median seconds of Protean and of PyTorch, taking turns."""
    import torch
    torch.set_num_threads(threads)
    call, ours, theirs = composition(case), [], []
    with torch.inference_mode():
        for _ in range(options.rounds):
            ours.append(protean_seconds(options, case, threads))
            theirs.append(timed(call, options.seconds))
    return statistics.median(ours), statistics.median(theirs)


def main():
    compare(parse_options(__doc__, "dynamic_weights.txt"), parse_case, measure)


if __name__ == "__main__":
    main()
