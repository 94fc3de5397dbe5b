"""Golden values for `protean apply` of the layers that every network has: activations, shapes, resampling
and normalisation, by PyTorch and timm.

Run: python apply_basic.py   (needs torch, torchvision, timm, safetensors)
"""

import torch
import torch.nn.functional as F
from golden import main, map_of, save
from timm.layers import LayerNorm2d
from timm.layers.adaptive_avgmax_pool import FastAdaptiveAvgPool
from torch import nn


def wide(*shape):
    """Values in which every branch of the activations takes part."""
    return {"x": torch.randn(*shape) * 4}


def activations():
    for case, layer, reference, config, shape in [
        ("relu", "ReLU", nn.ReLU, {}, (2, 5, 7, 4)),
        ("relu6", "ReLU6", nn.ReLU6, {}, (1, 17, 3, 5)),
        ("leaky_relu", "LeakyReLU", nn.LeakyReLU, {}, (3, 3, 4, 7)),
        ("leaky_relu_slope", "LeakyReLU", nn.LeakyReLU, {"negative_slope": 0.2, "inplace": True},
         (2, 33)),
        ("sigmoid", "Sigmoid", nn.Sigmoid, {}, (1, 7, 5, 6)),
        ("hard_sigmoid", "HardSigmoid", nn.Hardsigmoid, {}, (2, 7, 3, 5)),
        ("hard_swish", "HardSwish", nn.Hardswish, {}, (1, 16, 5, 3)),
        ("silu", "SiLU", nn.SiLU, {}, (2, 3, 9, 5)),
        ("gelu", "GELU", nn.GELU, {}, (1, 33, 4, 3)),
        ("gelu_tanh", "GELU", nn.GELU, {"approximate": "tanh"}, (2, 5, 17)),
        ("mish", "Mish", nn.Mish, {}, (3, 7, 2, 5)),
        ("tanh", "Tanh", nn.Tanh, {}, (1, 3, 8, 7)),
        ("identity", "Identity", nn.Identity, {}, (2, 5, 3, 4)),
        ("identity_empty", "Identity", nn.Identity, {}, (0, 5, 3, 4)),
    ]:
        # Done in place, the input would be lost.
        given = {key: value for key, value in config.items() if key != "inplace"}
        save(case, layer, config, reference(**given), wide(*shape))
    save("prelu", "PReLU", {}, nn.PReLU(), wide(2, 5, 7, 4))
    config = {"num_parameters": 17, "init": 0.1}
    save("prelu_channels", "PReLU", config, nn.PReLU(**config), wide(1, 17, 4, 5))
    config = {"num_parameters": 3}
    save("prelu_rows", "PReLU", config, nn.PReLU(**config), wide(7, 3))


def normalization():
    def norm(case, shape, **config):
        save(case, "LayerNorm", config, nn.LayerNorm(**config), map_of(*shape))

    save("layer_norm", "LayerNorm", {"normalized_shape": 17}, nn.LayerNorm(17),
         map_of(2, 5, 3, 17), plain=["input.x", "output.y"])
    norm("layer_norm_options", (3, 4, 7), normalized_shape=[7], eps=0.01, bias=False)
    norm("layer_norm_plain", (5, 33), normalized_shape=33, elementwise_affine=False)
    save("layer_norm_timm", "LayerNorm", {"variant": "timm", "num_channels": 7}, LayerNorm2d(7),
         map_of(2, 7, 5, 3))
    config = {"variant": "timm", "num_channels": 17, "eps": 0.001, "affine": False}
    save("layer_norm_timm_plain", "LayerNorm", config, LayerNorm2d(17, 0.001, False),
         map_of(1, 17, 4, 6))


def pooling():
    for case, shape in [("global_average_pool2d", (2, 17, 5, 9)),
                        ("global_average_pool2d_large", (1, 33, 41, 37))]:
        save(case, "GlobalAveragePool2d", {}, FastAdaptiveAvgPool(flatten=True), map_of(*shape))


def shapes():
    save("softmax", "Softmax", {"dim": 1}, nn.Softmax(1), wide(2, 17, 3, 5))
    save("softmax_rows", "Softmax", {"dim": 1}, nn.Softmax(1), wide(4, 33))
    save("softmax_last", "Softmax", {"dim": -1}, nn.Softmax(-1), wide(2, 3, 5, 7),
         plain=["input.x", "output.y"])
    save("dropout", "Dropout", {}, nn.Dropout(), map_of(2, 3, 5, 4))
    config = {"p": 0.9, "inplace": True}
    save("dropout_options", "Dropout", config, nn.Dropout(**config), map_of(4, 7))
    save("flatten", "Flatten", {}, nn.Flatten(), map_of(2, 5, 3, 7))
    config = {"start_dim": 1, "end_dim": -1}
    save("flatten_rows", "Flatten", config, nn.Flatten(**config), map_of(3, 4, 5))
    save("pixel_shuffle", "PixelShuffle", {"upscale_factor": 2}, nn.PixelShuffle(2),
         map_of(2, 12, 3, 5))
    save("pixel_shuffle_3", "PixelShuffle", {"upscale_factor": 3}, nn.PixelShuffle(3),
         map_of(1, 9, 4, 2))
    save("pixel_unshuffle", "PixelUnshuffle", {"downscale_factor": 2}, nn.PixelUnshuffle(2),
         map_of(2, 3, 6, 8))
    save("pixel_unshuffle_3", "PixelUnshuffle", {"downscale_factor": 3}, nn.PixelUnshuffle(3),
         map_of(1, 2, 3, 9))


class Interpolate(nn.Module):
    def __init__(self, **config):
        super().__init__()
        self.config = config

    def forward(self, x):
        return F.interpolate(x, **self.config)


def resampling():
    def resize(case, shape, **config):
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
        save("resize_" + case, "Resize", config, Interpolate(**given), map_of(*shape))

    resize("nearest", (2, 3, 5, 7), size=[11, 4])
    resize("nearest_scale", (1, 5, 4, 9), scale_factor=[1.5, 0.7])
    resize("nearest_exact", (1, 7, 6, 5), size=8, mode="nearest-exact")
    resize("nearest_exact_scale", (2, 1, 5, 4), scale_factor=2.5, mode="nearest-exact")
    resize("bilinear", (2, 3, 4, 6), size=[9, 11], mode="bilinear")
    resize("bilinear_scale", (1, 17, 5, 3), scale_factor=[2.0, 1.3], mode="bilinear")
    resize("bilinear_corners", (1, 3, 7, 4), size=[3, 9], mode="bilinear", align_corners=True)
    resize("bilinear_scale_corners", (1, 3, 6, 5), scale_factor=2, mode="bilinear",
           align_corners=True)
    resize("bicubic", (2, 3, 6, 5), size=[5, 13], mode="bicubic", align_corners=False)
    resize("bicubic_scale", (1, 4, 5, 7), scale_factor=[1.7, 0.6], mode="bicubic")
    resize("bicubic_corners", (1, 3, 4, 5), size=[7, 8], mode="bicubic", align_corners=True)


if __name__ == "__main__":
    main(seed=19, sequence=[activations, normalization, pooling, shapes, resampling])
