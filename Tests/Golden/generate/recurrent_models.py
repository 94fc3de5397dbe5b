"""Golden values of networks that skip, skim, jump, ponder and find boundaries: their published
formulas, step by step, in double precision. Writes ../recurrent/*.safetensors with tensors under
`weights.`, `input.` and `output.`.

Run: python recurrent_models.py
"""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

OUT = Path(__file__).parent.parent / "recurrent"
RANDOM = None


def seed(number):
    global RANDOM
    RANDOM = np.random.default_rng(number)



def draw(*shape, scale=0.5):
    """Numbers that Float32 holds exactly."""
    return (RANDOM.standard_normal(shape) * scale).astype(np.float32).astype(np.float64)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def save(name, weights, inputs, outputs):
    OUT.mkdir(exist_ok=True)
    tensors = {}
    for prefix, group in (("weights", weights), ("input", inputs), ("output", outputs)):
        for key, value in group.items():
            tensors[f"{prefix}.{key}"] = np.ascontiguousarray(value, dtype=np.float32)
    save_file(tensors, OUT / f"{name}.safetensors")


# ---------------------------------------------------------------- Skip RNN

def torch_lstm(x, h, c, wi, wh, bi, bh):
    i, f, g, o = np.split(x @ wi.T + bi + h @ wh.T + bh, 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def torch_gru(x, h, wi, wh, bi, bh):
    xr, xz, xn = np.split(x @ wi.T + bi, 3, 1)
    hr, hz, hn = np.split(h @ wh.T + bh, 3, 1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = np.tanh(xn + r * hn)
    return (1 - z) * n + z * h


def skip(x, state, step, gate):
    """Runs `step` at every time and mixes by the update gate. Returns outputs, gates, the state."""
    batch = x.shape[0]
    delta, total = np.ones((batch, 1)), np.zeros((batch, 1))
    outputs, gates = [], []
    for t in range(x.shape[1]):
        candidate = step(x[:, t], state)
        new_delta = gate(candidate)
        total = total + np.minimum(delta, 1 - total)
        assert np.abs(total - 0.5).min() > 1e-4, "too close to a tie for Float32"
        u = np.round(total)
        state = [u * new + (1 - u) * old for new, old in zip(candidate, state)]
        delta = u * new_delta + (1 - u) * delta
        total = (1 - u) * total
        outputs.append(state[0])
        gates.append(u[:, 0])
    return np.stack(outputs, 1), np.stack(gates, 1), state


def skip_torch(name, kind, blocks, layers=2, inputs=4, size=6, batch=3, time=14):
    w, below = {}, inputs
    for k in range(layers):
        w[f"weight_ih.{k}"] = draw(blocks * size, below)
        w[f"weight_hh.{k}"] = draw(blocks * size, size)
        w[f"bias_ih.{k}"], w[f"bias_hh.{k}"] = draw(blocks * size), draw(blocks * size)
        below = size
    w["weight_uh"], w["bias_uh"] = draw(1, size, scale=3), np.array([-1.0])
    x = draw(batch, time, inputs, scale=1)
    per = 2 if kind == "lstm" else 1

    def step(below, state):
        new = list(state)
        for k in range(layers):
            at = per * (layers - 1 - k)
            p = [w[f"{n}.{k}"] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            if kind == "lstm":
                new[at], new[at + 1] = torch_lstm(below, state[at], state[at + 1], *p)
            else:
                new[at] = torch_gru(below, state[at], *p)
            below = new[at]
        return new

    def gate(state):
        return sigmoid(state[per - 1] @ w["weight_uh"].T + w["bias_uh"])

    start = [np.zeros((batch, size)) for _ in range(per * layers)]
    y, gates, state = skip(x, start, step, gate)
    save(name, w, {"x": x}, {"y": y, "gates": gates,
                             **{f"state.{i}": s for i, s in enumerate(state)}})


def skip_tensorflow(name, kind, sizes=(6, 5), inputs=4, batch=3, time=14):
    w, below, layers = {}, inputs, len(sizes)
    for k, size in enumerate(sizes):
        p = f"layer_{k + 1}."
        if kind == "lstm":
            w[p + "Weights"] = draw(below + size, 4 * size)
            w[p + "Biases"] = draw(4 * size)
            w[p + "initial_c.initial_state"] = draw(1, size)
        else:
            w[p + "gates.Weights"], w[p + "gates.Biases"] = draw(below + size, 2 * size), draw(2 * size)
            # The candidate of every layer reads the input of the network.
            w[p + "candidate.Weights"] = draw(inputs + size, size)
            w[p + "candidate.Biases"] = draw(size)
        w[p + "initial_h.initial_state"] = draw(1, size)
        below = size
    w["state_update_prob.Weights"] = draw(sizes[-1], 1, scale=3)
    w["state_update_prob.Biases"] = np.array([-1.0])
    x = draw(batch, time, inputs, scale=1)
    per = 2 if kind == "lstm" else 1

    def step(first, state):
        new, below = list(state), first
        for k in range(layers):
            p, at = f"layer_{k + 1}.", per * (layers - 1 - k)
            h = state[at]
            if kind == "lstm":
                sums = np.concatenate([below, h], 1) @ w[p + "Weights"] + w[p + "Biases"]
                i, j, f, o = np.split(sums, 4, 1)
                new[at + 1] = state[at + 1] * sigmoid(f + 1) + sigmoid(i) * np.tanh(j)
                new[at] = np.tanh(new[at + 1]) * sigmoid(o)
            else:
                sums = np.concatenate([below, h], 1) @ w[p + "gates.Weights"] + w[p + "gates.Biases"]
                r, u = np.split(sigmoid(sums), 2, 1)
                c = np.tanh(np.concatenate([first, r * h], 1) @ w[p + "candidate.Weights"]
                            + w[p + "candidate.Biases"])
                new[at] = u * h + (1 - u) * c
            below = new[at]
        return new

    def gate(state):
        return sigmoid(state[per - 1] @ w["state_update_prob.Weights"]
                       + w["state_update_prob.Biases"])

    start = []
    for k in reversed(range(layers)):
        for kind_of in ("h", "c")[:per]:
            start.append(np.repeat(w[f"layer_{k + 1}.initial_{kind_of}.initial_state"], batch, 0))
    y, gates, state = skip(x, start, step, gate)
    save(name, w, {"x": x}, {"y": y, "gates": gates,
                             **{f"state.{i}": s for i, s in enumerate(state)}})


# ---------------------------------------------------------------- Skim-RNN

def skim(inputs=4, large=7, small=3, batch=3, time=12):
    w = {}
    for name, size in (("large_rnn", large), ("small_rnn", small)):
        w[f"{name}.weight_ih"], w[f"{name}.weight_hh"] = draw(4 * size, inputs), draw(4 * size, size)
        w[f"{name}.bias_ih"], w[f"{name}.bias_hh"] = draw(4 * size), draw(4 * size)
    w["linear.weight"], w["linear.bias"] = draw(2, inputs + 2 * large, scale=1), np.array([0.1, 0.0])
    x = draw(batch, time, inputs, scale=1)
    h, c = np.zeros((batch, large)), np.zeros((batch, large))
    outputs, choices = [], []
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    for t in range(time):
        logits = np.concatenate([x[:, t], h, c], 1) @ w["linear.weight"].T + w["linear.bias"]
        assert np.abs(logits[:, 0] - logits[:, 1]).min() > 1e-4
        q = logits.argmax(1)
        read = torch_lstm(x[:, t], h, c, *(w[f"large_rnn.{n}"] for n in names))
        part = torch_lstm(x[:, t], h[:, :small], c[:, :small], *(w[f"small_rnn.{n}"] for n in names))
        skimmed = [np.concatenate([new, old[:, small:]], 1) for new, old in zip(part, (h, c))]
        h, c = (np.where(q[:, None] == 0, a, b) for a, b in zip(read, skimmed))
        outputs.append(h)
        choices.append(q)
    save("skim_lstm", w, {"x": x},
         {"y": np.stack(outputs, 1), "c": c, "choices": np.stack(choices, 1)})


# ---------------------------------------------------------------- HM-LSTM

def hm_lstm(inputs=2, sizes=(4, 3, 5), hidden=6, embedding=7, outputs=3, batch=3, time=16):
    w, layers = {}, len(sizes)
    for l, size in enumerate(sizes):
        above = sizes[l + 1] if l + 1 < layers else sizes[0]
        below = inputs if l == 0 else sizes[l - 1]
        w[f"multi_hmlstm_cell.cell_{l}.kernel"] = draw(size + above + below, 4 * size + 1, scale=1)
        w[f"gates_vars.gate_{l}"] = draw(sum(sizes), 1)
    w["embedding_vars.embed_weights"] = draw(sum(sizes), embedding)
    o = "output_module_vars."
    w[o + "b1"], w[o + "b2"], w[o + "b3"] = draw(1, hidden), draw(1, hidden), draw(1, outputs)
    w[o + "w1"], w[o + "w2"], w[o + "w3"] = (draw(embedding, hidden), draw(hidden, hidden),
                                             draw(hidden, outputs))
    x = draw(batch, time, inputs, scale=1)
    h = [np.zeros((batch, s)) for s in sizes]
    c = [np.zeros((batch, s)) for s in sizes]
    z = [np.zeros((batch, 1)) for _ in sizes]
    record = {"h": [], "z": [], "operations": [], "y": []}
    for t in range(time):
        old = list(h)
        below, mark, operations = x[:, t], np.ones((batch, 1)), []
        for l, size in enumerate(sizes):
            above = old[l + 1] if l + 1 < layers else np.zeros((batch, sizes[0]))
            joined = np.concatenate([old[l], z[l] * above, mark * below], 1)
            sums = joined @ w[f"multi_hmlstm_cell.cell_{l}.kernel"]
            i, g, f, out = np.split(sums[:, :-1], 4, 1)
            i, g, f, out = sigmoid(i), np.tanh(g), sigmoid(f), sigmoid(out)
            flush, copy = z[l] == 1, (z[l] == 0) & (mark == 0)
            c[l] = np.where(flush, i * g, np.where(copy, c[l], f * c[l] + i * g))
            h[l] = np.where(copy, old[l], out * np.tanh(c[l]))
            operations.append(np.where(flush, 2, np.where(copy, 0, 1)))
            boundary = sums[:, -1:]
            moved = np.abs(boundary[~((joined == 0).all(1))])
            assert moved.size == 0 or moved.min() > 1e-4
            z[l] = np.round(sigmoid(boundary))
            below, mark = h[l], z[l]
        all_h = np.concatenate(h, 1)
        gated = np.concatenate(
            [sigmoid(all_h @ w[f"gates_vars.gate_{l}"]) * h[l] for l in range(layers)], 1)
        e = np.maximum(gated @ w["embedding_vars.embed_weights"], 0)
        e = np.tanh(e @ w[o + "w1"] + w[o + "b1"])
        e = np.tanh(e @ w[o + "w2"] + w[o + "b2"])
        record["y"].append(e @ w[o + "w3"] + w[o + "b3"])
        record["h"].append(all_h)
        record["z"].append(np.concatenate(z, 1))
        record["operations"].append(np.concatenate(operations, 1))
    save("hm_lstm", w, {"x": x},
         {**{k: np.stack(v, 1) for k, v in record.items()}, "c": np.concatenate(c, 1)})


# ---------------------------------------------------------------- ACT

def act(inputs=3, size=5, batch=4, time=6, epsilon=0.01, limit=7):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    w = {"cell.weight_ih": draw(4 * size, inputs + 1), "cell.weight_hh": draw(4 * size, size),
         "cell.bias_ih": draw(4 * size), "cell.bias_hh": draw(4 * size),
         "halting.weight": draw(1, size, scale=4), "halting.bias": np.array([-1.0])}
    x = draw(batch, time, inputs, scale=1)
    y, ponder = np.zeros((batch, time, size)), np.zeros((batch, time))
    applications = np.zeros((batch, time))
    for b in range(batch):
        h, c = np.zeros((1, size)), np.zeros((1, size))
        for t in range(time):
            mean, total, s, n = [np.zeros((1, size))] * 2, 0.0, (h, c), 0
            while True:
                n += 1
                flagged = np.concatenate([[[float(n == 1)]], x[b:b + 1, t]], 1)
                s = torch_lstm(flagged, *s, *(w[f"cell.{k}"] for k in names))
                p = sigmoid(s[0] @ w["halting.weight"].T + w["halting.bias"])[0, 0]
                assert abs(total + p - (1 - epsilon)) > 1e-4
                if total + p < 1 - epsilon and n < limit:
                    mean = [m + p * v for m, v in zip(mean, s)]
                    total += p
                else:
                    mean = [m + (1 - total) * v for m, v in zip(mean, s)]
                    break
            h, c = mean
            y[b, t], ponder[b, t], applications[b, t] = h[0], n + 1 - total, n
    save("act_lstm", w, {"x": x}, {"y": y, "ponder": ponder, "applications": applications})


def case(number, function, *arguments):
    seed(number)
    function(*arguments)


if __name__ == "__main__":
    # Seeds for which rows differ in what they read.
    case(8, skip_torch, "skip_lstm", "lstm", 4)
    case(17, skip_torch, "skip_gru", "gru", 3)
    case(3, skip_tensorflow, "skip_lstm_tensorflow", "lstm")
    case(14, skip_tensorflow, "skip_gru_tensorflow", "gru")
    case(7, skim)
    case(7, hm_lstm)
    case(7, act)
