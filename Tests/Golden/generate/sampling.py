"""Golden values for sampling at given positions: ONNX's node cases, PyTorch and torchvision.

Writes ../layers/sampling.safetensors. Tensors of a case are NAME/x, NAME/y and so on, images in
PyTorch's order; the metadata entry NAME holds the options as JSON, `same` among them: the full names
of tensors that are stored with another case. ONNX's DeformConv and GridSample
node cases are taken from the installed package, inputs and expected outputs alike.
Run: python sampling.py   (needs onnx, torch, torchvision, safetensors)
"""

import importlib
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file

OUT = Path(__file__).parent.parent / "layers/sampling.safetensors"
tensors, options = {}, {}


def case(name, config, **values):
    """Stores a case; a tensor that an earlier case has too is stored once, under `same`."""
    same = {}
    for key, value in values.items():
        if value is None:
            continue
        value = torch.as_tensor(np.asarray(value)).to(torch.float32).contiguous().clone()
        twin = next((k for k, v in tensors.items() if torch.equal(v, value)), None)
        if twin:
            same[key] = twin
        else:
            tensors[f"{name}/{key}"] = value
    options[name] = json.dumps(config | ({"same": same} if same else {}))


def onnx_cases():
    """Every node case as (name, node, inputs, outputs), caught on its way into the test suite."""
    found = []

    def catch(node, inputs, outputs, name, **_):
        found.append((name, node, inputs, outputs))

    for file, holder in (("deformconv", "DeformConv"), ("gridsample", "GridSample")):
        module = importlib.import_module(f"onnx.backend.test.case.node.{file}")
        module.expect = catch
        for export in dir(getattr(module, holder)):
            if export.startswith("export"):
                getattr(getattr(module, holder), export)()
    return found


def attributes(node):
    from onnx.helper import get_attribute_value
    values = {one.name: get_attribute_value(one) for one in node.attribute}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in values.items()}


def onnx():
    names = {"linear": "bilinear", "cubic": "bicubic"}
    for name, node, inputs, outputs in onnx_cases():
        given = dict(zip([one for one in node.input if one], inputs))
        given = {key.lower().split("_")[0]: value for key, value in given.items()}
        have = attributes(node)
        if node.op_type == "DeformConv":
            case(f"onnx.{name}", {"kind": "deform", "stride": [1, 1], "padding": have["pads"][:2],
                                  "dilation": [1, 1], "groups": 1},
                 x=given["x"], offset=given["offset"], weight=given["w"],
                 bias=given.get("b"), mask=given.get("mask"), y=outputs[0])
        else:
            mode = have.get("mode", "linear")
            case(f"onnx.{name}", {"kind": "grid", "mode": names.get(mode, mode),
                                  "padding": have.get("padding_mode", "zeros"),
                                  "align": bool(have.get("align_corners", 0))},
                 x=inputs[0], grid=inputs[1], y=outputs[0])


def grids():
    x = torch.randn(2, 3, 5, 7)
    grid = torch.rand(2, 6, 4, 2) * 3 - 1.5
    grid[0, 0] = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0], [1.0, -1.0]])
    grid[0, 1] = torch.tensor([[-5.0, 4.0], [9.0, -7.0], [1e3, 2.0], [-40.0, 33.0]])
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            for align in (False, True):
                config = {"kind": "grid", "mode": mode, "padding": padding, "align": align}
                case(f"torch.{mode}.{padding}.{align}", config, x=x, grid=grid,
                     y=F.grid_sample(x, grid, mode, padding, align))
                one = x[:, :1, :1, :1]
                case(f"torch.one.{mode}.{padding}.{align}", config, x=one, grid=grid,
                     y=F.grid_sample(one, grid, mode, padding, align))


def volumes():
    x = torch.randn(2, 3, 4, 5, 7)
    grid = torch.rand(2, 3, 6, 4, 3) * 3 - 1.5
    grid[0, 0, 0] = torch.tensor([[-1.0, -1, -1], [1, 1, 1], [0, 0, 0], [1, -1, 1]])
    grid[0, 0, 1] = torch.tensor([[-5.0, 4, 2], [9, -7, 0.5], [1e3, 2, -9], [-40, 33, 3]])
    for mode in ("bilinear", "nearest"):
        for padding in ("zeros", "border", "reflection"):
            for align in (False, True):
                config = {"kind": "grid", "mode": mode, "padding": padding, "align": align}
                case(f"torch.volume.{mode}.{padding}.{align}", config, x=x, grid=grid,
                     y=F.grid_sample(x, grid, mode, padding, align))
                one = x[:, :1, :1, :1, :1]
                case(f"torch.voxel.{mode}.{padding}.{align}", config, x=one, grid=grid,
                     y=F.grid_sample(one, grid, mode, padding, align))
    theta = torch.randn(2, 3, 4)
    for size in ((3, 5, 7), (1, 4, 2), (6, 1, 1)):
        for align in (False, True):
            case(f"affine.{'x'.join(map(str, size))}.{align}",
                 {"kind": "affine", "size": size, "align": align}, theta=theta,
                 y=F.affine_grid(theta, (2, 1, *size), align))


def affine():
    theta = torch.randn(2, 2, 3)
    for size in ((5, 7), (1, 4), (6, 1)):
        for align in (False, True):
            case(f"affine.{size[0]}x{size[1]}.{align}",
                 {"kind": "affine", "size": size, "align": align}, theta=theta,
                 y=F.affine_grid(theta, (2, 1, *size), align))


def deform():
    def add(name, x, weight, groups=1, offset_groups=1, stride=(1, 1), padding=(0, 0),
            dilation=(1, 1), masked=True, bias=True, sigma=2):
        x, weight = torch.randn(x), torch.randn(weight)
        kernel = weight.shape[2:]
        out = [(x.shape[2 + i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i]
               + 1 for i in range(2)]
        points = offset_groups * kernel[0] * kernel[1]
        offset = torch.randn(x.shape[0], 2 * points, *out) * sigma
        mask = torch.rand(x.shape[0], points, *out) if masked else None
        bias = torch.randn(weight.shape[0]) if bias else None
        y = torchvision.ops.deform_conv2d(
            x, offset, weight, bias, stride, padding, dilation, mask)
        case(f"torchvision.{name}", {"kind": "deform", "stride": stride, "padding": padding,
                                     "dilation": dilation, "groups": groups},
             x=x, offset=offset, weight=weight, bias=bias, mask=mask, y=y)

    add("v1", (2, 3, 7, 5), (4, 3, 3, 3), masked=False, padding=(1, 1))
    add("v2", (1, 5, 6, 9), (3, 5, 3, 2), padding=(1, 0), stride=(2, 1), bias=False)
    add("groups", (1, 12, 5, 6), (6, 4, 3, 3), groups=3, offset_groups=2, padding=(1, 1))
    add("dilated", (1, 4, 5, 8), (17, 4, 2, 3), offset_groups=4, dilation=(2, 3), padding=(1, 2),
        sigma=8)
    add("depthwise", (2, 6, 8, 5), (6, 1, 3, 3), groups=6, offset_groups=3, padding=(1, 1),
        stride=(1, 2))


def mmcv():
    """The values of mmcv's own test of its first-version layer, which have three decimals."""
    case("mmcv", {"kind": "mmcv"},
         x=[[[[1, 2, 3], [0, 1, 2], [3, 5, 2]]]], weight=[[[[0.4, 0.2], [0.1, 0.9]]]],
         offset_weight=np.array([
             0.1, 0.4, 0.6, 0.1, 0.3, 0.2, 0.1, 0.3, 0.5, 0.5, 0.2, 0.8, 0.8, 0.3, 0.9, 0.1,
             0.3, 0.1, 0.2, 0.5, 0.3, 0.7, 0.5, 0.3, 0.6, 0.2, 0.5, 0.3, 0.4, 0.1, 0.8, 0.4,
         ]).reshape(8, 1, 2, 2),
         offset_bias=[0.7, 0.1, 0.8, 0.5, 0.6, 0.5, 0.4, 0.7], y=[[[[1.65, 0], [0, 0]]]])


def boxes():
    x = torch.randn(2, 5, 9, 12)
    rois = torch.tensor([
        [0, 1.0, 2.0, 7.0, 6.0], [1, -3.0, -2.0, 20.0, 30.0], [1, 4.2, 3.1, 4.3, 3.2],
        [0, 8.0, 1.0, 3.0, 5.0], [0, 10.6, 7.9, 11.9, 8.9], [1, 0, 0, 11, 8]])
    for size, scale, ratio, aligned in (
            ((3, 2), 1.0, 2, False), ((2, 3), 0.5, 0, True), ((1, 1), 1.0, 0, False),
            ((4, 4), 0.75, 3, True)):
        case(f"roi.{size[0]}x{size[1]}.{scale}.{ratio}.{aligned}",
             {"kind": "roi", "size": size, "scale": scale, "ratio": ratio, "aligned": aligned},
             x=x, boxes=rois,
             y=torchvision.ops.roi_align(x, rois, size, scale, ratio, aligned))


if __name__ == "__main__":
    torch.manual_seed(0)
    onnx()
    grids()
    affine()
    deform()
    mmcv()
    boxes()
    volumes()
    save_file(tensors, OUT, metadata=options)
    print(len(options), "cases,", OUT.stat().st_size, "bytes")
