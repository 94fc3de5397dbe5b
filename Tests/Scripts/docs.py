#!/usr/bin/env python3
"""Makes DocC catalogues of the pages under Docs.

docs.py SYMBOL_GRAPHS OUTPUT: writes OUTPUT/MODULE.docc for each library module, whose symbol graphs lie
in SYMBOL_GRAPHS/MODULE. What is in the committed catalogue is copied. Protean's gets the
pages, too: a page of Docs/Layers becomes part of its layer's own page, every other page an article.
Nothing that is made here is committed, so nothing can differ from the pages.
"""

import json
import os
import re
import shutil
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
PAGES = os.path.join(ROOT, "Docs")
# What users read first; pages that are not named follow in alphabetical order.
USERS = ["YourOwnLayer", "TensorOperations", "DynamicWeights", "WeightFiles", "Images", "Commands", "Threading",
         "Numerics", "Sparse", "Deploying", "Performance", "Glossary"]

LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
FENCE = re.compile(r"^\s*```")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def top_level_types(graphs, module):
    """Names of the public types that stand in no other type."""
    symbols = json.loads(read(os.path.join(graphs, module + ".symbols.json")))["symbols"]
    return {s["pathComponents"][0] for s in symbols if len(s["pathComponents"]) == 1}


def pages():
    """Paths of all pages, relative to Docs."""
    found = []
    for folder, _, files in os.walk(PAGES):
        for name in files:
            if name.endswith(".md"):
                found.append(os.path.relpath(os.path.join(folder, name), PAGES))
    return sorted(found)


class Converter:
    """Rewrites pages for DocC."""

    def __init__(self, types):
        self.types = types
        # DocC's name of each page.
        self.names = {}
        for page in pages():
            stem = os.path.basename(page)[:-3]
            taken = stem in types and not self.extends(page)
            self.names[page] = stem + "Guide" if taken else stem
        doubles = [n for n in self.names.values() if list(self.names.values()).count(n) > 1]
        if doubles:
            sys.exit(f"error: pages of one name under Docs: {sorted(set(doubles))}")

    def extends(self, page):
        """Whether the page is about a type and becomes part of what is written in its source."""
        return os.path.dirname(page) == "Layers" and os.path.basename(page)[:-3] in self.types

    def link(self, page, match):
        image, text, target = match.groups()
        if re.match(r"[a-z]+:", target):
            return match.group(0)
        path = os.path.normpath(
            os.path.join(os.path.dirname(page), target.split("#")[0])) if target[0] != "#" else page
        if image:
            return f"![{text}]({os.path.basename(path)})"
        if path in self.names:
            return f"[{text}](doc:{self.names[path]})"
        # A file of the repository, which the documentation does not hold.
        return text if "`" in text else f"`{text}`"

    def convert(self, page):
        """The page's text with DocC's links and without comments."""
        text = re.sub(r"<!--.*?-->\n?", "", read(os.path.join(PAGES, page)), flags=re.S)
        lines, in_code = [], False
        for line in text.splitlines():
            if FENCE.match(line):
                in_code = not in_code
            elif not in_code:
                line = LINK.sub(lambda m: self.link(page, m), line)
            lines.append(line)
        if self.extends(page):
            title = next(i for i, line in enumerate(lines) if line.startswith("# "))
            lines[title] = f"# ``{self.names[page]}``"
        return "\n".join(lines) + "\n"


def group(title, names):
    return f"### {title}\n\n" + "".join(f"- {name}\n" for name in names) + "\n" if names else ""


def layer_groups(types):
    """A group of links per folder of layers."""
    base = os.path.join(ROOT, "Sources/Protean/Layers")
    groups = ""
    for family in sorted(os.listdir(base)):
        folder = os.path.join(base, family)
        if os.path.isdir(folder):
            stems = sorted(f[:-6] for f in os.listdir(folder) if f.endswith(".swift"))
            names = [f"``{s}``" for s in stems if s in types]
            groups += group(f"Layers: {family.lower()}", names)
    return groups


def write_pages(output, types):
    """Pages and their pictures, and links to them on the module's first page."""
    converter = Converter(types)
    for page, name in converter.names.items():
        kind = "extensions" if converter.extends(page) else "articles"
        os.makedirs(os.path.join(output, kind), exist_ok=True)
        with open(os.path.join(output, kind, name + ".md"), "w", encoding="utf-8") as file:
            file.write(converter.convert(page))
    shutil.copytree(os.path.join(PAGES, "Images"), os.path.join(output, "Resources"))

    articles = [p for p in converter.names if not converter.extends(p)]
    users = [f"{name}.md" for name in USERS]
    first = [p for p in users if p in articles]
    rest = [p for p in articles if p not in users]
    links = lambda chosen: [f"<doc:{converter.names[p]}>" for p in chosen]
    with open(os.path.join(output, "Protean.md"), "a", encoding="utf-8") as file:
        file.write("\n" + group("Guides", links(first)) + layer_groups(types))
        file.write(group("How it is built", links(rest)))


def qualify_links(path, types):
    """Links from doc comments of another module to Protean's types, which name the module for DocC."""
    graph = json.loads(read(path))
    for symbol in graph["symbols"]:
        for line in symbol.get("docComment", {}).get("lines", []):
            line["text"] = re.sub(
                r"``(\w+)([^`]*)``",
                lambda m: f"``/Protean/{m[1]}{m[2]}``" if m[1] in types else m[0], line["text"])
    with open(path, "w", encoding="utf-8") as file:
        json.dump(graph, file)


def main(graphs, output):
    types = top_level_types(os.path.join(graphs, "Protean"), "Protean")
    for module in ["Protean", "ProteanModels", "ProteanImage"]:
        target = os.path.join(output, module + ".docc")
        shutil.copytree(os.path.join(ROOT, "Sources", module, "Documentation.docc"), target)
        if module == "Protean":
            write_pages(target, types)
            continue
        own = top_level_types(os.path.join(graphs, module), module)
        folder = os.path.join(graphs, module)
        for name in os.listdir(folder):
            qualify_links(os.path.join(folder, name), types - own)


if __name__ == "__main__":
    main(*sys.argv[1:])
