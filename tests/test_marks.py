"""Marks as the gradebook keeps them, and cells as students hand them in: without running a notebook."""

from types import SimpleNamespace

import nbformat
import pytest
from nbgrader.api import Gradebook

from teaching import mark
from teaching.fairness import MendCells


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course with one submission of two tasks: one marked by a check, one by hand."""
    monkeypatch.setenv("PATH", mark.environment()["PATH"])  # nbgrader calls alembic by its name
    with Gradebook(mark.database(tmp_path)) as gradebook:
        gradebook.add_assignment("ps")
        gradebook.add_notebook("ps", "ps")
        gradebook.add_grade_cell("task", "ps", "ps", max_score=3, cell_type="code")
        gradebook.add_grade_cell("open", "ps", "ps", max_score=5, cell_type="markdown")
        gradebook.add_solution_cell("open", "ps", "ps")
        gradebook.add_student("ada")
        gradebook.add_submission("ps", "ada")
    return tmp_path


def give(course, task, **scores):
    with Gradebook(mark.database(course)) as gradebook:
        grade = gradebook.find_grade(task, "ps", "ps", "ada")
        for name, value in scores.items():
            setattr(grade, name, value)
        gradebook.db.commit()


def marks(course, failed=False):
    return mark.grades(course, "ps", "ada", failed)


def test_what_nobody_has_marked_is_empty_and_what_a_check_gave_stands(course):
    give(course, "task", auto_score=2)
    give(course, "open", auto_score=0)  # nbgrader's own zero where it sees no answer
    assert marks(course) == {"task": 2, "open": None}


def test_points_given_by_hand_take_the_place_of_the_checks(course):
    give(course, "task", auto_score=1, manual_score=2.5)
    give(course, "open", manual_score=4)
    assert marks(course) == {"task": 2.5, "open": 4}


def test_extra_credit_counts_with_either_kind_of_points(course):
    give(course, "task", auto_score=1, extra_credit=0.5)
    give(course, "open", manual_score=4, extra_credit=1)
    assert marks(course) == {"task": 1.5, "open": 5}


def test_a_submission_that_cannot_be_marked_has_zero_everywhere(course):
    give(course, "task", auto_score=2)
    assert marks(course, failed=True) == {"task": 0, "open": 0}


def graded_cell(source, name):
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata = {"nbgrader": {"grade_id": name, "grade": True}, "tags": ["skip-execution"]}
    return cell


def test_of_two_cells_of_one_name_the_last_counts_and_tags_are_gone(caplog):
    nb = nbformat.v4.new_notebook()
    nb.cells = [graded_cell("first", "task"), graded_cell("last", "task"), graded_cell("other", "unknown")]
    MendCells()._say_what_changed(nb, {"task": SimpleNamespace(locked=False, source="")})
    assert ["nbgrader" in cell.metadata for cell in nb.cells] == [False, True, False]
    assert all("tags" not in cell.metadata for cell in nb.cells)
    assert "the cell task is there 2 times; the last one counts" in caplog.text
