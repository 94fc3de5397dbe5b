"""Runs filters per pixel of kernelbench's shape files beside the compositions that PyTorch's users write.

    python pixel_filters.py --kernelbench ../../.build/release/kernelbench
    python pixel_filters.py --filter carafe --threads 1

As peers.py: both take turns within one run, Float32, the same number of threads, medians. PyTorch has no
operator for any of them on a CPU: its users unfold the map and sum the products of windows and filters,
by multiplication and sum or by einsum. Both are timed with contiguous tensors and the faster one counts.
Column `ratio` is PyTorch's time over Protean's.
"""
import argparse
import json
import pathlib
import statistics

from peers import HERE, protean_seconds, timed

KERNELS = {"pixel_filter", "carafe", "involution", "ddf", "duf"}


def parse_case(line):
    """A case as a dictionary, or None for other lines."""
    words = line.split("#")[0].split()
    if len(words) < 2 or words[1] not in KERNELS:
        return None
    keys = dict(word.split("=") for word in words[2:])
    case = {key: int(keys.get(key, 1)) for key in ("n", "h", "w", "c", "r", "up", "stride", "groups")}
    if words[1] == "involution":
        case["groups"] = case["c"] // 16
    return case | {"kernel": words[1], "name": words[0], "line": line.strip(),
                   "combine": keys.get("algorithm", "mul")}


def windows(x, r, stride=1):
    """[n, c, r * r, h', w']: the pixels around every position."""
    import torch.nn.functional as F
    size = [(side - 1) // stride + 1 for side in x.shape[2:]]
    return F.unfold(x, r, 1, r // 2, stride).view(*x.shape[:2], r * r, *size)


def grouped_sums(patches, filters, groups):
    """Two ways to sum the products of windows and the filters [n, groups * taps, h, w]."""
    import torch
    n, c, taps, h, w = patches.shape
    patches = patches.view(n, groups, c // groups, taps, h, w)
    filters = filters.view(n, groups, taps, h, w)
    yield lambda: (patches * filters.unsqueeze(2)).sum(3).view(n, c, h, w)
    yield lambda: torch.einsum("ngcthw,ngthw->ngchw", patches, filters).reshape(n, c, h, w)


def compositions(case):
    """Calls that compute the case in PyTorch."""
    import torch
    import torch.nn.functional as F
    n, c, h, w, r, up, groups = (case[key] for key in ("n", "c", "h", "w", "r", "up", "groups"))
    taps, x, kernel = r * r, torch.randn(n, c, h, w), case["kernel"]

    def ways(make, filters):
        # The unfolding belongs to every call.
        return [lambda index=index: list(grouped_sums(make(), filters(), groups))[index]()
                for index in range(2)]
    if kernel == "pixel_filter":
        filters = torch.randn(n, groups * taps, h, w)
        return ways(lambda: windows(x, r), lambda: filters)
    if kernel == "carafe":
        filters = torch.randn(n, groups * taps, h * up, w * up)
        return ways(lambda: windows(x, r).repeat_interleave(up, 3).repeat_interleave(up, 4),
                    lambda: filters)
    if kernel == "involution":
        stride = case["stride"]
        reduce = torch.nn.Sequential(
            torch.nn.Conv2d(c, c // 4, 1, bias=False), torch.nn.BatchNorm2d(c // 4),
            torch.nn.ReLU(), torch.nn.Conv2d(c // 4, taps * groups, 1)).eval()
        pool = torch.nn.AvgPool2d(stride, stride) if stride > 1 else torch.nn.Identity()
        return ways(lambda: windows(x, r, stride), lambda: reduce(pool(x)))
    if kernel == "ddf":
        spatial, channel = torch.randn(n, 1, taps, h, w), torch.randn(n, c, taps, 1, 1)
        both = (lambda: spatial * channel) if case["combine"] == "mul" else (
            lambda: spatial + channel)
        return [lambda: (windows(x, r) * both()).sum(2),
                lambda: torch.einsum("ncthw,ncthw->nchw", windows(x, r), both())]
    filters, residual = torch.randn(n, taps * up * up, h, w), torch.randn(n, c * up * up, h, w)

    def upsampled(sums):
        weights = filters.view(n, taps, up * up, h, w).softmax(1)
        sums = sums(windows(x, r), weights).reshape(n, c * up * up, h, w)
        return F.pixel_shuffle(sums + residual, up)
    return [lambda: upsampled(lambda p, f: torch.einsum("ncthw,ntqhw->ncqhw", p, f)),
            lambda: upsampled(lambda p, f: (p.unsqueeze(3) * f.unsqueeze(1)).sum(2))]


def measure(options, case, threads):
    """Median seconds of Protean and of the fastest composition, taking turns."""
    import torch
    torch.set_num_threads(threads)
    calls, ours = compositions(case), []
    theirs = [[] for _ in calls]
    with torch.inference_mode():
        for _ in range(options.rounds):
            ours.append(protean_seconds(options, case, threads))
            for samples, call in zip(theirs, calls):
                samples.append(timed(call, options.seconds))
    return statistics.median(ours), min(statistics.median(samples) for samples in theirs)


def parse_options(description, shapes):
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--kernelbench", default=HERE / "../../.build/release/kernelbench")
    parser.add_argument("--shapes", default=shapes)
    parser.add_argument("--filter", default="", help="only cases whose name contains this")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="per turn")
    parser.add_argument("--json", type=pathlib.Path, help="writes the rows to this file")
    return parser.parse_args()


def compare(options, parse, measure):
    """Prints a row per case and number of threads; writes them to --json if it is given."""
    lines = (HERE / "../shapes" / options.shapes).read_text().splitlines()
    cases = [case for case in map(parse, lines) if case and options.filter in case["name"]]
    print(f"{'case':24} {'threads':>7} {'protean ms':>11} {'pytorch ms':>11} {'ratio':>6}")
    rows = []
    for case in cases:
        for threads in options.threads:
            ours, theirs = measure(options, case, threads)
            rows.append({"case": case["name"], "threads": threads, "ratio": theirs / ours,
                         "seconds": {"protean": ours, "pytorch": theirs}})
            print(f"{case['name']:24} {threads:7} {ours * 1e3:11.3f} {theirs * 1e3:11.3f} "
                  f"{theirs / ours:6.1f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


def main():
    compare(parse_options(__doc__, "pixel_filters.txt"), parse_case, measure)


if __name__ == "__main__":
    main()
