"""Pages that scripts make are up to date: the tables of what was measured, and the list of papers."""

import re
import sys

import build
import pytest

sys.path.insert(0, str(build.ROOT / "benchmarks"))
sys.path.insert(0, str(build.ROOT / "docs"))

import pages
import references
from pages import RESULTS

PAGES = sorted(RESULTS.glob("*.md"))
FRONT = (RESULTS.parent / "RESULTS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_what_its_rows_make_of_it(path):
    text = path.read_text(encoding="utf-8")
    assert pages.with_tables(text, pages.read_rows) == text, "run `python benchmarks/pages.py`"
    # A table that has no marker has no rows, no device and no date.
    assert len(re.findall(r"^\| ---", text, re.MULTILINE)) == len(pages.MARKER.findall(text))


def test_every_file_of_rows_is_on_one_page_with_device_and_date():
    marked = [found for path in PAGES for found in pages.MARKER.findall(path.read_text(encoding="utf-8"))]
    assert sorted(name for _, name, _ in marked) == sorted(path.name for path in RESULTS.glob("*.csv"))
    for _, name, measured in marked:
        assert re.search(r"; (\d{4}-\d\d-\d\d|November 2026)$", measured), f"{name} has no date: {measured}"


def test_the_front_page_leads_to_every_page():
    for path in PAGES:
        assert f"(results/{path.name})" in FRONT


def test_a_table_joins_ranges_and_marks_the_best():
    text = 'method,dB,"dB, least","dB, most",bold\nTV,25.1,24.9,25.3,dB\nnetwork,24.0,,,\n'
    rows = ["| method | dB |", "| --- | --- |", "| TV | **25.1** (24.9 to 25.3) |", "| network | 24.0 |"]
    assert pages.table(text) == "\n".join(rows) + "\n"


def test_the_references_are_those_of_the_lessons():
    made = references.page()
    assert references.PAGE.read_text(encoding="utf-8") == made, "run `python docs/references.py`"
    lines = made.splitlines()[len(references.HEAD.splitlines()) :]
    assert len(lines) > 100 and all(re.search(r"\b(19|20)\d\d\. \[Lesson \d\d\]", line) for line in lines)


def test_papers_of_one_line_are_told_apart():
    line = "A. One, [*First*](x), ICML 2022, and [*Second: More*](y), 2023; B. Two, *Third*, 2024: the end."
    assert references.apart(line) == [
        "A. One, [*First*](x), ICML 2022: the end.",
        "A. One, [*Second: More*](y), 2023: the end.",
        "B. Two, *Third*, 2024: the end.",
    ]


@pytest.mark.parametrize("path", sorted(build.PROBLEM_SETS.glob("ps*.py")), ids=lambda path: path.stem)
def test_the_rubric_has_the_lines_of_the_set_and_marks_that_add_up(path):
    question = re.sub(r"^# ?", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    question = question.partition("## Open question")[2].partition("### BEGIN SOLUTION")[0]
    lines = re.findall(r"^\| 1 \| (.+) \|$", question, re.MULTILINE)
    rubric = (build.ROOT / "teaching" / "rubrics" / f"{path.stem[:4]}.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| (.+?) \| .+ \| .+ \| .+ \|$", rubric, re.MULTILINE)[2:]
    assert lines and not set(lines) ^ set(shown)
    answers = re.findall(
        r"^## [\w ]+ answer: ([\d.]+) of (\d)$(.*?)(?=^## |\Z)", rubric, re.DOTALL | re.MULTILINE
    )
    assert len(answers) == 2
    for total, points, answer in answers:
        marks = [float(mark) for mark in re.findall(r"^\| ([\d.]+) \|", answer, re.MULTILINE)]
        assert len(marks) == int(points) == len(lines) and sum(marks) == float(total)
        assert set(marks) <= {1, 0.75, 0.5, 0}
