"""Golden values for `protean apply`: layers whose weights are generated from the input; see golden.py.

CondConvBlock is timm's; the others are written down here from their formulas.
Run: python apply_weight_generation.py   (needs torch, timm, safetensors)
"""

import math
from functools import partial

import torch
import torch.nn.functional as F
from timm.models._efficientnet_blocks import CondConvResidual, SqueezeExcite
from torch import nn

from golden import layer, main, map_of, save


@layer
def cond_conv_block():
    acts = {"relu": nn.ReLU, "silu": nn.SiLU, "hard_swish": nn.Hardswish}

    def block(case, shape, **config):
        options = dict(config)
        options["act_layer"] = acts[options.pop("act_layer", "relu")]
        if options.pop("se_layer", None):
            options["se_layer"] = partial(SqueezeExcite, rd_ratio=options.pop("rd_ratio", 0.25))
        options["norm_layer"] = partial(nn.BatchNorm2d, eps=options.pop("bn_eps", 1e-5))
        options.setdefault("num_experts", 4)
        save(case, "CondConvBlock", config, CondConvResidual(**options), map_of(*shape))

    block("condconv_block", (3, 8, 7, 5), in_chs=8, out_chs=8, exp_ratio=6, num_experts=4,
          act_layer="silu", se_layer="SqueezeExcite", rd_ratio=1 / 24)
    block("condconv_block_same", (2, 7, 8, 9), in_chs=7, out_chs=12, dw_kernel_size=5, stride=2,
          exp_ratio=3, pad_type="same", num_experts=3, act_layer="silu",
          se_layer="SqueezeExcite", bn_eps=1e-3)
    block("condconv_block_options", (2, 16, 9, 6), in_chs=16, out_chs=16, dw_kernel_size=3,
          dilation=2, group_size=8, exp_ratio=1.5, exp_kernel_size=3, pw_kernel_size=3,
          noskip=True, act_layer="hard_swish", num_experts=2)


class WeightNet(nn.Module):
    """A sigmoid layer and a grouped layer generate the kernel."""

    def __init__(self, inp, oup, ksize, stride, attention, m=2, g=2, depthwise=False):
        super().__init__()
        self.shape = (oup, 1 if depthwise else inp, ksize, ksize)
        self.stride, self.depthwise = stride, depthwise
        middle = m // g * inp if depthwise else m * oup
        self.wn_fc1 = nn.Conv2d(attention, middle, 1)
        self.wn_fc2 = nn.Conv2d(middle, math.prod(self.shape), 1, bias=False,
                                groups=inp if depthwise else g * oup)

    def forward(self, x, a):
        kernels = self.wn_fc2(torch.sigmoid(self.wn_fc1(a.view(len(a), -1, 1, 1))))
        results = [
            F.conv2d(sample[None], kernel.view(self.shape), stride=self.stride,
                     padding=self.shape[2] // 2,
                     groups=self.shape[0] if self.depthwise else 1)
            for sample, kernel in zip(x, kernels)]
        return torch.cat(results)


@layer
def weight_net():
    def run(module, i):
        return {"y": module(i["x"], i["a"])}

    def case(name, shape, flat=False, m=2, g=2, **config):
        depthwise = config.get("variant") == "depthwise"
        attention = max(16, shape[1] // 16)
        module = WeightNet(
            config["inp"], config.get("oup", config["inp"]), config["ksize"],
            config["stride"], attention, m, g, depthwise)
        a = torch.randn(shape[0], attention)
        if not flat:
            a = a[:, :, None, None]
        if (m, g) != (2, 2):
            config |= {"M": m, "G": g}
        save(name, "WeightNet", config, module, map_of(*shape) | {"a": a}, run, plain=("input.a",))

    case("weight_net", (3, 6, 7, 9), inp=6, oup=5, ksize=3, stride=1)
    case("weight_net_strided", (2, 4, 9, 6), inp=4, oup=33, ksize=1, stride=2, flat=True)
    case("weight_net_general", (2, 6, 5, 8), inp=6, oup=7, ksize=3, stride=2, m=6, g=3)
    case("weight_net_split", (2, 3, 6, 5), inp=3, oup=4, ksize=3, stride=1, m=9, g=9)
    case("weight_net_depthwise", (3, 17, 8, 5), variant="depthwise", inp=17, ksize=3, stride=2)
    case("weight_net_depthwise_general", (2, 9, 6, 7), variant="depthwise", inp=9, ksize=5,
         stride=1, m=6, g=2)


if __name__ == "__main__":
    main()
