"""Golden values for `protean apply`: activations and norms that depend on the input.

What no package holds is written down here from the formulas of the papers. See golden.py.
Run: python apply_activations.py [FUNCTION ...]   (needs torch, safetensors)
"""

import torch
from torch import nn

from golden import layer, main, map_of, save


def wide(*shape):
    """Values in which every branch of the functions takes part."""
    return {"x": torch.randn(*shape) * 4}


@layer
def elementwise():
    for case, name, reference, config, shape in [
        ("softplus", "Softplus", nn.Softplus, {}, (2, 5, 7, 4)),
        ("softplus_options", "Softplus", nn.Softplus, {"beta": 0.5, "threshold": 30.0}, (1, 7, 3, 5)),
        ("softplus_threshold", "Softplus", nn.Softplus, {"beta": 3, "threshold": 1.5}, (3, 17)),
        ("elu", "ELU", nn.ELU, {}, (1, 17, 3, 5)),
        ("elu_alpha", "ELU", nn.ELU, {"alpha": 0.4, "inplace": True}, (3, 3, 4, 7)),
        ("celu", "CELU", nn.CELU, {}, (2, 33)),
        ("celu_alpha", "CELU", nn.CELU, {"alpha": 2.5}, (1, 7, 5, 6)),
        ("selu", "SELU", nn.SELU, {}, (2, 7, 3, 5)),
        ("hardtanh", "Hardtanh", nn.Hardtanh, {}, (1, 16, 5, 3)),
        ("hardtanh_options", "Hardtanh", nn.Hardtanh, {"min_val": -2.5, "max_val": 0.5}, (2, 3, 9, 5)),
    ]:
        # Done in place, the input would be lost.
        given = {key: value for key, value in config.items() if key != "inplace"}
        save(case, name, config, reference(**given), wide(*shape))


@layer
def log_softmax():
    save("log_softmax", "LogSoftmax", {"dim": 1}, nn.LogSoftmax(1), wide(2, 17, 3, 5))
    save("log_softmax_rows", "LogSoftmax", {"dim": 1}, nn.LogSoftmax(1), wide(4, 33))
    save("log_softmax_last", "LogSoftmax", {"dim": -1}, nn.LogSoftmax(-1), wide(2, 3, 5, 7),
         plain=["input.x", "output.y"])


if __name__ == "__main__":
    main()
