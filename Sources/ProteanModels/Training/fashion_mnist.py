"""Fashion-MNIST for the training scripts: images, labels, and how they are prepared."""
import gzip
import os

import numpy as np
import torch
import torch.nn.functional as F

MEAN, STD = 0.2860, 0.3530
CLASSES = ["t-shirt/top", "trouser", "pullover", "dress", "coat",
           "sandal", "shirt", "sneaker", "bag", "ankle boot"]


def read_idx(folder, name):
    """Reads an idx file of bytes, gzipped or not."""
    path = os.path.join(folder, name)
    opener = gzip.open if not os.path.exists(path) else open
    with opener(path if opener is open else path + ".gz", "rb") as file:
        data = file.read()
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def load(folder, part):
    """Images [N,1,28,28], bytes, and labels [N] of `part`, "train" or "t10k"."""
    images = torch.from_numpy(read_idx(folder, part + "-images-idx3-ubyte").copy())
    labels = torch.from_numpy(read_idx(folder, part + "-labels-idx1-ubyte").copy())
    return images[:, None], labels.long()


def normalise(images):
    return (images.float() / 255 - MEAN) / STD


def augment(images):
    """Shift by up to two pixels and flip, each image on its own."""
    b, _, h, w = images.shape
    padded = F.pad(images[:, 0], (2, 2, 2, 2))
    rows = torch.arange(h) + torch.randint(0, 5, (b, 1))
    cols = torch.arange(w) + torch.randint(0, 5, (b, 1))
    cols = torch.where(torch.rand(b, 1) < 0.5, cols, cols.flip(1))
    return padded[torch.arange(b)[:, None, None], rows[:, :, None], cols[:, None, :]][:, None]
