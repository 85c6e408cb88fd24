"""What the checks of every problem set do with the answers of its bank: right ones in many forms earn full
points, wrong ones are refused, each with its own diagnosis.

The banks stand in the files of the sets, beside the tests that one set alone needs. Problem set 01 has its
own file for all of it.
"""

import contextlib
import importlib
import math
import types

import build
import nbformat
import numpy as np
import pytest
import torch

from dil_course.checks import compare, note_if_stopped, ps01, tasks

BANKS = [
    importlib.import_module(f"test_{number}").BANK for number in [f"ps{number:02}" for number in range(2, 17)]
]
TASKS = [pytest.param(bank, task, id=f"{bank.name[:4]}-{task}") for bank in BANKS for task in bank.right]
each_task = pytest.mark.parametrize(("bank", "task"), TASKS)
SETS = [ps01, *(bank.checks for bank in BANKS)]
CHECKS = {
    f"{checks.__name__[-4:]}-{task}": check
    for checks in SETS
    for task, check in vars(checks).items()
    if hasattr(check, "points")
}
RIGHT = [
    (bank, task, answer, seed)
    for bank in BANKS
    for task in bank.right
    for answer in bank.right[task]
    for seed in (0, 1, 2357)
]
WRONG = [
    (bank, task, says, seed)
    for bank in BANKS
    for task in bank.wrong
    for says in bank.wrong[task]
    for seed in bank.wrong_seeds
]


def name(case):
    return "-".join((case[0].name[:4], case[1], str(case[3])))


def nonsense():
    return [
        None,
        [],
        {},
        "x",
        math.nan,
        10**400,
        1j,
        object(),
        (None, None),
        ([], []),
        [[1], [1, 2]],
        (object(), [object()]),
        np.array(["a"]),
        np.ma.masked,
        np.ma.masked_array([0.1, 0.2], [True, False]),
        torch.tensor(0.0),
        torch.tensor([]),
        torch.zeros(0, dtype=torch.complex64),
        torch.eye(2).to_sparse(),
        torch.zeros((), device="meta"),
        torch.zeros(2, device="meta"),
        torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.quint8),
    ]


@pytest.fixture
def verdict(capsys):
    """Points and the line of the verdict."""

    def ask(bank, task, answer, seed=0):
        points = getattr(bank.checks, task)(answer, seed=seed)
        lines = capsys.readouterr().out.splitlines()
        return points, next(line for line in lines if line.startswith(("right:", "not yet")))

    return ask


def test_every_problem_set_has_a_bank_and_every_task_its_answers():
    sets = {source.stem for source in build.PROBLEM_SETS.glob("ps*.py")}
    assert {bank.name for bank in BANKS} == sets - {"ps01_inverse_problems"}
    for bank in BANKS:
        notebook = build.convert(build.PROBLEM_SETS / f"{bank.name}.py")
        graded = [
            cell.metadata.nbgrader.grade_id
            for cell in notebook.cells
            if cell.metadata.get("nbgrader", {}).get("grade")
        ]
        assert list(bank.right) == graded[:-1]  # the last one is the open question
        assert [task for task in bank.right if len(bank.right[task]) < 2 or len(bank.wrong[task]) < 6] == []


@pytest.mark.parametrize("case", RIGHT, ids=name)
def test_right_answer_earns_full_points_whatever_its_form(case, verdict):
    bank, task, answer, seed = case
    points, line = verdict(bank, task, answer, seed)
    assert points == getattr(bank.checks, task).points, line


@pytest.mark.parametrize("case", WRONG, ids=name)
def test_wrong_answer_is_refused_with_its_own_diagnosis(case, verdict):
    bank, task, says, seed = case
    points, line = verdict(bank, task, bank.wrong[task][says], seed)
    assert points == bank.points(says), line
    assert says in line
    assert [phrase for phrase in bank.wrong[task] if phrase in line] == [says], (
        "two mistakes get one diagnosis"
    )


@each_task
def test_untouched_exercise_earns_nothing(bank, task, verdict):
    exercise = nbformat.read(build.EXERCISES / bank.name / f"{bank.name}.ipynb", as_version=4)
    cells = {
        cell.metadata.nbgrader.grade_id: cell.source for cell in exercise.cells if "nbgrader" in cell.metadata
    }
    names = {"torch": torch}
    with contextlib.suppress(NotImplementedError):
        exec(cells[f"{task}_answer"], names)
    points, line = verdict(bank, task, names.get(task))
    assert points == 0 and "right" not in line
    assert "there is no answer yet" in line or task == "causes", line


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor", "ignore:Warning. converting a masked element")
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_nonsense_earns_nothing_and_stops_no_check(check):
    assert check(nonsense()) == 0
    for value in nonsense():
        assert (
            check(lambda *inputs, value=value: value)
            == check(lambda *inputs, value=value: (value, value))
            == 0
        )


def test_what_an_answer_sets_in_torch_is_set_back_for_the_checks_after_it():
    def answer(fails):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        if fails:
            raise ValueError

    tasks.call(answer, False)
    with pytest.raises(tasks.Wrong):
        tasks.call(answer, True)
    assert torch.get_default_dtype() == torch.float32 and torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("mine", "library", "exact", "approximate", "difference"),
    [
        (1.0, torch.tensor(1), True, True, "0.0e+00"),
        (np.float32([1, 2]), torch.tensor([1, 2.000001]), False, True, "9.5e-07"),
        ([1 + 1j], torch.tensor([1 - 1j]), False, False, "2.0e+00"),
        (2**60 + 1, torch.tensor(2**60), False, False, "1.0e+00"),
        (torch.tensor(2**63 - 1), -1, False, False, "9.2e+18"),
        (torch.tensor([True]), torch.tensor([False]), False, False, "1.0e+00"),
        (torch.zeros(0), torch.zeros(1), None, False, "shapes differ: (0,) and (1,)"),
    ],
)
def test_comparison_is_of_the_numbers_as_they_are(mine, library, exact, approximate, difference, capsys):
    assert compare("numbers", mine, library) is approximate
    shown = capsys.readouterr().out
    assert difference in shown and (exact is None or f"exact: {exact}" in shown)


def test_a_difference_may_be_as_large_as_the_tolerance_and_no_larger(capsys):
    assert compare("numbers", 1.0, 0.5, tolerance=0.5)
    assert not compare("numbers", 1.0, 1.00002)
    assert not compare("numbers", torch.tensor(1 + 1e-9, dtype=torch.float64), 1.0, tolerance=1e-10)


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("stopped by you at iteration 7", "This run was stopped by you at iteration 7. The lines below"),
        ("interrupted at iteration 7", "This run was interrupted at iteration 7. The lines below"),
        ("finished 9 iterations", ""),
        ("diverged: at iteration 7 the loss is nan. A smaller learning rate may help", ""),
        ("ended at iteration 7: the outputs differ least at iteration 3", ""),
    ],
)
def test_a_check_says_where_a_reader_stopped_its_run(why, said, capsys):
    note_if_stopped(types.SimpleNamespace(why=why))
    shown = capsys.readouterr().out
    assert shown.startswith(said) and bool(shown) == bool(said)
    with pytest.raises(TypeError, match="result: expected what run or watch returns, got None"):
        note_if_stopped(None)


@each_task
def test_same_mistake_again_gets_a_further_hint_and_the_last_one_stays(bank, task, capsys):
    answer = next(iter(bank.wrong[task].values()))
    for _ in range(5):
        getattr(bank.checks, task)(answer)
    hints = [line for line in capsys.readouterr().out.splitlines() if line.startswith("hint")]
    assert len(hints) == 5 and hints[-1] == hints[-2]


@each_task
def test_no_refusal_has_more_hints_than_there_are_names_for(bank, task, monkeypatch):
    given = []
    monkeypatch.setattr(tasks, "_refuse", lambda name, wrong, *points: given.append(wrong))
    for answer in bank.wrong[task].values():
        getattr(bank.checks, task)(answer)
    assert given and [wrong.says for wrong in given if not 1 <= len(wrong.hints) <= 3] == []
