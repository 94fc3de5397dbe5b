"""Runs networks with several exits beside PyTorch with their authors' code.

    python conditional.py --references FOLDER --protean ../../.build/release/protean
    python conditional.py --references FOLDER --networks msdnet_cifar100 --batches 1 --threads 1

FOLDER holds clones of the authors' repositories, as for Tests/Golden/generate/exits.py, which builds the
networks; weights follow from their keys on both sides, through a file. Both run up to the last exit
without the heads before it: in PyTorch those are left out of the authors' network, as Protean does. Both
take turns of a few calls each within one run (A B A B ...), Float32, at the same number of threads; a
turn begins with calls that do not count. PyTorch runs contiguous and channels-last maps, of which the
faster counts. The table shows medians and, behind a slash, the fastest tenth; the ratio is PyTorch's
median over Protean's (above 1: Protean is faster). The last column is the largest difference of the
logits relative to the largest logit.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "../../Tests/Golden/generate"))
import exits  # noqa: E402
from resnets import uniform  # noqa: E402

NETWORKS = ["msdnet_cifar100", "ranet_cifar100", "ranet_cifar100_model1", "rdi_resnet38_cifar10",
            "sdn_vgg16_cifar10"]
# Calls of a turn that do not count: memory and caches are those of the library before.
WARM_UP = 3


def build(name, references, target):
    """The authors' network in Float32 without heads before the last; its weights go to `target`."""
    with open(os.devnull, "w") as silent:
        shown, sys.stdout = sys.stdout, silent
        model, _, _ = exits.NETWORKS[name](name, references)
        sys.stdout = shown
    model.eval()
    state = model.state_dict()
    for key, value in state.items():
        if not key.endswith("num_batches_tracked"):
            value.copy_(uniform(key, *exits.bound(key, value.shape), value.shape))
    save_file({key: value.contiguous() for key, value in state.items()}, target)
    # Heads are called by the authors' forward passes: earlier ones give nothing at once.
    heads = list(getattr(model, "classifier", []))[:-1]
    heads += [getattr(model, f"branch_layer{i}") for i in range(1, 7)
              if hasattr(model, f"branch_layer{i}")]
    heads += [layer.output for layer in getattr(model, "layers", [])
              if hasattr(layer, "output") and name.startswith("sdn")]
    for head in heads:
        head.forward = lambda x: None
    return model


class PyTorch:
    """The authors' network on one layout of maps."""

    def __init__(self, model, x, threads, layout):
        self.model, self.x = model.to(memory_format=layout), x.to(memory_format=layout)
        self.layout, self.threads, self.samples = layout, threads, []

    def call(self):
        torch.set_num_threads(self.threads)
        with torch.inference_mode():
            return self.model(self.x)[-1].numpy()

    def turn(self, calls):
        self.model.to(memory_format=self.layout)
        for _ in range(WARM_UP):
            self.call()
        for _ in range(calls):
            start = time.perf_counter()
            self.call()
            self.samples.append(time.perf_counter() - start)


class Protean:
    """`protean bench` started anew for every turn."""

    def __init__(self, command, network, weights, batch, threads):
        self.command = [command, "bench", network, "--weights", weights, "--batch", str(batch),
                        "--threads", str(threads), "--whole", "--json",
                        "--warm-up", str(WARM_UP + 2)]
        self.samples = []

    def run(self, *arguments):
        output = subprocess.run(
            [*self.command, *arguments], check=True, capture_output=True, text=True).stdout
        return json.loads(output)[0]

    def turn(self, calls):
        self.samples += [1e-3 * one for one in
                         self.run("--repeat", str(calls))["samples_milliseconds"]]


def summary(samples):
    times = sorted(1e3 * one for one in samples)
    return statistics.median(times), times[len(times) // 10]


def measure(options, network, batch, threads, folder):
    weights, saved = (os.path.join(folder, name) for name in ("w.safetensors", "xy.safetensors"))
    model = build(network, options.references, weights)
    own = Protean(options.protean, network, weights, batch, threads)
    own.run("--repeat", "1", "--save", saved)
    tensors = load_file(saved)
    x = torch.from_numpy(numpy.ascontiguousarray(tensors["x"].transpose(0, 3, 1, 2)))
    peers = [PyTorch(model, x, threads, layout)
             for layout in (torch.contiguous_format, torch.channels_last)]
    expected = peers[0].call()
    error = float(numpy.abs(tensors["y"] - expected).max() / numpy.abs(expected).max())
    if error > 1e-3:
        raise SystemExit(f"{network}: logits disagree: {error}")
    for _ in range(options.rounds):
        for library in [own, *peers]:
            library.turn(options.calls)
            time.sleep(0.05)  # until its idle threads have stopped spinning
    ours = summary(own.samples)
    theirs = min(summary(peer.samples) for peer in peers)
    return {"network": network, "batch": batch, "threads": threads, "error": error,
            "milliseconds": {"protean": ours[0], "pytorch": theirs[0]},
            "fastest_tenth": {"protean": ours[1], "pytorch": theirs[1]},
            "ratio": theirs[0] / ours[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--references", type=pathlib.Path, required=True)
    parser.add_argument("--protean", default=str(HERE / "../../.build/release/protean"))
    parser.add_argument("--networks", nargs="+", default=NETWORKS[:2], choices=NETWORKS)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--calls", type=int, default=5, help="per library and round")
    parser.add_argument("--json", type=pathlib.Path, help="writes the rows to this file")
    options = parser.parse_args()

    rows = []
    print(f"{'network':24}{'batch':>6}{'threads':>8}{'protean ms':>20}{'pytorch ms':>20}"
          f"{'ratio':>7}   difference")
    for network in options.networks:
        for batch in options.batches:
            for threads in options.threads:
                with tempfile.TemporaryDirectory() as folder:
                    row = measure(options, network, batch, threads, folder)
                rows.append(row)
                cells = [f"{row['milliseconds'][n]:.3f} / {row['fastest_tenth'][n]:.3f}"
                         for n in ("protean", "pytorch")]
                print(f"{network:24}{batch:6}{threads:8}" + "".join(f"{c:>20}" for c in cells)
                      + f"{row['ratio']:7.2f}   {row['error']:.1e}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"torch": torch.__version__, "networks": rows}, indent=1)
                                + "\n")


if __name__ == "__main__":
    main()
