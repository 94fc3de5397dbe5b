"""Writes what timm's save_for_hf says of networks, their keys, their logits and their preprocessing.

    python timm_folders.py --output ../models

Weights follow from their keys by the formula of resnets.py, so that only keys and logits are kept:
`timm_NAME.json` is the folder's config.json, `timm_NAME.keys.txt` the names and shapes of
model.safetensors, `timm.safetensors` holds the logits for one input each and the tensors that timm
makes of one image by the preprocessing of three configurations. Needs numpy, pillow, timm, torch,
torchvision, safetensors, huggingface_hub.
"""
import argparse
import json
import pathlib
import tempfile

import numpy
import timm
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.data.transforms_factory import transforms_imagenet_eval
from timm.models._hub import save_for_hf

from resnets import bound, uniform

NETWORKS = ["mobilenetv2_100", "efficientnet_lite0", "tf_efficientnet_lite0", "resnet18"]
INPUT = (1, 75, 59, 3)
CLASSES = 10
# Name, height, width, share, mode and filter of the preprocessing.
PREPARED = [
    ("center", 16, 16, 0.9, "center", "bicubic"), ("covering", 24, 16, 0.8, "center", "bilinear"),
    ("squash", 16, 24, 0.95, "squash", "bicubic"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, required=True)
    options = parser.parse_args()
    x = uniform("x", -1, 1, INPUT).permute(0, 3, 1, 2)
    results = {}
    for name in NETWORKS:
        model = timm.create_model(name, num_classes=CLASSES).eval()
        with tempfile.TemporaryDirectory() as folder:
            save_for_hf(model, folder, safe_serialization=True, model_config={
                "label_names": [f"kind {index}" for index in range(CLASSES)]})
            folder = pathlib.Path(folder)
            configuration = json.loads((folder / "config.json").read_text())
            state = load_file(folder / "model.safetensors")
        (options.output / f"timm_{name}.json").write_text(
            json.dumps(configuration, indent=1) + "\n")
        lines = [f"{key} {list(value.shape)}" for key, value in state.items()]
        (options.output / f"timm_{name}.keys.txt").write_text("\n".join(lines) + "\n")
        for key, value in model.state_dict().items():
            if not key.endswith("num_batches_tracked"):
                value.copy_(uniform(key, *bound(key, value.shape), value.shape))
        with torch.inference_mode():
            results[name] = model.double()(x.double())[0].float().contiguous()
        print(name, results[name])
    # 50 x 37 pixels, every value from its place.
    pixels = (numpy.arange(37 * 50 * 3) * 37 % 251).astype(numpy.uint8).reshape(37, 50, 3)
    for name, height, width, share, mode, interpolation in PREPARED:
        prepare = transforms_imagenet_eval(
            (height, width), crop_pct=share, crop_mode=mode, interpolation=interpolation,
            mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.3))
        results[name] = prepare(Image.fromarray(pixels)).permute(1, 2, 0).contiguous()
    save_file(results, str(options.output / "timm.safetensors"), {"timm": timm.__version__})


if __name__ == "__main__":
    main()
