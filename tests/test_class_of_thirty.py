"""The class on one machine, on a small scale: three students at once, and one whose code fails."""

import pytest

from teaching import class_of_thirty

SMALL = ["--students=3", "--side=32", "--iterations=3", "--together=2", "--seconds=600"]
pytestmark = pytest.mark.slow


def test_three_students_work_at_once_and_are_measured(capsys):
    assert class_of_thirty.main(SMALL) == 0
    alone, together = [
        line.split() for line in capsys.readouterr().out.splitlines() if line.strip()[:1] in ("1", "3")
    ]
    for line, students in ((alone, "1"), (together, "3")):
        assert line[:2] == [students, "0"]
        median, slowest, resident = map(float, line[2:5])
        assert 0 < median <= slowest and resident > 50
        if not line[5].startswith("("):  # Linux tells what kernels share
            assert 0 < float(line[5]) <= resident


FAULTS = {
    "its code raises": ("1 / 0", "ZeroDivisionError: division by zero"),
    "its kernel dies": ("import os; os._exit(1)", "the kernel died"),
    "its run ends early": ("print('[0.1, 2]')", "the run ended at iteration 2"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_one_student_that_fails_is_told_and_the_others_go_on(fault, capsys, monkeypatch):
    code, told = FAULTS[fault]
    ask = class_of_thirty.Student.ask

    async def stumble(student, asked, seconds):
        return await ask(
            student, code if student.number == 1 and asked != class_of_thirty.IMPORTS else asked, seconds
        )

    monkeypatch.setattr(class_of_thirty.Student, "ask", stumble)
    assert class_of_thirty.main(["--students=2", *SMALL[1:]]) == 1
    out = capsys.readouterr().out
    assert f"student 1 of 2: RuntimeError: {told}" in out and "student 0" not in out
