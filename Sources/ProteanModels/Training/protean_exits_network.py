"""`protean_exits`, the small network with four exits that ships inside Protean."""
import torch
import torch.nn.functional as F
from torch import nn


class Stage(nn.Module):
    """relu(bn2(conv2(relu(bn1(conv1(x)))))), with x added before the last relu where it fits."""

    def __init__(self, inputs, hidden, outputs, stride1=1, stride2=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, hidden, 3, stride1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(hidden)
        self.conv2 = nn.Conv2d(hidden, outputs, 3, stride2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.adds = inputs == outputs and stride1 == stride2 == 1

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + x if self.adds else y)


class PlaceHead(nn.Module):
    """Means of 2 x 2 pixels, then one weight per pixel, channel and class.

    An early map has seen little of the image around each pixel; where a pattern lies tells
    what the pattern alone does not.
    """

    def __init__(self, channels, side, classes):
        super().__init__()
        self.conv = nn.Conv2d(channels, classes, side)

    def forward(self, x):
        return self.conv(F.avg_pool2d(x, 2)).flatten(1)


class MeanHead(nn.Module):
    """Means of all pixels, then a linear layer."""

    def __init__(self, channels, classes):
        super().__init__()
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        return self.fc(x.mean((2, 3)))


class ProteanExits(nn.Module):
    """Four stages, and behind each of them a head that classifies."""

    def __init__(self, classes=10):
        super().__init__()
        self.stages = nn.ModuleList([
            Stage(1, 16, 24, stride2=2), Stage(24, 24, 24), Stage(24, 48, 48, stride1=2),
            Stage(48, 48, 48)])
        self.heads = nn.ModuleList([
            PlaceHead(24, 7, classes), PlaceHead(24, 7, classes), MeanHead(48, classes),
            MeanHead(48, classes)])

    def forward(self, x):
        """The logits of every exit, [exits, batch, classes]."""
        logits = []
        for stage, head in zip(self.stages, self.heads):
            x = stage(x)
            logits.append(head(x))
        return torch.stack(logits)
