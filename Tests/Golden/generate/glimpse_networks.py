"""Writes what networks that look at regions compute, with weights that follow from a formula.

    python glimpse_networks.py --references FOLDER [--weights FOLDER] --output ../models

FOLDER has clones of kevinzakka/recurrent-visual-attention, xuexingyu24/License_Plate_Detection_Pytorch,
blackfeather-wang/GFNet-Pytorch, blackfeather-wang/AdaFocus and jeong-tae/RACNN-pytorch as OWNER+NAME, whose code is run. Every
tensor is made from its own key by `uniform` of resnets.py in the range of `bound`. With --weights the
published plate reader's outputs are written too. Needs numpy, torch, torchvision, safetensors.
"""
import argparse
import importlib.util
import pathlib
import sys

import numpy
import torch
from safetensors.torch import save_file

from resnets import uniform


def load(path, name):
    """A module from a file."""
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.pop(0)
    return module


def bound(key, shape):
    """Products summed per output decide the range of weights, the kind that of vectors."""
    if key.endswith("running_var"):
        return 0.5, 1.5
    if len(shape) < 2:
        return (0.5, 1.5) if key.endswith(".weight") else (-0.25, 0.25)
    edge = numpy.sqrt(numpy.float32(3) / numpy.float32(numpy.prod(shape[1:])))
    return -edge, edge


def fill(model, prefix=""):
    """Replaces all numbers by the formula's."""
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if key.endswith("num_batches_tracked"):
                continue
            name = prefix + key
            tensor.copy_(uniform(name, *bound(name, tuple(tensor.shape)), tuple(tensor.shape)))
            if name.endswith("fc_loc.2.bias"):  # near the identity
                tensor.add_(torch.tensor([1.0, 0, 0, 0, 1, 0]))
    return model.eval()


def image(name, shape):
    """[batch, height, width, channels] by formula, as [batch, channels, height, width]."""
    return uniform(name, -1, 1, shape).permute(0, 3, 1, 2).contiguous()


def attention(references, out):
    """Three scales, two channels, locations beyond the edges."""
    folder = references / "kevinzakka+recurrent-visual-attention"
    sys.path.insert(0, str(folder))
    module = load(folder / "model.py", "ram_model")
    model = fill(module.RecurrentAttention(4, 3, 2, 2, 20, 12, 1e-30, 32, 7))
    x = image("x", (3, 20, 20, 2))
    h, l = torch.zeros(3, 32), torch.zeros(3, 2)
    for step in range(6):
        if step == 3:
            l = torch.tensor([[-0.99, 0.97], [1.0, -1.0], [0.3, -0.6]])
        out[f"ram.location.{step}"] = l
        out[f"ram.retina.{step}"] = module.modules.Retina(4, 3, 2).foveate(x, l)
        h, l, _, y, _ = model(x, l, h, last=True)
        if step < 3:
            out[f"ram.logits.{step}"] = y


def plates(references, weights, out):
    """One plate at a time, since the reference's scale depends on the batch."""
    folder = references / "xuexingyu24+License_Plate_Detection_Pytorch" / "LPRNet" / "model"
    stn = load(folder / "STN.py", "plate_stn").STNet()
    lpr = load(folder / "LPRNET.py", "plate_lpr").LPRNet(68, 0)
    x = image("x", (3, 24, 94, 3))
    for name in ("formula", "published"):
        if name == "formula":
            fill(stn), fill(lpr)
        elif weights is None:
            continue
        else:
            for model, file in ((stn, "ccpd_STN.pth"), (lpr, "ccpd_LPRNet.pth")):
                state = torch.load(weights / file, map_location="cpu", weights_only=False)
                model.load_state_dict(state.get("net_state_dict", state))
                model.eval()
        straight = [stn(one[None]) for one in x]
        out[f"plate.{name}.straight"] = straight[0].permute(0, 2, 3, 1)
        out[f"plate.{name}.logits"] = torch.cat([lpr(s) for s in straight]).permute(0, 2, 1)
        out[f"plate.{name}.crooked"] = torch.cat([lpr(o[None]) for o in x]).permute(0, 2, 1)


def glance_and_focus(references, out):
    """A small network: basic blocks, patches of 32 of images of 75."""
    torch.Tensor.cuda = lambda self, *a, **k: self
    folder = references / "blackfeather-wang+GFNet-Pytorch"
    network = load(folder / "network.py", "gfnet_network")
    resnet = load(folder / "models" / "resnet.py", "gfnet_resnet")
    utils = load(folder / "utils.py", "gfnet_utils")
    make = lambda: resnet.ResNet(resnet.BasicBlock, [1, 1, 1, 1], num_classes=10)
    parts = {
        "model": fill(make(), "model."), "model_prime": fill(make(), "model_prime."),
        "policy": fill(network.ActorCritic(512, 512, 64, False), "policy."),
        "fc": fill(network.Full_layer(512, 48, True, 10), "fc."),
    }
    count = sum(p.numel() for part in parts.values() for p in part.parameters())
    print("small GFNet:", count)
    big = [resnet.resnet50(), resnet.resnet50(),
           network.ActorCritic(2048, 2048 * 9, 1024, False), network.Full_layer(2048, 1024, True)]
    print("GFNet ResNet-50, patch 96:", [sum(p.numel() for p in b.parameters()) for b in big])
    x = image("x", (3, 75, 75, 3))
    prime = utils.get_prime(x, 32, "bicubic")
    out["gfnet.prime"] = prime[:1].permute(0, 2, 3, 1)
    memory = network.Memory()
    feature, state = parts["model_prime"](prime)
    out["gfnet.logits.0"] = parts["fc"](feature, restart=True)
    for step in range(1, 4):
        action = parts["policy"].act(state, memory, restart_batch=step == 1)
        out[f"gfnet.action.{step}"] = action
        patches = utils.get_patch(x, action, 32)
        out[f"gfnet.patch.{step}"] = patches[:1].permute(0, 2, 3, 1)
        feature, state = parts["model"](patches)
        out[f"gfnet.logits.{step}"] = parts["fc"](feature, restart=False)


def attention_crop(references, out):
    """Boxcar masks and enlargement, every seventh pixel; with both clamps."""
    folder = references / "jeong-tae+RACNN-pytorch" / "models"
    text = (folder / "RACNN.py").read_text().replace("from .vgg", "from vgg")
    text = text.replace("torch.cuda.FloatTensor", "()")
    sys.path.insert(0, str(folder))
    scope = {"__name__": "racnn"}
    exec(compile(text, "RACNN.py", "exec"), scope)
    x = image("x", (4, 96, 96, 3))
    places = torch.tensor([[48.2, 40.9, 40.1], [10.0, 90.0, 35.5], [50.0, 30.0, 3.0], [70, 20, 90.0]])
    crop = scope["AttentionCropFunction"].forward
    class Context:
        def save_for_backward(self, *tensors):
            pass
    y = crop(Context(), x, places)
    out["racnn.places"], out["racnn.crop"] = places, y.permute(0, 2, 3, 1)[:, ::7, ::7]
    # The whole network with images of 64, squares of 32 and 24 channels instead of 448, 224 and 512.
    vgg = load(folder / "vgg.py", "racnn_vgg")

    class Backbone(torch.nn.Module):
        def __init__(self, **options):
            super().__init__()
            self.features = vgg.make_layers([8, "M", 12, 12, "M", 24, "M"], batch_norm=True)

    for old, new in (("14 * 14", "8 * 8"), ("512", "24"), ("kernel_size = 28, stride = 28", "16"),
                     ("kernel_size = 14, stride = 14", "8"), ("448", "64"), ("224", "32"),
                     ("1024", "20"), ("from vgg import vgg19_bn", "")):
        text = text.replace(old, new)
    scope = {"__name__": "racnn", "vgg19_bn": Backbone}
    exec(compile(text, "RACNN.py", "exec"), scope)
    scope["AttentionCropFunction"].apply = lambda *a: scope["AttentionCropFunction"].forward(
        Context(), *a)
    model = fill(scope["RACNN"](5))
    print("small RA-CNN:", sum(p.numel() for p in model.parameters()))
    logits, _, places, crops = model(image("x", (3, 64, 64, 3)))
    for scale in range(3):
        out[f"racnn.logits.{scale}"] = logits[scale]
    for scale in range(2):
        out[f"racnn.place.{scale}"] = places[scale]
        out[f"racnn.crop.{scale}"] = crops[scale][:1].permute(0, 2, 3, 1)
    with torch.device("meta"):
        big = sum(p.numel() for p in vgg.VGG(
            vgg.make_layers(vgg.cfg["E"], batch_norm=True), init_weights=False).parameters())
    print("RA-CNN:", 3 * big + 2 * (100353 * 1024 + 3 * 1025) + 3 * 513 * 200)


def adaptive_focus(references, out):
    """Three frames of 64, patches of 32, basic blocks."""
    folder = (references / "blackfeather-wang+AdaFocus"
              / "Experiments on ActivityNet, FCVID and Mini-Kinetics" / "models")
    ppo = load(folder / "ppo.py", "adafocus_ppo")
    text = (folder / "gfv_net.py").read_text()
    scope = {"nn": torch.nn, "torch": torch}
    exec(compile(text[text.index("class RecurrentClassifier"):], "gfv_net.py", "exec"), scope)
    utils = load(references / "blackfeather-wang+GFNet-Pytorch" / "utils.py", "gfnet_utils")
    from torchvision.models import mobilenet_v2
    from torchvision.models.resnet import BasicBlock, ResNet
    parts = {
        "glancer.net": mobilenet_v2(num_classes=6),
        "focuser.net": ResNet(BasicBlock, [1, 1, 1, 1], num_classes=6),
        "focuser.policy.policy": ppo.ActorCritic(1280, 1280 * 4, 49, 64),
        "focuser.policy.policy_old": ppo.ActorCritic(1280, 1280 * 4, 49, 64),
        "classifier": scope["RecurrentClassifier"](3, 1280 + 512, 2, 40, 6, 0),
    }
    for name, part in parts.items():
        fill(part, name + ".")
    print("small AdaFocus:", sum(p.numel() for part in parts.values() for p in part.parameters()))
    net = parts["focuser.net"]
    local = torch.nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool, net.layer1, net.layer2,
                                net.layer3, net.layer4, net.avgpool)
    video = uniform("x", -1, 1, (2, 3, 64, 64, 3)).permute(0, 1, 4, 2, 3)
    memory, features = ppo.Memory(), []
    for frame in range(3):
        seen = parts["glancer.net"].features(video[:, frame])
        action = parts["focuser.policy.policy_old"].act(
            seen, memory, restart_batch=frame == 0, training=False)
        place = torch.stack([action // 7, action % 7], 1) / 6
        patch = utils.get_patch(video[:, frame], place, 32)
        features.append(torch.cat([seen.mean([2, 3]), local(patch).flatten(1)], 1))
        out[f"adafocus.action.{frame}"] = action
    logits, _ = parts["classifier"](torch.stack(features, 1))
    out["adafocus.logits"] = logits.view(2, 3, 6)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--references", type=pathlib.Path, required=True)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    values = {}
    with torch.no_grad():
        attention(options.references, values)
        plates(options.references, options.weights, values)
        glance_and_focus(options.references, values)
        attention_crop(options.references, values)
        adaptive_focus(options.references, values)
    save_file({k: v.float().contiguous() for k, v in values.items()},
              str(options.output / "glimpse_networks.safetensors"),
              {"torch": torch.__version__})
