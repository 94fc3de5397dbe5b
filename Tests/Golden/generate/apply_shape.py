"""Golden values for `protean apply`: layers that move, repeat or choose numbers.

See golden.py. Run: python apply_shape.py [FUNCTION ...]   (needs torch, safetensors)
"""

import torch
from torch import nn

from golden import layer, main, map_of, save


@layer
def embedding():
    def case(name, indices, **config):
        save(name, "Embedding", config, nn.Embedding(**config),
             {"x": torch.tensor(indices, dtype=torch.float32)},
             lambda module, inputs: {"y": module(inputs["x"].long())})

    case("embedding", [[1, 0, 4], [4, 2, 2]], num_embeddings=5, embedding_dim=7)
    case("embedding_padding", [3, 0, 9], num_embeddings=10, embedding_dim=1, padding_idx=-1)


def pad(stem, name):
    for case, shape, amount in (("", (2, 3, 5, 7), 2), ("_sides", (1, 17, 4, 3), [1, 2, 3, 0])):
        module = getattr(nn, name)(tuple(amount) if isinstance(amount, list) else amount)
        save(stem + case, name, {"padding": amount}, module, map_of(*shape))


@layer
def reflection_pad2d():
    pad("reflection_pad2d", "ReflectionPad2d")


@layer
def replication_pad2d():
    pad("replication_pad2d", "ReplicationPad2d")


@layer
def zero_pad2d():
    pad("zero_pad2d", "ZeroPad2d")


WINDOWS = {"kernel_size": [2, 3], "dilation": [2, 1], "padding": [0, 2], "stride": [1, 2]}


@layer
def unfold():
    rows = ["output.y"]
    save("unfold", "Unfold", {"kernel_size": 3}, nn.Unfold(3), map_of(2, 3, 5, 7), sequences=rows)
    save("unfold_options", "Unfold", WINDOWS, nn.Unfold(**WINDOWS), map_of(1, 5, 7, 6),
         sequences=rows)


@layer
def fold():
    def case(name, shape, **config):
        save(name, "Fold", config, nn.Fold(**config), map_of(*shape), sequences=["input.x"])

    case("fold", (2, 27, 15), output_size=[5, 7], kernel_size=3)
    case("fold_options", (1, 30, 20), output_size=[7, 6], **WINDOWS)


@layer
def upsample():
    def case(name, shape, **config):
        made = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
        save(name, "Upsample", config, nn.Upsample(**made), map_of(*shape))

    case("upsample", (2, 3, 5, 7), scale_factor=2)
    case("upsample_exact", (1, 4, 5, 7), size=[8, 3], mode="nearest-exact")
    case("upsample_bilinear", (1, 17, 6, 4), scale_factor=[1.7, 2.3], mode="bilinear")
    case("upsample_recomputed", (1, 3, 7, 6), scale_factor=1.3, mode="bilinear",
         recompute_scale_factor=True)
    case("upsample_bicubic", (2, 5, 4, 6), size=9, mode="bicubic", align_corners=True)


if __name__ == "__main__":
    main()
