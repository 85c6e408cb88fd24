"""How long marking takes, and whether every verdict is right, on generated submissions of mixed quality.

python benchmarks/marking.py               200 submissions of problem set 01: right, wrong, untouched, broken
python benchmarks/marking.py --count 20    20 of them

The submissions, and the marks that each deserves, are those of tests/submissions.py.
"""

import argparse
import csv
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "sources"), str(ROOT / "tests")]

import submissions

from dil_course.doctor import machine


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    deserved = {}
    with tempfile.TemporaryDirectory() as folder:
        course = Path(folder)
        for number in range(options.count):
            broken = list(submissions.BROKEN.items())
            if number < len(broken):
                student, (make, points, _) = broken[number]
                notebook = make()
            else:
                student = f"student_{number:03}"
                notebook, points = submissions.mixed(number)
            submissions.hand_in(course, student, notebook)
            deserved[student] = points
        started = time.perf_counter()
        command = [
            sys.executable,
            ROOT / "teaching" / "mark.py",
            submissions.SET,
            f"--course={course}",
            f"--jobs={options.jobs}",
        ]
        subprocess.run([*command, "--cell-seconds=30"], check=True)
        minutes = (time.perf_counter() - started) / 60
        with (course / "marks.csv").open() as file:
            rows = list(csv.DictReader(file))
    wrong = {row["student"]: submissions.wrong_verdicts(row, deserved[row["student"]]) for row in rows}
    wrong = {student: verdicts for student, verdicts in wrong.items() if verdicts}
    verdicts = sum(len(points) for points in deserved.values())
    seconds, memory = (
        [float(row[column]) for row in rows if float(row["seconds"])] for column in ("seconds", "MiB")
    )
    print(f"\n{machine()}\n")
    print(f"{len(rows)} submissions, {verdicts} verdicts, wrong: {wrong or 'none'}")
    print(
        f"{minutes:.1f} minutes with {options.jobs} at once; seconds a submission: median "
        f"{statistics.median(seconds):.1f}, largest {max(seconds):.1f}"
    )
    print(
        f"MiB of the largest process of a submission: median {statistics.median(memory):.0f}, largest "
        f"{max(memory):.0f}"
    )


if __name__ == "__main__":
    main()
