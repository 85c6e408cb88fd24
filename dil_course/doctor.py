"""What this machine has, whether and how fast the live lessons run on it, and how to fix what is wrong.

Nothing is imported above but the standard library: the doctor must speak where torch or jupyter are missing.
"""

import dataclasses
import json
import os
import pathlib
import platform
import re
import statistics
import sys
import tempfile
import time
from importlib import metadata

PYTHON = (3, 11)
# Lowest versions that work, as in pyproject.toml. ipykernel, which comes with jupyterlab, lets a cell await
# from version 6 on.
TORCH = "2.8"
LIVE_VIEW = {"jupyterlab": "4.2", "ipywidgets": "8.1", "ipykernel": "6"}

# Seconds of one iteration of `probe` where the minutes in the lessons' headers were measured.
REFERENCE_PROBE = 0.008
NOTEBOOKS = pathlib.Path(__file__).resolve().parents[1] / "notebooks"
TOO_LONG = 10  # minutes for one lesson

INSTALL = (
    "delete the folder .venv and run `make lab` again (with conda: `conda env update -f environment.yml`)"
)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one check found: whether all is well, what is there, and how to fix it where it is not."""

    ok: bool
    text: str
    fix: str = ""


def numbers(version):
    """The leading numbers of a version, for comparing: "2.13.0+cpu" becomes (2, 13, 0)."""
    return tuple(int(part) for part in re.match(r"\d*(?:\.\d+)*", version).group().split(".") if part)


def package(name, lowest):
    """Is the package installed in this Python, and new enough?"""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(False, f"{name} is missing", INSTALL)
    if numbers(version) < numbers(lowest):
        return Finding(False, f"{name} {version} is too old: {lowest} or newer is needed", INSTALL)
    return Finding(True, f"{name} {version}")


def check_python():
    version = platform.python_version()
    if sys.version_info < PYTHON:
        wanted = ".".join(map(str, PYTHON))
        fix = f"install a newer one from python.org, then name it: `make lab PYTHON=python{wanted}`"
        return Finding(False, f"Python {version} is too old: {wanted} or newer is needed", fix)
    return Finding(True, f"Python {version}, {sys.executable}")


def check_torch():
    finding = package("torch", TORCH)
    if not finding.ok:
        return finding
    try:
        import torch
    except (ImportError, OSError) as problem:
        return Finding(False, f"{finding.text} is installed but does not start: {problem}", INSTALL)
    return Finding(True, f"{finding.text}, {torch.get_num_threads()} threads on {os.cpu_count()} cores")


def check_device():
    try:
        import torch

        from dil_course import runtime

        device = runtime.device()
    except (ValueError, RuntimeError) as problem:
        return Finding(
            False, f"the device cannot be used: {problem}", "remove the variable: `unset DIL_DEVICE`"
        )
    if device.type == "cuda":
        return Finding(True, f"device {device}, {torch.cuda.get_device_name(device)}")
    return Finding(True, f"device {device}, {processor()}")


def check_memory():
    try:
        page = os.sysconf("SC_PAGE_SIZE") / 2**30
        total = page * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return Finding(True, "memory unknown: this system does not tell; 4 GB are enough")
    try:
        # Not all that could be freed: the system lends idle memory to its file cache.
        free = f", at least {page * os.sysconf('SC_AVPHYS_PAGES'):.1f} GB of it free"
    except (ValueError, OSError):
        free = ", how much of it is free this system does not tell"
    enough = total > 1.8
    return Finding(
        enough, f"memory {total:.1f} GB{free}", "" if enough else "use a machine with 4 GB of memory or more"
    )


def check_live_view():
    """Will `await watch(...)` draw, and its Stop button work?"""
    findings = [package(name, lowest) for name, lowest in LIVE_VIEW.items()]
    bad = [finding.text for finding in findings if not finding.ok]
    if bad:
        return Finding(False, f"the live view and its Stop button will not work: {'; '.join(bad)}", INSTALL)
    return Finding(
        True, f"the live view and its Stop button will work: {', '.join(f.text for f in findings)}"
    )


def check_folder():
    try:
        with tempfile.TemporaryFile(dir=".") as file:
            file.write(b"x" * 2**20)
            file.flush()
    except OSError as problem:
        fix = "copy the course to a folder of your own on a disk with room, and start there"
        return Finding(False, f"nothing can be written to {pathlib.Path.cwd()}: {problem}", fix)
    return Finding(True, f"this folder can be written to: {pathlib.Path.cwd()}")


def check_profile():
    # Looked at here, not by runtime.profile(): that one asks for the device as well.
    chosen = os.environ.get("DIL_PROFILE")
    if chosen not in (None, "quick", "full"):
        return Finding(
            False,
            f"DIL_PROFILE={chosen} is neither quick nor full",
            "`export DIL_PROFILE=quick`, or `unset DIL_PROFILE`",
        )
    return Finding(
        True, f"DIL_PROFILE={chosen}" if chosen else "DIL_PROFILE is not set: quick on a CPU, full on a GPU"
    )


def check_data():
    folder = os.environ.get("DIL_DATA")
    if not folder:
        return Finding(
            True, "DIL_DATA is not set: no lesson needs it, benchmark pictures are fetched when asked for"
        )
    if not pathlib.Path(folder).is_dir():
        return Finding(
            False, f"DIL_DATA={folder} is no folder", "name the folder that holds set5/, or `unset DIL_DATA`"
        )
    return Finding(True, f"DIL_DATA={folder}")


def probe(iterations=40, warm_up=5):
    """Median seconds for one iteration of a small deep image prior (64x64 pixels) on this machine's device.

    Raises:
        TypeError, ValueError: iterations or warm_up is no whole number, or there are no iterations to
            measure.
    """
    from dil_course import runtime
    from dil_course.from_scratch import deep_image_prior
    from dil_course.networks import small_skip_network
    from dil_course.signals import picture
    from dil_course.signals.validation import check_integer

    check_integer(iterations, "iterations", 1)
    check_integer(warm_up, "warm_up")
    y = picture("coffee", 64).to(runtime.device())
    times = [time.perf_counter()]
    for step in deep_image_prior(y, network=small_skip_network(), iterations=warm_up + iterations):
        float(step.loss)  # A GPU is done only when a number has come back.
        times.append(time.perf_counter())
    return statistics.median(
        after - before for before, after in zip(times[warm_up:], times[warm_up + 1 :], strict=False)
    )


def stated_minutes(header):
    """The minutes of computing that a lesson's header states in words, such as "two and a half minutes"."""
    number = r"(a|one|two|three|four|half|\d+)\b"
    said = re.search(
        rf"\*\*Time\.\*\* (?:About |Under )?{number}([^.]*?) (minute|second)s?([^.]*?) ?of computing",
        header,
        flags=re.IGNORECASE,
    )
    if said is None:
        return None
    number, parts = said[1].lower(), said[2] + said[4]
    number = float({"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "half": 0.5}.get(number, number))
    number += 0.5 * ("half" in parts) + 0.25 * ("quarter" in parts)
    return number / (60 if said[3] == "second" else 1)


def lessons():
    """{lesson: minutes of computing that its header states}, empty outside of the course's folder."""
    minutes = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        header = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
        minutes[path.stem.replace("_", " ")] = stated_minutes(header)
    return {lesson: stated for lesson, stated in minutes.items() if stated}


def predicted_minutes(seconds):
    """Minutes for each lesson on a machine that needs so many seconds for an iteration of the probe."""
    return {lesson: minutes * seconds / REFERENCE_PROBE for lesson, minutes in lessons().items()}


def check_speed():
    try:
        seconds = probe()
    except Exception as problem:  # The reader has to know whatever stops a fit.
        return Finding(False, f"a small fit does not run: {type(problem).__name__}: {problem}", INSTALL)
    minutes = predicted_minutes(seconds)
    lines = [f"a small fit runs, {1000 * seconds:.1f} ms an iteration"]
    lines[0] += "; expect, in the quick profile and beside no other work, about" if minutes else ""
    lines += [f"{value:6.1f} minutes for lesson {lesson}" for lesson, value in minutes.items()]
    slow = max(minutes.values(), default=0) > TOO_LONG
    fix = (
        "close other programs and plug in the power, then ask again; else use a machine with a GPU"
        if slow
        else ""
    )
    return Finding(not slow, "\n      ".join(lines), fix)


def processor():
    """The processor's name where the system tells it."""
    try:
        names = re.findall(
            r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
        )
    except OSError:
        names = []
    return names[0].strip() if names else platform.processor() or platform.machine()


def machine():
    """One line that says on what a figure was measured: system, processor, threads, versions."""
    import torch

    from dil_course import runtime

    device = runtime.device()
    where = f"{device}, " + (torch.cuda.get_device_name(device) + ", " if device.type == "cuda" else "")
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{platform.platform()}, {processor()}, {where}{torch.get_num_threads()} threads, {versions}"


def examine():
    """All checks in order; those that need torch are left out where it is missing."""
    findings = [check_python(), check_torch()]
    working = findings[-1].ok
    findings += [check_device()] if working else []
    settings = check_profile()
    findings += [check_memory(), check_live_view(), check_folder(), settings, check_data()]
    # With a refused setting or device, the fit would only report the same once more.
    return findings + ([check_speed()] if working and findings[2].ok and settings.ok else [])


def main():
    """Print what was found. Returns 0 when all is well, 1 when something must be fixed."""
    findings = examine()
    for finding in findings:
        print(("ok    " if finding.ok else "FIX   ") + finding.text)
        if not finding.ok:
            print(f"      -> {finding.fix}")
    bad = sum(not finding.ok for finding in findings)
    print(f"{bad} to fix, see the arrows above." if bad else "All is well: `make lab` opens the course.")
    return 1 if bad else 0
