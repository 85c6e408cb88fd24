"""Problem sets: solutions equal their sources, exercises are what nbgrader makes of the solutions, and give
nothing away.
"""

import importlib
import re

import build
import nbformat
import pytest

SETS = sorted(source.stem for source in build.PROBLEM_SETS.glob("ps*.py"))
each_set = pytest.mark.parametrize("name", SETS)


def solution(name):
    return nbformat.read(build.SOLUTIONS / name / f"{name}.ipynb", as_version=4)


def exercise(name):
    return nbformat.read(build.EXERCISES / name / f"{name}.ipynb", as_version=4)


def essence(notebook):
    return [(cell.cell_type, cell.source, cell.id, dict(cell.metadata)) for cell in notebook.cells]


def graded(notebook):
    return [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]


def checks(notebook):
    return [cell for cell in graded(notebook) if not cell.metadata.nbgrader.solution]


def test_every_source_has_its_solution_and_its_exercise():
    assert SETS
    assert sorted(path.stem for path in build.SOLUTIONS.glob("*/*.ipynb")) == SETS, "run: make notebooks"
    assert sorted(path.stem for path in build.EXERCISES.glob("*/*.ipynb")) == SETS, "run: make notebooks"


@each_set
def test_solution_equals_its_source(name):
    assert essence(solution(name)) == essence(build.convert(build.PROBLEM_SETS / f"{name}.py")), (
        "run: make notebooks"
    )


@each_set
def test_exercise_is_what_nbgrader_makes_of_the_solution(name, tmp_path):
    build.generate(name, build.ROOT, tmp_path)
    made = nbformat.read(tmp_path / name / f"{name}.ipynb", as_version=4)
    assert essence(exercise(name)) == essence(made), "run: make notebooks"


@each_set
def test_exercise_gives_nothing_away(name):
    notebook = exercise(name)
    text = nbformat.writes(notebook)
    assert "SOLUTION" not in text and "HIDDEN TESTS" not in text
    assert not any(cell.get("outputs") for cell in notebook.cells)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            assert "NotImplementedError" in cell.source or "YOUR ANSWER HERE" in cell.source, cell.source


@each_set
def test_run_all_goes_on_after_a_cell_that_is_not_solved_yet(name):
    """JupyterLab stops at an error, unless the cell is tagged so; then the checks below would say nothing."""
    stubs = [cell for cell in exercise(name).cells if re.search("^raise NotImplemented", cell.source, re.M)]
    assert stubs and all(cell.metadata.tags == ["raises-exception"] for cell in stubs)


@each_set
def test_every_check_of_the_solution_gives_full_points(name):
    for cell in checks(solution(name)):
        points = cell.metadata.nbgrader.points
        assert (
            "".join(output.get("text", "") for output in cell.outputs).count(
                f"right: {points} of {points} points"
            )
            >= 1
        ), cell.source
        assert float(cell.outputs[-1].data["text/plain"]) == points


@each_set
def test_points_of_a_cell_are_those_of_its_check(name):
    module = importlib.import_module(f"dil_course.checks.{name.split('_')[0]}")
    for cell in checks(solution(name)):
        given = cell.metadata.nbgrader
        assert getattr(module, given.grade_id).points == given.points
        assert f".{given.grade_id}({given.grade_id}" in cell.source
        # Marks are given on other numbers than the student saw. The failing runs are the same for all.
        hidden = re.findall("### BEGIN HIDDEN TESTS\n(.*)\n### END HIDDEN TESTS", cell.source)
        assert hidden == (
            []
            if given.grade_id == "causes"
            else [f"{name[:4]}.{given.grade_id}({given.grade_id}, seed=2357)"]
        )


@each_set
def test_set_has_its_parts(name):
    notebook = solution(name)
    assert 5 <= len(checks(notebook)) <= 8
    assert sum(cell.metadata.nbgrader.points for cell in graded(notebook)) == 20
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    tasks = re.findall(r"^## (?:Task \d+|Open question).*", text, flags=re.MULTILINE)
    assert len(tasks) == len(graded(notebook))
    assert all(re.search(r"\(\d+ points?, \d+ minutes\)", task) for task in tasks), (
        "each task says its points and minutes"
    )
    assert "| points | for |" in text, "the open question has a rubric"
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.get("name") != "stderr", output.text
            if "image/png" in output.get("data", {}):
                assert output.metadata["image/png"]["alt"].strip(), cell.source
