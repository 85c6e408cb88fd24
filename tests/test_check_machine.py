"""What all checks have in common: points within bounds, answers that cannot name their own, hints that follow
the mistake, and nothing that gives the answer away.
"""

import importlib
import math
import re

import build
import numpy as np
import pytest
import torch
from jupyter_client.manager import start_new_kernel

from dil_course.checks import tasks

NUMBERS = sorted(source.name[:4] for source in build.PROBLEM_SETS.glob("ps*.py"))
each_set = pytest.mark.parametrize("number", NUMBERS)
RIGHT = torch.tensor([1.0, 2.0, 4.0, 7.0, 3.0])
HINTS = ("nudge", "pointer", "nearly there")


@tasks.task(points=3)
def five_numbers(answer, seed):
    tasks.match("numbers", tasks.call(answer), RIGHT, {}, HINTS)


@tasks.task(points=3)
def any_pair(answer, seed):
    tasks.parts(tasks.call(answer), "first, second")


def of_a_student(code):
    """What `answer` is after a student's cell, whose frames are not those of this file."""
    names = {"__name__": "__main__", "torch": torch, "np": np, "tasks": tasks}
    exec(code, names)
    return names["answer"]


@pytest.mark.parametrize("earned", [-1, 0, 2, 3, 50])
def test_points_lie_between_zero_and_the_maximum(earned, capsys):
    @tasks.task(points=3)
    def odd(answer, seed):
        raise tasks.Wrong("so it is", earned=earned)

    assert odd(None) == min(max(earned, 0), 3)


def test_points_are_a_number_for_nbgrader_and_a_running_total_on_the_page(capsys, monkeypatch):
    monkeypatch.setattr(tasks, "_worth", {})
    monkeypatch.setattr(tasks, "_earned", {})

    def one(answer, seed):
        if answer < 3:
            raise tasks.Wrong("less", earned=answer)

    def other(answer, seed):
        if not answer:
            raise tasks.Wrong("nothing")

    one, other = tasks.task(points=3)(one), tasks.task(points=2)(other)
    first, second = one(1), other(True)
    assert (repr(first), str(second), first + second) == ("1", "2", 3)
    assert "✗ not yet: 1 of 3 points" in first._repr_html_() and "✓ right" in second._repr_html_()
    assert "1 of 2 tasks, 3 of the 5 checked points" in second._repr_html_()
    assert "0 of 2 points" in other(False)._repr_html_(), "asked again, the last answer counts"
    marked = one(3, seed=2357)
    assert "0 of 2 tasks, 1 of the 5 checked points" in marked._repr_html_(), (
        "marking is not the student's own call"
    )


def test_an_error_in_an_answer_names_its_line(capsys):
    five_numbers(of_a_student("def answer():\n    loss = 1\n    return los"))
    assert "NameError: name 'los' is not defined (in line 3)" in capsys.readouterr().out
    five_numbers(of_a_student("def answer():\n    loss = 1\n    return los"))
    assert "is it a slip of the pen?" in capsys.readouterr().out, "the second hint of this error"


@pytest.mark.parametrize(
    "code",
    [
        "def answer():\n    def inner():\n        return los\n    return inner()",
        "def answer():\n    flat = np.zeros((2, 2))\n    return np.linalg.inv(flat)",
    ],
    ids=["in a function of its own", "in the library"],
)
def test_the_line_that_is_named_is_the_last_one_of_the_students_own(code, capsys):
    five_numbers(of_a_student(code))
    assert "(in line 3)" in capsys.readouterr().out


CELLS = [  # and what a notebook's page shows of each
    ("from dil_course.checks import ps03\nps03.fit(fit)", "`fit` does not exist yet", "NameError"),
    ("def fit(*given):\n    return los", "", None),
    ("ps03.fit(fit)", "name 'los' is not defined (in line 2 of its cell: return los)", None),
    ("fit(1)", "", "NameError"),  # the traceback shows where in `fit`
    ("los", "`los` does not exist yet", "NameError"),
]


def test_a_name_that_is_missing_is_told_in_words():
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        for code, words, error in CELLS:
            shown = []
            reply = client.execute_interactive(code, timeout=120, output_hook=shown.append)["content"]
            text = "".join(message["content"].get("text", "") for message in shown)
            assert bool(words) or "does not exist yet" not in text, text
            assert words in text and (error is None) == (reply["status"] == "ok"), (text, reply)
            assert reply.get("ename") == error
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


RAISERS = {
    "its body": "def answer():\n    raise tasks.Wrong('mine', earned=3)",
    "a generator": "def answer():\n    yield 1\n    raise tasks.Wrong('mine', earned=3)",
    "__array__": """
class Odd:
    def __array__(self, *given, **named):
        raise tasks.Wrong('mine', earned=3)
answer = Odd
""",
    "a check of its own": """
@tasks.failing(print, A='x')
def runs(letter): pass
class Odd:
    def __array__(self, *given, **named):
        tasks.choose({'A': 'x', 'B': 'y'}, runs, ['x'], {}, points=3)
        tasks.match('mine', 1, torch.tensor(2), {}, ())
answer = Odd
""",
    "another error in __array__": """
class Odd:
    def __array__(self, *given, **named):
        raise LookupError
answer = Odd
""",
}


@pytest.mark.parametrize("where", RAISERS)
def test_an_exception_of_the_answers_is_never_taken_for_the_checks(where, capsys):
    assert five_numbers(of_a_student(RAISERS[where])) == 0
    assert "not yet: your" in capsys.readouterr().out


def test_a_dictionary_of_causes_cannot_name_its_own_points(capsys):
    code = """
class Odd(dict):
    def get(self, *given):
        raise tasks.Wrong('mine', earned=3)
    __getitem__ = __contains__ = __len__ = get
class Any(str):
    __hash__ = str.__hash__
    def __eq__(self, other):
        return True
answer = Odd(A=Any('nothing'), B=Any('nothing'))
"""
    for number in NUMBERS:
        checks = importlib.import_module(f"dil_course.checks.{number}")
        assert checks.causes(of_a_student(code)) == 0


@pytest.mark.parametrize(
    "given",
    [
        [torch.tensor(v, requires_grad=True) for v in RIGHT.tolist()],
        tuple(RIGHT.tolist()),
        RIGHT.numpy(),
        RIGHT[:, None].requires_grad_(),
        [np.float32(v) for v in RIGHT.tolist()],
        list(RIGHT[:, None]),
        [[v] for v in RIGHT.unbind()],
        RIGHT.to(torch.complex64).conj(),
        [v.conj() for v in RIGHT * (1 + 0j)],
        [int(v) for v in RIGHT],
        [torch.tensor(v, dtype=torch.float64) if v > 2 else v for v in RIGHT.tolist()],
    ],
)
def test_numbers_are_taken_in_any_form(given, capsys):
    assert five_numbers(lambda: given) == 3
    assert five_numbers(lambda: (value for value in given)) == 3, "a generator"


def test_parts_are_taken_in_any_form(capsys):
    for pair in ((1, 2), [1, 2], np.stack([[1.0], [2.0]]), torch.ones(2, 3), iter([1, 2])):
        assert any_pair(lambda pair=pair: pair) == 3
    for pair in (1, (1,), (1, 2, 3), torch.ones(3), torch.tensor(2), np.float64(2), "ab"):
        assert any_pair(lambda pair=pair: pair) == 0
        assert "(first, second)" in capsys.readouterr().out


def test_two_unknown_mistakes_both_begin_with_the_first_hint(capsys):
    def hint(numbers):
        five_numbers(lambda: numbers)
        return re.search(r"hint (\d) of", capsys.readouterr().out).group(1)

    one, two = [9.0, 1.0, 4.0, 4.0, 0.0], [5.0, 5.0, 0.0, 1.0, 1.0]
    assert [hint(one), hint(one), hint(two), hint(two), hint(one), hint(one)] == list("121233")


def test_an_answer_that_draws_with_numpy_gets_the_same_verdict_again(capsys):
    answer = of_a_student("import random\ndef answer():\n    return [np.random.rand(), random.random()]")
    seen = []

    @tasks.task(points=1)
    def look(answer, seed):
        seen.append(tasks.call(answer))

    before = np.random.get_state()[1].tolist()
    look(answer), look(answer), look(answer, seed=5)
    assert seen[0] == seen[1] != seen[2] and np.random.get_state()[1].tolist() == before


def said(given, right, tolerance=1e-4):
    with pytest.raises(tasks.Wrong) as wrong:
        tasks.match("it", given, right, {}, HINTS, tolerance)
    assert len(wrong.value.hints) == 3
    return wrong.value.says


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_patterns_of_images_are_told_of_images():
    x, y = noise(1, 1, 9, 12), noise(1, 1, 9, 12, seed=1)
    inside = y.clone()
    inside[..., 1:-1, 1:-1] = x[..., 1:-1, 1:-1]
    columns = y.clone()
    columns[..., 2:-2] = x[..., 2:-2]
    assert "shifted: by 1 down and 0 to the right" in said(x.roll(1, -2), x)
    assert "right inside" in said(inside, x) and "right inside" in said(columns, x)
    assert "shifted: by -3 down and 5 to the right" in said(x.roll((-3, 5), (-2, -1)), x)
    assert "shifted: by 1 down and 2 to the right" in said(x[0, 0].roll((1, 2), (-2, -1)), x[0, 0])
    assert "clipped" in said(x.clamp(0, 1), x) and "below zero" in said(x.relu(), x)
    assert "lost its signs" in said(x.abs(), x)
    three = noise(1, 3, 9, 12)
    assert "first channel only" in said(three[:, :1].expand_as(three), three)
    assert "same in all channels" in said(three.mean(1, keepdim=True).expand_as(three), three)
    assert "upside down" in said(x.flip(-2), x) and "turned by 180" in said(x.flip(-1, -2), x)
    assert "rows and columns" in said(x[..., :9].mT, x[..., :9])


@pytest.mark.parametrize("seed", range(5))
def test_no_pattern_is_told_where_it_can_be_chance(seed):
    """A map with 0 in its middle, a vector of three numbers, a map that is nearly constant."""
    x, y = noise(7, 7, seed=seed), noise(7, 7, seed=seed + 100)
    x[3, 3] = y[3, 3] = 0
    flat, marked = torch.ones(1, 1, 9, 9), torch.zeros(1, 1, 9, 9)
    flat[..., 0, 0] = marked[..., 0, 3] = 2
    edge = flat.clone()
    edge[..., 0, 5] = 7
    three = noise(3, seed=seed)
    other = three.clone()
    other[0], other[2] = 5, 8
    for given, right in (
        (y, x),
        (other, three),
        (three.roll(1), three),
        (edge, flat),
        (marked, marked.roll(1, -1)),
    ):
        assert said(given, right) == "your numbers are others than asked for"


@pytest.mark.parametrize(
    ("given", "right", "says"),
    [
        (2.0, 1.0, "2 times"),
        (0.5, 1.0, "1/2 of"),
        (-3.0, 3.0, "opposite sign"),
        (30.0, 3.0, "10 times"),
        (9.0, 3.0, "3 times"),
        (49.0, 7.0, "square of"),
        (7**0.5, 7.0, "square root of"),
        (math.log(7), math.log10(7), "another base"),
        (math.log2(7), math.log(7), "another base"),
        (0.0, 3.0, "zero"),
        (25.6, 25.0, "others"),
        (1.0239, 1.0, "others"),
        (12.3, 0.0, "others"),
        (RIGHT, RIGHT.mean(), "the mean of the 5"),
        (RIGHT, RIGHT.sum(), "the sum of the 5"),
        (1.37 * RIGHT, RIGHT, "1.37 times"),
        (RIGHT + 2, RIGHT, "constant"),
        (RIGHT**2, RIGHT, "square of"),
        (-RIGHT, RIGHT, "opposite sign"),
        (RIGHT.flip(0), RIGHT, "others"),
        (torch.arange(6).reshape(3, 2), torch.arange(6).reshape(2, 3), "the numbers are right"),
        ([3.0, 3.0], [1.0, 2.0], "others"),
    ],
)
def test_simple_relations_are_told_and_no_others(given, right, says):
    assert says in said(given, torch.as_tensor(right, dtype=torch.float64))


def used(number):
    """The names of a problem set's module that its text uses."""
    (source,) = build.PROBLEM_SETS.glob(f"{number}*.py")
    return set(re.findall(rf"\b{number}\.(\w+)", source.read_text()))


@each_set
def test_a_module_shows_what_its_problem_set_uses_and_nothing_else(number):
    checks = importlib.import_module(f"dil_course.checks.{number}")
    assert {name for name in dir(checks) if not name.startswith("_")} == used(number)
    own = {
        name for name, value in vars(checks).items() if getattr(value, "__module__", None) == checks.__name__
    }
    assert {name for name in own if not name.startswith("_")} <= used(number), "helpers have an underscore"


@each_set
def test_no_name_of_a_module_is_the_key_of_its_runs(number):
    checks = importlib.import_module(f"dil_course.checks.{number}")
    key = tasks._causes[checks.failing_run]
    for name, value in vars(checks).items():
        assert not (isinstance(value, dict) and set(value) == set(key)), name
    with pytest.raises(ValueError, match="one of the letters A, B"):
        checks.failing_run("Z")


@each_set
def test_unanswered_causes_are_told_so(number, capsys):
    checks = importlib.import_module(f"dil_course.checks.{number}")
    (source,) = build.PROBLEM_SETS.glob(f"{number}*.py")
    cell = re.search(r'"causes_answer"\}\n(.*?)### BEGIN SOLUTION', source.read_text(), flags=re.DOTALL)
    names = {}
    exec(cell.group(1), names)
    assert checks.causes(names["causes"]) == 0
    assert "there is no answer yet" in capsys.readouterr().out
