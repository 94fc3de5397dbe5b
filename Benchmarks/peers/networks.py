"""Runs whole networks in ONNX Runtime, OpenVINO, PyTorch and Protean, side by side.

    make peers-networks                 # installs the peers into a virtual environment first
    python networks.py --networks resnet50 --threads 1 --rounds 20

One network is defined in PyTorch (torchvision, timm, or below), exported to ONNX for ONNX Runtime
and OpenVINO, and its weights handed to `protean bench`. Weights are random unless --weights names a
folder with NETWORK.pth. All take turns of a few calls each within one run (A B C A B C ...), batch
1, Float32 throughout, at the same number of threads; a turn begins with calls that do not count.
The table shows medians of all calls and, behind a slash, their fastest tenth; the ratio is the time
of the faster of ONNX Runtime and OpenVINO over Protean's (above 1: Protean is faster). PyTorch is
there for information. The last column is the largest difference of Protean's and OpenVINO's outputs
from PyTorch's, relative to the largest output.
"""
import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time
import warnings

import numpy
import onnxruntime
import openvino
import torch
from safetensors.numpy import load_file

HERE = pathlib.Path(__file__).resolve().parent
# Calls of a turn that do not count: memory and caches are those of the library before.
WARM_UP = 3


def se_resnet32():
    """ResNet-32 for 32 x 32 images with squeeze-and-excitation (arXiv 1512.03385, 1709.01507)."""
    nn = torch.nn

    class Gate(nn.Module):
        def __init__(self, channels):
            super().__init__()
            self.fc = nn.Sequential(
                nn.Linear(channels, channels // 16, bias=False), nn.ReLU(),
                nn.Linear(channels // 16, channels, bias=False), nn.Sigmoid())

        def forward(self, x):
            return x * self.fc(x.mean((2, 3)))[:, :, None, None]

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outputs)
            self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outputs)
            self.se = Gate(outputs)
            self.downsample = None
            if stride != 1 or inputs != outputs:
                self.downsample = nn.Sequential(
                    nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

        def forward(self, x):
            side = self.downsample(x) if self.downsample else x
            y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
            return (self.se(y) + side).relu()

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(16)
            for stage, (inputs, outputs) in enumerate([(16, 16), (16, 32), (32, 64)]):
                blocks = [Block(inputs, outputs, 1 if stage == 0 else 2)]
                blocks += [Block(outputs, outputs, 1) for _ in range(4)]
                setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            self.fc = nn.Linear(64, 10)

        def forward(self, x):
            x = self.bn1(self.conv1(x)).relu()
            return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))

    return Network()


def torchvision_model(name):
    from torchvision import models
    return getattr(models, name)()


def timm_model(name):
    import timm
    return timm.create_model(name)


def efficientnet_lite0():
    return timm_model("tf_efficientnet_lite0")


def lite0_keys(names):
    """timm's names of EfficientNet-Lite0 as the published port has them, in the same order."""
    trunk = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1",
             "classifier": "_fc"}
    layers = ["_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2"]
    found = {}
    blocks = []  # in order of appearance
    for name in names:
        parts = name.split(".")
        if parts[0] != "blocks":
            found[name] = ".".join([trunk[parts[0]], *parts[1:]])
            continue
        if parts[1:3] not in blocks:
            blocks.append(parts[1:3])
        own = ["conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3"]
        if parts[1] == "0":  # the first block does not expand
            own = [None, None, "conv_dw", "bn1", "conv_pw", "bn2"]
        layer = layers[own.index(parts[3])]
        found[name] = f"_blocks.{blocks.index(parts[1:3])}.{layer}.{parts[4]}"
    return found


NETWORKS = {
    "mobilenet_v2": (lambda: torchvision_model("mobilenet_v2"), 224),
    "efficientnet_lite0": (efficientnet_lite0, 224),
    "se_resnet32_cifar": (se_resnet32, 32),
    "resnet50": (lambda: torchvision_model("resnet50"), 224),
    "mobilenetv3_large": (lambda: torchvision_model("mobilenet_v3_large"), 224),
    "se_resnet50": (lambda: timm_model("seresnet50"), 224),
}


def build(name, folder, target):
    """The network in PyTorch; its weights under Protean's names are written to `target`."""
    torch.manual_seed(1)
    make, size = NETWORKS[name]
    model = make().eval()
    keys = list(model.state_dict())
    renamed = lite0_keys(keys) if name == "efficientnet_lite0" else {key: key for key in keys}
    published = pathlib.Path(folder) / f"{name}.pth" if folder else None
    if published and published.exists():
        state = torch.load(published, map_location="cpu", weights_only=True)
        state = {key.removeprefix("module."): value for key, value in state.items()}
        model.load_state_dict({key: state[renamed[key]] for key in keys if renamed[key] in state})
    else:
        published = None
    torch.save({renamed[key]: value for key, value in model.state_dict().items()}, target)
    return model, size, str(published.name) if published else "random"


class Peer:
    """A library with the network loaded; `call` runs it once and gives the output."""

    def __init__(self, name, call):
        self.name, self.call, self.samples = name, call, []

    def turn(self, calls):
        for _ in range(WARM_UP):
            self.call()
        for _ in range(calls):
            start = time.perf_counter()
            self.call()
            self.samples.append(time.perf_counter() - start)


class Protean:
    """`protean bench` started anew for every turn."""
    name = "protean"

    def __init__(self, command, network, weights, threads):
        self.command = [command, "bench", network, "--weights", weights, "--threads", str(threads),
                        "--whole", "--json", "--warm-up", str(WARM_UP + 2)]
        self.samples = []

    def run(self, *arguments):
        output = subprocess.run(
            [*self.command, *arguments], check=True, capture_output=True, text=True).stdout
        return json.loads(output)[0]

    def turn(self, calls):
        self.samples += [1e-3 * one for one in
                         self.run("--repeat", str(calls))["samples_milliseconds"]]


def torch_peer(model, x, threads):
    model = model.to(memory_format=torch.channels_last)
    x = torch.from_numpy(x).to(memory_format=torch.channels_last)

    def call():
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return model(x).numpy()
    return Peer("pytorch", call)


def onnxruntime_peer(file, x, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return Peer("onnxruntime", lambda: session.run(None, {"x": x})[0])


def openvino_peer(file, x, threads):
    compiled = openvino.Core().compile_model(file, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(x))

    def call():
        request.infer()
        return request.get_output_tensor().data
    return Peer("openvino", call)


def measure(options, network, threads, folder):
    weights, file = os.path.join(folder, "w.pth"), os.path.join(folder, "network.onnx")
    model, size, source = build(network, options.weights, weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is an old one
        torch.onnx.export(
            model, (torch.zeros(1, 3, size, size),), file, input_names=["x"], output_names=["y"],
            dynamo=False)
    own = Protean(options.protean, network, weights, threads)
    saved = os.path.join(folder, "xy.safetensors")
    report = own.run("--repeat", "1", "--save", saved)
    tensors = load_file(saved)
    x = numpy.ascontiguousarray(tensors["x"].transpose(0, 3, 1, 2))
    peers = [onnxruntime_peer(file, x, threads), openvino_peer(file, x, threads),
             torch_peer(model, x, threads)]
    outputs = [tensors["y"], *[numpy.array(peer.call()) for peer in peers]]
    scale = numpy.abs(outputs[-1]).max()
    errors = [float(numpy.abs(output - outputs[-1]).max() / scale) for output in outputs[:-1]]
    if max(errors) > 1e-3:
        raise SystemExit(f"{network}: outputs disagree: {errors}")
    for _ in range(options.rounds):
        for library in [own, *peers]:
            library.turn(options.calls)
            time.sleep(0.05)  # until its idle threads have stopped spinning
    result = {"network": network, "threads": threads, "weights": source, "error": errors,
              "peak_activation_bytes": report["peak_activation_bytes"], "milliseconds": {},
              "fastest_tenth": {}}
    for library in [own, *peers]:
        times = sorted(1e3 * one for one in library.samples)
        result["milliseconds"][library.name] = statistics.median(times)
        result["fastest_tenth"][library.name] = times[len(times) // 10]
    for key, ratio in [("milliseconds", "ratio"), ("fastest_tenth", "ratio_fastest_tenth")]:
        times = result[key]
        result[ratio] = min(times["onnxruntime"], times["openvino"]) / times["protean"]
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--protean", default=str(HERE / "../../.build/release/protean"))
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--weights", help="folder with published weights, NETWORK.pth")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=10, help="per library and round")
    parser.add_argument("--json", help="write the results to this file")
    options = parser.parse_args()

    names = ["protean", "onnxruntime", "openvino", "pytorch"]
    print(f"{platform.processor() or platform.machine()}, batch 1, ms: median / fastest tenth; "
          "ratio = faster of onnxruntime and openvino / protean")
    print(f"{'network':<20}{'threads':>8}" + "".join(f"{name:>20}" for name in names)
          + f"{'ratio':>14}   difference")
    rows = []
    for network in options.networks:
        for threads in map(int, options.threads.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                row = measure(options, network, threads, folder)
            rows.append(row)
            cells = [f"{row['milliseconds'][n]:.3f} / {row['fastest_tenth'][n]:.3f}" for n in names]
            print(f"{network:<20}{threads:>8}" + "".join(f"{cell:>20}" for cell in cells)
                  + f"{row['ratio']:7.2f} /{row['ratio_fastest_tenth']:5.2f}   "
                  + ", ".join(f"{row['error'][i]:.1e}" for i in (0, 2)), flush=True)
    if options.json:
        versions = {name: importlib.metadata.version(name)
                    for name in ("onnxruntime", "openvino", "torch")}
        pathlib.Path(options.json).write_text(
            json.dumps({"versions": versions, "networks": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
