"""Writes keys and logits of networks with dynamic layers, whose weights follow from a formula.

    python dynamic_models.py --output ../models

Every tensor is made from its own key by `uniform` of resnets.py in a range that depends on its name
and shape (`bound`). `dynamic_NAME.keys.txt` has the names and shapes, `dynamic_models.safetensors` the
logits of two images. EfficientNets are timm's; the others are written down here from their
descriptions. Needs numpy, timm, torch, safetensors.
"""
import argparse
import pathlib

import numpy
import timm
import torch
from safetensors.torch import save_file

from resnets import uniform

INPUT = (2, 75, 59, 3)


def bound(key, shape):
    """Products summed per output decide the range of weights, the kind that of vectors."""
    if key.endswith("running_var"):  # small, so that signals do not fade
        return 0.4, 1.2
    if len(shape) < 2:
        return (0.5, 1.5) if key.endswith(".weight") else (-0.25, 0.25)
    if len(shape) == 5:  # experts, out, in, height, width
        inputs = numpy.float32(numpy.prod(shape[2:]))
    elif ".conv_" in key and len(shape) == 2:  # experts, flattened kernel
        inputs = numpy.sqrt(numpy.float32(shape[1]))
    else:
        inputs = numpy.float32(numpy.prod(shape[1:]))
    edge = numpy.sqrt(numpy.float32(6) / inputs)
    return -edge, edge


def networks():
    for experts in (4, 8):
        for prefix in ("", "tf_"):
            name = f"{prefix}efficientnet_cc_b0_{experts}e"
            yield name, timm.create_model(name), INPUT


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    logits = {}
    for name, model, shape in networks():
        model.eval()
        state = model.state_dict()
        lines = [f"{key} {list(value.shape)}" for key, value in state.items()
                 if not key.endswith("num_batches_tracked")]
        if not name.startswith("tf_"):  # their keys are those of the plain forms
            (options.output / f"dynamic_{name}.keys.txt").write_text("\n".join(lines) + "\n")
        for key, value in state.items():
            if not key.endswith("num_batches_tracked"):
                value.copy_(uniform(key, *bound(key, value.shape), value.shape))
        x = uniform("x", -1, 1, shape).permute(0, 3, 1, 2)
        with torch.inference_mode():
            logits[name] = model.double()(x.double()).float().contiguous()
        count = sum(parameter.numel() for parameter in model.parameters())
        print(name, count, logits[name].abs().max(), logits[name].std(1),
              (logits[name][0] - logits[name][1]).abs().max())
    save_file(logits, str(options.output / "dynamic_models.safetensors"),
              {"torch": torch.__version__, "timm": timm.__version__})


if __name__ == "__main__":
    main()
