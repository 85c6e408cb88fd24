"""A lesson taken apart: what its header asks for, its sections, and the blocks of text in its cells."""

import collections
import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
CHECK = "nbval-check-output"
QUESTION = "**Predict before you "  # run, move the sliders, ...
FOLDED = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
STOP = re.compile(r"[.!?][\")*]*\s+(?=[A-Z0-9*$\"(`])")
NO_STOP = re.compile(r"(\bal|\be\.g|\bi\.e|\bvs|(^|[\s(])[A-Z])\.$")  # abbreviations and initials

Needs = collections.namedtuple("Needs", "needed helpful")
Block = collections.namedtuple("Block", "kind text")
Section = collections.namedtuple("Section", "title cells blocks")  # code cells, and blocks of text
HEADER = "Header"  # the section before the first heading, with the cells that set up the lesson


def lessons():
    """The paths of the notebooks that are lessons, in their order."""
    return sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))


def read(path):
    return nbformat.read(path, as_version=4)


def title(notebook):
    """The title of a lesson as its first line has it, such as "08 · Zero-shot super-resolution"."""
    return notebook.cells[0].source.splitlines()[0].removeprefix("# ")


def needs(notebook):
    """The numbers of the lessons that this one needs, and of those that help, from its "Before you start".

    A sentence that names a lesson needs it, unless it says "help" or "helps".
    """
    before = notebook.cells[0].source.partition("**Before you start.**")[2].partition("**Time.**")[0]
    needed, helpful = set(), set()
    for sentence in sentences(before):
        (helpful if re.search(r"\bhelps?\b", sentence) else needed).update(re.findall(r"\b\d\d\b", sentence))
    return Needs(sorted(needed), sorted(helpful - needed))


def sentences(text):
    """The sentences of a paragraph, each with the signs that end it."""
    text = " ".join(text.split())
    found, start = [], 0
    for stop in STOP.finditer(text):
        if not NO_STOP.search(text[start : stop.start() + 1]):
            found.append(text[start : stop.end()].rstrip())
            start = stop.end()
    return [*found, text[start:]] if text[start:] else found


def blocks(text):
    """The blocks of a cell of text, in their order.

    Their kinds are heading, paragraph, question (what to predict), list, table, formula, code, and folded (an
    answer or a solution: its text begins with its summary, on a line of its own).
    """
    found = []
    for index, part in enumerate(FOLDED.split(text)):
        if index % 3 == 0:
            found += plain_blocks(part)
        elif index % 3 == 1:
            summary = part.strip()
        else:
            found.append(Block("folded", f"{summary}\n{part.strip()}"))
    return found


def plain_blocks(text):
    """The blocks of a text in which nothing is folded."""
    lines = collections.defaultdict(list)  # by number of the block
    number, kind = 0, None
    for line in text.splitlines():
        if kind == "code" or (kind == "formula" and not opens_and_ends(lines[number])):
            lines[number].append(line)  # until its fence, a blank line is one of it
            if line.startswith("```"):
                kind = None
            continue
        new = kind_of(line, kind)
        if new != kind or new == "heading":
            number += 1
        kind = new
        if new:
            lines[number].append(line)
    return [Block(kind_of_block(part), "\n".join(part)) for part in lines.values() if part]


def opens_and_ends(lines):
    return "\n".join(lines).count("$$") >= 2


def kind_of(line, before):
    """The kind of a line; a line without a sign of its own goes on with the paragraph or list before it."""
    signs = {"#": "heading", "```": "code", "|": "table", "$$": "formula"}
    for sign, kind in signs.items():
        if line.startswith(sign):
            return kind
    if re.match(r"(- |\* |\d+\. )", line):
        return "list"
    if not line.strip():
        return None
    return before if before in ("paragraph", "list") else "paragraph"


def kind_of_block(lines):
    first = kind_of(lines[0], None)
    return "question" if first == "paragraph" and lines[0].startswith(QUESTION) else first


def items(text):
    """The items of a list, each with its sign."""
    return re.split(r"\n(?=- |\* |\d+\. )", text)


def sections(notebook):
    """The sections of a lesson, each with its code cells and its blocks of text; the header comes first.

    A heading within a cell of text begins a section as well.
    """
    found = [Section(HEADER, [], [])]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found[-1].cells.append(cell)
            continue
        for block in blocks(cell.source):
            if block.kind == "heading" and block.text.startswith("## "):
                found.append(Section(block.text.removeprefix("## "), [], []))
            found[-1].blocks.append(block)
    return found
