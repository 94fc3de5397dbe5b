"""The network `protean_tiny` in PyTorch, and what it costs; `train_protean_tiny.py` trains it."""
import math

import torch
import torch.nn.functional as F
from torch import nn


# ---------------------------------------------------------------- layers

class CondConv2d(nn.Module):
    """Convolution whose kernel is a per-image mixture of experts; no bias.

    The weight has timm's layout, (experts, out * in/groups * k * k). Only the two shapes the
    network uses are implemented: pointwise (k = 1) and depthwise (groups = channels).
    """

    def __init__(self, in_chs, out_chs, kernel=1, stride=1, depthwise=False, experts=4):
        super().__init__()
        self.in_chs, self.out_chs = in_chs, out_chs
        self.kernel, self.stride, self.depthwise = kernel, stride, depthwise
        fan_in = (1 if depthwise else in_chs) * kernel * kernel
        self.weight = nn.Parameter(torch.empty(experts, out_chs * fan_in))
        # About half of the experts' sum arrives (sigmoid routing starts near 0.5), and the
        # batch normalisation that follows removes the scale; the fan-in only sets the order.
        nn.init.normal_(self.weight, 0.0, math.sqrt(2.0 / fan_in))

    def forward(self, x, routing):
        b, c, h, w = x.shape
        weight = routing @ self.weight
        if not self.depthwise:
            # A batched matrix product is the same as timm's grouped convolution, and faster;
            # pixels before channels, as the rest of the network keeps them while training.
            pixels = x.permute(0, 2, 3, 1).reshape(b, h * w, c)
            y = torch.bmm(pixels, weight.view(b, self.out_chs, c).transpose(1, 2))
            return y.view(b, h, w, self.out_chs).permute(0, 3, 1, 2)
        k = self.kernel
        y = F.conv2d(x.reshape(1, b * c, h, w), weight.view(b * c, 1, k, k),
                     stride=self.stride, padding=k // 2, groups=b * c)
        return y.view(b, c, y.shape[2], y.shape[3])


class DyReLUB(nn.Module):
    """DY-ReLU, type B: y = max(a1 x + b1, a2 x + b2), coefficients per image and channel."""

    def __init__(self, channels, reduction=4):
        super().__init__()
        self.fc1 = nn.Linear(channels, channels // reduction)
        self.fc2 = nn.Linear(channels // reduction, 4 * channels)
        self.register_buffer("lambdas", torch.tensor([1.0, 1.0, 0.5, 0.5]))
        self.register_buffer("init_v", torch.tensor([1.0, 0.0, 0.0, 0.0]))

    def forward(self, x):
        theta = self.fc2(F.relu(self.fc1(x.mean((2, 3)))))
        theta = (2 * torch.sigmoid(theta) - 1).view(x.shape[0], x.shape[1], 4)
        a1, a2, b1, b2 = (self.init_v + self.lambdas * theta)[..., None, None].unbind(2)
        return torch.maximum(a1 * x + b1, a2 * x + b2)


class SqueezeExcite(nn.Module):
    """Channel gate computed from the global average, with timm's names."""

    def __init__(self, channels, squeezed):
        super().__init__()
        self.conv_reduce = nn.Conv2d(channels, squeezed, 1)
        self.conv_expand = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        s = F.relu(self.conv_reduce(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.conv_expand(s))


# ---------------------------------------------------------------- blocks

def conv(in_chs, out_chs, kernel=1, stride=1, groups=1):
    return nn.Conv2d(in_chs, out_chs, kernel, stride, kernel // 2, groups=groups, bias=False)


class DepthwiseSeparable(nn.Module):
    """depthwise -> BN -> DY-ReLU -> pointwise -> BN, plus the input."""

    def __init__(self, chs):
        super().__init__()
        self.conv_dw = conv(chs, chs, 3, groups=chs)
        self.bn1 = nn.BatchNorm2d(chs)
        self.act1 = DyReLUB(chs)
        self.conv_pw = conv(chs, chs)
        self.bn2 = nn.BatchNorm2d(chs)

    def forward(self, x):
        y = self.act1(self.bn1(self.conv_dw(x)))
        return x + self.bn2(self.conv_pw(y))


class InvertedResidual(nn.Module):
    """expand -> BN -> hard-swish -> depthwise -> BN -> act2 -> SE -> project -> BN (+ input)."""

    def __init__(self, in_chs, mid_chs, out_chs, stride, squeezed, dynamic_relu):
        super().__init__()
        self.skip = stride == 1 and in_chs == out_chs
        self.conv_pw = conv(in_chs, mid_chs)
        self.bn1 = nn.BatchNorm2d(mid_chs)
        self.act1 = nn.Hardswish()
        self.conv_dw = conv(mid_chs, mid_chs, 3, stride, groups=mid_chs)
        self.bn2 = nn.BatchNorm2d(mid_chs)
        self.act2 = DyReLUB(mid_chs, 8) if dynamic_relu else nn.Hardswish()
        self.se = SqueezeExcite(mid_chs, squeezed)
        self.conv_pwl = conv(mid_chs, out_chs)
        self.bn3 = nn.BatchNorm2d(out_chs)

    def forward(self, x):
        y = self.act1(self.bn1(self.conv_pw(x)))
        y = self.se(self.act2(self.bn2(self.conv_dw(y))))
        y = self.bn3(self.conv_pwl(y))
        return x + y if self.skip else y


class CondConvResidual(nn.Module):
    """Inverted residual of three CondConvs, which share one routing of the block's input."""

    def __init__(self, in_chs, mid_chs, out_chs, stride, squeezed, experts):
        super().__init__()
        self.skip = stride == 1 and in_chs == out_chs
        self.routing_fn = nn.Linear(in_chs, experts)
        self.conv_pw = CondConv2d(in_chs, mid_chs, experts=experts)
        self.bn1 = nn.BatchNorm2d(mid_chs)
        self.conv_dw = CondConv2d(mid_chs, mid_chs, 3, stride, depthwise=True, experts=experts)
        self.bn2 = nn.BatchNorm2d(mid_chs)
        self.se = SqueezeExcite(mid_chs, squeezed)
        self.conv_pwl = CondConv2d(mid_chs, out_chs, experts=experts)
        self.bn3 = nn.BatchNorm2d(out_chs)

    def forward(self, x):
        routing = torch.sigmoid(self.routing_fn(x.mean((2, 3))))
        y = F.hardswish(self.bn1(self.conv_pw(x, routing)))
        y = self.se(F.hardswish(self.bn2(self.conv_dw(y, routing))))
        y = self.bn3(self.conv_pwl(y, routing))
        return x + y if self.skip else y


class SqueezeMask(nn.Module):
    """DynConv's gate: conv3x3(x) + linear(mean(x)), a logit per pixel."""

    def __init__(self, chs):
        super().__init__()
        self.conv = nn.Conv2d(chs, 1, 3, padding=1)
        self.fc = nn.Linear(chs, 1)
        nn.init.constant_(self.conv.bias, 1.0)  # begin with most pixels

    def forward(self, x):
        return self.conv(x) + self.fc(x.mean((2, 3)))[:, :, None, None]


class DynConvInvertedResidual(nn.Module):
    """x + mask * BN(project(relu6(BN(depthwise(relu6(BN(expand(x)))))))) (arXiv 1912.03203).

    Training computes all pixels. The mask is drawn as a binary Gumbel softmax of temperature 1,
    hard forward and soft backward; evaluation takes the logits' sign.
    """

    def __init__(self, chs, mid_chs):
        super().__init__()
        self.pixel_costs = (chs * mid_chs, 9 * mid_chs + mid_chs * chs)
        self.noisy, self.dense = True, False
        self.conv = nn.Sequential(
            conv(chs, mid_chs), nn.BatchNorm2d(mid_chs), nn.ReLU6(),
            conv(mid_chs, mid_chs, 3, groups=mid_chs), nn.BatchNorm2d(mid_chs), nn.ReLU6(),
            conv(mid_chs, chs), nn.BatchNorm2d(chs))
        nn.init.zeros_(self.conv[7].weight)  # begin as the network without this block
        self.masker = nn.ModuleDict({"maskconv": SqueezeMask(chs)})

    def mask(self, x):
        if self.dense:
            return torch.ones_like(x[:, :1])
        logits = self.masker["maskconv"](x)
        hard = (logits >= 0).float()
        if not self.training:
            return hard
        if self.noisy:
            u = torch.rand(2, *logits.shape)
            g = -torch.log(-torch.log(u + 1e-8) + 1e-8)
            logits = logits + g[0] - g[1]
            hard = (logits >= 0).float()
        soft = torch.sigmoid(logits)
        return hard + soft - soft.detach()

    def forward(self, x):
        mask = self.mask(x)
        return x + mask * self.conv(x), mask

    def share(self, mask):
        """Executed share per image: the expansion runs on the mask's neighbourhood."""
        reach, own = self.pixel_costs
        dilated = F.max_pool2d(mask, 3, 1, 1)
        return (dilated * reach + mask * own).mean((1, 2, 3)) / (reach + own)


class ProteanTiny(nn.Module):
    """Stem, three stages (28x28, 14x14, 7x7), head. About 0.15 M parameters.

    Without gates it is the network that this project shipped before: another block in place of the
    gated ones, and one more in the last stage.
    """

    def __init__(self, experts=4, gates=True):
        super().__init__()
        wide = ([DynConvInvertedResidual(32, 256), DynConvInvertedResidual(32, 256)] if gates
                else [InvertedResidual(32, 96, 32, 1, 8, dynamic_relu=True)])
        last = [] if gates else [CondConvResidual(48, 144, 48, 1, 12, experts)]
        self.conv_stem = conv(1, 16, 3)
        self.bn1 = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(
            nn.Sequential(DepthwiseSeparable(16)),
            nn.Sequential(InvertedResidual(16, 32, 32, 2, 8, dynamic_relu=False), *wide),
            nn.Sequential(CondConvResidual(32, 96, 48, 2, 8, experts),
                          CondConvResidual(48, 144, 48, 1, 12, experts), *last))
        self.conv_head = conv(48, 128)
        self.bn2 = nn.BatchNorm2d(128)
        self.classifier = nn.Linear(128, 10)

    @property
    def gated(self):
        return [m for m in self.modules() if isinstance(m, DynConvInvertedResidual)]

    def stages(self, x):
        """The outputs after the stem and after each of the three stages, and the masks."""
        outputs, masks = [F.hardswish(self.bn1(self.conv_stem(x)))], []
        for stage in self.blocks:
            y = outputs[-1]
            for block in stage:
                y = block(y)
                if isinstance(y, tuple):
                    masks.append(y[1])
                    y = y[0]
            outputs.append(y)
        return outputs, masks

    def head(self, x, drop=0.0):
        x = F.hardswish(self.bn2(self.conv_head(x))).mean((2, 3))
        return self.classifier(F.dropout(x, drop, self.training))

    def forward(self, x):
        """Logits, and the masks of the gated blocks."""
        outputs, masks = self.stages(x)
        return self.head(outputs[-1], drop=0.1), masks


@torch.no_grad()
def multiply_adds(model):
    """Multiply-adds of one image with all pixels computed: of all layers, and of gated blocks."""
    counts, hooks = [], []

    def count(module, inputs, output):
        if isinstance(module, CondConv2d):
            fan_in = module.weight.shape[1] // module.out_chs
            counts.append(output.numel() * fan_in + module.weight.numel())
        else:
            counts.append(output.numel() * module.weight[0].numel())

    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear, CondConv2d)):
            hooks.append(module.register_forward_hook(count))
    training = model.training
    _, masks = model.eval()(torch.zeros(1, 1, 28, 28))
    model.train(training)
    for hook in hooks:
        hook.remove()
    gated = [sum(block.pixel_costs) * mask.numel() for block, mask in zip(model.gated, masks)]
    return sum(counts), gated


class Budget:
    """DynConv's sparsity criterion for a network that shall execute `target` of its work."""

    def __init__(self, model, target):
        self.target = target
        self.total, self.gated = multiply_adds(model)
        self.fixed = self.total - sum(self.gated)
        # What the target leaves to the gated blocks.
        self.gate = (target * self.total - self.fixed) / sum(self.gated)
        if not 0 < self.gate < 1:
            raise SystemExit(f"{target} cannot be reached: {self.fixed} of {self.total} are fixed")

    def executed(self, model, masks):
        """Executed shares: of the network, and of each gated block; a value per image."""
        shares = [block.share(mask) for block, mask in zip(model.gated, masks)]
        work = sum(share * cost for share, cost in zip(shares, self.gated))
        return (self.fixed + work) / self.total, shares

    def loss(self, model, masks, progress):
        """Anneals the target from 1 in the first quarter; blocks are freed in the first third."""
        anneal = min(1.0, progress / 0.25)
        network, shares = self.executed(model, masks)
        goal = 1 - anneal * (1 - self.target)
        gate = 1 - anneal * (1 - self.gate)
        tight = math.cos(0.5 * math.pi * min(1.0, progress / 0.33)) ** 2
        upper, lower = 1 - tight * (1 - gate), tight * gate
        blocks = [F.relu(s.mean() - upper) ** 2 + F.relu(lower - s.mean()) ** 2 for s in shares]
        return (network.mean() - goal) ** 2 + sum(blocks) / len(blocks)
