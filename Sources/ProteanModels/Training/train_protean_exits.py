"""Train `protean_exits`, the small network with four exits that ships inside Protean.

The network classifies 28x28 grey images into the ten Fashion-MNIST classes and can stop at each
of four exits: an image that is sure at the first needs an eighth of the last one's work.

Run (Debian: `apt install dataset-fashion-mnist`; Python: torch, numpy, safetensors):

    python train_protean_exits.py --epochs 18 --stop 7 --output 1.safetensors
    python train_protean_exits.py --start 1.safetensors --epochs 7 --rate 3e-3 --in-place \\
        --output protean_exits.safetensors

The shipped weights were made by these two steps: the first moves the images about and ends before
its rate falls, the second leaves them where they are. Some 50 seconds per epoch on one core. Trains on the first 55,000 training images with the sum of
the exits' cross-entropies; prints after every epoch every exit's accuracy on the other 5,000
training images, which are held out for the thresholds of early exits, and writes the averaged
weights of the last epoch with their accuracies on the 10,000 test images. Neither the held-out
images nor the test images choose weights: there is no early stopping and no picking of the best
epoch. With --state, a stopped training goes on from its last epoch.
"""
import argparse
import copy
import os
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from fashion_mnist import CLASSES, MEAN, STD, augment, load, normalise
from protean_exits_network import ProteanExits

HELD_OUT = 5000


@torch.no_grad()
def predict(model, images, batch=500):
    """The logits of every exit, [exits, images, classes]."""
    model.eval()
    return torch.cat([model(normalise(part)) for part in images.split(batch)], 1)


def accuracies(logits, labels):
    """Per exit, the share of right answers in percent."""
    return [100 * (exit.argmax(1) == labels).float().mean().item() for exit in logits]


@torch.no_grad()
def average_into(average, model, decay):
    """Moves the averaged weights and statistics towards the model's."""
    for a, m in zip(average.state_dict().values(), model.state_dict().values()):
        if a.is_floating_point():
            a.lerp_(m, 1 - decay)


def parameter_groups(model, weight_decay):
    """Weight decay for kernels and matrices only: not for biases and batch normalisation."""
    parameters = list(model.parameters())
    return [{"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0}]


def mirrored(images):
    """Every second image, on average, seen from behind."""
    return torch.where(torch.rand(len(images), 1, 1, 1) < 0.5, images, images.flip(3))


def keep(path, parts, epoch):
    """Writes everything that the next epoch depends on."""
    if path:
        state = {name: part.state_dict() for name, part in parts.items()}
        torch.save(state | {"epoch": epoch, "random": torch.get_rng_state()}, path + ".new")
        os.replace(path + ".new", path)


def resume(path, parts):
    """The first epoch to train: 1, or the one after the last that was kept."""
    if not path or not os.path.exists(path):
        return 1
    state = torch.load(path)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    torch.set_rng_state(state["random"])
    return state["epoch"] + 1


def main():
    parser = argparse.ArgumentParser(description="Train protean_exits on Fashion-MNIST.")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--output", default="protean_exits.safetensors")
    parser.add_argument("--start", help="weights to start from")
    parser.add_argument("--in-place", action="store_true", help="mirror images, but do not shift them")
    parser.add_argument("--state", help="where to keep the state, to go on after a stop")
    parser.add_argument("--rate", type=float, default=6e-3, help="highest learning rate")
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--stop", type=int, help="stop after so many of the epochs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    images, labels = load(args.data, "train")
    held_images, held_labels = images[-HELD_OUT:], labels[-HELD_OUT:]
    images, labels = images[:-HELD_OUT], labels[:-HELD_OUT]
    model = ProteanExits().to(memory_format=torch.channels_last)
    if args.start:
        # Only the counters of batch normalisation are not stored.
        model.load_state_dict(model.state_dict() | load_file(args.start))
    vary = mirrored if args.in_place else augment
    average = copy.deepcopy(model)
    epoch_steps = len(images) // args.batch
    steps = args.epochs * epoch_steps
    optimizer = torch.optim.AdamW(parameter_groups(model, 0.03), lr=args.rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.rate, total_steps=steps, pct_start=0.2, final_div_factor=1000)
    parts = {"model": model, "average": average, "optimizer": optimizer, "schedule": schedule}
    first = resume(args.state, parts)

    start, step = time.time(), (first - 1) * epoch_steps
    for epoch in range(first, (args.stop or args.epochs) + 1):
        model.train()
        total, order = 0.0, torch.randperm(len(images))
        for index in order[:epoch_steps * args.batch].split(args.batch):
            x = normalise(vary(images[index])).to(memory_format=torch.channels_last)
            loss = sum(F.cross_entropy(exit, labels[index]) for exit in model(x))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            schedule.step()
            total, step = total + loss.item(), step + 1
            # A short memory at first: the average must not keep the random start.
            average_into(average, model, min(0.998, step / (step + 20)))
        keep(args.state, parts, epoch)
        held = accuracies(predict(average, held_images), held_labels)
        print(f"epoch {epoch:3d}  loss {total / epoch_steps:.4f}  held out "
              + " ".join(f"{a:.2f}" for a in held) + f" %  {time.time() - start:.0f} s", flush=True)

    test_images, test_labels = load(args.data, "t10k")
    test = " ".join(f"{a:.2f}" for a in accuracies(predict(average, test_images), test_labels))
    state = {name: tensor.contiguous() for name, tensor in average.state_dict().items()
             if not name.endswith("num_batches_tracked")}
    save_file(state, args.output, metadata={
        "model": "protean_exits", "dataset": "Fashion-MNIST", "accuracy": test,
        "held_out": f"training images {len(images)} to {len(images) + HELD_OUT - 1}",
        "seed": str(args.seed), "epochs": str(args.epochs), "torch": torch.__version__,
        "mean": f"{MEAN:.4f}", "std": f"{STD:.4f}", "classes": ",".join(CLASSES)})
    print(f"final: {test} % of {len(test_labels)} test images, "
          f"{sum(p.numel() for p in model.parameters())} parameters, "
          f"{os.path.getsize(args.output)} bytes, {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
