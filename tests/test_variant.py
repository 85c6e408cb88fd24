"""A variant of a problem set: the published causes are wrong in it, its own solution is right."""

import ast
import importlib
import sys

import build
import nbformat
import pytest

sys.path.insert(0, str(build.ROOT / "teaching"))

import variant

from dil_course.checks import tasks

SETS = sorted((build.ROOT / "solutions").glob("ps*/ps*.ipynb"))


@pytest.fixture(autouse=True)
def as_published():
    yield
    tasks.variant(0)


def causes_of(notebook):
    source = next(c.source for c in notebook.cells if "### BEGIN SOLUTION\ncauses = {" in c.source)
    source = source.partition("### BEGIN SOLUTION\ncauses = ")[2]
    return ast.literal_eval(source[: source.index("}") + 1])


@pytest.mark.parametrize("path", SETS, ids=lambda path: path.stem)
def test_own_causes_earn_full_marks_and_published_ones_none(path):
    name = path.stem[:4]
    checks = importlib.import_module(f"dil_course.checks.{name}")
    notebook = nbformat.read(path, as_version=4)
    published = causes_of(notebook)
    assert checks.causes(published) == checks.causes.points
    for number in (1, 2):
        varied = nbformat.read(path, as_version=4)
        variant.vary(varied, name, number)
        assert checks.causes(causes_of(varied)) == checks.causes.points
        assert checks.causes(published) == 0
    hidden = "".join(cell.source for cell in varied.cells)
    assert f"seed={variant.HIDDEN_SEED})" not in hidden and f"seed={variant.HIDDEN_SEED + 2})" in hidden
    code = [cell for cell in varied.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in code)
    graded = [cell for cell in code if cell.metadata.get("nbgrader", {}).get("grade_id") == "causes"]
    assert all("tasks.variant(2)" in cell.source for cell in (code[0], *graded)) and len(graded) == 1


def test_a_letter_shows_the_run_whose_cause_is_asked_for():
    shown = tasks.failing(lambda cause: {"made by": cause}, A="one", B="two", C="three")
    failing_run = shown(lambda letter: None)
    tasks.variant(5)
    right = {letter: failing_run(letter)["made by"] for letter in "ABC"}
    assert sorted(right.values()) == ["one", "three", "two"]
    assert not {"A": "one", "B": "two", "C": "three"}.items() & right.items()
    tasks.choose(right, failing_run, dict.fromkeys(right.values(), ""), {}, points=1)
    says = {"one": ("look at run A",), "two": ("run B",), "three": ("run C",)}
    wrong = right | {"A": right["B"], "B": right["A"]}
    with pytest.raises(tasks.Wrong, match="run [ABC]: |run [ABC] is not"):
        tasks.choose(wrong, failing_run, dict.fromkeys(right.values(), ""), says, points=1)


@pytest.mark.parametrize("number", [-1, 1.0, True, "1"])
def test_a_variant_is_a_whole_number(number):
    with pytest.raises(ValueError, match="whole number"):
        tasks.variant(number)
