"""Write the reference outputs of `protean_exits`.

Reads the weights that `train_protean_exits.py` wrote and the Fashion-MNIST test images, and
writes `protean_exits.safetensors` into the output folder: the logits of every exit, `logits.0`
... `logits.3`, for the 20 sample images of `protean_tiny`, in their order.

Run (needs torch, safetensors; the training scripts must lie beside this one):

    python export_protean_exits.py --weights ../Resources/protean_exits.safetensors \\
        --output ../../../Tests/Golden/models

The thresholds that ship with the network, ../Resources/protean_exits_budgets.json, are written by
`protean exits protean_exits --data /usr/share/datasets/fashion-mnist --save FILE`.
"""
import argparse
import os

import torch
from safetensors.torch import load_file, save_file

from fashion_mnist import load, normalise
from protean_exits_network import ProteanExits
from train_protean_exits import accuracies, predict


def first_two_per_class(labels):
    """Indices of the first two images of each class, class by class."""
    return [int(i) for c in range(10) for i in torch.nonzero(labels == c)[:2, 0]]


def main():
    parser = argparse.ArgumentParser(description="Export references of protean_exits.")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--weights", default="protean_exits.safetensors")
    parser.add_argument("--output", default=".")
    args = parser.parse_args()

    # One thread, so that sums are always taken in the same order.
    torch.set_num_threads(1)
    images, labels = load(args.data, "t10k")
    model = ProteanExits()
    # The counters of batch normalisation are not stored; anything else must be there.
    missing, unexpected = model.load_state_dict(load_file(args.weights), strict=False)
    if unexpected or any(not name.endswith("num_batches_tracked") for name in missing):
        raise SystemExit(f"{args.weights} does not fit: missing {missing}, extra {unexpected}")
    chosen = first_two_per_class(labels)
    logits = predict(model, images[chosen])
    save_file({f"logits.{exit}": y.contiguous() for exit, y in enumerate(logits)},
              os.path.join(args.output, "protean_exits.safetensors"))
    print(" ".join(f"{a:.2f}" for a in accuracies(predict(model, images), labels)), "%")


if __name__ == "__main__":
    main()
