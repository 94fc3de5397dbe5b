"""Golden values for `protean apply`: activations and norms that depend on the input.

What no package holds is written down here from the formulas of the papers. See golden.py.
Run: python apply_activations.py [FUNCTION ...]   (needs torch, safetensors)
"""

import torch
from torch import nn

from golden import layer, main, map_of, save


def wide(*shape):
    """Values in which every branch of the functions takes part."""
    return {"x": torch.randn(*shape) * 4}


@layer
def elementwise():
    for case, name, reference, config, shape in [
        ("softplus", "Softplus", nn.Softplus, {}, (2, 5, 7, 4)),
        ("softplus_options", "Softplus", nn.Softplus, {"beta": 0.5, "threshold": 30.0}, (1, 7, 3, 5)),
        ("softplus_threshold", "Softplus", nn.Softplus, {"beta": 3, "threshold": 1.5}, (3, 17)),
        ("elu", "ELU", nn.ELU, {}, (1, 17, 3, 5)),
        ("elu_alpha", "ELU", nn.ELU, {"alpha": 0.4, "inplace": True}, (3, 3, 4, 7)),
        ("celu", "CELU", nn.CELU, {}, (2, 33)),
        ("celu_alpha", "CELU", nn.CELU, {"alpha": 2.5}, (1, 7, 5, 6)),
        ("selu", "SELU", nn.SELU, {}, (2, 7, 3, 5)),
        ("hardtanh", "Hardtanh", nn.Hardtanh, {}, (1, 16, 5, 3)),
        ("hardtanh_options", "Hardtanh", nn.Hardtanh, {"min_val": -2.5, "max_val": 0.5}, (2, 3, 9, 5)),
    ]:
        # Done in place, the input would be lost.
        given = {key: value for key, value in config.items() if key != "inplace"}
        save(case, name, config, reference(**given), wide(*shape))


@layer
def log_softmax():
    save("log_softmax", "LogSoftmax", {"dim": 1}, nn.LogSoftmax(1), wide(2, 17, 3, 5))
    save("log_softmax_rows", "LogSoftmax", {"dim": 1}, nn.LogSoftmax(1), wide(4, 33))
    save("log_softmax_last", "LogSoftmax", {"dim": -1}, nn.LogSoftmax(-1), wide(2, 3, 5, 7),
         plain=["input.x", "output.y"])


class Islanna(nn.Module):
    """Coefficients per channel: k slopes, then k offsets; a sigmoid doubled and shifted to -1 ... 1."""

    def __init__(self, channels, per_channel, k):
        super().__init__()
        self.k, self.width = k, channels if per_channel else 1
        self.fc1 = nn.Linear(channels, channels // 4)
        self.fc2 = nn.Linear(channels // 4, 2 * k * self.width)
        self.register_buffer("lambdas", torch.tensor([1.0] * k + [0.5] * k))
        self.register_buffer("init_v", torch.tensor([1.0] + [0.0] * (2 * k - 1)))

    def forward(self, x):
        theta = 2 * torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3)))))) - 1
        c = theta.view(len(x), self.width, 2 * self.k) * self.lambdas + self.init_v
        c = c[:, :, None, None]
        return (x[..., None] * c[..., :self.k] + c[..., self.k:]).amax(-1)


class DyHead(nn.Module):
    """Blocks of coefficients in the order slope, offset, slope, offset; the guide gives them."""

    def __init__(self, inp, oup=None, reduction=4, lambda_a=1.0, K2=True, use_bias=True,
                 use_spatial=False, init_a=(1.0, 0.0), init_b=(0.0, 0.0)):
        super().__init__()
        oup = oup or inp
        hidden = inp // reduction if reduction == 4 else max(4, (inp // reduction + 2) // 4 * 4)
        self.parts = (2 if K2 else 1) * (2 if use_bias else 1)
        self.options = oup, lambda_a, K2, use_bias, init_a, init_b
        self.fc = nn.Sequential(nn.Linear(inp, hidden), nn.ReLU(),
                                nn.Linear(hidden, oup * self.parts), nn.Hardsigmoid())
        if use_spatial:
            self.spa = nn.Sequential(nn.Conv2d(inp, 1, 1), nn.BatchNorm2d(1))

    def forward(self, x, guide):
        oup, reach, pieces, biased, init_a, init_b = self.options
        u = list(self.fc(guide.mean((2, 3)))[:, :, None, None].split(oup, 1))
        lines = []
        for k in range(2 if pieces else 1):
            line = x * (2 * reach * (u.pop(0) - 0.5) + init_a[k])
            lines.append(line + (u.pop(0) - 0.5 + init_b[k]) if biased else line)
        y = torch.stack(lines).amax(0)
        if hasattr(self, "spa"):
            b, _, h, w = guide.shape
            share = self.spa(guide).view(b, -1).softmax(1).view(b, 1, h, w)
            y = y * (share * h * w).clamp(0, 3) / 3
        return y


@layer
def dynamic_relu():
    for case, kind, k, shape in [("dyrelu_pieces", "B", 3, (2, 12, 4, 5)),
                                 ("dyrelu_one", "B", 1, (1, 8, 3, 5)),
                                 ("dyrelu_pieces_a", "A", 4, (3, 8, 5, 2))]:
        config = {"channels": shape[1], "type": kind, "k": k}
        save(case, "DynamicReLU", config, Islanna(shape[1], kind == "B", k), map_of(*shape))

    def dyhead(case, x, guide=None, **config):
        inputs = {"x": torch.randn(*x)} | ({"guide": torch.randn(*guide)} if guide else {})

        def run(module, inputs):
            return {"y": module(inputs["x"], inputs.get("guide", inputs["x"]))}

        save(case, "DynamicReLU", {"variant": "dyhead"} | config, DyHead(**config), inputs, run)

    dyhead("dyrelu_guide", (2, 5, 4, 6), (2, 12, 3, 5), inp=12, oup=5)
    dyhead("dyrelu_guide_spatial", (2, 7, 4, 3), (2, 8, 4, 3), inp=8, oup=7, use_spatial=True)
    dyhead("dyrelu_slopes", (2, 9, 4, 3), inp=9, reduction=2, lambda_a=1.5, use_bias=False,
           init_a=[0.5, -0.25])
    dyhead("dyrelu_slope", (1, 6, 5, 3), inp=6, reduction=1, K2=False, use_bias=False)


class ShiftMax(nn.Module):
    def __init__(self, inp, groups, reduction=4, act_max=1.0, act_relu=True, init_a=(0, 0),
                 init_b=(0, 0), relu_before_pool=False):
        super().__init__()
        hidden = max(4, (inp // reduction + 2) // 4 * 4)
        if hidden < 0.9 * (inp // reduction):
            hidden += 4
        self.options = inp, groups, act_max, act_relu, init_a, init_b, relu_before_pool
        self.fc = nn.Sequential(nn.Linear(inp, hidden), nn.ReLU(),
                                nn.Linear(hidden, inp * (4 if act_relu else 2)), nn.Hardsigmoid())

    def forward(self, x):
        inp, groups, reach, is_maximum, init_a, init_b, rectifies = self.options
        x = x.relu() if rectifies else x
        u = 2 * reach * (self.fc(x.mean((2, 3)))[:, :, None, None] - 0.5)
        order = torch.arange(inp).view(groups, -1).roll(-1, 0).roll(-1, 1).flatten()
        other, parts = x[:, order], u.split(inp, 1)
        mixed = [x * (parts[2 * k] + init_a[k]) + other * (parts[2 * k + 1] + init_b[k])
                 for k in range(2 if is_maximum else 1)]
        return torch.stack(mixed).amax(0)


@layer
def dynamic_shift_max():
    def shift(case, shape, groups, g, **config):
        keys = {"inp": shape[1], "g": g} | config
        config.pop("expansion", None)
        save(case, "DynamicShiftMax", keys, ShiftMax(shape[1], groups, **config), map_of(*shape))

    shift("dynamic_shift_max", (2, 12, 5, 3), 4, [2, 4])
    shift("dynamic_shift_max_expansion", (1, 18, 4, 7), 6, [2, 3], expansion=True, reduction=8,
          act_max=2.0, init_a=[1.0, 0.5], init_b=[0.0, 0.5])
    shift("dynamic_shift_max_mixture", (3, 10, 3, 5), 5, [1, 5], act_relu=False,
          init_a=[1.0, 0.25], init_b=[0.5, 0.75])
    shift("dynamic_shift_max_rectified", (2, 9, 4, 6), 1, [4, 1], expansion=True, act_max=2.0,
          relu_before_pool=True, reduction=1)


class Acon(nn.Module):
    def __init__(self, width):
        super().__init__()
        for name in ("p1", "p2", "beta"):
            setattr(self, name, nn.Parameter(torch.ones(1, width, 1, 1)))

    def forward(self, x):
        q = (self.p1 - self.p2) * x
        return q * torch.sigmoid(self.beta * q) + self.p2 * x


class MetaAcon(nn.Module):
    def __init__(self, width, r=16):
        super().__init__()
        hidden = max(r, width // r)
        self.p1 = nn.Parameter(torch.ones(1, width, 1, 1))
        self.p2 = nn.Parameter(torch.ones(1, width, 1, 1))
        self.fc1, self.bn1 = nn.Conv2d(width, hidden, 1), nn.BatchNorm2d(hidden)
        self.fc2, self.bn2 = nn.Conv2d(hidden, width, 1), nn.BatchNorm2d(width)

    def forward(self, x):
        pooled = x.mean((2, 3), keepdim=True)
        beta = torch.sigmoid(self.bn2(self.fc2(self.bn1(self.fc1(pooled)))))
        q = (self.p1 - self.p2) * x
        return q * torch.sigmoid(beta * q) + self.p2 * x


@layer
def acon():
    save("acon", "ACON", {"width": 17}, Acon(17), wide(2, 17, 5, 3))
    save("acon_one", "ACON", {"width": 1}, Acon(1), wide(3, 1, 4, 7))
    save("meta_acon", "MetaACON", {"width": 7}, MetaAcon(7), wide(2, 7, 3, 5))
    save("meta_acon_reduction", "MetaACON", {"width": 40, "r": 4}, MetaAcon(40, 4),
         wide(1, 40, 5, 2))


class Funnel(nn.Module):
    def __init__(self, channels, k=3):
        super().__init__()
        self.conv_frelu = nn.Conv2d(channels, channels, k, padding=k // 2, groups=channels)
        self.bn_frelu = nn.BatchNorm2d(channels)

    def forward(self, x):
        return torch.maximum(x, self.bn_frelu(self.conv_frelu(x)))


class LightFunnel(nn.Module):
    def __init__(self, channels, k=3):
        super().__init__()
        self.conv_frelu1 = nn.Conv2d(channels, channels, (1, k), padding=(0, k // 2),
                                     groups=channels, bias=False)
        self.conv_frelu2 = nn.Conv2d(channels, channels, (k, 1), padding=(k // 2, 0),
                                     groups=channels, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x):
        return torch.maximum(x, self.bn1(self.conv_frelu1(x)) + self.bn2(self.conv_frelu2(x)))


@layer
def frelu():
    save("frelu", "FReLU", {"in_channels": 17}, Funnel(17), map_of(2, 17, 5, 7))
    save("frelu_kernel", "FReLU", {"in_channels": 3, "kernel_size": 5}, Funnel(3, 5),
         map_of(1, 3, 9, 4))
    save("frelu_light", "FReLU", {"in_channels": 7, "form": "light"}, LightFunnel(7),
         map_of(2, 7, 4, 6))


class Modulation(nn.Module):
    def __init__(self, channels, features=None, offset=1.0):
        super().__init__()
        self.offset = offset
        if features:
            self.film = nn.Linear(features, 2 * channels)

    def forward(self, x, gammas, betas):
        return gammas[:, :, None, None] * x + betas[:, :, None, None]

    def conditioned(self, x, condition):
        gammas, betas = self.film(condition).chunk(2, 1)
        return self(x, gammas + self.offset, betas)


@layer
def film():
    inputs = map_of(2, 7, 5, 3) | {"gammas": torch.randn(2, 7), "betas": torch.randn(2, 7)}
    save("film", "FiLM", {"channels": 7}, Modulation(7), inputs,
         lambda module, given: {"y": module(given["x"], given["gammas"], given["betas"])})
    config = {"channels": 5, "condition_features": 3, "offset": 0.5}
    save("film_condition", "FiLM", config, Modulation(5, 3, 0.5),
         map_of(3, 5, 4, 7) | {"condition": torch.randn(3, 3)},
         lambda module, given: {"y": module.conditioned(given["x"], given["condition"])})


def normal(x, eps, correction=0):
    variance = x.var((2, 3), correction=correction, keepdim=True)
    return (x - x.mean((2, 3), keepdim=True)) / torch.sqrt(variance + eps)


class StyleLinear(nn.Module):
    def __init__(self, style_dim, num_features):
        super().__init__()
        self.fc = nn.Linear(style_dim, 2 * num_features)

    def forward(self, x, s):
        gamma, beta = self.fc(s)[:, :, None, None].chunk(2, 1)
        return (1 + gamma) * normal(x, 1e-5) + beta


@layer
def adaptive_instance_norm():
    def statistics(case, eps, x, style):
        def run(module, given):
            style = given["style"]
            scale = torch.sqrt(style.var((2, 3), keepdim=True) + eps)
            return {"y": normal(given["x"], eps, 1) * scale + style.mean((2, 3), keepdim=True)}

        config = {"channels": x[1]} | ({"eps": eps} if eps != 1e-5 else {})
        inputs = {"x": torch.randn(*x) * 2 + 1, "style": torch.randn(*style) * 3 - 2}
        save(case, "AdaptiveInstanceNorm2d", config, nn.Identity(), inputs, run)

    statistics("adain_statistics", 1e-5, (2, 7, 5, 3), (2, 7, 4, 6))
    statistics("adain_statistics_eps", 0.1, (1, 3, 2, 3), (1, 3, 1, 2))
    inputs = map_of(2, 5, 3, 7) | {"weight": torch.randn(2, 5), "bias": torch.randn(2, 5)}
    save("adain_given", "AdaptiveInstanceNorm2d", {"variant": "given", "num_features": 5},
         nn.Identity(), inputs, lambda _, given: {
             "y": given["weight"][:, :, None, None] * normal(given["x"], 1e-5)
             + given["bias"][:, :, None, None]})
    config = {"variant": "linear", "style_dim": 4, "num_features": 6}
    save("adain_linear", "AdaptiveInstanceNorm2d", config, StyleLinear(4, 6),
         map_of(3, 6, 5, 4) | {"s": torch.randn(3, 4)},
         lambda module, given: {"y": module(given["x"], given["s"])})


class ClassNorm(nn.Module):
    def __init__(self, num_features, num_classes):
        super().__init__()
        self.bn = nn.BatchNorm2d(num_features, affine=False)
        self.embed = nn.Embedding(num_classes, 2 * num_features)

    def forward(self, x, condition):
        gamma, beta = self.embed(condition.long())[:, :, None, None].chunk(2, 1)
        return gamma * self.bn(x) + beta


class VectorNorm(nn.Module):
    def __init__(self, output_size, input_size, eps):
        super().__init__()
        self.eps = eps
        self.gain = nn.Linear(input_size, output_size, bias=False)
        self.bias = nn.Linear(input_size, output_size, bias=False)
        self.register_buffer("stored_mean", torch.zeros(output_size))
        self.register_buffer("stored_var", torch.ones(output_size))

    def forward(self, x, condition):
        normed = nn.functional.batch_norm(x, self.stored_mean, self.stored_var, eps=self.eps)
        gain = (1 + self.gain(condition))[:, :, None, None]
        return normed * gain + self.bias(condition)[:, :, None, None]


@layer
def conditional_batch_norm():
    def run(module, given):
        return {"y": module(given["x"], given["condition"])}

    save("conditional_batch_norm2d", "ConditionalBatchNorm2d",
         {"num_features": 7, "num_classes": 4}, ClassNorm(7, 4),
         map_of(3, 7, 5, 2) | {"condition": torch.tensor([2.0, 0.0, 3.0])}, run)
    config = {"variant": "linear", "output_size": 5, "input_size": 3, "eps": 0.001}
    save("conditional_batch_norm2d_linear", "ConditionalBatchNorm2d", config, VectorNorm(5, 3, 0.001),
         map_of(2, 5, 4, 3) | {"condition": torch.randn(2, 3)}, run)


if __name__ == "__main__":
    main()
