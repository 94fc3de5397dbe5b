"""Golden values of the operations on tensors of any shape, computed by PyTorch and NumPy.

    python Tests/Golden/generate/tensor_operations.py

writes Tests/Golden/layers/tensor_operations.safetensors. Tests/ProteanTests/Tensor/TensorGoldenTests.swift
names the same cases. Values are computed in float64 and rounded once, but where rounding is the point.
"""

import pathlib

import numpy as np
import torch
from safetensors.torch import save_file

torch.manual_seed(19)
values = {}


def case(name, y):
    values[name] = torch.as_tensor(y).to(torch.float32).contiguous()


def tensor(name, *shape, x=None):
    x = torch.randn(shape) * 2 if x is None else x
    values[f"inputs.{name}"] = x.to(torch.float32).contiguous()
    return values[f"inputs.{name}"].double()


x = tensor("x", 2, 3, 4, 5)
column, row, mixed = tensor("column", 3, 1, 1), tensor("row", 5), tensor("mixed", 2, 1, 4, 1)
scalar, one, left, right = tensor("scalar"), tensor("one", 1, 3, 1, 1), tensor("left", 4, 1), tensor("right", 1, 6)
pairs = {
    "x.column": (x, column), "x.row": (x, row), "x.mixed": (x, mixed), "x.scalar": (x, scalar),
    "mixed.one": (mixed, one), "left.right": (left, right), "row.x": (row, x), "x.x": (x, x.flip(0)),
}
for name, (a, b) in pairs.items():
    case(f"add.{name}", a + b)
    case(f"subtract.{name}", a - b)
    case(f"multiply.{name}", np.multiply(a.numpy(), b.numpy()))
    case(f"divide.{name}", a / b)
    case(f"power.{name}", torch.pow(a.abs(), b))
    case(f"maximum.{name}", torch.maximum(a, b))
    case(f"minimum.{name}", torch.minimum(a, b))
    case(f"less.{name}", a < b)
    case(f"where.{name}", torch.where(a < b, a, b))

inf, nan = float("inf"), float("nan")
special = tensor("special", x=torch.tensor([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, 0.5, 1.5, inf, -inf, nan, 1e-40, 3e38, 8388609.0, -0.3]))
a, b = special[:, None], special[None, :]
for name in ["eq", "ne", "lt", "le", "gt", "ge", "maximum", "minimum"]:
    case(f"special.{name}", getattr(torch, name)(a, b))
case("special.pow", torch.pow(a, b))
for name in ["abs", "sign", "floor", "ceil", "round", "sqrt", "reciprocal", "log", "square", "neg", "rsqrt"]:
    case(f"unary.{name}", getattr(torch, name)(special))
case("unary.exp", torch.exp(tensor("exponents", x=torch.tensor([0.0, 1.0, -1.0, -87.0, 88.5, 89.0, inf, -inf, nan]))))
case("unary.clamp", torch.clamp(special, -1, 2))

for axes in [(0,), (1,), (2,), (3,), (0, 1), (1, 2), (2, 3), (0, 2), (1, 3), (0, 3), (0, 1, 2), (0, 1, 3), (0, 1, 2, 3)]:
    for keep in [False, True]:
        name = "".join(map(str, axes)) + (".keep" if keep else "")
        case(f"sum.{name}", x.sum(axes, keepdim=keep))
        case(f"mean.{name}", x.mean(axes, keepdim=keep))
        case(f"variance.{name}", x.var(axes, keepdim=keep))
        case(f"biased.{name}", np.var(x.numpy(), axis=axes, keepdims=keep))
        case(f"deviation.{name}", x.std(axes, keepdim=keep))
        case(f"norm.{name}", torch.linalg.vector_norm(x, dim=axes, keepdim=keep))
        case(f"max.{name}", x.amax(axes, keepdim=keep))
        case(f"min.{name}", x.amin(axes, keepdim=keep))
        case(f"logSumExp.{name}", x.logsumexp(axes, keepdim=keep))
        case(f"product.{name}", np.prod(x.numpy(), axis=axes, keepdims=keep))
for axis in range(4):
    case(f"argMax.{axis}", x.argmax(axis))
    case(f"argMin.{axis}", x.argmin(axis, keepdim=True))
    case(f"softmax.{axis}", x.softmax(axis))
    case(f"logSoftmax.{axis}", x.log_softmax(axis))

indices = {0: (4, 3, 2, 5), 1: (2, 7, 4, 1), 2: (1, 3, 2, 5), 3: (2, 2, 2, 9)}
for axis, shape in indices.items():
    index = torch.randint(0, x.shape[axis], shape)
    tensor(f"indices.{axis}", x=index.float())
    case(f"gather.{axis}", x.gather(axis, index))
    case(f"indexSelect.{axis}", x.index_select(axis, torch.tensor([1, 0, 1])))

operands = {
    "plain": ((3, 7), (7, 5)), "batch": ((2, 3, 4, 6), (2, 3, 6, 5)), "shared": ((4, 3, 5), (5, 9)),
    "broadcast": ((2, 1, 3, 5), (4, 5, 6)), "vectors": ((7,), (7,)), "vector.matrix": ((7,), (7, 5)),
    "matrix.vector": ((3, 7), (7,)), "batch.vector": ((2, 3, 7), (7,)), "vector.batch": ((7,), (2, 7, 5)),
    "tall": ((130, 33), (33, 17)), "empty": ((3, 0), (0, 4)), "none": ((0, 3), (3, 4)),
}
for name, (shape_a, shape_b) in operands.items():
    case(f"matmul.{name}", tensor(f"matmul.{name}.a", *shape_a) @ tensor(f"matmul.{name}.b", *shape_b))

case("tile", torch.tile(x, (2, 1, 1, 3, 2)))
case("repeat", torch.repeat_interleave(x, 3, 2))
case("flip", x.flip(1, 3))
case("slice", x[:, 1:, ::3, -4:-1])
case("transpose", x.transpose(1, 3))
case("stack", torch.stack([x, -x], 2))
case("broadcast", mixed.expand(2, 3, 4, 7))
for i, part in enumerate(x.chunk(2, 3)):
    case(f"chunk.{i}", part)
for i, part in enumerate(x.split([1, 2, 1], 2)):
    case(f"split.{i}", part)

target = pathlib.Path(__file__).parents[1] / "layers" / "tensor_operations.safetensors"
# Every tensor needs memory of its own.
save_file({k: v.clone() for k, v in values.items()}, target, metadata={"torch": torch.__version__, "numpy": np.__version__})
print(target, target.stat().st_size, len(values))
