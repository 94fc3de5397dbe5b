"""Golden values of experts, trees and routed networks, computed by the papers' published programs.

    python routing.py --references FOLDER

FOLDER holds clones of the repositories, each under its own name: mixture-of-experts,
soft-decision-tree, neural-backed-decision-trees and DynamicRouting. Their files are loaded one by one
with stand-ins for imports that are not needed here (WordNet, detection operators). Writes
../layers/routing.safetensors, ../models/dynamic_routing.safetensors and
../models/dynamic_routing_l16.keys.txt. Needs networkx, numpy, safetensors, scikit-learn, torch.
"""
import argparse
import importlib.util
import pathlib
import sys
import types

import networkx
import numpy
import torch
from safetensors.torch import save_file
from torch import nn

from resnets import uniform

HERE = pathlib.Path(__file__).parent


def load(name, path):
    """One file of a repository as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def stand_in(name, **members):
    """A module with only what the loaded files take from it."""
    module = types.ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], last, module)
    return module


def experts(folder):
    """The port of the sparsely gated mixture, in inference and with given noise in training."""
    moe = load("moe", folder / "mixture-of-experts/moe.py")
    torch.manual_seed(1)
    model = moe.MoE(6, 4, 5, 8, noisy_gating=True, k=2)
    with torch.no_grad():
        for value in model.parameters():
            value.normal_(0, 0.5)
    x, noise = torch.randn(9, 6), torch.randn(9, 5)
    with torch.no_grad():
        gates, load_ = model.noisy_top_k_gating(x, train=False)
        model.eval()
        y, loss = model(x)
        plain, torch.randn_like = torch.randn_like, lambda _: noise
        noisy_gates, _ = model.noisy_top_k_gating(x, train=True)
        torch.randn_like = plain
        # Its load compares raw logits with thresholds that went through the softmax; here both are
        # raw, as in the TensorFlow original.
        clean = x @ model.w_gate
        deviation = model.softplus(x @ model.w_noise) + 1e-2
        noisy = clean + noise * deviation
        noisy_load = model._prob_in_top_k(clean, noisy, deviation, noisy.topk(3, 1).values).sum(0)
        # The paper's order: softmax over the chosen logits only.
        logits = x @ model.w_gate
        best = logits.topk(2, 1)
        late = torch.zeros_like(logits).scatter(1, best.indices, best.values.softmax(1))
        dense = torch.stack([expert(x) for expert in model.experts], 1)
        paper = (late[:, :, None] * dense).sum(1)
    values = {
        "x": x, "y": y, "gates": gates, "load": load_.float(), "loss": loss.reshape(1),
        "noise": noise, "noisy_gates": noisy_gates, "noisy_load": noisy_load,
        "importance_cv": model.cv_squared(gates.sum(0)).reshape(1),
        "paper_gates": late, "paper_y": paper,
    }
    values |= {f"weights.{k}": v for k, v in model.state_dict().items()}
    return {f"moe.{k}": v for k, v in values.items()}


def soft_tree(folder):
    """Path probabilities, the leaf of maximal probability, and the mixture of leaves."""
    tree = load("soft_tree", folder / "soft-decision-tree/model.py")
    torch.manual_seed(2)
    options = types.SimpleNamespace(
        input_dim=5, output_dim=4, max_depth=3, lmbda=0.1, cuda=False, lr=0.01, momentum=0.5,
        batch_size=7)
    model = tree.SoftDecisionTree(options)
    with torch.no_grad():
        for value in model.parameters():
            value.normal_(0, 1)
    x = torch.randn(7, 5)
    with torch.no_grad():
        leaves = model.root.cal_prob(x, torch.ones(7, 1))
        paths = torch.cat([path for path, _ in leaves], 1)
        mixture = sum(path * q for path, q in leaves)
        model.root.reset()
        target = torch.eye(4)[torch.arange(7) % 4]
        _, output = model.cal_loss(x, target)
    values = {"x": x, "paths": paths, "mixture": mixture, "output": output.detach()}
    values |= {f"weights.{k}": v for k, v in model.state_dict().items()}
    return {f"tree.{k}": v for k, v in values.items()}


class Classes(types.SimpleNamespace):
    """What the rules read of a hierarchy: nodes in the program's order."""


def rules(folder):
    """Hard and soft rules on the published hierarchy of CIFAR-10, and induced hierarchies."""
    from sklearn.cluster import AgglomerativeClustering
    root = folder / "neural-backed-decision-trees/nbdt"
    wnids = (root / "wnids/CIFAR10.txt").read_text().split()
    nothing = lambda *a, **k: None  # noqa: E731
    for name in ("nbdt", "nbdt.models", "nbdt.thirdparty"):
        stand_in(name)
    stand_in("nbdt.utils", dataset_to_default_path_graph=nothing, METHODS=(), DATASETS=(), DATASET_TO_NUM_CLASSES={},
             dataset_to_default_path_wnids=nothing, hierarchy_to_path_graph=nothing,
             dataset_to_dummy_classes=nothing, coerce_tensor=nothing, uncoerce_tensor=nothing,
             makeparentdirs=nothing, fwd=nothing)
    stand_in("nbdt.models.utils", load_state_dict_from_key=nothing, coerce_state_dict=nothing)
    stand_in("nbdt.thirdparty.wn", get_wnids=lambda _: wnids, synset_to_name=str, get_wnids_from_dataset=nothing,
             wnid_to_synset=str, wnid_to_name=str, FakeSynset=None)
    read = networkx.readwrite.json_graph.node_link_graph
    networkx.readwrite.json_graph.node_link_graph = lambda d: read(d, edges="links")
    load("nbdt.thirdparty.nx", root / "thirdparty/nx.py")
    tree = load("nbdt.tree", root / "tree.py")
    model = load("nbdt.model", root / "model.py")
    graph = str(root / "hierarchies/CIFAR10/graph-induced-ResNet18.json")
    hierarchy = tree.Tree(None, path_graph=graph, path_wnids="", classes=wnids)
    torch.manual_seed(3)
    logits = torch.randn(9, 10) * 2
    hard = model.HardEmbeddedDecisionRules(tree=hierarchy)
    soft = model.SoftEmbeddedDecisionRules(tree=hierarchy)
    one_hot, decisions = hard.forward_with_decisions(logits)
    number = {node.wnid: wnids.index(node.wnid) for node in hierarchy.leaves}
    inner = [node for node in hierarchy.G if node not in number]
    number |= {wnid: 10 + i for i, wnid in enumerate(inner)}
    # For every inner node its children; leaves are classes, inner nodes follow them.
    children = [[number[c] for c in hierarchy.G.succ[wnid]] for wnid in inner]
    depth = max(len(path) for path in decisions)
    paths = [[number[step["node"].wnid] for step in path] for path in decisions]
    values = {
        "logits": logits, "hard": one_hot, "soft": soft(logits),
        "children": torch.tensor(children).float(),
        "paths": torch.tensor([p + [-1] * (depth - len(p)) for p in paths]).float(),
        "probabilities": torch.tensor(
            [[s["prob"] for s in path] + [1] * (depth - len(path)) for path in decisions]),
    }
    for classes, features in ((10, 7), (37, 16)):
        weights = torch.randn(classes, features)
        found = AgglomerativeClustering(linkage="ward", n_clusters=2).fit(weights.numpy())
        values[f"induced.{classes}.weights"] = weights
        values[f"induced.{classes}.children"] = torch.from_numpy(
            found.children_.astype(numpy.float32))
    return {f"nbdt.{k}": v for k, v in values.items()}


def routed_network(folder, channels, cells, classes, size):
    """Backbone and head of the published program; `size` is the one its costs are counted for."""
    root = folder / "DynamicRouting/dl_lib"
    for name in ("dl_lib", "dl_lib.layers", "dl_lib.modeling", "dl_lib.modeling.nn_utils",
                 "dl_lib.modeling.dynamic_arch", "dl_lib.structures"):
        stand_in(name)
    wrappers = load("dl_lib.layers.wrappers", root / "layers/wrappers.py")
    norm = nn.BatchNorm2d
    shape = type("ShapeSpec", (types.SimpleNamespace,), {})
    layers = sys.modules["dl_lib.layers"]
    layers.Conv2d, layers.ShapeSpec = wrappers.Conv2d, shape
    layers.get_norm = lambda _, width: norm(width)
    stand_in("dl_lib.layers.batch_norm", BatchNorm2d=norm, NaiveSyncBatchNorm=norm)
    stand_in("dl_lib.modeling.backbone", Backbone=nn.Module)
    stand_in("dl_lib.modeling.postprocessing", sem_seg_postprocess=None)
    sys.modules["dl_lib.structures"].ImageList = None
    arch = root / "modeling/dynamic_arch"
    load("dl_lib.modeling.nn_utils.weight_init", root / "modeling/nn_utils/weight_init.py")
    sys.modules["dl_lib.modeling.nn_utils"].weight_init = sys.modules[
        "dl_lib.modeling.nn_utils.weight_init"]
    for name in ("cal_op_flops", "op_with_flops", "dynamic_cell", "dynamic_backbone"):
        module = load(f"dl_lib.modeling.dynamic_arch.{name}", arch / f"{name}.py")
        setattr(sys.modules["dl_lib.modeling.dynamic_arch"], name, module)
    meta = load("dynamic4seg", root / "modeling/meta_arch/dynamic4seg.py")
    model = nn.Module()
    model.backbone = sys.modules["dl_lib.modeling.dynamic_arch.dynamic_backbone"].DynamicNetwork(
        init_channel=channels, input_shape=(3, *size), cell_num_list=cells,
        layer_num=len(cells), norm="nnSyncBN", cal_flops=True,
        cell_type=["sep_conv_3x3", "skip_connect"], max_stride=32, sep_stem=True,
        using_gate=True, small_gate=True, gate_bias=1.5)
    head = types.SimpleNamespace(
        IN_FEATURES=[f"layer_{i}" for i in range(4)], IGNORE_VALUE=255, NUM_CLASSES=classes,
        NORM="nnSyncBN", LOSS_WEIGHT=1.0)
    config = types.SimpleNamespace(MODEL=types.SimpleNamespace(SEM_SEG_HEAD=head, CAL_FLOPS=True))
    shapes = {name: shape(channels=channels * 2**i, stride=4 * 2**i, height=size[0] // 4 // 2**i,
                          width=size[1] // 4 // 2**i)
              for i, name in enumerate(head.IN_FEATURES)}
    model.sem_seg_head = meta.SemSegDecoderHead(config, shapes)
    return model.eval()


def bound(key, shape):
    """Ranges of the weights by formula; gates get a bias that closes some of them."""
    if key.endswith("gate_conv_beta.2.bias"):
        return -0.9, 0.5
    if key.endswith("gate_conv_beta.2.weight"):
        return -1.5, 1.5
    if key.endswith("running_var"):
        return 0.5, 1.5
    if len(shape) < 2:
        low = 0.1 if ".op.3." in key else 0.5  # residual branches add up
        return (low, 3 * low) if key.endswith("norm.weight") else (-0.25, 0.25)
    edge = numpy.sqrt(numpy.float32(6) / numpy.float32(numpy.prod(shape[1:])))
    return -edge, edge


def routed(folder):
    """Logits, gates and costs of single images through a small network."""
    size = (128, 160)
    model = routed_network(folder, 8, [2, 3, 4, 4, 4], 5, size)
    state = model.state_dict()
    for key, value in state.items():
        if not key.endswith("num_batches_tracked"):
            state[key] = uniform(key, *bound(key, value.shape), tuple(value.shape))
    model.load_state_dict(state)
    gates = {}

    def listen(name):
        return lambda _, __, y: gates.__setitem__(name, torch.relu(torch.tanh(y)).flatten())

    for name, module in model.named_modules():
        if name.endswith("gate_conv_beta"):
            module.register_forward_hook(listen(name))
    values, closed = {}, 0
    for image in range(4):
        gates.clear()
        # Images differ in colour and contrast, or gates would see the same means.
        x = uniform(f"image.{image}", -1, 1, (1, *size, 3)) * (image + 1) / 2
        x = x + uniform(f"colour.{image}", -3, 3, (1, 1, 1, 3))
        with torch.no_grad():
            features, _, cost = model.backbone(x.permute(0, 3, 1, 2))
            y, _ = model.sem_seg_head(features)
        values[f"y.{image}"] = y[:, :, ::4, ::4].permute(0, 2, 3, 1)
        values[f"cost.{image}"] = torch.as_tensor(float(cost)).reshape(1)
        for name, gate in gates.items():
            values[f"gate.{image}.{name}"] = gate
            closed += int((gate == 0).sum())
        print(image, len(gates), "gates asked,", float(y.abs().max()), float(cost))
    print("closed paths", closed)
    return {k: v.contiguous() for k, v in values.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--references", type=pathlib.Path, required=True)
    folder = parser.parse_args().references
    values = experts(folder) | soft_tree(folder) | rules(folder)
    save_file({k: v.detach().contiguous() for k, v in values.items()},
              HERE / "../layers/routing.safetensors")
    save_file(routed(folder), HERE / "../models/dynamic_routing.safetensors")
    model = routed_network(folder, 64, [2, 3] + [4] * 14, 19, (1024, 2048))
    lines = [f"{key} {list(value.shape)}" for key, value in model.state_dict().items()
             if not key.endswith("num_batches_tracked")]
    (HERE / "../models/dynamic_routing_l16.keys.txt").write_text("\n".join(lines) + "\n")
    print(sum(p.numel() for p in model.parameters()), "parameters of dynamic_routing_l16")


if __name__ == "__main__":
    main()
