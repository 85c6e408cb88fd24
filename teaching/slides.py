"""Slides of the lessons, made from their notebooks: build/slides/NN_topic.html, for reveal.js.

    python -m teaching.slides           every lesson
    python -m teaching.slides 03 08     only these

No slide is written: a rule chooses from what the lesson has. Everything that is not shown stands in the
speaker's notes (key S), with the minutes planned and with what students usually answer.

  "## ..." begins a slide; everything until the next one is a slide below it, in the order of the lesson
  text shows the first sentence of a section, those with a **term**, what leads to a formula, a list or a
      table, and these; of each item of a list the first sentence
  a question ("Predict before you run") is a slide of its own; its folded answer is in its notes, and its
      first sentence comes with the next click under the figure or the table that decides it
  code is shown if it defines a function or a class and draws nothing; a figure, a film and what is printed
      are slides of their own, without their code
  a check shows its verdicts
  a cell tagged "slide-skip" is left out, and one tagged "slide-code" shows its code although it draws
"""

import argparse
import ast
import dataclasses
import functools
import html
import math
import re
import shutil
import textwrap
from importlib import resources
from pathlib import Path

import nbformat.v4 as v4
from nbconvert import SlidesExporter
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from teaching import outline
from teaching.outline import Block

DECK = Path(__file__).parent / "deck"
BUILD = outline.ROOT / "build" / "slides"
# Seconds planned for a slide of each kind; planned, not measured.
SECONDS = {"title": 90, "text": 60, "question": 90, "code": 75, "figure": 60, "printed": 45, "check": 20}
# What fits: lines of text of so many characters, and lines of code.
LINES, CHARACTERS = 14, 78
CODE_LINES, CODE_CHARACTERS = 21, 88
KEEP = {"drop_whitespace": False, "replace_whitespace": False, "subsequent_indent": "    "}  # of tables, too
ASIDES = (
    "**Before you start",
    "**Time.",
    "**Papers",
    "**Next.",
    "**Problem set",
    "**What you will be able to do",
)


@dataclasses.dataclass
class Slide:
    """One slide: its kind, its section and title, whether it begins the section, and what it shows.

    `shown` holds texts in markdown, code (nbformat cells) and outputs; `answer` comes with a click.
    """

    kind: str
    section: str
    heading: str
    begins: bool
    shown: list = dataclasses.field(default_factory=list)
    answer: str = ""
    notes: list = dataclasses.field(default_factory=list)

    @property
    def lines(self):
        return sum(height(text) for text in self.shown)


class Deck:
    """The slides of a notebook, by the rule above."""

    def __init__(self, notebook):
        self.slides, self.section, self.heading = [], outline.HEADER, ""
        self.begins, self.opening = True, True
        self.question = None  # that waits for its answer
        for cell in notebook.cells:
            tags = cell.metadata.get("tags", [])
            if "slide-skip" in tags:
                continue
            if cell.cell_type == "code":
                self.add_code(cell, tags)
                continue
            found = outline.blocks(cell.source)
            for block, following in zip(found, [*found[1:], Block(None, "")], strict=True):
                self.add_text(block, following.kind)

    def new(self, kind, *shown):
        self.slides.append(Slide(kind, self.section, self.heading, self.begins, list(shown)))
        self.begins = False
        return self.slides[-1]

    def add_text(self, block, following):
        if block.kind == "heading":
            self.heading = block.text.lstrip("# ")
            self.opening = True
            if block.text.startswith("## "):
                self.section, self.begins = self.heading, True
            if not self.slides:
                self.new("title")
        elif block.kind == "question":
            self.question = self.new("question", block.text)
        elif block.kind == "folded":
            self.add_folded(*block.text.split("\n", 1))
        else:
            text = shown(block, self.opening, following)
            if text:
                self.put(text, block.kind)
            if text != block.text and self.slides:
                self.slides[-1].notes.append(block.text)
            self.opening = self.opening and block.kind != "paragraph"

    def put(self, text, kind):
        """Put this text on the slide before it if that is open and has room, else on a new one."""
        open_for = {"title": ("paragraph", "list"), "question": ("list", "table", "formula"), "text": (kind,)}
        for piece in pieces(text, kind):
            last = self.slides[-1] if self.slides and not self.begins else None
            fits = last and kind in open_for.get(last.kind, ()) and last.heading == self.heading
            if fits and last.lines + height(piece) <= LINES:
                last.shown.append(piece)
            else:
                self.new("text", piece)

    def add_folded(self, summary, text):
        if summary != "Answer" or not self.question:
            self.slides[-1].notes.append(f"**{summary}.** {text}")
            return
        self.question.notes.append(f"**Answer, and what students usually say.** {text}")
        last = self.slides[-1]
        if last.kind in ("figure", "printed") and not last.answer:
            last.answer = beginning(text)
        else:
            self.new("text", beginning(text))
        self.question = None

    def add_code(self, cell, tags):
        figures, printed = outputs(cell)
        if outline.CHECK in tags:
            verdicts = [line for line in printed.splitlines() if line.endswith((": True", ": False"))]
            self.new("check", "\n".join(f"- {html.escape(line)}" for line in verdicts))
            return
        if (defines(cell.source) and not figures) or "slide-code" in tags:
            for chunk in chunks(cell.source):
                self.new("code", v4.new_code_cell(chunk))
        for chunk in parts(wrapped(printed), CODE_LINES - 3):
            self.new("printed", v4.new_output("stream", text="\n".join(chunk)))
        for figure in figures:
            self.new("figure", figure)


# The rule for text


def shown(block, opening, following):
    """What a slide shows of a block: all of it, some of its sentences, or nothing."""
    if block.kind == "list":
        return "\n".join(beginning_of_item(item) for item in outline.items(block.text))
    if block.kind != "paragraph":
        return block.text
    if block.text.startswith(ASIDES):
        return ""
    found = outline.sentences(block.text)
    kept = [sentence for sentence in found if "**" in sentence]
    if opening:
        kept.append(found[0])
    if is_lead(found[0]):
        kept += found[1:2]
    if following in ("formula", "list", "table"):
        kept.append(found[-1])
    return " ".join(sentence for sentence in found if sentence in kept)


def beginning(text, words=8):
    """The first sentence of a text, and more if these are few words."""
    first = next(block.text for block in outline.blocks(text) if block.kind in ("paragraph", "list"))
    kept = []
    for sentence in outline.sentences(first):
        kept.append(sentence)
        if len(" ".join(kept).split()) >= words and not is_lead(sentence):
            break
    return " ".join(kept)


def is_lead(sentence):
    """Is a sentence no more than the bold words that a paragraph or an item begins with?"""
    return re.fullmatch(r"\*\*[^*]*\*\*", sentence) is not None


def beginning_of_item(item):
    sign, text = re.match(r"(- |\* |\d+\. )(.*)", item, re.DOTALL).groups()
    return sign + beginning(text, words=4)


def height(text):
    """About how many lines a text in markdown takes on a slide."""
    if not isinstance(text, str):
        return 0
    if text.startswith("$$"):
        return 3
    rows = [line for line in text.splitlines() if not re.fullmatch(r"[|\s:-]+", line)]
    return 0.4 + sum(math.ceil(max(1, len(row)) / (CHARACTERS - 18 * row.startswith("|"))) for row in rows)


def pieces(text, kind):
    """A list or a table that is higher than a slide in several, all else as it is."""
    if kind == "list":
        head, rest = [], outline.items(text)
    elif kind == "table":
        lines = text.splitlines()
        head, rest = lines[:2], lines[2:]  # each part has the names of the columns
    else:
        return [text]
    found = [[]]
    for item in rest:
        if found[-1] and height("\n".join([*head, *found[-1], item])) > LINES:
            found.append([])
        found[-1].append(item)
    return ["\n".join([*head, *part]) for part in found]


# The rule for code and what it leaves


def defines(source):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(statement, kinds) for statement in statements(source))


def statements(source):
    return compile(source, "", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT).body


def chunks(source):
    """Code in parts that fit a slide, cut between statements."""
    lines = source.splitlines()
    starts = [
        min([s.lineno, *(d.lineno for d in getattr(s, "decorator_list", []))]) - 1 for s in statements(source)
    ]
    cuts = [0, *starts[1:], len(lines)]
    found = [[]]
    for start, end in zip(cuts, cuts[1:], strict=False):
        part = lines[start:end]
        if found[-1] and len("\n".join([*found[-1], *part]).rstrip().splitlines()) > CODE_LINES:
            found.append([])
        found[-1] += part
    return ["\n".join(part).strip("\n") for part in found]


def wrapped(text):
    """The lines of what was printed, none longer than a slide is wide, and none empty at the ends."""
    lines = text.strip("\n").splitlines()
    return [part for line in lines for part in textwrap.wrap(line, CODE_CHARACTERS, **KEEP) or [""]]


def parts(lines, most):
    """Lines in as few parts of nearly equal length as have at most so many."""
    count = math.ceil(len(lines) / most)
    return [lines[len(lines) * i // count : len(lines) * (i + 1) // count] for i in range(count)]


def outputs(cell):
    """The figures of a cell, as outputs of HTML, and the text that it prints."""
    figures, printed = [], ""
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            alt = html.escape(output.metadata["image/png"]["alt"])
            image = f'<img src="data:image/png;base64,{data["image/png"].strip()}" alt="{alt}">'
            figures.append(v4.new_output("display_data", {"text/html": f'<div class="figure">{image}</div>'}))
        elif "text/html" in data:
            figures.append(v4.new_output("display_data", {"text/html": data["text/html"]}))
        else:
            printed += output.get("text", data.get("text/plain", ""))
    return figures, printed


# From slides to a page


def cells(slide):
    """The cells of a slide as nbconvert's exporter takes them."""
    seconds = SECONDS[slide.kind]
    place = {"slide_type": "slide" if slide.begins else "subslide", "data": {"timing": seconds}}
    level = "#" if slide.kind == "title" else "##"
    found = [v4.new_markdown_cell(f"{level} {slide.heading}", metadata={"slideshow": place})]
    for part in slide.shown:
        if isinstance(part, str):
            found.append(v4.new_markdown_cell(without_links(part)))
        elif part.get("cell_type"):
            found.append(part)
        else:
            found.append(v4.new_code_cell(outputs=[part], metadata={"tags": ["output-only"]}))
    if slide.answer:
        text = f'<div class="caption">\n\n{without_links(slide.answer)}\n\n</div>'
        found.append(v4.new_markdown_cell(text, metadata={"slideshow": {"slide_type": "fragment"}}))
    plan = f"*Planned: {seconds / 60:.2g} minutes.*"
    notes = "\n\n".join([plan, *map(without_links, slide.notes)])
    return [*found, v4.new_markdown_cell(notes, metadata={"slideshow": {"slide_type": "notes"}})]


def without_links(text):
    """A text whose links to other files of the course are plain words: the slides may lie anywhere."""
    return re.sub(r"\[([^]]+)\]\((?!https?:)[^)]*\)", r"\1", text)


@functools.cache
def exporter():
    config = Config()
    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_input_tags = {"output-only"}
    return SlidesExporter(
        config=config,
        extra_template_basedirs=[str(DECK.parent)],
        template_name=DECK.name,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )


def page(notebook):
    """The page of a lesson's slides, as HTML."""
    deck = [cell for slide in Deck(notebook).slides for cell in cells(slide)]
    made = v4.new_notebook(cells=deck, metadata={"language_info": {"name": "python"}})
    return exporter().from_notebook_node(made, {"deck_title": outline.title(notebook)})[0]


def write_assets(folder):
    """Put what the pages load into folder/deck: reveal.js, MathJax, and the styles."""
    folder = folder / "deck"
    shutil.copytree(DECK / "reveal", folder / "reveal", dirs_exist_ok=True)
    shutil.copy(DECK / "slides.css", folder)
    mathjax = resources.files("sphinx-mathjax-offline") / "static" / "mathjax"
    (folder / "mathjax" / "output" / "chtml").mkdir(parents=True, exist_ok=True)
    shutil.copy(mathjax / "tex-chtml.js", folder / "mathjax")
    shutil.copytree(
        mathjax / "output" / "chtml" / "fonts",
        folder / "mathjax" / "output" / "chtml" / "fonts",
        dirs_exist_ok=True,
    )
    light, dark = (
        HtmlFormatter(style=style).get_style_defs(".highlight") for style in ("default", "github-dark")
    )
    (folder / "pygments.css").write_text(f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="NN", help="numbers of lessons; by default all")
    parser.add_argument("--to", type=Path, default=BUILD, metavar="FOLDER", help="by default build/slides")
    asked = parser.parse_args(arguments)
    write_assets(asked.to)
    for path in outline.lessons():
        if not asked.lessons or path.stem[:2] in asked.lessons:
            (asked.to / f"{path.stem}.html").write_text(page(outline.read(path)), encoding="utf-8")
    print(f"slides: {asked.to}")


if __name__ == "__main__":
    main()
