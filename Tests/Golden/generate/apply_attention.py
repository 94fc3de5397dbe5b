"""Golden values for `protean apply`: attention layers.

SimAM has no package; it is written down here from its paper's formula. See apply.py.
Run: python apply_attention.py   (needs torch, torchvision, timm, safetensors)
"""

import torch
from torch import nn

from apply import map_of, save


class SimAM(nn.Module):
    def __init__(self, e_lambda=1e-4):
        super().__init__()
        self.e_lambda = e_lambda

    def forward(self, x):
        d = (x - x.mean((2, 3), keepdim=True)) ** 2
        variance = d.sum((2, 3), keepdim=True) / (x.shape[2] * x.shape[3] - 1)
        return x * torch.sigmoid(d / (4 * (variance + self.e_lambda)) + 0.5)


def simam():
    save("simam", "SimAM", {}, SimAM(), map_of(2, 17, 7, 5))
    save("simam_options", "SimAM", {"e_lambda": 0.1}, SimAM(0.1), map_of(1, 3, 13, 12))
    save("simam_empty", "SimAM", {}, SimAM(), map_of(0, 4, 3, 2))


CALL = ("need_weights", "average_attn_weights", "is_causal")


def attend(case, inputs, **config):
    """Configuration keys are the constructor's, the call's, and how masks of 0 and 1 are meant."""
    made = {k: v for k, v in config.items() if k not in CALL and not k.endswith("_type")}
    called = {k: v for k, v in config.items() if k in CALL}

    def run(module, inputs):
        query = inputs["query"]
        key = inputs.get("key", query)
        masks = {name: inputs.get(name) for name in ("attn_mask", "key_padding_mask")}
        defaults = {"attn_mask": "float", "key_padding_mask": "bool"}
        for name, fallback in defaults.items():
            if masks[name] is not None and config.get(name + "_type", fallback) == "bool":
                masks[name] = masks[name] != 0
        given = dict(called)
        if given.pop("is_causal", False):
            rows, columns = (key.shape[1] if module.batch_first else key.shape[0],) * 2
            masks["attn_mask"] = torch.ones(rows, columns).triu(1) != 0
        y, weights = module(query, key, inputs.get("value", key), **masks, **given)
        return {"y": y} | ({} if weights is None else {"attn_weights": weights})

    plain = [f"{group}.{name}" for group, name in (
        ("output", "attn_weights"),) if config.get("average_attn_weights") is False]
    save(case, "MultiheadAttention", config, nn.MultiheadAttention(**made), inputs, run, plain)


def multihead_attention():
    def x(*shape):
        return torch.randn(*shape)

    attend("multihead_attention", {"query": x(2, 7, 12)}, embed_dim=12, num_heads=3,
           batch_first=True)
    attend("multihead_attention_sequence_first", {"query": x(5, 2, 6), "key": x(4, 2, 6)},
           embed_dim=6, num_heads=2, need_weights=False)
    padding = (torch.rand(3, 6) > 0.7).float()
    padding[:, 0] = 0
    attend("multihead_attention_cross",
           {"query": x(3, 5, 8), "key": x(3, 6, 5), "value": x(3, 6, 7), "attn_mask": x(5, 6),
            "key_padding_mask": padding},
           embed_dim=8, num_heads=2, kdim=5, vdim=7, add_bias_kv=True, add_zero_attn=True,
           average_attn_weights=False, batch_first=True, key_padding_mask_type="bool")
    mask = (torch.rand(4, 5, 5) > 0.6).float()
    mask[:, torch.arange(5), torch.arange(5)] = 0
    attend("multihead_attention_mask_per_head", {"query": x(2, 5, 6), "attn_mask": mask},
           embed_dim=6, num_heads=2, bias=False, batch_first=True, attn_mask_type="bool")
    attend("multihead_attention_causal", {"query": x(1, 130, 4)}, embed_dim=4, num_heads=1,
           batch_first=True, is_causal=True, need_weights=False)


if __name__ == "__main__":
    torch.manual_seed(9)
    simam()
    multihead_attention()
