"""What the generators of golden values for `protean apply` share.

A generator is a file apply_FAMILY.py with a function per layer:

    @layer
    def sim_am():
        config = {"lambda": 1e-4}
        save("sim_am", "SimAM", config, SimAM(**config), map_of(2, 3, 7, 5))

    if __name__ == "__main__":
        main()

Run: python apply_FAMILY.py [FUNCTION ...]   (all functions without names). Each function has random
numbers of its own, so a new one changes no other file.
"""

import json
import sys
import zlib
from pathlib import Path

import torch
from safetensors.torch import save_file

OUT = Path(__file__).parent.parent / "apply"
LAYERS = []


def layer(function):
    """Registers the cases of one layer."""
    LAYERS.append(function)
    return function


def main(sequence=(), seed=0):
    """Runs the functions that the command line names, or all. Those of `sequence` share one stream of
    random numbers from `seed`: they run in this order, when no names are given."""
    OUT.mkdir(exist_ok=True)
    names = sys.argv[1:]
    unknown = set(names) - {function.__name__ for function in LAYERS}
    if unknown:
        sys.exit(f"unknown: {', '.join(sorted(unknown))}")
    if not names:
        torch.manual_seed(seed)
        for function in sequence:
            function()
    for function in LAYERS:
        if not names or function.__name__ in names:
            torch.manual_seed(zlib.crc32(function.__name__.encode()))
            function()


def randomise(module):
    """Values that would show swapped or unused parameters; running statistics included."""
    for name, value in list(module.named_parameters()) + list(module.named_buffers()):
        if name.endswith("num_batches_tracked") or name in ("lambdas", "init_v"):
            continue
        with torch.no_grad():
            if name.endswith(("running_var", "stored_var")):
                value.uniform_(0.5, 2)
            elif value.is_floating_point():
                value.normal_(0, 0.3)


def save(case, layer, config, module, inputs, run=None, plain=(), sequences=()):
    """Writes ../apply/CASE.safetensors: tensors `weights.*`, `input.*` and `output.*` and the metadata
    `layer` and `config`. `run` gives the outputs by name where they are not just y = module(x).
    `plain` names tensors of four axes that are no maps, such as `input.grid`; `sequences` those of three
    axes whose channels follow the layout."""
    module.eval()
    randomise(module)
    with torch.no_grad():
        outputs = run(module, inputs) if run else {"y": module(inputs["x"])}
    tensors = {}
    for prefix, group in (("weights", module.state_dict()), ("input", inputs), ("output", outputs)):
        for name, tensor in group.items():
            tensors[f"{prefix}.{name}"] = tensor.contiguous().clone()
    metadata = {"layer": layer, "config": json.dumps(config)}
    if plain:
        metadata["plain"] = " ".join(plain)
    if sequences:
        metadata["sequences"] = " ".join(sequences)
    save_file(tensors, OUT / f"{case}.safetensors", metadata=metadata)


def map_of(*shape):
    return {"x": torch.randn(*shape)}
