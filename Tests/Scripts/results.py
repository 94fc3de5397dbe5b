#!/usr/bin/env python3
"""Draws the pages of measured speeds from the files in Benchmarks/results, one per machine.

results.py --update    writes Docs/Results/MACHINE.md and the tables in Docs/Performance.md
results.py --check     fails where these are not what the files give
results.py --add MACHINE ID TITLE COMMAND RUN.json
                       adds a run of kernelbench (its --json) or of peers.py (its --json), then updates

A measurement has an id, a title, a date and, where known, the command that repeats it and the commit.
`raw` says that it holds the numbers as the program wrote them; the others were copied from tables
or notes whose raw numbers were not kept.
"""

import datetime
import glob
import json
import os
import statistics
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
RESULTS = os.path.join(ROOT, "Benchmarks/results")
PAGE = os.path.join(ROOT, "Docs/Performance.md")
BEGIN, END = "<!-- results: made by `make results` -->", "<!-- end of results -->"
NAMES = {"protean": "Protean", "pytorch": "PyTorch", "eager": "PyTorch as written",
         "compile": "torch.compile", "onnxruntime": "ONNX Runtime",
         "openvino": "OpenVINO", "ncnn": "ncnn"}


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def machines():
    return [json.loads(read(path)) for path in sorted(glob.glob(os.path.join(RESULTS, "*.json")))]


def table(columns, rows):
    lines = [columns, ["---"] * len(columns)] + rows
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def peers_table(measurement):
    """Milliseconds at each number of threads, side by side; the ratio to the fastest other library."""
    cases = {}
    for row in measurement["peers"]:
        cases.setdefault(row["case"], []).append(row)
    digits = lambda ms: "-" if ms is None else f"{ms:.3f}" if ms < 0.1 else f"{ms:.2f}"
    rows = []
    for case, runs in cases.items():
        runs = sorted(runs, key=lambda run: run["threads"])
        cells = [", ".join(digits(run["milliseconds"].get(name)) for run in runs)
                 for name in measurement["libraries"]]
        rows.append([case, *cells, ", ".join(f"{run['ratio']:.2f}" for run in runs)])
    names = [NAMES[name] for name in measurement["libraries"]]
    return table(["case", *names, "ratio"], rows)


def time_text(nanoseconds):
    for limit, unit, divisor in [(1e3, "ns", 1), (1e6, "µs", 1e3), (1e9, "ms", 1e6)]:
        if nanoseconds < limit:
            return f"{nanoseconds / divisor:.3g} {unit}"
    return f"{nanoseconds / 1e9:.3g} s"


def kernelbench_table(run):
    rows = [[b["name"], b["kernel"], b["threads"], b["isa"], time_text(b["real_time"]),
             f"{100 * b['spread']:.0f} %", f"{b['gflops']:.3g}", f"{100 * b['roofline_share']:.0f} %",
             f"{100 * b['executed_share']:.0f} %"] for b in run["benchmarks"]]
    return table(["case", "kernel", "threads", "instruction set", "time", "spread", "GFLOP/s",
                  "roofline", "executed"], rows)


def summary(measurement):
    """What a measurement comes to, in a few words."""
    if "peers" in measurement:
        ratios = [row["ratio"] for row in measurement["peers"]]
        slower = sum(ratio < 1 for ratio in ratios)
        return (f"{statistics.median(ratios):.2f} times as fast as the fastest other library (median of "
                f"{len(ratios)}; {min(ratios):.2f} to {max(ratios):.2f}; slower in {slower})")
    if "kernelbench" in measurement:
        shares = [b["roofline_share"] for b in measurement["kernelbench"]["benchmarks"]]
        return f"{100 * statistics.median(shares):.0f} % of the roofline (median of {len(shares)})"
    return measurement.get("summary", "")


def origin(measurement):
    """Where the numbers come from: date, commit, command, and whether they are raw."""
    parts = [measurement["date"]]
    if "commit" in measurement:
        parts.append(f"commit {measurement['commit']}")
    if "command" in measurement:
        parts.append(f"`{measurement['command']}`")
    if "versions" in measurement:
        parts.append(measurement["versions"])
    if not measurement["raw"]:
        parts.append("copied from earlier notes: raw numbers were not kept")
    return "*" + "; ".join(parts) + ".*\n"


def section(measurement):
    parts = [f"## {measurement['title']}\n", origin(measurement)]
    if "method" in measurement:
        parts.append(measurement["method"] + "\n")
    if "peers" in measurement:
        parts.append("Milliseconds; ratio: the fastest other library's time over Protean's.\n")
        parts.append(peers_table(measurement))
    if "kernelbench" in measurement:
        parts.append(kernelbench_table(measurement["kernelbench"]))
    for block in measurement.get("content", []):
        parts.append(block["text"] + "\n" if "text" in block else
                     table(block["columns"], block["rows"]))
    return "\n".join(parts)


def page(log):
    machine = log["machine"]
    head = [f"# Speeds: {machine['title']}\n", f"{machine['description']}\n",
            f"Made by `make results` from `Benchmarks/results/{machine['name']}.json`. How it was measured, "
            "and what the words mean: [Performance](../Performance.md), [Glossary](../Glossary.md).\n"]
    return "\n".join(head + [section(m) for m in log["measurements"]])


def overview(log):
    """The one table of a machine in Performance.md."""
    machine = log["machine"]
    rows = [[m["title"], m["date"], "raw" if m["raw"] else "copied", summary(m)]
            for m in log["measurements"] if summary(m)]
    return (f"### {machine['title']}\n\n{machine['description']} All tables and notes: "
            f"[Results/{machine['name']}.md](Results/{machine['name']}.md).\n\n"
            + table(["Measurement", "Date", "Numbers", "Result"], rows))


def outputs():
    """Every file that is made, with its content."""
    logs = machines()
    files = {os.path.join(ROOT, f"Docs/Results/{log['machine']['name']}.md"): page(log)
             for log in logs}
    text = read(PAGE)
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    files[PAGE] = before + BEGIN + "\n\n" + "\n".join(map(overview, logs)) + "\n" + END + after
    return files


def update():
    for path, text in outputs().items():
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def check():
    files = outputs()
    kept = set(glob.glob(os.path.join(ROOT, "Docs/Results/*.md")))
    wrong = [p for p, text in files.items() if not os.path.exists(p) or read(p) != text]
    wrong += sorted(kept - set(files))
    for path in wrong:
        print(f"error: {os.path.relpath(path, ROOT)} is not what `make results` makes", file=sys.stderr)
    return 1 if wrong else 0


def add(name, identifier, title, command, run):
    path = os.path.join(RESULTS, name + ".json")
    log, new = json.loads(read(path)), json.loads(read(run))
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], text=True,
                            capture_output=True, check=True).stdout.strip()
    entry = {"id": identifier, "title": title, "date": datetime.date.today().isoformat(),
             "commit": commit, "command": command, "raw": True}
    if "benchmarks" in new:
        entry["date"] = new["context"]["date"][:10]
        entry["kernelbench"] = new
    else:
        rows = new["rows"] if isinstance(new, dict) else new
        entry["libraries"] = [n for n in NAMES if any(n in milliseconds(row) for row in rows)]
        entry["peers"] = [{"case": row["case"], "threads": row["threads"],
                           "milliseconds": milliseconds(row), "ratio": row["ratio"]} for row in rows]
    log["measurements"] = [m for m in log["measurements"] if m["id"] != identifier] + [entry]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(log, file, indent=1, ensure_ascii=False)
        file.write("\n")
    update()


def milliseconds(row):
    if "milliseconds" in row:
        return row["milliseconds"]
    return {name: 1e3 * seconds for name, seconds in row["seconds"].items()}


def main(arguments):
    if arguments == ["--update"]:
        return update()
    if arguments == ["--check"]:
        return check()
    if len(arguments) == 6 and arguments[0] == "--add":
        return add(*arguments[1:])
    return __doc__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
