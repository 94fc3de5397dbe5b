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


class Gate(nn.Module):
    """w * relu6(Ww + 3) / 3, under the reference's name."""

    def __init__(self, width):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(width, width, bias=False))

    def forward(self, w):
        return w * F.relu6(self.fc(w) + 3) / 3


class Decomposition(nn.Module):
    """A static convolution with a scale per output, and a product of rank L with two norms inside."""

    def __init__(self, inputs, outputs, form, kernel=1, stride=1, padding=0, fc_squeeze=8):
        super().__init__()
        if form == "DYModule":
            self.cells, cut = (2, 8) if inputs < outputs else (1, 2)
            pooled = inputs * self.cells ** 2
            rank = min(pooled // cut, outputs // cut)
            while rank ** 2 > 2 * pooled:
                cut *= 2
                rank = min(pooled // cut, outputs // cut)
            rank = max(rank, 4)
            squeezed = max(max(pooled, rank ** 2) // fc_squeeze, 4)
        else:
            self.cells = 2 if form == "conv_basic_dy" else 1
            pooled = inputs * self.cells ** 2
            rank = int(math.sqrt(pooled))
            squeezed = max(pooled, rank ** 2) // 16
            if form == "conv_basic_dy":
                squeezed = max(squeezed, 4)
        self.rank = rank
        prefix = "conv_" if form == "DYModule" else ""
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.names = (prefix + "q", prefix + "p")
        self.add_module(self.names[0], nn.Conv2d(inputs, rank, 1, stride, bias=False))
        self.add_module(self.names[1], nn.Conv2d(rank, outputs, 1, bias=False))
        self.bn1, self.bn2 = nn.BatchNorm2d(rank), nn.BatchNorm1d(rank)
        self.fc = nn.Sequential(nn.Linear(pooled, squeezed, bias=False), Gate(squeezed))
        self.fc_phi = nn.Linear(squeezed, rank ** 2, bias=False)
        self.fc_scale = nn.Linear(squeezed, outputs, bias=False)

    def forward(self, x):
        v = self.fc(F.adaptive_avg_pool2d(x, self.cells).flatten(1))
        scale = F.relu6(self.fc_scale(v) + 3) / 3
        narrow, widen = (getattr(self, name) for name in self.names)
        u = self.bn1(narrow(x))
        rows = u.flatten(2)
        phi = self.fc_phi(v).view(-1, self.rank, self.rank)
        rows = self.bn2(phi @ rows) + rows
        return scale[:, :, None, None] * self.conv(x) + widen(rows.view(u.shape))


@layer
def dynamic_convolution_decomposition():
    def case(name, shape, module, **config):
        save(name, "DynamicConvolutionDecomposition", config, module, map_of(*shape))

    case("dcd", (3, 17, 7, 5), Decomposition(17, 12, "DYModule"), inp=17, oup=12)
    case("dcd_growing", (2, 12, 5, 8), Decomposition(12, 40, "DYModule", fc_squeeze=4),
         variant="DYModule", inp=12, oup=40, fc_squeeze=4)
    case("dcd_basic", (2, 7, 6, 9), Decomposition(7, 9, "conv_basic_dy", 3, 1, 1),
         variant="conv_basic_dy", inplanes=7, planes=9, stride=1)
    case("dcd_basic_strided", (1, 16, 9, 7), Decomposition(16, 33, "conv_basic_dy", 3, 2, 1),
         variant="conv_basic_dy", inplanes=16, planes=33, stride=2)
    case("dcd_bottleneck", (2, 33, 8, 6), Decomposition(33, 20, "conv_dy", 5, 2, 2),
         variant="conv_dy", inplanes=33, planes=20, kernel_size=5, stride=2, padding=2)


class Contrast(nn.Module):
    """Weights of all cells for every place; they sum to at most 1 in absolute value."""

    def __init__(self, channels, places, cells, reduction=0.0625, cell_num_ratio=1.0,
                 nonlocal_basis_ratio=1.0, start_cell_idx=0, temp_value=0.0):
        super().__init__()
        hidden = max(int(channels * reduction), 16)
        self.places, self.cells, self.t = places, cells, temp_value
        self.own, self.start = int(cell_num_ratio * places), start_cell_idx
        self.fc1 = nn.Linear(channels, hidden, bias=False)
        self.norm1 = nn.BatchNorm1d(hidden)
        self.basis = None
        if nonlocal_basis_ratio >= 1:
            self.fc2 = nn.Linear(hidden, (cells + 1) * places)
        else:
            others = cells - self.own
            self.basis = max(int(others * nonlocal_basis_ratio), 16)
            self.fc2 = nn.Linear(hidden, (self.own + self.basis + 1) * places, bias=False)
            self.fc3 = nn.Linear(self.basis, others, bias=False)
            self.basis_bias = nn.Parameter(torch.zeros((cells + 1) * places))
        self.assigned = torch.zeros(places, cells + 1)
        cell = start_cell_idx
        for place in range(places):
            if cell_num_ratio >= 1:
                self.assigned[place, cell] = 1
                cell += int(cell_num_ratio)
            elif place % int(1 / cell_num_ratio) == \
                    place // int(1 / cell_num_ratio) % int(1 / cell_num_ratio):
                self.assigned[place, cell] = 1
                cell += 1
            else:
                self.assigned[place, cells] = 1

    def forward(self, means):
        z = self.fc2(F.relu(self.norm1(self.fc1(means))))
        if self.basis is not None:
            own, basis, zero = z.view(len(z), self.places, -1).split(
                [self.own, self.basis, 1], 2)
            others = self.fc3(basis)
            z = torch.cat([others[..., :self.start], own, others[..., self.start:], zero], 2)
            z = z + self.basis_bias.view(self.places, -1)
        z = z.view(-1, self.places, self.cells + 1)
        a = z / (z.abs().sum(2, keepdim=True) + 1e-3)
        return ((1 - self.t) * a + self.t * self.assigned)[..., :-1]


class Warehouse(nn.Module):
    def __init__(self, in_planes, out_planes, kernel_size, cell_shape, stride=1, padding=0,
                 dilation=1, groups=1, bias=False, **options):
        super().__init__()
        k = [kernel_size] * 2 if isinstance(kernel_size, int) else kernel_size
        m, co, ci, kh, kw = cell_shape
        self.kernel = (out_planes, in_planes // groups, *k)
        self.split = (k[0] // kh * (k[1] // kw), out_planes // co, in_planes // groups // ci)
        self.options = {"stride": stride, "padding": padding, "dilation": dilation,
                        "groups": groups}
        self.bias = nn.Parameter(torch.zeros(out_planes)) if bias else None
        self.attention = Contrast(in_planes, math.prod(self.split), m, **options)
        self.warehouse_manager = nn.Module()
        self.warehouse_manager.weights = nn.ParameterList(
            [nn.Parameter(torch.randn(cell_shape))])

    def forward(self, x):
        cells = self.warehouse_manager.weights[0]
        results = []
        for sample, weights in zip(x, self.attention(x.mean((2, 3)))):
            parts = torch.einsum("pm,mcdhw->pcdhw", weights, cells)
            parts = parts.view(*self.split, *cells.shape[1:])
            kernel = parts.permute(1, 3, 2, 4, 0, 5, 6).reshape(self.kernel)
            results.append(F.conv2d(sample[None], kernel, self.bias, **self.options))
        return torch.cat(results)


@layer
def kernel_warehouse():
    def case(name, shape, cells, **config):
        options = {key: value for key, value in config.items()
                   if key not in ("cell_shape", "spatial_partition", "cell_inplane_ratio",
                                  "cell_outplane_ratio")}
        save(name, "KernelWarehouse", config, Warehouse(cell_shape=cells, **options),
             map_of(*shape))

    case("kernel_warehouse", (3, 6, 7, 5), [9, 4, 6, 1, 1], in_planes=6, out_planes=4,
         kernel_size=3, padding=1)
    case("kernel_warehouse_whole", (2, 6, 8, 9), [8, 4, 3, 3, 2], in_planes=6, out_planes=8,
         kernel_size=[3, 2], stride=[2, 1], padding=[1, 0], bias=True, cell_num_ratio=2,
         cell_inplane_ratio=0.5, cell_outplane_ratio=0.5, spatial_partition=False)
    case("kernel_warehouse_grouped", (2, 8, 6, 9), [2, 6, 4, 1, 1], in_planes=8, out_planes=6,
         kernel_size=2, padding=2, dilation=2, groups=2, cell_num_ratio=0.5, temp_value=0.25)
    case("kernel_warehouse_shared", (2, 32, 5, 4), [40, 8, 16, 1, 1], in_planes=32, out_planes=16,
         kernel_size=3, reduction=0.75, cell_shape=[40, 8, 16, 1, 1], start_cell_idx=4,
         temp_value=0.5)
    case("kernel_warehouse_basis", (2, 7, 5, 6), [31, 5, 7, 1, 1], in_planes=7, out_planes=5,
         kernel_size=3, padding=1, bias=True, cell_shape=[31, 5, 7, 1, 1], start_cell_idx=13,
         nonlocal_basis_ratio=0.8)


if __name__ == "__main__":
    main()
