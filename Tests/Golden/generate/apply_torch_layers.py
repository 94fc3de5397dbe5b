"""Golden values for `protean apply`: layers of torch.nn beside those of apply.py; see there.

Run: python apply_torch_layers.py   (needs torch, torchvision, timm, safetensors)
"""

import torch
from torch import nn

from golden import main, map_of, save

SEQUENCES = ("input.x", "output.y")


def conv1d():
    def conv(case, shape, **config):
        save(case, "Conv1d", config, nn.Conv1d(**config), map_of(*shape),
             sequences=SEQUENCES)

    conv("conv1d", (2, 3, 9), in_channels=3, out_channels=5, kernel_size=3)
    conv("conv1d_options", (3, 4, 13), in_channels=4, out_channels=6, kernel_size=4, stride=2,
         padding=3, dilation=2, groups=2, bias=False)
    conv("conv1d_same", (1, 7, 10), in_channels=7, out_channels=2, kernel_size=4, padding="same")
    conv("conv1d_depthwise", (2, 17, 8), in_channels=17, out_channels=17, kernel_size=3, padding=1,
         groups=17)
    conv("conv1d_valid", (0, 2, 6), in_channels=2, out_channels=3, kernel_size=2, padding="valid")


def conv_transpose2d():
    def conv(case, shape, size=None, **config):
        run = None
        module = nn.ConvTranspose2d(**config)
        if size:
            config["output_size"] = size

            def run(module, inputs):
                return {"y": module(inputs["x"], output_size=size)}

        save(case, "ConvTranspose2d", config, module, map_of(*shape), run)

    conv("conv_transpose2d", (2, 3, 5, 4), in_channels=3, out_channels=5, kernel_size=3)
    conv("conv_transpose2d_doubling", (1, 17, 4, 7), in_channels=17, out_channels=33,
         kernel_size=4, stride=2, padding=1)
    conv("conv_transpose2d_options", (3, 4, 5, 3), in_channels=4, out_channels=6,
         kernel_size=[3, 4], stride=[2, 3], padding=[2, 1], output_padding=[1, 2], groups=2,
         bias=False, dilation=[3, 2])
    conv("conv_transpose2d_gaps", (1, 5, 3, 4), in_channels=5, out_channels=3, kernel_size=[1, 2],
         stride=[3, 4], output_padding=[2, 3])
    conv("conv_transpose2d_depthwise", (2, 6, 4, 5), in_channels=6, out_channels=6, kernel_size=4,
         stride=2, padding=1, groups=6)
    conv("conv_transpose2d_size", (1, 3, 4, 5), in_channels=3, out_channels=2, kernel_size=3,
         stride=2, padding=1, size=[8, 9])
    conv("conv_transpose2d_crop", (1, 2, 7, 8), in_channels=2, out_channels=3, kernel_size=2,
         padding=3)
    conv("conv_transpose2d_empty", (0, 3, 5, 4), in_channels=3, out_channels=2, kernel_size=3)


def norms():
    def norm(case, layer, shape, **config):
        # RMSNorm's channels are the last axis in PyTorch too.
        last = layer == "RMSNorm"
        save(case, layer, config, getattr(nn, layer)(**config), map_of(*shape),
             plain=SEQUENCES if last and len(shape) == 4 else (),
             sequences=SEQUENCES if not last and len(shape) == 3 else ())

    norm("group_norm", "GroupNorm", (2, 6, 5, 7), num_groups=3, num_channels=6)
    norm("group_norm_options", "GroupNorm", (1, 17, 3, 4), num_groups=17, num_channels=17, eps=0.1,
         affine=False)
    norm("group_norm_single", "GroupNorm", (3, 33, 6, 5), num_groups=1, num_channels=33)
    norm("group_norm_sequence", "GroupNorm", (2, 8, 9), num_groups=2, num_channels=8)
    norm("group_norm_vectors", "GroupNorm", (4, 12), num_groups=3, num_channels=12)
    norm("instance_norm2d", "InstanceNorm2d", (2, 3, 5, 7), num_features=3)
    norm("instance_norm2d_options", "InstanceNorm2d", (3, 17, 4, 3), num_features=17, eps=0.01,
         affine=True)
    norm("instance_norm2d_stored", "InstanceNorm2d", (2, 5, 3, 4), num_features=5, affine=True,
         track_running_stats=True)
    norm("instance_norm2d_stored_plain", "InstanceNorm2d", (1, 4, 1, 1), num_features=4,
         track_running_stats=True)
    norm("rms_norm", "RMSNorm", (2, 3, 7), normalized_shape=7)
    norm("rms_norm_options", "RMSNorm", (4, 33), normalized_shape=[33], eps=0.01,
         elementwise_affine=False)
    norm("rms_norm_map", "RMSNorm", (1, 3, 5, 17), normalized_shape=17)
    norm("batch_norm1d", "BatchNorm1d", (3, 5), num_features=5, eps=0.01)
    norm("batch_norm1d_sequence", "BatchNorm1d", (2, 7, 9), num_features=7)
    norm("batch_norm1d_plain", "BatchNorm1d", (1, 3, 4), num_features=3, affine=False)


if __name__ == "__main__":
    main(seed=0, sequence=[conv1d, conv_transpose2d, norms])
