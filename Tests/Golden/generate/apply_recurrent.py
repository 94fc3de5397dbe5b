"""Golden values of recurrent layers: PyTorch's, computed in double precision.

Run: python apply_recurrent.py [FUNCTION ...]
"""

import copy

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from golden import layer, main, save


def whole_sequence(m, i):
    """Outputs and final states of nn.LSTM and nn.GRU, with lengths as packed sequences."""
    m = copy.deepcopy(m).double()
    i = {name: value.double() for name, value in i.items()}
    state = None
    if "h" in i:
        state = (i["h"], i["c"]) if "c" in i else i["h"]
    x = i["x"]
    if "lengths" in i:
        x = pack_padded_sequence(x, i["lengths"].long(), m.batch_first, enforce_sorted=False)
    y, final = m(x, state)
    if "lengths" in i:
        time = i["x"].shape[1 if m.batch_first else 0]
        y, _ = pad_packed_sequence(y, m.batch_first, total_length=time)
    outputs = {"y": y, "h": final} if torch.is_tensor(final) else {
        "y": y, "h": final[0], "c": final[1]}
    return {name: value.float() for name, value in outputs.items()}


def case(name, layer_name, module, config, shape, inputs=()):
    extra = {key: torch.randn(*size) for key, size in inputs if key != "lengths"}
    extra.update({key: torch.tensor(value).float() for key, value in inputs if key == "lengths"})
    save(name, layer_name, config, module(**config), {"x": torch.randn(*shape), **extra},
         whole_sequence)


@layer
def lstm():
    case("lstm", "LSTM", nn.LSTM, {"input_size": 7, "hidden_size": 5, "batch_first": True},
         (3, 6, 7))
    case("lstm_stack", "LSTM", nn.LSTM,
         {"input_size": 3, "hidden_size": 17, "num_layers": 2, "batch_first": True,
          "bidirectional": True},
         (4, 8, 3), (("h", (4, 4, 17)), ("c", (4, 4, 17)), ("lengths", [5, 1, 8, 3])))
    case("lstm_projection", "LSTM", nn.LSTM,
         {"input_size": 5, "hidden_size": 9, "num_layers": 2, "bias": False,
          "batch_first": False, "bidirectional": True, "proj_size": 4},
         (5, 2, 5), (("h", (4, 2, 4)), ("c", (4, 2, 9))))


@layer
def gru():
    case("gru", "GRU", nn.GRU, {"input_size": 7, "hidden_size": 5, "batch_first": True}, (3, 6, 7))
    case("gru_stack", "GRU", nn.GRU,
         {"input_size": 3, "hidden_size": 17, "num_layers": 2, "batch_first": True,
          "bidirectional": True},
         (4, 8, 3), (("h", (4, 4, 17)), ("lengths", [5, 1, 8, 3])))
    case("gru_time_major", "GRU", nn.GRU,
         {"input_size": 5, "hidden_size": 9, "bias": False, "batch_first": False}, (5, 2, 5))


def one_step(m, i):
    m = copy.deepcopy(m).double()
    h = i["h"].double() if "h" in i else None
    return {"y": m(i["x"].double(), h).float()}


@layer
def gru_cell():
    config = {"input_size": 7, "hidden_size": 17}
    save("gru_cell", "GRUCell", config, nn.GRUCell(**config),
         {"x": torch.randn(3, 7), "h": torch.randn(3, 17)}, one_step)
    config = {"input_size": 3, "hidden_size": 33, "bias": False}
    save("gru_cell_start", "GRUCell", config, nn.GRUCell(**config), {"x": torch.randn(1, 3)},
         one_step)


@layer
def rnn_cell():
    config = {"input_size": 7, "hidden_size": 17}
    save("rnn_cell", "RNNCell", config, nn.RNNCell(**config),
         {"x": torch.randn(3, 7), "h": torch.randn(3, 17)}, one_step)
    config = {"input_size": 3, "hidden_size": 33, "bias": False, "nonlinearity": "relu"}
    save("rnn_cell_relu", "RNNCell", config, nn.RNNCell(**config), {"x": torch.randn(1, 3)},
         one_step)


if __name__ == "__main__":
    main()
