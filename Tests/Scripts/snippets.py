#!/usr/bin/env python3
"""Takes the Swift examples out of README.md and the pages under Docs.

snippets.py OUTPUT: writes OUTPUT/PAGE.swift for each page that has blocks of Swift, and prints the
files' paths. The blocks of a page are one program, in their order; line numbers are the page's, so
that a compiler's message names the line to mend.

What a block takes for granted stands before it in a comment, which readers of the page do not see:

    <!-- snippet-before
    let image = try Tensor(zeros: [1, 224, 224, 3])
    -->

A block that is no program for these modules has `<!-- snippet-skip: REASON -->` before it, and a page
of such blocks `<!-- snippets-skip: REASON -->` anywhere.
"""

import glob
import os
import re
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
IMPORTS = "import Foundation; import Protean; import ProteanImage; import ProteanModels; "
BLOCK = re.compile(
    r"(?:<!-- snippet-(before|skip)[: ]?(.*?)-->\n+)?```swift\n(.*?)\n```", re.S)


def program(text):
    """The page as a program with a line for each of its lines; None where it has no block."""
    if "<!-- snippets-skip" in text:
        return None
    lines = [""] * (text.count("\n") + 1)
    found = False
    for match in BLOCK.finditer(text):
        kind, hidden, code = match.groups()
        if kind == "skip":
            continue
        found = True
        parts = [(match.start(3), code)] + ([(match.start(2), hidden)] if kind else [])
        for start, part in parts:
            first = text.count("\n", 0, start)
            for offset, line in enumerate(part.split("\n")):
                lines[first + offset] = line
    return "\n".join(lines) + "\n" if found else None


def main(output):
    pages = [os.path.join(ROOT, "README.md")]
    pages += sorted(glob.glob(os.path.join(ROOT, "Docs/**/*.md"), recursive=True))
    for page in pages:
        with open(page, encoding="utf-8") as file:
            text = program(file.read())
        if text is None:
            continue
        name = os.path.relpath(page, ROOT)
        path = os.path.join(output, name.replace("/", "-")[:-3] + ".swift")
        with open(path, "w", encoding="utf-8") as file:
            file.write(IMPORTS + f'\n#sourceLocation(file: "{name}", line: 1)\n' + text)
        print(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
