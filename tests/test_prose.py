"""How lessons and problem sets are written: length of sentences, words that are ruled out, predictions with
an answer, exercises with a solution.

    python tests/test_prose.py sources/lessons/01_*.py    what the lint counts and finds in these files
"""

import re
import sys
from pathlib import Path

import jupytext
import pytest

SOURCES = Path(__file__).resolve().parents[1] / "sources"
LESSONS = sorted((SOURCES / "lessons").glob("*.py"))
SETS = sorted((SOURCES / "problem_sets").glob("ps*.py"))

SHORTEST_MEAN = 14  # words a sentence: less is a staccato
MOST_OBSERVE = 2  # of "We observe" at a sentence's start, and of "we observe that"
RULED_OUT = {
    "picture of numbers": r"pictures? of numbers",
    "waves (say frequencies)": r"(?<!sine )(?<!cosine )(?<!plane )waves",
    "told": r"told",
    "believes": r"believes",
    "mend": r"mend(s|ed|ing)?",
    "price (say cost)": r"prices?",
    "by heart": r"by heart",
    "foreign": r"foreign",
    "for nothing": r"for nothing",
    "without sense": r"without sense",
    "alike before a noun": r"alike (?!in|to|for|and|or|as|but|on|at|by|with|from|under|over)[a-z]+",
}
# After these a full stop ends no sentence.
ABBREVIATIONS = re.compile(
    r"(e\.g|i\.e|cf|vs|al|etc|approx|resp|Figs?|Eqs?|Sec|Ch|Nos?|Vol|pp|Proc|Trans|Conf|Int|St|Dr|Prof)"
    r"|[A-Z](\.-?[A-Z])*"  # initials
)
LIST_ITEM = re.compile(r"(?:[-*+]|\d+[.)])\s+")


def cells_of(path):
    """The cells of a source, as (kind, text)."""
    return [(cell.cell_type, cell.source) for cell in jupytext.read(path, fmt="py:percent").cells]


def plain(text):
    """Markdown without code blocks, tags and links; a formula or a piece of code is one word."""
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<summary>.*?</summary>", "\n\n", text, flags=re.DOTALL)
    text = re.sub(r"</?details[^>]*>", "\n\n", text)
    text = re.sub(r"<[a-zA-Z/!][^>]*>", "", text)
    text = re.sub(r"!\[[^]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\s*\$\$(.*?)\$\$[ ,;]*(\s*[a-z])?", in_line, text, flags=re.DOTALL)
    text = re.sub(r"\$[^$\n]+(\n[^$\n]+)?\$", "Formula", text)
    return re.sub(r"`[^`\n]+`", "Code", text)


def in_line(found):
    """A displayed formula as one word of its sentence, which goes on where a small letter follows."""
    formula, after = found[1].rstrip(), (found[2] or "").strip()
    if after and not formula.endswith("."):
        return f" Formula {after}"
    return f" Formula.\n\n{after}"


def blocks(text):
    """Paragraphs and items of lists, as (text, whether it is an item), without headings and tables."""
    for paragraph in re.split(r"\n\s*\n", plain(text)):
        lines, item = [], False
        for line in paragraph.splitlines():
            line = line.strip().removeprefix("> ")
            if line.startswith(("#", "|", "---")):
                continue
            if marker := LIST_ITEM.match(line):
                yield " ".join(lines), item
                lines, item = [line[marker.end() :]], True
            else:
                lines.append(line)
        yield " ".join(lines), item


def sentences(text):
    """The sentences of a text in Markdown.

    Items of lists count where they are sentences, from a capital letter to a full stop; a bold lead such as
    "**Time.**" is a heading and does not.
    """
    found = []
    for block, item in blocks(text):
        block = re.sub(r"^\*\*[^*]{1,60}([.:?]\*\*|\*\*[.:]|\*\*$)", "", block.strip())
        block = re.sub(r"[*_]{1,3}(?=\S)|(?<=\S)\*{1,3}", "", block).strip()
        if item and not (re.match(r"[\"'(]?[A-Z0-9]", block) and re.search(r"[.!?][\"')]*$", block)):
            continue
        pieces = []
        for piece in re.split(r"(?<=[.!?])(?:[\"')\]]*)\s+(?=[\"'(\[]*[A-Z0-9])", block):
            if pieces and ends_in_an_abbreviation(pieces[-1]):
                pieces[-1] += " " + piece
            else:
                pieces.append(piece)
        found += [piece for piece in pieces if words(piece)]
    return found


def ends_in_an_abbreviation(text):
    last = re.search(r"(?:^|[\s(])([\w.]+)\.$", text)
    return bool(last) and bool(ABBREVIATIONS.fullmatch(last[1]))


def words(sentence):
    return [word for word in sentence.split() if re.search(r"\w", word)]


def mean_length(cells):
    """Words a sentence over all text of a notebook."""
    lengths = [
        len(words(sentence)) for kind, text in cells if kind == "markdown" for sentence in sentences(text)
    ]
    return sum(lengths) / max(len(lengths), 1), len(lengths)


def faults_of_words(cells):
    """What the prose rules forbid, with a few words around it."""
    mean, count = mean_length(cells)
    faults = []
    if mean < SHORTEST_MEAN:
        faults.append(f"{mean:.1f} words a sentence ({count} sentences): {SHORTEST_MEAN} or more are wanted")
    texts = [plain(text) for kind, text in cells if kind == "markdown"]
    observe = sum(len(re.findall(r"\bWe observe\b|\bwe observe that\b", text)) for text in texts)
    if observe > MOST_OBSERVE:
        faults.append(f"'We observe' {observe} times: at most {MOST_OBSERVE}")
    for name, pattern in RULED_OUT.items():
        for text in texts:
            text = " ".join(text.split())
            for found in re.finditer(rf"\b({pattern})\b", text, flags=re.IGNORECASE):
                around = text[max(0, found.start() - 30) : found.end() + 30]
                faults.append(f"ruled out, {name}: ...{around}...")
    for kind, text in cells:
        for sentence in sentences(text) if kind == "markdown" else ():
            if re.match(r"Who\b.*\.$", sentence):
                faults.append(f"ruled out, 'Who ... does ...': {sentence}")
    return faults


def faults_of_predictions(cells):
    """Predictions without a folded answer below the run that follows them."""
    faults, waiting, ran = [], None, False
    for kind, text in cells:
        ran = ran or kind == "code"
        if kind == "code":
            continue
        head, *rest = re.split(r"(?=\*\*Predict)|(?=^## )", text, flags=re.MULTILINE)
        for part in (head, *rest):
            if part.startswith(("**Predict", "## ")):
                faults += [waiting] if waiting else []
                waiting = part.partition("\n")[0] if part.startswith("**Predict") else None
                ran = False
            elif ran and re.search(r"<details>\s*<summary>", part):
                waiting = None
    return [f"no folded answer after: {line}" for line in [*faults, waiting] if line]


def faults_of_exercises(cells):
    """Fewer than three exercises with folded solutions under `## Exercises`."""
    text = "\n\n".join(text for kind, text in cells if kind == "markdown")
    section = re.search(r"^## Exercises\n(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE)
    solved = len(re.findall(r"<details>\s*<summary>", section[1])) if section else 0
    return [] if solved >= 3 else [f"{solved} folded solutions under '## Exercises': three are wanted"]


def faults(path):
    cells = cells_of(path)
    found = faults_of_words(cells)
    return (
        found
        if not path.stem[0].isdigit()  # a problem set, or the playground
        else found + faults_of_predictions(cells) + faults_of_exercises(cells)
    )


@pytest.mark.parametrize("path", [*LESSONS, *SETS], ids=lambda path: path.stem)
def test_prose_obeys_the_rules_of_the_course(path):
    found = faults(path)
    assert not found, f"python tests/test_prose.py {path.relative_to(SOURCES.parent)}\n" + "\n".join(found)


# The lint itself, on planted texts


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("One two three. Four five!  Six?", [3, 2, 1]),
        ("This, e.g. The Netherlands, i.e. Holland, is one (cf. Fig. 3), see D. Ulyanov et al. 2018.", [17]),
        ("The value is 0.5 dB. 3 of them are.", [5, 4]),
        ("We take\n\n$$ x = 1 + 2 , $$\n\nwhere $x$ is the\nimage. Then stop.", [8, 2]),
        ("We take\n\n$$ x = 1 . $$\n\nThen we stop.", [3, 3]),
        ("It holds `run(a, b)`. $x + 1$ is **bold. Here** too.", [3, 3, 2]),
        ("## A heading. Of two\n\n**Time.** Two minutes here.", [3]),
        ("**What you will be able to do**\n- build it;", []),
        ("**What breaks it:** too few\nwords.", [3]),
        ("1. A sentence in a list.\n2. Another one. And a third.\n- a fragment;\n- No stop", [5, 2, 3]),
        ("| a | table. |\n|---|---|\n\n```\ncode. Code.\n```\nAfter that. ", [2]),
        ("<details><summary>Answer</summary>\n\nIt rises. It falls.\n\n</details>", [2, 2]),
        ("See [the paper of 2018](https://a.b/c.d), with ![alt. Text](x.png) a picture.", [8]),
        ('He said "it works." Then it broke.', [4, 3]),
    ],
)
def test_sentences_are_counted_as_a_reader_would(text, lengths):
    assert [len(words(sentence)) for sentence in sentences(text)] == lengths, sentences(text)


def markdown(text):
    return [("markdown", text)]


LONG = (
    "The network fits the smooth parts of the image first, because its architecture passes them on with ease."
)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("It learns. It stops. It is done.", "2.3 words a sentence (3 sentences)"),
        (f"We observe {LONG} We observe {LONG} Here we observe that {LONG}", "'We observe' 3 times"),
        (f"{LONG} An image is a picture of\nnumbers.", "picture of numbers"),
        (f"{LONG} Fine waves come late in every run of this kind, which is said above.", "waves"),
        (f"{LONG} SURE is told the mean variance in this run, as the formula above demands it.", "told"),
        (f"{LONG} Mending it costs much, which the table above shows for each of the methods.", "mend"),
        (f"{LONG} The two have alike spectra in each of the bands, as the figure above shows.", "alike"),
        (f"{LONG} Who averages over many steps gains a decibel in each of the runs above.", "'Who ... does"),
        (f"- a fragment at a foreign place\n\n{LONG}", "foreign"),
    ],
)
def test_planted_faults_are_found(text, fault):
    assert any(fault in found for found in faults_of_words(markdown(text))), faults_of_words(markdown(text))


def test_good_prose_passes():
    text = (
        f"We observe {LONG} We observe {LONG} In it `told` and `price` are code, and a sine wave or two sine "
        "waves, recommended, are fine, as they are alike in size. Who would have thought so, after all that "
        "was said of the network, its noise, and its input in the lesson above?"
    )
    assert not faults_of_words(markdown(text))


ANSWER = "<details><summary>Answer</summary>\n\nIt rises.\n\n</details>"


@pytest.mark.parametrize(
    ("cells", "count"),
    [
        (["m **Predict before you run.** Up?", "c run()", f"m {ANSWER}"], 0),
        (["m **Predict before you run.** Up?", "c run()", "m More.", "c", f"m Look. {ANSWER}"], 0),
        (["m **Predict before you run.** Up?", "c run()", "m It rises."], 1),
        (["m **Predict before you run.** Up? " + ANSWER, "c run()"], 1),
        (["m **Predict:** Up?", "c run()", f"m **Predict:** Down?\n\n{ANSWER}", "c", f"m {ANSWER}"], 1),
        (["m **Predict.** Up?", "c run()", f"m ## 2. Next\n\n{ANSWER}"], 1),
        (["m No question.", f"m {ANSWER}"], 0),
    ],
)
def test_a_prediction_wants_a_folded_answer_below_its_run(cells, count):
    kinds = {"m": "markdown", "c": "code"}
    cells = [(kinds[cell[0]], cell[2:]) for cell in cells]
    assert len(faults_of_predictions(cells)) == count


@pytest.mark.parametrize(("solved", "heading", "good"), [(3, "Exercises", True), (2, "Exercises", False)])
def test_three_exercises_with_folded_solutions(solved, heading, good):
    one = "<details><summary>Solution</summary>\n\nDo it.\n\n</details>"
    cells = [
        *markdown(f"## {heading}\n\n1. Try it.\n\n{one}"),
        *(markdown(one) * (solved - 1)),
        *markdown(f"## Summary\n\n{one}"),
    ]
    assert bool(faults_of_exercises(cells)) != good
    assert faults_of_exercises(markdown(f"## Questions\n\n{one * 3}"))


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        mean, count = mean_length(cells_of(path))
        path = path.resolve()
        found = faults(path)
        print(f"{path.stem}: {count} sentences, {mean:.1f} words each on average; {len(found)} faults")
        print(*(f"  {fault}" for fault in found), sep="\n")
