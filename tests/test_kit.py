"""The lecturer's kit: the handout, the minutes of every section, and which lesson needs which."""

import csv
import re
import subprocess
import sys

import build
import nbformat
import pytest
import submissions
from PIL import Image

from teaching import graph, handout, outline, times

README = (build.ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kit") / "handout"
    assert handout.write(folder).name == "handout.zip"
    return folder


# The handout


def test_the_handout_has_every_lesson_without_outputs_and_every_problem_set(made):
    for folder in ("notebooks", "exercises"):
        here, there = (
            {path.relative_to(root) for path in (root / folder).rglob("*.ipynb") if path.parts[-2][0] != "."}
            for root in (made, build.ROOT)
        )
        assert here == there
    for path in made.rglob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs") and cell.get("execution_count") is None, path.name


def test_lessons_of_the_handout_are_otherwise_those_of_the_course(made):
    for path in outline.lessons():
        whole, bare = outline.read(path), outline.read(made / "notebooks" / path.name)
        assert [(cell.id, cell.source, cell.metadata) for cell in whole.cells] == [
            (cell.id, cell.source, cell.metadata) for cell in bare.cells
        ]


def test_no_solution_of_a_problem_set_is_in_the_handout(made):
    files = [path for path in made.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".ipynb"}
    for path in files:
        assert "BEGIN SOLUTION" not in path.read_text(encoding="utf-8"), path.name


@pytest.mark.slow
def test_a_problem_set_of_the_handout_is_marked_as_before(made, tmp_path):
    exercise = made / "exercises" / submissions.SET / f"{submissions.SET}.ipynb"
    submissions.hand_in(tmp_path, "untouched", exercise.read_text(encoding="utf-8"))
    solved, solution = (
        nbformat.read(path, as_version=4)
        for path in (exercise, build.SOLUTIONS / submissions.SET / f"{submissions.SET}.ipynb")
    )
    answers = {
        cell.metadata.nbgrader.grade_id: cell.source for cell in solution.cells if "nbgrader" in cell.metadata
    }
    for cell in solved.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = answers[cell.metadata.nbgrader.grade_id]
    submissions.hand_in(tmp_path, "solved", solved)
    command = [sys.executable, build.ROOT / "teaching" / "mark.py", submissions.SET, f"--course={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "marks.csv").open() as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert not submissions.wrong_verdicts(rows["solved"], submissions.POINTS)
    assert not submissions.wrong_verdicts(rows["untouched"], dict.fromkeys(submissions.POINTS, 0))


# Minutes and needs


def test_the_minutes_of_every_section_are_current():
    assert times.PAGE.read_text(encoding="utf-8") == times.page(), "run: python -m teaching.times"


def test_what_was_measured_belongs_to_sections_that_exist():
    sections = {
        (path.stem[:2], section.title)
        for path in outline.lessons()
        for section in outline.sections(outline.read(path))
    }
    assert times.measured() and not times.measured().keys() - sections, (
        "run: python -m teaching.times --measure"
    )


def numbers(text):
    """The numbers of the lessons in a cell such as "01, 03 to 05"."""
    found = set()
    for first, last in re.findall(r"(\d\d)(?: to (\d\d))?", text):
        found |= {f"{number:02}" for number in range(int(first), int(last or first) + 1)}
    return found


@pytest.mark.parametrize("path", outline.lessons(), ids=lambda path: path.stem)
def test_what_a_lesson_needs_is_the_same_in_the_readme_and_in_its_header(path):
    row = re.search(rf"\| \[{path.stem[:2]} .*", README)[0].split("|")
    needed = outline.needs(outline.read(path)).needed
    assert numbers(row[5]) == set(needed), f"{path.stem}: its header needs {needed}"
    assert all(number < path.stem[:2] for number in needed)


@pytest.mark.parametrize(
    "before, needed, helpful",
    [
        ("Lesson 01 (operators) and lesson 03. Lesson 02 helps.", ["01", "03"], ["02"]),
        ("From lesson 01 you need sums, from lesson 04 more.", ["01", "04"], []),
        ("You have trained a small network.", [], []),
    ],
)
def test_needs_are_read_from_the_header(before, needed, helpful):
    header = f"# 05 · A\n\n**Before you start.** {before}\n\n**Time.** About 30 minutes."
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(header)])
    assert outline.needs(notebook) == (needed, helpful)


def test_no_arrow_of_the_graph_passes_a_lesson():
    needs = graph.course()[0]
    spots = graph.places(needs)
    assert len(set(spots.values())) == len(spots)
    for start, end in graph.edges({lesson: need.needed for lesson, need in needs.items()}):
        assert not graph.blocked(spots[start], spots[end], spots.values()), (start, end)
    assert graph.blocked((0, 0), (2, 0), [(1, 0)]) and not graph.blocked((0, 0), (2, 2), [(1, 0)])


def test_the_graph_leaves_out_what_a_longer_path_implies():
    assert graph.edges({"01": [], "02": ["01"], "03": ["01", "02"]}) == [("01", "02"), ("02", "03")]


def test_the_figure_of_what_builds_on_what_is_current_and_described():
    text = graph.description(graph.course()[0])
    with Image.open(graph.FIGURE) as figure:
        assert figure.text["Description"] == text, "run: python -m teaching.graph"
    assert f"![{text}](lessons.png)" in (build.ROOT / "docs" / "syllabus.md").read_text(encoding="utf-8")
