"""Train `protean_tiny`, the small dynamic network that ships inside Protean.

The network classifies 28x28 grey images into the ten Fashion-MNIST classes. It is small
(less than 1 MB of float32 weights), but every kind of layer that needs work at run time is
in it: CondConv (convolutions whose weights are mixed per image), DY-ReLU (activations whose
slopes are computed per image), squeeze-and-excitation, depthwise convolutions, and two
inverted residuals under DynConv's gates, which choose per image the pixels to compute.

Run (Debian: `apt install dataset-fashion-mnist`; Python: torch, numpy, safetensors):

    python train_protean_tiny.py --compile --output protean_tiny.safetensors
    python train_protean_tiny.py --compile --dense --output protean_tiny_dense.safetensors

The second line trains the same network with all pixels computed, for comparison. Some three
minutes per epoch on two cores with --compile, which needs a C++ compiler. --start takes what
fits from other weights and needs less time, --teacher learns from another network; so the
shipped weights were made in four steps from OLD, those that this project shipped before the
network had gates (commit d895479):

    --start OLD --epochs 5 --stop 3 --rate 2e-3 --output 1
    --start 1 --settled --epochs 1 --images 40000 --rate 1e-3 --output 2
    --start 2 --teacher OLD --settled --epochs 3 --images 41000 --rate 1.5e-3 --output 3
    --start 3 --teacher OLD --settled --epochs 6 --rate 3e-3 --output 4

and those with all pixels computed, which they are compared with, by the last step with --dense.

Trains on the 60,000 training images, prints after every epoch the accuracy on the 10,000 test
images and the share of the multiply-adds that the gates let through, and writes the averaged
weights of the last epoch. The test images never choose anything: there is no early stopping
and no picking of the best epoch. With --state, a stopped training goes on from its last epoch.
"""
import argparse
import copy
import os
import tempfile
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

from fashion_mnist import CLASSES, MEAN, STD, augment, load, normalise
from protean_tiny_network import Budget, ProteanTiny


@torch.no_grad()
def predict(model, images, batch=500):
    """Logits, and for each image the executed share of the network's multiply-adds."""
    model.eval()
    budget, logits, shares = Budget(model, 0.9), [], []
    for part in images.split(batch):
        y, masks = model(normalise(part))
        logits.append(y)
        shares.append(budget.executed(model, masks)[0])
    return torch.cat(logits), torch.cat(shares)


@torch.no_grad()
def average_into(average, model, decay):
    """Moves the averaged weights and statistics towards the model's."""
    for a, m in zip(average.state_dict().values(), model.state_dict().values()):
        if a.is_floating_point():
            a.lerp_(m, 1 - decay)


def inference_state(model):
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items()
            if not name.endswith("num_batches_tracked")}


def take_fitting(model, path):
    """Loads what bears a parameter's name and shape; the rest keeps its initial values."""
    given, own = load_file(path), model.state_dict()
    taken = {k: v for k, v in given.items() if k in own and v.shape == own[k].shape}
    model.load_state_dict(taken, strict=False)
    return len(taken), sum(not k.endswith("num_batches_tracked") for k in own)


def teacher_from(path):
    """The network without gates, with the given weights; None without a path."""
    if not path:
        return None
    teacher = ProteanTiny(gates=False)
    missing, extra = teacher.load_state_dict(load_file(path), strict=False)
    if extra or any(not name.endswith("num_batches_tracked") for name in missing):
        raise SystemExit(f"{path} is no teacher: missing {missing}, extra {extra}")
    return teacher.eval().requires_grad_(False)


def classification_loss(logits, labels, taught):
    """Cross-entropy; with a teacher's logits, 0.3 of it and 0.7 of their divergence at T = 2."""
    loss = F.cross_entropy(logits, labels, label_smoothing=0.05)
    if taught is None:
        return loss
    divergence = F.kl_div(F.log_softmax(logits / 2, 1), F.log_softmax(taught / 2, 1),
                          reduction="batchmean", log_target=True)
    return 0.3 * loss + 0.7 * 4 * divergence


def parameter_groups(parameters, weight_decay):
    """Weight decay for kernels and matrices only: not for biases and batch normalisation."""
    decayed = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay},
            {"params": others, "weight_decay": 0.0}]


def mean_of_gradients(parameters, processes):
    """Replaces every gradient by its mean over the processes."""
    flat = torch.cat([p.grad.flatten() for p in parameters]) / processes
    dist.all_reduce(flat)
    for p, part in zip(parameters, flat.split([p.numel() for p in parameters])):
        p.grad.copy_(part.view_as(p))


def train(rank, args, rendezvous):
    """One of the processes; each takes its share of every batch, with one thread.

    For a network this small, processes that meet once per step use the cores better than
    threads that meet in every layer, above all when the machine has other work too.
    """
    dist.init_process_group("gloo", init_method="file://" + rendezvous, rank=rank,
                            world_size=args.processes)
    torch.set_num_threads(1)
    images, labels = load(args.data, "train")
    test_images, test_labels = load(args.data, "t10k")

    torch.manual_seed(args.seed)  # the same start in every process
    model = ProteanTiny()
    if args.start:
        taken, names = take_fitting(model, args.start)
        if rank == 0:
            print(f"{taken} of {names} tensors from {args.start}", flush=True)
    budget = Budget(model, args.target)
    for block in model.gated:
        block.dense = args.dense
        block.masker.requires_grad_(not args.dense)
    average = copy.deepcopy(model)
    teacher = teacher_from(args.teacher)
    forward = torch.compile(model) if args.compile else model
    if teacher is not None and args.compile:
        teacher = torch.compile(teacher)
    shuffle = torch.Generator().manual_seed(args.seed)  # the same order of images, too,
    torch.manual_seed(1000 * args.seed + rank)          # but other shifts, flips, dropout

    parameters = [p for p in model.parameters() if p.requires_grad]
    epoch_steps = min(args.images, len(images)) // args.batch
    steps = args.epochs * epoch_steps
    optimizer = torch.optim.AdamW(parameter_groups(parameters, 0.03), lr=args.rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, args.rate, total_steps=steps, pct_start=0.2, final_div_factor=1000)
    parts = {"model": model, "average": average, "optimizer": optimizer, "schedule": schedule}
    first = resume(args.state, rank, parts, shuffle)

    start, step = time.time(), (first - 1) * epoch_steps
    for epoch in range(first, (args.stop or args.epochs) + 1):
        model.train()
        total, order = 0.0, torch.randperm(len(images), generator=shuffle)
        for batch in order[:epoch_steps * args.batch].split(args.batch):
            index = batch[rank::args.processes]
            # Channels last: depthwise convolutions and batch normalisation are faster in it.
            x = normalise(augment(images[index])).to(memory_format=torch.channels_last)
            for block in model.gated:
                block.noisy = step < 0.8 * steps
            logits, masks = forward(x)
            with torch.no_grad():
                taught = None if teacher is None else teacher(x)[0]
            loss = classification_loss(logits, labels[index], taught)
            if not args.dense:
                progress = 1 if args.settled else step / steps
                loss = loss + 10 * budget.loss(model, masks, progress)
            optimizer.zero_grad()
            loss.backward()
            mean_of_gradients(parameters, args.processes)
            nn.utils.clip_grad_norm_(parameters, 5.0)
            optimizer.step()
            schedule.step()
            total, step = total + loss.item(), step + 1
            # A short memory at first: the average must not keep the random start.
            average_into(average, model, min(0.998, step / (step + 20)))
            if rank == 0 and step % 50 == 0:
                share = budget.executed(model, masks)[0].mean().item()
                print(f"step {step} of {steps}  loss {loss.item():.3f}  executed {share:.3f}  "
                      f"{time.time() - start:.0f} s", flush=True)
        keep(args.state, rank, parts, shuffle, epoch)
        if rank == 0:
            logits, shares = predict(average, test_images)
            accuracy = 100 * (logits.argmax(1) == test_labels).float().mean().item()
            executed = shares.mean().item()
            print(f"epoch {epoch:3d}  loss {total / epoch_steps:.4f}  test {accuracy:.2f} %  "
                  f"executed {100 * executed:.1f} %  {time.time() - start:.0f} s", flush=True)

    if rank == 0:
        save_file(inference_state(average), args.output, metadata={
            "model": "protean_tiny", "dataset": "Fashion-MNIST", "accuracy": f"{accuracy:.2f}",
            "executed": f"{executed:.4f}", "seed": str(args.seed), "epochs": str(args.epochs),
            "torch": torch.__version__, "mean": f"{MEAN:.4f}", "std": f"{STD:.4f}",
            "classes": ",".join(CLASSES)})
        print(f"final: {accuracy:.2f} % of {len(test_labels)} test images, "
              f"{100 * executed:.1f} % of {budget.total} multiply-adds, "
              f"{sum(p.numel() for p in model.parameters())} parameters, "
              f"{os.path.getsize(args.output)} bytes, {time.time() - start:.0f} s")
    dist.destroy_process_group()


def keep(path, rank, parts, shuffle, epoch):
    """Writes everything that the next epoch depends on, a file per process."""
    if path:
        state = {name: part.state_dict() for name, part in parts.items()}
        state |= {"epoch": epoch, "shuffle": shuffle.get_state(), "random": torch.get_rng_state()}
        torch.save(state, f"{path}.{rank}.new")
        os.replace(f"{path}.{rank}.new", f"{path}.{rank}")


def resume(path, rank, parts, shuffle):
    """The first epoch to train: 1, or the one after the last that was kept."""
    if not path or not os.path.exists(f"{path}.{rank}"):
        return 1
    state = torch.load(f"{path}.{rank}")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    shuffle.set_state(state["shuffle"])
    torch.set_rng_state(state["random"])
    return state["epoch"] + 1


def main():
    parser = argparse.ArgumentParser(description="Train protean_tiny on Fashion-MNIST.")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--output", default="protean_tiny.safetensors")
    parser.add_argument("--start", help="weights to take what fits from")
    parser.add_argument("--teacher", help="weights of the network without gates, to learn from")
    parser.add_argument("--state", help="where to keep the state, to go on after a stop")
    parser.add_argument("--dense", action="store_true", help="compute all pixels")
    parser.add_argument("--settled", action="store_true",
                        help="the weights know the target: do not anneal to it again")
    parser.add_argument("--images", type=int, default=60000, help="training images per epoch")
    parser.add_argument("--stop", type=int, help="stop after so many of the epochs")
    parser.add_argument("--target", type=float, default=0.48,
                        help="share of the multiply-adds to execute")
    parser.add_argument("--rate", type=float, default=4e-3, help="highest learning rate")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--compile", action="store_true",
                        help="use torch.compile (faster, but needs a C++ compiler)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train, (args, os.path.join(folder, "rendezvous")),
                                    nprocs=args.processes)


if __name__ == "__main__":
    main()
