"""Masked convolutions of kernelbench's shape files, beside what is done without masked kernels.

    python sparse.py --kernelbench ../../.build/release/kernelbench

Taking turns within one run, Float32, the same number of threads, medians of milliseconds:
  protean   the masked convolution, its way chosen by estimate, the mask's plan made in every call
  whole     Protean's ordinary convolution of the whole map at its fastest
  torch     PyTorch's convolution (oneDNN, the better of two layouts) times the mask
  gather    gather, matrix product and accumulation for each of the nine taps over the active
            pixels, in PyTorch: what libraries for sparse tensors do
Before it is timed, `gather` is compared with `torch`. Masks are the same for all calls of a case
here; Protean's change from call to call.
"""
import argparse
import pathlib
import statistics
import sys

from peers import HERE, protean_seconds, timed


def parse_case(line):
    """A masked_conv2d case with a 3x3 kernel as a dictionary, or None for other lines."""
    words = line.split("#")[0].split()
    if len(words) < 2 or words[1] != "masked_conv2d":
        return None
    keys = dict(word.split("=") for word in words[2:])
    case = {key: int(keys[key]) for key in ("h", "w", "c", "k")}
    line = " ".join(word for word in words if not word.startswith("algorithm="))
    return case | {"name": words[0], "line": line, "density": float(keys["density"]),
                   "pattern": keys.get("pattern", "pixels")}


def mask_of(case):
    """A mask of the case's density as booleans [h, w]."""
    import numpy
    h, w = case["h"], case["w"]
    generator = numpy.random.default_rng(1)
    if case["pattern"] == "disc":
        y, x = numpy.mgrid[:h, :w]
        distance = ((y - (h - 1) / 2) ** 2 + (x - (w - 1) / 2) ** 2).ravel()
        chosen = numpy.argsort(distance, kind="stable")[:max(1, round(case["density"] * h * w))]
        mask = numpy.zeros(h * w, bool)
        mask[chosen] = True
        return mask.reshape(h, w)
    side = 1 if case["pattern"] == "pixels" else int(case["pattern"].removeprefix("cells"))
    down, across = -(-h // side), -(-w // side)
    cells = numpy.zeros(down * across, bool)
    cells[generator.permutation(cells.size)[:max(1, round(case["density"] * cells.size))]] = True
    return numpy.kron(cells.reshape(down, across), numpy.ones((side, side), bool))[:h, :w]


def calls_of(case, threads):
    import torch
    import torch.nn.functional as F
    torch.manual_seed(1)
    h, w, c, k = (case[key] for key in "hwck")
    mask = torch.from_numpy(mask_of(case).copy())
    x, weight = torch.rand(1, c, h, w) - 0.5, torch.rand(k, c, 3, 3) - 0.5
    taps = weight.permute(2, 3, 1, 0).reshape(9, c, k).contiguous()
    pixels = x.permute(0, 2, 3, 1).contiguous()
    result = torch.zeros(h * w, k)

    def dense(layout):
        module = torch.nn.Conv2d(c, k, 3, padding=1, bias=False)
        module.weight.data = weight
        module = module.to(memory_format=layout).eval()
        image, factor = x.to(memory_format=layout), mask.float()

        def call():
            torch.set_num_threads(threads)
            with torch.inference_mode():
                return module(image) * factor
        return call

    def gather():
        torch.set_num_threads(threads)
        with torch.inference_mode():
            rows = F.pad(pixels, (0, 0, 1, 1, 1, 1)).view(-1, c)
            active = mask.view(-1).nonzero().view(-1)
            first = active // w * (w + 2) + active % w
            sums = torch.zeros(len(active), k)
            for tap in range(9):
                sums.addmm_(rows.index_select(0, first + tap // 3 * (w + 2) + tap % 3), taps[tap])
            return result.index_copy_(0, active, sums)

    layouts = [dense(torch.contiguous_format), dense(torch.channels_last)]
    difference = layouts[0]()[0].permute(1, 2, 0).reshape(h * w, k) - gather()
    if difference.abs().max() > 1e-3:
        print(f"note: {case['name']}: gather differs by {difference.abs().max()}", file=sys.stderr)
    return [("torch", call) for call in layouts] + [("gather", gather)]


def measure(options, case, threads):
    calls, times = calls_of(case, threads), {}
    name = case["name"] + ".whole"
    whole = {"name": name, "line": f"{name} conv2d r=3 " + " ".join(
        f"{key}={case[key]}" for key in "hwck")}
    for _ in range(options.rounds):
        for key, one in (("protean", case), ("whole", whole)):
            times.setdefault((key, 0), []).append(protean_seconds(options, one, threads))
        for index, (key, call) in enumerate(calls):
            times.setdefault((key, index), []).append(timed(call, options.seconds))
    best = {}
    for (key, _), values in times.items():
        best[key] = min(best.get(key, float("inf")), statistics.median(values))
    return best


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernelbench", default=str(HERE / "../../.build/release/kernelbench"))
    parser.add_argument("--shapes", default=str(HERE.parent / "shapes/masked3x3.txt"))
    parser.add_argument("--filter", default="", help="only cases whose name contains this")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="per library and round")
    options = parser.parse_args()

    names = ["protean", "whole", "torch", "gather"]
    print(f"{'case':<30}{'threads':>8}" + "".join(f"{n:>10}" for n in names))
    for line in pathlib.Path(options.shapes).read_text().splitlines():
        case = parse_case(line)
        if not case or options.filter not in case["name"]:
            continue
        for threads in map(int, options.threads.split(",")):
            times = measure(options, case, threads)
            print(f"{case['name']:<30}{threads:>8}"
                  + "".join(f"{times[name] * 1e3:>10.3f}" for name in names), flush=True)


if __name__ == "__main__":
    main()
