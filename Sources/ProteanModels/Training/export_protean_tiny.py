"""Write the sample images and the reference outputs of `protean_tiny`.

Reads the weights that `train_protean_tiny.py` wrote and the Fashion-MNIST test images, and
writes into the output folder

  images/07_sneaker_0009.png ...       20 test images, two per class, in order of appearance
                                       (class index, class name, index in the test set)
  protean_tiny.safetensors             those images normalised (`x`), their logits (`logits`),
                                       the outputs after the stem and each stage for the first
                                       two of them (`stage.0` ... `stage.3`), NCHW, and their
                                       masks (`mask.0`, `mask.1`)
  protean_tiny_all.safetensors         logits of all 10,000 test images, [10000, 10], and the
                                       executed share of each (`executed`, [10000])

Run (needs torch, safetensors, pillow; the training scripts must lie beside this one):

    python export_protean_tiny.py --weights ../Resources/protean_tiny.safetensors \\
        --output exported

The images belong into ../Resources, the two other files into Tests/Golden/models.
"""
import argparse
import os
import re

import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fashion_mnist import CLASSES, load, normalise
from protean_tiny_network import ProteanTiny
from train_protean_tiny import predict


def file_name(label, index):
    name = re.sub(r"[^a-z]+", "_", CLASSES[label].lower())
    return f"{label:02d}_{name}_{index:04d}.png"


def first_two_per_class(labels):
    """Indices of the first two images of each class, class by class."""
    return [int(i) for c in range(len(CLASSES)) for i in torch.nonzero(labels == c)[:2, 0]]


def main():
    parser = argparse.ArgumentParser(description="Export samples and references of protean_tiny.")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--weights", default="protean_tiny.safetensors")
    parser.add_argument("--output", default=".")
    args = parser.parse_args()

    # One thread, so that sums are always taken in the same order.
    torch.set_num_threads(1)
    images, labels = load(args.data, "t10k")
    model = ProteanTiny()
    # The counters of batch normalisation are not stored; anything else must be there.
    missing, unexpected = model.load_state_dict(load_file(args.weights), strict=False)
    if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
        raise SystemExit(f"{args.weights} does not fit: missing {missing}, extra {unexpected}")
    model.eval()

    folder = os.path.join(args.output, "images")
    os.makedirs(folder, exist_ok=True)
    chosen = first_two_per_class(labels)
    for index in chosen:
        path = os.path.join(folder, file_name(int(labels[index]), index))
        Image.fromarray(images[index, 0].numpy(), mode="L").save(path, optimize=True)

    with torch.no_grad():
        x = normalise(images[chosen])
        golden = {"x": x, "logits": model(x)[0]}
        outputs, masks = model.stages(x[:2])
        for prefix, tensors in (("stage", outputs), ("mask", masks)):
            for number, tensor in enumerate(tensors):
                golden[f"{prefix}.{number}"] = tensor.contiguous()
    save_file(golden, os.path.join(args.output, "protean_tiny.safetensors"),
              metadata={"images": ",".join(map(str, chosen))})

    logits, shares = predict(model, images)
    save_file({"logits": logits, "executed": shares},
              os.path.join(args.output, "protean_tiny_all.safetensors"))
    accuracy = 100 * (logits.argmax(1) == labels).float().mean().item()
    right = int((golden["logits"].argmax(1) == labels[chosen]).sum())
    with safe_open(args.weights, "pt") as file:
        recorded = (file.metadata() or {}).get("accuracy", "?")
    print(f"test accuracy {accuracy:.2f} % (recorded: {recorded}); "
          f"executed {100 * shares.mean().item():.1f} %; "
          f"samples right: {right} of {len(chosen)}")


if __name__ == "__main__":
    main()
