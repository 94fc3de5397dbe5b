"""Writes keys, decisions and logits of networks that skip blocks, from their authors' code.

    python depth_models.py --output ../models --skipnet DIR --blockdrop DIR --aig DIR

The three folders are checkouts of ucbdrive/skipnet, Tushar-N/blockdrop and andreasveit/convnet-aig. Their
code runs as it is, but for names that PyTorch no longer has, for downloads, and for the noise that
ConvNet-AIG adds in inference, which is 0 here. Every tensor is made from its own key by `uniform` of
resnets.py in a range that depends on its name and shape (`bound`), but for the biases of what decides:
these are moved so that some images of the batch run a block and others do not, and are stored.
`depth_NAME.keys.txt` has the names and shapes, `depth_models.safetensors` the logits, each gate's probability
and its decision (1: the block runs) of a batch of images, and these biases in order (`NAME.biases`). A run
ends with an error if a probability lies so near its threshold that rounding could decide. Needs numpy,
torch, torchvision, safetensors.
"""
import argparse
import importlib
import pathlib
import sys
import types

import numpy
import torch
import torchvision
from safetensors.torch import save_file

from resnets import uniform

SMALL, LARGE = (7, 32, 32, 3), (3, 224, 224, 3)
# What decides is spread by these factors, so that images differ in their paths.
SPREAD = {"linear_layer.weight": 3, "control.proj.weight": 4, "agent.logit.weight": 3,
          "fc2.weight": 3, ".1.weight": 6}


def bound(key, shape):
    """Products summed per output decide the range of weights, the kind that of vectors."""
    if key.endswith("running_var"):
        return 0.4, 1.2
    last = "bn3.weight" if ".bn3." in key else "bn2.weight"
    if key.endswith(last) and "gate" not in key:
        return 0.1, 0.4  # residual branches add up
    if len(shape) < 2:
        if key.startswith("control.rnn."):
            return -0.5, 0.5
        scale = key.endswith(".weight")
        return (0.5, 1.5) if scale else (-0.25, 0.25)
    edge = numpy.sqrt(numpy.float32(6) / numpy.float32(numpy.prod(shape[1:])))
    if "gate" in key and key.endswith(".1.weight") or any(
            key.endswith(end) for end in SPREAD if end != ".1.weight"):
        edge *= next(f for end, f in SPREAD.items() if key.endswith(end))
    return -edge, edge


def images(shape):
    """Images of different brightness, contrast and colour: noise on four by four squares."""
    batch, height, width, channels = shape
    contrast = numpy.arange(1, batch + 1, dtype=numpy.float32).reshape(-1, 1, 1, 1) / 2
    squares = uniform("squares", -1, 1, (batch, 4, 4, channels)) * torch.from_numpy(contrast)
    squares = squares.repeat_interleave(height // 4, 1).repeat_interleave(width // 4, 2)
    return uniform("x", -1, 1, shape) + squares


def module(folder, name):
    """A module of a checkout, with nothing else of the same name in the way."""
    for other in ("models", "models.base", "models.resnet", "utils"):
        sys.modules.pop(other, None)
    sys.modules["utils"] = types.SimpleNamespace(load_weights_to_flatresnet=lambda *_: None)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))


class BlockDrop(torch.nn.Module):
    """The network and its policy under the names of the published files' two parts."""

    def __init__(self, resnet, agent):
        super().__init__()
        self.resnet, self.agent = resnet, agent

    def forward(self, x):
        probabilities, _ = self.agent(x)
        # The policy network's own code decides with `probs < 0.5 -> 0, probs >= 0.5 -> 1`.
        policy = (probabilities >= 0.5).to(x.dtype)
        return self.resnet(x, policy), list(policy.t()), list(probabilities.t())


class Adaptive(torch.nn.Module):
    """ConvNet-AIG with the probability of running, from what its gates return before the noise."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.probabilities = []
        for part in network.modules():
            if type(part).__name__ == "GumbleSoftmax":
                part.register_forward_hook(self.record)

    def record(self, _, inputs, __):
        self.probabilities.append(inputs[0].flatten(1).softmax(1)[:, 1])

    def forward(self, x):
        self.probabilities = []
        logits, gates = self.network(x)
        return logits, [gate.flatten() for gate in gates], self.probabilities


class Skip(torch.nn.Module):
    """SkipNet; a feed-forward gate's second result are logarithms of two probabilities."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        logits, masks, gates = self.network(x)[:3]
        gates = [g[:, 1].exp() if g.dim() == 2 and g.shape[1] == 2 else g.flatten() for g in gates]
        return logits, masks, gates[:len(masks)]


def centre(model):
    """Moves the biases of what decides while the images pass; returns them in order."""
    biases = []

    def move(layer, _, logits):
        flat = logits.flatten(1)
        margins = flat[:, 1:] - flat[:, :1] if isinstance(layer, torch.nn.Conv2d) else flat
        ordered = margins.sort(0).values
        cuts = slice(1, -1) if len(margins) > 3 else slice(None)
        for column in range(margins.shape[1]):
            gaps = ordered[1:, column] - ordered[:-1, column]
            at = int(gaps[cuts].argmax()) + (cuts.start or 0)
            middle = (ordered[at, column] + ordered[at + 1, column]) / 2
            channel = column + flat.shape[1] - margins.shape[1]
            layer.bias.data[channel] -= middle
            logits[:, channel] -= middle
        biases.append(layer.bias.data.clone())
        return logits

    hooks = [part.register_forward_hook(move) for name, part in model.named_modules()
             if name.endswith(("linear_layer", "fc2", "agent.logit"))]
    return biases, hooks


def networks(options):
    torch.Tensor.cuda = torch.nn.Module.cuda = lambda self, *_: self
    torch.nn.BatchNorm1d._check_input_dim = lambda self, _: None  # a map of one pixel
    torch.nn.functional.sigmoid = torch.sigmoid
    torchvision.models.resnet18 = lambda **_: None
    cifar = module(options.skipnet / "cifar", "models")
    yield "skipnet_ff38_cifar", cifar.cifar10_feedforward_38(), Skip, SMALL
    yield "skipnet_ff74_cifar", cifar.cifar10_feedforward_74(), Skip, SMALL
    yield "skipnet_ff110_cifar", cifar.cifar10_feedforward_110(), Skip, SMALL
    yield "skipnet_rnn38_cifar", cifar.cifar10_rnn_gate_38(), Skip, SMALL
    yield "skipnet_rnn74_cifar", cifar.cifar10_rnn_gate_74(), Skip, SMALL
    yield "skipnet_rnn110_cifar", cifar.cifar10_rnn_gate_110(), Skip, SMALL
    imagenet = module(options.skipnet / "imagenet", "models")
    yield "skipnet_rnn101", imagenet.imagenet_rnn_gate_101(), Skip, LARGE
    resnet = module(options.blockdrop, "models.resnet")
    base = sys.modules["models.base"]
    for depth, count in ((32, 5), (110, 18)):
        yield f"blockdrop_resnet{depth}_cifar", BlockDrop(
            resnet.FlatResNet32(base.BasicBlock, [count] * 3),
            resnet.Policy32([1, 1, 1], num_blocks=3 * count)), lambda same: same, SMALL
    yield "blockdrop_resnet101", BlockDrop(
        resnet.FlatResNet224(base.Bottleneck, [3, 4, 23, 3]),
        resnet.Policy224([1, 1, 1, 1], num_blocks=33)), lambda same: same, LARGE
    aig = module(options.aig, "convnet_aig")
    aig.GumbleSoftmax.sample_gumbel_like = lambda self, logits: torch.zeros_like(logits)
    yield "convnet_aig_resnet110_cifar", aig.ResNet110_cifar(), Adaptive, SMALL
    yield "convnet_aig_resnet50", aig.ResNet50_ImageNet(), Adaptive, LARGE


def fill(name, model):
    state = model.state_dict()
    lines = [f"{key} {list(value.shape)}" for key, value in state.items()
             if not key.endswith("num_batches_tracked")]
    for key, value in state.items():
        if not key.endswith("num_batches_tracked"):
            twin = key.replace("_ds", "_layer", 1)
            twin = twin.replace("0.", "0.downsample.", 1) if twin != key else key
            value.copy_(uniform(twin, *bound(twin, value.shape), value.shape))
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{name}: {count} parameters, {len(lines)} entries", end="")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("output", "skipnet", "blockdrop", "aig"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--only", help="networks whose names contain this; writes no values")
    options = parser.parse_args()
    values = {}
    for name, model, wrap, shape in networks(options):
        if options.only and options.only not in name:
            continue
        model.eval()
        lines = fill(name, model)
        (options.output / f"depth_{name}.keys.txt").write_text("\n".join(lines) + "\n")
        x = images(shape).permute(0, 3, 1, 2)
        biases, hooks = centre(model)
        network = wrap(model)
        with torch.no_grad():
            network(x)
            for hook in hooks:
                hook.remove()
            logits, masks, gates = network(x)
        decisions = (torch.stack(list(masks), 1).flatten(2).squeeze(-1)
                     if masks[0].dim() > 1 else torch.stack(list(masks), 1)).round()
        probabilities = torch.stack([g.flatten() for g in gates], 1)
        nearest = (probabilities - 0.5).abs().min().item()
        share = decisions.mean(0)
        print(f"; runs {decisions.mean():.3f}, {int(((share > 0) & (share < 1)).sum())} of"
              f" {len(share)} gates mixed, {len(decisions.unique(dim=0))} paths, nearest"
              f" {nearest:.1e}, largest logit {logits.abs().max():.3f}", flush=True)
        if nearest < 1e-5:
            raise SystemExit(f"{name}: a probability is too near 0.5")
        values[f"{name}.logits"] = logits.float().contiguous()
        values[f"{name}.decisions"] = decisions.float().contiguous()
        if biases:
            values[f"{name}.biases"] = torch.stack(biases).contiguous()
        values[f"{name}.probabilities"] = probabilities.float().contiguous()
    if not options.only:
        save_file(values, str(options.output / "depth_models.safetensors"),
                  {"torch": torch.__version__})


if __name__ == "__main__":
    main()
