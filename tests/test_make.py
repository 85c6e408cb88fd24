"""Every target of the Makefile, in a folder whose name has a blank and an umlaut, for a course of one lesson.

`make book` is tried in tests/test_book.py, with the whole course.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request

import build
import nbformat
import pytest
from browser import free_port
from copies import copy_course, make
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

LESSON = """\
# %% [markdown]
# # 00

# %% tags=["nbval-check-output"]
import socket

try:
    socket.create_connection(("192.0.2.1", 80), timeout=0.1)
except OSError as problem:
    print("ended:", "offline" in str(problem) or "timed out" in str(problem) or "unreachable" in str(problem))
"""
TESTS = """
import os
import pathlib
import socket

import pytest


def test_the_network_is_shut_off_from_this_very_folder():
    assert os.environ["PYTHONPATH"] == str(pathlib.Path(__file__).parent / "offline")
    with pytest.raises(OSError, match="offline:"):
        socket.create_connection(("192.0.2.1", 80), timeout=5)


@pytest.mark.slow
def test_that_is_slow():
    pass
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The course, its lessons and tests replaced by one tiny one of each."""
    course = copy_course(tmp_path_factory.mktemp("copy"))
    for folder in ("notebooks", "sources/lessons", "sources/problem_sets"):
        shutil.rmtree(course / folder)
        (course / folder).mkdir()
    for path in (course / "tests").glob("test_*.py"):
        path.unlink()
    (course / "sources" / "lessons" / "00_start_here.py").write_text(LESSON, encoding="utf-8")
    (course / "tests" / "test_here.py").write_text(TESTS, encoding="utf-8")
    built = make(course, "notebooks")
    assert built.returncode == 0, built.stdout + built.stderr
    return course


def counted(done):
    """How many tests passed and were left out, of pytest's last line."""
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(reversed(pair.split()) for pair in re.findall(r"\d+ (?:passed|failed)", done.stdout))


def test_notebooks_and_sources_go_both_ways(course):
    path = course / "notebooks" / "00_start_here.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[1].outputs[0].text == "ended: True\n"
    notebook.cells[0].source += "\n\nAn edit."
    nbformat.write(notebook, path)
    refused = make(course, "notebooks", "LESSONS=00")
    assert (
        refused.returncode and "was edited in cell 1" in refused.stderr and "Traceback" not in refused.stderr
    )
    carried = make(course, "sources", "LESSONS=00")
    assert carried.returncode == 0, carried.stderr
    assert "# An edit.\n" in (course / "sources" / "lessons" / "00_start_here.py").read_text(encoding="utf-8")


def test_check_runs_what_is_quick_and_test_runs_all_without_a_network(course):
    in_one_process = "TEST_FLAGS=-n 0"
    assert counted(make(course, "check", in_one_process, PYTHONPATH="")) == {"passed": "1"}
    assert counted(make(course, "test", in_one_process, PYTHONPATH="")) == {"passed": "3"}  # and one cell


def test_doctor_finds_the_course(course):
    done = make(course, "doctor")
    # A busy machine is told that it is slow, which is no fault of the folder.
    assert f"ok    this folder can be written to: {course}\n" in done.stdout, done.stdout + done.stderr


def test_lab_opens_the_first_lesson(course, tmp_path):
    port = free_port()
    address = f"http://127.0.0.1:{port}/?token=make"
    flags = f"LAB_FLAGS=--no-browser --port={port} --ServerApp.port_retries=0 --IdentityProvider.token=make"
    settings = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "RUNTIME", "DATA")}
    log = tmp_path / "log"
    with log.open("w") as file:
        server = subprocess.Popen(
            ["make", "lab", flags],
            cwd=course,
            env=os.environ | settings,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        page = None
        while page is None:
            assert server.poll() is None and time.monotonic() < deadline, log.read_text()
            try:
                page = urllib.request.urlopen(address, timeout=10)
            except OSError:
                time.sleep(0.2)
        assert "/lab/tree/notebooks/00_start_here.ipynb" in page.url

        def asked(place):
            return urllib.request.urlopen(address.replace("?", f"{place}?"), timeout=30).read().decode()

        news = json.loads(asked("lab/api/settings/@jupyterlab/apputils-extension:notification"))
        assert news["schema"]["properties"]["fetchNews"]["default"] == "false", "JupyterLab asks about news"
        assert "disconnected" in asked("custom/custom.css")
        # Films, which are scripts, play where a notebook is trusted: the course's, and no other.
        shutil.copy(course / "notebooks" / "00_start_here.ipynb", course / "notebooks" / "other.ipynb")
        other = course / "notebooks" / "other.ipynb"
        other.write_text(other.read_text(encoding="utf-8").replace("# 00", "# Other"), encoding="utf-8")
        for name, trusted in (("00_start_here", True), ("other", False)):
            cells = json.loads(asked(f"api/contents/notebooks/{name}.ipynb"))["content"]["cells"]
            assert [cell["metadata"].get("trusted", False) for cell in cells[1:]] == [trusted], name
        assert not list(tmp_path.rglob("*.db")), "trust is kept inside the folder"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)

    python = str(course / ".venv" / "bin" / "python")
    kernel = KernelManager()
    kernel._kernel_spec = KernelSpec(argv=[python, "-m", "ipykernel_launcher", "-f", "{connection_file}"])
    kernel.start_kernel()
    try:
        client = kernel.blocking_client()
        client.start_channels()
        client.wait_for_ready(60)
        said = client.kernel_info(reply=True, timeout=60)["content"]["language_info"]
        assert said == build.METADATA["language_info"], "a notebook that is only opened would be changed"
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
