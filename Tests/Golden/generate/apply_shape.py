"""Golden values for `protean apply`: layers that move, repeat or choose numbers.

See apply.py. Run: python apply_shape.py   (needs torch, torchvision, timm, safetensors)
"""

import torch
from torch import nn

from apply import map_of, save


def embedding():
    def case(name, indices, **config):
        save(name, "Embedding", config, nn.Embedding(**config),
             {"x": torch.tensor(indices, dtype=torch.float32)},
             lambda module, inputs: {"y": module(inputs["x"].long())})

    case("embedding", [[1, 0, 4], [4, 2, 2]], num_embeddings=5, embedding_dim=7)
    case("embedding_padding", [3, 0, 9], num_embeddings=10, embedding_dim=1, padding_idx=-1)


def padding():
    for name, layer in (("reflection_pad2d", "ReflectionPad2d"),
                        ("replication_pad2d", "ReplicationPad2d"), ("zero_pad2d", "ZeroPad2d")):
        for case, shape, amount in (("", (2, 3, 5, 7), 2), ("_sides", (1, 17, 4, 3), [1, 2, 3, 0])):
            module = getattr(nn, layer)(tuple(amount) if isinstance(amount, list) else amount)
            save(name + case, layer, {"padding": amount}, module, map_of(*shape))


def unfold_and_fold():
    options = {"kernel_size": [2, 3], "dilation": [2, 1], "padding": [0, 2], "stride": [1, 2]}
    save("unfold", "Unfold", {"kernel_size": 3}, nn.Unfold(3), map_of(2, 3, 5, 7))
    save("unfold_options", "Unfold", options, nn.Unfold(**options), map_of(1, 5, 7, 6))
    config = {"output_size": [5, 7], "kernel_size": 3}
    save("fold", "Fold", config, nn.Fold(**config), {"x": torch.randn(2, 27, 15)})
    config = {"output_size": [7, 6]} | options
    save("fold_options", "Fold", config, nn.Fold(**config), {"x": torch.randn(1, 30, 20)})


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
    torch.manual_seed(10)
    embedding()
    padding()
    unfold_and_fold()
    upsample()
