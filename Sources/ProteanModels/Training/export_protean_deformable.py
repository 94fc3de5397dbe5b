"""Write the reference outputs of `protean_deformable`.

Reads the weights that `train_protean_deformable.py` wrote and the first 500 Fashion-MNIST test
images, turned and scaled at random from a seed, and writes a file for Tests/Golden/models:

  images     [500, 28, 28, 1], values 0 to 255 as uint8
  labels     [500], uint8
  logits     [500, 10]
  offsets    [1, 27, 7, 7]: what conv3.conv_offset gives for the first image

Inference uses torchvision's deformable operator; training does not. Run:

    python export_protean_deformable.py --weights ../Resources/protean_deformable.safetensors \\
        --output ../../../Tests/Golden/models/protean_deformable.safetensors
"""
import argparse

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from fashion_mnist import load, normalise
from train_protean_deformable import ProteanDeformable, predict, turn


def main():
    parser = argparse.ArgumentParser(description="Export references of protean_deformable.")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--weights", default="protean_deformable.safetensors")
    parser.add_argument("--output", default="exported.safetensors")
    args = parser.parse_args()
    torch.set_num_threads(1)
    images, labels = load(args.data, "t10k")
    images, labels = images[:500], labels[:500]
    turned = turn(images, torch.Generator().manual_seed(7))
    model = ProteanDeformable()
    missing, extra = model.load_state_dict(load_file(args.weights), strict=False)
    if extra or any(not name.endswith("num_batches_tracked") for name in missing):
        raise SystemExit(f"{args.weights} does not fit: missing {missing}, extra {extra}")
    logits = predict(model, turned)
    with torch.no_grad():
        x = normalise(turned[:1])
        for n in (1, 2):
            x = F.relu(getattr(model, f"bn{n}")(getattr(model, f"conv{n}")(x)))
        offsets = model.conv3.conv_offset(x)
    save_file({"images": turned.permute(0, 2, 3, 1).contiguous(), "labels": labels.byte(),
               "logits": logits, "offsets": offsets.contiguous()}, args.output)
    right = int((logits.argmax(1) == labels).sum())
    print(f"{right} of {len(labels)} right; mean size of the first image's displacements "
          f"{offsets[:, :18].abs().mean():.3f} pixels")


if __name__ == "__main__":
    main()
