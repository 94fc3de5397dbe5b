"""Golden values for `protean apply` of layers that look at regions, written down from their definitions.

Run: python apply_region.py   (needs torch, safetensors)
"""

import torch
import torch.nn.functional as F
from golden import layer, main, map_of, save
from torch import nn


def rectangles(x, corners, height, width):
    """Rectangles by slicing maps that are padded with zeros."""
    margin = 64
    padded = F.pad(x, (margin,) * 4)
    return torch.stack([
        padded[i, :, row + margin:row + margin + height, column + margin:column + margin + width]
        for i, row, column in corners])


class Regions(nn.Module):
    def __init__(self, height, width, placement):
        super().__init__()
        self.height, self.width, self.placement = height, width, placement

    def forward(self, x, locations):
        free = torch.tensor([x.shape[2] - self.height, x.shape[3] - self.width])
        corners = []
        for i, row in enumerate(locations.view(len(x), -1, 2)):
            for place in row:
                if self.placement == "fractions":
                    first = torch.floor(place * free).long()
                else:
                    full = torch.tensor([x.shape[3], x.shape[2]])
                    first = (0.5 * ((place + 1.0) * full)).long().flip(0)
                    first -= torch.tensor([self.height // 2, self.width // 2])
                corners.append((i, *first.tolist()))
        return rectangles(x, corners, self.height, self.width)


def looked(module, inputs):
    return {"y": module(inputs["x"], inputs["locations"])}


@layer
def region_gather():
    inputs = map_of(3, 5, 9, 7)
    inputs["locations"] = torch.rand(3, 2) * 1.4 - 0.2
    save("region_gather", "RegionGather", {"size": 4}, Regions(4, 4, "fractions"), inputs, looked)
    inputs = map_of(2, 3, 8, 11)
    inputs["locations"] = torch.rand(2, 3, 2) * 2.2 - 1.1
    config = {"size": [3, 6], "placement": "centres"}
    save("region_gather_centres", "RegionGather", config, Regions(3, 6, "centres"), inputs, looked)


class Foveated(nn.Module):
    def __init__(self, size, scales, factor=2):
        super().__init__()
        self.size, self.scales, self.factor = size, scales, factor

    def forward(self, x, locations):
        parts, length = [], self.size
        for _ in range(self.scales):
            part = Regions(length, length, "centres")(x, locations)
            parts.append(F.avg_pool2d(part, length // self.size))
            length *= self.factor
        return torch.cat(parts, 1)


@layer
def retina():
    inputs = map_of(3, 2, 12, 15)
    inputs["locations"] = torch.rand(3, 2) * 2 - 1
    config = {"size": 4, "scales": 3}
    save("retina", "Retina", config, Foveated(4, 3), inputs, looked)
    config = {"size": 3, "scales": 2, "factor": 3}
    save("retina_factor", "Retina", config, Foveated(3, 2, 3), inputs, looked)


class SoftCrop(nn.Module):
    def __init__(self, height, width):
        super().__init__()
        self.size = (height, width)

    def forward(self, x, places):
        side, result = x.shape[2], []
        step = lambda v: torch.sigmoid(10 * v)
        for image, place in zip(x, places.double().tolist()):
            half = max(place[2], side / 3)
            ranges = []
            for centre in place[:2]:
                centre = min(max(centre, half), side - half)
                ranges.append((max(int(centre - half), 0), min(int(centre + half), side)))
            (top, bottom), (left, right) = ranges
            index = torch.arange(side).float()
            mask = [step(index - first) - step(index - end) for first, end in ranges]
            soft = (image * mask[0][:, None] * mask[1])[:, top:bottom, left:right]
            result.append(F.interpolate(soft[None], self.size, mode="bilinear", align_corners=True))
        return torch.cat(result)


@layer
def attention_crop():
    inputs = map_of(3, 2, 20, 20)
    inputs["places"] = torch.tensor([[9.3, 11.2, 7.7], [2.0, 18.0, 3.0], [15.1, 6.4, 8.2]])
    save("attention_crop", "AttentionCrop", {"size": [9, 14]}, SoftCrop(9, 14), inputs,
         lambda module, given: {"y": module(given["x"], given["places"])})


@layer
def max_pool3d():
    def pool(case, shape, **config):
        save(case, "MaxPool3d", config, nn.MaxPool3d(**config), map_of(*shape))

    pool("max_pool3d", (2, 8, 7, 9), kernel_size=[1, 3, 3], stride=[2, 1, 2])
    pool("max_pool3d_options", (3, 7, 6, 5), kernel_size=[3, 2, 3], padding=[0, 1, 1])


class Small(nn.Module):
    """The network at one size."""

    def __init__(self, size, network):
        super().__init__()
        self.size, self.network = size, network

    def forward(self, x):
        return self.network(F.interpolate(x, self.size, mode="bilinear"))


@layer
def resized():
    config = {"layer": "Conv2d", "in_channels": 3, "out_channels": 5, "kernel_size": 3}
    save("resized", "Resized", {"size": [6, 9], "network": config},
         Small((6, 9), nn.Conv2d(3, 5, 3)), map_of(2, 3, 11, 7))


if __name__ == "__main__":
    main()
