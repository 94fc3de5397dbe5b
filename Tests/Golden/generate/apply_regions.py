"""Golden values for `protean apply`: kernels per region and per pixel from a guide, hypernetworks,
LSTM cells and masks of instances. Plain PyTorch, written from the papers' formulas; see golden.py.

Run: python apply_regions.py [FUNCTION ...]   (needs torch, safetensors)
"""

import torch
import torch.nn.functional as F
from torch import nn

from golden import layer, main, map_of, save


def pair(value):
    return tuple(value) if isinstance(value, (list, tuple)) else (value, value)


def unfolded(x, kernel, stride=1, padding=0, dilation=1):
    """[B, C, taps, H', W'] of the window at every output."""
    (kh, kw), (sh, sw), (ph, pw), (dh, dw) = map(pair, (kernel, stride, padding, dilation))
    height = (x.shape[2] + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    width = (x.shape[3] + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    columns = F.unfold(x, (kh, kw), (dh, dw), (ph, pw), (sh, sw))
    return columns.view(x.shape[0], x.shape[1], kh * kw, height, width)


# ---------------------------------------------------------------- DRConv

class RegionAware(nn.Module):
    """DRConv's official form: kernels of regions are mixed from a bank."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, groups=1,
                 bias=True, dilation=1, groups_num=8, num_W=8, masknet=False):
        super().__init__()
        self.shape = out_channels, in_channels, *pair(kernel_size)
        self.options = kernel_size, stride, padding, dilation
        self.regions, self.sets = groups_num, num_W
        taps = self.shape[2] * self.shape[3]
        self.weight = nn.Parameter(torch.randn(out_channels * in_channels * taps, num_W))
        self.bias = nn.Parameter(torch.randn(out_channels)) if bias else None
        self.routing_fc = nn.Linear(in_channels, groups_num * num_W)
        if masknet:
            self.masknet = nn.Conv2d(in_channels, groups_num, 1, bias=False)

    def forward(self, x, guide=None):
        o, c, kh, kw = self.shape
        q = 2 * torch.sigmoid(self.routing_fc(x.mean((2, 3)))) / self.sets
        kernels = q.view(-1, self.regions, self.sets) @ self.weight.T
        kernels = kernels.view(-1, self.regions, o, c, kh * kw)
        columns = unfolded(x, *self.options)
        every = torch.einsum("broct,bcthw->brohw", kernels, columns)
        guide = self.masknet(x) if guide is None else guide
        if guide.shape[1] > 1:
            guide = guide.softmax(1).argmax(1, keepdim=True).float()
        index = F.interpolate(guide, every.shape[3:]).long()
        y = every.gather(1, index[:, :, None].expand(-1, -1, o, -1, -1))[:, 0]
        return y if self.bias is None else y + self.bias.view(1, -1, 1, 1)


class GeneratedRegions(nn.Module):
    """The paper's figure: kernels and guide are computed from the input."""

    def __init__(self, in_channels, out_channels, kernel_size, region_num=8, **options):
        super().__init__()
        self.shape = region_num, out_channels, in_channels, *pair(kernel_size)
        self.options = dict(options)
        r = region_num
        self.conv_kernel = nn.Sequential(
            nn.AdaptiveAvgPool2d(pair(kernel_size)), nn.Conv2d(in_channels, r * r, 1),
            nn.Sigmoid(), nn.Conv2d(r * r, r * in_channels * out_channels, 1, groups=r))
        self.conv_guide = nn.Conv2d(in_channels, r, pair(kernel_size), **options)

    def forward(self, x):
        r, o, c, kh, kw = self.shape
        kernels = self.conv_kernel(x).view(-1, r, o, c, kh * kw)
        columns = unfolded(x, (kh, kw), **self.options)
        every = torch.einsum("broct,bcthw->brohw", kernels, columns)
        index = self.conv_guide(x).argmax(1)[:, None, None].expand(-1, 1, o, -1, -1)
        return every.gather(1, index)[:, 0]


def region_case(case, config, shape, guide=None):
    module = RegionAware(**config)
    inputs = map_of(*shape) | ({} if guide is None else {"guide": guide})
    save(case, "RegionAwareConv2d", config, module, inputs,
         lambda m, i: {"y": m(i["x"], i.get("guide"))})


@layer
def region_aware():
    config = {"in_channels": 5, "out_channels": 18, "kernel_size": [3, 2], "stride": [1, 2],
              "padding": [2, 1], "dilation": [2, 1], "groups_num": 4, "num_W": 3}
    # Another size than the output's, and a region without pixels.
    guide = torch.randint(0, 3, (3, 1, 4, 5)).float()
    region_case("region_aware", config, (3, 5, 9, 13), guide)
    config = {"in_channels": 7, "out_channels": 20, "kernel_size": 3, "padding": 1,
              "bias": False}
    region_case("region_aware_logits", config, (2, 7, 8, 11), torch.randn(2, 8, 8, 11))
    config = {"in_channels": 17, "out_channels": 33, "kernel_size": 1, "groups_num": 5,
              "num_W": 2, "masknet": True}
    region_case("region_aware_masknet", config, (2, 17, 6, 9))
    config = {"in_channels": 3, "out_channels": 1, "kernel_size": 1, "groups_num": 2, "num_W": 1}
    region_case("region_aware_pointwise", config, (1, 3, 5, 7),
                torch.randint(0, 2, (1, 1, 5, 7)).float())
    config = {"in_channels": 6, "out_channels": 9, "kernel_size": 3, "stride": 2, "padding": 1,
              "region_num": 3}
    save("region_aware_generated", "RegionAwareConv2d", {"variant": "shallowtoil"} | config,
         GeneratedRegions(**config), map_of(2, 6, 9, 7))


# ---------------------------------------------------------------- PAC

class PixelAdaptive(nn.Module):
    """Pixel-adaptive convolution, and with `output_padding` its transposed form."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1,
                 output_padding=None, bias=True, kernel_type="gaussian",
                 smooth_kernel_type="none", normalize_kernel=False, shared_filters=False):
        super().__init__()
        self.size, self.stride, self.padding, self.dilation = map(
            pair, (kernel_size, stride, padding, dilation))
        self.extra = None if output_padding is None else pair(output_padding)
        self.kind, self.normalize, self.shared = kernel_type, normalize_kernel, shared_filters
        channels = (out_channels, in_channels) if self.extra is None else (in_channels, out_channels)
        self.weight = nn.Parameter(torch.randn(*((1, 1) if shared_filters else channels),
                                               *self.size))
        self.bias = nn.Parameter(torch.randn(out_channels)) if bias else None
        if kernel_type.startswith("inv"):
            for name, value in zip(("inv_alpha", "inv_lambda"), kernel_type.split("_")[1:]):
                value = torch.tensor(float(value))
                if kernel_type.endswith("_fixed"):
                    self.register_buffer(name, value)
                else:
                    setattr(self, name, nn.Parameter(value))
        self.smooth = smooth_kernel_type
        if smooth_kernel_type == "gaussian":
            line = torch.tensor([0.25, 0.5, 0.25])
            self.register_buffer("smooth_kernel", (line[:, None] * line)[None, None])
        elif smooth_kernel_type != "none":
            side = int(smooth_kernel_type.split("_")[1])
            self.smooth_kernel = nn.Parameter(torch.randn(1, 1, side, side))

    def kernels(self, guide, stride, padding):
        window = unfolded(guide, self.size, stride, padding, self.dilation)
        centre = window[:, :, window.shape[2] // 2, None]
        if self.smooth != "none":
            side = self.smooth_kernel.shape[-1]
            pads = [p - (k - side) // 2 for p, k in zip(padding, self.size)]
            # Negative numbers cut the guide.
            cut = F.pad(guide, (pads[1], pads[1], pads[0], pads[0]))
            b, f, h, w = cut.shape
            smooth = F.conv2d(cut.reshape(b * f, 1, h, w), self.smooth_kernel, stride=stride)
            centre = smooth.view(b, f, 1, *smooth.shape[2:])
        difference = window - centre
        if "_asym" in self.kind:
            difference = difference.clamp(min=0)
        distance = (difference ** 2).sum(1, keepdim=True)
        if self.kind == "gaussian":
            return torch.exp(-distance / 2)
        return self.inv_alpha + (distance + 1e-4) ** (self.inv_lambda / 2)

    def apart(self, x):
        """x with zeros between its pixels, padded for a convolution without padding."""
        b, c, h, w = x.shape
        (sh, sw), size = self.stride, ((h - 1) * self.stride[0] + 1, (w - 1) * self.stride[1] + 1)
        wide = x.new_zeros(b, c, *size)
        wide[:, :, ::sh, ::sw] = x
        ph, pw = (d * (k - 1) - p for d, k, p in zip(self.dilation, self.size, self.padding))
        return F.pad(wide, (pw, pw + self.extra[1], ph, ph + self.extra[0]))

    def forward(self, x, guide):
        weight = self.weight
        if self.extra is None:
            window = unfolded(x, self.size, self.stride, self.padding, self.dilation)
            ones = unfolded(torch.ones_like(x[:, :1]), self.size, self.stride, self.padding,
                            self.dilation)
            k = self.kernels(guide, self.stride, self.padding)
        else:
            weight = weight if self.shared else weight.transpose(0, 1)
            window = unfolded(self.apart(x), self.size, dilation=self.dilation)
            ones = unfolded(self.apart(torch.ones_like(x[:, :1])), self.size,
                            dilation=self.dilation)
            middle = tuple(d * (n - 1) // 2 for d, n in zip(self.dilation, self.size))
            k = self.kernels(guide, 1, middle)
        if self.normalize:
            k = k * ones
            total = k.sum(2, keepdim=True)
            k = k / torch.where(total == 0, torch.ones_like(total), total)
        taps = weight.reshape(*weight.shape[:2], -1)
        if self.shared:
            y = torch.einsum("bcthw,t->bchw", window * k, taps[0, 0])
        else:
            y = torch.einsum("bcthw,oct->bohw", window * k, taps)
        return y if self.bias is None else y + self.bias.view(1, -1, 1, 1)


def adaptive_case(case, config, shape, guide, layer="PixelAdaptiveConv2d"):
    inputs = map_of(*shape) | {"guide": torch.randn(*guide) * 0.4}
    save(case, layer, config, PixelAdaptive(**config), inputs, lambda m, i: {"y": m(**i)})


@layer
def pixel_adaptive():
    config = {"in_channels": 5, "out_channels": 18, "kernel_size": [3, 5], "stride": [2, 1],
              "padding": [2, 1], "dilation": [1, 2]}
    adaptive_case("pixel_adaptive", config, (3, 5, 9, 13), (3, 4, 9, 13))
    config = {"in_channels": 3, "out_channels": 7, "kernel_size": 3, "padding": 1,
              "kernel_type": "inv_0.5_1.5_asym", "bias": False}
    adaptive_case("pixel_adaptive_inverse", config, (2, 3, 6, 7), (2, 1, 6, 7))
    config = {"in_channels": 4, "out_channels": 4, "kernel_size": 3, "stride": 3,
              "kernel_type": "inv_0_1_fixed"}
    adaptive_case("pixel_adaptive_fixed", config, (1, 4, 8, 7), (1, 17, 8, 7))
    config = {"in_channels": 17, "out_channels": 33, "kernel_size": 3, "padding": 1,
              "normalize_kernel": True, "smooth_kernel_type": "gaussian"}
    adaptive_case("pixel_adaptive_normalized", config, (2, 17, 7, 5), (2, 3, 7, 5))
    config = {"in_channels": 6, "out_channels": 6, "kernel_size": 5, "padding": 2,
              "shared_filters": True, "normalize_kernel": True}
    adaptive_case("pixel_adaptive_shared", config, (2, 6, 7, 8), (2, 2, 7, 8))
    config = {"in_channels": 2, "out_channels": 3, "kernel_size": 5, "stride": 2,
              "smooth_kernel_type": "full_3"}
    adaptive_case("pixel_adaptive_smooth", config, (2, 2, 9, 12), (2, 3, 9, 12))


@layer
def pixel_adaptive_transpose():
    transposed = "PixelAdaptiveConvTranspose2d"
    config = {"in_channels": 7, "out_channels": 18, "kernel_size": 5, "stride": 2, "padding": 2,
              "output_padding": 1}
    adaptive_case("pixel_adaptive_transpose", config, (2, 7, 4, 5), (2, 3, 8, 10), transposed)
    config = {"in_channels": 3, "out_channels": 2, "kernel_size": [1, 3], "stride": [3, 2],
              "padding": [0, 1], "output_padding": [2, 0], "dilation": [1, 2], "bias": False}
    adaptive_case("pixel_adaptive_transpose_gaps", config, (1, 3, 3, 4), (1, 2, 9, 9), transposed)
    config = {"in_channels": 4, "out_channels": 5, "kernel_size": 3, "stride": 2, "padding": 1,
              "output_padding": 0, "normalize_kernel": True, "kernel_type": "inv_0.2_0.7"}
    adaptive_case("pixel_adaptive_transpose_normalized", config, (2, 4, 5, 3), (2, 2, 9, 5),
                  transposed)
    config = {"in_channels": 6, "out_channels": 6, "kernel_size": 5, "stride": 2, "padding": 2,
              "output_padding": 1, "shared_filters": True}
    adaptive_case("pixel_adaptive_transpose_shared", config, (1, 6, 3, 5), (1, 2, 6, 10),
                  transposed)


# ---------------------------------------------------------------- recurrent cells

@layer
def lstm_cell():
    config = {"input_size": 7, "hidden_size": 17}
    inputs = {"x": torch.randn(3, 7), "h": torch.randn(3, 17), "c": torch.randn(3, 17)}

    def run(m, i):
        state = (i["h"], i["c"]) if "h" in i else None
        h, c = m(i["x"], state)
        return {"y": h, "c": c}

    save("lstm_cell", "LSTMCell", config, nn.LSTMCell(**config), inputs, run)
    config = {"input_size": 3, "hidden_size": 33, "bias": False}
    save("lstm_cell_start", "LSTMCell", config, nn.LSTMCell(**config), {"x": torch.randn(1, 3)},
         run)


class Parameters(nn.Module):
    """Parameters under dotted names."""

    def __init__(self, shapes):
        super().__init__()
        self.values = {}
        for name, shape in shapes.items():
            self.values[name] = nn.Parameter(torch.empty(*shape))
            self.register_parameter(name.replace(".", "/"), self.values[name])

    def state_dict(self):
        return {name.replace("/", "."): value.detach()
                for name, value in super().state_dict().items()}


def normalised(x, gamma, beta):
    variance = x.var(-1, unbiased=False, keepdim=True)
    return (x - x.mean(-1, keepdim=True)) / (variance + 1e-3).sqrt() * gamma + beta


def cell_step(m, gates, c, scope, gate_norm, forget_bias, norm):
    """Gates in the order i, j, f, o."""
    n = c.shape[1]
    blocks = gates.view(-1, 4, n)
    if norm:
        gamma, beta = (m.values[f"{scope}{gate_norm}.ln_{k}"].view(4, n) for k in ("gamma", "beta"))
        blocks = normalised(blocks, gamma, beta)
    i, j, f, o = blocks.unbind(1)
    c = c * torch.sigmoid(f + forget_bias) + torch.sigmoid(i) * torch.tanh(j)
    inner = c
    if norm:
        inner = normalised(c, *(m.values[f"{scope}ln_c.ln_{k}"] for k in ("gamma", "beta")))
    return torch.tanh(inner) * torch.sigmoid(o), c


def hyper_step(m, x, total_c, total_h, n, forget_bias, norm):
    v = m.values
    c, h, small_c, small_h = total_c[:, :n], total_h[:, :n], total_c[:, n:], total_h[:, n:]
    joined = torch.cat([x, h, small_h], 1)
    gates = joined @ torch.cat([v["LSTMCell.W_xh"], v["LSTMCell.W_hh_i"]]) + v["LSTMCell.bias"]
    small_h, small_c = cell_step(m, gates, small_c, "LSTMCell.", "ln", 1, norm)

    def scale(name):
        z = small_h @ v[f"hyper_{name}.zw.super_linear_w"] + v[f"hyper_{name}.zw.super_linear_b"]
        return z @ v[f"hyper_{name}.alpha.super_linear_w"]

    def shift(name):
        z = small_h @ v[f"hyper_{name}.zb.super_linear_w"]
        return z @ v[f"hyper_{name}.beta.super_linear_w"]

    blocks = zip("ijfo", (x @ v["W_xh"]).chunk(4, 1), (h @ v["W_hh"]).chunk(4, 1),
                 v["bias"].chunk(4))
    gates = torch.cat([scale(q + "x") * a + scale(q + "h") * b + bias + shift(q + "b")
                       for q, a, b, bias in blocks], 1)
    h, c = cell_step(m, gates, c, "", "ln_all", forget_bias, norm)
    return {"y": h, "state_c": torch.cat([c, small_c], 1), "state_h": torch.cat([h, small_h], 1)}


def hyper_case(case, x, n, hyper, e, batch, norm, forget_bias, with_state):
    shapes = {"W_xh": (x, 4 * n), "W_hh": (n, 4 * n), "bias": (4 * n,),
              "LSTMCell.W_xh": (x + n, 4 * hyper), "LSTMCell.W_hh_i": (hyper, 4 * hyper),
              "LSTMCell.bias": (4 * hyper,)}
    for q in "ijfo":
        for part in "xh":
            shapes |= {f"hyper_{q}{part}.zw.super_linear_w": (hyper, e),
                       f"hyper_{q}{part}.zw.super_linear_b": (e,),
                       f"hyper_{q}{part}.alpha.super_linear_w": (e, n)}
        shapes |= {f"hyper_{q}b.zb.super_linear_w": (hyper, e),
                   f"hyper_{q}b.beta.super_linear_w": (e, n)}
    if norm:
        for name, size in (("ln_all", 4 * n), ("ln_c", n), ("LSTMCell.ln", 4 * hyper),
                           ("LSTMCell.ln_c", hyper)):
            shapes |= {f"{name}.ln_gamma": (size,), f"{name}.ln_beta": (size,)}
    config = {"input_size": x, "num_units": n, "hyper_num_units": hyper,
              "hyper_embedding_size": e, "use_layer_norm": norm, "forget_bias": forget_bias}
    inputs = {"x": torch.randn(batch, x)}
    if with_state:
        inputs |= {"state_c": torch.randn(batch, n + hyper), "state_h": torch.randn(batch, n + hyper)}
    zeros = torch.zeros(batch, n + hyper)
    save(case, "HyperLSTM", config, Parameters(shapes), inputs,
         lambda m, i: hyper_step(m, i["x"], i.get("state_c", zeros), i.get("state_h", zeros), n,
                                 forget_bias, norm))


@layer
def hyper_lstm():
    hyper_case("hyper_lstm", 5, 17, 9, 4, 3, True, 1, True)
    hyper_case("hyper_lstm_plain", 3, 7, 6, 2, 1, False, 0.5, False)


# ---------------------------------------------------------------- static hypernetwork

class HyperConv(nn.Module):
    def __init__(self, f_size=3, z_dim=64, out_size=16, in_size=16, z_num=(1, 1), stride=1,
                 padding=1):
        super().__init__()
        self.sizes, self.grid = (out_size, in_size, f_size, z_dim), z_num
        self.options = {"stride": stride, "padding": padding}
        self.hope = nn.ParameterDict({
            "w1": torch.randn(z_dim, out_size * f_size ** 2),
            "b1": torch.randn(out_size * f_size ** 2),
            "w2": torch.randn(z_dim, in_size * z_dim), "b2": torch.randn(in_size * z_dim)})
        self.z_list = nn.ParameterList(torch.randn(z_dim) for _ in range(z_num[0] * z_num[1]))

    def block(self, z):
        out, inputs, f, size = self.sizes
        a = (z @ self.hope["w2"] + self.hope["b2"]).view(inputs, size)
        return (a @ self.hope["w1"] + self.hope["b1"]).view(out, inputs, f, f)

    def forward(self, x):
        rows, columns = self.grid
        kernel = torch.cat([torch.cat([self.block(self.z_list[i * columns + j])
                                       for j in range(columns)], 1) for i in range(rows)], 0)
        return F.conv2d(x, kernel, **self.options)


@layer
def hyper_network():
    config = {"z_dim": 5, "out_size": 4, "in_size": 3}
    save("hyper_network", "HyperNetworkConv2d", config, HyperConv(**config), map_of(2, 3, 5, 7))
    config = {"f_size": 2, "z_dim": 3, "out_size": 6, "in_size": 6, "z_num": [2, 3],
              "stride": [2, 1], "padding": 1}
    save("hyper_network_blocks", "HyperNetworkConv2d", config, HyperConv(**config),
         map_of(1, 18, 8, 7))


# ---------------------------------------------------------------- CondInst

def enlarged(x, factor):
    if factor == 1:
        return x
    h, w = x.shape[2:]
    x = F.pad(x, (0, 1, 0, 1), mode="replicate")
    x = F.interpolate(x, (factor * h + 1, factor * w + 1), mode="bilinear", align_corners=True)
    half = factor // 2
    return F.pad(x, (half, 0, half, 0), mode="replicate")[:, :, :factor * h, :factor * w]


class MaskHead(nn.Module):
    def __init__(self, in_channels=8, channels=8, num_layers=3, disable_rel_coords=False,
                 mask_feat_stride=8, mask_out_stride=4, sizes_of_interest=(64, 128, 256, 512)):
        super().__init__()
        first = in_channels + (0 if disable_rel_coords else 2)
        self.widths = [first] + [channels] * (num_layers - 1) + [1]
        self.stride, self.factor = mask_feat_stride, mask_feat_stride // mask_out_stride
        sizes = [float(s) for s in sizes_of_interest]
        self.register_buffer("sizes_of_interest", torch.tensor(sizes + [2 * sizes[-1]]))
        self.register_buffer("_iter", torch.zeros(1))

    @property
    def count(self):
        return sum(a * b + b for a, b in zip(self.widths, self.widths[1:]))

    def forward(self, x, mask_head_params, im_inds, locations=None, fpn_levels=None):
        h, w = x.shape[2:]
        shapes = list(zip(self.widths[1:], self.widths))
        masks = []
        for k, numbers in enumerate(mask_head_params):
            value = x[int(im_inds[k])].reshape(x.shape[1], -1)
            if locations is not None:
                place = [torch.arange(n) * self.stride + self.stride // 2 for n in (h, w)]
                ys, xs = torch.meshgrid(*place, indexing="ij")
                centres = torch.stack([xs, ys]).reshape(2, -1)
                rel = (locations[k][:, None] - centres) / self.sizes_of_interest[int(fpn_levels[k])]
                value = torch.cat([rel, value])
            weights = numbers.split([o * i for o, i in shapes] + [o for o, _ in shapes])
            for layer, (o, i) in enumerate(shapes):
                value = weights[layer].view(o, i) @ value + weights[len(shapes) + layer][:, None]
                value = value.relu() if layer + 1 < len(shapes) else value
            masks.append(value.view(1, h, w))
        return enlarged(torch.stack(masks), self.factor)


def mask_case(case, config, shape, instances, coordinates=True):
    module = MaskHead(**config)
    kept = module.sizes_of_interest.clone()
    inputs = map_of(*shape) | {"mask_head_params": torch.randn(instances, module.count) * 0.4,
                               "im_inds": torch.randint(0, shape[0], (instances,)).float()}
    if coordinates:
        inputs |= {"locations": torch.rand(instances, 2) * 60,
                   "fpn_levels": torch.randint(0, len(kept), (instances,)).float()}

    def run(m, i):
        m.sizes_of_interest.copy_(kept)
        return {"y": m(**i)}

    save(case, "DynamicMaskHead", config, module, inputs, run)


@layer
def mask_head():
    mask_case("mask_head", {}, (2, 8, 7, 9), 5)
    mask_case("mask_head_features",
              {"in_channels": 3, "channels": 5, "num_layers": 2, "disable_rel_coords": True,
               "mask_out_stride": 8}, (1, 3, 5, 4), 2, False)
    mask_case("mask_head_wide",
              {"in_channels": 17, "channels": 11, "num_layers": 4, "mask_feat_stride": 12,
               "mask_out_stride": 4, "sizes_of_interest": [32, 64]}, (3, 17, 6, 5), 4)


if __name__ == "__main__":
    main()
