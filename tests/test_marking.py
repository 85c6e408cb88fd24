"""Marking by a real `nbgrader autograde`: right, wrong and broken submissions get what they deserve, and a
message.
"""

import csv
import subprocess
import sys

import build
import pytest
import submissions

pytestmark = pytest.mark.slow
MIXED = {f"mixed_{seed}": seed for seed in range(3)}


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
    done = subprocess.run([*command, "--cell-seconds=12", "--seconds=240"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    with (course / "marks.csv").open() as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize("name", submissions.BROKEN)
def test_broken_submission_ends_as_a_fair_mark_and_a_message(name, marks):
    _, deserved, says = submissions.BROKEN[name]
    assert submissions.wrong_verdicts(marks[name], deserved) == {}, marks[name]["remarks"]
    assert says in marks[name]["remarks"]


@pytest.mark.parametrize("name", MIXED)
def test_mixed_submission_gets_what_each_answer_deserves(name, marks):
    _, deserved = submissions.mixed(MIXED[name])
    assert submissions.wrong_verdicts(marks[name], deserved) == {}


def test_open_question_is_left_to_a_person_unless_it_is_untouched(marks):
    assert marks["solution"]["open_question"] == ""
    assert float(marks["untouched"]["open_question"]) == 0


def test_every_verdict_comes_with_its_seconds_and_memory(marks):
    for name, row in marks.items():
        if name not in ("missing_file", "not_a_notebook"):
            assert float(row["seconds"]) > 0 and float(row["MiB"]) > 50, row


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
