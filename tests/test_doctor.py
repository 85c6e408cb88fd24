"""The doctor: well on this machine, and for each fault the fix."""

import re
import subprocess
import sys
import tempfile
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from dil_course import doctor
from dil_course.__main__ import main

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("DIL_PROFILE", "DIL_DEVICE", "DIL_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(doctor, "probe", lambda: doctor.REFERENCE_PROBE)


def pretend(monkeypatch, **versions):
    """Make metadata.version tell another version, or with None that the package is missing."""
    true_version = metadata.version

    def version(name):
        told = versions.get(name, "as it is")
        if told is None:
            raise metadata.PackageNotFoundError(name)
        return true_version(name) if told == "as it is" else told

    monkeypatch.setattr(metadata, "version", version)


def report(capsys):
    code = main(["doctor"])
    return code, capsys.readouterr().out


def test_healthy_machine(capsys):
    code, text = report(capsys)
    assert code == 0 and "FIX" not in text and text.endswith("All is well: `make lab` opens the course.\n")
    for part in (
        "Python 3.",
        "torch",
        "threads",
        "device",
        "memory",
        "Stop button will work",
        "DIL_PROFILE",
        "DIL_DATA",
    ):
        assert part in text
    assert all(lesson in text for lesson in doctor.lessons())


@pytest.mark.parametrize(
    "versions, said",
    [
        ({"ipywidgets": None}, "Stop button will not work: ipywidgets is missing"),
        ({"jupyterlab": None, "ipykernel": None}, "jupyterlab is missing; ipykernel is missing"),
        ({"ipykernel": "5.5.6"}, "ipykernel 5.5.6 is too old: 6 or newer"),
        ({"jupyterlab": "3.6.1"}, "jupyterlab 3.6.1 is too old"),
        ({"torch": None}, "torch is missing"),
        ({"torch": "1.13.1"}, "torch 1.13.1 is too old"),
    ],
)
def test_missing_or_old_packages_name_the_fix(monkeypatch, capsys, versions, said):
    pretend(monkeypatch, **versions)
    code, text = report(capsys)
    assert code == 1 and said in text and "-> delete the folder .venv and run `make lab` again" in text
    assert "1 to fix" in text


def test_old_python(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "sys", type("Old", (), {"version_info": (3, 10, 4), "executable": "python"}))
    code, text = report(capsys)
    assert code == 1 and "is too old: 3.11 or newer" in text and "`make lab PYTHON=python3.11`" in text


@pytest.mark.parametrize(
    "name, value, said, fix",
    [
        ("DIL_PROFILE", "fast", "DIL_PROFILE=fast is neither quick nor full", "`export DIL_PROFILE=quick`"),
        ("DIL_PROFILE", "", "DIL_PROFILE= is neither", "`unset DIL_PROFILE`"),
        ("DIL_DEVICE", "abacus", "DIL_DEVICE=abacus", "`unset DIL_DEVICE`"),
        ("DIL_DEVICE", "cpu:x", "the device cannot be used", "`unset DIL_DEVICE`"),
        ("DIL_DATA", "no/such/folder", "DIL_DATA=no/such/folder is no folder", "`unset DIL_DATA`"),
    ],
)
def test_bad_settings_name_the_fix(monkeypatch, capsys, name, value, said, fix):
    monkeypatch.setenv(name, value)
    code, text = report(capsys)
    assert code == 1 and said in text and fix in text and "1 to fix" in text


def test_good_settings(monkeypatch, capsys, tmp_path):
    for name, value in {"DIL_PROFILE": "full", "DIL_DEVICE": "cpu", "DIL_DATA": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    code, text = report(capsys)
    assert code == 0 and "DIL_PROFILE=full" in text and str(tmp_path) in text


def test_folder_that_cannot_be_written_to(monkeypatch, capsys):
    def refuse(**arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    code, text = report(capsys)
    assert code == 1 and "Permission denied" in text and "-> copy the course to a folder of your own" in text


def test_memory_unknown(monkeypatch):
    monkeypatch.delattr(doctor.os, "sysconf", raising=False)
    finding = doctor.check_memory()
    assert finding.ok and "memory unknown" in finding.text


def test_small_memory(monkeypatch):
    monkeypatch.setattr(
        doctor.os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096}.get(name, 2**18), raising=False
    )
    finding = doctor.check_memory()
    assert not finding.ok and finding.text.startswith("memory 1.0 GB") and "4 GB" in finding.fix


def test_prediction_scales_with_the_probe():
    assert doctor.predicted_minutes(doctor.REFERENCE_PROBE) == pytest.approx(doctor.lessons())
    slower = doctor.predicted_minutes(3 * doctor.REFERENCE_PROBE)
    assert slower == pytest.approx({lesson: 3 * minutes for lesson, minutes in doctor.lessons().items()})


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        ("About a minute of computing", 1),
        ("Under a minute of computing", 1),
        ("About 3 minutes of computing", 3),
        ("About three minutes of computing", 3),
        ("About four minutes of computing", 4),
        ("About two and a half minutes of computing", 2.5),
        ("About a minute and a quarter of computing", 1.25),
        ("Half a minute of computing", 0.5),
        ("About 45 seconds of computing", 0.75),
        ("An hour of reading", None),
    ],
)
def test_minutes_are_read_from_a_lessons_header(words, minutes):
    assert doctor.stated_minutes(f"# 00\n\n**Time.** {words} on 2 CPU cores, an hour of reading.") == minutes


def test_the_minutes_of_each_lesson_are_printed():
    text = doctor.check_speed().text
    for lesson, minutes in doctor.lessons().items():
        assert f" {minutes:.1f} minutes for lesson {lesson}" in text


def test_outside_of_the_courses_folder_no_minutes_are_promised(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "NOTEBOOKS", tmp_path)
    finding = doctor.check_speed()
    assert (
        finding.ok
        and finding.text == f"a small fit runs, {1000 * doctor.REFERENCE_PROBE:.1f} ms an iteration"
    )


def test_every_lesson_has_its_minutes():
    assert len(doctor.lessons()) == len(list((ROOT / "notebooks").glob("[0-9]*.ipynb")))
    assert all(0.25 <= minutes <= 5 for minutes in doctor.lessons().values()), doctor.lessons()


@pytest.mark.parametrize(("minutes", "ok"), [(doctor.TOO_LONG * 1.01, False), (doctor.TOO_LONG * 0.99, True)])
def test_the_longest_lesson_decides_whether_a_machine_is_too_slow(minutes, ok, monkeypatch):
    seconds = doctor.REFERENCE_PROBE * minutes / max(doctor.lessons().values())
    monkeypatch.setattr(doctor, "probe", lambda: seconds)
    assert doctor.check_speed().ok == ok and bool(doctor.check_speed().fix) != ok


def test_slow_machine_and_failing_fit(monkeypatch):
    monkeypatch.setattr(doctor, "probe", lambda: 100 * doctor.REFERENCE_PROBE)
    finding = doctor.check_speed()
    assert not finding.ok and "close other programs" in finding.fix

    def fail():
        raise ModuleNotFoundError("No module named 'skimage'")

    monkeypatch.setattr(doctor, "probe", fail)
    finding = doctor.check_speed()
    assert not finding.ok and "skimage" in finding.text and "make lab" in finding.fix


def test_probe_measures_a_real_fit(monkeypatch):
    monkeypatch.undo()
    assert 0 < doctor.probe(iterations=3, warm_up=1) < 5


@pytest.mark.parametrize("iterations, wrong", [(0, ValueError), (1.5, TypeError)])
def test_probe_of_no_iterations_is_refused_before_it_runs(monkeypatch, iterations, wrong):
    monkeypatch.undo()
    with pytest.raises(wrong, match="iterations: expected a whole number"):
        doctor.probe(iterations=iterations)


def test_works_where_nothing_is_installed():
    # -S leaves out site-packages: no torch, no jupyter.
    done = subprocess.run(
        [sys.executable, "-S", "-m", "dil_course", "doctor"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert "torch is missing" in done.stdout and "ipywidgets is missing" in done.stdout and done.stderr == ""


@pytest.mark.parametrize("arguments, code", [([], 2), (["cure"], 2), (["doctor", "now"], 2), (["--help"], 0)])
def test_unknown_command_shows_the_usage(capsys, arguments, code):
    assert main(arguments) == code
    captured = capsys.readouterr()
    assert "usage: python -m dil_course doctor" in captured.out + captured.err


def test_lowest_versions_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=" + ".".join(map(str, doctor.PYTHON))
    bounds = dict(re.split(">=", line) for line in project["dependencies"])
    assert bounds["torch"] == doctor.TORCH
    assert {name: bounds.get(name, version) for name, version in doctor.LIVE_VIEW.items()} == doctor.LIVE_VIEW
