"""Writes the logits that published ImageNet networks give on photographs, by PyTorch.

    python imagenet_models.py --weights DIR --images DIR --output ../models

DIR of weights holds mobilenet_v2.pth and efficientnet_lite0.pth (Tests/fetch-weights.sh), DIR of
images the five photographs of Set5. Needs torch, torchvision, timm, pillow, safetensors.
Preprocessing is the networks' own: Pillow's resize, centre crop, mean and deviation.
"""
import argparse
import pathlib

import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision import models, transforms

PHOTOGRAPHS = ["baby", "bird", "butterfly", "head", "woman"]


def mobilenet_v2(weights):
    model = models.mobilenet_v2()
    model.load_state_dict(torch.load(weights / "mobilenet_v2.pth", map_location="cpu"))
    normalise = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return model, transforms.InterpolationMode.BILINEAR, normalise


def efficientnet_lite0(weights):
    model = timm.create_model("tf_efficientnet_lite0")
    source = torch.load(weights / "efficientnet_lite0.pth", map_location="cpu")
    own = model.state_dict()
    # Both list the same layers in the same order under other names.
    assert len(own) == len(source), (len(own), len(source))
    renamed = {}
    for (name, old), value in zip(own.items(), source.values()):
        assert old.shape == value.shape, (name, old.shape, value.shape)
        renamed[name] = value
    model.load_state_dict(renamed)
    scale = [128 / 255] * 3
    normalise = transforms.Normalize([127 / 255] * 3, scale)
    return model, transforms.InterpolationMode.BICUBIC, normalise


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=pathlib.Path, required=True)
    parser.add_argument("--images", type=pathlib.Path, required=True)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    for build in (mobilenet_v2, efficientnet_lite0):
        model, interpolation, normalise = build(options.weights)
        prepare = transforms.Compose([
            transforms.Resize(256, interpolation), transforms.CenterCrop(224),
            transforms.ToTensor(), normalise])
        model.eval()
        logits = {}
        with torch.inference_mode():
            for name in PHOTOGRAPHS:
                image = Image.open(options.images / f"{name}.png").convert("RGB")
                logits[name] = model(prepare(image)[None])[0].contiguous()
                print(build.__name__, name, logits[name].topk(3))
        save_file(logits, str(options.output / f"{build.__name__}.safetensors"),
                  {"torch": torch.__version__})


main()
