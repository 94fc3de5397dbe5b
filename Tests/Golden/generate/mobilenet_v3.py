"""Writes keys and logits of MobileNetV3s whose weights follow from a formula.

    python mobilenet_v3.py --output ../models

Weights are made from their keys as in dynamic_models.py. `NAME.keys.txt` has the names and shapes,
`mobilenet_v3.safetensors` the logits of two images. The networks are torchvision's and timm's; in
`mobilenetv3_large_dyrelu` every ReLU and hard swish of torchvision's is a dynamic ReLU of type B
(arXiv 2003.10027), written down here from its formula, and there is no squeeze-and-excitation. Needs
numpy, timm, torch, torchvision, safetensors.
"""
import argparse
import pathlib

import timm
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models
from torchvision.models.mobilenetv3 import MobileNetV3, _mobilenet_v3_conf

from dynamic_models import bound
from resnets import uniform

INPUT = (2, 75, 59, 3)


class DynamicReLU(nn.Module):
    """The maximum of two lines per channel, whose coefficients lie per channel in the order slope,
    slope, offset, offset."""

    def __init__(self, channels, reduction=8):
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, 4 * channels)
        self.register_buffer("lambdas", torch.tensor([1, 1, 0.5, 0.5]))
        self.register_buffer("init_v", torch.tensor([1.0, 0, 0, 0]))

    def forward(self, x):
        pooled = x.mean((2, 3)) if x.dim() == 4 else x
        u = 2 * torch.sigmoid(self.fc2(torch.relu(self.fc1(pooled)))) - 1
        k = self.init_v + self.lambdas * u.view(*pooled.shape, 4)
        if x.dim() == 4:
            k = k[:, :, None, None]
        return torch.maximum(x * k[..., 0] + k[..., 2], x * k[..., 1] + k[..., 3])


def with_dynamic_relu(module, channels=None):
    """Puts a dynamic ReLU in the place of every activation, for the channels that come before it."""
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            channels = child.out_features
        elif isinstance(child, nn.Conv2d):
            channels = child.out_channels
        elif isinstance(child, (nn.ReLU, nn.Hardswish)):
            setattr(module, name, DynamicReLU(channels))
        else:
            channels = with_dynamic_relu(child, channels)
    return channels


def large_dyrelu():
    rows, features = _mobilenet_v3_conf("mobilenet_v3_large")
    for row in rows:
        row.use_se = False
    model = MobileNetV3(rows, features)
    with_dynamic_relu(model)
    return model


def networks():
    yield "mobilenetv3_large", models.mobilenet_v3_large()
    yield "mobilenetv3_small", models.mobilenet_v3_small()
    yield "mobilenetv3_large_100", timm.create_model("mobilenetv3_large_100")
    yield "mobilenetv3_small_100", timm.create_model("mobilenetv3_small_100")
    yield "mobilenetv3_large_dyrelu", large_dyrelu()


def limits(name, key, shape):
    """Those of dynamic_models.py, with smaller norms: signals that grow from layer to layer saturate
    the gates, and then single precision is far from double in PyTorch too."""
    if len(shape) < 2 and key.endswith(".weight"):
        return (0.3, 0.9) if name.endswith("dyrelu") else (0.4, 1.2)
    return bound(key, shape)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    x = uniform("x", -1, 1, INPUT).permute(0, 3, 1, 2)
    logits = {}
    for name, model in networks():
        model.eval()
        state = {key: value for key, value in model.state_dict().items()
                 if not key.endswith("num_batches_tracked")}
        lines = [f"{key} {list(value.shape)}" for key, value in state.items()]
        (options.output / f"{name}.keys.txt").write_text("\n".join(lines) + "\n")
        for key, value in state.items():
            if not key.endswith(("lambdas", "init_v")):
                value.copy_(uniform(key, *limits(name, key, value.shape), value.shape))
        with torch.inference_mode():
            logits[name] = model.double()(x.double()).float().contiguous()
        count = sum(parameter.numel() for parameter in model.parameters())
        print(name, count, logits[name].abs().max(), logits[name].std(1),
              (logits[name][0] - logits[name][1]).abs().max())
    save_file(logits, str(options.output / "mobilenet_v3.safetensors"),
              {"torch": torch.__version__, "timm": timm.__version__})


if __name__ == "__main__":
    main()
