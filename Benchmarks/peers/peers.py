"""Runs convolutions of kernelbench's shape files in other libraries, side by side.

    make peers                          # installs the peers into a virtual environment first
    python peers.py --kernelbench ../../.build/release/kernelbench --shapes dense3x3.txt
    python peers.py --shapes vgg16.txt --json vgg16.json --append --budget 60    # in slices

All libraries take turns within one run (A B C A B C ...), each with its own best layout, Float32
in and out, weights packed beforehand, at the same number of threads; the table shows medians and
Protean's ratio to the best peer (above 1: Protean is faster). kernelbench is started anew for every
turn and measures a call as a user makes it, with a fresh result, as the peers' calls do.

A long table can be made in slices: with --append, rows that the JSON file holds are printed and not
measured again; with --budget, no row is begun that late.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def parse_case(line):
    """A conv2d case of a shape file as a dictionary, or None for other lines."""
    words = line.split("#")[0].split()
    if len(words) < 2 or words[1] != "conv2d" or words[0].endswith(".direct"):
        return None
    keys = {key: value for key, value in (word.split("=") for word in words[2:])}
    number = {key: int(value) for key, value in keys.items() if value.lstrip("-").isdigit()}
    rh, rw = number.get("rh", number.get("r")), number.get("rw", number.get("r"))
    dilation = number.get("dilation", 1)
    if number.get("pad") is None and rh != rw or "activation" in keys:
        return None
    return {
        "name": words[0], "line": line.strip(), "n": number.get("n", 1), "h": number["h"],
        "w": number["w"], "c": number["c"], "k": number["k"], "rh": rh, "rw": rw,
        "stride": number.get("stride", 1), "dilation": dilation,
        "groups": number.get("groups", 1),
        "pad": number.get("pad", (rh - 1) // 2 * dilation),
    }


def timed(call, seconds):
    """Median seconds of a call, after a warm-up, over at least three calls."""
    call()
    samples, end = [], time.perf_counter() + seconds
    while len(samples) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        samples.append(time.perf_counter() - start)
    return statistics.median(samples)


def random_inputs(case):
    import numpy
    generator = numpy.random.default_rng(1)
    x = generator.uniform(-1, 1, (case["n"], case["c"], case["h"], case["w"]))
    weight = generator.uniform(
        -1, 1, (case["k"], case["c"] // case["groups"], case["rh"], case["rw"]))
    bias = generator.uniform(-1, 1, case["k"])
    return [array.astype(numpy.float32) for array in (x, weight, bias)]


def torch_calls(case, threads, layouts=("contiguous_format", "channels_last")):
    import torch
    torch.set_num_threads(threads)
    x, weight, bias = (torch.from_numpy(array) for array in random_inputs(case))
    for layout in layouts:
        module = torch.nn.Conv2d(
            case["c"], case["k"], (case["rh"], case["rw"]), case["stride"], case["pad"],
            case["dilation"], case["groups"])
        module.weight.data, module.bias.data = weight, bias
        module = module.to(memory_format=getattr(torch, layout)).eval()
        own = x.to(memory_format=getattr(torch, layout))

        def call(module=module, own=own):
            torch.set_num_threads(threads)
            with torch.inference_mode():
                module(own)
        yield "pytorch", call


def onnx_model(case):
    from onnx import TensorProto, helper, numpy_helper
    x, weight, bias = random_inputs(case)
    node = helper.make_node(
        "Conv", ["x", "weight", "bias"], ["y"], group=case["groups"],
        kernel_shape=[case["rh"], case["rw"]], strides=[case["stride"]] * 2,
        dilations=[case["dilation"]] * 2, pads=[case["pad"]] * 4)
    graph = helper.make_graph(
        [node], "conv", [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    return model.SerializeToString(), x


def onnxruntime_calls(case, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    model, x = onnx_model(case)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    yield "onnxruntime", lambda: session.run(None, {"x": x})


def openvino_calls(case, threads):
    import openvino
    model, x = onnx_model(case)
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model, b""), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(x))
    yield "openvino", request.infer


def ncnn_calls(case, threads):
    import ncnn
    import numpy
    if case["n"] != 1:
        return
    x, weight, bias = random_inputs(case)
    grouped = case["groups"] > 1
    layer = "ConvolutionDepthWise" if grouped else "Convolution"
    options = (f"0={case['k']} 1={case['rw']} 11={case['rh']} 2={case['dilation']} "
               f"3={case['stride']} 4={case['pad']} 5=1 6={weight.size}")
    if grouped:
        options += f" 7={case['groups']}"
    with tempfile.TemporaryDirectory() as folder:
        param, weights = os.path.join(folder, "c.param"), os.path.join(folder, "c.bin")
        with open(param, "w") as file:
            file.write(f"7767517\n2 2\nInput in 0 1 in\n{layer} c 1 1 in out {options}\n")
        with open(weights, "wb") as file:
            file.write(b"\0\0\0\0" + weight.tobytes() + bias.tobytes())
        net = ncnn.Net()
        net.opt.num_threads = threads
        for name in dir(net.opt):
            if "fp16" in name or "bf16" in name:
                setattr(net.opt, name, False)
        net.load_param(param)
        net.load_model(weights)
    blob = ncnn.Mat(numpy.ascontiguousarray(x[0])).clone()

    def call():
        extractor = net.create_extractor()
        extractor.input("in", blob)
        extractor.extract("out")
    yield "ncnn", call


PEERS = [torch_calls, onnxruntime_calls, openvino_calls, ncnn_calls]


def protean_seconds(options, case, threads):
    output = subprocess.run(
        [options.kernelbench, "--case", case["line"], "--filter", f"^{case['name']}$",
         "--threads", str(threads), "--min-time", str(options.seconds), "--json"],
        check=True, capture_output=True, text=True).stdout
    found = [one for one in json.loads(output)["benchmarks"] if one["name"] == case["name"]]
    return found[0]["real_time"] * 1e-9


def measure(options, case, threads):
    """Median seconds by library; the better of a library's layouts counts."""
    calls = []
    for peer in PEERS:
        try:
            calls += list(peer(case, threads))
        except ImportError as error:
            print(f"note: {peer.__name__}: {error}", file=sys.stderr)
    times = {}
    for _ in range(options.rounds):
        times.setdefault("protean", []).append(protean_seconds(options, case, threads))
        for index, (name, call) in enumerate(calls):
            times.setdefault((name, index), []).append(timed(call, options.seconds))
    best = {}
    for key, values in times.items():
        name = key if isinstance(key, str) else key[0]
        best[name] = min(best.get(name, float("inf")), statistics.median(values))
    return best


NAMES = ["protean", "pytorch", "onnxruntime", "openvino", "ncnn"]


def print_row(row):
    best = row["seconds"]
    cells = [f"{1e3 * best[name]:13.3f}" if name in best else f"{'-':>13}" for name in NAMES]
    print(f"{row['case']:<44}{row['threads']:>8}" + "".join(cells) + f"{row['ratio']:8.2f}",
          flush=True)


def cases_of(options):
    for shapes in options.shapes:
        path = pathlib.Path(shapes)
        path = path if path.exists() else HERE.parent / "shapes" / shapes
        for line in path.read_text().splitlines():
            case = parse_case(line)
            if case and re.search(options.filter, case["line"]):
                yield case


def measured_row(options, case, threads):
    best = measure(options, case, threads)
    peers = [seconds for name, seconds in best.items() if name != "protean"]
    ratio = min(peers) / best["protean"] if peers else float("nan")
    return {"case": case["name"], "threads": threads, "ratio": ratio, "seconds": best}


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernelbench", default=str(HERE / "../../.build/release/kernelbench"))
    parser.add_argument("--shapes", nargs="+", default=["dense3x3.txt"])
    parser.add_argument("--filter", default="", help="only cases whose line matches this")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="per library and round")
    parser.add_argument("--json", help="write the times to this file, after every row")
    parser.add_argument("--append", action="store_true", help="keep the rows of the JSON file")
    parser.add_argument("--budget", type=float, help="begin no row after this many seconds")
    options = parser.parse_args()
    if options.append and not options.json:
        parser.error("--append needs --json")
    return options


def main():
    options = parse_options()
    start = time.perf_counter()
    file = pathlib.Path(options.json) if options.json else None
    rows = json.loads(file.read_text()) if options.append and file.exists() else []
    known = {(row["case"], row["threads"]): row for row in rows}
    print(f"{platform.processor() or platform.machine()}, ms; ratio = best peer / protean")
    print(f"{'case':<44}{'threads':>8}" + "".join(f"{name:>13}" for name in NAMES) + "   ratio")
    for case in cases_of(options):
        for threads in map(int, options.threads.split(",")):
            row = known.get((case["name"], threads))
            if row is None:
                if options.budget and time.perf_counter() - start > options.budget:
                    continue
                row = measured_row(options, case, threads)
                rows.append(row)
                if file:
                    file.write_text(json.dumps(rows, indent=1) + "\n")
            print_row(row)


if __name__ == "__main__":
    main()
