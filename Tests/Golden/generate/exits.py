"""Writes keys, counts, costs and logits of multi-exit networks, computed by their authors' code.

    python exits.py --references FOLDER --output ../models [NETWORK ...]

FOLDER holds clones of the authors' repositories under their GitHub names (`kalviny/MSDNet-PyTorch` as
`kalviny+MSDNet-PyTorch`, and so on). Every weight follows from its own key (`uniform` of resnets.py
in a range that `bound` gives), so that the files hold results only:

- exits.json: for every network its options, parameters, number of entries, a hash of its keys and
  shapes, and the cost of every exit in the convention of the authors' op_counter.py;
- exits.safetensors: the logits of every exit, `NETWORK.EXIT`, computed in double precision;
- exits_NETWORK.keys.txt: keys and shapes of some networks.

Without names all networks are written. Needs numpy, torch, safetensors.
"""
import argparse
import importlib.util
import json
import pathlib
import sys
import types

import numpy
import torch
from safetensors.torch import load_file, save_file

from resnets import uniform

NETWORKS = {}
LISTED = ("msdnet_cifar100", "ranet_cifar100", "triplewins_mnist", "rdi_resnet38_cifar10",
          "sdn_vgg16_cifar10", "branchynet_lenet", "imta_cifar100")


def bound(key, shape):
    """Ranges that keep the signal's size over many layers."""
    if key.endswith("alpha"):
        return 0.2, 0.8
    if key.endswith("running_var"):
        return 0.8, 1.6
    if len(shape) < 2:
        return (0.6, 1.4) if key.endswith(".weight") else (-0.25, 0.25)
    edge = numpy.sqrt(numpy.float32(6) / numpy.float32(numpy.prod(shape[1:])))
    return -edge, edge


def module(root, path, name):
    """A module of a clone, under a name of its own; packages keep their relative imports."""
    file = root / path
    folder = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folder)
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def network(*names):
    """Registers a function that gives (model, input shape, options) for a network's name."""
    def register(function):
        for name in names:
            NETWORKS[name] = function
        return function
    return register


MSDNET = {
    "msdnet_cifar100": {},
    "msdnet_cifar10": {"data": "cifar10"},
    "msdnet_cifar100_7": {"nBlocks": 7},
    "msdnet_cifar100_6": {"nBlocks": 6},
    **{f"msdnet_cifar100_lin{n}": {"nBlocks": n, "stepmode": "lin_grow", "step": 1, "base": 1}
       for n in (5, 6, 7, 8)},
    "msdnet_cifar100_min": {"nBlocks": 4, "prune": "min", "base": 3},
    "msdnet_cifar100_plain": {"nBlocks": 3, "bottleneck": False, "reduction": 0.0},
    **{f"msdnet_imagenet_{n}": {"data": "ImageNet", "nBlocks": 5, "step": n, "base": n,
                                "nChannels": 32, "growthRate": 16, "grFactor": [1, 2, 4, 4]}
       for n in (4, 5, 6, 7)},
    "msdnet_imagenet_small": {"data": "ImageNet", "nBlocks": 3, "step": 2, "base": 2,
                              "nChannels": 8, "growthRate": 4, "grFactor": [1, 2, 4, 4]},
}
# Too large for logits: a small network covers their parts.
COSTS_ONLY = ("msdnet_imagenet_4", "msdnet_imagenet_5", "msdnet_imagenet_6", "msdnet_imagenet_7",
              "ranet_imagenet_32", "ranet_imagenet_64")


def msdnet_options(changes):
    options = {"data": "cifar100", "nBlocks": 10, "base": 4, "step": 2, "stepmode": "even",
               "nChannels": 16, "growthRate": 6, "grFactor": [1, 2, 4], "prune": "max",
               "bottleneck": True, "reduction": 0.5} | changes
    options["bnFactor"] = options["grFactor"]
    return options


def arguments(options):
    return types.SimpleNamespace(
        **options, nScales=len(options["grFactor"]), dataset=options["data"], pretrained=None,
        num_classes={"cifar10": 10, "cifar100": 100, "ImageNet": 1000}[options["data"]])


def images(options, batch=2):
    return [1, 224, 224, 3] if options["data"] == "ImageNet" else [batch, 32, 32, 3]


@network(*MSDNET)
def msdnet(name, root):
    options = msdnet_options(MSDNET[name])
    code = module(root, "kalviny+MSDNet-PyTorch/models/msdnet.py", "msdnet_reference")
    return code.MSDNet(arguments(options)), images(options), options


RANET = {
    "ranet_cifar100": {"scale_list": [1, 2, 3, 3], "grFactor": [4, 2, 1, 1]},
    "ranet_cifar10": {"scale_list": [1, 2, 3, 3], "grFactor": [4, 2, 1, 1], "data": "cifar10"},
    "ranet_cifar100_model1": {"stepmode": "lg", "step": 2},
    "ranet_cifar100_model2": {"stepmode": "lg", "step": 2, "scale_list": [1, 2, 2, 3],
                              "grFactor": [4, 2, 2, 1]},
    "ranet_cifar100_model3": {"stepmode": "lg", "step": 2, "scale_list": [1, 2, 3, 3],
                              "grFactor": [4, 2, 1, 1]},
    **{f"ranet_imagenet_{n}": {"data": "ImageNet", "nChannels": n, "growthRate": 16, "step": 8,
                               "scale_list": [1, 2, 3, 4], "grFactor": [4, 2, 2, 1]}
       for n in (32, 64)},
    "ranet_imagenet_small": {"data": "ImageNet", "nChannels": 8, "growthRate": 4, "step": 2,
                             "scale_list": [1, 2, 3, 4], "grFactor": [4, 2, 2, 1]},
    "ranet_cifar100_steps": {"nBlocks": 1, "block_step": 3, "step": 2, "bnAfter": False},
}


@network(*RANET)
def ranet(name, root):
    options = {"data": "cifar100", "nBlocks": 2, "block_step": 2, "step": 4, "stepmode": "even",
               "nChannels": 16, "growthRate": 6, "scale_list": [1, 2, 3], "grFactor": [4, 2, 1],
               "compress_factor": 0.25, "reduction": 0.5} | RANET[name]
    options["bnFactor"] = options["grFactor"]
    code = module(root, "yangle15+RANet-pytorch/models/RANet.py", "ranet_reference")
    after = options.pop("bnAfter", True)
    if not after:  # the constructors ask for norms after the convolutions
        made = code.ConvBN.__init__
        code.ConvBN.__init__ = lambda self, nIn, nOut, type, _, width: made(
            self, nIn, nOut, type, False, width)
        options["bnAfter"] = False
    return code.RANet(arguments(options)), images(options), options


@network("imta_cifar100")
def imta(name, root):
    options = msdnet_options({"nBlocks": 4})
    package = types.ModuleType("imta_reference")
    package.__path__ = [str(root / "kalviny+IMTA/models")]
    sys.modules["imta_reference"] = package
    from imta_reference.msdnet_imta import IMTA_MSDNet
    return IMTA_MSDNet(arguments(options)), images(options), options


@network("triplewins_mnist")
def triple_wins_mnist(name, root):
    code = module(root, "VITA-Group+triple-wins/mnist/models.py", "triple_mnist")
    return code.SmallCNN(), [2, 28, 28, 1], {}


@network("rdi_resnet38_cifar10")
def rdi_resnet(name, root):
    code = module(root, "VITA-Group+triple-wins/cifar/models.py", "triple_cifar")
    return code.cifar10_resnet_38(num_classes=10), [2, 32, 32, 3], {}


@network("sdn_vgg16_cifar10", "sdn_vgg16_tinyimagenet")
def sdn_vgg(name, root):
    # Training, data and plots are not needed here.
    for missing in ("matplotlib", "matplotlib.pyplot", "model_funcs", "network_architectures",
                    "profiler", "data"):
        sys.modules[missing] = types.ModuleType(missing)
    sys.modules["matplotlib"].use = lambda _: None
    sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]
    sys.modules["matplotlib.pyplot"].rcParams = {}
    for attribute in ("profile", "profile_sdn"):
        setattr(sys.modules["profiler"], attribute, None)
    for attribute in ("CIFAR10", "CIFAR100", "TinyImagenet"):
        setattr(sys.modules["data"], attribute, None)
    for attribute in ("sdn_train", "sdn_test"):
        setattr(sys.modules["model_funcs"], attribute, None)
    code = root / "yigitcankaya+Shallow-Deep-Networks"
    module(code, "aux_funcs.py", "aux_funcs")
    vgg = module(code, "architectures/SDNs/VGG_SDN.py", "sdn_vgg")
    small = name == "sdn_vgg16_cifar10"
    options = {"input_size": 32 if small else 64, "num_classes": 10 if small else 200,
               "fc_layers": [512, 512] if small else [2048, 1024],
               "conv_channels": [64, 64, 128, 128, 256, 256, 256] + [512] * 6,
               "max_pool_sizes": [1, 2, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2], "conv_batch_norm": True,
               "augment_training": True, "init_weights": False,
               "add_ic": [0, 1, 0, 1, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0]}
    size = options["input_size"]
    return vgg.VGG_SDN(options), [2, size, size, 3], {}


@network("branchynet_lenet")
def branchynet(name, root):
    code = module(root, "gorakraj+earlyexit_onnx/Networks/6. BranchyNet/earlyexitnet-main/models/"
                  "Branchynet.py", "branchynet_reference")
    return code.Branchynet(), [2, 28, 28, 1], {}


class Costs:
    """The authors' op_counter.py: multiply-adds, one per element of a ReLU, one per tap of a pooling,
    and a linear layer's bias; noted whenever `marks` says that a layer ends an exit."""

    def __init__(self, model, marks):
        self.count, self.found, self.macs, self.macs_found = 0, [], 0, []
        for name, layer in model.named_modules():
            if not list(layer.children()):
                layer.register_forward_hook(
                    lambda layer, inputs, y, name=name: self.note(layer, inputs[0], y, marks(name)))

    def note(self, layer, x, y, ends):
        kind = type(layer).__name__
        if kind == "Conv2d":
            each = layer.weight[0].numel()
            self.count += y[0].numel() * each
            self.macs += y[0].numel() * each
        elif kind == "ReLU":
            self.count += y[0].numel()
        elif kind in ("AvgPool2d", "MaxPool2d"):
            self.count += y[0].numel() * layer.kernel_size ** 2
        elif kind == "Linear":
            self.count += layer.weight.numel() + layer.bias.numel()
            self.macs += layer.weight.numel()
        if ends:
            self.found.append(self.count)
            self.macs_found.append(self.macs)


def exit_marks(name):
    """Which layers end an exit."""
    if name.startswith(("msdnet", "ranet")):
        return lambda path: path.endswith(".linear")
    if name.startswith("imta"):
        return lambda path: path.startswith("classifier.")
    ends = {"triplewins_mnist": ("branch_layer1.6", "branch_layer2.5", "fc3"),
            "rdi_resnet38_cifar10": ("fc", *(f"branch_layer{i}.{n}" for i, n in
                                             enumerate((9, 9, 4, 4, 2, 2), 1))),
            "branchynet_lenet": ("exits.0.2", "exits.1.0")}
    if name in ends:
        return lambda path: path in ends[name]
    return lambda path: path.endswith(".output.linear") or path == "end_layers.2"


def digest(lines):
    """64-bit FNV-1a of the sorted lines."""
    value = 0xCBF29CE484222325
    for byte in "\n".join(sorted(lines)).encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return f"{value:016x}"


def write(folder, table, logits):
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in table.items())
    (folder / "exits.json").write_text("{\n" + rows + "\n}\n")
    save_file(logits, str(folder / "exits.safetensors"), {"torch": torch.__version__})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--references", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    table, logits = {}, {}
    if options.names:
        table = json.loads((options.output / "exits.json").read_text())
        logits = load_file(options.output / "exits.safetensors")
    for name in options.names or NETWORKS:
        torch.manual_seed(0)
        if name in COSTS_ONLY:
            with torch.device("meta"):
                model, shape, settings = NETWORKS[name](name, options.references)
        else:
            model, shape, settings = NETWORKS[name](name, options.references)
        model.eval()
        state = model.state_dict()
        lines = [f"{key} {list(value.shape)}" for key, value in state.items()]
        if name in LISTED:
            (options.output / f"exits_{name}.keys.txt").write_text("\n".join(lines) + "\n")
        costs = Costs(model, exit_marks(name))
        if name in COSTS_ONLY:
            with torch.device("meta"):
                model(torch.zeros([shape[0], shape[3], *shape[1:3]]))
        else:
            for key, value in state.items():
                if not key.endswith("num_batches_tracked"):
                    value.copy_(uniform(key, *bound(key, value.shape), value.shape))
            images = uniform("x", -1, 1, shape).permute(0, 3, 1, 2)
            x = torch.zeros(images.shape, dtype=torch.double).copy_(images)  # maps are contiguous
            with torch.inference_mode():
                outputs = model.double()(x)
            for exit, output in enumerate(outputs):
                logits[f"{name}.{exit}"] = output.float().contiguous()
                print(f"  {exit}: largest {output.abs().max():.3f}, deviation {output.std():.3f}, "
                      f"images differ by {(output[0] - output[-1]).abs().max():.3f}")
        table[name] = {
            "options": settings, "parameters": sum(p.numel() for p in model.parameters()),
            "entries": len(lines), "keys": digest(lines), "operations": costs.found,
            "multiply_adds": costs.macs_found}
        print(name, table[name]["parameters"], len(lines),
              " ".join(f"{cost / 1e6:.2f}" for cost in costs.found))
        write(options.output, table, logits)


if __name__ == "__main__":
    main()
