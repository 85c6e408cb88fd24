"""Mark a folder of submissions in one command, and list every verdict with its seconds and memory.

    python teaching/mark.py ps01_inverse_problems

Submissions lie where nbgrader wants them: submitted/STUDENT/SET/SET.ipynb. Each is marked by `nbgrader
autograde` in a process of its own with limits on time, memory and files, so that one that loops, floods or
crashes ends as a mark and a message. Marks go to marks.csv and to nbgrader's gradebook.db, where Formgrader
in JupyterLab finds them.

The limits keep accidents small. They are no sandbox: run this as a user, or in a container, that owns nothing
else (docs/teaching.md).
"""

import argparse
import contextlib
import csv
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import psutil
from nbgrader.api import Gradebook

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from teaching.fairness import MARK

LARGEST_FILE = 20 * 2**20  # bytes of a submitted notebook


def nbgrader(course, *arguments):
    """The command line of nbgrader for a course folder that lies beside or inside this repository."""
    command = [sys.executable, "-m", "nbgrader", *arguments, f"--course-dir={course}"]
    # A variant of the sets (`teaching/variant.py`) brings solutions of its own.
    solutions = (course if (course / "solutions").is_dir() else ROOT) / "solutions"
    return [*command, f"--CourseDirectory.source_directory={solutions}", f"--db={database(course)}"]


def database(course):
    return f"sqlite:///{course}/gradebook.db"


def environment():
    """One thread, so that marking in parallel is no slower; nbgrader calls alembic by its name."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "DIL_PROFILE": "quick", "DIL_DEVICE": "cpu"}


def register(course, name):
    """Tell the gradebook what the problem set looks like: its cells, their points, the hidden lines of its
    checks.
    """
    command = nbgrader(course, "generate_assignment", name, "--create", "--force")
    command.append(f"--CourseDirectory.release_directory={course}/released")
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"nbgrader does not know {name}:\n{done.stderr}")


def unreadable(path):
    """Why a submission cannot be marked at all, or None."""
    if not path.is_file():
        found = sorted(file.name for file in path.parent.glob("*")) if path.parent.is_dir() else []
        return f"no file {path.name}" + (
            f"; there is: {', '.join(found[:5])}" if found else "; the folder is empty or missing"
        )
    if path.stat().st_size > LARGEST_FILE:
        size, most = (count / 2**20 for count in (path.stat().st_size, LARGEST_FILE))
        return f"the file has {size:.0f} MiB, at most {most:.0f} are opened"
    try:
        nbformat.read(path, as_version=4)
    except Exception as problem:  # whatever is wrong with a file, it must not stop the others
        return f"the file is no notebook: {type(problem).__name__}"
    return None


def autograde(course, name, student, seconds, cell_seconds, memory):
    """Run nbgrader on one submission within limits: (its log, the reason why it failed or None, seconds,
    MiB).
    """

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**28, 2**28))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    log = Path(course) / "marking" / f"{student}.log"
    log.parent.mkdir(exist_ok=True)
    started, reason = time.perf_counter(), None
    with log.open("w") as file:
        command = nbgrader(
            course,
            "autograde",
            name,
            f"--student={student}",
            "--force",
            f"--ExecuteFairly.timeout={cell_seconds}",
        )
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(), stdout=file, stderr=file, preexec_fn=limit
        )
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                break
            if time.perf_counter() - started > seconds and reason is None:
                reason = f"marking took more than {seconds} s and was ended"
                end(process.pid)
            time.sleep(0.05)
    text = log.read_text(errors="replace")
    if process.returncode and reason is None:
        told = re.findall(
            r"^[ \t]*(\w*(?:Error|Exception)\b.*|.*(?:MemoryError|Killed).*)", text, flags=re.MULTILINE
        )
        reason = (
            "nbgrader could not mark it: " + (told[-1] if told else f"exit code {process.returncode}")[:200]
        )
    return text, reason, time.perf_counter() - started, usage.ru_maxrss / 1024


def end(pid):
    """End a process and its kernel, which has left its process group."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def grades(course, name, student, failed):
    """{task: points, or None where a person must mark} of one submission; zero everywhere if it failed."""
    with Gradebook(database(course)) as gradebook:
        if failed:
            gradebook.update_or_create_student(student)
            gradebook.update_or_create_submission(name, student)
        by_hand = {cell.name for cell in gradebook.find_notebook(name, name).solution_cells}
        submission = gradebook.find_submission_notebook(name, name, student)
        for grade in submission.grades:
            if failed:
                grade.auto_score, grade.needs_manual_grade = 0, False
            elif grade.name in by_hand and grade.manual_score is None:
                # nbgrader gives 0 where it sees no answer; it may stand in another cell.
                grade.auto_score, grade.needs_manual_grade = None, True
        gradebook.db.commit()
        return {
            # The score holds extra credit, too. nbgrader makes it 0 where nobody has marked yet.
            grade.name: None if grade.manual_score is None and grade.auto_score is None else grade.score
            for grade in submission.grades
        }


def mark(course, name, student, *limits):
    """One row of the list: the points, the sum, seconds, MiB and what there is to say."""
    path = Path(course) / "submitted" / student / name / f"{name}.ipynb"
    text, used, largest = "", 0.0, 0.0
    reason = unreadable(path)
    if reason is None:
        text, reason, used, largest = autograde(course, name, student, *limits)
    remarks = [reason] if reason else []
    remarks += dict.fromkeys(re.findall(re.escape(MARK) + r"(.*)", text))
    points = grades(course, name, student, failed=reason is not None)
    row = {"student": student} | points | {"sum": sum(value or 0 for value in points.values())}
    return row | {"seconds": round(used, 1), "MiB": round(largest), "remarks": "; ".join(remarks)}


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="of the problem set, as in ps01_inverse_problems")
    parser.add_argument(
        "--course",
        type=Path,
        default=ROOT,
        help="folder that holds submitted/ and gets gradebook.db and marks.csv",
    )
    parser.add_argument("--seconds", type=int, default=900, help="limit for one submission")
    parser.add_argument("--cell-seconds", type=int, default=90, help="limit for one cell")
    parser.add_argument("--memory", type=float, default=6, help="limit for one submission in GiB")
    parser.add_argument("--jobs", type=int, default=1, help="how many to mark at once")
    options = parser.parse_args(arguments)
    course = options.course.resolve()
    students = sorted(folder.name for folder in (course / "submitted").glob("*") if folder.is_dir())
    if not students:
        parser.error(f"no folder {course / 'submitted'}/STUDENT")
    register(course, options.name)

    def work(student):
        row = mark(
            course, options.name, student, options.seconds, options.cell_seconds, int(options.memory * 2**30)
        )
        print(
            f"{student:24} {row['sum']:5.4g} points  {row['seconds']:6.1f} s {row['MiB']:5d} MiB  "
            f"{row['remarks']}",
            flush=True,
        )
        return row

    with ThreadPoolExecutor(options.jobs) as pool:
        rows = list(pool.map(work, students))
    with (course / "marks.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    times = statistics.median(row["seconds"] for row in rows)
    print(
        f"{len(rows)} submissions, median {times:.1f} s, at most {max(row['MiB'] for row in rows)} MiB; "
        f"marks in {course / 'marks.csv'}"
    )


if __name__ == "__main__":
    main()
