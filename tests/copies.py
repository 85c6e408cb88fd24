"""A copy of the course in a folder whose name has a blank and an umlaut, its environment ready."""

import os
import pathlib
import shutil
import subprocess
import sys

import build

MADE_HERE = shutil.ignore_patterns(
    ".[!g]*", ".git", "__pycache__", "_build", "artifacts", "mine", "*.egg-info", "submitted", "autograded",
    "feedback", "released", "gradebook.db*",
)  # fmt: skip
SET_BY_RUNS = ("PYTEST_", "MAKE", "MFLAGS", "TEST_FLAGS", "LAB_FLAGS", "LESSONS")


def copy_course(parent):
    """Copy the course into the folder "Ü b", with the packages of the running Python as its environment."""
    course = pathlib.Path(parent) / "Ü b"
    shutil.copytree(build.ROOT, course, ignore=MADE_HERE)
    environment, running = course / ".venv", pathlib.Path(sys.prefix)
    environment.mkdir()
    for name in ("bin", "lib", "include", "share"):
        if (running / name).exists():
            (environment / name).symlink_to(running / name)
    if (running / "pyvenv.cfg").exists():
        shutil.copy(running / "pyvenv.cfg", environment)
    for name in ("lab", "test", "book"):
        (environment / f"{name}-installed").touch()
    return course


def make(course, *words, **environment):
    """Run `make` there as a reader does, without what a surrounding test run has set."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(SET_BY_RUNS)}
    return subprocess.run(["make", *words], cwd=course, env=own | environment, capture_output=True, text=True)
