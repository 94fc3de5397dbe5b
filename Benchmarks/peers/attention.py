"""Runs attention and dynamic activations of kernelbench's shape files beside what PyTorch's users write.

    python attention.py --kernelbench ../../.build/release/kernelbench
    python attention.py --filter cbam --threads 1 --peers eager compile

As peers.py: all take turns within one run, Float32, the same number of threads, medians. Peers are the
layer in PyTorch, as written and by torch.compile, each with contiguous and channels-last maps, of which
the faster counts, and OpenVINO's conversion of the same layer. Column `ratio` is the fastest peer's time
over Protean's, `eager` that of PyTorch as written. A peer that cannot run a layer is left out and named.
"""
import argparse
import json
import pathlib
import statistics
import sys

from peers import HERE, protean_seconds, timed

LAYERS = {}


def layer(function):
    """Registers how a kernel of kernelbench is made in PyTorch, from a case."""
    LAYERS[function.__name__] = function
    return function


def parse_case(line):
    """A case as a dictionary, or None for other lines."""
    words = line.split("#")[0].split()
    if len(words) < 2 or words[1] not in LAYERS:
        return None
    keys = dict(word.split("=") for word in words[2:])
    case = {key: int(value) for key, value in keys.items() if value.isdigit()}
    return {"n": 1} | case | {"kernel": words[1], "name": words[0], "line": line.strip()}


def module(forward, **parts):
    """A module of parts whose call is forward(parts, x)."""
    from torch import nn

    class Composed(nn.Module):
        def __init__(self):
            super().__init__()
            for name, part in parts.items():
                setattr(self, name, part)

        def forward(self, x):
            return forward(self, x)
    return Composed()


def gates(*layers):
    """x times the sigmoid of layers on the pooled map."""
    import torch
    from torch import nn
    return module(lambda m, x: x * torch.sigmoid(m.net(x.mean((2, 3), keepdim=True))),
                  net=nn.Sequential(*layers))


@layer
def squeeze_excitation(case):
    from torch import nn
    c, k = case["c"], case.get("k", max(1, case["c"] // 4))
    return gates(nn.Conv2d(c, k, 1), nn.ReLU(), nn.Conv2d(k, c, 1))


@layer
def eca(case):
    from timm.layers.eca import EcaModule
    return EcaModule(case["c"])


@layer
def simam(case):
    import torch

    def forward(m, x):
        d = (x - x.mean((2, 3), keepdim=True)).square()
        v = d.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
        return x * torch.sigmoid(d / (4 * (v + 1e-4)) + 0.5)
    return module(forward)


@layer
def srm(case):
    import torch
    from torch import nn

    def forward(m, x):
        flat = x.flatten(2)
        style = torch.stack((flat.mean(2), flat.std(2)), 2)
        return x * torch.sigmoid(m.norm((style * m.weight).sum(2, keepdim=True)))[..., None]
    return module(forward, weight=nn.Parameter(torch.randn(case["c"], 2)),
                  norm=nn.BatchNorm1d(case["c"]))


@layer
def gct(case):
    import torch
    from torch import nn

    def forward(m, x):
        e = (x.square().sum((2, 3), keepdim=True) + 1e-5).sqrt() * m.alpha
        size = (e.square().mean(1, keepdim=True) + 1e-5).sqrt()
        return x * (1 + torch.tanh(e * (m.gamma / size) + m.beta))
    return module(forward, **{name: nn.Parameter(torch.randn(1, case["c"], 1, 1))
                              for name in ("alpha", "gamma", "beta")})


@layer
def gather_excite(case):
    from torch import nn
    c, k = case["c"], max(1, case["c"] // 16)
    return gates(nn.Conv2d(c, k, 1), nn.ReLU(), nn.Conv2d(k, c, 1))


@layer
def global_context(case):
    from timm.layers.global_context import GlobalContext
    return GlobalContext(case["c"])


@layer
def scse(case):
    import torch
    from torch import nn
    c = case["c"]
    channel = nn.Sequential(nn.Conv2d(c, c, 1), nn.ReLU(), nn.Conv2d(c, c, 1))
    return module(lambda m, x: x * torch.sigmoid(m.channel(x.mean((2, 3), keepdim=True)))
                  + x * torch.sigmoid(m.spatial(x)), channel=channel, spatial=nn.Conv2d(c, 1, 1))


@layer
def cbam(case):
    from timm.layers.cbam import CbamModule
    return CbamModule(case["c"])


@layer
def bam(case):
    import torch
    from torch import nn
    c, h = case["c"], case["c"] // 16
    channel = nn.Sequential(nn.Linear(c, h), nn.BatchNorm1d(h), nn.ReLU(), nn.Linear(h, c))
    spatial = [nn.Conv2d(c, h, 1), nn.BatchNorm2d(h), nn.ReLU()]
    for _ in range(2):
        spatial += [nn.Conv2d(h, h, 3, padding=4, dilation=4), nn.BatchNorm2d(h), nn.ReLU()]
    return module(
        lambda m, x: x * (1 + torch.sigmoid(
            m.channel(x.mean((2, 3)))[:, :, None, None] * m.spatial(x))),
        channel=channel, spatial=nn.Sequential(*spatial, nn.Conv2d(h, 1, 1)))


@layer
def coordinate_attention(case):
    from timm.layers.coord_attn import CoordAttn
    return CoordAttn(case["c"], rd_channels=max(8, case["c"] // 32), bias=True)


@layer
def triplet_attention(case):
    import torch
    from torch import nn

    def forward(m, x):
        total = 0
        for part, side in zip(m.parts, ((0, 2, 1, 3), (0, 3, 2, 1), (0, 1, 2, 3))):
            turned = x.permute(side).contiguous()
            planes = torch.stack((turned.amax(1), turned.mean(1)), 1)
            total = total + (turned * torch.sigmoid(part(planes))).permute(side)
        return total / 3
    return module(forward, parts=nn.ModuleList(
        nn.Sequential(nn.Conv2d(2, 1, 7, padding=3, bias=False), nn.BatchNorm2d(1))
        for _ in range(3)))


@layer
def spatial_group_enhance(case):
    import torch
    from torch import nn
    groups = case["groups"]

    def forward(m, x):
        n, _, h, w = x.shape
        grouped = x.reshape(n * groups, -1, h, w)
        t = (grouped * grouped.mean((2, 3), keepdim=True)).sum(1).view(n * groups, -1)
        t = t - t.mean(1, keepdim=True)
        t = (t / (t.std(1, keepdim=True) + 1e-5)).view(n, groups, h, w)
        factors = torch.sigmoid(t * m.weight + m.bias).view(n * groups, 1, h, w)
        return (grouped * factors).view(x.shape)
    return module(forward, weight=nn.Parameter(torch.randn(1, groups, 1, 1)),
                  bias=nn.Parameter(torch.ones(1, groups, 1, 1)))


@layer
def esa(case):
    import torch
    from torch import nn
    from torch.nn import functional as F
    c, k = case["c"], case["k"]

    def forward(m, x):
        u = m.conv1(x)
        v = m.conv3(F.max_pool2d(m.conv2(u), 7, 3))
        v = F.interpolate(v, x.shape[2:], mode="bilinear", align_corners=False)
        return x * torch.sigmoid(m.conv4(v + m.conv_f(u)))
    return module(forward, conv1=nn.Conv2d(c, k, 1), conv_f=nn.Conv2d(k, k, 1),
                  conv2=nn.Conv2d(k, k, 3, 2), conv3=nn.Conv2d(k, k, 3, padding=1),
                  conv4=nn.Conv2d(k, c, 1))


@layer
def pixel_attention(case):
    import torch
    from torch import nn
    return module(lambda m, x: x * torch.sigmoid(m.conv(x)), conv=nn.Conv2d(case["c"], case["c"], 1))


@layer
def selective_kernel(case):
    from timm.layers.selective_kernel import SelectiveKernel
    return SelectiveKernel(case["c"])


@layer
def split_attention(case):
    from timm.layers.split_attn import SplitAttn
    return SplitAttn(case["c"])


@layer
def dynamic_relu(case):
    import torch
    from torch import nn
    c = case["c"]
    net = nn.Sequential(nn.Linear(c, c // 4), nn.ReLU(), nn.Linear(c // 4, 4 * c))

    def forward(m, x):
        coefficients = 2 * torch.sigmoid(m.net(x.mean((2, 3)))) - 1
        a1, b1, a2, b2 = coefficients.view(x.shape[0], 4, -1, 1, 1).unbind(1)
        return torch.maximum(x * (a1 + 1) + 0.5 * b1, x * a2 + 0.5 * b2)
    return module(forward, net=net)


@layer
def frelu(case):
    import torch
    from torch import nn
    c = case["c"]
    return module(lambda m, x: torch.maximum(x, m.norm(m.conv(x))), norm=nn.BatchNorm2d(c),
                  conv=nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False))


@layer
def acon(case):
    import torch
    from torch import nn

    def forward(m, x):
        d = (m.p1 - m.p2) * x
        return d * torch.sigmoid(m.beta * d) + m.p2 * x
    return module(forward, **{name: nn.Parameter(torch.randn(1, case["c"], 1, 1))
                              for name in ("p1", "p2", "beta")})


@layer
def meta_acon(case):
    import torch
    from torch import nn
    c, k = case["c"], max(16, case["c"] // 16)

    def forward(m, x):
        beta = torch.sigmoid(m.net(x.mean((2, 3), keepdim=True)))
        d = (m.p1 - m.p2) * x
        return d * torch.sigmoid(beta * d) + m.p2 * x
    net = nn.Sequential(nn.Conv2d(c, k, 1), nn.BatchNorm2d(k), nn.Conv2d(k, c, 1),
                        nn.BatchNorm2d(c))
    return module(forward, net=net, **{name: nn.Parameter(torch.randn(1, c, 1, 1))
                                       for name in ("p1", "p2")})


def torch_calls(case, compiled):
    """PyTorch's layer on both layouts of maps."""
    import torch
    for layout in (torch.contiguous_format, torch.channels_last):
        made = LAYERS[case["kernel"]](case).eval().to(memory_format=layout)
        x = torch.randn(case["n"], case["c"], case["h"], case["w"]).to(memory_format=layout)
        run = torch.compile(made) if compiled else made

        def call(run=run, x=x):
            with torch.inference_mode():
                run(x)
        yield call


def openvino_calls(case, threads):
    """The same layer converted; its inputs and outputs are contiguous maps."""
    import openvino
    import torch
    x = torch.randn(case["n"], case["c"], case["h"], case["w"])
    model = openvino.convert_model(LAYERS[case["kernel"]](case).eval(), example_input=x,
                                   input=list(x.shape))
    compiled = openvino.Core().compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(x.numpy()))
    yield request.infer


PEERS = {"eager": lambda case, threads: torch_calls(case, False),
         "compile": lambda case, threads: torch_calls(case, True),
         "openvino": openvino_calls}


def ready_calls(case, threads, peers):
    """(peer, call) for all peers that can run the case."""
    import torch
    torch.set_num_threads(threads)
    for peer in peers:
        try:
            for call in PEERS[peer](case, threads):
                call()
                yield peer, call
        except Exception as error:  # a compiler's refusal may be of any type
            text = str(error).splitlines()[:1]
            print(f"note: {peer} without {case['name']}: {type(error).__name__} {text}",
                  file=sys.stderr)


def measure(options, case, threads):
    """Median seconds by peer, the better of its calls, all taking turns."""
    calls = list(ready_calls(case, threads, options.peers))
    ours, theirs = [], [[] for _ in calls]
    for _ in range(options.rounds):
        ours.append(protean_seconds(options, case, threads))
        for samples, (_, call) in zip(theirs, calls):
            samples.append(timed(call, options.seconds))
    best = {"protean": statistics.median(ours)}
    for (peer, _), samples in zip(calls, theirs):
        best[peer] = min(best.get(peer, float("inf")), statistics.median(samples))
    return best


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernelbench", default=HERE / "../../.build/release/kernelbench")
    parser.add_argument("--shapes", default="attention.txt")
    parser.add_argument("--filter", default="", help="only cases whose name contains this")
    parser.add_argument("--peers", nargs="+", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="per turn")
    parser.add_argument("--json", type=pathlib.Path, help="writes the rows to this file")
    return parser.parse_args()


def main():
    options, rows = parse_options(), []
    lines = (HERE / "../shapes" / options.shapes).read_text().splitlines()
    names = ["protean"] + options.peers
    print(f"{'case':24} {'threads':>7}" + "".join(f"{name + ' ms':>13}" for name in names)
          + f"{'ratio':>7}{'eager':>7}")
    for case in filter(None, map(parse_case, lines)):
        if options.filter not in case["name"]:
            continue
        for threads in options.threads:
            best = measure(options, case, threads)
            others = [best[name] for name in options.peers if name in best]
            ratio = min(others) / best["protean"] if others else float("nan")
            eager = best.get("eager", float("nan")) / best["protean"]
            rows.append({"case": case["name"], "threads": threads, "ratio": ratio,
                         "seconds": best})
            cells = [f"{best[n] * 1e3:13.3f}" if n in best else f"{'-':>13}" for n in names]
            print(f"{case['name']:24} {threads:7}" + "".join(cells) + f"{ratio:7.2f}{eager:7.1f}",
                  flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
