"""Marking by a real `nbgrader autograde`: right, wrong and broken submissions get what they deserve, and a
message.
"""

import csv
import subprocess
import sys
import time

import build
import psutil
import pytest
import submissions

from teaching import mark

MIXED = {"mixed": 0}


@pytest.fixture(scope="module")
def marks(tmp_path_factory):
    """The list of marks by student, of everything handed in at once."""
    course = tmp_path_factory.mktemp("course")
    for name, (make, _, _) in submissions.BROKEN.items():
        submissions.hand_in(course, name, make())
    for name, seed in MIXED.items():
        submissions.hand_in(course, name, submissions.mixed(seed)[0])
    command = [
        sys.executable,
        build.ROOT / "teaching" / "mark.py",
        submissions.SET,
        f"--course={course}",
        "--jobs=2",
    ]
    done = subprocess.run([*command, "--cell-seconds=30", "--seconds=400"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    with (course / "marks.csv").open() as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.mark.slow
@pytest.mark.parametrize("name", submissions.BROKEN)
def test_broken_submission_ends_as_a_fair_mark_and_a_message(name, marks):
    _, deserved, says = submissions.BROKEN[name]
    assert submissions.wrong_verdicts(marks[name], deserved) == {}, marks[name]["remarks"]
    assert [phrase for phrase in says if phrase not in marks[name]["remarks"]] == [], marks[name]["remarks"]


@pytest.mark.slow
@pytest.mark.parametrize("name", MIXED)
def test_mixed_submission_gets_what_each_answer_deserves(name, marks):
    _, deserved = submissions.mixed(MIXED[name])
    assert submissions.wrong_verdicts(marks[name], deserved) == {}


@pytest.mark.slow
def test_open_question_is_left_to_a_person_answered_or_not(marks):
    for name in ("solution", "untouched", "mixed"):
        assert marks[name]["open_question"] == ""
    for name in ("missing_file", "not_a_notebook"):
        assert float(marks[name]["open_question"]) == 0


@pytest.mark.slow
def test_every_verdict_comes_with_its_seconds_and_memory(marks):
    for name, row in marks.items():
        if name not in ("missing_file", "not_a_notebook"):
            assert float(row["seconds"]) > 0 and float(row["MiB"]) > 50, row


# In place of nbgrader: its kernel lives in a session of its own, and outlives it.
LATE = """
import subprocess, sys, time
kernel = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(kernel.pid, flush=True)
time.sleep(600)
"""


def test_submission_that_reaches_the_limit_is_ended_with_its_kernel(tmp_path, monkeypatch):
    monkeypatch.setattr(mark, "nbgrader", lambda *given: [sys.executable, "-c", LATE])
    text, reason, used, _ = mark.autograde(tmp_path, submissions.SET, "late", 3, 1, 2**32)
    assert "took more than 3 s" in reason and 3 <= used < 60
    deadline = time.monotonic() + 20
    while psutil.pid_exists(int(text)) and psutil.Process(int(text)).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "its kernel is still there"
        time.sleep(0.1)


@pytest.mark.parametrize("says", ["ValueError: a grade of 7", "    ValueError: a grade of 7", "MemoryError"])
def test_reason_of_a_failure_is_found_in_the_log(says, tmp_path, monkeypatch):
    monkeypatch.setattr(mark, "nbgrader", lambda *given: [sys.executable, "-c", f"print({says!r}); exit(1)"])
    _, reason, *_ = mark.autograde(tmp_path, submissions.SET, "failed", 60, 1, 2**32)
    assert reason == f"nbgrader could not mark it: {says.strip()}"


@pytest.mark.slow
def test_downloads_from_moodle_and_canvas_are_sorted_into_nbgraders_layout(tmp_path):
    name = f"{submissions.SET}.ipynb"
    archive = tmp_path / "downloaded" / submissions.SET / "archive"
    names = {
        f"Ada Lovelace_17_assignsubmission_file_/{name}": "Ada Lovelace_17",
        f"Grace B. Hopper_18_assignsubmission_file_{name}": "Grace B. Hopper_18",
        f"noetheremmy_1903_471_{name}": "noetheremmy_1903",
        f"meitnerlise_LATE_1878_472_{name}": "meitnerlise_LATE_1878",
    }
    for number, (path, _) in enumerate(names.items()):
        (archive / path).parent.mkdir(parents=True, exist_ok=True)
        (archive / path).write_text(str(number))
    command = [
        sys.executable,
        "-m",
        "nbgrader",
        "zip_collect",
        submissions.SET,
        f"--CourseDirectory.root={tmp_path}",
    ]
    done = subprocess.run(command, cwd=build.ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for number, student in enumerate(names.values()):
        assert (tmp_path / "submitted" / student / submissions.SET / name).read_text() == str(number)
