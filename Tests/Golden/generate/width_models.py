"""Writes keys and logits of networks of dynamic width, computed by the authors' code on weights that
follow from a formula.

    python width_models.py --fbs DIR --cgnet DIR --dsnet DIR --output ../models

The folders are clones of 63days/FBS-practice, cornell-zhang/dnn-gating and changlin31/DS-Net. Every
tensor is made from its own key by `uniform` of resnets.py in a range that depends on its name and shape
(`bound`); the masks of channel gating keep their values. Needs numpy, timm, torch, safetensors.
"""
import argparse
import importlib.util
import pathlib
import sys
import types

import numpy
import torch
from safetensors.torch import save_file

from resnets import uniform


def bound(key, shape):
    if key.endswith("running_var"):
        return 0.5, 1.5
    if key.endswith("threshold"):
        return -0.5, 1.0
    if len(shape) >= 2:
        edge = numpy.sqrt(numpy.float32(6) / numpy.float32(numpy.prod(shape[1:])))
        return -edge, edge
    return (0.5, 1.5) if key.endswith("weight") else (-0.25, 0.25)


def filled(model):
    """The model in evaluation with the formula's weights, and its names and shapes."""
    state = {
        key: value if key.endswith((".mask", "num_batches_tracked"))
        else uniform(key, *bound(key, value.shape), tuple(value.shape))
        for key, value in model.state_dict().items()
    }
    model.load_state_dict(state)
    lines = [f"{key} {list(value.shape)}" for key, value in state.items()
             if not key.endswith("num_batches_tracked")]
    return model.eval(), lines


def imported(folder, name):
    sys.path.insert(0, str(folder))
    for known in [key for key in sys.modules if key.split(".")[0] in ("utils", "model")]:
        del sys.modules[known]
    try:
        return importlib.import_module(name)
    finally:
        sys.path.pop(0)


def fbs(folder):
    model, lines = filled(
        imported(folder, "model").CifarNet(fbs=True, sparsity_ratio=0.5))
    x = uniform("x", -1, 1, (3, 32, 32, 3)).permute(0, 3, 1, 2)
    found = {"fbs_m_cifarnet": model(x)[0]}
    model.load_state_dict(model.state_dict())
    for name in ("layer%d" % i for i in range(8)):
        getattr(model, name).sparsity_ratio = 1.0
    return found | {"fbs_m_cifarnet_dense": model(x)[0]}, {"fbs_m_cifarnet": lines}


def cgnet(folder):
    module = imported(folder, "model.cg_cifar10_resnet")
    x = uniform("x", -1, 1, (2, 32, 32, 3)).permute(0, 3, 1, 2)
    found, keys = {}, {}
    for name, group, shuffle in [("cg_resnet20", False, False), ("cg_resnet20_group", True, False),
                                 ("cg_resnet20_shuffle", True, True)]:
        model, keys[name] = filled(module.resnet20(
            partitions=4, ginit=0.0, alpha=2.0, use_group=group, shuffle=shuffle, sparse_bp=False))
        found[name] = model(x)
        gated = [m for m in model.modules() if hasattr(m, "num_full")]
        found[name + "_full"] = torch.tensor([float(m.num_full) for m in gated])
    return found, {"cg_resnet20": keys["cg_resnet20"]}


def dsnet(folder):
    torch.Tensor.cuda = lambda self, *_, **__: self
    # Names that the code expects of timm 0.3 and of a module that is not published.
    import timm.layers
    layers = types.ModuleType("timm.models.layers")
    layers.sigmoid, layers.Swish = torch.sigmoid, timm.layers.Swish
    layers.sigmoid = lambda x: x.sigmoid()
    registry = types.ModuleType("timm.models.registry")
    registry.register_model = lambda f: f
    sys.modules["timm.models.layers"], sys.modules["timm.models.registry"] = layers, registry
    package = types.ModuleType("dyn_slim")
    package.__path__ = [str(folder / "dyn_slim")]
    models = types.ModuleType("dyn_slim.models")
    models.__path__ = [str(folder / "dyn_slim/models")]
    tools = types.ModuleType("dyn_slim.utils")
    tools.efficientnet_init_weights = lambda model: None
    sys.modules.update({"dyn_slim": package, "dyn_slim.models": models, "dyn_slim.utils": tools})
    net = importlib.import_module("dyn_slim.models.dyn_slim_net")
    model, lines = filled(net.slimmable_mbnet_v1_bn_uniform())
    x = uniform("x", -1, 1, (2, 75, 59, 3)).permute(0, 3, 1, 2)
    found = {}
    for width in (0, 1, 3, 7, 13):
        model.set_mode("uniform", choice=width)
        found[f"ds_mobilenet_{width}"] = model(x)
    model.set_mode("largest")
    found["ds_mobilenet_largest"] = model(x)
    # The gate without the noise that the code adds in evaluation, too.
    gate = [m for m in model.modules() if getattr(m, "has_gate", False) is True
            and hasattr(m, "conv_reduce")][0]
    scores = []
    gate.conv_expand.register_forward_pre_hook(
        lambda _, inputs: scores.append(gate.gate(inputs[0]).flatten(1)))
    model.set_mode("uniform", choice=0)
    model(x)
    return found | {"ds_mobilenet_gate": scores[0]}, {"ds_mobilenet": lines}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("fbs", "cgnet", "dsnet", "output"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    tensors = {}
    with torch.no_grad():
        for make in (fbs, cgnet, dsnet):
            found, keys = make(getattr(options, make.__name__))
            tensors |= found
            for name, lines in keys.items():
                (options.output / f"width_{name}.keys.txt").write_text("\n".join(lines) + "\n")
    save_file({key: value.contiguous() for key, value in tensors.items()},
              options.output / "width_models.safetensors")


if __name__ == "__main__":
    main()
