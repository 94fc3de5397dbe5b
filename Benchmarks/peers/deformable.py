"""Runs deformable convolutions of kernelbench's shape files in other libraries, side by side.

    python deformable.py --kernelbench ../../.build/release/kernelbench
    python deformable.py --memory --filter 200x304

As peers.py: all libraries take turns within one run, Float32, the same number of threads, medians.
Before it is timed, every peer's result is compared with torchvision's. Column `direct` is Protean's
own ordinary convolution of the same shape, computed directly. A peer without a time does not offer
the case, or differs.

With --memory nothing is timed: every library makes its model and inputs in a process of its own, and
the table shows by how much its first call raises the process's resident memory at its highest (Linux).
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from peers import HERE, protean_seconds, timed


def parse_case(line):
    """A deform_conv2d case as a dictionary, or None for other lines."""
    words = line.split("#")[0].split()
    if len(words) < 2 or words[1] != "deform_conv2d":
        return None
    keys = dict(word.split("=") for word in words[2:])
    number = {key: int(value) for key, value in keys.items() if key not in ("sigma", "activation")}
    case = {key: number.get(key, 1) for key in (
        "n", "h", "w", "c", "k", "r", "stride", "dilation", "groups", "offset_groups", "mask")}
    case["pad"] = number.get("pad", (case["r"] - 1) // 2 * case["dilation"])
    case["sigma"] = float(keys.get("sigma", 1))
    return case | {"name": words[0], "line": line.strip()}


def arrays(case):
    """x, offset, mask (or None), weight, bias in PyTorch's order."""
    import numpy
    generator = numpy.random.default_rng(1)
    reach = case["dilation"] * (case["r"] - 1) + 1
    out = [(case[axis] + 2 * case["pad"] - reach) // case["stride"] + 1 for axis in "hw"]
    points = case["offset_groups"] * case["r"] ** 2
    x = generator.uniform(-1, 1, (case["n"], case["c"], case["h"], case["w"]))
    offset = generator.normal(0, case["sigma"], (case["n"], 2 * points, *out))
    mask = generator.uniform(0, 1, (case["n"], points, *out)) if case["mask"] else None
    weight = generator.uniform(
        -1, 1, (case["k"], case["c"] // case["groups"], case["r"], case["r"]))
    bias = generator.uniform(-1, 1, case["k"])
    return [None if one is None else one.astype(numpy.float32)
            for one in (x, offset, mask, weight, bias)]


def torchvision_calls(case, threads, data):
    import torch
    from torchvision.ops import deform_conv2d
    x, offset, mask, weight, bias = (None if one is None else torch.from_numpy(one)
                                     for one in data)

    def call():
        torch.set_num_threads(threads)
        with torch.inference_mode():
            return deform_conv2d(x, offset, weight, bias, case["stride"], case["pad"],
                                 case["dilation"], mask).numpy()
    yield "torchvision", call


def onnxruntime_calls(case, threads, data):
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper
    x, offset, mask, weight, bias = data
    feed = {"x": x, "offset": offset} | ({} if mask is None else {"mask": mask})
    node = helper.make_node(
        "DeformConv", ["x", "weight", "offset", "bias"] + ([] if mask is None else ["mask"]), ["y"],
        group=case["groups"], offset_group=case["offset_groups"],
        kernel_shape=[case["r"]] * 2, strides=[case["stride"]] * 2,
        dilations=[case["dilation"]] * 2, pads=[case["pad"]] * 4)
    graph = helper.make_graph(
        [node], "deform",
        [helper.make_tensor_value_info(k, TensorProto.FLOAT, v.shape) for k, v in feed.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
    model.ir_version = 9
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    yield "onnxruntime", lambda: session.run(None, feed)[0]


def openvino_calls(case, threads, data):
    import openvino
    from openvino import opset8
    x, offset, mask, weight, bias = data
    inputs = [opset8.parameter(one.shape, name=name) for name, one in
              (("x", x), ("offset", offset), ("mask", mask)) if one is not None]
    pads, pair = [case["pad"]] * 2, [case["stride"]] * 2
    extra = {} if mask is None else {"mask": inputs[2]}
    node = opset8.deformable_convolution(
        inputs[0], inputs[1], opset8.constant(weight), pair, pads, pads, [case["dilation"]] * 2,
        group=case["groups"], deformable_group=case["offset_groups"],
        bilinear_interpolation_pad=True, **extra)
    node = opset8.add(node, opset8.constant(bias.reshape(1, -1, 1, 1)))
    core = openvino.Core()
    compiled = core.compile_model(openvino.Model([node], inputs, "deform"), "CPU", {
        "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY"})
    request = compiled.create_infer_request()
    for index, one in enumerate(one for one in (x, offset, mask) if one is not None):
        request.set_input_tensor(index, openvino.Tensor(one))

    def call():
        request.infer()
        return request.get_output_tensor(0).data
    yield "openvino", call


def ncnn_calls(case, threads, data):
    import ncnn
    import numpy
    if case["n"] != 1 or case["groups"] != 1 or case["offset_groups"] != 1:
        return
    x, offset, mask, weight, bias = data
    names = ["x", "offset"] + ([] if mask is None else ["mask"])
    options = (f"0={case['k']} 1={case['r']} 2={case['dilation']} 3={case['stride']} "
               f"4={case['pad']} 5=1 6={weight.size}")
    lines = [f"Input {name} 0 1 {name}" for name in names]
    lines.append(f"DeformableConv2D d {len(names)} 1 {' '.join(names)} out {options}")
    with tempfile.TemporaryDirectory() as folder:
        param, weights = os.path.join(folder, "d.param"), os.path.join(folder, "d.bin")
        with open(param, "w") as file:
            file.write(f"7767517\n{len(lines)} {len(lines)}\n" + "\n".join(lines) + "\n")
        with open(weights, "wb") as file:
            file.write(b"\0\0\0\0" + weight.tobytes() + bias.tobytes())
        net = ncnn.Net()
        net.opt.num_threads = threads
        for name in dir(net.opt):
            if "fp16" in name or "bf16" in name:
                setattr(net.opt, name, False)
        net.load_param(param)
        net.load_model(weights)
    blobs = [ncnn.Mat(numpy.ascontiguousarray(one[0])).clone()
             for one in (x, offset, mask) if one is not None]

    def call():
        extractor = net.create_extractor()
        for name, blob in zip(names, blobs):
            extractor.input(name, blob)
        return numpy.array(extractor.extract("out")[1])[None]
    yield "ncnn", call


PEERS = [torchvision_calls, onnxruntime_calls, openvino_calls, ncnn_calls]


def prepared_calls(case, threads):
    """Peers that can run the case and agree with torchvision."""
    import numpy
    data, calls, expected = arrays(case), [], None
    for peer in PEERS:
        try:
            for name, call in peer(case, threads, data):
                found = numpy.array(call())
                if expected is None:
                    expected = found
                error = numpy.abs(found - expected).max() / numpy.abs(expected).max()
                if error < 1e-4:
                    calls.append((name, call))
                else:
                    print(f"note: {case['name']}: {name} differs by {error:.1e}", file=sys.stderr)
        except Exception as error:  # A peer may refuse a case in its own way.
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            print(f"note: {case['name']}: {peer.__name__}: {text}", file=sys.stderr)
    return calls


def direct_case(case):
    """The ordinary convolution of the same shape."""
    name = case["name"] + ".direct"
    keys = ["n", "h", "w", "c", "k", "r", "stride", "dilation", "groups", "pad"]
    words = " ".join(f"{key}={case[key]}" for key in keys)
    return {"name": name, "line": f"{name} conv2d {words} algorithm=direct"}


def resident(name):
    """VmRSS or VmHWM of this process in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) << 10
    raise RuntimeError(f"/proc/self/status lacks {name}")


def print_own_memory(case, threads, library):
    """Runs one library once and prints what its call took at its highest, in bytes."""
    data = arrays(case)
    for peer in PEERS:
        if peer.__name__ == library + "_calls":
            for _, call in peer(case, threads, data):
                pathlib.Path("/proc/self/clear_refs").write_text("5")
                before = resident("VmRSS")
                result = call()
                print(resident("VmHWM") - before, result.shape)
                return


def memory(options, case, threads):
    """Bytes by library; libraries without the case are left out."""
    ours = subprocess.run(
        [options.kernelbench, "--memory", "--case", case["line"], "--threads", str(threads)],
        check=True, capture_output=True, text=True).stdout
    found = {"protean": int(ours.split()[-2])}
    for peer in PEERS:
        library = peer.__name__.removesuffix("_calls")
        run = subprocess.run(
            [sys.executable, __file__, "--shapes", options.shapes, "--filter", case["name"],
             "--threads", str(threads), "--memory-of", library], capture_output=True, text=True)
        if run.returncode == 0 and run.stdout:
            found[library] = int(run.stdout.split()[0])
        else:
            text = (run.stderr.strip().splitlines() or ["does not offer it"])[-1]
            print(f"note: {case['name']}: {library}: {text}", file=sys.stderr)
    return found


def measure(options, case, threads):
    calls = prepared_calls(case, threads)
    times = {}
    for _ in range(options.rounds):
        for name, one in (("protean", case), ("direct", direct_case(case))):
            times.setdefault(name, []).append(protean_seconds(options, one, threads))
        for name, call in calls:
            times.setdefault(name, []).append(timed(call, options.seconds))
    return {name: statistics.median(values) for name, values in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernelbench", default=str(HERE / "../../.build/release/kernelbench"))
    parser.add_argument("--shapes", default=str(HERE.parent / "shapes/deformable.txt"))
    parser.add_argument("--filter", default="", help="only cases whose name contains this")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="per library and round")
    parser.add_argument("--memory", action="store_true", help="measure memory instead of time")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()

    names = ["protean", "direct", "torchvision", "onnxruntime", "openvino", "ncnn"]
    if options.memory:
        names.remove("direct")
    if not options.memory_of:
        print("MiB by which a first call raises resident memory" if options.memory
              else "ms; ratio = best peer / protean; dense = direct / protean")
        print(f"{'case':<24}{'threads':>8}" + "".join(f"{n:>12}" for n in names)
              + ("" if options.memory else "   ratio   dense"))
    for line in pathlib.Path(options.shapes).read_text().splitlines():
        case = parse_case(line)
        if not case or options.filter not in case["name"]:
            continue
        for threads in map(int, options.threads.split(",")):
            if options.memory_of:
                print_own_memory(case, threads, options.memory_of)
                continue
            scale = 2 ** -20 if options.memory else 1e3
            found = (memory if options.memory else measure)(options, case, threads)
            cells = [f"{scale * found[n]:12.3f}" if n in found else f"{'-':>12}" for n in names]
            ends = ""
            if not options.memory:
                peers = [found[name] for name in names[2:] if name in found]
                ratio = min(peers) / found["protean"] if peers else float("nan")
                ends = f"{ratio:8.2f}{found['direct'] / found['protean']:8.2f}"
            print(f"{case['name']:<24}{threads:>8}" + "".join(cells) + ends, flush=True)


if __name__ == "__main__":
    main()
