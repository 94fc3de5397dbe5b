"""Writes a small SMSR with random weights, an input and PyTorch's result.

    python smsr.py --output ../models

The network is computed densely: every convolution on all pixels and channels, with sparse features
multiplied by their mask. Weights are large enough for masks to have both values. Needs torch,
safetensors.
"""
import argparse
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

FEATURES, MODULES, LAYERS, SCALE = 16, 2, 4, 2


def weights(generator):
    """The published model's names with smaller shapes."""
    state = {}

    def conv(name, outputs, inputs, kernel, bias=True):
        edge = (3 / (inputs * kernel * kernel)) ** 0.5
        shape = (outputs, inputs, kernel, kernel)
        state[name + ".weight"] = (torch.rand(shape, generator=generator) * 2 - 1) * edge
        if bias:
            state[name + ".bias"] = (torch.rand(outputs, generator=generator) * 2 - 1) * 0.2

    for name, sign in (("sub_mean", -1), ("add_mean", 1)):
        state[name + ".weight"] = torch.eye(3).reshape(3, 3, 1, 1)
        state[name + ".bias"] = sign * 255 * torch.tensor([0.4488, 0.4371, 0.4040])
    c, narrow = FEATURES, FEATURES // 4
    conv("head.0", c, 3, 3)
    conv("head.2", c, c, 3)
    for i in range(MODULES):
        conv(f"body.{i}.spa_mask.0", narrow, c, 3)
        conv(f"body.{i}.spa_mask.3", narrow, narrow, 3)
        conv(f"body.{i}.spa_mask.5", 2, narrow, 3)
        key = f"body.{i}.spa_mask.5.weight"
        state[key] = state[key].transpose(0, 1).contiguous()
        state[f"body.{i}.body.ch_mask"] = torch.rand((1, c, LAYERS, 2), generator=generator)
        for layer in range(LAYERS):
            conv(f"body.{i}.body.body.{layer}", c, c, 3, bias=False)
        conv(f"body.{i}.body.collect", c, c * LAYERS, 1)
        conv(f"body.{i}.ca.conv_du.0", c // 16, c, 1)
        conv(f"body.{i}.ca.conv_du.2", c, c // 16, 1)
    # One layer without dense channels, one without sparse ones.
    state["body.0.body.ch_mask"][0, :, 3] = torch.tensor([0.0, 1.0])
    state["body.1.body.ch_mask"][0, :, 1] = torch.tensor([1.0, 0.0])
    conv("collect.0", c, c * MODULES, 1)
    conv("collect.2", c, c, 3)
    conv("tail.0", 3 * SCALE * SCALE, c, 3)
    return state


def module(x, state, name):
    def conv(x, part, padding):
        return F.conv2d(x, state[f"{name}.{part}.weight"], state.get(f"{name}.{part}.bias"),
                        padding=padding)

    s = F.avg_pool2d(F.relu(conv(x, "spa_mask.0", 1)), 2)
    s = F.relu(conv(s, "spa_mask.3", 1))
    s = F.conv_transpose2d(s, state[f"{name}.spa_mask.5.weight"],
                           state[f"{name}.spa_mask.5.bias"], stride=2, padding=1, output_padding=1)
    mask = (s[:, 1:] > s[:, :1]).to(x.dtype)
    kinds = state[f"{name}.body.ch_mask"][0]
    dense = (kinds[..., 0] > kinds[..., 1]).to(x.dtype)
    features, found = x, []
    for layer in range(LAYERS):
        before = torch.ones_like(dense[:, 0]) if layer == 0 else dense[:, layer - 1]
        before = before.reshape(1, -1, 1, 1)
        part = f"body.body.{layer}"
        everywhere = conv(features * before, part, 1)
        masked = conv(features * (1 - before), part, 1) * mask
        now = dense[:, layer].reshape(1, -1, 1, 1)
        features = F.relu(everywhere + masked) * (now + (1 - now) * mask)
        found.append(features)
    # Dense channels count everywhere, sparse ones are zero outside the mask already.
    y = conv(torch.cat(found, 1), "body.collect", 0)
    gate = F.relu(conv(y.mean((2, 3), keepdim=True), "ca.conv_du.0", 0))
    return y * torch.sigmoid(conv(gate, "ca.conv_du.2", 0)) + x, mask


def network(x, state):
    def conv(x, part, padding=1):
        return F.conv2d(x, state[part + ".weight"], state[part + ".bias"], padding=padding)

    centred = conv(x, "sub_mean", 0)
    first = conv(F.relu(conv(centred, "head.0")), "head.2")
    features, found, masks = first, [], []
    for i in range(MODULES):
        features, mask = module(features, state, f"body.{i}")
        found.append(features)
        masks.append(mask)
    body = conv(F.relu(conv(torch.cat(found, 1), "collect.0", 0)), "collect.2") + first
    large = F.interpolate(centred, scale_factor=SCALE, mode="bicubic", align_corners=False)
    return conv(F.pixel_shuffle(conv(body, "tail.0"), SCALE) + large, "add_mean", 0), masks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    generator = torch.Generator().manual_seed(5)
    state = weights(generator)
    x = torch.rand((1, 3, 14, 10), generator=generator) * 255
    with torch.inference_mode():
        y, masks = network(x.double(), {key: value.double() for key, value in state.items()})
    print("densities", [mask.mean().item() for mask in masks])
    save_file(state, options.output / "smsr_small.safetensors")
    nhwc = {"x": x.permute(0, 2, 3, 1), "y": y.float().permute(0, 2, 3, 1)}
    nhwc |= {f"mask.{i}": mask.float().permute(0, 2, 3, 1) for i, mask in enumerate(masks)}
    save_file({key: value.contiguous() for key, value in nhwc.items()},
              options.output / "smsr_small_values.safetensors")


if __name__ == "__main__":
    main()
